// SPDX-License-Identifier: MIT
// References to packed elements and iterators over them: what the standard algorithms ask for.
#include <fewbits/value.hpp>
#include <fewbits/view/packed_span.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using int4_span = fb::packed_span<fb::int4>;
using int4_reference = fb::packed_reference<fb::int4>;
using fp4_reference = fb::packed_reference<fb::fp4_e2m1>;

using traits = std::iterator_traits<int4_span::iterator>;
static_assert(std::is_same_v<traits::iterator_category, std::random_access_iterator_tag>);
static_assert(std::is_same_v<traits::value_type, fb::int4>);
static_assert(std::is_same_v<traits::reference, int4_reference>);
static_assert(std::is_same_v<traits::difference_type, std::ptrdiff_t>);
static_assert(std::random_access_iterator<int4_span::iterator>);
static_assert(std::random_access_iterator<fb::packed_span<const fb::fp4_e2m1>::iterator>);
static_assert(std::sortable<int4_span::iterator>);
static_assert(std::is_convertible_v<int4_span::iterator, fb::packed_iterator<const fb::int4>>);
static_assert(!std::is_convertible_v<fb::packed_iterator<const fb::int4>, int4_span::iterator>);

// A reference converts to what the element does, implicitly where that does.
static_assert(std::is_convertible_v<int4_reference, fb::int4>);
static_assert(std::is_convertible_v<int4_reference, int>);
static_assert(std::is_convertible_v<fp4_reference, float>);
static_assert(std::is_constructible_v<fb::bf16, fb::fp4_e2m1>);
// Arithmetic is that of the elements.
template <class Type>
using square = decltype(std::declval<Type>() * std::declval<Type>());
static_assert(std::is_same_v<square<fp4_reference>, fb::fp4_e2m1>);
static_assert(std::is_same_v<square<int4_reference>, int>);
static_assert(std::is_same_v<decltype(std::declval<fp4_reference>() + fb::bf16{}), fb::bf16>);
static_assert(std::is_same_v<decltype(2.0f - std::declval<fp4_reference>()), float>);
static_assert(std::is_same_v<decltype(-std::declval<fp4_reference>()), fb::fp4_e2m1>);

/// The values 0..size-1 modulo 16, shuffled, from element 3 of the memory on.
struct shuffled {
  static constexpr std::size_t size = 37;
  unsigned char memory[21] = {};
  int4_span span{memory, size, 3};

  shuffled() {
    for (std::size_t i = 0; i < size; ++i)
      span[i] = fb::int4::from_code(static_cast<int>(i * 23 % size));
  }
  [[nodiscard]] std::vector<int> values() const {
    const fb::packed_span<const fb::int4> all = span;
    return {all.begin(), all.end()};
  }
};

TEST(PackedReference, AssignsAndReads) {
  unsigned char memory[3] = {};
  const fb::packed_span<fb::fp6_e2m3> x(memory, 4);
  x[0] = fb::fp6_e2m3{1.5};
  x[3] = x[0];
  auto last = x[3];
  last = fb::fp6_e2m3{-2.0};
  EXPECT_EQ(x[3].bits(), fb::fp6_e2m3{-2.0}.bits());
  EXPECT_EQ(x[0] + x[3], fb::fp6_e2m3{-0.5});
  EXPECT_EQ(x[1].bits(), 0);
  EXPECT_EQ(x[2].bits(), 0);
  EXPECT_EQ(static_cast<int>(x[0]), 1);
  EXPECT_EQ(static_cast<double>(x[0]), 1.5);
  EXPECT_TRUE(x[0] > x[3]);
  const float f = x[0];
  EXPECT_EQ(f, 1.5f);
  const fb::fp6_e2m3 copy = x[0];
  EXPECT_EQ(copy.bits(), x[0].value().bits());
}

// What a conversion through float would leave undefined.
TEST(PackedReference, ConvertsToIntegersAsTheElementDoes) {
  unsigned char memory[1] = {0x7f};
  const fb::packed_span<fb::fp8_e4m3> x(memory, 1);
  EXPECT_EQ(static_cast<int>(x[0]), 0);
}

TEST(PackedReference, Swaps) {
  unsigned char memory[2] = {0x21, 0x43};
  const int4_span x(memory, 4);
  swap(x[0], x[3]);
  EXPECT_EQ(memory[0], 0x24);
  EXPECT_EQ(memory[1], 0x13);
  fb::int4 value(-1);
  swap(x[1], value);
  EXPECT_EQ(memory[0], 0xf4);
  EXPECT_EQ(static_cast<int>(value), 2);
  swap(value, x[1]);
  EXPECT_EQ(memory[0], 0x24);
  std::iter_swap(x.begin(), x.begin() + 1);
  EXPECT_EQ(memory[0], 0x42);
}

