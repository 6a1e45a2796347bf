// SPDX-License-Identifier: MIT
// to_chars, from_chars, literals, anatomy. The oracles are glibc's printf and strtod, which are exact,
// and the standard library's charconv.
#include <fewbits/text.hpp>
#include <fewbits/value.hpp>

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using namespace fewbits::literals;
using u64 = std::uint64_t;
using notation = std::chars_format;

constexpr notation shorter{};
constexpr notation notations[] = {notation::general, notation::fixed, notation::scientific,
                                  notation::hex};

/// One format as data. Codes are those of the format.
struct row {
  std::string name;
  fb::float_format format;
  std::to_chars_result (*shortest)(char*, char*, u64);
  std::to_chars_result (*print)(char*, char*, u64, notation);
  std::to_chars_result (*print_to)(char*, char*, u64, notation, int);
  std::from_chars_result (*read)(const char*, const char*, u64&, notation);
  double (*value)(u64);
  u64 (*convert)(double);
  fb::number_anatomy (*anatomy)(u64);

  [[nodiscard]] u64 codes() const { return u64{1} << format.bits(); }
};

template <class Type>
row make_row(const char* name) {
  return {name,
          Type::format,
          [](char* first, char* last, u64 code) {
            return fb::to_chars(first, last, typed::from_code<Type>(code));
          },
          [](char* first, char* last, u64 code, notation how) {
            return fb::to_chars(first, last, typed::from_code<Type>(code), how);
          },
          [](char* first, char* last, u64 code, notation how, int precision) {
            return fb::to_chars(first, last, typed::from_code<Type>(code), how, precision);
          },
          [](const char* first, const char* last, u64& code, notation how) {
            Type x = typed::from_code<Type>(code);
            const std::from_chars_result result = fb::from_chars(first, last, x, how);
            code = x.bits();
            return result;
          },
          [](u64 code) { return static_cast<double>(typed::from_code<Type>(code)); },
          [](double x) -> u64 { return fb::convert<Type>(x).bits(); },
          [](u64 code) { return fb::anatomy(typed::from_code<Type>(code)); }};
}

struct row_maker {
  std::vector<row>& rows;
  template <class Type>
  void operator()(typed::tag<Type> /*type*/, const char* name) const {
    if constexpr (Type::format.bits() <= 16) rows.push_back(make_row<Type>(name));
  }
};

/// The named formats of up to 16 bits, and unusual ones.
const std::vector<row>& narrow_rows() {
  static const std::vector<row> rows = [] {
    std::vector<row> all;
    typed::for_each_float(row_maker{all});
    namespace f = fb::formats;
    all.push_back(make_row<fb::basic_float<f::ieee(2, 1)>>("ieee(2, 1)"));
    all.push_back(make_row<fb::basic_float<f::finite(1, 3)>>("finite(1, 3)"));
    all.push_back(make_row<fb::basic_float<f::scale(4)>>("scale(4)"));
    all.push_back(make_row<fb::basic_float<f::p3109(8, 1)>>("p3109(8, 1)"));
    all.push_back(make_row<fb::basic_float<f::p3109(8, 3)>>("p3109(8, 3)"));
    all.push_back(
        make_row<fb::basic_float<f::p3109(6, 2, f::signedness::no_sign)>>("p3109(6, 2, no_sign)"));
    all.push_back(make_row<fb::basic_float<f::ieee(11, 2)>>("ieee(11, 2)"));
    return all;
  }();
  return rows;
}

std::string to_text(const row& format, u64 code, notation how = shorter) {
  char text[2000];
  const std::to_chars_result end = how == shorter
                                       ? format.shortest(text, text + sizeof(text), code)
                                       : format.print(text, text + sizeof(text), code, how);
  EXPECT_EQ(end.ec, std::errc{});
  return {text, end.ptr};
}

struct reading {
  std::errc error;
  std::ptrdiff_t consumed;
  u64 code;
  friend bool operator==(const reading&, const reading&) = default;
};
std::ostream& operator<<(std::ostream& out, const reading& r) {
  return out << "error " << static_cast<int>(r.error) << ", " << r.consumed << " read, code "
             << std::hex << r.code;
}
reading read(const row& format, const std::string& text, u64 before = 0,
             notation how = notation::general) {
  u64 code = before;
  const char* first = text.data();
  const std::from_chars_result end = format.read(first, first + text.size(), code, how);
  return {end.ec, end.ptr - first, code};
}

