// SPDX-License-Identifier: MIT
// Quantized matrices as integers of 8 bits and an FP32 scale for each group of them along a row.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/gemm/element.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/gemm/operand_quantized.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/block_kernel.hpp>
#include <fewbits/quantize/ggml.hpp>
#include <fewbits/view/block_span.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Of a class of matrices whose numbers are integer * scale, the integers of 8 bits with their sign, for
/// groups of `group` along each row: `integers(matrix, row, begin, dst, count)` and
/// `scales(matrix, row, dst, step)`, which writes a row's scales `step` floats apart.
template <class Matrix, isa Isa>
struct group_reader;

template <class Matrix>
inline constexpr std::size_t integer_group = 0;

/// Codes of 8 bits have no room for a zero point.
template <class Codes, class Code, std::size_t Size>
  requires(!is_basic_float<Code> &&
           (code_range<Code>::bits < 8 || (code_range<Code>::bits == 8 && is_signed_code<Code>)))
inline constexpr std::size_t integer_group<quantized_matrix<Codes, affine<Code, per_group<Size>>>> =
    Size;

template <class Codes, class Code, std::size_t Size, isa Isa>
struct group_reader<quantized_matrix<Codes, affine<Code, per_group<Size>>>, Isa> {
  using matrix_type = quantized_matrix<Codes, affine<Code, per_group<Size>>>;

  static void integers(const matrix_type& matrix, std::size_t row, std::size_t begin,
                       std::int8_t* dst, std::size_t count) {
    source_of_matrix<Codes>::of(matrix.codes())
        .template read<std::int8_t, Isa>(row, begin, dst, count);
    if (matrix.parameters().zero_point.empty()) return;
    const std::int32_t* const zeros =
        matrix.parameters().zero_point.data() + per_group<Size>::index(row, 0, matrix.cols());
    for (std::size_t i = 0; i < count;) {
      const std::size_t rest = Size - (begin + i) % Size;
      const std::size_t end = count - i < rest ? count : i + rest;
      const int zero = static_cast<int>(zeros[(begin + i) / Size]);
      for (; i < end; ++i) dst[i] = static_cast<std::int8_t>(dst[i] - zero);
    }
  }
  static void scales(const matrix_type& matrix, std::size_t row, float* dst, std::size_t step) {
    const std::size_t groups = per_group<Size>::count(1, matrix.cols());
    const float* const src =
        matrix.parameters().scale.data() + per_group<Size>::index(row, 0, matrix.cols());
    for (std::size_t g = 0; g < groups; ++g) dst[g * step] = src[g];
  }
};

/// The power of two that makes all numbers of an element type integers of 8 bits; 99 if there is none.
template <class Element>
FEWBITS_INLINE constexpr int integer_shift() {
  if constexpr (is_basic_float<Element>) {
    constexpr float_format f = Element::format;
    return f.has_nan() || f.has_infinity() || f.max_exponent() - f.quantum_exponent() > 6
               ? 99
               : -f.quantum_exponent();
  } else {
    return Element::format.is_signed ? Element::format.fraction_bits : 99;
  }
}

template <class Format>
  requires(integer_shift<typename Format::element_type>() != 99)
inline constexpr std::size_t integer_group<block_span<Format>> = Format::block_size;

template <class Format, isa Isa>
struct group_reader<block_span<Format>, Isa> {
  using format = std::remove_const_t<Format>;
  using element = typename format::element_type;
  static constexpr int width = packed_bits<element>;
  static constexpr int shift = integer_shift<element>();

