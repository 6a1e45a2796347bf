// SPDX-License-Identifier: MIT
// Conversion between any two formats, from and to integers, and to user-defined formats.
#include <fewbits/value.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
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

using on_codes = u64 (*)(u64);

template <class From, class To>
u64 convert_code(u64 code) {
  return static_cast<To>(from_code<From>(code)).bits();
}

/// Conversions from one format to all named ones, in the order of the table.
struct source {
  const oracle::reference* format;
  std::vector<on_codes> to;
  std::vector<const oracle::reference*> targets;
  double (*to_double)(u64);
  float (*to_float)(u64);
};

template <class From, class... To>
std::vector<on_codes> all_targets(typed::type_list<To...>) {
  return {convert_code<From, To>...};
}

const std::vector<source>& sources() {
  static const std::vector<source> rows = [] {
    std::vector<source> made;
    std::vector<const oracle::reference*> targets;
    typed::for_each_float(
        [&targets](auto, const char* name) { targets.push_back(&oracle::of(name)); });
    typed::for_each_float([&](auto type, const char* name) {
      using From = typename decltype(type)::type;
      made.push_back({&oracle::of(name), all_targets<From>(typed::float_types{}), targets,
                      [](u64 code) { return static_cast<double>(from_code<From>(code)); },
                      [](u64 code) { return static_cast<float>(from_code<From>(code)); }});
    });
    return made;
  }();
  return rows;
}

/// verb(code): every code of a format up to 16 bits, else every value of every narrower format that
/// it contains, midpoints between them, specials and a stride.
template <class Verb>
void for_many_codes(const oracle::reference& format, Verb&& verb) {
  const int width = format.description().width();
  if (width <= 16) {
    for (u64 code = 0; code < format.code_count(); ++code) verb(code);
    return;
  }
  const u64 mask = format.description().top() | format.description().sign();
  const u64 stride = (mask / 20011) | 1;
  u64 code = 0;
  for (int i = 0; i < 20011; ++i, code += stride) {
    verb(code & mask);
    // Few significant bits: representable in narrower formats, or a tie there, or next to one.
    const int kept = i % 12 % (format.description().mantissa_bits + 1);
    const u64 cut = code & mask & ~u64{0} << (format.description().mantissa_bits - kept);
    verb(cut);
    verb((cut + 1) & mask);
    verb((cut - 1) & mask);
  }
  for (u64 end = 0; end < 8; ++end) {
    verb(end);
    verb((format.largest().code - 2 + end) & mask);
    verb(mask - end);
  }
}

TEST(ConversionBetweenFormats, RoundsEveryCodeToNearestEven) {
  for (const source& from : sources()) {
    for (std::size_t i = 0; i < from.to.size(); ++i) {
      const oracle::reference& to = *from.targets[i];
      const bool same = &to == from.format;
      checker check;
      for_many_codes(*from.format, [&](u64 code) {
        const oracle::number x = from.format->decode(code);
        // A number of the same format is taken bit for bit, signalling NaN included.
        const u64 want = same ? code : to.encode(x);
        check.expect(to, from.to[i](code), want, x, [&] { return from.format->name_and(code); });
      });
    }
  }
}

TEST(ConversionBetweenFormats, DecodesEveryCodeToFloatAndDouble) {
  for (const source& from : sources()) {
    const bool is_fp32 = &oracle::fp32() == from.format, is_fp64 = &oracle::fp64() == from.format;
    checker check;
    for_many_codes(*from.format, [&](u64 code) {
      const oracle::number x = from.format->decode(code);
      const auto describe = [&] { return from.format->name_and(code); };
      check.expect(oracle::fp64(), oracle::bits_of(from.to_double(code)),
                   is_fp64 ? code : oracle::fp64().encode(x), x, describe);
      check.expect(oracle::fp32(), oracle::bits_of(from.to_float(code)),
                   is_fp32 ? code : oracle::fp32().encode(x), x, describe);
    });
  }
}

