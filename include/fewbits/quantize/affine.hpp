// SPDX-License-Identifier: MIT
// Affine quantization: real = scale * (q - zero_point), with parameters per tensor, row or group.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/granularity.hpp>
#include <fewbits/quantize/round_integer.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Parameters of a quantized matrix whose codes are `Code`: std::int8_t, std::uint8_t or a
/// `basic_int`. One scale (and zero point) for each of `Granularity::count(rows, cols)` stretches of
/// a row, in row-major order. No zero points means that all are 0.
template <class Code, class Granularity = per_tensor>
struct affine {
  array_view<const float> scale;
  array_view<const std::int32_t> zero_point{};

  [[nodiscard]] FEWBITS_INLINE constexpr float scale_at(std::size_t index) const {
    return scale[index];
  }
  [[nodiscard]] FEWBITS_INLINE constexpr std::int32_t zero_point_at(std::size_t index) const {
    return zero_point.empty() ? 0 : zero_point[index];
  }
};

/// One scale and zero point for everything are held by value.
template <class Code>
struct affine<Code, per_tensor> {
  float scale = 1;
  std::int32_t zero_point = 0;

  [[nodiscard]] FEWBITS_INLINE constexpr float scale_at(std::size_t) const { return scale; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::int32_t zero_point_at(std::size_t) const {
    return zero_point;
  }
};

namespace detail {

/// The range of codes of `Code`.
template <class Code>
struct code_range {
  static constexpr std::int32_t lowest = static_cast<std::int32_t>(Code::format.min_code());
  static constexpr std::int32_t highest = static_cast<std::int32_t>(Code::format.max_code());
};
template <>
struct code_range<std::int8_t> {
  static constexpr std::int32_t lowest = -128, highest = 127;
};
template <>
struct code_range<std::uint8_t> {
  static constexpr std::int32_t lowest = 0, highest = 255;
};

// A row of codes is a pointer where a code has memory of its own, else a packed_span.
template <class Code>
FEWBITS_INLINE constexpr void put_code(Code* row, std::size_t j, std::int32_t code) {
  if constexpr (std::is_integral_v<Code>) {
    row[j] = static_cast<Code>(code);
  } else {
    row[j] = Code::from_code(code);
  }
}
template <class Code>
FEWBITS_INLINE constexpr void put_code(const packed_span<Code>& row, std::size_t j,
                                       std::int32_t code) {
  row.set(j, Code::from_code(code));
}

template <class Range>
FEWBITS_INLINE constexpr auto code_row(Range& range) {
  if constexpr (requires { range.offset(); }) {
    return range;
  } else {
    return range.data();
  }
}

/// The code of `x`: nearest_even(x / scale) + zero_point within the range, by a true division. The
/// quotient is clamped before it is rounded; the ends are integers, so the order does not matter and
/// no float too large for an integer is converted. NaN gives the code of zero.
template <class Code>
FEWBITS_INLINE constexpr std::int32_t quantize_one(float x, float scale, std::int32_t zero_point) {
  const float low = static_cast<float>(code_range<Code>::lowest - zero_point);
  const float high = static_cast<float>(code_range<Code>::highest - zero_point);
  const float quotient = x / scale;
  if (is_nan_code<formats::fp32>(bit_cast<std::uint32_t>(quotient))) return zero_point;
  const float clamped = quotient < low ? low : quotient > high ? high : quotient;
  return nearest_even_integer(clamped) + zero_point;
}

template <class Code, class Granularity, isa Isa>
struct affine_kernel {
  template <class Row>
  static void quantize(const float* src, std::size_t cols, std::size_t row,
                       const affine<Code, Granularity>& parameters, const Row& dst) {
    for (std::size_t begin = 0; begin < cols; begin += Granularity::length(cols)) {
      const std::size_t index = Granularity::index(row, begin, cols);
      const float scale = parameters.scale_at(index);
      const std::int32_t zero_point = parameters.zero_point_at(index);
      const std::size_t end = Granularity::end(begin, cols);
      for (std::size_t j = begin; j < end; ++j)
        put_code(dst, j, quantize_one<Code>(src[j], scale, zero_point));
    }
  }

