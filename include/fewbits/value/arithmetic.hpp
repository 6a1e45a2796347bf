// SPDX-License-Identifier: MIT
// Correctly rounded + - * /, sqrt, fma and remainder of any numbers, into any format.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/exact.hpp>
#include <fewbits/value/unpacked.hpp>

#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The significant bits that an operand of type `Type` can have.
template <number Type>
FEWBITS_INLINE constexpr int operand_precision() {
  if constexpr (floating<Type>) {
    return format_of<Type>.precision();
  } else {
    return integer_format_of<Type>.bits;
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

template <floating Type>
using native_of = std::conditional_t<is_subset(format_of<Type>, formats::fp32), float, double>;

enum class operation { add, subtract, multiply, divide };

template <operation Operation, class Type>
FEWBITS_INLINE constexpr Type apply(Type a, Type b) {
  if constexpr (Operation == operation::add) return a + b;
  if constexpr (Operation == operation::subtract) return a - b;
  if constexpr (Operation == operation::multiply) return a * b;
  if constexpr (Operation == operation::divide) return a / b;
}

template <number Type>
FEWBITS_INLINE constexpr bool is_finite_number(Type value) {
  if constexpr (floating<Type>) {
    const std::uint64_t code = bits_of(value);
    return !is_nan_code<format_of<Type>>(code) && !is_infinity_code<format_of<Type>>(code);
  } else {
    return true;
  }
}

/// A stochastic mode looks at 33 bits beyond the kept ones, and an exact result may be longer than the
/// 64 bits that `unpacked` holds.
template <floating To, cast_policy Policy>
inline constexpr bool has_enough_bits =
    !is_stochastic(Policy.round) || format_of<To>.precision() <= 31;

/// One operation, rounded once. Three ways, the first that applies at run time:
/// - the hardware's, where the result type is float or double and so are the operands;
/// - the hardware's in a wider type, where that is exact, and one conversion (a zero takes the third
///   way, because its sign could depend on the rounding mode of the hardware);
/// - integers.
template <class To, cast_policy Policy, operation Operation, class Left, class Right>
FEWBITS_INLINE constexpr To operate(Left a, Right b, std::uint32_t random) {
  static_assert(has_enough_bits<To, Policy>,
                "fewbits: stochastic arithmetic has results of at most 31 bits of precision");
  constexpr bool is_sum = Operation == operation::add || Operation == operation::subtract;
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (is_native<To, Policy, Left, Right>()) {
      using hardware = native_of<To>;
      return To{apply<Operation>(static_cast<hardware>(a), static_cast<hardware>(b))};
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
    return pack_number<To, Policy>(narrow(sum<Policy.round>(widen(x), widen(y))), random);
  } else if constexpr (Operation == operation::multiply) {
    return pack_number<To, Policy>(narrow(product(x, y)), random);
  } else {
    constexpr bool is_narrow = !is_stochastic(Policy.round) && operand_precision<Left>() <= 32 &&
                               operand_precision<Right>() <= 32 && format_of<To>.precision() <= 30;
    return pack_number<To, Policy>(quotient<is_narrow>(x, y), random);
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

/// The square root; see `add`. That of a negative number is NaN, that of -0 is -0.
template <floating To, cast_policy Policy = cast_policy{}, number Operand>
[[nodiscard]] FEWBITS_INLINE constexpr To sqrt(Operand x, std::uint32_t random = 0) {
  static_assert(detail::has_enough_bits<To, Policy>,
                "fewbits: stochastic arithmetic has results of at most 31 bits of precision");
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (detail::is_native<To, Policy, Operand, Operand>()) {
      if constexpr (format_of<To> == formats::fp32) {
        return To{__builtin_sqrtf(static_cast<float>(x))};
      } else {
        return To{__builtin_sqrt(static_cast<double>(x))};
      }
    }
  }
  constexpr bool is_narrow = !is_stochastic(Policy.round) &&
                             detail::operand_precision<Operand>() <= 32 &&
                             format_of<To>.precision() <= 30;
  return detail::pack_number<To, Policy>(detail::square_root<is_narrow>(detail::unpack_number(x)),
                                         random);
}

/// a * b + c with one rounding; see `add`. 0 * inf + c is the canonical NaN unless c is a NaN.
/// The factors together have at most 120 bits of precision (all floats do).
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right, number Addend>
[[nodiscard]] FEWBITS_INLINE constexpr To fma(Left a, Right b, Addend c, std::uint32_t random = 0) {
  static_assert(detail::has_enough_bits<To, Policy>,
                "fewbits: stochastic arithmetic has results of at most 31 bits of precision");
  static_assert(detail::operand_precision<Left>() + detail::operand_precision<Right>() <= 120,
                "fewbits: the factors of fma have at most 120 bits of precision together");
  if (!__builtin_is_constant_evaluated()) {
    if constexpr (detail::is_native<To, Policy, Left, Right>() &&
                  detail::is_native<To, Policy, Addend, Addend>()) {
      if constexpr (format_of<To> == formats::fp32) {
        return To{
            __builtin_fmaf(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c))};
      } else {
        return To{
            __builtin_fma(static_cast<double>(a), static_cast<double>(b), static_cast<double>(c))};
      }
    }
  }
  return detail::pack_number<To, Policy>(
      detail::fused<Policy.round>(detail::unpack_number(a), detail::unpack_number(b),
                                  detail::unpack_number(c)),
      random);
}

/// x - n y for the integer n nearest to x / y, ties to even n; exact, then rounded to `To`.
/// Source: IEEE 754-2019 clause 5.3.1.
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right>
[[nodiscard]] FEWBITS_INLINE constexpr To remainder(Left x, Right y) {
  return detail::pack_number<To, Policy>(
      detail::remainder<true>(detail::unpack_number(x), detail::unpack_number(y)));
}
/// x - n y for the integer n = x / y truncated; exact, then rounded to `To`. Source: C's fmod.
template <floating To, cast_policy Policy = cast_policy{}, number Left, number Right>
[[nodiscard]] FEWBITS_INLINE constexpr To fmod(Left x, Right y) {
  return detail::pack_number<To, Policy>(
      detail::remainder<false>(detail::unpack_number(x), detail::unpack_number(y)));
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

// The functions with the type of their operands' arithmetic, found by argument-dependent lookup. Their
// first template parameter is not a type, so that fma<To>(...) does not mean them.

template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> sqrt(basic_float<Format> x) {
  return sqrt<basic_float<Format>>(x);
}
template <int = 0, class Left, class Right, class Addend>
  requires(detail::nested_operands<detail::common_float_t<Left, Right>, Addend>)
[[nodiscard]] FEWBITS_INLINE constexpr auto fma(Left a, Right b, Addend c) {
  return fma<detail::common_float_t<detail::common_float_t<Left, Right>, Addend>>(a, b, c);
}
template <int = 0, class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr auto remainder(Left x, Right y) {
  return remainder<detail::common_float_t<Left, Right>>(x, y);
}
template <int = 0, class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr auto fmod(Left x, Right y) {
  return fmod<detail::common_float_t<Left, Right>>(x, y);
}

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
