// SPDX-License-Identifier: MIT
// Conversion of one number, with any policy.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/exact.hpp>
#include <fewbits/value/long_double.hpp>
#include <fewbits/value/number.hpp>
#include <fewbits/value/rounding.hpp>

#include <concepts>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

namespace detail {

/// The code of a normal number in a format that contains it as a normal number: the fields move, and the
/// exponent gets the other bias.
template <float_format From, float_format To>
FEWBITS_INLINE constexpr std::uint64_t widen_normal(std::uint64_t code) {
  constexpr int shift = To.mantissa_bits - From.mantissa_bits;
  constexpr std::uint64_t rebias = static_cast<std::uint64_t>(To.bias - From.bias)
                                   << To.mantissa_bits;
  const std::uint64_t magnitude = ((code & From.magnitude_mask()) << shift) + rebias;
  return magnitude | ((code & From.sign_mask()) != 0 ? To.sign_mask() : 0);
}

}  // namespace detail

/// `value` as a `To`: a float type of the library, `float` or `double`.
///
/// Rounding: Policy.round, once, whatever the pair; default nearest even.
/// Overflow: Policy.over; see `overflow`.
/// NaN:      stays NaN, sign kept, quiet, payload truncated; without a NaN in the destination, the
///           largest finite value of that sign.
/// Errors:   none; constexpr; independent of the floating-point environment and of -ffast-math.
/// Source:   IEEE 754-2019 clauses 4.3 and 5.4.2; OCP OFP8 1.0; P3109 interim report 4.0.
template <floating To, cast_policy Policy = cast_policy{}, convertible_number From>
  requires(!is_stochastic(Policy.round))
[[nodiscard]] FEWBITS_INLINE constexpr To convert(From value) {
  if constexpr (floating<From>) {
    constexpr float_format from = format_of<From>;
    if constexpr (is_lossless<From, To> && from.mantissa_bits <= format_of<To>.mantissa_bits &&
                  from.min_exponent() >= format_of<To>.min_exponent()) {
      // What most numbers are, the short way.
      const std::uint64_t code = detail::bits_of(value);
      const std::uint64_t magnitude = code & from.magnitude_mask();
      if (magnitude >= from.min_normal_code() && magnitude <= from.max_finite_code())
        return detail::value_of_bits<To>(detail::widen_normal<from, format_of<To>>(code));
    }
  }
  return detail::pack_number<To, Policy>(detail::unpack_number(value));
}

/// The same with stochastic rounding; `random` is uniform in 0..2^32-1.
template <floating To, cast_policy Policy, convertible_number From>
  requires(is_stochastic(Policy.round))
[[nodiscard]] FEWBITS_INLINE constexpr To convert(From value, std::uint32_t random) {
  return detail::pack_number<To, Policy>(detail::unpack_number(value), random);
}

namespace detail {

/// A number without fraction, as the nearest value of an integer type; NaN gives 0.
template <integer To>
FEWBITS_INLINE constexpr To clamp_to_integer(const unpacked& x) {
  constexpr int_format format = integer_format_of<To>;
  constexpr int value_bits = format.bits - (format.is_signed ? 1 : 0);
  constexpr std::uint64_t largest = value_bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - value_bits);
  std::uint64_t code = 0;
  if (x.kind == number_kind::nan || x.kind == number_kind::zero ||
      (x.negative && !format.is_signed)) {
    code = 0;
  } else if (x.kind == number_kind::infinity || x.exponent >= value_bits) {
    code = x.negative ? ~largest : largest;
  } else if (x.exponent >= 0) {
    const std::uint64_t magnitude = x.significand >> (63 - x.exponent);
    code = x.negative ? 0 - magnitude : magnitude;
  }
  if constexpr (is_basic_int<To>) {
    return To::from_code(static_cast<std::int64_t>(code));
  } else {
    return static_cast<To>(code);
  }
}

template <integer To, rounding Mode>
FEWBITS_INLINE constexpr To to_integer(const unpacked& x, std::uint32_t random = 0) {
  return clamp_to_integer<To>(round_to_integer<Mode>(x, random));
}

}  // namespace detail

/// `value` rounded to an integer of type `To`, by Policy.round. Beyond the range the nearest integer of
/// the type, whatever Policy.over says; NaN gives 0.
template <integer To, cast_policy Policy = cast_policy{}, convertible_number From>
  requires(!is_stochastic(Policy.round))
[[nodiscard]] FEWBITS_INLINE constexpr To convert(From value) {
  return detail::to_integer<To, Policy.round>(detail::unpack_number(value));
}
template <integer To, cast_policy Policy, convertible_number From>
  requires(is_stochastic(Policy.round))
[[nodiscard]] FEWBITS_INLINE constexpr To convert(From value, std::uint32_t random) {
  return detail::to_integer<To, Policy.round>(detail::unpack_number(value), random);
}

/// `value` as a `long double`, which is exact: every format's values are doubles.
template <std::same_as<long double> To, floating From>
[[nodiscard]] FEWBITS_HOST_INLINE constexpr To convert(From value) {
  return static_cast<To>(convert<double>(value));
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
