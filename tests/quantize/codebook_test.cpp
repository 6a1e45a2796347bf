// SPDX-License-Identifier: MIT
// Codebooks against the nearest value found in exact arithmetic.
#include <fewbits/quantize/codebook.hpp>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using floats = std::vector<float>;
using bytes = std::vector<unsigned char>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }

/// The first code of the smallest distance; sums of two floats near 1 are exact in long double.
template <std::size_t Size>
unsigned nearest(const fb::codebook<Size>& book, float x) {
  unsigned best = 0;
  for (unsigned code = 1; code < Size; ++code) {
    const auto distance = [&](unsigned c) {
      return std::abs(static_cast<long double>(book[c]) - static_cast<long double>(x));
    };
    if (distance(code) < distance(best)) best = code;
  }
  return best;
}

TEST(Codebook, HoldsThePublishedConstants) {
  const double decimal[16] = {-1.0,
                              -0.6961928009986877,
                              -0.5250730514526367,
                              -0.39491748809814453,
                              -0.28444138169288635,
                              -0.18477343022823334,
                              -0.09105003625154495,
                              0,
                              0.07958029955625534,
                              0.16093020141124725,
                              0.24611230194568634,
                              0.33791524171829224,
                              0.44070982933044434,
                              0.5626170039176941,
                              0.7229568362236023,
                              1.0};
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(static_cast<double>(fb::nf4[i]), decimal[i]);
}

TEST(Codebook, FindsTheNearestAtEveryMidpoint) {
  for (std::size_t i = 0; i + 1 < 16; ++i) {
    const float middle = static_cast<float>(
        (static_cast<double>(fb::nf4[i]) + static_cast<double>(fb::nf4[i + 1])) / 2);
    float x = middle;
    for (int step = 0; step < 3; ++step) x = std::nextafter(x, -infinity);
    for (int step = -3; step <= 3; ++step, x = std::nextafter(x, infinity))
      EXPECT_EQ(fb::nearest_code(fb::nf4, x), nearest(fb::nf4, x)) << i << " " << step;
  }
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(fb::nearest_code(fb::nf4, fb::nf4[i]), i);
  random_words random(1);
  for (int i = 0; i < 20000; ++i) {
    const float x = static_cast<float>(static_cast<double>(random()) * 0x1p-62 - 2);
    ASSERT_EQ(fb::nearest_code(fb::nf4, x), nearest(fb::nf4, x));
  }
  static_assert(fb::nearest_code(fb::nf4, 0.9F) == 15);
}

// Exact ties go to the lower code.
TEST(Codebook, BreaksTiesDownwards) {
  constexpr fb::codebook<4> even{{-2, -1, 0, 4}};
  EXPECT_EQ(fb::nearest_code(even, -1.5F), 0U);
  EXPECT_EQ(fb::nearest_code(even, -0.5F), 1U);
  EXPECT_EQ(fb::nearest_code(even, 2), 2U);
  EXPECT_EQ(fb::nearest_code(even, std::nextafter(2.0F, 3.0F)), 3U);
  EXPECT_EQ(fb::nearest_code(even, -0.0F), 2U);
  EXPECT_EQ(fb::nearest_code(even, infinity), 3U);
  EXPECT_EQ(fb::nearest_code(even, -infinity), 0U);
  EXPECT_EQ(fb::nearest_code(even, not_a_number), 2U);
  EXPECT_EQ(fb::nearest_code(fb::nf4, -not_a_number), 7U);
}

struct coded {
  bytes codes;
  floats scales;
};
template <fb::isa Isa>
coded encode(const floats& x) {
  coded result{bytes((x.size() + 1) / 2), floats((x.size() + 63) / 64)};
  fb::quantize<64, Isa>(x, fb::nf4, fb::packed_span<fb::uint4>{result.codes.data(), x.size()},
                        result.scales);
  return result;
}
template <fb::isa Isa>
floats decode(const coded& q, std::size_t size) {
  floats x(size);
  fb::dequantize<64, Isa>(fb::packed_span<const fb::uint4>{q.codes.data(), size}, fb::nf4, q.scales,
                          x);
  return x;
}

