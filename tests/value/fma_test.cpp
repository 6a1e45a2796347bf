// SPDX-License-Identifier: MIT
// fma, sqrt, remainder and fmod: triples of small codes in co-prime strides (fma_exhaustive.cpp takes
// every triple), wide formats where rounding is hard, operands and results of any types.
#include <fewbits/value.hpp>

#include <array>
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
#include "support/fixed_point.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using oracle::mode;
using typed::from_code;
using u64 = std::uint64_t;

template <fb::cast_policy Policy>
constexpr oracle::policy as_oracle{static_cast<mode>(Policy.round),
                                   static_cast<oracle::over>(Policy.over)};

// fma. -------------------------------------------------------------------------------------------

using ternary = u64 (*)(u64, u64, u64);

struct fma_row {
  const oracle::reference* format;
  oracle::policy how;
  ternary function;
};

const std::vector<fma_row>& default_rows() {
  static const std::vector<fma_row> rows = [] {
    std::vector<fma_row> made;
    typed::for_each_float([&made](auto type, const char* name) {
      using Type = typename decltype(type)::type;
      made.push_back(
          {&oracle::of(name), {}, [](u64 a, u64 b, u64 c) -> u64 {
             return fma(from_code<Type>(a), from_code<Type>(b), from_code<Type>(c)).bits();
           }});
    });
    return made;
  }();
  return rows;
}

template <class Type, fb::cast_policy Policy>
fma_row policy_row(const char* name) {
  return {&oracle::of(name), as_oracle<Policy>, [](u64 a, u64 b, u64 c) -> u64 {
            return fb::fma<Type, Policy>(from_code<Type>(a), from_code<Type>(b), from_code<Type>(c),
                                         static_cast<std::uint32_t>(a * 0x9e3779b97f4a7c15U + c))
                .bits();
          }};
}

const std::vector<fma_row>& policy_rows() {
  using fb::overflow;
  using fb::rounding;
  static const std::vector<fma_row> rows = {
      policy_row<fb::fp8_e4m3, fb::cast_policy{rounding::nearest_away}>("fp8_e4m3"),
      policy_row<fb::fp8_e4m3fnuz, fb::cast_policy{rounding::toward_zero}>("fp8_e4m3fnuz"),
      policy_row<fb::fp8_e5m2, fb::cast_policy{rounding::toward_positive}>("fp8_e5m2"),
      policy_row<fb::fp8_e5m2, fb::cast_policy{rounding::toward_negative}>("fp8_e5m2"),
      policy_row<fb::fp8_e3m4, fb::cast_policy{rounding::to_odd, overflow::saturate}>("fp8_e3m4"),
      policy_row<fb::fp8_e4m3, fb::cast_policy{rounding::stochastic}>("fp8_e4m3"),
      policy_row<fb::fp16, fb::cast_policy{rounding::to_odd}>("fp16"),
      policy_row<fb::fp16, fb::cast_policy{rounding::toward_negative, overflow::propagate}>("fp16"),
      policy_row<fb::bf16, fb::cast_policy{rounding::toward_positive}>("bf16"),
      policy_row<fb::bf16, fb::cast_policy{rounding::stochastic_b}>("bf16"),
      // Nearest even under a policy that no hardware has: the integers, at run time.
      policy_row<fb::fp32, fb::cast_policy{rounding::nearest_even, overflow::propagate}>("fp32"),
      policy_row<fb::fp32, fb::cast_policy{rounding::toward_zero}>("fp32"),
      policy_row<fb::fp64, fb::cast_policy{rounding::nearest_even, overflow::saturate}>("fp64"),
      policy_row<fb::fp64, fb::cast_policy{rounding::to_odd}>("fp64"),
  };
  return rows;
}

bool is_stochastic(mode round) { return round >= mode::stochastic_c; }

std::string text_of(const oracle::reference& format, u64 a, u64 b, u64 c) {
  return format.describe(a) + " * " + format.describe(b) + " + " + format.describe(c);
}

