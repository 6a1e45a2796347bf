// SPDX-License-Identifier: MIT
// Conversion from float and double to every format, under every policy, where rounding bugs are: at
// every representable value, at every midpoint, and one ulp of float and of double to either side.
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
using oracle::over;
using u64 = std::uint64_t;

constexpr std::size_t mode_count = 9;
constexpr std::size_t over_count = 4;

constexpr fb::rounding library_modes[mode_count] = {
    fb::rounding::nearest_even,    fb::rounding::nearest_away,    fb::rounding::toward_zero,
    fb::rounding::toward_positive, fb::rounding::toward_negative, fb::rounding::to_odd,
    fb::rounding::stochastic,      fb::rounding::stochastic_a,    fb::rounding::stochastic_b};
constexpr fb::overflow library_overs[over_count] = {fb::overflow::ieee, fb::overflow::saturate,
                                                    fb::overflow::propagate,
                                                    fb::overflow::infinity_or_largest};

using from_double = u64 (*)(double, std::uint32_t);

/// The conversions to one format. Combinations that are not instantiated are null.
struct target {
  const oracle::reference* format;
  from_double any[mode_count][over_count];
  u64 (*from_float)(float);
  u64 (*from_float_saturating)(float);
};

template <class To, fb::cast_policy Policy>
u64 convert_double(double value, std::uint32_t random) {
  if constexpr (fb::is_stochastic(Policy.round)) {
    return fb::convert<To, Policy>(value, random).bits();
  } else {
    return fb::convert<To, Policy>(value).bits();
  }
}

/// Which policies are instantiated: everything for formats that differ in their special codes, else
/// one row and the interesting columns, to save compile time.
constexpr bool is_instantiated(bool all, std::size_t round, std::size_t beyond) {
  return all || (beyond == 0 && round <= 6) || round == 0 ||
         (beyond == 3 && round >= 2 && round <= 5);
}

template <class To, bool All, std::size_t... Index>
target make_target(const oracle::reference& format, std::index_sequence<Index...>) {
  target row{&format, {}, nullptr, nullptr};
  const auto fill = [&row](auto index) {
    constexpr std::size_t round = index / over_count, beyond = index % over_count;
    if constexpr (is_instantiated(All, round, beyond))
      row.any[round][beyond] =
          convert_double<To, fb::cast_policy{library_modes[round], library_overs[beyond]}>;
  };
  (fill(std::integral_constant<std::size_t, Index>{}), ...);
  row.from_float = [](float x) -> u64 { return fb::convert<To>(x).bits(); };
  row.from_float_saturating = [](float x) -> u64 {
    return fb::convert<To, fb::saturating>(x).bits();
  };
  return row;
}

template <class To, bool All = true>
target make_target(const oracle::reference& format) {
  return make_target<To, All>(format, std::make_index_sequence<mode_count * over_count>{});
}

const std::vector<target>& targets() {
  static const std::vector<target> rows = [] {
    std::vector<target> made;
    typed::for_each_float([&made](auto type, const char* name) {
      using To = typename decltype(type)::type;
      constexpr bool all = std::is_same_v<To, fb::fp16> || std::is_same_v<To, fb::fp8_e4m3> ||
                           std::is_same_v<To, fb::fp8_e4m3fnuz> ||

                           std::is_same_v<To, fb::scale_e8m0> ||
                           std::is_same_v<To, fb::scale_ue4m3>;
      made.push_back(make_target<To, all>(oracle::of(name)));
    });
    return made;
  }();
  return rows;
}

bool is_listed(const target& row) { return !row.format->points().empty(); }

/// Random bits that sit at the ends, in the middle and anywhere.
std::uint32_t random_bits(u64 index) {
  constexpr std::uint32_t ends[] = {0, 0xffffffffU, 0x80000000U, 0x7fffffffU, 1};
  if (index % 8 < 5) return ends[index % 8];
  u64 x = index * 0x9e3779b97f4a7c15U;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9U;
  return static_cast<std::uint32_t>(x >> 32);
}

std::string text_of(double value, const oracle::policy& how, std::uint32_t random) {
  char text[128];
  std::snprintf(text, sizeof text, "%.17g [%a] (%s, random 0x%x)", value, value,
                compare::to_string(how).c_str(), static_cast<unsigned>(random));
  return text;
}

