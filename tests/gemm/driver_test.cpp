// SPDX-License-Identifier: MIT
// The driver and the packing with micro-kernels of shapes that no instruction set has: a new kernel
// must not need a new driver.
#include <fewbits/gemm.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;

template <class Left, class Right, class Sum, std::size_t Mr, std::size_t Nr, std::size_t Kr>
using kernel = fb::generic_micro_kernel<Left, Right, Sum, Mr, Nr, Kr, fb::native>;

template <class Sum>
struct output {
  Sum* data;
  std::size_t stride, tile_stride;

  static void store(const void* self, const Sum* tile, std::size_t row, std::size_t col,
                    std::size_t rows, std::size_t cols) {
    const output& out = *static_cast<const output*>(self);
    // Added, so that a tile stored twice shows.
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j)
        out.data[(row + i) * out.stride + col + j] += tile[i * out.tile_stride + j];
  }
};

template <class Element>
Element element_of(std::uint32_t seed) {
  const std::uint32_t bits = (seed * 0x9e3779b1U) >> 29;  // 0..7
  if constexpr (std::is_unsigned_v<Element>) {
    return static_cast<Element>(bits * 36);
  } else if constexpr (std::is_signed_v<Element> && std::is_integral_v<Element>) {
    return static_cast<Element>(static_cast<int>(bits) * 36 - 128);
  } else {
    return fb::convert<Element>(static_cast<int>(bits) - 4);
  }
}

/// C = A B for elements `Left` and `Right` on `Kernel`, stored as TransA and TransB say.
template <class Kernel, class Left, class Right, bool TransA, bool TransB>
void check(std::size_t m, std::size_t n, std::size_t k, runner::order how) {
  using sum = typename Kernel::acc_type;
  static const guard_page::buffer a_memory(1 << 20), b_memory(1 << 20), work_memory(1 << 22);
  const std::size_t a_stride = TransA ? m : k, b_stride = TransB ? k : n;
  Left* const a = reinterpret_cast<Left*>(a_memory.ending(m * k * sizeof(Left)));
  Right* const b = reinterpret_cast<Right*>(b_memory.ending(k * n * sizeof(Right)));
  for (std::size_t i = 0; i < m * k; ++i) a[i] = element_of<Left>(static_cast<std::uint32_t>(i));
  for (std::size_t i = 0; i < n * k; ++i)
    b[i] = element_of<Right>(static_cast<std::uint32_t>(i + 12345));

  std::vector<sum> c(m * n);
  const output<sum> out{c.data(), n, Kernel::nr};
  const fb::detail::element_source<Left> a_source{a, a_stride};
  const fb::detail::element_source<Right> b_source{b, b_stride};
  using left = fb::detail::element_source<Left>;
  fb::detail::gemm_problem<Kernel> problem{
      m,
      n,
      k,
      fb::detail::a_packer<left, Kernel, !TransA, fb::native>::pack,
      fb::detail::b_packer<fb::detail::element_source<Right>, Kernel, !TransB, fb::native>::pack,
      &a_source,
      &b_source,
      !TransA,
      a_source.template surplus<typename Kernel::a_type>(),
      b_source.template surplus<typename Kernel::b_type>(),
      output<sum>::store,
      &out,
      nullptr,
      0,
      nullptr,
      0,
      nullptr,
      nullptr,
      nullptr,
      0,
      0};
  if constexpr (!TransB) {
    problem.plain_b = reinterpret_cast<const unsigned char*>(b);
    problem.plain_b_row = b_stride * sizeof(Right);
    problem.plain_b_element = sizeof(Right);
  }
  // A and C as they are, when they can be, every other time.
  if constexpr (!TransA && std::is_same_v<Left, typename Kernel::a_type>)
    if ((m + n) % 2 == 0 && k % Kernel::kr == 0 && problem.b_surplus == 0) {
      problem.plain_a = a;
      problem.plain_a_row = a_stride;
    }
  if (n % 2 == 0) {
    problem.plain_c = c.data();
    problem.plain_c_row = n;
  }
  using driver = fb::detail::gemm_driver<Kernel>;
  const auto run = [&](auto executor, bool in_sequence) {
    const std::size_t bytes = driver::workspace_bytes(m, n, k, false, in_sequence);
    unsigned char* const workspace = work_memory.ending(bytes);
    std::memset(workspace, 0xff, bytes);
    driver::run(executor, problem, workspace);
  };
  run(fb::inline_executor{}, true);
  const std::vector<sum> in_sequence = c;
  std::fill(c.begin(), c.end(), sum{0});
  run(runner::executor(how), false);
  ASSERT_TRUE(c == in_sequence) << "m " << m << ", n " << n << ", k " << k;

  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double want = 0;
      for (std::size_t l = 0; l < k; ++l)
        want += static_cast<double>(a[TransA ? l * a_stride + i : i * a_stride + l]) *
                static_cast<double>(b[TransB ? j * b_stride + l : l * b_stride + j]);
      ASSERT_EQ(static_cast<double>(c[i * n + j]), want)
          << "m " << m << ", n " << n << ", k " << k << " at " << i << ", " << j;
    }
}

