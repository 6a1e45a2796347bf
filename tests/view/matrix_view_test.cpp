// SPDX-License-Identifier: MIT
// Rows of elements: shape, stride, and the transpose as a view.
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <type_traits>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

TEST(MatrixView, IsEmptyByDefault) {
  constexpr fb::matrix_view<float> none;
  static_assert(none.data() == nullptr && none.rows() == 0 && none.cols() == 0);
}

TEST(MatrixView, IsRowMajorAndTightByDefault) {
  int x[6] = {1, 2, 3, 4, 5, 6};
  const fb::matrix_view m{x, 2, 3};
  static_assert(std::is_same_v<decltype(m), const fb::matrix_view<int>>);
  EXPECT_EQ(m.rows(), 2U);
  EXPECT_EQ(m.cols(), 3U);
  EXPECT_EQ(m.stride(), 3U);
  EXPECT_EQ(m(0, 2), 3);
  EXPECT_EQ(m(1, 0), 4);
  EXPECT_EQ(m.row(1), x + 3);
  m(1, 2) = 60;
  EXPECT_EQ(x[5], 60);
}

TEST(MatrixView, CountsItsStrideInElements) {
  const double x[8] = {1, 2, 3, 0, 4, 5, 6, 0};
  const fb::matrix_view m{x, 2, 3, 4};
  EXPECT_EQ(m.stride(), 4U);
  EXPECT_EQ(m(1, 2), 6);
  EXPECT_EQ(m.row(1), x + 4);
}

static_assert(std::is_convertible_v<fb::matrix_view<int>, fb::matrix_view<const int>>);
static_assert(!std::is_convertible_v<fb::matrix_view<const int>, fb::matrix_view<int>>);
static_assert(!std::is_convertible_v<fb::matrix_view<int>, fb::matrix_view<const long>>);
static_assert(std::is_trivially_copyable_v<fb::matrix_view<int>>);

TEST(MatrixView, KeepsItsShapeWhenItBecomesConst) {
  int x[8] = {};
  const fb::matrix_view<const int> m = fb::matrix_view<int>(x, 2, 3, 4);
  EXPECT_EQ(m.data(), x);
  EXPECT_EQ(m.rows(), 2U);
  EXPECT_EQ(m.cols(), 3U);
  EXPECT_EQ(m.stride(), 4U);
}

TEST(Transposed, SwapsRowsAndColumnsOfTheSameElements) {
  int x[8] = {};
  const fb::matrix_view<int> m(x, 2, 3, 4);
  const fb::transposed_view<int> t = fb::transposed(m);
  EXPECT_EQ(t.rows(), 3U);
  EXPECT_EQ(t.cols(), 2U);
  EXPECT_EQ(t.base().data(), x);
  EXPECT_EQ(t.base().stride(), 4U);
}

TEST(Transposed, TwiceIsTheMatrix) {
  int x[8] = {};
  const fb::matrix_view<int> m = fb::transposed(fb::transposed(fb::matrix_view<int>(x, 2, 3, 4)));
  EXPECT_EQ(m.data(), x);
  EXPECT_EQ(m.rows(), 2U);
  EXPECT_EQ(m.cols(), 3U);
  EXPECT_EQ(m.stride(), 4U);
}

constexpr int corner() {
  const int x[] = {1, 2, 3, 4};
  return fb::matrix_view<const int>(x, 2, 2)(1, 1) +
         static_cast<int>(fb::transposed(fb::matrix_view<const int>(x, 1, 4)).rows());
}
static_assert(corner() == 8);

TEST(MatrixViewDeathTest, NamesAStrideThatIsTooSmall) {
  int x[6] = {};
  EXPECT_DEATH(fb::matrix_view<int>(x, 2, 3, 2), "stride 2 is less than cols 3");
}

}  // namespace
