// SPDX-License-Identifier: MIT
// `default_control_word`: a scope in which float instructions behave as IEEE 754 says.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// While it lives: nearest even, subnormal numbers neither flushed nor read as zero, no traps. What was
/// set before comes back at the end. Kernels that compute with floats hold one around their loop.
///
/// Compilers do not know that arithmetic depends on the control word, but a kernel's operands come
/// from memory and its results go there, and the memory clobbers keep those accesses inside.
template <isa Isa>
class default_control_word {
 public:
#if defined(__x86_64__)
  FEWBITS_INLINE default_control_word() : saved_(read()) {
    if ((saved_ & relevant) != masked_traps) write(masked_traps);
  }
  FEWBITS_INLINE ~default_control_word() {
    if ((saved_ & relevant) != masked_traps) write(saved_);
  }

 private:
  // MXCSR: bits 0 to 5 are flags, which are left as operations leave them.
  static constexpr std::uint32_t masked_traps = 0x1f80;
  static constexpr std::uint32_t relevant = 0xffc0;

  FEWBITS_INLINE static std::uint32_t read() {
    std::uint32_t word;
    __asm__ volatile("stmxcsr %0" : "=m"(word) : : "memory");
    return word;
  }
  FEWBITS_INLINE static void write(std::uint32_t word) {
    __asm__ volatile("ldmxcsr %0" : : "m"(word) : "memory");
  }
  std::uint32_t saved_;
#elif defined(__aarch64__)
  FEWBITS_INLINE default_control_word() : saved_(read()) {
    if ((saved_ & relevant) != 0) write(saved_ & ~relevant);
  }
  FEWBITS_INLINE ~default_control_word() {
    if ((saved_ & relevant) != 0) write(saved_);
  }

 private:
  // FPCR: FIZ, AH, NEP (0 to 2), traps (8 to 15), FZ16 (19), RMode (22, 23), FZ, DN, AHP (24 to 26).
  static constexpr std::uint64_t relevant = 0x07c8'ff07;

  FEWBITS_INLINE static std::uint64_t read() {
    std::uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word) : : "memory");
    return word;
  }
  FEWBITS_INLINE static void write(std::uint64_t word) {
    __asm__ volatile("msr fpcr, %0" : : "r"(word) : "memory");
  }
  std::uint64_t saved_;
#else
  FEWBITS_INLINE default_control_word() {}
  FEWBITS_INLINE ~default_control_word() {}
#endif

 public:
  default_control_word(const default_control_word&) = delete;
  default_control_word& operator=(const default_control_word&) = delete;
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
