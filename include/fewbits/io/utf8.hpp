// SPDX-License-Identifier: MIT
// UTF-8: which bytes are characters, and the bytes of a code point.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Bytes of the character at `text`; 0 where there is none: overlong forms, surrogates and what is
/// beyond U+10FFFF are not characters. (Unicode, table 3-7.)
FEWBITS_INLINE constexpr std::size_t utf8_length(const char* text, std::size_t size) {
  const unsigned lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size < length) return 0;
  unsigned lowest = 0x80, highest = 0xbf;  // of the second byte
  if (lead == 0xe0) lowest = 0xa0;
  if (lead == 0xed) highest = 0x9f;
  if (lead == 0xf0) lowest = 0x90;
  if (lead == 0xf4) highest = 0x8f;
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned byte = static_cast<unsigned char>(text[i]);
    if (byte < lowest || byte > highest) return 0;
    lowest = 0x80;
    highest = 0xbf;
  }
  return length;
}

/// Writes the 1 to 4 bytes of a code point; their number comes back.
FEWBITS_INLINE constexpr std::size_t put_utf8(std::uint32_t point, char* out) {
  if (point < 0x80) {
    out[0] = static_cast<char>(point);
    return 1;
  }
  const std::size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (std::size_t i = length - 1; i > 0; --i, point >>= 6)
    out[i] = static_cast<char>(0x80 | (point & 0x3f));
  out[0] = static_cast<char>((0xf00U >> length & 0xf0) | point);
  return length;
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
