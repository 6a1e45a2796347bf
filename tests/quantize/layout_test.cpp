// SPDX-License-Identifier: MIT
// Layouts against their descriptions: nibble orders, GPTQ, AWQ and the blocks of ggml.
#include <fewbits/quantize/ggml.hpp>
#include <fewbits/quantize/layout.hpp>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using bytes = std::vector<unsigned char>;
using floats = std::vector<float>;
using fb::ggml_format;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest_float = std::numeric_limits<float>::max();

float from_bits(std::uint32_t x) { return __builtin_bit_cast(float, x); }

// What the C code computes, where that is defined: each operation rounded to FP32. Through memory, so that
// no compiler fuses two.
float rounded(float x) {
  volatile float stored = x;
  return stored;
}
float product(float a, float b) { return rounded(a * b); }
float sum(float a, float b) { return rounded(a + b); }
float quotient(float a, float b) { return rounded(a / b); }

/// FP16 by nearest even; the values lie within its range.
std::uint16_t half_of(float x) {
  const double size = std::abs(static_cast<double>(x));
  const int exponent = size == 0 ? -14 : std::max(-14, std::ilogb(size));
  const double units = std::nearbyint(std::ldexp(size, 10 - exponent));
  const int code = static_cast<int>(units) + (exponent + 14) * 1024;
  return static_cast<std::uint16_t>((std::signbit(x) ? 0x8000 : 0) | code);
}
double half_value(std::uint16_t code) {
  const int field = code >> 10 & 31;
  const int mantissa = code & 1023;
  const double size =
      field == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, field - 25);
  return (code & 0x8000) != 0 ? -size : size;
}

void put_half(bytes& out, float x) {
  const std::uint16_t code = half_of(x);
  out.push_back(static_cast<unsigned char>(code));
  out.push_back(static_cast<unsigned char>(code >> 8));
}
void put_nibbles(bytes& out, const std::vector<int>& codes) {
  for (std::size_t j = 0; j < 16; ++j)
    out.push_back(static_cast<unsigned char>(codes[j] + codes[j + 16] * 16));
}

