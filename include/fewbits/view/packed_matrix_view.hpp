// SPDX-License-Identifier: MIT
// `packed_matrix_view`: rows of packed elements, owned by someone else.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A rows x cols matrix of packed elements, row-major: element (i, j) is element
/// offset + i * stride + j of the memory at `data`, so a row may start within a byte.
template <class Element>
class packed_matrix_view {
 public:
  using element_type = Element;
  using byte_type = typename packed_span<Element>::byte_type;

  FEWBITS_INLINE constexpr packed_matrix_view() = default;
  FEWBITS_INLINE constexpr packed_matrix_view(byte_type* data, std::size_t rows, std::size_t cols)
      : packed_matrix_view(data, rows, cols, cols) {}
  FEWBITS_INLINE constexpr packed_matrix_view(byte_type* data, std::size_t rows, std::size_t cols,
                                              std::size_t stride, std::size_t offset = 0)
      : data_(data), rows_(rows), cols_(cols), stride_(stride), offset_(offset) {
    FEWBITS_ASSERT(stride >= cols, "packed_matrix_view: stride %zu is less than cols %zu", stride,
                   cols);
  }
  /// Over a packed span or container of rows * cols elements.
  template <packed_range Range>
    requires std::is_convertible_v<Range&, packed_span<Element>>
  FEWBITS_INLINE constexpr packed_matrix_view(Range&& range, std::size_t rows, std::size_t cols)
      : packed_matrix_view(range.data(), rows, cols, cols, range.offset()) {
    FEWBITS_ASSERT(range.size() == rows * cols, "packed_matrix_view: %zu elements for %zu x %zu",
                   range.size(), rows, cols);
  }
  /// From a view of mutable elements to one of const elements.
  template <class Other>
    requires std::is_same_v<const Other, Element>
  FEWBITS_INLINE constexpr packed_matrix_view(const packed_matrix_view<Other>& other)
      : packed_matrix_view(other.data(), other.rows(), other.cols(), other.stride(),
                           other.offset()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr byte_type* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t stride() const { return stride_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t offset() const { return offset_; }

  [[nodiscard]] FEWBITS_INLINE constexpr packed_span<Element> row(std::size_t i) const {
    return {data_, cols_, offset_ + i * stride_};
  }
  [[nodiscard]] FEWBITS_INLINE constexpr typename packed_span<Element>::reference operator()(
      std::size_t i, std::size_t j) const {
    return row(i)[j];
  }

 private:
  byte_type* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
  std::size_t offset_ = 0;
};

template <packed_range Range>
packed_matrix_view(Range&& range, std::size_t, std::size_t)
    -> packed_matrix_view<typename decltype(packed_span(std::declval<Range&>()))::packed_element>;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
