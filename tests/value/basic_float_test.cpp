// SPDX-License-Identifier: MIT
// The class: layout, codes, fields, what converts to what, result types of operators.
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
#include "support/oracle.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using typed::from_code;
using u64 = std::uint64_t;

/// What the class says about one code.
struct code_facts {
  u64 bits, exponent_field, mantissa_field, negated, absolute, copied_plus;
  bool sign_bit, is_nan, is_infinite, is_finite, is_normal, sign;
};

struct type_row {
  const oracle::reference* format;
  std::size_t size;
  code_facts (*facts)(u64);
  u64 (*from_all_bits)(u64);
};

template <class Type>
code_facts facts_of(u64 code) {
  const Type x = from_code<Type>(code);
  u64 negated = 0;
  if constexpr (Type::format.is_signed) negated = (-x).bits();
  return {x.bits(),      x.exponent_field(), x.mantissa_field(), negated,
          abs(x).bits(), (+x).bits(),        x.sign_bit(),       isnan(x),
          isinf(x),      isfinite(x),        isnormal(x),        signbit(x)};
}

std::vector<type_row> type_rows() {
  std::vector<type_row> rows;
  typed::for_each_float([&rows](auto type, const char* name) {
    using Type = typename decltype(type)::type;
    using storage = typename Type::storage_type;
    static_assert(std::is_trivial_v<Type> && std::is_standard_layout_v<Type>);
    static_assert(sizeof(Type) == sizeof(storage) && alignof(Type) == alignof(storage));
    static_assert(sizeof(Type) * 8 >= static_cast<std::size_t>(Type::format.bits()));
    static_assert(Type::format.bits() <= 8 ||
                  sizeof(Type) * 4 < static_cast<std::size_t>(Type::format.bits()));
    static_assert(Type{}.bits() == 0, "value-initialised means bits zero");
    rows.push_back({&oracle::of(name), sizeof(Type), facts_of<Type>,
                    [](u64 bits) -> u64 { return from_code<Type>(bits).bits(); }});
  });
  return rows;
}

template <class Verb>
void for_sampled_codes(const oracle::reference& format, Verb&& verb) {
  const u64 mask = format.description().top() | format.description().sign();
  const u64 stride = format.description().width() <= 16 ? 1 : mask / 30011 | 1;
  for (u64 code = 0; code <= mask && code <= mask - stride + 1; code += stride) verb(code);
  for (u64 end = 0; end < 8; ++end) verb(mask - end);
}

TEST(BasicFloat, SplitsEveryCodeIntoFields) {
  for (const type_row& row : type_rows()) {
    const oracle::format& f = row.format->description();
    checker check;
    for_sampled_codes(*row.format, [&](u64 code) {
      const code_facts facts = row.facts(code);
      const bool holds = facts.bits == code && facts.sign_bit == ((code & f.sign()) != 0) &&
                         facts.mantissa_field == code % (u64{1} << f.mantissa_bits) &&
                         facts.exponent_field == (code & f.top()) >> f.mantissa_bits &&
                         facts.copied_plus == code;
      check.expect(holds, [&] { return row.format->name_and(code); });
    });
  }
}

TEST(BasicFloat, ClassifiesEveryCode) {
  for (const type_row& row : type_rows()) {
    const oracle::format& f = row.format->description();
    checker check;
    for_sampled_codes(*row.format, [&](u64 code) {
      const code_facts facts = row.facts(code);
      const oracle::number x = row.format->decode(code);
      const bool normal =
          x.is_finite() && compare_magnitude(x, 1, f.has_subnormals ? 1 - f.bias : -f.bias) >= 0;
      check.expect(facts.is_nan == x.is_nan() && facts.is_infinite == x.is_infinity() &&
                       facts.is_finite == x.is_finite() && facts.is_normal == normal &&
                       facts.sign == x.negative,
                   [&] { return row.format->name_and(code); });
    });
  }
}

TEST(BasicFloat, NegatesAndTakesMagnitudes) {
  for (const type_row& row : type_rows()) {
    const oracle::format& f = row.format->description();
    checker check;
    for_sampled_codes(*row.format, [&](u64 code) {
      const code_facts facts = row.facts(code);
      const oracle::number x = row.format->decode(code);
      // Signs of NaN and zero turn too, where the format has codes for them.
      const bool one_code = f.nan == oracle::nans::negative_zero && (x.is_nan() || x.is_zero());
      const u64 negated = one_code ? code : code ^ f.sign();
      const u64 absolute = one_code ? code : code & ~f.sign();
      if (f.is_signed) {
        check.expect(*row.format, facts.negated, negated, oracle::negated(x),
                     [&] { return "-(" + row.format->name_and(code) + ")"; });
      }
      check.expect(*row.format, facts.absolute, absolute, x,
                   [&] { return "abs(" + row.format->name_and(code) + ")"; });
    });
  }
}

