// SPDX-License-Identifier: MIT
// What the CPU at hand can run, asked at run time. No kernel uses it: it is for dispatch, tests and
// reports. Ask in code that is compiled for the baseline: the compiler may use any of the instructions
// it was allowed, here too.
#pragma once

#include <fewbits/isa/features.hpp>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {

#if defined(__x86_64__)

/// The features of this CPU that the operating system has enabled. Compiler builtins do not know
/// all of them (clang 14 lacks even F16C), so CPUID is read here.
FEWBITS_INLINE isa cpu_features() {
  struct registers {
    unsigned eax, ebx, ecx, edx;
  };
  isa found{};
  registers basic{};
  __cpuid(1, basic.eax, basic.ebx, basic.ecx, basic.edx);
  // XGETBV tells which register states the system saves. Without OSXSAVE (bit 27) it must not be
  // executed.
  unsigned saved = 0;
  if ((basic.ecx >> 27 & 1) != 0) {
    unsigned high = 0;
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  }
  constexpr unsigned sse = 0;           // saved by every 64-bit system
  constexpr unsigned ymm = 0x6;         // bits 1 and 2
  constexpr unsigned zmm = ymm | 0xe0;  // and 5 to 7
  constexpr unsigned amx = 0x60000;     // bits 17 and 18
  constexpr unsigned apx = 0x80000;     // bit 19
#define FEWBITS_X86(name, macro, state, leaf, subleaf, reg, bit)                 \
  {                                                                              \
    registers r{};                                                               \
    if ((saved & state) == state &&                                              \
        __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) != 0 && \
        (r.reg >> bit & 1) != 0)                                                 \
      found = found.with(feature::name);                                         \
  }
#define FEWBITS_ARM(name, macro, word, bit)
  FEWBITS_FEATURES(FEWBITS_X86, FEWBITS_ARM)
#undef FEWBITS_X86
#undef FEWBITS_ARM
  return found;
}

#elif defined(__aarch64__) && defined(__linux__)

FEWBITS_INLINE isa cpu_features() {
  isa found{};
  const unsigned long hwcap = getauxval(AT_HWCAP);
  const unsigned long hwcap2 = getauxval(AT_HWCAP2);
#define FEWBITS_X86(name, macro, state, leaf, subleaf, reg, bit)
#define FEWBITS_ARM(name, macro, word, bit) \
  if ((word >> bit & 1) != 0) found = found.with(feature::name);
  FEWBITS_FEATURES(FEWBITS_X86, FEWBITS_ARM)
#undef FEWBITS_X86
#undef FEWBITS_ARM
  return found;
}

#else

/// Unknown system: what the compiler was told.
FEWBITS_INLINE isa cpu_features() { return native; }

#endif

/// Calls `visit(name)` for each feature in `set`.
template <class Visitor>
FEWBITS_INLINE void for_each_feature(isa set, Visitor&& visit) {
#define FEWBITS_X86(name, macro, state, leaf, subleaf, reg, bit) \
  if (set.has(feature::name)) visit(#name);
#define FEWBITS_ARM(name, macro, word, bit) \
  if (set.has(feature::name)) visit(#name);
  FEWBITS_FEATURES(FEWBITS_X86, FEWBITS_ARM)
#undef FEWBITS_X86
#undef FEWBITS_ARM
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
