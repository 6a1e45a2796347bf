// SPDX-License-Identifier: MIT
// Numbers to text, as std::to_chars.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/value/decimal.hpp>

#include <charconv>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Characters into [at, last), and whether they fitted.
struct text_writer {
  char* at;
  char* last;
  bool fits = true;
};

FEWBITS_HOST_INLINE constexpr void put(text_writer& out, char character) {
  if (out.at != out.last) {
    *out.at++ = character;
  } else {
    out.fits = false;
  }
}
FEWBITS_HOST_INLINE constexpr void put(text_writer& out, const char* text) {
  for (; *text != '\0'; ++text) put(out, *text);
}
FEWBITS_HOST_INLINE constexpr std::to_chars_result result_of(const text_writer& out) {
  if (!out.fits) return {out.last, std::errc::value_too_large};
  return {out.at, std::errc{}};
}

FEWBITS_HOST_INLINE constexpr void put_integer(text_writer& out, std::uint64_t value,
                                               unsigned base = 10, int width = 1) {
  char reversed[64] = {};
  int count = 0;
  for (; value != 0 || count < width; value /= base)
    reversed[count++] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
  while (count > 0) put(out, reversed[--count]);
}

FEWBITS_HOST_INLINE constexpr void put_exponent(text_writer& out, char letter, int exponent,
                                                int width) {
  put(out, letter);
  put(out, exponent < 0 ? '-' : '+');
  put_integer(out, static_cast<std::uint64_t>(exponent < 0 ? -exponent : exponent), 10, width);
}

static constexpr void put_fixed(text_writer& out, const decimal& x, int decimals) {
  const int whole = x.count > 0 && x.point > 0 ? x.point : 0;
  if (whole == 0) put(out, '0');
  for (int i = 0; i < whole; ++i) put(out, digit_at(x, i));
  if (decimals > 0) put(out, '.');
  const int first = x.count > 0 ? x.point : 1;
  for (int i = 0; i < decimals && out.fits; ++i) put(out, digit_at(x, first + i));
}

static constexpr void put_scientific(text_writer& out, const decimal& x, int decimals) {
  put(out, digit_at(x, 0));
  if (decimals > 0) put(out, '.');
  for (int i = 1; i <= decimals && out.fits; ++i) put(out, digit_at(x, i));
  put_exponent(out, 'e', x.point - 1, 2);
}

/// A number of some format, with what printing it needs to know of the format.
struct printed_number {
  number_kind kind = number_kind::zero;
  bool negative = false;
  int mantissa_bits = 0;
  printed finite;
};

/// Hexadecimal: the leading digit is the implicit bit (0 for a subnormal number), and the exponent
/// that of the fields. Negative precision: as many digits as are needed.
static constexpr void put_hex(text_writer& out, const printed_number& x, int precision) {
  const int digits = (x.mantissa_bits + 3) / 4;
  // Leading digit and fraction, aligned to whole hexadecimal digits: at most 4 + 52 bits.
  std::uint64_t all = x.finite.value.significand << (4 * digits - x.mantissa_bits);
  int kept = digits;
  if (precision < 0) {
    for (; kept > 0 && (all & 15) == 0; --kept) all >>= 4;
  } else if (precision < digits) {
    const shifted rounded = shift_right(all, 4 * (digits - precision));
    const bool up =
        rounds_up<rounding::nearest_even>(rounded.fraction, (rounded.whole & 1) != 0, false, 0);
    all = rounded.whole + (up ? 1U : 0U);
    kept = precision;
  }
  put_integer(out, all >> (4 * kept), 16);
  if (kept > 0 || precision > 0) put(out, '.');
  if (kept > 0) put_integer(out, all & ((std::uint64_t{1} << (4 * kept)) - 1), 16, kept);
  for (int i = kept; i < precision && out.fits; ++i) put(out, '0');
  put_exponent(out, 'p',
               x.kind == number_kind::zero ? 0 : x.finite.value.exponent + x.mantissa_bits, 1);
}

/// Sign, and all of it for infinity and NaN; then returns true.
static constexpr bool put_special(text_writer& out, const printed_number& x) {
  if (x.negative) put(out, '-');
  if (x.kind == number_kind::infinity) put(out, "inf");
  if (x.kind == number_kind::nan) put(out, "nan");
  return x.kind == number_kind::infinity || x.kind == number_kind::nan;
}

