// SPDX-License-Identifier: MIT
// `packed_array` and `packed_vector`: owners of packed elements.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// `Count` packed elements in the object itself, as `packed_span` orders them. An aggregate of its
/// bytes: `packed_array<int4, 3> x{}` is all codes zero.
template <class Element, std::size_t Count>
struct packed_array {
  using packed_element = Element;
  using value_type = Element;
  using iterator = packed_iterator<Element>;
  using const_iterator = packed_iterator<const Element>;

  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t size() { return Count; }
  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t offset() { return 0; }
  [[nodiscard]] FEWBITS_INLINE static constexpr bool empty() { return Count == 0; }
  [[nodiscard]] FEWBITS_INLINE constexpr unsigned char* data() { return bytes; }
  [[nodiscard]] FEWBITS_INLINE constexpr const unsigned char* data() const { return bytes; }
  [[nodiscard]] FEWBITS_INLINE constexpr iterator begin() { return {bytes, 0}; }
  [[nodiscard]] FEWBITS_INLINE constexpr iterator end() { return {bytes, Count}; }
  [[nodiscard]] FEWBITS_INLINE constexpr const_iterator begin() const { return {bytes, 0}; }
  [[nodiscard]] FEWBITS_INLINE constexpr const_iterator end() const { return {bytes, Count}; }
  [[nodiscard]] FEWBITS_INLINE constexpr packed_reference<Element> operator[](std::size_t i) {
    return packed_span<Element>(bytes, Count)[i];
  }
  [[nodiscard]] FEWBITS_INLINE constexpr Element operator[](std::size_t i) const {
    return packed_span<const Element>(bytes, Count)[i];
  }

  unsigned char bytes[Count == 0 ? 1 : packed_bytes<Element>(Count)];
};

/// A number of packed elements chosen at run time, as `packed_span` orders them: one allocation.
/// Without memory it stops the program, or throws std::bad_alloc where exceptions are on.
template <class Element>
class packed_vector {
 public:
  using packed_element = Element;
  using value_type = Element;
  using iterator = packed_iterator<Element>;
  using const_iterator = packed_iterator<const Element>;

  FEWBITS_INLINE constexpr packed_vector() = default;
  /// `size` elements with codes zero.
  FEWBITS_INLINE constexpr explicit packed_vector(std::size_t size)
      : data_(allocate(size)), size_(size) {}
  FEWBITS_INLINE constexpr packed_vector(std::size_t size, Element value) : packed_vector(size) {
    for (std::size_t i = 0; i < size; ++i) (*this)[i] = value;
  }
  FEWBITS_INLINE constexpr packed_vector(const packed_vector& other) : packed_vector(other.size_) {
    copy_from(other.data_, packed_bytes<Element>(size_));
  }
  FEWBITS_INLINE constexpr packed_vector(packed_vector&& other) noexcept { swap(*this, other); }
  FEWBITS_INLINE constexpr packed_vector& operator=(packed_vector other) noexcept {
    swap(*this, other);
    return *this;
  }
  FEWBITS_INLINE constexpr ~packed_vector() { delete[] data_; }

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t offset() { return 0; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] FEWBITS_INLINE constexpr unsigned char* data() { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr const unsigned char* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr iterator begin() { return {data_, 0}; }
  [[nodiscard]] FEWBITS_INLINE constexpr iterator end() { return {data_, size_}; }
  [[nodiscard]] FEWBITS_INLINE constexpr const_iterator begin() const { return {data_, 0}; }
  [[nodiscard]] FEWBITS_INLINE constexpr const_iterator end() const { return {data_, size_}; }
  [[nodiscard]] FEWBITS_INLINE constexpr packed_reference<Element> operator[](std::size_t i) {
    return packed_span<Element>(data_, size_)[i];
  }
  [[nodiscard]] FEWBITS_INLINE constexpr Element operator[](std::size_t i) const {
    return packed_span<const Element>(data_, size_)[i];
  }

  /// Keeps the first elements; new ones have codes zero. Another size allocates.
  FEWBITS_INLINE constexpr void resize(std::size_t size) {
    if (size == size_) return;
    packed_vector other(size);
    const std::size_t kept = size < size_ ? size : size_;
    other.copy_from(data_, kept * width / 8);
    for (std::size_t i = kept - kept % 8; i < kept; ++i) other[i] = (*this)[i].value();
    swap(*this, other);
  }

  FEWBITS_INLINE friend constexpr void swap(packed_vector& a, packed_vector& b) noexcept {
    unsigned char* const data = a.data_;
    const std::size_t size = a.size_;
    a.data_ = b.data_;
    a.size_ = b.size_;
    b.data_ = data;
    b.size_ = size;
  }

 private:
  static constexpr std::size_t width = static_cast<std::size_t>(packed_bits<Element>);

  FEWBITS_INLINE static constexpr unsigned char* allocate(std::size_t size) {
    return size == 0 ? nullptr : new unsigned char[packed_bytes<Element>(size)]();
  }
  FEWBITS_INLINE constexpr void copy_from(const unsigned char* src, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) data_[i] = src[i];
  }

  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
