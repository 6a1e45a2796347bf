// SPDX-License-Identifier: MIT
// sqrt, fma, remainder and fmod against exact integers.
#include <fewbits/value.hpp>

#include <cmath>
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
using oracle::mode;
using typed::from_code;
using u64 = std::uint64_t;

u64 spread(u64 i) {
  i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9U;
  i = (i ^ (i >> 27)) * 0x94d049bb133111ebU;
  return i ^ (i >> 31);
}

struct row {
  const oracle::reference* format;
  u64 (*sqrt)(u64);
  u64 (*fma)(u64, u64, u64);
};

const std::vector<row>& rows() {
  static const std::vector<row> made = [] {
    std::vector<row> all;
    typed::for_each_float([&all](auto type, const char* name) {
      using Type = typename decltype(type)::type;
      all.push_back({&oracle::of(name),
                     [](u64 x) -> u64 { return fb::sqrt<Type>(from_code<Type>(x)).bits(); },
                     [](u64 a, u64 b, u64 c) -> u64 {
                       return fb::fma<Type>(from_code<Type>(a), from_code<Type>(b),
                                            from_code<Type>(c))
                           .bits();
                     }});
    });
    return all;
  }();
  return made;
}

bool is_native(const oracle::reference& format) {
  return &format == &oracle::fp32() || &format == &oracle::fp64();
}

void check_sqrt(checker& check, const row& r, u64 code) {
  const oracle::number exact = oracle::square_root(r.format->decode(code));
  const u64 got = r.sqrt(code);
  if (is_native(*r.format) && exact.is_nan() && r.format->decode(got).is_nan()) return;
  check.expect(*r.format, got, r.format->encode(exact), exact,
               [&] { return "sqrt " + r.format->name_and(code); });
}

TEST(SquareRoot, IsCorrectlyRoundedForEveryCode) {
  for (const row& r : rows()) {
    checker check;
    const u64 mask = r.format->description().top() | r.format->description().sign();
    const int width = r.format->description().width();
    const u64 count = width <= 8 ? mask + 1 : 20000;
    for (u64 i = 0; i < count; ++i) check_sqrt(check, r, (width <= 8 ? i : spread(i)) & mask);
    // Squares and their neighbours: roots that are exact or just not.
    if (width <= 8 || !r.format->has_zero()) continue;
    for (u64 root = 1; root < 300; ++root) {
      for (const int exponent : {0, -8, 6}) {
        const u64 code = r.format->encode(oracle::finite(false, root * root, exponent));
        for (const u64 near : {code - 1, code, code + 1})
          if (near <= r.format->description().top()) check_sqrt(check, r, near);
      }
    }
  }
}

void check_fma(checker& check, const row& r, u64 a, u64 b, u64 c) {
  const oracle::number exact =
      oracle::fused_multiply_add(r.format->decode(a), r.format->decode(b), r.format->decode(c));
  const u64 got = r.fma(a, b, c);
  if (is_native(*r.format) && exact.is_nan() && r.format->decode(got).is_nan()) return;
  check.expect(*r.format, got, r.format->encode(exact), exact, [&] {
    return r.format->name_and(a) + " * " + r.format->describe(b) + " + " + r.format->describe(c);
  });
}

TEST(FusedMultiplyAdd, IsCorrectlyRoundedForTriplesOfSmallFormats) {
  for (const row& r : rows()) {
    const int width = r.format->description().width();
    if (width > 8) continue;
    checker check;
    // All triples of the 4-bit formats, a co-prime stride through those of the others.
    const u64 codes = r.format->code_count();
    const u64 stride = width <= 4 ? 1 : width == 6 ? 7 : 257;
    for (u64 triple = 0; triple < codes * codes * codes; triple += stride)
      check_fma(check, r, triple % codes, triple / codes % codes, triple / codes / codes);
  }
}

/// The code of the format's value nearest to -a * b, or a code near it: where cancellation happens.
u64 cancelling(const oracle::reference& format, u64 a, u64 b, u64 i) {
  const oracle::number product = oracle::multiply(format.decode(a), format.decode(b));
  const u64 code = format.encode(product.is_finite() ? oracle::negated(product) : product);
  const u64 mask = format.description().top() | format.description().sign();
  return i % 4 == 0 ? spread(i) & mask : (code + i % 3 - 1) & mask;
}

