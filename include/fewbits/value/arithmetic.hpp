// SPDX-License-Identifier: MIT
// Correctly rounded + - * / between any numbers, into any format.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/unpacked.hpp>

#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The number significand * 2^(exponent - 127), reduced to 64 bits with a sticky one.
FEWBITS_INLINE constexpr unpacked normalize(bool negative, int exponent, uint128 significand) {
  const std::uint64_t high = static_cast<std::uint64_t>(significand >> 64);
  const int shift = high != 0 ? __builtin_clzll(high)
                              : 64 + __builtin_clzll(static_cast<std::uint64_t>(significand));
  significand <<= shift;
  const bool sticky = static_cast<std::uint64_t>(significand) != 0;
  return {number_kind::finite, negative, exponent - shift,
          static_cast<std::uint64_t>(significand >> 64) | (sticky ? 1U : 0U)};
}

/// The NaN that an operation on `a` and `b` passes on, if either is one: the first.
FEWBITS_INLINE constexpr const unpacked& first_nan(const unpacked& a, const unpacked& b) {
  return a.kind == number_kind::nan ? a : b;
}

/// a + b, exact but for the sticky bit. `Mode` decides the sign of an exact zero.
template <rounding Mode>
FEWBITS_INLINE constexpr unpacked sum(const unpacked& a, const unpacked& b) {
  if (a.kind == number_kind::nan || b.kind == number_kind::nan) return first_nan(a, b);
  if (a.kind == number_kind::infinity)
    return b.kind == number_kind::infinity && a.negative != b.negative ? default_nan : a;
  if (b.kind == number_kind::infinity) return b;
  constexpr bool zero_sign = Mode == rounding::toward_negative;
  if (a.kind == number_kind::zero && b.kind == number_kind::zero)
    return {number_kind::zero, a.negative == b.negative ? a.negative : zero_sign, 0, 0};
  if (a.kind == number_kind::zero) return b;
  if (b.kind == number_kind::zero) return a;

  const bool swap =
      a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand);
  const unpacked& large = swap ? b : a;
  const unpacked& small = swap ? a : b;
  // One bit is kept free at the top for the carry. The small operand loses bits only when it is
  // shifted by 64 or more; then at most one leading bit cancels and the sticky bit stays far below
  // the rounding position.
  const int distance = large.exponent - small.exponent;
  const uint128 whole = static_cast<uint128>(large.significand) << 63;
  const uint128 wide = static_cast<uint128>(small.significand) << 63;
  uint128 part = 1;
  if (distance < 127) {
    part = wide >> distance;
    if (part << distance != wide) part |= 1;
  }
  const uint128 total = a.negative == b.negative ? whole + part : whole - part;
  if (total == 0) return {number_kind::zero, zero_sign, 0, 0};
  return normalize(large.negative, large.exponent + 1, total);
}

FEWBITS_INLINE constexpr unpacked product(const unpacked& a, const unpacked& b) {
  if (a.kind == number_kind::nan || b.kind == number_kind::nan) return first_nan(a, b);
  const bool negative = a.negative != b.negative;
  if (a.kind == number_kind::infinity || b.kind == number_kind::infinity) {
    if (a.kind == number_kind::zero || b.kind == number_kind::zero) return default_nan;
    return {number_kind::infinity, negative, 0, 0};
  }
  if (a.kind == number_kind::zero || b.kind == number_kind::zero)
    return {number_kind::zero, negative, 0, 0};
  return normalize(negative, a.exponent + b.exponent + 1,
                   static_cast<uint128>(a.significand) * b.significand);
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
    return normalize(negative, exponent + 94,
                     static_cast<uint128>(ratio) << 1 | (sticky ? 1U : 0U));
  } else {
    const uint128 dividend = static_cast<uint128>(a.significand) << 63;
    const uint128 ratio = dividend / b.significand;
    const bool sticky = ratio * b.significand != dividend;
    return normalize(negative, exponent + 63, ratio << 1 | (sticky ? 1U : 0U));
  }
}

/// The significant bits that an operand of type `T` can have.
template <number T>
FEWBITS_INLINE constexpr int operand_precision() {
  if constexpr (floating<T>) {
    return format_of<T>.precision();
  } else {
    return static_cast<int>(sizeof(T)) * 8;
  }
}

FEWBITS_INLINE constexpr bool is_exact_in(const float_format& f, const float_format& g,
                                          const float_format& wide, bool is_sum) {
  return is_subset(f, wide) && is_subset(g, wide) &&
         (is_sum ? is_sum_exact(f, g, wide) : is_product_exact(f, g, wide));
}

