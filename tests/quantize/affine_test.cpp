// SPDX-License-Identifier: MIT
// Affine quantization against hand-computed codes and an oracle in integers.
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;
using fb::generic;
using fb::native;
using int8 = std::int8_t;
using uint8 = std::uint8_t;
using codes = std::vector<int>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();

template <class Code, fb::isa Isa = native>
codes quantized(const std::vector<float>& x, const fb::affine<Code>& parameters) {
  std::vector<Code> q(x.size());
  fb::quantize<Isa>(x, parameters, q);
  return codes(q.begin(), q.end());
}

template <class Code, fb::isa Isa = native>
std::vector<float> dequantized(const std::vector<Code>& q, const fb::affine<Code>& parameters) {
  std::vector<float> x(q.size());
  fb::dequantize<Isa>(q, parameters, x);
  return x;
}

TEST(Quantize, RoundsQuotientsToNearestEvenAndClamps) {
  const std::vector<float> x = {0,     0.25f, 0.75f,  1.25f, -0.25f, -0.75f, -1.25f, 0.26f,
                                63.4f, 64,    -63.7f, -64,   -64.2f, 1000,   -1000};
  EXPECT_EQ(quantized<int8>(x, {0.5f, 0}),
            (codes{0, 0, 2, 2, 0, -2, -2, 1, 127, 127, -127, -128, -128, 127, -128}));
  EXPECT_EQ(quantized<uint8>(x, {0.5f, 0}),
            (codes{0, 0, 2, 2, 0, 0, 0, 1, 127, 128, 0, 0, 0, 255, 0}));
  EXPECT_EQ(quantized<fb::int4>({0.5f, 1.5f, 6.5f, 7.5f, -7.5f, -8.5f, -9}, {1, 0}),
            (codes{0, 2, 6, 7, -8, -8, -8}));
  EXPECT_EQ(quantized<fb::uint4>({-1, 0.5f, 14.5f, 15.5f, 99}, {1, 0}), (codes{0, 0, 14, 15, 15}));
  EXPECT_EQ(quantized<fb::int2>({-3, -1.5f, -0.5f, 0.5f, 1.5f}, {1, 0}), (codes{-2, -2, 0, 0, 1}));
  EXPECT_EQ(quantized<fb::uint2>({-1, 0.5f, 1.5f, 2.5f, 3.5f}, {1, 0}), (codes{0, 0, 2, 2, 3}));
}

// 0.5 is a tie of the quotient. Added before rounding, an odd zero point would turn it the other way.
TEST(Quantize, AddsTheZeroPointAfterRounding) {
  const std::vector<float> x = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f};
  EXPECT_EQ(quantized<uint8>(x, {1, 3}), (codes{3, 5, 5, 3, 1}));
  EXPECT_EQ(quantized<int8>(x, {1, -7}), (codes{-7, -5, -5, -7, -9}));
  EXPECT_EQ(quantized<uint8>({-200, -5, 200, 300}, {1, 127}), (codes{0, 122, 255, 255}));
  EXPECT_EQ(quantized<int8>({-200, 254, 255, 256}, {1, -128}), (codes{-128, 126, 127, 127}));
}

TEST(Quantize, DefinesTheCodeOfEverySpecialValue) {
  const std::vector<float> x = {not_a_number, -not_a_number, infinity,
                                -infinity,    largest,       -largest};
  EXPECT_EQ(quantized<int8>(x, {0.1f, 5}), (codes{5, 5, 127, -128, 127, -128}));
  EXPECT_EQ(quantized<uint8>(x, {0x1p-149f, 7}), (codes{7, 7, 255, 0, 255, 0}));
  EXPECT_EQ(quantized<fb::int4>(x, {2, 0}), (codes{0, 0, 7, -8, 7, -8}));
  // Scales that no calibration gives.
  EXPECT_EQ(quantized<int8>({1, -1, 0, not_a_number}, {0, 0}), (codes{127, -128, 0, 0}));
  EXPECT_EQ(quantized<int8>({1, -1, infinity}, {infinity, 3}), (codes{3, 3, 3}));
  EXPECT_EQ(quantized<int8>({1, -1, infinity}, {not_a_number, 3}), (codes{3, 3, 3}));
  EXPECT_EQ(quantized<int8>({1, -2}, {-1, 0}), (codes{-1, 2}));
}

