// SPDX-License-Identifier: MIT
// `block_format`: elements that share a scale, as a value; how many bits they take.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/format/int_format.hpp>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// `block_size` elements of `element_bits` bits, then `overhead_bits` for what they share (a scale,
/// perhaps a zero point or minimum); once per tensor, `tensor_bits` more.
struct block_format {
  int element_bits;
  int block_size;
  int overhead_bits;
  int tensor_bits = 0;

  FEWBITS_INLINE friend constexpr bool operator==(const block_format& a, const block_format& b) {
    return a.element_bits == b.element_bits && a.block_size == b.block_size &&
           a.overhead_bits == b.overhead_bits && a.tensor_bits == b.tensor_bits;
  }
};

namespace formats {

/// Elements of OCP MXINT8: 8-bit integers times 2^-6.
inline constexpr int_format mxint8{.bits = 8, .is_signed = true, .fraction_bits = 6};

/// OCP MX 1.0: blocks of 32 elements with one E8M0 scale.
FEWBITS_INLINE constexpr block_format mx(const float_format& element) {
  return {.element_bits = element.bits(), .block_size = 32, .overhead_bits = 8};
}
FEWBITS_INLINE constexpr block_format mx(const int_format& element) {
  return {.element_bits = element.bits, .block_size = 32, .overhead_bits = 8};
}
/// Floats or integers in groups, each group with a scale (and, if affine, a zero point) of these formats.
FEWBITS_INLINE constexpr block_format grouped(const int_format& element, int group,
                                              const float_format& scale, int zero_point_bits = 0) {
  return {.element_bits = element.bits,
          .block_size = group,
          .overhead_bits = scale.bits() + zero_point_bits};
}

FEWBITS_INLINE constexpr block_format grouped(const float_format& element, int group,
                                              const float_format& scale) {
  return {.element_bits = element.bits(), .block_size = group, .overhead_bits = scale.bits()};
}
/// The same with one more scale for the whole tensor.
FEWBITS_INLINE constexpr block_format with_tensor_scale(block_format format,
                                                        const float_format& scale) {
  format.tensor_bits = scale.bits();
  return format;
}

}  // namespace formats
}  // namespace FEWBITS_ABI
}  // namespace fewbits
