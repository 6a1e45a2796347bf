// SPDX-License-Identifier: MIT
// What counts as an executor, and the one that runs on the calling thread.
#include <fewbits/exec/executor.hpp>

#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;

struct without_count {
  void parallel_for(void (*task)(std::size_t)) const;
};
struct nothing {};
struct only_mutable {
  template <class Task>
  void parallel_for(std::size_t, Task&&) {}
};

static_assert(fb::executor<fb::inline_executor> && fb::executor<const fb::inline_executor>);
static_assert(fb::executor<runner::executor> && fb::executor<const runner::executor&>);
static_assert(fb::executor<only_mutable> && !fb::executor<const only_mutable>);
static_assert(!fb::executor<without_count> && !fb::executor<nothing> && !fb::executor<int>);

TEST(InlineExecutor, RunsEachTaskOnceInOrder) {
  for (const std::size_t count : {0U, 1U, 2U, 100U}) {
    std::vector<std::size_t> seen;
    fb::inline_executor{}.parallel_for(count, [&](std::size_t i) { seen.push_back(i); });
    ASSERT_EQ(seen.size(), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(seen[i], i);
  }
}

constexpr int sum_of_tasks() {
  int sum = 0;
  fb::inline_executor{}.parallel_for(5, [&](std::size_t i) { sum += static_cast<int>(i); });
  return sum;
}
static_assert(sum_of_tasks() == 10);

// The aid of other tests: it must deserve to be called an executor.
TEST(RunnerOfTheTests, RunsEachTaskOnce) {
  for (const auto how :
       {runner::order::forward, runner::order::reverse, runner::order::two_threads})
    for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
      std::vector<int> seen(count);
      runner::executor(how).parallel_for(count, [&](std::size_t i) { ++seen[i]; });
      EXPECT_EQ(seen, std::vector<int>(count, 1));
    }
}

}  // namespace