void check_slowly(checker& check, const fma_row& row, u64 a, u64 b, u64 c) {
  const oracle::reference& format = *row.format;
  const oracle::number exact = oracle::fused_multiply_add(format.decode(a), format.decode(b),
                                                          format.decode(c), row.how.round);
  const auto random = static_cast<std::uint32_t>(a * 0x9e3779b97f4a7c15U + c);
  check.expect(format, row.function(a, b, c), format.encode(exact, row.how, random), exact,
               [&] { return text_of(format, a, b, c) + " (" + compare::to_string(row.how) + ")"; });
}

void check_triples(const fma_row& row, u64 stride) {
  checker check;
  const oracle::reference& format = *row.format;
  const int width = format.description().width();
  const u64 mask = format.code_count() - 1, end = u64{1} << (3 * width);
  if (!fixed_point::fits(format.description()) || is_stochastic(row.how.round)) {
    for (u64 i = 0; i < end; i += stride * 3)
      check_slowly(check, row, i >> (2 * width), i >> width & mask, i & mask);
    return;
  }
  const fixed_point::fma want(format, row.how);
  for (u64 i = 0; i < end; i += stride) {
    const u64 a = i >> (2 * width), b = i >> width & mask, c = i & mask;
    const u64 code = want(a, b, c);
    check.expect(format, row.function(a, b, c), code, format.decode(code),
                 [&] { return text_of(format, a, b, c); });
    // The fast oracle is checked against the slow one.
    if (i % 1021 == 0) check_slowly(check, row, a, b, c);
  }
}

TEST(Fma, IsCorrectlyRoundedForTriplesOfSmallCodes) {
  for (const fma_row& row : default_rows()) {
    const int width = row.format->description().width();
    if (width <= 8) check_triples(row, width <= 6 ? 1 : 101);
  }
}

TEST(Fma, FollowsEveryRoundingMode) {
  for (const fma_row& row : policy_rows())
    if (row.format->description().width() <= 8) check_triples(row, 211);
}

/// Triples in which rounding is hard, for formats with IEEE codes.
class hard_triples {
 public:
  hard_triples(const oracle::reference& format, u64 seed) : format_(format), random_(seed) {}

  struct triple {
    u64 a, b, c;
  };
  triple operator()() {
    const oracle::format& f = format_.description();
    triple t{code(), code(), code()};
    const oracle::number product = oracle::multiply(format_.decode(t.a), format_.decode(t.b));
    if (!product.is_finite() || product.is_zero()) return t;
    switch (random_.below(4)) {
      case 0:
        return t;
      case 1:  // The product cancels with the addend, but for a few units in the last place.
        t.c = (format_.encode(product) ^ f.sign()) + random_.below(5) - 2;
        break;
      case 2: {  // They overlap by some bits or none: ties that a far bit breaks.
        const int bits = 2 * (f.mantissa_bits + 1) + 6;
        const int top = product.numerator.bit_length() - 1 + product.exponent + f.bias;
        const int field = top + static_cast<int>(random_.below(static_cast<u64>(bits))) - bits / 2;
        const int last = (1 << f.exponent_bits) - 2;
        t.c = (t.c & ~f.all_ones_exponent()) | static_cast<u64>(std::min(std::max(field, 0), last))
                                                   << f.mantissa_bits;
        break;
      }
      default:  // A tiny addend.
        t.c = (t.c & f.sign()) | random_.below(4);
    }
    t.c &= format_.code_count() - 1;
    return t;
  }

 private:
  /// Long runs of zeros and ones in the mantissa; an exponent of which products stay in range.
  u64 code() {
    const oracle::format& f = format_.description();
    const u64 word = random_();
    const u64 bits = static_cast<u64>(f.mantissa_bits), ones = (u64{1} << bits) - 1;
    u64 mantissa = random_() & ones;
    if (word % 4 == 1) mantissa = u64{1} << random_.below(bits);
    if (word % 4 == 2) mantissa = ones & ~(ones >> random_.below(bits + 1));
    if (word % 4 == 3) mantissa = ones >> random_.below(bits + 1);
    const u64 fields = u64{1} << f.exponent_bits;
    u64 field = word >> 8 & (fields - 1);
    if ((word >> 4 & 7) != 0) field = fields / 4 + field / 2;
    return (word >> 3 & 1) * f.sign() | field << bits | mantissa;
  }

