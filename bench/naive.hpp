// SPDX-License-Identifier: MIT
// What one writes without a library: conversions of one number with integers and selects, in a loop
// that the compiler may or may not vectorise.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace bench {

/// A format by its fields. `has_infinity` tells IEEE 754 from the formats in which only the largest
/// code is NaN.
template <class Code, int ExponentBits, int MantissaBits, bool HasInfinity>
struct layout {
  using code = Code;
  static constexpr int mantissa = MantissaBits;
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  static constexpr bool has_infinity = HasInfinity;
  static constexpr int magnitude_bits = ExponentBits + MantissaBits;
};
using layout_fp16 = layout<std::uint16_t, 5, 10, true>;
using layout_bf16 = layout<std::uint16_t, 8, 7, true>;
using layout_e4m3 = layout<std::uint8_t, 4, 3, false>;
using layout_e5m2 = layout<std::uint8_t, 5, 2, true>;

/// Nearest even from float or double: below the normal numbers by adding a float whose lowest bit is
/// the quantum, above by adding to the code what makes its lost bits carry.
template <class To, class Number>
typename To::code narrow(Number x) {
  using bits = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;
  constexpr int mantissa = std::numeric_limits<Number>::digits - 1;
  constexpr int bias = std::numeric_limits<Number>::max_exponent - 1;
  constexpr int drop = mantissa - To::mantissa;
  constexpr bits infinity = bits{2 * bias + 1} << mantissa;
  constexpr bits top = (bits{1} << To::magnitude_bits) - 1;
  constexpr bits overflow = To::has_infinity ? top >> To::mantissa << To::mantissa : top;
  constexpr bits nan = To::has_infinity ? top - (bits{1} << (To::mantissa - 1)) + 1 : top;
  constexpr bits normal = bits{bias - To::bias + 1} << mantissa;
  constexpr bits magic = bits{bias - To::bias + 1 + drop} << mantissa;

  const bits all = std::bit_cast<bits>(x);
  const bits magnitude = all & (~bits{0} >> 1);
  const bits sign = (all ^ magnitude) >> (sizeof(bits) * 8 - 1) << To::magnitude_bits;
  const bits odd = magnitude >> drop & 1;
  const bits rounded =
      (magnitude - (bits{bias - To::bias} << mantissa) + ((bits{1} << (drop - 1)) - 1) + odd) >>
      drop;
  bits code = rounded;
  if constexpr (To::bias < bias) {
    const bits small =
        std::bit_cast<bits>(std::bit_cast<Number>(magnitude) + std::bit_cast<Number>(magic)) -
        magic;
    code = magnitude < normal ? small : rounded;
  }
  code = code > overflow ? overflow : code;
  code = magnitude > infinity ? nan : code;
  return static_cast<typename To::code>(code | sign);
}

/// To float: the exponent is moved by a multiplication, which is exact.
template <class From>
float widen(typename From::code x) {
  constexpr std::uint32_t top = (1U << From::magnitude_bits) - 1;
  constexpr std::uint32_t infinity = top >> From::mantissa << From::mantissa;
  const std::uint32_t all = x;
  const std::uint32_t magnitude = all & top;
  const std::uint32_t sign = (all ^ magnitude) << (31 - From::magnitude_bits);
  std::uint32_t bits = magnitude << (23 - From::mantissa);
  if constexpr (From::bias < 127) {
    const float scale = std::bit_cast<float>(static_cast<std::uint32_t>(254 - From::bias) << 23);
    bits = std::bit_cast<std::uint32_t>(std::bit_cast<float>(bits) * scale);
    if constexpr (From::has_infinity) {
      bits = magnitude >= infinity ? bits | 0x7f800000U : bits;
    } else {
      bits = magnitude == top ? 0x7fc00000U : bits;
    }
  }
  return std::bit_cast<float>(bits | sign);
}

}  // namespace bench
