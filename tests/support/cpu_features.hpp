// SPDX-License-Identifier: MIT
// Which CPU features the flags of this translation unit let the compiler use, and which the running
// CPU has. Everything here has internal linkage: the answer differs between translation units.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace {
namespace cpu_features {

// "1" when the feature macro is defined (as 1), else the macro's own name.
#define FEWBITS_TEST_STRING_(text) #text
#define FEWBITS_TEST_STRING(macro) FEWBITS_TEST_STRING_(macro)
#define FEWBITS_TEST_DEFINED(macro) (FEWBITS_TEST_STRING(macro)[0] != '_')

#if defined(__x86_64__)

enum : unsigned { eax, ebx, ecx, edx };

// State that the operating system must save for the feature to work: bits of XCR0.
constexpr std::uint32_t none = 0, ymm = 0x6, zmm = 0xe6, tile = 0x60000;

struct feature {
  const char* name;
  bool compiled;
  std::uint32_t leaf, subleaf;
  unsigned reg, bit;
  std::uint32_t os_state;
};

// Source: Intel SDM volume 2A, CPUID; the last rows of leaf 7: Intel ISE reference 319433.
constexpr feature features[] = {
    {"sse3", FEWBITS_TEST_DEFINED(__SSE3__), 1, 0, ecx, 0, none},
    {"ssse3", FEWBITS_TEST_DEFINED(__SSSE3__), 1, 0, ecx, 9, none},
    {"fma", FEWBITS_TEST_DEFINED(__FMA__), 1, 0, ecx, 12, ymm},
    {"sse4.1", FEWBITS_TEST_DEFINED(__SSE4_1__), 1, 0, ecx, 19, none},
    {"sse4.2", FEWBITS_TEST_DEFINED(__SSE4_2__), 1, 0, ecx, 20, none},
    {"movbe", FEWBITS_TEST_DEFINED(__MOVBE__), 1, 0, ecx, 22, none},
    {"popcnt", FEWBITS_TEST_DEFINED(__POPCNT__), 1, 0, ecx, 23, none},
    {"avx", FEWBITS_TEST_DEFINED(__AVX__), 1, 0, ecx, 28, ymm},
    {"f16c", FEWBITS_TEST_DEFINED(__F16C__), 1, 0, ecx, 29, ymm},
    {"lzcnt", FEWBITS_TEST_DEFINED(__LZCNT__), 0x80000001, 0, ecx, 5, none},
    {"bmi", FEWBITS_TEST_DEFINED(__BMI__), 7, 0, ebx, 3, none},
    {"avx2", FEWBITS_TEST_DEFINED(__AVX2__), 7, 0, ebx, 5, ymm},
    {"bmi2", FEWBITS_TEST_DEFINED(__BMI2__), 7, 0, ebx, 8, none},
    {"avx512f", FEWBITS_TEST_DEFINED(__AVX512F__), 7, 0, ebx, 16, zmm},
    {"avx512dq", FEWBITS_TEST_DEFINED(__AVX512DQ__), 7, 0, ebx, 17, zmm},
    {"avx512ifma", FEWBITS_TEST_DEFINED(__AVX512IFMA__), 7, 0, ebx, 21, zmm},
    {"avx512cd", FEWBITS_TEST_DEFINED(__AVX512CD__), 7, 0, ebx, 28, zmm},
    {"avx512bw", FEWBITS_TEST_DEFINED(__AVX512BW__), 7, 0, ebx, 30, zmm},
    {"avx512vl", FEWBITS_TEST_DEFINED(__AVX512VL__), 7, 0, ebx, 31, zmm},
    {"avx512vbmi", FEWBITS_TEST_DEFINED(__AVX512VBMI__), 7, 0, ecx, 1, zmm},
    {"avx512vbmi2", FEWBITS_TEST_DEFINED(__AVX512VBMI2__), 7, 0, ecx, 6, zmm},
    {"gfni", FEWBITS_TEST_DEFINED(__GFNI__), 7, 0, ecx, 8, none},
    {"vaes", FEWBITS_TEST_DEFINED(__VAES__), 7, 0, ecx, 9, ymm},
    {"vpclmulqdq", FEWBITS_TEST_DEFINED(__VPCLMULQDQ__), 7, 0, ecx, 10, ymm},
    {"avx512vnni", FEWBITS_TEST_DEFINED(__AVX512VNNI__), 7, 0, ecx, 11, zmm},
    {"avx512bitalg", FEWBITS_TEST_DEFINED(__AVX512BITALG__), 7, 0, ecx, 12, zmm},
    {"avx512vpopcntdq", FEWBITS_TEST_DEFINED(__AVX512VPOPCNTDQ__), 7, 0, ecx, 14, zmm},
    {"avx512vp2intersect", FEWBITS_TEST_DEFINED(__AVX512VP2INTERSECT__), 7, 0, edx, 8, zmm},
    {"amx-bf16", FEWBITS_TEST_DEFINED(__AMX_BF16__), 7, 0, edx, 22, tile},
    {"avx512fp16", FEWBITS_TEST_DEFINED(__AVX512FP16__), 7, 0, edx, 23, zmm},
    {"amx-tile", FEWBITS_TEST_DEFINED(__AMX_TILE__), 7, 0, edx, 24, tile},
    {"amx-int8", FEWBITS_TEST_DEFINED(__AMX_INT8__), 7, 0, edx, 25, tile},
    {"avxvnni", FEWBITS_TEST_DEFINED(__AVXVNNI__), 7, 1, eax, 4, ymm},
    {"avx512bf16", FEWBITS_TEST_DEFINED(__AVX512BF16__), 7, 1, eax, 5, zmm},
    {"amx-fp16", FEWBITS_TEST_DEFINED(__AMX_FP16__), 7, 1, eax, 21, tile},
    {"avxifma", FEWBITS_TEST_DEFINED(__AVXIFMA__), 7, 1, eax, 23, ymm},
    {"avxvnniint8", FEWBITS_TEST_DEFINED(__AVXVNNIINT8__), 7, 1, edx, 4, ymm},
    {"avxneconvert", FEWBITS_TEST_DEFINED(__AVXNECONVERT__), 7, 1, edx, 5, ymm},
};

bool has(const feature& wanted) {
  unsigned regs[4] = {};
  if (!__get_cpuid_count(wanted.leaf, wanted.subleaf, &regs[eax], &regs[ebx], &regs[ecx],
                         &regs[edx])) {
    return false;
  }
  if ((regs[wanted.reg] >> wanted.bit & 1) == 0) return false;
  if (wanted.os_state == none) return true;
  constexpr unsigned osxsave = 27;  // leaf 1, ecx: XGETBV may be executed
  if (!__get_cpuid(1, &regs[eax], &regs[ebx], &regs[ecx], &regs[edx])) return false;
  if ((regs[ecx] >> osxsave & 1) == 0) return false;
  // The instruction, not _xgetbv: that intrinsic needs -mxsave.
  std::uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & wanted.os_state) == wanted.os_state;
}