/// One input under every policy.
void check_policies(checker& check, const target& to, double value) {
  static u64 counter = 0;
  const oracle::number x = oracle::exact(value);
  const bool between = x.is_finite() && !x.is_zero();
  const oracle::neighbours n = between ? to.format->find(x) : oracle::neighbours{};
  for (std::size_t round = 0; round < mode_count; ++round) {
    for (std::size_t beyond = 0; beyond < over_count; ++beyond) {
      const from_double convert = to.any[round][beyond];
      if (convert == nullptr) continue;
      const oracle::policy how{static_cast<mode>(round), static_cast<over>(beyond)};
      std::uint32_t random = random_bits(++counter);
      if (round >= 6 && between && counter % 2 != 0 && !n.none_below && !n.beyond) {
        // A word at which the decision turns, or the one before.
        const u64 least = to.format->least_word_up(x, n, how.round) - (counter / 2) % 2;
        random = static_cast<std::uint32_t>(std::min(least, u64{0xffffffff}));
      }
      const u64 want = between ? to.format->encode_between(x, n, how, random)
                               : to.format->encode(x, how, random);
      check.expect(*to.format, convert(value, random), want, x,
                   [&] { return text_of(value, how, random); });
    }
  }
}

/// One input, nearest even, as a double and (if it is one) as a float.
void check_nearest(checker& check, const target& to, double value) {
  const oracle::number x = oracle::exact(value);
  const u64 want = to.format->encode(x);
  const auto describe = [value] { return text_of(value, {}, 0); };
  check.expect(*to.format, to.any[0][0](value, 0), want, x, describe);
  const float narrow = static_cast<float>(value);
  if (oracle::bits_of(static_cast<double>(narrow)) != oracle::bits_of(value)) return;
  check.expect(*to.format, to.from_float(narrow), want, x, describe);
}

double double_of(const oracle::number& x) { return oracle::double_from(oracle::fp64().encode(x)); }

/// `x` and its neighbours among the doubles and among the floats.
std::array<double, 5> around(double x) {
  constexpr double up = std::numeric_limits<double>::infinity();
  constexpr float float_up = std::numeric_limits<float>::infinity();
  const float narrow = static_cast<float>(x);
  return {x, std::nextafter(x, up), std::nextafter(x, -up),
          static_cast<double>(std::nextafter(narrow, float_up)),
          static_cast<double>(std::nextafter(narrow, -float_up))};
}

/// Point i of a format and the midpoint to the next one, as doubles.
std::array<double, 2> point_and_midpoint(const oracle::reference& format, std::size_t index) {
  const oracle::point& low = format.points()[index];
  oracle::point high = low;
  ++high.significand;  // the value after the largest
  if (index + 1 < format.points().size()) high = format.points()[index + 1];
  const oracle::number value = oracle::finite(false, low.significand, low.exponent);
  oracle::number middle =
      oracle::add(value, oracle::finite(false, high.significand, high.exponent));
  middle.exponent -= 1;
  return {double_of(value), double_of(middle)};
}

std::vector<double> special_inputs(const oracle::reference& format) {
  using limits = std::numeric_limits<double>;
  const oracle::point& top = format.largest();
  std::vector<double> inputs = {0.0,
                                limits::denorm_min(),
                                limits::min(),
                                limits::max(),
                                limits::infinity(),
                                static_cast<double>(std::numeric_limits<float>::denorm_min()),
                                static_cast<double>(std::numeric_limits<float>::min()),
                                static_cast<double>(std::numeric_limits<float>::max()),
                                1e-300,
                                1e-30,
                                1e-9,
                                1.0,
                                1e30,
                                1e300};
  // Quiet and signalling NaN with payloads that reach the top bits, the bottom ones, or both.
  for (const u64 payload :
       {u64{1}, u64{0x8000000000000}, u64{0x8000000000001}, u64{0x7ffffffffffff},
        u64{0xfffffffffffff}, u64{0x4000000000000}, u64{0xa5a5a5a5a5a5a}})
    inputs.push_back(oracle::double_from(u64{0x7ff} << 52 | payload));
  // From the largest value to past its double, in eighths of its last place.
  for (u64 eighth = 0; eighth <= 40; ++eighth) {
    if (top.significand >> 48 != 0) break;
    const double x =
        double_of(oracle::finite(false, top.significand * 8 + eighth, top.exponent - 3));
    for (const double near : around(x)) inputs.push_back(near);
    inputs.push_back(
        double_of(oracle::finite(false, top.significand * 2 + eighth / 8, top.exponent)));
  }
  return inputs;
}

