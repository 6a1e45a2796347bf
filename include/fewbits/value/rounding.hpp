// SPDX-License-Identifier: MIT
// How a conversion rounds and what it does beyond the range, as template values.
#pragma once

#include <fewbits/config.hpp>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Rounding of a value between two neighbours of the destination (P3109 interim report 4.0; the
/// first five are the modes of IEEE 754-2019 clause 4.3). A tie goes to the even code.
enum class rounding : unsigned char {
  nearest_even,
  nearest_away,
  toward_zero,
  toward_positive,
  toward_negative,
  to_odd,        ///< an inexact value goes to the neighbour with the odd code
  stochastic,    ///< up when round_to_even(fraction * 2^32) + random >= 2^32 (P3109 rule C)
  stochastic_a,  ///< up when floor(fraction * 2^32) + random >= 2^32
  stochastic_b,  ///< up when floor(fraction * 2^33) + 2 * random + 1 >= 2^33
};

/// What becomes of a value beyond the largest finite one. Rounding comes first, as if the exponent
/// were unbounded.
///
/// | overflow            | finite input beyond the range       | infinite input                    |
/// | ------------------- | ----------------------------------- | --------------------------------- |
/// | ieee                | toward_zero, to_odd and the mode    | infinity, else NaN, else largest  |
/// |                     | that points back: largest; others   | finite                            |
/// |                     | infinity, else NaN, else largest    |                                   |
/// | saturate            | largest finite                      | largest finite                    |
/// | propagate           | largest finite                      | infinity, else NaN, else largest  |
/// | infinity_or_largest | as ieee, but never NaN              | infinity, else largest finite     |
///
/// A value below zero into an unsigned format: NaN under `ieee` and `infinity_or_largest` where
/// there is a NaN, else the smallest value. NaN into a format without NaN: the largest finite
/// value of its sign.
enum class overflow : unsigned char { ieee, saturate, propagate, infinity_or_largest };

struct cast_policy {
  rounding round = rounding::nearest_even;
  overflow over = overflow::ieee;

  FEWBITS_INLINE friend constexpr bool operator==(const cast_policy& a, const cast_policy& b) {
    return a.round == b.round && a.over == b.over;
  }
};

/// Nearest even; values beyond the range, infinities too, become the largest finite value.
inline constexpr cast_policy saturating{.over = overflow::saturate};
/// Toward zero.
inline constexpr cast_policy truncating{.round = rounding::toward_zero};
/// Up or down with probabilities that make the expected result exact; takes random bits.
inline constexpr cast_policy stochastic{.round = rounding::stochastic};

/// Whether a rounding mode takes random bits.
FEWBITS_INLINE constexpr bool is_stochastic(rounding mode) {
  return mode == rounding::stochastic || mode == rounding::stochastic_a ||
         mode == rounding::stochastic_b;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
