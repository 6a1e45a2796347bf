// SPDX-License-Identifier: MIT
// Memory with an unreadable page before it and after it: a read or write past either end is a crash,
// also without a sanitizer.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include <sys/mman.h>

namespace guard_page {

/// At least `capacity` bytes between two guard pages.
class buffer {
 public:
  explicit buffer(std::size_t capacity)
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        capacity_((capacity + page_ - 1) / page_ * page_) {
    if (capacity_ == 0) capacity_ = page_;
    void* const all =
        mmap(nullptr, capacity_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mapping_ = static_cast<unsigned char*>(all);
    if (all == MAP_FAILED || mprotect(mapping_ + page_, capacity_, PROT_READ | PROT_WRITE) != 0) {
      std::perror("guard_page::buffer");
      std::abort();
    }
  }
  ~buffer() { munmap(mapping_, capacity_ + 2 * page_); }
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;

  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// The first byte: the one before it is out of bounds.
  [[nodiscard]] unsigned char* begin() const { return mapping_ + page_; }
  /// `bytes` bytes, after which everything is out of bounds.
  [[nodiscard]] unsigned char* ending(std::size_t bytes) const {
    if (bytes > capacity_) {
      std::fprintf(stderr, "guard_page::buffer: %zu bytes of %zu\n", bytes, capacity_);
      std::abort();
    }
    return mapping_ + page_ + capacity_ - bytes;
  }

 private:
  std::size_t page_;
  std::size_t capacity_;
  unsigned char* mapping_ = nullptr;
};

}  // namespace guard_page