  const oracle::reference& format_;
  random_words random_;
};

TEST(Fma, RoundsHardCasesOnce) {
  u64 seed = 21;
  for (const std::vector<fma_row>* rows : {&default_rows(), &policy_rows()}) {
    for (const fma_row& row : *rows) {
      const int width = row.format->description().width();
      if (width <= 8) continue;
      checker check;
      hard_triples next(*row.format, ++seed);
      for (int i = 0; i < 20000; ++i) {
        const hard_triples::triple t = next();
        check_slowly(check, row, t.a, t.b, t.c);
      }
    }
  }
}

TEST(Fma, RegressionVectors) {
  using fb::bf16, fb::fp16, fb::fp8_e5m2;
  // Wrong through float: the sum is a tie there and the far bit is lost.
  constexpr fp16 half_a = fp16::from_bits(0x3c01), half_b = fp16::from_bits(0x0ffe);
  static_assert(fma(half_a, half_b, half_a).bits() == 0x3c01);
  static_assert(fma(fp8_e5m2{192}, fp8_e5m2{192}, fp8_e5m2{0x1p-16}) == 40960.0f);
  static_assert(fma(fp8_e5m2{0.005859375}, fp8_e5m2{49152}, fp8_e5m2{0x1p-16}) == 320.0f);
  // Wrong through double too.
  static_assert(fma(bf16{7}, bf16{37}, bf16{-0x1p-60}) == 258.0f);
  static_assert(fma(bf16{7}, bf16{37}, bf16{0.0f}) == 260.0f);
  // The same at run time.
  volatile std::uint16_t bits = 0x3c01;
  EXPECT_EQ(fma(fp16::from_bits(bits), half_b, half_a).bits(), 0x3c01);
  volatile float seven = 7;
  EXPECT_EQ(fma(bf16{seven}, bf16{37}, bf16{-0x1p-60}), 258.0f);
}

TEST(Fma, SeesTheLastBitOfALongProduct) {
  // Their product is 2^99 + 1: half a unit in the last place of 2^152, and a bit 99 places below.
  constexpr fb::fp64 a{242099935645987.0}, b{2618031675319947.0};
  static_assert(fma(a, b, fb::fp64{0x1p152}) == 0x1.0000000000001p152);
  static_assert(fma(a, -b, fb::fp64{0x1.0000000000002p152}) == 0x1.0000000000001p152);
  static_assert(fb::fma<fb::fp64>(a, b, -0x1p99) == 1.0);
  constexpr fb::cast_policy up{.round = fb::rounding::toward_positive};
  static_assert(fb::fma<fb::fp32, up>(a, b, 0x1p300) == std::numeric_limits<float>::infinity());
  static_assert(fb::fma<fb::fp32, up>(a, b, -0x1p99) == 1.0f);
  static_assert(fb::fma<fb::fp64, up>(a, b, 0.0) == 0x1.0000000000001p99);
  volatile double x = 242099935645987.0;
  EXPECT_EQ((fb::fma<fb::fp64, fb::cast_policy{.over = fb::overflow::propagate}>(x, b, 0x1p152)),
            0x1.0000000000001p152);
}