void expect_oracle(const floats& x) {
  const coded q = encode<fb::native>(x), generic = encode<fb::generic>(x);
  ASSERT_EQ(q.codes, generic.codes);
  const floats back = decode<fb::native>(q, x.size());
  const floats generic_back = decode<fb::generic>(q, x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    float amax = 0;
    for (std::size_t j = i / 64 * 64; j < std::min(x.size(), i / 64 * 64 + 64); ++j)
      if (std::isfinite(x[j])) amax = std::max(amax, std::abs(x[j]));
    ASSERT_EQ(bits_of(q.scales[i / 64]), bits_of(amax));
    ASSERT_EQ(bits_of(generic.scales[i / 64]), bits_of(amax));
    const float ratio = amax == 0 ? x[i] : x[i] / amax;
    const unsigned want = std::isnan(x[i])   ? 7
                          : std::isinf(x[i]) ? (x[i] > 0 ? 15 : 0)
                                             : nearest(fb::nf4, ratio);
    const unsigned code = q.codes[i / 2] >> (4 * (i % 2)) & 15U;
    ASSERT_EQ(code, want) << x[i] << " of " << amax;
    ASSERT_EQ(bits_of(back[i]), bits_of(fb::nf4[code] * amax));
    ASSERT_EQ(bits_of(back[i]), bits_of(generic_back[i]));
  }
}

TEST(Codebook, QuantizesBlocksOfAnyData) {
  random_words random(2);
  for (std::size_t size = 1; size < 200; size += 1 + size / 20) {
    floats x(size);
    for (int kind = 0; kind < 3; ++kind) {
      for (float& v : x) {
        const std::uint32_t word = static_cast<std::uint32_t>(random());
        v = kind == 0   ? __builtin_bit_cast(float, word)
            : kind == 1 ? static_cast<float>(static_cast<std::int32_t>(word))
                        : __builtin_bit_cast(float, word & 0x807fffff);
      }
      expect_oracle(x);
    }
    expect_oracle(floats(size, 0.0F));
    expect_oracle(floats(size, infinity));
    expect_oracle(floats(size, not_a_number));
  }
}

TEST(Codebook, IsEquivariantUnderPowersOfTwo) {
  random_words random(3);
  floats x(100);
  for (float& v : x) v = static_cast<float>(static_cast<double>(random()) * 0x1p-63 - 1);
  const coded q = encode<fb::native>(x);
  for (int shift = -100; shift <= 120; shift += 20) {
    floats y = x;
    for (float& v : y) v = std::ldexp(v, shift);
    EXPECT_EQ(encode<fb::native>(y).codes, q.codes);
  }
}

using byte = fb::basic_int<fb::formats::uint8>;

/// Numbers of a book, ascending, whose last is 1.
template <std::size_t Size>
fb::codebook<Size> uneven_book() {
  fb::codebook<Size> book{};
  for (std::size_t i = 0; i < Size; ++i) {
    const float part = static_cast<float>(2 * i + 1) / static_cast<float>(2 * Size - 1);
    book.value[i] = 1.5F * part * part - 0.5F;
  }
  return book;
}

/// Around every midpoint; and every byte as a code.
template <std::size_t Size>
void check_book() {
  const fb::codebook<Size> book = uneven_book<Size>();
  floats x;
  for (std::size_t i = 0; i + 1 < Size; ++i) {
    // The scale.
    if (x.size() % 64 == 0) x.push_back(1);
    float at =
        static_cast<float>((static_cast<double>(book[i]) + static_cast<double>(book[i + 1])) / 2);
    at = std::nextafter(at, -infinity);
    for (int step = 0; step < 3; ++step, at = std::nextafter(at, infinity)) x.push_back(at);
  }
  bytes codes(x.size()), generic(x.size());
  floats scales((x.size() + 63) / 64);
  fb::quantize<64, fb::native>(x, book, fb::packed_span<byte>{codes.data(), x.size()}, scales);
  fb::quantize<64, fb::generic>(x, book, fb::packed_span<byte>{generic.data(), x.size()}, scales);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(codes[i], nearest(book, x[i])) << Size << " numbers: " << x[i];
    EXPECT_EQ(generic[i], nearest(book, x[i])) << Size << " numbers: " << x[i];
  }

  bytes every(256);
  for (std::size_t i = 0; i < 256; ++i) every[i] = static_cast<unsigned char>(i);
  scales.assign(4, 1.0F);
  floats back(256), generic_back(256);
  const fb::packed_span<const byte> all{every.data(), 256};
  fb::dequantize<64, fb::native>(all, book, scales, back);
  fb::dequantize<64, fb::generic>(all, book, scales, generic_back);
  for (std::size_t i = 0; i < 256; ++i) {
    EXPECT_EQ(back[i], book[i % Size]) << Size << " numbers: " << i;
    EXPECT_EQ(generic_back[i], book[i % Size]) << Size << " numbers: " << i;
  }
}

TEST(Codebook, HasAnyNumberOfCodes) {
  check_book<2>();
  check_book<3>();
  check_book<15>();
  check_book<16>();
  check_book<17>();
  check_book<256>();
}

