// SPDX-License-Identifier: MIT
// Matrices of quantized numbers, and how a product reads them: decoded to FP32, with the bits of
// `dequantize`.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/block_kernel.hpp>
#include <fewbits/quantize/codebook.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/ggml.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/block_span.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A matrix of codes, `matrix_view` or `packed_matrix_view`, with their `affine` or `affine_minimum`
/// parameters: the numbers that `dequantize(codes, parameters, dst)` writes.
///
/// Errors: requires parameters for as many stretches as the codes have, and zero points that are codes.
template <detail::code_matrix Codes, detail::affine_parameters Parameters>
class quantized_matrix {
  static_assert(
      std::is_same_v<
          std::remove_const_t<typename Codes::element_type>,
          typename detail::code_range<typename detail::affine_traits<Parameters>::code>::type>,
      "fewbits: the parameters are for codes of another type");

 public:
  FEWBITS_INLINE constexpr quantized_matrix(const Codes& codes, const Parameters& parameters)
      : codes_(codes), parameters_(parameters) {
    detail::check_parameters(parameters, codes.rows(), codes.cols());
  }

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return codes_.rows(); }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return codes_.cols(); }
  [[nodiscard]] FEWBITS_INLINE constexpr const Codes& codes() const { return codes_; }
  [[nodiscard]] FEWBITS_INLINE constexpr const Parameters& parameters() const {
    return parameters_;
  }

 private:
  Codes codes_;
  Parameters parameters_;
};

/// A rows x cols matrix of codes of a `codebook`, row after row without gaps, and a scale for each
/// BlockSize of them, whatever rows they are in: what `quantize(src, book, codes, scales)` writes and
/// `dequantize` reads.
///
/// Errors: requires rows * cols codes and a scale for each block.
template <std::size_t Size, class Code, std::size_t BlockSize = 64>
class codebook_matrix {
 public:
  FEWBITS_INLINE constexpr codebook_matrix(const packed_span<const Code>& codes,
                                           const codebook<Size>& book,
                                           array_view<const float> scales, std::size_t rows,
                                           std::size_t cols)
      : codes_(codes), book_(book), scales_(scales), rows_(rows), cols_(cols) {
    FEWBITS_ASSERT(
        codes.size() == rows * cols && scales.size() == detail::groups_of(rows * cols, BlockSize),
        "codebook_matrix: %zu codes and %zu scales for %zu x %zu", codes.size(), scales.size(),
        rows, cols);
  }

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr const packed_span<const Code>& codes() const {
    return codes_;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr const codebook<Size>& book() const { return book_; }
  [[nodiscard]] FEWBITS_INLINE constexpr array_view<const float> scales() const { return scales_; }

 private:
  packed_span<const Code> codes_;
  codebook<Size> book_;
  array_view<const float> scales_;
  std::size_t rows_, cols_;
};
template <packed_range Range, std::size_t Size, class Scales>
codebook_matrix(Range&&, const codebook<Size>&, Scales&&, std::size_t, std::size_t)
    -> codebook_matrix<Size, typename std::remove_cvref_t<Range>::value_type>;

/// A rows x cols matrix of ggml's blocks; each row is ggml_bytes(Format, cols) bytes.
///
/// Errors: requires rows of that size.
template <ggml_format Format>
class ggml_matrix {
 public:
  FEWBITS_INLINE constexpr ggml_matrix(array_view<const unsigned char> blocks, std::size_t rows,
                                       std::size_t cols)
      : blocks_(blocks.data()), rows_(rows), cols_(cols) {
    FEWBITS_ASSERT(blocks.size() == rows * ggml_bytes(Format, cols),
                   "ggml_matrix: %zu bytes for %zu x %zu", blocks.size(), rows, cols);
  }

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr const unsigned char* row(std::size_t i) const {
    return blocks_ + i * ggml_bytes(Format, cols_);
  }