TEST(BasicFloat, IgnoresBitsAboveTheWidth) {
  for (const type_row& row : type_rows()) {
    const oracle::format& f = row.format->description();
    const u64 above = ~u64{0} << f.width() % 64 & (f.width() == 64 ? 0 : ~u64{0});
    const u64 storage = row.size == 8 ? ~u64{0} : (u64{1} << row.size * 8) - 1;
    for (const u64 code : {u64{0}, u64{1}, f.top(), f.sign()})
      EXPECT_EQ(row.from_all_bits((code | above) & storage), code) << row.format->name();
  }
  static_assert(fb::fp4_e2m1::from_bits(0xf7).bits() == 7);
  static_assert(fb::scale_ue4m3::from_bits(0xff).bits() == 0x7f);
  static_assert(fb::tf32::from_bits(0xfff80001U).bits() == 1);
}

TEST(BasicFloat, HasTheSizeOfItsStorage) {
  static_assert(sizeof(fb::fp64) == 8 && sizeof(fb::fp32) == 4 && sizeof(fb::tf32) == 4);
  static_assert(sizeof(fb::fp24) == 4 && sizeof(fb::fp16) == 2 && sizeof(fb::bf16) == 2);
  static_assert(sizeof(fb::fp8_e4m3) == 1 && sizeof(fb::fp4_e2m1) == 1);
  static_assert(fb::scale_e8m0{} == 0x1p-127, "its bits zero are not a zero");
  static_assert(std::is_same_v<fb::basic_float<fb::formats::ieee(5, 10)>, fb::fp16>,
                "equal fields mean the same type");
  static_assert(
      std::is_same_v<fb::basic_float<fb::formats::p3109(8, 4, fb::formats::signedness::with_sign,
                                                        fb::formats::domain::finite)>,
                     fb::fp8_e4m3fnuz>);
}

// What converts to what. ---------------------------------------------------------------------------

/// From one type to every named one, as data: the loop below is compiled once.
template <class From, class... To>
void check_convertible(const char* name, typed::type_list<To...>) {
  static constexpr bool implicit[] = {std::is_convertible_v<From, To>...};
  static constexpr bool constructible[] = {std::is_constructible_v<To, From>...};
  for (std::size_t i = 0; i < sizeof...(To); ++i) {
    const fb::named_format& to = fb::named_formats[i];
    EXPECT_EQ(implicit[i], is_subset(From::format, to.format)) << name << " to " << to.name;
    EXPECT_TRUE(constructible[i]) << name << " to " << to.name;
  }
}

TEST(BasicFloat, ConvertsImplicitlyExactlyWhenLossless) {
  typed::for_each_float([](auto type, const char* name) {
    check_convertible<typename decltype(type)::type>(name, typed::float_types{});
  });
}

TEST(BasicFloat, ConvertsToTheSmallestNativeType) {
  typed::for_each_float([](auto type, const char*) {
    using Type = typename decltype(type)::type;
    constexpr bool fits_float = is_subset(Type::format, fb::formats::fp32);
    static_assert(
        std::is_same_v<typename Type::native_type, std::conditional_t<fits_float, float, double>>);
    // Further than the one implicit conversion C++ goes by itself.
    static_assert(std::is_convertible_v<Type, float> && std::is_convertible_v<Type, double>);
    static_assert(std::is_convertible_v<Type, int> && std::is_convertible_v<Type, bool>);
    static_assert(std::is_convertible_v<float, Type> == is_subset(fb::formats::fp32, Type::format));
    static_assert(std::is_convertible_v<double, Type> ==
                  is_subset(fb::formats::fp64, Type::format));
    static_assert(std::is_constructible_v<Type, float> && std::is_constructible_v<Type, double>);
    static_assert(std::is_constructible_v<Type, unsigned char> &&
                  std::is_constructible_v<Type, bool>);
  });
}

bool holds_every_integer(const oracle::reference& format, int low, int high) {
  for (int value = low; value <= high; ++value) {
    const oracle::number x = oracle::integer(value), back = format.decode(format.encode(x));
    if (!back.is_finite() || oracle::compare(back, x) != 0) return false;
  }
  return true;
}

template <class Type, class... Integers>
void check_integer_losslessness(const oracle::reference& format) {
  struct row {
    int low, high;
    bool implicit, lossless;
  };
  static constexpr row rows[] = {
      {std::numeric_limits<Integers>::min(), std::numeric_limits<Integers>::max(),
       std::is_convertible_v<Integers, Type>, fb::is_lossless<Integers, Type>}...};
  for (const row& each : rows) {
    const bool holds = holds_every_integer(format, each.low, each.high);
    EXPECT_EQ(each.implicit, holds) << format.name() << " " << each.low << " " << each.high;
    EXPECT_EQ(each.lossless, holds) << format.name() << " " << each.low << " " << each.high;
  }
}

