// SPDX-License-Identifier: MIT
// AArch64 with FP16 arithmetic: the micro-kernel of GEMM with sums in FP16. Run under an emulator only:
// its speed has not been measured.
//
// | instruction | what it does                | per cycle (Neoverse V1, as LLVM models it) |
// | ----------- | --------------------------- | ------------------------------------------ |
// | fmla        | 8 FP16 multiply-adds        | 4                                          |
// | fcvtl       | 4 FP16 numbers to FP32      | 1                                          |
//
// The rounding mode is that of FPCR, whose FZ16 would read subnormals as zero.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/fp16_tile.hpp>
#include <fewbits/isa/slots.hpp>

#include <arm_neon.h>
#include <cstddef>
#include <cstdint>

#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct neon_fp16 {
  using a_type = fp16;
  using b_type = fp16;
  using acc_type = float;
  using sum_type = float16x8_t;
  using columns_type = float16x8_t;
  using wide_type = float32x4_t;
  static constexpr std::size_t lanes = 4, kr = 2;

  FEWBITS_INLINE static float16x8_t zero() { return vreinterpretq_f16_u16(vdupq_n_u16(0)); }
  FEWBITS_INLINE static float16x8_t columns(const fp16* b) { return load(b); }
  FEWBITS_INLINE static float16x8_t row(const fp16* a) {
    std::uint32_t pair;
    __builtin_memcpy(&pair, a, sizeof(pair));
    return vreinterpretq_f16_u32(vdupq_n_u32(pair));
  }
  FEWBITS_INLINE static float16x8_t multiply_add(float16x8_t sum, float16x8_t a, float16x8_t b) {
    return vfmaq_f16(sum, a, b);
  }
  FEWBITS_INLINE static float16x8_t load(const fp16* src) {
    float16x8_t x;
    __builtin_memcpy(&x, src, sizeof(x));
    return x;
  }
  FEWBITS_INLINE static void store(fp16* dst, float16x8_t x) {
    __builtin_memcpy(static_cast<void*>(dst), &x, sizeof(x));
  }
  FEWBITS_INLINE static float16x8_t add(float16x8_t x, float16x8_t y) { return vaddq_f16(x, y); }
  FEWBITS_INLINE static float32x4_t widen(const fp16* src) {
    float16x4_t x;
    __builtin_memcpy(&x, src, sizeof(x));
    return vcvt_f32_f16(x);
  }
  FEWBITS_INLINE static float32x4_t load(const float* src) { return vld1q_f32(src); }
  FEWBITS_INLINE static void store(float* dst, float32x4_t x) { vst1q_f32(dst, x); }
  FEWBITS_INLINE static float32x4_t add(float32x4_t x, float32x4_t y) { return vaddq_f32(x, y); }
  FEWBITS_INLINE static float32x4_t add_pairs(float32x4_t low, float32x4_t high) {
    return vpaddq_f32(low, high);
  }
};

}  // namespace detail

// 6 rows of 4 vectors, as of FP32. Registers: 24 accumulators, 4 of B, 1 of A: 29 of 32.

template <isa Isa>
  requires has_neon_fp16<Isa>
struct micro_kernel<fp16, fp16, float, Isa> : detail::fp16_tile<detail::neon_fp16<Isa>, 6, 4> {};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
#endif
