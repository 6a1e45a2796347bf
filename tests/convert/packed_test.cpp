// SPDX-License-Identifier: MIT
// Conversion from and to packed elements: every width, offset and length, between guard pages, with
// the bits of the neighbours.
#include <fewbits/convert.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "convert/bit_string.hpp"
#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using bytes = std::vector<unsigned char>;
template <int Bits>
using uint_of = fb::basic_int<fb::formats::unsigned_int(Bits)>;
template <int Bits>
using int_of = fb::basic_int<fb::formats::signed_int(Bits)>;

constexpr std::size_t longest = 200, last_offset = 15;
constexpr std::size_t samples = 12000;

/// Floats about the range of the narrow formats, and a few beyond every range.
const std::vector<float>& floats() {
  static const std::vector<float> made = [] {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> x = {
        0.0f,   -0.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e30f, -1e30f,
        1e-40f, 0.5f,  1.5f,     2.5f};
    random_words next(11);
    while (x.size() < samples)
      x.push_back(static_cast<float>(static_cast<std::int64_t>(next.below(4096)) - 2048) / 64.0f);
    return x;
  }();
  return made;
}

/// Packed elements of one width on one side, elements of other bytes on the other.
struct variant {
  std::string name;
  std::size_t width, other_bytes;
  void (*to_packed)(const unsigned char* src, unsigned char* dst, std::size_t first,
                    std::size_t count);
  void (*from_packed)(const unsigned char* src, std::size_t first, unsigned char* dst,
                      std::size_t count);
  bytes others;   // elements to convert
  bytes codes;    // the scalar conversion of each, a byte each
  bytes decoded;  // the scalar conversion of each code, as elements
};

template <class Element, class Other, fb::isa Isa>
struct wrapped {
  static void to_packed(const unsigned char* src, unsigned char* dst, std::size_t first,
                        std::size_t count) {
    const fb::array_view<const Other> from(reinterpret_cast<const Other*>(src), count);
    fb::convert<fb::saturating, Isa>(from, fb::packed_span<Element>(dst, count, first));
  }
  static void from_packed(const unsigned char* src, std::size_t first, unsigned char* dst,
                          std::size_t count) {
    const fb::array_view<Other> to(reinterpret_cast<Other*>(dst), count);
    fb::convert<fb::saturating, Isa>(fb::packed_span<const Element>(src, count, first), to);
  }
};

template <class Element, class Other>
void add(std::vector<variant>& to, const char* name) {
  variant one{std::string(name) + ", native",
              static_cast<std::size_t>(fb::packed_bits<Element>),
              sizeof(Other),
              wrapped<Element, Other, fb::native>::to_packed,
              wrapped<Element, Other, fb::native>::from_packed,
              {},
              {},
              {}};
  one.others.resize(samples * sizeof(Other));
  one.decoded.resize(samples * sizeof(Other));
  for (std::size_t i = 0; i < samples; ++i) {
    const Other x = fb::convert<Other>(floats()[i]);
    const Element code = fb::convert<Element, fb::saturating>(x);
    const Other back = fb::convert<Other, fb::saturating>(code);
    std::memcpy(&one.others[i * sizeof(Other)], &x, sizeof(Other));
    one.codes.push_back(static_cast<unsigned char>(code.bits()));
    std::memcpy(&one.decoded[i * sizeof(Other)], &back, sizeof(Other));
  }
  to.push_back(one);
  one.name = std::string(name) + ", generic";
  one.to_packed = wrapped<Element, Other, fb::generic>::to_packed;
  one.from_packed = wrapped<Element, Other, fb::generic>::from_packed;
  to.push_back(one);
}

