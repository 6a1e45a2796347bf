// SPDX-License-Identifier: MIT
// Block formats against an oracle that looks for the nearest element among all, in double.
#include <fewbits/quantize/block_scaled.hpp>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
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
using fb::scale_rule;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest_float = std::numeric_limits<float>::max();

std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
float from_bits(std::uint32_t x) { return __builtin_bit_cast(float, x); }

// What a format is, from its specification.
struct description {
  int exponent_bits;  // 0: an integer with 6 fraction bits
  int mantissa_bits, bias;
  double largest;
  int emax;
  std::size_t size, width;
  bool is_nv;
};
constexpr description e4m3{4, 3, 7, 448, 8, 32, 8, false};
constexpr description e5m2{5, 2, 15, 57344, 15, 32, 8, false};
constexpr description e2m3{2, 3, 1, 7.5, 2, 32, 6, false};
constexpr description e3m2{3, 2, 3, 28, 4, 32, 6, false};
constexpr description e2m1{2, 1, 1, 6, 2, 32, 4, false};
constexpr description int8{0, 6, 0, 127.0 / 64, 0, 32, 8, false};
constexpr description nv{2, 1, 1, 6, 2, 16, 4, true};

/// The value of a magnitude code.
double magnitude(const description& d, int code) {
  if (d.exponent_bits == 0) return code / 64.0;
  const int field = code >> d.mantissa_bits;
  const int mantissa = code & ((1 << d.mantissa_bits) - 1);
  return field == 0
             ? std::ldexp(mantissa, 1 - d.bias - d.mantissa_bits)
             : std::ldexp(mantissa + (1 << d.mantissa_bits), field - d.bias - d.mantissa_bits);
}
double element_value(const description& d, unsigned code) {
  if (d.exponent_bits == 0) return static_cast<signed char>(code) / 64.0;
  const unsigned sign = 1U << (d.exponent_bits + d.mantissa_bits);
  const double value = magnitude(d, static_cast<int>(code & (sign - 1)));
  return (code & sign) != 0 ? -value : value;
}

/// The nearest magnitude code with a value of at most `largest`; a tie goes to the even one.
int nearest_code(const description& d, double x) {
  static std::map<const void*, std::vector<double>> tables;
  std::vector<double>& table = tables[&d];
  for (int code = 0; table.empty() || table.back() < d.largest; ++code)
    table.push_back(magnitude(d, code));
  int best = 0;
  for (int code = 1; code < static_cast<int>(table.size()); ++code) {
    const double before = std::abs(table[static_cast<std::size_t>(best)] - x);
    const double now = std::abs(table[static_cast<std::size_t>(code)] - x);
    if (now < before || (now == before && code % 2 == 0)) best = code;
  }
  return best;
}
unsigned element_code(const description& d, double x) {
  const int code = nearest_code(d, std::abs(x));
  if (!std::signbit(x)) return static_cast<unsigned>(code);
  if (d.exponent_bits == 0) return static_cast<unsigned>(-code) & 0xff;
  return static_cast<unsigned>(code) | 1U << (d.exponent_bits + d.mantissa_bits);
}

int exponent_of_scale(const description& d, scale_rule rule, double amax) {
  int exponent = std::ilogb(amax);
  const double m = std::ldexp(amax, -exponent);
  if (rule == scale_rule::ceil && m > 1) ++exponent;
  if (rule == scale_rule::rceil && std::ldexp(d.largest, exponent - d.emax) < amax) ++exponent;
  if (rule == scale_rule::even &&
      std::floor(std::ldexp(m, d.mantissa_bits) + 0.5) >= std::ldexp(2.0, d.mantissa_bits))
    ++exponent;
  return std::clamp(exponent - d.emax, -127, 127 - d.emax);
}

struct blocks {
  bytes elements;
  bytes scales;
  bool operator==(const blocks& other) const {
    return elements == other.elements && scales == other.scales;
  }
};

