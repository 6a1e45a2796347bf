// SPDX-License-Identifier: MIT
// The two directions between codes and numbers: unpack a code of any format, round a number into
// any format. Integer operations only, so neither flags nor the floating-point environment matter.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

enum class number_kind : unsigned char { zero, finite, infinity, nan };

/// A number apart from any format.
///
/// finite: (-1)^negative * significand * 2^(exponent - 63). The top bit of the significand is set.
/// Its lowest bit is sticky: it stands for itself or for anything nonzero below it. Every format
/// keeps at most 53 bits, so the sticky bit lies below the rounding position and a number is still
/// rounded as the exact one would be.
/// nan: the significand is the payload, left-aligned; the top bit is the quiet bit.
struct unpacked {
  number_kind kind = number_kind::zero;
  bool negative = false;
  int exponent = 0;
  std::uint64_t significand = 0;
};

inline constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;
inline constexpr unpacked default_nan{.kind = number_kind::nan, .significand = top_bit};

template <float_format Format>
FEWBITS_INLINE constexpr bool is_nan_code(std::uint64_t code) {
  if constexpr (Format.nan == nan_encoding::none) {
    return false;
  } else if constexpr (Format.nan == nan_encoding::negative_zero) {
    return code == Format.sign_mask();
  } else if constexpr (Format.nan == nan_encoding::top_code) {
    return (code & Format.magnitude_mask()) == Format.magnitude_mask();
  } else {
    return (code & Format.magnitude_mask()) > Format.infinity_code();
  }
}

template <float_format Format>
FEWBITS_INLINE constexpr bool is_infinity_code(std::uint64_t code) {
  if constexpr (Format.has_infinity()) {
    return (code & Format.magnitude_mask()) == Format.infinity_code();
  } else {
    return false;
  }
}

template <float_format Format>
FEWBITS_INLINE constexpr bool is_negative_code(std::uint64_t code) {
  return (code & Format.sign_mask()) != 0;
}

/// The number that `code` stands for.
template <float_format Format>
FEWBITS_INLINE constexpr unpacked unpack(std::uint64_t code) {
  const bool negative = is_negative_code<Format>(code);
  const std::uint64_t magnitude = code & Format.magnitude_mask();
  const std::uint64_t fraction = magnitude & Format.mantissa_mask();
  if (is_nan_code<Format>(code)) {
    unpacked nan = default_nan;
    if constexpr (Format.nan != nan_encoding::negative_zero) nan.negative = negative;
    if constexpr (Format.nan == nan_encoding::ieee)
      nan.significand |= fraction << (64 - Format.mantissa_bits);
    return nan;
  }
  if (is_infinity_code<Format>(code)) return {number_kind::infinity, negative, 0, 0};
  const int field = static_cast<int>(magnitude >> Format.mantissa_bits);
  if (Format.has_subnormals && field == 0) {
    if (fraction == 0) return {number_kind::zero, negative, 0, 0};
    const int shift = __builtin_clzll(fraction);
    return {number_kind::finite, negative, Format.quantum_exponent() + 63 - shift,
            fraction << shift};
  }
  return {number_kind::finite, negative, field - Format.bias,
          top_bit | fraction << (63 - Format.mantissa_bits)};
}

/// The code of a signed zero, as far as the format has it.
template <float_format Format>
FEWBITS_INLINE constexpr std::uint64_t zero_code(bool negative) {
  return negative && Format.has_negative_zero() ? Format.sign_mask() : 0;
}

template <float_format Format>
FEWBITS_INLINE constexpr std::uint64_t largest_code(bool negative) {
  if (negative && !Format.is_signed) return 0;
  return Format.max_finite_code() | (negative ? Format.sign_mask() : 0);
}

/// The code of a NaN: sign kept, made quiet, payload truncated.
template <float_format Format>
FEWBITS_INLINE constexpr std::uint64_t nan_code(const unpacked& nan) {
  if constexpr (Format.nan == nan_encoding::none) {
    return Format.is_signed ? largest_code<Format>(nan.negative) : Format.max_finite_code();
  } else if constexpr (Format.nan == nan_encoding::negative_zero) {
    return Format.nan_code();
  } else {
    std::uint64_t code = Format.nan_code() | (nan.negative ? Format.sign_mask() : 0);
    if constexpr (Format.nan == nan_encoding::ieee)
      code |= nan.significand >> (64 - Format.mantissa_bits);
    return code;
  }
}

/// The code of an infinity, or of a finite value that `Policy` sends to infinity.
template <float_format Format, cast_policy Policy>
FEWBITS_INLINE constexpr std::uint64_t infinity_code(bool negative) {
  constexpr overflow over = Policy.over;
  if constexpr (!Format.is_signed) {
    if (negative) {
      constexpr bool to_nan = over == overflow::ieee || over == overflow::infinity_or_largest;
      return to_nan && Format.has_nan() ? Format.nan_code() : 0;
    }
  }
  if constexpr (over != overflow::saturate) {
    if constexpr (Format.has_infinity())
      return Format.infinity_code() | (negative ? Format.sign_mask() : 0);
    if constexpr (Format.has_nan() && over != overflow::infinity_or_largest)
      return nan_code<Format>({number_kind::nan, negative, 0, top_bit});
  }
  return largest_code<Format>(negative);
}

