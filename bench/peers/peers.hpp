// SPDX-License-Identifier: MIT
// The other libraries that the benchmarks measure, and what is asked of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <type_traits>
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

/// A timer of dst[i] = cast(src[i]), which the compiler may or may not vectorise.
template <class From, class To, class Cast>
[[nodiscard]] timer elementwise(const conversion& c, Cast cast) {
  return timed([=] {
    const auto* const src = static_cast<const From*>(c.src);
    auto* const dst = static_cast<To*>(c.dst);
    const std::size_t count = c.count;
    for (std::size_t i = 0; i < count; ++i) dst[i] = cast(src[i]);
  });
}

/// C = A B, row-major without gaps, A m x k, B k x n: plain matrices, so that who packs does it in
/// every call.
struct product {
  element a_element, b_element, c_element;
  std::size_t m, n, k;
  const void* a;
  const void* b;
  void* c;
};

enum class operation { convert, add, multiply, divide, sqrt, fma };

/// dst[i] = what(in[0][i], in[1][i], in[2][i]) of as many operands as it has, one number at a time.
/// Operands and result of arithmetic are of one type.
struct scalar_loop {
  operation what;
  element from, to;
  const void* in[3];
  void* dst;
  std::size_t count;
};

/// A timer of `loop` with `operate` for the operation. The barrier behind every number keeps all
/// compilers from working on several at once.
template <class From, class To, class Operate>
[[nodiscard]] timer one_by_one(const scalar_loop& loop, Operate operate) {
  return timed([=] {
    const auto* const a = static_cast<const From*>(loop.in[0]);
    const auto* const b = static_cast<const From*>(loop.in[1]);
    const auto* const c = static_cast<const From*>(loop.in[2]);
    auto* const dst = static_cast<To*>(loop.dst);
    for (std::size_t i = 0; i < loop.count; ++i) {
      if constexpr (std::is_invocable_v<Operate, From>) {
        dst[i] = static_cast<To>(operate(a[i]));
      } else if constexpr (std::is_invocable_v<Operate, From, From>) {
        dst[i] = static_cast<To>(operate(a[i], b[i]));
      } else {
        dst[i] = static_cast<To>(operate(a[i], b[i], c[i]));
      }
      __asm__ volatile("" : : : "memory");
    }
  });
}

/// The casts and operators of a type; no timer for what is not an operator.
template <class From, class To>
[[nodiscard]] timer casts(const scalar_loop& loop) {
  return one_by_one<From, To>(loop, [](From x) { return static_cast<To>(x); });
}
template <class Number>
[[nodiscard]] timer operators(const scalar_loop& loop) {
  if (loop.what == operation::add)
    return one_by_one<Number, Number>(loop, [](Number a, Number b) { return a + b; });
  if (loop.what == operation::multiply)
    return one_by_one<Number, Number>(loop, [](Number a, Number b) { return a * b; });
  if (loop.what == operation::divide)
    return one_by_one<Number, Number>(loop, [](Number a, Number b) { return a / b; });
  return {};
}

struct peer {
  const char* name;
  /// Version and what it found the CPU to be. Called once, before everything else.
  std::string (*describe)();
  timer (*convert)(const conversion&);
  timer (*gemm)(const product&);
  timer (*scalar)(const scalar_loop&) = nullptr;
};

extern const peer peer_openblas;
extern const peer peer_blis;
extern const peer peer_dnnl;
/// oneDNN without the AMX unit: what it does with the instructions that fewbits uses.
extern const peer peer_dnnl_avx512;
extern const peer peer_eigen;
extern const peer peer_hwy;
extern const peer peer_cuda;

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
#ifdef FEWBITS_PEER_DNNL
      &peer_dnnl,
#endif
#ifdef FEWBITS_PEER_CUDA
      &peer_cuda,
#endif
  };
}

[[nodiscard]] inline std::vector<const peer*> scalar_peers() {
  return {
#ifdef FEWBITS_PEER_EIGEN
      &peer_eigen,
#endif
#ifdef FEWBITS_PEER_CUDA
      &peer_cuda,
#endif
  };
}

}  // namespace bench
