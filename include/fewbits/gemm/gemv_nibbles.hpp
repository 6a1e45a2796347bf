// SPDX-License-Identifier: MIT
// Few rows times weights of 4 bits that share scales in groups: numbers are looked up in a register, and
// a scale multiplies a group's sum.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/gemm/operand_quantized.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Of a class of matrices whose numbers are table[code] * scale, one scale for each `group` elements of a
/// row, with two codes a byte, the first one in the low half:
///   is_usable(matrix)                    whether rows begin a byte and a group, and no zero points
///                                        are in the way
///   codes(matrix, row), fill(matrix, table)
///   scales<Isa>(matrix, row, first, count, dst)
template <class Matrix>
struct nibble_reader {
  static constexpr bool is_available = false;
};

/// One scale for a row.
inline constexpr std::size_t whole_row = std::size_t{1} << 62;

template <class Code>
FEWBITS_INLINE void fill_numbers(float (&table)[16]) {
  for (unsigned i = 0; i < 16; ++i)
    table[i] = convert<float>(Code::from_bits(static_cast<typename Code::storage_type>(i)));
}

template <class Element, class Code, class Granularity>
  requires(packed_bits<Code> == 4)
struct nibble_reader<quantized_matrix<packed_matrix_view<Element>, affine<Code, Granularity>>> {
  using matrix_type = quantized_matrix<packed_matrix_view<Element>, affine<Code, Granularity>>;
  static constexpr bool is_available = true;
  static constexpr std::size_t group =
      group_size<Granularity> != 0 ? group_size<Granularity> : whole_row;

  FEWBITS_INLINE static bool is_usable(const matrix_type& matrix) {
    const auto& codes = matrix.codes();
    return pointers_to(matrix.parameters()).zero_point == nullptr && codes.offset() % 2 == 0 &&
           (codes.stride() % 2 == 0 || codes.rows() <= 1);
  }
  FEWBITS_INLINE static const unsigned char* codes(const matrix_type& matrix, std::size_t row) {
    return matrix.codes().data() + (matrix.codes().offset() + row * matrix.codes().stride()) / 2;
  }
  FEWBITS_INLINE static void fill(const matrix_type&, float (&table)[16]) {
    fill_numbers<Code>(table);
  }
  template <isa Isa>
  FEWBITS_INLINE static void scales(const matrix_type& matrix, std::size_t row, std::size_t first,
                                    std::size_t count, float* dst) {
    const float* const src =
        pointers_to(matrix.parameters()).scale + Granularity::index(row, 0, matrix.cols()) + first;
    __builtin_memcpy(dst, src, count * sizeof(float));
  }
};

template <class Format>
  requires(packed_bits<typename std::remove_const_t<Format>::element_type> == 4)
struct nibble_reader<block_span<Format>> {
  using format = std::remove_const_t<Format>;
  using matrix_type = block_span<Format>;
  static constexpr bool is_available = true;
  static constexpr std::size_t group = format::block_size;

  FEWBITS_INLINE static bool is_usable(const matrix_type&) { return true; }
  FEWBITS_INLINE static const unsigned char* codes(const matrix_type& matrix, std::size_t row) {
    return matrix.row_elements(row).data();
  }
  FEWBITS_INLINE static void fill(const matrix_type&, float (&table)[16]) {
    fill_numbers<typename format::element_type>(table);
  }
  template <isa Isa>
  FEWBITS_INLINE static void scales(const matrix_type& matrix, std::size_t row, std::size_t first,
                                    std::size_t count, float* dst) {
    convert_run<cast_policy{}, Isa>(matrix.row_scales(row) + first, dst, count);
    if constexpr (!format::scale_type::format.has_infinity() && !format::has_tensor_scale) return;
    const float tensor = bit_cast<float>(tensor_scale_bits(matrix));
    for (std::size_t i = 0; i < count; ++i)
      dst[i] = is_finite_scale(dst[i]) ? dst[i] * tensor : bit_cast<float>(fp32_nan);
  }
};

template <class Code, std::size_t BlockSize>
  requires(packed_bits<Code> == 4)
struct nibble_reader<codebook_matrix<16, Code, BlockSize>> {
  using matrix_type = codebook_matrix<16, Code, BlockSize>;
  static constexpr bool is_available = true;
  static constexpr std::size_t group = BlockSize;