 private:
  const unsigned char* blocks_;
  std::size_t rows_, cols_;
};

namespace detail {

/// The bits of a magnitude that multiplies all numbers of blocks; NaN for what makes all of them NaN.
template <class Format>
FEWBITS_INLINE std::uint32_t tensor_scale_bits(const block_span<Format>& blocks) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(blocks.tensor_scale()) & 0x7fffffffU;
  return bits < fp32_infinity ? bits : fp32_nan;
}

/// `count` numbers of a row from element `begin` on, as `dequantize` writes them.
template <class Matrix, isa Isa>
struct row_decoder;

/// The same for rows of blocks: `Rows` has `unit`, the elements that begin a block and a byte, and
/// decode(matrix, row, first, count, dst) for `first` a multiple of it.
template <class Matrix, class Rows>
struct block_rows {
  static void run(const Matrix& matrix, std::size_t row, std::size_t begin, float* dst,
                  std::size_t count) {
    constexpr std::size_t unit = Rows::unit;
    const std::size_t skipped = begin % unit;
    if (skipped != 0) {
      float first[unit];
      const std::size_t some = count < unit - skipped ? count : unit - skipped;
      Rows::decode(matrix, row, begin - skipped, skipped + some, first);
      __builtin_memcpy(dst, first + skipped, some * sizeof(float));
      begin += some;
      dst += some;
      count -= some;
    }
    if (count != 0) Rows::decode(matrix, row, begin, count, dst);
  }
};

template <class Codes, class Parameters, isa Isa>
struct row_decoder<quantized_matrix<Codes, Parameters>, Isa> {
  static void run(const quantized_matrix<Codes, Parameters>& matrix, std::size_t row,
                  std::size_t begin, float* dst, std::size_t count) {
    const default_control_word<Isa> control_word;
    kernel_of<Parameters, Isa>::to_floats(matrix.codes().row(row), dst, begin, begin + count, row,
                                          matrix.cols(), pointers_to(matrix.parameters()));
  }
};

template <class Format, isa Isa>
struct row_decoder<block_span<Format>, Isa> {
  using format = std::remove_const_t<Format>;
  static constexpr std::size_t size = format::block_size;
  static constexpr std::size_t width =
      static_cast<std::size_t>(packed_bits<typename format::element_type>);
  static constexpr std::size_t unit = size * width % 8 == 0 ? size : 8 * size;
  /// Elements from which on the kernel for whole rows is faster.
  static constexpr std::size_t many = 256;

  static void run(const block_span<Format>& blocks, std::size_t row, std::size_t begin, float* dst,
                  std::size_t count) {
    if constexpr (is_basic_float<typename format::element_type>)
      if (count < many) return decode_few(blocks, row, begin, dst, count);
    block_rows<block_span<Format>, row_decoder>::run(blocks, row, begin, dst, count);
  }

  FEWBITS_NOINLINE static void decode(const block_span<Format>& blocks, std::size_t row,
                                      std::size_t first, std::size_t count, float* dst) {
    block_kernel<format, scale_rule::floor, Isa>::decode(
        blocks.row_elements(row).data() + first / unit * (unit * width / 8),
        blocks.row_scales(row) + first / size, count, blocks.tensor_scale(), dst);
  }