TEST(Conversion, RoundsToNearestEvenAtEveryValueAndMidpoint) {
  for (const target& to : targets()) {
    if (!is_listed(to)) continue;
    checker check;
    for (std::size_t i = 0; i < to.format->points().size(); ++i) {
      for (const double x : point_and_midpoint(*to.format, i)) {
        for (const double near : around(x)) {
          check_nearest(check, to, near);
          check_nearest(check, to, -near);
        }
      }
    }
  }
}

TEST(Conversion, FollowsEveryPolicyAtValuesAndMidpoints) {
  for (const target& to : targets()) {
    if (!is_listed(to)) continue;
    checker check;
    // All of a small format; of a large one the ends of the range and a co-prime stride.
    const std::size_t count = to.format->points().size();
    for (std::size_t i = 0; i < count; ++i) {
      if (count > 1000 && i > 20 && i + 20 < count && i % 149 != 0) continue;
      for (const double x : point_and_midpoint(*to.format, i)) {
        for (const double near : around(x)) {
          check_policies(check, to, near);
          check_policies(check, to, -near);
        }
        // Fractions that only the stochastic modes tell apart.
        const double quarter = x + (x - std::nextafter(x, 0.0)) * 3;
        check_policies(check, to, quarter);
        check_policies(check, to, x * 1.0009765625);
        check_policies(check, to, x * -1.03);
      }
    }
  }
}

TEST(Conversion, FollowsEveryPolicyForSpecialInputs) {
  for (const target& to : targets()) {
    checker check;
    for (const double x : special_inputs(*to.format)) {
      check_policies(check, to, x);
      check_policies(check, to, -x);
    }
  }
}

// Wide formats are not listed: random values, midpoints and near ones, subnormal results included.
TEST(Conversion, FollowsEveryPolicyIntoWideFormats) {
  for (const target& to : targets()) {
    if (is_listed(to)) continue;
    checker check;
    const int mantissa_bits = to.format->description().mantissa_bits;
    u64 state = 1;
    for (int i = 0; i < 3000; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      // An exponent of the range, a little more at each end, and a mantissa cut after the midpoint.
      const u64 exponent = mantissa_bits == 52 ? state >> 53 : 1023 - 160 + (state >> 40) % 300;
      const u64 kept = ~u64{0} << (52 - std::min(mantissa_bits + 1 + i % 3, 52));
      const double x = oracle::double_from((exponent << 52 | (state & 0xfffffffffffffU)) & kept);
      for (const double near : around(x)) {
        check_policies(check, to, near);
        check_policies(check, to, -near);
      }
      check_policies(check, to, oracle::double_from(state));
    }
  }
}

TEST(Conversion, FromFloatOverACoprimeStride) {
  for (const target& to : targets()) {
    checker check;
    for (u64 bits = 0; bits < u64{1} << 32; bits += 104729) {
      const float value = oracle::float_from(static_cast<std::uint32_t>(bits));
      const oracle::number x = oracle::exact(value);
      const auto describe = [bits] { return "float with bits " + std::to_string(bits); };
      check.expect(*to.format, to.from_float(value), to.format->encode(x), x, describe);
      check.expect(*to.format, to.from_float_saturating(value),
                   to.format->encode(x, {mode::nearest_even, over::saturate}), x, describe);
    }
  }
}

// The property that makes training with stochastic rounding work: over all random words, the share
// of results above is the fraction, exactly. Eight bits of fraction need only 256 words.
TEST(Conversion, StochasticRoundingIsExactOnAverage) {
  for (const std::size_t round : {std::size_t{6}, std::size_t{7}, std::size_t{8}}) {
    for (const target& to : targets()) {
      if (!is_listed(to) || to.format->points().size() > 300 || !to.format->has_zero()) continue;
      if (to.any[round][0] == nullptr) continue;
      checker check;
      for (std::size_t i = 0; i + 1 < to.format->points().size(); i += 3) {
        const oracle::point low = to.format->points()[i], high = to.format->points()[i + 1];
        for (u64 fraction = 0; fraction < 256; fraction += 17) {
          const int step = std::min(low.exponent, high.exponent);
          const u64 at = low.significand << (low.exponent - step);
          const u64 gap = (high.significand << (high.exponent - step)) - at;
          const double x = double_of(oracle::finite(false, at * 256 + gap * fraction, step - 8));
          u64 above = 0;
          for (u64 word = 0; word < 256; ++word)
            above += to.any[round][0](x, static_cast<std::uint32_t>(word << 24)) == high.code;
          check.expect(above == fraction, [&] {
            return std::string(to.format->name()) + ": " + std::to_string(above) +
                   " of 256 went up, not " + std::to_string(fraction);
          });
        }
      }
    }
  }
}

