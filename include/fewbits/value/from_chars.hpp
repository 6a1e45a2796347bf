// SPDX-License-Identifier: MIT
// Text to numbers, as std::from_chars: correctly rounded from the exact decimal of any length.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/value/decimal.hpp>
#include <fewbits/value/to_chars.hpp>

#include <charconv>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What a text denotes, and where it ends: at its beginning if it is not a number.
struct parsed_text {
  const char* end;
  unpacked number;
};

/// The value of a digit in bases up to 36, else 99.
FEWBITS_HOST_INLINE constexpr int digit_value(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  const char lower = static_cast<char>(character | 0x20);
  if (lower >= 'a' && lower <= 'z') return lower - 'a' + 10;
  return 99;
}

/// Whether [first, last) begins with `word`, in any case.
static constexpr bool starts_with(const char* first, const char* last, const char* word) {
  for (; *word != '\0'; ++word, ++first)
    if (first == last || (*first | 0x20) != *word) return false;
  return true;
}

/// infinity, inf, nan, nan(letters, digits and underscores).
static constexpr parsed_text parse_special(const char* first, const char* last, bool negative) {
  if (starts_with(first, last, "infinity"))
    return {first + 8, {number_kind::infinity, negative, 0, 0}};
  if (starts_with(first, last, "inf")) return {first + 3, {number_kind::infinity, negative, 0, 0}};
  if (!starts_with(first, last, "nan")) return {first, {}};
  const char* end = first + 3;
  if (end != last && *end == '(') {
    const char* inside = end + 1;
    while (inside != last && (digit_value(*inside) != 99 || *inside == '_')) ++inside;
    if (inside != last && *inside == ')') end = inside + 1;
  }
  return {end, {number_kind::nan, negative, 0, top_bit}};
}

