// SPDX-License-Identifier: MIT
// Matrices of floats to and from matrices of codes: rows, stretches of a row that share a scale,
// packed codes.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine_kernel.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/granularity.hpp>
#include <fewbits/value/rounding.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Elements of a block that is converted in cache on its way to or from packed codes. All group
/// sizes that `run_groups` takes divide it.
inline constexpr std::size_t staging_block = 2048;

/// All elements of a matrix without gaps between its rows, as one row.
template <class Element>
FEWBITS_INLINE auto long_row(const matrix_view<Element>& matrix) {
  return matrix.data();
}
template <class Element>
FEWBITS_INLINE auto long_row(const packed_matrix_view<Element>& matrix) {
  return packed_span<Element>(matrix.data(), matrix.rows() * matrix.cols(), matrix.row(0).offset());
}

/// Calls `run(from, to, of)` for the parts of elements `begin` to `end` of a row that share a
/// scale.
template <class Granularity, class Run>
FEWBITS_INLINE void for_stretches(std::size_t begin, std::size_t end, std::size_t row,
                                  std::size_t cols, const scales_and_offsets& of, Run run) {
  const std::size_t length = Granularity::length(cols);
  while (begin < end) {
    const std::size_t next = (begin / length + 1) * length;
    const std::size_t stop = next < end ? next : end;
    run(begin, stop, of.from(Granularity::index(row, begin, cols)));
    begin = stop;
  }
}

/// Whether rows that follow each other in memory are one long row with the same parameters.
template <class Granularity>
FEWBITS_INLINE bool is_one_row(std::size_t cols) {
  constexpr std::size_t group = group_size<Granularity>;
  if constexpr (group != 0) return cols % group == 0;
  return std::is_same_v<Granularity, per_tensor>;
}

/// Row by row, by a `Kernel` that has `quantize_row` and `to_floats`; as one row where that is the
/// same.
template <class Kernel, class Granularity, isa Isa>
struct affine_matrix {
  template <rounding Mode, class Codes>
  static void quantize(const matrix_view<const float>& src, const scales_and_offsets& of,
                       const Codes& dst) {
    const default_control_word<Isa> control_word;
    const std::size_t rows = src.rows(), cols = src.cols();
    if (rows == 0 || cols == 0) return;
    if (is_one_row<Granularity>(cols) && src.stride() == cols && dst.stride() == cols)
      return Kernel::template quantize_row<Mode>(src.data(), long_row(dst), 0, rows * cols, of);
    for (std::size_t i = 0; i < rows; ++i)
      Kernel::template quantize_row<Mode>(src.row(i), dst.row(i), i, cols, of);
  }

  template <class Codes, class Real>
  static void dequantize(const Codes& src, const scales_and_offsets& of,
                         const matrix_view<Real>& dst) {
    const default_control_word<Isa> control_word;
    const std::size_t rows = src.rows(), cols = src.cols();
    if (rows == 0 || cols == 0) return;
    if (is_one_row<Granularity>(cols) && src.stride() == cols && dst.stride() == cols)
      return dequantize_row(long_row(src), dst.data(), 0, rows * cols, of);
    for (std::size_t i = 0; i < rows; ++i) dequantize_row(src.row(i), dst.row(i), i, cols, of);
  }

 private:
  template <class Row, class Real>
  FEWBITS_INLINE static void dequantize_row(const Row& src, Real* dst, std::size_t row,
                                            std::size_t cols, const scales_and_offsets& of) {
    if constexpr (std::is_same_v<Real, float>) {
      Kernel::to_floats(src, dst, 0, cols, row, cols, of);
    } else {
      float floats[staging_block];
      for (std::size_t begin = 0; begin < cols; begin += staging_block) {
        const std::size_t end = cols - begin < staging_block ? cols : begin + staging_block;
        Kernel::to_floats(src, floats, begin, end, row, cols, of);
        convert_run<cast_policy{}, Isa, float, Real>(floats, dst + begin, end - begin);
      }
    }
  }
};

