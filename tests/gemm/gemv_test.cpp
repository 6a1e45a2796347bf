// SPDX-License-Identifier: MIT
// Products with few rows: each row is what it is alone, whatever the executor; and weights of 4 bits, which
// are looked up, against sums in double of the numbers that `dequantize` says they are.
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;
using std::size_t;

std::uint32_t next_random() {
  static std::uint32_t state = 1;
  state = state * 1664525U + 1013904223U;
  return state >> 8;
}

/// Floats of many magnitudes, integers of the whole range.
template <class Element>
std::vector<Element> random_matrix(size_t count) {
  std::vector<Element> matrix(count);
  for (Element& x : matrix) {
    if constexpr (std::is_integral_v<Element>) {
      x = static_cast<Element>(next_random());
    } else {
      x = fb::convert<Element>(std::ldexp(static_cast<float>(next_random() % 255) - 127,
                                          -static_cast<int>(next_random() % 8)));
    }
  }
  return matrix;
}

template <class Right, class Left, class Out>
void multiply(const runner::executor& executor, const Left* a, const Right& b, size_t m,
              std::vector<Out>& c) {
  c.assign(m * b.cols(), Out{});
  fb::gemm(executor, fb::matrix_view<const Left>(a, m, b.rows()), b,
           fb::matrix_view<Out>(c.data(), m, b.cols()));
}

/// Rows among others, rows alone, and tasks in another order give the same bits.
template <class Out, class Left, class Right>
void expect_independent_rows(const Right& b) {
  const std::vector<Left> a = random_matrix<Left>(8 * b.rows());
  std::vector<Out> alone, together;
  std::vector<Out> rows;
  for (size_t i = 0; i < 8; ++i) {
    multiply(runner::executor(), a.data() + i * b.rows(), b, 1, alone);
    rows.insert(rows.end(), alone.begin(), alone.end());
  }
  for (size_t m = 1; m <= 8; ++m)
    for (const auto how : {runner::order::forward, runner::order::reverse}) {
      multiply(runner::executor(how), a.data(), b, m, together);
      ASSERT_EQ(std::memcmp(together.data(), rows.data(), together.size() * sizeof(Out)), 0)
          << m << " rows of " << b.rows() << " by " << b.cols();
    }
  fb::gemm(fb::matrix_view<const Left>(a.data(), 3, b.rows()), b,
           fb::matrix_view<Out>(together.data(), 3, b.cols()));
  ASSERT_EQ(std::memcmp(together.data(), rows.data(), 3 * b.cols() * sizeof(Out)), 0)
      << "on the calling thread";
}
template <class Left, class Right, class Out>
void expect_independent_rows() {
  constexpr size_t depth = 37, many = 2048 + 70, length = 1100, few = 75;
  const std::vector<Right> rows = random_matrix<Right>(depth * many);
  expect_independent_rows<Out, Left>(fb::matrix_view<const Right>(rows.data(), depth, many));
  const std::vector<Right> columns = random_matrix<Right>(length * few);
  expect_independent_rows<Out, Left>(
      fb::transposed(fb::matrix_view<const Right>(columns.data(), few, length)));
}

TEST(FewRows, AreWhatEachIsAlone) {
  expect_independent_rows<float, float, float>();
  expect_independent_rows<double, double, double>();
  expect_independent_rows<float, fb::fp16, float>();
  expect_independent_rows<fb::bf16, fb::fp8_e4m3, float>();
  expect_independent_rows<float, std::int8_t, float>();
  expect_independent_rows<std::int8_t, std::int8_t, std::int32_t>();
  expect_independent_rows<std::uint8_t, std::uint8_t, std::int32_t>();
}

TEST(FewRows, AreWhatEachIsAloneInTheWidestTask) {
  constexpr size_t depth = 9, many = 8192 + 33;
  const std::vector<float> b = random_matrix<float>(depth * many);
  expect_independent_rows<float, float>(fb::matrix_view<const float>(b.data(), depth, many));
}