TEST(Quantize, TakesEmptyTensors) {
  EXPECT_EQ(quantized<int8>({}, {1, 0}), codes{});
  EXPECT_EQ(dequantized<int8>({}, {1, 0}), std::vector<float>{});
  const fb::matrix_view<const float> none(nullptr, 3, 0);
  fb::quantize(none, fb::affine<int8, fb::per_group<8>>{}, fb::matrix_view<int8>(nullptr, 3, 0));
  const float scales[3] = {1, 1, 1};
  fb::quantize(none, fb::affine<int8, fb::per_row>{.scale = scales},
               fb::matrix_view<int8>(nullptr, 3, 0));
}

/// A float as (-1)^negative * significand * 2^exponent, 2^23 <= significand < 2^24.
struct parts {
  bool negative;
  std::int64_t significand;
  int exponent;
};
parts split(std::uint32_t bits) {
  parts p{(bits >> 31) != 0, bits & 0x7fffff, static_cast<int>(bits >> 23 & 0xff) - 150};
  if (p.exponent == -150) {
    p.exponent = -149;
  } else {
    p.significand |= 0x800000;
  }
  while (p.significand != 0 && p.significand < 0x800000) {
    p.significand *= 2;
    --p.exponent;
  }
  return p;
}

/// numerator / 2^shift to the nearest integer, ties to even; `rest` stands for a smaller part.
std::int64_t shifted(std::int64_t numerator, int shift, bool rest) {
  if (shift <= 0) return numerator * (std::int64_t{1} << -shift);
  if (shift > 62) return 0;
  const std::int64_t unit = std::int64_t{1} << shift;
  const std::int64_t low = numerator % unit, half = unit / 2, kept = numerator / unit;
  const bool up = low > half || (low == half && (rest || kept % 2 != 0));
  return kept + (up ? 1 : 0);
}

/// The code of a finite `x` for a finite, nonzero `scale`: the quotient rounded to 24 bits, then to
/// an integer, then moved and clamped.
int code_of(float x, float scale, int zero_point, int lowest, int highest) {
  const parts a = split(__builtin_bit_cast(std::uint32_t, x));
  const parts b = split(__builtin_bit_cast(std::uint32_t, scale));
  if (a.significand == 0) return zero_point;
  const std::int64_t numerator = a.significand << 26;  // the quotient has 26 or 27 bits
  const std::int64_t quotient = numerator / b.significand;
  const bool rest = numerator % b.significand != 0;
  const int drop = quotient >= std::int64_t{1} << 26 ? 3 : 2;
  const std::int64_t rounded = shifted(quotient, drop, rest);
  const int exponent = a.exponent - b.exponent - 26 + drop;
  const bool negative = a.negative != b.negative;
  if (exponent > 0) return negative ? lowest : highest;
  const std::int64_t magnitude = shifted(rounded, -exponent, false);
  const std::int64_t code = (negative ? -magnitude : magnitude) + zero_point;
  return static_cast<int>(code < lowest ? lowest : code > highest ? highest : code);
}

std::uint64_t next_random() {
  static std::uint64_t state = 7;
  std::uint64_t x = state += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

/// Finite floats whose quotients by `scale` lie all over the range of the codes and around their
/// ties, and some of any size.
std::vector<float> around_codes_of(float scale) {
  std::vector<float> x;
  for (int half = -600; half <= 600; ++half) {
    const float near = static_cast<float>(0.5 * half * static_cast<double>(scale));
    if (!std::isfinite(near)) continue;
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, near);
    for (int ulp = -2; ulp <= 2; ++ulp) {
      const float y = __builtin_bit_cast(float, bits + static_cast<std::uint32_t>(ulp));
      if (std::isfinite(y)) x.push_back(y);
    }
  }
  for (int i = 0; i < 500; ++i) {
    const float y = __builtin_bit_cast(float, static_cast<std::uint32_t>(next_random() >> 32));
    if (std::isfinite(y)) x.push_back(y);
  }
  return x;
}

std::vector<float> many_scales() {
  std::vector<float> scales = {1,          0.5f,       0.1f,          1.0f / 3,
                               1.0f / 127, 2.0f / 255, 0x1p-149f,     0x7p-149f,
                               0x1p-126f,  0x1p100f,   0x1.fffffep0f, 0x1.000002p0f};
  while (scales.size() < 60) {
    const float y =
        __builtin_bit_cast(float, static_cast<std::uint32_t>(next_random() >> 32) & 0x7fffffff);
    if (std::isfinite(y) && y > 0) scales.push_back(y);
  }
  return scales;
}

