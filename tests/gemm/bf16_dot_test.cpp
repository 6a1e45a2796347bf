// SPDX-License-Identifier: MIT
// The BF16 dot-product kernel, also on CPUs where it is not chosen because AMX is there.
#include <fewbits/gemm.hpp>

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

constexpr fb::isa without_amx = fb::native.without(fb::feature::amx_bf16);

#if defined(__AVX512BF16__)

template <class Element>
std::vector<Element> random_matrix(std::size_t count, std::mt19937& random, bool integers) {
  std::vector<Element> matrix(count);
  std::uniform_int_distribution<int> small(-8, 8);
  std::normal_distribution<float> normal;
  for (Element& x : matrix)
    x = Element{integers ? static_cast<float>(small(random)) : normal(random)};
  return matrix;
}

/// C = A B, by rows or transposed, against sums in double. Sums of small integers are exact; others lie
/// within k units in the last place of FP32 of the sum of magnitudes.
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
      const double bound = integers ? 0 : magnitude * static_cast<double>(k) * 0x1p-24;
      ASSERT_LE(std::abs(static_cast<double>(c[i * n + j]) - sum), bound)
          << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
}

TEST(Bf16Dot, IsTheKernelWithoutAmx) {
  using bf16_matrix = fb::matrix_view<const fb::bf16>;
  using chosen = fb::detail::gemm_kernel<bf16_matrix, bf16_matrix, without_amx>;
  EXPECT_EQ(chosen::kr, 2u);
}

TEST(Bf16Dot, MultipliesEveryShape) {
  for (const std::size_t m : {1u, 5u, 6u, 7u, 13u})
    for (const std::size_t n : {1u, 63u, 64u, 65u})
      for (const std::size_t k : {0u, 1u, 2u, 3u, 64u, 2049u})
        for (const bool transposed : {false, true}) check<fb::bf16>(m, n, k, transposed, true);
}

TEST(Bf16Dot, SumsRandomNumbersWithinTheBound) {
  check<fb::bf16>(130, 70, 3000, false, false);
  check<fb::fp8_e4m3>(20, 130, 333, true, false);
  check<fb::fp4_e2m1>(7, 65, 64, false, false);
}

#else

TEST(Bf16Dot, IsNotInThisInstructionSet) { EXPECT_FALSE(fb::has_bf16_dot<without_amx>); }

#endif

}  // namespace
