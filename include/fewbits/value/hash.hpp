// SPDX-License-Identifier: MIT
// std::hash of numbers: equal numbers of one type have equal hashes.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <cstddef>
#include <cstdint>
#include <typeindex>  // the lightest header that declares std::hash

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The finaliser of MurmurHash3 (A. Appleby, public domain): every bit of the code reaches every bit of
/// the hash.
FEWBITS_INLINE constexpr std::size_t mix(std::uint64_t code) {
  code ^= code >> 33;
  code *= 0xff51afd7ed558ccdU;
  code ^= code >> 33;
  code *= 0xc4ceb9fe1a85ec53U;
  code ^= code >> 33;
  return static_cast<std::size_t>(code);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits

template <fewbits::float_format Format>
struct std::hash<fewbits::basic_float<Format>> {
  FEWBITS_INLINE constexpr std::size_t operator()(fewbits::basic_float<Format> x) const noexcept {
    // -0 equals +0.
    const bool is_zero = Format.has_zero() && (x.bits() & Format.magnitude_mask()) == 0 &&
                         Format.nan != fewbits::nan_encoding::negative_zero;
    return fewbits::detail::mix(is_zero ? 0 : x.bits());
  }
};

template <fewbits::int_format Format>
struct std::hash<fewbits::basic_int<Format>> {
  FEWBITS_INLINE constexpr std::size_t operator()(fewbits::basic_int<Format> x) const noexcept {
    return fewbits::detail::mix(x.bits());
  }
};
