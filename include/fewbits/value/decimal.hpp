// SPDX-License-Identifier: MIT
// Exact decimal digits of binary numbers, and back: the arithmetic under to_chars and from_chars.
//
// These functions are long, do not depend on the format, and are not worth inlining, so they are
// `static`: each object has its own, and objects compiled with different -m flags share none.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/exact.hpp>
#include <fewbits/value/unpacked.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

inline constexpr std::uint64_t ten_to_19 = 10'000'000'000'000'000'000U;

/// A natural number, little-endian; the highest limb in use is not zero. The largest that occur are
/// a divisor 5^1200 (2787 bits) and the digits of a midpoint below 2^-1074 (2552 bits).
struct natural {
  static constexpr int capacity = 48;
  int size = 0;
  std::uint64_t limbs[capacity];

  // An implicit constructor would be a weak symbol; so in `decimal`.
  FEWBITS_HOST_INLINE constexpr natural() = default;
};

static constexpr void multiply_add(natural& n, std::uint64_t factor, std::uint64_t addend) {
  std::uint64_t carry = addend;
  for (int i = 0; i < n.size; ++i) {
    const uint128 digit = static_cast<uint128>(n.limbs[i]) * factor + carry;
    n.limbs[i] = static_cast<std::uint64_t>(digit);
    carry = static_cast<std::uint64_t>(digit >> 64);
  }
  if (carry != 0) n.limbs[n.size++] = carry;
}

static constexpr void multiply_by_power_of_five(natural& n, int power) {
  constexpr std::uint64_t five_to_27 = 7'450'580'596'923'828'125U;
  for (; power >= 27; power -= 27) multiply_add(n, five_to_27, 0);
  std::uint64_t rest = 1;
  for (; power > 0; --power) rest *= 5;
  multiply_add(n, rest, 0);
}

static constexpr void shift_left(natural& n, int count) {
  if (n.size == 0) return;
  const int whole = count / 64;
  const int bits = count % 64;
  n.limbs[n.size] = 0;
  for (int i = n.size; i >= 0; --i) {
    const std::uint64_t below = i > 0 && bits > 0 ? n.limbs[i - 1] >> (64 - bits) : 0;
    n.limbs[i + whole] = n.limbs[i] << bits | below;
  }
  for (int i = 0; i < whole; ++i) n.limbs[i] = 0;
  n.size += whole + 1;
  if (n.limbs[n.size - 1] == 0) --n.size;
}

/// Divides and returns the remainder.
static constexpr std::uint64_t divide(natural& n, std::uint64_t divisor) {
  std::uint64_t rest = 0;
  for (int i = n.size - 1; i >= 0; --i) {
    const uint128 digit = static_cast<uint128>(rest) << 64 | n.limbs[i];
    n.limbs[i] = static_cast<std::uint64_t>(digit / divisor);
    rest = static_cast<std::uint64_t>(digit % divisor);
  }
  while (n.size > 0 && n.limbs[n.size - 1] == 0) --n.size;
  return rest;
}

static constexpr bool is_less(const natural& a, const natural& b) {
  if (a.size != b.size) return a.size < b.size;
  for (int i = a.size - 1; i >= 0; --i)
    if (a.limbs[i] != b.limbs[i]) return a.limbs[i] < b.limbs[i];
  return false;
}

/// a -= b, for a >= b.
static constexpr void subtract(natural& a, const natural& b) {
  std::uint64_t borrow = 0;
  for (int i = 0; i < a.size; ++i) {
    const std::uint64_t from = a.limbs[i];
    const std::uint64_t taken = i < b.size ? b.limbs[i] : 0;
    a.limbs[i] = from - taken - borrow;
    borrow = from < taken || (from == taken && borrow != 0) ? 1 : 0;
  }
  while (a.size > 0 && a.limbs[a.size - 1] == 0) --a.size;
}

static constexpr int bit_length(const natural& n) {
  return n.size == 0 ? 0 : n.size * 64 - __builtin_clzll(n.limbs[n.size - 1]);
}

/// significand * 2^exponent.
struct scaled {
  std::uint64_t significand = 0;
  int exponent = 0;
};

/// The number 0.d1 d2 ... dcount * 10^point; d1 and the last digit are not zero. Zero has no digits
/// and point 1, as if its one digit were 0.
struct decimal {
  static constexpr int capacity = 44 * 19;
  int count = 0;
  int point = 1;
  char digits[capacity];

  FEWBITS_HOST_INLINE constexpr decimal() = default;
};

FEWBITS_HOST_INLINE constexpr char digit_at(const decimal& x, int index) {
  return index >= 0 && index < x.count ? x.digits[index] : '0';
}

/// All digits of a nonzero number. They are at most 779: those of a midpoint of two doubles.
static constexpr void exact_digits(scaled x, decimal& result) {
  const int zeros = __builtin_ctzll(x.significand);
  natural n;
  n.size = 1;
  n.limbs[0] = x.significand >> zeros;
  const int exponent = x.exponent + zeros;
  if (exponent >= 0) {
    shift_left(n, exponent);
  } else {
    multiply_by_power_of_five(n, -exponent);
  }
  int begin = decimal::capacity;
  while (n.size > 0) {
    std::uint64_t chunk = divide(n, ten_to_19);
    for (int i = 0; i < 19; ++i, chunk /= 10)
      result.digits[--begin] = static_cast<char>('0' + static_cast<int>(chunk % 10));
  }
  while (result.digits[begin] == '0') ++begin;
  int end = decimal::capacity;
  while (result.digits[end - 1] == '0') --end;
  result.count = end - begin;
  result.point = decimal::capacity - begin + (exponent < 0 ? exponent : 0);
  for (int i = 0; i < result.count; ++i) result.digits[i] = result.digits[begin + i];
}

