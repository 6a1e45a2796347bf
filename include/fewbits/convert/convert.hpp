// SPDX-License-Identifier: MIT
// `convert(src, dst)`: conversion of ranges and matrices, packed or not.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/run.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/value/convert_scalar.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

namespace detail {
template <class Range>
using element_of = std::remove_cvref_t<decltype(*data_of(std::declval<Range&>()))>;
}  // namespace detail

/// A contiguous range, or an array, of `floating` elements.
template <class Range>
concept floating_range = contiguous<Range> && floating<detail::element_of<Range>>;

/// The last argument of `convert`: a destination of at least `from_bytes` bytes is written by
/// non-temporal stores, past the caches. This pays where it would not fit in them anyway, for then
/// it is not read into them first; what is read soon after is better left to the caches.
struct non_temporal {
  std::size_t from_bytes;
};

namespace detail {

// What `convert` takes, as a matrix: a range is one of one row.
template <contiguous Range>
FEWBITS_INLINE constexpr auto matrix_of(Range& range) {
  return matrix_view<std::remove_pointer_t<decltype(data_of(range))>>(data_of(range), 1,
                                                                      size_of(range));
}
template <packed_range Range>
FEWBITS_INLINE constexpr auto matrix_of(Range& range) {
  return packed_matrix_view(range, 1, range.size());
}
template <class Element>
FEWBITS_INLINE constexpr matrix_view<Element> matrix_of(const matrix_view<Element>& matrix) {
  return matrix;
}
template <class Element>
FEWBITS_INLINE constexpr packed_matrix_view<Element> matrix_of(
    const packed_matrix_view<Element>& matrix) {
  return matrix;
}

template <class Range>
inline constexpr bool is_matrix = requires(const Range& range) { range.rows(); };

/// The same elements as rows x cols, row by row.
template <class Element>
FEWBITS_INLINE constexpr matrix_view<Element> reshaped(const matrix_view<Element>& range,
                                                       std::size_t rows, std::size_t cols) {
  return {range.data(), rows, cols};
}
template <class Element>
FEWBITS_INLINE constexpr packed_matrix_view<Element> reshaped(
    const packed_matrix_view<Element>& range, std::size_t rows, std::size_t cols) {
  return {range.data(), rows, cols, cols, range.offset()};
}

template <class Matrix>
inline constexpr bool is_packed_matrix = false;
template <class Element>
inline constexpr bool is_packed_matrix<packed_matrix_view<Element>> = true;

/// The distance of two elements of a matrix view, in bits.
template <class Matrix>
FEWBITS_INLINE constexpr int element_bits() {
  using element = std::remove_const_t<typename Matrix::element_type>;
  if constexpr (is_packed_matrix<Matrix>) {
    return packed_bits<element>;
  } else {
    return 8 * static_cast<int>(sizeof(element));
  }
}

template <class Range>
using matrix_type = decltype(matrix_of(std::declval<Range&>()));

}  // namespace detail

/// What `convert` reads: a contiguous range or array, a `packed_span`, `packed_array` or
/// `packed_vector`, a `matrix_view` or a `packed_matrix_view`, of `number` elements.
template <class Range>
concept convertible_range = requires(Range& range) {
  detail::matrix_of(range);
} && number<std::remove_const_t<typename detail::matrix_type<Range>::element_type>>;

/// What it writes: the same, of elements that are not const.
template <class Range>
concept convertible_to_range =
    convertible_range<Range> && !std::is_const_v<typename detail::matrix_type<Range>::element_type>;