  FEWBITS_INLINE static bool is_usable(const matrix_type& matrix) {
    return matrix.codes().offset() % 2 == 0 && matrix.cols() % BlockSize == 0;
  }
  FEWBITS_INLINE static const unsigned char* codes(const matrix_type& matrix, std::size_t row) {
    return matrix.codes().data() + (matrix.codes().offset() + row * matrix.cols()) / 2;
  }
  FEWBITS_INLINE static void fill(const matrix_type& matrix, float (&table)[16]) {
    __builtin_memcpy(table, matrix.book().value, sizeof(table));
  }
  template <isa Isa>
  FEWBITS_INLINE static void scales(const matrix_type& matrix, std::size_t row, std::size_t first,
                                    std::size_t count, float* dst) {
    __builtin_memcpy(dst, matrix.scales().data() + row * matrix.cols() / BlockSize + first,
                     count * sizeof(float));
  }
};

/// The matrix of a `decoded_source`, else void.
template <class Source>
struct decoded_matrix_of {
  using type = void;
};
template <class Matrix>
struct decoded_matrix_of<decoded_source<Matrix>> {
  using type = Matrix;
};

/// Depth that a register of codes covers; 1 where there is no way to look them up.
template <class Matrix, isa Isa>
FEWBITS_INLINE constexpr std::size_t nibble_block() {
  if constexpr (nibbles<Isa>::is_available && nibble_reader<Matrix>::is_available) {
    constexpr std::size_t block = 8 * nibbles<Isa>::lanes, group = nibble_reader<Matrix>::group;
    return group % 8 == 0 && (block % group == 0 || group % block == 0) ? block : 1;
  } else {
    return 1;
  }
}

/// Dot products of rows of A with stored rows of B. Lane l of a register of codes has elements 8 l to
/// 8 l + 7 of a block, which belong to one group; so A is reordered: the elements 8 l + v of a block are
/// its vector v. Sums of eight products are made without the scales, and must be in FP32's range: see
/// `bound`.
template <class Problem, class Matrix, isa Isa>
struct nibble_kernel {
  using op = nibbles<Isa>;
  using numbers = typename op::numbers;
  using words = typename op::words;
  using reader = nibble_reader<Matrix>;
  static constexpr std::size_t lanes = op::lanes;
  static constexpr std::size_t block = 8 * lanes;
  static constexpr std::size_t group = reader::group;

  /// The bits of a power of two below which eight products of magnitudes with any numbers of the table
  /// have a finite sum; 0 if the table has infinity or NaN.
  static std::uint32_t bound(const Matrix& matrix) {
    float entries[16];
    reader::fill(matrix, entries);
    std::uint32_t exponent = 0;
    for (const float& each : entries) {
      const std::uint32_t of = bit_cast<std::uint32_t>(each) >> 23 & 0xff;
      exponent = of > exponent ? of : exponent;
    }
    if (exponent == 255) return 0;
    return (exponent < 123 ? 254U : 377U - exponent) << 23;
  }

  /// Reorders `depth` numbers, whole blocks.
  static void reorder(float* a, std::size_t depth) {
    for (std::size_t d = 0; d < depth; d += block) {
      float ordered[block];
      for (std::size_t i = 0; i < block; ++i) ordered[i % 8 * lanes + i / 8] = a[d + i];
      __builtin_memcpy(a + d, ordered, sizeof(ordered));
    }
  }

  /// Columns `begin` to `end` of C into a tile with rows of Width.
  template <std::size_t Width>
  static void columns(const Problem& p, const Matrix& matrix, std::size_t begin, std::size_t end) {
    alignas(64) float tile[8 * Width];
    {
      const default_control_word<Isa> scope;
      float entries[16];
      reader::fill(matrix, entries);
      const typename op::table table = op::load_table(entries);
      for (std::size_t j = begin; j < end; j += outputs)
        dot_products<Width>(p, matrix, table, j, end, tile + (j - begin));
    }
    p.store(p.output, tile, p.row, begin, p.m, end - begin);
  }

 private:
  static constexpr std::size_t outputs = 4;
  /// Depth whose scales are made at a time: about 4096, whole groups.
  static constexpr std::size_t run_groups = group < 4096 ? 4096 / group : 1;
  static constexpr std::size_t run = run_groups * group;
  using scale_array = float[outputs][run_groups + 16];