/// The native type whose hardware operation is exact for these operands, or void.
template <bool IsSum, class Left, class Right>
FEWBITS_INLINE constexpr auto exact_native() {
  if constexpr (!floating<Left> || !floating<Right>) {
    return;
  } else if constexpr (is_exact_in(format_of<Left>, format_of<Right>, formats::fp32, IsSum)) {
    return float{};
  } else if constexpr (is_exact_in(format_of<Left>, format_of<Right>, formats::fp64, IsSum)) {
    return double{};
  } else {
    return;
  }
}

/// Whether `To` is what the operands are, `float` or `double` up to the name, so that the hardware
/// operation itself is meant.
template <class To, cast_policy Policy, class Left, class Right>
FEWBITS_INLINE constexpr bool is_native() {
  if constexpr (floating<Left> && floating<Right>) {
    return Policy == cast_policy{} && format_of<Left> == format_of<To> &&
           format_of<Right> == format_of<To> &&
           (format_of<To> == formats::fp32 || format_of<To> == formats::fp64);
  } else {
    return false;
  }
}

template <floating T>
using native_of = std::conditional_t<is_subset(format_of<T>, formats::fp32), float, double>;

enum class operation { add, subtract, multiply, divide };

template <operation Operation, class T>
FEWBITS_INLINE constexpr T apply(T a, T b) {
  if constexpr (Operation == operation::add) return a + b;
  if constexpr (Operation == operation::subtract) return a - b;
  if constexpr (Operation == operation::multiply) return a * b;
  if constexpr (Operation == operation::divide) return a / b;
}

template <number T>
FEWBITS_INLINE constexpr bool is_finite_number(T value) {
  if constexpr (floating<T>) {
    const std::uint64_t code = bits_of(value);
    return !is_nan_code<format_of<T>>(code) && !is_infinity_code<format_of<T>>(code);
  } else {
    return true;
  }
}

/// One operation, rounded once. Three ways, the first that applies at run time:
/// - the hardware's, where the result type is float or double and so are the operands;
/// - the hardware's in a wider type, where that is exact, and one conversion (a zero takes the third
///   way, because its sign could depend on the rounding mode of the hardware);
/// - integers.
template <class To, cast_policy Policy, operation Operation, class Left, class Right>
FEWBITS_INLINE constexpr To operate(Left a, Right b, std::uint32_t random) {
  // A stochastic mode looks at 33 bits beyond the kept ones, and an exact result may be longer than
  // the 64 bits that `unpacked` holds.
  static_assert(!is_stochastic(Policy.round) || format_of<To>.precision() <= 31,
                "fewbits: stochastic arithmetic has results of at most 31 bits of precision");
  constexpr bool is_sum = Operation == operation::add || Operation == operation::subtract;
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (is_native<To, Policy, Left, Right>()) {
      using native = native_of<To>;
      return To{apply<Operation>(static_cast<native>(a), static_cast<native>(b))};
    } else if constexpr (Operation != operation::divide) {
      using wide = decltype(exact_native<is_sum, Left, Right>());
      if constexpr (!std::is_void_v<wide>) {
        if (is_finite_number(a) && is_finite_number(b)) {
          const wide exact = apply<Operation>(static_cast<wide>(a), static_cast<wide>(b));
          const unpacked result = unpack_number(exact);
          if (result.kind == number_kind::finite) return pack_number<To, Policy>(result, random);
        }
      }
    }
  }
  const unpacked x = unpack_number(a);
  unpacked y = unpack_number(b);
  if constexpr (is_sum) {
    if (Operation == operation::subtract && y.kind != number_kind::nan) y.negative = !y.negative;
    return pack_number<To, Policy>(sum<Policy.round>(x, y), random);
  } else if constexpr (Operation == operation::multiply) {
    return pack_number<To, Policy>(product(x, y), random);
  } else {
    constexpr bool narrow = !is_stochastic(Policy.round) && operand_precision<Left>() <= 32 &&
                            operand_precision<Right>() <= 32 && format_of<To>.precision() <= 30;
    return pack_number<To, Policy>(quotient<narrow>(x, y), random);
  }
}

}  // namespace detail