TEST(ConversionBetweenFormats, RoundTripsThroughEveryWiderFormat) {
  for (std::size_t i = 0; i < sources().size(); ++i) {
    const source& narrow = sources()[i];
    if (narrow.format->description().width() > 16) continue;
    for (std::size_t j = 0; j < sources().size(); ++j) {
      if (!fb::is_subset(fb::named_formats[i].format, fb::named_formats[j].format)) continue;
      checker check;
      for (u64 code = 0; code < narrow.format->code_count(); ++code) {
        const u64 back = sources()[j].to[i](narrow.to[j](code));
        const bool is_nan = narrow.format->description().is_nan(code);
        check.expect(is_nan ? narrow.format->description().is_nan(back) : back == code, [&] {
          return narrow.format->describe(code) + " came back as " + narrow.format->describe(back);
        });
      }
    }
  }
}

TEST(ConversionBetweenFormats, IsMonotonic) {
  for (const source& from : sources()) {
    if (from.format->points().empty()) continue;
    for (std::size_t i = 0; i < from.to.size(); ++i) {
      const oracle::reference& to = *from.targets[i];
      checker check;
      oracle::number last = to.decode(from.to[i](from.format->points().front().code));
      for (const oracle::point& p : from.format->points()) {
        const oracle::number next = to.decode(from.to[i](p.code));
        if (next.is_nan()) break;  // overflow
        check.expect(oracle::compare(last, next) <= 0, [&] {
          return std::string(from.format->name()) + " to " + to.name() + " falls at " +
                 from.format->describe(p.code);
        });
        last = next;
      }
    }
  }
}

// User-defined and P3109 formats. ----------------------------------------------------------------

struct custom {
  oracle::reference format;
  u64 (*nearest)(double);
  u64 (*nearest_none)(double);  ///< P3109 SatNone
  u64 (*saturating)(double);
  u64 (*odd)(double);
  double (*decode)(u64);
};

template <fb::float_format Format>
custom make_custom(oracle::format description) {
  using To = fb::basic_float<Format>;
  return {oracle::reference(std::move(description)),
          [](double x) -> u64 { return To{x}.bits(); },
          [](double x) -> u64 {
            constexpr fb::cast_policy how{.over = fb::overflow::infinity_or_largest};
            return fb::convert<To, how>(x).bits();
          },
          [](double x) -> u64 { return fb::convert<To, fb::saturating>(x).bits(); },
          [](double x) -> u64 {
            constexpr fb::cast_policy how{.round = fb::rounding::to_odd};
            return fb::convert<To, how>(x).bits();
          },
          [](u64 code) { return static_cast<double>(from_code<To>(code)); }};
}

template <int Bits, int Precision, bool Signed, bool Extended>
custom make_p3109() {
  using fb::formats::domain, fb::formats::signedness;
  return make_custom<fb::formats::p3109(Bits, Precision,
                                        Signed ? signedness::with_sign : signedness::no_sign,
                                        Extended ? domain::extended : domain::finite)>(
      oracle::p3109(Bits, Precision, Signed, Extended));
}

