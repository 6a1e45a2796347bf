// SPDX-License-Identifier: MIT
// Bulk conversion gives the bits of the scalar one. Everything here is integers: the tests are also
// compiled with -ffast-math, which breaks comparisons of floats and NaN.
#include <fewbits/convert.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "convert/kernels.hpp"
#include "gtest/gtest.h"

namespace {

using namespace rows;

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
using p3109_12p5 = fb::basic_float<fb::formats::p3109(12, 5)>;
using p3109_10p4u = fb::basic_float<fb::formats::p3109(10, 4, fb::formats::signedness::no_sign)>;

/// FP32 to and from a format, in the policies that everyone uses.
template <class Narrow>
void add_with_fp32(std::vector<conversion>& table) {
  add<float, Narrow, cast_policy{}, isas::both>(table);
  add<float, Narrow, fb::saturating>(table);
  add<Narrow, float, cast_policy{}, isas::both>(table);
  // Where an infinity becomes another number.
  if constexpr (fb::format_of<Narrow>.has_infinity()) add<Narrow, float, fb::saturating>(table);
}

template <class First, class Second>
void add_pair(std::vector<conversion>& table) {
  add<First, Second>(table);
  add<Second, First>(table);
}

std::vector<conversion> make_conversions() {
  std::vector<conversion> table;
#define FEWBITS_TEST_ROW(name, descriptor, specification) \
  if constexpr (fb::name::format.bits() <= 24) add_with_fp32<fb::name>(table);
  FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_ROW)
#undef FEWBITS_TEST_ROW
  add_pair<float, p3109_8p3>(table);
  add_pair<float, p3109_6p3>(table);
  add_pair<float, p3109_8p4f>(table);
  add_pair<float, e8m3>(table);
  add_pair<float, tiny_e4m3>(table);
  add_pair<float, huge_e4m3>(table);
  add_pair<float, wide_e2m20>(table);
  add_pair<float, p3109_12p5>(table);
  add_pair<float, p3109_10p4u>(table);
  add_modes<float, fb::fp8_e4m3>(table);

  add_pair<fb::fp16, fb::bf16>(table);
  add_pair<fb::fp16, fb::fp8_e4m3>(table);
  add_pair<fb::fp16, fb::fp8_e5m2>(table);
  add_pair<fb::fp16, fb::fp8_e4m3fnuz>(table);
  add_pair<fb::fp16, fb::fp4_e2m1>(table);
  add_pair<fb::fp16, fb::scale_ue4m3>(table);
  add_pair<fb::bf16, fb::fp8_e4m3>(table);
  add_pair<fb::bf16, fb::fp8_e5m2>(table);
  add_pair<fb::bf16, fb::fp6_e2m3>(table);
  add_pair<fb::bf16, fb::fp8_e5m2fnuz>(table);
  add_pair<fb::bf16, fb::fp8_e4m3b11fnuz>(table);
  add_pair<fb::fp16_alt, fb::fp8_e3m4>(table);
  add_pair<fb::fp8_e4m3, fb::fp8_e5m2>(table);
  add_pair<fb::fp8_e4m3fnuz, fb::fp8_e4m3_ieee>(table);
  add_pair<fb::fp8_e5m2, p3109_8p3>(table);
  add_pair<fb::fp4_e2m1, fb::fp8_e4m3>(table);
  add_pair<fb::fp6_e3m2, fb::scale_ue4m3>(table);
  add_pair<fb::scale_e8m0, fb::fp8_e5m2>(table);
  add_pair<fb::tf32, fb::bf16>(table);
  add<fb::fp16, fb::bf16, cast_policy{rounding::to_odd}, isas::both>(table);
  add<fb::fp8_e5m2, fb::fp4_e2m1, fb::saturating, isas::both>(table);
  add<fb::fp8_e5m2, fb::fp16, fb::saturating>(table);
  add<fb::fp16, double, fb::saturating>(table);
  add<fb::bf16, fb::fp16, fb::saturating>(table);

