// SPDX-License-Identifier: MIT
// Literals of the named formats, rounded once from their decimal text: 0.1_bf16, 0x1.8p3_fp16.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/from_chars.hpp>

#include <charconv>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

// Not constexpr, so that the compiler stops where a literal calls them and shows their names.
void literal_is_out_of_range();
void literal_is_too_long();

/// The spelling of a literal without digit separators, and its base.
struct literal_text {
  char characters[1024] = {};
  int length = 0;
  int base = 10;
  bool is_integer = true;
};

static constexpr literal_text spelling(const char* text) {
  literal_text result;
  if (text[0] == '0' && text[1] != '\0') {
    const char prefix = static_cast<char>(text[1] | 0x20);
    result.base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
    text += result.base == 8 ? 1 : 2;
  }
  for (; *text != '\0'; ++text) {
    if (*text == '\'') continue;
    if (result.length == 1024) literal_is_too_long();
    const char lower = static_cast<char>(*text | 0x20);
    if (*text == '.' || (lower == 'e' && result.base != 16) || (lower == 'p' && result.base == 16))
      result.is_integer = false;
    result.characters[result.length++] = *text;
  }
  // 010 is eight, but 010.5 and 010e1 are decimal.
  if (result.base == 8 && !result.is_integer) result.base = 10;
  return result;
}

static constexpr unpacked literal_number(const literal_text& text) {
  const char* const first = text.characters;
  const char* const last = first + text.length;
  if (text.base == 10) return parse_decimal(first, last, false, std::chars_format::general).number;
  return parse_binary(first, last, false, text.base == 16 ? 4 : text.base == 8 ? 3 : 1).number;
}

template <class Float>
FEWBITS_HOST_INLINE constexpr Float float_literal(const char* text) {
  const unpacked number = literal_number(spelling(text));
  if (!is_in_range<Float::format>(number)) literal_is_out_of_range();
  return pack_number<Float>(number);
}

template <class Integer>
FEWBITS_HOST_INLINE constexpr Integer integer_literal(const char* text) {
  const literal_text digits = spelling(text);
  Integer result{};
  if (!digits.is_integer ||
      from_chars(digits.characters, digits.characters + digits.length, result, digits.base).ec !=
          std::errc{})
    literal_is_out_of_range();
  return result;
}

}  // namespace detail

/// Literals, for `using namespace fewbits::literals`: 1.5_bf16, 0.1_fp8_e4m3, 0x1.8p3_fp16, 3_int4.
/// Rounded to the nearest value, ties to even, once. A number beyond the range, or that would become
/// zero, does not compile. A minus is an operator applied afterwards, so the least integer of a
/// format has no literal.
namespace literals {

#define FEWBITS_ROW(name, descriptor, specification)            \
  consteval fewbits::name operator""_##name(const char* text) { \
    return fewbits::detail::float_literal<fewbits::name>(text); \
  }
FEWBITS_FLOAT_FORMATS(FEWBITS_ROW)
#undef FEWBITS_ROW

#define FEWBITS_ROW(name)                                         \
  consteval fewbits::name operator""_##name(const char* text) {   \
    return fewbits::detail::integer_literal<fewbits::name>(text); \
  }
FEWBITS_ROW(int4)
FEWBITS_ROW(uint4)
FEWBITS_ROW(int2)
FEWBITS_ROW(uint2)
#undef FEWBITS_ROW

}  // namespace literals
}  // namespace FEWBITS_ABI
}  // namespace fewbits
