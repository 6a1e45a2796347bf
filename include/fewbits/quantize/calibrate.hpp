// SPDX-License-Identifier: MIT
// Calibration: quantization parameters from data.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/granularity.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// No default member initialisers: clang 14 would leave a constructor behind at -O0.
struct value_range {
  float low;   // at most 0
  float high;  // at least 0
};

template <isa Isa>
struct calibration_kernel {
  /// The range of the finite values and of 0.
  static value_range range_of(const float* src, std::size_t count) {
    // On codes, which order like magnitudes: compilers vectorise a maximum of integers, not of floats.
    // Masks instead of selects: g++ 12 turns a select into a branch and vectorises nothing.
    std::int32_t low = 0;
    std::int32_t high = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int32_t code = bit_cast<std::int32_t>(src[i]);
      const std::int32_t magnitude = code & 0x7fffffff;
      const std::int32_t finite = magnitude & ((magnitude - 0x7f800000) >> 31);
      const std::int32_t negative = finite & (code >> 31);
      const std::int32_t positive = finite & ~(code >> 31);
      low = negative > low ? negative : low;
      high = positive > high ? positive : high;
    }
    value_range range{0, 0};
    if (low != 0) range.low = -bit_cast<float>(low);
    if (high != 0) range.high = bit_cast<float>(high);
    return range;
  }
};

template <isa Isa>
FEWBITS_INLINE value_range range_of_matrix(const matrix_view<const float>& src) {
  value_range range{0, 0};
  for (std::size_t i = 0; i < src.rows(); ++i) {
    const value_range row = calibration_kernel<Isa>::range_of(src.row(i), src.cols());
    range.low = row.low < range.low ? row.low : range.low;
    range.high = row.high > range.high ? row.high : range.high;
  }
  return range;
}

/// The smallest positive float, so that a tiny tensor keeps a scale that can be divided by.
inline constexpr float smallest_scale = 0x1p-149f;

/// `scale`, lowered where a code `steps` from zero would stand for more than the largest float, so
/// that finite data come back finite.
FEWBITS_INLINE constexpr float finite_scale(float scale, std::int32_t steps) {
  constexpr double largest = static_cast<double>(__FLT_MAX__);
  if (static_cast<double>(scale) * steps <= largest) return scale;
  const float bound = static_cast<float>(largest / steps);
  if (static_cast<double>(bound) * steps <= largest) return bound;
  return bit_cast<float>(bit_cast<std::uint32_t>(bound) - 1);
}

/// Scale for codes -highest..highest; 1 where all values are zero.
template <class Code>
FEWBITS_INLINE constexpr float absmax_scale(const value_range& range) {
  const float amax = -range.low > range.high ? -range.low : range.high;
  if (amax == 0.0f) return 1;
  const float scale = amax / static_cast<float>(code_range<Code>::highest);
  return scale > 0.0f ? finite_scale(scale, code_range<Code>::highest) : smallest_scale;
}

/// Scale and zero point that send the ends of the range to the ends of the codes. The width is taken
/// in double: in float it may be infinite.
template <class Code>
FEWBITS_INLINE constexpr affine<Code> minmax_parameters(const value_range& range) {
  constexpr std::int32_t lowest = code_range<Code>::lowest;
  constexpr std::int32_t highest = code_range<Code>::highest;
  const double width = static_cast<double>(range.high) - static_cast<double>(range.low);
  if (width == 0.0) return {1, lowest};
  float scale = static_cast<float>(width / (highest - lowest));
  if (scale == 0.0f) scale = smallest_scale;
  const std::int32_t shifted = lowest - nearest_even_integer(range.low / scale);
  const std::int32_t zero_point = shifted > highest ? highest : shifted;
  const std::int32_t below = zero_point - lowest;
  const std::int32_t above = highest - zero_point;
  return {finite_scale(scale, below > above ? below : above), zero_point};
}

}  // namespace detail

/// Parameters without zero point: scale = amax / largest code, amax the largest finite magnitude.
///
/// Data:   NaN and infinities are skipped. All zero or empty: scale 1.
/// Scale:  the quotient in FP32, at least 2^-149 and small enough that the end codes are finite; else
///         unchanged, so a tensor times a power of two keeps its codes (down to subnormal scales).
/// Errors: none.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_absmax(const Src& src) {
  const auto range =
      detail::calibration_kernel<Isa>::range_of(src.data(), static_cast<std::size_t>(src.size()));
  return {detail::absmax_scale<Code>(range), 0};
}

/// Parameters that map the range of the finite values, extended to hold 0, to the range of codes:
/// scale = (high - low) / (number of codes - 1), zero point = lowest code - nearest_even(low / scale).
/// 0 is then a code, so padding and ReLU zeros are exact. Data and errors as `calibrate_absmax`.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_minmax(const Src& src) {
  return detail::minmax_parameters<Code>(
      detail::calibration_kernel<Isa>::range_of(src.data(), static_cast<std::size_t>(src.size())));
}

/// `calibrate_absmax` and `calibrate_minmax` of a matrix as one tensor.
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_absmax(const matrix_view<const float>& src) {
  return {detail::absmax_scale<Code>(detail::range_of_matrix<Isa>(src)), 0};
}
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_minmax(const matrix_view<const float>& src) {
  return detail::minmax_parameters<Code>(detail::range_of_matrix<Isa>(src));
}

/// `calibrate_absmax` for each row or group of a matrix. The scales are written to `scales`, of
/// Granularity::count(rows, cols) elements, which the result refers to.
template <class Code, class Granularity, isa Isa = native>
[[nodiscard]] FEWBITS_INLINE affine<Code, Granularity> calibrate_absmax(
    const matrix_view<const float>& src, array_view<float> scales) {
  const affine<Code, Granularity> parameters{.scale = {scales.data(), scales.size()}};
  detail::check_counts(parameters, src.rows(), src.cols());
  for (std::size_t i = 0; i < src.rows(); ++i)
    for (std::size_t begin = 0; begin < src.cols(); begin += Granularity::length(src.cols()))
      scales[Granularity::index(i, begin, src.cols())] =
          detail::absmax_scale<Code>(detail::calibration_kernel<Isa>::range_of(
              src.row(i) + begin, Granularity::end(begin, src.cols()) - begin));
  return parameters;
}

/// `calibrate_minmax` for each row or group of a matrix, with storage for scales and zero points.
template <class Code, class Granularity, isa Isa = native>
[[nodiscard]] FEWBITS_INLINE affine<Code, Granularity> calibrate_minmax(
    const matrix_view<const float>& src, array_view<float> scales,
    array_view<std::int32_t> zero_points) {
  const affine<Code, Granularity> parameters{
      .scale = {scales.data(), scales.size()},
      .zero_point = {zero_points.data(), zero_points.size()}};
  detail::check_counts(parameters, src.rows(), src.cols());
  for (std::size_t i = 0; i < src.rows(); ++i)
    for (std::size_t begin = 0; begin < src.cols(); begin += Granularity::length(src.cols())) {
      const std::size_t index = Granularity::index(i, begin, src.cols());
      const affine<Code> found =
          detail::minmax_parameters<Code>(detail::calibration_kernel<Isa>::range_of(
              src.row(i) + begin, Granularity::end(begin, src.cols()) - begin));
      scales[index] = found.scale;
      zero_points[index] = found.zero_point;
    }
  return parameters;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