// Fractions of a step that are an odd multiple of 2^-33, where rule C rounds half to even, and the
// doubles next to them, which differ far below the 64 bits that a shift can keep.
TEST(Conversion, StochasticRoundingTellsTiesOfTheRandomWordApart) {
  for (const target& to : targets()) {
    if (!is_listed(to) || !to.format->has_zero()) continue;
    checker check;
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}, to.format->points().size() / 2}) {
      const oracle::point low = to.format->points()[i], high = to.format->points()[i + 1];
      const oracle::number start = oracle::finite(false, low.significand, low.exponent);
      const int step = std::min(low.exponent, high.exponent);
      const u64 gap =
          (high.significand << (high.exponent - step)) - (low.significand << (low.exponent - step));
      for (const u64 odd : {1U, 3U, 5U, 7U, 1025U, 99999U, 99997U, 0xffffffffU, 0xfffffffdU}) {
        const double x = double_of(oracle::add(start, oracle::finite(false, gap * odd, step - 33)));
        for (const double near : {x, std::nextafter(x, 0.0), std::nextafter(x, 2 * x)}) {
          const oracle::number exact = oracle::exact(near);
          const oracle::neighbours n = to.format->find(exact);
          for (const mode round : {mode::stochastic_c, mode::stochastic_a, mode::stochastic_b}) {
            const from_double convert = to.any[static_cast<std::size_t>(round)][0];
            if (convert == nullptr) continue;
            const u64 least = to.format->least_word_up(exact, n, round);
            for (const u64 word : {least - 1, least, least + 1}) {
              const auto random = static_cast<std::uint32_t>(word);
              const oracle::policy how{round, over::ieee};
              check.expect(*to.format, convert(near, random),
                           to.format->encode_between(exact, n, how, random), exact,
                           [&] { return text_of(near, how, random); });
            }
          }
        }
      }
    }
  }
}

/// A part of the above that touches every kind of result.
void check_some_of_everything() {
  for (const target& to : targets()) {
    if (!is_listed(to)) continue;
    checker check;
    std::vector<double> inputs = special_inputs(*to.format);
    const std::size_t count = to.format->points().size();
    for (std::size_t i = 0; i < count; i += 1 + count / 60)
      for (const double x : point_and_midpoint(*to.format, i))
        for (const double near : around(x)) inputs.push_back(near);
    for (const double x : inputs) {
      check_nearest(check, to, x);
      check_policies(check, to, -x);
    }
  }
}

TEST(Conversion, DoesNotDependOnTheRoundingDirection) {
  for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    const environment::rounding_direction hostile(direction);
    check_some_of_everything();
  }
}

TEST(Conversion, DoesNotDependOnFlushingSubnormals) {
  const environment::flush_to_zero hostile;
  check_some_of_everything();
}

// Vectors that other libraries get wrong, by name. ----------------------------------------------

TEST(Conversion, RoundsDoublesOnceWhereGoingThroughFloatRoundsTwice) {
  constexpr double tiny = 0x1p-40;
  static_assert(fb::fp8_e4m3{1.0625 + tiny}.bits() == 0x39);
  static_assert(fb::bf16{1 + 0x1p-8 + tiny}.bits() == 0x3f81);
  static_assert(fb::fp16{1 + 0x1p-11 + tiny}.bits() == 0x3c01);
  static_assert(fb::fp8_e5m2{1.125f + 0x1p-13f} == 1.25f);
  static_assert(fb::bf16{33685505}.bits() == 0x4c01);
  static_assert(fb::bf16{33023}.bits() == 0x4701);
  static_assert(fb::tf32{1.00048828125f} == 1.0f, "a tie goes to even, not away");
  volatile double half = 1 + 0x1p-11;
  EXPECT_EQ(fb::fp16{half}.bits(), 0x3c00);
  EXPECT_EQ(fb::fp16{half + tiny}.bits(), 0x3c01);
}