  static void integers(const block_span<Format>& blocks, std::size_t row, std::size_t begin,
                       std::int8_t* dst, std::size_t count) {
    const unsigned char* const elements = blocks.row_elements(row).data();
    if constexpr (is_basic_float<element>) {
      run_kernel<basic_float<scaled_format(element::format)>, width, std::int8_t, 8, cast_policy{},
                 Isa>::run(elements, begin, reinterpret_cast<unsigned char*>(dst), 0, count);
    } else {
      packed_element_source<basic_int<plain_format(element::format)>>{elements, 0, 0}
          .template read<std::int8_t, Isa>(0, begin, dst, count);
    }
  }
  static void scales(const block_span<Format>& blocks, std::size_t row, float* dst,
                     std::size_t step) {
    const default_control_word<Isa> control_word;
    const std::size_t groups = block_span<Format>::row_blocks(blocks.cols());
    const std::uint32_t tensor = tensor_scale_bits(blocks);
    for (std::size_t g = 0; g < groups; ++g) {
      const auto scale = blocks.row_scales(row)[g];
      // Of an infinite scale, as of NaN, all numbers are NaN.
      std::uint32_t bits = fp32_nan;
      if (is_finite_scale(scale) && (!format::has_tensor_scale || tensor < fp32_infinity)) {
        bits = bit_cast<std::uint32_t>(static_cast<float>(scale));
        if constexpr (format::has_tensor_scale) bits = one_float::multiply_floats(bits, tensor);
        bits = one_float::multiply_floats(bits, power_of_two_bits(-shift));
      }
      dst[g * step] = bit_cast<float>(bits);
    }
  }

 private:
  /// A format with the same codes for numbers 2^shift times as large.
  FEWBITS_INLINE static constexpr float_format scaled_format(float_format f) {
    f.bias -= shift;
    return f;
  }
  FEWBITS_INLINE static constexpr int_format plain_format(int_format f) {
    f.fraction_bits = 0;
    return f;
  }
};

template <ggml_format Format>
  requires(Format == ggml_format::q4_0 || Format == ggml_format::q8_0)
inline constexpr std::size_t integer_group<ggml_matrix<Format>> = 32;

template <ggml_format Format, isa Isa>
struct group_reader<ggml_matrix<Format>, Isa> {
  static void integers(const ggml_matrix<Format>& matrix, std::size_t row, std::size_t begin,
                       std::int8_t* dst, std::size_t count) {
    const unsigned char* const blocks = matrix.row(row);
    for (std::size_t i = 0; i < count;) {
      const unsigned char* const block = blocks + (begin + i) / 32 * block_bytes(Format) + 2;
      const std::size_t skipped = (begin + i) % 32;
      const std::size_t some = count - i < 32 - skipped ? count - i : 32 - skipped;
      if (some == 32) {
        block_integers(block, dst + i);
      } else {
        std::int8_t codes[32];
        block_integers(block, codes);
        __builtin_memcpy(dst + i, codes + skipped, some);
      }
      i += some;
    }
  }
  static void scales(const ggml_matrix<Format>& matrix, std::size_t row, float* dst,
                     std::size_t step) {
    const std::size_t groups = ggml_bytes(Format, matrix.cols()) / block_bytes(Format);
    for (std::size_t g = 0; g < groups; ++g)
      dst[g * step] = static_cast<float>(ggml_half(matrix.row(row) + g * block_bytes(Format)));
  }

 private:
  FEWBITS_INLINE static void block_integers(const unsigned char* src, std::int8_t* dst) {
    if constexpr (Format == ggml_format::q8_0) {
      __builtin_memcpy(dst, src, 32);
    } else {
      // Eight nibbles at a time; (x + 0x78) ^ 0x80 is x - 8.
      constexpr std::uint64_t nibbles = 0x0f0f0f0f0f0f0f0f, more = 0x7878787878787878,
                              top = 0x8080808080808080;
      for (std::size_t j = 0; j < 16; j += 8) {
        std::uint64_t x;
        __builtin_memcpy(&x, src + j, 8);
        const std::uint64_t low = ((x & nibbles) + more) ^ top;
        const std::uint64_t high = (((x >> 4) & nibbles) + more) ^ top;
        __builtin_memcpy(dst + j, &low, 8);
        __builtin_memcpy(dst + j + 16, &high, 8);
      }
    }
  }
};

/// The integers as packing reads them.
template <class Matrix>
struct integer_source {
  static constexpr compute_kind kind = compute_kind::int8_dot;
  Matrix matrix;

  template <class To, isa Isa>
  FEWBITS_INLINE void read(std::size_t row, std::size_t begin, To* dst, std::size_t count) const {
    static_assert(std::is_same_v<To, std::int8_t>);
    group_reader<Matrix, Isa>::integers(matrix, row, begin, dst, count);
  }
  template <class To>
  FEWBITS_INLINE static constexpr std::uint32_t surplus() {
    return 0;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
