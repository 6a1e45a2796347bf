// SPDX-License-Identifier: MIT
// Runs objects compiled for different instruction sets in one program. What they compute is
// promised to be the same everywhere, so their answers must agree.
#include <cstdint>
#include <cstdio>

#include "odr/use_everything.hpp"

#define CALL(function) void function(odr_report& report);
FEWBITS_ODR_FUNCTIONS
#undef CALL

namespace {

odr_report expected;
bool agreed = true;

void check(const char* name, const odr_report& report) {
  if (!report.ran) {
    std::printf("%s: skipped, this CPU lacks its instructions\n", name);
    return;
  }
  std::printf("%s: %016llx\n", name, static_cast<unsigned long long>(report.hash));
  if (!expected.ran) expected = report;
  if (report.hash != expected.hash) agreed = false;
}

}  // namespace

int main() {
#define CALL(function)        \
  {                           \
    odr_report report;        \
    function(report);         \
    check(#function, report); \
  }
  FEWBITS_ODR_FUNCTIONS
  if (!agreed) std::printf("the answers differ\n");
  return agreed ? 0 : 1;
}
