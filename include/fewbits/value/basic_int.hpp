// SPDX-License-Identifier: MIT
// `basic_int`: integers of odd widths, one to a storage unit. Packed storage is a view's business.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/convert_scalar.hpp>
#include <fewbits/value/number.hpp>

#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// An integer in `Format`, two's complement in the low bits of the smallest unsigned storage type;
/// the bits above are zero. Conversion from other numbers saturates and is explicit; conversion to
/// `int` (or unsigned, where needed) is implicit, so arithmetic is that of `int`.
template <int_format Format>
class basic_int {
  static_assert(Format.is_supported() && Format.fraction_bits == 0,
                "fewbits: unsupported int_format: 1 to 32 bits");

 public:
  static constexpr int_format format = Format;
  using storage_type = detail::uint_with_bits<Format.bits>;
  using native_type =
      std::conditional_t<(Format.bits < 32 || Format.is_signed), std::int32_t, std::uint32_t>;

  basic_int() = default;

  /// Toward zero, then the nearest value of the format; NaN gives 0.
  template <convertible_number From>
    requires(!std::is_same_v<From, basic_int>)
  FEWBITS_INLINE constexpr explicit basic_int(From value)
      : bits_(convert<basic_int, truncating>(value).bits_) {}

  FEWBITS_INLINE constexpr operator native_type() const {
    constexpr int shift = 32 - Format.bits;
    const std::uint32_t high = static_cast<std::uint32_t>(bits_) << shift;
    if constexpr (Format.is_signed) {
      return static_cast<std::int32_t>(high) >> shift;
    } else {
      return static_cast<native_type>(high >> shift);
    }
  }

  /// Bits above the width of the format are ignored.
  [[nodiscard]] FEWBITS_INLINE static constexpr basic_int from_bits(storage_type bits) {
    return from_code(static_cast<std::int64_t>(bits));
  }
  [[nodiscard]] FEWBITS_INLINE constexpr storage_type bits() const { return bits_; }

  /// The integer `code` modulo 2^bits.
  [[nodiscard]] FEWBITS_INLINE static constexpr basic_int from_code(std::int64_t code) {
    constexpr std::uint64_t mask = ~std::uint64_t{0} >> (64 - Format.bits);
    basic_int result{};
    result.bits_ = static_cast<storage_type>(static_cast<std::uint64_t>(code) & mask);
    return result;
  }

 private:
  storage_type bits_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
