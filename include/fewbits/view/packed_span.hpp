// SPDX-License-Identifier: MIT
// `packed_span`: elements narrower than a byte, stored without gaps.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/view/packed_iterator.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// `packed_span`, `packed_array`, `packed_vector`: data() is where the bytes are, offset() how many
/// elements of that memory come before the first.
template <class Range>
concept packed_range = requires { typename std::remove_cvref_t<Range>::packed_element; };

/// `size` elements of 1 to 8 bits: element i at bit i * width, low bits first, so an even 4-bit
/// element is a low nibble. `Element` may be const. Two threads may write different elements only if
/// these share no byte.
template <class Element>
class packed_span {
  static_assert(packed_bits<std::remove_const_t<Element>> <= 8,
                "fewbits: packed_span holds elements of at most 8 bits");

 public:
  using packed_element = Element;
  using value_type = std::remove_const_t<Element>;
  using byte_type =
      std::conditional_t<std::is_const_v<Element>, const unsigned char, unsigned char>;
  using iterator = packed_iterator<Element>;
  /// A `packed_reference`; the value where `Element` is const.
  using reference = typename iterator::reference;

  FEWBITS_INLINE constexpr packed_span() = default;
  /// `size` elements, the first of which is element `offset` of the memory at `data`.
  FEWBITS_INLINE constexpr packed_span(byte_type* data, std::size_t size, std::size_t offset = 0)
      : data_(data), size_(size), offset_(offset) {}
  /// Over a packed container, or a span of mutable elements.
  template <packed_range Range>
    requires(!std::is_same_v<std::remove_cvref_t<Range>, packed_span> &&
             std::is_same_v<typename std::remove_cvref_t<Range>::value_type, value_type> &&
             std::is_convertible_v<decltype(std::declval<Range&>().data()), byte_type*>)
  FEWBITS_INLINE constexpr packed_span(Range&& range)
      : data_(range.data()), size_(range.size()), offset_(range.offset()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr byte_type* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t offset() const { return offset_; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] FEWBITS_INLINE constexpr iterator begin() const { return {data_, offset_}; }
  [[nodiscard]] FEWBITS_INLINE constexpr iterator end() const { return {data_, offset_ + size_}; }

  [[nodiscard]] FEWBITS_INLINE constexpr reference operator[](std::size_t i) const {
    FEWBITS_ASSERT(i < size_, "packed_span: element %zu of %zu", i, size_);
    return *iterator(data_, offset_ + i);
  }
  /// Replaces element `i`; its neighbours keep their bits.
  FEWBITS_INLINE constexpr void set(std::size_t i, value_type value) const
    requires(!std::is_const_v<Element>)
  {
    (*this)[i] = value;
  }

  /// `count` elements from element `first` on.
  [[nodiscard]] FEWBITS_INLINE constexpr packed_span subspan(std::size_t first,
                                                             std::size_t count) const {
    FEWBITS_ASSERT(first <= size_ && count <= size_ - first,
                   "packed_span: %zu elements from %zu on, of %zu", count, first, size_);
    return {data_, count, offset_ + first};
  }
  [[nodiscard]] FEWBITS_INLINE constexpr packed_span subspan(std::size_t first) const {
    return subspan(first, size_ - first);
  }

 private:
  byte_type* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t offset_ = 0;
};

template <packed_range Range>
packed_span(Range&& range) -> packed_span<std::conditional_t<
    std::is_const_v<std::remove_pointer_t<decltype(std::declval<Range&>().data())>>,
    const typename std::remove_cvref_t<Range>::value_type,
    typename std::remove_cvref_t<Range>::value_type>>;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
