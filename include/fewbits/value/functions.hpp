// SPDX-License-Identifier: MIT
// Neighbours, exponents, rounding to integers, minima and order: functions whose results are exact or
// rounded once, on the bits.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/value/classify.hpp>
#include <fewbits/value/compare.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The value with magnitude code `code` and the sign of `x`.
template <float_format Format>
FEWBITS_INLINE constexpr basic_float<Format> with_magnitude(basic_float<Format> x,
                                                            std::uint64_t code) {
  const std::uint64_t sign = x.bits() & Format.sign_mask();
  if (code == 0 && !Format.has_negative_zero()) return value_of_bits<basic_float<Format>>(0);
  return value_of_bits<basic_float<Format>>(sign | code);
}

template <float_format Format>
FEWBITS_INLINE constexpr basic_float<Format> quiet_nan(basic_float<Format> x) {
  if constexpr (Format.has_nan()) {
    return value_of_bits<basic_float<Format>>(x.bits() | Format.nan_code());
  } else {
    return x;
  }
}

/// The next value in the direction of `Up`. Magnitude codes are consecutive in value.
template <bool Up, float_format Format>
FEWBITS_INLINE constexpr basic_float<Format> next(basic_float<Format> x) {
  if (isnan(x)) return quiet_nan(x);
  const std::uint64_t magnitude = x.bits() & Format.magnitude_mask();
  const std::uint64_t last =
      Format.has_infinity() ? Format.infinity_code() : Format.max_finite_code();
  const bool is_zero = Format.has_zero() && magnitude == 0;
  const bool away = is_zero || x.sign_bit() != Up;
  if (is_zero) {
    if (!Up && !Format.is_signed) return x;
    return value_of_bits<basic_float<Format>>((Up ? 0 : Format.sign_mask()) | 1);
  }
  if (away) return magnitude < last ? with_magnitude(x, magnitude + 1) : x;
  if (magnitude > 0) return with_magnitude(x, magnitude - 1);
  // Without zero, the smallest magnitudes of the two signs are neighbours.
  return Format.is_signed ? value_of_bits<basic_float<Format>>(x.bits() ^ Format.sign_mask()) : x;
}

template <rounding Mode, float_format Format>
FEWBITS_INLINE constexpr basic_float<Format> integral(basic_float<Format> x) {
  return pack_number<basic_float<Format>>(round_to_integer<Mode>(unpack<Format>(x.bits())));
}

/// Sign and magnitude as one number that grows with the value.
template <float_format Format>
FEWBITS_INLINE constexpr std::int64_t order_key(basic_float<Format> x) {
  const std::int64_t magnitude = static_cast<std::int64_t>(x.bits() & Format.magnitude_mask());
  if (Format.nan == nan_encoding::negative_zero && isnan(x))
    return static_cast<std::int64_t>(Format.magnitude_mask() + 1);
  return x.sign_bit() ? -1 - magnitude : magnitude;
}

}  // namespace detail

/// The least value greater than `x`. Beyond the largest finite value comes infinity, where the format
/// has one; the last value is its own neighbour. NaN gives NaN; -0 and +0 are one place.
/// Source: IEEE 754-2019 clause 5.3.1 (nextUp).
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> next_up(basic_float<Format> x) {
  return detail::next<true>(x);
}
/// The greatest value less than `x`; see `next_up`.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> next_down(basic_float<Format> x) {
  return detail::next<false>(x);
}
/// The neighbour of `x` in the direction of `target`, any number; `x` itself if they are equal.
/// NaN if either is NaN.
template <float_format Format, number Target>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> nextafter(basic_float<Format> x,
                                                                     Target target) {
  switch (detail::compare_numbers(x, target)) {
    case detail::order::less:
      return next_up(x);
    case detail::order::greater:
      return next_down(x);
    case detail::order::equal:
      return x;
    default:
      return isnan(x) ? detail::quiet_nan(x) : convert<basic_float<Format>>(target);
  }
}

/// The distance to the next larger magnitude, as the smallest native type that holds it: 2^(e -
/// mantissa bits) for |x| in [2^e, 2^(e+1)), and that of the smallest normal below it. Infinite and
/// NaN for these.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr typename basic_float<Format>::native_type ulp(
    basic_float<Format> x) {
  using hardware = typename basic_float<Format>::native_type;
  detail::unpacked number = detail::unpack<Format>(x.bits());
  number.negative = false;
  if (number.kind == detail::number_kind::finite || number.kind == detail::number_kind::zero) {
    const bool is_subnormal =
        number.kind == detail::number_kind::zero || number.exponent < Format.min_exponent();
    const int exponent = is_subnormal ? Format.min_exponent() : number.exponent;
    number = {detail::number_kind::finite, false, exponent - Format.mantissa_bits, detail::top_bit};
  }
  return detail::pack_number<hardware>(number);
}

