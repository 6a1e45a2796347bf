// SPDX-License-Identifier: MIT
// A product with a workspace allocates nothing; without one, once. This program counts calls of operator
// new, which it replaces.
#include <fewbits/gemm.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include "gtest/gtest.h"

namespace {

std::size_t allocations = 0;
std::size_t largest = 0;

}  // namespace

// Not inline: g++ would warn of a mismatch that it sees by halves.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (size > largest) largest = size;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

namespace fb = fewbits;

template <class Element, class Sum>
void check() {
  constexpr std::size_t m = 9, n = 70, k = 33;
  const std::vector<Element> a(m * k), b(k * n);
  std::vector<Sum> c(m * n);
  const fb::matrix_view left(a, m, k), right(b, k, n);
  const fb::matrix_view result(c, m, n);
  std::vector<unsigned char> workspace(fb::gemm_workspace_bytes(left, right));
  std::size_t before = allocations;
  fb::gemm(fb::inline_executor{}, left, right, result, fb::identity{},
           fb::array_view<unsigned char>(workspace));
  EXPECT_EQ(allocations - before, 0U);
  before = allocations;
  fb::gemm(left, right, result);
  EXPECT_EQ(allocations - before, 1U);
}

TEST(Gemm, AllocatesNothingWithAWorkspace) {
  check<float, float>();
  check<std::int8_t, std::int32_t>();
}

/// B, and little of all else. glibc maps and unmaps more than 32 MiB each time.
TEST(Gemm, AllocatesForASequenceNoMoreThanItNeeds) {
  constexpr std::size_t size = 2048;
  constexpr fb::matrix_view<const float> a(nullptr, size, size), b(nullptr, size, size);
  static_assert(fb::gemm_workspace_bytes<fb::native, fb::inline_executor>(a, b) < 24U << 20);
  static_assert(fb::gemm_workspace_bytes<fb::native, const fb::inline_executor&>(a, b) ==
                fb::gemm_workspace_bytes<fb::native, fb::inline_executor>(a, b));
  constexpr fb::matrix_view<const float> none(nullptr, a.cols(), 0);
  constexpr fb::matrix_view<const float> short_a(nullptr, 9, a.cols());
  static_assert(fb::gemm_workspace_bytes<fb::native, fb::inline_executor>(short_a, none) <=
                fb::gemm_workspace_bytes(short_a, none));

  constexpr std::size_t m = 600, n = 70, k = 1030;
  const std::vector<float> x(m * k), w(k * n);
  std::vector<float> y(m * n);
  const fb::matrix_view left(x, m, k), right(w, k, n);
  largest = 0;
  fb::gemm(left, right, fb::matrix_view(y, m, n));
  EXPECT_EQ(largest, (fb::gemm_workspace_bytes<fb::native, fb::inline_executor>(left, right)));
  EXPECT_LT(largest, fb::gemm_workspace_bytes(left, right) / 2);
}

}  // namespace