template <class Code>
void check_against_oracle(const char* name, const std::vector<int>& zero_points, int lowest,
                          int highest) {
  for (const float scale : many_scales()) {
    const std::vector<float> x = around_codes_of(scale);
    for (const int zero_point : zero_points) {
      const codes got = quantized<Code>(x, {scale, zero_point});
      ASSERT_TRUE((got == quantized<Code, generic>(x, {scale, zero_point}))) << name;
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_EQ(got[i], code_of(x[i], scale, zero_point, lowest, highest))
            << name << ", x " << x[i] << ", scale " << scale << ", zero point " << zero_point;
    }
  }
}

TEST(Quantize, HasTheBitsOfATrueDivision) {
  check_against_oracle<int8>("int8", {0, -128, 127, 1}, -128, 127);
  check_against_oracle<uint8>("uint8", {0, 255, 128, 3}, 0, 255);
  check_against_oracle<fb::int4>("int4", {0, -3}, -8, 7);
  check_against_oracle<fb::int2>("int2", {0, 1}, -2, 1);
  check_against_oracle<fb::uint4>("uint4", {0, 7}, 0, 15);
}

template <class Code>
void check_dequantize(int lowest, int highest, const std::vector<int>& zero_points) {
  std::vector<Code> all;
  for (int code = lowest; code <= highest; ++code) all.push_back(static_cast<Code>(code));
  for (const float scale : many_scales())
    for (const int zero_point : zero_points) {
      const std::vector<float> got = dequantized<Code>(all, {scale, zero_point});
      const std::vector<float> plain = dequantized<Code, generic>(all, {scale, zero_point});
      for (std::size_t i = 0; i < all.size(); ++i) {
        // The product is exact in double.
        const double difference = lowest + static_cast<int>(i) - zero_point;
        const float want = static_cast<float>(static_cast<double>(scale) * difference);
        ASSERT_EQ(got[i], want) << "code " << lowest + static_cast<int>(i) << ", scale " << scale;
        ASSERT_EQ(std::memcmp(&plain[i], &got[i], sizeof want), 0);
      }
    }
}

TEST(Dequantize, RoundsTheProductOnce) {
  check_dequantize<int8>(-128, 127, {0, -128, 127, 5});
  check_dequantize<uint8>(0, 255, {0, 255, 128});
  check_dequantize<fb::int4>(-8, 7, {0, -8, 3});
  check_dequantize<fb::uint2>(0, 3, {0, 1});
}

TEST(Dequantize, UndoesQuantizeToHalfAScale) {
  for (const float scale : {1.0f, 0.1f, 1.0f / 127, 3e-5f, 1e20f, 0x1p-140f})
    for (const int zero_point : {0, 20, -100}) {
      std::vector<float> x;
      const double low = (-128 - zero_point) * static_cast<double>(scale);
      for (int i = 0; i <= 5000; ++i)
        x.push_back(static_cast<float>(low + i * 255.0 / 5000 * static_cast<double>(scale)));
      std::vector<int8> q(x.size());
      fb::quantize(x, fb::affine<int8>{scale, zero_point}, q);
      const std::vector<float> back = dequantized<int8>(q, {scale, zero_point});
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_LE(std::fabs(static_cast<double>(back[i]) - static_cast<double>(x[i])),
                  static_cast<double>(scale) * (0.5 + 0x1p-15))
            << "x " << x[i] << ", scale " << scale;
    }
}

TEST(NearestEvenInteger, IsExactForEveryTieAndItsNeighbours) {
  const auto check = [](float x) {
    const auto want = static_cast<std::int32_t>(std::nearbyint(static_cast<double>(x)));
    ASSERT_EQ(fb::detail::nearest_even_integer(x), want) << x;
  };
  for (std::int32_t half = 0; half < 1 << 23; half += half < 20000 ? 1 : 997) {
    const float x = 0.5f * static_cast<float>(half);
    const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
    for (const std::uint32_t near : {bits, bits + 1, half == 0 ? bits : bits - 1})
      if (__builtin_bit_cast(float, near) < 0x1p22f) {
        check(__builtin_bit_cast(float, near));
        check(__builtin_bit_cast(float, near | 0x80000000));
      }
  }
  // Everything below 2^22 in steps that are prime to 2^32.
  for (std::uint32_t bits = 0; bits < 0x4a800000; bits += 9973) {
    check(__builtin_bit_cast(float, bits));
    check(__builtin_bit_cast(float, bits | 0x80000000));
  }
}
static_assert(fb::detail::nearest_even_integer(2.5f) == 2);
static_assert(fb::detail::nearest_even_integer(-3.5f) == -4);

constexpr std::size_t rows = 3, cols = 11;