TEST(Codebook, TouchesNothingBeyondItsRanges) {
  const guard_page::buffer in(4096), codes(4096), scales(4096);
  for (std::size_t size = 0; size <= 150; ++size) {
    float* const x = reinterpret_cast<float*>(in.ending(4 * size));
    for (std::size_t i = 0; i < size; ++i) x[i] = static_cast<float>(i) - 20;
    const std::size_t blocks = (size + 63) / 64;
    float* const s = reinterpret_cast<float*>(scales.ending(4 * blocks));
    unsigned char* const q = codes.ending((size + 1) / 2);
    fb::quantize(fb::array_view<const float>(x, size), fb::nf4, fb::packed_span<fb::uint4>{q, size},
                 fb::array_view<float>(s, blocks));
    fb::dequantize(fb::packed_span<const fb::uint4>{q, size}, fb::nf4,
                   fb::array_view<const float>(s, blocks), fb::array_view<float>(x, size));
  }
}

TEST(Codebook, IgnoresTheControlWord) {
  random_words random(4);
  floats x(150);
  for (float& v : x)
    v = __builtin_bit_cast(float, static_cast<std::uint32_t>(random()) & 0x80ffffff);
  const coded q = encode<fb::native>(x);
  const floats back = decode<fb::native>(q, 150);
  coded up, flushed;
  floats back_up, back_flushed;
  {
    const environment::rounding_direction scope(FE_UPWARD);
    up = encode<fb::native>(x);
    back_up = decode<fb::native>(q, 150);
  }
  {
    const environment::flush_to_zero scope;
    flushed = encode<fb::native>(x);
    back_flushed = decode<fb::native>(q, 150);
  }
  EXPECT_EQ(up.codes, q.codes);
  EXPECT_EQ(flushed.codes, q.codes);
  EXPECT_EQ(0, std::memcmp(back.data(), back_up.data(), 600));
  EXPECT_EQ(0, std::memcmp(back.data(), back_flushed.data(), 600));
}

TEST(DoubleQuantization, KeepsScalesWithinHalfAStep) {
  random_words random(5);
  for (std::size_t size : {1U, 2U, 255U, 256U, 257U, 1000U}) {
    floats scales(size), back(size), generic(size);
    for (float& v : scales) v = static_cast<float>(static_cast<double>(random()) * 0x1p-64 + 0.5);
    std::vector<std::int8_t> codes(size), other(size);
    floats steps((size + 255) / 256), steps2(steps.size());
    const fb::double_quantized_scales q = fb::quantize_scales(scales, codes, steps);
    const fb::double_quantized_scales r = fb::quantize_scales<fb::generic>(scales, other, steps2);
    fb::dequantize_scales(q, back);
    fb::dequantize_scales<fb::generic>(r, generic);
    EXPECT_EQ(codes, other);
    EXPECT_EQ(steps, steps2);
    EXPECT_EQ(back, generic);
    double sum = 0;
    for (float v : scales) sum += static_cast<double>(v);
    EXPECT_EQ(q.mean, static_cast<float>(sum / static_cast<double>(size)));
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_LE(std::abs(back[i] - scales[i]), steps[i / 256] * 0.5001F + 1e-7F);
      EXPECT_GE(codes[i], -127);
    }
  }
}

// scale = code * step + mean: the mean of 1, 2, 6 is 3, and 3 / 127 is the step.
TEST(DoubleQuantization, GivesTheCodesComputedByHand) {
  const floats scales{1, 2, 6};
  std::vector<std::int8_t> codes(3);
  floats steps(1), back(3);
  const fb::double_quantized_scales q = fb::quantize_scales(scales, codes, steps);
  EXPECT_EQ(q.mean, 3);
  EXPECT_EQ(steps[0], 3.0F / 127);
  EXPECT_EQ(codes, (std::vector<std::int8_t>{-85, -42, 127}));
  fb::dequantize_scales(q, back);
  EXPECT_EQ(back[2], 6);
}

TEST(DoubleQuantization, TakesEqualTinyAndNoScales) {
  std::vector<std::int8_t> codes(3);
  floats steps(1), back(3);
  for (float value : {0.0F, 1.0F, 0x1p-149F, std::numeric_limits<float>::max()}) {
    const floats scales(3, value);
    fb::dequantize_scales(fb::quantize_scales(scales, codes, steps), back);
    EXPECT_EQ(back, scales);
  }
  const fb::double_quantized_scales none = fb::quantize_scales({}, {}, {});
  EXPECT_EQ(none.mean, 0);
  // A scale far below the mean comes back as zero, not negative.
  const floats uneven{0, 0.001F, 1000};
  fb::dequantize_scales(fb::quantize_scales(uneven, codes, steps), back);
  for (float x : back) EXPECT_GE(x, 0);
}

}  // namespace
