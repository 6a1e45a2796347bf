// SPDX-License-Identifier: MIT
// How a block's scale follows from its largest magnitude: integers on FP32 codes.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/value/limits.hpp>

#include <cstdint>
#include <limits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The scale 2^k of a block whose largest magnitude is `amax`, for elements of at most `largest`, in
/// the binade of 2^emax:
///
/// | rule  | k                                                           | clips         |
/// | ----- | ----------------------------------------------------------- | ------------- |
/// | floor | floor(log2(amax)) - emax (OCP MX 1.0, clause 6.3)            | amax / 2^k above `largest` |
/// | ceil  | ceil(log2(amax)) - emax                                     | nothing       |
/// | rceil | ceil(log2(amax / largest)), which NVIDIA's kernels use      | nothing       |
/// | even  | as floor, amax first rounded to the element's mantissa bits, half a unit up | less than floor |
///
/// k is exact, and kept within the scale's exponents and where the largest element stands for a finite
/// float.
enum class scale_rule : unsigned char { floor, ceil, rceil, even };

namespace detail {

/// What scale rules need to know of an element.
template <class Element>
struct block_element {
  static constexpr bool is_float = is_basic_float<Element>;

  FEWBITS_INLINE static constexpr int fraction_bits() {
    if constexpr (is_float) {
      return 0;
    } else {
      return Element::format.fraction_bits;
    }
  }
  /// Integers are used symmetrically, so that -x has the negative code of x.
  FEWBITS_INLINE static constexpr float largest_value() {
    if constexpr (is_float) {
      return static_cast<float>((std::numeric_limits<Element>::max)());
    } else {
      const std::int64_t unit = std::int64_t{1} << fraction_bits();
      return static_cast<float>(Element::format.max_code()) / static_cast<float>(unit);
    }
  }
  FEWBITS_INLINE static constexpr int precision_below_one() {
    if constexpr (is_float) {
      return Element::format.mantissa_bits;
    } else {
      return Element::format.bits - (Element::format.is_signed ? 2 : 1);
    }
  }
  static constexpr float largest = largest_value();
  static constexpr std::uint32_t largest_bits = bit_cast<std::uint32_t>(largest);
  static constexpr std::uint32_t largest_fraction = largest_bits & 0x7fffff;
  static constexpr int max_exponent = static_cast<int>(largest_bits >> 23) - 127;
  /// Bits of an element after its leading one.
  static constexpr int mantissa_bits = precision_below_one();
};

/// k for a nonzero finite magnitude, given as an FP32 code.
template <class Element, scale_rule Rule>
FEWBITS_INLINE constexpr int scale_exponent(std::uint32_t amax) {
  using element = block_element<Element>;
  int exponent = static_cast<int>(amax >> 23) - 127;
  std::uint32_t fraction = amax & 0x7fffff;
  if (amax < 0x800000) {
    const int shift = __builtin_clz(amax) - 8;
    exponent = -126 - shift;
    fraction = (amax << shift) & 0x7fffff;
  }
  constexpr std::uint32_t half =
      element::mantissa_bits < 23 ? std::uint32_t{1} << (22 - element::mantissa_bits) : 0;
  const bool bump = Rule == scale_rule::ceil    ? fraction != 0
                    : Rule == scale_rule::rceil ? fraction > element::largest_fraction
                    : Rule == scale_rule::even  ? fraction + half >= 0x800000
                                                : false;
  return exponent + (bump ? 1 : 0) - element::max_exponent;
}

/// `k` as a code of `Scale`, whose values are powers of two.
template <class Element, class Scale>
FEWBITS_INLINE constexpr std::uint32_t scale_code_of_exponent(int k) {
  constexpr float_format format = Scale::format;
  constexpr int by_scale = format.max_exponent();
  constexpr int by_float = 127 - block_element<Element>::max_exponent;
  constexpr int highest = by_scale < by_float ? by_scale : by_float;
  constexpr int lowest = format.min_exponent();
  const int kept = k < lowest ? lowest : k > highest ? highest : k;
  return static_cast<std::uint32_t>(kept - lowest);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
