// SPDX-License-Identifier: MIT
// `float_format`: a floating-point format as a value, and everything that follows from it.
#pragma once

#include <fewbits/config.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Which codes are infinities.
enum class inf_encoding : unsigned char {
  none,      ///< no code
  ieee,      ///< all-ones exponent field, zero mantissa field
  top_code,  ///< the largest magnitude code below a `nan_encoding::top_code` NaN
};

/// Which codes are NaN.
enum class nan_encoding : unsigned char {
  none,           ///< no code
  ieee,           ///< all-ones exponent field, nonzero mantissa field
  top_code,       ///< all magnitude bits ones
  negative_zero,  ///< the code that would be -0
};

/// A binary floating-point format: sign bit (if signed), exponent field, mantissa field, from high
/// to low. A code with exponent field e > 0 and mantissa field f has the value
/// (1 + f / 2^mantissa_bits) * 2^(e - bias); with e = 0 it is (f / 2^mantissa_bits) * 2^(1 - bias),
/// or follows the first rule too if the format has no subnormals (and then no zero).
///
/// The class is structural, so a format is a template argument. Equal fields mean the same type.
struct float_format {
  int exponent_bits;
  int mantissa_bits;
  inf_encoding inf = inf_encoding::ieee;
  nan_encoding nan = nan_encoding::ieee;
  int bias = exponent_bits > 0 ? (1 << (exponent_bits - 1)) - 1 : 0;
  bool is_signed = true;
  bool has_subnormals = true;

  FEWBITS_INLINE friend constexpr bool operator==(const float_format& a, const float_format& b) {
    return a.exponent_bits == b.exponent_bits && a.mantissa_bits == b.mantissa_bits &&
           a.inf == b.inf && a.nan == b.nan && a.bias == b.bias && a.is_signed == b.is_signed &&
           a.has_subnormals == b.has_subnormals;
  }