/// The code of a finite value that lies beyond the largest one after rounding.
template <float_format Format, cast_policy Policy>
FEWBITS_INLINE constexpr std::uint64_t overflow_code(bool negative) {
  constexpr rounding mode = Policy.round;
  if (negative && !Format.is_signed) return infinity_code<Format, Policy>(true);
  if (Policy.over == overflow::saturate || Policy.over == overflow::propagate ||
      mode == rounding::toward_zero || mode == rounding::to_odd ||
      mode == (negative ? rounding::toward_positive : rounding::toward_negative))
    return largest_code<Format>(negative);
  return infinity_code<Format, Policy>(negative);
}

/// Whether to go to the next larger magnitude. `fraction` is what lies beyond the kept bits, times
/// 2^64; `odd` is the lowest bit of the code below.
template <rounding Mode>
FEWBITS_INLINE constexpr bool rounds_up(std::uint64_t fraction, bool odd, bool negative,
                                        std::uint32_t random) {
  if constexpr (Mode == rounding::nearest_even) {
    return fraction > top_bit || (fraction == top_bit && odd);
  } else if constexpr (Mode == rounding::nearest_away) {
    return fraction >= top_bit;
  } else if constexpr (Mode == rounding::toward_zero) {
    return false;
  } else if constexpr (Mode == rounding::toward_positive) {
    return fraction != 0 && !negative;
  } else if constexpr (Mode == rounding::toward_negative) {
    return fraction != 0 && negative;
  } else if constexpr (Mode == rounding::to_odd) {
    return fraction != 0 && !odd;
  } else if constexpr (Mode == rounding::stochastic) {
    const std::uint64_t high = fraction >> 32;
    const std::uint64_t low = fraction & 0xffffffffU;
    const bool carry = low > 0x80000000U || (low == 0x80000000U && (high & 1) != 0);
    return high + (carry ? 1 : 0) + random >= std::uint64_t{1} << 32;
  } else if constexpr (Mode == rounding::stochastic_a) {
    return (fraction >> 32) + random >= std::uint64_t{1} << 32;
  } else {
    return (fraction >> 31) + 2 * std::uint64_t{random} + 1 >= std::uint64_t{1} << 33;
  }
}

/// `value >> count`, and what was shifted out as a fraction times 2^64 whose lowest bit is sticky.
struct shifted {
  std::uint64_t whole;
  std::uint64_t fraction;
};
FEWBITS_INLINE constexpr shifted shift_right(std::uint64_t value, int count) {
  if (count == 0) return {value, 0};
  if (count < 64) return {value >> count, value << (64 - count)};
  if (count == 64) return {0, value};
  if (count < 128) {
    const int beyond = count - 64;
    return {0, value >> beyond | ((value << (64 - beyond)) != 0 ? 1U : 0U)};
  }
  return {0, value != 0 ? 1U : 0U};
}

/// A finite nonzero number, rounded to `Format`.
///
/// Magnitude codes are consecutive in value, so for a normal result
///   code = (exponent - min_exponent) * 2^mantissa_bits + significand with mantissa_bits + 1 bits,
/// and a subnormal one is the same with the exponent held at min_exponent. Adding one therefore
/// gives the next larger value also where the significand overflows into the exponent field.
template <float_format Format, cast_policy Policy>
FEWBITS_INLINE constexpr std::uint64_t round_finite(const unpacked& x, std::uint32_t random) {
  if (x.exponent > Format.max_exponent()) return overflow_code<Format, Policy>(x.negative);
  int drop = 63 - Format.mantissa_bits;
  int binade = x.exponent - Format.min_exponent();
  if (binade < 0) {
    if constexpr (Format.has_subnormals) {
      drop -= binade;
      binade = 0;
    } else {
      // Without zero and subnormals the smallest value is all there is below the normal range.
      if (!x.negative) return 0;
      return Format.is_signed ? Format.sign_mask() : infinity_code<Format, Policy>(true);
    }
  }
  const shifted kept = shift_right(x.significand, drop);
  std::uint64_t code = (static_cast<std::uint64_t>(binade) << Format.mantissa_bits) + kept.whole;
  if constexpr (!Format.has_subnormals) code -= std::uint64_t{1} << Format.mantissa_bits;
  code += rounds_up<Policy.round>(kept.fraction, (code & 1) != 0, x.negative, random) ? 1U : 0U;
  if (code > Format.max_finite_code()) return overflow_code<Format, Policy>(x.negative);
  if (!x.negative) return code;
  if (Format.has_subnormals && code == 0) return zero_code<Format>(true);
  return Format.is_signed ? code | Format.sign_mask() : infinity_code<Format, Policy>(true);
}

/// Any number, rounded once to a code of `Format`.
template <float_format Format, cast_policy Policy>
FEWBITS_INLINE constexpr std::uint64_t pack(const unpacked& x, std::uint32_t random = 0) {
  switch (x.kind) {
    case number_kind::zero:
      return zero_code<Format>(x.negative);
    case number_kind::finite:
      return round_finite<Format, Policy>(x, random);
    case number_kind::infinity:
      return infinity_code<Format, Policy>(x.negative);
    default:
      return nan_code<Format>(x);
  }
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
