// SPDX-License-Identifier: MIT
// What counts as a number, and the way from any number to its exact value and back.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/unpacked.hpp>

#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <class Type>
inline constexpr bool is_basic_float = false;
template <float_format Format>
inline constexpr bool is_basic_float<basic_float<Format>> = true;

/// A float type of the library, `float` or `double`.
template <class Type>
concept floating =
    is_basic_float<Type> || std::is_same_v<Type, float> || std::is_same_v<Type, double>;

template <class Type>
inline constexpr bool is_basic_int = false;
template <int_format Format>
inline constexpr bool is_basic_int<basic_int<Format>> = true;

/// An integer type of the library or a built-in one (bool and the character types too).
template <class Type>
concept integer = is_basic_int<Type> || (std::is_integral_v<Type> && sizeof(Type) <= 8);

template <class Type>
concept number = floating<Type> || integer<Type>;

/// What can be converted: `long double` too, with which arithmetic is the language's own.
template <class Type>
concept convertible_number = number<Type> || std::is_same_v<Type, long double>;

namespace detail {

template <class Type>
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

template <class Type>
struct format_of_integer {
  static constexpr int_format value{
      .bits = std::is_same_v<Type, bool> ? 1 : static_cast<int>(sizeof(Type)) * 8,
      .is_signed = std::is_signed_v<Type>};
};
template <int_format Format>
struct format_of_integer<basic_int<Format>> {
  static constexpr int_format value = Format;
};

template <int Bits>
using uint_with_bits = std::conditional_t<
    (Bits <= 8), std::uint8_t,
    std::conditional_t<(Bits <= 16), std::uint16_t,
                       std::conditional_t<(Bits <= 32), std::uint32_t, std::uint64_t>>>;

}  // namespace detail

/// The format of a float type; that of `float` is `formats::fp32`.
template <floating Type>
inline constexpr float_format format_of = detail::format_of_type<Type>::value;

/// The format of an integer type; that of `std::int8_t` is `formats::int8`.
template <integer Type>
inline constexpr int_format integer_format_of = detail::format_of_integer<Type>::value;

namespace detail {

/// The code of a value.
template <floating Type>
FEWBITS_INLINE constexpr uint_with_bits<format_of<Type>.bits()> bits_of(Type value) {
  if constexpr (is_basic_float<Type>) {
    return value.bits();
  } else {
    return bit_cast<uint_with_bits<format_of<Type>.bits()>>(value);
  }
}

/// The value of a code.
template <floating Type>
FEWBITS_INLINE constexpr Type value_of_bits(std::uint64_t code) {
  using storage = uint_with_bits<format_of<Type>.bits()>;
  if constexpr (is_basic_float<Type>) {
    return Type::from_bits(static_cast<storage>(code));
  } else {
    return bit_cast<Type>(static_cast<storage>(code));
  }
}

template <floating Type>
FEWBITS_INLINE constexpr unpacked unpack_number(Type value) {
  return unpack<format_of<Type>>(bits_of(value));
}

template <integer Type>
FEWBITS_INLINE constexpr unpacked unpack_number(Type value) {
  if constexpr (is_basic_int<Type>) {
    return unpack_number(static_cast<typename Type::native_type>(value));
  } else {
    const bool negative = value < Type{};
    const std::uint64_t magnitude =
        negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    if (magnitude == 0) return {};
    const int shift = __builtin_clzll(magnitude);
    return {number_kind::finite, negative, 63 - shift, magnitude << shift};
  }
}

template <floating To, cast_policy Policy = cast_policy{}>
FEWBITS_INLINE constexpr To pack_number(const unpacked& x, std::uint32_t random = 0) {
  return value_of_bits<To>(pack<format_of<To>, Policy>(x, random));
}

/// Whether every integer of type `Type` is a value of `format`.
template <integer Type>
FEWBITS_INLINE constexpr bool is_integer_subset(const float_format& format) {
  constexpr bool has_sign = integer_format_of<Type>.is_signed;
  constexpr int value_bits = integer_format_of<Type>.bits - (has_sign ? 1 : 0);
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
