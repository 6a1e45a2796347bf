// SPDX-License-Identifier: MIT
// What happens to a sum before it is stored: each operation and its roundings, in the order that the
// documentation gives.
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
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

/// C before the product, some of it not finite.
template <class Out>
std::vector<Out> old_matrix() {
  std::vector<Out> c(rows * cols);
  for (std::size_t i = 0; i < c.size(); ++i)
    c[i] = fb::convert<Out>(0.25f * static_cast<float>(static_cast<int>(i * 37 % 101) - 50));
  if constexpr (!std::is_integral_v<Out>) c[3] = std::numeric_limits<Out>::quiet_NaN();
  return c;
}
template <class Element, class Out, class Epilogue>
std::vector<Out> onto(std::vector<Out> c, const Epilogue& epilogue) {
  const operands<Element> x;
  fb::gemm(fb::matrix_view<const Element>(x.a.data(), rows, 1),
           fb::matrix_view<const Element>(x.b.data(), 1, cols),
           fb::matrix_view<Out>(c.data(), rows, cols), epilogue);
  return c;
}
template <class Out>
void expect_same_numbers(const std::vector<Out>& got, const std::vector<Out>& want) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double x = static_cast<double>(got[i]), y = static_cast<double>(want[i]);
    ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << "at " << i << ": " << x << ", " << y;
  }
}

template <class Element, class Value, class Out>
void check_accumulate() {
  const operands<Element> x;
  const std::vector<Out> old = old_matrix<Out>();
  std::vector<Out> want(old.size()), tripled(old.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const Value c = static_cast<Value>(old[i * cols + j]), sum = static_cast<Value>(x.sum(i, j));
      want[i * cols + j] = fb::convert<Out>(c + sum);
      if constexpr (!std::is_integral_v<Out>)
        tripled[i * cols + j] = fb::convert<Out>(c + 3 * sum > 0 ? c + 3 * sum
                                                 : std::isnan(c) ? c
                                                                 : 0);
    }
  expect_same_numbers(onto<Element>(old, fb::accumulate{}), want);
  if constexpr (!std::is_integral_v<Out>)
    expect_same_numbers(
        onto<Element>(old, fb::scale_bias{.scale = 3} | fb::accumulate{} | fb::relu{}), tripled);
}
TEST(Accumulate, AddsWhatCHolds) {
  check_accumulate<float, float, float>();
  check_accumulate<double, double, double>();
  check_accumulate<float, float, fb::bf16>();
  check_accumulate<std::int8_t, float, float>();
  check_accumulate<std::int8_t, std::int32_t, std::int32_t>();
}
TEST(Accumulate, IsModulo32BitsInInt32) {
  const std::int8_t one[1] = {1};
  std::int32_t c[1] = {std::numeric_limits<std::int32_t>::max()};
  fb::gemm(fb::matrix_view<const std::int8_t>(one, 1, 1),
           fb::matrix_view<const std::int8_t>(one, 1, 1), fb::matrix_view<std::int32_t>(c, 1, 1),
           fb::accumulate{});
  EXPECT_EQ(c[0], std::numeric_limits<std::int32_t>::min());
}

template <class Element, class Value, class Added>
void check_residual() {
  const operands<Element> x;
  const std::vector<Added> added = old_matrix<Added>();
  const auto got = x.template product<Value>(
      fb::residual(fb::matrix_view<const Added>(added.data(), rows, cols)));
  std::vector<Value> want(got.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      want[i * cols + j] =
          static_cast<Value>(x.sum(i, j)) + fb::convert<Value>(added[i * cols + j]);
  expect_same_numbers(got, want);
}
TEST(Residual, AddsAMatrixOfAnyElements) {
  check_residual<float, float, float>();
  check_residual<float, float, fb::fp8_e4m3>();
  check_residual<std::int8_t, float, std::int8_t>();
  check_residual<double, double, fb::bf16>();
}

TEST(ConvertTo, RoundsByThePolicy) {
  const operands<float> x;
  const fb::scale_bias scale{.scale = 7.3f};
  const auto sums = x.product<float>(scale);
  constexpr fb::cast_policy down{fb::rounding::toward_negative, fb::overflow::saturate};
  const auto codes = x.product<fb::fp8_e4m3>(scale | fb::convert_to<fb::fp8_e4m3, down>{});
  const auto cut = x.product<float>(scale | fb::convert_to<fb::bf16, fb::truncating>{});
  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_EQ(codes[i].bits(), (fb::convert<fb::fp8_e4m3, down>(sums[i]).bits()));
    EXPECT_EQ(cut[i], static_cast<float>(fb::convert<fb::bf16, fb::truncating>(sums[i])));
  }
}

/// One row of given sums through an epilogue.
template <class Out, class Value, class Epilogue>
std::vector<Out> of_sums(const std::vector<Value>& sums, const Epilogue& epilogue) {
  const Value one[1] = {1};
  std::vector<Out> c(sums.size());
  fb::gemm(fb::matrix_view<const Value>(one, 1, 1),
           fb::matrix_view<const Value>(sums.data(), 1, sums.size()),
           fb::matrix_view<Out>(c.data(), 1, c.size()), epilogue);
  return c;
}