/// Every code times a number, as rows and as columns of B, in vectors with and without NaN and infinity.
template <class Element>
void check_codes() {
  std::vector<Element> ordered(256), sorted(1024);
  for (unsigned i = 0; i < 256; ++i) ordered[i] = Element::from_bits(static_cast<std::uint8_t>(i));
  for (unsigned i = 0; i < 1024; ++i) sorted[i] = ordered[i / 4];
  for (const float a : {1.0F, -3.0F, std::ldexp(1.0F, 126), std::ldexp(1.0F, -140)})
    for (const std::vector<Element>& codes : {ordered, sorted}) {
      const size_t n = codes.size();
      std::vector<float> c;
      multiply(runner::executor(), &a, fb::matrix_view<const Element>(codes.data(), 1, n), 1, c);
      // Alone in a column, and among zeros: in a whole vector, and after it.
      std::vector<float> columns_of[2];
      for (const size_t place : {5U, 65U}) {
        std::vector<Element> columns(n * 70);
        std::vector<float> row(70);
        row[place] = a;
        for (size_t j = 0; j < n; ++j) columns[j * 70 + place] = codes[j];
        multiply(runner::executor(), row.data(),
                 fb::transposed(fb::matrix_view<const Element>(columns.data(), n, 70)), 1,
                 columns_of[place / 65]);
      }
      for (size_t j = 0; j < n; ++j) {
        const float want = a * static_cast<float>(codes[j]);
        for (const float got : {c[j], columns_of[0][j], columns_of[1][j]})
          ASSERT_TRUE(got == want || (std::isnan(got) && std::isnan(want)))
              << a << " times code " << static_cast<unsigned>(codes[j].bits()) << ": " << got;
      }
    }
}

TEST(FewRows, MultiplyEveryCodeOfEightBits) {
  check_codes<fb::fp8_e4m3>();
  check_codes<fb::fp8_e5m2>();
  check_codes<fb::fp8_e4m3fnuz>();
  check_codes<fb::fp8_e4m3_ieee>();
  check_codes<fb::fp8_e3m4>();
}

// Weights of 4 bits end at a guard page, scales too.
const guard_page::buffer code_memory(1 << 18), scale_memory(1 << 18);

unsigned char* random_codes(size_t bytes) {
  unsigned char* const codes = code_memory.ending(bytes);
  for (size_t i = 0; i < bytes; ++i) codes[i] = static_cast<unsigned char>(next_random());
  return codes;
}
/// Powers of two from 1/4 to 2.
template <class Scale>
const Scale* random_scales(size_t count) {
  Scale* const scales = reinterpret_cast<Scale*>(scale_memory.ending(count * sizeof(Scale)));
  for (size_t i = 0; i < count; ++i)
    scales[i] = fb::convert<Scale>(0.25F * static_cast<float>(1U << next_random() % 4));
  return scales;
}

template <class Code, class Granularity, size_t Offset = 0>
struct affine_weights {
  static auto make(size_t rows, size_t cols) {
    const size_t stride = cols + cols % 2 + 2, count = Offset + (rows - 1) * stride + cols;
    const size_t scales = Granularity::count(rows, cols);
    return fb::quantized_matrix(
        fb::packed_matrix_view<const Code>(random_codes(fb::packed_bytes<Code>(count)), rows, cols,
                                           stride, Offset),
        fb::affine<Code, Granularity>{{random_scales<float>(scales), scales}});
  }
  template <class Matrix>
  static void decode(const Matrix& matrix, float* dst) {
    fb::dequantize(matrix.codes(), matrix.parameters(),
                   fb::matrix_view<float>(dst, matrix.rows(), matrix.cols()));
  }
};
template <class Format>
struct block_weights {
  using span = fb::block_span<const Format>;
  static auto make(size_t rows, size_t cols) {
    fb::block_span<Format> blocks(
        random_codes(rows * span::row_bytes(cols)),
        const_cast<typename Format::scale_type*>(
            random_scales<typename Format::scale_type>(rows * span::row_blocks(cols))),
        rows, cols);
    if constexpr (Format::has_tensor_scale) blocks.set_tensor_scale(-0.5F);  // its sign counts not
    return span(blocks);
  }
  static void decode(const span& matrix, float* dst) {
    fb::dequantize(matrix, fb::matrix_view<float>(dst, matrix.rows(), matrix.cols()));
  }
};
/// Integers, so that sums are exact.
template <size_t Offset>
struct codebook_weights {
  static auto make(size_t rows, size_t cols) {
    static const fb::codebook<16> book{{-9, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8}};
    const size_t scales = (rows * cols + 63) / 64;
    return fb::codebook_matrix(
        fb::packed_span<const fb::uint4>(
            random_codes(fb::packed_bytes<fb::uint4>(Offset + rows * cols)), rows * cols, Offset),
        book, fb::array_view<const float>(random_scales<float>(scales), scales), rows, cols);
  }
  template <class Matrix>
  static void decode(const Matrix& matrix, float* dst) {
    for (size_t i = 0; i < matrix.rows() * matrix.cols(); ++i)
      dst[i] = matrix.book()[static_cast<size_t>(static_cast<int>(matrix.codes()[i]))] *
               matrix.scales()[i / 64];
  }
};

