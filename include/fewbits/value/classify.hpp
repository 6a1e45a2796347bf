// SPDX-License-Identifier: MIT
// What kind of number a code is. On the bits, so -ffast-math does not matter.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool isnan(basic_float<Format> x) {
  return detail::is_nan_code<Format>(x.bits());
}
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool isinf(basic_float<Format> x) {
  return detail::is_infinity_code<Format>(x.bits());
}
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool isfinite(basic_float<Format> x) {
  return !isnan(x) && !isinf(x);
}
/// Whether `x` is finite and at least the smallest normal number in magnitude.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool isnormal(basic_float<Format> x) {
  return isfinite(x) && (x.bits() & Format.magnitude_mask()) >= Format.min_normal_code();
}
/// Whether `x` is nonzero and smaller than every normal number in magnitude.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool is_subnormal(basic_float<Format> x) {
  const std::uint64_t magnitude = x.bits() & Format.magnitude_mask();
  return magnitude != 0 && magnitude < Format.min_normal_code();
}
/// Whether `x` is +0 or -0.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool is_zero(basic_float<Format> x) {
  return Format.has_zero() && (x.bits() & Format.magnitude_mask()) == 0 && !isnan(x);
}
/// Whether `x` is negative, -0 and negative NaN included. The one NaN of a format whose NaN takes
/// the code of -0 has no sign.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool signbit(basic_float<Format> x) {
  return x.sign_bit() && !(Format.nan == nan_encoding::negative_zero && isnan(x));
}
/// |x|.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> abs(basic_float<Format> x) {
  if (Format.nan == nan_encoding::negative_zero && isnan(x)) return x;
  using storage = typename basic_float<Format>::storage_type;
  return basic_float<Format>::from_bits(static_cast<storage>(x.bits() & Format.magnitude_mask()));
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