TEST(RequantizeTo, GivesTheCodesOfRequantize) {
  const operands<std::int8_t> x;
  const auto sums = x.product<std::int32_t>(fb::identity{});
  const fb::matrix_view<const std::int32_t> view(sums.data(), rows, cols);
  const parameters p;
  std::vector<std::int8_t> want(sums.size());
  const fb::matrix_view<std::int8_t> codes(want.data(), rows, cols);
  for (const float multiplier : {0.5f, 0.37f, 30.0f, 1e30f, -0.5f, 0.0f}) {
    fb::requantize<std::int8_t>(view, fb::array_view<const float>(&multiplier, 1), -3, codes);
    EXPECT_EQ(x.product<std::int8_t>(fb::requantize_to<std::int8_t>(multiplier, -3)), want);
  }
  fb::requantize<std::int8_t>(view, p.column_scale, 5, codes);
  EXPECT_EQ(x.product<std::int8_t>(fb::requantize_to<std::int8_t>(p.column_scale, 5)), want);
  std::vector<std::uint8_t> bytes(sums.size());
  const float half = 0.5f;
  fb::requantize<std::uint8_t>(view, fb::array_view<const float>(&half, 1), 128,
                               fb::matrix_view<std::uint8_t>(bytes.data(), rows, cols));
  EXPECT_EQ(x.product<std::uint8_t>(fb::requantize_to<std::uint8_t>(half, 128)), bytes);
}

TEST(RequantizeTo, SaturatesAndCountsNanAsZero) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> sums = {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(),
                                   0.5f,     1.5f,      -0.5f,
                                   126.5f,   1e9f,      -1e-45f};
  EXPECT_EQ(of_sums<std::int8_t>(sums, fb::requantize_to<std::int8_t>(1, 1)),
            (std::vector<std::int8_t>{127, -128, 1, 1, 3, 1, 127, 127, 1}));
}

// The exact values, in 64 bits of precision. The tail of a normal distribution is erfc, which keeps
// its relative precision.
long double exact_silu(long double x) { return x / (1 + std::exp(-x)); }
long double exact_gelu(long double x) { return x * std::erfc(-x / std::sqrt(2.0L)) / 2; }
long double exact_gelu_tanh(long double x) {
  const long double u = std::sqrt(8 / 3.14159265358979323846264338L) * (x + 0.044715L * x * x * x);
  return x / (1 + std::exp(-u));
}

template <class Epilogue>
void check_activation(long double (*exact)(long double)) {
  if (sizeof(long double) == sizeof(double)) GTEST_SKIP() << "no oracle";
  std::vector<float> x;
  std::vector<double> wide;
  for (int i = -12000; i <= 12000; ++i) {
    x.push_back(static_cast<float>(i) / 1000 * (i % 7 == 0 ? 10 : 1));
    wide.push_back(static_cast<double>(x.back()) * 1.0000000123);
  }
  for (int e = -149; e < 127; ++e)
    for (const float sign : {-1.0f, 1.0f}) {
      x.push_back(sign * std::ldexp(1.25f, e));
      wide.push_back(static_cast<double>(x.back()));
    }
  const auto got = of_sums<float>(x, Epilogue{});
  const auto fine = of_sums<double>(wide, Epilogue{});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double want = exact(static_cast<long double>(x[i]));
    const int exponent = want == 0 ? -149 : std::max(std::ilogb(want) - 23, -149);
    ASSERT_LE(std::fabs(static_cast<long double>(got[i]) - want),
              0.51L * std::ldexp(1.0L, exponent))
        << "at " << x[i] << ": " << got[i];
    const long double finer = exact(static_cast<long double>(wide[i]));
    ASSERT_LE(std::fabs(static_cast<long double>(fine[i]) - finer),
              std::fabs(finer) * 0x1p-42L + 0x1p-1000L)
        << "at " << wide[i] << ": " << fine[i];
  }
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const auto special = of_sums<float>(
      std::vector<float>{infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 0.0f},
      Epilogue{});
  EXPECT_EQ(special[0], infinity);
  EXPECT_EQ(special[1], 0);
  EXPECT_TRUE(std::isnan(special[2]));
  EXPECT_EQ(special[3], 0);
}
TEST(Activation, SiluIsAccurate) { check_activation<fb::silu>(exact_silu); }
TEST(Activation, GeluIsAccurate) { check_activation<fb::gelu>(exact_gelu); }
TEST(Activation, GeluTanhIsAccurate) { check_activation<fb::gelu_tanh>(exact_gelu_tanh); }

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
static_assert(fb::gemm_epilogue<fb::accumulate> && fb::gemm_epilogue<fb::residual<fb::bf16>> &&
              fb::gemm_epilogue<fb::gelu> &&
              fb::gemm_epilogue<decltype(fb::relu{} | fb::accumulate{})>);
static_assert(!fb::gemm_epilogue<int>);

}  // namespace
