// SPDX-License-Identifier: MIT
// Panels of FP32 from rows of 4-bit codes under scales: codes are transposed eight at a time, before they
// are decoded, and then a vector has one code of each of its rows.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/gemm/operand_quantized.hpp>
#include <fewbits/gemm/pack.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/block_kernel.hpp>
#include <fewbits/quantize/codebook.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/ggml.hpp>
#include <fewbits/view/block_span.hpp>
#include <fewbits/view/packed_matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What a group of a row makes of the entries of its table: (entry - zero) * scale + minimum, of which
/// what a class of matrices does not have is left out.
struct nibble_terms {
  float scale, zero, minimum;
};

/// 8-element words of rows without gaps: element 8 w + i is nibble i of word w.
struct nibbles_in_order {
  static constexpr std::size_t longest = 64;
  FEWBITS_INLINE static constexpr std::size_t depth(std::size_t word, std::size_t nibble) {
    return 8 * word + nibble;
  }
};

/// Of matrices of 4-bit codes: `group`, elements that share terms (0: a row); `has_zero`, `has_minimum` and
/// `has_factor`, one for all numbers; whether each row begins a byte; where `longest` elements of a row
/// are, in which order, and their terms; the number of each code.
template <class Matrix>
struct nibble_rows {
  static constexpr bool are_any = false;
};

template <class Element, class Parameters>
  requires(packed_bits<std::remove_const_t<Element>> == 4 &&
           is_basic_int<std::remove_const_t<Element>>)
struct nibble_rows<quantized_matrix<packed_matrix_view<Element>, Parameters>> : nibbles_in_order {
  using matrix_type = quantized_matrix<packed_matrix_view<Element>, Parameters>;
  using code = std::remove_const_t<Element>;
  using granularity = typename affine_traits<Parameters>::granularity;
  static constexpr bool are_any = true;
  static constexpr std::size_t group = group_size<granularity>;
  static constexpr bool has_minimum = requires(const Parameters& of) { of.minimum; };
  static constexpr bool has_zero = !has_minimum, has_factor = false;

  FEWBITS_INLINE static bool begin_bytes(const matrix_type& matrix) {
    return matrix.codes().stride() % 2 == 0 && matrix.codes().offset() % 2 == 0;
  }
  FEWBITS_INLINE static const unsigned char* bytes(const matrix_type& matrix, std::size_t row,
                                                   std::size_t begin) {
    const packed_matrix_view<Element>& codes = matrix.codes();
    return codes.data() + (codes.offset() + row * codes.stride() + begin) / 2;
  }
  FEWBITS_INLINE static nibble_terms terms(const matrix_type& matrix, std::size_t row,
                                           std::size_t begin) {
    const scales_and_offsets of =
        pointers_to(matrix.parameters()).from(granularity::index(row, begin, matrix.cols()));
    return {*of.scale, of.zero_point == nullptr ? 0 : static_cast<float>(*of.zero_point),
            of.minimum == nullptr ? 0 : *of.minimum};
  }
  FEWBITS_INLINE static float number(const matrix_type&, unsigned code_bits) {
    const std::int32_t x = code::from_bits(static_cast<typename code::storage_type>(code_bits));
    constexpr std::int32_t lowest = code_range<typename affine_traits<Parameters>::code>::lowest;
    return static_cast<float>(has_minimum ? x - lowest : x);
  }
};

template <class Format>
  requires(packed_bits<typename Format::element_type> == 4 && Format::block_size % 2 == 0 &&
           is_basic_float<typename Format::element_type>)
struct nibble_rows<block_span<Format>> : nibbles_in_order {
  using element = typename Format::element_type;
  static constexpr bool are_any = true;
  static constexpr std::size_t group = Format::block_size;
  static constexpr bool has_zero = false, has_minimum = false;
  static constexpr bool has_factor = Format::has_tensor_scale;

  FEWBITS_INLINE static std::uint32_t factor(const block_span<Format>& matrix) {
    const std::uint32_t bits = bit_cast<std::uint32_t>(matrix.tensor_scale()) & 0x7fffffffU;
    return bits < fp32_infinity ? bits : fp32_nan;
  }

