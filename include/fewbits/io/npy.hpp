// SPDX-License-Identifier: MIT
// `npy_file`: an array as numpy.save writes it, checked before anything of it is used.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/input_file.hpp>
#include <fewbits/io/npy_header.hpp>
#include <fewbits/io/stored_tensor.hpp>
#include <fewbits/io/text_view.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The array of an npy file; it lives as long as the object, which can be moved, not copied.
///
/// dtypes:  booleans, integers and floats of 8 to 64 bits, complex numbers of 64; '<f1' is FP8 E5M2, V1 and
///          V2 are `raw8` and `raw16`, of which the reader says what they are: BF16 is V2. Either byte order.
/// Order:   by rows or, as `tensor().order()` says then, by columns (Fortran): the elements of such a matrix
///          are its transpose by rows.
/// Refused: other dtypes, among them objects (pickled) and structures; versions other than 1.0, 2.0 and
///          3.0; a header beyond 65536 bytes or the end of the file; keys other than descr, fortran_order
///          and shape, each once; dimensions that are not integers from 0 to 2^64 - 1, or more than 64;
///          sizes that do not fit 64 bits; a file of any other size than the array needs.
/// Source:  NumPy enhancement proposal 1 and numpy.lib.format; the type names are those of ml_dtypes.
class npy_file {
 public:
  FEWBITS_INLINE npy_file() = default;
  FEWBITS_INLINE npy_file(npy_file&& other) noexcept { swap(other); }
  FEWBITS_INLINE npy_file& operator=(npy_file&& other) noexcept {
    swap(other);
    return *this;
  }
  FEWBITS_INLINE ~npy_file() = default;

  FEWBITS_INLINE io_error open(const char* path, file_access access = file_access::map) {
    close();
    io_error error = file_.open(path, access);
    if (!error) error = take({file_.data(), file_.size()});
    if (error) close();
    return error;
  }
  /// A file that is in memory, of someone else, already.
  FEWBITS_INLINE io_error open(array_view<const unsigned char> bytes) {
    close();
    const io_error error = take(bytes);
    if (error) close();
    return error;
  }
  FEWBITS_INLINE void close() {
    header_ = detail::npy_header();
    bytes_ = array_view<const unsigned char>();
    file_.close();
  }

  /// The array, without a name; an empty vector of bytes where no file is open.
  [[nodiscard]] FEWBITS_INLINE stored_tensor tensor() const {
    return {text_view(), header_.type,       {header_.shape, header_.rank},
            bytes_,      header_.data_begin, header_.order};
  }

 private:
  FEWBITS_INLINE void swap(npy_file& other) noexcept {
    file_.swap(other.file_);
    const detail::npy_header header = header_;
    header_ = other.header_;
    other.header_ = header;
    const array_view<const unsigned char> bytes = bytes_;
    bytes_ = other.bytes_;
    other.bytes_ = bytes;
  }

  FEWBITS_INLINE io_error take(array_view<const unsigned char> bytes) {
    if (const io_error error = header_.parse(bytes)) return error;
    const detail::tensor_size size =
        detail::size_of_tensor(header_.type, header_.shape, header_.rank);
    if (size.fault != io_fault::none) return io_error(size.fault, header_.shape_at);
    const std::uint64_t found = bytes.size() - header_.data_begin;
    if (found < size.bytes) return io_error(io_fault::too_short, bytes.size());
    if (found > size.bytes)
      return io_error(io_fault::trailing_bytes, header_.data_begin + size.bytes);
    bytes_ = {bytes.data() + header_.data_begin, size.bytes};
    return {};
  }

  detail::input_file file_;
  detail::npy_header header_;
  array_view<const unsigned char> bytes_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