void put(bytes& packed, const description& d, std::size_t index, unsigned code) {
  for (std::size_t bit = 0; bit < d.width; ++bit)
    if ((code >> bit & 1) != 0) {
      const std::size_t at = index * d.width + bit;
      packed[at / 8] = static_cast<unsigned char>(packed[at / 8] | 1U << (at % 8));
    }
}
unsigned get(const bytes& packed, const description& d, std::size_t index) {
  unsigned code = 0;
  for (std::size_t bit = 0; bit < d.width; ++bit) {
    const std::size_t at = index * d.width + bit;
    code |= (packed[at / 8] >> (at % 8) & 1U) << bit;
  }
  return code;
}

/// FP8 E4M3 without a sign: nearest, between the smallest positive value and 448.
unsigned scale_code(double x) {
  const int code = nearest_code(e4m3, std::abs(x));
  return static_cast<unsigned>(code == 0 ? 1 : code);
}

blocks expected(const description& d, scale_rule rule, const floats& x, float tensor_scale) {
  blocks result{bytes((x.size() * d.width + 7) / 8), {}};
  for (std::size_t begin = 0; begin < x.size(); begin += d.size) {
    const std::size_t end = std::min(x.size(), begin + d.size);
    float amax = 0;
    bool is_finite = true;
    for (std::size_t i = begin; i < end; ++i) {
      is_finite = is_finite && std::isfinite(x[i]);
      amax = std::max(amax, std::abs(x[i]));
    }
    if (!is_finite) {
      result.scales.push_back(d.is_nv ? 0x7f : 0xff);
      continue;
    }
    int shift = 0;
    float factor = 1;
    if (d.is_nv) {
      int exponent = 0;
      const float t = 2 * std::frexp(tensor_scale, &exponent);
      shift = 1 - exponent;
      const double relative = std::ldexp(static_cast<double>(amax), shift);
      const float sixth = static_cast<float>(relative / 6);
      const unsigned scale = amax == 0 ? 0 : scale_code(static_cast<double>(sixth / t));
      result.scales.push_back(static_cast<unsigned char>(scale));
      const float s = static_cast<float>(magnitude(e4m3, static_cast<int>(scale)));
      factor = amax == 0 ? 1 : (1 / t) / s;
      if (amax == 0) shift = 0;
    } else {
      const int k = amax == 0 ? -127 : exponent_of_scale(d, rule, static_cast<double>(amax));
      result.scales.push_back(static_cast<unsigned char>(k + 127));
      shift = -k;
    }
    for (std::size_t i = begin; i < end; ++i) {
      double scaled = std::ldexp(static_cast<double>(x[i]), shift);
      // Rounded to 24 bits as if exponents were unbounded.
      if (d.is_nv) {
        int exponent = 0;
        const double product = std::frexp(scaled * static_cast<double>(factor), &exponent);
        scaled = std::ldexp(static_cast<double>(static_cast<float>(product)), exponent);
      }
      put(result.elements, d, i, element_code(d, scaled));
    }
  }
  return result;
}

using encode_function = blocks (*)(const floats&, float*);
using decode_function = floats (*)(const blocks&, std::size_t, float);

template <class Format, scale_rule Rule, fb::isa Isa>
blocks encode(const floats& x, float* tensor_scale) {
  using span = fb::block_span<Format>;
  blocks result{bytes(span::row_bytes(x.size())), bytes(span::row_blocks(x.size()))};
  static_assert(sizeof(typename Format::scale_type) == 1);
  span dst{result.elements.data(),
           reinterpret_cast<typename Format::scale_type*>(result.scales.data()), x.size()};
  fb::quantize<Rule, Isa>(x, dst);
  *tensor_scale = dst.tensor_scale();
  return result;
}
template <class Format, fb::isa Isa>
floats decode(const blocks& q, std::size_t size, float tensor_scale) {
  fb::block_span<const Format> src{
      q.elements.data(), reinterpret_cast<const typename Format::scale_type*>(q.scales.data()),
      size};
  if constexpr (Format::has_tensor_scale) src.set_tensor_scale(tensor_scale);
  floats x(size);
  fb::dequantize<Isa>(src, x);
  return x;
}

