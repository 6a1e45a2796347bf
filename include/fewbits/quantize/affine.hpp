// SPDX-License-Identifier: MIT
// Affine quantization: real = scale * (q - zero_point), with parameters per tensor, row or group.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine_kernel.hpp>
#include <fewbits/quantize/affine_rows.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/granularity.hpp>
#include <fewbits/quantize/scaled_float.hpp>
#include <fewbits/value/rounding.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Parameters of a quantized matrix whose codes are `Code`: std::int8_t, std::uint8_t, a
/// `basic_int`, or one of these `restricted`. One scale (and zero point) for each of
/// `Granularity::count(rows, cols)` stretches of a row, in row-major order. No zero points means
/// that all are 0.
///   real = scale * (q - zero_point)
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

/// The same with a number for the lowest code instead of a code for zero, which then need not be
/// exact: ggml q4_1, TensorFlow.js. As many minima as scales.
///   real = scale * (q - lowest code) + minimum, the product rounded and then the sum
template <class Code, class Granularity = per_tensor>
struct affine_minimum {
  array_view<const float> scale;
  array_view<const float> minimum;
};
template <class Code>
struct affine_minimum<Code, per_tensor> {
  float scale = 1;
  float minimum = 0;
};

namespace detail {

template <class Code, class Granularity>
FEWBITS_INLINE constexpr scales_and_offsets pointers_to(
    const affine<Code, Granularity>& parameters) {
  if constexpr (std::is_same_v<Granularity, per_tensor>) {
    return {&parameters.scale, parameters.zero_point == 0 ? nullptr : &parameters.zero_point,
            nullptr};
  } else {
    return {parameters.scale.data(),
            parameters.zero_point.empty() ? nullptr : parameters.zero_point.data(), nullptr};
  }
}
template <class Code, class Granularity>
FEWBITS_INLINE constexpr scales_and_offsets pointers_to(
    const affine_minimum<Code, Granularity>& parameters) {
  if constexpr (std::is_same_v<Granularity, per_tensor>) {
    return {&parameters.scale, nullptr, &parameters.minimum};
  } else {
    return {parameters.scale.data(), nullptr, parameters.minimum.data()};
  }
}

/// A matrix of codes: `matrix_view<Code>` or `packed_matrix_view<Code>`.
template <class Matrix>
concept code_matrix = requires(const Matrix& matrix) {
  matrix.row(std::size_t{});
  matrix.rows();
  matrix.cols();
  matrix.stride();
};

/// A tensor given as a range: a matrix of one row.
template <class Range>
FEWBITS_INLINE auto one_row(Range& range) {
  const std::size_t size = size_of(range);
  if constexpr (requires { range.offset(); }) {
    using element = typename decltype(packed_span(range))::packed_element;
    return packed_matrix_view<element>(range.data(), 1, size, size, range.offset());
  } else {
    return matrix_view(data_of(range), 1, size);
  }
}

/// A range of `float` or `fp32`, likewise.
template <contiguous Range>
FEWBITS_INLINE matrix_view<const float> row_of_floats(const Range& range) {
  return {floats_of(range), 1, size_of(range)};
}

/// `affine` and `affine_minimum`, and what they are for.
template <class Parameters>
struct affine_traits;
template <class Code, class Granularity>
struct affine_traits<affine<Code, Granularity>> {
  using code = Code;
  using granularity = Granularity;
};
template <class Code, class Granularity>
struct affine_traits<affine_minimum<Code, Granularity>> {
  using code = Code;
  using granularity = Granularity;
};
template <class Parameters>
concept affine_parameters = requires { typename affine_traits<Parameters>::code; };
template <class Parameters>
concept tensor_parameters =
    affine_parameters<Parameters> &&
    std::is_same_v<typename affine_traits<Parameters>::granularity, per_tensor>;
template <class Parameters, isa Isa>
using kernel_of = affine_kernel<typename affine_traits<Parameters>::code,
                                typename affine_traits<Parameters>::granularity, Isa>;

/// The parameters are one for each stretch, and a zero point is a code.
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
template <class Code, class Granularity>
FEWBITS_INLINE constexpr void check_counts(
    [[maybe_unused]] const affine_minimum<Code, Granularity>& parameters,
    [[maybe_unused]] std::size_t rows, [[maybe_unused]] std::size_t cols) {
  if constexpr (!std::is_same_v<Granularity, per_tensor>) {
    [[maybe_unused]] const std::size_t count = Granularity::count(rows, cols);
    FEWBITS_ASSERT(parameters.scale.size() == count && parameters.minimum.size() == count,
                   "affine_minimum: %zu scales and %zu minima for %zu stretches",
                   parameters.scale.size(), parameters.minimum.size(), count);
  }
}
template <class Parameters>
FEWBITS_INLINE constexpr void check_parameters(const Parameters& parameters, std::size_t rows,
                                               std::size_t cols) {
  check_counts(parameters, rows, cols);
#if FEWBITS_HARDENED
  using range = code_range<typename affine_traits<Parameters>::code>;
  using granularity = typename affine_traits<Parameters>::granularity;
  if constexpr (requires { parameters.zero_point_at(0); })
    for (std::size_t i = 0; i < granularity::count(rows, cols); ++i) {
      const std::int32_t zero_point = parameters.zero_point_at(i);
      FEWBITS_ASSERT(zero_point >= range::lowest && zero_point <= range::highest,
                     "affine: zero point %d is not a code", zero_point);
    }
#endif
}

/// Nearest even, and the other policies of rounding that take no random bits.
template <cast_policy Policy>
concept plain_rounding = !is_stochastic(Policy.round) && Policy.round != rounding::to_odd &&
                         Policy.over == overflow::ieee;

}  // namespace detail