  // FP64, where it rounds once, and pairs that take the scalar conversion.
  add<double, float, cast_policy{}, isas::both>(table);
  add<float, double, cast_policy{}, isas::both>(table);
  add<double, fb::fp16, cast_policy{}, isas::both>(table);
  add<fb::fp64, fb::fp8_e4m3, fb::truncating, isas::both>(table);
  add<fb::bf16, fb::fp64, cast_policy{}, isas::both>(table);
  add<double, fb::bf16>(table);
  add<double, fb::scale_e8m0>(table);
  add<double, fb::scale_ue4m3>(table);
  add<double, wide_e2m20>(table);
  add<double, fb::fp24>(table);
  add<fb::scale_ue5m3, fb::fp16, cast_policy{}, isas::both>(table);
  // Equal formats; the classes are taken like the native types of the same values.
  add<float, fb::fp32, cast_policy{}, isas::both>(table);
  add<fb::fp32, float, cast_policy{}, isas::both>(table);
  add<fb::bf16, fb::bf16, cast_policy{}, isas::both>(table);
  add<fb::bf16, fb::bf16, fb::saturating>(table);
  add<fb::fp8_e5m2, fb::fp8_e5m2>(table);
  add<double, fb::fp64, cast_policy{}, isas::both>(table);
  add<fb::fp32, fb::fp16, cast_policy{}, isas::both>(table);
  add<fb::fp16, fb::fp32, cast_policy{}, isas::both>(table);

  add_pair<float, std::int8_t>(table);
  add_pair<float, fb::uint4>(table);
  add_pair<float, std::int16_t>(table);
  add_pair<fb::bf16, std::uint8_t>(table);
  add_pair<std::int8_t, fb::int4>(table);
  return table;
}

constexpr u64 sign64 = u64{1} << 63;
constexpr u64 infinity64 = 0x7ff0000000000000;
constexpr u64 one64 = 0x3ff0000000000000;

/// The code of the double significand * 2^scale: a number of at most 53 bits, normal in FP64.
u64 double_code(u64 significand, int scale) {
  if (significand == 0) return 0;
  const int shift = __builtin_clzll(significand) - 11;
  const u64 aligned = significand << shift;  // bit 52 is the first
  return (static_cast<u64>(scale - shift + 52 + 1023) << 52) + (aligned & ~(u64{1} << 52));
}

/// The double of the non-negative number with the code `magnitude`; beyond the last code, the numbers that
/// would follow.
u64 value_of(const element_kind& kind, u64 magnitude) {
  if (kind.is_integer) return double_code(magnitude, 0);
  const fb::float_format& format = kind.format;
  u64 significand = magnitude & format.mantissa_mask();
  int exponent = static_cast<int>(magnitude >> format.mantissa_bits);
  if (exponent > 0 || !format.has_subnormals) {
    significand |= u64{1} << format.mantissa_bits;
  } else {
    exponent = 1;
  }
  return double_code(significand, exponent - format.bias - format.mantissa_bits);
}

/// Magnitudes whose values, midpoints and neighbours are worth a test: all if there are no more than
/// `most`, else the ends, the smallest normal numbers and a stride.
std::vector<u64> magnitudes_of(const element_kind& kind, u64 most) {
  const u64 last = kind.is_integer ? static_cast<u64>(kind.integer.max_code()) + 2
                                   : kind.format.max_finite_code() + 1;
  const u64 normal = kind.is_integer ? 0 : kind.format.min_normal_code();
  const u64 stride = last <= most ? 1 : last / most | 1;
  std::vector<u64> found;
  for (u64 code = 0; code <= last; code += stride) found.push_back(code);
  if (stride == 1) return found;
  for (u64 i = 0; i < 64; ++i) {
    found.push_back(i);
    found.push_back(last - i);
    if (normal >= 32) found.push_back(normal - 32 + i);
    // Each power of two of the smallest value.
    if (u64{1} << i < normal) found.push_back(u64{1} << i);
  }
  return found;
}

/// Between the values of two codes that follow one another.
u64 middle_of(u64 below, u64 above) {
  // Codes are linear within a binade; half of a power of two is one exponent less.
  return below == 0 ? above - (u64{1} << 52) : below + (above - below) / 2;
}

void add_both_signs(std::vector<u64>& codes, u64 magnitude, u64 sign) {
  codes.push_back(magnitude & (sign - 1));
  codes.push_back((magnitude & (sign - 1)) | sign);
}

/// The code of the float next to the double, toward zero: exact for the values and midpoints in question,
/// unless they are too small.
std::uint32_t float_code(u64 magnitude) {
  const int exponent = static_cast<int>(magnitude >> 52) - 1023;
  if (exponent > 127) return 0x7f800000;
  if (exponent >= -126)
    return static_cast<std::uint32_t>(exponent + 127) << 23 |
           (static_cast<std::uint32_t>(magnitude >> 29) & 0x7fffff);
  if (exponent < -149) return 0;
  const u64 significand = (magnitude & ((u64{1} << 52) - 1)) | u64{1} << 52;
  return static_cast<std::uint32_t>(significand >> (-97 - exponent));
}

