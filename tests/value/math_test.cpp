// SPDX-License-Identifier: MIT
// The elementary functions: every code of small formats and a co-prime stride of wide ones against MPFR
// (without it, against the C library in long double), special values, operand types.
#include <fewbits/math.hpp>

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
#include "support/elementary.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using typed::from_code;
using u64 = std::uint64_t;

struct format_row {
  const oracle::reference* format;
  std::vector<elementary::unary_row> unary;
  std::vector<elementary::binary_row> binary;
};

template <class Type>
format_row make_row(const char* name) {
#define FEWBITS_ROW(function, mpfr)                                             \
  {#function, [](u64 x) -> u64 { return function(from_code<Type>(x)).bits(); }, \
   elementary::function},
#define FEWBITS_PAIR_ROW(function, mpfr)                                                        \
  {#function,                                                                                   \
   [](u64 x, u64 y) -> u64 { return function(from_code<Type>(x), from_code<Type>(y)).bits(); }, \
   elementary::function},
  return {&oracle::of(name),
          {FEWBITS_UNARY_FUNCTIONS(FEWBITS_ROW)},
          {FEWBITS_BINARY_FUNCTIONS(FEWBITS_PAIR_ROW)}};
#undef FEWBITS_ROW
#undef FEWBITS_PAIR_ROW
}

/// A format of each kind; math_exhaustive.cpp takes all of them.
const std::vector<format_row>& rows() {
  static const std::vector<format_row> made = {
      make_row<fb::fp32>("fp32"),
      make_row<fb::fp16>("fp16"),
      make_row<fb::bf16>("bf16"),
      make_row<fb::fp8_e4m3>("fp8_e4m3"),
      make_row<fb::scale_e8m0>("scale_e8m0"),
  };
  return made;
}

TEST(Math, UnaryFunctionsAreCorrectlyRounded) {
  for (const format_row& row : rows()) {
    const oracle::reference& format = *row.format;
    const u64 stride = format.code_count() <= 256 ? 1 : format.code_count() / 997 | 1;
    for (const elementary::unary_row& each : row.unary) {
      checker check;
      for (u64 code = 0; code < format.code_count(); code += stride) {
        const oracle::number x = format.decode(code);
        const elementary::enclosure exact = each.reference(elementary::double_of(x));
        const u64 got = each.function(code);
        check.expect(elementary::is_right(format, got, exact, x.is_nan() ? &x : nullptr), [&] {
          return std::string(each.name) + " of " + format.name_and(code) + " is " +
                 format.describe(got) + ", not " + format.describe(format.encode(exact.low));
        });
      }
    }
  }
}

TEST(Math, BinaryFunctionsAreCorrectlyRounded) {
  random_words next(91);
  for (const format_row& row : rows()) {
    const oracle::reference& format = *row.format;
    const oracle::format& f = format.description();
    const u64 mask = format.code_count() - 1;
    for (const elementary::binary_row& each : row.binary) {
      checker check;
      for (int i = 0; i < 3000; ++i) {
        u64 a = next() & mask, b = next() & mask;
        // Near one, where powers neither overflow nor vanish; multiples of 1/2 as exponents.
        const u64 field = static_cast<u64>(f.bias) - 2 + next.below(5);
        if (i % 2 == 0) a = (a & ~f.all_ones_exponent()) | field << f.mantissa_bits;
        if (i % 4 == 0) b = format.encode(oracle::finite(i % 8 == 0, next.below(32), -1));
        const oracle::number x = format.decode(a & mask), y = format.decode(b);
        const elementary::enclosure exact =
            each.reference(elementary::double_of(x), elementary::double_of(y));
        const u64 got = each.function(a & mask, b);
        const oracle::number* nan = x.is_nan() ? &x : y.is_nan() ? &y : nullptr;
        check.expect(elementary::is_right(format, got, exact, nan), [&] {
          return std::string(each.name) + " of " + format.name_and(a & mask) + ", " +
                 format.describe(b) + " is " + format.describe(got) + ", not " +
                 format.describe(format.encode(exact.low));
        });
      }
    }
  }
}

TEST(Math, Fp64IsThatOfTheCLibrary) {
  random_words next(92);
  for (int i = 0; i < 2000; ++i) {
    const double x = std::ldexp(static_cast<double>(next()), static_cast<int>(next.below(12)) - 68);
    const fb::fp64 y{x};
    ASSERT_EQ(exp(y), std::exp(x));
    ASSERT_EQ(log(y), std::log(x));
    ASSERT_EQ(tan(y), std::tan(x));
    ASSERT_EQ(erfc(y), std::erfc(x));
    ASSERT_EQ(pow(y, y), std::pow(x, x));
    ASSERT_EQ(hypot(y, fb::fp64{1.5}), std::hypot(x, 1.5));
    ASSERT_EQ(atan2(fb::fp64{-x}, y), std::atan2(-x, x));
  }
}

