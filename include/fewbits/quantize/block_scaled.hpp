// SPDX-License-Identifier: MIT
// Quantization to blocks that share a scale: OCP MX formats, NVFP4 and any `block_scaled`.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/block_kernel.hpp>
#include <fewbits/quantize/scale_rule.hpp>
#include <fewbits/quantize/value_range.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/value/limits.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/block_span.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Blocks>
struct format_of_blocks;
template <class Format>
struct format_of_blocks<block_span<Format>> {
  using type = Format;
};
template <class Format>
struct format_of_blocks<block_array<Format>> {
  using type = Format;
};

template <class Blocks>
concept any_blocks = requires { typename format_of_blocks<std::remove_cvref_t<Blocks>>::type; };
/// Blocks that can be written. One of a format with a tensor scale must be able to keep it.
template <class Blocks>
concept mutable_blocks =
    any_blocks<Blocks> &&
    !std::is_const_v<typename format_of_blocks<std::remove_cvref_t<Blocks>>::type> &&
    (!format_of_blocks<std::remove_cvref_t<Blocks>>::type::has_tensor_scale ||
     (std::is_lvalue_reference_v<Blocks> && !std::is_const_v<std::remove_reference_t<Blocks>>));

template <any_blocks Blocks>
FEWBITS_INLINE constexpr decltype(auto) span_of(Blocks& blocks) {
  if constexpr (requires { blocks.elements(); }) {
    return (blocks);
  } else {
    return blocks.span();
  }
}

/// Whether largest * scale is beyond the largest float.
FEWBITS_INLINE constexpr bool overflows(double largest, std::uint32_t scale) {
  return mul<fp32>(fp64{largest}, fp32::from_bits(scale)).bits() >= fp32_infinity;
}

template <class Format>
FEWBITS_INLINE constexpr float tensor_scale_of_amax(std::uint32_t amax) {
  using scale = typename Format::scale_type;
  constexpr double largest =
      static_cast<double>(block_element<typename Format::element_type>::largest) *
      static_cast<double>((std::numeric_limits<scale>::max)());
  if (amax == 0) return 1;
  std::uint32_t bits = div<fp32>(fp32::from_bits(amax), fp64{largest}).bits();
  if (bits == 0) bits = 1;
  if (overflows(largest, bits)) --bits;
  return bit_cast<float>(bits);
}

template <scale_rule Rule, isa Isa, class Format>
FEWBITS_INLINE void quantize_rows(const matrix_view<const float>& src,
                                  const block_span<Format>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "quantize: src is %zu x %zu, blocks %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  for (std::size_t i = 0; i < src.rows(); ++i)
    block_kernel<Format, Rule, Isa>::encode(src.row(i), src.cols(), dst.row_elements(i).data(),
                                            dst.row_scales(i), dst.tensor_scale());
}

template <contiguous Src>
FEWBITS_INLINE matrix_view<const float> as_matrix(const Src& src, std::size_t rows,
                                                  std::size_t cols) {
  FEWBITS_ASSERT(size_of(src) == rows * cols, "quantize: %zu numbers for %zu x %zu", size_of(src),
                 rows, cols);
  return {floats_of(src), rows, cols};
}

}  // namespace detail

/// The tensor scale that `quantize` gives a tensor: amax / (largest element * largest scale) in FP32,
/// amax the largest finite magnitude; 1 if that is 0. At least 2^-149, and lowered by a unit in the last
/// place where the largest code would else stand for infinity.
///
/// Source: NVIDIA's NVFP4 recipe: amax / (6 * 448).
template <class Format, isa Isa = native>
  requires(Format::has_tensor_scale)
[[nodiscard]] FEWBITS_INLINE float calibrate_tensor_scale(const matrix_view<const float>& src) {
  std::uint32_t amax = 0;
  for (std::size_t i = 0; i < src.rows(); ++i) {
    const std::uint32_t row =
        detail::bit_cast<std::uint32_t>(detail::range_kernel<Isa>::amax(src.row(i), src.cols()));
    amax = row > amax ? row : amax;
  }
  return detail::tensor_scale_of_amax<Format>(amax);
}
template <class Format, isa Isa = native, contiguous Src>
  requires(Format::has_tensor_scale)
[[nodiscard]] FEWBITS_INLINE float calibrate_tensor_scale(const Src& src) {
  return calibrate_tensor_scale<Format, Isa>(detail::as_matrix(src, 1, detail::size_of(src)));
}

