// SPDX-License-Identifier: MIT
// The kernel of BF16 dot products, also on CPUs where it is not chosen because AMX is there. GemmDriver tests
// it at every shape; here are its roundings, and that `gemm` chooses it.
#include <fewbits/gemm.hpp>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"

namespace {

namespace fb = fewbits;

constexpr fb::isa without_amx = fb::native.without(fb::feature::amx_bf16);

#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)

using bf16_matrix = fb::matrix_view<const fb::bf16>;
using chosen = fb::detail::gemm_kernel<bf16_matrix, bf16_matrix, without_amx>;

template <class Element>
std::vector<Element> random_matrix(std::size_t count, std::mt19937& random, bool integers) {
  std::vector<Element> matrix(count);
  std::uniform_int_distribution<int> small(-8, 8);
  std::normal_distribution<float> normal;
  for (Element& x : matrix)
    x = Element{integers ? static_cast<float>(small(random)) : normal(random)};
  return matrix;
}

/// How far `k` roundings to nearest may take a sum from the true one, for a sum of magnitudes of 1. Half as
/// many to odd (AArch64) may take it as far: k + 1 if k is odd.
double gamma(std::size_t k) {
  const double u = static_cast<double>(k + k % 2) * 0x1p-24;
  return u / (1 - u);
}

/// C = A B, by rows or transposed, against sums in double. Sums of small integers are exact.
template <class Element>
void check(std::size_t m, std::size_t n, std::size_t k, bool transposed, bool integers) {
  std::mt19937 random(static_cast<unsigned>(m * 131 + n * 17 + k));
  const std::vector<Element> a = random_matrix<Element>(m * k, random, integers);
  const std::vector<Element> b = random_matrix<Element>(k * n, random, integers);
  std::vector<float> c(m * n, -1);
  const fb::matrix_view left(a, m, k);
  const fb::matrix_view result(c, m, n);
  if (transposed) {
    fb::gemm<without_amx>(left, fb::transposed(fb::matrix_view(b, n, k)), result);
  } else {
    fb::gemm<without_amx>(left, fb::matrix_view(b, k, n), result);
  }
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      double magnitude = 0;
      for (std::size_t d = 0; d < k; ++d) {
        const double product = static_cast<double>(a[i * k + d]) *
                               static_cast<double>(transposed ? b[j * k + d] : b[d * n + j]);
        sum += product;
        magnitude += std::abs(product);
      }
      const double bound = integers ? 0 : magnitude * gamma(k);
      ASSERT_LE(std::abs(static_cast<double>(c[i * n + j]) - sum), bound)
          << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
}

/// The sum of the products of `a` and `b`, which every element of a tile is.
float sum_of(std::vector<float> a, std::vector<float> b) {
  constexpr std::size_t mr = chosen::mr, nr = chosen::nr, kr = chosen::kr;
  const std::size_t steps = (a.size() + kr - 1) / kr;
  a.resize(steps * kr);
  b.resize(steps * kr);
  std::vector<fb::bf16> rows, columns(64 + steps * kr * nr);
  for (std::size_t i = 0; i < mr; ++i)
    for (const float x : a) rows.push_back(fb::bf16{x});
  std::size_t begin = 0;
  while (reinterpret_cast<std::uintptr_t>(&columns[begin]) % 64 != 0) ++begin;
  for (std::size_t d = 0; d < steps * kr; ++d)
    for (std::size_t j = 0; j < nr; ++j)
      columns[begin + (d / kr * nr + j) * kr + d % kr] = fb::bf16{b[d]};
  alignas(64) float tile[mr * nr];
  chosen::run(steps, rows.data(), steps * kr, kr, &columns[begin], tile, nr, true, nullptr, 0);
  for (const float x : tile)
    if (fb::fp32{x}.bits() != fb::fp32{tile[0]}.bits()) ADD_FAILURE() << x << " and " << tile[0];
  return tile[0];
}

TEST(Bf16Dot, IsTheKernelWithoutAmx) {
  EXPECT_TRUE(fb::has_bf16_dot<without_amx>);
  EXPECT_GE(chosen::kr, 2U);
}

TEST(Bf16Dot, MultipliesEveryShape) {
  constexpr std::size_t nr = chosen::nr, kr = chosen::kr;
  for (const std::size_t m : {9U, 11U, 12U, 13U})
    for (const std::size_t n : {std::size_t{1}, nr - 1, nr, nr + 1})
      for (const std::size_t k :
           {std::size_t{0}, std::size_t{1}, kr, kr + 1, std::size_t{64}, std::size_t{2049}})
        for (const bool transposed : {false, true}) check<fb::bf16>(m, n, k, transposed, true);
}

TEST(Bf16Dot, SumsRandomNumbersWithinTheBound) {
  for (std::size_t k = 1; k <= 9; ++k) check<fb::bf16>(130, 70, k, false, false);
  check<fb::bf16>(130, 70, 3000, false, false);
  check<fb::fp8_e4m3>(20, 130, 333, true, false);
  check<fb::fp4_e2m1>(9, 65, 64, false, false);
}

TEST(Bf16Dot, PropagatesNanAndInfinity) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(sum_of({1, nan, 1}, {1, 1, 1})));
  EXPECT_TRUE(std::isnan(sum_of({1, 1, 0}, {1, 1, nan})));
  EXPECT_TRUE(std::isnan(sum_of({1, 2, infinity, 1, 1}, {1, 2, 0, 1, 1})));
  EXPECT_TRUE(std::isnan(sum_of({infinity, 1, 1, 1, infinity}, {1, 1, 1, 1, -1})));
  EXPECT_EQ(sum_of({1, infinity, 1, 1, 1, 3}, {1, 2, 3, 4, 5, 6}), infinity);
  EXPECT_EQ(sum_of({1, 1, 1, 1, 1, 3}, {1, 2, 3, 4, 5, -infinity}), -infinity);
  // Beyond the largest number, in a product, a pair and a sum.
  EXPECT_EQ(sum_of({0x1p+100f}, {0x1p+28f}), infinity);
  EXPECT_EQ(sum_of({0x1p+100f, -0x1p+100f}, {-0x1p+27f, 0x1p+27f}), -infinity);
  EXPECT_EQ(sum_of({0x1p+100f, 0, 0, 0, 0x1p+100f}, {0x1p+27f, 0, 0, 0, 0x1p+27f}), infinity);
}

