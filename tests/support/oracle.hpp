// SPDX-License-Identifier: MIT
// What the library should compute, found slowly and obviously. Shares no code with it: the table of
// formats is typed in from the specifications, numbers are exact rationals, and rounding is a
// search among the values of the format (by long division where a format is too wide to list).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace oracle {

using u64 = std::uint64_t;
__extension__ typedef unsigned __int128 u128;

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "oracle: %s\n", what);
  std::abort();
}

/// A natural number, little-endian limbs. 4608 bits hold any product of two doubles as an integer.
class natural {
 public:
  natural() = default;
  natural(u128 value) {
    for (; value != 0; value >>= 64) limbs_[used_++] = static_cast<u64>(value);
  }
  natural(const natural& other) : used_(other.used_) { copy(other); }
  natural& operator=(const natural& other) {
    used_ = other.used_;
    copy(other);
    return *this;
  }

  [[nodiscard]] bool is_zero() const { return used_ == 0; }
  [[nodiscard]] int bit_length() const {
    return used_ == 0 ? 0 : static_cast<int>(used_) * 64 - __builtin_clzll(limbs_[used_ - 1]);
  }
  [[nodiscard]] bool is_odd() const { return limb(0) % 2 != 0; }
  [[nodiscard]] u64 to_u64() const {
    require(used_ <= 1, "a natural number does not fit 64 bits");
    return used_ == 0 ? 0 : limbs_[0];
  }

  friend int compare(const natural& a, const natural& b) {
    if (a.used_ != b.used_) return a.used_ < b.used_ ? -1 : 1;
    for (std::size_t i = a.used_; i-- > 0;)
      if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] < b.limbs_[i] ? -1 : 1;
    return 0;
  }
  friend natural operator+(const natural& a, const natural& b) {
    natural sum;
    u64 carry = 0;
    const std::size_t count = std::max(a.used_, b.used_);
    for (std::size_t i = 0; i < count; ++i) {
      const u128 digit = u128{a.limb(i)} + b.limb(i) + carry;
      sum.push(static_cast<u64>(digit));
      carry = static_cast<u64>(digit >> 64);
    }
    if (carry != 0) sum.push(carry);
    return sum;
  }
  /// Requires a >= b.
  friend natural operator-(const natural& a, const natural& b) {
    natural difference;
    u64 borrow = 0;
    for (std::size_t i = 0; i < a.used_; ++i) {
      const u128 taken = u128{b.limb(i)} + borrow;
      borrow = taken > a.limbs_[i] ? 1 : 0;
      difference.push(static_cast<u64>(a.limbs_[i] - taken));
    }
    require(borrow == 0, "a difference of natural numbers is negative");
    difference.trim();
    return difference;
  }
  friend natural operator*(const natural& a, u64 b) {
    natural product;
    u64 carry = 0;
    for (std::size_t i = 0; i < a.used_; ++i) {
      const u128 digit = u128{a.limbs_[i]} * b + carry;
      product.push(static_cast<u64>(digit));
      carry = static_cast<u64>(digit >> 64);
    }
    if (carry != 0) product.push(carry);
    product.trim();
    return product;
  }
  friend natural operator*(const natural& a, const natural& b) {
    natural product;
    for (std::size_t i = b.used_; i-- > 0;) product = (product << 64) + a * b.limbs_[i];
    return product;
  }
  friend natural operator<<(const natural& a, int count) {
    if (count == 0 || a.is_zero()) return a;
    natural shifted;
    const int bits = count % 64;
    for (int i = 0; i < count / 64; ++i) shifted.push(0);
    u64 carry = 0;
    for (std::size_t i = 0; i < a.used_; ++i) {
      shifted.push(a.limbs_[i] << bits | carry);
      carry = bits == 0 ? 0 : a.limbs_[i] >> (64 - bits);
    }
    if (carry != 0) shifted.push(carry);
    return shifted;
  }
  /// a >> count; `inexact` is set if a one was shifted out.
  friend natural shift_right(const natural& a, int count, bool& inexact) {
    natural shifted;
    const std::size_t whole = static_cast<std::size_t>(count / 64);
    const int bits = count % 64;
    for (std::size_t i = 0; i < std::min(whole, a.used_); ++i) inexact |= a.limbs_[i] != 0;
    if (whole >= a.used_) return shifted;
    inexact |= (a.limbs_[whole] & ((u64{1} << bits) - 1)) != 0;
    for (std::size_t i = whole; i < a.used_; ++i)
      shifted.push(bits == 0 ? a.limbs_[i] : a.limbs_[i] >> bits | a.limb(i + 1) << (64 - bits));
    shifted.trim();
    return shifted;
  }
  /// a / b; `inexact` is set if there is a remainder.
  friend natural divide(const natural& a, u64 b, bool& inexact) {
    if (b == 1) return a;
    natural quotient = a;
    u64 remainder = 0;
    for (std::size_t i = a.used_; i-- > 0;) {
      const u128 digit = u128{remainder} << 64 | a.limbs_[i];
      quotient.limbs_[i] = static_cast<u64>(digit / b);
      remainder = static_cast<u64>(digit % b);
    }
    inexact |= remainder != 0;
    quotient.trim();
    return quotient;
  }

 private:
  static constexpr std::size_t capacity = 72;

  [[nodiscard]] u64 limb(std::size_t i) const { return i < used_ ? limbs_[i] : 0; }
  void push(u64 value) {
    require(used_ < capacity, "a natural number has more than 4608 bits");
    limbs_[used_++] = value;
  }
  void trim() {
    while (used_ > 0 && limbs_[used_ - 1] == 0) --used_;
  }
  void copy(const natural& other) {
    for (std::size_t i = 0; i < other.used_; ++i) limbs_[i] = other.limbs_[i];
  }

  std::size_t used_ = 0;
  u64 limbs_[capacity];
};

