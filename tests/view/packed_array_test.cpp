// SPDX-License-Identifier: MIT
// The owners of packed elements.
#include <fewbits/value.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/packed_array.hpp>
#include <fewbits/view/packed_matrix_view.hpp>

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
template <int Bits>
using uint_of = fb::basic_int<fb::formats::unsigned_int(Bits)>;

using array7 = fb::packed_array<fb::int4, 7>;
using vector4 = fb::packed_vector<fb::int4>;
static_assert(sizeof(array7) == 4 && sizeof(fb::packed_array<fb::fp6_e2m3, 8>) == 6);
static_assert(std::is_aggregate_v<array7> && std::is_trivially_copyable_v<array7>);
static_assert(fb::packed_range<array7> && fb::packed_range<const vector4&>);
// A byte holds several elements, so that bytes and size() do not make a range.
static_assert(!fb::contiguous<array7> && !fb::contiguous<vector4> &&
              !fb::contiguous<fb::packed_span<fb::int4>>);
static_assert(!std::is_convertible_v<vector4&, fb::array_view<unsigned char>>);

template <class Element>
using span_of = fb::packed_span<Element>;
static_assert(std::is_convertible_v<array7&, span_of<fb::int4>>);
static_assert(std::is_convertible_v<const array7&, span_of<const fb::int4>>);
static_assert(std::is_convertible_v<vector4&, span_of<const fb::int4>>);
static_assert(!std::is_convertible_v<const array7&, span_of<fb::int4>>);
static_assert(!std::is_convertible_v<const vector4&, span_of<fb::int4>>);
static_assert(!std::is_convertible_v<vector4&, span_of<fb::uint4>>);
static_assert(
    std::is_same_v<decltype(fb::packed_span(std::declval<vector4&>())), span_of<fb::int4>>);
static_assert(std::is_same_v<decltype(fb::packed_span(std::declval<const array7&>())),
                             span_of<const fb::int4>>);
static_assert(std::is_nothrow_move_constructible_v<vector4>);

TEST(PackedArray, HoldsItsElements) {
  array7 x{};
  EXPECT_EQ(x.size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(x[i].bits(), 0);
    x[i] = fb::int4(static_cast<int>(i) - 4);
  }
  EXPECT_EQ(x.bytes[0], 0xdc);
  EXPECT_EQ(x.bytes[3], 0x02);
  const array7 y = x;
  EXPECT_EQ(static_cast<int>(y[6]), 2);
  EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end()));
  const span_of<fb::int4> span = x;
  EXPECT_EQ(span.data(), x.bytes);
  EXPECT_EQ(span.size(), 7U);
  EXPECT_EQ(span.offset(), 0U);
  EXPECT_TRUE((fb::packed_array<fb::int4, 0>{}.empty()));
}

constexpr int constant_array() {
  fb::packed_array<fb::int4, 3> x{};
  x[1] = fb::int4(-5);
  const auto y = x;
  return y[0] + y[1] + y[2];
}
static_assert(constant_array() == -5);

template <class Element>
void check_vector() {
  using storage = typename Element::storage_type;
  const auto element = [](std::size_t i) {
    return Element::from_bits(static_cast<storage>(i * 5));
  };
  for (std::size_t size = 0; size <= 40; ++size)
    for (std::size_t next = 0; next <= 40; ++next) {
      fb::packed_vector<Element> x(size);
      ASSERT_EQ(x.size(), size);
      ASSERT_EQ(x.empty(), size == 0);
      for (std::size_t i = 0; i < size; ++i) x[i] = element(i);
      x.resize(next);
      ASSERT_EQ(x.size(), next);
      for (std::size_t i = 0; i < next; ++i)
        ASSERT_EQ(x[i].bits(), i < size ? element(i).bits() : 0) << size << " to " << next;
    }
}

TEST(PackedVector, ResizesAndKeepsWhatFits) {
  check_vector<uint_of<1>>();
  check_vector<uint_of<3>>();
  check_vector<fb::int4>();
  check_vector<fb::fp6_e3m2>();
  check_vector<fb::fp8_e4m3>();
}

TEST(PackedVector, CopiesAndMoves) {
  vector4 x(5, fb::int4(-2));
  vector4 y = x;
  y[4] = fb::int4(3);
  EXPECT_EQ(static_cast<int>(x[4]), -2);
  x = y;
  EXPECT_EQ(static_cast<int>(x[4]), 3);
  EXPECT_NE(x.data(), y.data());
  const unsigned char* const data = y.data();
  vector4 z = std::move(y);
  EXPECT_EQ(z.data(), data);
  x = std::move(z);
  EXPECT_EQ(x.data(), data);
  vector4 empty;
  EXPECT_TRUE(empty.empty() && empty.data() == nullptr);
  swap(empty, x);
  EXPECT_TRUE(x.empty());
  EXPECT_EQ(empty.size(), 5U);
  std::sort(empty.begin(), empty.end());
  EXPECT_EQ(static_cast<int>(std::as_const(empty)[0]), -2);
  EXPECT_EQ(static_cast<int>(std::as_const(empty)[4]), 3);
}

constexpr int constant_vector() {
  vector4 x(3, fb::int4(2));
  x.resize(5);
  x[4] = fb::int4(-7);
  const vector4 y = x;
  int sum = 0;
  for (const int value : y) sum = 10 * sum + value;
  return sum;
}
static_assert(constant_vector() == 22193);

TEST(PackedMatrixView, IsMadeFromAnOwner) {
  fb::packed_vector<fb::int4> x(6);
  const fb::packed_matrix_view m(x, 2, 3);
  static_assert(std::is_same_v<decltype(m), const fb::packed_matrix_view<fb::int4>>);
  m(1, 2) = fb::int4(-1);
  EXPECT_EQ(static_cast<int>(x[5]), -1);
  const fb::packed_matrix_view tail(fb::packed_span<const fb::int4>(x).subspan(1, 4), 2, 2);
  EXPECT_EQ(tail.offset(), 1U);
  EXPECT_EQ(tail(1, 1).bits(), x[4].bits());
}

TEST(PackedMatrixViewDeathTest, NamesAShapeThatDoesNotFit) {
  fb::packed_vector<fb::int4> x(6);
  EXPECT_DEATH(fb::packed_matrix_view(x, 2, 4), "6 elements for 2 x 4");
}

}  // namespace
