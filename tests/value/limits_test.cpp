// SPDX-License-Identifier: MIT
// Every member of numeric_limits, from the enumerated values of the format.
#include <fewbits/value.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/oracle.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using u64 = std::uint64_t;

/// The members of a specialisation as data.
struct limits_row {
  std::string name;
  bool is_signed, is_integer, is_exact, is_bounded, is_modulo, is_iec559;
  bool has_infinity, has_quiet_nan, has_signaling_nan, has_denorm;
  int radix, digits, digits10, max_digits10;
  int min_exponent, max_exponent, min_exponent10, max_exponent10;
  u64 min, max, lowest, denorm_min, epsilon, round_error, infinity, quiet_nan, signaling_nan;
};

template <class Type>
limits_row make_row(const char* name) {
  using limits = std::numeric_limits<Type>;
  static_assert(limits::is_specialized && noexcept(limits::max()) && noexcept(limits::infinity()));
  static_assert(limits::round_style == std::round_to_nearest && !limits::traps);
  static_assert(!limits::tinyness_before && !limits::has_denorm_loss);
  static_assert(std::numeric_limits<const Type>::max().bits() == limits::max().bits());
  return {name,
          limits::is_signed,
          limits::is_integer,
          limits::is_exact,
          limits::is_bounded,
          limits::is_modulo,
          limits::is_iec559,
          limits::has_infinity,
          limits::has_quiet_NaN,
          limits::has_signaling_NaN,
          limits::has_denorm == std::denorm_present,
          limits::radix,
          limits::digits,
          limits::digits10,
          limits::max_digits10,
          limits::min_exponent,
          limits::max_exponent,
          limits::min_exponent10,
          limits::max_exponent10,
          limits::min().bits(),
          limits::max().bits(),
          limits::lowest().bits(),
          limits::denorm_min().bits(),
          limits::epsilon().bits(),
          limits::round_error().bits(),
          limits::infinity().bits(),
          limits::quiet_NaN().bits(),
          limits::signaling_NaN().bits()};
}

std::vector<limits_row> rows() {
  std::vector<limits_row> made;
  typed::for_each_float([&made](auto type, const char* name) {
    made.push_back(make_row<typename decltype(type)::type>(name));
  });
  return made;
}

bool is_power_of_two(const oracle::number& x, int exponent) {
  return x.is_finite() && !x.negative && compare_magnitude(x, 1, exponent) == 0;
}

oracle::natural power_of_ten(int exponent) {
  oracle::natural power(1);
  for (int i = 0; i < exponent; ++i) power = power * 10;
  return power;
}

/// The order of x and 10^exponent.
int compare_power_of_ten(oracle::number x, int exponent) {
  if (exponent >= 0) {
    oracle::number power = oracle::integer(1);
    power.numerator = power_of_ten(exponent);
    return compare(x, power);
  }
  for (int i = 0; i < -exponent; ++i) x.numerator = x.numerator * 10;
  return compare(x, oracle::integer(1));
}

