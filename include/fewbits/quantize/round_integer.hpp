// SPDX-License-Identifier: MIT
// A float rounded to an integer, by its bits.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// `x` rounded to an integer; Mode is any but to_odd, stochastic_a and stochastic_b. Requires
/// |x| < 2^23.
/// Adding 1.5 * 2^23 would round to nearest even faster, but not under -ffast-math or another
/// rounding mode. `random` is for `stochastic`: away from zero where the fraction, in units of
/// 2^-32 rounded to nearest even, plus `random` reaches 2^32 (P3109 rule C; the value is a
/// magnitude, as there).
template <rounding Mode = rounding::nearest_even>
FEWBITS_INLINE constexpr std::int32_t rounded_integer(float x, std::uint32_t random = 0) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(x);
  const bool is_negative = bits >> 31 != 0;
  const std::uint32_t exponent = bits >> 23 & 0xff;
  const std::uint32_t significand = exponent == 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000;
  // The weight of the lowest bit is 2^(exponent - 150).
  std::uint32_t magnitude;
  if constexpr (Mode == rounding::stochastic) {
    // The fraction in units of 2^-32: exact where the lowest bit weighs 2^-32 or more.
    const int weight = static_cast<int>(exponent == 0 ? 1 : exponent) - 150;
    const std::uint32_t drop = weight > -24 ? static_cast<std::uint32_t>(-weight) : 24;
    magnitude = weight > -24 ? significand >> drop : 0;
    std::uint64_t fraction = significand - (std::uint64_t{magnitude} << drop);
    if (weight >= -32) {
      fraction <<= 32 + weight;
    } else {
      const int shift = -32 - weight;
      const std::uint64_t kept = shift > 26 ? 0 : fraction >> shift;
      const std::uint64_t half = shift > 26 ? 1 : (std::uint64_t{1} << shift) / 2;
      const std::uint64_t rest = shift > 26 ? 0 : fraction - (kept << shift);
      fraction = kept + ((rest > half || (rest == half && kept % 2 != 0)) ? 1 : 0);
    }
    magnitude += static_cast<std::uint32_t>((fraction + random) >> 32);
  } else {
    // Below 1/4 a larger shift changes nothing but what is left over, which is then still below
    // half.
    const std::uint32_t drop = 150 - (exponent < 125 ? 125 : exponent);
    const std::uint32_t unit = std::uint32_t{1} << drop;
    std::uint32_t bias;
    if constexpr (Mode == rounding::nearest_even) {
      bias = unit / 2 - 1 + (significand >> drop & 1);
    } else if constexpr (Mode == rounding::nearest_away) {
      bias = unit / 2;
    } else if constexpr (Mode == rounding::toward_zero) {
      bias = 0;
    } else {
      static_assert(Mode == rounding::toward_positive || Mode == rounding::toward_negative);
      bias = is_negative == (Mode == rounding::toward_negative) ? unit - 1 : 0;
    }
    magnitude = (significand + bias) >> drop;
  }
  return is_negative ? -static_cast<std::int32_t>(magnitude) : static_cast<std::int32_t>(magnitude);
}

FEWBITS_INLINE constexpr std::int32_t nearest_even_integer(float x) { return rounded_integer<>(x); }

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