/// The shortest text. A format of no bits means the shorter of fixed and scientific.
static constexpr std::to_chars_result print_shortest(char* first, char* last,
                                                     const printed_number& x,
                                                     std::chars_format format) {
  text_writer out{first, last};
  if (put_special(out, x)) return result_of(out);
  if (format == std::chars_format::hex) {
    put_hex(out, x, -1);
    return result_of(out);
  }
  decimal digits;
  if (x.kind != number_kind::zero) shortest_digits(x.finite, digits);
  const int count = digits.count > 0 ? digits.count : 1;
  const int exponent = digits.point - 1;
  bool fixed = format == std::chars_format::fixed;
  if (format == std::chars_format{}) {
    const int scientific_length =
        count + (count > 1 ? 1 : 0) + (exponent <= -100 || exponent >= 100 ? 5 : 4);
    const int fixed_length = exponent >= count - 1 ? exponent + 1
                             : exponent >= 0       ? count + 1
                                                   : count + 1 - exponent;
    fixed = fixed_length <= scientific_length;
  } else if (format == std::chars_format::general) {
    fixed = exponent >= -4 && exponent < 6;
  }
  if (!fixed) {
    put_scientific(out, digits, count - 1);
  } else {
    // Zeros at the end of an integer would take as much room as its own digits.
    if (digits.point > count) exact_digits(x.finite.value, digits);
    put_fixed(out, digits, digits.count > digits.point ? digits.count - digits.point : 0);
  }
  return result_of(out);
}

/// The exact value rounded to a precision, ties to even.
static constexpr std::to_chars_result print_precision(char* first, char* last,
                                                      const printed_number& x,
                                                      std::chars_format format, int precision) {
  text_writer out{first, last};
  if (put_special(out, x)) return result_of(out);
  if (format == std::chars_format::hex) {
    put_hex(out, x, precision);
    return result_of(out);
  }
  if (precision < 0) precision = 6;
  // No double has a digit beyond this position, and sums with it do not overflow.
  const int kept = precision < 2000 ? precision : 2000;
  decimal digits;
  if (x.kind != number_kind::zero) exact_digits(x.finite.value, digits);
  if (format == std::chars_format::fixed) {
    round_digits(digits, digits.point + kept);
    put_fixed(out, digits, precision);
  } else if (format == std::chars_format::scientific) {
    round_digits(digits, kept + 1);
    put_scientific(out, digits, precision);
  } else {
    const int significant = kept > 0 ? kept : 1;
    round_digits(digits, significant);
    const int exponent = digits.point - 1;
    if (exponent >= -4 && exponent < significant) {
      put_fixed(out, digits, digits.count > digits.point ? digits.count - digits.point : 0);
    } else {
      put_scientific(out, digits, digits.count > 1 ? digits.count - 1 : 0);
    }
  }
  return result_of(out);
}

/// The value that a magnitude code has, or would have were it not special.
template <float_format Format>
FEWBITS_HOST_INLINE constexpr scaled scaled_magnitude(std::uint64_t code) {
  const std::uint64_t fraction = code & Format.mantissa_mask();
  const int field = static_cast<int>(code >> Format.mantissa_bits);
  if (Format.has_subnormals && field == 0) return {fraction, Format.quantum_exponent()};
  return {fraction | std::uint64_t{1} << Format.mantissa_bits,
          field - Format.bias - Format.mantissa_bits};
}

/// The midpoint of the values of two consecutive magnitude codes, the second being `code`. Below the
/// smallest value of a format without zero it is where a next smaller binade would begin to round.
template <float_format Format>
FEWBITS_HOST_INLINE constexpr scaled midpoint_below(std::uint64_t code) {
  const scaled high = scaled_magnitude<Format>(code);
  if (code == 0) return {3 * high.significand, high.exponent - 2};
  const scaled low = scaled_magnitude<Format>(code - 1);
  return {low.significand + (high.significand << (high.exponent - low.exponent)), low.exponent - 1};
}