struct format_row {
  const char* name;
  description what;
  encode_function encode[4], encode_generic[4];
  decode_function decode, decode_generic;
};
template <class Format>
format_row row_of(const char* name, const description& what) {
  constexpr fb::isa native = fb::native, generic = fb::generic;
  using enum scale_rule;
  return {name,
          what,
          {encode<Format, floor, native>, encode<Format, ceil, native>,
           encode<Format, rceil, native>, encode<Format, even, native>},
          {encode<Format, floor, generic>, encode<Format, ceil, generic>,
           encode<Format, rceil, generic>, encode<Format, even, generic>},
          decode<Format, native>,
          decode<Format, generic>};
}
const format_row all_formats[] = {row_of<fb::mxfp8_e4m3>("mxfp8_e4m3", e4m3),
                                  row_of<fb::mxfp8_e5m2>("mxfp8_e5m2", e5m2),
                                  row_of<fb::mxfp6_e2m3>("mxfp6_e2m3", e2m3),
                                  row_of<fb::mxfp6_e3m2>("mxfp6_e3m2", e3m2),
                                  row_of<fb::mxfp4>("mxfp4", e2m1),
                                  row_of<fb::mxint8>("mxint8", int8),
                                  row_of<fb::nvfp4>("nvfp4", nv)};
constexpr scale_rule rules[] = {scale_rule::floor, scale_rule::ceil, scale_rule::rceil,
                                scale_rule::even};

std::string describe(const blocks& q) {
  std::string text = "scales";
  for (unsigned char byte : q.scales) (text += ' ') += std::to_string(byte);
  text += " elements";
  for (std::size_t i = 0; i < std::min<std::size_t>(q.elements.size(), 40); ++i)
    (text += ' ') += std::to_string(q.elements[i]);
  return text;
}

void expect_oracle(const format_row& f, const floats& x) {
  for (std::size_t i = 0; i < 4; ++i) {
    float scale = 0, generic_scale = 0;
    const blocks q = f.encode[i](x, &scale);
    const blocks generic = f.encode_generic[i](x, &generic_scale);
    const blocks want = expected(f.what, rules[i], x, scale);
    ASSERT_EQ(bits_of(scale), bits_of(generic_scale));
    ASSERT_TRUE(q == want) << f.name << " rule " << i << " of " << x[0] << " ...\n got "
                           << describe(q) << "\nwant " << describe(want);
    ASSERT_TRUE(generic == want) << f.name << " rule " << i << ", generic\n got "
                                 << describe(generic) << "\nwant " << describe(want);
    const floats back = f.decode(q, x.size(), scale);
    const floats generic_back = f.decode_generic(q, x.size(), scale);
    for (std::size_t j = 0; j < x.size(); ++j) {
      ASSERT_EQ(bits_of(back[j]), bits_of(generic_back[j])) << f.name << " " << j;
      const unsigned s = q.scales[j / f.what.size];
      if (s == (f.what.is_nv ? 0x7fU : 0xffU)) {
        ASSERT_EQ(bits_of(back[j]), 0x7fc00000U);
        continue;
      }
      const double element = element_value(f.what, get(q.elements, f.what, j));
      const double value =
          f.what.is_nv ? element * magnitude(e4m3, static_cast<int>(s)) * static_cast<double>(scale)
                       : std::ldexp(element, static_cast<int>(s) - 127);
      ASSERT_EQ(bits_of(back[j]), bits_of(static_cast<float>(value))) << f.name << " " << j;
      ASSERT_TRUE(std::isfinite(back[j]));
    }
  }
}

floats random_block(random_words& random, std::size_t size, int kind) {
  floats x(size);
  const int centre = static_cast<int>(random.below(250)) - 140;
  for (float& v : x) {
    const std::uint32_t word = static_cast<std::uint32_t>(random());
    switch (kind) {
      case 0:  // any bits
        v = from_bits(word);
        break;
      case 1:  // finite, a few binades
        v = std::ldexp(1 + static_cast<float>(word & 0x7fffff) * 0x1p-23F,
                       std::min(127, centre + static_cast<int>(word >> 24) % 12));
        break;
      case 2:  // ties and their neighbours
        v = std::ldexp(static_cast<float>(word % 1024) * 0.125F, std::min(110, centre));
        if ((word >> 20) % 3 == 0) v = std::nextafter(v, infinity);
        if ((word >> 20) % 3 == 1) v = std::nextafter(v, 0.0F);
        break;
      case 3:  // mostly zeros
        v = word % 8 == 0 ? from_bits(word & 0x807fffff) : 0.0F;
        break;
      default:  // uniform
        v = static_cast<float>(word) * 0x1p-31F - 1;
        break;
    }
    if ((word & 0x80000000U) != 0 && kind != 0) v = -v;
  }
  return x;
}

