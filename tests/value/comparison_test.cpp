// SPDX-License-Identifier: MIT
// Comparison is that of the exact numbers, whatever the two types.
#include <fewbits/value.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/environment.hpp"
#include "support/oracle.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using u64 = std::uint64_t;

/// Bit i is the result of < > <= >= == !=; the bits above the answer of <=>.
template <class Left, class Right>
unsigned relations(Left a, Right b) {
  unsigned result = (a < b ? 1U : 0U) | (a > b ? 2U : 0U) | (a <= b ? 4U : 0U) |
                    (a >= b ? 8U : 0U) | (a == b ? 16U : 0U) | (a != b ? 32U : 0U);
  const std::partial_ordering order = a <=> b;
  if (order == std::partial_ordering::less) result |= 64;
  if (order == std::partial_ordering::greater) result |= 128;
  if (order == std::partial_ordering::equivalent) result |= 256;
  if (order == std::partial_ordering::unordered) result |= 512;
  return result;
}

unsigned expected(const oracle::number& a, const oracle::number& b) {
  if (a.is_nan() || b.is_nan()) return 32 | 512;
  const int order = oracle::compare(a, b);
  if (order < 0) return 1 | 4 | 32 | 64;
  if (order > 0) return 2 | 8 | 32 | 128;
  return 4 | 8 | 16 | 256;
}

struct pair_row {
  const char* left;
  const char* right;
  unsigned (*relations)(u64, u64);
};

template <class Left, class Right>
pair_row make_pair_row(const char* left, const char* right) {
  return {left, right, [](u64 a, u64 b) {
            return relations(fb::detail::value_of_bits<Left>(a),
                             fb::detail::value_of_bits<Right>(b));
          }};
}

/// Codes near the special ones, and a stride through the rest.
std::vector<u64> some_codes(const oracle::reference& format) {
  std::vector<u64> codes;
  const oracle::format& f = format.description();
  if (f.width() <= 8) {
    for (u64 code = 0; code < format.code_count(); ++code) codes.push_back(code);
    return codes;
  }
  const u64 one = format.encode(oracle::integer(1));
  for (const u64 base :
       {u64{0}, one, format.encode(oracle::integer(448)),
        format.encode(oracle::finite(false, 1, -126)), format.encode(oracle::finite(false, 1, -9)),
        format.largest().code, f.top()}) {
    for (u64 near = 0; near < 5; ++near) {
      codes.push_back((base - 2 + near) & f.top());
      codes.push_back(((base - 2 + near) & f.top()) | f.sign());
    }
  }
  const u64 mask = f.top() | f.sign();
  for (u64 i = 0; i < 150; ++i) codes.push_back((i * 0x9e3779b97f4a7c15U >> 3) & mask);
  return codes;
}

void check_pair(const pair_row& row) {
  checker check;
  const oracle::reference &left = oracle::of(row.left), &right = oracle::of(row.right);
  const std::vector<u64> left_codes = some_codes(left);
  std::vector<u64> right_codes = some_codes(right);
  // Equal pairs, and those one code apart.
  for (const u64 a : left_codes) {
    const u64 same = right.encode(left.decode(a));
    for (const u64 near : {same, same + 1, same - 1})
      right_codes.push_back(near & (right.description().top() | right.description().sign()));
  }
  for (const u64 a : left_codes) {
    const oracle::number x = left.decode(a);
    for (const u64 b : right_codes) {
      const unsigned got = row.relations(a, b), want = expected(x, right.decode(b));
      check.expect(got == want, [&] {
        return left.name_and(a) + " against " + right.name_and(b) + ": got " + std::to_string(got) +
               ", want " + std::to_string(want);
      });
    }
  }
}

std::vector<pair_row> pair_rows() {
  std::vector<pair_row> rows;
  // One format for each way of encoding the special values.
  rows.push_back(make_pair_row<fb::fp16, fb::fp16>("fp16", "fp16"));
  rows.push_back(make_pair_row<fb::fp8_e4m3, fb::fp8_e4m3>("fp8_e4m3", "fp8_e4m3"));
  rows.push_back(make_pair_row<fb::fp8_e5m2, fb::fp8_e5m2>("fp8_e5m2", "fp8_e5m2"));
  rows.push_back(make_pair_row<fb::fp8_e4m3fnuz, fb::fp8_e4m3fnuz>("fp8_e4m3fnuz", "fp8_e4m3fnuz"));
  rows.push_back(make_pair_row<fb::fp4_e2m1, fb::fp4_e2m1>("fp4_e2m1", "fp4_e2m1"));
  rows.push_back(make_pair_row<fb::scale_e8m0, fb::scale_e8m0>("scale_e8m0", "scale_e8m0"));
  rows.push_back(make_pair_row<fb::fp4_e2m1, fb::fp8_e4m3>("fp4_e2m1", "fp8_e4m3"));
  rows.push_back(make_pair_row<fb::fp16, fb::fp8_e5m2>("fp16", "fp8_e5m2"));
  rows.push_back(make_pair_row<fb::scale_ue4m3, fb::fp8_e4m3>("scale_ue4m3", "fp8_e4m3"));
  rows.push_back(make_pair_row<fb::scale_e8m0, fb::bf16>("scale_e8m0", "bf16"));
  rows.push_back(make_pair_row<float, fb::fp16>("fp32", "fp16"));
  rows.push_back(make_pair_row<fb::bf16, double>("bf16", "fp64"));
  rows.push_back(make_pair_row<fb::fp32, double>("fp32", "fp64"));
  rows.push_back(make_pair_row<float, fb::fp64>("fp32", "fp64"));
  rows.push_back(make_pair_row<fb::fp64, fb::fp64>("fp64", "fp64"));
  return rows;
}

