// SPDX-License-Identifier: MIT
// A float rounded to an integer, by its bits.
#pragma once

#include <fewbits/config.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The integer nearest to `x`, ties to even. Requires |x| < 2^22. Adding 1.5 * 2^23 would do the same
/// faster, but not under -ffast-math or another rounding mode.
FEWBITS_INLINE constexpr std::int32_t nearest_even_integer(float x) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(x);
  const std::uint32_t exponent = bits >> 23 & 0xff;
  const std::uint32_t significand = (bits & 0x7fffff) | 0x800000;
  // The weight of the lowest bit is 2^(exponent - 150). Below 1/4 every shift gives 0.
  const std::uint32_t drop = 150 - (exponent < 125 ? 125 : exponent);
  const std::uint32_t odd = significand >> drop & 1;
  const std::uint32_t magnitude =
      (significand + (std::uint32_t{1} << (drop - 1)) - 1 + odd) >> drop;
  return bits >> 31 != 0 ? -static_cast<std::int32_t>(magnitude)
                         : static_cast<std::int32_t>(magnitude);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
