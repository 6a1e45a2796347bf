// SPDX-License-Identifier: MIT
// `convert(src, dst)`: conversion of a range.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/kernel.hpp>
#include <fewbits/value/convert_scalar.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A contiguous range of `floating` elements.
template <class Range>
concept floating_range = contiguous<Range> && requires(Range& range) {
  requires floating<std::remove_cvref_t<decltype(*range.data())>>;
};

namespace detail {

template <class Range>
using element_of = std::remove_cvref_t<decltype(*std::declval<Range&>().data())>;

/// The class of the library with the values of `Element`: kernels see `fp32` for `float`.
template <floating Element>
using as_class = basic_float<format_of<Element>>;

/// `count` elements at `src` converted to `dst`.
template <cast_policy Policy, isa Isa, floating From, floating To>
FEWBITS_INLINE void convert_run(const From* src, To* dst, std::size_t count) {
  convert_kernel<as_class<From>, as_class<To>, Policy, Isa>::run(
      reinterpret_cast<const unsigned char*>(src), reinterpret_cast<unsigned char*>(dst), count);
}

}  // namespace detail

/// Writes each element of `src`, converted, to the element of `dst` at the same place.
///
/// Shape:    src.size() == dst.size(); any alignment. The ranges may be the same memory if the
///           elements of `dst` are no wider than those of `src` and both start at the same place;
///           else they must not overlap.
/// Rounding: Policy.round, once, whatever the pair; default nearest even.
/// Overflow: Policy.over; see `overflow`. NaN as in the conversion of one number.
/// Bits:     those of `convert<To, Policy>(x)` for each element, on every instruction set, for
///           every length, whatever the floating-point control word is.
/// Errors:   none at run time. Requires equal sizes.
template <cast_policy Policy = cast_policy{}, isa Isa = native, floating_range Src,
          floating_range Dst>
  requires(!is_stochastic(Policy.round))
FEWBITS_INLINE constexpr void convert(const Src& src, Dst&& dst) {
  using from = detail::element_of<const Src>;
  using to = detail::element_of<Dst>;
  const std::size_t count = static_cast<std::size_t>(src.size());
  FEWBITS_ASSERT(count == static_cast<std::size_t>(dst.size()),
                 "convert: src has %zu elements, dst %zu", count,
                 static_cast<std::size_t>(dst.size()));
  if (__builtin_is_constant_evaluated()) {
    for (std::size_t i = 0; i < count; ++i) dst.data()[i] = convert<to, Policy>(src.data()[i]);
  } else {
    detail::convert_run<Policy, Isa, from, to>(src.data(), dst.data(), count);
  }
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
