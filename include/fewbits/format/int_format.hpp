// SPDX-License-Identifier: MIT
// `int_format`: a fixed-point or integer format as a value.
#pragma once

#include <fewbits/config.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Two's complement (or unsigned) integers of `bits` bits, times 2^-fraction_bits.
struct int_format {
  int bits;
  bool is_signed = true;
  int fraction_bits = 0;

  FEWBITS_INLINE friend constexpr bool operator==(const int_format& a, const int_format& b) {
    return a.bits == b.bits && a.is_signed == b.is_signed && a.fraction_bits == b.fraction_bits;
  }

  /// Smallest integer code, before the scaling by 2^-fraction_bits.
  [[nodiscard]] FEWBITS_INLINE constexpr std::int64_t min_code() const {
    return is_signed ? -(std::int64_t{1} << (bits - 1)) : 0;
  }
  /// Largest integer code, before the scaling by 2^-fraction_bits.
  [[nodiscard]] FEWBITS_INLINE constexpr std::int64_t max_code() const {
    return (std::int64_t{1} << (bits - (is_signed ? 1 : 0))) - 1;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr bool is_supported() const {
    return bits >= 1 && bits <= 32 && fraction_bits >= 0 && fraction_bits < bits + 32;
  }
};

namespace formats {

FEWBITS_INLINE constexpr int_format signed_int(int bits) { return {.bits = bits}; }
FEWBITS_INLINE constexpr int_format unsigned_int(int bits) {
  return {.bits = bits, .is_signed = false};
}

}  // namespace formats
}  // namespace FEWBITS_ABI
}  // namespace fewbits
