// SPDX-License-Identifier: MIT
// Calibration: quantization parameters from data.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/granularity.hpp>
#include <fewbits/quantize/mse_kernel.hpp>
#include <fewbits/quantize/percentile.hpp>
#include <fewbits/quantize/value_range.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// What a calibration saw: the range of the finite values and 0, how many elements there were, how
/// many of them were skipped (NaN and infinities), and how many finite ones the parameters clip,
/// whose quotient rounds to an integer beyond the codes.
struct calibration_report {
  float low, high;
  std::size_t count, skipped, clipped;
};

namespace detail {

/// A tensor or a stretch of one, as a matrix.
using floats = matrix_view<const float>;

template <isa Isa>
FEWBITS_INLINE float amax_of(const floats& x) {
  float amax = 0;
  for (std::size_t i = 0; i < x.rows(); ++i)
    amax = larger(amax, range_kernel<Isa>::amax(x.row(i), x.cols()));
  return amax;
}
template <isa Isa>
FEWBITS_INLINE value_range range_of(const floats& x) {
  value_range found{0, 0, 0};
  for (std::size_t i = 0; i < x.rows(); ++i)
    found = joined(found, range_kernel<Isa>::range(x.row(i), x.cols()));
  return found;
}

// The rules: `find<Code, Isa>(x)` are the parameters of a stretch. They run under a default control
// word.

struct absmax_rule {
  template <class Code, isa Isa>
  FEWBITS_INLINE scale_and_zero find(const floats& x) const {
    return {absmax_scale<Code>(amax_of<Isa>(x)), 0};
  }
};
struct minmax_rule {
  template <class Code, isa Isa>
  FEWBITS_INLINE scale_and_zero find(const floats& x) const {
    const value_range found = range_of<Isa>(x);
    return minmax_scale<Code>(found.low, found.high);
  }
};
struct percentile_rule {
  double percent;
  template <class Code, isa Isa>
  FEWBITS_INLINE scale_and_zero find(const floats& x) const {
    return {absmax_scale<Code>(percentile_kernel<Isa>::find(x, percent)), 0};
  }
};
struct mse_rule {
  template <class Code, isa Isa>
  FEWBITS_INLINE scale_and_zero find(const floats& x) const {
    return {mse_kernel<Code, Isa>::find(x, amax_of<Isa>(x)), 0};
  }
};

template <class Code, isa Isa>
struct calibration_kernel {
  template <class Rule>
  static scale_and_zero one(const floats& x, const Rule& rule, calibration_report* report) {
    const default_control_word<Isa> control_word;
    const scale_and_zero found = opaque(rule.template find<Code, Isa>(x));
    if (report != nullptr) {
      const value_range range = range_of<Isa>(x);
      report->low = smaller(report->low, range.low);
      report->high = larger(report->high, range.high);
      report->count += x.rows() * x.cols();
      report->skipped += range.skipped;
      for (std::size_t i = 0; i < x.rows(); ++i)
        report->clipped += clipping<Code, Isa>::count(x.row(i), x.cols(),
                                                      {&found.scale, &found.zero_point, nullptr});
    }
    return found;
  }

