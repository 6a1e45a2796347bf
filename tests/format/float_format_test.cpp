// SPDX-License-Identifier: MIT
// What follows from a descriptor, against the specifications' numbers and against brute force.
#include <fewbits/format.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "support/oracle.hpp"

namespace {

namespace fb = fewbits;
namespace formats = fewbits::formats;
using fb::float_format;
using u64 = std::uint64_t;

const std::vector<oracle::reference>& references() {
  static const std::vector<oracle::reference> all = [] {
    std::vector<oracle::reference> rows;
    for (const fb::named_format& row : fb::named_formats) rows.push_back(oracle::of(row.name));
    return rows;
  }();
  return all;
}

bool is_value(const oracle::number& x, u64 significand, int exponent) {
  return x.is_finite() && !x.negative && compare_magnitude(x, significand, exponent) == 0;
}

TEST(FloatFormat, TableHasTheRowsOfTheSpecifications) {
  ASSERT_EQ(std::size(fb::named_formats), oracle::named().size());
  for (std::size_t i = 0; i < references().size(); ++i) {
    const fb::named_format& row = fb::named_formats[i];
    const oracle::format& want = references()[i].description();
    SCOPED_TRACE(want.name);
    EXPECT_EQ(row.name, want.name);
    EXPECT_EQ(fb::name_of(row.format), want.name);
    EXPECT_EQ(row.format.exponent_bits, want.exponent_bits);
    EXPECT_EQ(row.format.mantissa_bits, want.mantissa_bits);
    EXPECT_EQ(row.format.bias, want.bias);
    EXPECT_EQ(row.format.is_signed, want.is_signed);
    EXPECT_EQ(row.format.has_subnormals, want.has_subnormals);
    EXPECT_EQ(row.format.bits(), want.width());
    EXPECT_EQ(row.format.has_infinity(), want.inf != oracle::infinities::none);
    EXPECT_EQ(row.format.has_nan(), want.nan != oracle::nans::none);
    EXPECT_TRUE(row.format.is_supported());
    EXPECT_STRNE(row.specification, "");
  }
  EXPECT_STREQ(fb::name_of(formats::ieee(6, 9)), "unnamed");
}

/// Checks everything a descriptor says about codes and values against the enumerated values.
void check_derived(const float_format& f, const oracle::reference& reference) {
  const oracle::format& want = reference.description();
  SCOPED_TRACE(want.name);
  const oracle::point& top = reference.largest();
  EXPECT_EQ(f.max_finite_code(), top.code);
  EXPECT_EQ(f.max_exponent(), 63 - __builtin_clzll(top.significand) + top.exponent);
  EXPECT_EQ(f.precision(), want.mantissa_bits + 1);
  EXPECT_EQ(f.sign_mask(), want.sign());
  EXPECT_EQ(f.magnitude_mask(), want.top());
  EXPECT_EQ(f.magnitude_mask() & ~f.mantissa_mask(), want.all_ones_exponent());

  const auto positive = [&](u64 code) { return reference.decode(code); };
  EXPECT_EQ(f.has_zero(), positive(0).is_zero());
  if (f.min_normal_code() <= f.max_finite_code()) {
    EXPECT_TRUE(is_value(positive(f.min_normal_code()), 1, f.min_exponent()));
  }
  if (f.max_finite_code() > 0) {
    EXPECT_TRUE(is_value(positive(f.min_positive_code()), 1, f.min_positive_exponent()));
  }
  EXPECT_EQ(f.min_positive_code(), positive(0).is_zero() ? 1U : 0U);
  if (f.has_infinity()) {
    EXPECT_TRUE(positive(f.infinity_code()).is_infinity());
    EXPECT_FALSE(positive(f.infinity_code()).negative);
  }
  if (f.has_nan()) {
    const oracle::number nan = reference.decode(f.nan_code());
    EXPECT_TRUE(nan.is_nan());
    EXPECT_FALSE(nan.negative);
    EXPECT_EQ(nan.payload, oracle::quiet_bit) << "the canonical NaN is quiet, without payload";
  }
  EXPECT_EQ(f.has_negative_zero(), f.is_signed && reference.decode(want.sign()).is_zero());

  if (f.bits() > 16) return;
  bool multiples = true, found_infinity = false, found_nan = false;
  for (u64 code = 0; code < reference.code_count(); ++code) {
    const oracle::number x = reference.decode(code);
    found_infinity |= x.is_infinity();
    found_nan |= x.is_nan();
    if (x.is_finite() && !x.is_zero())
      multiples &= x.exponent + __builtin_ctzll(x.numerator.to_u64()) >= f.quantum_exponent();
  }
  EXPECT_TRUE(multiples) << "of 2^quantum_exponent()";
  EXPECT_EQ(found_infinity, f.has_infinity());
  EXPECT_EQ(found_nan, f.has_nan());
}

TEST(FloatFormat, DerivesCodesAndExponentsFromTheFields) {
  for (std::size_t i = 0; i < references().size(); ++i)
    check_derived(fb::named_formats[i].format, references()[i]);
}

TEST(FloatFormat, HasThePublishedLimits) {
  struct row {
    const char* name;
    float_format format;
    u64 max_code, max_significand;
    int max_exponent, min_normal, min_positive;
  };
  const row rows[] = {
      {"fp64", formats::fp64, 0x7fefffffffffffff, (u64{1} << 53) - 1, 971, -1022, -1074},
      {"fp32", formats::fp32, 0x7f7fffff, (1U << 24) - 1, 104, -126, -149},
      {"tf32", formats::tf32, 0x3fbff, 2047, 117, -126, -136},
      {"fp24", formats::fp24, 0x7f7fff, 65535, 112, -126, -141},
      {"fp16", formats::fp16, 0x7bff, 65504, 0, -14, -24},
      {"fp16_alt", formats::fp16_alt, 0x7fff, 131008, 0, -14, -24},
      {"bf16", formats::bf16, 0x7f7f, 255, 120, -126, -133},
      {"fp8_e4m3", formats::fp8_e4m3, 0x7e, 448, 0, -6, -9},
      {"fp8_e5m2", formats::fp8_e5m2, 0x7b, 57344, 0, -14, -16},
      {"fp8_e4m3fnuz", formats::fp8_e4m3fnuz, 0x7f, 240, 0, -7, -10},
      {"fp8_e5m2fnuz", formats::fp8_e5m2fnuz, 0x7f, 57344, 0, -15, -17},
      {"fp8_e4m3b11fnuz", formats::fp8_e4m3b11fnuz, 0x7f, 30, 0, -10, -13},
      {"fp8_e4m3_ieee", formats::fp8_e4m3_ieee, 0x77, 240, 0, -6, -9},
      {"fp8_e3m4", formats::fp8_e3m4, 0x6f, 31, -1, -2, -6},
      {"fp6_e2m3", formats::fp6_e2m3, 0x1f, 15, -1, 0, -3},
      {"fp6_e3m2", formats::fp6_e3m2, 0x1f, 28, 0, -2, -4},
      {"fp4_e2m1", formats::fp4_e2m1, 0x7, 6, 0, 0, -1},
      {"fp4_e3m0", formats::fp4_e3m0, 0x7, 16, 0, -2, -2},
      {"scale_e8m0", formats::scale_e8m0, 0xfe, 1, 127, -127, -127},
      {"scale_ue4m3", formats::scale_ue4m3, 0x7e, 448, 0, -6, -9},
      {"scale_ue5m3", formats::scale_ue5m3, 0xfe, 114688, 0, -14, -17},
  };
  ASSERT_EQ(std::size(rows), std::size(fb::named_formats));
  for (const row& r : rows) {
    SCOPED_TRACE(r.name);
    EXPECT_EQ(r.format.max_finite_code(), r.max_code);
    EXPECT_TRUE(is_value(oracle::of(r.name).decode(r.max_code), r.max_significand, r.max_exponent));
    EXPECT_EQ(r.format.min_exponent(), r.min_normal);
    EXPECT_EQ(r.format.min_positive_exponent(), r.min_positive);
  }
}

TEST(FloatFormat, PlacesTheSpecialCodes) {
  static_assert(formats::fp16.infinity_code() == 0x7c00 && formats::fp16.nan_code() == 0x7e00);
  static_assert(formats::bf16.nan_code() == 0x7fc0 && formats::fp8_e5m2.nan_code() == 0x7e);
  static_assert(formats::fp8_e4m3.nan_code() == 0x7f);
  static_assert(formats::fp8_e4m3fnuz.nan_code() == 0x80 &&
                formats::fp8_e4m3_ieee.nan_code() == 0x7c);
  static_assert(formats::scale_e8m0.nan_code() == 0xff && formats::scale_ue4m3.nan_code() == 0x7f);
  static_assert(formats::scale_ue5m3.nan_code() == 0xff && formats::scale_ue5m3.sign_mask() == 0);
  static_assert(!formats::scale_e8m0.has_zero() && formats::fp4_e3m0.has_zero());
  static_assert(!formats::fp8_e5m2fnuz.has_negative_zero() &&
                formats::fp4_e2m1.has_negative_zero());
}

// P3109. -----------------------------------------------------------------------------------------

float_format p3109(int k, int p, bool is_signed, bool extended) {
  return formats::p3109(k, p,
                        is_signed ? formats::signedness::with_sign : formats::signedness::no_sign,
                        extended ? formats::domain::extended : formats::domain::finite);
}

TEST(P3109, HasThePublishedLimits) {
  struct row {
    const char* name;
    int bias;
    u64 max_significand;
    int max_exponent, min_normal, min_subnormal;  // 0: no subnormal but zero
  };
  // Report 4.0; the values of its tables.
  const row rows[] = {
      {"8p1uf", 128, 1, 126, -127, 0},
      {"8p1ue", 128, 1, 125, -127, 0},
      {"8p1se", 64, 1, 62, -63, 0},
      {"8p1sf", 64, 1, 63, -63, 0},
      {"8p2se", 32, 1, 31, -31, -32},
      {"8p2sf", 32, 3, 30, -31, -32},
      {"8p3se", 16, 49152, 0, -15, -17},
      {"8p3sf", 16, 57344, 0, -15, -17},
      {"8p4se", 8, 224, 0, -7, -10},
      {"8p4sf", 8, 240, 0, -7, -10},
      {"8p3ue", 32, 5, 29, -31, -33},
      {"8p4ue", 16, 53248, 0, -15, -18},
      {"8p4uf", 16, 57344, 0, -15, -18},
      {"8p5se", 4, 15, 0, -3, -7},
      {"8p5sf", 4, 31, -1, -3, -7},
      {"8p6se", 2, 31, -3, -1, -6},
      {"8p7sf", 1, 127, -6, 0, -6},
      {"4p2se", 2, 2, 0, -1, -2},
      {"4p2sf", 2, 3, 0, -1, -2},
      {"6p3se", 4, 12, 0, -3, -5},
      {"6p3sf", 4, 14, 0, -3, -5},
      {"6p4se", 2, 7, -1, -1, -4},
      {"6p4sf", 2, 15, -2, -1, -4},
      {"16p11se", 16, 65472, 0, -15, -25},
      {"16p8se", 128, 127, 121, -127, -134},
      {"8p8uf", 1, 127, -6, 0, -7},
  };
  for (const row& r : rows) {
    SCOPED_TRACE(r.name);
    const std::string name = r.name;
    const std::size_t p_at = name.find('p');
    const int k = std::stoi(name), p = std::stoi(name.substr(p_at + 1));
    const bool is_signed = name[name.size() - 2] == 's', extended = name.back() == 'e';
    const float_format f = p3109(k, p, is_signed, extended);
    EXPECT_TRUE(f.is_supported());
    EXPECT_EQ(f.bits(), k);
    EXPECT_EQ(f.bias, r.bias);
    EXPECT_EQ(f.min_exponent(), r.min_normal);
    if (p > 1) {
      EXPECT_EQ(f.min_positive_exponent(), r.min_subnormal);
    }
    const oracle::reference reference(oracle::p3109(k, p, is_signed, extended));
    EXPECT_TRUE(is_value(reference.decode(f.max_finite_code()), r.max_significand, r.max_exponent));
    // 1.0, NaN and infinity sit at fixed codes.
    EXPECT_TRUE(is_value(reference.decode(u64{1} << (is_signed ? k - 2 : k - 1)), 1, 0));
    EXPECT_EQ(f.nan_code(), is_signed ? u64{1} << (k - 1) : (u64{1} << k) - 1);
    if (extended) {
      EXPECT_EQ(f.infinity_code(), (u64{1} << (is_signed ? k - 1 : k)) - (is_signed ? 1U : 2U));
    }
  }
}

/// All P3109 formats with K in [3, 8], 120 of them.
std::vector<std::pair<float_format, oracle::format>> small_p3109() {
  std::vector<std::pair<float_format, oracle::format>> all;
  for (int k = 3; k <= 8; ++k) {
    for (const bool is_signed : {true, false}) {
      for (int p = 1; p <= (is_signed ? k - 1 : k); ++p) {
        for (const bool extended : {true, false})
          all.emplace_back(p3109(k, p, is_signed, extended),
                           oracle::p3109(k, p, is_signed, extended));
      }
    }
  }
  return all;
}

TEST(P3109, DerivesCodesAndExponentsFromTheFields) {
  for (const auto& [f, description] : small_p3109()) {
    EXPECT_TRUE(f.is_supported()) << description.name;
    check_derived(f, oracle::reference(description));
  }
}

TEST(P3109, SupportsExactlyTheFormatsWhoseValuesAreDoubles) {
  for (int k = 3; k <= 16; ++k) {
    for (const bool is_signed : {true, false}) {
      for (int p = 1; p <= (is_signed ? k - 1 : k); ++p) {
        for (const bool extended : {true, false}) {
          const oracle::format f = oracle::p3109(k, p, is_signed, extended);
          const oracle::reference reference(f);
          const oracle::point& top = reference.largest();
          const bool fits = top.exponent + 63 - __builtin_clzll(top.significand) <= 1023 &&
                            reference.points()[1].exponent >= -1074;
          EXPECT_EQ(p3109(k, p, is_signed, extended).is_supported(), fits) << f.name;
        }
      }
    }
  }
}

TEST(P3109, SharesCodesWithTwoOtherFormats) {
  static_assert(formats::p3109(8, 4, formats::signedness::with_sign, formats::domain::finite) ==
                formats::fp8_e4m3fnuz);
  static_assert(formats::p3109(8, 3, formats::signedness::with_sign, formats::domain::finite) ==
                formats::fp8_e5m2fnuz);
  static_assert(formats::p3109(8, 4) != formats::fp8_e4m3);
}

// Relations between formats. ---------------------------------------------------------------------

/// A format with the set of its values, in a form that is quick to look up.
struct value_set {
  float_format format;
  std::string name;
  /// Finite magnitudes as (exponent, odd significand); zero is (0, 0).
  std::vector<std::pair<int, u64>> magnitudes;
  bool infinity, nan, negative_zero;
};

value_set make_value_set(const float_format& f, const oracle::format& description) {
  const oracle::reference reference(description);
  value_set set{f, description.name, {}, false, false, false};
  for (u64 code = 0; code < reference.code_count(); ++code) {
    const oracle::number x = reference.decode(code);
    set.infinity |= x.is_infinity();
    set.nan |= x.is_nan();
    set.negative_zero |= x.is_zero() && x.negative;
    if (!x.is_finite() || x.negative) continue;
    const u64 significand = x.numerator.to_u64();
    const int zeros = significand == 0 ? 0 : __builtin_ctzll(significand);
    set.magnitudes.emplace_back(significand == 0 ? 0 : x.exponent + zeros, significand >> zeros);
  }
  std::sort(set.magnitudes.begin(), set.magnitudes.end());
  return set;
}

bool contains(const value_set& g, const value_set& f) {
  // Formats are symmetric in sign, so positive values and the presence of a sign decide.
  if (f.format.is_signed && !g.format.is_signed) return false;
  if ((f.infinity && !g.infinity) || (f.nan && !g.nan) || (f.negative_zero && !g.negative_zero))
    return false;
  return std::includes(g.magnitudes.begin(), g.magnitudes.end(), f.magnitudes.begin(),
                       f.magnitudes.end());
}

oracle::format description_of(const float_format& f, std::string name) {
  const auto inf = f.inf == fb::inf_encoding::none   ? oracle::infinities::none
                   : f.inf == fb::inf_encoding::ieee ? oracle::infinities::ieee
                                                     : oracle::infinities::below_top;
  const auto nan = f.nan == fb::nan_encoding::none       ? oracle::nans::none
                   : f.nan == fb::nan_encoding::ieee     ? oracle::nans::ieee
                   : f.nan == fb::nan_encoding::top_code ? oracle::nans::top
                                                         : oracle::nans::negative_zero;
  return {std::move(name), f.exponent_bits, f.mantissa_bits, f.bias, inf, nan,
          f.is_signed,     f.has_subnormals};
}

std::vector<value_set> small_value_sets() {
  std::vector<value_set> sets;
  for (std::size_t i = 0; i < references().size(); ++i) {
    if (fb::named_formats[i].format.bits() <= 16)
      sets.push_back(make_value_set(fb::named_formats[i].format, references()[i].description()));
  }
  for (const auto& [f, description] : small_p3109()) sets.push_back(make_value_set(f, description));
  const std::pair<const char*, float_format> unusual[] = {
      {"finite(1, 4)", formats::finite(1, 4)},
      {"fn(1, 3)", formats::fn(1, 3)},
      {"ieee(2, 1)", formats::ieee(2, 1)},
      {"ieee(1, 3)", formats::ieee(1, 3)},
      {"fn(4, 3), bias 8", formats::with_bias(formats::fn(4, 3), 8)},
      {"fn(4, 3), bias 6", formats::with_bias(formats::fn(4, 3), 6)},
      {"finite(4, 2), bias 8", formats::with_bias(formats::finite(4, 2), 8)},
      {"finite(5, 1)", formats::finite(5, 1)},
      {"unsigned_fn(4, 4)", formats::unsigned_fn(4, 4)},
      {"scale(4)", formats::scale(4)},
      {"scale(7)", formats::scale(7)},
      {"no zero", {.exponent_bits = 4, .mantissa_bits = 3, .has_subnormals = false}},
      {"no zero, no sign",
       {.exponent_bits = 4,
        .mantissa_bits = 3,
        .inf = fb::inf_encoding::none,
        .nan = fb::nan_encoding::top_code,
        .bias = 5,
        .is_signed = false,
        .has_subnormals = false}},
      {"no NaN",
       {.exponent_bits = 4,
        .mantissa_bits = 3,
        .inf = fb::inf_encoding::top_code,
        .nan = fb::nan_encoding::none}},
      {"top codes",
       {.exponent_bits = 4,
        .mantissa_bits = 3,
        .inf = fb::inf_encoding::top_code,
        .nan = fb::nan_encoding::top_code}},
  };
  for (const auto& [name, f] : unusual) sets.push_back(make_value_set(f, description_of(f, name)));
  return sets;
}

TEST(IsSubset, MeansThatEveryValueIsAValue) {
  const std::vector<value_set> sets = small_value_sets();
  int pairs = 0, refused = 0;
  for (const value_set& f : sets) {
    for (const value_set& g : sets) {
      ++pairs;
      const bool claimed = fb::is_subset(f.format, g.format), truth = contains(g, f);
      if (claimed == truth) continue;
      // Refusing a pair whose largest value is subnormal in one of the formats is allowed.
      const bool exotic = f.format.max_exponent() < f.format.min_exponent() ||
                          g.format.max_exponent() < g.format.min_exponent();
      EXPECT_TRUE(truth && exotic) << f.name << " in " << g.name << ": claimed " << claimed;
      ++refused;
    }
  }
  EXPECT_GT(pairs, 20000);
  EXPECT_LE(refused, 8) << "of " << pairs;
}

TEST(IsSubset, AmongTheNamedFormats) {
  using namespace formats;
  static_assert(is_subset(fp32, fp64) && is_subset(tf32, fp32) && is_subset(fp24, fp32));
  static_assert(is_subset(bf16, tf32) && is_subset(fp16, tf32) && is_subset(fp16_alt, fp32));
  static_assert(!is_subset(bf16, fp16) && !is_subset(fp16, bf16));
  static_assert(is_subset(fp8_e5m2, fp16) && is_subset(fp8_e4m3, fp16) &&
                is_subset(fp8_e4m3, bf16));
  static_assert(!is_subset(fp8_e4m3, fp16_alt), "no NaN");
  static_assert(!is_subset(fp16_alt, fp16) && !is_subset(fp16, fp16_alt));
  static_assert(is_subset(fp4_e2m1, fp6_e2m3) && is_subset(fp4_e2m1, fp8_e4m3));
  static_assert(is_subset(fp6_e2m3, fp8_e4m3) && is_subset(fp6_e3m2, fp8_e5m2));
  static_assert(is_subset(scale_e8m0, bf16) && is_subset(scale_e8m0, fp32), "2^-127 is subnormal");
  static_assert(is_subset(scale_ue4m3, fp8_e4m3) && !is_subset(fp8_e4m3, scale_ue4m3));
  static_assert(!is_subset(fp8_e4m3fnuz, fp8_e4m3) && !is_subset(fp8_e4m3, fp8_e4m3fnuz));
  for (const fb::named_format& row : fb::named_formats) {
    EXPECT_TRUE(is_subset(row.format, row.format)) << row.name;
    EXPECT_TRUE(is_subset(row.format, fp64)) << row.name;
  }
}

/// The smallest exponent and the significant bits of significand * 2^exponent.
struct extent {
  int low, high;  // bits low..high, low <= high
};
extent extent_of(u64 significand, int exponent) {
  return {exponent + __builtin_ctzll(significand), exponent + 63 - __builtin_clzll(significand)};
}

/// Whether the magnitude is a normal number of an IEEE-like format.
bool is_normal_value(const float_format& wide, const extent& x) {
  return x.high - x.low < wide.precision() && x.low >= wide.quantum_exponent() &&
         x.high >= wide.min_exponent() && x.high <= wide.max_exponent();
}

const float_format compute_formats[] = {formats::fp16, formats::bf16, formats::fp32, formats::fp64};

TEST(IsProductExact, HoldsForEveryProduct) {
  const std::vector<value_set> sets = small_value_sets();
  int claims = 0;
  for (const value_set& f : sets) {
    for (const value_set& g : sets) {
      // All pairs of named formats, and each other format with itself.
      const bool is_named = std::string(fb::name_of(f.format)) != "unnamed" &&
                            std::string(fb::name_of(g.format)) != "unnamed";
      if (f.magnitudes.size() > 300 || g.magnitudes.size() > 300 || (!is_named && &f != &g))
        continue;
      for (const float_format& wide : compute_formats) {
        bool truth = true;
        for (const auto& [e, s] : f.magnitudes) {
          for (const auto& [d, t] : g.magnitudes)
            truth &= s == 0 || t == 0 || is_normal_value(wide, extent_of(s * t, e + d));
        }
        const bool claimed = is_product_exact(f.format, g.format, wide);
        if (claimed) ++claims;
        EXPECT_TRUE(truth || !claimed) << f.name << " * " << g.name << " in " << fb::name_of(wide);
        // For full normal binades with a mantissa it is exactly the truth.
        if (is_named && f.format.mantissa_bits > 0 && g.format.mantissa_bits > 0) {
          EXPECT_EQ(claimed, truth) << f.name << " * " << g.name << " in " << fb::name_of(wide);
        }
      }
    }
  }
  EXPECT_GT(claims, 100);
}

TEST(IsSumExact, HoldsForEverySum) {
  const std::vector<value_set> sets = small_value_sets();
  int claims = 0;
  for (const value_set& f : sets) {
    for (const value_set& g : sets) {
      const bool is_named = std::string(fb::name_of(f.format)) != "unnamed" &&
                            std::string(fb::name_of(g.format)) != "unnamed";
      if (f.magnitudes.size() > 300 || g.magnitudes.size() > 300 || (!is_named && &f != &g))
        continue;
      const int low = std::min(f.format.quantum_exponent(), g.format.quantum_exponent());
      const int high = std::max(f.format.max_exponent(), g.format.max_exponent());
      for (const float_format& wide : compute_formats) {
        const bool claimed = is_sum_exact(f.format, g.format, wide);
        if (claimed) ++claims;
        if (high - low > 60) {
          // 2^high + 2^low needs more bits than a double has.
          EXPECT_FALSE(claimed) << f.name << " + " << g.name;
          continue;
        }
        bool truth = true;
        for (const auto& [e, s] : f.magnitudes) {
          for (const auto& [d, t] : g.magnitudes) {
            const u64 a = s == 0 ? 0 : s << (e - low), b = t == 0 ? 0 : t << (d - low);
            const u64 sum = a + b, difference = a > b ? a - b : b - a;
            truth &= sum == 0 || is_normal_value(wide, extent_of(sum, low));
            truth &= difference == 0 || is_normal_value(wide, extent_of(difference, low));
          }
        }
        EXPECT_TRUE(truth || !claimed) << f.name << " + " << g.name << " in " << fb::name_of(wide);
      }
    }
  }
  EXPECT_GT(claims, 100);
}

TEST(FloatFormat, RejectsWhatADoubleCannotHold) {
  static_assert(!formats::ieee(15, 16).is_supported());
  static_assert(!formats::ieee(11, 53).is_supported());
  static_assert(!formats::ieee(12, 20).is_supported());
  static_assert(!formats::with_bias(formats::finite(4, 3), 1100).is_supported());
  static_assert(formats::with_bias(formats::finite(4, 3), 1000).is_supported());
  // The other codes of infinity's binade would have no meaning.
  EXPECT_FALSE((float_format{.exponent_bits = 4, .mantissa_bits = 3, .nan = fb::nan_encoding::none}
                    .is_supported()));
  static_assert(!formats::ieee(5, 0).is_supported(), "an IEEE NaN needs a mantissa bit");
  static_assert(!float_format{.exponent_bits = 4, .mantissa_bits = 3, .inf = fb::inf_encoding::none}
                     .is_supported());
  static_assert(!float_format{.exponent_bits = 0, .mantissa_bits = 3, .bias = 0}.is_supported());
}

}  // namespace
