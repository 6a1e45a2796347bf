// SPDX-License-Identifier: MIT
// Learned step size quantization: the gradient of a loss by the scales of fake quantization.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/training/fake_quantize.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Code, class Granularity, isa Isa>
struct scale_gradient_kernel {
  using fake = fake_kernel<Code, Granularity, Isa>;
  using quotients = typename fake::quotients;
  using ops = typename fake::ops;
  using u32 = typename fake::u32;
  static constexpr std::size_t lanes = fake::lanes;

  /// Partial sums: the terms of elements k, k + 8, ... of a stretch go to the k-th, whatever the
  /// number of lanes. A term is exact in FP64, so it does not matter whether a compiler fuses.
  static constexpr std::size_t partial_sums = 8;
  static_assert(staging_block % partial_sums == 0 && partial_sums % 2 == 0);

  static void run(const matrix_view<const float>& src, const scales_and_offsets& of,
                  const matrix_view<const float>& gradient, float* dst) {
    const default_control_word<Isa> control_word;
    const std::size_t rows = src.rows(), cols = src.cols();
    if constexpr (std::is_same_v<Granularity, per_tensor>) {
      double sums[partial_sums] = {};
      for (std::size_t row = 0; row < rows; ++row)
        add_stretch(src.row(row), gradient.row(row), cols, of, sums);
      *dst = total(sums);
    } else {
      for (std::size_t row = 0; row < rows; ++row)
        for_stretches<Granularity>(
            0, cols, row, cols, of,
            [=](std::size_t from, std::size_t to, const scales_and_offsets& its) {
              double sums[partial_sums] = {};
              add_stretch(src.row(row) + from, gradient.row(row) + from, to - from, its, sums);
              dst[Granularity::index(row, from, cols)] = total(sums);
            });
    }
  }
  static void add_stretch(const float* src, const float* gradient, std::size_t count,
                          const scales_and_offsets& of, double* sums) {
    const quotients all(of);
    for (std::size_t begin = 0; begin < count; begin += staging_block) {
      const std::size_t some = count - begin < staging_block ? count - begin : staging_block;
      // Zeros follow the last one, up to a whole vector and a whole round of sums.
      float level[staging_block + lanes + partial_sums];
      float passed[staging_block + lanes + partial_sums];
      fake::levels(src + begin, level, some, of);
      for (std::size_t i = 0; i < lanes + partial_sums; ++i) level[some + i] = passed[some + i] = 0;
      for (std::size_t i = 0; i < some; i += lanes) {
        float x[lanes] = {}, from_above[lanes] = {};
        const std::size_t now = some - i < lanes ? some - i : lanes;
        __builtin_memcpy(x, src + begin + i, 4 * now);
        __builtin_memcpy(from_above, gradient + begin + i, 4 * now);
        const u32 quotient = all.of(fake::load(x));
        const u32 negative = ops::xor_(quotient, ops::set(0x80000000));
        const u32 slope =
            ops::add_floats(fake::load(level + i), all.kept_inside(quotient, negative));
        fake::store(level + i, all.kept_number(quotient, slope));
        fake::store(passed + i, all.kept_number(quotient, fake::load(from_above)));
      }
      for (std::size_t i = some; i < some + partial_sums; ++i) level[i] = passed[i] = 0;
      for (std::size_t i = 0; i < some; i += partial_sums)
        for (std::size_t k = 0; k < partial_sums; ++k)
          sums[k] += static_cast<double>(passed[i + k]) * static_cast<double>(level[i + k]);
    }
  }
  FEWBITS_INLINE static float total(double* sums) {
    for (std::size_t half = partial_sums / 2; half > 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k) {
        sums[k] += sums[k + half];
        // Keeps -ffast-math from another order.
        __asm__("" : "+m"(sums[k]));
      }
    return static_cast<float>(sums[0]);
  }
};
template <class Parameters, isa Isa>
using scale_gradient_kernel_of =
    scale_gradient_kernel<typename affine_traits<Parameters>::code,
                          typename affine_traits<Parameters>::granularity, Isa>;

}  // namespace detail

/// The gradient of a loss by each scale, from `gradient`, that by fake_quantize(src): the sum over
/// the elements that share it of gradient * (round(x / scale) - x / scale), where an element is
/// clipped of gradient * (what its code stands for, in units of the scale, above the minimum).
/// Elements that are NaN contribute nothing, whatever their gradient is.
///
/// Shape:    src and gradient have the same rows and cols; dst has an element for each scale.
/// Rounding: terms are exact, summed in FP64 (in eight interleaved parts), and rounded to FP32
///           once. The same bits on every instruction set.
/// Errors:   none at run time. NaN and infinities of `gradient` reach the sum.
/// Source:   Esser et al., Learned Step Size Quantization, equation 3; which elements are clipped
///           is as in PyTorch's fake_quantize_learnable, so by the rounded quotient.
template <isa Isa = native, detail::affine_parameters Parameters>
FEWBITS_INLINE void scale_gradient(const matrix_view<const float>& src,
                                   const Parameters& parameters,
                                   const matrix_view<const float>& gradient,
                                   array_view<float> dst) {
  [[maybe_unused]] const std::size_t count =
      detail::affine_traits<Parameters>::granularity::count(src.rows(), src.cols());
  FEWBITS_ASSERT(src.rows() == gradient.rows() && src.cols() == gradient.cols(),
                 "scale_gradient: src is %zu x %zu, gradient %zu x %zu", src.rows(), src.cols(),
                 gradient.rows(), gradient.cols());
  FEWBITS_ASSERT(dst.size() == count, "scale_gradient: dst has %zu elements for %zu scales",
                 dst.size(), count);
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::scale_gradient_kernel_of<Parameters, Isa>::run(src, detail::pointers_to(parameters),
                                                         gradient, dst.data());
}

/// What learned step size quantization multiplies the gradient of a scale by, so that steps of the
/// scale are of the size of those of the weights: 1 / sqrt(elements * largest code), in FP32.
/// `elements` are those that share the scale; none give 0.
/// Source: Esser et al., Learned Step Size Quantization, section 2.2.
template <class Code>
[[nodiscard]] FEWBITS_INLINE constexpr float lsq_factor(std::size_t elements) {
  static_assert(!is_basic_float<Code>, "fewbits: lsq_factor is for integer codes");
  if (elements == 0) return 0;
  const double product = static_cast<double>(elements) * detail::code_range<Code>::highest;
  return static_cast<float>(1 / static_cast<double>(sqrt(fp64{product})));
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
