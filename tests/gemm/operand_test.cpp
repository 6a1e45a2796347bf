// SPDX-License-Identifier: MIT
// Operands that are stored in few bits, as A and as B, by rows and transposed, against sums in double of
// the numbers that `dequantize` says they are. A row of the table for each class of operands.
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

namespace {

namespace fb = fewbits;
using std::size_t;

std::uint32_t state;
std::uint32_t next_random() {
  state = state * 1664525U + 1013904223U;
  return state >> 8;
}

/// Where operands are: each part ends at a guard page.
const guard_page::buffer code_memory(1 << 16), scale_memory(1 << 16), offset_memory(1 << 16);
bool is_wild;  // scales of NaN and infinity among others

unsigned char* random_codes(size_t bytes, unsigned mask = 0xff) {
  unsigned char* const codes = code_memory.ending(bytes);
  for (size_t i = 0; i < bytes; ++i) codes[i] = static_cast<unsigned char>(next_random() & mask);
  return codes;
}
/// Powers of two from 1/4 to 2.
float random_scale() {
  if (is_wild && next_random() % 8 == 0)
    return next_random() % 2 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                  : -std::numeric_limits<float>::infinity();
  return 0.25F * static_cast<float>(1U << next_random() % 4);
}
fb::array_view<const float> random_scales(size_t count) {
  float* const scales = reinterpret_cast<float*>(scale_memory.ending(count * sizeof(float)));
  for (size_t i = 0; i < count; ++i) scales[i] = random_scale();
  return {scales, count};
}
fb::array_view<const std::int32_t> random_zeros(size_t count, unsigned codes) {
  std::int32_t* const zeros =
      reinterpret_cast<std::int32_t*>(offset_memory.ending(count * sizeof(std::int32_t)));
  for (size_t i = 0; i < count; ++i) zeros[i] = static_cast<std::int32_t>(next_random() % codes);
  return {zeros, count};
}

// Each maker fills the memory for a matrix and views it. `unit` divides all of its numbers.

/// Rows begin anywhere, or with a byte.
template <class Element, bool BeginsBytes = false>
struct packed {
  static constexpr double unit = 0.0625;
  static auto make(size_t rows, size_t cols) {
    const size_t stride = BeginsBytes ? (cols + 3) / 2 * 2 : cols + 3;
    const size_t offset = BeginsBytes ? 2 : 1;
    const size_t count = rows == 0 ? 0 : offset + (rows - 1) * stride + cols;
    return fb::packed_matrix_view<const Element>(random_codes(fb::packed_bytes<Element>(count)),
                                                 rows, cols, stride, offset);
  }
};
template <class Element>
struct in_bytes {
  static constexpr double unit = 1;
  static auto make(size_t rows, size_t cols) {
    const size_t stride = cols + 1, count = rows == 0 ? 0 : (rows - 1) * stride + cols;
    constexpr unsigned mask = (1U << fb::packed_bits<Element>)-1;
    return fb::matrix_view<const Element>(
        reinterpret_cast<const Element*>(random_codes(count, mask)), rows, cols, stride);
  }
};
template <class Granularity>
struct affine_bytes {
  static constexpr double unit = 0.25;
  static auto make(size_t rows, size_t cols) {
    const size_t stride = cols + 5, count = rows == 0 ? 0 : (rows - 1) * stride + cols;
    const fb::matrix_view<const std::int8_t> codes(
        reinterpret_cast<const std::int8_t*>(random_codes(count)), rows, cols, stride);
    if constexpr (std::is_same_v<Granularity, fb::per_tensor>) {
      return fb::quantized_matrix(codes, fb::affine<std::int8_t>{random_scale(), -3});
    } else {
      return fb::quantized_matrix(codes, fb::affine<std::int8_t, Granularity>{
                                             random_scales(Granularity::count(rows, cols))});
    }
  }
};
template <class Granularity, bool BeginsBytes = false>
struct affine_nibbles {
  static constexpr double unit = 0.25;
  static auto make(size_t rows, size_t cols) {
    const auto codes = packed<fb::uint4, BeginsBytes>::make(rows, cols);
    const size_t count = Granularity::count(rows, cols);
    return fb::quantized_matrix(
        codes, fb::affine<fb::uint4, Granularity>{random_scales(count), random_zeros(count, 16)});
  }
};
struct affine_floats {
  static constexpr double unit = 0x1p-12;
  static auto make(size_t rows, size_t cols) {
    const fb::matrix_view<const fb::fp8_e4m3> codes(
        reinterpret_cast<const fb::fp8_e4m3*>(random_codes(rows * cols, 0xbf)), rows, cols);
    return fb::quantized_matrix(codes, fb::affine<fb::fp8_e4m3, fb::per_row>{random_scales(rows)});
  }
};
template <bool BeginsBytes>
struct minima {
  static constexpr double unit = 0.25;
  static auto make(size_t rows, size_t cols) {
    const auto codes = packed<fb::uint4, BeginsBytes>::make(rows, cols);
    const size_t count = fb::per_group<32>::count(rows, cols);
    float* const minimum = reinterpret_cast<float*>(offset_memory.ending(count * sizeof(float)));
    for (size_t i = 0; i < count; ++i) minimum[i] = random_scale() - 1;
    return fb::quantized_matrix(codes, fb::affine_minimum<fb::uint4, fb::per_group<32>>{
                                           random_scales(count), {minimum, count}});
  }
};
template <class Format>
struct blocks {
  using scale = typename Format::scale_type;
  using span = fb::block_span<const Format>;
  static constexpr double unit = 0x1p-20;
  static auto make(size_t rows, size_t cols) {
    constexpr bool is_byte = fb::packed_bits<typename Format::element_type> == 8;
    const size_t count = rows * span::row_blocks(cols);
    scale* const scales = reinterpret_cast<scale*>(scale_memory.ending(count * sizeof(scale)));
    for (size_t i = 0; i < count; ++i) scales[i] = fb::convert<scale>(random_scale());
    fb::block_span<Format> blocks(random_codes(rows * span::row_bytes(cols), is_byte ? 0xbf : 0xff),
                                  scales, rows, cols);
    if constexpr (Format::has_tensor_scale) blocks.set_tensor_scale(0.5F);
    return span(blocks);
  }
};
struct normal_floats {
  static constexpr double unit = 0;
  static auto make(size_t rows, size_t cols) {
    const size_t count = rows * cols;
    const fb::packed_span<const fb::uint4> codes(
        random_codes(fb::packed_bytes<fb::uint4>(count + 2)), count, 2);
    return fb::codebook_matrix(codes, fb::nf4, random_scales((count + 63) / 64), rows, cols);
  }
};
template <fb::ggml_format Format>
struct ggml {
  static constexpr double unit = 0x1p-4;
  static auto make(size_t rows, size_t cols) {
    const size_t bytes = rows * fb::ggml_bytes(Format, cols), block = fb::block_bytes(Format);
    unsigned char* const codes = random_codes(bytes);
    for (size_t i = 0; i < bytes; i += block) {
      const std::uint16_t half = fb::fp16{random_scale()}.bits();
      codes[i] = static_cast<unsigned char>(half);
      codes[i + 1] = static_cast<unsigned char>(half >> 8);
      if (Format == fb::ggml_format::mx_fp4)
        codes[i] = static_cast<unsigned char>(124 + next_random() % 4);
      if (Format == fb::ggml_format::q4_1) {
        codes[i + 2] = 0;
        codes[i + 3] = 0x3c;
      }
    }
    return fb::ggml_matrix<Format>({codes, bytes}, rows, cols);
  }
};

template <class View>
std::vector<double> numbers_of(const View& view) {
  std::vector<double> numbers;
  for (size_t i = 0; i < view.rows(); ++i)
    for (size_t j = 0; j < view.cols(); ++j) numbers.push_back(static_cast<double>(view(i, j)));
  return numbers;
}
std::vector<double> as_doubles(const std::vector<float>& floats) {
  return {floats.begin(), floats.end()};
}
template <class Codes, class Parameters>
std::vector<double> numbers_of(const fb::quantized_matrix<Codes, Parameters>& matrix) {
  std::vector<float> floats(matrix.rows() * matrix.cols());
  fb::dequantize(matrix.codes(), matrix.parameters(),
                 fb::matrix_view<float>(floats, matrix.rows(), matrix.cols()));
  return as_doubles(floats);
}
template <class Format>
std::vector<double> numbers_of(const fb::block_span<Format>& matrix) {
  std::vector<float> floats(matrix.size());
  fb::dequantize(matrix, fb::matrix_view<float>(floats, matrix.rows(), matrix.cols()));
  return as_doubles(floats);
}
template <size_t Size, class Code>
std::vector<double> numbers_of(const fb::codebook_matrix<Size, Code>& matrix) {
  std::vector<float> floats(matrix.rows() * matrix.cols());
  fb::dequantize(matrix.codes(), matrix.book(), matrix.scales(), floats);
  return as_doubles(floats);
}
template <fb::ggml_format Format>
std::vector<double> numbers_of(const fb::ggml_matrix<Format>& matrix) {
  std::vector<float> floats(matrix.rows() * matrix.cols());
  for (size_t i = 0; i < matrix.rows(); ++i)
    fb::dequantize<Format>(
        fb::array_view<const unsigned char>(matrix.row(i), fb::ggml_bytes(Format, matrix.cols())),
        fb::array_view<float>(floats.data() + i * matrix.cols(), matrix.cols()));
  return as_doubles(floats);
}

enum class place : unsigned char { a, a_transposed, b, b_transposed };
constexpr place places[] = {place::a, place::a_transposed, place::b, place::b_transposed};

struct shape {
  size_t m, n, k;
};
struct product {
  std::vector<double> numbers;  // of the operand as it is stored
  std::vector<double> c;        // m x n
};

template <class Element>
std::vector<Element> elements_of(const std::vector<int>& integers) {
  std::vector<Element> result;
  for (const int x : integers) result.push_back(fb::convert<Element>(x));
  return result;
}

/// The operand of that shape and place times `other`, whose elements are of type `Other`.
template <class Maker, class Other, class Out, bool IsEverywhere>
product multiply(place where, const shape& of, const std::vector<int>& integers) {
  const bool is_a = where == place::a || where == place::a_transposed;
  const size_t rows = where == place::a ? of.m : where == place::b_transposed ? of.n : of.k;
  const size_t cols = where == place::a_transposed ? of.m : where == place::b ? of.n : of.k;
  const auto operand = Maker::make(rows, cols);
  const std::vector<Other> other = elements_of<Other>(integers);
  const fb::matrix_view<const Other> plain(other, is_a ? of.k : of.m, is_a ? of.n : of.k);
  std::vector<Out> c(of.m * (of.n + 2), Out{77});
  const fb::matrix_view<Out> result(c.data(), of.m, of.n, of.n + 2);
  switch (where) {
    case place::a:
      if constexpr (IsEverywhere) fb::gemm(operand, plain, result);
      break;
    case place::a_transposed:
      if constexpr (IsEverywhere) fb::gemm(fb::transposed(operand), plain, result);
      break;
    case place::b:
      if constexpr (IsEverywhere) fb::gemm(plain, operand, result);
      break;
    case place::b_transposed:
      fb::gemm(plain, fb::transposed(operand), result);
      break;
  }
  std::vector<double> got;
  for (size_t i = 0; i < of.m; ++i) {
    for (size_t j = 0; j < of.n; ++j) got.push_back(static_cast<double>(result(i, j)));
    EXPECT_EQ(c[i * (of.n + 2) + of.n], Out{77});
  }
  return {numbers_of(operand), got};
}

/// Elements that `read` writes, from any element on, are those of the whole row.
template <class Maker>
void read_pieces(size_t rows, size_t cols) {
  const auto operand = Maker::make(rows, cols);
  const std::vector<double> numbers = numbers_of(operand);
  using traits = fb::detail::matrix_traits<std::remove_const_t<decltype(operand)>>;
  const auto source = traits::source(operand);
  for (size_t begin = 0; begin < cols; begin += begin < 70 ? 1 : 41)
    for (const size_t length : {1U, 7U, 63U, 64U, 65U, 200U, 300U}) {
      const size_t count = length < cols - begin ? length : cols - begin;
      std::vector<float> got(count + 1, -77.0F);
      source.template read<float, fb::native>(rows - 1, begin, got.data(), count);
      for (size_t i = 0; i < count; ++i) {
        const double want = numbers[(rows - 1) * cols + begin + i];
        ASSERT_TRUE(static_cast<double>(got[i]) == want) << begin << " + " << i << " of " << count;
      }
      ASSERT_EQ(got[count], -77.0F);
    }
}

struct operand {
  const char* name;
  double unit;
  bool is_everywhere;
  product (*multiply)(place where, const shape& of, const std::vector<int>& integers);
  void (*read_pieces)(size_t rows, size_t cols);
};
/// As B by its rows: weights.
template <class Maker, class Other, class Out = float, bool IsEverywhere = false>
constexpr operand row(const char* name) {
  return {name, Maker::unit, IsEverywhere, multiply<Maker, Other, Out, IsEverywhere>,
          read_pieces<Maker>};
}
/// Only read: a product takes it by the same source as others of the table.
template <class Maker>
constexpr operand read_only(const char* name) {
  return {name, Maker::unit, false, nullptr, read_pieces<Maker>};
}
/// Also the other way round: sources differ in nothing else.
template <class Maker, class Other, class Out = float>
constexpr operand everywhere(const char* name) {
  return row<Maker, Other, Out, true>(name);
}

const operand operands[] = {
    everywhere<packed<fb::int4>, std::int8_t, std::int32_t>("int4 by int8"),
    row<packed<fb::uint4>, std::int8_t, std::int32_t>("uint4 by int8"),
    row<packed<fb::int2>, std::uint8_t, std::int32_t>("int2 by uint8"),
    row<packed<fb::uint2>, std::uint8_t, std::int32_t>("uint2 by uint8"),
    row<in_bytes<fb::int4>, std::int8_t, std::int32_t>("int4 in bytes by int8"),
    row<packed<fb::int4>, float>("int4 by float"),
    row<packed<fb::fp4_e2m1>, fb::bf16>("fp4_e2m1 by bf16"),
    row<packed<fb::fp6_e2m3>, fb::bf16>("fp6_e2m3 by bf16"),
    row<packed<fb::fp6_e3m2>, float>("fp6_e3m2 by float"),
    row<affine_bytes<fb::per_tensor>, float>("affine int8 per tensor"),
    read_only<affine_bytes<fb::per_row>>("affine int8 per row"),
    row<affine_bytes<fb::per_group<48>>, float>("affine int8 per 48"),
    read_only<affine_nibbles<fb::per_row>>("affine uint4 per row"),
    everywhere<affine_nibbles<fb::per_group<32>>, float>("affine uint4 per 32"),
    row<affine_nibbles<fb::per_group<128>>, double>("affine uint4 per 128 by double"),
    row<affine_floats, fb::bf16>("affine fp8_e4m3 per row"),
    row<affine_nibbles<fb::per_row, true>, float>("affine uint4 in whole bytes per row"),
    row<affine_nibbles<fb::per_group<32>, true>, float>("affine uint4 in whole bytes per 32"),
    row<affine_nibbles<fb::per_group<128>, true>, float>("affine uint4 in whole bytes per 128"),
    row<minima<false>, float>("uint4 with minima per 32"),
    row<minima<true>, float>("uint4 in whole bytes with minima per 32"),
    row<blocks<fb::mxfp8_e4m3>, float>("mxfp8_e4m3"),
    read_only<blocks<fb::mxfp8_e5m2>>("mxfp8_e5m2"),
    read_only<blocks<fb::mxfp6_e2m3>>("mxfp6_e2m3"),
    read_only<blocks<fb::mxfp6_e3m2>>("mxfp6_e3m2"),
    everywhere<blocks<fb::mxfp4>, fb::bf16>("mxfp4"),
    read_only<blocks<fb::mxint8>>("mxint8"),
    row<blocks<fb::nvfp4>, float>("nvfp4"),
    row<blocks<fb::block_scaled<fb::fp4_e2m1, fb::bf16, 32>>, float>("fp4_e2m1 by bf16 per 32"),
    row<normal_floats, float>("nf4"),
    everywhere<ggml<fb::ggml_format::q4_0>, float>("q4_0"),
    read_only<ggml<fb::ggml_format::q4_1>>("q4_1"),
    row<ggml<fb::ggml_format::q8_0>, float>("q8_0"),
    read_only<ggml<fb::ggml_format::mx_fp4>>("ggml mxfp4"),
};

/// `where` names one of the operands, `other` has the elements of the other one.
void expect_product(const operand& of, place where, const shape& s) {
  if (of.multiply == nullptr) return;
  const bool is_a = where == place::a || where == place::a_transposed;
  std::vector<int> other((is_a ? s.n : s.m) * s.k);
  const bool is_unsigned = std::strstr(of.name, "by uint8") != nullptr;
  for (int& x : other) x = static_cast<int>(next_random() % 9) - (is_unsigned ? 0 : 4);
  const product got = of.multiply(where, s, other);
  const auto number = [&](size_t along, size_t d) {
    switch (where) {
      case place::a:
      case place::b_transposed:
        return got.numbers[along * s.k + d];
      default:
        return got.numbers[d * (is_a ? s.m : s.n) + along];
    }
  };
  for (size_t i = 0; i < s.m; ++i)
    for (size_t j = 0; j < s.n; ++j) {
      double sum = 0, magnitude = 0;
      for (size_t d = 0; d < s.k; ++d) {
        const double x = number(is_a ? i : j, d) * (is_a ? other[d * s.n + j] : other[i * s.k + d]);
        sum += x;
        magnitude += std::abs(x);
      }
      const double c = got.c[i * s.n + j];
      const auto text = [&] {
        return std::string(of.name) + ", place " + std::to_string(static_cast<int>(where)) + ", " +
               std::to_string(s.m) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k) +
               " at " + std::to_string(i) + ", " + std::to_string(j);
      };
      if (!std::isfinite(sum)) {
        ASSERT_TRUE(std::isnan(sum) ? std::isnan(c) : c == sum) << text() << ": " << c;
      } else {
        const double bound =
            magnitude < of.unit * 0x1p24 ? 0 : magnitude * static_cast<double>(s.k) * 0x1p-24;
        ASSERT_LE(std::abs(c - sum), bound) << text() << ": " << c << " is not " << sum;
      }
    }
}