/// a + b in the format of `To`, from operands of any number types.
///
/// Rounding: Policy.round, once, of the exact result; stochastic modes take `random` and a `To` of at
///           most 31 bits of precision.
/// Overflow: Policy.over, as in conversion. x / 0 is an infinite result.
/// NaN:      the first NaN operand, made quiet; invalid operations (inf - inf, 0 * inf, 0 / 0,
///           inf / inf) give the canonical NaN, which a format without NaN turns into its largest
///           finite value.
/// Errors:   none; constexpr. Where the operands and `To` are all `float`, `fp32` (or `double`,
///           `fp64`) the hardware's operation is used, under its control word.
/// Source:   IEEE 754-2019 clauses 5.4.1, 6.1-6.3, 7.2.
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right>
[[nodiscard]] FEWBITS_INLINE constexpr To add(Left a, Right b, std::uint32_t random = 0) {
  return detail::operate<To, Policy, detail::operation::add>(a, b, random);
}
/// a - b; see `add`.
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right>
[[nodiscard]] FEWBITS_INLINE constexpr To sub(Left a, Right b, std::uint32_t random = 0) {
  return detail::operate<To, Policy, detail::operation::subtract>(a, b, random);
}
/// a * b; see `add`.
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right>
[[nodiscard]] FEWBITS_INLINE constexpr To mul(Left a, Right b, std::uint32_t random = 0) {
  return detail::operate<To, Policy, detail::operation::multiply>(a, b, random);
}
/// a / b; see `add`.
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right>
[[nodiscard]] FEWBITS_INLINE constexpr To div(Left a, Right b, std::uint32_t random = 0) {
  return detail::operate<To, Policy, detail::operation::divide>(a, b, random);
}

namespace detail {

/// At least one operand is the library's, so that the operators below never touch built-in ones.
template <class Left, class Right>
concept operands = number<Left> && number<Right> && (is_basic_float<Left> || is_basic_float<Right>);

/// The type of `a op b`: the operand type that contains the other; of two with the same values the
/// library's; beside an integer the float type. Void if neither contains the other.
template <class Left, class Right>
FEWBITS_INLINE constexpr auto common_float() {
  if constexpr (integer<Left>) {
    return Right{};
  } else if constexpr (integer<Right>) {
    return Left{};
  } else if constexpr (is_subset(format_of<Right>, format_of<Left>) &&
                       (format_of<Left> != format_of<Right> || is_basic_float<Left>)) {
    return Left{};
  } else if constexpr (is_subset(format_of<Left>, format_of<Right>)) {
    return Right{};
  }
}
template <class Left, class Right>
using common_float_t = decltype(common_float<Left, Right>());

template <class Left, class Right>
concept nested_operands = operands<Left, Right> && !std::is_void_v<common_float_t<Left, Right>>;

}  // namespace detail

// The operators. A pair of formats of which neither contains the other is deleted: the built-in
// operator on `float` would be taken silently.
#define FEWBITS_OPERATOR(symbol, function)                                                 \
  template <class Left, class Right>                                                       \
    requires detail::nested_operands<Left, Right>                                          \
  [[nodiscard]] FEWBITS_INLINE constexpr auto operator symbol(Left a, Right b) {           \
    return function<detail::common_float_t<Left, Right>>(a, b);                            \
  }                                                                                        \
  template <class Left, class Right>                                                       \
    requires(detail::operands<Left, Right> && !detail::nested_operands<Left, Right>)       \
  void operator symbol(Left a, Right b) = delete;                                          \
  template <float_format Format, number Right>                                             \
    requires std::is_same_v<detail::common_float_t<basic_float<Format>, Right>,            \
                            basic_float<Format>>                                           \
  FEWBITS_INLINE constexpr basic_float<Format>& operator symbol##=(basic_float<Format>& a, \
                                                                   Right b) {              \
    return a = a symbol b;                                                                 \
  }
FEWBITS_OPERATOR(+, add)
FEWBITS_OPERATOR(-, sub)
FEWBITS_OPERATOR(*, mul)
FEWBITS_OPERATOR(/, div)
#undef FEWBITS_OPERATOR

/// The same value.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> operator+(basic_float<Format> x) {
  return x;
}

/// The value with the other sign; NaN and an unsigned zero stay as they are where the format has no
/// code for the other sign.
template <float_format Format>
  requires(Format.is_signed)
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> operator-(basic_float<Format> x) {
  using storage = typename basic_float<Format>::storage_type;
  if (Format.nan == nan_encoding::negative_zero && (x.bits() & Format.magnitude_mask()) == 0)
    return x;
  return basic_float<Format>::from_bits(static_cast<storage>(x.bits() ^ Format.sign_mask()));
}
template <float_format Format>
  requires(!Format.is_signed)
void operator-(basic_float<Format> x) = delete;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
