// SPDX-License-Identifier: MIT
// What the readers and writers keep in memory: arrays that grow, and an order of their elements.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// An array on the heap, which says so where there is no memory. It can be moved, not copied.
template <class Item>
class io_array {
  static_assert(std::is_trivially_copyable_v<Item>);

 public:
  FEWBITS_INLINE io_array() = default;
  FEWBITS_INLINE io_array(io_array&& other) noexcept { swap(other); }
  FEWBITS_INLINE io_array& operator=(io_array&& other) noexcept {
    swap(other);
    return *this;
  }
  FEWBITS_INLINE ~io_array() { std::free(data_); }

  [[nodiscard]] FEWBITS_INLINE Item* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE std::size_t size() const { return size_; }
  [[nodiscard]] FEWBITS_INLINE Item& operator[](std::size_t i) const { return data_[i]; }

  FEWBITS_INLINE void clear() { size_ = 0; }

  /// Room for `size` items; the new ones are not initialised.
  [[nodiscard]] FEWBITS_INLINE bool resize(std::size_t size) {
    if (size > capacity_) {
      constexpr std::size_t smallest = 256;
      std::size_t capacity = capacity_ + capacity_ / 2;
      if (capacity < smallest) capacity = smallest;
      if (capacity < size) capacity = size;
      std::size_t bytes = 0;
      if (__builtin_mul_overflow(capacity, sizeof(Item), &bytes)) return false;
      void* const memory = std::realloc(data_, bytes);
      if (memory == nullptr) return false;
      data_ = static_cast<Item*>(memory);
      capacity_ = capacity;
    }
    size_ = size;
    return true;
  }
  [[nodiscard]] FEWBITS_INLINE bool push(const Item& item) {
    const Item copy = item;
    if (!resize(size_ + 1)) return false;
    data_[size_ - 1] = copy;
    return true;
  }
  [[nodiscard]] FEWBITS_INLINE bool append(const Item* items, std::size_t count) {
    const std::size_t old = size_;
    if (!resize(old + count)) return false;
    if (count != 0) __builtin_memcpy(data_ + old, items, count * sizeof(Item));
    return true;
  }

  FEWBITS_INLINE void swap(io_array& other) noexcept {
    Item* const data = data_;
    const std::size_t size = size_, capacity = capacity_;
    data_ = other.data_;
    size_ = other.size_;
    capacity_ = other.capacity_;
    other.data_ = data;
    other.size_ = size;
    other.capacity_ = capacity;
  }

 private:
  Item* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Sorts by `less`, in n log n steps whatever the order was: hostile files choose it.
template <class Item, class Less>
FEWBITS_INLINE void heap_sort(Item* items, std::size_t count, const Less& less) {
  std::size_t start = count / 2, end = count;
  while (end > 1) {
    Item item = items[0];
    if (start > 0) {
      item = items[--start];
    } else {
      item = items[--end];
      items[end] = items[0];
    }
    std::size_t hole = start;
    for (std::size_t child = 2 * hole + 1; child < end; child = 2 * hole + 1) {
      if (child + 1 < end && less(items[child], items[child + 1])) ++child;
      if (!less(item, items[child])) break;
      items[hole] = items[child];
      hole = child;
    }
    items[hole] = item;
  }
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