  /// Stretch by stretch; no zero points where that is null.
  template <class Granularity, class Rule>
  static void all(const floats& x, float* scale, std::int32_t* zero_point, const Rule& rule,
                  calibration_report* report) {
    const default_control_word<Isa> control_word;
    const std::size_t cols = x.cols();
    if (cols == 0)
      for (std::size_t i = 0; i < Granularity::count(x.rows(), cols); ++i) {
        const scale_and_zero none = rule.template find<Code, Isa>(floats());
        scale[i] = none.scale;
        if (zero_point != nullptr) zero_point[i] = none.zero_point;
      }
    for (std::size_t i = 0; i < x.rows(); ++i)
      for (std::size_t begin = 0; begin < cols; begin += Granularity::length(cols)) {
        const std::size_t index = Granularity::index(i, begin, cols);
        const floats stretch(x.row(i) + begin, 1, Granularity::end(begin, cols) - begin);
        const scale_and_zero found =
            report == nullptr ? rule.template find<Code, Isa>(stretch) : one(stretch, rule, report);
        scale[index] = found.scale;
        if (zero_point != nullptr) zero_point[index] = found.zero_point;
      }
  }
};

/// The scale and the minimum of stretches, of all rows together where `Granularity` is per_tensor.
template <class Code, class Granularity, isa Isa>
struct minimum_kernel {
  static void all(const floats& x, float* scale, float* minimum) {
    const default_control_word<Isa> control_word;
    constexpr bool is_tensor = std::is_same_v<Granularity, per_tensor>;
    const std::size_t cols = x.cols();
    for (std::size_t i = 0; i < Granularity::count(x.rows(), cols); ++i)
      scale[i] = 1, minimum[i] = 0;
    bool is_empty = true;
    value_range tensor{0, 0, 0};
    for (std::size_t i = 0; i < x.rows(); ++i)
      for (std::size_t begin = 0; begin < cols; begin += Granularity::length(cols)) {
        const std::size_t count = Granularity::end(begin, cols) - begin;
        const value_range found = range_kernel<Isa>::ends(x.row(i) + begin, count);
        if constexpr (!is_tensor) {
          const std::size_t index = Granularity::index(i, begin, cols);
          scale[index] = scale_of(found);
          minimum[index] = found.low;
        } else if (found.skipped == 0) {  // any finite number
          tensor.low = is_empty ? found.low : smaller(tensor.low, found.low);
          tensor.high = is_empty ? found.high : larger(tensor.high, found.high);
          is_empty = false;
        }
      }
    if constexpr (is_tensor) {
      *scale = scale_of(tensor);
      *minimum = tensor.low;
    }
  }
  FEWBITS_INLINE static float scale_of(const value_range& of) {
    constexpr std::int32_t steps = code_range<Code>::highest - code_range<Code>::lowest;
    const double width = static_cast<double>(of.high) - static_cast<double>(of.low);
    if (width == 0.0) return 1;
    const float scale = static_cast<float>(width / steps);
    return scale > 0.0f ? finite_scale(scale, steps) : smallest_scale;
  }
};

FEWBITS_INLINE void clear(calibration_report* report) {
  if (report != nullptr) *report = {0, 0, 0, 0, 0};
}

template <class Code, isa Isa, class Rule>
FEWBITS_INLINE affine<Code> calibrate_tensor(const floats& x, const Rule& rule,
                                             calibration_report* report) {
  clear(report);
  const scale_and_zero found = calibration_kernel<Code, Isa>::one(x, rule, report);
  return {found.scale, found.zero_point};
}
template <class Code, class Granularity, isa Isa, class Rule>
FEWBITS_INLINE affine<Code, Granularity> calibrate_matrix(const floats& x, array_view<float> scales,
                                                          array_view<std::int32_t> zero_points,
                                                          const Rule& rule,
                                                          calibration_report* report) {
  const affine<Code, Granularity> parameters{
      .scale = {scales.data(), scales.size()},
      .zero_point = {zero_points.data(), zero_points.size()}};
  check_counts(parameters, x.rows(), x.cols());
  clear(report);
  calibration_kernel<Code, Isa>::template all<Granularity>(
      x, scales.data(), zero_points.empty() ? nullptr : zero_points.data(), rule, report);
  return parameters;
}

}  // namespace detail

/// Parameters without zero point: scale = amax / largest code, amax the largest finite magnitude.
///
/// Data:   NaN and infinities are skipped, and counted in `report`. All zero or empty: scale 1.
/// Scale:  the quotient in FP32, at least 2^-149 and small enough that the end codes are finite;
///         else unchanged, so a tensor times a power of two keeps its codes (down to subnormal
///         scales).
/// Errors: none.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_absmax(const Src& src,
                                                           calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(detail::row_of_floats(src), detail::absmax_rule{},
                                             report);
}

/// Parameters that map the range of the finite values, extended to hold 0, to the range of codes:
/// scale = (high - low) / (number of codes - 1), zero point = lowest code - nearest_even(low /
/// scale). 0 is then a code, so padding and ReLU zeros are exact, and a constant tensor is at an
/// end of the codes. Data and errors as `calibrate_absmax`.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_minmax(const Src& src,
                                                           calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(detail::row_of_floats(src), detail::minmax_rule{},
                                             report);
}

/// As `calibrate_absmax` with a smaller amax: the smallest magnitude that is not exceeded by
/// `percent` percent of the finite elements (0 < percent <= 100; nearest rank, exact, three
/// passes). What is beyond is clipped.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_percentile(
    const Src& src, double percent, calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(detail::row_of_floats(src),
                                             detail::percentile_rule{percent}, report);
}

/// As `calibrate_absmax` with the amax * k / 32, k = 32, 31, ..., 1 (down to 17 where 256 elements
/// or fewer share a scale), that has the least sum of squared errors; of equal ones the largest.
/// Errors are measured with the tensor rounded to steps of 2^-14 to 2^-13 of its amax and scales to
/// 1/64 of such a step, which is what makes the choice the same on every instruction set.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_mse(const Src& src,
                                                        calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(detail::row_of_floats(src), detail::mse_rule{},
                                             report);
}