TEST(BasicFloat, TakesIntegersImplicitlyWhenAllOfThemAreValues) {
  typed::for_each_float([](auto type, const char* name) {
    using Type = typename decltype(type)::type;
    check_integer_losslessness<Type, bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t>(
        oracle::of(name));
  });
  static_assert(std::is_convertible_v<int, fb::fp64> && !std::is_convertible_v<int, fb::fp32>);
  static_assert(std::is_convertible_v<unsigned, fb::fp64>);
  static_assert(!std::is_convertible_v<long, fb::fp64>);
  static_assert(!std::is_convertible_v<unsigned long, fb::fp64>);
}

TEST(BasicFloat, TakesNativeValuesOfTheSameFormatBitForBit) {
  const float signalling = oracle::float_from(0xff812345U);
  EXPECT_EQ(fb::fp32{signalling}.bits(), 0xff812345U);
  EXPECT_EQ(oracle::bits_of(static_cast<float>(fb::fp32::from_bits(0x7f800001U))), 0x7f800001U);
  EXPECT_EQ(fb::fp64::from_bits(0x7ff0000000000001U).bits(), 0x7ff0000000000001U);
  EXPECT_EQ(oracle::bits_of(static_cast<double>(fb::fp64::from_bits(0x7ff0000000000001U))),
            0x7ff0000000000001U);
}

// What C++ makes of one implicit conversion to float or double. Documented, not promised; pinned so
// that a change is noticed.
template <class Left, class Right>
concept has_conditional = requires(bool c, Left a, Right b) { c ? a : b; };

int overload(float) { return 1; }
int overload(double) { return 2; }

// The compilers warn of these, as they do for a float: that is what this test pins.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdouble-promotion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
TEST(BasicFloat, WorksWhereFloatAndDoubleWork) {
  const fb::bf16 nine{9.0f};
  static_assert(std::is_same_v<decltype(std::sqrt(nine)), float>);
  EXPECT_EQ(std::sqrt(nine), 3.0f);
  static_assert(std::is_same_v<decltype(std::fabs(fb::fp64{})), double>);
  float sum = 1;
  sum += nine;
  EXPECT_EQ(sum, 10.0f);
  double wide = 1;
  wide -= nine;
  EXPECT_EQ(wide, -8.0);
  EXPECT_EQ(overload(nine), 1);
  EXPECT_EQ(overload(fb::fp64{1.0}), 2);
  const int truncated = fb::bf16{2.5f};
  EXPECT_EQ(truncated, 2);
  const bool nonzero = fb::bf16{0.5f};
  EXPECT_TRUE(nonzero);
  EXPECT_TRUE(fb::fp8_e4m3{0.5f} ? true : false) << "not through int";
  EXPECT_EQ(static_cast<int>(fb::bf16{-2.75f}), -2);
  EXPECT_EQ(static_cast<long double>(nine), 9.0L);
  static_assert(std::is_same_v<decltype(true ? nine : 1.0f), float>);
  static_assert(!has_conditional<fb::fp32, float>, "each converts to the other");
  static_assert(!has_conditional<fb::fp64, double>);
  static_assert(std::is_same_v<decltype(true ? fb::fp8_e4m3{} : fb::fp16{}), fb::fp16>);
}
#pragma GCC diagnostic pop

// Operators. -----------------------------------------------------------------------------------------

template <class Left, class Right>
concept has_arithmetic = requires(Left a, Right b) { a + b; } || requires(Left a, Right b) {
  a - b;
} || requires(Left a, Right b) { a* b; } || requires(Left a, Right b) { a / b; };
template <class Left, class Right>
concept has_compound = requires(Left& a, Right b) { a += b; } || requires(Left& a, Right b) {
  a -= b;
} || requires(Left& a, Right b) { a *= b; } || requires(Left& a, Right b) { a /= b; };
template <class Type>
concept has_negation = requires(Type a) { -a; };

template <class Left, class Right>
using sum_of = decltype(Left{} + Right{});

