// SPDX-License-Identifier: MIT
// What the scanners of both kinds of headers, JSON and Python, have in common.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/text_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

FEWBITS_INLINE constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads `size` characters at `text` from the beginning to the end. A function that returns false has set
/// `fault`; `at` is then where.
template <class Char>
struct text_scanner {
  Char* text;
  std::size_t size;
  std::size_t at;
  io_fault fault;

  FEWBITS_INLINE bool fail(io_fault what) {
    fault = what;
    return false;
  }
  FEWBITS_INLINE bool fail(io_fault what, std::size_t where) {
    at = where;
    return fail(what);
  }

  /// The next character that is not white space; a zero at the end.
  FEWBITS_INLINE char peek() {
    while (at < size &&
           (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
      ++at;
    return at < size ? text[at] : '\0';
  }
  FEWBITS_INLINE bool expect(char wanted, io_fault otherwise = io_fault::bad_syntax) {
    if (peek() != wanted) return fail(otherwise);
    ++at;
    return true;
  }
  /// Only white space is left.
  FEWBITS_INLINE bool end() {
    peek();
    return at == size || fail(io_fault::bad_syntax);
  }
  /// After the bracket that opens a list: whether there is a member before `closing`.
  FEWBITS_INLINE bool opens(char closing) {
    const bool is_empty = peek() == closing;
    if (is_empty) ++at;
    return !is_empty;
  }
  /// Whether `wanted` comes next, which is then behind.
  FEWBITS_INLINE bool word(text_view wanted) {
    if (size - at < wanted.size() || !(text_view(text + at, wanted.size()) == wanted)) return false;
    at += wanted.size();
    return true;
  }

  /// An integer that fits 64 bits, without sign, fraction, exponent and leading zeros.
  FEWBITS_INLINE bool integer(std::uint64_t& out) {
    out = 0;
    peek();
    const std::size_t begin = at;
    for (; at < size && is_digit(text[at]); ++at) {
      const std::uint64_t digit = static_cast<std::uint64_t>(text[at] - '0');
      if (__builtin_mul_overflow(out, std::uint64_t{10}, &out) ||
          __builtin_add_overflow(out, digit, &out))
        return fail(io_fault::bad_integer);
    }
    const std::size_t digits = at - begin;
    if (digits == 0 || (digits > 1 && text[begin] == '0')) return fail(io_fault::bad_integer);
    if (at < size && (text[at] == '.' || text[at] == 'e' || text[at] == 'E'))
      return fail(io_fault::bad_integer);
    return true;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