/// finite: (-1)^negative * numerator / denominator * 2^exponent; zero keeps its sign.
/// nan: `payload` holds the fraction bits of an IEEE NaN, left-aligned in 64 bits.
struct number {
  enum class kinds { finite, infinity, nan };
  kinds kind = kinds::finite;
  bool negative = false;
  natural numerator;
  u64 denominator = 1;
  int exponent = 0;
  u64 payload = 0;

  [[nodiscard]] bool is_finite() const { return kind == kinds::finite; }
  [[nodiscard]] bool is_nan() const { return kind == kinds::nan; }
  [[nodiscard]] bool is_infinity() const { return kind == kinds::infinity; }
  [[nodiscard]] bool is_zero() const { return is_finite() && numerator.is_zero(); }
};

inline constexpr u64 quiet_bit = u64{1} << 63;

inline number finite(bool negative, u64 significand, int exponent) {
  number x;
  x.negative = negative;
  x.numerator = natural(significand);
  x.exponent = exponent;
  return x;
}
inline number integer(std::int64_t value) {
  return finite(value < 0, value < 0 ? 0 - static_cast<u64>(value) : static_cast<u64>(value), 0);
}
inline number infinity(bool negative) {
  number x;
  x.kind = number::kinds::infinity;
  x.negative = negative;
  return x;
}
inline number nan(bool negative = false, u64 payload = quiet_bit) {
  number x;
  x.kind = number::kinds::nan;
  x.negative = negative;
  x.payload = payload;
  return x;
}
inline number negated(number x) {
  x.negative = !x.negative;
  return x;
}

/// The order of |x| and significand * 2^exponent.
inline int compare_magnitude(const number& x, u64 significand, int exponent) {
  const natural right(u128{significand} * x.denominator);
  if (x.numerator.is_zero() || right.is_zero())
    return (x.numerator.is_zero() ? 0 : 1) - (right.is_zero() ? 0 : 1);
  const int left_top = x.numerator.bit_length() + x.exponent;
  const int right_top = right.bit_length() + exponent;
  if (left_top != right_top) return left_top < right_top ? -1 : 1;
  return x.exponent > exponent ? compare(x.numerator << (x.exponent - exponent), right)
                               : compare(x.numerator, right << (exponent - x.exponent));
}