  template <class Row>
  static void dequantize(const Row& src, std::size_t cols, std::size_t row,
                         const affine<Code, Granularity>& parameters, float* dst) {
    for (std::size_t begin = 0; begin < cols; begin += Granularity::length(cols)) {
      const std::size_t index = Granularity::index(row, begin, cols);
      const float scale = parameters.scale_at(index);
      const std::int32_t zero_point = parameters.zero_point_at(index);
      const std::size_t end = Granularity::end(begin, cols);
      for (std::size_t j = begin; j < end; ++j)
        dst[j] = scale * static_cast<float>(static_cast<std::int32_t>(src[j]) - zero_point);
    }
  }
};

template <class Code, class Granularity>
FEWBITS_INLINE constexpr void check_counts(
    [[maybe_unused]] const affine<Code, Granularity>& parameters, [[maybe_unused]] std::size_t rows,
    [[maybe_unused]] std::size_t cols) {
  if constexpr (!std::is_same_v<Granularity, per_tensor>) {
    [[maybe_unused]] const std::size_t count = Granularity::count(rows, cols);
    FEWBITS_ASSERT(parameters.scale.size() == count, "affine: %zu scales for %zu stretches",
                   parameters.scale.size(), count);
    FEWBITS_ASSERT(parameters.zero_point.empty() || parameters.zero_point.size() == count,
                   "affine: %zu zero points for %zu stretches", parameters.zero_point.size(),
                   count);
  }
}

/// A zero point is a code.
template <class Code, class Granularity>
FEWBITS_INLINE constexpr void check_parameters(
    [[maybe_unused]] const affine<Code, Granularity>& parameters, [[maybe_unused]] std::size_t rows,
    [[maybe_unused]] std::size_t cols) {
  check_counts(parameters, rows, cols);
#if FEWBITS_HARDENED
  for (std::size_t i = 0; i < Granularity::count(rows, cols); ++i) {
    const std::int32_t zero_point = parameters.zero_point_at(i);
    FEWBITS_ASSERT(
        zero_point >= code_range<Code>::lowest && zero_point <= code_range<Code>::highest,
        "affine: zero point %d is not a code", zero_point);
  }
#endif
}

/// A matrix of codes: `matrix_view<Code>` or `packed_matrix_view<Code>`.
template <class Matrix>
concept code_matrix = requires(const Matrix& matrix) {
  matrix.row(std::size_t{});
  matrix.rows();
  matrix.cols();
};

}  // namespace detail

/// Writes the codes of a matrix: q = clamp(nearest_even(x / scale) + zero_point).
///
/// Shape:    src and dst have the same rows and cols; parameters for them by their granularity.
/// Rounding: the quotient is that of a division in FP32, rounded to nearest even; then the zero point
///           is added.
/// Range:    what lies beyond it, infinities too, becomes the nearest code; NaN the code of zero.
/// Bits:     the same on every instruction set, under the default floating-point control word and
///           without -ffast-math.
/// Errors:   none at run time. Requires matching shapes and zero points that are codes.
/// Source:   ONNX QuantizeLinear.
template <isa Isa = native, class Code, class Granularity, detail::code_matrix Codes>
FEWBITS_INLINE void quantize(const matrix_view<const float>& src,
                             const affine<Code, Granularity>& parameters, const Codes& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "quantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  for (std::size_t i = 0; i < src.rows(); ++i)
    detail::affine_kernel<Code, Granularity, Isa>::quantize(src.row(i), src.cols(), i, parameters,
                                                            dst.row(i));
}

/// Writes the numbers that codes stand for: scale * (q - zero_point), one rounding in FP32.
///
/// Shape, Errors: as `quantize`.
template <isa Isa = native, class Code, class Granularity, detail::code_matrix Codes>
FEWBITS_INLINE void dequantize(const Codes& src, const affine<Code, Granularity>& parameters,
                               const matrix_view<float>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "dequantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  for (std::size_t i = 0; i < src.rows(); ++i)
    detail::affine_kernel<Code, Granularity, Isa>::dequantize(src.row(i), src.cols(), i, parameters,
                                                              dst.row(i));
}

/// The same for a tensor as one range of numbers and one of codes, or a packed_span of codes.
template <isa Isa = native, contiguous Src, class Code, class Dst>
FEWBITS_INLINE void quantize(const Src& src, const affine<Code>& parameters, Dst&& dst) {
  const std::size_t count = static_cast<std::size_t>(src.size());
  FEWBITS_ASSERT(count == static_cast<std::size_t>(dst.size()),
                 "quantize: src has %zu elements, dst %zu", count,
                 static_cast<std::size_t>(dst.size()));
  detail::check_parameters(parameters, 1, count);
  detail::affine_kernel<Code, per_tensor, Isa>::quantize(src.data(), count, 0, parameters,
                                                         detail::code_row(dst));
}
template <isa Isa = native, class Src, class Code, contiguous Dst>
FEWBITS_INLINE void dequantize(const Src& src, const affine<Code>& parameters, Dst&& dst) {
  const std::size_t count = static_cast<std::size_t>(src.size());
  FEWBITS_ASSERT(count == static_cast<std::size_t>(dst.size()),
                 "dequantize: src has %zu elements, dst %zu", count,
                 static_cast<std::size_t>(dst.size()));
  detail::check_parameters(parameters, 1, count);
  detail::affine_kernel<Code, per_tensor, Isa>::dequantize(detail::code_row(src), count, 0,
                                                           parameters, dst.data());
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
