// SPDX-License-Identifier: MIT
// Runs objects compiled for different instruction sets in one program, those that this CPU can run.
// What they compute is promised to be the same everywhere, so their answers must agree. This file is
// compiled for the baseline: code that asks what a CPU has must run on any.
#include <fewbits/isa/cpu.hpp>

#include <cstdint>
#include <cstdio>

#include "odr/use_everything.hpp"

#define OBJECT(name) extern const odr_object name;
FEWBITS_ODR_OBJECTS
#undef OBJECT

namespace {

struct named_object {
  const char* name;
  const odr_object& object;
};
#define OBJECT(name) {#name, name},
const named_object objects[] = {FEWBITS_ODR_OBJECTS};
#undef OBJECT

}  // namespace

int main() {
  const fewbits::isa found = fewbits::cpu_features();
  std::uint64_t expected = 0;
  int ran = 0;
  bool agreed = true;
  for (const auto& [name, object] : objects) {
    if (!found.contains({object.features})) {
      std::printf("%s: skipped, this CPU lacks its instructions\n", name);
      continue;
    }
    const std::uint64_t hash = object.run();
    std::printf("%s: %016llx\n", name, static_cast<unsigned long long>(hash));
    if (ran++ == 0) expected = hash;
    agreed = agreed && hash == expected;
  }
  if (ran < 2) std::printf("the baseline did not run\n");
  if (!agreed) std::printf("the answers differ\n");
  return ran >= 2 && agreed ? 0 : 1;
}