template <float_format Format>
FEWBITS_HOST_INLINE constexpr printed_number to_printed(basic_float<Format> value) {
  const unpacked number = unpack<Format>(value.bits());
  printed_number result{number.kind, number.negative, Format.mantissa_bits, {}};
  if (number.kind == number_kind::finite) {
    const std::uint64_t magnitude = value.bits() & Format.magnitude_mask();
    result.finite = {scaled_magnitude<Format>(magnitude), midpoint_below<Format>(magnitude),
                     midpoint_below<Format>(magnitude + 1), (magnitude & 1) == 0};
  }
  return result;
}

/// Whether the standard library prints this format; it is faster, and prints the same.
template <float_format Format>
#if defined(__cpp_lib_to_chars)
inline constexpr bool is_printed_by_std = Format == formats::fp32 || Format == formats::fp64;
#else
inline constexpr bool is_printed_by_std = false;
#endif

}  // namespace detail

/// `value` as the shortest text that `from_chars` of the same format reads back as `value`: the fewest
/// digits, of those the nearest, of those the even; "inf", "nan", a sign where there is one. Notation
/// as std::to_chars of a float: fixed unless scientific is shorter, and integers in fixed notation
/// exactly, so the largest finite fp8_e5m2 is 57344. No allocation, no locale; constexpr.
///
/// A NaN loses its payload. The digits tell the values of this format apart, and no others: the
/// fp8_e4m3 number 0.1015625 is printed as 0.1. For the value itself give a precision, or convert to
/// double first. Fewer characters are not sought where they take more digits: 999 would read back as
/// the fp8_e5m2 number 1024.
///
/// Errors: {last, std::errc::value_too_large} when it does not fit; 24 characters always do.
/// Source: C++20 [charconv.to.chars].
template <float_format Format>
FEWBITS_HOST_INLINE constexpr std::to_chars_result to_chars(char* first, char* last,
                                                            basic_float<Format> value) {
  if constexpr (detail::is_printed_by_std<Format>) {
    if (!__builtin_is_constant_evaluated())
      return std::to_chars(first, last,
                           static_cast<typename basic_float<Format>::native_type>(value));
  }
  return detail::print_shortest(first, last, detail::to_printed(value), std::chars_format{});
}

/// The same in a given notation. `general` is fixed for exponents from -4 to 5. `hex` is exact, and
/// has no 0x; a subnormal number has the leading digit 0.
template <float_format Format>
FEWBITS_HOST_INLINE constexpr std::to_chars_result to_chars(char* first, char* last,
                                                            basic_float<Format> value,
                                                            std::chars_format format) {
  if constexpr (detail::is_printed_by_std<Format>) {
    if (!__builtin_is_constant_evaluated())
      return std::to_chars(first, last,
                           static_cast<typename basic_float<Format>::native_type>(value), format);
  }
  return detail::print_shortest(first, last, detail::to_printed(value), format);
}

/// The exact value rounded to `precision`, ties to even, as printf with %f, %e, %g (6 when negative)
/// or %a without 0x (as many digits as needed when negative).
template <float_format Format>
FEWBITS_HOST_INLINE constexpr std::to_chars_result to_chars(char* first, char* last,
                                                            basic_float<Format> value,
                                                            std::chars_format format,
                                                            int precision) {
  if constexpr (detail::is_printed_by_std<Format>) {
    if (!__builtin_is_constant_evaluated())
      return std::to_chars(first, last,
                           static_cast<typename basic_float<Format>::native_type>(value), format,
                           precision);
  }
  return detail::print_precision(first, last, detail::to_printed(value), format, precision);
}

/// An integer in `base` 2 to 36, lower case, as std::to_chars.
/// Errors: {last, std::errc::value_too_large} when it does not fit.
template <int_format Format>
FEWBITS_HOST_INLINE constexpr std::to_chars_result to_chars(char* first, char* last,
                                                            basic_int<Format> value,
                                                            int base = 10) {
  detail::text_writer out{first, last};
  const std::int64_t code = static_cast<typename basic_int<Format>::native_type>(value);
  if (code < 0) detail::put(out, '-');
  detail::put_integer(out, static_cast<std::uint64_t>(code < 0 ? -code : code),
                      static_cast<unsigned>(base));
  return detail::result_of(out);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