template <class... Arguments>
std::string printed(const char* format, Arguments... arguments) {
  char text[3000];
  const int size = std::snprintf(text, sizeof(text), format, arguments...);
  return {text, static_cast<std::size_t>(size)};
}

bool is_special(double x) { return std::isnan(x) || std::isinf(x); }

TEST(to_chars, of_every_code_reads_back) {
  for (const row& format : narrow_rows()) {
    u64 failures = 0;
    for (u64 code = 0; code < format.codes() && failures < 5; ++code) {
      const std::string text = to_text(format, code);
      const reading back = read(format, text, ~code);
      const double value = format.value(code);
      const bool same = std::isnan(value) ? std::isnan(format.value(back.code)) : back.code == code;
      if (back.error == std::errc{} && same && back.consumed == std::ptrdiff_t(text.size()) &&
          text.size() <= 24)
        continue;
      ++failures;
      ADD_FAILURE() << format.name << " code " << code << ": " << text << " -> " << back;
    }
  }
}

/// The digits of a text, without the zeros at either end.
std::string digits_of(const std::string& text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e')))
    if (c >= '0' && c <= '9') digits += c;
  digits.erase(0, digits.find_first_not_of('0'));
  digits.erase(digits.find_last_not_of('0') + 1);
  return digits;
}

// The decimals of a given number of digits around a value: its truncation and the next ones, as text.
std::vector<std::string> candidates(double value, int digits) {
  const std::string nearest = printed("%.*e", digits - 1, value);
  const std::size_t letter = nearest.find('e');
  std::string head = nearest.substr(0, letter);
  if (digits > 1) head.erase(1, 1);
  const long long middle = std::atoll(head.c_str());
  const int exponent = std::atoi(nearest.c_str() + letter + 1) - (digits - 1);
  std::vector<std::string> texts;
  for (long long digit = middle - 1; digit <= middle + 1; ++digit)
    if (digit > 0) texts.push_back(printed("%llde%d", digit, exponent));
  return texts;
}

TEST(to_chars, has_the_fewest_digits_and_of_those_the_nearest) {
  for (const row& format : narrow_rows()) {
    const u64 step = format.format.bits() > 12 ? 37 : 1;
    const u64 end = format.format.max_finite_code();
    for (u64 code = format.format.min_positive_code(); code <= end; code += step) {
      const double value = format.value(code);
      const std::string text = to_text(format, code, notation::scientific);
      const std::string digits = digits_of(text);
      for (int shorter_by_one = 1; shorter_by_one < int(digits.size()); ++shorter_by_one)
        for (const std::string& other : candidates(value, shorter_by_one))
          ASSERT_NE(read(format, other, ~code), (reading{{}, std::ptrdiff_t(other.size()), code}))
              << format.name << ": " << other << " has fewer digits than " << text;
      const long double distance =
          std::fabs(std::strtold(text.c_str(), nullptr) - static_cast<long double>(value));
      for (const std::string& other : candidates(value, int(digits.size()))) {
        if (read(format, other, ~code).code != code) continue;
        const long double other_distance =
            std::fabs(std::strtold(other.c_str(), nullptr) - static_cast<long double>(value));
        // strtold rounds, in the 64th bit or later; ties of decimals are ties up to that.
        const long double difference = distance - other_distance;
        const bool tie = std::fabs(difference) <= distance * 1e-9L;
        ASSERT_TRUE(difference < 0 || tie)
            << format.name << ": " << other << " is nearer than " << text;
        if (tie && digits_of(other) != digits) {
          ASSERT_EQ(digits.back() % 2, 0) << format.name << ": tie of " << other << " and " << text;
        }
      }
    }
  }
}

