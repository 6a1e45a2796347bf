// SPDX-License-Identifier: MIT
// Neighbours, exponents, rounding to integers, minima, order and hash: every code of the small
// formats, a stride through the wide ones.
#include <fewbits/value.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/oracle.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using oracle::mode;
using typed::from_code;
using u64 = std::uint64_t;

constexpr std::size_t integral_count = 7;

struct unary_results {
  u64 up, down, integral[integral_count], scaled_up, scaled_down;
  double ulp, fraction;
  int ilogb, exponent;
  std::size_t hash;
};

struct row {
  const oracle::reference* format;
  unary_results (*unary)(u64);
};

template <class Type>
unary_results evaluate(u64 code) {
  const Type x = from_code<Type>(code);
  unary_results r{};
  r.up = next_up(x).bits();
  r.down = next_down(x).bits();
  const Type integral[integral_count] = {floor(x),     ceil(x), trunc(x),    round(x),
                                         roundeven(x), rint(x), nearbyint(x)};
  for (std::size_t i = 0; i < integral_count; ++i) r.integral[i] = integral[i].bits();
  r.scaled_up = scalbn(x, 3).bits();
  r.scaled_down = ldexp(x, -5).bits();
  r.ulp = static_cast<double>(ulp(x));
  r.ilogb = ilogb(x);
  r.fraction = static_cast<double>(frexp(x, &r.exponent));
  r.hash = std::hash<Type>{}(x);
  return r;
}

const std::vector<row>& rows() {
  static const std::vector<row> made = [] {
    std::vector<row> all;
    typed::for_each_float([&all](auto type, const char* name) {
      all.push_back({&oracle::of(name), evaluate<typename decltype(type)::type>});
    });
    return all;
  }();
  return made;
}

template <class Verb>
void for_sampled_codes(const oracle::reference& format, Verb&& verb) {
  const oracle::format& f = format.description();
  const u64 mask = f.top() | f.sign();
  const u64 stride = f.width() <= 8 ? 1 : (mask / 9973) | 1;
  u64 code = 0;
  for (u64 i = 0; i <= std::min<u64>(mask, 9973); ++i, code += stride) verb(code & mask);
  for (u64 near = 0; near < 6; ++near) {
    for (const u64 sign : {u64{0}, f.sign()}) {
      verb(near | sign);
      verb((format.largest().code - 2 + near) % (f.top() + 1) | sign);
      verb((f.top() - near) | sign);
    }
  }
}

/// The least value above x, found by rounding a number a hair above x upward.
u64 neighbour(const oracle::reference& format, const oracle::number& x, bool up) {
  const oracle::number hair = oracle::finite(!up, 1, -1200);
  const oracle::policy how{up ? mode::toward_positive : mode::toward_negative, oracle::over::ieee};
  return format.encode(oracle::add(x, hair), how);
}

TEST(Neighbours, AreTheNextValues) {
  for (const row& r : rows()) {
    const oracle::reference& format = *r.format;
    const oracle::format& f = format.description();
    checker check;
    for_sampled_codes(format, [&](u64 code) {
      const oracle::number x = format.decode(code);
      const unary_results got = r.unary(code);
      for (const bool up : {true, false}) {
        const u64 result = up ? got.up : got.down;
        const auto describe = [&] { return (up ? "after " : "before ") + format.name_and(code); };
        if (x.is_nan()) {
          check.expect(format, result, format.encode(x), x, describe);  // made quiet
        } else if (x.is_infinity()) {
          const u64 inward = format.largest().code | (x.negative ? f.sign() : 0);
          check.expect(format, result, x.negative == up ? inward : code, x, describe);
        } else if ((code & f.top()) == format.largest().code && x.negative != up &&
                   f.inf == oracle::infinities::none) {
          check.expect(format, result, code, x, describe);  // the last value
        } else if (!f.is_signed && !up && (x.is_zero() || (!format.has_zero() && code == 0))) {
          check.expect(format, result, code, x, describe);  // the first value
        } else {
          check.expect(format, result, neighbour(format, x, up), x, describe);
        }
      }
    });
  }
}

