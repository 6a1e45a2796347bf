// SPDX-License-Identifier: MIT
// Against exact integers: + - * / of every pair of codes of every format of 8 bits or fewer, in every
// rounding mode that takes no random bits; and of every pair of FP8 numbers of two formats, to FP16.
//
// FEWBITS_PART="i/n" (0 <= i < n) restricts the run to the i-th of n slices of the pairs.
#include <fewbits/value.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/fixed_point.hpp"
#include "support/oracle.hpp"
#include "support/part.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using fb::overflow;
using fb::rounding;
using fixed_point::i128;
using oracle::u128;
using parts::chosen_slice;
using parts::slice;
using typed::from_code;
using u64 = std::uint64_t;

constexpr const char* symbols[] = {" + ", " - ", " * ", " / "};

oracle::number exact_result(int op, const oracle::number& a, const oracle::number& b,
                            oracle::mode round) {
  switch (op) {
    case 0:
      return oracle::add(a, b, round);
    case 1:
      return oracle::subtract(a, b, round);
    case 2:
      return oracle::multiply(a, b);
    default:
      return oracle::divide(a, b);
  }
}

/// The code of a + b, a - b, a * b or a / b by the slow oracle.
struct by_rationals {
  const oracle::reference& format;
  oracle::policy how;
  u64 operator()(int op, u64 a, u64 b) const {
    return format.encode(exact_result(op, format.decode(a), format.decode(b), how.round), how);
  }
};

/// The same, fast, where all values are multiples of one quantum.
class by_integers {
 public:
  by_integers(const oracle::reference& format, const oracle::policy& how)
      : slow_{format, how},
        quantum_(fixed_point::quantum_of(format.description())),
        values_(format),
        round_sum_(format, quantum_ - 2, how),
        product_unit_(std::min(2 * quantum_, quantum_ - 2)),
        round_product_(format, product_unit_, how),
        round_quotient_(format, quantum_ - 3, how) {
    oracle::require(fixed_point::fits(format.description()) && quantum_ < 0,
                    "fixed point is too narrow");
  }

  u64 operator()(int op, u64 a, u64 b) const {
    const fixed_point::table::entry x = values_[a], y = values_[b];
    if (x.special || y.special || (op == 3 && y.value == 0)) return slow_(op, a, b);
    const bool signs_differ = x.negative != y.negative;
    if (op == 2)
      return round_product_((i128{x.value} * y.value) * (i128{1} << (2 * quantum_ - product_unit_)),
                            signs_differ);
    if (op == 3) {
      // Cut one bit above the unit; the unit says whether anything was cut off.
      const u128 dividend = magnitude(x.value) << (2 - quantum_), divisor = magnitude(y.value);
      const u128 quotient = dividend / divisor * 2 + (dividend % divisor != 0 ? 1 : 0);
      return round_quotient_(
          signs_differ ? -static_cast<i128>(quotient) : static_cast<i128>(quotient), signs_differ);
    }
    const i128 sum = op == 0 ? i128{x.value} + y.value : i128{x.value} - y.value;
    const bool addend_is_negative = op == 0 ? y.negative : !y.negative;
    const bool zeros_agree = x.value == 0 && y.value == 0 && x.negative == addend_is_negative;
    return round_sum_(sum * 4,
                      zeros_agree ? x.negative : slow_.how.round == oracle::mode::toward_negative);
  }

 private:
  static u128 magnitude(i128 x) { return static_cast<u128>(x < 0 ? -x : x); }

  by_rationals slow_;
  int quantum_;
  fixed_point::table values_;
  fixed_point::rounder round_sum_;
  int product_unit_;
  fixed_point::rounder round_product_, round_quotient_;
};

template <class To, fb::cast_policy Policy, class Left, class Right>
u64 apply(int op, u64 left, u64 right) {
  const auto a = from_code<Left>(left);
  const auto b = from_code<Right>(right);
  switch (op) {
    case 0:
      return fb::add<To, Policy>(a, b).bits();
    case 1:
      return fb::sub<To, Policy>(a, b).bits();
    case 2:
      return fb::mul<To, Policy>(a, b).bits();
    default:
      return fb::div<To, Policy>(a, b).bits();
  }
}

