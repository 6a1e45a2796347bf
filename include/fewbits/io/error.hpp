// SPDX-License-Identifier: MIT
// `io_error`: what is wrong with a file, and where.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/text_view.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

// fault, what a message says of it
#define FEWBITS_IO_FAULTS(ROW)                                                          \
  ROW(none, "no error")                                                                 \
  ROW(cannot_open, "cannot be opened")                                                  \
  ROW(not_a_file, "is not a regular file")                                              \
  ROW(cannot_read, "cannot be read")                                                    \
  ROW(cannot_write, "cannot be written")                                                \
  ROW(cannot_replace, "cannot be replaced")                                             \
  ROW(out_of_memory, "there is not enough memory")                                      \
  ROW(too_short, "the file ends too early")                                             \
  ROW(trailing_bytes, "there are bytes after the data")                                 \
  ROW(bad_magic, "the file does not begin as an npy file does")                         \
  ROW(unknown_version, "unknown version of the format")                                 \
  ROW(header_too_long, "the header is too long")                                        \
  ROW(bad_syntax, "syntax error in the header")                                         \
  ROW(bad_utf8, "invalid UTF-8")                                                        \
  ROW(bad_escape, "invalid escape in a string")                                         \
  ROW(too_deep, "values are nested too deeply")                                         \
  ROW(bad_integer, "not an integer from 0 to 2^64 - 1")                                 \
  ROW(bad_metadata, "metadata is not an object of strings")                             \
  ROW(bad_entry, "not an object with dtype, shape and data_offsets")                    \
  ROW(duplicate_name, "two entries have the same name")                                 \
  ROW(duplicate_key, "a key is there twice")                                            \
  ROW(missing_key, "a key is missing")                                                  \
  ROW(unknown_key, "unknown key")                                                       \
  ROW(unknown_dtype, "unknown dtype")                                                   \
  ROW(unsupported_dtype, "elements of this dtype are not numbers that the library has") \
  ROW(bad_shape, "the shape is not a list of integers, or has too many")                \
  ROW(too_large, "its size does not fit 64 bits")                                       \
  ROW(partial_byte, "its elements do not fill whole bytes")                             \
  ROW(bad_offsets, "data_offsets are not two integers in order")                        \
  ROW(wrong_size, "data_offsets disagree with dtype and shape")                         \
  ROW(gap, "there are unused bytes before its data")                                    \
  ROW(overlap, "its data overlap those of another tensor")                              \
  ROW(wrong_dtype, "its dtype is not that of the elements asked for")                   \
  ROW(wrong_rank, "it is not a matrix")                                                 \
  ROW(wrong_shape, "its number of elements is not that of the destination")             \
  ROW(misaligned, "its data are not aligned for such elements; copy_to works")          \
  ROW(wrong_byte_order, "its bytes are in another order; copy_to works")                \
  ROW(fortran_order, "it is stored by columns")                                         \
  ROW(reserved_name, "the name is reserved")                                            \
  ROW(too_many_bytes, "more was written than its size")                                 \
  ROW(incomplete, "less was written than its size")                                     \
  ROW(not_open, "no file is open")

namespace fewbits {
inline namespace FEWBITS_ABI {

/// What may be wrong with a file. `text_of` says it in words.
enum class io_fault : unsigned char {
#define FEWBITS_ROW(name, text) name,
  FEWBITS_IO_FAULTS(FEWBITS_ROW)
#undef FEWBITS_ROW
};

[[nodiscard]] FEWBITS_INLINE constexpr const char* text_of(io_fault fault) {
  switch (fault) {
#define FEWBITS_ROW(name, text) \
  case io_fault::name:          \
    return text;
    FEWBITS_IO_FAULTS(FEWBITS_ROW)
#undef FEWBITS_ROW
  }
  return "";
}

/// A text of its own memory, ended by a zero.
struct io_message {
  char data[384];
  std::size_t size;

  [[nodiscard]] FEWBITS_INLINE constexpr const char* c_str() const { return data; }
};

namespace detail {

FEWBITS_INLINE constexpr void append(io_message& text, const char* more) {
  while (*more != '\0' && text.size < sizeof text.data - 1) text.data[text.size++] = *more++;
}
FEWBITS_INLINE constexpr void append(io_message& text, std::uint64_t number) {
  char digits[21]{};
  int first = 20;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  append(text, digits + first);
}

}  // namespace detail

/// The result of what reads or writes files: converts to true where something is wrong.
///
///   if (const fb::io_error error = file.open(path)) std::puts(error.message().c_str());
class [[nodiscard]] io_error {
 public:
  /// The offset of errors that are at no place in a file.
  static constexpr std::uint64_t nowhere = ~std::uint64_t{0};

  FEWBITS_INLINE constexpr io_error() = default;
  /// `offset` counts bytes of the file; `name` is that of a tensor, of which 92 bytes are kept.
  FEWBITS_INLINE constexpr explicit io_error(io_fault fault, std::uint64_t offset = nowhere,
                                             text_view name = text_view(), int system_error = 0)
      : offset_(offset), system_error_(system_error), fault_(fault) {
    std::size_t size = name.size();
    if (size > kept_name) {
      size = kept_name;
      while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
      for (std::size_t i = 0; i < 3; ++i) name_[size + i] = '.';
    }
    if (size != 0) __builtin_memcpy(name_, name.data(), size);
    for (std::size_t i = 0; i < size; ++i)
      if (static_cast<unsigned char>(name_[i]) < 0x20 || name_[i] == 0x7f) name_[i] = '?';
  }

  [[nodiscard]] FEWBITS_INLINE constexpr explicit operator bool() const {
    return fault_ != io_fault::none;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr io_fault fault() const { return fault_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t offset() const { return offset_; }
  /// Empty where the error is not about a tensor. Unprintable characters are question marks.
  [[nodiscard]] FEWBITS_INLINE constexpr const char* name() const { return name_; }
  /// `errno`, or 0.
  [[nodiscard]] FEWBITS_INLINE constexpr int system_error() const { return system_error_; }

  /// `tensor "w" (byte 35): unknown dtype`
  [[nodiscard]] FEWBITS_INLINE io_message message() const {
    io_message text{};
    if (name_[0] != '\0') {
      detail::append(text, "tensor \"");
      detail::append(text, name_);
      detail::append(text, "\"");
    }
    if (offset_ != nowhere) {
      detail::append(text, text.size == 0 ? "byte " : " (byte ");
      detail::append(text, offset_);
      if (name_[0] != '\0') detail::append(text, ")");
    }
    if (text.size != 0) detail::append(text, ": ");
    detail::append(text, text_of(fault_));
    if (system_error_ != 0) {
      detail::append(text, ": ");
      detail::append(text, std::strerror(system_error_));
    }
    return text;
  }

 private:
  static constexpr std::size_t kept_name = 92;

  std::uint64_t offset_ = nowhere;
  int system_error_ = 0;
  io_fault fault_ = io_fault::none;
  char name_[kept_name + 4] = {};
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
