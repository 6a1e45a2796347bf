// SPDX-License-Identifier: MIT
// What counts as a number, and the way from any number to its exact value and back.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/exact.hpp>
#include <fewbits/value/unpacked.hpp>

#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <class T>
inline constexpr bool is_basic_float = false;
template <float_format Format>
inline constexpr bool is_basic_float<basic_float<Format>> = true;

/// A float type of the library, `float` or `double`.
template <class T>
concept floating = is_basic_float<T> || std::is_same_v<T, float> || std::is_same_v<T, double>;

/// A built-in integer type (bool and the character types too).
template <class T>
concept integer = std::is_integral_v<T> && sizeof(T) <= 8;

template <class T>
concept number = floating<T> || integer<T>;

/// What can be converted: `long double` too, with which arithmetic is the language's own.
template <class T>
concept convertible_number = number<T> || std::is_same_v<T, long double>;

namespace detail {

template <class T>
struct format_of_type;
template <float_format Format>
struct format_of_type<basic_float<Format>> {
  static constexpr float_format value = Format;
};
template <>
struct format_of_type<float> {
  static constexpr float_format value = formats::fp32;
};
template <>
struct format_of_type<double> {
  static constexpr float_format value = formats::fp64;
};

template <int Bits>
using uint_with_bits = std::conditional_t<
    (Bits <= 8), std::uint8_t,
    std::conditional_t<(Bits <= 16), std::uint16_t,
                       std::conditional_t<(Bits <= 32), std::uint32_t, std::uint64_t>>>;

}  // namespace detail

/// The format of a float type; that of `float` is `formats::fp32`.
template <floating T>
inline constexpr float_format format_of = detail::format_of_type<T>::value;

