// SPDX-License-Identifier: MIT
// Neighbours, exponents, rounding to integers, minima, order and hash: every code of every format of
// 16 bits or fewer against the sorted list of its values, wide formats against the C library.
#include <fewbits/value.hpp>

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using typed::from_code;
using u64 = std::uint64_t;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The functions of one format, on codes.
struct functions {
  const oracle::reference* format;
  u64 (*next_up)(u64);
  u64 (*next_down)(u64);
  u64 (*nextafter)(u64, double);
  double (*ulp)(u64);
  int (*ilogb)(u64);
  u64 (*scalbn)(u64, int);
  double (*frexp)(u64, int*);
  std::array<u64 (*)(u64), 5> integral;  // floor ceil trunc round roundeven
  bool (*total_order)(u64, u64);
  std::array<u64 (*)(u64, u64), 4> choose;  // minimum maximum fmin fmax
  u64 (*copysign)(u64, u64);                // null where there is no sign
  std::size_t (*hash)(u64);
};

template <class Type>
functions make_functions(const char* name) {
  functions made{
      .format = &oracle::of(name),
      .next_up = [](u64 x) -> u64 { return next_up(from_code<Type>(x)).bits(); },
      .next_down = [](u64 x) -> u64 { return next_down(from_code<Type>(x)).bits(); },
      .nextafter = [](u64 x, double to) -> u64 { return nextafter(from_code<Type>(x), to).bits(); },
      .ulp = [](u64 x) -> double { return static_cast<double>(ulp(from_code<Type>(x))); },
      .ilogb = [](u64 x) -> int { return ilogb(from_code<Type>(x)); },
      .scalbn = [](u64 x, int n) -> u64 { return scalbn(from_code<Type>(x), n).bits(); },
      .frexp = [](u64 x, int* n) -> double {
        return static_cast<double>(frexp(from_code<Type>(x), n));
      },
      .integral = {[](u64 x) -> u64 { return floor(from_code<Type>(x)).bits(); },
                   [](u64 x) -> u64 { return ceil(from_code<Type>(x)).bits(); },
                   [](u64 x) -> u64 { return trunc(from_code<Type>(x)).bits(); },
                   [](u64 x) -> u64 { return round(from_code<Type>(x)).bits(); },
                   [](u64 x) -> u64 { return roundeven(from_code<Type>(x)).bits(); }},
      .total_order = [](u64 a,
                        u64 b) { return total_order(from_code<Type>(a), from_code<Type>(b)); },
      .choose = {[](u64 a, u64 b) -> u64 {
                   return minimum(from_code<Type>(a), from_code<Type>(b)).bits();
                 },
                 [](u64 a, u64 b) -> u64 {
                   return maximum(from_code<Type>(a), from_code<Type>(b)).bits();
                 },
                 [](u64 a, u64 b) -> u64 {
                   return fmin(from_code<Type>(a), from_code<Type>(b)).bits();
                 },
                 [](u64 a, u64 b) -> u64 {
                   return fmax(from_code<Type>(a), from_code<Type>(b)).bits();
                 }},
      .copysign = nullptr,
      .hash = [](u64 x) { return std::hash<Type>{}(from_code<Type>(x)); },
  };
  if constexpr (Type::format.is_signed)
    made.copysign = [](u64 a, u64 b) -> u64 {
      return copysign(from_code<Type>(a), from_code<Type>(b)).bits();
    };
  return made;
}

const std::vector<functions>& all_functions() {
  static const std::vector<functions> rows = [] {
    std::vector<functions> made;
    typed::for_each_float([&made](auto type, const char* name) {
      made.push_back(make_functions<typename decltype(type)::type>(name));
    });
    return made;
  }();
  return rows;
}

bool is_wide(const functions& row) { return row.format->description().width() > 16; }

double value_of(const oracle::number& x) {
  if (x.is_nan()) return x.negative ? -nan : nan;
  const double magnitude = x.is_infinity() ? inf
                           : x.is_zero()
                               ? 0
                               : std::ldexp(static_cast<double>(x.numerator.to_u64()), x.exponent);
  return x.negative ? -magnitude : magnitude;
}
double value_of(const oracle::reference& format, u64 code) { return value_of(format.decode(code)); }