/// The order of two numbers that are not NaN and have denominator 1; -0 equals +0.
inline int compare(const number& a, const number& b) {
  const bool a_negative = a.negative && !a.is_zero();
  const bool b_negative = b.negative && !b.is_zero();
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  const int sign = a_negative ? -1 : 1;
  if (a.is_infinity() || b.is_infinity())
    return ((a.is_infinity() ? 1 : 0) - (b.is_infinity() ? 1 : 0)) * sign;
  const int low = std::min(a.exponent, b.exponent);
  return compare(a.numerator << (a.exponent - low), b.numerator << (b.exponent - low)) * sign;
}

enum class mode {
  nearest_even,
  nearest_away,
  toward_zero,
  toward_positive,
  toward_negative,
  to_odd,
  stochastic_c,
  stochastic_a,
  stochastic_b,
};
enum class over { ieee, saturate, propagate, infinity_or_largest };

struct policy {
  mode round = mode::nearest_even;
  over beyond = over::ieee;
};

// IEEE 754-2019 clauses 6 and 7.2 for the special cases; the sign of an exact zero sum is negative
// only when rounding toward negative (6.3). Of two NaN operands the first is passed on.

inline number add(const number& a, const number& b, mode round = mode::nearest_even) {
  if (a.is_nan()) return a;
  if (b.is_nan()) return b;
  if (a.is_infinity() && b.is_infinity() && a.negative != b.negative) return nan();
  if (a.is_infinity()) return a;
  if (b.is_infinity()) return b;
  number sum;
  sum.exponent = std::min(a.exponent, b.exponent);
  const natural left = a.numerator << (a.exponent - sum.exponent);
  const natural right = b.numerator << (b.exponent - sum.exponent);
  if (a.negative == b.negative) {
    sum.negative = a.negative;
    sum.numerator = left + right;
  } else {
    const int order = compare(left, right);
    sum.negative = order == 0 ? round == mode::toward_negative : (order > 0) == a.negative;
    sum.numerator = order >= 0 ? left - right : right - left;
  }
  return sum;
}
inline number subtract(const number& a, const number& b, mode round = mode::nearest_even) {
  return add(a, b.is_nan() ? b : negated(b), round);
}
inline number multiply(const number& a, const number& b) {
  if (a.is_nan()) return a;
  if (b.is_nan()) return b;
  const bool negative = a.negative != b.negative;
  if (a.is_infinity() || b.is_infinity())
    return a.is_zero() || b.is_zero() ? nan() : infinity(negative);
  number product;
  product.negative = negative;
  product.numerator = a.numerator * b.numerator.to_u64();
  product.exponent = a.exponent + b.exponent;
  return product;
}
inline number divide(const number& a, const number& b) {
  if (a.is_nan()) return a;
  if (b.is_nan()) return b;
  const bool negative = a.negative != b.negative;
  if (a.is_infinity()) return b.is_infinity() ? nan() : infinity(negative);
  if (b.is_zero()) return a.is_zero() ? nan() : infinity(negative);
  if (b.is_infinity()) return finite(negative, 0, 0);
  number quotient;
  quotient.negative = negative;
  quotient.numerator = a.numerator;
  quotient.denominator = b.numerator.to_u64();
  quotient.exponent = a.exponent - b.exponent;
  return quotient;
}

/// A dyadic number that stands for sqrt(x): cut after at least 70 bits, with a one below the cut if
/// anything is there. No value, midpoint or fraction that a rounding looks at is that long.
inline number square_root(const number& x) {
  if (x.is_nan() || x.is_zero()) return x;
  if (x.negative) return nan();
  if (x.is_infinity()) return x;
  int shift = 142 - x.numerator.bit_length();
  if ((x.exponent - shift) % 2 != 0) ++shift;
  const natural square = x.numerator << shift;
  u128 root = 0;
  for (int bit = 72; bit >= 0; --bit) {
    const natural attempt(root | u128{1} << bit);
    if (compare(attempt * attempt, square) <= 0) root |= u128{1} << bit;
  }
  const bool inexact = compare(natural(root) * natural(root), square) != 0;
  number result;
  result.numerator = natural(root << 1 | (inexact ? 1U : 0U));
  result.exponent = (x.exponent - shift) / 2 - 1;
  return result;
}