TEST(to_chars, chooses_the_shorter_notation_and_prints_integers_exactly) {
  for (const row& format : narrow_rows()) {
    for (u64 code = 0; code < format.codes(); ++code) {
      const double value = format.value(code);
      if (is_special(value)) continue;
      const std::string text = to_text(format, code);
      const std::string scientific = to_text(format, code, notation::scientific);
      const std::string fixed = to_text(format, code, notation::fixed);
      if (text != scientific) {
        ASSERT_EQ(text, fixed);
        ASSERT_LE(fixed.size(), scientific.size());
      }
      if (std::fabs(value) < 1e15 && fixed.size() >= 2 && fixed.find('.') == std::string::npos) {
        ASSERT_EQ(fixed, printed("%.0f", value)) << format.name;
      }
    }
  }
  const auto text = [](auto x) {
    char out[24];
    return std::string(out, fb::to_chars(out, out + 24, x).ptr);
  };
  EXPECT_EQ(text(fb::bf16{0.1}), "0.1");
  EXPECT_EQ(text(fb::fp8_e5m2{57344}), "57344");
  EXPECT_EQ(text(fb::fp8_e4m3{-448}), "-448");
  EXPECT_EQ(text(std::numeric_limits<fb::bf16>::max()), "3.39e+38");
  EXPECT_EQ(text(fb::fp16::from_bits(1)), "6e-08");
  EXPECT_EQ(text(fb::fp16{-0.0}), "-0");
  EXPECT_EQ(text(fb::fp16{-1e9}), "-inf");
  EXPECT_EQ(text(fb::fp16::from_bits(0xfe00)), "-nan");
  EXPECT_EQ(text(fb::fp8_e4m3fnuz::from_bits(0x80)), "nan");
  EXPECT_EQ(text(fb::scale_e8m0::from_bits(0)), "6e-39");
}

TEST(to_chars, with_a_precision_rounds_the_exact_value) {
  for (const row& format : narrow_rows()) {
    const u64 step = format.format.bits() > 12 ? 257 : format.format.bits() > 8 ? 13 : 1;
    for (u64 code = 0; code < format.codes(); code += step) {
      const double value = format.value(code);
      if (std::isnan(value)) continue;
      for (const int precision : {-1, 0, 1, 2, 3, 5, 9, 17, 40, 160}) {
        char text[3000];
        const auto got = [&](notation how) {
          return std::string(text,
                             format.print_to(text, text + sizeof(text), code, how, precision).ptr);
        };
        ASSERT_EQ(got(notation::fixed), printed("%.*f", precision, value)) << format.name;
        ASSERT_EQ(got(notation::scientific), printed("%.*e", precision, value)) << format.name;
        ASSERT_EQ(got(notation::general), printed("%.*g", precision, value)) << format.name;
      }
    }
  }
}

// What the library prints itself, also where it would call the standard library.
template <class Type>
std::string own_text(Type x, notation how) {
  char text[2000];
  const auto end =
      fb::detail::print_shortest(text, text + sizeof(text), fb::detail::to_printed(x), how);
  return {text, end.ptr};
}
template <class Type>
std::string own_text(Type x, notation how, int precision) {
  char text[2000];
  const auto end = fb::detail::print_precision(text, text + sizeof(text), fb::detail::to_printed(x),
                                               how, precision);
  return {text, end.ptr};
}

/// Codes at the corners of a format, and random ones.
std::vector<u64> interesting_codes(int mantissa_bits, int bits, int count) {
  std::vector<u64> codes;
  for (int shift = 0; shift < bits; ++shift)
    for (const u64 around : {u64{0}, u64{1}, ~u64{0}}) codes.push_back((u64{1} << shift) + around);
  const u64 one_binade = u64{1} << mantissa_bits;
  for (u64 exponent = 0; exponent < u64{1} << (bits - 1 - mantissa_bits); exponent += 7)
    codes.push_back(exponent * one_binade);
  std::mt19937_64 random(1);
  for (int i = 0; i < count; ++i) codes.push_back(random());
  for (u64& code : codes) code &= ~u64{0} >> (64 - bits);
  return codes;
}

#if defined(__cpp_lib_to_chars)
template <class Type, class Native>
void check_agreement_of_to_chars(int count) {
  for (const u64 code : interesting_codes(Type::format.mantissa_bits, Type::format.bits(), count)) {
    const Type x = typed::from_code<Type>(code);
    char text[2000];
    const auto expected = [&](auto... arguments) {
      return std::string(
          text, std::to_chars(text, text + sizeof(text), static_cast<Native>(x), arguments...).ptr);
    };
    ASSERT_EQ(own_text(x, shorter), expected());
    for (const notation how : notations) {
      ASSERT_EQ(own_text(x, how), expected(how));
      for (const int precision : {-1, 0, 1, 4, 12, 20})
        ASSERT_EQ(own_text(x, how, precision), expected(how, precision))
            << expected() << " precision " << precision;
    }
  }
}