TEST(GemmOperand, IsMultipliedAtBothSidesAndTransposed) {
  state = 1;
  for (const operand& of : operands)
    for (const place where : places) {
      if (!of.is_everywhere && where != place::b_transposed) continue;
      for (const shape& s : {shape{1, 1, 0}, shape{1, 1, 1}, shape{3, 5, 7}, shape{7, 67, 33},
                             shape{13, 66, 129}, shape{9, 65, 192}, shape{9, 2, 300}})
        expect_product(of, where, s);
    }
}

TEST(GemmOperand, PropagatesNanAndInfinity) {
  state = 2;
  is_wild = true;
  for (const operand& of : operands)
    for (const place where : {place::a, place::b_transposed})
      if (of.is_everywhere || where == place::b_transposed)
        for (const size_t m : {3U, 10U}) expect_product(of, where, {m, 67, 131});
  is_wild = false;
}

TEST(GemmOperand, IsRoundedToAFormatByName) {
  state = 4;
  std::vector<float> x(9 * 70), w(5 * 70), y(9 * 5);
  for (float& each : x) each = static_cast<float>(next_random() % 2001) / 128 - 8;
  for (float& each : w) each = static_cast<float>(next_random() % 7) - 3;
  // Also where rows are few.
  for (const size_t m : {2U, 9U}) {
    fb::gemm(fb::rounded_to<fb::bf16>(fb::matrix_view<const float>(x.data(), m, 70)),
             fb::rounded_to<fb::bf16>(fb::transposed(fb::matrix_view<const float>(w, 5, 70))),
             fb::matrix_view<float>(y.data(), m, 5));
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < 5; ++j) {
        float sum = 0;
        for (size_t d = 0; d < 70; ++d)
          sum += static_cast<float>(fb::bf16{x[i * 70 + d]}) * w[j * 70 + d];
        ASSERT_EQ(y[i * 5 + j], sum);
      }
  }
}

TEST(GemmOperand, IsReadFromAnyElementOn) {
  state = 3;
  for (const operand& of : operands) {
    SCOPED_TRACE(of.name);
    of.read_pieces(2, 333);
  }
}

}  // namespace
