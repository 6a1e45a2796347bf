// SPDX-License-Identifier: MIT
// Compiled to anything only with a standard library that has <format>.
#include <fewbits/interop/format.hpp>
#include <fewbits/value.hpp>

#include "gtest/gtest.h"

#if defined(__cpp_lib_format)

#include <cstdint>
#include <string>

#include "support/typed.hpp"

namespace {

namespace fb = fewbits;

TEST(format, without_precision_prints_the_shortest_text) {
  EXPECT_EQ(std::format("{} {} {}", fb::bf16{0.1}, fb::fp8_e5m2{57344}, fb::fp64{0.1}),
            "0.1 57344 0.1");
  EXPECT_EQ(std::format("[{:>8}] [{:*<6}] [{:^{}}]", fb::bf16{0.1}, fb::bf16{-2}, fb::fp16{1e9}, 7),
            "[     0.1] [-2****] [  inf  ]");
  EXPECT_EQ(std::format("{:+} {:08} {:.>9}", fb::fp8_e4m3{448}, fb::fp16{-0.1}, fb::fp16{0.1}),
            "+448 -00000.1 ......0.1");
  EXPECT_EQ(std::format(L"{:6}|", fb::bf16{0.1}), L"   0.1|");
}

TEST(format, with_precision_or_type_rounds_the_exact_value) {
  EXPECT_EQ(std::format("{:.3f} {:+e} {:a} {:.3}", fb::bf16{0.1}, fb::bf16{0.1}, fb::fp16{0.1},
                        fb::fp16{3.125}),
            "0.100 +1.000977e-01 1.998p-4 3.12");
  EXPECT_EQ(std::format("{:.>8.2f} {:G}", fb::fp16{0.1}, fb::fp16{1e-7}), "....0.10 1.19209E-07");
}

TEST(format, of_integers_is_that_of_int) {
  EXPECT_EQ(
      std::format("{} {:4} {:#x} {:+b}", fb::int4{-8}, fb::uint4{15}, fb::uint4{15}, fb::int2{1}),
      "-8   15 0xf +1");
}

TEST(format, agrees_with_to_chars_for_every_code) {
  const auto check = [](auto type) {
    using number = typename decltype(type)::type;
    typed::for_each_code<number>([](number x) {
      char text[24];
      const std::string expected(text, fb::to_chars(text, text + 24, x).ptr);
      ASSERT_EQ(std::format("{}", x), expected);
    });
  };
  check(typed::tag<fb::fp16>{});
  check(typed::tag<fb::bf16>{});
  check(typed::tag<fb::fp8_e5m2>{});
  check(typed::tag<fb::scale_e8m0>{});
}

}  // namespace

#endif