TEST(BasicFloat, OperatorsHaveTheTypeOfTheOperandThatContainsTheOther) {
  static_assert(std::is_same_v<sum_of<fb::bf16, fb::bf16>, fb::bf16>);
  static_assert(std::is_same_v<sum_of<fb::fp8_e5m2, fb::fp16>, fb::fp16>);
  static_assert(std::is_same_v<sum_of<fb::fp16, fb::fp4_e2m1>, fb::fp16>);
  static_assert(std::is_same_v<sum_of<fb::bf16, float>, float>);
  static_assert(std::is_same_v<sum_of<double, fb::fp16>, double>);
  static_assert(std::is_same_v<sum_of<float, fb::fp64>, fb::fp64>);
  static_assert(std::is_same_v<sum_of<fb::fp32, double>, double>);
  // The class wins over the native type of the same values.
  static_assert(std::is_same_v<sum_of<fb::fp32, float>, fb::fp32>);
  static_assert(std::is_same_v<sum_of<float, fb::fp32>, fb::fp32>);
  static_assert(std::is_same_v<sum_of<double, fb::fp64>, fb::fp64>);
  static_assert(std::is_same_v<sum_of<fb::scale_ue4m3, fb::fp8_e4m3>, fb::fp8_e4m3>);
  static_assert(std::is_same_v<sum_of<fb::bf16, bool>, fb::bf16>);
  static_assert(std::is_same_v<sum_of<char, fb::bf16>, fb::bf16>);
  static_assert(std::is_same_v<decltype(fb::bf16{} / fb::fp8_e4m3{}), fb::bf16>);
  static_assert(std::is_same_v<decltype(3 - fb::fp16{}), fb::fp16>);
}

TEST(BasicFloat, OperatorsAreDeletedWhereNeitherFormatContainsTheOther) {
  static_assert(!has_arithmetic<fb::bf16, fb::fp16>);
  static_assert(!has_arithmetic<fb::fp8_e4m3, fb::fp8_e5m2>);
  static_assert(!has_arithmetic<fb::fp8_e4m3fnuz, fb::fp8_e4m3>);
  static_assert(!has_arithmetic<fb::scale_e8m0, fb::fp16>);
  static_assert(has_arithmetic<fb::fp6_e2m3, fb::fp8_e4m3>);
}

TEST(BasicFloat, CompoundAssignmentNeverNarrowsAFloat) {
  static_assert(has_compound<fb::bf16, fb::bf16> && has_compound<fb::bf16, fb::fp8_e4m3>);
  static_assert(has_compound<fb::bf16, int> && has_compound<fb::fp64, float>);
  static_assert(has_compound<fb::fp32, float> && has_compound<float, fb::bf16>);
  static_assert(!has_compound<fb::bf16, float> && !has_compound<fb::bf16, fb::fp16>);
  static_assert(!has_compound<fb::fp32, double>);
  fb::bf16 x{1.0f};
  (((x += fb::bf16{2.0f}) *= 4) -= fb::fp8_e4m3{2.0f}) /= fb::bf16{4.0f};
  EXPECT_EQ(x, 2.5f);
  fb::fp64 sum{};
  for (int i = 0; i < 4; ++i) sum += 0.5f;
  EXPECT_EQ(sum, 2);
}

TEST(BasicFloat, UnsignedFormatsHaveNoNegation) {
  static_assert(!has_negation<fb::scale_e8m0> && !has_negation<fb::scale_ue4m3>);
  static_assert(has_negation<fb::fp4_e2m1>);
  static_assert((-fb::fp8_e4m3fnuz{0.0f}).bits() == 0, "not the code of NaN");
  static_assert((-fb::fp8_e4m3fnuz::from_bits(0x80)).bits() == 0x80);
}

// A new format is one line: everything works on it.
TEST(BasicFloat, WorksForAUserDefinedFormat) {
  using custom = fb::basic_float<fb::formats::ieee(3, 4)>;
  static_assert(std::is_same_v<custom, fb::fp8_e3m4>);
  using odd = fb::basic_float<fb::float_format{.exponent_bits = 3,
                                               .mantissa_bits = 6,
                                               .inf = fb::inf_encoding::top_code,
                                               .nan = fb::nan_encoding::negative_zero,
                                               .bias = 5}>;
  static_assert(sizeof(odd) == 2 && odd::format.bits() == 10);
  static_assert(odd{1.0f} + odd{0.5} == 1.5f && odd{3} / 4 == 0.75);
  static_assert(odd{100}.bits() == odd::format.infinity_code());
  static_assert(std::numeric_limits<odd>::max() == 7.875f);  // field 7: 1.xx * 2^2, minus infinity
  static_assert(isnan(odd{1.0f} - std::numeric_limits<odd>::quiet_NaN()));
  static_assert(std::is_convertible_v<odd, float> && !std::is_convertible_v<float, odd>);
  constexpr odd sum = fb::add<odd, fb::saturating>(fb::fp8_e4m3{448.0f}, fb::bf16{1.0f});
  static_assert(sum == std::numeric_limits<odd>::max());
}

}  // namespace