/// Digits of an exponent, with a sign before them. No digit: returns `at` and leaves the exponent.
/// Beyond 10^17 all exponents are alike: no text in memory is long enough to make up for it.
static constexpr const char* parse_exponent(const char* at, const char* last,
                                            std::int64_t& exponent) {
  const char* digit = at;
  const bool negative = digit != last && *digit == '-';
  if (digit != last && (*digit == '-' || *digit == '+')) ++digit;
  if (digit == last || digit_value(*digit) > 9) return at;
  std::int64_t value = 0;
  for (; digit != last && digit_value(*digit) <= 9; ++digit)
    if (value < 100'000'000'000'000'000) value = value * 10 + digit_value(*digit);
  exponent += negative ? -value : value;
  return digit;
}

/// An exponent within +-limit, where every format over- or underflows.
FEWBITS_HOST_INLINE constexpr int clamp_exponent(std::int64_t exponent, int limit) {
  if (exponent > limit) return limit;
  return exponent < -limit ? -limit : static_cast<int>(exponent);
}

/// Digits of 2^bits with a point, then an exponent of two after `p` if `Bits` is four.
static constexpr parsed_text parse_binary(const char* first, const char* last, bool negative,
                                          int bits) {
  const char* at = first;
  std::uint64_t significand = 0;
  std::int64_t exponent = 0;
  bool any = false;
  bool after_point = false;
  for (; at != last; ++at) {
    if (*at == '.' && !after_point && bits == 4) {
      after_point = true;
      continue;
    }
    const int digit = digit_value(*at);
    if (digit >= 1 << bits) break;
    any = true;
    if (significand >> 60 == 0) {
      significand = significand << bits | static_cast<unsigned>(digit);
    } else {
      exponent += bits;
      significand |= digit != 0 ? 1U : 0U;
    }
    if (after_point) exponent -= bits;
  }
  if (!any) return {first, {}};
  if (bits == 4 && at != last && (*at | 0x20) == 'p') {
    const char* end = parse_exponent(at + 1, last, exponent);
    if (end != at + 1) at = end;
  }
  if (significand == 0) return {at, {number_kind::zero, negative, 0, 0}};
  const int shift = __builtin_clzll(significand);
  return {at,
          {number_kind::finite, negative, clamp_exponent(exponent + 63 - shift, 20000),
           significand << shift}};
}

/// Decimal digits with a point, then an exponent after `e` as `format` allows or demands.
///
/// Digits beyond the 800th matter only in whether one is not zero: the boundaries of rounding have
/// at most 779, so between two numbers of 800 digits there is none.
static constexpr parsed_text parse_decimal(const char* first, const char* last, bool negative,
                                           std::chars_format format) {
  constexpr int most_digits = 800;
  const char* at = first;
  natural digits;
  std::uint64_t chunk = 0;
  std::uint64_t unit = 1;
  int kept = 0;
  bool sticky = false;
  std::int64_t exponent = 0;
  bool any = false;
  bool after_point = false;
  for (; at != last; ++at) {
    if (*at == '.' && !after_point) {
      after_point = true;
      continue;
    }
    const int digit = digit_value(*at);
    if (digit > 9) break;
    any = true;
    if (kept < most_digits) {
      if (after_point) --exponent;
      if (kept == 0 && digit == 0) continue;
      ++kept;
      chunk = chunk * 10 + static_cast<unsigned>(digit);
      unit *= 10;
      if (unit == ten_to_19) {
        multiply_add(digits, unit, chunk);
        chunk = 0;
        unit = 1;
      }
    } else {
      if (!after_point) ++exponent;
      sticky = sticky || digit != 0;
    }
  }
  if (!any) return {first, {}};
  multiply_add(digits, unit, chunk);
  if (format != std::chars_format::fixed) {
    const char* end = at;
    if (at != last && (*at | 0x20) == 'e') {
      end = parse_exponent(at + 1, last, exponent);
      if (end == at + 1) end = at;
    }
    if (end == at && format == std::chars_format::scientific) return {first, {}};
    at = end;
  }
  if (kept == 0) return {at, {number_kind::zero, negative, 0, 0}};
  if (sticky) {
    multiply_add(digits, 10, 1);
    --exponent;
    ++kept;
  }
  // The number is in [10^(magnitude - 1), 10^magnitude).
  const std::int64_t magnitude = exponent + kept;
  if (magnitude > 350 || magnitude < -350) {
    const int beyond = magnitude > 0 ? 20000 : -20000;
    return {at, {number_kind::finite, negative, beyond, top_bit | 1}};
  }
  return {at, to_unpacked(negative, digits, static_cast<int>(exponent))};
}

static constexpr parsed_text parse_number(const char* first, const char* last,
                                          std::chars_format format) {
  const bool negative = first != last && *first == '-';
  const char* const begin = first + (negative ? 1 : 0);
  parsed_text result = parse_special(begin, last, negative);
  if (result.end == begin)
    result = format == std::chars_format::hex ? parse_binary(begin, last, negative, 4)
                                              : parse_decimal(begin, last, negative, format);
  if (result.end == begin) result.end = first;
  return result;
}

/// Whether |x| is above the midpoint, or on it.
struct side_of_midpoint {
  bool is_above, is_equal;
};
FEWBITS_HOST_INLINE constexpr side_of_midpoint compare_midpoint(const unpacked& x,
                                                                const scaled& midpoint) {
  const int shift = __builtin_clzll(midpoint.significand);
  const int exponent = midpoint.exponent + 63 - shift;
  const std::uint64_t significand = midpoint.significand << shift;
  if (x.exponent != exponent) return {x.exponent > exponent, false};
  return {x.significand > significand, x.significand == significand};
}

/// Whether rounding to the nearest, with the exponent as long as it takes, gives a value of the format.
template <float_format Format>
FEWBITS_HOST_INLINE constexpr bool is_in_range(const unpacked& x) {
  const bool has_sign = Format.is_signed || !x.negative;
  switch (x.kind) {
    case number_kind::zero:
      return Format.has_zero();
    case number_kind::infinity:
      return Format.has_infinity() && has_sign;
    case number_kind::nan:
      return Format.has_nan();
    default:
      break;
  }
  constexpr std::uint64_t least = Format.min_positive_code();
  constexpr std::uint64_t most = Format.max_finite_code();
  const side_of_midpoint below = compare_midpoint(x, midpoint_below<Format>(least));
  const side_of_midpoint above = compare_midpoint(x, midpoint_below<Format>(most + 1));
  return has_sign && (below.is_above || (below.is_equal && least % 2 == 0)) && !above.is_above &&
         (!above.is_equal || most % 2 == 0);
}

}  // namespace detail

