// SPDX-License-Identifier: MIT
// A fast exact oracle for formats that span few binades: all values are multiples of one quantum, so
// sums and products are integers. It takes its values and its rounding from the slow oracle, once per
// format, and shares no code with the library either.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/oracle.hpp"

namespace fixed_point {

using oracle::u128;
using oracle::u64;
__extension__ typedef __int128 i128;

/// The exponent of the quantum of a format.
inline int quantum_of(const oracle::format& f) { return 1 - f.bias - f.mantissa_bits; }

/// Whether a product of two values, and a sum of such, fits 128 bits.
inline bool fits(const oracle::format& f) {
  return f.has_subnormals && f.exponent_bits <= 5 && f.mantissa_bits <= 10;
}

/// Rounds integers in units of 2^unit to codes of a format.
///
/// Between two neighbours every mode but the stochastic ones knows four cases: the lower neighbour
/// itself, below the midpoint, the midpoint, above it. What becomes of each was asked of the slow
/// oracle.
class rounder {
 public:
  rounder(const oracle::reference& format, int unit, const oracle::policy& how) {
    const std::vector<oracle::point>& points = format.points();
    const int quantum = quantum_of(format.description());
    oracle::require(unit <= quantum - 2, "the unit must divide quarters of the quantum");
    const auto scaled = [unit](u64 significand, int exponent) {
      return u128{significand} << (exponent - unit);
    };
    for (std::size_t i = 0; i < points.size(); ++i) {
      const bool last = i + 1 == points.size();
      values_.push_back(scaled(points[i].significand, points[i].exponent));
      const u128 above = last ? scaled(points[i].significand + 1, points[i].exponent)
                              : scaled(points[i + 1].significand, points[i + 1].exponent);
      const u128 quarter = (above - values_[i]) / 4;
      middles_.push_back(values_[i] + 2 * quarter);
      for (u128 step = 0; step < 4; ++step) add(format, values_[i] + step * quarter, unit, how);
      if (last) {
        beyond_ = above;
        add(format, above, unit, how);
      }
    }
  }

  /// The code of `x`; a zero has the sign `zero_is_negative`.
  [[nodiscard]] u64 operator()(i128 x, bool zero_is_negative) const {
    const bool negative = x == 0 ? zero_is_negative : x < 0;
    const u128 magnitude = x < 0 ? 0 - static_cast<u128>(x) : static_cast<u128>(x);
    return codes_[case_of(magnitude)][negative ? 1 : 0];
  }

 private:
  struct pair {
    u64 codes[2];
    u64 operator[](std::size_t sign) const { return codes[sign]; }
  };

  void add(const oracle::reference& format, u128 magnitude, int unit, const oracle::policy& how) {
    pair both{};
    for (const bool negative : {false, true}) {
      oracle::number x;
      x.negative = negative;
      x.numerator = oracle::natural(magnitude);
      x.exponent = unit;
      both.codes[negative ? 1 : 0] = format.encode(x, how);
    }
    codes_.push_back(both);
  }
  [[nodiscard]] std::size_t case_of(u128 magnitude) const {
    if (magnitude >= beyond_) return codes_.size() - 1;
    const auto above = std::upper_bound(values_.begin(), values_.end(), magnitude);
    const std::size_t i = static_cast<std::size_t>(above - values_.begin()) - 1;
    if (magnitude == values_[i]) return 4 * i;
    if (magnitude == middles_[i]) return 4 * i + 2;
    return 4 * i + (magnitude < middles_[i] ? 1 : 3);
  }

  std::vector<u128> values_;   ///< non-negative, in increasing order
  std::vector<u128> middles_;  ///< halfway to the next one
  std::vector<pair> codes_;    ///< four cases a value, then what lies beyond
  u128 beyond_ = 0;
};

/// The finite values of a format, by code, in units of its quantum.
class table {
 public:
  explicit table(const oracle::reference& format) {
    const int quantum = quantum_of(format.description());
    for (u64 code = 0; code < format.code_count(); ++code) {
      const oracle::number x = format.decode(code);
      entry e{0, x.negative, !x.is_finite()};
      if (x.is_finite() && !x.is_zero()) {
        const oracle::natural magnitude = x.numerator << (x.exponent - quantum);
        e.value = static_cast<std::int64_t>(magnitude.to_u64());
        if (x.negative) e.value = -e.value;
      }
      entries_.push_back(e);
    }
  }

  struct entry {
    std::int64_t value;
    bool negative;
    bool special;  ///< infinity or NaN
  };
  const entry& operator[](u64 code) const { return entries_[code]; }

 private:
  std::vector<entry> entries_;
};

/// The code of a * b + c, fast.
class fma {
 public:
  fma(const oracle::reference& format, const oracle::policy& how)
      : format_(format),
        how_(how),
        quantum_(quantum_of(format.description())),
        unit_(std::min(2 * quantum_, quantum_ - 2)),
        values_(format),
        round_(format, unit_, how) {
    oracle::require(fits(format.description()) && quantum_ < 0, "fixed point is too narrow");
  }

  [[nodiscard]] u64 operator()(u64 a, u64 b, u64 c) const {
    const table::entry x = values_[a], y = values_[b], z = values_[c];
    if (x.special || y.special || z.special)
      return format_.encode(oracle::fused_multiply_add(format_.decode(a), format_.decode(b),
                                                       format_.decode(c), how_.round),
                            how_);
    const i128 product = (i128{x.value} * y.value) * (i128{1} << (2 * quantum_ - unit_));
    const i128 sum = product + i128{z.value} * (i128{1} << (quantum_ - unit_));
    const bool product_is_negative = x.negative != y.negative;
    const bool zeros_agree = product == 0 && product_is_negative == z.negative;
    return round_(sum, zeros_agree ? z.negative : how_.round == oracle::mode::toward_negative);
  }

 private:
  const oracle::reference& format_;
  oracle::policy how_;
  int quantum_;
  int unit_;
  table values_;
  rounder round_;
};

}  // namespace fixed_point
