// SPDX-License-Identifier: MIT
// The main function of every test, compiled for the baseline: skips a test whose instructions this
// CPU does not have instead of letting it crash.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"
#include "support/cpu_features.hpp"

extern constinit const std::uint64_t compiled_isa;

namespace {

void print(std::uint64_t set) {
  std::uint64_t bit = 1;
  for (const cpu_features::feature& each : cpu_features::features) {
    if ((set & bit) != 0) std::printf(" %s", each.name);
    bit <<= 1;
  }
  std::printf("\n");
}

// Runs before the constructors of other translation units, which are compiled with the flags in
// question: GoogleTest registers its tests there.
[[gnu::constructor(101)]] void skip_unless_runnable() {
  const std::uint64_t missing = cpu_features::missing(compiled_isa);
  if (missing == 0) return;
  std::printf("skipped: this CPU lacks");
  print(missing);
  std::fflush(stdout);
  std::_Exit(77);
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("compiled for:%s", compiled_isa == 0 ? " the baseline" : "");
  print(compiled_isa);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