TEST(FusedMultiplyAdd, IsCorrectlyRoundedForSampledTriplesOfWideFormats) {
  for (const row& r : rows()) {
    const oracle::format& f = r.format->description();
    if (f.width() <= 8) continue;
    checker check;
    const u64 mask = f.top() | f.sign();
    for (u64 i = 0; i < 12000; ++i) {
      u64 a = spread(3 * i) & mask, b = spread(3 * i + 1) & mask;
      if (i % 2 == 0) {
        // Exponents near that of 1.
        const u64 one = static_cast<u64>(f.bias);
        a = (a & ~f.all_ones_exponent()) | (one - 2 + i % 5) << f.mantissa_bits;
        b = (b & ~f.all_ones_exponent()) | (one - 1 + i % 3) << f.mantissa_bits;
      }
      check_fma(check, r, a, b, cancelling(*r.format, a, b, i));
      // A product far below the addend decides a tie.
      check_fma(check, r, a, b, (spread(i) & mask) | u64{1} << (f.mantissa_bits - 1));
    }
    for (const u64 a : {u64{0}, u64{1}, f.all_ones_exponent(), f.top(), f.sign()}) {
      for (const u64 b : {u64{0}, f.sign(), f.all_ones_exponent(), f.all_ones_exponent() - 1})
        for (const u64 c : {u64{0}, f.sign(), f.all_ones_exponent() | f.sign(), f.top(), u64{1}})
          check_fma(check, r, a & mask, b & mask, c & mask);
    }
  }
}

TEST(FusedMultiplyAdd, DoesNotDependOnTheEnvironment) {
  const auto check_some = [] {
    for (const row& r : rows()) {
      if (is_native(*r.format)) continue;
      checker check;
      const u64 mask = r.format->description().top() | r.format->description().sign();
      for (u64 i = 0; i < 500; ++i) {
        const u64 a = spread(i) & mask, b = spread(i + 9) & mask;
        check_fma(check, r, a, b, cancelling(*r.format, a, b, i));
        check_sqrt(check, r, a);
      }
    }
  };
  {
    const environment::rounding_direction hostile(FE_UPWARD);
    check_some();
  }
  const environment::flush_to_zero hostile;
  check_some();
}

// Through float these are rounded twice, or lose a bit below; bf16 even through double.
TEST(FusedMultiplyAdd, RoundsOnceWhereAWiderTypeRoundsTwice) {
  static_assert(fb::fma<fb::fp16>(fb::fp16::from_bits(0x3c01), fb::fp16::from_bits(0x0ffe),
                                  fb::fp16::from_bits(0x3c01))
                    .bits() == 0x3c01);
  static_assert(fb::fma<fb::fp8_e5m2>(fb::fp8_e5m2{192.0f}, fb::fp8_e5m2{192.0f},
                                      fb::fp8_e5m2{0x1p-16f}) == 40960);
  static_assert(fb::fma<fb::fp8_e5m2>(fb::fp8_e5m2{0.005859375f}, fb::fp8_e5m2{49152.0f},
                                      fb::fp8_e5m2{0x1p-16f}) == 320);
  static_assert(fb::fma<fb::bf16>(fb::bf16{7.0f}, fb::bf16{37.0f}, fb::bf16{-0x1p-60f}) == 258);
}

struct policy_row {
  oracle::policy how;
  u64 (*sqrt)(u64, std::uint32_t);
  u64 (*fma)(u64, u64, u64, std::uint32_t);
};

template <class Type, fb::cast_policy Policy>
policy_row make_policy_row() {
  return {{static_cast<mode>(Policy.round), static_cast<oracle::over>(Policy.over)},
          [](u64 x, std::uint32_t random) -> u64 {
            return fb::sqrt<Type, Policy>(from_code<Type>(x), random).bits();
          },
          [](u64 a, u64 b, u64 c, std::uint32_t random) -> u64 {
            return fb::fma<Type, Policy>(from_code<Type>(a), from_code<Type>(b), from_code<Type>(c),
                                         random)
                .bits();
          }};
}