namespace detail {

template <class Element>
FEWBITS_INLINE const unsigned char* bytes_of(const matrix_view<Element>& matrix) {
  return reinterpret_cast<const unsigned char*>(matrix.data());
}
template <class Element>
FEWBITS_INLINE const unsigned char* bytes_of(const packed_matrix_view<Element>& matrix) {
  return matrix.data();
}
template <class Matrix>
FEWBITS_INLINE std::size_t offset_of(const Matrix& matrix) {
  if constexpr (is_packed_matrix<Matrix>) {
    return matrix.offset();
  } else {
    return 0;
  }
}

template <class Src, class Dst>
FEWBITS_INLINE row_pairs pair_rows(const Src& src, const Dst& dst) {
  row_pairs pairs{
      bytes_of(src),  offset_of(src), src.stride(), const_cast<unsigned char*>(bytes_of(dst)),
      offset_of(dst), dst.stride(),   src.rows(),   src.cols()};
  if (src.stride() == src.cols() && dst.stride() == dst.cols()) {
    pairs.cols *= pairs.rows;
    pairs.rows = 1;
  }
  return pairs;
}

FEWBITS_INLINE void check_overlap([[maybe_unused]] const row_pairs& pairs,
                                  [[maybe_unused]] int src_bits, [[maybe_unused]] int dst_bits,
                                  [[maybe_unused]] bool in_any_order) {
  FEWBITS_ASSERT(
      is_overlap_defined(
          pairs,
          reinterpret_cast<std::intptr_t>(pairs.dst) - reinterpret_cast<std::intptr_t>(pairs.src),
          src_bits, dst_bits, in_any_order),
      in_any_order ? "convert: with an executor, dst at %p overlaps src at %p in another way than "
                     "element by element"
                   : "convert: dst at %p overlaps src at %p, and begins or ends after it",
      static_cast<const void*>(pairs.dst), static_cast<const void*>(pairs.src));
}

/// For two matrix views: `Conversion` of the classes of their elements.
template <template <class, class, cast_policy, isa> class Conversion, cast_policy Policy, isa Isa,
          class Src, class Dst>
struct conversion_of {
  using from = as_class<std::remove_const_t<typename Src::element_type>>;
  using to = as_class<typename Dst::element_type>;
  using type = Conversion<from, to, Policy, Isa>;
  using runs = element_runs<from, element_bits<Src>(), to, element_bits<Dst>(), type, Isa>;
};

template <class Runs>
FEWBITS_INLINE bool is_streamed(const row_pairs& pairs, non_temporal stores) {
  return (pairs.rows * pairs.cols * Runs::dst_bits + 7) / 8 >= stores.from_bytes;
}

/// Matrices of one shape.
template <cast_policy Policy, class Src, class Dst>
FEWBITS_INLINE constexpr void convert_scalars(const Src& src, const Dst& dst) {
  using from = std::remove_const_t<typename Src::element_type>;
  using to = typename Dst::element_type;
  for (std::size_t i = 0; i < src.rows(); ++i)
    for (std::size_t j = 0; j < src.cols(); ++j)
      dst(i, j) = convert<to, Policy>(static_cast<from>(src(i, j)));
}

template <cast_policy Policy, isa Isa, class Src, class Dst>
FEWBITS_INLINE constexpr void convert_matrix(const Src& src, const Dst& dst, non_temporal stores) {
  if (__builtin_is_constant_evaluated()) {
    convert_scalars<Policy>(src, dst);
  } else {
    using conversion = conversion_of<plain_conversion, Policy, Isa, Src, Dst>;
    using runs = typename conversion::runs;
    const row_pairs pairs = pair_rows(src, dst);
    check_overlap(pairs, element_bits<Src>(), element_bits<Dst>(), false);
    runs::run_rows(pairs, 0, pairs.rows, is_streamed<runs>(pairs, stores),
                   typename conversion::type{});
  }
}
template <cast_policy Policy, isa Isa, class Executor, class Src, class Dst>
FEWBITS_INLINE constexpr void convert_matrix_by_tasks(Executor& runner, const Src& src,
                                                      const Dst& dst, non_temporal stores) {
  if (__builtin_is_constant_evaluated()) {
    convert_scalars<Policy>(src, dst);
  } else {
    using conversion = conversion_of<plain_conversion, Policy, Isa, Src, Dst>;
    using runs = typename conversion::runs;
    const row_pairs pairs = pair_rows(src, dst);
    check_overlap(pairs, element_bits<Src>(), element_bits<Dst>(), true);
    runs::run_tasks(runner, pairs, is_streamed<runs>(pairs, stores), typename conversion::type{});
  }
}

/// Stops the program unless the shapes agree; a range beside a matrix has its elements row by row.
template <class Src, class Dst>
FEWBITS_INLINE constexpr void check_shapes([[maybe_unused]] const Src& src,
                                           [[maybe_unused]] const Dst& dst) {
  if constexpr (is_matrix<Src> && is_matrix<Dst>) {
    FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                   "convert: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                   dst.cols());
  } else if constexpr (is_matrix<Src>) {
    FEWBITS_ASSERT(src.rows() * src.cols() == size_of(dst),
                   "convert: src is %zu x %zu, dst has %zu elements", src.rows(), src.cols(),
                   size_of(dst));
  } else if constexpr (is_matrix<Dst>) {
    FEWBITS_ASSERT(size_of(src) == dst.rows() * dst.cols(),
                   "convert: src has %zu elements, dst is %zu x %zu", size_of(src), dst.rows(),
                   dst.cols());
  } else {
    FEWBITS_ASSERT(size_of(src) == size_of(dst), "convert: src has %zu elements, dst %zu",
                   size_of(src), size_of(dst));
  }
}

/// `range` as a matrix of the shape of `other`, if that is one.
template <class Range, class Other>
FEWBITS_INLINE constexpr auto matrix_beside(Range& range, const Other& other) {
  if constexpr (!is_matrix<Range> && is_matrix<Other>) {
    return reshaped(matrix_of(range), other.rows(), other.cols());
  } else {
    return matrix_of(range);
  }
}

}  // namespace detail

