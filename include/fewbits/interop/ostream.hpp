// SPDX-License-Identifier: MIT
// Stream output and input of the library's numbers.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/from_chars.hpp>
#include <fewbits/value/to_chars.hpp>

#include <istream>
#include <ostream>
#include <string>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The text of a number as the flags of a stream ask for it, with a zero at its end.
template <float_format Format>
FEWBITS_HOST_INLINE void print_as(std::ios_base& stream, basic_float<Format> value, char* text,
                                  char* last) {
  char* const begin = text;
  const std::ios_base::fmtflags flags = stream.flags();
  const std::ios_base::fmtflags notation = flags & std::ios_base::floatfield;
  if ((flags & std::ios_base::showpos) != 0 && !signbit(value)) *text++ = '+';
  const std::streamsize wanted = stream.precision();
  const int precision = wanted < 1100 ? static_cast<int>(wanted) : 1100;
  std::to_chars_result end{};
  if (notation == (std::ios_base::fixed | std::ios_base::scientific)) {
    if (isfinite(value)) {
      if (value.sign_bit()) *text++ = '-';
      *text++ = '0';
      *text++ = 'x';
      end = to_chars(text, last, abs(value), std::chars_format::hex);
    } else {
      end = to_chars(text, last, value);
    }
  } else if (notation == std::ios_base::fixed) {
    end = to_chars(text, last, value, std::chars_format::fixed, precision);
  } else if (notation == std::ios_base::scientific) {
    end = to_chars(text, last, value, std::chars_format::scientific, precision);
  } else {
    end = to_chars(text, last, value);
  }
  *end.ptr = '\0';
  if ((flags & std::ios_base::uppercase) != 0)
    for (char* at = begin; *at != '\0'; ++at)
      if (*at >= 'a' && *at <= 'z') *at = static_cast<char>(*at - 'a' + 'A');
}

/// The next characters that can belong to a number: letters, digits, points, and signs at the
/// beginning or after the letter of an exponent. A leading plus is dropped.
template <class Traits>
FEWBITS_HOST_INLINE std::string read_token(std::basic_istream<char, Traits>& stream) {
  std::string token;
  const typename std::basic_istream<char, Traits>::sentry ready(stream);
  if (!ready) return token;
  bool plus = false;
  for (;;) {
    const typename Traits::int_type next = stream.peek();
    if (Traits::eq_int_type(next, Traits::eof())) break;
    const char character = Traits::to_char_type(next);
    if (character == '-' || character == '+') {
      const char before = token.empty() ? '\0' : static_cast<char>(token.back() | 0x20);
      if ((!token.empty() || plus) && before != 'e' && before != 'p') break;
    } else if (character != '.' && digit_value(character) == 99) {
      break;
    }
    if (token.empty() && character == '+') {
      plus = true;
    } else {
      token.push_back(character);
    }
    stream.get();
  }
  // "+-1" is two signs.
  if (plus && !token.empty() && token.front() == '-') token.clear();
  return token;
}

template <class Traits, class Number>
FEWBITS_HOST_INLINE std::basic_istream<char, Traits>& read(std::basic_istream<char, Traits>& stream,
                                                           Number& value) {
  const std::string token = read_token(stream);
  const char* const last = token.data() + token.size();
  Number result{};
  const std::from_chars_result end = from_chars(token.data(), last, result);
  if (end.ec != std::errc{} || end.ptr != last) {
    stream.setstate(std::ios_base::failbit);
  } else {
    value = result;
  }
  return stream;
}

}  // namespace detail

/// Writes the shortest text that reads back, or what std::fixed, std::scientific (with the stream's
/// precision, at most 1100) or std::hexfloat ask for. Honours width, fill, left, right, showpos and
/// uppercase. The locale does not matter: the decimal point is a point, nothing is grouped.
/// Without this header a stream takes the implicit conversion to float, and its six digits.
template <class Traits, float_format Format>
FEWBITS_HOST_INLINE std::basic_ostream<char, Traits>& operator<<(
    std::basic_ostream<char, Traits>& stream, basic_float<Format> value) {
  char text[1500];  // sign, 309 digits, point, 1100 decimals
  detail::print_as(stream, value, text, text + sizeof(text) - 1);
  return stream << static_cast<const char*>(text);
}

/// Writes the integer in decimal; width and fill as for text.
template <class Traits, int_format Format>
FEWBITS_HOST_INLINE std::basic_ostream<char, Traits>& operator<<(
    std::basic_ostream<char, Traits>& stream, basic_int<Format> value) {
  return stream << static_cast<typename basic_int<Format>::native_type>(value);
}

/// Skips white space and reads a number as `from_chars` does, with an optional plus. The number ends
/// before the first character that can be in none; it is an error if it makes only a part of the
/// characters before that. On an error, also of range, failbit is set and `value` is as it was.
template <class Traits, float_format Format>
FEWBITS_HOST_INLINE std::basic_istream<char, Traits>& operator>>(
    std::basic_istream<char, Traits>& stream, basic_float<Format>& value) {
  return detail::read(stream, value);
}
template <class Traits, int_format Format>
FEWBITS_HOST_INLINE std::basic_istream<char, Traits>& operator>>(
    std::basic_istream<char, Traits>& stream, basic_int<Format>& value) {
  return detail::read(stream, value);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
