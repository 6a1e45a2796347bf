// SPDX-License-Identifier: MIT
// `fp16_sums`: a product whose sums are short ones in FP16, for the sake of a faster unit.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/gemm/operand.hpp>

#include <cstddef>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// An operand like `View` that takes its product to FP16 arithmetic.
template <class View>
class fp16_sums_view {
 public:
  FEWBITS_INLINE constexpr explicit fp16_sums_view(const View& base) : base_(base) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return base_.rows(); }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return base_.cols(); }
  [[nodiscard]] FEWBITS_INLINE constexpr const View& base() const { return base_; }

 private:
  View base_;
};

/// An operand of a product that is summed in FP16, in which a CPU multiplies twice as many numbers at a time
/// as in FP32: `gemm(fp16_sums(a), b, c)`, or b instead, or both. A and B hold FP16 numbers: FP16, FP8,
/// FP6, FP4, integers of at most 8 bits, `rounded_to<fp16>(x)`.
///
/// Arithmetic: sums of even and of odd depth are apart. In each, fused multiply-adds in FP16 add up to 32
///            products, from zero; the sums of eight such stretches, 512 of the depth, are added in
///            FP16, and these in FP32, where even and odd meet. All round as the control word says.
///            x86 keeps subnormals whatever FTZ and DAZ are, Arm unless FZ16 is set.
/// Overflow:  an FP16 sum beyond 65504 is infinite, even where the whole would fit.
/// Error:     |C - AB| <= 1.02 (40 * 2^-11 |A||B| + k 2^-25), elementwise, for k < 2^20, where no sum
///            overflows. Of numbers distributed about zero: root mean square 0.001 of C's.
/// Few rows:  at most 8, like an instruction set without `has_fp16_fma`, get the sums of FP32, which are
///            more precise and do not overflow; a B packed by `pack_b` keeps those of FP16.
template <detail::gemm_operand View>
[[nodiscard]] FEWBITS_INLINE constexpr fp16_sums_view<View> fp16_sums(const View& operand) {
  static_assert(
      detail::is_fp16_source<detail::operand_source<View>>,
      "fewbits: fp16_sums takes elements that are FP16 numbers; others by rounded_to<fp16>");
  return fp16_sums_view<View>(operand);
}

namespace detail {

/// The elements are those of `Source`.
template <class Source>
struct fp16_source : Source {
  static constexpr compute_kind kind = compute_kind::fp16_fma;
};

template <class Source>
inline constexpr bool is_fp16_source<fp16_source<Source>> = true;
template <class Source>
struct plain_element<fp16_source<Source>> : plain_element<Source> {};

template <class View>
struct matrix_traits<fp16_sums_view<View>> {
  using source_type = fp16_source<operand_source<View>>;
  static constexpr bool is_row_major = matrix_traits<View>::is_row_major;
  FEWBITS_INLINE static constexpr source_type source(const fp16_sums_view<View>& view) {
    return {matrix_traits<View>::source(view.base())};
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