TEST(NumericLimits, FollowFromTheValuesOfTheFormat) {
  for (const limits_row& row : rows()) {
    SCOPED_TRACE(row.name);
    const oracle::reference& format = oracle::of(row.name);
    const oracle::format& f = format.description();
    const oracle::number max = format.decode(row.max), min = format.decode(row.min);
    EXPECT_EQ(row.max, format.largest().code);
    EXPECT_EQ(row.lowest, f.is_signed ? format.largest().code | f.sign() : 0U);
    EXPECT_EQ(row.is_signed, f.is_signed);
    EXPECT_EQ(row.radix, 2);
    EXPECT_TRUE(row.is_bounded);
    EXPECT_FALSE(row.is_integer || row.is_exact || row.is_modulo);

    // digits: the length of the significands of normal numbers.
    EXPECT_EQ(row.digits, f.mantissa_bits + 1);
    // 2^(max_exponent - 1) is finite and 2^max_exponent is not.
    EXPECT_GE(compare_magnitude(max, 1, row.max_exponent - 1), 0);
    EXPECT_LT(compare_magnitude(max, 1, row.max_exponent), 0);
    // min is normal, 2^(min_exponent - 1), and the value below it is not normal.
    EXPECT_TRUE(is_power_of_two(min, row.min_exponent - 1));
    EXPECT_EQ(row.min, f.has_subnormals ? u64{1} << f.mantissa_bits : 0U);
    const oracle::number tiny = format.decode(row.denorm_min);
    EXPECT_FALSE(tiny.is_zero());
    EXPECT_EQ(row.denorm_min, f.has_subnormals ? 1U : 0U);
    EXPECT_EQ(row.has_denorm, compare(tiny, min) < 0);

    // 10^max_exponent10 is in range and the next power is not; likewise below.
    EXPECT_GE(compare_power_of_ten(max, row.max_exponent10), 0);
    EXPECT_LT(compare_power_of_ten(max, row.max_exponent10 + 1), 0);
    EXPECT_LE(compare_power_of_ten(min, row.min_exponent10), 0);
    EXPECT_GT(compare_power_of_ten(min, row.min_exponent10 - 1), 0);
    // digits10 = floor((digits - 1) log10 2), max_digits10 = ceil(1 + digits log10 2).
    const auto two_to = [](int exponent) { return oracle::finite(false, 1, exponent); };
    EXPECT_GE(compare_power_of_ten(two_to(row.digits - 1), row.digits10), 0);
    EXPECT_LT(compare_power_of_ten(two_to(row.digits - 1), row.digits10 + 1), 0);
    EXPECT_LE(compare_power_of_ten(two_to(row.digits), row.max_digits10 - 1), 0);
    EXPECT_GT(compare_power_of_ten(two_to(row.digits), row.max_digits10 - 2), 0);

    // epsilon is the step after 1, round_error half of a step.
    const u64 one = format.encode(oracle::integer(1));
    const oracle::number step = subtract(format.decode(one + 1), format.decode(one));
    EXPECT_EQ(compare(format.decode(row.epsilon), step), 0) << format.describe(row.epsilon);
    EXPECT_TRUE(is_power_of_two(format.decode(row.round_error), -1));

    // What a format lacks is T{}.
    bool quiet = false, signaling = false, infinite = false;
    for (const u64 code :
         {f.top(), f.top() - 1, f.sign(), f.all_ones_exponent(), f.all_ones_exponent() + 1}) {
      quiet |= format.decode(code).is_nan();
      infinite |= format.decode(code).is_infinity();
      signaling |=
          format.decode(code).is_nan() && (format.decode(code).payload & oracle::quiet_bit) == 0;
    }
    EXPECT_EQ(row.has_infinity, infinite);
    EXPECT_EQ(row.has_quiet_nan, quiet);
    EXPECT_EQ(row.has_signaling_nan, signaling);
    EXPECT_TRUE(infinite ? format.decode(row.infinity).is_infinity() : row.infinity == 0);
    EXPECT_FALSE(format.decode(row.infinity).negative && infinite);
    if (quiet) {
      EXPECT_TRUE(format.decode(row.quiet_nan).is_nan());
      EXPECT_EQ(format.decode(row.quiet_nan).payload, oracle::quiet_bit);
    } else {
      EXPECT_EQ(row.quiet_nan, 0U);
    }
    if (signaling) {
      EXPECT_TRUE(format.decode(row.signaling_nan).is_nan());
      EXPECT_EQ(format.decode(row.signaling_nan).payload & oracle::quiet_bit, 0U);
    } else {
      EXPECT_EQ(row.signaling_nan, 0U);
    }
  }
}

TEST(NumericLimits, HaveThePublishedValues) {
  struct published {
    const char* name;
    int digits, digits10, max_digits10, min_exponent, max_exponent, min_exponent10, max_exponent10;
  };
  // As verified against ml_dtypes and, for the last two, <limits>.
  const published table[] = {
      {"fp16", 11, 3, 5, -13, 16, -4, 4},          {"bf16", 8, 2, 4, -125, 128, -37, 38},
      {"fp8_e5m2", 3, 0, 2, -13, 16, -4, 4},       {"fp8_e5m2fnuz", 3, 0, 2, -14, 16, -4, 4},
      {"fp8_e4m3_ieee", 4, 0, 3, -5, 8, -1, 2},    {"fp8_e4m3", 4, 0, 3, -5, 9, -1, 2},
      {"fp8_e4m3fnuz", 4, 0, 3, -6, 8, -2, 2},     {"fp8_e4m3b11fnuz", 4, 0, 3, -9, 5, -3, 1},
      {"fp8_e3m4", 5, 1, 3, -1, 4, 0, 1},          {"scale_e8m0", 1, 0, 2, -126, 128, -38, 38},
      {"fp6_e3m2", 3, 0, 2, -1, 5, 0, 1},          {"fp6_e2m3", 4, 0, 3, 1, 3, 0, 0},
      {"fp4_e2m1", 2, 0, 2, 1, 3, 0, 0},           {"fp32", 24, 6, 9, -125, 128, -37, 38},
      {"fp64", 53, 15, 17, -1021, 1024, -307, 308}};
  const std::vector<limits_row> all = rows();
  for (const published& want : table) {
    SCOPED_TRACE(want.name);
    for (const limits_row& row : all) {
      if (row.name != want.name) continue;
      EXPECT_EQ(row.digits, want.digits);
      EXPECT_EQ(row.digits10, want.digits10);
      EXPECT_EQ(row.max_digits10, want.max_digits10);
      EXPECT_EQ(row.min_exponent, want.min_exponent);
      EXPECT_EQ(row.max_exponent, want.max_exponent);
      EXPECT_EQ(row.min_exponent10, want.min_exponent10);
      EXPECT_EQ(row.max_exponent10, want.max_exponent10);
    }
  }
}