/// Values of the destination, midpoints and their neighbours; a stride through everything; the ends of
/// the subnormal and normal numbers, infinity, NaN of every payload bit.
std::vector<u64> fp32_codes(const element_kind& to) {
  constexpr u64 sign = 0x80000000;
  std::vector<u64> codes;
  for (const std::uint32_t code : {0x0U, 0x1U, 0x2U, 0x7fffffU, 0x800000U, 0x800001U, 0x3f800000U,
                                   0x7f7fffffU, 0x7f7ffffeU, 0x7f800000U})
    add_both_signs(codes, code, sign);
  for (int bit = 0; bit < 23; ++bit) {
    add_both_signs(codes, 0x7f800000U | 1U << bit, sign);
    add_both_signs(codes, 0x7fffffffU ^ 1U << bit, sign);
  }
  add_both_signs(codes, 0x7fffffff, sign);
  for (const u64 code : magnitudes_of(to, 10000)) {
    const u64 here = value_of(to, code);
    const u64 middle = middle_of(here, value_of(to, code + 1));
    for (const std::uint32_t around : {float_code(here), float_code(middle)})
      for (int ulp = -1; ulp <= 1; ++ulp)
        if (around != 0 || ulp >= 0)
          add_both_signs(codes, around + static_cast<std::uint32_t>(ulp), sign);
  }
  for (std::uint32_t i = 0; i < 20000; ++i) codes.push_back(i * 214'783U);
  return codes;
}

/// The same for FP64, where what decides may be far below the result's last place, and below what
/// FP32 would keep.
std::vector<u64> fp64_codes(const element_kind& to) {
  std::vector<u64> codes;
  for (const u64 code : {u64{0}, u64{1}, one64, u64{0x000fffffffffffff}, u64{0x0010000000000000},
                         u64{0x7fefffffffffffff}, infinity64})
    add_both_signs(codes, code, sign64);
  for (int bit = 0; bit < 52; ++bit) {
    add_both_signs(codes, infinity64 | u64{1} << bit, sign64);
    add_both_signs(codes, ~sign64 ^ u64{1} << bit, sign64);
  }
  // Every exponent: FP32's smallest number and half of it, and numbers that only FP64 has.
  for (u64 exponent = 0; exponent < 2047; ++exponent)
    for (const u64 mantissa : {u64{0}, u64{1}, u64{0x8000000000000}, u64{0xfffffffffffff}})
      add_both_signs(codes, exponent << 52 | mantissa, sign64);
  const element_kind sampled = to.is_integer || to.format.bits() < 64 ? to : kind_of<fb::fp32>();
  for (const u64 code : magnitudes_of(sampled, 1500)) {
    const u64 here = value_of(sampled, code);
    const u64 middle = middle_of(here, value_of(sampled, code + 1));
    for (const u64 around : {here, middle})
      for (const u64 offset : {u64{0}, u64{1}, u64{1} << 20, u64{1} << 28, (u64{1} << 28) + 1}) {
        add_both_signs(codes, around + offset, sign64);
        if (around >= offset) add_both_signs(codes, around - offset, sign64);
      }
  }
  for (u64 i = 0; i < 10000; ++i) codes.push_back(i * 0x9e3779b97f4a7c15);
  return codes;
}

std::vector<u64> codes_for(const conversion& row) {
  if (!row.from.is_integer) {
    const element_kind to =
        row.to.is_integer || row.to.format.bits() <= 24 ? row.to : kind_of<fb::bf16>();
    if (row.from.format == fb::formats::fp32) return fp32_codes(to);
    if (row.from.format == fb::formats::fp64) return fp64_codes(row.to);
  }
  const int bits = row.from.is_integer ? row.from.integer.bits : row.from.format.bits();
  const u64 count = u64{1} << bits;
  const u64 step = count <= 65536 ? 1 : count / 60000 | 1;
  std::vector<u64> codes;
  for (u64 code = 0; code < count; code += step) codes.push_back(code);
  codes.push_back(count - 1);
  return codes;
}

/// The order of numbers: positive by magnitude, then negative, then NaN.
u64 order_of(u64 code64) { return (code64 & ~sign64) > infinity64 ? ~u64{0} : code64; }

struct input {
  u64 order, code;
};

/// From each class of numbers that one way through a kernel may not be made for, one: NaN of either
/// sign, infinities, what is just beyond the destination's largest number and what rounds to more than
/// it, the smallest and the largest numbers of either sign, -1.
std::vector<u64> special_codes(const conversion& row, const std::vector<input>& sorted) {
  const auto first_from = [&](u64 order) {
    const auto found = std::lower_bound(sorted.begin(), sorted.end(), order,
                                        [](const input& x, u64 value) { return x.order < value; });
    return found == sorted.end() ? sorted.back().code : found->code;
  };
  const u64 last = row.to.is_integer ? static_cast<u64>(row.to.integer.max_code())
                                     : row.to.format.max_finite_code();
  std::vector<u64> codes = {sorted.back().code,
                            first_from(~u64{0}),
                            first_from(infinity64),
                            first_from(infinity64 | sign64),
                            first_from(1),
                            first_from(sign64 | 1),
                            first_from(sign64 | one64),
                            sorted.front().code};
  if (row.to.is_integer || row.to.format.bits() < 64) {
    const u64 largest = value_of(row.to, last);
    const u64 threshold = middle_of(largest, value_of(row.to, last + 1));
    for (const u64 magnitude : {largest + 1, threshold, threshold + 1}) {
      codes.push_back(first_from(magnitude));
      codes.push_back(first_from(magnitude | sign64));
    }
  }
  return codes;
}

std::vector<u64> make_inputs(const conversion& row) {
  std::vector<input> sorted;
  for (const u64 code : codes_for(row))
    sorted.push_back({order_of(row.from.to_double(code)), code});
  std::sort(sorted.begin(), sorted.end(), [](const input& x, const input& y) {
    return x.order != y.order ? x.order < y.order : x.code < y.code;
  });
  const std::vector<u64> specials = special_codes(row, sorted);

  // Neighbours may become equal elements, which would hide that they changed places: each 64, a kernel's
  // step, are dealt out.
  constexpr std::size_t step = 64;
  while (sorted.size() % (2 * step) != 0) sorted.push_back(sorted.back());
  std::vector<u64> codes;
  for (std::size_t i = 0; i < sorted.size(); ++i)
    codes.push_back(sorted[i - i % step + i * 11 % step].code);
  const std::size_t count = codes.size();
  const std::size_t turns = count <= 16 * step ? specials.size() : 1;
  for (std::size_t turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < count;) {
      const std::size_t at = codes.size();
      codes.push_back(at % 7 == 6 ? specials[(at / (2 * step) + turn) % specials.size()]
                                  : codes[i++]);
    }
    while (codes.size() % (2 * step) != 0) codes.push_back(specials[turn]);
  }
  return codes;
}