TEST(Neighbours, TowardAnyNumber) {
  constexpr fb::bf16 one{1.0f};
  static_assert(nextafter(one, 2) == 1.0078125f && nextafter(one, 1e300) == 1.0078125f);
  static_assert(nextafter(one, fb::fp8_e4m3{0.5f}) == 0.99609375f && nextafter(one, 1.0) == one);
  static_assert(nextafter(one, 1 + 1e-15) == 1.0078125f, "the target is not rounded");
  static_assert(isnan(nextafter(one, std::numeric_limits<double>::quiet_NaN())));
  static_assert(nextafter(fb::fp8_e4m3{448.0f}, 1000) == 448.0f, "the last value");
  static_assert(isinf(nextafter(std::numeric_limits<fb::fp16>::max(), 1e9)));
  static_assert(nextafter(fb::fp8_e4m3fnuz::from_bits(0x81), 0).bits() == 0, "never the NaN code");
  static_assert(nextafter(fb::scale_e8m0{}, -1).bits() == 0 &&
                nextafter(fb::scale_e8m0{}, 1).bits() == 1);
}

/// x as an integer, rounded; dyadic x only.
oracle::number round_to_integer(const oracle::number& x, mode round) {
  if (!x.is_finite() || x.is_zero() || x.exponent >= 0) return x;
  bool inexact = false;
  const oracle::natural twice =
      x.exponent == -1 ? x.numerator : shift_right(x.numerator, -x.exponent - 1, inexact);
  const bool half = twice.is_odd();
  bool ignored = false;
  oracle::number result = x;
  result.exponent = 0;
  result.numerator = shift_right(twice, 1, ignored);
  const bool any = half || inexact;
  const bool up = round == mode::toward_positive   ? any && !x.negative
                  : round == mode::toward_negative ? any && x.negative
                  : round == mode::nearest_away    ? half
                  : round == mode::nearest_even    ? half && (inexact || result.numerator.is_odd())
                                                   : false;
  if (up) result.numerator = result.numerator + oracle::natural(1);
  return result;
}

TEST(RoundingToIntegers, IsExactForEveryCode) {
  constexpr mode modes[integral_count] = {
      mode::toward_negative, mode::toward_positive, mode::toward_zero, mode::nearest_away,
      mode::nearest_even,    mode::nearest_even,    mode::nearest_even};
  for (const row& r : rows()) {
    checker check;
    for_sampled_codes(*r.format, [&](u64 code) {
      const unary_results got = r.unary(code);
      const oracle::number x = r.format->decode(code);
      for (std::size_t i = 0; i < integral_count; ++i) {
        const oracle::number exact = round_to_integer(x, modes[i]);
        check.expect(*r.format, got.integral[i], r.format->encode(exact), exact, [&] {
          return "integer (" + std::string(compare::to_string(modes[i])) + ") of " +
                 r.format->name_and(code);
        });
      }
    });
  }
}

TEST(Scaling, RoundsOnce) {
  for (const row& r : rows()) {
    checker check;
    for_sampled_codes(*r.format, [&](u64 code) {
      const unary_results got = r.unary(code);
      for (const int exponent : {3, -5}) {
        oracle::number x = r.format->decode(code);
        x.exponent += exponent;
        check.expect(*r.format, exponent > 0 ? got.scaled_up : got.scaled_down, r.format->encode(x),
                     x, [&] { return "scaling of " + r.format->name_and(code); });
      }
    });
  }
  constexpr int huge = std::numeric_limits<int>::max();
  static_assert(isinf(scalbn(fb::fp16{1.0f}, huge)) && scalbn(fb::fp16{-1.0f}, -huge - 1) == 0);
  static_assert(scalbn(std::numeric_limits<fb::bf16>::denorm_min(), 133) == 1);
}

