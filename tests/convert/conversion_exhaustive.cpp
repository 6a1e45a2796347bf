// SPDX-License-Identifier: MIT
// All 2^32 FP32 codes to every narrower format, nearest even and saturating: bulk conversion gives
// the bits of the scalar one.
#include "convert/exhaustive.hpp"
#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

template <class To>
void check_all(const char* name) {
  const exhaustive::u64 count = exhaustive::u64{1} << 32;
  check(exhaustive::make_row<fb::fp32, To, fb::cast_policy{}>(name), count, 1);
  check(exhaustive::make_row<fb::fp32, To, fb::saturating>(name), count, 1);
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  TEST(ConversionOfEveryFloat, to_##name) {                  \
    if constexpr (fb::name::format.bits() <= 24) {           \
      check_all<fb::name>(#name);                            \
    } else {                                                 \
      GTEST_SKIP();                                          \
    }                                                        \
  }
FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

}  // namespace