TEST(Math, ExactResultsAndTiesAreExact) {
  using fb::bf16, fb::fp16, fb::fp8_e4m3, fb::fp8_e5m2;
  EXPECT_EQ(exp2(bf16{-133.0f}), 0x1p-133f);
  EXPECT_EQ(exp2(bf16{-134.0f}), 0.0f) << "half of the smallest value: to even";
  EXPECT_EQ(log2(bf16{0x1p-133f}), -133.0f);
  EXPECT_EQ(log10(fp16{1000.0f}), 3.0f);
  EXPECT_EQ(cbrt(fp16{-27.0f}), -3.0f);
  EXPECT_EQ(pow(fp8_e4m3{11.0f}, 2), 120.0f) << "121 is between 120 and 128";
  EXPECT_EQ(pow(fp16{2.0f}, -24), 0x1p-24f);
  EXPECT_EQ(pow(fp16{2.0f}, -25), 0.0f) << "a tie";
  EXPECT_EQ(pow(fp8_e5m2{3.0f}, 2), 8.0f) << "9 is a tie between 8 and 10";
  EXPECT_EQ(tgamma(fp8_e5m2{6.0f}), 128.0f) << "120 is a tie between 112 and 128";
  EXPECT_EQ(log2(fb::fp4_e3m0{8.0f}), 2.0f) << "3 is a tie between 2 and 4";
  static_assert(hypot(fp8_e4m3{8.0f}, fp8_e4m3{15.0f}) == 16.0f, "17 is a tie between 16 and 18");
  static_assert(hypot(fp16{3.0f}, fp16{-4.0f}) == 5.0f);
  static_assert(hypot(bf16{0x1p127f}, bf16{0x1p-133f}) == 0x1p127f);
  static_assert(hypot(bf16{0x3p-133f}, bf16{0x4p-133f}) == 0x5p-133f);
  static_assert(hypot(0x1p100f, fb::fp32{0x1p100f}) == 0x1.6a09e6p100f);
}

TEST(Math, SmallAnglesAreBelowTheQuotient) {
  using fb::bf16, fb::fp16;
  // y / x is halfway between two subnormal values; the angle is less, by 2^-260 of it.
  EXPECT_EQ(atan2(bf16{0x1.42p-70f}, bf16{0x1.cp+59f}), 0x1.6p-130f);
  EXPECT_EQ(atan2(bf16{-0x1.3ep-20f}, bf16{0x1.a8p+112f}), -0x1p-133f);
  EXPECT_EQ(atan2(bf16{0x3p-67f}, bf16{0x1p+67f}), 0x1p-133f);
  EXPECT_EQ(atan2(bf16{0x1p-67f}, bf16{0x1p+67f}), 0.0f);
  EXPECT_EQ(atan2(bf16{0x1p-66f}, bf16{0x1p+67f}), 0x1p-133f);
  EXPECT_EQ(atan2(fp16{0x3p-24f}, fp16{2.0f}), 0x1p-24f);
  EXPECT_EQ(atan2(fp16{0x3p-24f}, fp16{-2.0f}), 3.140625f);
}

TEST(Math, SpecialValues) {
  using fb::fp16, fb::fp4_e2m1, fb::fp8_e4m3;
  using limits = std::numeric_limits<fp16>;
  constexpr fp16 inf = limits::infinity(), nan = limits::quiet_NaN(), one{1.0f}, zero{0.0f};
  EXPECT_EQ(exp(-inf).bits(), 0);
  EXPECT_EQ(exp(inf), inf);
  EXPECT_EQ(log(zero), -inf);
  EXPECT_EQ(pow(nan, 0), 1.0f);
  EXPECT_EQ(pow(one, nan), 1.0f);
  EXPECT_EQ(hypot(nan, -inf), inf);
  EXPECT_EQ(sin(-zero).bits(), 0x8000);
  EXPECT_EQ(atan2(-zero, -one), -3.140625f);
  // An invalid operation gives the canonical NaN, whatever the C library returns.
  EXPECT_EQ(log(-one).bits(), 0x7e00);
  EXPECT_EQ(acos(fp16{2.0f}).bits(), 0x7e00);
  EXPECT_EQ(pow(-one, fp16{0.5f}).bits(), 0x7e00);
  EXPECT_EQ(sin(inf).bits(), 0x7e00);
  // A NaN operand keeps its sign and payload, and becomes quiet; the first of two.
  EXPECT_EQ(cos(fp16::from_bits(0xfc01)).bits(), 0xfe01);
  EXPECT_EQ(pow(fp16::from_bits(0xfe05), fp16::from_bits(0x7e06)).bits(), 0xfe05);
  // Where the format has no infinity, no NaN, no sign, no zero: as in conversion.
  EXPECT_TRUE(isnan(exp(fp8_e4m3{8.0f})));
  EXPECT_TRUE(isnan(log(fp8_e4m3{0.0f})));
  EXPECT_EQ(log(fp4_e2m1{0.0f}), -6.0f);
  EXPECT_EQ(log(fp4_e2m1{-1.0f}), 6.0f);
  EXPECT_EQ(exp(fp4_e2m1{4.0f}), 6.0f);
  EXPECT_TRUE(isnan(log(fb::scale_ue4m3{0.5f})));
  EXPECT_TRUE(isnan(log(fb::scale_e8m0{0.5f})));
  EXPECT_EQ(log(fb::scale_e8m0{1.0f}), 0x1p-127f);
  EXPECT_EQ(exp(fb::scale_e8m0{0x1p100f}).bits(), 0xff);
}