TEST(Exponents, AreThoseOfTheExactValues) {
  for (const row& r : rows()) {
    const oracle::format& f = r.format->description();
    checker check;
    for_sampled_codes(*r.format, [&](u64 code) {
      const unary_results got = r.unary(code);
      const oracle::number x = r.format->decode(code);
      const auto describe = [&] { return r.format->name_and(code); };
      if (!x.is_finite()) {
        check.expect(got.ilogb == (x.is_nan() ? std::numeric_limits<int>::min()
                                              : std::numeric_limits<int>::max()),
                     describe);
        check.expect(got.exponent == 0 && (x.is_nan() ? std::isnan(got.ulp) : std::isinf(got.ulp)),
                     describe);
        return;
      }
      const int top = x.numerator.bit_length() - 1 + x.exponent;
      const int normal = f.has_subnormals ? 1 - f.bias : -f.bias;
      const int step = (x.is_zero() ? normal : std::max(top, normal)) - f.mantissa_bits;
      check.expect(oracle::fp64(), oracle::bits_of(got.ulp),
                   oracle::fp64().encode(oracle::finite(false, 1, step)), x,
                   [&] { return "ulp of " + r.format->name_and(code); });
      if (x.is_zero()) {
        check.expect(got.ilogb == std::numeric_limits<int>::min() && got.exponent == 0, describe);
        return;
      }
      check.expect(got.ilogb == top && got.exponent == top + 1, describe);
      oracle::number fraction = x;
      fraction.exponent -= top + 1;
      check.expect(oracle::fp64(), oracle::bits_of(got.fraction), oracle::fp64().encode(fraction),
                   fraction, describe);
    });
  }
}

// Pairs. --------------------------------------------------------------------------------------------

template <class Type>
void check_pairs(const char* name) {
  const oracle::reference& format = oracle::of(name);
  const oracle::format& f = format.description();
  checker check;
  // The order of all codes: negative NaN, numbers, NaN.
  const auto rank = [&](u64 code) -> std::pair<int, oracle::number> {
    const oracle::number x = format.decode(code);
    if (x.is_nan()) return {x.negative ? -1 : 1, x};
    return {0, x};
  };
  const auto before = [&](u64 a, u64 b) {
    const auto left = rank(a), right = rank(b);
    if (left.first != right.first) return left.first < right.first;
    if (left.first != 0) return left.second.negative ? a >= b : a <= b;
    const int order = oracle::compare(left.second, right.second);
    if (order != 0) return order < 0;
    return left.second.negative || !right.second.negative;
  };
  const u64 count = format.code_count(), stride = count > 256 ? 331 : 1;
  for (u64 a = 0; a < count; a += stride) {
    for (u64 b = 0; b < count; b += stride) {
      const Type x = from_code<Type>(a), y = from_code<Type>(b);
      const bool a_nan = f.is_nan(a), b_nan = f.is_nan(b), first = before(a, b);
      const u64 low = first ? a : b, high = first ? b : a;
      // The first NaN, made quiet.
      const u64 nan = format.encode(format.decode(a_nan ? a : b));
      const u64 other = a_nan && b_nan ? nan : a_nan ? b : a;
      const bool any = a_nan || b_nan;
      bool holds = total_order(x, y) == first && minimum(x, y).bits() == (any ? nan : low) &&
                   maximum(x, y).bits() == (any ? nan : high) &&
                   fmin(x, y).bits() == (any ? other : low) &&
                   fmax(x, y).bits() == (any ? other : high);
      if (x == y) holds &= std::hash<Type>{}(x) == std::hash<Type>{}(y);
      if constexpr (Type::format.is_signed) {
        const Type signed_as = copysign(x, y);
        // A zero or NaN whose other sign has no code stays.
        const bool one_code =
            f.nan == oracle::nans::negative_zero && (f.is_nan(a) || (a & f.top()) == 0);
        holds &= one_code ? signed_as.bits() == a
                          : (signed_as.bits() & f.top()) == (a & f.top()) &&
                                signbit(signed_as) == signbit(y);
      }
      check.expect(holds, [&] { return format.name_and(a) + " and " + format.describe(b); });
    }
  }
}

