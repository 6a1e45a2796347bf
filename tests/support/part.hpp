// SPDX-License-Identifier: MIT
// Long tests in parts: FEWBITS_PART="i/n" (0 <= i < n) restricts a run to the i-th of n equal slices.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace parts {

/// Cases [first, last).
struct slice {
  std::uint64_t first, last;
};

/// The slice of `count` cases, below 2^54, that was asked for; all of them by default.
inline slice chosen_slice(std::uint64_t count) {
  const char* const text = std::getenv("FEWBITS_PART");
  unsigned i = 0, n = 1;
  if (text != nullptr && (std::sscanf(text, "%u/%u", &i, &n) != 2 || i >= n || n > 1000)) {
    std::fprintf(stderr, "FEWBITS_PART=\"%s\" is not \"i/n\" with i < n <= 1000\n", text);
    std::exit(1);
  }
  return {count * i / n, count * (i + std::uint64_t{1}) / n};
}

}  // namespace parts