std::vector<float> matrix() {
  std::vector<float> x(rows * cols);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(static_cast<int>(i * 13 % 37) - 18) * 0.25f;
  return x;
}

TEST(Granularity, CutsRowsIntoStretches) {
  EXPECT_EQ(fb::per_tensor::count(3, 11), 1U);
  EXPECT_EQ(fb::per_row::count(3, 11), 3U);
  EXPECT_EQ(fb::per_group<4>::count(3, 11), 9U);
  EXPECT_EQ(fb::per_group<4>::count(3, 12), 9U);
  EXPECT_EQ(fb::per_group<4>::count(3, 13), 12U);
  EXPECT_EQ(fb::per_group<4>::index(2, 8, 11), 8U);
  EXPECT_EQ(fb::per_group<4>::end(8, 11), 11U);
  EXPECT_EQ(fb::per_group<4>::end(4, 11), 8U);
  EXPECT_EQ(fb::per_group<32>::end(0, 11), 11U);
  EXPECT_EQ(fb::per_group<32>::count(0, 11), 0U);
  EXPECT_EQ(fb::per_group<32>::count(5, 0), 0U);
}

/// Codes and numbers of a matrix in strided memory, against one stretch at a time.
template <class Granularity>
void check_granularity(std::size_t length) {
  constexpr std::size_t gap = 2;
  const std::vector<float> x = matrix();
  std::vector<float> strided(rows * (cols + gap), 1e6f);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) strided[i * (cols + gap) + j] = x[i * cols + j];
  const std::size_t stretches = (cols + length - 1) / length;
  std::vector<float> scales(rows * stretches);
  std::vector<std::int32_t> zero_points(rows * stretches);
  for (std::size_t s = 0; s < scales.size(); ++s) {
    scales[s] = 0.01f * static_cast<float>(s + 1);
    zero_points[s] = static_cast<std::int32_t>(s) - 4;
  }
  const fb::affine<int8, Granularity> parameters{.scale = scales, .zero_point = zero_points};
  const fb::affine<int8, Granularity> symmetric{.scale = scales};
  std::vector<int8> q(rows * (cols + gap), 99), q_symmetric = q;
  const fb::matrix_view<const float> src(strided.data(), rows, cols, cols + gap);
  fb::quantize(src, parameters, fb::matrix_view<int8>(q.data(), rows, cols, cols + gap));
  fb::quantize(src, symmetric, fb::matrix_view<int8>(q_symmetric.data(), rows, cols, cols + gap));
  std::vector<float> back(rows * (cols + gap), 5);
  fb::dequantize(fb::matrix_view<const int8>(q.data(), rows, cols, cols + gap), parameters,
                 fb::matrix_view<float>(back.data(), rows, cols, cols + gap));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols + gap; ++j) {
      const std::size_t at = i * (cols + gap) + j;
      if (j >= cols) {
        EXPECT_EQ(q[at], 99) << "between the rows";
        EXPECT_EQ(back[at], 5) << "between the rows";
        continue;
      }
      const std::size_t s = i * stretches + j / length;
      EXPECT_EQ(q[at], code_of(x[i * cols + j], scales[s], zero_points[s], -128, 127));
      EXPECT_EQ(q_symmetric[at], code_of(x[i * cols + j], scales[s], 0, -128, 127));
      EXPECT_EQ(back[at], scales[s] * static_cast<float>(q[at] - zero_points[s]));
    }
}

TEST(Granularity, PerRowHasOneScaleForEachRow) { check_granularity<fb::per_row>(cols); }
TEST(Granularity, PerGroupMayEndWithAShortGroup) {
  check_granularity<fb::per_group<4>>(4);
  check_granularity<fb::per_group<1>>(1);
  check_granularity<fb::per_group<cols>>(cols);
  check_granularity<fb::per_group<32>>(32);
}

TEST(Granularity, PerTensorTakesMatricesToo) {
  const std::vector<float> x = matrix();
  std::vector<uint8> q(x.size());
  const fb::affine<uint8> parameters{0.1f, 30};
  fb::quantize(fb::matrix_view<const float>(x.data(), rows, cols), parameters,
               fb::matrix_view<uint8>(q.data(), rows, cols));
  EXPECT_EQ(codes(q.begin(), q.end()), quantized<uint8>(x, parameters));
}

