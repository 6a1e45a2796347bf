// SPDX-License-Identifier: MIT
// The other libraries that the benchmarks measure, and what is asked of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "data.hpp"

namespace bench {

/// The seconds that a number of calls takes. Empty: the library does not do it.
using timer = std::function<double(std::size_t calls)>;

/// A timer of `work()`. The loop is here, so that a call costs everyone the same, namely nothing.
template <class Work>
[[nodiscard]] timer timed(Work work) {
  return [work](std::size_t calls) {
    const auto begin = std::chrono::steady_clock::now();
    for (; calls != 0; --calls) {
      work();
      __asm__ volatile("" : : : "memory");
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
}

/// dst = src converted, nearest even.
struct conversion {
  element from, to;
  const void* src;
  void* dst;
  std::size_t count;
};

/// C = A B, row-major without gaps, A m x k, B k x n: plain matrices, so that who packs does it in
/// every call.
struct product {
  element a_element, b_element, c_element;
  std::size_t m, n, k;
  const void* a;
  const void* b;
  void* c;
};

struct peer {
  const char* name;
  /// Version and what it found the CPU to be. Called once, before everything else.
  std::string (*describe)();
  timer (*convert)(const conversion&);
  timer (*gemm)(const product&);
};

extern const peer peer_openblas;
extern const peer peer_blis;
extern const peer peer_dnnl;
/// oneDNN without the AMX unit: what it does with the instructions that fewbits uses.
extern const peer peer_dnnl_avx512;
extern const peer peer_eigen;
extern const peer peer_hwy;

[[nodiscard]] inline std::vector<const peer*> gemm_peers() {
  return {
#ifdef FEWBITS_PEER_DNNL
      // First: it forks, which must come before any library starts threads.
      &peer_dnnl_avx512, &peer_dnnl,
#endif
#ifdef FEWBITS_PEER_OPENBLAS
      &peer_openblas,
#endif
#ifdef FEWBITS_PEER_BLIS
      &peer_blis,
#endif
#ifdef FEWBITS_PEER_EIGEN
      &peer_eigen,
#endif
  };
}

[[nodiscard]] inline std::vector<const peer*> convert_peers() {
  return {
#ifdef FEWBITS_PEER_EIGEN
      &peer_eigen,
#endif
#ifdef FEWBITS_PEER_HWY
      &peer_hwy,
#endif
  };
}

}  // namespace bench
