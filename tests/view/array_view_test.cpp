// SPDX-License-Identifier: MIT
// A pointer and a count: what converts to it, and what it refers to.
#include <fewbits/view/array_view.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

static_assert(fb::contiguous<std::vector<int>> && fb::contiguous<const std::array<float, 3>>);
static_assert(fb::contiguous<fb::array_view<const int>>);
static_assert(!fb::contiguous<int> && !fb::contiguous<int*>);
static_assert(std::is_trivially_copyable_v<fb::array_view<int>>);
static_assert(sizeof(fb::array_view<int>) == 2 * sizeof(void*));
// Mutable to const, never back.
static_assert(std::is_convertible_v<fb::array_view<int>, fb::array_view<const int>>);
static_assert(!std::is_convertible_v<fb::array_view<const int>, fb::array_view<int>>);
static_assert(!std::is_convertible_v<const std::vector<int>&, fb::array_view<int>>);
static_assert(!std::is_convertible_v<std::vector<float>&, fb::array_view<double>>);

TEST(ArrayView, IsEmptyByDefault) {
  constexpr fb::array_view<int> none;
  static_assert(none.empty() && none.size() == 0 && none.data() == nullptr);
  EXPECT_EQ(none.begin(), none.end());
}

TEST(ArrayView, RefersToTheElementsOfAnyContiguousRange) {
  std::vector<int> vector = {1, 2, 3};
  std::array<int, 2> array = {4, 5};
  int native[4] = {6, 7, 8, 9};
  const fb::array_view<int> a = vector;
  const fb::array_view<int> b = array;
  const fb::array_view<int> c = native;
  const fb::array_view<const int> d = a;
  const fb::array_view<const int> e = std::as_const(vector);
  const fb::array_view<int> f(native + 1, 2);
  EXPECT_EQ(a.data(), vector.data());
  EXPECT_EQ(a.size(), 3U);
  EXPECT_EQ(b.size(), 2U);
  EXPECT_EQ(c.size(), 4U);
  EXPECT_EQ(d.data(), vector.data());
  EXPECT_EQ(e.data(), vector.data());
  EXPECT_EQ(f[1], 8);
  a[0] = 10;
  EXPECT_EQ(vector[0], 10);
  int sum = 0;
  for (const int x : c) sum += x;
  EXPECT_EQ(sum, 30);
  EXPECT_FALSE(f.empty());
}

// Copying a view that is not const must not count as viewing a range.
static_assert(std::is_trivially_copyable_v<fb::array_view<float>>);
static_assert(fb::contiguous<int[3]> && fb::contiguous<const int (&)[3]>);

TEST(ArrayView, IsCopiedAsItIs) {
  int native[4] = {6, 7, 8, 9};
  fb::array_view<int> a = native;
  fb::array_view<int> b(a);
  EXPECT_EQ(b.data(), native);
  EXPECT_EQ(b.size(), 4U);
  const fb::array_view<const int> c = native;
  EXPECT_EQ(c.data(), native);
}

constexpr int third() {
  const int x[] = {1, 2, 3};
  return fb::array_view<const int>(x)[2];
}
static_assert(third() == 3);

}  // namespace
