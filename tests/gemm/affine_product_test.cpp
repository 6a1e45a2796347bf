// SPDX-License-Identifier: MIT
// Products of two affine matrices are exact before they are scaled: compared by equality with sums in 64
// bits.
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using std::size_t;

std::uint32_t state;
std::uint32_t next_random() {
  state = state * 1664525U + 1013904223U;
  return state >> 8;
}

struct parameters {
  std::vector<float> scale;
  std::vector<std::int32_t> zero;
  parameters(size_t count, int lowest, int highest) : scale(count), zero(count) {
    for (float& x : scale) x = static_cast<float>(next_random() % 1000 + 1) * 1e-3F;
    for (std::int32_t& x : zero)
      x = lowest +
          static_cast<std::int32_t>(next_random() % static_cast<unsigned>(highest - lowest + 1));
  }
};

template <class Code>
std::vector<Code> random_codes(size_t count) {
  std::vector<Code> codes(count);
  for (Code& x : codes) x = static_cast<Code>(next_random());
  // The ends.
  if (count > 2) codes[0] = codes[1] = std::is_signed_v<Code> ? Code{127} : Code{0};
  return codes;
}

/// (sum (a - x)(b - y)) * b_scale * a_scale, rounded after each step.
template <class CodeA, class CodeB>
float product_of(const CodeA& a, const CodeB& b, size_t k, int x, int y, float a_scale,
                 float b_scale) {
  std::int64_t sum = 0;
  for (size_t d = 0; d < k; ++d)
    sum += std::int64_t{static_cast<int>(a(d)) - x} * (static_cast<int>(b(d)) - y);
  return static_cast<float>(sum) * b_scale * a_scale;
}

TEST(AffineProduct, OfUint8PerTensorAndInt8PerRow) {
  state = 1;
  for (const size_t m : {1U, 7U, 13U})
    for (const size_t k : {0U, 1U, 5U, 130U, 1500U}) {
      const size_t n = 67;
      const auto a = random_codes<std::uint8_t>(m * k);
      const auto b = random_codes<std::int8_t>(n * k);
      const parameters of(n, -128, 127);
      std::vector<float> c(m * n, -1), bias(n, 0.5F);
      const fb::quantized_matrix left(fb::matrix_view(a, m, k),
                                      fb::affine<std::uint8_t>{0.125F, 131});
      const fb::quantized_matrix right(fb::matrix_view(b, n, k),
                                       fb::affine<std::int8_t, fb::per_row>{of.scale, of.zero});
      fb::gemm(left, fb::transposed(right), fb::matrix_view<float>(c.data(), m, n),
               fb::scale_bias{.bias = bias} | fb::relu{});
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
          const float want = product_of([&](size_t d) { return a[i * k + d]; },
                                        [&](size_t d) { return b[j * k + d]; }, k, 131, of.zero[j],
                                        0.125F, of.scale[j]) +
                             0.5F;
          ASSERT_EQ(c[i * n + j], want < 0 ? 0.0F : want) << i << ", " << j << ", k " << k;
        }
    }
}

TEST(AffineProduct, OfInt8PerRowAndPackedUint4PerRow) {
  state = 2;
  const size_t n = 70, k = 77;
  for (const size_t m : {2U, 20U}) {
    const auto a = random_codes<std::int8_t>(m * k);
    const auto packed = random_codes<unsigned char>(fb::packed_bytes<fb::uint4>(n * k));
    const parameters rows(m, -10, 10), columns(n, 0, 15);
    const fb::packed_matrix_view<const fb::uint4> codes(packed.data(), n, k);
    std::vector<fb::fp16> c(m * n);
    fb::gemm(fb::quantized_matrix(fb::matrix_view(a, m, k),
                                  fb::affine<std::int8_t, fb::per_row>{rows.scale}),
             fb::transposed(fb::quantized_matrix(
                 codes, fb::affine<fb::uint4, fb::per_row>{columns.scale, columns.zero})),
             fb::matrix_view<fb::fp16>(c.data(), m, n));
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j)
        ASSERT_EQ(c[i * n + j],
                  fb::fp16{product_of([&](size_t d) { return a[i * k + d]; },
                                      [&](size_t d) { return static_cast<int>(codes(j, d)); }, k, 0,
                                      columns.zero[j], rows.scale[i], columns.scale[j])});
  }
}

TEST(AffineProduct, OfTensorsStoredTheOtherWay) {
  state = 3;
  const size_t m = 11, n = 35, k = 260;
  const auto a = random_codes<std::int8_t>(m * k), b = random_codes<std::int8_t>(n * k);
  std::vector<float> c(m * n);
  fb::gemm(fb::transposed(
               fb::quantized_matrix(fb::matrix_view(a, k, m), fb::affine<std::int8_t>{0.3F, -128})),
           fb::quantized_matrix(fb::matrix_view(b, k, n), fb::affine<std::int8_t>{0.7F, 127}),
           fb::matrix_view<float>(c.data(), m, n));
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j)
      ASSERT_EQ(c[i * n + j],
                product_of([&](size_t d) { return a[d * m + i]; },
                           [&](size_t d) { return b[d * n + j]; }, k, -128, 127, 0.3F, 0.7F));
}

}  // namespace
