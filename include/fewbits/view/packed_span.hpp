// SPDX-License-Identifier: MIT
// `packed_span`: elements narrower than a byte, stored without gaps.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <cstddef>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The width of a code of `Element`, a `basic_float` or `basic_int`.
template <class Element>
inline constexpr int packed_bits = Element::format.bits;
template <class Element>
  requires is_basic_float<Element>
inline constexpr int packed_bits<Element> = Element::format.bits();

/// Bytes that `count` packed elements take.
template <class Element>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t packed_bytes(std::size_t count) {
  return (count * static_cast<std::size_t>(packed_bits<Element>) + 7) / 8;
}

/// `size` elements of 1 to 8 bits: element i at bit i * width, low bits first, so an even 4-bit
/// element is a low nibble. `Element` may be const.
template <class Element>
class packed_span {
  using value_type = std::remove_const_t<Element>;
  static constexpr unsigned width = static_cast<unsigned>(packed_bits<value_type>);
  static_assert(width <= 8, "fewbits: packed_span holds elements of at most 8 bits");

 public:
  using byte_type =
      std::conditional_t<std::is_const_v<Element>, const unsigned char, unsigned char>;

  FEWBITS_INLINE constexpr packed_span() = default;
  /// `size` elements, the first of which is element `offset` of the memory at `data`.
  FEWBITS_INLINE constexpr packed_span(byte_type* data, std::size_t size, std::size_t offset = 0)
      : data_(data), size_(size), offset_(offset) {}
  template <class Other>
    requires std::is_same_v<const Other, Element>
  FEWBITS_INLINE constexpr packed_span(const packed_span<Other>& other)
      : data_(other.data()), size_(other.size()), offset_(other.offset()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr byte_type* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t offset() const { return offset_; }

  [[nodiscard]] FEWBITS_INLINE constexpr value_type operator[](std::size_t i) const {
    const std::size_t bit = (offset_ + i) * width;
    unsigned code = static_cast<unsigned>(data_[bit / 8]) >> (bit % 8);
    if (bit % 8 + width > 8) code |= static_cast<unsigned>(data_[bit / 8 + 1]) << (8 - bit % 8);
    return value_type::from_bits(static_cast<typename value_type::storage_type>(code));
  }

  /// Replaces element `i`; its neighbours keep their bits.
  FEWBITS_INLINE constexpr void set(std::size_t i, value_type value) const
    requires(!std::is_const_v<Element>)
  {
    const std::size_t bit = (offset_ + i) * width;
    const unsigned shift = bit % 8;
    const unsigned code = static_cast<unsigned>(value.bits()) << shift;
    const unsigned mask = ((1U << width) - 1) << shift;
    data_[bit / 8] = static_cast<unsigned char>((data_[bit / 8] & ~mask) | code);
    if (shift + width > 8)
      data_[bit / 8 + 1] =
          static_cast<unsigned char>((data_[bit / 8 + 1] & ~(mask >> 8)) | code >> 8);
  }

 private:
  byte_type* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t offset_ = 0;
};

/// A rows x cols matrix of packed elements, row-major: element (i, j) is element i * stride + j of the
/// memory at `data`.
template <class Element>
class packed_matrix_view {
 public:
  using byte_type = typename packed_span<Element>::byte_type;

  FEWBITS_INLINE constexpr packed_matrix_view() = default;
  FEWBITS_INLINE constexpr packed_matrix_view(byte_type* data, std::size_t rows, std::size_t cols)
      : packed_matrix_view(data, rows, cols, cols) {}
  FEWBITS_INLINE constexpr packed_matrix_view(byte_type* data, std::size_t rows, std::size_t cols,
                                              std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    FEWBITS_ASSERT(stride >= cols, "packed_matrix_view: stride %zu is less than cols %zu", stride,
                   cols);
  }
  template <class Other>
    requires std::is_same_v<const Other, Element>
  FEWBITS_INLINE constexpr packed_matrix_view(const packed_matrix_view<Other>& other)
      : packed_matrix_view(other.data(), other.rows(), other.cols(), other.stride()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr byte_type* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t stride() const { return stride_; }
  [[nodiscard]] FEWBITS_INLINE constexpr packed_span<Element> row(std::size_t i) const {
    return {data_, cols_, i * stride_};
  }

 private:
  byte_type* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
