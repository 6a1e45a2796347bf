// SPDX-License-Identifier: MIT
// Executors with threads: each task runs once, and products are the bits that one thread gives.
#include <fewbits/exec/openmp.hpp>
#include <fewbits/exec/thread_pool.hpp>
#include <fewbits/gemm.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

static_assert(fb::executor<fb::thread_pool> && !fb::executor<const fb::thread_pool>);
#if defined(_OPENMP)
static_assert(fb::executor<const fb::openmp_executor>);
#endif

/// Each task writes to a place of its own: run once, in any order.
template <class Executor>
void expect_each_once(Executor& runner, std::size_t count) {
  std::vector<int> seen(count);
  runner.parallel_for(count, [&](std::size_t i) { ++seen[i]; });
  EXPECT_EQ(seen, std::vector<int>(count, 1));
}

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const unsigned threads : {0U, 1U, 2U, 3U, 7U}) {
    fb::thread_pool pool(threads);
    EXPECT_EQ(pool.size(), threads == 0 ? 1U : threads);
    for (const std::size_t count : {0U, 1U, 2U, 3U, 1000U}) expect_each_once(pool, count);
  }
}

TEST(ThreadPool, IsUsedAgainAndAgain) {
  fb::thread_pool pool(3);
  std::atomic<std::size_t> sum{0};
  for (std::size_t call = 0; call < 3000; ++call)
    pool.parallel_for(call % 5, [&](std::size_t i) { sum += i + 1; });
  EXPECT_EQ(sum, 600 * (0 + 1 + 3 + 6 + 10));
}

TEST(ThreadPool, SharesTheTasksAmongItsThreads) {
  fb::thread_pool pool(2);
  std::thread::id ids[2];
  std::atomic<int> arrived{0};
  // Neither task ends before the other has begun.
  pool.parallel_for(2, [&](std::size_t i) {
    ids[i] = std::this_thread::get_id();
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_NE(ids[0], ids[1]);
}

TEST(ThreadPool, SeesWhatWasWrittenBeforeAndShowsWhatTasksWrote) {
  fb::thread_pool pool(3);
  std::vector<std::size_t> x(64), y(64);
  for (std::size_t call = 0; call < 200; ++call) {
    for (std::size_t& value : x) value += call;
    pool.parallel_for(x.size(), [&](std::size_t i) { y[i] = 2 * x[i]; });
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], 2 * x[i]);
  }
}

TEST(ThreadPool, MayEndWithoutWork) {
  for (int i = 0; i < 50; ++i) const fb::thread_pool pool(3);
}

TEST(ThreadPool, HasAsManyThreadsAsTheHardwareRuns) {
  const unsigned threads = std::thread::hardware_concurrency();
  EXPECT_EQ(fb::thread_pool().size(), threads == 0 ? 1U : threads);
}

TEST(ThreadPoolDeathTest, EndsTheProgramWhenATaskThrows) {
  for (const std::size_t count : {1U, 2U})
    EXPECT_DEATH(fb::thread_pool(2).parallel_for(count, [](std::size_t) { throw 1; }), "");
}

TEST(ThreadPool, TakesAMutableTask) {
  struct counter {
    std::atomic<int> calls{0};
    void operator()(std::size_t) { ++calls; }
  } task;
  fb::thread_pool pool(2);
  pool.parallel_for(10, task);
  EXPECT_EQ(task.calls, 10);
}

template <class Element, class Out, class Executor>
std::vector<Out> product(Executor&& runner, std::size_t m, bool is_transposed) {
  constexpr std::size_t n = 2100, k = 70;
  std::vector<Element> a(m * k), b(k * n);
  std::uint32_t state = 1;
  for (auto* const matrix : {&a, &b})
    for (Element& x : *matrix) {
      state = state * 1664525 + 1013904223;
      x = static_cast<Element>(static_cast<int>(state >> 24) - 128);
    }
  std::vector<Out> c(m * n);
  const fb::matrix_view<const Element> left(a.data(), m, k);
  const fb::matrix_view<Out> out(c.data(), m, n);
  if (is_transposed) {
    fb::gemm(runner, left, fb::transposed(fb::matrix_view<const Element>(b.data(), n, k)), out);
  } else {
    fb::gemm(runner, left, fb::matrix_view<const Element>(b.data(), k, n), out);
  }
  return c;
}

template <class Element, class Out, class Executor>
void expect_same_products(Executor& runner) {
  for (const std::size_t m : {std::size_t{1}, std::size_t{7}, std::size_t{200}})
    for (const bool is_transposed : {false, true}) {
      const auto want = product<Element, Out>(fb::inline_executor{}, m, is_transposed);
      const auto got = product<Element, Out>(runner, m, is_transposed);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(Out)), 0) << m;
    }
}

TEST(ThreadPool, ChangesNoBitOfAProduct) {
  for (const unsigned threads : {1U, 2U, 3U}) {
    fb::thread_pool pool(threads);
    expect_same_products<float, float>(pool);
    expect_same_products<std::int8_t, std::int32_t>(pool);
  }
}

TEST(OpenMP, ChangesNoBitOfAProduct) {
#if defined(_OPENMP)
  const fb::openmp_executor runner;
  for (const std::size_t count : {0U, 1U, 2U, 1000U}) expect_each_once(runner, count);
  expect_same_products<float, float>(runner);
  expect_same_products<std::int8_t, std::int32_t>(runner);
#else
  GTEST_SKIP() << "compiled without -fopenmp";
#endif
}

}  // namespace
