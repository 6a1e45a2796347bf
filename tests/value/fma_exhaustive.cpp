// SPDX-License-Identifier: MIT
// fma of every triple of codes of every format of 8 bits or fewer, and of millions of random triples
// of the wider ones, against exact integers.
//
// FEWBITS_PART="i/n" (0 <= i < n) restricts the run to the i-th of n slices of the triples.
#include <fewbits/value.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/fixed_point.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using typed::from_code;
using u64 = std::uint64_t;

/// [first, last) of `count` triples.
struct slice {
  u64 first, last;
};

slice chosen_slice(u64 count) {
  const char* part = std::getenv("FEWBITS_PART");
  if (part == nullptr) return {0, count};
  unsigned long long i = 0, n = 0;
  oracle::require(std::sscanf(part, "%llu/%llu", &i, &n) == 2 && i < n,
                  "FEWBITS_PART must be i/n with i < n");
  return {count * i / n, count * (i + 1) / n};
}

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
      return format.encode(fixed_point::slow_fma(format.decode(a), format.decode(b),
                                                 format.decode(c), oracle::mode::nearest_even));
    });
  }
}

#define FEWBITS_TEST_FORMAT(name) \
  TEST(EveryTriple, of_##name) { check_every_triple<fb::name>(#name); }

FEWBITS_TEST_FORMAT(fp8_e4m3)
FEWBITS_TEST_FORMAT(fp8_e5m2)
FEWBITS_TEST_FORMAT(fp8_e4m3fnuz)
FEWBITS_TEST_FORMAT(fp8_e5m2fnuz)
FEWBITS_TEST_FORMAT(fp8_e4m3b11fnuz)
FEWBITS_TEST_FORMAT(fp8_e4m3_ieee)
FEWBITS_TEST_FORMAT(fp8_e3m4)
FEWBITS_TEST_FORMAT(fp6_e2m3)
FEWBITS_TEST_FORMAT(fp6_e3m2)
FEWBITS_TEST_FORMAT(fp4_e2m1)
FEWBITS_TEST_FORMAT(fp4_e3m0)
FEWBITS_TEST_FORMAT(scale_e8m0)
FEWBITS_TEST_FORMAT(scale_ue4m3)
FEWBITS_TEST_FORMAT(scale_ue5m3)
#undef FEWBITS_TEST_FORMAT

/// A third of the addends are near the negative of the product, a third near its size.
template <class Type>
void check_random_triples(const char* name, u64 count, u64 seed) {
  const oracle::reference& format = oracle::of(name);
  const oracle::format& f = format.description();
  const u64 mask = format.code_count() - 1;
  const bool is_narrow = fixed_point::fits(f);
  const slice part = chosen_slice(count);
  random_words next(seed + part.first);
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
      return format.encode(fixed_point::slow_fma(format.decode(a), format.decode(b),
                                                 format.decode(c), oracle::mode::nearest_even));
    });
  }
}

TEST(RandomTriples, of_fp16) { check_random_triples<fb::fp16>("fp16", 60'000'000, 1); }
TEST(RandomTriples, of_fp16_alt) { check_random_triples<fb::fp16_alt>("fp16_alt", 20'000'000, 2); }
TEST(RandomTriples, of_bf16) { check_random_triples<fb::bf16>("bf16", 20'000'000, 3); }
TEST(RandomTriples, of_tf32) { check_random_triples<fb::tf32>("tf32", 5'000'000, 4); }
TEST(RandomTriples, of_fp24) { check_random_triples<fb::fp24>("fp24", 5'000'000, 5); }

}  // namespace
