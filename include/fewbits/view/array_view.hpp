// SPDX-License-Identifier: MIT
// `array_view`: a pointer and a count, made from any contiguous range.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

namespace detail {

// As std::data and std::size.
template <class Range>
FEWBITS_INLINE constexpr auto data_of(Range& range) -> decltype(range.data()) {
  return range.data();
}
template <class Range>
FEWBITS_INLINE constexpr auto size_of(const Range& range)
    -> decltype(static_cast<std::size_t>(range.size())) {
  return static_cast<std::size_t>(range.size());
}
template <class Element, std::size_t Size>
FEWBITS_INLINE constexpr Element* data_of(Element (&array)[Size]) {
  return array;
}
template <class Element, std::size_t Size>
FEWBITS_INLINE constexpr std::size_t size_of(const Element (&)[Size]) {
  return Size;
}

}  // namespace detail

/// Anything with data() and size(), and arrays: std::vector, std::array, std::span, array_view,
/// float[4]. Not packed elements, of which a byte holds several.
template <class Range>
concept contiguous = requires(Range& range) {
  { *detail::data_of(range) };
  { detail::size_of(range) };
} && !requires { typename std::remove_cvref_t<Range>::packed_element; };

/// `size` elements at `data`, owned by someone else. Empty by default. It costs no include of the
/// standard library and, unlike std::span, leaves no symbol behind in unoptimised builds.
template <class Element>
class array_view {
 public:
  FEWBITS_INLINE constexpr array_view() = default;
  FEWBITS_INLINE constexpr array_view(Element* data, std::size_t size) : data_(data), size_(size) {}
  template <contiguous Range>
    requires(!std::is_same_v<std::remove_cvref_t<Range>, array_view> &&
             std::is_convertible_v<decltype(detail::data_of(std::declval<Range&>())), Element*>)
  FEWBITS_INLINE constexpr array_view(Range&& range)
      : data_(detail::data_of(range)), size_(detail::size_of(range)) {}

  [[nodiscard]] FEWBITS_INLINE constexpr Element* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] FEWBITS_INLINE constexpr Element& operator[](std::size_t i) const {
    return data_[i];
  }
  [[nodiscard]] FEWBITS_INLINE constexpr Element* begin() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr Element* end() const { return data_ + size_; }

 private:
  Element* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
