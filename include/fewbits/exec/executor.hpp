// SPDX-License-Identifier: MIT
// What the library asks of something that runs tasks. It starts no threads itself.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// `executor.parallel_for(count, task)` calls `task(i)` once for every i in 0..count-1, in any order,
/// on any threads, and returns when all calls have returned. Results never depend on the executor.
template <class Executor>
concept executor = requires(Executor& runner, std::size_t count, void (*task)(std::size_t)) {
  runner.parallel_for(count, task);
};

/// Runs the tasks one after the other on the calling thread.
struct inline_executor {
  template <class Task>
  FEWBITS_INLINE constexpr void parallel_for(std::size_t count, Task&& task) const {
    for (std::size_t i = 0; i < count; ++i) task(i);
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
