// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// What one object offers. Constant data, so that it can be read on a CPU that cannot run the object.
struct odr_object {
  std::uint64_t features;  // of the `isa` it was compiled for
  std::uint64_t (*run)();  // a hash of what it computed
};
