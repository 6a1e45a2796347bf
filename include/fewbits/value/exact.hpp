// SPDX-License-Identifier: MIT
// Exact operations on unpacked numbers: the results before they are rounded to a format.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/unpacked.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// As `unpacked`, with room for a product: (-1)^negative * significand * 2^(exponent - 127), the top
/// bit of the significand set, its lowest bit sticky.
struct wide_unpacked {
  number_kind kind = number_kind::zero;
  bool negative = false;
  int exponent = 0;
  uint128 significand = 0;
};

FEWBITS_INLINE constexpr wide_unpacked widen(const unpacked& x) {
  return {x.kind, x.negative, x.exponent, static_cast<uint128>(x.significand) << 64};
}
FEWBITS_INLINE constexpr unpacked narrow(const wide_unpacked& x) {
  const bool sticky =
      x.kind == number_kind::finite && static_cast<std::uint64_t>(x.significand) != 0;
  return {x.kind, x.negative, x.exponent,
          static_cast<std::uint64_t>(x.significand >> 64) | (sticky ? 1U : 0U)};
}

/// The nonzero number significand * 2^(exponent - 127), with its top bit where it belongs.
FEWBITS_INLINE constexpr wide_unpacked normalize(bool negative, int exponent, uint128 significand) {
  const std::uint64_t high = static_cast<std::uint64_t>(significand >> 64);
  const int shift = high != 0 ? __builtin_clzll(high)
                              : 64 + __builtin_clzll(static_cast<std::uint64_t>(significand));
  return {number_kind::finite, negative, exponent - shift, significand << shift};
}

/// The NaN that an operation on `a` and `b` passes on, if either is one: the first.
template <class Number>
FEWBITS_INLINE constexpr const Number& first_nan(const Number& a, const Number& b) {
  return a.kind == number_kind::nan ? a : b;
}

/// a + b, exact but for the sticky bit. `Mode` decides the sign of an exact zero.
///
/// Significands are shifted right by one to leave room for the carry. Bits are lost, to the sticky
/// bit, only when the smaller operand is shifted beyond the bits that are zero in it: 64 in a widened
/// number, 22 or more in a product of two floats. Then at most one leading bit cancels and the sticky
/// bit stays far below the rounding position.
template <rounding Mode>
FEWBITS_INLINE constexpr wide_unpacked sum(const wide_unpacked& a, const wide_unpacked& b) {
  if (a.kind == number_kind::nan || b.kind == number_kind::nan) return first_nan(a, b);
  if (a.kind == number_kind::infinity)
    return b.kind == number_kind::infinity && a.negative != b.negative ? widen(default_nan) : a;
  if (b.kind == number_kind::infinity) return b;
  constexpr bool zero_sign = Mode == rounding::toward_negative;
  if (a.kind == number_kind::zero && b.kind == number_kind::zero)
    return {number_kind::zero, a.negative == b.negative ? a.negative : zero_sign, 0, 0};
  if (a.kind == number_kind::zero) return b;
  if (b.kind == number_kind::zero) return a;

  const bool swap =
      a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand);
  const wide_unpacked& greater = swap ? b : a;
  const wide_unpacked& lesser = swap ? a : b;
  const int distance = greater.exponent - lesser.exponent + 1;
  const uint128 whole = greater.significand >> 1 | (greater.significand & 1);
  uint128 part = 1;
  if (distance < 128) {
    part = lesser.significand >> distance;
    if (part << distance != lesser.significand) part |= 1;
  }
  const uint128 total = a.negative == b.negative ? whole + part : whole - part;
  if (total == 0) return {number_kind::zero, zero_sign, 0, 0};
  return normalize(greater.negative, greater.exponent + 1, total);
}

/// a * b, exact.
FEWBITS_INLINE constexpr wide_unpacked product(const unpacked& a, const unpacked& b) {
  if (a.kind == number_kind::nan || b.kind == number_kind::nan) return widen(first_nan(a, b));
  const bool negative = a.negative != b.negative;
  if (a.kind == number_kind::infinity || b.kind == number_kind::infinity) {
    if (a.kind == number_kind::zero || b.kind == number_kind::zero) return widen(default_nan);
    return {number_kind::infinity, negative, 0, 0};
  }
  if (a.kind == number_kind::zero || b.kind == number_kind::zero)
    return {number_kind::zero, negative, 0, 0};
  return normalize(negative, a.exponent + b.exponent + 1,
                   static_cast<uint128>(a.significand) * b.significand);
}

/// a * b + c. A NaN operand wins over 0 * inf.
template <rounding Mode>
FEWBITS_INLINE constexpr unpacked fused(const unpacked& a, const unpacked& b, const unpacked& c) {
  const bool factor_is_nan = a.kind == number_kind::nan || b.kind == number_kind::nan;
  if (!factor_is_nan && c.kind == number_kind::nan) return c;
  return narrow(sum<Mode>(product(a, b), widen(c)));
}