TEST(Conversion, OverflowsWhereTheSpecificationsSay) {
  constexpr fb::cast_policy propagate{.over = fb::overflow::propagate};
  constexpr fb::cast_policy largest{.over = fb::overflow::infinity_or_largest};
  constexpr double inf = std::numeric_limits<double>::infinity();
  struct row {
    double input;
    unsigned ieee, saturate, propagate, largest;
  };
  const auto check = [&]<class To>(typed::tag<To>, std::initializer_list<row> rows) {
    for (const row& r : rows) {
      SCOPED_TRACE(r.input);
      EXPECT_EQ(fb::convert<To>(r.input).bits(), r.ieee);
      EXPECT_EQ((fb::convert<To, fb::saturating>(r.input).bits()), r.saturate);
      EXPECT_EQ((fb::convert<To, propagate>(r.input).bits()), r.propagate);
      EXPECT_EQ((fb::convert<To, largest>(r.input).bits()), r.largest);
    }
  };
  check(typed::tag<fb::fp8_e4m3>{}, {{448, 0x7e, 0x7e, 0x7e, 0x7e},
                                     {464, 0x7e, 0x7e, 0x7e, 0x7e},
                                     {464 + 1e-7, 0x7f, 0x7e, 0x7e, 0x7e},
                                     {465, 0x7f, 0x7e, 0x7e, 0x7e},
                                     {inf, 0x7f, 0x7e, 0x7f, 0x7e},
                                     {-inf, 0xff, 0xfe, 0xff, 0xfe}});
  check(typed::tag<fb::fp8_e5m2>{}, {{61439, 0x7b, 0x7b, 0x7b, 0x7b},
                                     {61440, 0x7c, 0x7b, 0x7b, 0x7c},
                                     {inf, 0x7c, 0x7b, 0x7c, 0x7c},
                                     {-inf, 0xfc, 0xfb, 0xfc, 0xfc}});
  check(typed::tag<fb::fp8_e4m3fnuz>{}, {{247.9, 0x7f, 0x7f, 0x7f, 0x7f},
                                         {248, 0x80, 0x7f, 0x7f, 0x7f},
                                         {-0.0, 0, 0, 0, 0},
                                         {-1e-9, 0, 0, 0, 0},
                                         {-inf, 0x80, 0xff, 0x80, 0xff}});
  check(typed::tag<fb::fp8_e5m2fnuz>{}, {{-0.0, 0, 0, 0, 0}, {61440, 0x80, 0x7f, 0x7f, 0x7f}});
  check(typed::tag<fb::fp8_e4m3b11fnuz>{},
        {{30.9, 0x7f, 0x7f, 0x7f, 0x7f}, {31, 0x80, 0x7f, 0x7f, 0x7f}});
  check(typed::tag<fb::fp8_e4m3_ieee>{}, {{248, 0x78, 0x77, 0x77, 0x78}});
  check(typed::tag<fb::fp8_e3m4>{}, {{15.75, 0x70, 0x6f, 0x6f, 0x70}});
  check(typed::tag<fb::fp16>{},
        {{65519.99, 0x7bff, 0x7bff, 0x7bff, 0x7bff}, {65520, 0x7c00, 0x7bff, 0x7bff, 0x7c00}});
  check(typed::tag<fb::fp16_alt>{},
        {{1e9, 0x7fff, 0x7fff, 0x7fff, 0x7fff}, {-inf, 0xffff, 0xffff, 0xffff, 0xffff}});
  check(typed::tag<fb::bf16>{}, {{511 * 0x1p119, 0x7f80, 0x7f7f, 0x7f7f, 0x7f80}});
  check(typed::tag<fb::fp6_e3m2>{},
        {{inf, 0x1f, 0x1f, 0x1f, 0x1f}, {-100, 0x3f, 0x3f, 0x3f, 0x3f}});
  check(typed::tag<fb::fp4_e2m1>{}, {{inf, 7, 7, 7, 7}, {-6.5, 0xf, 0xf, 0xf, 0xf}});
  // P3109 Binary8p4sf has the codes of fp8_e4m3fnuz: 300 is 240, not NaN, under SatNone.
  static_assert(fb::convert<fb::fp8_e4m3fnuz, largest>(300).bits() == 0x7f);
}

TEST(Conversion, BreaksTiesAsEachModeSays) {
  constexpr fb::cast_policy away{.round = fb::rounding::nearest_away};
  const double inputs[] = {.25, .75, 1.25, 1.75, 2.5, 3.5, 5, 5.5};
  const double even[] = {0, 1, 1, 2, 2, 4, 4, 6};
  const double far[] = {.5, 1, 1.5, 2, 3, 4, 6, 6};
  for (std::size_t i = 0; i < std::size(inputs); ++i) {
    EXPECT_EQ(fb::fp4_e2m1{inputs[i]}, even[i]);
    EXPECT_EQ((fb::convert<fb::fp4_e2m1, away>(inputs[i])), far[i]);
  }
}

