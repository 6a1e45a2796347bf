// SPDX-License-Identifier: MIT
// `stored_tensor`: one tensor of a file, as elements of the library's types.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/text_view.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The order of the bytes and elements of a stored tensor.
struct storage_order {
  bool is_big_endian;
  bool is_fortran;  // the first index is the fastest
};

/// A tensor of an open file, which owns all that it shows. `Element` may be whatever has the tensor's
/// dtype (see `dtype_of`); booleans are read as std::uint8_t; `raw8` and `raw16` are any float or
/// integer of that width.
class stored_tensor {
 public:
  FEWBITS_INLINE stored_tensor() = default;
  FEWBITS_INLINE stored_tensor(text_view name, dtype type, array_view<const std::uint64_t> shape,
                               array_view<const unsigned char> bytes, std::uint64_t offset,
                               storage_order order)
      : name_(name), shape_(shape), bytes_(bytes), offset_(offset), order_(order), type_(type) {
    size_ = detail::size_of_tensor(type, shape.data(), shape.size()).elements;
  }

  /// Ended by a zero.
  [[nodiscard]] FEWBITS_INLINE text_view name() const { return name_; }
  [[nodiscard]] FEWBITS_INLINE dtype type() const { return type_; }
  /// In elements, outermost first; empty for a single number.
  [[nodiscard]] FEWBITS_INLINE array_view<const std::uint64_t> shape() const { return shape_; }
  /// Elements.
  [[nodiscard]] FEWBITS_INLINE std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE array_view<const unsigned char> bytes() const { return bytes_; }
  /// Where its data begin in the file.
  [[nodiscard]] FEWBITS_INLINE std::uint64_t offset() const { return offset_; }
  [[nodiscard]] FEWBITS_INLINE storage_order order() const { return order_; }

  /// All elements as they are stored: by rows, or by columns where `order` says so.
  ///
  /// Errors: wrong_dtype, misaligned, wrong_byte_order.
  template <class Element>
  FEWBITS_INLINE io_error as_span(array_view<const Element>& out) const {
    if (const io_fault fault = fault_of<Element>(); fault != io_fault::none) return error(fault);
    out = array_view<const Element>(elements<Element>(), size_);
    return {};
  }
  /// The same for elements of 4 and 6 bits, which need no alignment.
  template <class Element>
  FEWBITS_INLINE io_error as_span(packed_span<const Element>& out) const {
    if (!detail::holds<Element>(type_)) return error(io_fault::wrong_dtype);
    out = packed_span<const Element>(bytes_.data(), size_);
    return {};
  }

  /// A tensor of two dimensions.
  ///
  /// Errors: as `as_span`; wrong_rank, fortran_order.
  template <class Element>
  FEWBITS_INLINE io_error as_matrix(matrix_view<const Element>& out) const {
    if (const io_fault fault = fault_of<Element>(); fault != io_fault::none) return error(fault);
    if (const io_fault fault = matrix_fault(); fault != io_fault::none) return error(fault);
    out = matrix_view<const Element>(elements<Element>(), shape_[0], shape_[1]);
    return {};
  }
  template <class Element>
  FEWBITS_INLINE io_error as_matrix(packed_matrix_view<const Element>& out) const {
    if (!detail::holds<Element>(type_)) return error(io_fault::wrong_dtype);
    if (const io_fault fault = matrix_fault(); fault != io_fault::none) return error(fault);
    out = packed_matrix_view<const Element>(bytes_.data(), shape_[0], shape_[1]);
    return {};
  }

  /// Copies all elements as they are stored; from any alignment and byte order.
  ///
  /// Errors: wrong_dtype; wrong_shape where dst.size() is not size().
  template <class Element>
  FEWBITS_INLINE io_error copy_to(array_view<Element> dst) const {
    if (!detail::holds<Element>(type_) || is_packed()) return error(io_fault::wrong_dtype);
    if (dst.size() != size_) return error(io_fault::wrong_shape);
    unsigned char* const to = reinterpret_cast<unsigned char*>(dst.data());
    if (!is_swapped()) {
      if (size_ != 0) __builtin_memcpy(to, bytes_.data(), bytes_.size());
      return {};
    }
    constexpr std::size_t width = sizeof(Element);
    for (std::size_t i = 0; i < dst.size(); ++i) {
      unsigned char reversed[width];
      for (std::size_t j = 0; j < width; ++j) reversed[j] = bytes_[i * width + width - 1 - j];
      __builtin_memcpy(to + i * width, reversed, width);
    }
    return {};
  }

 private:
  [[nodiscard]] FEWBITS_INLINE bool is_packed() const { return bits_of(type_) % 8 != 0; }
  [[nodiscard]] FEWBITS_INLINE bool is_swapped() const {
    return order_.is_big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) && bits_of(type_) > 8;
  }
  [[nodiscard]] FEWBITS_INLINE io_error error(io_fault fault) const {
    return io_error(fault, offset_, name_);
  }
  template <class Element>
  [[nodiscard]] FEWBITS_INLINE io_fault fault_of() const {
    if (!detail::holds<Element>(type_) || is_packed()) return io_fault::wrong_dtype;
    if (is_swapped()) return io_fault::wrong_byte_order;
    if (reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignof(Element) != 0)
      return io_fault::misaligned;
    return io_fault::none;
  }
  [[nodiscard]] FEWBITS_INLINE io_fault matrix_fault() const {
    if (shape_.size() != 2) return io_fault::wrong_rank;
    return order_.is_fortran ? io_fault::fortran_order : io_fault::none;
  }
  template <class Element>
  [[nodiscard]] FEWBITS_INLINE const Element* elements() const {
    return reinterpret_cast<const Element*>(bytes_.data());
  }

  text_view name_;
  array_view<const std::uint64_t> shape_;
  array_view<const unsigned char> bytes_;
  std::uint64_t offset_ = 0;
  std::size_t size_ = 0;
  storage_order order_{};
  dtype type_ = dtype::u8;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
