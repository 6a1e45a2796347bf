// SPDX-License-Identifier: MIT
// Every rounding mode and overflow policy, for pairs that take different ways through the kernels. Most of
// them take long to compile: with FEWBITS_ALL_ROWS, in conversion_policies_slow.cpp.
#include <fewbits/convert.hpp>

#include <cfenv>
#include <cstddef>
#include <vector>

#include "convert/kernels.hpp"
#include "gtest/gtest.h"
#include "support/environment.hpp"

namespace {

using namespace rows;

// Infinity as a top code, and no sign.
using p3109_6p3 = fb::basic_float<fb::formats::p3109(6, 3)>;
using p3109_8p3u = fb::basic_float<fb::formats::p3109(8, 3, fb::formats::signedness::no_sign,
                                                      fb::formats::domain::extended)>;
using p3109_8p4uf = fb::basic_float<fb::formats::p3109(8, 4, fb::formats::signedness::no_sign,
                                                       fb::formats::domain::finite)>;
using wide_e2m20 = fb::basic_float<fb::formats::ieee(2, 20)>;
// On either side of what a short way takes: of the bits of the mantissa that a way over FP32 leaves, of
// the codes that a sum has room for, and of the exponents.
using e8m21 = fb::basic_float<fb::formats::ieee(8, 21)>;
using e8m22 = fb::basic_float<fb::formats::ieee(8, 22)>;
using e5m22 = fb::basic_float<fb::formats::ieee(5, 22)>;
using e3m20 = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(3, 20), 7)>;
template <int Bias>
using e4m3_with = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(4, 3), Bias)>;

template <class From, class To>
void add_overflows(std::vector<conversion>& table) {
  add_modes<From, To>(table);
  add_modes<From, To, overflow::propagate>(table);
  // With an infinity of its own kind, a format has nothing new to say about the other two.
  if constexpr (To::format.inf != fb::inf_encoding::top_code) {
    add_modes<From, To, overflow::saturate>(table);
    add_modes<From, To, overflow::infinity_or_largest>(table);
  }
}

/// A format that has a code for a special number, in policies that give another.
template <class From, class To>
void add_some_overflows(std::vector<conversion>& table) {
  add<From, To, fb::saturating>(table);
  add<From, To, cast_policy{rounding::toward_positive, overflow::saturate}>(table);
  add<From, To, cast_policy{rounding::toward_negative, overflow::infinity_or_largest}>(table);
  add<From, To, cast_policy{rounding::nearest_even, overflow::propagate}>(table);
}

void add_float_rows(std::vector<conversion>& table) {
  add_overflows<float, fb::fp16>(table);
  add_modes<float, fb::bf16>(table);
  add_modes<float, fb::scale_e8m0>(table);
  add_modes<float, fb::fp8_e4m3, overflow::saturate>(table);
  add_modes<float, fb::fp4_e2m1>(table);
#if defined(FEWBITS_ALL_ROWS)
  add_overflows<float, fb::fp8_e5m2fnuz>(table);
  add_overflows<float, p3109_6p3>(table);
  add_overflows<float, fb::scale_ue4m3>(table);
  add_modes<float, fb::fp8_e4m3, overflow::propagate>(table);
  add_modes<float, fb::fp4_e3m0>(table);
  add_modes<float, p3109_8p3u>(table);
  add_modes<float, p3109_8p4uf>(table);
  add_modes<float, wide_e2m20>(table);
  add_modes<float, e4m3_with<123>>(table);
  add_modes<float, e4m3_with<-93>>(table);
  add_modes<float, e4m3_with<-94>>(table);
  add<float, e3m20>(table);
  add<float, e8m21>(table);
  add<float, e8m22>(table);
  add_some_overflows<float, fb::bf16>(table);
  add_some_overflows<float, fb::scale_e8m0>(table);
#endif
}

template <class From>
void add_half_rows(std::vector<conversion>& table) {
  add_modes<From, fb::fp8_e4m3>(table);
  add_some_overflows<From, fb::fp8_e5m2>(table);
#if defined(FEWBITS_ALL_ROWS)
  add_modes<From, fb::fp8_e5m2>(table);
  add_modes<From, fb::fp8_e4m3fnuz>(table);
  add_modes<From, fb::fp8_e5m2fnuz>(table);
  add_modes<From, fb::fp4_e2m1>(table);
  add_modes<From, fb::scale_ue4m3>(table);
  // FP16's exponents leave room for the sum up to a bias of 6, and down to one of 11.
  add_modes<From, e4m3_with<5>>(table);
  add_modes<From, e4m3_with<6>>(table);
  add_modes<From, e4m3_with<11>>(table);
  add_modes<From, e4m3_with<12>>(table);
  add_some_overflows<From, fb::fp8_e4m3>(table);
  add_some_overflows<From, fb::scale_ue4m3>(table);
#endif
}

void add_double_rows(std::vector<conversion>& table) {
  add_modes<double, float>(table);
  add_modes<double, fb::fp16>(table);
#if defined(FEWBITS_ALL_ROWS)
  add_modes<double, fb::tf32>(table);
  add_modes<double, fb::bf16>(table);
  add_modes<double, fb::fp8_e4m3>(table);
  add_modes<double, fb::scale_e8m0>(table);
  add_modes<double, fb::scale_ue4m3>(table);
  add_modes<double, e8m21>(table);
  add_modes<double, e8m22>(table);
  add_modes<double, e5m22>(table);
  add_some_overflows<double, float>(table);
  add_some_overflows<double, fb::fp16>(table);
  add_some_overflows<double, fb::bf16>(table);
  add_some_overflows<double, fb::fp8_e4m3>(table);
#endif
}

const std::vector<conversion>& policies() {
  static const std::vector<conversion> rows = [] {
    std::vector<conversion> table;
    add_float_rows(table);
    add_half_rows<fb::fp16>(table);
    add_half_rows<fb::bf16>(table);
    add_double_rows(table);
    return table;
  }();
  return rows;
}

TEST(ConversionPolicies, GiveTheBitsOfTheScalarConversion) { expect_scalar_bits(policies()); }

/// The modes in which instructions run, without the flags that they raise.
u64 control_word() {
#if defined(__x86_64__)
  return _mm_getcsr() & ~0x3fU;
#elif defined(__aarch64__)
  u64 word = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word));
  return word;
#else
  return 0;
#endif
}

// Kernels that round by instructions set the mode that they need, and leave what they found.
template <class Environment, class... Arguments>
void expect_same_bits_under(const Arguments&... arguments) {
  for (const conversion& row : policies()) {
    const std::vector<u64>& all = inputs_for(row);
    std::vector<u64> codes;
    for (std::size_t i = 0; i < all.size(); i += all.size() / 1000 + 1) codes.push_back(all[i]);
    const std::vector<unsigned char> want = expected_of(row, codes);
    std::vector<unsigned char> src(codes.size() * row.from_bytes), got(want.size());
    write_codes(codes, row.from_bytes, src.data());
    {
      const Environment hostile(arguments...);
      const u64 before = control_word();
      row.native(src.data(), got.data(), codes.size());
      EXPECT_EQ(control_word(), before) << name_of(row);
    }
    expect_elements(row, "native", codes, got.data(), want);
  }
}

TEST(ConversionPolicies, IgnoreFlushToZero) {
  expect_same_bits_under<environment::flush_to_zero>();
}

TEST(ConversionPolicies, IgnoreTheRoundingDirection) {
  for (const int direction : {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    SCOPED_TRACE(direction);
    expect_same_bits_under<environment::rounding_direction>(direction);
  }
}

}  // namespace