template <fb::cast_policy Policy>
constexpr oracle::policy reference_policy{static_cast<oracle::mode>(Policy.round),
                                          static_cast<oracle::over>(Policy.over)};

using operation = u64 (*)(int op, u64 a, u64 b);

void check_pairs(const char* name, operation got, const oracle::policy& how) {
  const oracle::reference& format = oracle::of(name);
  const u64 count = format.code_count();
  const slice part = chosen_slice(count * count);
  checker check;
  const auto run = [&](const auto& want) {
    for (int op = 0; op < 4; ++op) {
      for (u64 pair = part.first; pair < part.last; ++pair) {
        const u64 a = pair / count, b = pair % count;
        check.expect(got(op, a, b) == want(op, a, b), [&] {
          return format.name_and(a) + symbols[op] + format.describe(b) + " (" +
                 compare::to_string(how) + ")\n  got  " + format.describe(got(op, a, b)) +
                 "\n  want " + format.describe(want(op, a, b));
        });
      }
    }
  };
  if (fixed_point::fits(format.description())) {
    run(by_integers(format, how));
  } else {
    run(by_rationals{format, how});
  }
}

template <class Type, fb::cast_policy... Policies>
void check_policies(const char* name) {
  (check_pairs(name, apply<Type, Policies, Type, Type>, reference_policy<Policies>), ...);
}

template <class Type>
void check_every_pair(const char* name) {
  check_policies<Type, fb::cast_policy{}, fb::saturating,
                 fb::cast_policy{rounding::nearest_away, overflow::ieee},
                 fb::cast_policy{rounding::toward_zero, overflow::ieee},
                 fb::cast_policy{rounding::toward_positive, overflow::ieee},
                 fb::cast_policy{rounding::toward_negative, overflow::ieee},
                 fb::cast_policy{rounding::to_odd, overflow::ieee}>(name);
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  TEST(EveryPair, of_##name) {                               \
    if constexpr (fb::name::format.bits() <= 8) {            \
      check_every_pair<fb::name>(#name);                     \
    } else {                                                 \
      GTEST_SKIP();                                          \
    }                                                        \
  }

FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

template <fb::cast_policy Policy>
void check_mixed_pairs() {
  const oracle::reference &left = oracle::of("fp8_e4m3"), &right = oracle::of("fp8_e5m2");
  const oracle::reference& to = oracle::of("fp16");
  constexpr oracle::policy how = reference_policy<Policy>;
  const slice part = chosen_slice(65536);
  checker check;
  for (int op = 0; op < 4; ++op) {
    for (u64 pair = part.first; pair < part.last; ++pair) {
      const u64 a = pair >> 8, b = pair & 255;
      const oracle::number exact = exact_result(op, left.decode(a), right.decode(b), how.round);
      check.expect(to, apply<fb::fp16, Policy, fb::fp8_e4m3, fb::fp8_e5m2>(op, a, b),
                   to.encode(exact, how), exact, [&] {
                     return left.name_and(a) + symbols[op] + right.name_and(b) + " (" +
                            compare::to_string(how) + ")";
                   });
    }
  }
}

TEST(EveryMixedPair, OfFp8ToFp16) {
  check_mixed_pairs<fb::cast_policy{}>();
  check_mixed_pairs<fb::cast_policy{rounding::nearest_away, overflow::ieee}>();
  check_mixed_pairs<fb::cast_policy{rounding::toward_zero, overflow::ieee}>();
  check_mixed_pairs<fb::cast_policy{rounding::toward_positive, overflow::ieee}>();
  check_mixed_pairs<fb::cast_policy{rounding::toward_negative, overflow::ieee}>();
  check_mixed_pairs<fb::cast_policy{rounding::to_odd, overflow::ieee}>();
}

}  // namespace
