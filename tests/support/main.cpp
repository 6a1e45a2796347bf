// SPDX-License-Identifier: MIT
// The main function of every test, compiled for the baseline: skips a test whose instructions this
// CPU does not have instead of letting it crash.
#include <fewbits/isa/cpu.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"

extern const std::uint64_t compiled_features;  // compiled_isa.cpp

namespace {

void print(fewbits::isa features) {
  fewbits::for_each_feature(features, [](const char* name) { std::printf(" %s", name); });
  std::printf("\n");
}

// Runs before the constructors of other translation units: GoogleTest registers its tests there, in
// code compiled with the flags in question.
[[gnu::constructor(101)]] void skip_unless_runnable() {
  const fewbits::isa missing{compiled_features & ~fewbits::cpu_features().features};
  if (missing == fewbits::isa{}) return;
  std::printf("skipped: this CPU lacks");
  print(missing);
  std::fflush(stdout);
  std::_Exit(77);
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("compiled for:");
  print(fewbits::isa{compiled_features});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
