// SPDX-License-Identifier: MIT
// Conversion from long double: one rounding also where it has more bits or a wider range than double.
// Against the hardware for fp32 and fp64, exact integers for all formats, and in constant expressions.
#include <fewbits/value.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using oracle::mode;
using u64 = std::uint64_t;
using limits = std::numeric_limits<long double>;

/// The value of a long double, by arithmetic that is exact.
oracle::number exact(long double x) {
  if (std::isnan(x)) return oracle::nan(std::signbit(x));
  if (std::isinf(x)) return oracle::infinity(std::signbit(x));
  oracle::number result;
  result.negative = std::signbit(x);
  const long double fraction = std::frexp(std::fabs(x), &result.exponent);
  result.numerator =
      oracle::natural(static_cast<oracle::u128>(std::ldexp(fraction, limits::digits)));
  result.exponent -= limits::digits;
  // The oracle's integers end at 4608 bits; no format comes near 2^2000.
  if (!result.is_zero() && result.exponent > 2000) result.exponent = 2000;
  if (!result.is_zero() && result.exponent < -2000) result.exponent = -2000;
  return result;
}

struct row {
  const oracle::reference* to;
  oracle::policy how;
  u64 (*convert)(long double);
};

template <class To, fb::cast_policy Policy = fb::cast_policy{}>
row make_row(const char* name) {
  return {&oracle::of(name),
          {static_cast<mode>(Policy.round), static_cast<oracle::over>(Policy.over)},
          [](long double x) -> u64 { return fb::detail::bits_of(fb::convert<To, Policy>(x)); }};
}

const std::vector<row>& rows() {
  static const std::vector<row> made = [] {
    std::vector<row> all;
    typed::for_each_float([&all](auto type, const char* name) {
      all.push_back(make_row<typename decltype(type)::type>(name));
    });
    using fb::cast_policy, fb::overflow, fb::rounding;
    all.push_back(make_row<fb::fp16, cast_policy{rounding::toward_zero}>("fp16"));
    all.push_back(make_row<fb::fp16, cast_policy{rounding::toward_positive}>("fp16"));
    all.push_back(make_row<fb::fp64, cast_policy{rounding::toward_negative}>("fp64"));
    all.push_back(make_row<fb::fp64, cast_policy{rounding::to_odd, overflow::saturate}>("fp64"));
    all.push_back(make_row<fb::fp32, cast_policy{rounding::nearest_away}>("fp32"));
    all.push_back(make_row<fb::fp8_e4m3, fb::saturating>("fp8_e4m3"));
    return all;
  }();
  return made;
}

void check(checker& checked, const row& row, long double x) {
  const oracle::number value = exact(x);
  checked.expect(*row.to, row.convert(x), row.to->encode(value, row.how), value, [&] {
    return "long double " + std::to_string(x) + " (" + compare::to_string(row.how) + ")";
  });
}

/// The value itself, its neighbours and the nearest ones that differ in the last bit of a double.
void check_around(checker& checked, const row& row, long double x) {
  constexpr long double beyond = limits::infinity();
  for (const long double near : {x, std::nextafter(x, beyond), std::nextafter(x, -beyond),
                                 x * (1 + 0x1p-55L), x * (1 - 0x1p-54L)})
    for (const long double value : {near, -near}) check(checked, row, value);
}

TEST(LongDouble, IsRoundedOnceAtEveryValueAndMidpoint) {
  for (const row& row : rows()) {
    const oracle::format& f = row.to->description();
    const u64 last = row.to->largest().code;
    const u64 stride = last > 2000 ? last / 700 | 1 : 1;
    checker checked;
    const auto value_of = [&](u64 code) {
      const oracle::number x = row.to->decode(code);
      return std::ldexp(static_cast<long double>(x.is_zero() ? 0 : x.numerator.to_u64()),
                        x.exponent);
    };
    for (u64 code = 0; code < last; code += stride) {
      const long double low = value_of(code), high = value_of(code + 1);
      check_around(checked, row, low);
      check_around(checked, row, low + (high - low) / 2);
      check_around(checked, row, low + (high - low) / 4);
    }
    // The end of the range, and half an ulp beyond.
    const long double largest = value_of(last);
    const oracle::point& top = row.to->largest();
    check_around(checked, row, largest);
    check_around(checked, row, largest + std::ldexp(0.5L, top.exponent));
    check_around(checked, row, largest + std::ldexp(1.0L, top.exponent));
    // Half of the smallest value, and the range of long double itself.
    check_around(checked, row, value_of(f.has_subnormals ? 1 : 0) / 2);
    for (const long double x : {0.0L, limits::denorm_min(), limits::min(), limits::max(),
                                limits::infinity(), 0x1p1024L, 0x1p-1080L, 0x1.fp-1200L})
      for (const long double value : {x, -x}) check(checked, row, value);
  }
}

