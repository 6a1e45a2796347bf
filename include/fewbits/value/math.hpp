// SPDX-License-Identifier: MIT
// The elementary functions of every float type, through double.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/value/classify.hpp>
#include <fewbits/value/compare.hpp>
#include <fewbits/value/functions.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What the C library computed, rounded to `To`. Which NaN it returns differs between platforms, and a
/// format without NaN would show its sign: it becomes the first NaN operand, else the canonical NaN.
template <floating To>
FEWBITS_INLINE To round_result(double result, const unpacked& x, const unpacked& y = {}) {
  const unpacked number = unpack_number(result);
  if (number.kind != number_kind::nan) return pack_number<To>(number);
  if (x.kind == number_kind::nan) return pack_number<To>(x);
  return pack_number<To>(y.kind == number_kind::nan ? y : default_nan);
}

/// Whether 64 bits and a sticky one decide the rounding of squares, roots and quotients to `To`.
template <floating To>
inline constexpr bool fits_exact_integers = format_of<To>.precision() <= 30;

/// atan2(y, x) = q - q^3 / 3 + ... with q = y / x. If q is halfway between two values, which a quotient
/// of subnormal size can be, the result is below halfway, by less than double can tell from none. If q
/// is not halfway, it differs from that by more than 2^-(2 * precision + 1) of itself, more than q^2 / 3
/// for a q below 2^-(precision + 3).
FEWBITS_INLINE constexpr bool is_tiny_angle(const unpacked& y, const unpacked& x, int precision) {
  return y.kind == number_kind::finite && x.kind == number_kind::finite && !x.negative &&
         y.exponent - x.exponent < -(precision + 4);
}
/// A number less than y / x in magnitude by as little as the sticky bit tells.
FEWBITS_INLINE constexpr unpacked tiny_angle(const unpacked& y, const unpacked& x) {
  unpacked angle = quotient<false>(y, x);
  if (angle.significand == top_bit) {
    angle.significand = ~std::uint64_t{0};
    --angle.exponent;
  } else if ((angle.significand & 1) == 0) {
    --angle.significand;
  }
  return angle;
}

}  // namespace detail

// The builtins are the C library's functions without its header; CUDA has its own on the device.
#if defined(__CUDACC__)
#define FEWBITS_LIBM(name) ::name
#else
#define FEWBITS_LIBM(name) __builtin_##name
#endif

#define FEWBITS_UNARY(name)                                                      \
  template <float_format Format>                                                 \
  [[nodiscard]] FEWBITS_INLINE basic_float<Format> name(basic_float<Format> x) { \
    const detail::unpacked operand = detail::unpack_number(x);                   \
    return detail::round_result<basic_float<Format>>(                            \
        FEWBITS_LIBM(name)(detail::pack_number<double>(operand)), operand);      \
  }
FEWBITS_UNARY(exp)
FEWBITS_UNARY(exp2)
FEWBITS_UNARY(expm1)
FEWBITS_UNARY(log)
FEWBITS_UNARY(log2)
FEWBITS_UNARY(log10)
FEWBITS_UNARY(log1p)
FEWBITS_UNARY(cbrt)
FEWBITS_UNARY(sin)
FEWBITS_UNARY(cos)
FEWBITS_UNARY(tan)
FEWBITS_UNARY(asin)
FEWBITS_UNARY(acos)
FEWBITS_UNARY(atan)
FEWBITS_UNARY(sinh)
FEWBITS_UNARY(cosh)
FEWBITS_UNARY(tanh)
FEWBITS_UNARY(asinh)
FEWBITS_UNARY(acosh)
FEWBITS_UNARY(atanh)
FEWBITS_UNARY(erf)
FEWBITS_UNARY(erfc)
FEWBITS_UNARY(tgamma)
FEWBITS_UNARY(lgamma)
#undef FEWBITS_UNARY

/// x to the power of y; pow(x, 0) and pow(1, y) are 1 even for NaN.
template <int = 0, class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE auto pow(Left x, Right y) {
  const detail::unpacked base = detail::unpack_number(x), exponent = detail::unpack_number(y);
  return detail::round_result<detail::common_float_t<Left, Right>>(
      FEWBITS_LIBM(pow)(detail::pack_number<double>(base), detail::pack_number<double>(exponent)),
      base, exponent);
}

/// The angle of the point (x, y), from -pi to pi; the ordinate comes first, as in C.
template <int = 0, class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE auto atan2(Left y, Right x) {
  using result_type = detail::common_float_t<Left, Right>;
  const detail::unpacked rise = detail::unpack_number(y), run = detail::unpack_number(x);
  if constexpr (detail::fits_exact_integers<result_type>) {
    if (detail::is_tiny_angle(rise, run, format_of<result_type>.precision()))
      return detail::pack_number<result_type>(detail::tiny_angle(rise, run));
  }
  return detail::round_result<result_type>(
      FEWBITS_LIBM(atan2)(detail::pack_number<double>(rise), detail::pack_number<double>(run)),
      rise, run);
}

/// sqrt(x^2 + y^2) without overflow or underflow in between; infinite if either is. Exact integers and
/// one rounding, whatever the C library does, except in fp64.
template <int = 0, class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr auto hypot(Left x, Right y) {
  using result_type = detail::common_float_t<Left, Right>;
  const detail::unpacked left = detail::unpack_number(x), right = detail::unpack_number(y);
  if constexpr (detail::fits_exact_integers<result_type>) {
    if (left.kind == detail::number_kind::infinity || right.kind == detail::number_kind::infinity)
      return detail::pack_number<result_type>({detail::number_kind::infinity, false, 0, 0});
    const detail::wide_unpacked square = detail::sum<rounding::nearest_even>(
        detail::product(left, left), detail::product(right, right));
    return detail::pack_number<result_type>(detail::square_root<false>(detail::narrow(square)));
  } else {
    return detail::round_result<result_type>(
        FEWBITS_LIBM(hypot)(detail::pack_number<double>(left), detail::pack_number<double>(right)),
        left, right);
  }
}
#undef FEWBITS_LIBM

/// x - y if x is greater, else +0; NaN if either is NaN. Correctly rounded.
template <int = 0, class Left, class Right>
  requires detail::nested_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr auto fdim(Left x, Right y) {
  using result_type = detail::common_float_t<Left, Right>;
  const detail::order order = detail::compare_numbers(x, y);
  if (order == detail::order::less || order == detail::order::equal)
    return detail::pack_number<result_type>({});
  return sub<result_type>(x, y);
}

/// |x|.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> fabs(basic_float<Format> x) {
  return abs(x);
}

/// The fraction of x; its integer part goes to `*whole`. Both have the sign of x; the fraction of an
/// infinity is zero. A zero that the format lacks is rounded as in conversion.
template <float_format Format>
[[nodiscard]] FEWBITS_INLINE constexpr basic_float<Format> modf(basic_float<Format> x,
                                                                basic_float<Format>* whole) {
  const detail::unpacked number = detail::unpack_number(x);
  const detail::unpacked integer = detail::round_to_integer<rounding::toward_zero>(number);
  *whole = detail::pack_number<basic_float<Format>>(integer);
  if (number.kind == detail::number_kind::nan) return *whole;
  detail::unpacked fraction{};
  if (number.kind == detail::number_kind::finite) {
    detail::unpacked negated = integer;
    negated.negative = !negated.negative;
    fraction = detail::narrow(
        detail::sum<rounding::nearest_even>(detail::widen(number), detail::widen(negated)));
  }
  fraction.negative = number.negative;
  return detail::pack_number<basic_float<Format>>(fraction);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
