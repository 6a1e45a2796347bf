// SPDX-License-Identifier: MIT
// Counts the misrounded results of the elementary functions: every code of every format of up to 16
// bits, every pair of codes of up to 8 bits, random pairs of 16 bits, and all pairs of fp16 and bf16
// whose result in double is near halfway. math.hpp states the counts.
//
// FEWBITS_PART="i/n" (0 <= i < n) restricts the run to the i-th of n slices of the operands.
#include <fewbits/math.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/elementary.hpp"
#include "support/oracle.hpp"
#include "support/part.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using parts::chosen_slice;
using parts::slice;
using typed::from_code;
using u64 = std::uint64_t;

struct format_row {
  const oracle::reference* format;
  std::vector<elementary::unary_row> unary;
  std::vector<elementary::binary_row> binary;
};

template <class Type>
format_row make_row(const char* name) {
#define FEWBITS_ROW(function, mpfr)                                             \
  {#function, [](u64 x) -> u64 { return function(from_code<Type>(x)).bits(); }, \
   elementary::function},
#define FEWBITS_PAIR_ROW(function, mpfr)                                                        \
  {#function,                                                                                   \
   [](u64 x, u64 y) -> u64 { return function(from_code<Type>(x), from_code<Type>(y)).bits(); }, \
   elementary::function},
  return {&oracle::of(name),
          {FEWBITS_UNARY_FUNCTIONS(FEWBITS_ROW)},
          {FEWBITS_BINARY_FUNCTIONS(FEWBITS_PAIR_ROW)}};
#undef FEWBITS_ROW
#undef FEWBITS_PAIR_ROW
}

const std::vector<format_row>& rows() {
  static const std::vector<format_row> made = [] {
    std::vector<format_row> all;
    typed::for_each_float([&all](auto type, const char* name) {
      using Type = typename decltype(type)::type;
      if constexpr (Type::format.bits() <= 16) all.push_back(make_row<Type>(name));
    });
    return all;
  }();
  return made;
}

TEST(MathExhaustive, UnaryFunctionsOfEveryCode) {
  for (const format_row& row : rows()) {
    const oracle::reference& format = *row.format;
    const slice part = chosen_slice(format.code_count());
    for (const elementary::unary_row& each : row.unary) {
      compare::checker check;
      for (u64 code = part.first; code < part.last; ++code) {
        const oracle::number x = format.decode(code);
        const elementary::enclosure exact = each.reference(elementary::double_of(x));
        const u64 got = each.function(code);
        check.expect(elementary::is_right(format, got, exact, x.is_nan() ? &x : nullptr), [&] {
          return std::string(each.name) + " of " + format.name_and(code) + " is " +
                 format.describe(got) + ", not " + format.describe(format.encode(exact.low));
        });
      }
    }
  }
}

void check_pair(compare::checker& check, const format_row& row, const elementary::binary_row& each,
                u64 a, u64 b) {
  const oracle::reference& format = *row.format;
  const oracle::number x = format.decode(a), y = format.decode(b);
  const elementary::enclosure exact =
      each.reference(elementary::double_of(x), elementary::double_of(y));
  const u64 got = each.function(a, b);
  const oracle::number* nan = x.is_nan() ? &x : y.is_nan() ? &y : nullptr;
  check.expect(elementary::is_right(format, got, exact, nan), [&] {
    return std::string(each.name) + " of " + format.name_and(a) + ", " + format.describe(b) +
           " is " + format.describe(got) + ", not " + format.describe(format.encode(exact.low));
  });
}

TEST(MathExhaustive, BinaryFunctionsOfEveryPairOfSmallCodes) {
  for (const format_row& row : rows()) {
    const u64 count = row.format->code_count();
    if (count > 256) continue;
    const slice part = chosen_slice(count * count);
    for (const elementary::binary_row& each : row.binary) {
      compare::checker check;
      for (u64 pair = part.first; pair < part.last; ++pair)
        check_pair(check, row, each, pair / count, pair % count);
    }
  }
}

TEST(MathExhaustive, BinaryFunctionsOfRandomPairs) {
  for (const format_row& row : rows()) {
    const u64 count = row.format->code_count();
    if (count <= 256) continue;
    const oracle::format& f = row.format->description();
    const slice part = chosen_slice(1'000'000);
    random_words next(81 + part.first);
    for (const elementary::binary_row& each : row.binary) {
      compare::checker check;
      for (u64 i = part.first; i < part.last; ++i) {
        u64 a = next() & (count - 1), b = next() & (count - 1);
        // Near one, where powers neither overflow nor vanish; small integers as exponents.
        if (i % 2 == 0)
          a = (static_cast<u64>(f.bias) - 2 + next() % 5) << f.mantissa_bits |
              (a & ((u64{1} << f.mantissa_bits) - 1));
        if (i % 4 == 0) b = row.format->encode(oracle::finite(next() % 2 != 0, next() % 32, -1));
        check_pair(check, row, each, a, b);
      }
    }
  }
}

/// Whether a double lies so near to halfway between two values of a format that the last bits of the C
/// library could decide.
bool is_near_halfway(const oracle::format& f, double x) {
  constexpr u64 hidden = u64{1} << 52, error = 64;
  const u64 bits = oracle::bits_of(x) & ~(u64{1} << 63);
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  const int largest = (1 << f.exponent_bits) - 2 - f.bias;
  if (exponent == -1023 || exponent > largest + 1) return false;
  const u64 significand = (bits & (hidden - 1)) | hidden;
  int drop = 52 - f.mantissa_bits;
  if (exponent < 1 - f.bias) drop += 1 - f.bias - exponent;
  if (drop > 53) return drop == 54 && significand > 2 * hidden - error;
  const u64 half = u64{1} << (drop - 1), rest = significand & (2 * half - 1);
  return rest > half ? rest - half < error : half - rest < error;
}

/// Every pair, of which only those in doubt are checked against MPFR.
template <class Type>
void check_pairs_in_doubt(const char* name) {
  const oracle::reference& format = oracle::of(name);
  const format_row row{&format, {}, make_row<Type>(name).binary};
  const slice part = chosen_slice(format.code_count() / 2);
  const u64 infinity = format.description().all_ones_exponent();
  std::vector<double> values;
  for (u64 code = 0; code < format.code_count(); ++code)
    values.push_back(elementary::double_of(format.decode(code)));
  compare::checker check;
  // The sign of the first operand changes at most the sign of the result.
  for (u64 a = part.first; a < part.last && a < infinity; ++a) {
    for (u64 b = 0; b < format.code_count(); ++b) {
      if (is_near_halfway(format.description(), std::pow(values[a], values[b])))
        check_pair(check, row, row.binary[0], a, b);
      if (is_near_halfway(format.description(), std::atan2(values[a], values[b])))
        check_pair(check, row, row.binary[1], a, b);
    }
  }
  std::printf("%s: %llu results in doubt\n", name,
              static_cast<unsigned long long>(check.checked()));
}

TEST(MathExhaustive, PairsInDoubtOfFp16) { check_pairs_in_doubt<fb::fp16>("fp16"); }
TEST(MathExhaustive, PairsInDoubtOfBf16) { check_pairs_in_doubt<fb::bf16>("bf16"); }

}  // namespace