TEST(Bf16Dot, TakesSubnormalNumbersAsZero) {
  EXPECT_EQ(sum_of({0x1p-127f}, {0x1p+100f}), 0);
  EXPECT_EQ(sum_of({1, 1, 0x1p+127f}, {1, 2, -0x1p-127f}), 3);
  EXPECT_EQ(sum_of({0x1p-100f}, {0x1p-27f}), 0);
  EXPECT_EQ(sum_of({0x1.8p-126f, -0x1p-126f}, {1, 1}), 0);
  EXPECT_EQ(sum_of({0x1.8p-126f, 0, 0, 0, -0x1p-126f}, {1, 0, 0, 0, 1}), 0);
  EXPECT_EQ(sum_of({0x1p-100f}, {0x1p-26f}), 0x1p-126f);
}

TEST(Bf16Dot, IgnoresTheControlWord) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> a(101), b(101);
  for (float& x : a) x = normal(random);
  for (float& x : b) x = normal(random);
  const float sum = sum_of(a, b);
  for (const int direction : {FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD}) {
    const environment::rounding_direction scope(direction);
    EXPECT_EQ(sum_of(a, b), sum);
  }
}

#else

TEST(Bf16Dot, IsNotInThisInstructionSet) { EXPECT_FALSE(fb::has_bf16_dot<without_amx>); }

#endif

}  // namespace