/// All codes of a format up to 16 bits; many of a wider one.
std::vector<u64> codes_of(const functions& row) {
  const u64 count = row.format->code_count();
  std::vector<u64> codes;
  if (!is_wide(row)) {
    for (u64 code = 0; code < count; ++code) codes.push_back(code);
    return codes;
  }
  const oracle::format& f = row.format->description();
  random_words next(61);
  for (const u64 sign : {u64{0}, f.sign()})
    for (const u64 magnitude :
         {u64{0}, u64{1}, (u64{1} << f.mantissa_bits) - 1, u64{1} << f.mantissa_bits,
          f.all_ones_exponent() - 1, f.all_ones_exponent(), f.all_ones_exponent() + 1, f.top()})
      codes.push_back(sign | magnitude);
  for (int i = 0; i < 20000; ++i) {
    u64 code = next() & (count - 1);
    // Near one, where integers are.
    const u64 field = static_cast<u64>(f.bias) - 2 + next.below(60);
    if (i % 2 == 0) code = (code & ~f.all_ones_exponent()) | field << f.mantissa_bits;
    if (i % 8 == 0) code &= ~(((u64{1} << f.mantissa_bits) - 1) >> next.below(12));
    codes.push_back(code & (count - 1));
  }
  return codes;
}

/// The values of a narrow format from -inf to +inf, zero once, without NaN.
std::vector<double> sorted_values(const oracle::reference& format) {
  std::vector<double> values;
  for (u64 code = 0; code < format.code_count(); ++code) {
    const double value = value_of(format, code);
    if (!std::isnan(value)) values.push_back(value + 0.0);  // one zero
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// The code of a value of the format. A zero has the sign given, where the format has it.
u64 code_of(const oracle::reference& format, double value, bool negative) {
  return format.encode(oracle::exact(value == 0 ? (negative ? -0.0 : 0.0) : value));
}

TEST(Functions, NeighboursAreThoseInTheSortedList) {
  for (const functions& row : all_functions()) {
    if (is_wide(row)) continue;
    const oracle::reference& format = *row.format;
    const std::vector<double> values = sorted_values(format);
    checker check;
    for (u64 code = 0; code < format.code_count(); ++code) {
      const oracle::number exact = format.decode(code);
      const double x = value_of(exact);
      // A NaN is made quiet.
      u64 up = exact.is_nan() ? format.encode(exact) : code, down = up;
      if (!exact.is_nan()) {
        const auto at = std::lower_bound(values.begin(), values.end(), x);
        if (at + 1 != values.end()) up = code_of(format, at[1], x < 0);
        if (at != values.begin()) down = code_of(format, at[-1], x < 0);
      }
      const auto expect = [&](u64 got, u64 want, const char* name) {
        check.expect(format, got, want, format.decode(want),
                     [&] { return std::string(name) + "(" + format.describe(code) + ")"; });
      };
      expect(row.next_up(code), up, "next_up");
      expect(row.next_down(code), down, "next_down");
      // Any target: only its order decides.
      const double targets[] = {-inf, inf, 0, x, std::nextafter(x, inf), std::nextafter(x, -inf)};
      for (const double to : targets)
        expect(row.nextafter(code, to),
               x < to || exact.is_nan() ? up
               : x > to                 ? down
                                        : code,
               "nextafter");
      if (!exact.is_nan())
        expect(row.nextafter(code, nan), format.encode(oracle::nan()), "nextafter");
    }
  }
}

TEST(Functions, NeighboursOfWideFormatsAreThoseOfC) {
  const auto wide = [](fb::fp64 x) { return static_cast<double>(x); };
  const auto narrow = [](fb::fp32 x) { return static_cast<float>(x); };
  random_words next(62);
  for (int i = 0; i < 20000; ++i) {
    u64 word = next();
    if (i % 8 == 0) word &= ~(~u64{0} >> 12);
    const double x = oracle::double_from(word);
    const float y = oracle::float_from(static_cast<std::uint32_t>(word >> 32));
    if (!std::isnan(x)) {
      ASSERT_EQ(wide(next_up(fb::fp64{x})), std::nextafter(x, inf));
      ASSERT_EQ(wide(next_down(fb::fp64{x})), std::nextafter(x, -inf));
    }
    if (!std::isnan(y)) {
      ASSERT_EQ(narrow(next_up(fb::fp32{y})), std::nextafterf(y, HUGE_VALF));
      ASSERT_EQ(narrow(next_down(fb::fp32{y})), std::nextafterf(y, -HUGE_VALF));
    }
  }
}

TEST(Functions, UlpIsTheDistanceToTheNextMagnitude) {
  for (const functions& row : all_functions()) {
    const oracle::reference& format = *row.format;
    checker check;
    for (const u64 code : codes_of(row)) {
      const oracle::number x = format.decode(code);
      const double got = row.ulp(code);
      double want = std::abs(value_of(x));
      if (x.is_finite()) {
        const u64 magnitude = code & format.description().top();
        want = magnitude == format.largest().code
                   ? std::ldexp(1, format.largest().exponent)
                   : value_of(format, magnitude + 1) - value_of(format, magnitude);
      }
      check.expect(got == want || (std::isnan(got) && std::isnan(want)), [&] {
        return "ulp of " + format.name_and(code) + " is " + std::to_string(got) + ", not " +
               std::to_string(want);
      });
    }
  }
}

TEST(Functions, ExponentsAreThoseOfC) {
  for (const functions& row : all_functions()) {
    const oracle::reference& format = *row.format;
    checker check;
    for (const u64 code : codes_of(row)) {
      const double x = value_of(format, code);
      const int exponent = x == 0 || std::isnan(x) ? INT_MIN
                           : std::isinf(x)         ? INT_MAX
                                                   : std::ilogb(x);
      check.expect(row.ilogb(code) == exponent, [&] {
        return "ilogb of " + format.name_and(code) + " is " + std::to_string(row.ilogb(code));
      });
      int got_exponent = 77, want_exponent = 0;
      const double got = row.frexp(code, &got_exponent);
      const double want = std::frexp(x, &want_exponent);
      if (!std::isfinite(x)) want_exponent = 0;  // C leaves it open
      const bool same =
          std::isnan(x) ? std::isnan(got) : got == want && std::signbit(got) == std::signbit(want);
      check.expect(same && got_exponent == want_exponent, [&] {
        return "frexp of " + format.name_and(code) + " is " + std::to_string(got) + ", " +
               std::to_string(got_exponent);
      });
    }
  }
}

TEST(Functions, ScalbnRoundsOnce) {
  for (const functions& row : all_functions()) {
    const oracle::reference& format = *row.format;
    const std::vector<u64> codes = codes_of(row);
    const std::size_t step = codes.size() > 256 ? 11 : 1;
    checker check;
    for (std::size_t i = 0; i < codes.size(); i += step) {
      oracle::number x = format.decode(codes[i]);
      for (const int n :
           {INT_MIN, -2200, -300, -40, -9, -3, -1, 0, 1, 2, 5, 17, 200, 2200, INT_MAX}) {
        oracle::number exact = x;
        // Beyond 2^1100 everything overflows, and the oracle counts binades in 12 bits.
        exact.exponent = std::min(exact.exponent + std::min(std::max(n, -2300), 2300), 1100);
        check.expect(format, row.scalbn(codes[i], n), format.encode(exact), exact, [&] {
          return "scalbn(" + format.describe(codes[i]) + ", " + std::to_string(n) + ")";
        });
      }
    }
  }
}

TEST(Functions, RoundToIntegersAsCDoes) {
  constexpr const char* names[] = {"floor", "ceil", "trunc", "round", "roundeven"};
  using native = double (*)(double);
  const native expected[] = {std::floor, std::ceil, std::trunc, std::round, std::nearbyint};
  for (const functions& row : all_functions()) {
    const oracle::reference& format = *row.format;
    checker check;
    for (const u64 code : codes_of(row)) {
      const oracle::number x = format.decode(code);
      for (std::size_t i = 0; i < row.integral.size(); ++i) {
        const oracle::number exact = x.is_finite() ? oracle::exact(expected[i](value_of(x))) : x;
        check.expect(format, row.integral[i](code), format.encode(exact), exact,
                     [&] { return std::string(names[i]) + "(" + format.describe(code) + ")"; });
      }
    }
  }
}

/// IEEE 754-2019 clause 5.10: whether `a` comes before `b`, or is it.
bool in_order(const oracle::number& a, const oracle::number& b) {
  const auto rank = [](const oracle::number& x) { return !x.is_nan() ? 0 : x.negative ? -1 : 1; };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  if (a.is_nan()) return a.negative ? a.payload >= b.payload : a.payload <= b.payload;
  const int order = oracle::compare(a, b);
  return order != 0 ? order < 0 : a.negative || !b.negative;
}

void check_pair(checker& check, const functions& row, u64 a, u64 b) {
  const oracle::reference& format = *row.format;
  const oracle::number x = format.decode(a), y = format.decode(b);
  const bool ordered = in_order(x, y);
  check.expect(row.total_order(a, b) == ordered,
               [&] { return "total order of " + format.name_and(a) + ", " + format.describe(b); });
  const u64 lower = ordered ? a : b, higher = ordered ? b : a;
  // The first NaN, made quiet.
  const u64 first_nan = row.format->encode(x.is_nan() ? x : y);
  const u64 last_number = x.is_nan() && y.is_nan() ? first_nan : x.is_nan() ? b : a;
  const bool some_nan = x.is_nan() || y.is_nan();
  const u64 want[] = {some_nan ? first_nan : lower, some_nan ? first_nan : higher,
                      some_nan ? last_number : lower, some_nan ? last_number : higher};
  constexpr const char* names[] = {"minimum(", "maximum(", "fmin(", "fmax("};
  for (std::size_t i = 0; i < row.choose.size(); ++i) {
    const u64 got = row.choose[i](a, b);
    check.expect(format, got, want[i], x,
                 [&] { return names[i] + format.describe(a) + ", " + format.describe(b) + ")"; });
  }
  if (row.copysign == nullptr) return;
  oracle::number signed_x = x;
  signed_x.negative = y.negative;
  const u64 sign = format.description().sign();
  // A NaN keeps its payload and is not made quiet: copysign works on the sign bit alone.
  const bool has_sign = format.decode(a ^ sign).negative != x.negative;
  const u64 code = has_sign && x.negative != y.negative ? a ^ sign : a;
  check.expect(format, row.copysign(a, b), code, signed_x,
               [&] { return "copysign(" + format.describe(a) + ", " + format.describe(b) + ")"; });
}

TEST(Functions, OrderMinimaAndSignsOfPairs) {
  random_words next(63);
  for (const functions& row : all_functions()) {
    const oracle::format& f = row.format->description();
    checker check;
    if (f.width() <= 8) {
      const u64 count = row.format->code_count();
      for (u64 pair = 0; pair < count * count; pair += f.width() <= 6 ? 1U : 3U)
        check_pair(check, row, pair / count, pair % count);
      continue;
    }
    const std::vector<u64> codes = codes_of(row);
    const u64 special[] = {
        0,           f.sign(),           f.all_ones_exponent(),           f.top(),
        f.top() - 1, f.sign() | f.top(), f.sign() | f.all_ones_exponent()};
    for (int i = 0; i < 20000; ++i) {
      const u64 a = i % 4 == 0 ? special[next.below(7)] : codes[next.below(codes.size())];
      u64 b = i % 8 < 2 ? special[next.below(7)] : codes[next.below(codes.size())];
      if (i % 8 == 7) b = a ^ (next() % 2 * f.sign()) ^ (next() % 2);
      check_pair(check, row, a, b);
    }
  }
}

TEST(Hash, OfEqualNumbersIsEqualAndOfOthersDiffers) {
  for (const functions& row : all_functions()) {
    const oracle::reference& format = *row.format;
    std::vector<std::pair<std::size_t, double>> seen;
    std::array<int, 16> low{}, high{};
    for (const u64 code : codes_of(row)) {
      const std::size_t hash = row.hash(code);
      seen.emplace_back(hash, value_of(format, code));
      ++low[hash % 16];
      ++high[hash >> 60 & 15];
      if (format.decode(code).is_zero()) {
        ASSERT_EQ(hash, row.hash(0)) << format.name();
      }
    }
    std::sort(seen.begin(), seen.end(), [](auto& a, auto& b) { return a.first < b.first; });
    for (std::size_t i = 1; i < seen.size() && !is_wide(row); ++i) {
      if (seen[i].first != seen[i - 1].first) continue;
      EXPECT_EQ(seen[i].second, seen[i - 1].second) << format.name();
    }
    // 4096 expected in each; the standard deviation is 62.
    if (format.description().width() != 16) continue;
    for (const int count : low) EXPECT_NEAR(count, 4096, 400) << format.name();
    for (const int count : high) EXPECT_NEAR(count, 4096, 400) << format.name();
  }
}

}  // namespace