TEST(BlockScaled, IsTheOracleOnRandomData) {
  random_words random(1);
  for (const format_row& f : all_formats)
    for (int kind = 0; kind < 5; ++kind)
      for (std::uint64_t i = 0; i < (kind == 0 ? 8 : 25); ++i)
        // Long enough for kernels that take groups of blocks, now and then.
        expect_oracle(
            f, random_block(random, (i % 4 == 3 ? i % 8 == 7 ? 1300 : 520 : 1) + random.below(70),
                            kind));
}

TEST(BlockScaled, IsTheOracleForEveryLength) {
  random_words random(2);
  for (const format_row& f : all_formats)
    for (std::size_t size = 1; size <= 8 * f.what.size + 33; size += size < 100 ? 1 : 37)
      expect_oracle(f, random_block(random, size, 4));
}

// One element of every magnitude: powers of two and what is around the thresholds of the rules.
TEST(BlockScaled, ChoosesExactScales) {
  const float significands[] = {1,
                                from_bits(0x3f800001),
                                1.5F,
                                from_bits(0x3fbfffff),
                                1.75F,
                                from_bits(0x3fdfffff),
                                from_bits(0x3fc00001),
                                from_bits(0x3fe00001),
                                1.875F,
                                1.9375F,
                                from_bits(0x3ff7ffff),
                                from_bits(0x3ff00001),
                                1.984375F,
                                from_bits(0x3fffffff)};
  for (const format_row& f : all_formats)
    for (int exponent = -149; exponent < 128; exponent += exponent < -110 || exponent > 110 ? 1 : 7)
      for (float s : significands) {
        const float x = std::ldexp(s, exponent);
        floats row(256, -0.0F);
        for (std::size_t i = 0; i < row.size(); i += 16) {
          row[i + i / 16] = x;
          row[i + 15 - i / 16 / 2] = -x / 2;
          row[i + 7] = x / 3;
        }
        expect_oracle(f, {x, -x / 2, x / 3, -0.0F});
        if (exponent % 3 == 0) expect_oracle(f, row);
      }
}

unsigned scale_of(const format_row& f, scale_rule rule, float amax) {
  float ignored = 0;
  return f.encode[static_cast<int>(rule)]({amax, 0}, &ignored).scales[0];
}

// The table of the MX rules in published implementations.
TEST(BlockScaled, FollowsThePublishedScales) {
  const format_row& fp8 = all_formats[0];
  const format_row& fp4 = all_formats[4];
  using enum scale_rule;
  const scale_rule order[] = {floor, ceil, rceil, even};
  const unsigned e4m3_150[] = {126, 127, 126, 126}, e2m1_7[] = {127, 128, 128, 128},
                 e2m1_6_5[] = {127, 128, 128, 127};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(scale_of(fp8, order[i], 150), e4m3_150[i]) << i;
    EXPECT_EQ(scale_of(fp4, order[i], 7), e2m1_7[i]) << i;
    EXPECT_EQ(scale_of(fp4, order[i], 6.5F), e2m1_6_5[i]) << i;
  }
}