const std::vector<variant>& variants() {
  static const std::vector<variant> made = [] {
    std::vector<variant> all;
    add<uint_of<1>, float>(all, "uint1 and float");
    add<fb::int2, float>(all, "int2 and float");
    add<int_of<3>, std::int8_t>(all, "int3 and int8");
    add<fb::int4, float>(all, "int4 and float");
    add<fb::uint4, fb::bf16>(all, "uint4 and bf16");
    add<fb::fp4_e2m1, fb::bf16>(all, "fp4 and bf16");
    add<int_of<5>, double>(all, "int5 and double");
    add<fb::fp6_e2m3, fb::fp16>(all, "fp6 and fp16");
    add<fb::fp6_e3m2, float>(all, "fp6 and float");
    add<uint_of<7>, fb::fp8_e4m3>(all, "uint7 and fp8");
    add<fb::fp8_e4m3, float>(all, "fp8 and float");
    return all;
  }();
  return made;
}

std::string at(const variant& one, std::size_t first, std::size_t count) {
  return one.name + ", " + std::to_string(count) + " from element " + std::to_string(first) + " on";
}

/// Calls body(variant, first, count, the packed bytes up to the end of the run). The long runs take
/// several buffers.
template <class Body>
void for_each_run(Body&& body) {
  for (const variant& one : variants()) {
    const auto call = [&](std::size_t first, std::size_t count) {
      body(one, first, count, ((first + count) * one.width + 7) / 8);
    };
    for (std::size_t first = 0; first <= last_offset; ++first)
      for (std::size_t count = 0; count <= longest; ++count) call(first, count);
    for (const std::size_t count : {4095U, 4096U, 8200U, 11983U})
      for (const std::size_t first : {0U, 1U, 5U, 15U}) call(first, count);
  }
}

bytes noise(std::size_t count) {
  random_words next(5);
  bytes made(count);
  for (unsigned char& x : made) x = static_cast<unsigned char>(next() >> 24);
  return made;
}

TEST(PackedConversion, WritesCodesAndLeavesTheirNeighbours) {
  const bytes before = noise(samples + last_offset + 8);
  const guard_page::buffer source_memory(8 * samples), packed_memory(before.size());
  for_each_run([&](const variant& one, std::size_t first, std::size_t count, std::size_t used) {
    bytes want(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(used) + 1);
    for (std::size_t i = 0; i < count; ++i)
      copy_bits(&one.codes[i], 0, want.data(), (first + i) * one.width, one.width);
    unsigned char* const src = source_memory.ending(count * one.other_bytes);
    std::memcpy(src, one.others.data(), count * one.other_bytes);

    unsigned char* packed = packed_memory.ending(used);
    std::memcpy(packed, before.data(), used);
    one.to_packed(src, packed, first, count);
    ASSERT_EQ(std::memcmp(packed, want.data(), used), 0) << at(one, first, count);

    const std::size_t unused = first * one.width / 8;
    packed = packed_memory.begin();
    std::memcpy(packed, before.data() + unused, used + 1 - unused);
    one.to_packed(src, packed - unused, first, count);
    ASSERT_EQ(std::memcmp(packed, want.data() + unused, used + 1 - unused), 0)
        << at(one, first, count);
  });
}

TEST(PackedConversion, ReadsCodes) {
  const guard_page::buffer packed_memory(samples + last_offset + 8), dst_memory(8 * samples);
  for_each_run([&](const variant& one, std::size_t first, std::size_t count, std::size_t used) {
    const std::size_t unused = first * one.width / 8;
    unsigned char* const packed = packed_memory.ending(used - unused) - unused;
    std::memset(packed + unused, 0x5a, used - unused);
    for (std::size_t i = 0; i < count; ++i)
      copy_bits(&one.codes[i], 0, packed, (first + i) * one.width, one.width);
    const std::size_t dst_bytes = count * one.other_bytes;

    unsigned char* dst = dst_memory.ending(dst_bytes);
    dst[-1] = 0xa5;
    one.from_packed(packed, first, dst, count);
    ASSERT_EQ(std::memcmp(dst, one.decoded.data(), dst_bytes), 0) << at(one, first, count);
    ASSERT_EQ(dst[-1], 0xa5) << at(one, first, count);

    dst = dst_memory.begin();
    dst[dst_bytes] = 0xa5;
    one.from_packed(packed, first, dst, count);
    ASSERT_EQ(std::memcmp(dst, one.decoded.data(), dst_bytes), 0) << at(one, first, count);
    ASSERT_EQ(dst[dst_bytes], 0xa5) << at(one, first, count);
  });
}