TEST(OrderAndExtrema, HoldForEveryPair) {
  check_pairs<fb::fp8_e4m3>("fp8_e4m3");
  check_pairs<fb::fp8_e5m2>("fp8_e5m2");
  check_pairs<fb::fp8_e4m3fnuz>("fp8_e4m3fnuz");
  check_pairs<fb::fp4_e2m1>("fp4_e2m1");
  check_pairs<fb::scale_e8m0>("scale_e8m0");
  check_pairs<fb::fp16>("fp16");
}

TEST(Hash, SpreadsCodes) {
  std::vector<bool> seen(4096);
  int collisions = 0;
  for (u64 code = 0; code < 256; ++code) {
    const std::size_t bucket =
        std::hash<fb::fp8_e4m3>{}(from_code<fb::fp8_e4m3>(code)) % seen.size();
    collisions += seen[bucket] ? 1 : 0;
    seen[bucket] = true;
  }
  EXPECT_LT(collisions, 30) << "chance gives about 8, equal zeros one";
  EXPECT_NE(std::hash<fb::int4>{}(fb::int4{1}), std::hash<fb::int4>{}(fb::int4{2}));
}

// Integers with a rounding mode, library integers, long double. ------------------------------------

template <class To>
void check_integer_modes(const char* name, std::int64_t low, std::int64_t high) {
  using fb::convert, fb::cast_policy, fb::rounding;
  checker check;
  std::vector<double> inputs = {0.0,    -0.0,  0.5,
                                1.5,    2.5,   0.49999999999999994,
                                1e-300, 1e300, std::numeric_limits<double>::infinity()};
  for (const std::int64_t end : {low, high, std::int64_t{4}}) {
    for (int quarter = -12; quarter <= 12; ++quarter) {
      // Near the 64-bit limits the sum rounds; that is a valid input too.
      inputs.push_back(static_cast<double>(end) + quarter * 0.25);
      inputs.push_back(std::nextafter(static_cast<double>(end) + quarter * 0.25, 0.0));
    }
  }
  for (const double magnitude : inputs) {
    for (const double x : {magnitude, -magnitude}) {
      const auto expect = [&](To got, mode round) {
        oracle::number want = round_to_integer(oracle::exact(x), round);
        if (oracle::compare(want, oracle::integer(low)) < 0) want = oracle::integer(low);
        if (oracle::compare(want, oracle::integer(high)) > 0) want = oracle::integer(high);
        const bool same =
            oracle::compare(oracle::integer(static_cast<std::int64_t>(got)), want) == 0;
        check.expect(same, [&] {
          return std::string(name) + " of " + std::to_string(x) + " is " +
                 std::to_string(static_cast<std::int64_t>(got)) + ", " + compare::to_string(round);
        });
      };
      expect(convert<To>(x), mode::nearest_even);
      expect(convert<To, fb::truncating>(x), mode::toward_zero);
      expect(convert<To, cast_policy{.round = rounding::nearest_away}>(x), mode::nearest_away);
      expect(convert<To, cast_policy{.round = rounding::toward_positive}>(x),
             mode::toward_positive);
      expect(convert<To, cast_policy{.round = rounding::toward_negative}>(x),
             mode::toward_negative);
      expect(To(fb::fp64{x}), mode::toward_zero);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(convert<To>(std::numeric_limits<float>::quiet_NaN())), 0);
}

TEST(ConversionToIntegersWithAMode, RoundsAndClamps) {
  check_integer_modes<std::int8_t>("int8", -128, 127);
  check_integer_modes<std::uint8_t>("uint8", 0, 255);
  check_integer_modes<std::int32_t>("int32", std::numeric_limits<std::int32_t>::min(),
                                    std::numeric_limits<std::int32_t>::max());
  check_integer_modes<std::int64_t>("int64", std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::int64_t>::max());
  check_integer_modes<fb::int4>("int4", -8, 7);
  check_integer_modes<fb::uint2>("uint2", 0, 3);
  check_integer_modes<fb::basic_int<fb::formats::signed_int(12)>>("12 bits", -2048, 2047);
}

TEST(ConversionToIntegersWithAMode, TakesRandomBits) {
  static_assert(fb::convert<int, fb::stochastic>(2.25, 0xc0000000U) == 3);
  static_assert(fb::convert<int, fb::stochastic>(2.25, 0xbfffffffU) == 2);
  static_assert(fb::convert<fb::int4, fb::stochastic>(-0.5f, 0x80000000U) == -1);
  static_assert(fb::convert<fb::int4, fb::stochastic>(3, 0xffffffffU) == 3);
}

TEST(LibraryIntegers, AreExactOperands) {
  static_assert(fb::bf16{2.0f} * fb::int4{-3} == -6.0f);
  static_assert(std::is_same_v<decltype(fb::uint2{} + fb::fp8_e4m3{}), fb::fp8_e4m3>);
  static_assert(fb::fp8_e4m3{fb::int4{-7}} == -7.0f && fb::int4{fb::bf16{-100.0f}} == -8);
  static_assert(fb::fp16{3.0f} == fb::uint2{3} && fb::fp16{3.0f} > fb::int4{-8});
  static_assert(std::is_convertible_v<fb::int4, fb::fp8_e4m3>, "all sixteen are values");
  static_assert(!std::is_convertible_v<fb::int4, fb::fp4_e2m1>);
}

TEST(ConversionFromLongDouble, RoundsOnce) {
  // Wrong through double: there the last bit decides nothing any more.
  if constexpr (std::numeric_limits<long double>::digits > 53) {
    constexpr long double tiny = 0x1p-60L;
    static_assert(fb::bf16{1 + 0x1p-8L + tiny}.bits() == 0x3f81);
    static_assert(fb::fp16{1 + 0x1p-11L + tiny}.bits() == 0x3c01);
    static_assert(fb::fp16{1 + 0x1p-11L - tiny}.bits() == 0x3c00);
    volatile long double x = 1 + 0x1p-11L + tiny;
    EXPECT_EQ(fb::fp16{x}.bits(), 0x3c01);
    volatile long double beyond = std::numeric_limits<long double>::max();
    EXPECT_TRUE(isinf(fb::fp16{beyond}));
    EXPECT_EQ((fb::convert<fb::fp16, fb::saturating>(-beyond)), -65504.0f);
    volatile long double least = std::numeric_limits<long double>::denorm_min();
    constexpr fb::cast_policy up{.round = fb::rounding::toward_positive};
    EXPECT_EQ((fb::convert<fb::fp16, up>(least).bits()), 1);
    EXPECT_EQ(fb::fp16{-least}.bits(), 0x8000);
  }
  checker check;
  for (u64 i = 1; i < 3000; ++i) {
    const double high = oracle::double_from((i * 0x9e3779b97f4a7c15U & 0x800fffffffffffffU) |
                                            (1000 + i % 40) << 52);
    const double low = high * (i % 3 == 0 ? 0x1p-60 : -0x1p-58);
    volatile long double sum = static_cast<long double>(high) + static_cast<long double>(low);
    const auto first = static_cast<double>(sum);
    const auto second = static_cast<double>(sum - static_cast<long double>(first));
    const oracle::number exact = oracle::add(oracle::exact(first), oracle::exact(second));
    const auto describe = [i] { return "long double " + std::to_string(i); };
    check.expect(oracle::of("fp16"), fb::fp16{sum}.bits(), oracle::of("fp16").encode(exact), exact,
                 describe);
    check.expect(oracle::fp64(), fb::fp64{sum}.bits(), oracle::fp64().encode(exact), exact,
                 describe);
  }
}

}  // namespace