/// Every shape around the tile, and one of each kind beyond a block.
template <class Kernel, class Left, class Right, bool TransA, bool TransB>
void check_shapes() {
  using blocking = fb::gemm_blocking<Kernel>;
  for (std::size_t m = 1; m <= 2 * Kernel::mr + 1; ++m)
    for (std::size_t n = 1; n <= 2 * Kernel::nr + 1; ++n)
      for (std::size_t k = 0; k <= 2 * Kernel::kr + 1; ++k)
        check<Kernel, Left, Right, TransA, TransB>(m, n, k, runner::order::forward);
  for (std::size_t k = blocking::kc - 1; k <= blocking::kc + 2; ++k)
    check<Kernel, Left, Right, TransA, TransB>(Kernel::mr + 1, Kernel::nr + 1, k,
                                               runner::order::forward);
  check<Kernel, Left, Right, TransA, TransB>(blocking::mc + 1, Kernel::nr + 1, blocking::kc + 1,
                                             runner::order::forward);
  for (const auto how :
       {runner::order::forward, runner::order::reverse, runner::order::two_threads})
    check<Kernel, Left, Right, TransA, TransB>(blocking::mc + 1, blocking::nc + 1, 3, how);
}

TEST(GemmDriver, Takes3By5Floats2Deep) {
  using tile = kernel<float, float, float, 3, 5, 2>;
  check_shapes<tile, float, fb::bf16, false, true>();
  check_shapes<tile, float, fb::bf16, true, false>();
}

TEST(GemmDriver, Takes1By1Doubles) {
  check_shapes<kernel<double, double, double, 1, 1, 1>, double, float, false, false>();
}

TEST(GemmDriver, Takes7By3Bytes4Deep) {
  using tile = kernel<std::uint8_t, std::int8_t, std::int32_t, 7, 3, 4>;
  check_shapes<tile, std::int8_t, std::int8_t, false, true>();
  check_shapes<tile, std::int8_t, std::uint8_t, true, false>();
  check_shapes<tile, std::uint8_t, std::uint8_t, false, false>();
}

TEST(GemmDriver, TakesDepthsThatAreNoPowerOfTwo) {
  check_shapes<kernel<float, float, float, 2, 4, 3>, std::int8_t, fb::fp16, false, true>();
  check_shapes<kernel<float, float, float, 2, 4, 3>, fb::fp8_e4m3, float, true, false>();
}

/// Steps of 6 with columns of B two deep side by side, as units that multiply tiles want them; and only
/// while an object lives.
template <class Left, class Right, class Sum>
struct tile_unit {
  using part = kernel<Left, Right, Sum, 5, 4, 2>;
  using a_type = Left;
  using b_type = Right;
  using acc_type = Sum;
  static constexpr std::size_t mr = 5, nr = 4, kr = 6, b_kr = 2, steps_per_prefetch = 1;
  inline static thread_local int living = 0;

  tile_unit() { ++living; }
  ~tile_unit() { --living; }
  tile_unit(const tile_unit&) = delete;
  tile_unit& operator=(const tile_unit&) = delete;

