// SPDX-License-Identifier: MIT
#include <fewbits/interop/ostream.hpp>
#include <fewbits/value.hpp>

#include <iomanip>
#include <limits>
#include <locale>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

template <class... Parts>
std::string written(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

TEST(ostream, writes_the_shortest_text) {
  EXPECT_EQ(written(fb::bf16{0.1}, ' ', fb::fp8_e4m3{448}, ' ', fb::fp64{0.1}), "0.1 448 0.1");
  EXPECT_EQ(written(fb::fp16{1e9}, ' ', -fb::fp16{1e9}), "inf -inf");
  EXPECT_EQ(written(std::numeric_limits<fb::fp8_e4m3>::quiet_NaN()), "nan");
  EXPECT_EQ(written(std::setprecision(1), fb::fp16{3.125}), "3.125");
  EXPECT_EQ(written(fb::int4{-8}, ' ', fb::uint2{3}), "-8 3");
}

TEST(ostream, honours_width_fill_notation_and_case) {
  EXPECT_EQ(written('[', std::setw(8), fb::bf16{0.1}, ']', fb::bf16{2}), "[     0.1]2");
  EXPECT_EQ(written(std::left, std::setfill('*'), std::setw(6), fb::bf16{-2}, '|'), "-2****|");
  EXPECT_EQ(written(std::setw(4), fb::int4{-8}), "  -8");
  EXPECT_EQ(written(std::fixed, std::setprecision(3), fb::fp16{0.1}), "0.100");
  EXPECT_EQ(written(std::scientific, std::setprecision(2), fb::fp16{0.1}), "1.00e-01");
  EXPECT_EQ(written(std::hexfloat, fb::fp16{0.1}, ' ', fb::fp16{-1}), "0x1.998p-4 -0x1p+0");
  EXPECT_EQ(written(std::hexfloat, std::uppercase, std::showpos, fb::fp16{1}, fb::fp16{1e9}),
            "+0X1P+0+INF");
  const std::string widest =
      written(std::fixed, std::setprecision(2000), std::numeric_limits<fb::fp64>::lowest());
  EXPECT_EQ(widest.size(), 1U + 309 + 1 + 1100);
}

struct comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(ostream, does_not_depend_on_the_locale) {
  std::stringstream stream;
  stream.imbue(std::locale(std::locale::classic(), new comma));
  stream << fb::fp16{1.5} << ' ' << fb::fp8_e5m2{57344};
  EXPECT_EQ(stream.str(), "1.5 57344");
  fb::fp16 x{};
  EXPECT_TRUE(stream >> x);
  EXPECT_EQ(x, 1.5);
}

TEST(istream, reads_one_number_after_another) {
  std::istringstream stream(" 0.1\n+2.5e1,inf -NaN 1e+2-3 7");
  fb::bf16 a{}, b{}, c{}, d{}, e{}, f{};
  char separator{};
  fb::int4 last{};
  stream >> a >> b >> separator >> c >> d >> e >> f >> last;
  EXPECT_TRUE(stream.eof() && !stream.fail());
  EXPECT_EQ(a, fb::bf16{0.1});
  EXPECT_EQ(b, 25);
  EXPECT_EQ(separator, ',');
  EXPECT_TRUE(isinf(c) && isnan(d) && signbit(d));
  EXPECT_EQ(e, 100);
  EXPECT_EQ(f, -3);
  EXPECT_EQ(last, 7);
}

TEST(istream, fails_and_keeps_the_value_when_there_is_no_such_number) {
  for (const char* text :
       {"", "  ", "x", "1.5x", "1e", "+-1", "-", "464.5", "-1e9", "inf", "1.2.3"}) {
    std::istringstream stream(text);
    fb::fp8_e4m3 x{3};
    stream >> x;
    EXPECT_TRUE(stream.fail()) << text;
    EXPECT_EQ(x, 3) << text;
  }
  std::istringstream stream("9");
  fb::int4 x{3};
  EXPECT_FALSE(stream >> x);
  EXPECT_EQ(x, 3);
}

}  // namespace