/// a / b. With `Narrow`, operands of at most 32 significant bits give a quotient of 32 or 33 bits and
/// a sticky one, in 64-bit arithmetic; else it has 63 or 64.
template <bool Narrow>
FEWBITS_INLINE constexpr unpacked quotient(const unpacked& a, const unpacked& b) {
  if (a.kind == number_kind::nan || b.kind == number_kind::nan) return first_nan(a, b);
  const bool negative = a.negative != b.negative;
  if (a.kind == number_kind::infinity || b.kind == number_kind::zero) {
    if (a.kind == b.kind) return default_nan;
    return {number_kind::infinity, negative, 0, 0};
  }
  if (a.kind == number_kind::zero || b.kind == number_kind::infinity)
    return {number_kind::zero, negative, 0, 0};
  const int exponent = a.exponent - b.exponent;
  if constexpr (Narrow) {
    const std::uint64_t divisor = b.significand >> 32;
    const std::uint64_t ratio = a.significand / divisor;
    const bool sticky = ratio * divisor != a.significand;
    return narrow(
        normalize(negative, exponent + 94, static_cast<uint128>(ratio) << 1 | (sticky ? 1U : 0U)));
  } else {
    const uint128 dividend = static_cast<uint128>(a.significand) << 63;
    const uint128 ratio = dividend / b.significand;
    const bool sticky = ratio * b.significand != dividend;
    return narrow(normalize(negative, exponent + 63, ratio << 1 | (sticky ? 1U : 0U)));
  }
}

/// floor(sqrt(square)), bit by bit from the top. The root has half the bits of `Square`.
template <class Square>
FEWBITS_INLINE constexpr Square integer_root(Square square) {
  Square root = 0;
  for (int bit = static_cast<int>(sizeof(Square)) * 4 - 1; bit >= 0; --bit) {
    const Square next = root | Square{1} << bit;
    if (next * next <= square) root = next;
  }
  return root;
}

/// The same, at run time from the hardware's root, put right by integers: neither its rounding mode nor
/// an approximation (-ffast-math) changes the result.
FEWBITS_INLINE constexpr std::uint64_t fast_integer_root(std::uint64_t square) {
#if !defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) {
    constexpr std::uint64_t largest = 0xffffffff;
    const double guess = __builtin_sqrt(static_cast<double>(square));
    std::uint64_t root = guess < 4294967295.0 ? static_cast<std::uint64_t>(guess) : largest;
    while (root * root > square) --root;
    while (root < largest && (root + 1) * (root + 1) <= square) ++root;
    return root;
  }
#endif
  return integer_root(square);
}

/// The square root. With `Narrow`, an operand of at most 32 significant bits gives a root of 32 bits
/// and a sticky one, in 64-bit arithmetic; else it has 64.
template <bool Narrow>
FEWBITS_INLINE constexpr unpacked square_root(const unpacked& x) {
  if (x.kind == number_kind::nan || x.kind == number_kind::zero) return x;
  if (x.negative) return default_nan;
  if (x.kind == number_kind::infinity) return x;
  // With an even exponent e, sqrt(s * 2^(e - 63)) = sqrt(s * 2^63) * 2^(e / 2 - 63); an odd one gives
  // a factor of 2 to the significand.
  const bool is_odd = (x.exponent & 1) != 0;
  const int exponent = (x.exponent - (is_odd ? 1 : 0)) / 2;
  if constexpr (Narrow) {
    const std::uint64_t square = is_odd ? x.significand : x.significand >> 1;
    const std::uint64_t root = fast_integer_root(square);
    return {number_kind::finite, false, exponent, root << 32 | (root * root != square ? 1U : 0U)};
  } else {
    const uint128 square = static_cast<uint128>(x.significand) << (is_odd ? 64 : 63);
    const uint128 root = integer_root(square);
    return {number_kind::finite, false, exponent,
            static_cast<std::uint64_t>(root) | (root * root != square ? 1U : 0U)};
  }
}

/// x - n * y for the integer n nearest to x / y, ties to even n (`Nearest`; IEEE 754-2019 clause
/// 5.3.1), or nearest toward zero (C's fmod). Exact. A zero has the sign of x.
template <bool Nearest>
FEWBITS_INLINE constexpr unpacked remainder(const unpacked& x, const unpacked& y) {
  if (x.kind == number_kind::nan || y.kind == number_kind::nan) return first_nan(x, y);
  if (x.kind == number_kind::infinity || y.kind == number_kind::zero) return default_nan;
  if (x.kind == number_kind::zero || y.kind == number_kind::infinity) return x;
  if (x.exponent < y.exponent - 1) return x;  // |x| < |y| / 2
  // In units of 2^(y.exponent - 64), half of the lowest bit of y, by long division.
  const uint128 divisor = static_cast<uint128>(y.significand) << 1;
  uint128 rest = x.significand;
  bool is_odd = false;
  for (int distance = x.exponent - y.exponent + 1; distance > 0; --distance) {
    rest <<= 1;
    is_odd = rest >= divisor;
    if (is_odd) rest -= divisor;
  }
  bool negative = x.negative;
  if (Nearest && (rest * 2 > divisor || (rest * 2 == divisor && is_odd))) {
    rest = divisor - rest;
    negative = !negative;
  }
  if (rest == 0) return {number_kind::zero, x.negative, 0, 0};
  return narrow(normalize(negative, y.exponent + 63, rest));
}

/// x rounded to an integer.
template <rounding Mode>
FEWBITS_INLINE constexpr unpacked round_to_integer(const unpacked& x, std::uint32_t random = 0) {
  if (x.kind != number_kind::finite || x.exponent >= 63) return x;
  const shifted parts = shift_right(x.significand, 63 - x.exponent);
  const bool is_odd = (parts.whole & 1) != 0;
  const std::uint64_t whole =
      parts.whole + (rounds_up<Mode>(parts.fraction, is_odd, x.negative, random) ? 1U : 0U);
  if (whole == 0) return {number_kind::zero, x.negative, 0, 0};
  return narrow(normalize(x.negative, 127, whole));
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