TEST(BlockScaled, GivesTheCodesComputedByHand) {
  float scale = 0;
  // Floor: 2^floor(log2 7) / 4 = 1. Every element of E2M1, ties to even, 7 clips to 6.
  const blocks q = all_formats[4].encode[0](
      {0, 0.5F, -1, 1.5F, 2, 3, -4, 6, 0.25F, 0.75F, 1.25F, -1.75F, 2.5F, 3.5F, 5, 7}, &scale);
  EXPECT_EQ(q.scales, bytes{127});
  EXPECT_EQ(q.elements, (bytes{0x10, 0x3a, 0x54, 0x7e, 0x20, 0xc2, 0x64, 0x76}));
  // Even rounds 7 to 8: the scale is 2.
  const blocks even = all_formats[4].encode[3]({7, 5, 1, -0.0F}, &scale);
  EXPECT_EQ(even.scales, bytes{128});
  EXPECT_EQ(even.elements, (bytes{0x46, 0x81}));
  // 1.9 * 64 = 121.6; -1.999 * 64 = -127.9 is held at -127.
  const blocks integers = all_formats[5].encode[0]({1.9F, -1.999F, 0.0078125F, 0.0234375F}, &scale);
  EXPECT_EQ(integers.scales, bytes{127});
  EXPECT_EQ(integers.elements, (bytes{122, 0x81, 0, 2}));
  // FP6 E2M3: 4 codes in 3 bytes. 7.5 = 0x1f, 1 = 8, -0.125 = 0x21, 2 = 0x10.
  const blocks six = all_formats[2].encode[0]({7.5F, 1, -0.125F, 2}, &scale);
  EXPECT_EQ(six.elements, (bytes{0x1f, 0x12, 0x42}));
  // NVFP4: tensor scale 2688 / (6 * 448) = 1; the block of 12 has scale 2.
  floats x(32);
  x[0] = 2688;
  x[16] = 12;
  x[17] = -5;
  const blocks nvidia = all_formats[6].encode[0](x, &scale);
  EXPECT_EQ(scale, 1);
  EXPECT_EQ(nvidia.scales, (bytes{0x7e, 0x40}));
  EXPECT_EQ(nvidia.elements[0], 7);
  EXPECT_EQ(nvidia.elements[8], 0xc7);  // -2.5 to even: -2
}

TEST(BlockScaled, KeepsBlocksOfZeros) {
  for (const format_row& f : all_formats) {
    float scale = 0;
    const blocks q = f.encode[0](floats(f.what.size, 0.0F), &scale);
    EXPECT_EQ(scale, 1);
    EXPECT_EQ(q.scales, bytes{0});
    EXPECT_EQ(q.elements, bytes(q.elements.size()));
    for (float x : f.decode(q, f.what.size, scale)) EXPECT_EQ(bits_of(x), 0U);
  }
}

// Only the block with the NaN or infinity is lost.
TEST(BlockScaled, MarksBlocksThatAreNotFinite) {
  for (const format_row& f : all_formats)
    for (float odd : {not_a_number, -not_a_number, from_bits(0x7f800001), infinity, -infinity})
      for (std::size_t at : {std::size_t{0}, f.what.size - 1, 17 * f.what.size + 3}) {
        floats x(21 * f.what.size, 1.0F);
        x[at] = odd;
        float scale = 0;
        const blocks q = f.encode[0](x, &scale);
        const std::size_t block = at / f.what.size;
        EXPECT_EQ(q.scales[block], f.what.is_nv ? 0x7f : 0xff) << f.name;
        const floats back = f.decode(q, x.size(), scale);
        for (std::size_t i = 0; i < x.size(); ++i)
          EXPECT_EQ(std::isnan(back[i]), i / f.what.size == block);
        expect_oracle(f, x);
      }
}

// ggml's MXFP4 gives such blocks back as about 2^121.
TEST(BlockScaled, KeepsTinyAndHugeBlocks) {
  for (const format_row& f : all_formats)
    for (int exponent : {-149, -146, -140, -130, -126, 0, 120, 126, 127}) {
      const float top = std::ldexp(1.0F, exponent);
      float scale = 0;
      const floats x = {top, -top, 0};
      const blocks q = f.encode[0](x, &scale);
      const floats back = f.decode(q, 3, scale);
      EXPECT_TRUE(std::abs(back[0]) <= 2 * top) << f.name << exponent;
      if (!f.what.is_nv && exponent >= -127 + f.what.emax) {
        EXPECT_EQ(back[0], top) << f.name << exponent;
      }
      EXPECT_EQ(back[0], -back[1]);
      EXPECT_EQ(back[2], 0);
    }
  for (const format_row& f : all_formats)
    for (std::size_t rule = 0; rule < 4; ++rule) {
      float scale = 0;
      const floats x = {largest_float, -largest_float, 1};
      const blocks q = f.encode[rule](x, &scale);
      const floats back = f.decode(q, 3, scale);
      EXPECT_TRUE(std::isfinite(back[0]) && back[0] >= largest_float / 2) << f.name << rule;
      EXPECT_EQ(back[0], -back[1]);
    }
}

