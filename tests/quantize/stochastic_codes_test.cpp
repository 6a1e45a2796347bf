// SPDX-License-Identifier: MIT
// Codes by stochastic rounding: word by word, and on average.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using int8 = std::int8_t;
using floats = std::vector<float>;

/// Away from zero where the fraction, in units of 2^-32 to nearest even, plus the word reaches 2^32.
int code_of(float x, float scale, int zero_point, int lowest, int highest, std::uint32_t word) {
  volatile float rounded = x / scale;
  const double quotient = static_cast<double>(rounded);
  if (std::isnan(quotient)) return zero_point;
  if (std::fabs(quotient) > 1e6) return quotient < 0 ? lowest : highest;
  const double magnitude = std::fabs(quotient), whole = std::floor(magnitude);
  const double units = std::nearbyint((magnitude - whole) * 0x1p32);
  const double up = whole + (units + static_cast<double>(word) >= 0x1p32 ? 1 : 0);
  const double code = (quotient < 0 ? -up : up) + zero_point;
  return static_cast<int>(code < lowest ? lowest : code > highest ? highest : code);
}

TEST(StochasticCodes, TakeTheWordsOfTheirElements) {
  for (const std::uint64_t offset : {0ULL, 1ULL, 3ULL, 1000002ULL, 0xfffffffffffffff0ULL})
    for (const std::size_t cols : {1U, 7U, 64U, 130U, 1500U}) {
      const std::size_t rows = 3;
      const fb::philox random{42, offset};
      floats x(rows * cols), scales(fb::per_group<32>::count(rows, cols));
      for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = std::sin(static_cast<float>(i)) * (i % 50 == 0 ? 1e9f : 20.0f);
      if (x.size() > 5) x[5] = std::numeric_limits<float>::quiet_NaN();
      if (x.size() > 6) x[6] = -std::numeric_limits<float>::infinity();
      for (std::size_t i = 0; i < scales.size(); ++i)
        scales[i] = 0.3f + 0.01f * static_cast<float>(i % 40);
      const fb::affine<fb::int4, fb::per_group<32>> parameters{.scale = scales};
      const fb::matrix_view<const float> src(x.data(), rows, cols);
      std::vector<unsigned char> bytes(x.size());
      const fb::packed_matrix_view<fb::int4> packed(bytes.data(), rows, cols);
      std::vector<fb::int4> plain(x.size());
      fb::quantize<fb::stochastic>(src, parameters, packed, random);
      fb::quantize<fb::stochastic, fb::generic>(
          src, parameters, fb::matrix_view<fb::int4>(plain.data(), rows, cols), random);
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < cols; ++j) {
          const std::size_t at = i * cols + j;
          const int want = code_of(x[at], scales[fb::per_group<32>::index(i, j, cols)], 0, -8, 7,
                                   random.word(at));
          ASSERT_EQ(static_cast<int>(packed.row(i)[j]), want) << at << " of " << cols;
          ASSERT_EQ(static_cast<int>(plain[at]), want);
        }
    }
}

TEST(StochasticCodes, AreExactOnAverage) {
  const std::size_t count = 1 << 16;
  const floats x(count, 2.3f);
  std::vector<int8> q(count);
  fb::quantize<fb::stochastic>(x, fb::affine<int8>{1, 10}, q, fb::philox{7});
  double sum = 0;
  for (const int8 each : q) {
    ASSERT_TRUE(each == 12 || each == 13);
    sum += each;
  }
  // Six standard deviations of a mean of that many.
  EXPECT_NEAR(sum / static_cast<double>(count), 12.3,
              6 * std::sqrt(0.21 / static_cast<double>(count)));
}

}  // namespace