/// Writes the codes of a matrix: q = clamp(round(x / scale) + zero_point); for `affine_minimum`,
/// q = clamp(round((x - minimum) / scale) + lowest code).
///
/// Shape:    src and dst have the same rows and cols; parameters for them by their granularity.
/// Rounding: the quotient is that of a division in FP32, rounded to an integer by Policy.round,
///           nearest even by default; then the zero point is added. The difference is rounded to
///           FP32 before it is divided.
/// Range:    what lies beyond it, infinities too, becomes the nearest code; NaN becomes the code of
///           zero.
/// Bits:     the same on every instruction set and whatever the floating-point control word is.
/// Errors:   none at run time. Requires matching shapes and zero points that are codes.
/// Source:   ONNX QuantizeLinear.
template <cast_policy Policy, isa Isa = native, detail::affine_parameters Parameters,
          detail::code_matrix Codes>
  requires detail::plain_rounding<Policy>
FEWBITS_INLINE void quantize(const matrix_view<const float>& src, const Parameters& parameters,
                             const Codes& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "quantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::kernel_of<Parameters, Isa>::template quantize<Policy.round>(
      src, detail::pointers_to(parameters), dst);
}
template <isa Isa = native, detail::affine_parameters Parameters, detail::code_matrix Codes>
FEWBITS_INLINE void quantize(const matrix_view<const float>& src, const Parameters& parameters,
                             const Codes& dst) {
  quantize<cast_policy{}, Isa>(src, parameters, dst);
}

/// Writes the numbers that codes stand for: scale * (q - zero_point) or scale * (q - lowest code) +
/// minimum, each operation rounded to FP32; then rounded to the class of the elements of `dst`:
/// float, fp16, bf16 or any other.
///
/// Shape, Errors: as `quantize`.
template <isa Isa = native, detail::affine_parameters Parameters, detail::code_matrix Codes,
          floating Real>
FEWBITS_INLINE void dequantize(const Codes& src, const Parameters& parameters,
                               const matrix_view<Real>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "dequantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::kernel_of<Parameters, Isa>::dequantize(src, detail::pointers_to(parameters), dst);
}

/// The same for a tensor as one range of numbers and one of codes, or a packed_span of codes.
template <cast_policy Policy, isa Isa = native, contiguous Src,
          detail::tensor_parameters Parameters, class Dst>
  requires detail::plain_rounding<Policy>
FEWBITS_INLINE void quantize(const Src& src, const Parameters& parameters, Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "quantize: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  quantize<Policy, Isa>(detail::row_of_floats(src), parameters, detail::one_row(dst));
}
template <isa Isa = native, contiguous Src, detail::tensor_parameters Parameters, class Dst>
FEWBITS_INLINE void quantize(const Src& src, const Parameters& parameters, Dst&& dst) {
  quantize<cast_policy{}, Isa>(src, parameters, dst);
}
template <isa Isa = native, class Src, detail::tensor_parameters Parameters, contiguous Dst>
FEWBITS_INLINE void dequantize(const Src& src, const Parameters& parameters, Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "dequantize: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  dequantize<Isa>(detail::one_row(src), parameters, detail::one_row(dst));
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