TEST(Fma, SpecialValuesFollowIeee754) {
  using half = fb::fp16;
  using limits = std::numeric_limits<half>;
  constexpr half zero{0.0f}, one{1.0f}, inf = limits::infinity(), nan = limits::quiet_NaN();
  constexpr half first = half::from_bits(0xfc01), second = half::from_bits(0x7e05);
  static_assert(isnan(fma(inf, zero, one)) && !signbit(fma(inf, zero, one)));
  static_assert(isnan(fma(inf, one, -inf)) && fma(inf, one, inf) == inf);
  static_assert(fma(-inf, one, one) == -inf && fma(one, one, -inf) == -inf);
  static_assert(fma(inf, zero, second).bits() == 0x7e05, "a NaN operand wins over 0 * inf");
  static_assert(fma(first, second, nan).bits() == 0xfe01);
  static_assert(fma(one, second, first).bits() == 0x7e05);
  static_assert(fma(one, one, first).bits() == 0xfe01);
  // The product overflows, the sum does not.
  static_assert(fma(limits::max(), half{2}, -limits::max()) == limits::max());
  static_assert(fma(one, one, -one).bits() == 0);
  static_assert(fma(-zero, one, zero).bits() == 0 && fma(-zero, one, -zero).bits() == 0x8000);
  constexpr fb::cast_policy down{.round = fb::rounding::toward_negative};
  static_assert(fb::fma<half, down>(one, one, -one).bits() == 0x8000);
  static_assert(fb::fma<half, down>(-zero, one, zero).bits() == 0x8000);
  // Without NaN, or without a sign.
  static_assert(fma(fb::fp4_e2m1{6}, fb::fp4_e2m1{6}, fb::fp4_e2m1{-6}) == 6.0f);
  static_assert(fb::fma<fb::scale_ue4m3>(-1, 1, 0).bits() == 0x7f);
}

// Operands of any types. -------------------------------------------------------------------------

template <class Type>
struct operand {
  Type value;
  oracle::number exact;
};

template <class Type>
operand<Type> random_operand(random_words& next) {
  if constexpr (fb::integer<Type>) {
    const auto value = static_cast<Type>(static_cast<std::int64_t>(next()) >>
                                         (next.below(sizeof(Type) * 8) + 64 - sizeof(Type) * 8));
    if constexpr (std::is_signed_v<Type>) return {value, oracle::integer(value)};
    return {value, oracle::finite(false, static_cast<u64>(value), 0)};
  } else {
    // Of ordinary size, so that operands meet; one in eight is any code.
    constexpr fb::float_format format = fb::format_of<Type>;
    u64 code = next() & (format.sign_mask() | format.magnitude_mask());
    if (next.below(8) != 0 && format.exponent_bits > 4) {
      const u64 field = static_cast<u64>(format.bias) - 12 + next.below(24);
      code = (code & (format.sign_mask() | format.mantissa_mask())) | field << format.mantissa_bits;
    }
    const char* name = std::is_same_v<Type, float>    ? "fp32"
                       : std::is_same_v<Type, double> ? "fp64"
                                                      : fb::name_of(format);
    return {fb::detail::value_of_bits<Type>(code), oracle::of(name).decode(code)};
  }
}

template <class To, fb::cast_policy Policy, class Left, class Right, class Addend>
void check_mixed(const char* to, u64 seed) {
  checker check;
  random_words next(seed);
  const oracle::reference& format = oracle::of(to);
  constexpr oracle::policy how = as_oracle<Policy>;
  for (int i = 0; i < 10000; ++i) {
    const auto a = random_operand<Left>(next);
    const auto b = random_operand<Right>(next);
    const auto c = random_operand<Addend>(next);
    const oracle::number exact = oracle::fused_multiply_add(a.exact, b.exact, c.exact, how.round);
    check.expect(format, fb::detail::bits_of(fb::fma<To, Policy>(a.value, b.value, c.value)),
                 format.encode(exact, how), exact,
                 [&] { return "mixed operands, number " + std::to_string(i); });
  }
}

