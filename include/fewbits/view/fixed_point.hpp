// SPDX-License-Identifier: MIT
// `fixed_point`: an integer of few bits times a power of two, as an element of blocks.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/int_format.hpp>
#include <fewbits/value/number.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A number code * 2^-fraction_bits, the code in `Format`: two's complement in the low bits of the
/// smallest unsigned storage type, the bits above zero. It has no arithmetic; its value is a float.
template <int_format Format>
class fixed_point {
  static_assert(Format.is_supported() && Format.bits <= 16,
                "fewbits: unsupported fixed_point format: 1 to 16 bits");

 public:
  static constexpr int_format format = Format;
  using storage_type = detail::uint_with_bits<Format.bits>;

  fixed_point() = default;

  /// Bits above the width of the format are ignored.
  [[nodiscard]] FEWBITS_INLINE static constexpr fixed_point from_bits(storage_type bits) {
    fixed_point result{};
    result.bits_ = static_cast<storage_type>(bits & ((std::uint32_t{1} << Format.bits) - 1));
    return result;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr storage_type bits() const { return bits_; }
  /// The integer.
  [[nodiscard]] FEWBITS_INLINE constexpr std::int32_t code() const {
    constexpr int shift = 32 - Format.bits;
    const std::uint32_t high = static_cast<std::uint32_t>(bits_) << shift;
    return Format.is_signed ? static_cast<std::int32_t>(high) >> shift
                            : static_cast<std::int32_t>(high >> shift);
  }
  /// The value, which is exact.
  FEWBITS_INLINE constexpr operator float() const {
    constexpr float unit =
        detail::bit_cast<float>(static_cast<std::uint32_t>(127 - Format.fraction_bits) << 23);
    return static_cast<float>(code()) * unit;
  }

 private:
  storage_type bits_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