TEST(BlockScaled, IsEquivariantUnderPowersOfTwo) {
  random_words random(5);
  for (const format_row& f : all_formats)
    for (std::size_t rule = 0; rule < 4; ++rule) {
      floats x = random_block(random, 2 * f.what.size + 5, 4);
      float scale = 0;
      const blocks q = f.encode[rule](x, &scale);
      for (int shift = -90; shift <= 110; shift += 5) {
        floats y = x;
        for (float& v : y) v = std::ldexp(v, shift);
        float other = 0;
        const blocks r = f.encode[rule](y, &other);
        EXPECT_EQ(q.elements, r.elements) << f.name << shift;
        if (f.what.is_nv) {
          EXPECT_EQ(q.scales, r.scales);
          EXPECT_EQ(other, std::ldexp(scale, shift));
        } else {
          for (std::size_t i = 0; i < q.scales.size(); ++i)
            EXPECT_EQ(q.scales[i] + shift, r.scales[i]);
        }
      }
    }
}

// Every element under every scale, and under tensor scales that no calibration gives.
TEST(BlockScaled, DecodesEveryCode) {
  for (const format_row& f : all_formats) {
    const std::size_t count = std::size_t{1} << f.what.width;
    const std::size_t blocks_per_scale = std::max<std::size_t>(17, count / f.what.size);
    const std::vector<float> tensor_scales =
        f.what.is_nv ? floats{1, 0x1.8p-3F, 0x1p-149F, largest_float, -2, 0, infinity, not_a_number}
                     : floats{1};
    for (float tensor : tensor_scales)
      for (unsigned s = 0; s < 256; ++s) {
        const std::size_t size = blocks_per_scale * f.what.size;
        blocks q{bytes((size * f.what.width + 7) / 8), bytes(blocks_per_scale)};
        for (unsigned char& byte : q.scales) byte = static_cast<unsigned char>(s);
        for (std::size_t i = 0; i < size; ++i)
          put(q.elements, f.what, i, static_cast<unsigned>(i % count));
        if (f.what.is_nv && s > 127) continue;
        const floats back = f.decode(q, size, tensor), generic = f.decode_generic(q, size, tensor);
        const bool is_nan = s == (f.what.is_nv ? 127U : 255U) || !std::isfinite(tensor);
        for (std::size_t i = 0; i < size; ++i) {
          const unsigned code = static_cast<unsigned>(i % count);
          ASSERT_EQ(bits_of(back[i]), bits_of(generic[i])) << f.name << " " << s << " " << code;
          if (is_nan) {
            ASSERT_EQ(bits_of(back[i]), 0x7fc00000U);
            continue;
          }
          if (f.what.exponent_bits == 4 && code % 128 == 127) {
            ASSERT_TRUE(std::isnan(back[i]));
            continue;
          }
          if (f.what.exponent_bits == 5 && code % 128 >= 124) {
            ASSERT_TRUE(code % 128 == 124 ? std::isinf(back[i]) : std::isnan(back[i]));
            continue;
          }
          const double element = element_value(f.what, code);
          const double value = f.what.is_nv ? element * magnitude(e4m3, static_cast<int>(s)) *
                                                  std::abs(static_cast<double>(tensor))
                                            : std::ldexp(element, static_cast<int>(s) - 127);
          ASSERT_EQ(bits_of(back[i]), bits_of(static_cast<float>(value)))
              << f.name << " " << s << " " << code;
        }
      }
  }
}