/// IEEE 754-2019 clause 7.2 leaves 0 * inf + NaN open: here the NaN is passed on.
inline number fused_multiply_add(const number& a, const number& b, const number& c,
                                 mode round = mode::nearest_even) {
  if (a.is_nan() || b.is_nan()) return a.is_nan() ? a : b;
  return c.is_nan() ? c : add(multiply(a, b), c, round);
}

/// x - n * y, n the integer nearest to x / y (ties to even) or next to it toward zero.
inline number remainder(const number& x, const number& y, bool nearest) {
  if (x.is_nan()) return x;
  if (y.is_nan()) return y;
  if (x.is_infinity() || y.is_zero()) return nan();
  if (y.is_infinity() || x.is_zero()) return x;
  const int exponent = std::min(x.exponent, y.exponent);
  const natural dividend = x.numerator << (x.exponent - exponent);
  const natural divisor = y.numerator << (y.exponent - exponent);
  // Schoolbook, in binary.
  natural rest = dividend;
  bool odd = false;
  for (int bit = std::max(dividend.bit_length() - divisor.bit_length(), 0); bit >= 0; --bit) {
    const natural step = divisor << bit;
    const bool fits = compare(rest, step) >= 0;
    if (fits) rest = rest - step;
    if (bit == 0) odd = fits;
  }
  number result;
  result.negative = x.negative;
  result.exponent = exponent;
  result.numerator = rest;
  const int half = compare(rest + rest, divisor);
  if (nearest && (half > 0 || (half == 0 && odd))) {
    result.numerator = divisor - rest;
    result.negative = !x.negative;
  }
  return result;
}

enum class infinities { none, ieee, below_top };
enum class nans { none, ieee, top, negative_zero };

/// A format as its specification describes it.
struct format {
  std::string name;
  int exponent_bits;
  int mantissa_bits;
  int bias;
  infinities inf;
  nans nan;
  bool is_signed;
  bool has_subnormals;

  [[nodiscard]] int width() const { return exponent_bits + mantissa_bits + (is_signed ? 1 : 0); }
  [[nodiscard]] u64 sign() const {
    return is_signed ? u64{1} << (exponent_bits + mantissa_bits) : 0;
  }
  [[nodiscard]] u64 top() const { return (u64{1} << (exponent_bits + mantissa_bits)) - 1; }
  [[nodiscard]] u64 all_ones_exponent() const {
    return ((u64{1} << exponent_bits) - 1) << mantissa_bits;
  }

  [[nodiscard]] bool is_nan(u64 code) const {
    const u64 magnitude = code & top();
    switch (nan) {
      case nans::none:
        return false;
      case nans::ieee:
        return magnitude > all_ones_exponent();
      case nans::top:
        return magnitude == top();
      default:
        return code == sign();
    }
  }
  [[nodiscard]] bool is_infinity(u64 code) const {
    const u64 magnitude = code & top();
    if (inf == infinities::ieee) return magnitude == all_ones_exponent();
    if (inf == infinities::below_top) return magnitude == top() - (nan == nans::top ? 1 : 0);
    return false;
  }
};

namespace detail {
inline constexpr bool with_sign = true, no_sign = false, subnormals = true, no_subnormals = false;
}

