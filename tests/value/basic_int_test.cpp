// SPDX-License-Identifier: MIT
#include <fewbits/value.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

#include "gtest/gtest.h"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;

template <class Type>
void check_every_code() {
  constexpr int bits = Type::format.bits;
  const std::int64_t count = std::int64_t{1} << bits;
  for (std::int64_t code = 0; code < count; ++code) {
    const Type x = typed::from_code<Type>(static_cast<std::uint64_t>(code));
    const std::int64_t value = Type::format.is_signed && code >= count / 2 ? code - count : code;
    ASSERT_EQ(static_cast<typename Type::native_type>(x), value);
    ASSERT_EQ(x.bits(), static_cast<std::uint64_t>(code));
    ASSERT_EQ(Type(value).bits(), x.bits());
    ASSERT_EQ(Type::from_code(value).bits(), x.bits());
    ASSERT_EQ(Type::from_code(value + 3 * count).bits(), x.bits()) << "modulo 2^bits";
  }
}

TEST(BasicInt, HoldsEveryValueOfItsWidth) {
  check_every_code<fb::int2>();
  check_every_code<fb::uint2>();
  check_every_code<fb::int4>();
  check_every_code<fb::uint4>();
  check_every_code<fb::basic_int<fb::formats::signed_int(1)>>();
  check_every_code<fb::basic_int<fb::formats::unsigned_int(1)>>();
  check_every_code<fb::basic_int<fb::formats::signed_int(7)>>();
  check_every_code<fb::basic_int<fb::formats::signed_int(8)>>();
  check_every_code<fb::basic_int<fb::formats::unsigned_int(12)>>();
}

TEST(BasicInt, SaturatesFromBuiltInIntegers) {
  static_assert(fb::int4{100} == 7 && fb::int4{-100} == -8);
  static_assert(fb::int4{std::numeric_limits<std::int64_t>::min()} == -8);
  static_assert(fb::int4{std::numeric_limits<std::uint64_t>::max()} == 7);
  static_assert(fb::uint4{-1} == 0 && fb::uint4{16} == 15);
  static_assert(fb::uint4{std::numeric_limits<std::uint64_t>::max()} == 15);
  static_assert(fb::int2{2} == 1 && fb::uint2{true} == 1);
  using wide = fb::basic_int<fb::formats::signed_int(32)>;
  static_assert(wide{std::int64_t{1} << 40} == std::numeric_limits<std::int32_t>::max());
  static_assert(wide{-5} == -5);
  using wide_unsigned = fb::basic_int<fb::formats::unsigned_int(32)>;
  static_assert(wide_unsigned{~0ULL} == 0xffffffffU && wide_unsigned{-5} == 0U);
}

TEST(BasicInt, IgnoresBitsAboveTheWidth) {
  static_assert(fb::int4::from_bits(0xf8).bits() == 8 && fb::int4::from_bits(0xf8) == -8);
  static_assert(fb::uint2::from_bits(0xfd) == 1);
  static_assert(fb::int4{}.bits() == 0);
}

TEST(BasicInt, ComputesAsInt) {
  static_assert(std::is_same_v<decltype(fb::int4{3} + fb::int4{7}), int>);
  static_assert(fb::int4{7} * fb::int4{-8} == -56);
  static_assert(std::is_same_v<decltype(-fb::uint4{1}), int>);
  static_assert(fb::uint4{1} - fb::uint4{2} == -1, "no unsigned wrap-around");
  static_assert(fb::int4{3} < fb::uint4{4} && fb::int4{-1} < fb::uint4{0});
  static_assert(
      std::is_same_v<fb::basic_int<fb::formats::unsigned_int(32)>::native_type, std::uint32_t>);
  static_assert(std::is_convertible_v<fb::int4, int> && !std::is_convertible_v<int, fb::int4>);
  static_assert(std::is_constructible_v<fb::int4, int>);
}

TEST(BasicInt, IsTrivialAndOneUnitWide) {
  static_assert(std::is_trivial_v<fb::int4> && std::is_standard_layout_v<fb::int4>);
  static_assert(sizeof(fb::int4) == 1 && sizeof(fb::uint2) == 1);
  static_assert(sizeof(fb::basic_int<fb::formats::signed_int(12)>) == 2);
  static_assert(std::is_same_v<fb::int8, std::int8_t> && std::is_same_v<fb::uint8, std::uint8_t>);
}

}  // namespace