  template <std::size_t Width>
  static void dot_products(const Problem& p, const Matrix& matrix, const typename op::table& table,
                           std::size_t j, std::size_t end, float* dst) {
    numbers sum[8][outputs] = {};
    const unsigned char* codes[outputs];
    std::size_t rows[outputs];
    for (std::size_t q = 0; q < outputs; ++q) {
      rows[q] = j + q < end ? j + q : end - 1;
      codes[q] = reader::codes(matrix, rows[q]);
    }
    // After the end of these rows come the next ones.
    const std::size_t skip =
        outputs * static_cast<std::size_t>(codes[1] - codes[0]) - (p.k + 1) / 2;
    for (std::size_t d = 0; d < p.k; d += run) {
      const std::size_t count = p.k - d < run ? p.k - d : run;
      const std::size_t groups = (count + group - 1) / group;
      scale_array scales;
      for (std::size_t q = 0; q < outputs; ++q) {
        reader::template scales<Isa>(matrix, rows[q], d / group, groups, scales[q]);
        __builtin_memset(scales[q] + groups, 0, 16 * sizeof(float));
      }
      const std::size_t blocks = count / block;
      add_rows(p, d, codes, blocks, (p.k - d) / 2, skip, scales, table, sum);
      if (count % block != 0) {
        unsigned char padded[outputs][block / 2] = {};
        const unsigned char* last[outputs];
        for (std::size_t q = 0; q < outputs; ++q) {
          __builtin_memcpy(padded[q], codes[q] + blocks * (block / 2), (count % block + 1) / 2);
          last[q] = padded[q];
          for (std::size_t i = 0; i < 16 && blocks * block / group + i < run_groups + 16; ++i)
            scales[q][i] = scales[q][blocks * block / group + i];
        }
        add_rows(p, d + blocks * block, last, 1, 0, 0, scales, table, sum);
      }
      for (const unsigned char*& each : codes) each += count / 2;
    }
    for (std::size_t i = 0; i < p.m; ++i)
      for (std::size_t q = 0; q < outputs; ++q) {
        float x[lanes];
        __builtin_memcpy(x, &sum[i][q], sizeof(x));
        for (std::size_t half = lanes / 2; half != 0; half /= 2)
          for (std::size_t l = 0; l < half; ++l) x[l] += x[l + half];
        dst[i * Width + q] = x[0];
      }
  }

  FEWBITS_INLINE static void add_rows(const Problem& p, std::size_t d,
                                      const unsigned char* const (&codes)[outputs],
                                      std::size_t blocks, std::size_t rest, std::size_t skip,
                                      const scale_array& scales, const typename op::table& table,
                                      numbers (&sum)[8][outputs]) {
    const float* const a = p.a + d;
    std::size_t i = 0;
    for (; i + 2 <= p.m; i += 2)
      add<2>(a + i * p.depth, p.depth, codes, blocks, i == 0 ? rest : 0, skip, scales, table,
             sum + i);
    if (i < p.m)
      add<1>(a + i * p.depth, p.depth, codes, blocks, i == 0 ? rest : 0, skip, scales, table,
             sum + i);
  }

  template <std::size_t Rows>
  static void add(const float* a, std::size_t depth, const unsigned char* const (&codes)[outputs],
                  std::size_t blocks, std::size_t rest, std::size_t skip, const scale_array& scales,
                  const typename op::table& table, numbers (*dst)[outputs]) {
    words index;
    for (std::size_t l = 0; l < lanes; ++l)
      index[l] = group < block ? static_cast<std::uint32_t>(8 * l / group) : 0U;
    numbers sum[Rows][outputs];
    __builtin_memcpy(&sum, dst, sizeof(sum));
    for (std::size_t b = 0; b < blocks; ++b) {
      std::size_t ahead = b * (block / 2) + 512;
      if (ahead >= rest) ahead += skip;
      words code[outputs];
      numbers part[Rows][outputs];
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < outputs; ++q) {
        const unsigned char* const src = codes[q] + b * (block / 2);
        __builtin_memcpy(&code[q], src, sizeof(words));
        if (rest != 0)
          __builtin_prefetch(
              reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(codes[q]) + ahead));
      }
      FEWBITS_UNROLL
      for (unsigned v = 0; v < 8; ++v) {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < Rows; ++i) {
          numbers x;
          __builtin_memcpy(&x, a + i * depth + b * block + v * lanes, sizeof(x));
          FEWBITS_UNROLL
          for (std::size_t q = 0; q < outputs; ++q) {
            const numbers y = op::lookup(table, code[q] >> (4 * v));
            part[i][q] = v == 0 ? x * y : x * y + part[i][q];
          }
        }
      }
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < outputs; ++q) {
        const numbers scale = op::spread(scales[q] + b * block / group, index);
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < Rows; ++i) sum[i][q] = part[i][q] * scale + sum[i][q];
      }
    }
    __builtin_memcpy(dst, &sum, sizeof(sum));
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