TEST(Fma, RoundsMixedOperandsOnceIntoAnyFormat) {
  using fb::bf16, fb::fp16, fb::fp8_e4m3, fb::fp8_e5m2;
  constexpr fb::cast_policy none{};
  constexpr fb::cast_policy odd{.round = fb::rounding::to_odd};
  constexpr fb::cast_policy down{.round = fb::rounding::toward_negative};
  check_mixed<float, none, fp8_e4m3, fp8_e5m2, float>("fp32", 31);
  check_mixed<fp16, fb::truncating, bf16, fp8_e4m3, fb::tf32>("fp16", 32);
  check_mixed<bf16, none, double, double, double>("bf16", 33);
  check_mixed<fp8_e4m3, fb::saturating, float, double, bf16>("fp8_e4m3", 34);
  check_mixed<fp8_e5m2, odd, std::int64_t, double, std::uint64_t>("fp8_e5m2", 35);
  check_mixed<fb::scale_e8m0, none, bf16, bf16, fp16>("scale_e8m0", 36);
  check_mixed<double, down, std::int32_t, std::int32_t, double>("fp64", 37);
}

TEST(Fma, ResultTypeIsThatOfTheOperatorsCombined) {
  using fb::bf16, fb::fp16, fb::fp32, fb::fp8_e4m3;
  static_assert(std::is_same_v<decltype(fma(bf16{}, bf16{}, bf16{})), bf16>);
  static_assert(std::is_same_v<decltype(fma(fp8_e4m3{}, fp8_e4m3{}, bf16{})), bf16>);
  static_assert(std::is_same_v<decltype(fma(fp8_e4m3{}, 2, fp16{})), fp16>);
  static_assert(std::is_same_v<decltype(fma(bf16{}, bf16{}, fp32{})), fp32>);
  static_assert(std::is_same_v<decltype(fma(bf16{}, bf16{}, 1.0f)), float>);
}

// sqrt. ------------------------------------------------------------------------------------------

using unary = u64 (*)(u64, std::uint32_t);

struct root_row {
  const oracle::reference* format;
  std::array<unary, 9> by_mode;
};

constexpr fb::cast_policy root_policy(std::size_t mode) {
  return {.round = static_cast<fb::rounding>(mode)};
}

template <class Type, std::size_t... Modes>
root_row make_root_row(const char* name, std::index_sequence<Modes...>) {
  root_row row{&oracle::of(name), {}};
  ((row.by_mode[Modes] = [](u64 x, std::uint32_t random) -> u64 {
     return fb::sqrt<Type, root_policy(Modes)>(from_code<Type>(x), random).bits();
   }),
   ...);
  return row;
}

void check_root(checker& check, const root_row& row, u64 code) {
  const oracle::reference& format = *row.format;
  const oracle::number exact = oracle::square_root(format.decode(code));
  const bool rounds = exact.is_finite() && !exact.is_zero();
  const oracle::neighbours n = rounds ? format.find(exact) : oracle::neighbours{};
  for (std::size_t i = 0; i < row.by_mode.size(); ++i) {
    if (row.by_mode[i] == nullptr) continue;
    const oracle::policy how{static_cast<mode>(i)};
    const auto random = static_cast<std::uint32_t>(code * 0x9e3779b97f4a7c15U >> 20);
    const u64 want =
        rounds ? format.encode_between(exact, n, how, random) : format.encode(exact, how);
    check.expect(format, row.by_mode[i](code, random), want, exact, [&] {
      return "sqrt(" + format.describe(code) + ") (" + compare::to_string(how) + ")";
    });
  }
}

/// Nearest even in integers also where the hardware has it, under a policy that it lacks.
template <class Type>
root_row make_integer_root_row(const char* name) {
  root_row row = make_root_row<Type>(name, std::index_sequence<2, 5>{});
  row.by_mode[0] = [](u64 x, std::uint32_t) -> u64 {
    constexpr fb::cast_policy how{fb::rounding::nearest_even, fb::overflow::propagate};
    return fb::sqrt<Type, how>(from_code<Type>(x)).bits();
  };
  return row;
}

