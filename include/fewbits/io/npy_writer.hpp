// SPDX-License-Identifier: MIT
// `write_npy`: arrays as numpy.load reads them.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/npy_header.hpp>
#include <fewbits/io/output_file.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

struct npy_text {
  char data[npy_longest_header / 16];
  std::size_t size;
};
FEWBITS_INLINE void append(npy_text& text, const char* more) {
  while (*more != '\0') text.data[text.size++] = *more++;
}

/// Version 1.0; the data begin at a multiple of 64.
FEWBITS_INLINE void put_npy_header(npy_text& text, dtype type,
                                   array_view<const std::uint64_t> shape) {
  constexpr std::size_t prefix = 10, alignment = 64;
  const dtype_row& row = dtype_rows[static_cast<std::size_t>(type)];
  text.size = 0;
  append(text, npy_magic);
  __builtin_memcpy(text.data + text.size, "\1\0\0\0", 4);
  text.size = prefix;
  append(text, "{'descr': '");
  append(text, row.bits == 8 && type != dtype::f8_e5m2 ? "|" : "<");
  append(text, row.npy);
  append(text, "', 'fortran_order': False, 'shape': (");
  for (std::size_t i = 0; i < shape.size(); ++i) {
    io_message number{};
    append(number, shape[i]);
    append(text, number.data);
    append(text, shape.size() == 1 ? "," : i + 1 < shape.size() ? ", " : "");
  }
  append(text, "), }");
  while ((text.size + 1) % alignment != 0) append(text, " ");
  append(text, "\n");
  text.data[8] = static_cast<char>(static_cast<unsigned char>((text.size - prefix) & 0xff));
  text.data[9] = static_cast<char>(static_cast<unsigned char>((text.size - prefix) >> 8));
}

}  // namespace detail

/// Writes an array by rows, from its bytes (little-endian); the file at `path` is replaced when all of it is
/// written, and as it was after any error. Types that NumPy does not have are written as ml_dtypes does:
/// float8_e5m2 as '<f1', other FP8 and BF16 as V1 and V2, which do not say what they are.
///
/// Errors: unsupported_dtype (F4, F6), bad_shape (more than 64 dimensions), too_large; wrong_size where
///         `bytes` is not what the shape needs; not_a_file, cannot_write, cannot_replace.
FEWBITS_INLINE io_error write_npy(const char* path, dtype type,
                                  array_view<const std::uint64_t> shape,
                                  array_view<const unsigned char> bytes) {
  if (bits_of(type) % 8 != 0) return io_error(io_fault::unsupported_dtype);
  if (shape.size() > detail::npy_longest_shape) return io_error(io_fault::bad_shape);
  const detail::tensor_size size = detail::size_of_tensor(type, shape.data(), shape.size());
  if (size.fault != io_fault::none) return io_error(size.fault);
  if (size.bytes != bytes.size()) return io_error(io_fault::wrong_size);
  detail::npy_text header;
  detail::put_npy_header(header, type, shape);
  detail::output_file file;
  io_error error = file.open(path);
  if (!error) error = file.write(0, header.data, header.size);
  if (!error) error = file.write(header.size, bytes.data(), bytes.size());
  if (!error) error = file.commit();
  return error;
}

/// A matrix of `basic_float`, `float`, `double`, bool or native integers.
template <class Element>
FEWBITS_INLINE io_error write_npy(const char* path, const matrix_view<Element>& matrix) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || sizeof(Element) == 1,
                "fewbits: files are little-endian; write bytes");
  constexpr dtype type = dtype_of<Element>;
  static_assert(bits_of(type) % 8 == 0, "fewbits: npy files have no elements of 4 and 6 bits");
  const std::uint64_t shape[] = {matrix.rows(), matrix.cols()};
  const std::size_t row_bytes = matrix.cols() * sizeof(Element);
  detail::npy_text header;
  detail::put_npy_header(header, type, {shape, 2});
  detail::output_file file;
  io_error error = file.open(path);
  if (!error) error = file.write(0, header.data, header.size);
  for (std::size_t i = 0; i < matrix.rows() && !error; ++i)
    error = file.write(header.size + i * row_bytes, matrix.row(i), row_bytes);
  if (!error) error = file.commit();
  return error;
}

/// A vector of them.
template <contiguous Range>
FEWBITS_INLINE io_error write_npy(const char* path, const Range& vector) {
  using element = std::remove_cvref_t<decltype(*detail::data_of(vector))>;
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || sizeof(element) == 1,
                "fewbits: files are little-endian; write bytes");
  static_assert(bits_of(dtype_of<element>) % 8 == 0,
                "fewbits: npy files have no elements of 4 and 6 bits");
  const std::uint64_t shape[] = {detail::size_of(vector)};
  return write_npy(path, dtype_of<element>, {shape, 1},
                   {reinterpret_cast<const unsigned char*>(detail::data_of(vector)),
                    detail::size_of(vector) * sizeof(element)});
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