std::vector<custom> custom_formats() {
  using oracle::infinities, oracle::nans;
  std::vector<custom> rows;
  rows.push_back(make_p3109<8, 1, true, true>());
  rows.push_back(make_p3109<8, 1, false, false>());
  rows.push_back(make_p3109<8, 3, true, true>());
  rows.push_back(make_p3109<8, 4, false, true>());
  rows.push_back(make_p3109<8, 4, true, false>());
  rows.push_back(make_p3109<8, 8, false, false>());
  rows.push_back(make_p3109<8, 7, true, true>());
  rows.push_back(make_p3109<6, 3, true, true>());
  rows.push_back(make_p3109<4, 2, true, false>());
  rows.push_back(make_p3109<3, 1, true, true>());
  rows.push_back(make_p3109<3, 3, false, true>());
  rows.push_back(make_p3109<16, 11, true, true>());
  rows.push_back(make_p3109<16, 7, false, true>());
  rows.push_back(make_custom<fb::formats::ieee(3, 4)>(
      {"ieee(3, 4)", 3, 4, 3, infinities::ieee, nans::ieee, true, true}));
  rows.push_back(make_custom<fb::formats::ieee(2, 1)>(
      {"ieee(2, 1)", 2, 1, 1, infinities::ieee, nans::ieee, true, true}));
  rows.push_back(make_custom<fb::formats::ieee(6, 9)>(
      {"ieee(6, 9)", 6, 9, 31, infinities::ieee, nans::ieee, true, true}));
  rows.push_back(make_custom<fb::formats::finite(1, 6)>(
      {"finite(1, 6)", 1, 6, 0, infinities::none, nans::none, true, true}));
  rows.push_back(make_custom<fb::formats::with_bias(fb::formats::fn(4, 3), -20)>(
      {"fn(4, 3), bias -20", 4, 3, -20, infinities::none, nans::top, true, true}));
  rows.push_back(make_custom<fb::formats::with_bias(fb::formats::finite(3, 4), 900)>(
      {"finite(3, 4), bias 900", 3, 4, 900, infinities::none, nans::none, true, true}));
  // Infinity and NaN at the top of both signs.
  rows.push_back(make_custom<fb::float_format{.exponent_bits = 4,
                                              .mantissa_bits = 3,
                                              .inf = fb::inf_encoding::top_code,
                                              .nan = fb::nan_encoding::top_code}>(
      {"top codes", 4, 3, 7, infinities::below_top, nans::top, true, true}));
  // Infinity without NaN.
  rows.push_back(make_custom<fb::float_format{.exponent_bits = 4,
                                              .mantissa_bits = 2,
                                              .inf = fb::inf_encoding::top_code,
                                              .nan = fb::nan_encoding::none}>(
      {"no NaN", 4, 2, 7, infinities::below_top, nans::none, true, true}));
  // A mantissa, but neither zero nor subnormals, with and without a sign.
  rows.push_back(make_custom<fb::float_format{.exponent_bits = 4,
                                              .mantissa_bits = 3,
                                              .inf = fb::inf_encoding::none,
                                              .nan = fb::nan_encoding::top_code,
                                              .bias = 7,
                                              .is_signed = false,
                                              .has_subnormals = false}>(
      {"no zero", 4, 3, 7, infinities::none, nans::top, false, false}));
  rows.push_back(make_custom<fb::float_format{.exponent_bits = 4,
                                              .mantissa_bits = 0,
                                              .inf = fb::inf_encoding::none,
                                              .nan = fb::nan_encoding::none,
                                              .bias = 4,
                                              .is_signed = true,
                                              .has_subnormals = false}>(
      {"signed powers of two", 4, 0, 4, infinities::none, nans::none, true, false}));
  return rows;
}