 private:
  /// Elements converted, then multiplied block by block.
  static void decode_few(const block_span<Format>& blocks, std::size_t row, std::size_t begin,
                         float* dst, std::size_t count) {
    using ops = float_lanes<Isa>;
    constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
    unsigned char* const bytes = reinterpret_cast<unsigned char*>(dst);
    run_kernel<typename format::element_type, static_cast<int>(width), fp32, 32, cast_policy{},
               Isa>::run(blocks.row_elements(row).data(), begin, bytes, 0, count);
    const default_control_word<Isa> control_word;
    const std::uint32_t tensor = tensor_scale_bits(blocks);
    for (std::size_t i = 0; i < count;) {
      const std::size_t rest = size - (begin + i) % size;
      const std::size_t end = count - i < rest ? count : i + rest;
      const auto scale = blocks.row_scales(row)[(begin + i) / size];
      const bool is_nan = !is_finite_scale(scale) || tensor >= fp32_infinity;
      const std::uint32_t factor = bit_cast<std::uint32_t>(static_cast<float>(scale));
      const auto scaled = [&](auto with, auto x) {
        using one = decltype(with);
        x = one::multiply_floats(x, one::set(factor));
        if constexpr (format::has_tensor_scale) x = one::multiply_floats(x, one::set(tensor));
        return is_nan ? one::set(fp32_nan) : x;
      };
      for (; end - i >= lanes; i += lanes)
        ops::store32(bytes + 4 * i, scaled(ops{}, ops::load32(bytes + 4 * i)));
      for (; i < end; ++i)
        one_float::store32(bytes + 4 * i, scaled(one_float{}, one_float::load32(bytes + 4 * i)));
    }
  }
};

template <std::size_t Size, class Code, std::size_t BlockSize, isa Isa>
struct row_decoder<codebook_matrix<Size, Code, BlockSize>, Isa> {
  static void run(const codebook_matrix<Size, Code, BlockSize>& matrix, std::size_t row,
                  std::size_t begin, float* dst, std::size_t count) {
    const packed_span<const Code>& codes = matrix.codes();
    const auto decode = [&](std::size_t first, std::size_t some, float* to) {
      codebook_kernel<Size, BlockSize, packed_bits<Code>, Isa>::decode(
          matrix.book(), codes.data(), codes.offset() + first, some,
          matrix.scales().data() + first / BlockSize, to);
    };
    const std::size_t first = row * matrix.cols() + begin;
    const std::size_t rest = (BlockSize - first % BlockSize) % BlockSize;
    const std::size_t head = count < rest ? count : rest;
    if (head != 0) decode(first, head, dst);
    if (count != head) decode(first + head, count - head, dst + head);
  }
};

template <ggml_format Format, isa Isa>
struct row_decoder<ggml_matrix<Format>, Isa>
    : block_rows<ggml_matrix<Format>, row_decoder<ggml_matrix<Format>, Isa>> {
  static constexpr std::size_t unit = 32;

  FEWBITS_NOINLINE static void decode(const ggml_matrix<Format>& matrix, std::size_t row,
                                      std::size_t first, std::size_t count, float* dst) {
    ggml_kernel<Format, Isa>::decode(matrix.row(row) + first / unit * block_bytes(Format), count,
                                     dst);
  }
};

/// The source of such a matrix.
template <class Matrix>
struct decoded_source {
  static constexpr compute_kind kind = compute_kind::fp32_fma;
  Matrix matrix;

  template <class To, isa Isa>
  FEWBITS_INLINE void read(std::size_t row, std::size_t begin, To* dst, std::size_t count) const {
    if constexpr (std::is_same_v<To, float>) {
      row_decoder<Matrix, Isa>::run(matrix, row, begin, dst, count);
    } else {
      constexpr std::size_t chunk = 256;
      float numbers[chunk];
      for (std::size_t i = 0; i < count; i += chunk) {
        const std::size_t some = count - i < chunk ? count - i : chunk;
        row_decoder<Matrix, Isa>::run(matrix, row, begin + i, numbers, some);
        convert_run<cast_policy{}, Isa>(static_cast<const float*>(numbers), dst + i, some);
      }
    }
  }
  template <class To>
  FEWBITS_INLINE static constexpr std::uint32_t surplus() {
    return 0;
  }
};

template <class Matrix>
struct decoded_matrix {
  using type = decoded_source<Matrix>;
  FEWBITS_INLINE static constexpr type of(const Matrix& matrix) { return {matrix}; }
};
template <class Codes, class Parameters>
struct source_of_matrix<quantized_matrix<Codes, Parameters>>
    : decoded_matrix<quantized_matrix<Codes, Parameters>> {};
template <class Format>
struct source_of_matrix<block_span<Format>> : decoded_matrix<block_span<Format>> {};
template <std::size_t Size, class Code, std::size_t BlockSize>
struct source_of_matrix<codebook_matrix<Size, Code, BlockSize>>
    : decoded_matrix<codebook_matrix<Size, Code, BlockSize>> {};
template <ggml_format Format>
struct source_of_matrix<ggml_matrix<Format>> : decoded_matrix<ggml_matrix<Format>> {};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
