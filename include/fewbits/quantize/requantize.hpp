// SPDX-License-Identifier: MIT
// Sums of products of codes back to codes: q = round(sum * multiplier) + zero_point.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/round_integer.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// How a product of an integer and a real multiplier becomes an integer.
///
/// | rule       | multiplier                                | ties                  | as in            |
/// | ---------- | ----------------------------------------- | --------------------- | ---------------- |
/// | float_even | FP32; sum and product are rounded to FP32 | to even               | FBGEMM, XNNPACK  |
/// | fixed_up   | 31 bits and a shift, one rounding         | up: -2.5 becomes -2   | FBGEMM           |
/// | fixed_away | 31 bits and a shift, two roundings        | away: -2.5 becomes -3 | gemmlowp, TFLite |
///
/// The two roundings of fixed_away are the high half of twice the product (a tie goes up), then a
/// division by a power of two (a tie goes away from zero).
enum class requantize_rule : unsigned char { float_even, fixed_up, fixed_away };

/// factor * 2^(exponent - 31), 2^30 <= factor < 2^31, exponent <= 30; or 0.
struct fixed_multiplier {
  std::int32_t factor;
  std::int32_t exponent;
};

/// The `fixed_multiplier` nearest to a finite `real` >= 0 (ties to even); what is below 2^-62
/// becomes 0, what is 2^30 or larger the largest. NaN and negative numbers become 0.
[[nodiscard]] FEWBITS_INLINE constexpr fixed_multiplier make_fixed_multiplier(double real) {
  const std::uint64_t bits = detail::bit_cast<std::uint64_t>(real);
  if (bits >= 0x7ff0000000000000)
    return bits == 0x7ff0000000000000 ? fixed_multiplier{0x7fffffff, 30} : fixed_multiplier{0, 0};
  const std::int32_t exponent = static_cast<std::int32_t>(bits >> 52) - 1022;
  if (exponent < -61) return {0, 0};
  if (exponent > 30) return {0x7fffffff, 30};
  const std::uint64_t significand = (bits & 0xfffffffffffff) | 0x10000000000000;
  const std::uint64_t factor = (significand + 0x1fffff + (significand >> 22 & 1)) >> 22;
  if (factor < 0x80000000) return {static_cast<std::int32_t>(factor), exponent};
  return exponent == 30 ? fixed_multiplier{0x7fffffff, 30}
                        : fixed_multiplier{0x40000000, exponent + 1};
}

namespace detail {

/// The high half of twice the product, a tie up; the one overflow, of (-2^31)^2, saturates.
FEWBITS_INLINE constexpr std::int32_t doubled_high_product(std::int32_t a, std::int32_t b) {
  if (a == b && a == INT32_MIN) return INT32_MAX;
  const std::int64_t product = std::int64_t{a} * b;
  const std::int64_t nudge = product >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30);
  return static_cast<std::int32_t>((product + nudge) / (std::int64_t{1} << 31));
}
/// x / 2^shift, 0 <= shift <= 31, a tie away from zero.
FEWBITS_INLINE constexpr std::int32_t shifted_away(std::int32_t x, std::int32_t shift) {
  const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
  const std::int64_t magnitude = ((x < 0 ? -std::int64_t{x} : std::int64_t{x}) + half) >> shift;
  return static_cast<std::int32_t>(x < 0 ? -magnitude : magnitude);
}