template <class Type, class Native>
void expect_like_native() {
  using ours = std::numeric_limits<Type>;
  using native = std::numeric_limits<Native>;
  const auto same = [](Type a, Native b) { return a.bits() == oracle::bits_of(b); };
  EXPECT_TRUE(same(ours::min(), native::min()) && same(ours::max(), native::max()));
  EXPECT_TRUE(same(ours::lowest(), native::lowest()) && same(ours::epsilon(), native::epsilon()));
  EXPECT_TRUE(same(ours::denorm_min(), native::denorm_min()));
  EXPECT_TRUE(same(ours::infinity(), native::infinity()));
  EXPECT_TRUE(same(ours::quiet_NaN(), native::quiet_NaN()));
  EXPECT_TRUE(same(ours::round_error(), native::round_error()));
  static_assert(ours::is_iec559 == native::is_iec559 && ours::digits10 == native::digits10);
  static_assert(ours::max_digits10 == native::max_digits10 && ours::digits == native::digits);
}

TEST(NumericLimits, OfFp32AndFp64AreThoseOfFloatAndDouble) {
  expect_like_native<fb::fp32, float>();
  expect_like_native<fb::fp64, double>();
}

TEST(NumericLimits, CallIeeeWhatIeeeDescribes) {
  static_assert(std::numeric_limits<fb::fp16>::is_iec559);
  static_assert(std::numeric_limits<fb::bf16>::is_iec559);
  static_assert(!std::numeric_limits<fb::fp8_e4m3>::is_iec559);
  static_assert(!std::numeric_limits<fb::fp8_e4m3fnuz>::is_iec559);
  static_assert(!std::numeric_limits<fb::fp16_alt>::is_iec559);
  static_assert(!std::numeric_limits<fb::scale_e8m0>::is_iec559);
}

// What other libraries get wrong (formats whose "infinity" was NaN or the largest value, a lowest
// that was subnormal, a rounding error of a quarter).
TEST(NumericLimits, AvoidKnownMistakes) {
  static_assert(std::numeric_limits<fb::fp8_e4m3>::infinity() == 0.0f);
  static_assert(std::numeric_limits<fb::fp4_e2m1>::quiet_NaN().bits() == 0);
  static_assert(std::numeric_limits<fb::fp6_e2m3>::lowest() == -7.5f);
  static_assert(std::numeric_limits<fb::fp6_e3m2>::lowest() == -28.0f);
  static_assert(std::numeric_limits<fb::fp6_e2m3>::round_error() == 0.5f);
  static_assert(std::numeric_limits<fb::fp8_e4m3>::min() == 0x1p-6f);
  static_assert(std::numeric_limits<fb::scale_ue4m3>::lowest() == 0.0f);
  static_assert(std::numeric_limits<fb::tf32>::digits == 11);
  static_assert(std::numeric_limits<fb::tf32>::epsilon() == 0x1p-10f);
}

TEST(NumericLimits, OfAUserDefinedFormat) {
  using type = fb::basic_float<fb::formats::ieee(3, 2)>;
  using limits = std::numeric_limits<type>;
  static_assert(limits::max() == 14.0f && limits::min() == 0.25f &&
                limits::denorm_min() == 0.0625f);
  static_assert(limits::digits == 3 && limits::max_exponent == 4 && limits::has_infinity);
  // Below the normal doubles: the reciprocal of the smallest value is no double.
  constexpr fb::float_format small = fb::formats::with_bias(fb::formats::finite(3, 4), 1060);
  using small_limits = std::numeric_limits<fb::basic_float<small>>;
  static_assert(small_limits::min_exponent == -1058 && small_limits::min_exponent10 == -318);
  static_assert(small_limits::max_exponent10 == -317);
}

TEST(NumericLimits, OfIntegers) {
  using limits = std::numeric_limits<fb::int4>;
  static_assert(limits::min() == -8 && limits::lowest() == -8 && limits::max() == 7);
  static_assert(limits::digits == 3 && limits::digits10 == 0 && limits::is_signed);
  static_assert(limits::is_integer && limits::is_exact && !limits::is_modulo);
  static_assert(std::numeric_limits<fb::uint4>::max() == 15);
  static_assert(std::numeric_limits<fb::uint4>::digits10 == 1);
  static_assert(std::numeric_limits<fb::int2>::min() == -2);
  static_assert(std::numeric_limits<fb::basic_int<fb::formats::unsigned_int(32)>>::max() ==
                0xffffffffU);
  static_assert(!limits::has_infinity && !limits::has_quiet_NaN);
}

}  // namespace
