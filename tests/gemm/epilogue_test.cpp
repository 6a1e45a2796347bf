// SPDX-License-Identifier: MIT
// What happens to a sum before it is stored: each operation and its roundings, in the order that the
// documentation gives.
#include <fewbits/gemm.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

constexpr std::size_t rows = 9;
constexpr std::size_t cols = 70;  // more than a tile of any instruction set, and a part of one

/// A product of depth 1, so that the sums are known.
template <class Element>
struct operands {
  std::vector<Element> a, b;

  operands() : a(rows), b(cols) {
    for (std::size_t i = 0; i < rows; ++i)
      a[i] = static_cast<Element>(static_cast<int>(i * 5 % 11) - 4);
    for (std::size_t j = 0; j < cols; ++j)
      b[j] = static_cast<Element>(static_cast<int>(j * 7 % 23) - 9);
  }
  [[nodiscard]] int sum(std::size_t i, std::size_t j) const {
    return static_cast<int>(a[i]) * static_cast<int>(b[j]);
  }
  template <class Out, class Epilogue>
  std::vector<Out> product(const Epilogue& epilogue) const {
    std::vector<Out> c(rows * cols);
    fb::gemm(fb::matrix_view<const Element>(a.data(), rows, 1),
             fb::matrix_view<const Element>(b.data(), 1, cols),
             fb::matrix_view<Out>(c.data(), rows, cols), epilogue);
    return c;
  }
};

struct parameters {
  std::vector<float> bias, row_scale, column_scale;

  parameters() : bias(cols), row_scale(rows), column_scale(cols) {
    for (std::size_t j = 0; j < cols; ++j) {
      bias[j] = 0.1f * static_cast<float>(j) - 1.7f;
      column_scale[j] = 1 / (3 + static_cast<float>(j));
    }
    for (std::size_t i = 0; i < rows; ++i) row_scale[i] = 0.3f + 0.7f * static_cast<float>(i);
  }
};

// Volatile: each operation is rounded, and none is fused with the next.
template <class Value>
Value times(Value x, float y) {
  volatile Value product = x * static_cast<Value>(y);
  return product;
}
template <class Value>
Value plus(Value x, float y) {
  volatile Value sum = x + static_cast<Value>(y);
  return sum;
}

/// `Value` is what the sums are rounded in.
template <class Element, class Value>
void check_scale_bias(const fb::scale_bias& epilogue) {
  const operands<Element> x;
  const std::vector<Value> got = x.template product<Value>(epilogue);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      Value want = times(static_cast<Value>(x.sum(i, j)), epilogue.scale);
      if (!epilogue.row_scale.empty()) want = times(want, epilogue.row_scale[i]);
      if (!epilogue.column_scale.empty()) want = times(want, epilogue.column_scale[j]);
      if (!epilogue.bias.empty()) want = plus(want, epilogue.bias[j]);
      ASSERT_EQ(got[i * cols + j], want) << "at " << i << ", " << j << ": sum " << x.sum(i, j);
    }
}

template <class Element, class Value>
void check_every_member() {
  const parameters p;
  check_scale_bias<Element, Value>({});
  check_scale_bias<Element, Value>({.scale = 0.37f});
  check_scale_bias<Element, Value>({.bias = p.bias});
  check_scale_bias<Element, Value>({.row_scale = p.row_scale});
  check_scale_bias<Element, Value>({.column_scale = p.column_scale});
  check_scale_bias<Element, Value>({.scale = 0.37f, .bias = p.bias});
  check_scale_bias<Element, Value>({.bias = p.bias, .column_scale = p.column_scale});
}

TEST(ScaleBias, RoundsEachOperationOfFloatSums) { check_every_member<float, float>(); }
TEST(ScaleBias, RoundsEachOperationOfIntegerSums) { check_every_member<std::int8_t, float>(); }
TEST(ScaleBias, RoundsEachOperationOfDoubleSums) { check_every_member<double, double>(); }

TEST(ScaleBias, AppliesTheScalesInTheOrderDocumented) {
  const parameters p;
  check_scale_bias<float, float>({.scale = 0.37f, .row_scale = p.row_scale});
  check_scale_bias<double, double>({.scale = 0.37f, .row_scale = p.row_scale});
  check_scale_bias<std::int8_t, float>(
      {.scale = 0.37f, .bias = p.bias, .row_scale = p.row_scale, .column_scale = p.column_scale});
}

