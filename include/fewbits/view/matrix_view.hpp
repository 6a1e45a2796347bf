// SPDX-License-Identifier: MIT
// `matrix_view`: rows of elements, owned by someone else.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A rows x cols matrix, row-major: element (i, j) is data[i * stride + j], stride >= cols counted
/// in elements. `matrix_view{data, rows, cols}` has stride = cols.
template <class Element>
class matrix_view {
 public:
  using element_type = Element;

  FEWBITS_INLINE constexpr matrix_view() = default;
  FEWBITS_INLINE constexpr matrix_view(Element* data, std::size_t rows, std::size_t cols)
      : matrix_view(data, rows, cols, cols) {}
  FEWBITS_INLINE constexpr matrix_view(Element* data, std::size_t rows, std::size_t cols,
                                       std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    FEWBITS_ASSERT(stride >= cols, "matrix_view: stride %zu is less than cols %zu", stride, cols);
  }
  /// Over a contiguous range of rows * cols elements.
  template <contiguous Range>
    requires std::is_convertible_v<decltype(detail::data_of(std::declval<Range&>())), Element*>
  FEWBITS_INLINE constexpr matrix_view(Range&& range, std::size_t rows, std::size_t cols)
      : matrix_view(detail::data_of(range), rows, cols) {
    FEWBITS_ASSERT(detail::size_of(range) == rows * cols, "matrix_view: %zu elements for %zu x %zu",
                   detail::size_of(range), rows, cols);
  }
  /// From a view of mutable elements to one of const elements.
  template <class Other>
    requires std::is_same_v<const Other, Element>
  FEWBITS_INLINE constexpr matrix_view(const matrix_view<Other>& other)
      : data_(other.data()), rows_(other.rows()), cols_(other.cols()), stride_(other.stride()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr Element* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t stride() const { return stride_; }

  [[nodiscard]] FEWBITS_INLINE constexpr Element* row(std::size_t i) const {
    return data_ + i * stride_;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr Element& operator()(std::size_t i, std::size_t j) const {
    return data_[i * stride_ + j];
  }

 private:
  Element* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

template <contiguous Range>
matrix_view(Range&&, std::size_t, std::size_t)
    -> matrix_view<std::remove_reference_t<decltype(*detail::data_of(std::declval<Range&>()))>>;

/// The transpose of a `matrix_view`, as a view of the same elements.
template <class Element>
class transposed_view {
 public:
  using element_type = Element;

  FEWBITS_INLINE constexpr explicit transposed_view(const matrix_view<Element>& base)
      : base_(base) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return base_.cols(); }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return base_.rows(); }
  [[nodiscard]] FEWBITS_INLINE constexpr const matrix_view<Element>& base() const { return base_; }

 private:
  matrix_view<Element> base_;
};

/// View of the transpose. Weights stored n x k, one row an output, enter a product as
/// `transposed(weights)`.
template <class Element>
[[nodiscard]] FEWBITS_INLINE constexpr transposed_view<Element> transposed(
    const matrix_view<Element>& matrix) {
  return transposed_view<Element>(matrix);
}
template <class Element>
[[nodiscard]] FEWBITS_INLINE constexpr matrix_view<Element> transposed(
    const transposed_view<Element>& matrix) {
  return matrix.base();
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
