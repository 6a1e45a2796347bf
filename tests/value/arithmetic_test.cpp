// SPDX-License-Identifier: MIT
// + - * / against exact rationals: every pair of codes of the small formats, structured samples of
// the wide ones, every rounding mode, mixed operands.
#include <fewbits/value.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
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
using u64 = std::uint64_t;

constexpr std::size_t op_count = 4;
constexpr const char* symbols[op_count] = {" + ", " - ", " * ", " / "};

oracle::number exact_result(std::size_t op, const oracle::number& a, const oracle::number& b,
                            mode round = mode::nearest_even) {
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

class random_words {
 public:
  explicit random_words(u64 seed) : state_(seed) {}
  u64 operator()() {
    u64 z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

 private:
  u64 state_;
};

/// The four operators on one format, on codes.
struct operators {
  const oracle::reference* format;
  u64 (*op[op_count])(u64, u64);
};

template <class Type>
operators make_operators(const oracle::reference& format) {
  using typed::from_code;
  return {&format,
          {[](u64 a, u64 b) -> u64 { return (from_code<Type>(a) + from_code<Type>(b)).bits(); },
           [](u64 a, u64 b) -> u64 { return (from_code<Type>(a) - from_code<Type>(b)).bits(); },
           [](u64 a, u64 b) -> u64 { return (from_code<Type>(a) * from_code<Type>(b)).bits(); },
           [](u64 a, u64 b) -> u64 { return (from_code<Type>(a) / from_code<Type>(b)).bits(); }}};
}

const std::vector<operators>& all_operators() {
  static const std::vector<operators> rows = [] {
    std::vector<operators> made;
    typed::for_each_float([&made](auto type, const char* name) {
      made.push_back(make_operators<typename decltype(type)::type>(oracle::of(name)));
    });
    return made;
  }();
  return rows;
}

std::string text_of(const oracle::reference& format, std::size_t op, u64 a, u64 b) {
  return format.describe(a) + symbols[op] + format.describe(b);
}

void check_every_pair(checker& check, const operators& row, u64 stride) {
  const oracle::reference& format = *row.format;
  std::vector<oracle::number> values;
  for (u64 code = 0; code < format.code_count(); ++code) values.push_back(format.decode(code));
  for (std::size_t op = 0; op < op_count; ++op) {
    for (u64 pair = 0; pair < format.code_count() * format.code_count(); pair += stride) {
      const u64 a = pair / format.code_count(), b = pair % format.code_count();
      const oracle::number exact = exact_result(op, values[a], values[b]);
      check.expect(format, row.op[op](a, b), format.encode(exact), exact,
                   [&] { return text_of(format, op, a, b); });
    }
  }
}

TEST(Arithmetic, IsCorrectlyRoundedForEveryPairOfCodes) {
  for (const operators& row : all_operators()) {
    if (row.format->description().width() > 8) continue;
    checker check;
    check_every_pair(check, row, 1);
  }
}

/// Zeros, the ends of the ranges, infinities, NaN, one and its neighbours; with both signs.
std::vector<u64> special_codes(const oracle::format& f) {
  const u64 one_field = static_cast<u64>(f.bias) << f.mantissa_bits;
  std::vector<u64> codes;
  for (const u64 code :
       {u64{0}, u64{1}, u64{2}, u64{3}, (u64{1} << f.mantissa_bits) - 1, u64{1} << f.mantissa_bits,
        (u64{1} << f.mantissa_bits) + 1, one_field, one_field + 1, one_field - 1,
        one_field + (u64{1} << f.mantissa_bits), f.top(), f.top() - 1, f.all_ones_exponent(),
        f.all_ones_exponent() - 1, f.all_ones_exponent() + 1, f.all_ones_exponent() - 2}) {
    codes.push_back(code & f.top());
    codes.push_back((code & f.top()) | f.sign());
  }
  return codes;
}

/// A random operand; often one whose exponent is close to that of `other`, so that sums interact,
/// or that has few bits, so that results are exact or ties.
u64 random_code(random_words& next, const oracle::format& f, u64 other) {
  const u64 mask = f.top() | f.sign();
  u64 code = next() & mask;
  const u64 choice = next() % 8;
  if (choice < 4) {
    const u64 field = (other & f.top()) >> f.mantissa_bits;
    const u64 span = 2 * static_cast<u64>(f.mantissa_bits) + 6;
    const u64 near = (field + next() % span - span / 2) & ((u64{1} << f.exponent_bits) - 1);
    code = (code & ~f.all_ones_exponent()) | near << f.mantissa_bits;
  } else if (choice == 4) {
    code &=
        ~(((u64{1} << f.mantissa_bits) - 1) >> (next() % static_cast<u64>(f.mantissa_bits + 1)));
  } else if (choice == 5) {
    code &= ~f.all_ones_exponent() | u64{3} << f.mantissa_bits;  // subnormal or close to it
  }
  return code;
}

/// check(a, b) for all pairs of special codes and `count` random pairs.
template <class Check>
void for_sampled_pairs(const oracle::format& f, u64 seed, int count, Check&& check) {
  const std::vector<u64> special = special_codes(f);
  random_words next(seed);
  for (const u64 a : special) {
    for (const u64 b : special) check(a, b);
    const u64 b = random_code(next, f, a);
    check(a, b);
    check(b, a);
  }
  u64 a = 0;
  for (int i = 0; i < count; ++i) {
    const u64 b = random_code(next, f, a);
    check(a, b);
    a = i % 2 == 0 ? b : random_code(next, f, 0);
  }
}

void check_sampled_pairs(checker& check, const operators& row, int count) {
  const oracle::reference& format = *row.format;
  const int width = format.description().width();
  for_sampled_pairs(format.description(), 11, count, [&](u64 a, u64 b) {
    const oracle::number x = format.decode(a), y = format.decode(b);
    for (std::size_t op = 0; op < op_count; ++op) {
      const oracle::number exact = exact_result(op, x, y);
      const u64 got = row.op[op](a, b);
      // The hardware chooses the NaN of fp32 and fp64.
      if ((width == 32 || width == 64) && exact.is_nan() && format.decode(got).is_nan()) continue;
      check.expect(format, got, format.encode(exact), exact,
                   [&] { return text_of(format, op, a, b); });
    }
  });
}

TEST(Arithmetic, IsCorrectlyRoundedForSampledPairsOfWideFormats) {
  for (const operators& row : all_operators()) {
    const int width = row.format->description().width();
    if (width <= 8) continue;
    checker check;
    check_sampled_pairs(check, row, width <= 16 ? 200000 : 60000);
  }
}

/// All formats but fp32 and fp64, whose operations are the hardware's.
void check_every_format(u64 stride) {
  for (const operators& row : all_operators()) {
    const int width = row.format->description().width();
    if (width == 32 || width == 64) continue;
    checker check;
    if (width <= 8) {
      check_every_pair(check, row, stride);
    } else {
      check_sampled_pairs(check, row, 5000);
    }
  }
}

TEST(Arithmetic, DoesNotDependOnTheRoundingDirection) {
  for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    const environment::rounding_direction hostile(direction);
    check_every_format(11);
  }
}

TEST(Arithmetic, DoesNotDependOnFlushingSubnormals) {
  const environment::flush_to_zero hostile;
  check_every_format(7);
}

TEST(Arithmetic, OnFp32AndFp64IsThatOfTheHardware) {
  random_words next(12);
  for (int i = 0; i < 500000; ++i) {
    const u64 word = next(), other = random_code(next, oracle::fp64().description(), word);
    volatile double x = oracle::double_from(word), y = oracle::double_from(other);
    volatile float f = oracle::float_from(static_cast<std::uint32_t>(word));
    volatile float g = oracle::float_from(static_cast<std::uint32_t>(
        random_code(next, oracle::fp32().description(), word & 0xffffffffU)));
    const double wide[] = {x + y, x - y, x * y, x / y};
    const float narrow[] = {f + g, f - g, f * g, f / g};
    const fb::fp64 a{x}, b{y};
    const fb::fp32 c{f}, d{g};
    const fb::fp64 wide_got[] = {a + b, a - b, a * b, a / b};
    const fb::fp32 narrow_got[] = {c + d, c - d, c * d, c / d};
    for (std::size_t op = 0; op < op_count; ++op) {
      if (std::isnan(wide[op])) {
        ASSERT_TRUE(isnan(wide_got[op]));
      } else {
        ASSERT_EQ(wide_got[op].bits(), oracle::bits_of(wide[op])) << x << symbols[op] << y;
      }
      if (std::isnan(narrow[op])) {
        ASSERT_TRUE(isnan(narrow_got[op]));
      } else {
        ASSERT_EQ(narrow_got[op].bits(), oracle::bits_of(narrow[op])) << f << symbols[op] << g;
      }
    }
  }
}

// Every rounding mode. ---------------------------------------------------------------------------

using binary = u64 (*)(u64, u64, std::uint32_t);

template <class To, fb::cast_policy Policy, class Left, class Right, std::size_t Op>
u64 apply(u64 left, u64 right, std::uint32_t random) {
  const auto operand = []<class Type>(typed::tag<Type>, u64 code) {
    if constexpr (fb::integer<Type>) {
      return static_cast<Type>(code);
    } else {
      return fb::detail::value_of_bits<Type>(code);
    }
  };
  const Left a = operand(typed::tag<Left>{}, left);
  const Right b = operand(typed::tag<Right>{}, right);
  if constexpr (Op == 0) return fb::detail::bits_of(fb::add<To, Policy>(a, b, random));
  if constexpr (Op == 1) return fb::detail::bits_of(fb::sub<To, Policy>(a, b, random));
  if constexpr (Op == 2) return fb::detail::bits_of(fb::mul<To, Policy>(a, b, random));
  if constexpr (Op == 3) return fb::detail::bits_of(fb::div<To, Policy>(a, b, random));
}

struct policy_row {
  const oracle::reference* format;
  oracle::policy how;
  std::array<binary, op_count> op;
};

template <class Type, fb::cast_policy Policy>
policy_row make_policy_row(const char* name) {
  return {&oracle::of(name),
          {static_cast<mode>(Policy.round), static_cast<oracle::over>(Policy.over)},
          {apply<Type, Policy, Type, Type, 0>, apply<Type, Policy, Type, Type, 1>,
           apply<Type, Policy, Type, Type, 2>, apply<Type, Policy, Type, Type, 3>}};
}

template <class Type>
void add_policy_rows(std::vector<policy_row>& rows, const char* name) {
  using fb::overflow;
  using fb::rounding;
  rows.push_back(
      make_policy_row<Type, fb::cast_policy{rounding::nearest_away, overflow::propagate}>(name));
  rows.push_back(
      make_policy_row<Type, fb::cast_policy{rounding::toward_zero, overflow::ieee}>(name));
  rows.push_back(
      make_policy_row<Type, fb::cast_policy{rounding::toward_positive, overflow::ieee}>(name));
  rows.push_back(make_policy_row<Type, fb::cast_policy{rounding::toward_negative,
                                                       overflow::infinity_or_largest}>(name));
  rows.push_back(
      make_policy_row<Type, fb::cast_policy{rounding::to_odd, overflow::saturate}>(name));
  rows.push_back(
      make_policy_row<Type, fb::cast_policy{rounding::stochastic, overflow::ieee}>(name));
}

bool is_stochastic(mode round) { return round >= mode::stochastic_c; }

void check_policy_row(checker& check, const policy_row& row, u64 a, u64 b) {
  const oracle::reference& format = *row.format;
  const oracle::number x = format.decode(a), y = format.decode(b);
  for (std::size_t op = 0; op < op_count; ++op) {
    const oracle::number exact = exact_result(op, x, y, row.how.round);
    const auto expect = [&](std::uint32_t random) {
      check.expect(format, row.op[op](a, b, random), format.encode(exact, row.how, random), exact,
                   [&] {
                     return text_of(format, op, a, b) + " (" + compare::to_string(row.how) +
                            ", random " + std::to_string(random) + ")";
                   });
    };
    expect(static_cast<std::uint32_t>(a * b));
    if (!is_stochastic(row.how.round) || !exact.is_finite() || exact.is_zero()) continue;
    const oracle::neighbours n = format.find(exact);
    if (n.none_below || n.beyond) continue;
    // The two words at which the decision turns.
    const u64 least = format.least_word_up(exact, n, row.how.round);
    if (least > 0) expect(static_cast<std::uint32_t>(least - 1));
    if (least >> 32 == 0) expect(static_cast<std::uint32_t>(least));
  }
}

TEST(Arithmetic, FollowsEveryRoundingMode) {
  static_assert(static_cast<int>(fb::rounding::to_odd) == static_cast<int>(mode::to_odd));
  static_assert(static_cast<int>(fb::rounding::stochastic) == static_cast<int>(mode::stochastic_c));
  std::vector<policy_row> rows;
  add_policy_rows<fb::fp8_e4m3>(rows, "fp8_e4m3");
  rows.push_back(
      make_policy_row<fb::scale_ue4m3, fb::cast_policy{.round = fb::rounding::toward_negative}>(
          "scale_ue4m3"));
  rows.push_back(make_policy_row<fb::scale_ue4m3, fb::cast_policy{.over = fb::overflow::propagate}>(
      "scale_ue4m3"));
  add_policy_rows<fb::fp16>(rows, "fp16");
  add_policy_rows<fb::fp32>(rows, "fp32");
  rows.push_back(
      make_policy_row<fb::fp64, fb::cast_policy{.round = fb::rounding::toward_negative}>("fp64"));
  rows.push_back(make_policy_row<fb::fp64, fb::cast_policy{.round = fb::rounding::to_odd}>("fp64"));
  rows.push_back(make_policy_row<fb::tf32, fb::cast_policy{.round = fb::rounding::to_odd}>("tf32"));
  for (const policy_row& row : rows) {
    checker check;
    const oracle::format& f = row.format->description();
    if (f.width() <= 8) {
      for (u64 pair = 0; pair < u64{1} << 2 * f.width(); pair += f.width() < 7 ? 1U : 3U)
        check_policy_row(check, row, pair >> f.width(), pair & ((u64{1} << f.width()) - 1));
    } else {
      for_sampled_pairs(f, 14, 8000, [&](u64 a, u64 b) { check_policy_row(check, row, a, b); });
    }
  }
}

// Mixed operands. --------------------------------------------------------------------------------

struct mixed_row {
  const char* to;
  const char* left;
  const char* right;
  oracle::policy how;
  std::array<binary, op_count> op;
};

template <class To, class Left, class Right, fb::cast_policy Policy = fb::cast_policy{}>
mixed_row make_mixed(const char* to, const char* left, const char* right) {
  return {to,
          left,
          right,
          {static_cast<mode>(Policy.round), static_cast<oracle::over>(Policy.over)},
          {apply<To, Policy, Left, Right, 0>, apply<To, Policy, Left, Right, 1>,
           apply<To, Policy, Left, Right, 2>, apply<To, Policy, Left, Right, 3>}};
}

/// A random operand of the type with this name, and its exact value.
struct operand {
  u64 code;
  oracle::number exact;
};
operand random_operand(random_words& next, const std::string& name) {
  const u64 word = next();
  if (name == "int64" || name == "uint64" || name == "int32") {
    const u64 few = word >> (next() % 64);
    const u64 code = next() % 16 == 0 ? u64{1} << 63 : next() % 16 == 0 ? ~u64{0} : few;
    if (name == "uint64") return {code, oracle::finite(false, code, 0)};
    const auto value = static_cast<std::int64_t>(next() % 2 == 0 ? code : 0 - code);
    if (name == "int64") return {static_cast<u64>(value), oracle::integer(value)};
    const auto narrow = static_cast<std::int32_t>(value);
    return {static_cast<u64>(static_cast<std::int64_t>(narrow)), oracle::integer(narrow)};
  }
  const oracle::reference& format = oracle::of(name);
  const oracle::format& f = format.description();
  // Values of ordinary size meet more often than arbitrary codes do.
  const u64 bias_field = static_cast<u64>(f.bias) + next() % 24;
  u64 code = word & (f.top() | f.sign());
  if (f.exponent_bits > 4 && next() % 4 != 0 && bias_field > 12)
    code = (code & ~f.all_ones_exponent()) |
           (((bias_field - 12) << f.mantissa_bits) & f.all_ones_exponent());
  return {code, format.decode(code)};
}

TEST(Arithmetic, RoundsMixedOperandsOnceIntoAnyFormat) {
  using fb::bf16, fb::fp16, fb::fp8_e4m3, fb::fp8_e5m2, fb::fp4_e2m1, fb::tf32;
  constexpr fb::cast_policy odd{.round = fb::rounding::to_odd};
  constexpr fb::cast_policy down{.round = fb::rounding::toward_negative};
  const mixed_row rows[] = {
      make_mixed<fp16, fp8_e4m3, bf16, fb::truncating>("fp16", "fp8_e4m3", "bf16"),
      make_mixed<fp8_e4m3, float, double>("fp8_e4m3", "fp32", "fp64"),
      make_mixed<fp8_e5m2, double, double, odd>("fp8_e5m2", "fp64", "fp64"),
      make_mixed<bf16, fp16, fb::scale_e8m0>("bf16", "fp16", "scale_e8m0"),
      make_mixed<double, float, bf16>("fp64", "fp32", "bf16"),
      make_mixed<fb::scale_ue4m3, fp8_e4m3, fp4_e2m1>("scale_ue4m3", "fp8_e4m3", "fp4_e2m1"),
      make_mixed<fb::scale_e8m0, bf16, bf16>("scale_e8m0", "bf16", "bf16"),
      make_mixed<fb::fp8_e4m3fnuz, fp8_e5m2, fb::fp6_e2m3, down>("fp8_e4m3fnuz", "fp8_e5m2",
                                                                 "fp6_e2m3"),
      make_mixed<tf32, tf32, fb::fp24>("tf32", "tf32", "fp24"),
      make_mixed<fp16, std::int32_t, fp8_e4m3>("fp16", "int32", "fp8_e4m3"),
      make_mixed<bf16, std::int64_t, bf16>("bf16", "int64", "bf16"),
      make_mixed<float, float, std::int64_t, odd>("fp32", "fp32", "int64"),
      make_mixed<fb::fp8_e4m3fnuz, std::uint64_t, std::uint64_t>("fp8_e4m3fnuz", "uint64",
                                                                 "uint64"),
  };
  for (const mixed_row& row : rows) {
    checker check;
    random_words next(15);
    const oracle::reference& to = oracle::of(row.to);
    for (int i = 0; i < 8000; ++i) {
      const operand a = random_operand(next, row.left), b = random_operand(next, row.right);
      for (std::size_t op = 0; op < op_count; ++op) {
        const oracle::number exact = exact_result(op, a.exact, b.exact, row.how.round);
        check.expect(to, row.op[op](a.code, b.code, 0), to.encode(exact, row.how), exact, [&] {
          return std::string(row.left) + " " + std::to_string(a.code) + symbols[op] + row.right +
                 " " + std::to_string(b.code);
        });
      }
    }
  }
}

TEST(Arithmetic, TakesIntegersAsExactOperands) {
  // 33685505 is a float and not a bf16; as one it would be 33816576 and the difference 0.
  static_assert(fb::bf16{33816576.0f} - 33685505 == fb::bf16{131071});
  static_assert(33685505 - fb::bf16{33816576.0f} == fb::bf16{-131071});
  static_assert(fb::fp8_e4m3{2.0f} * 1000000000 != fb::fp8_e4m3{2.0f} * 7);
  static_assert(fb::fp8_e4m3{0x1p-6f} * 1000 == 16.0f, "1000 itself is beyond the range");
  static_assert(fb::fp64{1.0} - std::numeric_limits<std::int64_t>::min() == 0x1p63);
  static_assert(std::is_same_v<decltype(fb::bf16{} + 1), fb::bf16>);
  static_assert(std::is_same_v<decltype(std::uint64_t{1} * fb::fp4_e2m1{}), fb::fp4_e2m1>);
}

TEST(Arithmetic, RoundsTf32ProductsOnce) {
  // Wrong through float: the product is subnormal there too and would be rounded twice.
  constexpr fb::tf32 a{1492 * 0x1p-78}, b{1757 * 0x1p-78};
  static_assert(a * b == 3 * 0x1p-136);
  const volatile double x = 1492 * 0x1p-78, y = 1757 * 0x1p-78;
  EXPECT_EQ(fb::tf32{x} * fb::tf32{y}, 3 * 0x1p-136);
}

TEST(Arithmetic, SpecialValuesFollowIeee754) {
  using half = fb::fp16;
  using limits = std::numeric_limits<half>;
  constexpr half zero{0.0f}, negative_zero = -zero, one{1.0f}, inf = limits::infinity();
  static_assert((zero + negative_zero).bits() == 0);
  static_assert((negative_zero + negative_zero).bits() == 0x8000);
  static_assert((zero - zero).bits() == 0 && (one - one).bits() == 0);
  static_assert((negative_zero - zero).bits() == 0x8000);
  static_assert((negative_zero * one).bits() == 0x8000);
  static_assert((zero / -one).bits() == 0x8000);
  static_assert(one / zero == inf && one / negative_zero == -inf);
  static_assert(isnan(inf - inf) && isnan(inf * zero) && isnan(zero / zero) && isnan(inf / inf));
  static_assert(inf + one == inf && one / inf == zero && (-one / inf).bits() == 0x8000);
  constexpr fb::cast_policy down{.round = fb::rounding::toward_negative};
  static_assert(fb::sub<half, down>(one, one).bits() == 0x8000);
  static_assert(fb::add<half, down>(zero, negative_zero).bits() == 0x8000);
  static_assert(fb::add<half, down>(zero, zero).bits() == 0);
  // The first NaN is passed on, quiet.
  constexpr half first = half::from_bits(0xfc01), second = half::from_bits(0x7e05);
  static_assert((first + second).bits() == 0xfe01 && (second - first).bits() == 0x7e05);
  static_assert((one - first).bits() == 0xfe01, "subtraction does not flip the sign of a NaN");
  // Without infinity: NaN; without NaN: the largest value.
  static_assert((fb::fp8_e4m3{448.0f} + fb::fp8_e4m3{448.0f}).bits() == 0x7f);
  static_assert((fb::fp8_e4m3fnuz{1.0f} / fb::fp8_e4m3fnuz{0.0f}).bits() == 0x80);
  static_assert(fb::fp4_e2m1{6.0f} * fb::fp4_e2m1{-6.0f} == -6.0f);
  static_assert(fb::fp4_e2m1{0.0f} / fb::fp4_e2m1{0.0f} == 6.0f);
  static_assert((fb::scale_ue4m3{1.0f} - fb::scale_ue4m3{2.0f}).bits() == 0x7f);
  static_assert(fb::mul<fb::fp8_e4m3, fb::saturating>(448, 2).bits() == 0x7e);
}

// Constant evaluation takes the integer path, run time often the hardware: both must agree. ------

template <class Type>
constexpr std::array<u64, op_count * 10 * 10> constant_table() {
  std::array<u64, op_count * 10 * 10> results{};
  std::size_t at = 0;
  for (u64 i = 0; i < 10; ++i) {
    for (u64 j = 0; j < 10; ++j) {
      // Multiplication by an odd number spreads the codes over the range.
      using storage = typename Type::storage_type;
      const auto a = Type::from_bits(static_cast<storage>(i * 0x9e3779b97f4a7c15U >> 9));
      const auto b = Type::from_bits(static_cast<storage>(j * 0xd1342543de82ef95U >> 11));
      results[at++] = (a + b).bits();
      results[at++] = (a - b).bits();
      results[at++] = (a * b).bits();
      results[at++] = (a / b).bits();
    }
  }
  return results;
}

template <class Type>
void expect_constants_equal_run_time(const char* name) {
  static constexpr auto constants = constant_table<Type>();
  std::array<u64, constants.size()> (*volatile table)() = constant_table<Type>;
  const auto computed = table();
  for (std::size_t i = 0; i < constants.size(); ++i) {
    const oracle::reference& format = oracle::of(name);
    if (format.decode(constants[i]).is_nan() && format.decode(computed[i]).is_nan()) continue;
    ASSERT_EQ(format.describe(constants[i]), format.describe(computed[i])) << name << " " << i;
  }
}

TEST(Arithmetic, AtCompileTimeEqualsThatAtRunTime) {
  expect_constants_equal_run_time<fb::fp8_e4m3>("fp8_e4m3");
  expect_constants_equal_run_time<fb::bf16>("bf16");
  expect_constants_equal_run_time<fb::fp32>("fp32");
  expect_constants_equal_run_time<fb::fp64>("fp64");
}

}  // namespace