/// The same for a matrix as one tensor.
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_absmax(const matrix_view<const float>& src,
                                                           calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(src, detail::absmax_rule{}, report);
}
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_minmax(const matrix_view<const float>& src,
                                                           calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(src, detail::minmax_rule{}, report);
}
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_percentile(
    const matrix_view<const float>& src, double percent, calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(src, detail::percentile_rule{percent}, report);
}
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine<Code> calibrate_mse(const matrix_view<const float>& src,
                                                        calibration_report* report = nullptr) {
  return detail::calibrate_tensor<Code, Isa>(src, detail::mse_rule{}, report);
}

/// The same for each row or group of a matrix. The scales are written to `scales`, of
/// Granularity::count(rows, cols) elements, which the result refers to; `calibrate_minmax` writes
/// as many zero points. `report` has the totals.
template <class Code, class Granularity, isa Isa = native>
[[nodiscard]] FEWBITS_INLINE affine<Code, Granularity> calibrate_absmax(
    const matrix_view<const float>& src, array_view<float> scales,
    calibration_report* report = nullptr) {
  return detail::calibrate_matrix<Code, Granularity, Isa>(src, scales, {}, detail::absmax_rule{},
                                                          report);
}
template <class Code, class Granularity, isa Isa = native>
[[nodiscard]] FEWBITS_INLINE affine<Code, Granularity> calibrate_minmax(
    const matrix_view<const float>& src, array_view<float> scales,
    array_view<std::int32_t> zero_points, calibration_report* report = nullptr) {
  FEWBITS_ASSERT(zero_points.size() == Granularity::count(src.rows(), src.cols()),
                 "calibrate_minmax: %zu zero points for %zu", zero_points.size(),
                 Granularity::count(src.rows(), src.cols()));
  return detail::calibrate_matrix<Code, Granularity, Isa>(src, scales, zero_points,
                                                          detail::minmax_rule{}, report);
}
template <class Code, class Granularity, isa Isa = native>
[[nodiscard]] FEWBITS_INLINE affine<Code, Granularity> calibrate_percentile(
    const matrix_view<const float>& src, double percent, array_view<float> scales,
    calibration_report* report = nullptr) {
  return detail::calibrate_matrix<Code, Granularity, Isa>(src, scales, {},
                                                          detail::percentile_rule{percent}, report);
}
template <class Code, class Granularity, isa Isa = native>
[[nodiscard]] FEWBITS_INLINE affine<Code, Granularity> calibrate_mse(
    const matrix_view<const float>& src, array_view<float> scales,
    calibration_report* report = nullptr) {
  return detail::calibrate_matrix<Code, Granularity, Isa>(src, scales, {}, detail::mse_rule{},
                                                          report);
}

/// A scale and a minimum that map the range of the finite values, which need not hold 0, to the
/// range of codes: minimum = low, scale = (high - low) / (number of codes - 1). A constant tensor
/// has scale 1 and comes back exactly; one wider than the largest float is clipped to that width.
/// Data and errors as `calibrate_absmax`.
template <class Code, isa Isa = native, contiguous Src>
[[nodiscard]] FEWBITS_INLINE affine_minimum<Code> calibrate_minimum(const Src& src) {
  affine_minimum<Code> found{1, 0};
  detail::minimum_kernel<Code, per_tensor, Isa>::all(detail::row_of_floats(src), &found.scale,
                                                     &found.minimum);
  return found;
}
template <class Code, class Granularity, isa Isa = native>
  requires std::is_same_v<Granularity, per_tensor>
[[nodiscard]] FEWBITS_INLINE affine_minimum<Code> calibrate_minimum(
    const matrix_view<const float>& src) {
  affine_minimum<Code> found{1, 0};
  detail::minimum_kernel<Code, per_tensor, Isa>::all(src, &found.scale, &found.minimum);
  return found;
}
template <class Code, class Granularity, isa Isa = native>
  requires(!std::is_same_v<Granularity, per_tensor>)
[[nodiscard]] FEWBITS_INLINE affine_minimum<Code, Granularity> calibrate_minimum(
    const matrix_view<const float>& src, array_view<float> scales, array_view<float> minima) {
  const affine_minimum<Code, Granularity> parameters{.scale = {scales.data(), scales.size()},
                                                     .minimum = {minima.data(), minima.size()}};
  detail::check_counts(parameters, src.rows(), src.cols());
  detail::minimum_kernel<Code, Granularity, Isa>::all(src, scales.data(), minima.data());
  return parameters;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
