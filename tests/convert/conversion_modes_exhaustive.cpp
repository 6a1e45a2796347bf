// SPDX-License-Identifier: MIT
// FP32 to every narrower format in every rounding mode, every 15th code: bulk conversion gives the bits
// of the scalar one.
#include "convert/exhaustive.hpp"
#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

template <class To, fb::rounding Round>
void check_mode(const char* name) {
  // Odd, so that the last bits take all values.
  constexpr exhaustive::u64 step = 15;
  check(exhaustive::make_row<fb::fp32, To, fb::cast_policy{Round}>(name),
        (exhaustive::u64{1} << 32) / step + 1, step);
}

template <class To>
void check_modes(const char* name) {
  check_mode<To, fb::rounding::nearest_away>(name);
  check_mode<To, fb::rounding::toward_zero>(name);
  check_mode<To, fb::rounding::toward_positive>(name);
  check_mode<To, fb::rounding::toward_negative>(name);
  check_mode<To, fb::rounding::to_odd>(name);
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  TEST(ConversionInEveryMode, to_##name) {                   \
    if constexpr (fb::name::format.bits() <= 24) {           \
      check_modes<fb::name>(#name);                          \
    } else {                                                 \
      GTEST_SKIP();                                          \
    }                                                        \
  }
FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

}  // namespace