TEST(LongDouble, BecomesFloatAndDoubleAsInHardware) {
  random_words next(71);
  for (int i = 0; i < 50000; ++i) {
    const auto significand = static_cast<long double>(next());
    const bool is_wide = i % 2 == 0;
    const int span = is_wide ? 2200 : 320;
    const int exponent = static_cast<int>(next.below(static_cast<u64>(span))) - span / 2 - 63;
    long double x = std::ldexp(significand, exponent);
    if (i % 4 >= 2) {  // a tie of one of the two, or next to it
      const int kept = is_wide ? 53 : 24;
      x = std::ldexp(std::floor(std::ldexp(significand, kept - 63)) + 0.5L, exponent);
      if (i % 3 == 1) x = std::nextafter(x, limits::infinity());
      if (i % 3 == 2) x = std::nextafter(x, 0.0L);
    }
    if (next() % 2 == 0) x = -x;
    ASSERT_EQ(fb::fp64{x}.bits(), oracle::bits_of(static_cast<double>(x))) << i;
    ASSERT_EQ(fb::fp32{x}.bits(), oracle::bits_of(static_cast<float>(x))) << i;
    ASSERT_EQ(oracle::bits_of(fb::convert<double>(x)), fb::fp64{x}.bits());
    ASSERT_EQ(oracle::bits_of(fb::convert<float>(x)), fb::fp32{x}.bits());
  }
}

TEST(LongDouble, KeepsNanItsSignAndItsPayload) {
  for (const double payload :
       {oracle::double_from(0x7ff8000000000000U), oracle::double_from(0xfff8000000000000U),
        oracle::double_from(0x7ff8123456789abcU), oracle::double_from(0xfffc0ffee0000001U)}) {
    volatile long double x = static_cast<long double>(payload);
    EXPECT_EQ(fb::fp64{x}.bits(), oracle::bits_of(payload));
    EXPECT_EQ(fb::fp32{x}.bits(), oracle::bits_of(static_cast<float>(payload)));
    EXPECT_EQ(fb::fp16{x}.bits(), fb::fp16{payload}.bits());
    EXPECT_EQ(fb::fp8_e4m3{x}.bits(), fb::fp8_e4m3{payload}.bits());
    EXPECT_EQ(fb::fp4_e2m1{x}.bits(), fb::fp4_e2m1{payload}.bits());
  }
}

/// Values in which bits are hard to get at in constant expressions: every part of the range, full
/// significands, ties with a bit far below.
constexpr std::array<long double, 30> hard_values() {
  constexpr long double tiny = limits::epsilon();
  std::array<long double, 30> values = {0,
                                        -0.0L,
                                        1,
                                        -1.5L,
                                        1 + tiny,
                                        1 - tiny / 2,
                                        0x1p-8L + 1,
                                        1 + 0x1p-8L + tiny,
                                        1 + 0x1p-8L - tiny,
                                        1 + 0x1p-11L + tiny,
                                        -(1 + 0x1p-24L + tiny),
                                        1 + 0x1p-53L + tiny,
                                        1 + 0x1p-53L,
                                        1 - 0x1p-54L,
                                        0x1p-1074L,
                                        0x1p-1075L,
                                        0x1p-1075L * (1 + tiny),
                                        0x1p-1022L * (1 - tiny),
                                        0x1.fffffffffffff8p1023L,
                                        0x1.fffffffffffff7p1023L,
                                        limits::max(),
                                        limits::min(),
                                        limits::denorm_min(),
                                        -limits::infinity(),
                                        0x1p500L * (1 + tiny),
                                        0x1p-500L * (1 - tiny / 2),
                                        448,
                                        464,
                                        464 * (1 + tiny),
                                        65520 * (1 - tiny)};
  return values;
}

template <class To>
constexpr auto constant_codes() {
  std::array<u64, hard_values().size()> codes{};
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = To{hard_values()[i]}.bits();
  return codes;
}

template <class To>
void expect_constants_equal_run_time(const char* name) {
  static constexpr auto constants = constant_codes<To>();
  checker checked;
  for (std::size_t i = 0; i < constants.size(); ++i) {
    volatile long double x = hard_values()[i];
    const oracle::number value = exact(x);
    const oracle::reference& format = oracle::of(name);
    const auto describe = [i] { return "hard value " + std::to_string(i); };
    checked.expect(format, constants[i], format.encode(value), value, describe);
    checked.expect(format, To{x}.bits(), format.encode(value), value, describe);
  }
}

TEST(LongDouble, AtCompileTimeEqualsThatAtRunTime) {
  expect_constants_equal_run_time<fb::fp64>("fp64");
  expect_constants_equal_run_time<fb::fp32>("fp32");
  expect_constants_equal_run_time<fb::fp16>("fp16");
  expect_constants_equal_run_time<fb::bf16>("bf16");
  expect_constants_equal_run_time<fb::fp8_e4m3>("fp8_e4m3");
  expect_constants_equal_run_time<fb::scale_e8m0>("scale_e8m0");
  static_assert(isnan(fb::bf16{limits::quiet_NaN()}) && !signbit(fb::bf16{limits::quiet_NaN()}));
  static_assert(isinf(fb::fp16{limits::infinity()}));
}

TEST(LongDouble, IsNeverTakenSilently) {
  static_assert(!std::is_convertible_v<long double, fb::fp64>);
  static_assert(std::is_constructible_v<fb::fp64, long double>);
  static_assert(!fb::is_lossless<long double, fb::fp64>);
  static_assert(fb::convertible_number<long double> && !fb::number<long double>);
  // Arithmetic with it is the language's.
  static_assert(std::is_same_v<decltype(fb::bf16{1.0f} + 1.0L), long double>);
}

}  // namespace
