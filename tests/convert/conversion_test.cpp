// SPDX-License-Identifier: MIT
// Bulk conversion gives the bits of the scalar one. Everything here is integers: the tests are also
// compiled with -ffast-math, which breaks comparisons of floats and NaN.
#include <fewbits/convert.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "convert/kernels.hpp"
#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using fb::cast_policy;
using fb::overflow;
using fb::rounding;

// Formats that the named table lacks: infinity as a top code; FP32's exponents with few bits; both
// ends of the exponents that the vector code takes; every value a power of two.
using p3109_8p3 = fb::basic_float<fb::formats::p3109(8, 3)>;
using p3109_6p3 = fb::basic_float<fb::formats::p3109(6, 3)>;
using p3109_8p4f = fb::basic_float<fb::formats::p3109(8, 4, fb::formats::signedness::with_sign,
                                                      fb::formats::domain::finite)>;
using e8m3 = fb::basic_float<fb::formats::ieee(8, 3)>;
using tiny_e4m3 = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(4, 3), 124)>;
using huge_e4m3 = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(4, 3), -112)>;
using wide_e2m20 = fb::basic_float<fb::formats::ieee(2, 20)>;

template <class From, class To, cast_policy Policy, fb::isa Isa>
void bulk(const unsigned char* src, unsigned char* dst, std::size_t count) {
  const fb::array_view<const From> from(reinterpret_cast<const From*>(src), count);
  const fb::array_view<To> to(reinterpret_cast<To*>(dst), count);
  fb::convert<Policy, Isa>(from, to);
}

template <class Type>
Type element(u64 code) {
  if constexpr (std::is_floating_point_v<Type>) {
    std::conditional_t<sizeof(Type) == 4, std::uint32_t, u64> bits{};
    bits = static_cast<decltype(bits)>(code);
    return __builtin_bit_cast(Type, bits);
  } else {
    return Type::from_bits(static_cast<typename Type::storage_type>(code));
  }
}

template <class From, class To, cast_policy Policy>
u64 scalar(u64 code) {
  const To result = fb::convert<To, Policy>(element<From>(code));
  if constexpr (std::is_same_v<To, float>) {
    return __builtin_bit_cast(std::uint32_t, result);
  } else if constexpr (std::is_same_v<To, double>) {
    return __builtin_bit_cast(u64, result);
  } else {
    return result.bits();
  }
}

enum class isas { native_only, both };

template <class From, class To, cast_policy Policy = cast_policy{}, isas Isas = isas::both>
conversion make() {
  conversion row{fb::format_of<From>,
                 fb::format_of<To>,
                 Policy,
                 sizeof(From),
                 sizeof(To),
                 bulk<From, To, Policy, fb::native>,
                 nullptr,
                 scalar<From, To, Policy>};
  if constexpr (Isas == isas::both) row.generic = bulk<From, To, Policy, fb::generic>;
  return row;
}

// The code of the other policies is shared by all formats; these two differ most in their special
// codes.
template <class To>
constexpr isas isas_for =
    std::is_same_v<To, fb::fp16> || std::is_same_v<To, fb::fp8_e4m3> ? isas::both
                                                                     : isas::native_only;

template <class To, rounding Round>
void add_overflows(std::vector<conversion>& rows) {
  rows.push_back(make<float, To, cast_policy{Round, overflow::ieee}, isas_for<To>>());
  rows.push_back(make<float, To, cast_policy{Round, overflow::propagate}, isas::native_only>());
  // With an infinity of its own kind, a format has nothing new to say about the other two.
  if constexpr (To::format.inf != fb::inf_encoding::top_code) {
    rows.push_back(make<float, To, cast_policy{Round, overflow::saturate}, isas::native_only>());
    rows.push_back(
        make<float, To, cast_policy{Round, overflow::infinity_or_largest}, isas::native_only>());
  }
}

