// SPDX-License-Identifier: MIT
// `block_lanes`: what an instruction set does faster than `vec` for blocks that share a scale.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A float format of few bits, as far as encoding needs it: a sign, subnormals, a mantissa.
struct small_float {
  int width;
  int mantissa_bits;
  int min_exponent;
  std::uint32_t largest;  // as bits of a float

  FEWBITS_INLINE friend constexpr bool operator==(const small_float& a, const small_float& b) {
    return a.width == b.width && a.mantissa_bits == b.mantissa_bits &&
           a.min_exponent == b.min_exponent && a.largest == b.largest;
  }
};

/// Specialised where `is_available`: groups of blocks of ordinary data. Encoders return false, having
/// written nothing that counts, for a group with data that needs the general kernel; the results are the
/// general kernel's bits.
template <isa Isa>
struct block_lanes {
  static constexpr bool is_available = false;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
