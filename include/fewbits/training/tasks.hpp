// SPDX-License-Identifier: MIT
// How the functions of training divide ranges among the tasks of an executor.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Elements of a task: enough to pay for a thread, few enough for its caches.
inline constexpr std::size_t elements_of_task = 65536;

struct stretch {
  std::size_t begin, count;
};
/// What is left of `count` elements for task `task`, of `part` each.
FEWBITS_INLINE constexpr stretch stretch_of_task(std::size_t task, std::size_t count,
                                                 std::size_t part = elements_of_task) {
  const std::size_t begin = task * part;
  return {begin, count - begin < part ? count - begin : part};
}

/// `tasks(stretch)` for each stretch of `count` elements.
template <class Tasks>
struct stretch_tasks {
  const Tasks& tasks;
  std::size_t count;

  FEWBITS_INLINE void operator()(std::size_t task) const { tasks(stretch_of_task(task, count)); }
};
template <class Executor, class Tasks>
FEWBITS_INLINE void run_stretches(Executor& runner, std::size_t count, const Tasks& tasks) {
  runner.parallel_for(count / elements_of_task + (count % elements_of_task != 0 ? 1 : 0),
                      stretch_tasks<Tasks>{tasks, count});
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