TEST(Math, FdimFabsModf) {
  using fb::bf16, fb::fp8_e4m3;
  static_assert(fdim(bf16{3.0f}, bf16{1.0f}) == 2.0f && fdim(bf16{1.0f}, bf16{3.0f}).bits() == 0);
  static_assert(fdim(bf16{-0.0f}, bf16{0.0f}).bits() == 0);
  static_assert(isnan(fdim(bf16::from_bits(0x7fc0), 1)));
  static_assert(isnan(fdim(bf16{1.0f}, bf16::from_bits(0x7fc0))));
  static_assert(fdim(fp8_e4m3{448.0f}, fp8_e4m3{-0x1p-9f}) == 448.0f);
  static_assert(fabs(bf16{-0.0f}).bits() == 0 && fabs(bf16{-2.5f}) == 2.5f);
  typed::for_each_float([](auto type, const char* name) {
    using Type = typename decltype(type)::type;
    if constexpr (Type::format.bits() <= 8) {
      const oracle::reference& format = oracle::of(name);
      checker check;
      for (u64 code = 0; code < format.code_count(); ++code) {
        const oracle::number number = format.decode(code);
        double whole = 0;
        const double x = elementary::double_of(number);
        const double fraction = std::modf(x, &whole);
        Type got_whole{};
        const Type got = modf(from_code<Type>(code), &got_whole);
        const bool is_nan = number.is_nan();
        const oracle::number want = is_nan ? number : oracle::exact(fraction);
        const oracle::number want_whole = is_nan ? number : oracle::exact(whole);
        const auto describe = [&] { return "modf of " + format.describe(code); };
        check.expect(format, got.bits(), format.encode(want), want, describe);
        check.expect(format, got_whole.bits(), format.encode(want_whole), want_whole, describe);
      }
    }
  });
}

TEST(Math, TypesAreThoseOfArithmetic) {
  using fb::bf16, fb::fp16, fb::fp32, fb::fp8_e4m3;
  static_assert(std::is_same_v<decltype(exp(bf16{})), bf16>);
  static_assert(std::is_same_v<decltype(pow(bf16{}, bf16{})), bf16>);
  static_assert(std::is_same_v<decltype(pow(bf16{}, 2)), bf16>);
  static_assert(std::is_same_v<decltype(pow(2, fp8_e4m3{})), fp8_e4m3>);
  static_assert(std::is_same_v<decltype(atan2(bf16{}, 1.0f)), float>);
  static_assert(std::is_same_v<decltype(hypot(fp8_e4m3{}, fp16{})), fp16>);
  static_assert(std::is_same_v<decltype(fdim(bf16{}, fp32{})), fp32>);
}

TEST(Math, IsPreferredToTheStandardFunctions) {
  // The implicit conversion to float would find these too, and round twice.
  using namespace std;  // NOLINT
  static_assert(is_same_v<decltype(exp(fb::bf16{})), fb::bf16>);
  static_assert(is_same_v<decltype(pow(fb::bf16{}, fb::bf16{})), fb::bf16>);
  static_assert(is_same_v<decltype(pow(fb::bf16{}, 2)), fb::bf16>);
  static_assert(is_same_v<decltype(hypot(fb::fp64{}, fb::fp64{})), fb::fp64>);
  static_assert(is_same_v<decltype(fabs(fb::bf16{})), fb::bf16>);
  static_assert(is_same_v<decltype(fma(fb::bf16{}, fb::bf16{}, fb::bf16{})), fb::bf16>);
  static_assert(is_same_v<decltype(fmod(fb::bf16{}, fb::bf16{})), fb::bf16>);
  static_assert(is_same_v<decltype(std::sqrt(fb::bf16{})), float>);
}

}  // namespace
