// SPDX-License-Identifier: MIT
// Conversion of one number, with any policy.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/number.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

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
  return detail::pack_number<To, Policy>(detail::unpack_number(value));
}

/// The same with stochastic rounding; `random` is uniform in 0..2^32-1.
template <floating To, cast_policy Policy, convertible_number From>
  requires(is_stochastic(Policy.round))
[[nodiscard]] FEWBITS_INLINE constexpr To convert(From value, std::uint32_t random) {
  return detail::pack_number<To, Policy>(detail::unpack_number(value), random);
}

namespace detail {

/// Truncated toward zero; values beyond the range become the nearest integer of the type, NaN zero.
template <integer To>
FEWBITS_INLINE constexpr To to_integer(const unpacked& x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x.kind != number_kind::zero;
  } else {
    constexpr int value_bits = static_cast<int>(sizeof(To)) * 8 - std::is_signed_v<To>;
    constexpr std::uint64_t largest = ~std::uint64_t{0} >> (64 - value_bits);
    if (x.kind == number_kind::zero || x.kind == number_kind::nan) return To{0};
    if (x.negative && !std::is_signed_v<To>) return To{0};
    if (x.kind == number_kind::infinity || x.exponent >= value_bits)
      return static_cast<To>(x.negative ? ~largest : largest);
    if (x.exponent < 0) return To{0};
    const std::uint64_t magnitude = x.significand >> (63 - x.exponent);
    return static_cast<To>(x.negative ? 0 - magnitude : magnitude);
  }
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