TEST(ScaleBias, TurnsIntegerSumsIntoAnyFloat) {
  const parameters p;
  const operands<std::int8_t> x;
  const auto exact = x.product<float>(fb::scale_bias{.scale = 0.37f, .bias = p.bias});
  const auto brain = x.product<fb::bf16>(fb::scale_bias{.scale = 0.37f, .bias = p.bias});
  const auto eight = x.product<fb::fp8_e4m3>(fb::scale_bias{.scale = 0.37f, .bias = p.bias});
  const auto wide = x.product<double>(fb::scale_bias{.scale = 0.37f, .bias = p.bias});
  for (std::size_t i = 0; i < rows * cols; ++i) {
    EXPECT_EQ(brain[i].bits(), fb::convert<fb::bf16>(exact[i]).bits());
    EXPECT_EQ(eight[i].bits(), fb::convert<fb::fp8_e4m3>(exact[i]).bits());
    EXPECT_EQ(wide[i], static_cast<double>(exact[i]));
  }
}

TEST(Relu, IsTheLargerOfTheSumAndZero) {
  const operands<float> x;
  const auto got = x.product<float>(fb::relu{});
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      EXPECT_EQ(got[i * cols + j], static_cast<float>(x.sum(i, j) > 0 ? x.sum(i, j) : 0));
}

TEST(Relu, KeepsNanAndPositiveInfinity) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float a[1] = {1};
  const float b[5] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, -0.5f, 2};
  float c[5];
  fb::gemm(fb::matrix_view<const float>(a, 1, 1), fb::matrix_view<const float>(b, 1, 5),
           fb::matrix_view<float>(c, 1, 5), fb::relu{});
  EXPECT_TRUE(std::isnan(c[0]));
  EXPECT_EQ(c[1], infinity);
  EXPECT_EQ(c[2], 0);
  EXPECT_EQ(c[3], 0);
  EXPECT_EQ(c[4], 2);
}

TEST(EpilogueChain, GoesFromLeftToRight) {
  const parameters p;
  const operands<std::int8_t> x;
  const auto bias_first = x.product<float>(fb::scale_bias{.bias = p.bias} | fb::relu{});
  const auto relu_first = x.product<float>(fb::relu{} | fb::scale_bias{.bias = p.bias});
  const auto three = x.product<float>(fb::scale_bias{.scale = -1} | fb::relu{} |
                                      fb::scale_bias{.scale = 2, .bias = p.bias});
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const float sum = static_cast<float>(x.sum(i, j));
      const float biased = plus(sum, p.bias[j]);
      EXPECT_EQ(bias_first[i * cols + j], biased > 0 ? biased : 0);
      EXPECT_EQ(relu_first[i * cols + j], plus(sum > 0 ? sum : 0, p.bias[j]));
      EXPECT_EQ(three[i * cols + j], plus(sum < 0 ? -2 * sum : 0, p.bias[j]));
    }
}

/// Counts how often it sees each element of C, and adds its place to it.
struct places {
  std::vector<int>* seen;

  template <class Value>
  void apply(Value* values, std::size_t count, std::size_t row, std::size_t col) const {
    for (std::size_t j = 0; j < count; ++j) {
      ++(*seen)[row * cols + col + j];
      values[j] += static_cast<Value>(row * 1000 + col + j);
    }
  }
};

TEST(Epilogue, OfAUserSeesEachSumOnceAtItsPlace) {
  const operands<float> x;
  std::vector<int> seen(rows * cols);
  const auto got = x.product<float>(places{&seen});
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      EXPECT_EQ(seen[i * cols + j], 1);
      EXPECT_EQ(got[i * cols + j],
                static_cast<float>(x.sum(i, j)) + static_cast<float>(i * 1000 + j));
    }
}

static_assert(fb::gemm_epilogue<fb::identity> && fb::gemm_epilogue<fb::scale_bias> &&
              fb::gemm_epilogue<fb::relu> && fb::gemm_epilogue<places>);
static_assert(!fb::gemm_epilogue<int>);

}  // namespace
