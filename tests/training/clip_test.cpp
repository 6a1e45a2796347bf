// SPDX-License-Identifier: MIT
// Clipping by the global norm: the order of the sums, the factor, special numbers.
#include <fewbits/training.hpp>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/random_words.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;

double sum_of_part(const std::vector<float>& x) {
  volatile double sum[32] = {};
  for (std::size_t i = 0; i < x.size(); ++i)
    sum[i % 32] = sum[i % 32] + static_cast<double>(x[i]) * static_cast<double>(x[i]);
  for (std::size_t half = 16; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) sum[j] = sum[j] + sum[j + half];
  return sum[0];
}

/// Part by part.
double ordered_sum(const std::vector<float>& x) {
  std::size_t part = 65536;
  while (part * 64 < x.size()) part += 65536;
  volatile double sum = 0;
  for (std::size_t begin = 0; begin < x.size(); begin += part) {
    const std::size_t end = std::min(x.size(), begin + part);
    sum = sum + sum_of_part({x.begin() + static_cast<std::ptrdiff_t>(begin),
                             x.begin() + static_cast<std::ptrdiff_t>(end)});
  }
  return sum;
}

TEST(Clip, SumsInTheDefinedOrder) {
  random_words random(1);
  std::vector<float> x;
  for (std::size_t size = 0; size < 200; ++size) {
    const double want = ordered_sum(x);
    EXPECT_EQ(fb::sum_of_squares(x), want) << size;
    EXPECT_EQ((fb::sum_of_squares<fb::generic>(x)), want) << size;
    const environment::rounding_direction up(FE_UPWARD);
    const environment::flush_to_zero flush;
    EXPECT_EQ(fb::sum_of_squares(x), want) << size;
    x.push_back(
        std::ldexp(static_cast<float>(random() >> 40), static_cast<int>(random.below(60)) - 150));
  }
}

// Up to two parts of 64 times 65536 elements, which more than one part can take.
TEST(Clip, ExecutorsChangeNothing) {
  random_words random(3);
  for (const std::size_t size : {std::size_t{65536}, std::size_t{65537}, (std::size_t{64} << 16),
                                 (std::size_t{64} << 16) + 5}) {
    std::vector<float> x(size);
    for (float& each : x) each = static_cast<float>(random() >> 40);
    const double want = ordered_sum(x);
    EXPECT_EQ(fb::sum_of_squares(x), want) << size;
    for (const runner::order how : {runner::order::reverse, runner::order::two_threads})
      EXPECT_EQ(fb::sum_of_squares(runner::executor(how), x), want) << size;
    if (size > 70000) continue;
    std::vector<float> clipped = x, by_tasks = x;
    const double norm = fb::clip_by_global_norm(1, clipped);
    EXPECT_EQ(fb::clip_by_global_norm(runner::executor(runner::order::two_threads), 1, by_tasks),
              norm);
    EXPECT_EQ(by_tasks, clipped);
    EXPECT_NE(clipped, x);
  }
}

TEST(Clip, HasOneNormInAnyEnvironment) {
  random_words random(2);
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> a = {static_cast<float>(random() >> 40), 3};
    const std::vector<float> b = {static_cast<float>(random() >> 44) / 3, 0.1f};
    const double norm = fb::global_norm(a, b);
    const environment::rounding_direction up(FE_UPWARD);
    EXPECT_EQ(fb::global_norm(a, b), norm);
  }
}

TEST(Clip, ScalesToTheNorm) {
  std::vector<float> a = {3, 0}, b = {0, -4};
  EXPECT_EQ(fb::global_norm(a, b), 5);
  EXPECT_EQ(fb::clip_by_global_norm(10, a, b), 5);
  EXPECT_EQ(a[0], 3);
  EXPECT_EQ(fb::clip_by_global_norm(1, a, b), 5);
  const float factor = static_cast<float>(1 / (5 + 1e-6));
  EXPECT_EQ(a[0], 3 * factor);
  EXPECT_EQ(b[1], -4 * factor);
}

TEST(Clip, SpecialNorms) {
  EXPECT_EQ(fb::clip_factor(0, 1), 1);
  EXPECT_EQ(fb::clip_factor(1 - 1e-6, 1 + 0x1p-23), 1);
  EXPECT_EQ(fb::clip_factor(1 - 1e-6, 1 - 0x1p-24), 1 - 0x1p-24f);
  EXPECT_EQ(fb::clip_factor(HUGE_VAL, 1), 0);
  EXPECT_TRUE(std::isnan(fb::clip_factor(std::nan(""), 1)));
  std::vector<float> none;
  EXPECT_EQ(fb::clip_by_global_norm(1, none), 0);
  std::vector<float> x = {1, HUGE_VALF};
  EXPECT_EQ(fb::clip_by_global_norm(1, x), HUGE_VAL);
  EXPECT_EQ(x[0], 0);
  EXPECT_TRUE(std::isnan(x[1]));
  x = {1, std::nanf("")};
  EXPECT_TRUE(std::isnan(fb::clip_by_global_norm(1, x)));
  EXPECT_TRUE(std::isnan(x[0]));
}

}  // namespace
