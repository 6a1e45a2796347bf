// SPDX-License-Identifier: MIT
// Elements of every width from 1 to 8 bits, against a string of bits.
#include <fewbits/view/packed_matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;
using bytes = std::vector<unsigned char>;

template <int Bits>
using uint_of = fb::basic_int<fb::formats::unsigned_int(Bits)>;
template <int Bits>
using int_of = fb::basic_int<fb::formats::signed_int(Bits)>;

/// Bit `index` of memory, low bits of a byte first.
unsigned bit_of(const unsigned char* memory, std::size_t index) {
  return static_cast<unsigned>(memory[index / 8]) >> (index % 8) & 1U;
}
unsigned bits_of(const unsigned char* memory, std::size_t index, std::size_t width) {
  unsigned code = 0;
  for (std::size_t i = 0; i < width; ++i) code |= bit_of(memory, index + i) << i;
  return code;
}

/// Pseudo-random bytes.
bytes noise(std::size_t count) {
  bytes made(count);
  std::uint32_t state = 12345;
  for (unsigned char& x : made) {
    state = state * 1664525 + 1013904223;
    x = static_cast<unsigned char>(state >> 24);
  }
  return made;
}

template <class Element>
void check_width() {
  constexpr std::size_t width = static_cast<std::size_t>(fb::packed_bits<Element>);
  constexpr std::size_t size = 19;
  const bytes before = noise(fb::packed_bytes<Element>(size + 11));
  for (std::size_t offset = 0; offset <= 11; ++offset) {
    const fb::packed_span<const Element> source(before.data(), size, offset);
    EXPECT_EQ(source.size(), size);
    EXPECT_EQ(source.offset(), offset);
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_EQ(source[i].bits(), bits_of(before.data(), (offset + i) * width, width))
          << "width " << width << ", element " << offset << " + " << i;
      for (unsigned code = 0; code < 1U << width; code += width < 5 ? 1 : 13) {
        bytes after = before;
        const fb::packed_span<Element> target(after.data(), size, offset);
        target.set(i, Element::from_bits(static_cast<typename Element::storage_type>(code)));
        ASSERT_EQ(bits_of(after.data(), (offset + i) * width, width), code);
        for (std::size_t bit = 0; bit < before.size() * 8; ++bit) {
          const bool is_own = bit / width == offset + i;
          ASSERT_TRUE(is_own || bit_of(after.data(), bit) == bit_of(before.data(), bit))
              << "width " << width << ", element " << offset << " + " << i << ", bit " << bit;
        }
      }
    }
  }
}

TEST(PackedSpan, HoldsEveryWidthAndLeavesNeighboursAlone) {
  check_width<uint_of<1>>();
  check_width<uint_of<2>>();
  check_width<int_of<3>>();
  check_width<fb::int4>();
  check_width<int_of<5>>();
  check_width<fb::fp6_e2m3>();
  check_width<uint_of<7>>();
  check_width<fb::fp8_e4m3>();
}

TEST(PackedSpan, PutsTheFirstElementIntoTheLowNibble) {
  unsigned char memory[2] = {};
  const fb::packed_span<fb::int4> x(memory, 4);
  for (int i = 0; i < 4; ++i) x.set(static_cast<std::size_t>(i), fb::int4(i - 2));
  EXPECT_EQ(memory[0], 0xfe);  // -2, then -1
  EXPECT_EQ(memory[1], 0x10);  // 0, then 1
  EXPECT_EQ(static_cast<int>(x[0]), -2);
  EXPECT_EQ(static_cast<int>(x[3]), 1);
}

TEST(PackedSpan, CrossesBytesFromLowBitsToHigh) {
  // Three bytes hold four 6-bit codes.
  unsigned char memory[3] = {};
  const fb::packed_span<fb::fp6_e3m2> x(memory, 4);
  x.set(1, fb::fp6_e3m2::from_bits(0x2d));  // 101101: bits 6 to 11
  EXPECT_EQ(memory[0], 0x40);
  EXPECT_EQ(memory[1], 0x0b);
  EXPECT_EQ(memory[2], 0);
}

