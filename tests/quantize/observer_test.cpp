// SPDX-License-Identifier: MIT
// Observers against calibration of all batches at once, and by hand.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"

namespace {

namespace fb = fewbits;
using int8 = std::int8_t;
using uint8 = std::uint8_t;
using floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class Code>
void expect_same(const fb::affine<Code>& got, const fb::affine<Code>& want) {
  EXPECT_EQ(got.scale, want.scale);
  EXPECT_EQ(got.zero_point, want.zero_point);
}

floats batch(int seed, std::size_t count, float factor) {
  floats x(count);
  for (std::size_t i = 0; i < count; ++i)
    x[i] = factor * std::sin(static_cast<float>(i * 7 + static_cast<std::size_t>(seed) * 1000));
  return x;
}
floats join(const std::vector<floats>& batches) {
  floats all;
  for (const floats& each : batches) all.insert(all.end(), each.begin(), each.end());
  return all;
}
const std::vector<floats> batches = {batch(1, 100, 0.5f),
                                     batch(2, 33, 2.0f),
                                     {not_a_number, infinity, -1, -infinity},
                                     {},
                                     batch(3, 250, 1e-3f)};

TEST(MinmaxObserver, FindsWhatCalibrationFinds) {
  const floats all = join(batches);
  for (const bool backwards : {false, true}) {
    fb::minmax_observer seen;
    for (std::size_t i = 0; i < batches.size(); ++i)
      seen.observe(batches[backwards ? batches.size() - 1 - i : i]);
    expect_same(seen.absmax<int8>(), fb::calibrate_absmax<int8>(all));
    expect_same(seen.minmax<uint8>(), fb::calibrate_minmax<uint8>(all));
    EXPECT_EQ(seen.count(), all.size());
    EXPECT_EQ(seen.skipped(), 3U);
  }
}

TEST(MinmaxObserver, DefinesNothingSeen) {
  fb::minmax_observer seen;
  expect_same(seen.absmax<int8>(), {1, 0});
  seen.observe(floats{not_a_number, infinity});
  expect_same(seen.absmax<int8>(), {1, 0});
  expect_same(seen.minmax<uint8>(), {1, 0});
  EXPECT_EQ(seen.skipped(), 2U);
}

TEST(MovingAverageObserver, MovesEachEndByItsWeight) {
  fb::moving_average_observer seen(0.25f);
  seen.observe(floats{not_a_number, infinity});  // sets nothing
  seen.observe(floats{-2, 4});
  EXPECT_EQ(seen.low(), -2);
  EXPECT_EQ(seen.high(), 4);
  seen.observe(floats{-6, 0.5f, not_a_number});
  EXPECT_EQ(seen.low(), -3);       // -2 + (-6 - -2) / 4
  EXPECT_EQ(seen.high(), 3.125f);  // 4 + (0.5 - 4) / 4
  seen.observe(floats{infinity});  // changes nothing
  seen.observe(floats{});
  EXPECT_EQ(seen.high(), 3.125f);
  seen.observe(floats{7});  // low is 0
  EXPECT_EQ(seen.low(), -2.25f);
  EXPECT_EQ(seen.high(), 4.09375f);
  EXPECT_EQ(seen.count(), 9U);
  EXPECT_EQ(seen.skipped(), 4U);
  expect_same(seen.absmax<int8>(), {4.09375f / 127, 0});
  EXPECT_EQ(seen.minmax<uint8>().scale, static_cast<float>(6.34375 / 255));
  // The first batch that has a finite element sets the range, and rounding is that of each operation.
  fb::moving_average_observer slow;
  slow.observe(floats{1});
  slow.observe(floats{2});
  EXPECT_EQ(slow.high(), 1.0f + 0.01f);
}

TEST(HistogramObserver, CountsMagnitudesInBinsOfAPowerOfTwo) {
  fb::histogram_observer<8> seen;
  seen.observe(floats{0, 0, -0.0f, not_a_number});
  EXPECT_EQ(seen.bin(0), 3U);
  expect_same(seen.absmax<int8>(), {1, 0});
  expect_same(seen.mse<int8>(), {1, 0});
  seen.observe(floats{0.5f, -0.9f, 0.124f, 0.125f, 1e-30f});  // bins of 1/8
  EXPECT_EQ(seen.lower_end(1), 0.125f);
  const std::uint64_t first[8] = {5, 1, 0, 0, 1, 0, 0, 1};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(seen.bin(i), first[i]) << i;
  seen.observe(floats{-3.99f, infinity});  // bins of 1/2
  EXPECT_EQ(seen.lower_end(1), 0.5f);
  const std::uint64_t second[8] = {6, 2, 0, 0, 0, 0, 0, 1};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(seen.bin(i), second[i]) << i;
  seen.observe(floats{4});  // a power of two begins a bin: bins of 1
  EXPECT_EQ(seen.lower_end(1), 1.0f);
  const std::uint64_t third[8] = {8, 0, 0, 1, 1, 0, 0, 0};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(seen.bin(i), third[i]) << i;
  EXPECT_EQ(seen.count(), 12U);
  EXPECT_EQ(seen.skipped(), 2U);
  EXPECT_EQ(seen.above(3), 1U);
  seen.observe(floats{std::numeric_limits<float>::max()});
  EXPECT_EQ(seen.bin(0), 10U);
  EXPECT_EQ(seen.bin(7), 1U);
}

TEST(HistogramObserver, DoesNotDependOnOrderOrCut) {
  fb::histogram_observer<256> forwards, backwards, at_once;
  for (const floats& each : batches) forwards.observe(each);
  for (std::size_t i = batches.size(); i-- > 0;) backwards.observe<fb::generic>(batches[i]);
  at_once.observe(join(batches));
  for (std::size_t i = 0; i < 256; ++i) {
    ASSERT_EQ(forwards.bin(i), at_once.bin(i));
    ASSERT_EQ(backwards.bin(i), at_once.bin(i));
  }
  expect_same(forwards.mse<int8>(), at_once.mse<int8, fb::generic>());
}

TEST(HistogramObserver, HasPercentilesToTheWidthOfABin) {
  floats x;
  for (int i = 1; i <= 1000; ++i) x.push_back(static_cast<float>(i % 2 == 0 ? i : -i));
  fb::histogram_observer<> seen;  // bins of 1/2
  seen.observe(x);
  EXPECT_EQ(seen.percentile<int8>(100).scale, 1000.0f / 127);
  EXPECT_EQ(seen.percentile<int8>(99).scale, 990.5f / 127);
  EXPECT_EQ(seen.percentile<int8>(50).scale, 500.5f / 127);
  EXPECT_EQ(seen.percentile<int8>(1e-9).scale, 1.5f / 127);
  EXPECT_EQ(seen.absmax<int8>().scale, 1000.0f / 127);
}

// Many small numbers and one large: a smaller range has less error.
TEST(HistogramObserver, MseClipsAnOutlier) {
  floats x;
  for (int i = 0; i < 20000; ++i) x.push_back(std::sin(static_cast<float>(i)));
  x.push_back(20);
  fb::histogram_observer<> seen;
  seen.observe(x);
  const float amax = seen.mse<fb::int4>().scale * 7;
  EXPECT_GT(amax, 0.9f);
  EXPECT_LT(amax, 3.0f);
  // The same for the tensor times a power of two.
  for (const float factor : {0x1p-120f, 0x1p100f}) {
    floats scaled;
    for (const float each : x) scaled.push_back(each * factor);
    fb::histogram_observer<> other;
    other.observe(scaled);
    EXPECT_EQ(other.mse<fb::int4>().scale, seen.mse<fb::int4>().scale * factor);
  }
}

// Bins narrower than the smallest float; and an environment that reads subnormal numbers as zero.
TEST(HistogramObserver, CountsSubnormalNumbers) {
  const floats x = {0x1p-149f, 3 * 0x1p-149f, -7 * 0x1p-149f};
  const floats large = {1, 3, -7};
  fb::histogram_observer<64> seen, wanted;
  seen.observe(x);
  wanted.observe(large);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(seen.bin(i), wanted.bin(i)) << i;
  EXPECT_EQ(std::ldexp(seen.lower_end(8), 100), std::ldexp(wanted.lower_end(8), -49));
}

TEST(Observers, FindSubnormalRangesInAnyEnvironment) {
  const floats x = {-1e-40f, 2e-40f, 0};
  const auto absmax = fb::calibrate_absmax<int8>(x);
  const auto minmax = fb::calibrate_minmax<uint8>(x);
  fb::minmax_observer range;
  fb::histogram_observer<256> histogram;
  fb::affine<int8> found, whole, rank, least;
  fb::affine<uint8> ends;
  {
    const environment::flush_to_zero hostile;
    range.observe(x);
    histogram.observe(x);
    found = range.absmax<int8>();
    ends = range.minmax<uint8>();
    whole = histogram.absmax<int8>();
    rank = histogram.percentile<int8>(100);
    least = histogram.mse<int8>();
  }
  expect_same(found, absmax);
  expect_same(ends, minmax);
  expect_same(whole, absmax);
  expect_same(rank, absmax);
  expect_same(least, histogram.mse<int8>());
  EXPECT_LT(least.scale, 1e-40f);
}

}  // namespace