TEST(BlockScaled, IgnoresTheControlWord) {
  random_words random(6);
  for (const format_row& f : all_formats)
    for (int kind : {1, 3, 4}) {
      const floats x = random_block(random, 75, kind);
      float scale = 0, other = 0;
      const blocks q = f.encode[0](x, &scale);
      const floats back = f.decode(q, x.size(), scale);
      const auto expect_same = [&](const blocks& r, const floats& y) {
        EXPECT_TRUE(q == r && std::memcmp(back.data(), y.data(), y.size() * 4) == 0 &&
                    bits_of(scale) == bits_of(other))
            << f.name;
      };
      for (int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
        blocks r;
        floats y;
        {
          const environment::rounding_direction scope(direction);
          r = f.encode[0](x, &other);
          y = f.decode(r, x.size(), other);
        }
        expect_same(r, y);
      }
      blocks r;
      floats y;
      {
        const environment::flush_to_zero scope;
        r = f.encode[0](x, &other);
        y = f.decode(r, x.size(), other);
      }
      expect_same(r, y);
    }
}

template <class Format>
void expect_no_access_beyond() {
  using span = fb::block_span<Format>;
  using scale = typename Format::scale_type;
  const guard_page::buffer in(4096), elements(4096), scales(4096), out(4096);
  random_words random(7);
  for (std::size_t size = 0; size <= 3 * Format::block_size + 17; ++size) {
    const floats x = random_block(random, size, 4);
    float* const src = reinterpret_cast<float*>(in.ending(4 * size));
    float* const dst = reinterpret_cast<float*>(out.ending(4 * size));
    if (size != 0) std::memcpy(src, x.data(), 4 * size);
    span q{elements.ending(span::row_bytes(size)),
           reinterpret_cast<scale*>(scales.ending(span::row_blocks(size) * sizeof(scale))), size};
    fb::quantize(fb::array_view<const float>(src, size), q);
    fb::dequantize(q, fb::array_view<float>(dst, size));
    // The same in memory that begins at a page.
    span r{elements.begin(), reinterpret_cast<scale*>(scales.begin()), size};
    float* const low = reinterpret_cast<float*>(in.begin());
    std::memmove(low, src, 4 * size);
    floats y(size);
    fb::quantize(fb::array_view<const float>(low, size), r);
    fb::dequantize(r, y);
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bits_of(dst[i]), bits_of(y[i]));
  }
}
TEST(BlockScaled, TouchesNothingBeyondItsRanges) {
  expect_no_access_beyond<fb::mxfp8_e4m3>();
  expect_no_access_beyond<fb::mxfp8_e5m2>();
  expect_no_access_beyond<fb::mxfp6_e2m3>();
  expect_no_access_beyond<fb::mxfp4>();
  expect_no_access_beyond<fb::mxint8>();
  expect_no_access_beyond<fb::nvfp4>();
}

TEST(BlockScaled, BeginsABlockInEveryRow) {
  const std::size_t rows = 5, cols = 39;
  random_words random(8);
  const floats x = random_block(random, rows * (cols + 3), 4);
  fb::block_array<fb::mxfp4> all(rows, cols);
  fb::quantize(fb::matrix_view<const float>(x.data(), rows, cols, cols + 3), all);
  floats back(rows * cols);
  fb::dequantize(all, back);
  for (std::size_t i = 0; i < rows; ++i) {
    fb::block_array<fb::mxfp4> one(cols);
    const fb::array_view<const float> row(x.data() + i * (cols + 3), cols);
    fb::quantize(row, one);
    for (std::size_t j = 0; j < cols; ++j) {
      EXPECT_EQ(one.span().element(0, j).bits(), all.span().element(i, j).bits());
      EXPECT_EQ(one.span().scale(0, j).bits(), all.span().scale(i, j).bits());
      EXPECT_EQ(back[i * cols + j], static_cast<float>(all.span().element(i, j)) *
                                        static_cast<float>(all.span().scale(i, j)));
    }
  }
}