TEST(to_chars, agrees_with_the_standard_library) {
  check_agreement_of_to_chars<fb::fp32, float>(4000);
  check_agreement_of_to_chars<fb::fp64, double>(800);
}

template <class Native>
reading read_std(const char* first, const char* last, notation how) {
  Native x = 7;
  const std::from_chars_result end = std::from_chars(first, last, x, how);
  // libstdc++ gives NaN the payload 1 and no sign.
  if (std::isnan(x)) {
    const Native sign = *first == '-' ? Native{-1} : Native{1};
    x = std::copysign(std::numeric_limits<Native>::quiet_NaN(), sign);
  }
  u64 code = 0;
  std::memcpy(&code, &x, sizeof(x));
  return {end.ec, end.ptr - first, code};
}
template <class Type>
reading read_own(const char* first, const char* last, notation how) {
  Type x{7};
  const std::from_chars_result end = fb::from_chars(first, last, x, how);
  return {end.ec, end.ptr - first, u64{x.bits()}};
}

void expect_agreement(const std::string& text) {
  const char* const first = text.data();
  const char* const last = first + text.size();
  for (const notation how : notations) {
    ASSERT_EQ(read_own<fb::fp64>(first, last, how), read_std<double>(first, last, how)) << text;
    ASSERT_EQ(read_own<fb::fp32>(first, last, how), read_std<float>(first, last, how)) << text;
  }
}

TEST(from_chars, agrees_with_the_standard_library) {
  for (const char* text : {"",
                           "-",
                           ".",
                           "-.",
                           "+1",
                           " 1",
                           "e5",
                           ".e5",
                           "-.e1",
                           "x",
                           "--1",
                           "1",
                           "1.",
                           ".5",
                           "-.5",
                           "1e",
                           "1e+",
                           "1e-",
                           "1e+5x",
                           "1E5",
                           "1e5e5",
                           "1.5.5",
                           "1_5",
                           "0x10",
                           "0x1p3",
                           "inf",
                           "INF",
                           "-inf",
                           "infinity",
                           "Infinity",
                           "infinit",
                           "infinityx",
                           "in",
                           "nan",
                           "-NaN",
                           "nan(",
                           "nan()",
                           "nan(12)",
                           "nan(a_1)",
                           "nan(a b)",
                           "na",
                           "1e99999999999999999999",
                           "1e-99999999999999999999",
                           "0e99999999999999999999",
                           "-0",
                           "-0.0e5",
                           "00001.50000e+0000001",
                           "1.8p3",
                           "p3",
                           "1p",
                           "1p+",
                           ".8p1",
                           "1.p1",
                           "1p2000",
                           "1p-2000",
                           "0p99999999999999999999",
                           "fffffffffffffffffffff",
                           "1.00000000000008p0",
                           "1.00000000000008000000000000000000001p0",
                           "1.fffffffffffff8p1023",
                           "1.fffffffffffff7p1023",
                           "0.00000000000008p-1022",
                           "0.00000000000007p-1022",
                           "-1p-1074",
                           "1e400",
                           "-1e400",
                           "1e-400",
                           "4e-324",
                           "2e-324",
                           "1.7976931348623158e308",
                           "1.7976931348623159e308",
                           "3.4028235e38",
                           "3.4028236e38",
                           "1.4e-45",
                           "7e-46",
                           "9007199254740993",
                           "9007199254740992.999999999999999999999",
                           "123456789012345678901234567890"})
    expect_agreement(text);
  std::mt19937_64 random(2);
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? "" : "-";
    const u64 length = 1 + random() % (i % 7 == 0 ? 60 : 20);
    for (u64 digit = 0; digit < length; ++digit) text += static_cast<char>('0' + random() % 10);
    if (i % 3 != 0) text.insert(text.size() - random() % length, 1, '.');
    text += printed("e%d", static_cast<int>(random() % 700) - 360);
    expect_agreement(text);
  }
}

