// SPDX-License-Identifier: MIT
// `control_word`: a scope in which float instructions behave as IEEE 754 says.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// While it lives: rounding by `Mode`, one of IEEE 754's four, subnormal numbers neither flushed nor read
/// as zero, no traps. What was set before comes back at the end. Kernels that compute with floats hold
/// one around their loop.
///
/// Compilers do not know that arithmetic depends on the control word, but a kernel's operands come
/// from memory and its results go there, and the memory clobbers keep those accesses inside. Operands
/// and results that may be in registers pass `opaque`.
template <isa Isa, rounding Mode = rounding::nearest_even>
class control_word {
 public:
#if defined(__x86_64__)
  FEWBITS_INLINE control_word() : saved_(read()) {
    if ((saved_ & relevant) != wanted) write(wanted);
  }
  FEWBITS_INLINE ~control_word() {
    if ((saved_ & relevant) != wanted) write(saved_);
  }

 private:
  // MXCSR: flags (bits 0 to 5), DAZ (6), masks of traps (7 to 12), rounding (13 and 14), FTZ (15).
  static constexpr std::uint32_t relevant = 0xffc0;
  static constexpr std::uint32_t wanted = 0x1f80 | (Mode == rounding::toward_negative   ? 0x2000
                                                    : Mode == rounding::toward_positive ? 0x4000
                                                    : Mode == rounding::toward_zero     ? 0x6000
                                                                                        : 0);

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
  FEWBITS_INLINE control_word() : saved_(read()) {
    if ((saved_ & relevant) != wanted) write((saved_ & ~relevant) | wanted);
  }
  FEWBITS_INLINE ~control_word() {
    if ((saved_ & relevant) != wanted) write(saved_);
  }

 private:
  // FPCR: FIZ, AH, NEP (0 to 2), traps (8 to 15), FZ16 (19), RMode (22, 23), FZ, DN, AHP (24 to 26).
  static constexpr std::uint64_t relevant = 0x07c8'ff07;
  static constexpr std::uint64_t wanted = Mode == rounding::toward_positive   ? 0x40'0000
                                          : Mode == rounding::toward_negative ? 0x80'0000
                                          : Mode == rounding::toward_zero     ? 0xc0'0000
                                                                              : 0;

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
  FEWBITS_INLINE control_word() {}
  FEWBITS_INLINE ~control_word() {}
#endif

 public:
  control_word(const control_word&) = delete;
  control_word& operator=(const control_word&) = delete;
};

template <isa Isa>
using default_control_word = control_word<Isa>;

/// x: what is computed from it is computed after all volatile assembly before this, what it is computed
/// from before all that follows, and neither contracted nor reordered.
FEWBITS_INLINE std::uint32_t opaque(std::uint32_t x) {
  __asm__ volatile("" : "+r"(x));
  return x;
}
FEWBITS_INLINE std::uint64_t opaque(std::uint64_t x) {
  __asm__ volatile("" : "+r"(x));
  return x;
}
FEWBITS_INLINE float opaque(float x) { return bit_cast<float>(opaque(bit_cast<std::uint32_t>(x))); }
FEWBITS_INLINE double opaque(double x) {
  return bit_cast<double>(opaque(bit_cast<std::uint64_t>(x)));
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