/// Writes a matrix as blocks.
///
/// Shape:    src and dst have the same rows and cols. Each row begins a new block; its last may be
///           short. Unused bits of a row's last byte become 0.
/// Scale:    a power of two by `Rule` (see `scale_rule`); the smallest for a block of zeros. A scale
///           with a mantissa: nearest_even(amax / largest element / tensor scale), both divisions in
///           FP32, at least the smallest positive one (0 for a block of zeros), at most the largest;
///           `Rule` does not matter. The tensor scale is that of `calibrate_tensor_scale`; dst keeps it.
/// Elements: nearest_even(x * 2^-k), one rounding. Under a scale s with a mantissa and a tensor scale t
///           nearest_even(x * ((1 / t) / s)), the operations in FP32 as if exponents were unbounded.
///           Beyond the largest element, that one. The sign of zero is kept where there is a -0;
///           integers are used symmetrically, without the lowest code.
/// NaN:      a block with a NaN or an infinity gets the NaN of the scale, and zeros as elements: all of
///           it is NaN. Nothing outside of the block changes.
/// Bits:     the same on every instruction set, whatever the floating-point control word is.
/// Errors:   none at run time. Requires matching shapes.
/// Source:   OCP MX 1.0 clause 6.3, with the choices that it leaves to the implementation; torchao for
///           NVFP4.
template <scale_rule Rule = scale_rule::floor, isa Isa = native, detail::mutable_blocks Blocks>
FEWBITS_INLINE void quantize(const matrix_view<const float>& src, Blocks&& dst) {
  auto&& blocks = detail::span_of(dst);
  using format = typename std::remove_cvref_t<decltype(blocks)>::format_type;
  if constexpr (format::has_tensor_scale)
    blocks.set_tensor_scale(calibrate_tensor_scale<format, Isa>(src));
  detail::quantize_rows<Rule, Isa, format>(src, blocks);
}
/// The same for a range of dst.size() numbers, row after row.
template <scale_rule Rule = scale_rule::floor, isa Isa = native, contiguous Src,
          detail::mutable_blocks Blocks>
FEWBITS_INLINE void quantize(const Src& src, Blocks&& dst) {
  auto&& blocks = detail::span_of(dst);
  quantize<Rule, Isa>(detail::as_matrix(src, blocks.rows(), blocks.cols()), dst);
}

/// The same with the tensor scale that dst has already: that of another part of the tensor, or one
/// calibrated before.
template <scale_rule Rule = scale_rule::floor, isa Isa = native, class Format>
FEWBITS_INLINE void quantize_with_tensor_scale(const matrix_view<const float>& src,
                                               const block_span<Format>& dst) {
  detail::quantize_rows<Rule, Isa, Format>(src, dst);
}
template <scale_rule Rule = scale_rule::floor, isa Isa = native, contiguous Src, class Format>
FEWBITS_INLINE void quantize_with_tensor_scale(const Src& src, const block_span<Format>& dst) {
  detail::quantize_rows<Rule, Isa, Format>(detail::as_matrix(src, dst.rows(), dst.cols()), dst);
}

/// Writes the numbers that blocks stand for: element * scale (exact for the formats of OCP MX), times
/// the tensor scale, if any: one rounding in FP32 each; then converted to the elements of `dst` (nearest
/// even). The sign of a tensor scale is ignored.
///
/// Shape:  src and dst have the same rows and cols.
/// NaN:    a scale or tensor scale that is NaN or infinite makes its numbers NaN, all with the same bits.
/// Bits, Errors: as `quantize`.
template <isa Isa = native, detail::any_blocks Blocks, floating Real>
FEWBITS_INLINE void dequantize(const Blocks& src, const matrix_view<Real>& dst) {
  auto&& blocks = detail::span_of(src);
  using format = typename std::remove_cvref_t<decltype(blocks)>::format_type;
  using kernel = detail::block_kernel<format, scale_rule::floor, Isa>;
  FEWBITS_ASSERT(blocks.rows() == dst.rows() && blocks.cols() == dst.cols(),
                 "dequantize: blocks are %zu x %zu, dst %zu x %zu", blocks.rows(), blocks.cols(),
                 dst.rows(), dst.cols());
  for (std::size_t i = 0; i < dst.rows(); ++i) {
    const unsigned char* const elements = blocks.row_elements(i).data();
    if constexpr (std::is_same_v<Real, float>) {
      kernel::decode(elements, blocks.row_scales(i), dst.cols(), blocks.tensor_scale(), dst.row(i));
    } else if constexpr (std::is_same_v<Real, fp32>) {
      kernel::decode(elements, blocks.row_scales(i), dst.cols(), blocks.tensor_scale(),
                     reinterpret_cast<float*>(dst.row(i)));
    } else {
      kernel::decode_as(elements, blocks.row_scales(i), dst.cols(), blocks.tensor_scale(),
                        dst.row(i));
    }
  }
}

/// The same to a range of src.size() numbers, row after row.
template <isa Isa = native, detail::any_blocks Blocks, floating_range Dst>
FEWBITS_INLINE void dequantize(const Blocks& src, Dst&& dst) {
  auto&& blocks = detail::span_of(src);
  FEWBITS_ASSERT(blocks.size() == detail::size_of(dst), "dequantize: %zu numbers for %zu x %zu",
                 detail::size_of(dst), blocks.rows(), blocks.cols());
  dequantize<Isa>(src, matrix_view<detail::element_of<Dst>>(detail::data_of(dst), blocks.rows(),
                                                            blocks.cols()));
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
