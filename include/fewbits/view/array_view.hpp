// SPDX-License-Identifier: MIT
// `array_view`: a pointer and a count, made from any contiguous range.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Anything with data() and size(): std::vector, std::array, std::span, array_view.
template <class Range>
concept contiguous = requires(Range& range) {
  { *range.data() };
  { static_cast<std::size_t>(range.size()) };
};

/// `size` elements at `data`, owned by someone else. Empty by default. It costs no include of the
/// standard library and, unlike std::span, leaves no symbol behind in unoptimised builds.
template <class Element>
class array_view {
 public:
  FEWBITS_INLINE constexpr array_view() = default;
  FEWBITS_INLINE constexpr array_view(Element* data, std::size_t size) : data_(data), size_(size) {}
  template <contiguous Range>
    requires std::is_convertible_v<decltype(std::declval<Range&>().data()), Element*>
  FEWBITS_INLINE constexpr array_view(Range&& range) : data_(range.data()), size_(range.size()) {}
  template <std::size_t Size>
  FEWBITS_INLINE constexpr array_view(Element (&array)[Size]) : data_(array), size_(Size) {}

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
