// SPDX-License-Identifier: MIT
// Activations quantized row by row, times weights in groups: against the exact sums over what
// `quantize_absmax` and `dequantize` write. Scales of weights are powers of two, so that the sums are exact.
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;
using std::size_t;

std::uint32_t state;
std::uint32_t next_random() {
  state = state * 1664525U + 1013904223U;
  return state >> 8;
}
float random_scale() { return 0.25F * static_cast<float>(1U << next_random() % 4); }

const guard_page::buffer code_memory(1 << 18), scale_memory(1 << 17), offset_memory(1 << 17),
    activation_memory(1 << 18), packed_memory(1 << 20), workspace_memory(1 << 22);

unsigned char* random_codes(size_t bytes) {
  unsigned char* const codes = code_memory.ending(bytes);
  for (size_t i = 0; i < bytes; ++i) codes[i] = static_cast<unsigned char>(next_random());
  return codes;
}
fb::array_view<const float> random_scales(size_t count) {
  float* const scales = reinterpret_cast<float*>(scale_memory.ending(count * sizeof(float)));
  for (size_t i = 0; i < count; ++i) scales[i] = random_scale();
  return {scales, count};
}

struct weights {
  size_t n, k;
  std::vector<float> numbers;

  weights(size_t rows, size_t cols) : n(rows), k(cols), numbers(rows * cols) {}
  fb::matrix_view<float> view() { return {numbers.data(), n, k}; }
};

/// What is under test: y = x w^T for w of some class, of which `numbers` are decoded.
template <class Matrix>
void multiply(const Matrix& w, const fb::matrix_view<const float>& x,
              const fb::matrix_view<float>& y, runner::order how) {
  const size_t workspace = fb::gemm_workspace_bytes(fb::dynamic_rows(x), fb::transposed(w));
  fb::gemm(runner::executor(how), fb::dynamic_rows(x), fb::transposed(w), y, fb::identity{},
           fb::array_view<unsigned char>(workspace_memory.ending(workspace), workspace));
  if constexpr (requires { fb::dynamic_weights_bytes(fb::transposed(w)); }) {
    // Packed before, the same bits.
    const size_t bytes = fb::dynamic_weights_bytes(fb::transposed(w));
    const auto packed = fb::pack_dynamic(
        fb::transposed(w), fb::array_view<unsigned char>(packed_memory.ending(bytes), bytes));
    std::vector<float> again(y.rows() * y.cols());
    fb::gemm(runner::executor(how), fb::dynamic_rows(x), packed,
             fb::matrix_view<float>(again, y.rows(), y.cols()));
    if (!again.empty()) {
      ASSERT_EQ(std::memcmp(again.data(), y.data(), again.size() * sizeof(float)), 0);
    }
  }
}

using product = void (*)(weights& w, const fb::matrix_view<const float>& x,
                         const fb::matrix_view<float>& y, runner::order how);

template <class Codes, class Granularity, bool HasZeros>
void affine_product(weights& w, const fb::matrix_view<const float>& x,
                    const fb::matrix_view<float>& y, runner::order how) {
  // Every other time in the middle of a wider matrix.
  const size_t extra = next_random() % 2 * 4,
               count_of_codes = extra + (w.n - 1) * (w.k + extra) + w.k;
  const fb::packed_matrix_view<const Codes> codes(
      random_codes(fb::packed_bytes<Codes>(count_of_codes)), w.n, w.k, w.k + extra, extra);
  const size_t count = Granularity::count(w.n, w.k);
  std::int32_t* const zeros =
      reinterpret_cast<std::int32_t*>(offset_memory.ending(count * sizeof(std::int32_t)));
  for (size_t i = 0; i < count; ++i) zeros[i] = static_cast<std::int32_t>(next_random() % 16);
  const fb::quantized_matrix matrix(
      codes, fb::affine<Codes, Granularity>{random_scales(count), {zeros, HasZeros ? count : 0}});
  fb::dequantize(codes, matrix.parameters(), w.view());
  multiply(matrix, x, y, how);
}
template <class Granularity>
void byte_product(weights& w, const fb::matrix_view<const float>& x,
                  const fb::matrix_view<float>& y, runner::order how) {
  const fb::matrix_view<const std::int8_t> codes(
      reinterpret_cast<const std::int8_t*>(random_codes(w.n * w.k)), w.n, w.k);
  const fb::quantized_matrix matrix(
      codes, fb::affine<std::int8_t, Granularity>{random_scales(Granularity::count(w.n, w.k))});
  fb::dequantize(codes, matrix.parameters(), w.view());
  multiply(matrix, x, y, how);
}
template <class Format>
void block_product(weights& w, const fb::matrix_view<const float>& x,
                   const fb::matrix_view<float>& y, runner::order how) {
  using scale = typename Format::scale_type;
  using span = fb::block_span<Format>;
  const size_t count = w.n * span::row_blocks(w.k);
  scale* const scales = reinterpret_cast<scale*>(scale_memory.ending(count * sizeof(scale)));
  for (size_t i = 0; i < count; ++i) scales[i] = fb::convert<scale>(random_scale());
  span blocks(random_codes(w.n * span::row_bytes(w.k)), scales, w.n, w.k);
  if constexpr (Format::has_tensor_scale) blocks.set_tensor_scale(0.5F);
  fb::dequantize(blocks, w.view());
  multiply(blocks, x, y, how);
}
template <fb::ggml_format Format>
void ggml_product(weights& w, const fb::matrix_view<const float>& x,
                  const fb::matrix_view<float>& y, runner::order how) {
  const size_t bytes = fb::ggml_bytes(Format, w.k), block = fb::block_bytes(Format);
  unsigned char* const codes = random_codes(w.n * bytes);
  for (size_t i = 0; i < w.n * bytes; i += block) {
    const std::uint16_t half = fb::fp16{random_scale()}.bits();
    codes[i] = static_cast<unsigned char>(half);
    codes[i + 1] = static_cast<unsigned char>(half >> 8);
  }
  for (size_t i = 0; i < w.n; ++i)
    fb::dequantize<Format>(fb::array_view<const unsigned char>(codes + i * bytes, bytes),
                           fb::array_view<float>(w.view().row(i), w.k));
  multiply(fb::ggml_matrix<Format>({codes, w.n * bytes}, w.n, w.k), x, y, how);
}

