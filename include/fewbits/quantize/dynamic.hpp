// SPDX-License-Identifier: MIT
// Calibration and codes in one call, row by row while a row is in the cache: for activations.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/calibrate.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Code, class Granularity, isa Isa>
struct dynamic_kernel {
  template <class Rule, class Codes>
  static void run(const floats& src, float* scale, std::int32_t* zero_point, const Codes& dst,
                  const Rule& rule) {
    const default_control_word<Isa> control_word;
    const std::size_t cols = src.cols(), count = Granularity::count(1, cols);
    for (std::size_t i = 0; i < src.rows(); ++i) {
      float* const scales = scale + i * count;
      std::int32_t* const zero_points = zero_point == nullptr ? nullptr : zero_point + i * count;
      for (std::size_t begin = 0; begin < cols; begin += Granularity::length(cols)) {
        const std::size_t index = Granularity::index(0, begin, cols);
        const floats stretch(src.row(i) + begin, 1, Granularity::end(begin, cols) - begin);
        const scale_and_zero found = rule.template find<Code, Isa>(stretch);
        scales[index] = found.scale;
        if (zero_point != nullptr) zero_points[index] = found.zero_point;
      }
      affine_kernel<Code, Granularity, Isa>::template quantize_row<rounding::nearest_even>(
          src.row(i), dst.row(i), 0, cols, {scales, zero_points, nullptr});
    }
    // A row without elements has a scale nevertheless.
    if (cols == 0)
      for (std::size_t i = 0; i < src.rows() * count; ++i) {
        const scale_and_zero none = rule.template find<Code, Isa>(floats());
        scale[i] = none.scale;
        if (zero_point != nullptr) zero_point[i] = none.zero_point;
      }
  }
};

template <class Code, class Granularity, isa Isa, class Rule, class Codes>
FEWBITS_INLINE affine<Code, Granularity> quantize_dynamic(const floats& src,
                                                          array_view<float> scales,
                                                          array_view<std::int32_t> zero_points,
                                                          const Codes& dst, const Rule& rule) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "quantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  const affine<Code, Granularity> parameters{
      .scale = {scales.data(), scales.size()},
      .zero_point = {zero_points.data(), zero_points.size()}};
  check_counts(parameters, src.rows(), src.cols());
  dynamic_kernel<Code, Granularity, Isa>::run(src, scales.data(), zero_points.data(), dst, rule);
  return parameters;
}

}  // namespace detail

/// `calibrate_absmax` and `quantize` of a matrix, row by row: the same scales and codes, and src is
/// read from memory once. Granularity is per_row or a per_group; scales and result as in
/// `calibrate_absmax`.
template <class Code, class Granularity = per_row, isa Isa = native, detail::code_matrix Codes>
  requires(!std::is_same_v<Granularity, per_tensor>)
FEWBITS_INLINE affine<Code, Granularity> quantize_absmax(const matrix_view<const float>& src,
                                                         array_view<float> scales,
                                                         const Codes& dst) {
  return detail::quantize_dynamic<Code, Granularity, Isa>(src, scales, {}, dst,
                                                          detail::absmax_rule{});
}
/// `calibrate_minmax` and `quantize`, likewise.
template <class Code, class Granularity = per_row, isa Isa = native, detail::code_matrix Codes>
  requires(!std::is_same_v<Granularity, per_tensor>)
FEWBITS_INLINE affine<Code, Granularity> quantize_minmax(const matrix_view<const float>& src,
                                                         array_view<float> scales,
                                                         array_view<std::int32_t> zero_points,
                                                         const Codes& dst) {
  FEWBITS_ASSERT(zero_points.size() == Granularity::count(src.rows(), src.cols()),
                 "quantize_minmax: %zu zero points for %zu", zero_points.size(),
                 Granularity::count(src.rows(), src.cols()));
  return detail::quantize_dynamic<Code, Granularity, Isa>(src, scales, zero_points, dst,
                                                          detail::minmax_rule{});
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