TEST(ConversionToCustomFormats, IsCorrectlyRounded) {
  using oracle::mode, oracle::over;
  for (const custom& row : custom_formats()) {
    SCOPED_TRACE(row.format.name());
    checker check;
    std::vector<double> inputs = {0.0,
                                  1e-310,
                                  1e-300,
                                  1e300,
                                  std::numeric_limits<double>::infinity(),
                                  std::numeric_limits<double>::quiet_NaN()};
    for (std::size_t i = 0; i < row.format.points().size(); ++i) {
      const oracle::point& p = row.format.points()[i];
      if (row.format.points().size() > 1000 && i % 61 > 2) continue;
      // The value, and quarters of the step after it, each with the next double on either side.
      for (u64 quarter = 0; quarter < 8; ++quarter) {
        const oracle::number x = oracle::finite(false, p.significand * 4 + quarter, p.exponent - 2);
        const u64 bits = oracle::fp64().encode(x);
        for (const u64 near : {bits - 1, bits, bits + 1})
          inputs.push_back(oracle::double_from(near));
      }
    }
    for (const double magnitude : inputs) {
      for (const double x : {magnitude, -magnitude}) {
        const oracle::number exact = oracle::exact(x);
        const auto expect = [&](u64 got, const oracle::policy& how) {
          check.expect(row.format, got, row.format.encode(exact, how), exact, [&] {
            return oracle::fp64().describe(oracle::bits_of(x)) + " " + compare::to_string(how);
          });
        };
        expect(row.nearest(x), {});
        expect(row.nearest_none(x), {mode::nearest_even, over::infinity_or_largest});
        expect(row.saturating(x), {mode::nearest_even, over::saturate});
        expect(row.odd(x), {mode::to_odd, over::ieee});
      }
    }
    for (u64 code = 0; code < row.format.code_count(); ++code) {
      const oracle::number x = row.format.decode(code);
      check.expect(oracle::fp64(), oracle::bits_of(row.decode(code)), oracle::fp64().encode(x), x,
                   [&] { return row.format.describe(code); });
    }
  }
}

// Integers. --------------------------------------------------------------------------------------

struct integer_row {
  const oracle::reference* format;
  u64 (*from_int64)(std::int64_t);
  u64 (*from_int64_odd)(std::int64_t);
  u64 (*from_uint64)(u64);
  u64 (*from_int16)(std::int16_t);
  std::int64_t (*to_int64)(u64);
  u64 (*to_uint64)(u64);
  std::int8_t (*to_int8)(u64);
  std::uint16_t (*to_uint16)(u64);
  std::int32_t (*to_int32)(u64);
  bool (*to_bool)(u64);
};

constexpr fb::cast_policy odd{.round = fb::rounding::to_odd, .over = fb::overflow::propagate};

const std::vector<integer_row>& integer_rows() {
  static const std::vector<integer_row> rows = [] {
    std::vector<integer_row> made;
    typed::for_each_float([&made](auto type, const char* name) {
      using Type = typename decltype(type)::type;
      made.push_back({&oracle::of(name), [](std::int64_t x) -> u64 { return Type(x).bits(); },
                      [](std::int64_t x) -> u64 { return fb::convert<Type, odd>(x).bits(); },
                      [](u64 x) -> u64 { return Type(x).bits(); },
                      [](std::int16_t x) -> u64 { return Type(x).bits(); },
                      [](u64 code) { return static_cast<std::int64_t>(from_code<Type>(code)); },
                      [](u64 code) { return static_cast<u64>(from_code<Type>(code)); },
                      [](u64 code) { return static_cast<std::int8_t>(from_code<Type>(code)); },
                      [](u64 code) { return static_cast<std::uint16_t>(from_code<Type>(code)); },
                      [](u64 code) { return static_cast<std::int32_t>(from_code<Type>(code)); },
                      [](u64 code) { return static_cast<bool>(from_code<Type>(code)); }});
    });
    return made;
  }();
  return rows;
}

TEST(ConversionFromIntegers, RoundsOnce) {
  std::vector<std::int64_t> inputs = {std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max(), 33685505, 33023};
  for (std::int64_t x = -300; x <= 300; ++x) inputs.push_back(x);
  for (int bit = 8; bit < 63; ++bit) {
    for (int low = 0; low < bit; ++low) {
      for (const std::int64_t step : {-1, 0, 1}) {
        const std::int64_t x = (std::int64_t{1} << bit) + (std::int64_t{1} << low) + step;
        inputs.push_back(x);
        inputs.push_back(-x);
        inputs.push_back(x ^ (std::int64_t{3} << low));
      }
    }
  }
  for (const integer_row& row : integer_rows()) {
    const oracle::reference& to = *row.format;
    checker check;
    for (const std::int64_t x : inputs) {
      const oracle::number exact = oracle::integer(x);
      const oracle::number as_unsigned = oracle::finite(false, static_cast<u64>(x), 0);
      const auto describe = [x] { return std::to_string(x); };
      check.expect(to, row.from_int64(x), to.encode(exact), exact, describe);
      check.expect(to, row.from_int64_odd(x),
                   to.encode(exact, {oracle::mode::to_odd, oracle::over::propagate}), exact,
                   describe);
      check.expect(to, row.from_uint64(static_cast<u64>(x)), to.encode(as_unsigned), as_unsigned,
                   describe);
      const auto narrow = static_cast<std::int16_t>(x);
      check.expect(to, row.from_int16(narrow), to.encode(oracle::integer(narrow)),
                   oracle::integer(narrow), describe);
    }
  }
}