std::string describe(const conversion& row, u64 source, u64 got, u64 want) {
  char text[160];
  std::snprintf(text, sizeof text, ": source 0x%llx, got 0x%llx, want 0x%llx",
                static_cast<unsigned long long>(source), static_cast<unsigned long long>(got),
                static_cast<unsigned long long>(want));
  return name_of(row) + text;
}

std::string name_of(const element_kind& kind) {
  char text[64];
  if (kind.is_integer) {
    std::snprintf(text, sizeof text, "%sint%d", kind.integer.is_signed ? "" : "u",
                  kind.integer.bits);
    return text;
  }
  const char* const known = fb::name_of(kind.format);
  if (std::strcmp(known, "unnamed") != 0) return known;
  std::snprintf(text, sizeof text, "%se%dm%d with bias %d up to 0x%x",
                kind.format.is_signed ? "" : "u", kind.format.exponent_bits,
                kind.format.mantissa_bits, kind.format.bias,
                static_cast<unsigned>(kind.format.max_finite_code()));
  return text;
}

TEST(Conversion, GivesTheBitsOfTheScalarConversion) { expect_scalar_bits(conversions()); }

}  // namespace

const std::vector<conversion>& conversions() {
  static const std::vector<conversion> table = make_conversions();
  return table;
}

std::string name_of(const conversion& row) {
  char policy[48];
  std::snprintf(policy, sizeof policy, " (round %d, overflow %d)",
                static_cast<int>(row.policy.round), static_cast<int>(row.policy.over));
  return name_of(row.from) + " -> " + name_of(row.to) + policy;
}

const std::vector<u64>& inputs_for(const conversion& row) {
  static std::map<std::pair<std::string, std::string>, std::vector<u64>> known;
  std::vector<u64>& codes = known[{name_of(row.from), name_of(row.to)}];
  if (codes.empty()) codes = make_inputs(row);
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

void expect_scalar_bits(const std::vector<conversion>& table) {
  for (const conversion& row : table) {
    const std::vector<u64>& codes = inputs_for(row);
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
