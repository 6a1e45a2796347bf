// SPDX-License-Identifier: MIT
// What a `long double` stands for. Its precision (53, 64 or 113 bits) differs between targets.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/exact.hpp>
#include <fewbits/value/number.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// A number from the fields of a format with 15 exponent bits, its significand aligned to the left.
FEWBITS_HOST_INLINE constexpr unpacked unpack_extended(bool negative, int field,
                                                       uint128 significand) {
  constexpr int bias = 16383;
  if (field == 2 * bias + 1) {
    const std::uint64_t payload = static_cast<std::uint64_t>(significand << 1 >> 64);
    if (significand << 1 == 0) return {number_kind::infinity, negative, 0, 0};
    return {number_kind::nan, negative, 0, top_bit | payload};
  }
  if (significand == 0) return {number_kind::zero, negative, 0, 0};
  return narrow(normalize(negative, (field == 0 ? 1 : field) - bias, significand));
}

/// For constant expressions, where the bits of a long double are out of reach: arithmetic that is exact.
FEWBITS_HOST_INLINE constexpr unpacked unpack_by_arithmetic(long double value) {
  const bool negative = __builtin_copysignl(1, value) < 0;
  if (value != value) return {number_kind::nan, negative, 0, top_bit};
  if (value == 0) return {number_kind::zero, negative, 0, 0};
  long double rest = negative ? -value : value;
  if (rest > __LDBL_MAX__) return {number_kind::infinity, negative, 0, 0};
  int scale = 0;
  if constexpr (__LDBL_MAX_EXP__ > __DBL_MAX_EXP__) {
    // All formats lie between 2^-1074 and 2^1024: what is beyond 2^1024 overflows, and what is below
    // 2^-1200 rounds as the tiniest number does, in the stochastic modes too.
    if (rest >= 0x1p1024L) return {number_kind::finite, negative, 1 << 14, top_bit | 1};
    if (rest < 0x1p-1200L) return {number_kind::finite, negative, -(1 << 14), top_bit | 1};
    if (rest >= 0x1p500L) {
      rest *= 0x1p-600L;
      scale = 600;
    } else if (rest < 0x1p-500L) {
      rest *= 0x1p700L;
      scale = -700;
    }
  }
  // Three doubles hold the 113 bits of the longest type.
  wide_unpacked total{};
  for (int part = 0; part < 3 && rest != 0; ++part) {
    const double piece = static_cast<double>(rest);
    rest -= static_cast<long double>(piece);
    total = sum<rounding::nearest_even>(total, widen(unpack<formats::fp64>(bits_of(piece))));
  }
  unpacked result = narrow(total);
  result.negative = negative;
  result.exponent += scale;
  return result;
}

FEWBITS_HOST_INLINE constexpr unpacked unpack_number(long double value) {
  if (!__builtin_is_constant_evaluated() && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
    std::uint64_t words[2] = {};
    __builtin_memcpy(words, &value, sizeof(value));
    if constexpr (__LDBL_MANT_DIG__ == 64) {
      return unpack_extended((words[1] >> 15 & 1) != 0, static_cast<int>(words[1] & 0x7fff),
                             static_cast<uint128>(words[0]) << 64);
    } else if constexpr (__LDBL_MANT_DIG__ == 113) {
      const int field = static_cast<int>(words[1] >> 48 & 0x7fff);
      const uint128 fraction = (static_cast<uint128>(words[1]) << 64 | words[0]) << 16 >> 1;
      const uint128 integer_bit = field == 0 ? 0 : static_cast<uint128>(1) << 127;
      return unpack_extended(words[1] >> 63 != 0, field, integer_bit | fraction);
    }
  }
  return unpack_by_arithmetic(value);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
