// SPDX-License-Identifier: MIT
// std::numeric_limits of every format, computed from its descriptor.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <limits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// floor(log10(2^bits)). 30103 / 10^5 is log10(2) to within 5e-9, enough for the widths in question.
FEWBITS_INLINE constexpr int decimal_digits(int bits) { return bits * 30103 / 100000; }

/// floor(log10(x)) and ceil(log10(x)) for a positive x. The rounding errors of the quotients are far
/// below the distance of any format's limits from a power of ten.
FEWBITS_INLINE constexpr int floor_log10(double x) {
  int exponent = 0;
  for (; x >= 10; x /= 10) ++exponent;
  for (; x < 1; x *= 10) --exponent;
  return exponent;
}
FEWBITS_INLINE constexpr int ceil_log10(double x) {
  int exponent = 0;
  for (; x > 1; x /= 10) ++exponent;
  for (; x <= 0.1; x *= 10) --exponent;
  return exponent;
}

template <float_format Format>
FEWBITS_INLINE constexpr double double_of_code(std::uint64_t code) {
  return pack_number<double>(unpack<Format>(code));
}

/// 2^exponent in `Format`, rounded.
template <float_format Format>
FEWBITS_INLINE constexpr basic_float<Format> power_of_two(int exponent) {
  return pack_number<basic_float<Format>>({number_kind::finite, false, exponent, top_bit});
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits

/// What a format lacks (infinity, NaN) is reported by the `has_` flag and returned as `T{}`.
template <fewbits::float_format Format>
class std::numeric_limits<fewbits::basic_float<Format>> {
  using type = fewbits::basic_float<Format>;
  using storage = typename type::storage_type;

  FEWBITS_INLINE static constexpr type from_code(std::uint64_t code) noexcept {
    return type::from_bits(static_cast<storage>(code));
  }

 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = Format.is_signed;
  static constexpr bool is_integer = false;
  static constexpr bool is_exact = false;
  static constexpr bool is_bounded = true;
  static constexpr bool is_modulo = false;
  static constexpr bool has_infinity = Format.has_infinity();
  static constexpr bool has_quiet_NaN = Format.has_nan();
  /// A NaN with a clear quiet bit needs a second mantissa bit, so as not to be infinity.
  static constexpr bool has_signaling_NaN =
      Format.nan == fewbits::nan_encoding::ieee && Format.mantissa_bits >= 2;
  static constexpr float_denorm_style has_denorm =
      Format.has_subnormals && Format.mantissa_bits > 0 ? denorm_present : denorm_absent;
  static constexpr bool has_denorm_loss = false;
  /// Whether the format is one that IEEE 754 parameters and encodings describe.
  static constexpr bool is_iec559 =
      Format == fewbits::formats::ieee(Format.exponent_bits, Format.mantissa_bits);
  static constexpr float_round_style round_style = round_to_nearest;
  static constexpr bool traps = false;
  static constexpr bool tinyness_before = false;

  static constexpr int radix = 2;
  static constexpr int digits = Format.precision();
  static constexpr int digits10 = fewbits::detail::decimal_digits(Format.mantissa_bits);
  static constexpr int max_digits10 = fewbits::detail::decimal_digits(Format.precision()) + 2;
  static constexpr int min_exponent = Format.min_exponent() + 1;
  static constexpr int max_exponent = Format.max_exponent() + 1;
  static constexpr int min_exponent10 = fewbits::detail::ceil_log10(
      fewbits::detail::double_of_code<Format>(Format.min_normal_code()));
  static constexpr int max_exponent10 = fewbits::detail::floor_log10(
      fewbits::detail::double_of_code<Format>(Format.max_finite_code()));

  /// The smallest positive normal number.
  FEWBITS_INLINE static constexpr type(min)() noexcept {
    return from_code(Format.min_normal_code());
  }
  FEWBITS_INLINE static constexpr type(max)() noexcept {
    return from_code(Format.max_finite_code());
  }
  FEWBITS_INLINE static constexpr type lowest() noexcept {
    return from_code(fewbits::detail::largest_code<Format>(true));
  }
  /// The smallest positive number.
  FEWBITS_INLINE static constexpr type denorm_min() noexcept {
    return from_code(Format.min_positive_code());
  }
  /// The distance from 1 to the next number.
  FEWBITS_INLINE static constexpr type epsilon() noexcept {
    return fewbits::detail::power_of_two<Format>(-Format.mantissa_bits);
  }
  FEWBITS_INLINE static constexpr type round_error() noexcept {
    return fewbits::detail::power_of_two<Format>(-1);
  }
  FEWBITS_INLINE static constexpr type infinity() noexcept {
    return has_infinity ? from_code(Format.infinity_code()) : type{};
  }
  FEWBITS_INLINE static constexpr type quiet_NaN() noexcept {
    if constexpr (has_quiet_NaN) {
      return from_code(Format.nan_code());
    } else {
      return type{};
    }
  }
  FEWBITS_INLINE static constexpr type signaling_NaN() noexcept {
    return has_signaling_NaN ? from_code(Format.infinity_code() + 1) : type{};
  }
};

template <fewbits::int_format Format>
class std::numeric_limits<fewbits::basic_int<Format>> {
  using type = fewbits::basic_int<Format>;

 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = Format.is_signed;
  static constexpr bool is_integer = Format.fraction_bits == 0;
  static constexpr bool is_exact = true;
  static constexpr bool is_bounded = true;
  static constexpr bool is_modulo = false;
  static constexpr bool has_infinity = false;
  static constexpr bool has_quiet_NaN = false;
  static constexpr bool has_signaling_NaN = false;
  static constexpr float_denorm_style has_denorm = denorm_absent;
  static constexpr bool has_denorm_loss = false;
  static constexpr bool is_iec559 = false;
  static constexpr float_round_style round_style = round_toward_zero;
  static constexpr bool traps = false;
  static constexpr bool tinyness_before = false;

  static constexpr int radix = 2;
  static constexpr int digits = Format.bits - (Format.is_signed ? 1 : 0);
  static constexpr int digits10 = fewbits::detail::decimal_digits(digits);
  static constexpr int max_digits10 = 0;
  static constexpr int min_exponent = 0;
  static constexpr int max_exponent = 0;
  static constexpr int min_exponent10 = 0;
  static constexpr int max_exponent10 = 0;

  FEWBITS_INLINE static constexpr type(min)() noexcept {
    return type::from_code(Format.min_code());
  }
  FEWBITS_INLINE static constexpr type lowest() noexcept { return (min)(); }
  FEWBITS_INLINE static constexpr type(max)() noexcept {
    return type::from_code(Format.max_code());
  }
  FEWBITS_INLINE static constexpr type epsilon() noexcept { return type{}; }
  FEWBITS_INLINE static constexpr type round_error() noexcept { return type{}; }
  FEWBITS_INLINE static constexpr type infinity() noexcept { return type{}; }
  FEWBITS_INLINE static constexpr type quiet_NaN() noexcept { return type{}; }
  FEWBITS_INLINE static constexpr type signaling_NaN() noexcept { return type{}; }
  FEWBITS_INLINE static constexpr type denorm_min() noexcept { return type{}; }
};