/// floor(log2(|x|)); the smallest int for 0 and NaN, the largest for infinity (C's ilogb).
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr int ilogb(basic_float<Format> x) {
  const detail::unpacked number = detail::unpack<Format>(x.bits());
  constexpr int largest = 0x7fffffff;
  if (number.kind == detail::number_kind::finite) return number.exponent;
  return number.kind == detail::number_kind::infinity ? largest : -largest - 1;
}

/// x * 2^exponent, rounded once.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> scalbn(basic_float<Format> x,
                                                                  int exponent) {
  detail::unpacked number = detail::unpack<Format>(x.bits());
  // Beyond this every result over- or underflows alike, and the sum cannot.
  constexpr int limit = 1 << 16;
  number.exponent += exponent > limit ? limit : exponent < -limit ? -limit : exponent;
  return detail::pack_number<basic_float<Format>>(number);
}
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> ldexp(basic_float<Format> x,
                                                                 int exponent) {
  return scalbn(x, exponent);
}

/// Fraction f in [1/2, 1) and exponent with x = f * 2^*exponent, f as a native number: a narrow format
/// may not have it. 0, infinity and NaN are their own fractions, with exponent 0.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr typename basic_float<Format>::native_type frexp(
    basic_float<Format> x, int* exponent) {
  detail::unpacked number = detail::unpack<Format>(x.bits());
  *exponent = 0;
  if (number.kind == detail::number_kind::finite) {
    *exponent = number.exponent + 1;
    number.exponent = -1;
  }
  return detail::pack_number<typename basic_float<Format>::native_type>(number);
}

/// The magnitude of `x` with the sign of `sign`; a zero or NaN without the other sign stays.
template <float_format Format>
  requires(Format.is_signed)
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> copysign(basic_float<Format> x,
                                                                    basic_float<Format> sign) {
  return signbit(x) == signbit(sign) ? x : -x;
}

/// x rounded to an integer, down. Results beyond the largest finite value follow `overflow::ieee`.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> floor(basic_float<Format> x) {
  return detail::integral<rounding::toward_negative>(x);
}
/// x rounded to an integer, up.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> ceil(basic_float<Format> x) {
  return detail::integral<rounding::toward_positive>(x);
}
/// x rounded to an integer, toward zero.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> trunc(basic_float<Format> x) {
  return detail::integral<rounding::toward_zero>(x);
}
/// x rounded to the nearest integer, ties away from zero.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> round(basic_float<Format> x) {
  return detail::integral<rounding::nearest_away>(x);
}
/// x rounded to the nearest integer, ties to even, whatever the floating-point environment says.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> roundeven(basic_float<Format> x) {
  return detail::integral<rounding::nearest_even>(x);
}
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> rint(basic_float<Format> x) {
  return roundeven(x);
}
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> nearbyint(basic_float<Format> x) {
  return roundeven(x);
}

/// Whether `a` comes before `b`, or is it, in an order of all codes: negative NaN, negative numbers,
/// -0, +0, positive numbers, NaN. The one NaN of a format whose NaN has no sign is last.
/// Source: IEEE 754-2019 clause 5.10.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr bool total_order(basic_float<Format> a,
                                                        basic_float<Format> b) {
  return detail::order_key(a) <= detail::order_key(b);
}

/// The smaller; NaN if either is NaN; -0 is smaller than +0 (IEEE 754-2019 clause 9.6).
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> minimum(basic_float<Format> a,
                                                                   basic_float<Format> b) {
  if (isnan(a) || isnan(b)) return detail::quiet_nan(isnan(a) ? a : b);
  return total_order(a, b) ? a : b;
}
/// The larger; NaN if either is NaN.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> maximum(basic_float<Format> a,
                                                                   basic_float<Format> b) {
  if (isnan(a) || isnan(b)) return detail::quiet_nan(isnan(a) ? a : b);
  return total_order(a, b) ? b : a;
}
/// The smaller number; NaN only if both are NaN (minimumNumber).
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> fmin(basic_float<Format> a,
                                                                basic_float<Format> b) {
  return isnan(b) ? minimum(a, a) : isnan(a) ? b : minimum(a, b);
}
/// The larger number; NaN only if both are NaN (maximumNumber).
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> fmax(basic_float<Format> a,
                                                                basic_float<Format> b) {
  return isnan(b) ? maximum(a, a) : isnan(a) ? b : maximum(a, b);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
