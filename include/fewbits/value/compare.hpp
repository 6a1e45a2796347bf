// SPDX-License-Identifier: MIT
// Exact comparison of any two numbers of which one is the library's.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/arithmetic.hpp>

#include <compare>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

enum class order : signed char { less = -1, equal = 0, greater = 1, unordered = 2 };

/// The exact numbers, as IEEE 754-2019 clause 5.11 orders them: -0 equals +0, NaN nothing.
FEWBITS_INLINE constexpr order compare(const unpacked& a, const unpacked& b) {
  if (a.kind == number_kind::nan || b.kind == number_kind::nan) return order::unordered;
  if (a.kind == number_kind::zero && b.kind == number_kind::zero) return order::equal;
  const bool a_negative = a.negative && a.kind != number_kind::zero;
  const bool b_negative = b.negative && b.kind != number_kind::zero;
  if (a_negative != b_negative) return a_negative ? order::less : order::greater;
  const order up = a_negative ? order::less : order::greater;
  const order down = a_negative ? order::greater : order::less;
  if (a.kind != b.kind) return a.kind > b.kind ? up : down;
  if (a.kind == number_kind::infinity) return order::equal;
  if (a.exponent != b.exponent) return a.exponent > b.exponent ? up : down;
  if (a.significand != b.significand) return a.significand > b.significand ? up : down;
  return order::equal;
}

template <class Left, class Right>
FEWBITS_INLINE constexpr order compare_numbers(Left a, Right b) {
  return compare(unpack_number(a), unpack_number(b));
}

}  // namespace detail

// Formats of which neither contains the other are not compared: `bf16{1} == fp16{1}` is deleted, as
// their sum is. The six operators are written out because device code has no std::partial_ordering.
#define FEWBITS_COMPARISON(symbol, condition)                                        \
  template <class Left, class Right>                                                 \
    requires detail::nested_operands<Left, Right>                                    \
  [[nodiscard]] FEWBITS_INLINE constexpr bool operator symbol(Left a, Right b) {     \
    const detail::order order = detail::compare_numbers(a, b);                       \
    return condition;                                                                \
  }                                                                                  \
  template <class Left, class Right>                                                 \
    requires(detail::operands<Left, Right> && !detail::nested_operands<Left, Right>) \
  void operator symbol(Left a, Right b) = delete;
FEWBITS_COMPARISON(==, order == detail::order::equal)
FEWBITS_COMPARISON(!=, order != detail::order::equal)
FEWBITS_COMPARISON(<, order == detail::order::less)
FEWBITS_COMPARISON(>, order == detail::order::greater)
FEWBITS_COMPARISON(<=, order == detail::order::less || order == detail::order::equal)
FEWBITS_COMPARISON(>=, order == detail::order::greater || order == detail::order::equal)
#undef FEWBITS_COMPARISON

template <class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::partial_ordering operator<=>(Left a, Right b) {
  switch (detail::compare_numbers(a, b)) {
    case detail::order::less:
      return std::partial_ordering::less;
    case detail::order::equal:
      return std::partial_ordering::equivalent;
    case detail::order::greater:
      return std::partial_ordering::greater;
    default:
      return std::partial_ordering::unordered;
  }
}
template <class Left, class Right>
  requires(detail::operands<Left, Right> && !detail::nested_operands<Left, Right>)
void operator<=>(Left a, Right b) = delete;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
