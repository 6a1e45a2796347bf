// SPDX-License-Identifier: MIT
// Products with a packed B have the bits of those with the matrix itself.
#include <fewbits/gemm.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;

template <class Element>
std::vector<Element> some(std::size_t count, std::uint32_t seed) {
  std::vector<Element> matrix(count);
  for (Element& x : matrix) {
    seed = seed * 1664525U + 1013904223U;
    const int value = static_cast<int>(seed >> 24) - (std::is_unsigned_v<Element> ? 0 : 128);
    if constexpr (std::is_integral_v<Element>) {
      x = static_cast<Element>(value);
    } else {
      x = fb::convert<Element>(static_cast<float>(value) / 64);
    }
  }
  return matrix;
}

template <class Out>
bool are_same(Out x, Out y) {
  return std::memcmp(&x, &y, sizeof(Out)) == 0 || (x != x && y != y);
}

/// The product of A, as it is or transposed, with B packed, into C with gaps.
template <class Left, class Packed, class Out>
void expect_product(const Left& left, const Packed& packed, const std::vector<Out>& want,
                    runner::order how) {
  static const guard_page::buffer scratch(1 << 23);
  const std::size_t m = left.rows(), n = packed.cols(), stride = n + 3;
  std::vector<Out> got(m * stride, Out(77));
  const auto run = [&](auto executor, std::size_t needed) {
    unsigned char* const workspace = scratch.ending(needed);
    std::memset(workspace, 0xff, needed);
    fb::gemm(executor, left, packed, fb::matrix_view<Out>(got.data(), m, n, stride), fb::identity{},
             fb::array_view<unsigned char>(workspace, needed));
  };
  run(fb::inline_executor{},
      fb::gemm_workspace_bytes<fb::native, fb::inline_executor>(left, packed));
  const std::vector<Out> in_sequence = got;
  std::fill(got.begin(), got.end(), Out(77));
  run(runner::executor(how), fb::gemm_workspace_bytes(left, packed));
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < stride; ++j)
      ASSERT_TRUE(are_same(got[i * stride + j], in_sequence[i * stride + j]) &&
                  are_same(got[i * stride + j], j < n ? want[i * n + j] : Out(77)))
          << m << " x " << n << " x " << left.cols() << " at " << i << ", " << j;
}

/// Products of the first rows of A with B, and those with B packed.
template <class Left, class Right, class Out, bool Transposed>
void check(std::initializer_list<std::size_t> rows, std::size_t n, std::size_t k,
           runner::order how) {
  static const guard_page::buffer memory(1 << 21);
  // As many rows more as make the plain product take another path than few rows do.
  const std::size_t most = std::max(rows) < 9 ? 9 : std::max(rows);
  std::vector<Left> a = some<Left>(most * k, 1);
  std::vector<Right> b = some<Right>(k * n, 2);
  if constexpr (std::numeric_limits<Left>::has_infinity) {
    if (n > 64 && k > 4) {
      a[k] = std::numeric_limits<Left>::infinity();
      a[2 * k + 3] = std::numeric_limits<Left>::quiet_NaN();
      b[5] = Right(0);
    }
  }
  const auto right = [&] {
    if constexpr (Transposed) {
      return fb::transposed(fb::matrix_view(b, n, k));
    } else {
      return fb::matrix_view(b, k, n);
    }
  }();
  std::vector<Out> want(most * n);
  fb::gemm(fb::matrix_view(a, most, k), right, fb::matrix_view(want, most, n));

  runner::executor executor(how);
  const std::size_t bytes = fb::packed_b_bytes<Left>(right);
  unsigned char* const at = memory.ending(bytes);
  std::memset(at, 0xff, bytes);
  const auto packed = fb::pack_b<Left>(executor, right, fb::array_view<unsigned char>(at, bytes));
  EXPECT_EQ(packed.rows(), k);
  EXPECT_EQ(packed.cols(), n);
  for (const std::size_t m : rows) {
    expect_product(fb::matrix_view<const Left>(a.data(), m, k), packed, want, how);
    std::vector<Left> columns(m * k);
    for (std::size_t i = 0; i < m * k; ++i) columns[i % k * m + i / k] = a[i];
    expect_product(fb::transposed(fb::matrix_view<const Left>(columns.data(), k, m)), packed, want,
                   how);
  }
}

template <class Left, class Right, class Out, bool Transposed>
void check_shapes() {
  for (const std::size_t n : {1U, 64U, 131U})
    for (const std::size_t k : {0U, 1U, 2U, 3U, 4U, 5U, 64U, 1030U})
      check<Left, Right, Out, Transposed>({1, 2, 3, 4, 5, 6, 7, 8, 13}, n, k,
                                          runner::order::reverse);
  check<Left, Right, Out, Transposed>({8, 349}, 70, 33, runner::order::two_threads);
}

TEST(PackedB, GivesTheBitsOfThePlainProduct) {
  check_shapes<float, float, float, false>();
  check_shapes<double, double, double, true>();
  check_shapes<fb::bf16, fb::fp8_e4m3, float, true>();
}

TEST(PackedB, KeepsTheSumsOfIntegers) {
  check_shapes<std::int8_t, std::int8_t, std::int32_t, true>();
  check_shapes<std::int8_t, std::uint8_t, std::int32_t, false>();
  check_shapes<std::uint8_t, std::uint8_t, std::int32_t, true>();
}

TEST(PackedB, ServesNarrowerElementsOfA) {
  const std::vector<float> b = some<float>(7 * 70, 5);
  const fb::matrix_view right(b, 7, 70);
  std::vector<unsigned char> memory(fb::packed_b_bytes(right));
  fb::array_view<unsigned char> all(memory);
  const auto packed = fb::pack_b(right, all);
  const std::vector<fb::bf16> a = some<fb::bf16>(12 * 7, 6);
  const fb::matrix_view left(a, 12, 7);
  std::vector<float> want(12 * 70), got(12 * 70);
  fb::gemm(left, right, fb::matrix_view(want, 12, 70), fb::relu{});
  fb::gemm(left, packed, fb::matrix_view(got, 12, 70), fb::relu{});
  EXPECT_EQ(got, want);
  // The same memory again, without packing.
  const decltype(packed) again(memory.data(), 7, 70);
  std::vector<float> more(12 * 70);
  fb::gemm(left, again, fb::matrix_view(more, 12, 70), fb::relu{});
  EXPECT_EQ(more, want);
}

}  // namespace