TEST(Conversion, PowersOfTwoTieByCodeParity) {
  using e8m0 = fb::scale_e8m0;
  constexpr fb::cast_policy up{.round = fb::rounding::toward_positive};
  constexpr fb::cast_policy propagate{.over = fb::overflow::propagate};
  static_assert(e8m0{1.25}.bits() == 0x7f);
  static_assert(e8m0{1.45}.bits() == 0x7f, "nearest is linear, not on the logarithm");
  static_assert(e8m0{1.5}.bits() == 0x80);
  static_assert(e8m0{3.0}.bits() == 0x80);
  static_assert(fb::convert<e8m0, up>(3.0).bits() == 0x81);
  static_assert(fb::convert<e8m0, up>(1.25).bits() == 0x80);
  static_assert(fb::convert<e8m0, fb::truncating>(3.0).bits() == 0x80);
  static_assert(e8m0{0.0}.bits() == 0 && e8m0{-0.0}.bits() == 0);
  static_assert(e8m0{-1.5}.bits() == 0xff);
  static_assert(fb::convert<e8m0, fb::saturating>(-1.5).bits() == 0);
  static_assert(fb::convert<e8m0, propagate>(-1.5).bits() == 0);
  static_assert(e8m0{0x1.8p127}.bits() == 0xfe, "254 is even");
  static_assert(e8m0{0x1.9p127}.bits() == 0xff);
  static_assert(fb::convert<e8m0, fb::saturating>(0x1.9p127).bits() == 0xfe);
  static_assert(fb::convert<e8m0, fb::truncating>(0x1.9p127).bits() == 0xfe);
  static_assert(e8m0{0x1p-140}.bits() == 0);
  static_assert(e8m0{std::numeric_limits<float>::infinity()}.bits() == 0xff);
  static_assert(e8m0{std::numeric_limits<float>::quiet_NaN()}.bits() == 0xff);
  EXPECT_EQ(fb::fp4_e3m0{0.125}.bits(), 0) << "half of the smallest value ties to zero";
  EXPECT_EQ(fb::fp4_e3m0{0.375}.bits(), 2) << "between codes 1 and 2";
  EXPECT_EQ(fb::fp4_e3m0{0.75}.bits(), 2) << "between codes 2 and 3";
}

TEST(Conversion, KeepsNanWithSignAndTruncatedPayload) {
  const auto float_nan = [](std::uint32_t bits) { return oracle::float_from(bits); };
  const float positive = float_nan(0x7fc00000), negative = float_nan(0xffc00000);
  EXPECT_EQ(fb::fp8_e4m3{positive}.bits(), 0x7f);
  EXPECT_EQ(fb::fp8_e4m3{negative}.bits(), 0xff);
  EXPECT_EQ(fb::fp8_e5m2{positive}.bits(), 0x7e);
  EXPECT_EQ(fb::fp8_e5m2{negative}.bits(), 0xfe);
  EXPECT_EQ(fb::fp8_e4m3_ieee{positive}.bits(), 0x7c);
  EXPECT_EQ(fb::fp8_e4m3fnuz{negative}.bits(), 0x80);
  EXPECT_EQ(fb::fp4_e2m1{positive}.bits(), 0x7);
  EXPECT_EQ(fb::fp4_e2m1{negative}.bits(), 0xf);
  EXPECT_EQ(fb::fp6_e2m3{negative}.bits(), 0x3f);
  EXPECT_EQ(fb::fp16{positive}.bits(), 0x7e00);
  EXPECT_EQ(fb::bf16{float_nan(0x7fffffff)}.bits(), 0x7fff) << "must not wrap to -0";
  EXPECT_EQ(fb::bf16{float_nan(0x7f800001)}.bits(), 0x7fc0) << "must not become infinity";
  EXPECT_EQ(fb::bf16{float_nan(0xffa50000)}.bits(), 0xffe5) << "signalling becomes quiet";
  EXPECT_EQ(oracle::bits_of(fb::convert<float>(fb::fp16::from_bits(0x7c01))), 0x7fc02000U);
}

}  // namespace
