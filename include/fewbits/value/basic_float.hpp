// SPDX-License-Identifier: MIT
// `basic_float`: the one float class.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/convert_scalar.hpp>
#include <fewbits/value/number.hpp>

#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A number in `Format`: a trivial type the size of the smallest unsigned integer that holds a
/// code. Value-initialised it has bits zero, which is +0 (2^-127 for `scale_e8m0`).
///
/// Conversion is implicit exactly when it is lossless. What C++ still allows after the implicit
/// conversion to `float` or `double` stays allowed: `int i = bf16{2.5f}` is 2.
template <float_format Format>
class basic_float {
  static_assert(Format.is_supported(),
                "fewbits: unsupported float_format: every value must be a double (at most 15 "
                "exponent bits and 52 mantissa bits, exponents from -1074 to 1023), and IEEE NaN "
                "needs a mantissa bit and IEEE infinity");

 public:
  static constexpr float_format format = Format;
  using storage_type = detail::uint_with_bits<Format.bits()>;
  /// The smaller of `float` and `double` that holds every value of the format.
  using native_type = std::conditional_t<is_subset(Format, formats::fp32), float, double>;

  basic_float() = default;

  /// Nearest even, one rounding. Implicit when lossless. A number of the same format, such as
  /// `float` for `fp32`, is taken bit for bit.
  template <convertible_number From>
    requires(!std::is_same_v<From, basic_float>)
  FEWBITS_INLINE constexpr explicit(!is_lossless<From, basic_float>) basic_float(From value)
      : bits_(convert_from(value)) {}

  FEWBITS_INLINE constexpr operator native_type() const { return convert_to<native_type>(); }

  template <class To>
    requires(!std::is_same_v<To, native_type> &&
             (std::is_same_v<To, float> || std::is_same_v<To, double>))
  FEWBITS_INLINE constexpr explicit operator To() const {
    return convert_to<To>();
  }

  /// Toward zero. Values beyond the range give the nearest integer of the type, NaN gives 0; `bool`
  /// is whether the value is nonzero.
  template <integer To>
  FEWBITS_INLINE constexpr explicit operator To() const {
    if constexpr (std::is_same_v<To, bool>) {
      return detail::unpack<Format>(bits_).kind != detail::number_kind::zero;
    } else {
      return convert<To, truncating>(*this);
    }
  }

  /// Bits above the width of the format are ignored.
  [[nodiscard]] FEWBITS_INLINE static constexpr basic_float from_bits(storage_type bits) {
    basic_float result{};
    result.bits_ = static_cast<storage_type>(bits & (Format.sign_mask() | Format.magnitude_mask()));
    return result;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr storage_type bits() const { return bits_; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool sign_bit() const {
    return (bits_ & Format.sign_mask()) != 0;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr storage_type exponent_field() const {
    return static_cast<storage_type>((bits_ & Format.magnitude_mask()) >> Format.mantissa_bits);
  }
  [[nodiscard]] FEWBITS_INLINE constexpr storage_type mantissa_field() const {
    return static_cast<storage_type>(bits_ & Format.mantissa_mask());
  }

 private:
  template <class From>
  FEWBITS_INLINE static constexpr storage_type convert_from(From value) {
    if constexpr (floating<From>) {
      if constexpr (format_of<From> == Format) return detail::bits_of(value);
    }
    return convert<basic_float>(value).bits_;
  }

  template <class To>
  FEWBITS_INLINE constexpr To convert_to() const {
    // Not a comparison of the formats: nvcc 13 takes it for an access to run-time storage.
    if constexpr (std::is_same_v<basic_float<format_of<To>>, basic_float>) {
      return detail::value_of_bits<To>(bits_);
    } else {
      return convert<To>(*this);
    }
  }

  storage_type bits_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