template <class Type>
void check_policies(const char* name) {
  using fb::cast_policy, fb::rounding;
  const oracle::reference& format = oracle::of(name);
  const policy_row policies[] = {
      make_policy_row<Type, cast_policy{.round = rounding::nearest_away}>(),
      make_policy_row<Type, fb::saturating>(),
      make_policy_row<Type, cast_policy{.round = rounding::toward_positive}>(),
      make_policy_row<Type, cast_policy{.round = rounding::toward_negative}>(),
      make_policy_row<Type, cast_policy{.round = rounding::to_odd}>(),
      make_policy_row<Type, fb::stochastic>()};
  const u64 mask = format.description().top() | format.description().sign();
  for (const policy_row& each : policies) {
    checker check;
    for (u64 i = 0; i < 6000; ++i) {
      const u64 a = spread(3 * i) & mask, b = spread(3 * i + 1) & mask;
      const u64 c = cancelling(format, a, b, i);
      const auto check_words = [&](const oracle::number& exact, auto&& compute) {
        std::uint32_t random = static_cast<std::uint32_t>(spread(i));
        if (each.how.round == mode::stochastic_c && exact.is_finite() && !exact.is_zero()) {
          const oracle::neighbours n = format.find(exact);
          if (!n.beyond && !n.none_below)
            random =
                static_cast<std::uint32_t>(format.least_word_up(exact, n, each.how.round) - i % 2);
        }
        check.expect(format, compute(random), format.encode(exact, each.how, random), exact, [&] {
          return format.describe(a) + ", " + format.describe(b) + ", " + format.describe(c) + " (" +
                 compare::to_string(each.how) + ")";
        });
      };
      check_words(oracle::square_root(format.decode(a)),
                  [&](std::uint32_t random) { return each.sqrt(a, random); });
      check_words(oracle::fused_multiply_add(format.decode(a), format.decode(b), format.decode(c),
                                             each.how.round),
                  [&](std::uint32_t random) { return each.fma(a, b, c, random); });
    }
  }
}

TEST(FusedMultiplyAdd, AndSquareRootFollowEveryRoundingMode) {
  check_policies<fb::fp8_e4m3>("fp8_e4m3");
  check_policies<fb::fp16>("fp16");
  check_policies<fb::fp32>("fp32");
}

TEST(FusedMultiplyAdd, TakesMixedOperands) {
  // The product needs 48 bits and the sum 60 more.
  constexpr float a = 0x1.fffffep0f;
  static_assert(fb::fma<double>(a, a, 0x1p-60) == 0x1.fffffc000002p1);
  static_assert(fb::fma<fb::bf16, fb::cast_policy{.round = fb::rounding::toward_positive}>(
                    fb::fp8_e4m3{1.0f}, 1, 1e-300) == 1.0078125f);
  static_assert(fb::fma<fb::fp16>(3, 4, 5) == 17);
  static_assert(fb::sqrt<fb::fp16>(2) == 1.4140625);
  static_assert(fb::sqrt<float>(std::uint64_t{1} << 62) == 0x1p31f);
}

template <class Type>
void check_remainders(const char* name, u64 count) {
  const oracle::reference& format = oracle::of(name);
  const u64 mask = format.description().top() | format.description().sign();
  checker check;
  const bool all = format.description().width() <= 8;
  for (u64 i = 0; i < (all ? (mask + 1) * (mask + 1) : count); i += all ? 3 : 1) {
    const u64 a = all ? i / (mask + 1) : spread(2 * i) & mask;
    const u64 b = all ? i % (mask + 1) : spread(2 * i + 1) & mask;
    for (const bool nearest : {true, false}) {
      const oracle::number exact = oracle::remainder(format.decode(a), format.decode(b), nearest);
      const u64 got = nearest ? fb::remainder<Type>(from_code<Type>(a), from_code<Type>(b)).bits()
                              : fb::fmod<Type>(from_code<Type>(a), from_code<Type>(b)).bits();
      if (is_native(format) && exact.is_nan() && format.decode(got).is_nan()) continue;
      check.expect(format, got, format.encode(exact), exact, [&] {
        return format.name_and(a) + (nearest ? " remainder " : " fmod ") + format.describe(b);
      });
    }
  }
}

TEST(Remainder, IsExact) {
  check_remainders<fb::fp8_e4m3>("fp8_e4m3", 0);
  check_remainders<fb::fp8_e5m2fnuz>("fp8_e5m2fnuz", 0);
  check_remainders<fb::fp4_e2m1>("fp4_e2m1", 0);
  check_remainders<fb::fp16>("fp16", 30000);
  check_remainders<fb::bf16>("bf16", 10000);
  check_remainders<fb::fp64>("fp64", 300);
}

}  // namespace