bytes reference_q4_0(const float* x) {
  float amax = 0, top = 0;
  for (int j = 0; j < 32; ++j)
    if (amax < std::abs(x[j])) {
      amax = std::abs(x[j]);
      top = x[j];
    }
  const float d = quotient(top, -8);
  const float inverse = d != 0 ? quotient(1, d) : 0;
  std::vector<int> codes;
  for (int j = 0; j < 32; ++j)
    codes.push_back(std::min(15, static_cast<int>(sum(product(x[j], inverse), 8.5F))));
  bytes out;
  put_half(out, d);
  put_nibbles(out, codes);
  return out;
}
bytes reference_q4_1(const float* x) {
  float low = largest_float, high = -largest_float;
  for (int j = 0; j < 32; ++j) {
    if (x[j] < low) low = x[j];
    if (x[j] > high) high = x[j];
  }
  const float d = quotient(sum(high, -low), 15);
  const float inverse = d != 0 ? quotient(1, d) : 0;
  std::vector<int> codes;
  for (int j = 0; j < 32; ++j)
    codes.push_back(std::min(15, static_cast<int>(sum(product(sum(x[j], -low), inverse), 0.5F))));
  bytes out;
  put_half(out, d);
  put_half(out, low);
  put_nibbles(out, codes);
  return out;
}
bytes reference_q8_0(const float* x) {
  float amax = 0;
  for (int j = 0; j < 32; ++j) amax = std::max(amax, std::abs(x[j]));
  const float d = quotient(amax, 127);
  const float inverse = d != 0 ? quotient(1, d) : 0;
  bytes out;
  put_half(out, d);
  for (int j = 0; j < 32; ++j)
    out.push_back(
        static_cast<unsigned char>(static_cast<signed char>(std::round(product(x[j], inverse)))));
  return out;
}
bytes reference_mxfp4(const float* x) {
  static constexpr int table[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  float amax = 0;
  for (int j = 0; j < 32; ++j) amax = std::max(amax, std::abs(x[j]));
  // log2f, correctly rounded.
  const float log2 = static_cast<float>(std::log2(static_cast<long double>(amax)));
  const int e = amax > 0 ? static_cast<int>(std::floor(log2)) - 2 + 127 : 0;
  const float unit = static_cast<float>(std::ldexp(1.0, e - 128));
  std::vector<int> codes;
  for (int j = 0; j < 32; ++j) {
    int best = 0;
    for (int i = 1; i < 16; ++i) {
      const auto error = [&](int index) {
        return std::abs(sum(product(static_cast<float>(table[index]), unit), -x[j]));
      };
      if (error(i) < error(best)) best = i;
    }
    codes.push_back(best);
  }
  bytes out{static_cast<unsigned char>(e)};
  put_nibbles(out, codes);
  return out;
}

template <ggml_format Format, fb::isa Isa>
bytes encode(const floats& x) {
  bytes q(fb::ggml_bytes(Format, x.size()), 0xee);
  fb::quantize<Format, Isa>(x, q);
  return q;
}
template <ggml_format Format, fb::isa Isa>
floats decode(const bytes& q, std::size_t size) {
  floats x(size);
  fb::dequantize<Format, Isa>(q, x);
  return x;
}

struct ggml_row {
  const char* name;
  ggml_format format;
  std::size_t bytes_per_block;
  int lowest_exponent, highest_exponent;  // where the C code is defined and finite
  bytes (*reference)(const float*);
  bytes (*encode)(const floats&);
  bytes (*encode_generic)(const floats&);
  floats (*decode)(const bytes&, std::size_t);
  floats (*decode_generic)(const bytes&, std::size_t);
};
template <ggml_format Format>
ggml_row row_of(const char* name, std::size_t size, int low, int high,
                bytes (*reference)(const float*)) {
  return {name,
          Format,
          size,
          low,
          high,
          reference,
          encode<Format, fb::native>,
          encode<Format, fb::generic>,
          decode<Format, fb::native>,
          decode<Format, fb::generic>};
}
const ggml_row all_formats[] = {
    row_of<ggml_format::q4_0>("q4_0", 18, -100, 17, reference_q4_0),
    row_of<ggml_format::q4_1>("q4_1", 20, -100, 14, reference_q4_1),
    row_of<ggml_format::q8_0>("q8_0", 34, -100, 21, reference_q8_0),
    row_of<ggml_format::mx_fp4>("mxfp4", 17, -125, 127, reference_mxfp4)};

void expect_reference(const ggml_row& f, const floats& x) {
  bytes want;
  for (std::size_t i = 0; i < x.size(); i += 32) {
    const bytes block = f.reference(x.data() + i);
    want.insert(want.end(), block.begin(), block.end());
  }
  const bytes q = f.encode(x), generic = f.encode_generic(x);
  ASSERT_EQ(q, want) << f.name;
  ASSERT_EQ(generic, want) << f.name << " generic";
}

float random_float(random_words& random, int kind, int centre, int highest) {
  const std::uint32_t word = static_cast<std::uint32_t>(random());
  float x = 0;
  if (kind == 0) x = static_cast<float>(word >> 8) * 0x1p-24F;
  if (kind == 1)
    x = from_bits((word & 0x7fffff) | 0x3f800000) * from_bits((127 - (word >> 24) % 12) << 23);
  if (kind == 2) x = static_cast<float>(word % 256) * 0x1p-7F;  // many ties
  if (kind == 3) x = from_bits(0x3f7fffff - word % 64);         // just below a power of two
  if (kind == 4) x = word % 5 == 0 ? 1.0F : 0.0F;
  x = std::ldexp(x, std::min(centre, highest - 1));
  return word >> 31 != 0 ? -x : x;
}

TEST(Ggml, EncodesAsTheReference) {
  random_words random(3);
  for (const ggml_row& f : all_formats)
    for (int kind = 0; kind < 5; ++kind)
      for (int i = 0; i < 300; ++i) {
        const int span = f.highest_exponent - f.lowest_exponent - 30;
        const int centre = f.lowest_exponent + 30 +
                           static_cast<int>(random.below(static_cast<std::uint64_t>(span)));
        floats x(i % 4 == 0 ? 288 : 64);
        for (float& v : x) v = random_float(random, kind, centre, f.highest_exponent);
        if (i % 7 == 0) std::fill(x.begin(), x.begin() + 32, i % 2 == 0 ? 0.0F : -0.0F);
        expect_reference(f, x);
      }
}

// The first of several with the largest magnitude gives the sign of the scale of q4_0, the first zero
// that of the minimum of q4_1.
TEST(Ggml, TakesTheFirstOfEquals) {
  for (const ggml_row& f : all_formats)
    for (std::size_t first : {0U, 5U, 17U})
      for (float sign : {1.0F, -1.0F}) {
        floats x(32, 0.25F);
        x[first] = sign;
        x[first + 1] = -sign;
        x[31] = sign;
        expect_reference(f, x);
        floats y(32, 3.0F);
        y[first] = 0.0F * sign;
        y[first + 2] = -0.0F * sign;
        expect_reference(f, y);
      }
}

TEST(Ggml, GivesTheBytesComputedByHand) {
  floats x(32);
  for (std::size_t j = 0; j < 32; ++j) x[j] = static_cast<float>(j) - 16;
  // d = -16 / -8 = 2; code = trunc(x / 2 + 8.5), 15 at most.
  const bytes q4_0 = all_formats[0].encode(x);
  EXPECT_EQ((bytes{q4_0[0], q4_0[1], q4_0[2], q4_0[3], q4_0[17]}),
            (bytes{0x00, 0x40, 0x80, 0x91, 0xf8}));
  // m = -16, d = 31 / 15.
  const bytes q4_1 = all_formats[1].encode(x);
  EXPECT_EQ(q4_1[2] | q4_1[3] << 8, 0xcc00);
  EXPECT_EQ(q4_1[4], 0x80);
  EXPECT_EQ(q4_1[19], 0xf7);
  // amax 16: code = round(x * 127 / 16).
  const bytes q8_0 = all_formats[2].encode(x);
  EXPECT_EQ(static_cast<signed char>(q8_0[2]), -127);
  EXPECT_EQ(static_cast<signed char>(q8_0[2 + 17]), 8);
  // e = 4 - 2 + 127; -16 / 4 = -4, code 14; x = 0 in the high nibble.
  const bytes mxfp4 = all_formats[3].encode(x);
  EXPECT_EQ(mxfp4[0], 129);
  EXPECT_EQ(mxfp4[1], 0x0e);
  // Blocks of zeros: ggml's q4_0 stores the scale -0 and codes 8.
  EXPECT_EQ(all_formats[0].encode(floats(32)), ([] {
              bytes zeros(18, 0x88);
              zeros[0] = 0;
              zeros[1] = 0x80;
              return zeros;
            }()));
  EXPECT_EQ(all_formats[3].encode(floats(32)), bytes(17));
}

/// Blocks among ordinary ones, in places where kernels take several at once.
void expect_same_in_groups(const ggml_row& f, const floats& block) {
  floats x;
  bytes want;
  for (std::size_t i = 0; i < 13; ++i) {
    const floats next = i % 5 == 2 ? block : floats(32, static_cast<float>(i) - 6);
    const bytes coded = f.encode_generic(next);
    x.insert(x.end(), next.begin(), next.end());
    want.insert(want.end(), coded.begin(), coded.end());
  }
  const bytes q = f.encode(x);
  ASSERT_EQ(q, want) << f.name;
  const floats back = f.decode(q, x.size()), generic = f.decode_generic(q, x.size());
  ASSERT_EQ(0, std::memcmp(back.data(), generic.data(), 4 * x.size())) << f.name;
}

// Where C leaves the result undefined or would store an infinity.
TEST(Ggml, DefinesTheResultsForHostileData) {
  for (const ggml_row& f : all_formats) {
    for (float odd : {not_a_number, -not_a_number, infinity, -infinity})
      for (std::size_t at : {0U, 9U, 31U}) {
        floats x(32, 1.0F);
        x[1] = -1;
        x[at] = odd;
        const bytes q = f.encode(x);
        EXPECT_EQ(q, f.encode_generic(x)) << f.name;
        expect_same_in_groups(f, x);
        const floats back = f.decode(q, 32);
        for (std::size_t j = 0; j < 32; ++j) {
          ASSERT_TRUE(std::isfinite(back[j])) << f.name;
          if (j == at && std::isnan(odd)) {
            EXPECT_LE(std::abs(back[j]), 0.07F) << f.name;
          } else if (j == at) {
            EXPECT_TRUE(std::abs(back[j]) >= 0.8F && std::signbit(back[j]) == std::signbit(odd))
                << f.name << back[j];
          } else if (j != 1) {
            EXPECT_NEAR(static_cast<double>(back[j]), 1, 0.13) << f.name;
          }
        }
      }
    for (float odd : {not_a_number, infinity, -infinity}) {
      const bytes q = f.encode(floats(32, odd));
      EXPECT_EQ(q, f.encode_generic(floats(32, odd)));
      for (float back : f.decode(q, 32)) EXPECT_TRUE(std::abs(back) <= 0x1p-124F) << f.name;
    }
    for (int exponent = -149; exponent < 128; ++exponent) {
      floats x(32);
      // Scales are subnormal in FP16 below 2^-14: off by up to 2^-25, times 127 steps.
      const float top = std::ldexp(1.5F, exponent);
      x[3] = top;
      x[7] = -top;
      x[8] = top / 2;
      const bytes q = f.encode(x);
      ASSERT_EQ(q, f.encode_generic(x));
      expect_same_in_groups(f, x);
      const floats back = f.decode(q, 32);
      ASSERT_LE(std::abs(back[0]), f.format == ggml_format::q4_1 ? top * 0.1F + 0x1p-18F : 0.0F)
          << f.name << exponent;
      for (std::size_t j : {3U, 7U, 8U}) {
        ASSERT_TRUE(std::isfinite(back[j]) && std::abs(back[j]) <= top * 1.1F + 0x1p-18F)
            << f.name << " " << exponent << " " << back[j];
        if (exponent > -14 && exponent < 14) {
          ASSERT_NEAR(static_cast<double>(back[j] / x[j]), 1, 0.2) << f.name << exponent;
        }
      }
    }
    floats huge(32, largest_float);
    huge[1] = -largest_float;
    if (f.format == ggml_format::mx_fp4) expect_reference(f, huge);
    expect_same_in_groups(f, huge);
    for (float x : f.decode(f.encode(huge), 32)) EXPECT_TRUE(std::isfinite(x));
  }
}

TEST(Ggml, DecodesEveryCode) {
  for (const ggml_row& f : all_formats)
    for (std::uint32_t scale = 0; scale < 0x10000;
         scale += f.format == ggml_format::mx_fp4 ? 256 : 1)
      for (unsigned start : {0U, 1U}) {
        if (f.format != ggml_format::q8_0 && start == 1) continue;
        const std::uint16_t d = static_cast<std::uint16_t>(scale);
        const std::uint16_t m = static_cast<std::uint16_t>(scale * 40503U);
        const bool is_fp4 = f.format == ggml_format::mx_fp4;
        bytes q(f.bytes_per_block);
        q[0] = static_cast<unsigned char>(is_fp4 ? d >> 8 : d);
        const std::size_t header = f.bytes_per_block - (f.format == ggml_format::q8_0 ? 32 : 16);
        if (!is_fp4) q[1] = static_cast<unsigned char>(d >> 8);
        if (header == 4) {
          q[2] = static_cast<unsigned char>(m);
          q[3] = static_cast<unsigned char>(m >> 8);
        }
        for (std::size_t j = header; j < q.size(); ++j)
          q[j] = static_cast<unsigned char>(header == 2 && q.size() == 34
                                                ? (j - 2) * 8 + start * 3 + scale % 8
                                                : (j - header) * 16 + 15 - (j - header));
        bytes many;
        for (int i = 0; i < 4; ++i) many.insert(many.end(), q.begin(), q.end());
        const floats back = f.decode(many, 128), generic = f.decode_generic(q, 32);
        for (std::size_t i = 0; i < 4; ++i)
          ASSERT_EQ(0, std::memcmp(back.data() + 32 * i, generic.data(), 128)) << scale;
        const bool is_special =
            !is_fp4 && ((d >> 10 & 31) == 31 || (header == 4 && (m >> 10 & 31) == 31));
        for (std::size_t j = 0; j < 32 && !is_special; ++j) {
          static constexpr double fp4[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
          const unsigned nibble = j < 16 ? q[header + j % 16] & 15U : q[header + j % 16] >> 4U;
          double value = 0;
          switch (f.format) {
            case ggml_format::q4_0:
              value = (static_cast<int>(nibble) - 8) * half_value(d);
              break;
            case ggml_format::q4_1:
              value = nibble * half_value(d) + half_value(m);
              break;
            case ggml_format::q8_0:
              value = static_cast<signed char>(q[2 + j]) * half_value(d);
              break;
            default:
              value = std::ldexp(nibble < 8 ? fp4[nibble] : -fp4[nibble - 8], q[0] - 127);
          }
          ASSERT_EQ(back[j], static_cast<float>(value)) << f.name << " " << scale << " " << j;
        }
      }
}

TEST(Ggml, TakesShortBlocksAndTouchesNothingBeyond) {
  const guard_page::buffer in(4096), out(4096), coded(4096);
  random_words random(4);
  for (const ggml_row& f : all_formats)
    for (std::size_t size = 0; size <= 100; ++size) {
      float* const src = reinterpret_cast<float*>(in.ending(4 * size));
      float* const dst = reinterpret_cast<float*>(out.ending(4 * size));
      for (std::size_t i = 0; i < size; ++i) src[i] = random_float(random, 0, 1, 17);
      const std::size_t stored = (size + 31) / 32 * f.bytes_per_block;
      ASSERT_EQ(fb::ggml_bytes(f.format, size), stored);
      unsigned char* const q = coded.ending(stored);
      const fb::array_view<const float> x(src, size);
      const fb::array_view<float> y(dst, size);
      const fb::array_view<unsigned char> blocks(q, stored);
      switch (f.format) {
        case ggml_format::q4_0:
          fb::quantize<ggml_format::q4_0>(x, blocks);
          fb::dequantize<ggml_format::q4_0>(blocks, y);
          break;
        case ggml_format::q4_1:
          fb::quantize<ggml_format::q4_1>(x, blocks);
          fb::dequantize<ggml_format::q4_1>(blocks, y);
          break;
        case ggml_format::q8_0:
          fb::quantize<ggml_format::q8_0>(x, blocks);
          fb::dequantize<ggml_format::q8_0>(blocks, y);
          break;
        default:
          fb::quantize<ggml_format::mx_fp4>(x, blocks);
          fb::dequantize<ggml_format::mx_fp4>(blocks, y);
      }
      const std::vector<float> copy(src, src + size);
      ASSERT_EQ(bytes(q, q + stored), f.encode_generic(copy));
      for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(dst[i], src[i], 0.51) << f.name << size;
    }
}

TEST(Ggml, IgnoresTheControlWord) {
  random_words random(5);
  for (const ggml_row& f : all_formats) {
    floats x(96);
    for (float& v : x) v = random_float(random, 1, 3, 17);
    for (std::size_t i = 0; i < 32; ++i) x[i] = std::ldexp(x[i], -124);
    const bytes want = f.encode(x);
    const floats back = f.decode(want, 96);
    bytes got[2];
    floats decoded[2];
    {
      const environment::rounding_direction scope(FE_UPWARD);
      got[0] = f.encode(x);
      decoded[0] = f.decode(want, 96);
    }
    {
      const environment::flush_to_zero scope;
      got[1] = f.encode(x);
      decoded[1] = f.decode(want, 96);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(got[i], want) << f.name;
      EXPECT_EQ(0, std::memcmp(decoded[i].data(), back.data(), 4 * 96)) << f.name;
    }
  }
}

TEST(Ggml, ComesApartAndTogether) {
  random_words random(6);
  for (std::size_t size : {32U, 64U, 45U}) {
    floats x(size);
    for (float& v : x) v = random_float(random, 0, 2, 17);
    const std::size_t count = (size + 31) / 32;
    std::vector<fb::fp16> scales(count), minima(count);
    bytes nibbles((size + 1) / 2), again;
    const auto expect_back = [&](const bytes& q) {
      // Codes beyond the end are not kept: compare what is decoded.
      EXPECT_EQ(again.size(), q.size());
      if (size % 32 == 0) {
        EXPECT_EQ(again, q);
      }
    };
    const fb::packed_span<fb::uint4> codes{nibbles.data(), size};
    const fb::packed_span<const fb::uint4> read{nibbles.data(), size};

    const bytes q4_0 = all_formats[0].encode(x);
    fb::split_blocks<ggml_format::q4_0>(q4_0, codes, scales);
    floats back = all_formats[0].decode(q4_0, size);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(back[i], static_cast<float>(scales[i / 32]) *
                             static_cast<float>(static_cast<int>(read[i]) - 8));
    again.assign(q4_0.size(), 0xff);
    fb::join_blocks<ggml_format::q4_0>(read, scales, {}, again);
    expect_back(q4_0);

    const bytes q4_1 = all_formats[1].encode(x);
    fb::split_blocks<ggml_format::q4_1>(q4_1, codes, scales, minima);
    back = all_formats[1].decode(q4_1, size);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(back[i], sum(static_cast<float>(scales[i / 32]) *
                                 static_cast<float>(static_cast<int>(read[i])),
                             static_cast<float>(minima[i / 32])));
    again.assign(q4_1.size(), 0xff);
    fb::join_blocks<ggml_format::q4_1>(read, scales, minima, again);
    expect_back(q4_1);

    const bytes q8_0 = all_formats[2].encode(x);
    std::vector<std::int8_t> integers(size);
    fb::split_blocks(q8_0, integers, scales);
    back = all_formats[2].decode(q8_0, size);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(back[i], static_cast<float>(scales[i / 32]) * integers[i]);
    again.assign(q8_0.size(), 0xff);
    fb::join_blocks(integers, scales, again);
    expect_back(q8_0);

    const bytes mxfp4 = all_formats[3].encode(x);
    fb::block_array<fb::mxfp4> blocks(size);
    fb::split_blocks(mxfp4, blocks.span());
    back = all_formats[3].decode(mxfp4, size);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_EQ(back[i], static_cast<float>(blocks.span().element(0, i)) *
                             static_cast<float>(blocks.span().scale(0, i)));
    again.assign(mxfp4.size(), 0xff);
    fb::join_blocks(blocks.span(), again);
    expect_back(mxfp4);
  }
}

TEST(Layout, SwapsNibbles) {
  const bytes src{0x12, 0xab, 0x0f};
  bytes dst(3);
  fb::swap_nibbles(src, dst);
  EXPECT_EQ(dst, (bytes{0x21, 0xba, 0xf0}));
  fb::swap_nibbles(dst, dst);
  EXPECT_EQ(dst, src);
}

TEST(Layout, PutsGptqWordsAlongK) {
  const std::size_t n = 2, k = 10;
  bytes packed(n * k / 2);
  const fb::packed_matrix_view<fb::uint4> codes{packed.data(), n, k};
  for (std::size_t j = 0; j < k; ++j) {
    codes.row(0).set(j, fb::uint4::from_code(static_cast<int>(j)));
    codes.row(1).set(j, fb::uint4::from_code(15 - static_cast<int>(j)));
  }
  std::vector<std::uint32_t> words(fb::gptq_words(n, k), 0xffffffff);
  fb::to_gptq(fb::packed_matrix_view<const fb::uint4>(codes), words);
  EXPECT_EQ(words, (std::vector<std::uint32_t>{0x76543210, 0x89abcdef, 0x98, 0x67}));
  bytes again(packed.size());
  fb::from_gptq(words, fb::packed_matrix_view<fb::uint4>{again.data(), n, k});
  EXPECT_EQ(again, packed);
}

TEST(Layout, PutsAwqWordsAlongN) {
  const std::size_t n = 10, k = 2;
  bytes packed(n * k / 2);
  const fb::packed_matrix_view<fb::uint4> codes{packed.data(), n, k};
  for (std::size_t i = 0; i < n; ++i) {
    codes.row(i).set(0, fb::uint4::from_code(static_cast<int>(i)));
    codes.row(i).set(1, fb::uint4::from_code(15 - static_cast<int>(i)));
  }
  std::vector<std::uint32_t> words(fb::awq_words(n, k), 0xffffffff);
  fb::to_awq(fb::packed_matrix_view<const fb::uint4>(codes), words);
  // Nibbles 0 to 7 hold outputs 0 2 4 6 1 3 5 7.
  EXPECT_EQ(words, (std::vector<std::uint32_t>{0x75316420, 0x00090008, 0x8ace9bdf, 0x00060007}));
  bytes again(packed.size());
  fb::from_awq(words, fb::packed_matrix_view<fb::uint4>{again.data(), n, k});
  EXPECT_EQ(again, packed);
}

TEST(Layout, ComesBackFromEveryShape) {
  random_words random(7);
  for (std::size_t n = 0; n < 20; ++n)
    for (std::size_t k = 0; k < 20; ++k) {
      bytes packed((n * k + 1) / 2), again(packed.size());
      const fb::packed_matrix_view<fb::int4> codes{packed.data(), n, k};
      const fb::packed_matrix_view<fb::int4> back{again.data(), n, k};
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < k; ++j)
          codes.row(i).set(j, fb::int4::from_code(static_cast<int>(random.below(16))));
      std::vector<std::uint32_t> gptq(fb::gptq_words(n, k)), awq(fb::awq_words(n, k));
      fb::to_gptq(fb::packed_matrix_view<const fb::int4>(codes), gptq);
      fb::from_gptq(gptq, back);
      EXPECT_EQ(again, packed);
      fb::to_awq(fb::packed_matrix_view<const fb::int4>(codes), awq);
      std::fill(again.begin(), again.end(), static_cast<unsigned char>(0));
      fb::from_awq(awq, back);
      EXPECT_EQ(again, packed);
    }
}

}  // namespace
