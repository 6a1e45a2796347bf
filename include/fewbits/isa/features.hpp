// SPDX-License-Identifier: MIT
// `isa`: a set of instruction-set features as a value, and `native`, the one the compiler targets.
#pragma once

#include <fewbits/config.hpp>

#include <cstdint>

// x86: name, the macro by which compilers announce it, the register state that the system must save,
// where CPUID reports it (leaf, subleaf, register, bit). Arm: name, macro, word and bit of the Linux
// auxiliary vector. A feature that the compiler may use
// on its own belongs here even if no kernel names it: the set is part of every kernel's symbol, and
// two objects with different code must not share one.
#define FEWBITS_FEATURES(X86, ARM)                                   \
  X86(sse3, __SSE3__, sse, 1, 0, ecx, 0)                             \
  X86(pclmul, __PCLMUL__, sse, 1, 0, ecx, 1)                         \
  X86(ssse3, __SSSE3__, sse, 1, 0, ecx, 9)                           \
  X86(sse4_1, __SSE4_1__, sse, 1, 0, ecx, 19)                        \
  X86(sse4_2, __SSE4_2__, sse, 1, 0, ecx, 20)                        \
  X86(movbe, __MOVBE__, sse, 1, 0, ecx, 22)                          \
  X86(popcnt, __POPCNT__, sse, 1, 0, ecx, 23)                        \
  X86(avx, __AVX__, ymm, 1, 0, ecx, 28)                              \
  X86(f16c, __F16C__, ymm, 1, 0, ecx, 29)                            \
  X86(fma, __FMA__, ymm, 1, 0, ecx, 12)                              \
  X86(lzcnt, __LZCNT__, sse, 0x80000001, 0, ecx, 5)                  \
  X86(sse4a, __SSE4A__, sse, 0x80000001, 0, ecx, 6)                  \
  X86(xop, __XOP__, ymm, 0x80000001, 0, ecx, 11)                     \
  X86(fma4, __FMA4__, ymm, 0x80000001, 0, ecx, 16)                   \
  X86(tbm, __TBM__, sse, 0x80000001, 0, ecx, 21)                     \
  X86(bmi, __BMI__, sse, 7, 0, ebx, 3)                               \
  X86(avx2, __AVX2__, ymm, 7, 0, ebx, 5)                             \
  X86(bmi2, __BMI2__, sse, 7, 0, ebx, 8)                             \
  X86(adx, __ADX__, sse, 7, 0, ebx, 19)                              \
  X86(avx512f, __AVX512F__, zmm, 7, 0, ebx, 16)                      \
  X86(avx512dq, __AVX512DQ__, zmm, 7, 0, ebx, 17)                    \
  X86(avx512ifma, __AVX512IFMA__, zmm, 7, 0, ebx, 21)                \
  X86(avx512cd, __AVX512CD__, zmm, 7, 0, ebx, 28)                    \
  X86(avx512bw, __AVX512BW__, zmm, 7, 0, ebx, 30)                    \
  X86(avx512vl, __AVX512VL__, zmm, 7, 0, ebx, 31)                    \
  X86(avx512vbmi, __AVX512VBMI__, zmm, 7, 0, ecx, 1)                 \
  X86(avx512vbmi2, __AVX512VBMI2__, zmm, 7, 0, ecx, 6)               \
  X86(gfni, __GFNI__, sse, 7, 0, ecx, 8)                             \
  X86(vaes, __VAES__, ymm, 7, 0, ecx, 9)                             \
  X86(vpclmulqdq, __VPCLMULQDQ__, ymm, 7, 0, ecx, 10)                \
  X86(avx512vnni, __AVX512VNNI__, zmm, 7, 0, ecx, 11)                \
  X86(avx512bitalg, __AVX512BITALG__, zmm, 7, 0, ecx, 12)            \
  X86(avx512vpopcntdq, __AVX512VPOPCNTDQ__, zmm, 7, 0, ecx, 14)      \
  X86(avx512vp2intersect, __AVX512VP2INTERSECT__, zmm, 7, 0, edx, 8) \
  X86(amx_bf16, FEWBITS_AMX_BF16, amx, 7, 0, edx, 22)                \
  X86(avx512fp16, __AVX512FP16__, zmm, 7, 0, edx, 23)                \
  X86(amx_tile, FEWBITS_AMX_TILE, amx, 7, 0, edx, 24)                \
  X86(amx_int8, FEWBITS_AMX_INT8, amx, 7, 0, edx, 25)                \
  X86(avxvnni, __AVXVNNI__, ymm, 7, 1, eax, 4)                       \
  X86(avx512bf16, __AVX512BF16__, zmm, 7, 1, eax, 5)                 \
  X86(amx_fp16, FEWBITS_AMX_FP16, amx, 7, 1, eax, 21)                \
  X86(avxifma, __AVXIFMA__, ymm, 7, 1, eax, 23)                      \
  X86(avxvnniint8, __AVXVNNIINT8__, ymm, 7, 1, edx, 4)               \
  X86(avxneconvert, __AVXNECONVERT__, ymm, 7, 1, edx, 5)             \
  X86(avxvnniint16, __AVXVNNIINT16__, ymm, 7, 1, edx, 10)            \
  X86(apx, __APX_F__, apx, 7, 1, edx, 21)                            \
  ARM(neon, __ARM_NEON, hwcap, 1)                                    \
  ARM(aes, __ARM_FEATURE_AES, hwcap, 3)                              \
  ARM(crc32, __ARM_FEATURE_CRC32, hwcap, 7)                          \
  ARM(atomics, __ARM_FEATURE_ATOMICS, hwcap, 8)                      \
  ARM(neon_fp16, __ARM_FEATURE_FP16_VECTOR_ARITHMETIC, hwcap, 10)    \
  ARM(neon_rdm, __ARM_FEATURE_QRDMX, hwcap, 12)                      \
  ARM(neon_complex, __ARM_FEATURE_COMPLEX, hwcap, 14)                \
  ARM(sha3, __ARM_FEATURE_SHA3, hwcap, 17)                           \
  ARM(neon_dotprod, __ARM_FEATURE_DOTPROD, hwcap, 20)                \
  ARM(sve, __ARM_FEATURE_SVE, hwcap, 22)                             \
  ARM(neon_fp16_fml, __ARM_FEATURE_FP16_FML, hwcap, 23)              \
  ARM(sve2, __ARM_FEATURE_SVE2, hwcap2, 1)                           \
  ARM(neon_i8mm, __ARM_FEATURE_MATMUL_INT8, hwcap2, 13)              \
  ARM(neon_bf16, __ARM_FEATURE_BF16_VECTOR_ARITHMETIC, hwcap2, 14)   \
  ARM(mops, __ARM_FEATURE_MOPS, hwcap2, 43)