struct row {
  const char* name;
  product run;
};
const row rows[] = {
    {"int4 per 32", affine_product<fb::int4, fb::per_group<32>, false>},
    {"uint4 per 128 with zero points", affine_product<fb::uint4, fb::per_group<128>, true>},
    {"uint4 per row with zero points", affine_product<fb::uint4, fb::per_row, true>},
    {"int2 per 64", affine_product<fb::int2, fb::per_group<64>, false>},
    {"int8 per 32", byte_product<fb::per_group<32>>},
    {"int8 per row", byte_product<fb::per_row>},
    {"mxfp4", block_product<fb::mxfp4>},
    {"mxfp6_e2m3", block_product<fb::mxfp6_e2m3>},
    {"mxint8", block_product<fb::mxint8>},
    {"nvfp4", block_product<fb::nvfp4>},
    {"q4_0", ggml_product<fb::ggml_format::q4_0>},
    {"q8_0", ggml_product<fb::ggml_format::q8_0>},
};

void expect_product(const row& of, size_t m, size_t n, size_t k, runner::order how) {
  const size_t stride = k + 2, count = (m - 1) * stride + k;
  float* const x = reinterpret_cast<float*>(activation_memory.ending(count * sizeof(float)));
  for (size_t i = 0; i < count; ++i)
    x[i] = (static_cast<float>(next_random() % 2001) - 1000) * 1e-2F;
  const fb::matrix_view<const float> activations(x, m, k, stride);
  weights w(n, k);
  std::vector<float> y(m * n, -1);
  of.run(w, activations, {y.data(), m, n}, how);

  std::vector<float> scales(m);
  std::vector<std::int8_t> codes(m * k);
  fb::quantize_absmax<std::int8_t>(activations, fb::array_view<float>(scales),
                                   fb::matrix_view<std::int8_t>(codes.data(), m, k));
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t d = 0; d < k; ++d)
        sum += static_cast<double>(codes[i * k + d]) * static_cast<double>(w.numbers[j * k + d]);
      const double want = sum * static_cast<double>(scales[i]);
      const double bound = std::abs(want) * 0x1p-22;
      ASSERT_LE(std::abs(static_cast<double>(y[i * n + j]) - want), bound)
          << of.name << ", " << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
}

TEST(DynamicRows, TimesWeightsInGroupsIsExactUpToTheScales) {
  state = 1;
  for (const row& of : rows)
    for (const size_t m : {1U, 2U, 3U, 8U, 9U, 20U})
      for (const size_t k : {0U, 1U, 31U, 33U, 200U, 2185U})
        expect_product(of, m, 67, k, runner::order::forward);
}

// At even depths all rows of 4 bits begin with a byte, and are read where they lie.
TEST(DynamicRows, AreFewOfEveryNumber) {
  state = 5;
  for (const row& of : rows)
    for (size_t m = 1; m <= 8; ++m) {
      for (const size_t k : {2U, 130U, 190U}) expect_product(of, m, 37, k, runner::order::forward);
      expect_product(of, m, 1, m % 2 == 0 ? 1090 : 33, runner::order::forward);
    }
}

TEST(DynamicRows, AreMoreThanABlockOfRows) {
  state = 3;
  expect_product(rows[0], 600, 5, 33, runner::order::forward);
}

TEST(DynamicRows, DoesNotDependOnTheExecutor) {
  for (const runner::order how :
       {runner::order::forward, runner::order::reverse, runner::order::two_threads}) {
    state = 2;
    expect_product(rows[0], 13, 200, 100, how);
    expect_product(rows[5], 13, 200, 100, how);
  }
}

