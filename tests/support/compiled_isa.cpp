// SPDX-License-Identifier: MIT
// Compiled with the flags of the test it is linked into: tells main.cpp what those flags require.
#include "support/cpu_features.hpp"

extern constinit const std::uint64_t compiled_isa;
constinit const std::uint64_t compiled_isa = cpu_features::compiled();