template <class To>
void add_policies(std::vector<conversion>& rows) {
  add_overflows<To, rounding::nearest_even>(rows);
  add_overflows<To, rounding::nearest_away>(rows);
  add_overflows<To, rounding::toward_zero>(rows);
  add_overflows<To, rounding::toward_positive>(rows);
  add_overflows<To, rounding::toward_negative>(rows);
  add_overflows<To, rounding::to_odd>(rows);
}

/// FP32 to and from a format, in the policies that everyone uses.
template <class Narrow>
void add_with_fp32(std::vector<conversion>& rows) {
  rows.push_back(make<float, Narrow>());
  rows.push_back(make<float, Narrow, fb::saturating, isas::native_only>());
  rows.push_back(make<Narrow, float>());
}

template <class First, class Second>
void add_pair(std::vector<conversion>& rows) {
  rows.push_back(make<First, Second, cast_policy{}, isas::native_only>());
  rows.push_back(make<Second, First, cast_policy{}, isas::native_only>());
}

std::vector<conversion> make_conversions() {
  std::vector<conversion> rows;
#define FEWBITS_TEST_ROW(name, descriptor, specification)                    \
  if constexpr (fb::name::format.bits() <= 24 && fb::name::format.is_signed) \
    add_with_fp32<fb::name>(rows);
  FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_ROW)
#undef FEWBITS_TEST_ROW
  add_pair<float, p3109_8p3>(rows);
  add_pair<float, p3109_6p3>(rows);
  add_pair<float, p3109_8p4f>(rows);
  add_pair<float, e8m3>(rows);
  add_pair<float, tiny_e4m3>(rows);
  add_pair<float, huge_e4m3>(rows);
  add_pair<float, wide_e2m20>(rows);

  add_policies<fb::fp16>(rows);
  add_policies<fb::fp8_e4m3>(rows);
  add_policies<fb::fp8_e5m2fnuz>(rows);
  add_policies<p3109_6p3>(rows);

  add_pair<fb::fp16, fb::bf16>(rows);
  add_pair<fb::fp16, fb::fp8_e4m3>(rows);
  add_pair<fb::fp16, fb::fp8_e5m2>(rows);
  add_pair<fb::fp16, fb::fp8_e4m3fnuz>(rows);
  add_pair<fb::fp16, fb::fp4_e2m1>(rows);
  add_pair<fb::bf16, fb::fp8_e4m3>(rows);
  add_pair<fb::bf16, fb::fp8_e5m2>(rows);
  add_pair<fb::bf16, fb::fp6_e2m3>(rows);
  add_pair<fb::fp16_alt, fb::fp8_e3m4>(rows);
  add_pair<fb::fp8_e4m3, fb::fp8_e5m2>(rows);
  add_pair<fb::tf32, fb::bf16>(rows);
  rows.push_back(make<fb::fp16, fb::bf16, cast_policy{rounding::to_odd}>());
  rows.push_back(make<fb::fp8_e5m2, fb::fp4_e2m1, fb::saturating>());

  // The pairs that take the scalar conversion, and those of equal formats.
  rows.push_back(make<double, float>());
  rows.push_back(make<float, double>());
  rows.push_back(make<double, fb::fp16>());
  rows.push_back(make<fb::fp64, fb::fp8_e4m3, fb::truncating>());
  rows.push_back(make<fb::bf16, fb::fp64>());
  rows.push_back(make<float, fb::scale_e8m0>());
  rows.push_back(make<fb::scale_e8m0, float>());
  rows.push_back(make<float, fb::scale_ue4m3>());
  rows.push_back(make<fb::scale_ue5m3, fb::fp16>());
  rows.push_back(make<float, fb::fp32>());
  rows.push_back(make<fb::fp32, float>());
  rows.push_back(make<fb::bf16, fb::bf16>());
  rows.push_back(make<double, fb::fp64>());
  // The classes are taken like the native types of the same values.
  rows.push_back(make<fb::fp32, fb::fp16>());
  rows.push_back(make<fb::fp16, fb::fp32>());
  return rows;
}