TEST(DynamicRows, PropagatesTheNanOfAScale) {
  const size_t n = 40, k = 70;
  std::vector<float> x(3 * k, 1.0F), y(3 * n), scales(n * 3, 1.0F);
  scales[3 * 17 + 1] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int8_t> codes(n * k, 1);
  fb::gemm(fb::dynamic_rows(fb::matrix_view<const float>(x.data(), 3, k)),
           fb::transposed(fb::quantized_matrix(fb::matrix_view(codes, n, k),
                                               fb::affine<std::int8_t, fb::per_group<32>>{scales})),
           fb::matrix_view<float>(y.data(), 3, n), fb::scale_bias{.scale = 2.0F});
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < n; ++j) {
      if (j == 17) {
        EXPECT_TRUE(std::isnan(y[i * n + j]));
      } else {
        EXPECT_NEAR(y[i * n + j], 140.0F, 1e-4F);
      }
    }
}

TEST(DynamicRows, MakesNanOfBlocksWhoseScaleIsInfinite) {
  const std::vector<float> x(32, 1.0F);
  std::vector<float> y(1);
  std::vector<unsigned char> codes(16, 0x22);
  std::vector<fb::nvfp4::scale_type> ones(2, fb::convert<fb::nvfp4::scale_type>(1.0F));
  fb::block_span<fb::nvfp4> blocks(codes.data(), ones.data(), 1, 32);
  for (const float scale :
       {-1.0F, -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity()}) {
    blocks.set_tensor_scale(scale);
    multiply(blocks, fb::matrix_view<const float>(x.data(), 1, 32),
             fb::matrix_view<float>(y.data(), 1, 1), runner::order::forward);
    if (std::isfinite(scale)) {
      EXPECT_NEAR(y[0], 32.0F, 1e-4F);
    } else {
      EXPECT_TRUE(std::isnan(y[0]));
    }
  }
}

TEST(DynamicRows, TakesAllScalesOfBlocks) {
  const size_t n = 37, k = 256 * 32;
  state = 4;
  std::vector<unsigned char> codes(n * k / 2);
  for (unsigned char& each : codes) each = static_cast<unsigned char>(next_random());
  std::vector<fb::scale_e8m0> scales(n * k / 32);
  std::vector<float> x(2 * k), y(2 * n);
  for (size_t i = 0; i < 2 * k; ++i) x[i] = static_cast<float>(next_random() % 255) - 127;
  // Rows of one exponent each, the smallest and the largest, then rows of all; the last with NaN.
  for (size_t i = 0; i < scales.size(); ++i) {
    const size_t j = i / 256, g = i % 256;
    const size_t code = j < 16 ? j : j < 32 ? 223 + j : g;
    scales[i] = fb::scale_e8m0::from_bits(static_cast<std::uint8_t>(j < 36 && g == 255 ? 3 : code));
  }
  multiply(fb::block_span<fb::mxfp4>(codes.data(), scales.data(), n, k),
           fb::matrix_view<const float>(x.data(), 2, k), fb::matrix_view<float>(y.data(), 2, n),
           runner::order::forward);
  EXPECT_TRUE(std::isnan(y[36]) && std::isnan(y[n + 36]));
  EXPECT_NE(y[0], 0.0F);
}

#if FEWBITS_HARDENED
TEST(DynamicRowsDeathTest, PrintsShapesThatDoNotMatch) {
  const std::vector<float> x(3 * 64), scales(5 * 2);
  const std::vector<std::int8_t> codes(5 * 64);
  std::vector<float> y(3 * 6);
  const fb::matrix_view<const float> activations(x, 3, 64);
  const fb::matrix_view<const std::int8_t> view(codes.data(), 5, 64);
  using per_32 = fb::affine<std::int8_t, fb::per_group<32>>;
  const fb::quantized_matrix w(view, per_32{scales});
  EXPECT_DEATH(fb::gemm(fb::dynamic_rows(activations), fb::transposed(w),
                        fb::matrix_view<float>(y.data(), 3, 6)),
               "A is 3 x 64, B 64 x 5, C 3 x 6");
  EXPECT_DEATH((void)fb::quantized_matrix(view, per_32{{scales.data(), 9}}),
               "9 scales for 10 stretches");
  EXPECT_DEATH((void)fb::codebook_matrix(fb::packed_span<const fb::uint4>(code_memory.begin(), 320),
                                         fb::nf4, scales, 5, 64),
               "320 codes and 10 scales for 5 x 64");
  EXPECT_DEATH((void)fb::ggml_matrix<fb::ggml_format::q4_0>({code_memory.begin(), 181}, 5, 64),
               "181 bytes for 5 x 64");
  const std::vector<std::int32_t> zeros(10);
  EXPECT_DEATH(fb::gemm(fb::dynamic_rows(activations),
                        fb::transposed(fb::quantized_matrix(view, per_32{scales, zeros})),
                        fb::matrix_view<float>(y.data(), 3, 5)),
               "10 zero points of int8 weights");
}
#endif

}  // namespace