/// The codes packed, and each as an element of its own, are the same; so are the numbers.
template <class Code>
void check_packed(float scale, int zero_point) {
  std::vector<float> x;
  for (int i = 0; i < 300; ++i) x.push_back(0.07f * static_cast<float>(i * 29 % 300 - 150));
  const fb::affine<Code> parameters{scale, zero_point};
  for (std::size_t count = 0; count <= 40; ++count) {
    const std::vector<float> part(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(count));
    const codes want = quantized<Code>(part, parameters);
    for (std::size_t offset = 0; offset < 9; ++offset) {
      std::vector<unsigned char> bytes(fb::packed_bytes<Code>(count + offset), 0x5a);
      const std::vector<unsigned char> before = bytes;
      const fb::packed_span<Code> q(bytes.data(), count, offset);
      fb::quantize(part, parameters, q);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(static_cast<int>(q[i]), want[i]);
      const fb::packed_span<const Code> neighbours(bytes.data(), offset);
      const fb::packed_span<const Code> original(before.data(), offset);
      for (std::size_t i = 0; i < offset; ++i)
        ASSERT_EQ(static_cast<int>(neighbours[i]), static_cast<int>(original[i]));
      std::vector<float> back(count);
      fb::dequantize(fb::packed_span<const Code>(q), parameters, back);
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(back[i], scale * static_cast<float>(want[i] - zero_point));
    }
  }
}

TEST(Packed, HoldsTheSameCodes) {
  check_packed<fb::int4>(1.3f, 0);
  check_packed<fb::uint4>(0.9f, 7);
  check_packed<fb::int2>(2.0f, 0);
  check_packed<fb::basic_int<fb::formats::signed_int(3)>>(1.0f, -1);
}

TEST(Packed, TakesMatricesWithGroupsThatAreNoWholeBytes) {
  const std::vector<float> x = matrix();
  const std::vector<float> scales(rows * 3, 0.5f);
  const fb::affine<fb::int4, fb::per_group<5>> parameters{.scale = scales};
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::int4>(rows * cols));
  const fb::packed_matrix_view<fb::int4> q(bytes.data(), rows, cols);
  fb::quantize(fb::matrix_view<const float>(x.data(), rows, cols), parameters, q);
  std::vector<float> back(rows * cols);
  fb::dequantize(fb::packed_matrix_view<const fb::int4>(q), parameters,
                 fb::matrix_view<float>(back.data(), rows, cols));
  for (std::size_t i = 0; i < rows * cols; ++i) {
    const int want = code_of(x[i], 0.5f, 0, -8, 7);
    EXPECT_EQ(static_cast<int>(q.row(i / cols)[i % cols]), want);
    EXPECT_EQ(back[i], 0.5f * static_cast<float>(want));
    // Row-major without gaps, low nibble first.
    EXPECT_EQ(bytes[i / 2] >> (i % 2 * 4) & 0xf, want & 0xf);
  }
}

TEST(Quantize, StaysBetweenGuardPages) {
  const guard_page::buffer src_memory(1024), dst_memory(1024);
  const fb::affine<int8> parameters{0.1f, 3};
  const fb::affine<fb::int4> narrow{0.1f, 0};
  for (std::size_t count = 0; count <= 100; ++count)
    for (const bool at_end : {true, false}) {
      float* const x =
          reinterpret_cast<float*>(at_end ? src_memory.ending(count * 4) : src_memory.begin());
      for (std::size_t i = 0; i < count; ++i) x[i] = 0.17f * static_cast<float>(i) - 5;
      const std::vector<float> copy(x, x + count);
      const std::size_t packed = fb::packed_bytes<fb::int4>(count);
      unsigned char* const bytes = at_end ? dst_memory.ending(packed) : dst_memory.begin();
      const fb::packed_span<fb::int4> q4(bytes, count);
      fb::quantize(fb::array_view<const float>(x, count), narrow, q4);
      const codes want4 = quantized<fb::int4>(copy, narrow);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(static_cast<int>(q4[i]), want4[i]);
      fb::dequantize(q4, narrow, fb::array_view<float>(x, count));
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(x[i], 0.1f * static_cast<float>(want4[i]));

      std::copy(copy.begin(), copy.end(), x);
      int8* const q =
          reinterpret_cast<int8*>(at_end ? dst_memory.ending(count) : dst_memory.begin());
      fb::quantize(fb::array_view<const float>(x, count), parameters,
                   fb::array_view<int8>(q, count));
      ASSERT_EQ(codes(q, q + count), quantized<int8>(copy, parameters));
      fb::dequantize(fb::array_view<const int8>(q, count), parameters,
                     fb::array_view<float>(x, count));
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(x[i], 0.1f * static_cast<float>(q[i] - 3));
    }
}

}  // namespace