template <class Weights>
void check_weights() {
  for (const size_t k : {1U, 2U, 31U, 64U, 127U, 128U, 129U, 320U, 1000U, 4096U + 192U})
    for (const size_t n : {1U, 3U, 4U, 9U, 66U}) {
      if (k > 1000 && n > 4) continue;
      const auto matrix = Weights::make(n, k);
      std::vector<float> numbers(n * k), a(8 * k);
      Weights::decode(matrix, numbers.data());
      for (float& x : a) x = static_cast<float>(static_cast<int>(next_random() % 17) - 8);
      for (const size_t m : {1U, 2U, 3U, 8U}) {
        std::vector<float> c;
        multiply(runner::executor(), a.data(), fb::transposed(matrix), m, c);
        for (size_t i = 0; i < m; ++i)
          for (size_t j = 0; j < n; ++j) {
            double want = 0;
            for (size_t l = 0; l < k; ++l)
              want += static_cast<double>(a[i * k + l]) * static_cast<double>(numbers[j * k + l]);
            ASSERT_EQ(static_cast<double>(c[i * n + j]), want)
                << "row " << i << ", column " << j << " of " << m << " x " << n << " x " << k;
          }
      }
    }
}

TEST(FewRows, LookUpWeightsOfFourBits) {
  check_weights<affine_weights<fb::int4, fb::per_group<32>>>();
  check_weights<affine_weights<fb::uint4, fb::per_group<128>>>();
  check_weights<affine_weights<fb::int4, fb::per_group<24>>>();
  check_weights<affine_weights<fb::int4, fb::per_group<192>>>();
  check_weights<affine_weights<fb::int4, fb::per_group<384>>>();
  check_weights<affine_weights<fb::int4, fb::per_group<4224>>>();
  check_weights<affine_weights<fb::int4, fb::per_row, 1>>();
  check_weights<affine_weights<fb::int4, fb::per_row>>();
  check_weights<affine_weights<fb::fp4_e2m1, fb::per_group<256>>>();
  check_weights<block_weights<fb::mxfp4>>();
  check_weights<block_weights<fb::nvfp4>>();
  check_weights<codebook_weights<0>>();
  check_weights<codebook_weights<1>>();
}

TEST(FewRows, SeeScalesThatAreNoNumbers) {
  const auto matrix = affine_weights<fb::int4, fb::per_group<32>>::make(5, 256);
  float* const scales = const_cast<float*>(matrix.parameters().scale.data());
  scales[8 + 7] = std::nanf("");
  const std::vector<float> a(256, 1);
  std::vector<float> c;
  multiply(runner::executor(), a.data(), fb::transposed(matrix), 1, c);
  for (size_t j = 0; j < 5; ++j) EXPECT_EQ(std::isnan(c[j]), j == 1);

  std::vector<unsigned char> codes(128, 0x22);
  std::vector<fb::nvfp4::scale_type> ones(16, fb::convert<fb::nvfp4::scale_type>(1.0F));
  fb::block_span<fb::nvfp4> blocks(codes.data(), ones.data(), 1, 256);
  blocks.set_tensor_scale(std::numeric_limits<float>::infinity());
  multiply(runner::executor(), a.data(), fb::transposed(blocks), 1, c);
  EXPECT_TRUE(std::isnan(c[0]));
}

TEST(FewRows, DecodeWeightsWhereLookedUpOnesWouldOverflow) {
  const size_t n = 9, k = 320;
  const auto matrix = affine_weights<fb::int4, fb::per_group<32>>::make(n, k);
  float* const scales = const_cast<float*>(matrix.parameters().scale.data());
  for (size_t i = 0; i < n * k / 32; ++i) scales[i] *= 0x1p-20F;
  std::vector<float> numbers(n * k), a = random_matrix<float>(4 * k), c, alone;
  affine_weights<fb::int4, fb::per_group<32>>::decode(matrix, numbers.data());
  for (float& x : a) x /= 3;
  for (size_t l = 0; l < k; ++l) a[k + l] = l % 3 == 0 ? -0x1p126F : 0x1p126F;
  a[3 * k - 1] = std::numeric_limits<float>::max();
  multiply(runner::executor(), a.data(), fb::transposed(matrix), 4, c);
  for (size_t i = 0; i < 4; ++i) {
    multiply(runner::executor(), a.data() + i * k, fb::transposed(matrix), 1, alone);
    ASSERT_EQ(std::memcmp(c.data() + i * n, alone.data(), n * sizeof(float)), 0) << "row " << i;
  }
  for (size_t j = 0; j < n; ++j) {
    double want = 0;
    for (size_t l = 0; l < k; ++l)
      want += static_cast<double>(a[k + l]) * static_cast<double>(numbers[j * k + l]);
    EXPECT_EQ(static_cast<double>(c[n + j]), want);
    EXPECT_TRUE(std::isfinite(c[2 * n + j]));
  }
}

}  // namespace