  FEWBITS_INLINE static bool begin_bytes(const block_span<Format>&) { return true; }
  FEWBITS_INLINE static const unsigned char* bytes(const block_span<Format>& matrix,
                                                   std::size_t row, std::size_t begin) {
    return matrix.row_elements(row).data() + begin / 2;
  }
  FEWBITS_INLINE static nibble_terms terms(const block_span<Format>& matrix, std::size_t row,
                                           std::size_t begin) {
    const auto scale = matrix.row_scales(row)[begin / group];
    return {is_finite_scale(scale) ? static_cast<float>(scale) : bit_cast<float>(fp32_nan), 0, 0};
  }
  FEWBITS_INLINE static float number(const block_span<Format>&, unsigned code) {
    return static_cast<float>(
        element::from_bits(static_cast<typename element::storage_type>(code)));
  }
};

template <std::size_t Size, class Code, std::size_t BlockSize>
  requires(packed_bits<Code> == 4)
struct nibble_rows<codebook_matrix<Size, Code, BlockSize>> : nibbles_in_order {
  using matrix_type = codebook_matrix<Size, Code, BlockSize>;
  static constexpr bool are_any = true;
  static constexpr std::size_t group = BlockSize;
  static constexpr bool has_zero = false, has_minimum = false, has_factor = false;

  FEWBITS_INLINE static bool begin_bytes(const matrix_type& matrix) {
    return matrix.cols() % BlockSize == 0 && matrix.cols() % 2 == 0 &&
           matrix.codes().offset() % 2 == 0;
  }
  FEWBITS_INLINE static const unsigned char* bytes(const matrix_type& matrix, std::size_t row,
                                                   std::size_t begin) {
    return matrix.codes().data() + (matrix.codes().offset() + row * matrix.cols() + begin) / 2;
  }
  FEWBITS_INLINE static nibble_terms terms(const matrix_type& matrix, std::size_t row,
                                           std::size_t begin) {
    return {matrix.scales()[(row * matrix.cols() + begin) / BlockSize], 0, 0};
  }
  FEWBITS_INLINE static float number(const matrix_type& matrix, unsigned code) {
    return matrix.book()[code % Size];
  }
};

/// A block at a time, whose last 16 bytes are four words: the low nibbles of word w are elements from 4 w
/// on, the high ones 16 more.
template <ggml_format Format>
  requires(Format == ggml_format::q4_0 || Format == ggml_format::q4_1)
struct nibble_rows<ggml_matrix<Format>> {
  static constexpr bool are_any = true;
  static constexpr std::size_t group = 32, longest = 32;
  static constexpr bool has_zero = false, has_factor = false;
  static constexpr bool has_minimum = Format == ggml_format::q4_1;

  FEWBITS_INLINE static constexpr std::size_t depth(std::size_t word, std::size_t nibble) {
    return 4 * word + nibble / 2 + nibble % 2 * 16;
  }
  FEWBITS_INLINE static bool begin_bytes(const ggml_matrix<Format>&) { return true; }
  FEWBITS_INLINE static const unsigned char* block(const ggml_matrix<Format>& matrix,
                                                   std::size_t row, std::size_t begin) {
    return matrix.row(row) + begin / 32 * block_bytes(Format);
  }
  FEWBITS_INLINE static const unsigned char* bytes(const ggml_matrix<Format>& matrix,
                                                   std::size_t row, std::size_t begin) {
    return block(matrix, row, begin) + block_bytes(Format) - 16;
  }
  FEWBITS_INLINE static nibble_terms terms(const ggml_matrix<Format>& matrix, std::size_t row,
                                           std::size_t begin) {
    const unsigned char* const src = block(matrix, row, begin);
    return {static_cast<float>(ggml_half(src)), 0,
            has_minimum ? static_cast<float>(ggml_half(src + 2)) : 0};
  }
  FEWBITS_INLINE static float number(const ggml_matrix<Format>&, unsigned code) {
    const int zero = Format == ggml_format::q4_0 ? 8 : 0;
    return static_cast<float>(static_cast<int>(code) - zero);
  }
};

template <isa Isa>
concept has_lookup16 = requires(const std::uint32_t (&table)[16], typename vec<Isa>::u32 x) {
  vec<Isa>::lookup16(table, x);
};

/// See `lane_reader`. Rows in steps of `longest` elements, then 32.
template <class Matrix, std::size_t Width, isa Isa>
  requires(nibble_rows<Matrix>::are_any && has_lookup16<Isa> &&
           Width % static_cast<std::size_t>(vec<Isa>::lanes) == 0 && Width % 4 == 0)
