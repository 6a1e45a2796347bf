// SPDX-License-Identifier: MIT
// Bulk conversion and memory: every length, every misalignment, nothing outside the ranges; in place;
// in hostile floating-point environments; in constant expressions; from any kind of range.
#include <fewbits/convert.hpp>

#include <array>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "convert/kernels.hpp"
#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;

// The most elements that a kernel takes at once: four vectors of 16.
constexpr std::size_t widest_step = 64;
constexpr std::size_t longest = 3 * widest_step + 1;
constexpr unsigned char untouched = 0xa5;

/// A few codes from all over the inputs of a row, more than `longest`.
std::vector<u64> sample_for(const conversion& row) {
  const std::vector<u64> all = inputs_for(row);
  std::vector<u64> codes;
  for (std::size_t i = 0; i <= longest; ++i) codes.push_back(all[i * 0x9e3779b9 % all.size()]);
  return codes;
}

struct variant {
  const char* name;
  conversion::bulk run;
};
std::vector<variant> variants_of(const conversion& row) {
  std::vector<variant> found = {{"native", row.native}};
  if (row.generic != nullptr) found.push_back({"generic", row.generic});
  return found;
}

/// Calls body(row, variant, codes, elements of the codes, expected elements) for all rows.
template <class Body>
void for_each_variant(Body&& body) {
  for (const conversion& row : conversions()) {
    const std::vector<u64> codes = sample_for(row);
    const std::vector<unsigned char> want = expected_of(row, codes);
    std::vector<unsigned char> src(codes.size() * row.from_bytes);
    write_codes(codes, row.from_bytes, src.data());
    for (const variant& one : variants_of(row)) body(row, one, src, want);
  }
}

std::string at(const conversion& row, const variant& one, std::size_t count) {
  return name_of(row) + ", " + one.name + ", length " + std::to_string(count);
}

TEST(ConversionOfRanges, StaysBetweenGuardPages) {
  const guard_page::buffer src_memory(8 * longest), dst_memory(8 * longest);
  for_each_variant([&](const conversion& row, const variant& one,
                       const std::vector<unsigned char>& src,
                       const std::vector<unsigned char>& want) {
    for (std::size_t count = 0; count <= longest; ++count) {
      const std::size_t src_bytes = count * row.from_bytes;
      const std::size_t dst_bytes = count * row.to_bytes;
      unsigned char* from = src_memory.ending(src_bytes);
      unsigned char* to = dst_memory.ending(dst_bytes);
      std::memcpy(from, src.data(), src_bytes);
      std::memset(to - 1, untouched, dst_bytes + 1);
      one.run(from, to, count);
      ASSERT_EQ(std::memcmp(to, want.data(), dst_bytes), 0) << at(row, one, count);
      ASSERT_EQ(to[-1], untouched) << at(row, one, count);

      from = src_memory.begin();
      to = dst_memory.begin();
      std::memcpy(from, src.data(), src_bytes);
      std::memset(to, untouched, dst_bytes + 1);
      one.run(from, to, count);
      ASSERT_EQ(std::memcmp(to, want.data(), dst_bytes), 0) << at(row, one, count);
      ASSERT_EQ(to[dst_bytes], untouched) << at(row, one, count);
    }
  });
}

TEST(ConversionOfRanges, TakesEveryLengthAndMisalignment) {
  constexpr std::size_t line = 64;
  alignas(line) unsigned char src_memory[8 * longest + line];
  alignas(line) unsigned char dst_memory[8 * longest + 3 * line];
  for_each_variant([&](const conversion& row, const variant& one,
                       const std::vector<unsigned char>& src,
                       const std::vector<unsigned char>& want) {
    for (std::size_t count = 0; count <= longest; ++count)
      // Any pair of misalignments comes up, though not all of them at each length.
      for (std::size_t shift = count % 5; shift < line; shift += 5) {
        unsigned char* const from = src_memory + shift;
        unsigned char* const to = dst_memory + line + (shift * 5 + count) % line;
        const std::size_t dst_bytes = count * row.to_bytes;
        std::memcpy(from, src.data(), count * row.from_bytes);
        std::memset(to - line, untouched, dst_bytes + 2 * line);
        one.run(from, to, count);
        ASSERT_EQ(std::memcmp(to, want.data(), dst_bytes), 0)
            << at(row, one, count) << ", src + " << shift;
        for (unsigned char* p = to - line; p != to; ++p)
          ASSERT_EQ(*p, untouched) << at(row, one, count) << ", before dst";
        for (unsigned char* p = to + dst_bytes; p != to + dst_bytes + line; ++p)
          ASSERT_EQ(*p, untouched) << at(row, one, count) << ", after dst";
      }
  });
}