TEST(Sqrt, IsCorrectlyRoundedInWideFormats) {
  // Nearest even is the hardware's for fp32 and fp64.
  std::vector<root_row> rows = {
      make_root_row<fb::tf32>("tf32", std::index_sequence<0, 3>{}),
      make_root_row<fb::fp24>("fp24", std::index_sequence<0, 6>{}),
      make_root_row<fb::fp32>("fp32", std::index_sequence<0>{}),
      make_root_row<fb::fp64>("fp64", std::index_sequence<0>{}),
  };
  // The hardware's root of a negative number has any sign; so does its NaN.
  const std::size_t hardware = rows.size() - 2;
  rows.push_back(make_integer_root_row<fb::fp32>("fp32"));
  rows.push_back(make_integer_root_row<fb::fp64>("fp64"));
  random_words next(41);
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const root_row& row = rows[at];
    const oracle::format& f = row.format->description();
    const bool is_hardware = at == hardware || at == hardware + 1;
    checker check;
    for (int i = 0; i < 15000; ++i) {
      u64 code = next() & (row.format->code_count() - 1);
      if (i % 8 != 0) code &= ~f.sign();
      if (i % 8 == 1) code &= f.all_ones_exponent() | 3;  // near a power of two
      if (is_hardware) code &= ~f.sign();
      check_root(check, row, code);
    }
  }
}

TEST(Sqrt, TakesAnyOperandAndResult) {
  using fb::bf16, fb::fp16, fb::fp8_e4m3;
  static_assert(fb::sqrt<float>(2) == 0x1.6a09e6p0f);
  static_assert(fb::sqrt<double>(2) == 0x1.6a09e667f3bcdp0);
  static_assert(fb::sqrt<fb::fp8_e5m2>(fp16{2}) == 1.5f);
  // 1.5^2 exactly is a value of fp8_e5m2; above it by a bit that float does not have, toward
  // positive sees the bit.
  constexpr fb::cast_policy up{.round = fb::rounding::toward_positive};
  static_assert(fb::sqrt<fb::fp8_e5m2, up>(2.25) == 1.5f);
  static_assert(fb::sqrt<fb::fp8_e5m2, up>(2.25 + 0x1p-51) == 1.75f);
  static_assert(isnan(fb::sqrt<fp8_e4m3>(std::uint64_t{1} << 62)));
  static_assert(fb::sqrt<fp8_e4m3, fb::saturating>(std::uint64_t{1} << 62) == 448.0f);
  static_assert(fb::sqrt<bf16>(~std::uint64_t{0}) == 0x1p32f);
  static_assert(isnan(sqrt(bf16{-1.0f})) && !signbit(sqrt(bf16{-1.0f})));
  static_assert(sqrt(bf16{-0.0f}).bits() == 0x8000);
  static_assert(sqrt(fb::fp4_e2m1{-1.0f}) == 6.0f, "no NaN: the largest value");
  static_assert(sqrt(fb::fp32{2.0f}) == 0x1.6a09e6p0f && sqrt(fb::fp64{4.0}) == 2.0);
}

// remainder, fmod. -------------------------------------------------------------------------------

struct remainder_row {
  const oracle::reference* format;
  u64 (*nearest)(u64, u64);
  u64 (*truncated)(u64, u64);
};

const std::vector<remainder_row>& remainder_rows() {
  static const std::vector<remainder_row> rows = [] {
    std::vector<remainder_row> made;
    typed::for_each_float([&made](auto type, const char* name) {
      using Type = typename decltype(type)::type;
      made.push_back({&oracle::of(name),
                      [](u64 x, u64 y) -> u64 {
                        return remainder(from_code<Type>(x), from_code<Type>(y)).bits();
                      },
                      [](u64 x, u64 y) -> u64 {
                        return fmod(from_code<Type>(x), from_code<Type>(y)).bits();
                      }});
    });
    return made;
  }();
  return rows;
}