namespace detail {

/// The code of a value.
template <floating T>
FEWBITS_INLINE constexpr uint_with_bits<format_of<T>.bits()> bits_of(T value) {
  if constexpr (is_basic_float<T>) {
    return value.bits();
  } else {
    return bit_cast<uint_with_bits<format_of<T>.bits()>>(value);
  }
}

/// The value of a code.
template <floating T>
FEWBITS_INLINE constexpr T value_of_bits(std::uint64_t code) {
  using storage = uint_with_bits<format_of<T>.bits()>;
  if constexpr (is_basic_float<T>) {
    return T::from_bits(static_cast<storage>(code));
  } else {
    return bit_cast<T>(static_cast<storage>(code));
  }
}

template <floating T>
FEWBITS_INLINE constexpr unpacked unpack_number(T value) {
  return unpack<format_of<T>>(bits_of(value));
}

template <integer T>
FEWBITS_INLINE constexpr unpacked unpack_number(T value) {
  const bool negative = value < T{};
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  if (magnitude == 0) return {};
  const int shift = __builtin_clzll(magnitude);
  return {number_kind::finite, negative, 63 - shift, magnitude << shift};
}

/// A number from the fields of a format with 15 exponent bits, its significand aligned to the left.
FEWBITS_HOST_INLINE constexpr unpacked unpack_extended(bool negative, int field, uint128 significand) {
  constexpr int bias = 16383;
  if (field == 2 * bias + 1) {
    const std::uint64_t payload = static_cast<std::uint64_t>(significand << 1 >> 64);
    if (significand << 1 == 0) return {number_kind::infinity, negative, 0, 0};
    return {number_kind::nan, negative, 0, top_bit | payload};
  }
  if (significand == 0) return {number_kind::zero, negative, 0, 0};
  return narrow(normalize(negative, (field == 0 ? 1 : field) - bias, significand));
}

/// For constant expressions, where the bits of a long double are out of reach: arithmetic that is exact.
FEWBITS_HOST_INLINE constexpr unpacked unpack_by_arithmetic(long double value) {
  const bool negative = __builtin_copysignl(1, value) < 0;
  if (value != value) return {number_kind::nan, negative, 0, top_bit};
  if (value == 0) return {number_kind::zero, negative, 0, 0};
  long double rest = negative ? -value : value;
  if (rest > __LDBL_MAX__) return {number_kind::infinity, negative, 0, 0};
  int scale = 0;
  if constexpr (__LDBL_MAX_EXP__ > __DBL_MAX_EXP__) {
    // All formats lie between 2^-1074 and 2^1024: what is beyond 2^1024 overflows, and what is below
    // 2^-1200 rounds as the tiniest number does, in the stochastic modes too.
    if (rest >= 0x1p1024L) return {number_kind::finite, negative, 1 << 14, top_bit | 1};
    if (rest < 0x1p-1200L) return {number_kind::finite, negative, -(1 << 14), top_bit | 1};
    if (rest >= 0x1p500L) {
      rest *= 0x1p-600L;
      scale = 600;
    } else if (rest < 0x1p-500L) {
      rest *= 0x1p700L;
      scale = -700;
    }
  }
  // Three doubles hold the 113 bits of the longest type.
  wide_unpacked total{};
  for (int part = 0; part < 3 && rest != 0; ++part) {
    const double piece = static_cast<double>(rest);
    rest -= static_cast<long double>(piece);
    total = sum<rounding::nearest_even>(total, widen(unpack<formats::fp64>(bits_of(piece))));
  }
  unpacked result = narrow(total);
  result.negative = negative;
  result.exponent += scale;
  return result;
}

FEWBITS_HOST_INLINE constexpr unpacked unpack_number(long double value) {
  if (!__builtin_is_constant_evaluated() && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
    std::uint64_t words[2] = {};
    __builtin_memcpy(words, &value, sizeof(value));
    if constexpr (__LDBL_MANT_DIG__ == 64) {
      return unpack_extended((words[1] >> 15 & 1) != 0, static_cast<int>(words[1] & 0x7fff),
                             static_cast<uint128>(words[0]) << 64);
    } else if constexpr (__LDBL_MANT_DIG__ == 113) {
      const int field = static_cast<int>(words[1] >> 48 & 0x7fff);
      const uint128 fraction = (static_cast<uint128>(words[1]) << 64 | words[0]) << 16 >> 1;
      const uint128 integer_bit = field == 0 ? 0 : static_cast<uint128>(1) << 127;
      return unpack_extended(words[1] >> 63 != 0, field, integer_bit | fraction);
    }
  }
  return unpack_by_arithmetic(value);
}

template <floating To, cast_policy Policy = cast_policy{}>
FEWBITS_INLINE constexpr To pack_number(const unpacked& x, std::uint32_t random = 0) {
  return value_of_bits<To>(pack<format_of<To>, Policy>(x, random));
}

/// Whether every integer of type `T` is a value of `format`.
template <integer T>
FEWBITS_INLINE constexpr bool is_integer_subset(const float_format& format) {
  constexpr bool has_sign = std::is_signed_v<T>;
  constexpr int value_bits =
      std::is_same_v<T, bool> ? 1 : static_cast<int>(sizeof(T)) * 8 - has_sign;
  if (!format.has_zero() || (has_sign && !format.is_signed) || format.quantum_exponent() > 0 ||
      value_bits > format.precision())
    return false;
  if (has_sign || format.max_exponent() != value_bits - 1)
    return format.max_exponent() >= value_bits;  // the largest magnitude, or beyond it
  const int below = value_bits - 1;
  const std::uint64_t all_ones = ((std::uint64_t{1} << below) - 1)
                                 << (format.mantissa_bits - below);
  return (format.max_finite_code() & format.mantissa_mask()) >= all_ones;
}

template <class From, class To>
FEWBITS_INLINE constexpr bool is_lossless_conversion() {
  if constexpr (!number<From>) {
    return false;
  } else if constexpr (integer<From>) {
    return is_integer_subset<From>(format_of<To>);
  } else {
    return is_subset(format_of<From>, format_of<To>);
  }
}

}  // namespace detail

/// Whether every value of `From` is a value of `To`: then the conversion is implicit.
template <convertible_number From, floating To>
inline constexpr bool is_lossless = detail::is_lossless_conversion<From, To>();

}  // namespace FEWBITS_ABI
}  // namespace fewbits
