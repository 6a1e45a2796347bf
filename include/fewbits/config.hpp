// SPDX-License-Identifier: MIT
// Version, function attributes, assertions: the only macros of the library.
#pragma once

// CMake reads the version from these three lines.
#define FEWBITS_VERSION_MAJOR 0
#define FEWBITS_VERSION_MINOR 1
#define FEWBITS_VERSION_PATCH 0

#if !defined(__GNUC__)
#error "fewbits supports g++ 12 and clang 14 or newer"
#endif
#if !defined(__SIZEOF_INT128__)
#error "fewbits needs a 64-bit target: exact arithmetic uses __int128"
#endif

#if defined(__CUDACC__)
#define FEWBITS_HOST_DEVICE __host__ __device__
#else
#define FEWBITS_HOST_DEVICE
#endif

// Every function that is not a template on `isa` carries FEWBITS_INLINE. Such a function leaves no
// symbol behind, not even at -O0, so objects compiled with different -m flags cannot exchange
// bodies at link time.
#define FEWBITS_INLINE FEWBITS_HOST_DEVICE FEWBITS_HOST_INLINE
// The same for what CUDA devices lack (long double).
#define FEWBITS_HOST_INLINE __attribute__((always_inline)) inline

// For kernels: their symbol names contain the `isa`, so they may stay out of line.
#define FEWBITS_NOINLINE __attribute__((noinline))

// Before a loop of a constant number of steps, in kernels: unrolled completely, so that an array
// indexed by the loop variable lives in registers.
#if defined(__clang__)
#define FEWBITS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FEWBITS_UNROLL _Pragma("GCC unroll 64")
#endif

// Preconditions are checked when FEWBITS_HARDENED is defined to 1. All translation units of a
// program must agree; the choice is part of the inline namespace below, so a mixture fails to link
// instead of misbehaving.
#if !defined(FEWBITS_HARDENED)
#define FEWBITS_HARDENED 0
#endif

#if FEWBITS_HARDENED
#define FEWBITS_ABI v0_hardened
#else
#define FEWBITS_ABI v0
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// An unsigned integer of 128 bits, for exact products and sums.
__extension__ typedef unsigned __int128 uint128;

/// The bits of `from` as a `To`. `std::bit_cast` would leave a shared weak symbol at -O0.
template <class To, class From>
FEWBITS_INLINE constexpr To bit_cast(const From& from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits

#if FEWBITS_HARDENED
#include <cstdio>
#include <cstdlib>
/// Stops the program with `...` (a printf format and its arguments) unless `condition` holds.
#define FEWBITS_ASSERT(condition, ...)                                \
  do {                                                                \
    if (!(condition)) {                                               \
      ::std::fprintf(stderr, "fewbits: %s:%d: ", __FILE__, __LINE__); \
      ::std::fprintf(stderr, __VA_ARGS__);                            \
      ::std::fputc('\n', stderr);                                     \
      ::std::abort();                                                 \
    }                                                                 \
  } while (false)
#else
#define FEWBITS_ASSERT(condition, ...) static_cast<void>(0)
#endif