  void run(std::size_t steps, const Left* a, std::size_t a_row, std::size_t a_step, const Right* b,
           Sum* tile, std::size_t tile_row, bool first, const void* ahead,
           std::size_t ahead_row) const {
    ASSERT_EQ(living, 1);
    if (first) part::run(0, a, a_row, 2, b, tile, tile_row, true, ahead, ahead_row);
    for (std::size_t s = 0; s < steps; ++s)
      for (std::size_t i = 0; i < 3; ++i)
        part::run(1, a + s * a_step + 2 * i, a_row, 2, b + (3 * s + i) * 2 * nr, tile, tile_row,
                  false, ahead, ahead_row);
  }
};

TEST(GemmDriver, TakesUnitsThatMultiplyTiles) {
  using bytes = tile_unit<std::uint8_t, std::int8_t, std::int32_t>;
  check_shapes<bytes, std::int8_t, std::uint8_t, false, true>();
  check_shapes<bytes, std::uint8_t, std::int8_t, true, false>();
  check_shapes<tile_unit<float, float, float>, fb::bf16, float, false, false>();
}

TEST(GemmDriver, TakesPanelsWiderThanAVector) {
  check_shapes<kernel<std::uint8_t, std::int8_t, std::int32_t, 1, 96, 2>, std::uint8_t, std::int8_t,
               false, false>();
}

#if defined(__AVX512BF16__) || defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
TEST(GemmDriver, TakesTheVectorsOfBf16) {
  constexpr fb::isa without_amx = fb::native.without(fb::feature::amx_bf16);
  using tile = fb::micro_kernel<fb::bf16, fb::bf16, float, without_amx>;
  check_shapes<tile, fb::bf16, fb::bf16, false, true>();
  check_shapes<tile, fb::bf16, fb::fp8_e4m3, true, false>();
}
#endif

TEST(GemmBlocking, HoldsWholeTilesAndSteps) {
  const auto check_blocking = [](auto tile) {
    using type = decltype(tile);
    using blocking = fb::gemm_blocking<type>;
    EXPECT_EQ(blocking::kc % type::kr, 0U);
    EXPECT_EQ(blocking::mc % type::mr, 0U);
    EXPECT_EQ(blocking::nc % type::nr, 0U);
    EXPECT_GT(blocking::kc, 0U);
    EXPECT_GT(blocking::mc, 0U);
  };
  check_blocking(kernel<float, float, float, 3, 5, 2>{});
  check_blocking(kernel<double, double, double, 1, 1, 1>{});
  check_blocking(kernel<std::uint8_t, std::int8_t, std::int32_t, 7, 3, 4>{});
  check_blocking(fb::micro_kernel<float, float, float, fb::native>{});
  check_blocking(fb::micro_kernel<double, double, double, fb::native>{});
  check_blocking(fb::micro_kernel<std::uint8_t, std::int8_t, std::int32_t, fb::native>{});
}

static_assert(fb::gemm_micro_kernel<fb::micro_kernel<float, float, float, fb::native>>);
static_assert(
    fb::gemm_micro_kernel<fb::micro_kernel<std::uint8_t, std::int8_t, std::int32_t, fb::native>>);
static_assert(!fb::gemm_micro_kernel<int>);

// A user's element type: a byte that counts sixteenths.
struct sixteenths {
  signed char code;
};

}  // namespace

namespace fewbits {
inline namespace FEWBITS_ABI {
template <>
struct gemm_element<sixteenths> {
  static constexpr compute_kind kind = compute_kind::bf16_dot;

  template <class To, isa Isa>
  static void decode(const sixteenths* src, To* dst, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      dst[i] = convert<To>(static_cast<float>(src[i].code) / 16);
  }
};
}  // namespace FEWBITS_ABI
}  // namespace fewbits

namespace {

TEST(GemmElement, IsAllThatANewElementTypeNeeds) {
  const sixteenths x[6] = {{16}, {-8}, {4}, {32}, {0}, {-127}};
  const float w[6] = {1, 2, 4, -1, 0.5f, 16};
  float y[4];
  fb::gemm(fb::matrix_view<const sixteenths>(x, 2, 3),
           fb::transposed(fb::matrix_view<const float>(w, 2, 3)), fb::matrix_view<float>(y, 2, 2));
  EXPECT_EQ(std::vector<float>(y, y + 4),
            (std::vector<float>{1 - 1 + 1, -1 - 0.25f + 4, 2 - 31.75f, -2 - 127}));
}

}  // namespace
