// SPDX-License-Identifier: MIT
// Requantization by its three rules: ties by hand, and oracles in 128-bit integers.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using fb::requantize_rule;
using int8 = std::int8_t;
using ints = std::vector<int>;
__extension__ typedef __int128 wide;

constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();

ints by_float(const std::vector<std::int32_t>& sums, float multiplier, int zero_point) {
  std::vector<int8> q(sums.size());
  fb::requantize<int8>(fb::matrix_view<const std::int32_t>(sums.data(), 1, sums.size()),
                       fb::array_view<const float>(&multiplier, 1), zero_point,
                       fb::matrix_view<int8>(q.data(), 1, q.size()));
  return ints(q.begin(), q.end());
}
template <requantize_rule Rule>
ints by_fixed(const std::vector<std::int32_t>& sums, fb::fixed_multiplier multiplier,
              int zero_point) {
  std::vector<int8> q(sums.size());
  fb::requantize<int8, Rule>(fb::matrix_view<const std::int32_t>(sums.data(), 1, sums.size()),
                             fb::array_view<const fb::fixed_multiplier>(&multiplier, 1), zero_point,
                             fb::matrix_view<int8>(q.data(), 1, q.size()));
  return ints(q.begin(), q.end());
}

TEST(Requantize, RulesDifferAtTies) {
  const std::vector<std::int32_t> sums = {1, 3, 5, -1, -3, -5, 2, -2, 0};
  const fb::fixed_multiplier half = fb::make_fixed_multiplier(0.5);
  EXPECT_EQ(by_float(sums, 0.5f, 0), (ints{0, 2, 2, 0, -2, -2, 1, -1, 0}));
  EXPECT_EQ(by_fixed<requantize_rule::fixed_up>(sums, half, 0),
            (ints{1, 2, 3, 0, -1, -2, 1, -1, 0}));
  // The product with 2^30 / 2^31 is a tie that goes up, so nothing is left to round away.
  EXPECT_EQ(by_fixed<requantize_rule::fixed_away>(sums, half, 0),
            (ints{1, 2, 3, 0, -1, -2, 1, -1, 0}));
  const std::vector<std::int32_t> halves = {2, 6, 10, -2, -6, -10};
  const fb::fixed_multiplier quarter = fb::make_fixed_multiplier(0.25);
  EXPECT_EQ(by_fixed<requantize_rule::fixed_up>(halves, quarter, 0), (ints{1, 2, 3, 0, -1, -2}));
  EXPECT_EQ(by_fixed<requantize_rule::fixed_away>(halves, quarter, 0), (ints{1, 2, 3, -1, -2, -3}));
  EXPECT_EQ(by_float(halves, 0.25f, 0), (ints{0, 2, 2, 0, -2, -2}));
}

TEST(Requantize, AddsTheZeroPointAndClamps) {
  const std::vector<std::int32_t> sums = {0, 100, -100, 100000, -100000, most, least};
  const ints want = {5, 15, -5, 127, -128, 127, -128};
  EXPECT_EQ(by_float(sums, 0.1f, 5), want);
  EXPECT_EQ(by_fixed<requantize_rule::fixed_up>(sums, fb::make_fixed_multiplier(0.1), 5), want);
  EXPECT_EQ(by_fixed<requantize_rule::fixed_away>(sums, fb::make_fixed_multiplier(0.1), 5), want);
  EXPECT_EQ(by_float({1, -1, 0}, std::numeric_limits<float>::infinity(), 5), (ints{127, -128, 5}));
  EXPECT_EQ(by_float({1, 0}, std::numeric_limits<float>::quiet_NaN(), 5), (ints{5, 5}));
}