TEST(ConversionOfRanges, WorksInPlaceWhereElementsGetNoWider) {
  for_each_variant([](const conversion& row, const variant& one,
                      const std::vector<unsigned char>& src,
                      const std::vector<unsigned char>& want) {
    if (row.to_bytes > row.from_bytes) return;
    for (std::size_t count = 0; count <= longest; ++count) {
      std::vector<unsigned char> memory = src;
      one.run(memory.data(), memory.data(), count);
      ASSERT_EQ(std::memcmp(memory.data(), want.data(), count * row.to_bytes), 0)
          << at(row, one, count);
    }
  });
}

template <class Environment, class... Arguments>
void expect_same_bits_under(const Arguments&... arguments) {
  for (const conversion& row : conversions()) {
    const std::vector<u64> all = inputs_for(row);
    std::vector<u64> codes;
    for (std::size_t i = 0; i < all.size(); i += all.size() / 2000 + 1) codes.push_back(all[i]);
    const std::vector<unsigned char> want = expected_of(row, codes);
    std::vector<unsigned char> src(codes.size() * row.from_bytes), got(want.size());
    write_codes(codes, row.from_bytes, src.data());
    for (const variant& one : variants_of(row)) {
      {
        const Environment hostile(arguments...);
        one.run(src.data(), got.data(), codes.size());
      }
      expect_elements(row, one.name, codes, got.data(), want);
    }
  }
}

TEST(ConversionOfRanges, IgnoresFlushToZero) {
  expect_same_bits_under<environment::flush_to_zero>();
}

TEST(ConversionOfRanges, IgnoresTheRoundingDirection) {
  for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    SCOPED_TRACE(direction);
    expect_same_bits_under<environment::rounding_direction>(direction);
  }
}

constexpr bool converts_in_constant_expressions() {
  const float src[] = {1.0f, -2.5f, 0x1.01p0f, 1e30f, 0.0f};
  fb::bf16 brain[5] = {};
  fb::convert<fb::saturating>(fb::array_view<const float>(src), fb::array_view<fb::bf16>(brain));
  std::array<fb::fp8_e4m3, 5> eight{};
  fb::convert<fb::saturating>(fb::array_view<const float>(src), eight);
  return brain[0].bits() == 0x3f80 && brain[1].bits() == 0xc020 && brain[2].bits() == 0x3f80 &&
         eight[1].bits() == 0xc2 && eight[3].bits() == 0x7e && eight[4].bits() == 0;
}
static_assert(converts_in_constant_expressions());

TEST(ConversionOfRanges, TakesAnythingWithDataAndSize) {
  const std::vector<float> src = {1.0f, 2.0f, -0.5f};
  std::array<fb::fp16, 3> halves{};
  fb::convert(src, halves);
  fb::bf16 brain[3];
  fb::convert(halves, fb::array_view<fb::bf16>(brain));
  std::vector<float> back(3);
  fb::convert<fb::truncating>(fb::array_view<const fb::bf16>(brain, 3), back);
  EXPECT_EQ(std::memcmp(back.data(), src.data(), 12), 0);
  const std::vector<double> none;
  fb::convert(none, std::vector<float>());
}

TEST(ConversionOfRanges, TakesArraysAndIntegers) {
  const float src[4] = {1.0f, -2.5f, 300.0f, 3.5f};
  std::int8_t integers[4];
  fb::convert(src, integers);
  const std::int8_t want[4] = {1, -2, 127, 4};
  EXPECT_EQ(std::memcmp(integers, want, 4), 0);
  fb::int4 nibbles[4];
  fb::convert<fb::truncating>(integers, nibbles);
  EXPECT_EQ(nibbles[2], 7);
  float back[4];
  fb::convert(nibbles, fb::array_view<float>(back));
  EXPECT_EQ(back[1], -2.0f);
  EXPECT_EQ(back[3], 4.0f);
}

template <class Src, class Dst>
constexpr bool converts = requires(const Src& src, Dst& dst) { fb::convert(src, dst); };
static_assert(converts<float[2], fb::bf16[2]> && converts<fb::packed_vector<fb::int4>, float[2]>);
static_assert(!converts<float[2], const float[2]> && !converts<float, float>);
static_assert(!converts<float[2], fb::packed_span<const fb::int4>>);
static_assert(!converts<const char* [2], float[2]>);

TEST(ConversionOfRangesDeathTest, NamesBothSizes) {
  const float src[4] = {};
  fb::fp16 dst[3];
  EXPECT_DEATH(fb::convert(src, dst), "src has 4 elements, dst 3");
  EXPECT_DEATH(fb::convert(fb::inline_executor{}, src, dst), "src has 4 elements, dst 3");
}

}  // namespace