/// The integer before the zero point is added; within +-2^32.
template <requantize_rule Rule>
FEWBITS_INLINE std::int64_t requantized(std::int32_t sum, float multiplier) {
  static_assert(Rule == requantize_rule::float_even);
  const std::uint32_t bits = one_float::multiply_floats(
      bit_cast<std::uint32_t>(static_cast<float>(sum)), bit_cast<std::uint32_t>(multiplier));
  if (is_nan_code<formats::fp32>(bits)) return 0;
  const float product = bit_cast<float>(bits);
  const float clamped = product < -0x1p20f ? -0x1p20f : product > 0x1p20f ? 0x1p20f : product;
  return nearest_even_integer(clamped);
}
template <requantize_rule Rule>
FEWBITS_INLINE constexpr std::int64_t requantized(std::int32_t sum, const fixed_multiplier& by) {
  FEWBITS_ASSERT(by.exponent <= 30, "requantize: a multiplier's exponent is %d",
                 static_cast<int>(by.exponent));
  if constexpr (Rule == requantize_rule::fixed_up) {
    const std::int64_t product = std::int64_t{sum} * by.factor;
    const std::int32_t shift = 31 - by.exponent;
    if (shift > 62) return 0;
    // Twice the half, so that no sum overflows: the tie is the lowest bit that is dropped.
    return ((product >> (shift - 1)) + 1) >> 1;
  } else {
    static_assert(Rule == requantize_rule::fixed_away);
    std::int64_t scaled = sum;
    if (by.exponent > 0) scaled = scaled * (std::int64_t{1} << by.exponent);
    scaled = scaled < INT32_MIN ? INT32_MIN : scaled > INT32_MAX ? INT32_MAX : scaled;
    const std::int32_t high = doubled_high_product(static_cast<std::int32_t>(scaled), by.factor);
    if (by.exponent >= 0) return high;
    return by.exponent < -31 ? 0 : shifted_away(high, -by.exponent);
  }
}

template <class Code, requantize_rule Rule, isa Isa>
struct requantize_kernel {
  template <class Multiplier, class Codes>
  static void run(const matrix_view<const std::int32_t>& src, const Multiplier* multiplier,
                  std::size_t step, std::int32_t zero_point, const Codes& dst) {
    const default_control_word<Isa> control_word;
    constexpr std::int64_t lowest = code_range<Code>::lowest, highest = code_range<Code>::highest;
    for (std::size_t i = 0; i < src.rows(); ++i) {
      const auto row = dst.row(i);
      for (std::size_t j = 0; j < src.cols(); ++j) {
        const std::int64_t code = requantized<Rule>(src(i, j), multiplier[j * step]) + zero_point;
        put_code(row, j,
                 static_cast<std::int32_t>(code < lowest    ? lowest
                                           : code > highest ? highest
                                                            : code));
      }
    }
  }
};

}  // namespace detail

/// Writes clamp(round(src * multiplier) + zero_point) as codes of `Code`, by the float_even rule.
/// `multiplier` holds one number for all or one for each column: scale of A times scale of B over
/// scale of the result.
///
/// Range:  what lies beyond the codes becomes the nearest one; a product that is NaN counts as 0.
/// Errors: none at run time. Requires equal shapes, 1 or cols multipliers and a zero point that is
///         a code.
template <class Code, isa Isa = native, detail::code_matrix Codes>
FEWBITS_INLINE void requantize(const matrix_view<const std::int32_t>& src,
                               array_view<const float> multiplier, std::int32_t zero_point,
                               const Codes& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "requantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  FEWBITS_ASSERT(multiplier.size() == 1 || multiplier.size() == src.cols(),
                 "requantize: %zu multipliers for %zu columns", multiplier.size(), src.cols());
  detail::requantize_kernel<Code, requantize_rule::float_even, Isa>::run(
      src, multiplier.data(), multiplier.size() == 1 ? 0 : 1, zero_point, dst);
}

/// The same in integers, by the rule fixed_up or fixed_away.
template <class Code, requantize_rule Rule, isa Isa = native, detail::code_matrix Codes>
  requires(Rule != requantize_rule::float_even)
FEWBITS_INLINE void requantize(const matrix_view<const std::int32_t>& src,
                               array_view<const fixed_multiplier> multiplier,
                               std::int32_t zero_point, const Codes& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "requantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  FEWBITS_ASSERT(multiplier.size() == 1 || multiplier.size() == src.cols(),
                 "requantize: %zu multipliers for %zu columns", multiplier.size(), src.cols());
  detail::requantize_kernel<Code, Rule, Isa>::run(src, multiplier.data(),
                                                  multiplier.size() == 1 ? 0 : 1, zero_point, dst);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