TEST(from_chars, treats_every_beginning_of_a_text_as_the_standard_library_does) {
  guard_page::buffer memory(64);
  for (const std::string text : {"-123.4567890123456789e-12", "0.000000123E+0004z", "-infinity",
                                 "nan(abc_12)x", "1.8cp-12", "..5", "1e+-5", "0x1.8", "-.25e1.5"}) {
    for (std::size_t size = 0; size <= text.size(); ++size) {
      char* const first = reinterpret_cast<char*>(memory.ending(size));
      std::memcpy(first, text.data(), size);
      for (const notation how : notations)
        ASSERT_EQ(read_own<fb::fp64>(first, first + size, how),
                  read_std<double>(first, first + size, how))
            << text.substr(0, size);
    }
  }
}
#endif

/// Decimal digits of a value less one unit far behind its last digit.
std::string slightly_less(std::string text) {
  std::size_t last = text.find_last_not_of('0');
  if (text[last] == '.') last = text.find_last_not_of('0', last - 1);
  --text[last];
  for (++last; last < text.size(); ++last)
    if (text[last] != '.') text[last] = '9';
  return text + std::string(300, '9');
}

/// The exact text of the midpoint below `code` goes to the even code, and a digit far behind decides.
void check_midpoint(const row& format, u64 code, const std::string& midpoint) {
  const bool has_sign = format.format.is_signed;
  for (const bool negative : {false, true}) {
    if (negative && !has_sign) continue;
    const u64 sign = negative ? format.format.sign_mask() : 0;
    const std::string prefix = negative ? "-" : "";
    const auto expect = [&](const std::string& digits, u64 magnitude) {
      const reading got = read(format, prefix + digits, 1);
      // Nothing rounds to zero, or to what is beyond the range, without an error.
      const bool in_range = magnitude <= format.format.max_finite_code() &&
                            (magnitude != 0 || !format.format.has_zero());
      const reading want = {in_range ? std::errc{} : std::errc::result_out_of_range,
                            std::ptrdiff_t(prefix.size() + digits.size()),
                            in_range ? magnitude | sign : 1};
      ASSERT_EQ(got, want) << format.name << " midpoint below " << code << ": " << prefix << digits;
    };
    expect(midpoint, code - (code & 1));
    expect(midpoint + "0000000000000000000000", code - (code & 1));
    expect(midpoint + std::string(2000, '0') + "1", code);
    expect(slightly_less(midpoint), code - 1);
  }
}

TEST(from_chars, rounds_exact_midpoints_to_even_however_far_the_deciding_digit) {
  for (const row& format : narrow_rows()) {
    const u64 most = format.format.max_finite_code() + 1;
    const u64 least = format.format.min_positive_code();
    const u64 step = format.format.bits() > 12 ? 401 : format.format.bits() > 8 ? 5 : 1;
    for (u64 code = 1; code < most; code += step) {
      const double low = code == least ? 0 : format.value(code - 1);
      check_midpoint(format, code, printed("%.1100f", (low + format.value(code)) / 2));
    }
    // Beyond the largest value: as far as the code after it would be. A double may not reach it.
    if (format.format.bias > 900) continue;
    const double top = format.value(most - 1);
    const double step_up = std::ldexp(1, std::ilogb(top) - format.format.mantissa_bits);
    check_midpoint(format, most, printed("%.400f", top + step_up / 2));
  }
}

#if LDBL_MANT_DIG >= 64
TEST(from_chars, rounds_midpoints_of_doubles_with_hundreds_of_digits) {
  const row fp64 = make_row<fb::fp64>("fp64");
  const row fp32 = make_row<fb::fp32>("fp32");
  for (const row* format : {&fp64, &fp32}) {
    for (u64 code : interesting_codes(format->format.mantissa_bits, format->format.bits(), 100)) {
      code &= format->format.magnitude_mask();
      if (code == 0 || code > format->format.max_finite_code()) continue;
      const auto low = static_cast<long double>(format->value(code - 1));
      const auto high = static_cast<long double>(format->value(code));
      check_midpoint(*format, code, printed("%.1100Lf", low + (high - low) / 2));
    }
    const auto top = static_cast<long double>(format->value(format->format.max_finite_code()));
    check_midpoint(*format, format->format.max_finite_code() + 1,
                   printed("%.2Lf", top + std::ldexp(1.0L, format->format.max_exponent() -
                                                               format->format.precision())));
  }
}
#endif