/// x toward zero, clamped to [low, high]; NaN is 0.
std::int64_t to_integer(const oracle::number& x, std::int64_t low, std::int64_t high) {
  if (x.is_nan()) return 0;
  if (oracle::compare(x, oracle::integer(low)) <= 0) return low;
  if (oracle::compare(x, oracle::integer(high)) >= 0) return high;
  bool ignored = false;
  const oracle::natural whole =
      x.exponent >= 0 ? x.numerator << x.exponent : shift_right(x.numerator, -x.exponent, ignored);
  const auto magnitude = static_cast<std::int64_t>(whole.to_u64());
  return x.negative ? -magnitude : magnitude;
}

TEST(ConversionToIntegers, TruncatesAndClamps) {
  for (const integer_row& row : integer_rows()) {
    checker check;
    const auto check_code = [&](u64 code) {
      const oracle::number x = row.format->decode(code);
      const auto expect = [&](std::int64_t got, std::int64_t low, std::int64_t high) {
        const std::int64_t want = to_integer(x, low, high);
        check.expect(got == want, [&] {
          return row.format->describe(code) + " became " + std::to_string(got) + ", not " +
                 std::to_string(want);
        });
      };
      expect(row.to_int8(code), -128, 127);
      expect(row.to_uint16(code), 0, 65535);
      expect(row.to_int32(code), std::numeric_limits<std::int32_t>::min(),
             std::numeric_limits<std::int32_t>::max());
      expect(row.to_int64(code), std::numeric_limits<std::int64_t>::min(),
             std::numeric_limits<std::int64_t>::max());
      check.expect(row.to_bool(code) != x.is_zero(), [&] { return row.format->describe(code); });
      // Beyond the signed range uint64 goes on to 2^64 - 1.
      if (x.is_finite() && oracle::compare(x, oracle::finite(false, 1, 64)) >= 0) {
        check.expect(row.to_uint64(code) == ~u64{0}, [&] { return row.format->describe(code); });
      } else if (x.is_finite() && oracle::compare(x, oracle::finite(false, 1, 63)) >= 0) {
        const u64 want = (x.numerator << x.exponent).to_u64();
        check.expect(row.to_uint64(code) == want, [&] { return row.format->describe(code); });
      } else if (x.is_finite()) {
        expect(static_cast<std::int64_t>(row.to_uint64(code)), 0,
               std::numeric_limits<std::int64_t>::max());
      } else {
        const u64 want = x.is_infinity() && !x.negative ? ~u64{0} : 0;
        check.expect(row.to_uint64(code) == want, [&] { return row.format->describe(code); });
      }
    };
    for_many_codes(*row.format, check_code);
    // Around the limits of the integer types, in formats that reach them.
    for (const int exponent : {7, 8, 15, 16, 31, 32, 62, 63, 64}) {
      const u64 code = row.format->encode(oracle::finite(false, 1, exponent));
      const u64 sign = row.format->description().sign();
      for (const u64 near : {code - 1, code, code + 1}) {
        check_code(near & row.format->description().top());
        check_code((near & row.format->description().top()) | sign);
      }
    }
  }
}

}  // namespace