struct lane_reader<decoded_source<Matrix>, Width, Isa> {
  using rows = nibble_rows<Matrix>;
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr std::size_t longest = rows::longest, shortest = 32;
  /// Elements of a step that share terms.
  static constexpr std::size_t period =
      rows::group == 0 || rows::group > longest ? longest : rows::group;
  static constexpr bool has_whole_steps =
      period % 8 == 0 && longest % period == 0 && (rows::group % longest == 0 || period < longest);

  static std::size_t run(const decoded_source<Matrix>& source, std::size_t row, std::size_t begin,
                         std::size_t count, float* dst) {
    if constexpr (has_whole_steps) {
      const Matrix& matrix = source.matrix;
      if (!rows::begin_bytes(matrix) || (rows::group != 0 && begin % period != 0)) return 0;
      const default_control_word<Isa> control_word;
      std::uint32_t table[16];
      for (unsigned code = 0; code < 16; ++code)
        table[code] = bit_cast<std::uint32_t>(rows::number(matrix, code));
      std::size_t done = 0;
      for (; count - done >= longest; done += longest, dst += longest * Width)
        step<longest>(matrix, table, row, begin + done, dst);
      for (; period <= shortest && count - done >= shortest;
           done += shortest, dst += shortest * Width)
        step<shortest>(matrix, table, row, begin + done, dst);
      return done;
    } else {
      return 0;
    }
  }

 private:
  template <std::size_t Depth>
  FEWBITS_INLINE static void step(const Matrix& matrix, const std::uint32_t (&table)[16],
                                  std::size_t row, std::size_t begin, float* dst) {
    constexpr std::size_t words = Depth / 8;
    constexpr std::size_t shared = period < Depth ? period : Depth;
    alignas(64) std::uint32_t codes[words][Width];
    for (std::size_t l = 0; l < Width; l += 4) {
      const unsigned char* const four[4] = {
          rows::bytes(matrix, row + l, begin), rows::bytes(matrix, row + l + 1, begin),
          rows::bytes(matrix, row + l + 2, begin), rows::bytes(matrix, row + l + 3, begin)};
      unit_transpose<Isa>::four_rows(four, 0, Width, words,
                                     reinterpret_cast<unsigned char*>(&codes[0][l]));
    }
    u32 factor = ops::set(0);
    if constexpr (rows::has_factor) factor = ops::set(rows::factor(matrix));
    for (std::size_t d = 0; d < Depth; d += shared) {
      alignas(64) float scale[Width], zero[rows::has_zero ? Width : 1],
          minimum[rows::has_minimum ? Width : 1];
      for (std::size_t l = 0; l < Width; ++l) {
        const nibble_terms of = rows::terms(matrix, row + l, begin + d);
        scale[l] = of.scale;
        if constexpr (rows::has_zero) zero[l] = of.zero;
        if constexpr (rows::has_minimum) minimum[l] = of.minimum;
      }
      for (std::size_t w = d / 8; w < (d + shared) / 8; ++w)
        for (std::size_t l = 0; l < Width; l += lanes)
          decode<7>(table, load(codes[w] + l), load(scale + l), at<rows::has_zero>(zero, l),
                    at<rows::has_minimum>(minimum, l), factor, w, dst + l);
    }
  }

  template <class Value>
  FEWBITS_INLINE static u32 load(const Value* src) {
    return ops::load32(reinterpret_cast<const unsigned char*>(src));
  }

  template <bool IsThere>
  FEWBITS_INLINE static u32 at(const float* values, std::size_t lane) {
    if constexpr (IsThere) {
      return load(values + lane);
    } else {
      return ops::set(0);
    }
  }

  /// Codes 0 to `Index` of each lane of word `word`.
  template <int Index>
  FEWBITS_INLINE static void decode(const std::uint32_t (&table)[16], u32 codes, u32 scale,
                                    u32 zero, u32 minimum, u32 factor, std::size_t word,
                                    float* dst) {
    if constexpr (Index > 0)
      decode<Index - 1>(table, codes, scale, zero, minimum, factor, word, dst);
    u32 x = ops::lookup16(table, ops::template shift_right<4 * Index>(codes));
    if constexpr (rows::has_zero) x = ops::add_nearest(x, ops::xor_(zero, ops::set(0x80000000U)));
    x = ops::multiply_nearest(x, scale);
    if constexpr (rows::has_factor) x = ops::multiply_nearest(x, factor);
    if constexpr (rows::has_minimum) x = ops::add_nearest(x, minimum);
    ops::store32(reinterpret_cast<unsigned char*>(dst + rows::depth(word, Index) * Width), x);
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