TEST(from_chars, reports_what_a_format_does_not_have) {
  const auto error = [](auto before, const std::string& text) {
    auto x = before;
    const auto end = fb::from_chars(text.data(), text.data() + text.size(), x);
    if (end.ec != std::errc{}) {
      EXPECT_EQ(x.bits(), before.bits()) << text;
    }
    EXPECT_EQ(end.ptr - text.data(),
              end.ec == std::errc::invalid_argument ? 0 : std::ptrdiff_t(text.size()));
    return end.ec;
  };
  constexpr std::errc ok{};
  constexpr std::errc beyond = std::errc::result_out_of_range;
  EXPECT_EQ(error(fb::fp4_e2m1{2}, "inf"), beyond);
  EXPECT_EQ(error(fb::fp4_e2m1{2}, "nan"), beyond);
  EXPECT_EQ(error(fb::fp4_e2m1{2}, "7"), beyond);
  EXPECT_EQ(error(fb::fp4_e2m1{2}, "6.999"), ok);
  EXPECT_EQ(error(fb::fp4_e2m1{2}, "0.25"), beyond);
  EXPECT_EQ(error(fb::fp4_e2m1{2}, "0.2500001"), ok);
  EXPECT_EQ(error(fb::fp8_e4m3{2}, "464"), ok);
  EXPECT_EQ(error(fb::fp8_e4m3{2}, "464.0001"), beyond);
  EXPECT_EQ(error(fb::fp8_e4m3{2}, "-inf"), beyond);
  EXPECT_EQ(error(fb::fp8_e4m3{2}, "-nan"), ok);
  EXPECT_EQ(error(fb::fp8_e4m3fnuz{2}, "-0"), ok);
  EXPECT_EQ(error(fb::scale_e8m0::from_bits(5), "0"), beyond);
  EXPECT_EQ(error(fb::scale_e8m0::from_bits(5), "-1"), beyond);
  EXPECT_EQ(error(fb::scale_e8m0::from_bits(5), "1e-40"), beyond);
  EXPECT_EQ(error(fb::scale_e8m0::from_bits(5), "nan"), ok);
  EXPECT_EQ(error(fb::scale_ue4m3{2}, "-0"), ok);
  EXPECT_EQ(error(fb::scale_ue4m3{2}, "-1"), beyond);
  EXPECT_EQ(error(fb::bf16{2}, "bf16"), std::errc::invalid_argument);
}

template <fb::cast_policy Policy, class Type>
void check_policy() {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    const double x = std::ldexp(static_cast<double>(static_cast<std::int64_t>(random())),
                                static_cast<int>(random() % 60) - 90);
    const std::string text = printed("%.200f", x);
    Type got{};
    const auto end = fb::from_chars<Policy>(text.data(), text.data() + text.size(), got);
    ASSERT_EQ(end.ec, std::errc{});
    ASSERT_EQ(got.bits(), (fb::convert<Type, Policy>(x).bits())) << text;
  }
}

TEST(from_chars, with_a_policy_gives_what_convert_gives) {
  check_policy<fb::saturating, fb::fp8_e4m3>();
  check_policy<fb::truncating, fb::fp8_e5m2>();
  check_policy<fb::cast_policy{}, fb::fp4_e2m1>();
  check_policy<fb::cast_policy{.round = fb::rounding::toward_positive}, fb::fp16>();
  check_policy<fb::cast_policy{.over = fb::overflow::infinity_or_largest}, fb::scale_e8m0>();
  fb::fp8_e4m3 x{};
  const std::string text = "1e999999999999999999999";
  EXPECT_EQ(fb::from_chars<fb::saturating>(text.data(), text.data() + text.size(), x).ec,
            std::errc{});
  EXPECT_EQ(x, 448);
}