/// Writes each element of `src`, converted, to the element of `dst` at the same place.
///
/// Shape:    equal sizes, or equal rows and cols; a range beside a matrix has rows * cols elements,
///           row by row. Any alignment, any element offset of packed elements, whose neighbours keep
///           their bits.
/// Overlap:  none, or such that dst begins no later than src and ends no later than src, in every
///           row. So conversion in place works unless elements get wider, and widening works from
///           the end of a buffer.
/// Rounding: Policy.round, once, whatever the pair; default nearest even.
/// Overflow: Policy.over; see `overflow`. NaN and integers as in the conversion of one number.
/// Bits:     those of `convert<To, Policy>(x)` for each element, on every instruction set, for
///           every length, whatever the floating-point control word is.
/// Stores:   ordinary ones, unless `non_temporal` is passed and dst is as long as it says.
/// Errors:   none at run time. Requires fitting shapes and no other overlap.
template <cast_policy Policy = cast_policy{}, isa Isa = native, convertible_range Src,
          convertible_to_range Dst>
  requires(!is_stochastic(Policy.round))
FEWBITS_INLINE constexpr void convert(const Src& src, Dst&& dst,
                                      non_temporal stores = {~std::size_t{0}}) {
  detail::check_shapes(src, dst);
  detail::convert_matrix<Policy, Isa>(detail::matrix_beside(src, dst),
                                      detail::matrix_beside(dst, src), stores);
}

/// The same by the tasks of an executor, 65536 elements each, which does not change a bit of the
/// result. Without overlap, or in place: dst begins where src does, with elements equally wide.
template <cast_policy Policy = cast_policy{}, isa Isa = native, executor Executor,
          convertible_range Src, convertible_to_range Dst>
  requires(!is_stochastic(Policy.round))
FEWBITS_INLINE constexpr void convert(Executor&& runner, const Src& src, Dst&& dst,
                                      non_temporal stores = {~std::size_t{0}}) {
  detail::check_shapes(src, dst);
  detail::convert_matrix_by_tasks<Policy, Isa>(runner, detail::matrix_beside(src, dst),
                                               detail::matrix_beside(dst, src), stores);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