#elif defined(__aarch64__)

struct feature {
  const char* name;
  bool compiled;
  unsigned long word;
  unsigned bit;
};

// Source: Linux arch/arm64/include/uapi/asm/hwcap.h.
constexpr feature features[] = {
    {"lse", FEWBITS_TEST_DEFINED(__ARM_FEATURE_ATOMICS), AT_HWCAP, 8},
    {"fp16", FEWBITS_TEST_DEFINED(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC), AT_HWCAP, 10},
    {"rdm", FEWBITS_TEST_DEFINED(__ARM_FEATURE_QRDMX), AT_HWCAP, 12},
    {"jscvt", FEWBITS_TEST_DEFINED(__ARM_FEATURE_JCVT), AT_HWCAP, 13},
    {"fcma", FEWBITS_TEST_DEFINED(__ARM_FEATURE_COMPLEX), AT_HWCAP, 14},
    {"dotprod", FEWBITS_TEST_DEFINED(__ARM_FEATURE_DOTPROD), AT_HWCAP, 20},
    {"sve", FEWBITS_TEST_DEFINED(__ARM_FEATURE_SVE), AT_HWCAP, 22},
    {"fp16fml", FEWBITS_TEST_DEFINED(__ARM_FEATURE_FP16_FML), AT_HWCAP, 23},
    {"sve2", FEWBITS_TEST_DEFINED(__ARM_FEATURE_SVE2), AT_HWCAP2, 1},
    {"i8mm", FEWBITS_TEST_DEFINED(__ARM_FEATURE_MATMUL_INT8), AT_HWCAP2, 13},
    {"bf16", FEWBITS_TEST_DEFINED(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC), AT_HWCAP2, 14},
};

bool has(const feature& wanted) { return (getauxval(wanted.word) >> wanted.bit & 1) != 0; }

#else

struct feature {
  const char* name;
  bool compiled;
};
constexpr feature features[] = {{"baseline", true}};
bool has(const feature&) { return true; }

#endif

#undef FEWBITS_TEST_DEFINED
#undef FEWBITS_TEST_STRING
#undef FEWBITS_TEST_STRING_

/// The features of this translation unit: bit i stands for features[i].
constexpr std::uint64_t compiled() {
  std::uint64_t set = 0, bit = 1;
  for (const feature& each : features) {
    if (each.compiled) set |= bit;
    bit <<= 1;
  }
  return set;
}

/// The features among `wanted` that the running CPU lacks.
[[maybe_unused]] std::uint64_t missing(std::uint64_t wanted) {
  std::uint64_t set = 0, bit = 1;
  for (const feature& each : features) {
    if ((wanted & bit) != 0 && !has(each)) set |= bit;
    bit <<= 1;
  }
  return set;
}

}  // namespace cpu_features
}  // namespace