TEST(to_chars, reports_a_buffer_that_is_too_short_and_stays_within_it) {
  guard_page::buffer memory(2048);
  const auto check = [&](const std::string& whole, auto print) {
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      char* const first = reinterpret_cast<char*>(memory.ending(size));
      const std::to_chars_result end = print(first, first + size);
      ASSERT_EQ(end.ptr, first + size);
      ASSERT_EQ(end.ec, size == whole.size() ? std::errc{} : std::errc::value_too_large) << whole;
    }
    ASSERT_EQ(std::memcmp(memory.ending(whole.size()), whole.data(), whole.size()), 0);
  };
  for (const row& format : narrow_rows()) {
    const u64 step = format.codes() / 16;
    for (u64 code = 0; code < format.codes(); code += step) {
      check(to_text(format, code),
            [&](char* first, char* last) { return format.shortest(first, last, code); });
      for (const notation how : notations)
        check(to_text(format, code, how),
              [&](char* first, char* last) { return format.print(first, last, code, how); });
    }
  }
  const fb::fp16 x{1};
  check("1." + std::string(300, '0'), [&](char* first, char* last) {
    return fb::to_chars(first, last, x, notation::fixed, 300);
  });
  char text[100];
  EXPECT_EQ(fb::to_chars(text, text + 100, x, notation::fixed, 0x7fffffff).ec,
            std::errc::value_too_large);
}

template <class Type>
void check_integers() {
  using limits = std::numeric_limits<Type>;
  for (std::int64_t code = Type::format.min_code(); code <= Type::format.max_code(); ++code) {
    const Type x = Type::from_code(code);
    for (const int base : {2, 8, 10, 16, 36}) {
      char text[40];
      char expected[40];
      char* const end = fb::to_chars(text, text + 40, x, base).ptr;
      ASSERT_EQ(std::string(text, end),
                std::string(expected, std::to_chars(expected, expected + 40, code, base).ptr));
      Type back = Type::from_code(~code);
      ASSERT_EQ(fb::from_chars(text, end, back, base).ec, std::errc{});
      ASSERT_EQ(back, x);
      ASSERT_EQ(fb::to_chars(text, end - 1, x, base).ec, std::errc::value_too_large);
    }
  }
  for (const std::int64_t code :
       {Type::format.min_code() - 1, Type::format.max_code() + 1, std::int64_t{1} << 60}) {
    const std::string text = std::to_string(code);
    Type x = (limits::max)();
    const auto end = fb::from_chars(text.data(), text.data() + text.size(), x);
    const bool no_digits = code < 0 && !limits::is_signed;
    ASSERT_EQ(end.ec, no_digits ? std::errc::invalid_argument : std::errc::result_out_of_range);
    ASSERT_EQ(end.ptr, text.data() + (no_digits ? 0 : text.size()));
    ASSERT_EQ(x, (limits::max)());
  }
}

TEST(integers, print_and_read_every_value) {
  check_integers<fb::int4>();
  check_integers<fb::uint4>();
  check_integers<fb::int2>();
  check_integers<fb::uint2>();
  check_integers<fb::basic_int<fb::formats::signed_int(9)>>();
  check_integers<fb::basic_int<fb::formats::unsigned_int(1)>>();
  fb::int4 x{5};
  for (const std::string text : {"", "-", "+1", " 1", "x", "--1"}) {
    const auto end = fb::from_chars(text.data(), text.data() + text.size(), x);
    EXPECT_EQ(end.ec, std::errc::invalid_argument) << text;
    EXPECT_EQ(end.ptr, text.data());
    EXPECT_EQ(x, 5);
  }
}