template <class From, class To>
void check_packed_to_packed() {
  constexpr std::size_t from_width = static_cast<std::size_t>(fb::packed_bits<From>);
  constexpr std::size_t to_width = static_cast<std::size_t>(fb::packed_bits<To>);
  const bytes source = noise(samples), before = noise(samples + 99);
  for (std::size_t from = 0; from < 8; ++from)
    for (std::size_t to = 0; to < 8; ++to)
      for (const std::size_t count : {0U, 1U, 2U, 7U, 63U, 64U, 65U, 200U, 9000U}) {
        bytes want = before, got = before;
        for (std::size_t i = 0; i < count; ++i) {
          unsigned char code = 0;
          copy_bits(source.data(), (from + i) * from_width, &code, 0, from_width);
          code = static_cast<unsigned char>(fb::convert<To>(From::from_bits(code)).bits());
          copy_bits(&code, 0, want.data(), (to + i) * to_width, to_width);
        }
        fb::convert(fb::packed_span<const From>(source.data(), count, from),
                    fb::packed_span<To>(got.data(), count, to));
        ASSERT_EQ(got, want) << from_width << " to " << to_width << " bits, from element " << from
                             << " to " << to << ", " << count;
      }
}

TEST(PackedConversion, GoesFromPackedToPacked) {
  check_packed_to_packed<fb::fp4_e2m1, fb::fp6_e2m3>();
  check_packed_to_packed<fb::fp6_e3m2, fb::fp4_e2m1>();
  check_packed_to_packed<int_of<3>, uint_of<5>>();
  check_packed_to_packed<fb::int4, fb::int4>();
  check_packed_to_packed<fb::fp8_e4m3, fb::int4>();
}

TEST(PackedConversion, TakesOwners) {
  const float src[5] = {1, -2.5f, 3, 100, -0.25f};
  fb::packed_array<fb::int4, 5> codes{};
  fb::convert(src, codes);
  fb::packed_vector<fb::fp6_e2m3> floats(5);
  fb::convert(codes, floats);
  fb::packed_vector<fb::int4> again(5);
  fb::convert(floats, fb::packed_span<fb::int4>(again));
  float back[5] = {};
  fb::convert(again, back);
  const float want[5] = {1, -2, 3, 7, 0};
  EXPECT_EQ(std::memcmp(back, want, sizeof want), 0);
}

constexpr bool converts_in_constant_expressions() {
  const float src[] = {1, -3, 9, 0.5f, 6};
  fb::packed_array<fb::fp4_e2m1, 5> four{};
  fb::convert<fb::saturating>(src, four);
  fb::packed_vector<fb::int4> integers(7, fb::int4(5));
  fb::convert(four, fb::packed_span<fb::int4>(integers).subspan(1, 5));
  std::int8_t out[7] = {};
  fb::convert(integers, out);
  return out[0] == 5 && out[1] == 1 && out[2] == -3 && out[3] == 6 && out[4] == 0 && out[5] == 6 &&
         out[6] == 5;
}
static_assert(converts_in_constant_expressions());

TEST(PackedConversionDeathTest, NamesBothSizes) {
  float src[5] = {};
  fb::packed_vector<fb::int4> dst(6);
  EXPECT_DEATH(fb::convert(src, dst), "src has 5 elements, dst 6");
  EXPECT_DEATH(fb::convert(dst, src), "src has 6 elements, dst 5");
}

}  // namespace
