// SPDX-License-Identifier: MIT
// Compiled with the flags of the test it is linked into: tells main.cpp what those flags require.
#include <fewbits/isa/features.hpp>

#include <cstdint>

extern const std::uint64_t compiled_features;
constinit const std::uint64_t compiled_features = fewbits::native.features;
