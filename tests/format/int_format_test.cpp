// SPDX-License-Identifier: MIT
#include <fewbits/format.hpp>

#include <cstdint>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
namespace formats = fewbits::formats;

TEST(IntFormat, HasTheRangeOfItsWidth) {
  for (int bits = 1; bits <= 32; ++bits) {
    const fb::int_format with_sign = formats::signed_int(bits), none = formats::unsigned_int(bits);
    std::int64_t power = 1;
    for (int i = 1; i < bits; ++i) power *= 2;
    EXPECT_EQ(with_sign.min_code(), -power);
    EXPECT_EQ(with_sign.max_code(), power - 1);
    EXPECT_EQ(none.min_code(), 0);
    EXPECT_EQ(none.max_code(), 2 * power - 1);
    EXPECT_TRUE(with_sign.is_supported() && none.is_supported());
  }
  static_assert(formats::int4.min_code() == -8 && formats::int4.max_code() == 7);
  static_assert(formats::uint2.max_code() == 3);
  static_assert(!formats::signed_int(0).is_supported() && !formats::signed_int(33).is_supported());
}

TEST(IntFormat, ComparesAllFields) {
  static_assert(formats::int8 == formats::signed_int(8));
  static_assert(formats::int8 != formats::uint8);
  static_assert(formats::int8 != fb::int_format{.bits = 8, .fraction_bits = 6});
}

// OCP MX 1.0: 32 elements and an 8-bit scale.
TEST(BlockFormat, CountsTheBitsOfABlock) {
  const auto bits = [](const fb::block_format& f) {
    return f.block_size * f.element_bits + f.overhead_bits;
  };
  EXPECT_EQ(bits(formats::mx(formats::fp8_e4m3)), 33 * 8);
  EXPECT_EQ(bits(formats::mx(formats::fp6_e2m3)), 25 * 8);
  EXPECT_EQ(bits(formats::mx(formats::fp4_e2m1)), 17 * 8);
  EXPECT_EQ(bits(formats::mx(formats::int8)), 33 * 8);
  EXPECT_EQ(bits(formats::grouped(formats::int4, 128, formats::fp16)), 128 * 4 + 16);
  EXPECT_EQ(bits(formats::grouped(formats::int4, 128, formats::fp16, 4)), 128 * 4 + 20);
  EXPECT_EQ(formats::mx(formats::fp4_e2m1), formats::mx(formats::finite(2, 1)));
}

}  // namespace
