// SPDX-License-Identifier: MIT
// Memory of benchmarks, and what is in it.
#pragma once

#include <fewbits/value.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include <sys/mman.h>

namespace bench {

/// What the other libraries may have too.
enum class element { fp64, fp32, fp16, bf16, fp8_e4m3, fp8_e5m2, s8, u8, s32, other };

template <class Type>
inline constexpr element element_of = std::is_same_v<Type, double>              ? element::fp64
                                      : std::is_same_v<Type, float>             ? element::fp32
                                      : std::is_same_v<Type, fewbits::fp16>     ? element::fp16
                                      : std::is_same_v<Type, fewbits::bf16>     ? element::bf16
                                      : std::is_same_v<Type, fewbits::fp8_e4m3> ? element::fp8_e4m3
                                      : std::is_same_v<Type, fewbits::fp8_e5m2> ? element::fp8_e5m2
                                      : std::is_same_v<Type, std::int8_t>       ? element::s8
                                      : std::is_same_v<Type, std::uint8_t>      ? element::u8
                                      : std::is_same_v<Type, std::int32_t>      ? element::s32
                                                                                : element::other;

/// `bytes` of zeros in pages of 2 MiB where the system has them, so that address translation is the
/// same for everyone. `skew` moves the start: buffers that begin at the same place in a page make
/// loads wait for unrelated stores.
class buffer {
 public:
  explicit buffer(std::size_t bytes, std::size_t skew = 0) {
    constexpr std::size_t page = std::size_t{2} << 20;
    mapped_ = (bytes + skew + 64 + 2 * page) / page * page;
    void* const start =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
      std::perror("mmap");
      std::abort();
    }
    start_ = static_cast<unsigned char*>(start);
    madvise(start_, mapped_, MADV_HUGEPAGE);
    const std::size_t address = reinterpret_cast<std::uintptr_t>(start_);
    data_ = start_ + (page - address % page) % page + skew;
    std::memset(data_, 0, bytes);
  }
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;
  ~buffer() { munmap(start_, mapped_); }

  [[nodiscard]] unsigned char* data() const { return data_; }
  template <class Type>
  [[nodiscard]] Type* as() const {
    return reinterpret_cast<Type*>(data_);
  }

 private:
  unsigned char* start_ = nullptr;
  unsigned char* data_ = nullptr;
  std::size_t mapped_ = 0;
};

/// The sign of random floats.
enum class sign { either, positive };

/// Fills `count` elements with numbers of magnitudes from 2^-8 to 4; integers with any code. The first
/// 64 Ki are repeated.
template <class Type>
void fill(Type* dst, std::size_t count, std::uint64_t seed, sign signs = sign::either) {
  constexpr std::size_t period = std::size_t{1} << 16;
  std::uint64_t state = seed * 2 + 1;
  const std::size_t fresh = count < period ? count : period;
  for (std::size_t i = 0; i < fresh; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    if constexpr (std::is_integral_v<Type>) {
      dst[i] = static_cast<Type>(state >> 56);
    } else {
      const int random = static_cast<int>(state >> 40 & 0xffff) - 32768;
      const int step = signs == sign::positive && random < 0 ? -random : random;
      const int halvings = static_cast<int>(state >> 60 & 7);
      const float x = static_cast<float>(step) / static_cast<float>(8192 << halvings);
      dst[i] = fewbits::convert<Type>(x);
    }
  }
  for (std::size_t i = fresh; i < count; i += period)
    std::memcpy(dst + i, dst, sizeof(Type) * (count - i < period ? count - i : period));
}

}  // namespace bench