  /// Width of a code.
  [[nodiscard]] FEWBITS_INLINE constexpr int bits() const {
    return (is_signed ? 1 : 0) + exponent_bits + mantissa_bits;
  }
  /// Significant bits of a normal number, the implicit one included.
  [[nodiscard]] FEWBITS_INLINE constexpr int precision() const { return mantissa_bits + 1; }

  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t mantissa_mask() const {
    return (std::uint64_t{1} << mantissa_bits) - 1;
  }
  /// All bits but the sign.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t magnitude_mask() const {
    return (std::uint64_t{1} << (exponent_bits + mantissa_bits)) - 1;
  }
  /// Zero for an unsigned format.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t sign_mask() const {
    return is_signed ? std::uint64_t{1} << (exponent_bits + mantissa_bits) : 0;
  }

  [[nodiscard]] FEWBITS_INLINE constexpr bool has_infinity() const {
    return inf != inf_encoding::none;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr bool has_nan() const { return nan != nan_encoding::none; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool has_zero() const { return has_subnormals; }
  [[nodiscard]] FEWBITS_INLINE constexpr bool has_negative_zero() const {
    return is_signed && has_zero() && nan != nan_encoding::negative_zero;
  }

  /// Exponent of the smallest normal number: its value is 2^min_exponent().
  [[nodiscard]] FEWBITS_INLINE constexpr int min_exponent() const {
    return (has_subnormals ? 1 : 0) - bias;
  }
  /// Every value is a multiple of 2^quantum_exponent().
  [[nodiscard]] FEWBITS_INLINE constexpr int quantum_exponent() const {
    return min_exponent() - mantissa_bits;
  }
  /// floor(log2) of the smallest positive value.
  [[nodiscard]] FEWBITS_INLINE constexpr int min_positive_exponent() const {
    return has_subnormals ? quantum_exponent() : min_exponent();
  }
  /// floor(log2) of the largest finite value.
  [[nodiscard]] FEWBITS_INLINE constexpr int max_exponent() const {
    const std::uint64_t code = max_finite_code();
    const int field = static_cast<int>(code >> mantissa_bits);
    if (field > 0 || !has_subnormals) return field - bias;
    return quantum_exponent() + 63 - __builtin_clzll(code);
  }

  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t min_positive_code() const {
    return has_subnormals ? 1 : 0;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t min_normal_code() const {
    return has_subnormals ? std::uint64_t{1} << mantissa_bits : 0;
  }
  /// The special codes, if any, are the largest magnitudes: a whole binade of them when infinity
  /// or NaN is encoded as in IEEE 754, else one for each `top_code`.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t max_finite_code() const {
    if (inf == inf_encoding::ieee || nan == nan_encoding::ieee)
      return magnitude_mask() - (std::uint64_t{1} << mantissa_bits);
    return magnitude_mask() - (nan == nan_encoding::top_code ? 1U : 0U) -
           (inf == inf_encoding::top_code ? 1U : 0U);
  }
  /// Code of +infinity. Requires has_infinity().
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t infinity_code() const {
    return max_finite_code() + 1;
  }
  /// Code of the canonical quiet NaN, positive where NaN has a sign. Requires has_nan().
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t nan_code() const {
    if (nan == nan_encoding::negative_zero) return sign_mask();
    if (nan == nan_encoding::top_code) return magnitude_mask();
    return max_finite_code() + 1 + (std::uint64_t{1} << (mantissa_bits - 1));
  }

  /// Whether the fields describe a format whose values are all doubles and whose code fits 64 bits.
  [[nodiscard]] FEWBITS_INLINE constexpr bool is_supported() const {
    if (exponent_bits < 1 || exponent_bits > 15 || mantissa_bits < 0 || mantissa_bits > 52 ||
        bits() > 64)
      return false;
    if (nan == nan_encoding::negative_zero && (!is_signed || !has_subnormals)) return false;
    // With either in IEEE's place the whole top binade is special, so the other must be there too,
    // unless there is no mantissa bit to tell them apart.
    if ((nan == nan_encoding::ieee) != (inf == inf_encoding::ieee && mantissa_bits > 0))
      return false;
    return max_exponent() <= 1023 && quantum_exponent() >= -1074;
  }
};

/// The most significant bits that a finite value of `f` of magnitude 2^exponent or more can have.
FEWBITS_INLINE constexpr int precision_from(const float_format& f, int exponent) {
  const int top = f.max_exponent();
  if (top < exponent) return 0;
  // A complete normal binade holds a significand with all bits in use, and so does the top one
  // unless it is cut after its power of two.
  const bool complete = top - 1 >= exponent && top - 1 >= f.min_exponent();
  if (complete || (top >= f.min_exponent() && (f.max_finite_code() & f.mantissa_mask()) != 0))
    return f.precision();
  return f.min_exponent() - 1 >= exponent && f.mantissa_bits > 0 ? f.mantissa_bits : 1;
}

/// Whether every value of `f` is a value of `g`: finite values, zeros with their signs, infinities
/// and NaN. Then conversion from `f` to `g` loses nothing.
FEWBITS_INLINE constexpr bool is_subset(const float_format& f, const float_format& g) {
  if (f == g) return true;
  if ((f.is_signed && !g.is_signed) || (f.has_infinity() && !g.has_infinity()) ||
      (f.has_nan() && !g.has_nan()) || (f.has_zero() && !g.has_zero()) ||
      (f.has_negative_zero() && !g.has_negative_zero()))
    return false;
  if (f.quantum_exponent() < g.quantum_exponent() ||
      f.min_positive_exponent() < g.min_positive_exponent() ||
      precision_from(f, g.min_exponent()) > g.precision())
    return false;
  if (f.max_exponent() != g.max_exponent()) return f.max_exponent() < g.max_exponent();
  // Same binade: the mantissa fields decide, aligned at their high ends. A value that is subnormal
  // in either format leaves only exotic pairs, which are refused.
  if (f.max_exponent() < f.min_exponent() || g.max_exponent() < g.min_exponent()) return false;
  return (f.max_finite_code() & f.mantissa_mask()) << (52 - f.mantissa_bits) <=
         (g.max_finite_code() & g.mantissa_mask()) << (52 - g.mantissa_bits);
}

/// Whether the product of any finite value of `f` with one of `g` is a value of `wide`, and neither
/// it nor an operand is subnormal there: then hardware that computes in `wide` makes no rounding,
/// whatever its rounding mode and however it treats subnormals.
FEWBITS_INLINE constexpr bool is_product_exact(const float_format& f, const float_format& g,
                                               const float_format& wide) {
  return f.precision() + g.precision() <= wide.precision() &&
         f.max_exponent() + g.max_exponent() + 1 <= wide.max_exponent() &&
         f.min_positive_exponent() >= wide.min_exponent() &&
         g.min_positive_exponent() >= wide.min_exponent() &&
         f.min_positive_exponent() + g.min_positive_exponent() >= wide.min_exponent();
}

/// The same for the sum: every bit from the lower quantum to the carry fits the significand.
FEWBITS_INLINE constexpr bool is_sum_exact(const float_format& f, const float_format& g,
                                           const float_format& wide) {
  const int top = (f.max_exponent() > g.max_exponent() ? f : g).max_exponent() + 1;
  const int low = (f.quantum_exponent() < g.quantum_exponent() ? f : g).quantum_exponent();
  return top + 1 - low <= wide.precision() && top <= wide.max_exponent() &&
         low >= wide.min_exponent();
}

namespace formats {

enum class signedness : unsigned char { with_sign, no_sign };
enum class domain : unsigned char { extended, finite };

/// As IEEE 754-2019 clause 3.4: infinities, NaNs, signed zeros, subnormals.
FEWBITS_INLINE constexpr float_format ieee(int exponent_bits, int mantissa_bits) {
  return {.exponent_bits = exponent_bits, .mantissa_bits = mantissa_bits};
}

/// No infinity; the all-ones code of each sign is NaN (OCP E4M3; the suffix `fn` of LLVM).
FEWBITS_INLINE constexpr float_format fn(int exponent_bits, int mantissa_bits) {
  return {.exponent_bits = exponent_bits,
          .mantissa_bits = mantissa_bits,
          .inf = inf_encoding::none,
          .nan = nan_encoding::top_code};
}

/// No infinity, no -0, whose code is the one NaN; the bias is one more than IEEE's (LLVM `fnuz`).
FEWBITS_INLINE constexpr float_format fnuz(int exponent_bits, int mantissa_bits) {
  return {.exponent_bits = exponent_bits,
          .mantissa_bits = mantissa_bits,
          .inf = inf_encoding::none,
          .nan = nan_encoding::negative_zero,
          .bias = 1 << (exponent_bits - 1)};
}

/// Every code is a finite number (OCP FP6 and FP4).
FEWBITS_INLINE constexpr float_format finite(int exponent_bits, int mantissa_bits) {
  return {.exponent_bits = exponent_bits,
          .mantissa_bits = mantissa_bits,
          .inf = inf_encoding::none,
          .nan = nan_encoding::none};
}

/// Powers of two and one NaN, no sign, no zero (OCP E8M0 is scale(8)).
FEWBITS_INLINE constexpr float_format scale(int exponent_bits) {
  return {.exponent_bits = exponent_bits,
          .mantissa_bits = 0,
          .inf = inf_encoding::none,
          .nan = nan_encoding::top_code,
          .bias = (1 << (exponent_bits - 1)) - 1,
          .is_signed = false,
          .has_subnormals = false};
}

/// Binary{bits}p{precision}{s|u}{e|f} of the IEEE P3109 interim report, version 4.0.
FEWBITS_INLINE constexpr float_format p3109(int bits, int precision,
                                            signedness sign = signedness::with_sign,
                                            domain extent = domain::extended) {
  const bool has_sign = sign == signedness::with_sign;
  const int exponent_bits = bits - precision + (has_sign ? 0 : 1);
  return {.exponent_bits = exponent_bits,
          .mantissa_bits = precision - 1,
          .inf = extent == domain::extended ? inf_encoding::top_code : inf_encoding::none,
          .nan = has_sign ? nan_encoding::negative_zero : nan_encoding::top_code,
          .bias = 1 << (exponent_bits - 1),
          .is_signed = has_sign};
}

}  // namespace formats
}  // namespace FEWBITS_ABI
}  // namespace fewbits