// clang 14 spells these without the underscore.
#if defined(__AMX_TILE__) || defined(__AMXTILE__)
#define FEWBITS_AMX_TILE 1
#endif
#if defined(__AMX_BF16__) || defined(__AMXBF16__)
#define FEWBITS_AMX_BF16 1
#endif
#if defined(__AMX_INT8__) || defined(__AMXINT8__)
#define FEWBITS_AMX_INT8 1
#endif
#if defined(__AMX_FP16__) || defined(__AMXFP16__)
#define FEWBITS_AMX_FP16 1
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {

enum class feature : unsigned char {
#define FEWBITS_X86(name, macro, state, leaf, subleaf, reg, bit) name,
#define FEWBITS_ARM(name, macro, word, bit) name,
  FEWBITS_FEATURES(FEWBITS_X86, FEWBITS_ARM)
#undef FEWBITS_X86
#undef FEWBITS_ARM
};

/// A set of features. As a template argument it chooses a kernel and names it.
struct isa {
  std::uint64_t features = 0;

  [[nodiscard]] FEWBITS_INLINE constexpr bool has(feature which) const {
    return (features >> static_cast<unsigned>(which) & 1) != 0;
  }
  /// Whether code for `other` runs here.
  [[nodiscard]] FEWBITS_INLINE constexpr bool contains(isa other) const {
    return (features & other.features) == other.features;
  }
  [[nodiscard]] FEWBITS_INLINE constexpr isa with(feature which) const {
    return {features | std::uint64_t{1} << static_cast<unsigned>(which)};
  }
  [[nodiscard]] FEWBITS_INLINE constexpr isa without(feature which) const {
    return {features & ~(std::uint64_t{1} << static_cast<unsigned>(which))};
  }
  FEWBITS_INLINE friend constexpr bool operator==(isa a, isa b) { return a.features == b.features; }
};

/// Plain C++.
inline constexpr isa generic{};

namespace detail {

/// A macro that compilers define as 1 is replaced by it before it becomes text; one that is not
/// defined keeps its name. This asks about a macro named in a table row, where #ifdef cannot.
FEWBITS_INLINE constexpr std::uint64_t bit_if_defined(const char* text, feature which) {
  return text[0] == '1' ? std::uint64_t{1} << static_cast<unsigned>(which) : 0;
}

}  // namespace detail

#define FEWBITS_TEXT_OF(macro) #macro
#define FEWBITS_X86(name, macro, state, leaf, subleaf, reg, bit) \
  | detail::bit_if_defined(FEWBITS_TEXT_OF(macro), feature::name)
#define FEWBITS_ARM(name, macro, word, bit) \
  | detail::bit_if_defined(FEWBITS_TEXT_OF(macro), feature::name)
/// What the flags of this translation unit allow the compiler to use. Internal linkage: every
/// translation unit has its own.
constexpr isa native{std::uint64_t{0} FEWBITS_FEATURES(FEWBITS_X86, FEWBITS_ARM)};
#undef FEWBITS_X86
#undef FEWBITS_ARM
#undef FEWBITS_TEXT_OF

}  // namespace FEWBITS_ABI
}  // namespace fewbits
