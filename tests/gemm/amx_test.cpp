// SPDX-License-Identifier: MIT
// The micro-kernels for tiles: against sums in wider numbers, with the tiles of the machine, if it grants
// them, and without.
#include <fewbits/gemm.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"

#if defined(FEWBITS_AMX_TILE)

namespace {

namespace fb = fewbits;

using bytes = fb::micro_kernel<std::uint8_t, std::int8_t, std::int32_t, fb::native>;
using signed_bytes = fb::micro_kernel<std::int8_t, std::int8_t, std::int32_t, fb::native>;
using numbers = fb::micro_kernel<fb::bf16, fb::bf16, float, fb::native>;

template <class Element>
Element element_of(std::mt19937& random) {
  const std::uint32_t bits = static_cast<std::uint32_t>(random());
  if constexpr (std::is_integral_v<Element>) {
    return static_cast<Element>(bits % 4 == 0 ? 0x80U : bits >> 8);
  } else {
    return Element{std::ldexp(static_cast<float>(static_cast<int>(bits % 32) - 16),
                              static_cast<int>(bits >> 31))};
  }
}

/// One tile of `steps` steps: A with rows `a_row` apart and steps `a_step`, rows of sums `tile_row` apart.
template <class Kernel, bool HasTiles>
void check(std::size_t steps, std::size_t a_row, std::size_t a_step, std::size_t tile_row,
           bool first) {
  using sum = typename Kernel::acc_type;
  using wide = std::conditional_t<std::is_integral_v<sum>, std::int64_t, double>;
  constexpr std::size_t mr = Kernel::mr, nr = Kernel::nr, kr = Kernel::kr, unit = Kernel::b_kr;
  std::mt19937 random(static_cast<unsigned>(steps * 31 + a_row + a_step));
  std::vector<typename Kernel::a_type> a(mr * a_row + steps * a_step + kr);
  std::vector<typename Kernel::b_type> panel(steps * kr * nr + 64);
  for (auto& x : a) x = element_of<typename Kernel::a_type>(random);
  for (auto& x : panel) x = element_of<typename Kernel::b_type>(random);
  auto* b = panel.data();
  while (reinterpret_cast<std::uintptr_t>(b) % 64 != 0) ++b;
  std::vector<sum> tile(mr * tile_row, sum{7});
  if constexpr (HasTiles) {
    Kernel{}.run(steps, a.data(), a_row, a_step, b, tile.data(), tile_row, first, b, 0);
  } else {
    Kernel::run_vectors(steps, a.data(), a_row, a_step, b, tile.data(), tile_row, first);
  }
  for (std::size_t i = 0; i < mr; ++i)
    for (std::size_t j = 0; j < tile_row; ++j) {
      if (j >= nr) {
        ASSERT_EQ(tile[i * tile_row + j], sum{7}) << "beyond the tile: " << i << ", " << j;
        continue;
      }
      wide want = first ? 0 : 7;
      for (std::size_t s = 0; s < steps; ++s)
        for (std::size_t q = 0; q < kr; ++q)
          want += static_cast<wide>(a[i * a_row + s * a_step + q]) *
                  static_cast<wide>(b[((s * kr + q) / unit * nr + j) * unit + q % unit]);
      // Small multiples of powers of two: exact in FP32 too.
      ASSERT_EQ(static_cast<wide>(tile[i * tile_row + j]), want)
          << steps << " steps, rows " << a_row << ", at " << i << ", " << j;
    }
}

template <class Kernel, bool HasTiles>
void check_all() {
  constexpr std::size_t mr = Kernel::mr, nr = Kernel::nr, kr = Kernel::kr;
  for (const std::size_t steps : {0U, 1U, 2U, 7U, 8U, 9U, 17U, 40U})
    for (const bool first : {true, false}) {
      check<Kernel, HasTiles>(steps, kr, mr * kr, nr, first);              // a panel, to a tile
      check<Kernel, HasTiles>(steps, steps * kr + 64, kr, nr + 3, first);  // rows, to C
      check<Kernel, HasTiles>(steps, steps * kr + 13, kr, 2 * nr + 1, first);
    }
}

TEST(AmxTile, MultipliesBytesExactly) {
  check_all<bytes, true>();
  check_all<bytes, false>();
  check_all<signed_bytes, true>();
  check_all<bytes::with_rows<1>, true>();
  check_all<bytes::with_rows<1>, false>();
  check_all<signed_bytes, false>();
}

TEST(AmxTile, MultipliesBf16) {
  check_all<numbers, true>();
  check_all<numbers, false>();
}

TEST(AmxTile, SumsRandomNumbersWithinTheBound) {
  constexpr std::size_t m = 33, n = 40, k = 3001;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<fb::bf16> a(m * k), b(n * k);
  for (auto* of : {&a, &b})
    for (fb::bf16& x : *of) x = fb::bf16{normal(random)};
  std::vector<float> c(m * n);
  fb::gemm(fb::matrix_view(a, m, k), fb::transposed(fb::matrix_view(b, n, k)),
           fb::matrix_view(c, m, n));
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (std::size_t d = 0; d < k; ++d) {
        const double product =
            static_cast<double>(a[i * k + d]) * static_cast<double>(b[j * k + d]);
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_LE(std::abs(static_cast<double>(c[i * n + j]) - sum),
                magnitude * static_cast<double>(k) * 0x1p-24);
    }
}

TEST(AmxTile, TakesSubnormalsAsZeroAndKeepsNanAndInfinity) {
  constexpr std::size_t m = 9;
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<fb::bf16> a(m), b(1, fb::bf16{2.0f});
  a[0] = std::numeric_limits<fb::bf16>::denorm_min();
  a[1] = fb::bf16{infinity};
  a[2] = std::numeric_limits<fb::bf16>::quiet_NaN();
  a[3] = (std::numeric_limits<fb::bf16>::max)();
  std::vector<float> c(m, 5);
  fb::gemm(fb::matrix_view(a, m, 1), fb::matrix_view(b, 1, 1), fb::matrix_view(c, m, 1));
  EXPECT_EQ(c[0], 0.0f);
  EXPECT_EQ(c[1], infinity);
  EXPECT_TRUE(std::isnan(c[2]));
  EXPECT_EQ(c[3], infinity);
  EXPECT_EQ(c[4], 0.0f);
}

/// Adds 1, which is a product of its own.
struct multiplies_too {
  template <class Value>
  void apply(Value* values, std::size_t count, std::size_t, std::size_t) const {
    const std::vector<fb::bf16> ones(9, fb::bf16{1.0f});
    std::vector<float> c(81);
    fb::gemm(fb::matrix_view(ones, 9, 1), fb::matrix_view(ones, 1, 9), fb::matrix_view(c, 9, 9));
    for (std::size_t i = 0; i < count; ++i) values[i] += static_cast<Value>(c[80]);
  }
};

TEST(AmxTile, AnEpilogueMayMultiply) {
  constexpr std::size_t m = 40, n = 70, k = 100;
  const std::vector<fb::bf16> a(m * k, fb::bf16{2.0f}), b(k * n, fb::bf16{3.0f});
  std::vector<float> c(m * n);
  fb::gemm(fb::matrix_view(a, m, k), fb::matrix_view(b, k, n), fb::matrix_view(c, m, n),
           multiplies_too{});
  for (const float x : c) ASSERT_EQ(x, 601.0f);
}

TEST(AmxTile, IsTheKernelOfItsInstructionSet) {
  static_assert(bytes::kr == 64 && numbers::kr == 32);
  using matrix = fb::matrix_view<const signed char>;
  static_assert(std::is_same_v<fb::detail::gemm_kernel<matrix, matrix, fb::native>, signed_bytes>);
  // Groups and CPUs without the unit take vectors.
  static_assert(fb::detail::integer_kernel<fb::native>::kr == 4);
  constexpr fb::isa without = fb::native.without(fb::feature::amx_bf16);
  static_assert(fb::micro_kernel<fb::bf16, fb::bf16, float, without>::kr == 2);
}

}  // namespace

#endif
