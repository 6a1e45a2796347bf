// SPDX-License-Identifier: MIT
// The rotation against a matrix product in double, and what it is for.
#include <fewbits/quantize.hpp>
#include <fewbits/quantize/rotate.hpp>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using floats = std::vector<float>;

floats random_floats(random_words& random, std::size_t size) {
  floats x(size);
  for (float& v : x) v = static_cast<float>(static_cast<double>(random()) * 0x1p-63 - 1);
  return x;
}

/// Entry (i, j) of Sylvester's matrix.
int hadamard(std::size_t i, std::size_t j) { return __builtin_popcountll(i & j) % 2 == 0 ? 1 : -1; }
int sign_of(std::uint64_t seed, std::size_t column) {
  const fb::philox_block block =
      fb::philox4x32({{static_cast<std::uint32_t>(column / 128), 0, 0, 0}}, seed);
  return (block.word[column / 32 % 4] >> (column % 32) & 1) != 0 ? -1 : 1;
}

TEST(Rotate, IsTheMatrixProduct) {
  random_words random(1);
  for (std::size_t block : {1U, 2U, 4U, 8U, 16U, 64U, 128U})
    for (std::size_t size : {1U, 3U, 16U, 128U, 200U, 333U}) {
      const floats x = random_floats(random, size);
      floats y = x, generic = x;
      const std::uint64_t seed = random();
      fb::rotate(y, seed, block);
      fb::rotate<fb::generic>(generic, seed, block);
      EXPECT_EQ(y, generic);
      for (std::size_t begin = 0; begin < size;) {
        std::size_t n = block;
        while (n > size - begin) n /= 2;
        for (std::size_t i = 0; i < n; ++i) {
          double sum = 0;
          for (std::size_t j = 0; j < n; ++j)
            sum += hadamard(i, j) * sign_of(seed, begin + j) * static_cast<double>(x[begin + j]);
          ASSERT_NEAR(static_cast<double>(y[begin + i]), sum / std::sqrt(static_cast<double>(n)),
                      1e-5);
        }
        begin += n;
      }
      fb::inverse_rotate(y, seed, block);
      for (std::size_t i = 0; i < size; ++i)
        ASSERT_NEAR(static_cast<double>(y[i]), static_cast<double>(x[i]), 2e-6);
    }
}

TEST(Rotate, KeepsProducts) {
  random_words random(2);
  const std::size_t k = 300;
  floats a = random_floats(random, k), b = random_floats(random, k);
  const auto dot = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < k; ++i)
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  };
  const double before = dot();
  fb::rotate(a, 5, 64);
  fb::rotate(b, 5, 64);
  EXPECT_NEAR(dot(), before, 1e-4);
}

TEST(Rotate, HasTheSameSignsInEveryRow) {
  random_words random(3);
  const std::size_t rows = 3, cols = 70, stride = 75;
  floats x = random_floats(random, rows * stride);
  const floats before = x;
  fb::rotate(fb::matrix_view<float>(x.data(), rows, cols, stride), 9, 32);
  for (std::size_t i = 0; i < rows; ++i) {
    floats row(before.begin() + static_cast<std::ptrdiff_t>(i * stride),
               before.begin() + static_cast<std::ptrdiff_t>(i * stride + cols));
    fb::rotate(row, 9, 32);
    for (std::size_t j = 0; j < stride; ++j)
      EXPECT_EQ(x[i * stride + j], j < cols ? row[j] : before[i * stride + j]);
  }
}

TEST(Rotate, TouchesNothingBeyondItsRange) {
  const guard_page::buffer memory(4096);
  for (std::size_t size = 0; size < 150; ++size) {
    float* const x = reinterpret_cast<float*>(memory.ending(4 * size));
    for (std::size_t i = 0; i < size; ++i) x[i] = 1;
    fb::rotate(fb::array_view<float>(x, size), 1, 32);
    fb::inverse_rotate(fb::array_view<float>(x, size), 1, 32);
    for (std::size_t i = 0; i < size; ++i) EXPECT_NEAR(static_cast<double>(x[i]), 1, 1e-6);
  }
}

TEST(Rotate, IgnoresTheControlWord) {
  random_words random(4);
  const floats x = random_floats(random, 256);
  floats y = x, up = x, tiny = x, flushed;
  for (float& v : tiny) v = std::ldexp(v, -130);
  flushed = tiny;
  fb::rotate(y, 3);
  fb::rotate(tiny, 3);
  {
    const environment::rounding_direction scope(FE_UPWARD);
    fb::rotate(up, 3);
  }
  {
    const environment::flush_to_zero scope;
    fb::rotate(flushed, 3);
  }
  EXPECT_EQ(y, up);
  EXPECT_EQ(tiny, flushed);
}

TEST(Rotate, KeepsHugeBlocksFinite) {
  floats x(64, 0.0F);
  x[7] = std::numeric_limits<float>::max();
  x[8] = -std::numeric_limits<float>::max();
  fb::rotate(x, 1, 64);
  for (float v : x) EXPECT_TRUE(std::isfinite(v));
}

double sqnr_of_int4_rows(const floats& x, std::size_t rows, std::size_t cols) {
  floats scales(rows), back(x.size());
  const fb::matrix_view<const float> matrix(x.data(), rows, cols);
  const auto parameters = fb::calibrate_absmax<fb::int4, fb::per_row>(matrix, scales);
  std::vector<unsigned char> bytes(x.size() / 2);
  const fb::packed_matrix_view<fb::int4> codes{bytes.data(), rows, cols};
  fb::quantize(matrix, parameters, codes);
  fb::dequantize(fb::packed_matrix_view<const fb::int4>(codes), parameters,
                 fb::matrix_view<float>(back.data(), rows, cols));
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double a = static_cast<double>(x[i]), b = static_cast<double>(back[i]);
    signal += a * a;
    noise += (a - b) * (a - b);
  }
  return 10 * std::log10(signal / noise);
}

// A few large columns decide the scales of int4 rows; rotated, nothing stands out.
TEST(Rotate, GainsThreeDecibelsWithOutliers) {
  random_words random(5);
  const std::size_t rows = 64, cols = 512;
  floats x(rows * cols);
  for (std::size_t i = 0; i < x.size(); ++i) {
    double sum = 0;  // about normal
    for (int j = 0; j < 12; ++j) sum += static_cast<double>(random()) * 0x1p-64 - 0.5;
    x[i] = static_cast<float>(sum * (i % cols % 128 == 37 ? 20 : 1));
  }
  const double before = sqnr_of_int4_rows(x, rows, cols);
  fb::rotate(fb::matrix_view<float>(x.data(), rows, cols), 11, 128);
  const double after = sqnr_of_int4_rows(x, rows, cols);
  EXPECT_GE(after, before + 3) << before << " dB";
}

}  // namespace
