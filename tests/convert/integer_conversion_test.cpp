// SPDX-License-Identifier: MIT
// Bulk conversion from and to integers: every width up to 16 bits, every rounding mode. Most of it takes long
// to compile: with FEWBITS_ALL_ROWS, in integer_conversion_slow.cpp.
#include <fewbits/convert.hpp>

#include <cstdint>
#include <vector>

#include "convert/kernels.hpp"
#include "gtest/gtest.h"

namespace {

using namespace rows;

template <int Bits>
using signed_int = fb::basic_int<fb::formats::signed_int(Bits)>;
template <int Bits>
using unsigned_int = fb::basic_int<fb::formats::unsigned_int(Bits)>;

template <int Bits>
void add_width(std::vector<conversion>& table) {
  add<float, signed_int<Bits>>(table);
  add<signed_int<Bits>, float>(table);
  add<float, unsigned_int<Bits>>(table);
  add<unsigned_int<Bits>, float>(table);
  if constexpr (Bits > 1) add_width<Bits - 1>(table);
}

template <class Integer>
void add_from_integer(std::vector<conversion>& table) {
  add<Integer, double>(table);
  add<Integer, fb::fp16>(table);
  add<Integer, fb::bf16>(table);
  add<Integer, fb::fp8_e4m3>(table);
  add<Integer, fb::fp8_e5m2, fb::truncating>(table);
}

template <class Integer>
void add_to_integer(std::vector<conversion>& table) {
  add<fb::fp16, Integer>(table);
  add<fb::bf16, Integer>(table);
  add<fb::fp8_e4m3, Integer>(table);
  add<fb::fp8_e5m2, Integer, fb::truncating>(table);
}

std::vector<conversion> make_integer_rows() {
  std::vector<conversion> table;
#if defined(FEWBITS_ALL_ROWS)
  add_width<16>(table);
#endif
  // One kernel whatever the type of equal integers.
  add<float, std::int8_t, cast_policy{}, isas::both>(table);
  add<std::int8_t, float, cast_policy{}, isas::both>(table);
  add<float, std::uint16_t, cast_policy{}, isas::both>(table);
  add<std::uint16_t, fb::fp16, cast_policy{}, isas::both>(table);

  add_modes<float, std::int8_t>(table);
  add_modes<float, std::uint8_t>(table);
  add_modes<double, std::int16_t>(table);
  add_modes<fb::bf16, std::int8_t>(table);
  add_modes<std::int16_t, fb::fp8_e4m3>(table);
#if defined(FEWBITS_ALL_ROWS)
  add_modes<float, fb::int4>(table);
  add_modes<float, fb::uint2>(table);
  add_modes<float, std::int16_t>(table);
  add_modes<double, std::int8_t>(table);
  add_modes<double, fb::uint4>(table);
  add_modes<fb::fp16, fb::uint4>(table);
  add_modes<std::uint16_t, fb::fp16>(table);
#endif

  add_from_integer<std::int8_t>(table);
  add_from_integer<std::uint8_t>(table);
  add_from_integer<fb::int4>(table);
  add_from_integer<fb::int2>(table);
  add_from_integer<std::int16_t>(table);
  add_to_integer<std::int8_t>(table);
  add_to_integer<std::uint8_t>(table);
  add_to_integer<fb::uint4>(table);
  add_to_integer<fb::int2>(table);
  add_to_integer<std::int16_t>(table);
  // Unsigned and scale formats; integers among themselves; wider integers.
  add<std::int8_t, fb::scale_ue4m3>(table);
  add<std::uint8_t, fb::scale_e8m0>(table);
  add<std::int16_t, fb::scale_e8m0>(table);
  add<fb::scale_e8m0, std::uint8_t>(table);
  add<std::int8_t, fb::int4>(table);
  add<std::int16_t, fb::uint4>(table);
  add<std::uint8_t, std::int8_t>(table);
  add<fb::int4, std::int16_t>(table);
  add<std::int32_t, fb::bf16>(table);
  add<fb::fp16, std::int32_t>(table);
  add<signed_int<17>, float>(table);
  return table;
}

TEST(IntegerConversion, GivesTheBitsOfTheScalarConversion) {
  expect_scalar_bits(make_integer_rows());
}

}  // namespace