/// The formats of the library. Sources: IEEE 754-2019, OCP OFP8 1.0, OCP MX 1.0, LLVM APFloat, Arm
/// ARM (alternative half precision), CUDA and oneDNN headers.
inline const std::vector<format>& named() {
  using namespace detail;
  static const std::vector<format> rows = {
      {"fp64", 11, 52, 1023, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp32", 8, 23, 127, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"tf32", 8, 10, 127, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp24", 8, 15, 127, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp16", 5, 10, 15, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp16_alt", 5, 10, 15, infinities::none, nans::none, with_sign, subnormals},
      {"bf16", 8, 7, 127, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp8_e4m3", 4, 3, 7, infinities::none, nans::top, with_sign, subnormals},
      {"fp8_e5m2", 5, 2, 15, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp8_e4m3fnuz", 4, 3, 8, infinities::none, nans::negative_zero, with_sign, subnormals},
      {"fp8_e5m2fnuz", 5, 2, 16, infinities::none, nans::negative_zero, with_sign, subnormals},
      {"fp8_e4m3b11fnuz", 4, 3, 11, infinities::none, nans::negative_zero, with_sign, subnormals},
      {"fp8_e4m3_ieee", 4, 3, 7, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp8_e3m4", 3, 4, 3, infinities::ieee, nans::ieee, with_sign, subnormals},
      {"fp6_e2m3", 2, 3, 1, infinities::none, nans::none, with_sign, subnormals},
      {"fp6_e3m2", 3, 2, 3, infinities::none, nans::none, with_sign, subnormals},
      {"fp4_e2m1", 2, 1, 1, infinities::none, nans::none, with_sign, subnormals},
      {"fp4_e3m0", 3, 0, 3, infinities::none, nans::none, with_sign, subnormals},
      {"scale_e8m0", 8, 0, 127, infinities::none, nans::top, no_sign, no_subnormals},
      {"scale_ue4m3", 4, 3, 7, infinities::none, nans::top, no_sign, subnormals},
      {"scale_ue5m3", 5, 3, 15, infinities::none, nans::top, no_sign, subnormals},
  };
  return rows;
}

/// Binary{k}p{p}{s|u}{e|f} of the P3109 interim report 4.0, clause 4.
inline format p3109(int k, int p, bool is_signed, bool extended) {
  format f;
  f.name = "Binary" + std::to_string(k) + "p" + std::to_string(p) + (is_signed ? "s" : "u") +
           (extended ? "e" : "f");
  f.exponent_bits = is_signed ? k - p : k - p + 1;
  f.mantissa_bits = p - 1;
  f.bias = is_signed ? 1 << (k - p - 1) : 1 << (k - p);
  f.inf = extended ? infinities::below_top : infinities::none;
  f.nan = is_signed ? nans::negative_zero : nans::top;
  f.is_signed = is_signed;
  f.has_subnormals = true;
  return f;
}

/// A non-negative finite value of a format, significand * 2^exponent, and its code.
struct point {
  u64 code;
  u64 significand;
  int exponent;
};

/// The neighbours of a magnitude: `below` is the largest value not above it, `above` the next one,
/// which lies beyond the largest finite value if `above_is_beyond`.
struct neighbours {
  bool none_below = false;
  bool beyond = false;  ///< at or past the first value beyond the range
  point below{};
  point above{};
  bool above_is_beyond = false;
};

/// One format with its values.
class reference {
 public:
  explicit reference(format f) : format_(std::move(f)) {
    if (format_.exponent_bits + format_.mantissa_bits <= 16) {
      for (u64 code = 0; code <= format_.top(); ++code) {
        if (format_.is_nan(code) && format_.nan != nans::negative_zero) continue;
        if (format_.is_infinity(code)) continue;
        points_.push_back(point_of(code));
      }
      std::sort(points_.begin(), points_.end(), [](const point& a, const point& b) {
        return compare_magnitude(finite(false, a.significand, a.exponent), b.significand,
                                 b.exponent) < 0;
      });
      largest_ = points_.back();
    } else {
      require(format_.inf == infinities::ieee, "wide formats are those of IEEE 754");
      largest_ = point_of(format_.all_ones_exponent() - 1);
    }
  }

  [[nodiscard]] const format& description() const { return format_; }
  [[nodiscard]] const char* name() const { return format_.name.c_str(); }
  /// Modulo 2^64.
  [[nodiscard]] u64 code_count() const {
    return format_.width() < 64 ? u64{1} << format_.width() : 0;
  }
  /// The values from zero (or the smallest) up; empty for formats wider than 17 bits.
  [[nodiscard]] const std::vector<point>& points() const { return points_; }
  [[nodiscard]] const point& largest() const { return largest_; }
  [[nodiscard]] bool has_zero() const { return format_.has_subnormals; }

  [[nodiscard]] number decode(u64 code) const {
    const bool negative = (code & format_.sign()) != 0;
    if (format_.is_nan(code)) {
      if (format_.nan == nans::negative_zero) return nan();
      if (format_.nan == nans::top) return nan(negative);
      const u64 fraction = code & ((u64{1} << format_.mantissa_bits) - 1);
      return nan(negative, fraction << (64 - format_.mantissa_bits));
    }
    if (format_.is_infinity(code)) return infinity(negative);
    const point p = point_of(code & format_.top());
    return finite(negative, p.significand, p.exponent);
  }

  /// `x` in this format, rounded once.
  [[nodiscard]] u64 encode(const number& x, const policy& how = {},
                           std::uint32_t random = 0) const {
    if (x.is_nan()) return nan_code(x);
    if (x.is_infinity()) return infinite(x.negative, how.beyond);
    if (x.is_zero()) return zero_code(x.negative);
    return encode_between(x, find(x), how, random);
  }
  /// The same for a finite nonzero `x` whose neighbours are known.
  [[nodiscard]] u64 encode_between(const number& x, const neighbours& n, const policy& how,
                                   std::uint32_t random) const {
    if (n.none_below) return signed_code(n.above.code, x.negative, how.beyond);
    if (n.beyond) return overflowed(x.negative, how);
    const bool up = rounds_up(x, n, how.round, random);
    if (up && n.above_is_beyond) return overflowed(x.negative, how);
    const point& result = up ? n.above : n.below;
    if (result.significand == 0) return zero_code(x.negative);
    return signed_code(result.code, x.negative, how.beyond);
  }

  /// The smallest random word with which a stochastic mode takes the higher neighbour of `x`, which
  /// lies strictly between two values; 2^32 if none does.
  [[nodiscard]] u64 least_word_up(const number& x, const neighbours& n, mode round) const {
    u64 low = 0, high = u64{1} << 32;
    while (low < high) {
      const u64 middle = (low + high) / 2;
      if (rounds_up(x, n, round, static_cast<std::uint32_t>(middle))) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  [[nodiscard]] neighbours find(const number& x) const {
    return points_.empty() ? find_by_division(x) : find_in_list(x);
  }
  [[nodiscard]] neighbours find_in_list(const number& x) const {
    neighbours n;
    const auto above =
        std::upper_bound(points_.begin(), points_.end(), x, [](const number& left, const point& p) {
          return compare_magnitude(left, p.significand, p.exponent) < 0;
        });
    n.none_below = above == points_.begin();
    if (!n.none_below) n.below = *(above - 1);
    if (above != points_.end()) {
      n.above = *above;
    } else {
      beyond_largest(x, n);
    }
    return n;
  }
  /// For formats with IEEE codes: a significand of mantissa_bits + 1 bits by long division.
  [[nodiscard]] neighbours find_by_division(const number& x) const {
    neighbours n;
    const int bits = format_.mantissa_bits;
    int top = x.numerator.bit_length() - natural(x.denominator).bit_length() + x.exponent;
    if (compare_magnitude(x, 1, top) < 0) --top;
    const int exponent = std::max(top, 1 - format_.bias) - bits;
    bool inexact = false;
    const int shift = x.exponent - exponent;
    natural whole = shift >= 0 ? x.numerator << shift : shift_right(x.numerator, -shift, inexact);
    whole = divide(whole, x.denominator, inexact);
    n.below = normal_point(whole.to_u64(), exponent);
    n.above = normal_point(whole.to_u64() + 1, exponent);
    if (n.below.code >= largest_.code) {
      n.below = largest_;
      beyond_largest(x, n);
    }
    return n;
  }

  /// A text such as `0x7e = 448 [0x1.cp+8]`.
  [[nodiscard]] std::string describe(u64 code) const {
    char text[96];
    const number x = decode(code);
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(code));
    std::string result = text;
    if (x.is_nan()) return result + " = NaN";
    if (x.is_infinity()) return result + (x.negative ? " = -inf" : " = +inf");
    const point p = point_of(code & format_.top());
    double value = static_cast<double>(p.significand);
    for (int i = p.exponent; i > 0; --i) value *= 2;
    for (int i = p.exponent; i < 0; ++i) value /= 2;
    value = x.negative ? -value : value;
    std::snprintf(text, sizeof text, " = %.17g [%a]", value, value);
    return result + text;
  }
  /// A text such as `fp8_e4m3 0x7e = 448 [0x1.cp+8]`.
  [[nodiscard]] std::string name_and(u64 code) const {
    std::string text = format_.name;
    text += ' ';
    text += describe(code);
    return text;
  }

 private:
  /// A finite magnitude code, by the definition of the fields.
  [[nodiscard]] point point_of(u64 code) const {
    const u64 fraction = code & ((u64{1} << format_.mantissa_bits) - 1);
    const int field = static_cast<int>(code >> format_.mantissa_bits);
    if (field == 0 && format_.has_subnormals)
      return {code, fraction, 1 - format_.bias - format_.mantissa_bits};
    return {code, (u64{1} << format_.mantissa_bits) + fraction,
            field - format_.bias - format_.mantissa_bits};
  }
  [[nodiscard]] point normal_point(u64 significand, int exponent) const {
    const u64 hidden = u64{1} << format_.mantissa_bits;
    if (significand == 2 * hidden) return normal_point(hidden, exponent + 1);
    const int field = exponent + format_.mantissa_bits + format_.bias;
    if (significand < hidden) return {significand, significand, exponent};
    return {static_cast<u64>(field) * hidden + (significand - hidden), significand, exponent};
  }
  /// The value after the largest finite one, were the exponent field one bit wider.
  void beyond_largest(const number& x, neighbours& n) const {
    n.above = {largest_.code + 1, largest_.significand + 1, largest_.exponent};
    n.above_is_beyond = true;
    n.beyond = compare_magnitude(x, n.above.significand, n.above.exponent) >= 0;
  }

  /// floor(fraction * 2^bits), where fraction is how far |x| is from n.below on the way to n.above.
  struct scaled {
    u64 floor;
    bool inexact;
  };
  static scaled fraction_of(const number& x, const neighbours& n, int bits) {
    // The gap between neighbours is a power of two: that of the higher neighbour's last place, or
    // the lower one's where a binade begins.
    const int step = std::min(n.below.exponent, n.above.exponent);
    const u64 gap = (n.above.significand << (n.above.exponent - step)) -
                    (n.below.significand << (n.below.exponent - step));
    require((gap & (gap - 1)) == 0, "neighbours are not a power of two apart");
    const int gap_exponent = step + __builtin_ctzll(gap);
    const int low = std::min(x.exponent, n.below.exponent);
    const natural part =
        (x.numerator << (x.exponent - low)) -
        (natural(u128{n.below.significand} * x.denominator) << (n.below.exponent - low));
    scaled result{0, false};
    const int shift = low + bits - gap_exponent;
    natural whole = shift >= 0 ? part << shift : shift_right(part, -shift, result.inexact);
    whole = divide(whole, x.denominator, result.inexact);
    result.floor = whole.to_u64();
    return result;
  }

  static bool rounds_up(const number& x, const neighbours& n, mode round, std::uint32_t random) {
    if (compare_magnitude(x, n.below.significand, n.below.exponent) == 0) return false;
    const bool odd = n.below.code % 2 != 0;
    switch (round) {
      case mode::toward_zero:
        return false;
      case mode::toward_positive:
        return !x.negative;
      case mode::toward_negative:
        return x.negative;
      case mode::to_odd:
        return !odd;
      case mode::nearest_even:
      case mode::nearest_away: {
        const scaled half = fraction_of(x, n, 1);
        if (half.floor == 0) return false;
        return half.inexact || round == mode::nearest_away || odd;
      }
      case mode::stochastic_a:
        return fraction_of(x, n, 32).floor + random >= u64{1} << 32;
      case mode::stochastic_b:
        return fraction_of(x, n, 33).floor + 2 * u64{random} + 1 >= u64{1} << 33;
      default: {
        // Round fraction * 2^32 to the nearest integer, ties to even, from fraction * 2^33.
        const scaled twice = fraction_of(x, n, 33);
        u64 whole = twice.floor / 2;
        if (twice.floor % 2 != 0 && (twice.inexact || whole % 2 != 0)) ++whole;
        return whole + random >= u64{1} << 32;
      }
    }
  }

  [[nodiscard]] u64 zero_code(bool negative) const {
    return negative && format_.is_signed && format_.nan != nans::negative_zero && has_zero()
               ? format_.sign()
               : 0;
  }
  /// A negative value has no place in an unsigned format.
  [[nodiscard]] u64 below_unsigned(over beyond) const {
    const bool to_nan = beyond == over::ieee || beyond == over::infinity_or_largest;
    return to_nan && format_.nan != nans::none ? canonical_nan(false) : 0;
  }
  [[nodiscard]] u64 signed_code(u64 code, bool negative, over beyond) const {
    if (!negative) return code;
    return format_.is_signed ? code | format_.sign() : below_unsigned(beyond);
  }
  [[nodiscard]] u64 canonical_nan(bool negative) const {
    const u64 sign = negative ? format_.sign() : 0;
    if (format_.nan == nans::negative_zero) return format_.sign();
    if (format_.nan == nans::top) return sign | format_.top();
    return sign | format_.all_ones_exponent() | u64{1} << (format_.mantissa_bits - 1);
  }
  [[nodiscard]] u64 nan_code(const number& x) const {
    if (format_.nan == nans::none) return largest_.code | (x.negative ? format_.sign() : 0);
    u64 code = canonical_nan(x.negative);
    if (format_.nan == nans::ieee) code |= x.payload >> (64 - format_.mantissa_bits);
    return code;
  }
  /// +-infinity, or where an overflow that is not clamped goes.
  [[nodiscard]] u64 infinite(bool negative, over beyond) const {
    if (negative && !format_.is_signed) return below_unsigned(beyond);
    const u64 sign = negative ? format_.sign() : 0;
    if (beyond != over::saturate) {
      if (format_.inf == infinities::ieee) return sign | format_.all_ones_exponent();
      if (format_.inf == infinities::below_top)
        return sign | (format_.top() - (format_.nan == nans::top ? 1 : 0));
      if (format_.nan != nans::none && beyond != over::infinity_or_largest)
        return canonical_nan(negative);
    }
    return sign | largest_.code;
  }
  /// A finite value beyond the range.
  [[nodiscard]] u64 overflowed(bool negative, const policy& how) const {
    if (negative && !format_.is_signed) return below_unsigned(how.beyond);
    const bool points_back =
        how.round == mode::toward_zero || how.round == mode::to_odd ||
        how.round == (negative ? mode::toward_positive : mode::toward_negative);
    if (points_back || how.beyond == over::saturate || how.beyond == over::propagate)
      return largest_.code | (negative ? format_.sign() : 0);
    return infinite(negative, how.beyond);
  }

  format format_;
  std::vector<point> points_;
  point largest_{};
};

/// The reference of a named format.
inline const reference& of(const std::string& name) {
  static const std::vector<reference> all(named().begin(), named().end());
  for (const reference& each : all)
    if (each.description().name == name) return each;
  require(false, ("no format is called " + name).c_str());
  return all.front();
}

inline u64 bits_of(double value) {
  u64 bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline double double_from(u64 bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline float float_from(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline const reference& fp64() {
  static const reference& row = of("fp64");
  return row;
}
inline const reference& fp32() {
  static const reference& row = of("fp32");
  return row;
}
inline number exact(double value) { return fp64().decode(bits_of(value)); }
inline number exact(float value) { return fp32().decode(bits_of(value)); }

}  // namespace oracle