/// Every value is a double, and the remainders of doubles are exact in C.
double native(const oracle::number& x) {
  if (x.is_infinity()) return x.negative ? -HUGE_VAL : HUGE_VAL;
  const double magnitude =
      std::ldexp(static_cast<double>(x.is_zero() ? 0 : x.numerator.to_u64()), x.exponent);
  return x.negative ? -magnitude : magnitude;
}

void check_remainder(checker& check, const remainder_row& row, u64 a, u64 b) {
  const oracle::reference& format = *row.format;
  const oracle::number x = format.decode(a), y = format.decode(b);
  for (const bool nearest : {false, true}) {
    oracle::number exact;
    if (x.is_nan() || y.is_nan()) {
      exact = x.is_nan() ? x : y;
    } else if (x.is_infinity() || y.is_zero()) {
      exact = oracle::nan();
    } else {
      exact = oracle::exact(nearest ? std::remainder(native(x), native(y))
                                    : std::fmod(native(x), native(y)));
    }
    check.expect(format, (nearest ? row.nearest : row.truncated)(a, b), format.encode(exact), exact,
                 [&] {
                   return std::string(nearest ? "remainder(" : "fmod(") + format.describe(a) +
                          ", " + format.describe(b) + ")";
                 });
  }
}

TEST(Remainder, IsThatOfCInWideFormats) {
  random_words next(51);
  for (const remainder_row& row : remainder_rows()) {
    const oracle::format& f = row.format->description();
    if (f.width() <= 8) continue;
    checker check;
    for (int i = 0; i < 12000; ++i) {
      const u64 a = next() & (row.format->code_count() - 1);
      u64 b = next() & (row.format->code_count() - 1);
      // A near exponent: small quotients, among them ties.
      if (i % 2 == 0) b = (a & f.all_ones_exponent()) | (b & ~f.all_ones_exponent());
      if (i % 8 == 0) b = (a - (u64{1} << f.mantissa_bits)) & (row.format->code_count() - 1);
      check_remainder(check, row, a, b);
    }
  }
}

TEST(Remainder, TakesAnyOperandAndPolicy) {
  using fb::bf16, fb::fp16, fb::fp8_e4m3;
  // The exact remainder is rounded to the result, once.
  static_assert(fb::remainder<fp8_e4m3>(33, 128) == 32.0f, "33 is no value");
  static_assert(fb::remainder<fp8_e4m3, fb::truncating>(35, 72) == 32.0f);
  static_assert(fb::fmod<fp8_e4m3, fb::cast_policy{.round = fb::rounding::toward_positive}>(
                    1000000001, 1000) == 1.0f);
  static_assert(fb::fmod<fp16>(bf16{0x1p100f}, 3) == 1.0f);
  static_assert(fb::remainder<fp16>(bf16{0x1p101f}, 3) == -1.0f);
  static_assert(fb::remainder<double>(5, -2) == 1.0 && fb::remainder<double>(7, 2) == -1.0);
  static_assert(fb::fmod<double>(-7, 2) == -1.0);
  static_assert(fb::remainder<fb::fp64>(~std::uint64_t{0}, std::uint64_t{1} << 63) == -1.0);
  static_assert(remainder(bf16{-4.0f}, bf16{2.0f}).bits() == 0x8000, "a zero has the sign of x");
  static_assert(std::is_same_v<decltype(fmod(fp8_e4m3{}, bf16{})), bf16>);
  static_assert(std::is_same_v<decltype(remainder(bf16{}, 1)), bf16>);
}

// The environment. -------------------------------------------------------------------------------

TEST(Fma, DoesNotDependOnTheFloatingPointEnvironment) {
  const auto run = [] {
    for (const fma_row& row : default_rows())
      if (row.format->description().width() <= 8) check_triples(row, 4001);
    checker check;
    const root_row roots = make_root_row<fb::fp16>("fp16", std::index_sequence<0>{});
    for (u64 code = 0; code < 0x10000; code += 7) check_root(check, roots, code);
  };
  for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    const environment::rounding_direction hostile(direction);
    run();
  }
  const environment::flush_to_zero hostile;
  run();
}

}  // namespace