TEST(literals, are_rounded_once_from_their_decimal_text) {
  static_assert(1.5_bf16 == 1.5f && (0.1_fp32).bits() == fb::fp32{0.1f}.bits());
  static_assert((0.1_fp8_e4m3).bits() == fb::fp8_e4m3{0.1}.bits());
  // Just above a midpoint of FP16, and exactly on it as a double.
  static_assert((1.00048828125000000000001_fp16).bits() == 0x3c01);
  static_assert(fb::fp16{1.00048828125000000000001}.bits() == 0x3c00);
  static_assert(0x1.8p3_fp16 == 12 && 0xFFp-4_fp16 == 15.9375 && 0x1F_bf16 == 31);
  static_assert(1'000.5_fp32 == 1000.5 && 1'024_fp8_e5m2 == 1024 && 0b1'01_fp6_e2m3 == 5);
  static_assert(010_fp16 == 8 && 010.5_fp16 == 10.5 && 0_fp16 == 0 && 0.0_fp4_e2m1 == 0);
  static_assert((1.7976931348623157e308_fp64).bits() == 0x7fefffffffffffff);
  static_assert((4.9406564584124654e-324_fp64).bits() == 1);
  static_assert((2_scale_e8m0).bits() == 128);
  static_assert(3_int4 == 3 && 0xf_uint4 == 15 && 0b11_uint2 == 3 && 07_int4 == 7);
}

TEST(text, is_constexpr) {
  constexpr bool round_trip = [] {
    char text[24] = {};
    const auto end = fb::to_chars(text, text + 24, fb::fp64{0.1});
    fb::fp64 x{};
    return fb::from_chars(text, end.ptr, x).ec == std::errc{} && x == 0.1 && end.ptr - text == 3;
  }();
  static_assert(round_trip);
  constexpr fb::number_anatomy x = fb::anatomy(3.125_fp16);
  static_assert(x.fields.size() == 18 && x.exponent == 1);
}

TEST(anatomy, takes_a_number_apart) {
  const fb::number_anatomy x = fb::anatomy(fb::fp16{3.125});
  EXPECT_STREQ(x.format, "fp16");
  EXPECT_STREQ(x.fields.c_str(), "0 10000 1001000000");
  EXPECT_STREQ(x.hex.c_str(), "0x4240");
  EXPECT_EQ(x.kind, fb::number_class::normal);
  EXPECT_STREQ(x.value.c_str(), "3.125");
  EXPECT_STREQ(x.exact.c_str(), "3.125");
  EXPECT_STREQ(x.below.c_str(), "3.123");
  EXPECT_STREQ(x.above.c_str(), "3.127");
  EXPECT_EQ(x.below_code, 0x423fU);
  EXPECT_EQ(x.above_code, 0x4241U);
  EXPECT_EQ(x.ulp_exponent, -9);
  EXPECT_STREQ(fb::anatomy(fb::scale_ue4m3{1}).fields.c_str(), "0111 000");
  EXPECT_STREQ(fb::anatomy(fb::scale_e8m0{1}).fields.c_str(), "01111111");
  EXPECT_STREQ(fb::anatomy(fb::fp4_e3m0{-1}).fields.c_str(), "1 011");
  char text[1500];
  *fb::to_chars(text, text + 1500, fb::anatomy(fb::fp8_e4m3::from_bits(0x7e))).ptr = '\0';
  EXPECT_STREQ(text,
               "format    fp8_e4m3\n"
               "fields    0 1111 110\n"
               "code      0x7e\n"
               "class     normal\n"
               "value     448\n"
               "exact     448\n"
               "exponent  8\n"
               "ulp       2^5\n"
               "below     416  (0x7d)\n"
               "above     none\n");
}

TEST(anatomy, of_every_code_is_consistent) {
  for (const row& format : narrow_rows()) {
    const u64 step = format.format.bits() > 12 ? 61 : 1;
    for (u64 code = 0; code < format.codes(); code += step) {
      const fb::number_anatomy x = format.anatomy(code);
      const double value = format.value(code);
      std::string bits = x.fields.c_str();
      bits.erase(std::remove(bits.begin(), bits.end(), ' '), bits.end());
      ASSERT_EQ(std::strtoull(bits.c_str(), nullptr, 2), code);
      ASSERT_EQ(std::strtoull(x.hex.c_str(), nullptr, 16), code);
      ASSERT_EQ(int(bits.size()), format.format.bits());
      ASSERT_EQ(x.value.c_str(), to_text(format, code));
      ASSERT_EQ(x.kind == fb::number_class::nan, std::isnan(value));
      ASSERT_EQ(x.kind == fb::number_class::zero, value == 0);
      if (is_special(value)) continue;
      std::string exact = printed("%.1100f", value);
      exact.erase(exact.find_last_not_of('0') + 1);
      if (exact.back() == '.') exact.pop_back();
      ASSERT_EQ(x.exact.c_str(), exact);
      if (value != 0) {
        ASSERT_EQ(x.exponent, std::ilogb(value));
      }
      if (!x.above.empty()) {
        const double above = format.value(x.above_code);
        ASSERT_GT(above, value);
        if (value > 0 && !is_special(above)) {
          ASSERT_EQ(above - value, std::ldexp(1, x.ulp_exponent));
        }
        ASSERT_EQ(x.above.c_str(), to_text(format, x.above_code));
      }
      if (!x.below.empty()) {
        ASSERT_LT(format.value(x.below_code), value);
      }
    }
  }
}

}  // namespace