/// The FP32 code of the number with the code `magnitude` of a format that FP32 contains; beyond the
/// format's last code, the numbers that would follow.
std::uint32_t fp32_code(const fb::float_format& format, u64 magnitude) {
  const int mantissa_bits = format.mantissa_bits;
  u64 significand = magnitude & format.mantissa_mask();
  int exponent = static_cast<int>(magnitude >> mantissa_bits);
  if (exponent > 0 || !format.has_subnormals) {
    significand |= u64{1} << mantissa_bits;
  } else {
    exponent = 1;
  }
  if (significand == 0) return 0;
  // The number is significand * 2^scale.
  int scale = exponent - format.bias - mantissa_bits;
  while (significand < u64{1} << 23) {
    significand <<= 1;
    --scale;
  }
  const int field = scale + 150;
  if (field >= 255) return 0x7f800000;
  if (field >= 1)
    return static_cast<std::uint32_t>(field) << 23 |
           (static_cast<std::uint32_t>(significand) & 0x7fffff);
  return field < -23 ? 0 : static_cast<std::uint32_t>(significand >> (1 - field));
}

void add_both_signs(std::vector<u64>& codes, std::uint32_t magnitude) {
  codes.push_back(magnitude & 0x7fffffff);
  codes.push_back(magnitude | 0x80000000);
}

/// Zero, the ends of the subnormal and normal numbers, infinity, NaN of every payload bit.
void add_special_fp32(std::vector<u64>& codes) {
  for (const std::uint32_t code : {0x0U, 0x1U, 0x2U, 0x7fffffU, 0x800000U, 0x800001U, 0x3f800000U,
                                   0x7f7fffffU, 0x7f7ffffeU, 0x7f800000U})
    add_both_signs(codes, code);
  for (int bit = 0; bit < 23; ++bit) {
    add_both_signs(codes, 0x7f800000U | 1U << bit);
    add_both_signs(codes, 0x7fffffffU ^ 1U << bit);
  }
  add_both_signs(codes, 0x7fffffff);
}

/// Every value of the destination (a sample if there are more than 2^16), every midpoint, and their
/// neighbours; specials; a stride through everything.
std::vector<u64> fp32_inputs(const fb::float_format& to) {
  std::vector<u64> codes;
  add_special_fp32(codes);
  const u64 last = to.max_finite_code() + 2;
  const u64 step = to.bits() <= 16 ? 1 : last / 4093;
  for (u64 code = 0; code <= last; code += step) {
    const std::uint32_t here = fp32_code(to, code);
    const std::uint32_t next = fp32_code(to, code + 1);
    // Codes are linear within a binade, and half of a power of two is one exponent less.
    const std::uint32_t middle =
        code == 0 && next >= 0x1000000 ? next - 0x800000 : here + (next - here) / 2;
    for (const std::uint32_t around : {here, middle})
      for (int ulp = -1; ulp <= 1; ++ulp)
        if (around != 0 || ulp >= 0)
          add_both_signs(codes, around + static_cast<std::uint32_t>(ulp));
  }
  for (std::uint32_t i = 0; i < 20000; ++i) codes.push_back(i * 214'783U);
  return codes;
}

std::vector<u64> fp64_inputs(const fb::float_format& to) {
  std::vector<u64> codes = {0x7ff0000000000001, 0xfff8000000000000, 0x7ff8000000000001, 1,
                            0x8000000000000001, 0x7fefffffffffffff, 0x0010000000000000};
  const fb::float_format sampled = to.bits() <= 24 ? to : fb::formats::bf16;
  const std::vector<u64> floats = fp32_inputs(sampled);
  for (std::size_t i = 0; i < floats.size(); i += 3) {
    const float x = __builtin_bit_cast(float, static_cast<std::uint32_t>(floats[i]));
    const u64 code = fb::convert<fb::fp64>(x).bits();
    codes.insert(codes.end(), {code, code + 1, code == 0 ? 0 : code - 1});
  }
  for (u64 i = 0; i < 20000; ++i) codes.push_back(i * 0x9e3779b97f4a7c15);
  return codes;
}

std::string describe(const conversion& row, u64 source, u64 got, u64 want) {
  char text[160];
  std::snprintf(text, sizeof text, ": source 0x%llx, got 0x%llx, want 0x%llx",
                static_cast<unsigned long long>(source), static_cast<unsigned long long>(got),
                static_cast<unsigned long long>(want));
  return name_of(row) + text;
}

// Equality with the scalar conversion, for every row of the table.
TEST(Conversion, GivesTheBitsOfTheScalarConversion) {
  for (const conversion& row : conversions()) {
    const std::vector<u64> codes = inputs_for(row);
    std::vector<unsigned char> src(codes.size() * row.from_bytes);
    write_codes(codes, row.from_bytes, src.data());
    const std::vector<unsigned char> want = expected_of(row, codes);
    std::vector<unsigned char> got(want.size());
    row.native(src.data(), got.data(), codes.size());
    expect_elements(row, "native", codes, got.data(), want);
    if (row.generic == nullptr) continue;
    got.assign(want.size(), 0xa5);
    row.generic(src.data(), got.data(), codes.size());
    expect_elements(row, "generic", codes, got.data(), want);
  }
}

}  // namespace