TEST(Requantize, TakesAMultiplierForEachColumn) {
  const std::int32_t sums[] = {10, 10, 10, 20, 20, 20};
  const float multipliers[] = {1, 0.5f, 0.1f};
  int8 q[6] = {};
  fb::requantize<int8>(fb::matrix_view<const std::int32_t>(sums, 2, 3), multipliers, 0,
                       fb::matrix_view<int8>(q, 2, 3));
  EXPECT_EQ(ints(q, q + 6), (ints{10, 5, 1, 20, 10, 2}));
}

TEST(FixedMultiplier, IsTheNearest) {
  const auto value = [](const fb::fixed_multiplier& of) {
    return std::ldexp(static_cast<double>(of.factor), of.exponent - 31);
  };
  for (const double real : {1.0, 0.5, 0.1, 1.0 / 3, 123.456, 1e-9, 0x1.fffffffep-3, 0x1p-62}) {
    const fb::fixed_multiplier got = fb::make_fixed_multiplier(real);
    EXPECT_GE(got.factor, 1 << 30);
    EXPECT_LE(std::fabs(value(got) - real), real * 0x1p-31) << real;
  }
  // 2^31 - 1/2 rounds to 2^31, which takes the next exponent.
  EXPECT_EQ(fb::make_fixed_multiplier(0x1.ffffffffp-1).factor, 1 << 30);
  EXPECT_EQ(fb::make_fixed_multiplier(0x1.ffffffffp-1).exponent, 1);
  for (const double none : {0.0, -1.0, 1e-30, std::nan("")})
    EXPECT_EQ(fb::make_fixed_multiplier(none).factor, 0) << none;
  for (const double too_large : {0x1p31, 1e300, HUGE_VAL}) {
    EXPECT_EQ(fb::make_fixed_multiplier(too_large).factor, most);
    EXPECT_EQ(fb::make_fixed_multiplier(too_large).exponent, 30);
  }
}

int clamped(wide code) { return static_cast<int>(code < -128 ? -128 : code > 127 ? 127 : code); }

/// floor(numerator / 2^shift + 1/2).
wide half_up(wide numerator, int shift) {
  return shift == 0 ? numerator : (numerator + (wide{1} << (shift - 1))) >> shift;
}

TEST(Requantize, HasTheBitsOfWideIntegers) {
  std::uint64_t state = 3;
  for (int i = 0; i < 20000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::int32_t sum = static_cast<std::int32_t>(state >> 32) >> (state >> 27 & 31);
    if (i % 100 == 0) sum = i % 200 == 0 ? least : most;
    state = state * 6364136223846793005U + 1442695040888963407U;
    const fb::fixed_multiplier by{
        static_cast<std::int32_t>((state >> 33 & 0x3fffffff) | 0x40000000),
        static_cast<std::int32_t>(state >> 20 & 63) - 40};
    const wide product = wide{sum} * by.factor;
    ASSERT_EQ(by_fixed<requantize_rule::fixed_up>({sum}, by, 3)[0],
              clamped(half_up(product, 31 - by.exponent) + 3))
        << sum << " * " << by.factor << " * 2^" << by.exponent - 31;

    // gemmlowp: SaturatingRoundingDoublingHighMul, RoundingDivideByPOT.
    wide shifted = by.exponent > 0 ? wide{sum} << by.exponent : wide{sum};
    shifted = shifted < least ? least : shifted > most ? most : shifted;
    wide high = shifted * by.factor;
    high = (high + (high >= 0 ? wide{1} << 30 : 1 - (wide{1} << 30))) / (wide{1} << 31);
    if (by.exponent < 0) {
      const int shift = -by.exponent;
      const wide mask = (wide{1} << shift) - 1;
      const wide rest = high & mask;
      high = (high >> shift) + (rest > (mask >> 1) + (high < 0 ? 1 : 0) ? 1 : 0);
    }
    ASSERT_EQ(by_fixed<requantize_rule::fixed_away>({sum}, by, 3)[0], clamped(high + 3))
        << sum << " * " << by.factor << " * 2^" << by.exponent - 31;
  }
}

}  // namespace