/// Reads a number as std::from_chars does: an optional minus, then digits with an optional point and
/// exponent (demanded by `scientific`, not read by `fixed`), or hexadecimal digits without 0x, or
/// inf, infinity, nan, nan(...), in any case. No leading space or plus, no locale. Rounds once, to
/// the nearest value of the format, ties to even, from the exact number, however long. constexpr.
///
/// Errors, both of which leave `value` as it was:
///   std::errc::invalid_argument      no number; `ptr` is `first`.
///   std::errc::result_out_of_range   the number is read, but the format has nothing like it: beyond
///                                    the largest finite value, nonzero but rounded to zero, negative
///                                    in an unsigned format, inf, nan or 0 where there is none.
/// For a result instead of the second error, name a policy.
/// Source: C++20 [charconv.from.chars].
template <float_format Format>
FEWBITS_HOST_INLINE constexpr std::from_chars_result from_chars(
    const char* first, const char* last, basic_float<Format>& value,
    std::chars_format format = std::chars_format::general) {
  const detail::parsed_text text = detail::parse_number(first, last, format);
  if (text.end == first) return {first, std::errc::invalid_argument};
  if (!detail::is_in_range<Format>(text.number)) return {text.end, std::errc::result_out_of_range};
  value = detail::pack_number<basic_float<Format>>(text.number);
  return {text.end, std::errc{}};
}

/// The same with the rounding and overflow of `Policy`: any number gives the value that `convert`
/// would give for it, so from_chars<saturating> reads 1e9 as the largest finite value.
template <cast_policy Policy, float_format Format>
  requires(!is_stochastic(Policy.round))
FEWBITS_HOST_INLINE constexpr std::from_chars_result from_chars(
    const char* first, const char* last, basic_float<Format>& value,
    std::chars_format format = std::chars_format::general) {
  const detail::parsed_text text = detail::parse_number(first, last, format);
  if (text.end == first) return {first, std::errc::invalid_argument};
  value = detail::pack_number<basic_float<Format>, Policy>(text.number);
  return {text.end, std::errc{}};
}

/// Reads an integer in `base` 2 to 36 as std::from_chars does: a minus only if the format is signed.
/// Errors, both of which leave `value` as it was: std::errc::invalid_argument, no digit;
/// std::errc::result_out_of_range, not a value of the format.
template <int_format Format>
FEWBITS_HOST_INLINE constexpr std::from_chars_result from_chars(const char* first, const char* last,
                                                                basic_int<Format>& value,
                                                                int base = 10) {
  const bool negative = Format.is_signed && first != last && *first == '-';
  const char* const begin = first + (negative ? 1 : 0);
  const char* at = begin;
  const std::int64_t limit = negative ? -Format.min_code() : Format.max_code();
  std::int64_t magnitude = 0;
  for (; at != last && detail::digit_value(*at) < base; ++at)
    if (magnitude <= limit) magnitude = magnitude * base + detail::digit_value(*at);
  if (at == begin) return {first, std::errc::invalid_argument};
  if (magnitude > limit) return {at, std::errc::result_out_of_range};
  value = basic_int<Format>::from_code(negative ? -magnitude : magnitude);
  return {at, std::errc{}};
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
