// SPDX-License-Identifier: MIT
// `text_view`: characters and their number, as names and metadata of files are passed.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// `size` bytes of UTF-8 at `data`, owned by someone else; made from a text ended by a zero, or from
/// anything with data() and size(): std::string, std::string_view. Those that readers return are
/// ended by a zero, which `size` does not count.
class text_view {
 public:
  FEWBITS_INLINE constexpr text_view() = default;
  FEWBITS_INLINE constexpr text_view(const char* data, std::size_t size)
      : data_(data), size_(size) {}
  FEWBITS_INLINE constexpr text_view(const char* text)
      : data_(text), size_(__builtin_strlen(text)) {}
  template <class Range>
    requires(!std::is_same_v<Range, text_view> &&
             std::is_convertible_v<decltype(std::declval<const Range&>().data()), const char*>)
  FEWBITS_INLINE constexpr text_view(const Range& range)
      : data_(range.data()), size_(range.size()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr const char* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] FEWBITS_INLINE constexpr char operator[](std::size_t i) const { return data_[i]; }

  /// By bytes, which is the order of code points too.
  [[nodiscard]] FEWBITS_INLINE friend constexpr bool operator<(text_view a, text_view b) {
    const std::size_t common = a.size_ < b.size_ ? a.size_ : b.size_;
    const int order = common == 0 ? 0 : __builtin_memcmp(a.data_, b.data_, common);
    return order != 0 ? order < 0 : a.size_ < b.size_;
  }
  [[nodiscard]] FEWBITS_INLINE friend constexpr bool operator==(text_view a, text_view b) {
    return a.size_ == b.size_ && (a.size_ == 0 || __builtin_memcmp(a.data_, b.data_, a.size_) == 0);
  }

 private:
  const char* data_ = "";
  std::size_t size_ = 0;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
