// SPDX-License-Identifier: MIT
// An executor for tests: in order, in reverse, or on two threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <type_traits>

namespace runner {

enum class order { forward, reverse, two_threads };

class executor {
 public:
  explicit executor(order how = order::forward) : how_(how) {}

  // Every task type leaves one small function; the rest is shared, to save compile time.
  template <class Task>
  void parallel_for(std::size_t count, Task&& task) const {
    run(
        count,
        [](const void* self, std::size_t i) {
          (*static_cast<const std::remove_reference_t<Task>*>(self))(i);
        },
        std::addressof(task));
  }

 private:
  using call = void (*)(const void* task, std::size_t index);

  void run(std::size_t count, call one, const void* task) const {
    switch (how_) {
      case order::forward:
        for (std::size_t i = 0; i < count; ++i) one(task, i);
        break;
      case order::reverse:
        for (std::size_t i = count; i-- > 0;) one(task, i);
        break;
      case order::two_threads: {
        std::atomic<std::size_t> next{0};
        const auto work = [&] {
          for (std::size_t i = next++; i < count; i = next++) one(task, i);
        };
        std::thread other(work);
        work();
        other.join();
        break;
      }
    }
  }

  order how_;
};

}  // namespace runner