/// Keeps the first `keep` digits, possibly none; a tie goes to the even digit.
static constexpr void round_digits(decimal& x, int keep) {
  if (keep >= x.count) return;
  bool up = false;
  if (keep >= 0) {
    const char next = x.digits[keep];
    const bool odd = keep > 0 && (x.digits[keep - 1] & 1) != 0;
    up = next > '5' || (next == '5' && (x.count > keep + 1 || odd));
  }
  int count = keep > 0 ? keep : 0;
  if (up) {
    while (count > 0 && x.digits[count - 1] == '9') --count;
    if (count > 0) {
      ++x.digits[count - 1];
    } else {
      x.digits[count++] = '1';
      ++x.point;
    }
  } else {
    while (count > 0 && x.digits[count - 1] == '0') --count;
    if (count == 0) x.point = 1;
  }
  x.count = count;
}

/// A finite nonzero number of some format, with the interval of the numbers that round to it.
struct printed {
  scaled value;
  scaled low, high;
  bool includes_ends = false;
};

/// The fewest digits that denote a number in the interval; of those, the ones nearest to the value; of
/// two such, the even ones.
///
/// At the position of each digit, from high to low, the candidates are the multiples of its unit around
/// the value. Until the position of the value's first digit, the one below is zero, which is outside.
static constexpr void shortest_digits(const printed& x, decimal& result) {
  decimal value;
  decimal low;
  decimal high;
  exact_digits(x.value, value);
  exact_digits(x.low, low);
  exact_digits(x.high, high);
  // The digits of the three numbers above the current position, as integers.
  std::uint64_t value_head = 0;
  std::uint64_t low_head = 0;
  std::uint64_t high_head = 0;
  int position = high.point;  // the unit is 10^position
  bool found = false;
  while (!found) {
    --position;
    const int index = value.point - 1 - position;
    value_head = value_head * 10 + static_cast<std::uint64_t>(digit_at(value, index) - '0');
    low_head =
        low_head * 10 + static_cast<std::uint64_t>(digit_at(low, low.point - 1 - position) - '0');
    high_head = high_head * 10 +
                static_cast<std::uint64_t>(digit_at(high, high.point - 1 - position) - '0');
    if (value_head == 0) continue;
    // More digits below the position: the bound is strictly above its head.
    const bool low_rest = low.count > low.point - position;
    const bool high_rest = high.count > high.point - position;
    const std::uint64_t up_head = value_head + 1;
    const bool down =
        value_head > low_head || (value_head == low_head && !low_rest && x.includes_ends);
    const bool up = up_head < high_head || (up_head == high_head && (high_rest || x.includes_ends));
    if (!down && !up) continue;
    found = true;
    bool take_up = !down;
    if (down && up) {
      const char next = digit_at(value, index + 1);
      take_up = next > '5' || (next == '5' && (value.count > index + 2 || (value_head & 1) != 0));
    }
    if (take_up) value_head = up_head;
  }
  while (value_head % 10 == 0) {
    value_head /= 10;
    ++position;
  }
  int count = 0;
  for (std::uint64_t rest = value_head; rest != 0; rest /= 10) ++count;
  result.count = count;
  result.point = position + count;
  for (int i = count - 1; i >= 0; --i, value_head /= 10)
    result.digits[i] = static_cast<char>('0' + static_cast<int>(value_head % 10));
}

/// (-1)^negative * n * 10^exponent for nonzero n, to 64 bits and a sticky one.
/// Requires exponent >= -1200 and a result below 10^450.
static constexpr unpacked to_unpacked(bool negative, natural& n, int exponent) {
  if (exponent >= 0) {
    multiply_by_power_of_five(n, exponent);
    const int top = bit_length(n) - 1;
    // One limb more than is kept, the rest in the sticky bit.
    uint128 head = 0;
    bool sticky = false;
    for (int i = n.size - 1; i >= 0; --i) {
      if (i >= n.size - 2) {
        head = head << 64 | n.limbs[i];
      } else {
        sticky = sticky || n.limbs[i] != 0;
      }
    }
    wide_unpacked wide = normalize(negative, 0, head);
    wide.exponent = top + exponent;
    wide.significand |= sticky ? 1U : 0U;
    return narrow(wide);
  }
  if (n.size == 1 && exponent >= -27) {
    std::uint64_t divisor = 1;
    for (int i = exponent; i < 0; ++i) divisor *= 5;
    const int shift = __builtin_clzll(n.limbs[0]) + 64;
    const uint128 dividend = static_cast<uint128>(n.limbs[0]) << shift;
    const uint128 ratio = dividend / divisor;  // at least 64 bits
    const bool sticky = ratio * divisor != dividend;
    return narrow(normalize(negative, 126 - shift + exponent, ratio << 1 | (sticky ? 1U : 0U)));
  }
  natural divisor;
  divisor.size = 1;
  divisor.limbs[0] = 1;
  multiply_by_power_of_five(divisor, -exponent);
  // Long division from a ratio in [1, 2).
  int shift = bit_length(divisor) - bit_length(n);
  if (shift > 0) {
    shift_left(n, shift);
  } else {
    shift_left(divisor, -shift);
  }
  if (is_less(n, divisor)) {
    shift_left(n, 1);
    ++shift;
  }
  std::uint64_t ratio = 0;
  for (int i = 0; i < 64; ++i) {
    const bool one = !is_less(n, divisor);
    if (one) subtract(n, divisor);
    ratio = ratio << 1 | (one ? 1U : 0U);
    shift_left(n, 1);
  }
  return {number_kind::finite, negative, exponent - shift, ratio | (n.size != 0 ? 1U : 0U)};
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