TEST(Comparison, OrdersTheExactNumbers) {
  for (const pair_row& row : pair_rows()) check_pair(row);
}

TEST(Comparison, DoesNotFlushSubnormals) {
  const environment::flush_to_zero hostile;
  for (const pair_row& row : pair_rows()) check_pair(row);
}

template <class Type>
void check_integers(const char* name) {
  checker check;
  const oracle::reference& format = oracle::of(name);
  std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(),
                                        std::numeric_limits<std::int64_t>::max()};
  for (int bit = 0; bit < 63; ++bit) {
    for (const std::int64_t step : {-1, 0, 1}) {
      integers.push_back((std::int64_t{1} << bit) + step);
      integers.push_back(-(std::int64_t{1} << bit) + step);
    }
  }
  for (const std::int64_t integer : integers) {
    const u64 near = format.encode(oracle::integer(integer));
    std::vector<u64> codes = some_codes(format);
    for (const u64 code : {near, near + 1, near - 1}) codes.push_back(code);
    for (const u64 word : codes) {
      const u64 code = word & (format.description().top() | format.description().sign());
      const Type x = fb::detail::value_of_bits<Type>(code);
      const oracle::number exact = format.decode(code);
      const auto describe = [&] {
        return format.name_and(code) + " against " + std::to_string(integer);
      };
      check.expect(relations(x, integer) == expected(exact, oracle::integer(integer)), describe);
      check.expect(relations(integer, x) == expected(oracle::integer(integer), exact), describe);
      const auto natural = static_cast<u64>(integer);
      check.expect(relations(x, natural) == expected(exact, oracle::finite(false, natural, 0)),
                   describe);
    }
  }
}

TEST(Comparison, WithIntegersIsExact) {
  check_integers<fb::fp8_e4m3>("fp8_e4m3");
  check_integers<fb::bf16>("bf16");
  check_integers<fb::fp64>("fp64");
  check_integers<fb::scale_e8m0>("scale_e8m0");
  // Where a conversion of the integer would make these equal:
  static_assert(fb::bf16{16777216.0f} != 16777217);
  static_assert(fb::fp64{0x1p53} < (std::int64_t{1} << 53) + 1);
  static_assert(fb::fp64{0x1p64} > std::numeric_limits<std::uint64_t>::max());
  static_assert(fb::fp8_e4m3{-1.0f} < 0U, "no unsigned wrap-around");
}

TEST(Comparison, OfZerosAndNan) {
  constexpr fb::fp16 zero{0.0f}, nan = std::numeric_limits<fb::fp16>::quiet_NaN();
  static_assert(zero == -zero && !(zero < -zero) && zero <= -zero && zero == 0 && -zero == 0.0);
  static_assert(nan != nan && !(nan == nan) && !(nan <= nan) && !(nan < 1) && !(nan > 1.0f));
  static_assert((nan <=> zero) == std::partial_ordering::unordered);
  static_assert(fb::fp8_e4m3fnuz::from_bits(0x80) != fb::fp8_e4m3fnuz::from_bits(0x80));
}

template <class Left, class Right>
concept comparable =
    requires(Left a, Right b) { a == b; } || requires(Left a, Right b) { a < b; } ||
    requires(Left a, Right b) { a != b; } || requires(Left a, Right b) { a >= b; } ||
    requires(Left a, Right b) { a <=> b; };

TEST(Comparison, IsDeletedWhereNeitherFormatContainsTheOther) {
  static_assert(!comparable<fb::bf16, fb::fp16>);
  static_assert(!comparable<fb::fp8_e4m3, fb::fp8_e5m2>);
  static_assert(!comparable<fb::fp8_e4m3, fb::fp8_e4m3fnuz>);
  static_assert(comparable<fb::bf16, fb::tf32> && comparable<fb::fp8_e4m3, fb::fp16>);
  static_assert(comparable<fb::bf16, int> && comparable<unsigned long long, fb::fp4_e2m1>);
  static_assert(comparable<fb::fp32, float> && comparable<float, fb::fp64>);
}

}  // namespace