template <class Element>
void check_bounds() {
  const guard_page::buffer memory(64);
  for (std::size_t size = 1; size <= 40; ++size) {
    unsigned char* const data = memory.ending(fb::packed_bytes<Element>(size));
    const fb::packed_span<Element> x(data, size);
    for (std::size_t i = 0; i < size; ++i)
      x.set(i, Element::from_bits(static_cast<typename Element::storage_type>(i)));
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_EQ(x[i].bits(),
                Element::from_bits(static_cast<typename Element::storage_type>(i)).bits());
  }
}

TEST(PackedSpan, TouchesNoByteBeyondTheLastElement) {
  check_bounds<uint_of<1>>();
  check_bounds<int_of<3>>();
  check_bounds<fb::fp4_e2m1>();
  check_bounds<uint_of<5>>();
  check_bounds<fb::fp6_e2m3>();
  check_bounds<int_of<7>>();
  check_bounds<fb::fp8_e5m2>();
}

static_assert(fb::packed_bytes<fb::int4>(0) == 0 && fb::packed_bytes<fb::int4>(1) == 1);
static_assert(fb::packed_bytes<fb::int4>(2) == 1 && fb::packed_bytes<fb::int4>(3) == 2);
static_assert(fb::packed_bytes<fb::fp6_e2m3>(4) == 3 && fb::packed_bytes<fb::fp6_e2m3>(5) == 4);
static_assert(fb::packed_bytes<fb::fp8_e4m3>(7) == 7);
static_assert(fb::packed_bits<fb::int2> == 2 && fb::packed_bits<fb::fp4_e2m1> == 4);
static_assert(std::is_convertible_v<fb::packed_span<fb::int4>, fb::packed_span<const fb::int4>>);
static_assert(!std::is_convertible_v<fb::packed_span<const fb::int4>, fb::packed_span<fb::int4>>);

constexpr int constant_use() {
  unsigned char memory[3] = {};
  const fb::packed_span<fb::int4> x(memory, 3, 1);
  x.set(0, fb::int4(-3));
  x.set(2, fb::int4(7));
  return x[0] + x[1] + x[2];
}
static_assert(constant_use() == 4);

TEST(PackedMatrixView, CutsRowsThatMayStartWithinAByte) {
  constexpr std::size_t rows = 3, cols = 5, stride = 7;
  bytes memory(fb::packed_bytes<fb::int4>(rows * stride));
  const fb::packed_matrix_view<fb::int4> m(memory.data(), rows, cols, stride);
  EXPECT_EQ(m.rows(), rows);
  EXPECT_EQ(m.cols(), cols);
  EXPECT_EQ(m.stride(), stride);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      m.row(i).set(j, fb::int4(static_cast<int>(i * cols + j) - 8));
  const fb::packed_matrix_view<const fb::int4> view = m;
  const fb::packed_span<const fb::int4> all(memory.data(), rows * stride);
  for (std::size_t i = 0; i < rows; ++i) {
    EXPECT_EQ(view.row(i).size(), cols);
    for (std::size_t j = 0; j < stride; ++j) {
      const int want =
          j < cols ? static_cast<int>(fb::int4(static_cast<int>(i * cols + j) - 8)) : 0;
      EXPECT_EQ(static_cast<int>(all[i * stride + j]), want) << i << ", " << j;
      if (j < cols) {
        EXPECT_EQ(static_cast<int>(view.row(i)[j]), want);
      }
    }
  }
}

TEST(PackedMatrixView, IsTightByDefault) {
  unsigned char memory[8] = {};
  const fb::packed_matrix_view<fb::int4> m(memory, 3, 5);
  EXPECT_EQ(m.stride(), 5U);
  EXPECT_EQ(m.row(2).offset(), 10U);
}

TEST(PackedMatrixViewDeathTest, NamesAStrideThatIsTooSmall) {
  unsigned char memory[8] = {};
  EXPECT_DEATH(fb::packed_matrix_view<fb::int4>(memory, 2, 3, 2), "stride 2 is less than cols 3");
}

static_assert(fb::packed_bytes<fb::int4>(~std::size_t{0}) == std::size_t{1} << 63);
static_assert(fb::packed_bytes<fb::fp6_e2m3>(5) == 4 && fb::packed_bytes<fb::int4>(0) == 0);

}  // namespace