TEST(PackedIterator, WalksLikeAPointer) {
  shuffled x;
  auto it = x.span.begin();
  EXPECT_EQ(x.span.end() - it, static_cast<std::ptrdiff_t>(shuffled::size));
  EXPECT_EQ((*it++).bits(), x.span[0].bits());
  EXPECT_EQ((*it).bits(), x.span[1].bits());
  EXPECT_EQ((*++it).bits(), x.span[2].bits());
  EXPECT_EQ(it[-2].bits(), x.span[0].bits());
  EXPECT_EQ((*it--).bits(), x.span[2].bits());
  EXPECT_EQ((*--it).bits(), x.span[0].bits());
  EXPECT_TRUE(it == x.span.begin() && it != x.span.end() && it < x.span.end());
  EXPECT_TRUE(3 + it == it + 3 && (it + 3) - 2 == it + 1);
  it += 5;
  it -= 4;
  EXPECT_EQ(it - x.span.begin(), 1);
  const fb::packed_iterator<const fb::int4> to_const = it;
  EXPECT_TRUE(to_const == it);
}

TEST(PackedIterator, ServesTheAlgorithms) {
  shuffled x;
  std::vector<int> want = x.values();
  EXPECT_EQ(std::accumulate(x.span.begin(), x.span.end(), 0),
            std::accumulate(want.begin(), want.end(), 0));

  std::sort(x.span.begin(), x.span.end());
  std::sort(want.begin(), want.end());
  EXPECT_EQ(x.values(), want);

  std::reverse(x.span.begin(), x.span.end());
  std::reverse(want.begin(), want.end());
  EXPECT_EQ(x.values(), want);

  std::rotate(x.span.begin(), x.span.begin() + 5, x.span.end());
  std::rotate(want.begin(), want.begin() + 5, want.end());
  EXPECT_EQ(x.values(), want);

  std::ranges::sort(x.span.begin(), x.span.end(), std::greater<>());
  std::sort(want.begin(), want.end(), std::greater<>());
  EXPECT_EQ(x.values(), want);

  shuffled y;
  EXPECT_FALSE(std::equal(y.span.begin(), y.span.end(), x.span.begin()));
  std::copy(x.span.begin(), x.span.end(), y.span.begin());
  EXPECT_TRUE(std::equal(y.span.begin(), y.span.end(), x.span.begin()));
  std::fill(y.span.begin(), y.span.end(), fb::int4(-3));
  EXPECT_EQ(std::count(y.span.begin(), y.span.end(), -3), 37);
  // The neighbours.
  EXPECT_EQ(y.memory[0], 0);
  EXPECT_EQ(y.memory[1] & 0x0f, 0);
  EXPECT_EQ(y.memory[20], 0);
}

TEST(PackedSpan, HasSubspans) {
  shuffled x;
  const int4_span middle = x.span.subspan(5, 7);
  EXPECT_EQ(middle.size(), 7U);
  EXPECT_EQ(middle.offset(), 8U);
  EXPECT_EQ(middle[0].bits(), x.span[5].bits());
  EXPECT_EQ(x.span.subspan(30).size(), 7U);
  EXPECT_TRUE(x.span.subspan(37).empty());
  int sum = 0;
  for (const int value : fb::packed_span<const fb::int4>(middle)) sum += value;
  for (const auto element : middle) sum -= element;
  EXPECT_EQ(sum, 0);
}

TEST(PackedSpanDeathTest, NamesWhatIsOutOfRange) {
  shuffled x;
  EXPECT_DEATH((void)x.span[37], "element 37 of 37");
  EXPECT_DEATH((void)x.span.subspan(30, 8), "8 elements from 30 on, of 37");
  EXPECT_DEATH((void)x.span.subspan(38), "from 38 on, of 37");
}

constexpr int constant_use() {
  unsigned char memory[4] = {};
  const fb::packed_span<fb::int4> x(memory, 5, 2);
  int next = 0;
  for (auto it = x.begin(); it != x.end(); ++it) *it = fb::int4(--next);
  std::reverse(x.begin(), x.end());
  return x[0] * 10 + x[4];
}
static_assert(constant_use() == -51);

}  // namespace
