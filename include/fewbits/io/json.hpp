// SPDX-License-Identifier: MIT
// A scanner of JSON (RFC 8259) for the headers of safetensors files: no recursion, no allocation.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/scanner.hpp>
#include <fewbits/io/text_view.hpp>
#include <fewbits/io/utf8.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Strings are decoded where they are, which makes them no longer, and ended by a zero.
struct json_scanner : text_scanner<char> {
  /// Within an object or array: whether another member follows, or `closing`.
  FEWBITS_INLINE bool separator(char closing, bool& more) {
    const char next = peek();
    if (next != ',' && next != closing) return fail(io_fault::bad_syntax);
    ++at;
    more = next == ',';
    return true;
  }

  FEWBITS_INLINE bool string(text_view& out) {
    if (!expect('"')) return false;
    const std::size_t begin = at;
    std::size_t end = begin;
    while (at < size) {
      const unsigned char next = static_cast<unsigned char>(text[at]);
      if (next == '"') {
        text[end] = '\0';
        ++at;
        out = text_view(text + begin, end - begin);
        return true;
      }
      if (next < 0x20) return fail(io_fault::bad_syntax);
      if (next == '\\') {
        if (!escape(end)) return false;
        continue;
      }
      const std::size_t length = utf8_length(text + at, size - at);
      if (length == 0) return fail(io_fault::bad_utf8);
      for (std::size_t i = 0; i < length; ++i) text[end++] = text[at++];
    }
    return fail(io_fault::bad_syntax);
  }

  /// Any value, which is not looked at. Duplicate keys in it are not found.
  FEWBITS_INLINE bool skip_value() {
    constexpr int deepest = 64;
    std::uint64_t objects = 0;  // a bit for each open bracket: whether it is an object's
    int depth = 0;
    for (;;) {
      const char first = peek();
      bool is_open = false;
      if (first == '{' || first == '[') {
        if (depth == deepest) return fail(io_fault::too_deep);
        ++at;
        ++depth;
        objects = objects << 1 | (first == '{' ? 1 : 0);
        is_open = peek() != (first == '{' ? '}' : ']');
      } else if (!scalar(first)) {
        return false;
      }
      while (!is_open && depth > 0) {  // after a value, or before the end of an empty bracket
        const char closing = (objects & 1) != 0 ? '}' : ']';
        bool more = false;
        if (!separator(closing, more)) return false;
        if (more) break;
        objects >>= 1;
        --depth;
      }
      if (depth == 0) return true;
      text_view key;
      if ((objects & 1) != 0 && !(string(key) && expect(':'))) return false;
    }
  }

 private:
  FEWBITS_INLINE bool digits() {
    if (at == size || !is_digit(text[at])) return fail(io_fault::bad_syntax);
    while (at < size && is_digit(text[at])) ++at;
    return true;
  }

  FEWBITS_INLINE bool scalar(char first) {
    text_view ignored;
    if (first == '"') return string(ignored);
    const text_view words[] = {"true", "false", "null"};
    for (const text_view each : words)
      if (first == each[0]) return word(each) || fail(io_fault::bad_syntax);
    if (first == '-') ++at;
    const bool has_zero = at < size && text[at] == '0';
    const std::size_t begin = at;
    if (!digits()) return false;
    if (has_zero && at - begin > 1) return fail(io_fault::bad_syntax);
    if (at < size && text[at] == '.') {
      ++at;
      if (!digits()) return false;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
      ++at;
      if (at < size && (text[at] == '+' || text[at] == '-')) ++at;
      if (!digits()) return false;
    }
    return true;
  }

  /// Four hexadecimal digits.
  FEWBITS_INLINE bool hex(std::uint32_t& out) {
    out = 0;
    if (size - at < 4) return fail(io_fault::bad_escape);
    for (int i = 0; i < 4; ++i, ++at) {
      const char c = text[at];
      const char lower = static_cast<char>(c | 0x20);
      if (is_digit(c)) {
        out = out << 4 | static_cast<std::uint32_t>(c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        out = out << 4 | static_cast<std::uint32_t>(lower - 'a' + 10);
      } else {
        return fail(io_fault::bad_escape);
      }
    }
    return true;
  }

  /// The character after the backslash at `at`, to `end`.
  FEWBITS_INLINE bool escape(std::size_t& end) {
    constexpr text_view from("\"\\/bfnrt", 8), to("\"\\/\b\f\n\r\t", 8);
    if (++at == size) return fail(io_fault::bad_escape);
    const char kind = text[at];
    if (kind != 'u') {
      for (std::size_t i = 0; i < from.size(); ++i)
        if (kind == from[i]) {
          text[end++] = to[i];
          ++at;
          return true;
        }
      return fail(io_fault::bad_escape);
    }
    ++at;
    std::uint32_t point = 0;
    if (!hex(point)) return false;
    if (point >= 0xd800 && point < 0xe000) {
      std::uint32_t low = 0;
      if (point >= 0xdc00 || size - at < 2 || text[at] != '\\' || text[at + 1] != 'u')
        return fail(io_fault::bad_escape);
      at += 2;
      if (!hex(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return fail(io_fault::bad_escape);
      point = 0x10000 + ((point & 0x3ff) << 10 | (low & 0x3ff));
    }
    end += put_utf8(point, text + end);
    return true;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