TEST(BlockScaled, ConvertsToHalfPrecision) {
  random_words random(9);
  const floats x = random_block(random, 300, 4);
  fb::block_array<fb::nvfp4> q(3, 100);
  fb::quantize(x, q);
  floats back(300);
  std::vector<fb::fp16> half(300);
  std::vector<fb::bf16> brain(300);
  fb::dequantize(q, back);
  fb::dequantize(q, half);
  fb::dequantize(q, brain);
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(half[i].bits(), fb::fp16{back[i]}.bits());
    EXPECT_EQ(brain[i].bits(), fb::bf16{back[i]}.bits());
  }
  // As a matrix with gaps.
  std::vector<fb::fp16> rows(3 * 110);
  std::vector<fb::fp32> single(300);
  fb::dequantize(q, fb::matrix_view<fb::fp16>(rows.data(), 3, 100, 110));
  fb::dequantize(q, fb::matrix_view<fb::fp32>(single.data(), 3, 100));
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(rows[i / 100 * 110 + i % 100].bits(), half[i].bits());
    EXPECT_EQ(static_cast<float>(single[i]), back[i]);
  }
}

TEST(BlockScaled, KeepsAGivenTensorScale) {
  const floats x = {1, 2, 3, -6};
  fb::block_array<fb::nvfp4> q(4);
  q.span().set_tensor_scale(0.5F);
  fb::quantize_with_tensor_scale(x, q.span());
  EXPECT_EQ(q.span().tensor_scale(), 0.5F);
  EXPECT_EQ(q.span().scale(0, 0).bits(), 0x40);  // 2
  floats back(4);
  fb::dequantize(q, back);
  EXPECT_EQ(back, x);
  // Too small: scale and elements are at their ends.
  q.span().set_tensor_scale(0x1p-20F);
  fb::quantize_with_tensor_scale(x, q.span());
  fb::dequantize(q, back);
  EXPECT_EQ(back[3], -2688 * 0x1p-20F);
  for (float odd : {0.0F, -1.0F, infinity, not_a_number, 0x1p-149F, largest_float}) {
    q.span().set_tensor_scale(odd);
    fb::quantize_with_tensor_scale(x, q.span());
    fb::dequantize(q, back);
  }
}

// Blocks of any size, of integers, under scales of any format.
template <class Format>
void expect_small_error(double bound) {
  random_words random(10);
  for (std::size_t size : {std::size_t{1}, Format::block_size, 5 * Format::block_size + 1}) {
    floats x(size), back(size), generic(size);
    for (float& v : x) v = static_cast<float>(static_cast<double>(random()) * 0x1p-63 - 1);
    fb::block_array<Format> q(size), r(size);
    fb::quantize(x, q);
    fb::quantize<scale_rule::floor, fb::generic>(x, r);
    fb::dequantize(q, back);
    fb::dequantize<fb::generic>(r, generic);
    EXPECT_EQ(back, generic);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_LE(std::abs(static_cast<double>(back[i]) - static_cast<double>(x[i])), bound);
  }
}
TEST(BlockScaled, TakesAnyElementScaleAndSize) {
  expect_small_error<fb::block_scaled<fb::int4, fb::fp16, 7>>(0.5 / 7 + 1e-3);
  expect_small_error<fb::block_scaled<fb::int4, fb::fp32, 32>>(0.5 / 7 + 1e-6);
  expect_small_error<fb::block_scaled<fb::fp4_e2m1, fb::bf16, 20>>(1.0 / 6 + 1e-2);
  expect_small_error<fb::block_scaled<fb::fp8_e4m3, fb::scale_ue5m3, 24>>(0.08);
  expect_small_error<
      fb::block_scaled<fb::fixed_point<fb::int_format{5, true, 2}>, fb::scale_e8m0, 3>>(0.07);
}

TEST(BlockFormat, IsThatOfTheMemoryPlans) {
  namespace formats = fb::formats;
  EXPECT_EQ(fb::mxfp4::format, formats::mx(formats::fp4_e2m1));
  EXPECT_EQ(fb::mxint8::format, formats::mx(formats::int8));
  EXPECT_EQ(fb::nvfp4::format,
            formats::with_tensor_scale(formats::grouped(formats::fp4_e2m1, 16, formats::fp8_e4m3),
                                       formats::fp32));
}

}  // namespace