/// What quantizing and dequantizing a matrix is made of, for the codes of one class.
template <class Code, class Granularity, isa Isa>
struct affine_kernel : affine_matrix<affine_kernel<Code, Granularity, Isa>, Granularity, Isa> {
  using element = typename code_range<Code>::type;
  using codes = byte_codes<Code, Isa>;
  static constexpr int bits = code_range<Code>::bits;
  static constexpr bool has_bytes = bits <= 8;
  static constexpr std::size_t group = group_size<Granularity>;

  /// The codes of elements `begin` to `end` of a row, as bytes.
  FEWBITS_INLINE static void to_bytes(const float* src, unsigned char* dst, std::size_t begin,
                                      std::size_t end, std::size_t row, std::size_t cols,
                                      const scales_and_offsets& of) {
    if constexpr (codes::takes_groups(group)) {
      codes::template run_groups<group>(src + begin, dst, end - begin,
                                        of.from(Granularity::index(row, begin, cols)));
    } else {
      for_stretches<Granularity>(
          begin, end, row, cols, of,
          [=](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            codes::run(src + from, dst + (from - begin), to - from, its);
          });
    }
  }
  FEWBITS_INLINE static void from_bytes(const unsigned char* src, float* dst, std::size_t begin,
                                        std::size_t end, std::size_t row, std::size_t cols,
                                        const scales_and_offsets& of) {
    if constexpr (codes::takes_groups_back(group)) {
      if (begin % group == 0)
        return codes::template run_groups_back<group>(
            src, dst, end - begin, of.from(Granularity::index(row, begin, cols)));
    }
    for_stretches<Granularity>(
        begin, end, row, cols, of,
        [=](std::size_t from, std::size_t to, const scales_and_offsets& its) {
          codes::run_back(src + (from - begin), dst + (from - begin), to - from, its);
        });
  }

  /// A row of codes from a row of floats. `Mode` other than nearest even goes one by one.
  template <rounding Mode, class Row>
  FEWBITS_INLINE static void quantize_row(const float* src, const Row& dst, std::size_t row,
                                          std::size_t cols, const scales_and_offsets& of) {
    if constexpr (Mode != rounding::nearest_even || !has_bytes) {
      for_stretches<Granularity>(
          0, cols, row, cols, of,
          [&](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            for (std::size_t j = from; j < to; ++j)
              put_code(dst, j, quantize_one<Code, Mode>(src[j], its));
          });
    } else if constexpr (has_byte_row<Code, Row>) {
      to_bytes(src, byte_row(dst), 0, cols, row, cols, of);
    } else {
      unsigned char bytes[staging_block];
      for (std::size_t begin = 0; begin < cols; begin += staging_block) {
        const std::size_t end = cols - begin < staging_block ? cols : begin + staging_block;
        to_bytes(src, bytes, begin, end, row, cols, of);
        packing<bits, Isa>::pack(bytes, dst.data(), dst.offset() + begin, end - begin);
      }
    }
  }

  /// Elements `begin` to `end` of a row of codes, as floats at `dst`.
  template <class Row>
  FEWBITS_INLINE static void to_floats(const Row& src, float* dst, std::size_t begin,
                                       std::size_t end, std::size_t row, std::size_t cols,
                                       const scales_and_offsets& of) {
    if constexpr (!has_bytes) {
      for_stretches<Granularity>(
          begin, end, row, cols, of,
          [&](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            for (std::size_t j = from; j < to; ++j)
              dst[j - begin] = dequantize_one<Code>(static_cast<std::int32_t>(src[j]), its);
          });
    } else if constexpr (has_byte_row<Code, Row>) {
      from_bytes(byte_row(src) + begin, dst, begin, end, row, cols, of);
    } else {
      unsigned char bytes[staging_block];
      for (std::size_t from = begin; from < end; from += staging_block) {
        const std::size_t to = end - from < staging_block ? end : from + staging_block;
        packing<bits, Isa>::unpack(src.data(), src.offset() + from, bytes, to - from);
        from_bytes(bytes, dst + (from - begin), from, to, row, cols, of);
      }
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
