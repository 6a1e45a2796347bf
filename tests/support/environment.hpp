// SPDX-License-Identifier: MIT
// Hostile floating-point environments, for the time of a scope.
#pragma once

#include <cfenv>

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace environment {

/// A rounding direction other than nearest.
class rounding_direction {
 public:
  explicit rounding_direction(int direction) { std::fesetround(direction); }
  ~rounding_direction() { std::fesetround(FE_TONEAREST); }
  rounding_direction(const rounding_direction&) = delete;
  rounding_direction& operator=(const rounding_direction&) = delete;
};

/// Subnormal operands and results read as zero.
class flush_to_zero {
 public:
#if defined(__x86_64__)
  flush_to_zero() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040U); }  // FTZ, DAZ
  ~flush_to_zero() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
  flush_to_zero() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved_));
    __asm__ volatile("msr fpcr, %0" : : "r"(saved_ | std::uint64_t{1} << 24));  // FZ
  }
  ~flush_to_zero() { __asm__ volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
  // Not trivial, or compilers call the variable unused.
  flush_to_zero() {}
  ~flush_to_zero() {}
#endif
  flush_to_zero(const flush_to_zero&) = delete;
  flush_to_zero& operator=(const flush_to_zero&) = delete;

#if defined(__x86_64__)
 private:
  unsigned saved_;
#elif defined(__aarch64__)
 private:
  std::uint64_t saved_ = 0;
#endif
};

}  // namespace environment