const std::vector<conversion>& conversions() {
  static const std::vector<conversion> rows = make_conversions();
  return rows;
}

std::string name_of(const conversion& row) {
  const auto name = [](const fb::float_format& format) -> std::string {
    const char* const known = fb::name_of(format);
    if (std::strcmp(known, "unnamed") != 0) return known;
    char text[48];
    std::snprintf(text, sizeof text, "e%dm%d with bias %d", format.exponent_bits,
                  format.mantissa_bits, format.bias);
    return text;
  };
  char policy[48];
  std::snprintf(policy, sizeof policy, " (round %d, overflow %d)",
                static_cast<int>(row.policy.round), static_cast<int>(row.policy.over));
  return name(row.from) + " -> " + name(row.to) + policy;
}

std::vector<u64> inputs_for(const conversion& row) {
  if (row.from == fb::formats::fp32)
    return fp32_inputs(row.to.bits() <= 24 && row.to.is_signed ? row.to : fb::formats::bf16);
  if (row.from == fb::formats::fp64) return fp64_inputs(row.to);
  std::vector<u64> codes;
  const u64 count = u64{1} << row.from.bits();
  const u64 step = count <= 65536 ? 1 : 251;
  for (u64 code = 0; code < count; code += step) codes.push_back(code);
  codes.push_back(count - 1);
  return codes;
}

void write_codes(const std::vector<u64>& codes, std::size_t bytes, unsigned char* dst) {
  for (const u64 code : codes)
    for (std::size_t i = 0; i < bytes; ++i) *dst++ = static_cast<unsigned char>(code >> 8 * i);
}

u64 read_code(const unsigned char* src, std::size_t bytes, std::size_t index) {
  u64 code = 0;
  for (std::size_t i = 0; i < bytes; ++i) code |= u64{src[index * bytes + i]} << 8 * i;
  return code;
}

std::vector<unsigned char> expected_of(const conversion& row, const std::vector<u64>& codes) {
  std::vector<u64> results;
  results.reserve(codes.size());
  for (const u64 code : codes) results.push_back(row.scalar(code));
  std::vector<unsigned char> bytes(codes.size() * row.to_bytes);
  write_codes(results, row.to_bytes, bytes.data());
  return bytes;
}

void expect_elements(const conversion& row, const char* isa, const std::vector<u64>& codes,
                     const unsigned char* got, const std::vector<unsigned char>& want) {
  if (want.empty() || std::memcmp(got, want.data(), want.size()) == 0) return;
  int shown = 0;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const u64 wanted = read_code(want.data(), row.to_bytes, i);
    const u64 found = read_code(got, row.to_bytes, i);
    if (found == wanted) continue;
    ++failed;
    if (++shown <= 5) ADD_FAILURE() << isa << ", " << describe(row, codes[i], found, wanted);
  }
  if (failed > 5) ADD_FAILURE() << name_of(row) << ": " << failed << " of " << codes.size();
}
