// SPDX-License-Identifier: MIT
// Against exact integers: fma of every triple of codes of every format of 8 bits or fewer and of
// millions of random triples of wider ones; sqrt of every code of up to 16 bits in every rounding mode;
// remainder and fmod of every pair of codes of up to 8 bits.
//
// FEWBITS_PART="i/n" (0 <= i < n) restricts the run to the i-th of n slices of the operands.
#include <fewbits/value.hpp>

#include <cstdint>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/fixed_point.hpp"
#include "support/oracle.hpp"
#include "support/part.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using parts::chosen_slice;
using parts::slice;
using typed::from_code;
using u64 = std::uint64_t;

template <class Type>
u64 fused(u64 a, u64 b, u64 c) {
  return fma(from_code<Type>(a), from_code<Type>(b), from_code<Type>(c)).bits();
}

template <class Want>
void check(checker& check, const oracle::reference& format, u64 got, u64 a, u64 b, u64 c,
           Want&& want) {
  const u64 code = want(a, b, c);
  check.expect(format, got, code, format.decode(code), [&] {
    return format.describe(a) + " * " + format.describe(b) + " + " + format.describe(c);
  });
}

template <class Type>
void check_every_triple(const char* name) {
  const oracle::reference& format = oracle::of(name);
  const int width = format.description().width();
  const u64 mask = format.code_count() - 1;
  const slice part = chosen_slice(u64{1} << (3 * width));
  checker checked;
  const auto run = [&](auto&& want) {
    for (u64 i = part.first; i < part.last; ++i) {
      const u64 a = i >> (2 * width), b = i >> width & mask, c = i & mask;
      check(checked, format, fused<Type>(a, b, c), a, b, c, want);
    }
  };
  if (fixed_point::fits(format.description())) {
    run(fixed_point::fma(format, {}));
  } else {
    run([&](u64 a, u64 b, u64 c) {
      return format.encode(oracle::fused_multiply_add(
          format.decode(a), format.decode(b), format.decode(c), oracle::mode::nearest_even));
    });
  }
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  TEST(EveryTriple, of_##name) {                             \
    if constexpr (fb::name::format.bits() <= 8) {            \
      check_every_triple<fb::name>(#name);                   \
    } else {                                                 \
      GTEST_SKIP();                                          \
    }                                                        \
  }

FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

/// A third of the addends are near the negative of the product, a third near its size.
template <class Type>
void check_random_triples(const char* name) {
  const oracle::reference& format = oracle::of(name);
  const oracle::format& f = format.description();
  const u64 mask = format.code_count() - 1;
  const bool is_narrow = fixed_point::fits(f);
  const slice part = chosen_slice(20'000'000);
  random_words next(1 + part.first);
  checker checked;
  const auto run = [&](auto&& want) {
    for (u64 i = part.first; i < part.last; ++i) {
      const u64 word = next();
      const u64 a = word & mask, b = word >> 32 & mask;
      u64 c = next() & mask;
      const u64 product = want(a, b, 0);
      if (i % 3 == 1) c = ((product ^ f.sign()) + next.below(9) - 4) & mask;
      if (i % 3 == 2) c = (product + (next.below(40) << f.mantissa_bits) - next.below(4096)) & mask;
      check(checked, format, fused<Type>(a, b, c), a, b, c, want);
    }
  };
  if (is_narrow) {
    run(fixed_point::fma(format, {}));
  } else {
    run([&](u64 a, u64 b, u64 c) {
      return format.encode(oracle::fused_multiply_add(
          format.decode(a), format.decode(b), format.decode(c), oracle::mode::nearest_even));
    });
  }
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification)                      \
  TEST(RandomTriples, of_##name) {                                                \
    if constexpr (fb::name::format.bits() > 8 && fb::name::format.bits() <= 24) { \
      check_random_triples<fb::name>(#name);                                      \
    } else {                                                                      \
      GTEST_SKIP();                                                               \
    }                                                                             \
  }
FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

template <class Type, fb::rounding Mode>
void check_roots(checker& checked, const oracle::reference& format, u64 code,
                 const oracle::number& exact, const oracle::neighbours& n) {
  const oracle::policy how{static_cast<oracle::mode>(Mode)};
  const bool rounds = exact.is_finite() && !exact.is_zero();
  const auto random = static_cast<std::uint32_t>(code * 0x9e3779b97f4a7c15U >> 20);
  const u64 want =
      rounds ? format.encode_between(exact, n, how, random) : format.encode(exact, how);
  const u64 got =
      fb::sqrt<Type, fb::cast_policy{.round = Mode}>(from_code<Type>(code), random).bits();
  checked.expect(format, got, want, exact, [&] {
    return "sqrt(" + format.describe(code) + ") (" + compare::to_string(how) + ")";
  });
}

template <class Type>
void check_every_root(const char* name) {
  using fb::rounding;
  const oracle::reference& format = oracle::of(name);
  const slice part = chosen_slice(format.code_count());
  checker checked;
  for (u64 code = part.first; code < part.last; ++code) {
    const oracle::number exact = oracle::square_root(format.decode(code));
    oracle::neighbours n;
    if (exact.is_finite() && !exact.is_zero()) n = format.find(exact);
    check_roots<Type, rounding::nearest_even>(checked, format, code, exact, n);
    check_roots<Type, rounding::nearest_away>(checked, format, code, exact, n);
    check_roots<Type, rounding::toward_zero>(checked, format, code, exact, n);
    check_roots<Type, rounding::toward_positive>(checked, format, code, exact, n);
    check_roots<Type, rounding::toward_negative>(checked, format, code, exact, n);
    check_roots<Type, rounding::to_odd>(checked, format, code, exact, n);
    check_roots<Type, rounding::stochastic>(checked, format, code, exact, n);
    check_roots<Type, rounding::stochastic_a>(checked, format, code, exact, n);
    check_roots<Type, rounding::stochastic_b>(checked, format, code, exact, n);
  }
}

TEST(EveryRoot, InEveryMode) {
  typed::for_each_float([](auto type, const char* name) {
    using Type = typename decltype(type)::type;
    if constexpr (Type::format.bits() <= 16) check_every_root<Type>(name);
  });
}

template <class Type>
void check_every_remainder(const char* name) {
  const oracle::reference& format = oracle::of(name);
  const u64 count = format.code_count();
  const slice part = chosen_slice(count * count);
  checker checked;
  for (u64 pair = part.first; pair < part.last; ++pair) {
    const u64 a = pair / count, b = pair % count;
    const Type x = from_code<Type>(a), y = from_code<Type>(b);
    for (const bool nearest : {false, true}) {
      const oracle::number exact = oracle::remainder(format.decode(a), format.decode(b), nearest);
      const u64 got = nearest ? remainder(x, y).bits() : fmod(x, y).bits();
      checked.expect(format, got, format.encode(exact), exact, [&] {
        return (nearest ? "remainder(" : "fmod(") + format.describe(a) + ", " + format.describe(b) +
               ")";
      });
    }
  }
}

TEST(EveryRemainder, OfPairsOfSmallCodes) {
  typed::for_each_float([](auto type, const char* name) {
    using Type = typename decltype(type)::type;
    if constexpr (Type::format.bits() <= 8) check_every_remainder<Type>(name);
  });
}

}  // namespace
