// SPDX-License-Identifier: MIT
// `thread_pool`: an executor with threads of its own. Opt-in: no other header includes it.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What the threads of a pool share.
struct pool_work {
  void (*call)(const void* task, std::size_t index);
  const void* task;
  std::size_t count;
  std::atomic<std::size_t> next;
  /// Threads that have not finished what was started last.
  std::atomic<std::uint32_t> busy;
  /// Changes when something starts; the call is null when the pool ends.
  std::atomic<std::uint32_t> started;
};

/// Waits until `value` is not `old` and returns it: first awake, since the next work of a product comes
/// within microseconds.
template <isa Isa>
std::uint32_t await_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) noexcept {
  for (int i = 0; i < 2000; ++i) {
    const std::uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) return now;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

template <isa Isa>
void run_tasks(pool_work& work) noexcept {
  for (std::size_t i = work.next.fetch_add(1, std::memory_order_relaxed); i < work.count;
       i = work.next.fetch_add(1, std::memory_order_relaxed))
    work.call(work.task, i);
}

/// `shared` is the pool_work; as void, it leaves no symbol of std::thread that names the library.
template <isa Isa>
void pool_thread(void* shared) noexcept {
  pool_work* const work = static_cast<pool_work*>(shared);
  std::uint32_t seen = 0;
  for (;;) {
    seen = await_change<Isa>(work->started, seen);
    if (work->call == nullptr) return;
    run_tasks<Isa>(*work);
    if (work->busy.fetch_sub(1, std::memory_order_acq_rel) == 1) work->busy.notify_one();
  }
}

template <isa Isa, class Task>
void call_task(const void* task, std::size_t index) {
  (*static_cast<Task*>(const_cast<void*>(task)))(index);
}

}  // namespace detail

/// An executor that runs tasks on threads which live as long as it does. Each thread takes the next task
/// when it has finished one.
///
/// Threads:   `threads`, of which the caller of `parallel_for` is one; 0 counts as 1. By default as many
///            as the hardware runs at once.
/// Use:       from one thread at a time, not from a task. It is neither copied nor moved. The destructor
///            joins the threads.
/// Errors:    a task that throws ends the program. Without memory or threads the constructor does what
///            std::thread does.
class thread_pool {
 public:
  FEWBITS_HOST_INLINE explicit thread_pool(unsigned threads = std::thread::hardware_concurrency())
      : thread_pool(without_threads{threads > 1 ? threads - 1 : 0}) {
    // From here on the destructor runs, even if a thread does not start.
    for (unsigned i = 0; i < others_; ++i)
      threads_[i] = std::thread(detail::pool_thread<native>, static_cast<void*>(&work_));
  }
  FEWBITS_HOST_INLINE ~thread_pool() {
    if (others_ == 0) return;
    work_.call = nullptr;
    start();
    for (unsigned i = 0; i < others_; ++i)
      if (threads_[i].joinable()) threads_[i].join();
    delete[] threads_;
  }
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  /// The threads that work, the caller's included.
  [[nodiscard]] FEWBITS_HOST_INLINE unsigned size() const { return others_ + 1; }

  template <class Task>
  FEWBITS_HOST_INLINE void parallel_for(std::size_t count, Task&& task) noexcept {
    if (others_ == 0 || count <= 1) {
      for (std::size_t i = 0; i < count; ++i) task(i);
      return;
    }
    work_.call = detail::call_task<native, std::remove_reference_t<Task>>;
    work_.task = std::addressof(task);
    work_.count = count;
    work_.next.store(0, std::memory_order_relaxed);
    work_.busy.store(others_, std::memory_order_relaxed);
    start();
    detail::run_tasks<native>(work_);
    for (std::uint32_t busy = work_.busy.load(std::memory_order_acquire); busy != 0;)
      busy = detail::await_change<native>(work_.busy, busy);
  }

 private:
  struct without_threads {
    unsigned others;
  };
  FEWBITS_HOST_INLINE explicit thread_pool(without_threads of)
      : work_{}, others_(of.others), threads_(others_ == 0 ? nullptr : new std::thread[others_]) {}

  FEWBITS_HOST_INLINE void start() {
    work_.started.fetch_add(1, std::memory_order_release);
    work_.started.notify_all();
  }

  detail::pool_work work_;
  unsigned others_;
  std::thread* threads_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
