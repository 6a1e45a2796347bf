// SPDX-License-Identifier: MIT
// The header of an npy file: a magic string, a version, a length, and a Python dictionary.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/scanner.hpp>
#include <fewbits/io/stored_tensor.hpp>
#include <fewbits/io/text_view.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

inline constexpr std::size_t npy_magic_size = 6;
inline constexpr const char* npy_magic = "\x93NUMPY";
inline constexpr std::size_t npy_longest_header = 65536;
inline constexpr std::size_t npy_longest_shape = 64;

/// Reads a Python dictionary, as far as headers have it: strings without escapes, integers, tuples.
struct python_scanner : text_scanner<const char> {
  /// After a member: whether another one follows. A comma before the end is allowed.
  FEWBITS_INLINE bool separator(char closing, bool& more) {
    const bool has_comma = peek() == ',';
    if (has_comma) ++at;
    more = peek() != closing;
    if (more) return has_comma || fail(io_fault::bad_syntax);
    ++at;
    return true;
  }
  FEWBITS_INLINE bool string(text_view& out) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return fail(io_fault::bad_syntax);
    const std::size_t begin = ++at;
    while (at < size && text[at] != quote) {
      if (text[at] == '\\' || text[at] == '\n') return fail(io_fault::bad_syntax);
      ++at;
    }
    if (at == size) return fail(io_fault::bad_syntax);
    out = text_view(text + begin, at - begin);
    ++at;
    return true;
  }
};

class npy_header {
 public:
  FEWBITS_INLINE npy_header() = default;

  std::uint64_t shape[npy_longest_shape] = {};
  std::size_t rank = 1;
  std::size_t shape_at = 0;    // in the file
  std::size_t data_begin = 0;  // in the file
  storage_order order{};
  dtype type = dtype::u8;

  FEWBITS_INLINE io_error parse(array_view<const unsigned char> bytes) {
    constexpr std::size_t short_prefix = 10, long_prefix = 12;
    if (bytes.size() < npy_magic_size ||
        __builtin_memcmp(bytes.data(), npy_magic, npy_magic_size) != 0)
      return io_error(bytes.size() == 0 ? io_fault::too_short : io_fault::bad_magic, 0);
    if (bytes.size() < short_prefix) return io_error(io_fault::too_short, bytes.size());
    const unsigned version = bytes[6];
    if (version < 1 || version > 3 || bytes[7] != 0)
      return io_error(io_fault::unknown_version, npy_magic_size);
    const std::size_t prefix = version == 1 ? short_prefix : long_prefix;
    if (bytes.size() < prefix) return io_error(io_fault::too_short, bytes.size());
    std::size_t length = 0;
    for (std::size_t i = 8; i < prefix; ++i) length |= std::size_t{bytes[i]} << (8 * (i - 8));
    if (length > npy_longest_header) return io_error(io_fault::header_too_long, 8);
    if (length > bytes.size() - prefix) return io_error(io_fault::too_short, 8);

    data_begin = prefix + length;
    python_scanner in{
        {reinterpret_cast<const char*>(bytes.data()), data_begin, prefix, io_fault::none}};
    return members(in) ? io_error() : io_error(in.fault, in.at);
  }

 private:
  FEWBITS_INLINE bool members(python_scanner& in) {
    const text_view keys[] = {"descr", "fortran_order", "shape"};
    unsigned seen = 0;
    if (!in.expect('{')) return false;
    bool more = in.opens('}');
    while (more) {
      text_view key;
      in.peek();
      const std::size_t key_at = in.at;
      if (!in.string(key) || !in.expect(':')) return false;
      unsigned which = 0;
      while (which < 3 && !(key == keys[which])) ++which;
      if (which == 3 || (seen >> which & 1) != 0)
        return in.fail(which == 3 ? io_fault::unknown_key : io_fault::duplicate_key, key_at);
      seen |= 1U << which;
      in.peek();
      const bool is_read = which == 0 ? descr(in) : which == 1 ? fortran(in) : tuple(in);
      if (!is_read || !in.separator('}', more)) return false;
    }
    if (seen != 7) return in.fail(io_fault::missing_key);
    return in.end();
  }

  FEWBITS_INLINE bool descr(python_scanner& in) {
    const std::size_t at = in.at;
    if (in.peek() == '[' || in.peek() == '(') return in.fail(io_fault::unsupported_dtype);
    text_view name;
    if (!in.string(name)) return false;
    const char first = name.empty() ? '\0' : name[0];
    const bool has_order = first == '<' || first == '>' || first == '=' || first == '|';
    const text_view kind(name.data() + (has_order ? 1 : 0), name.size() - (has_order ? 1 : 0));
    // V1 and V2 are those of several rows.
    const bool is_raw = !kind.empty() && kind[0] == 'V';
    for (const dtype_row& row : dtype_rows)
      if (!kind.empty() && kind == text_view(row.npy) &&
          (!is_raw || row.type == dtype::raw8 || row.type == dtype::raw16)) {
        const bool is_native = first == '=' || !has_order;
        order.is_big_endian = first == '>' || (is_native && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
        type = row.type;
        // Elements of several bytes have an order, unless nobody knows what they are.
        if (first != '|' || row.bits == 8 || is_raw) return true;
      }
    return in.fail(io_fault::unsupported_dtype, at);
  }

  FEWBITS_INLINE bool fortran(python_scanner& in) {
    order.is_fortran = in.word("True");
    return order.is_fortran || in.word("False") || in.fail(io_fault::bad_syntax);
  }

  FEWBITS_INLINE bool tuple(python_scanner& in) {
    shape_at = in.at;
    rank = 0;
    if (!in.expect('(', io_fault::bad_shape)) return false;
    bool more = in.opens(')');
    while (more) {
      if (rank == npy_longest_shape) return in.fail(io_fault::bad_shape);
      if (!in.integer(shape[rank++])) return false;
      const bool has_comma = in.peek() == ',';
      if (!in.separator(')', more)) return false;
      // (3) is a number, (3,) a tuple.
      if (!more && rank == 1 && !has_comma) return in.fail(io_fault::bad_shape);
    }
    return true;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
