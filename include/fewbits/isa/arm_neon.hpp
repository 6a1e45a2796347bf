// SPDX-License-Identifier: MIT
// AArch64 with NEON: vector operations and special kernels; BF16 under its own concept.
//
// | instruction       | what it does                                           | per cycle |
// | ----------------- | ------------------------------------------------------ | --------- |
// | fcvtn, fcvtl (16) | 4 floats to fp16 and back                              | 1         |
// | fcvtn, fcvtl (64) | 2 doubles to float and back                            | 2         |
// | fcvtxn            | 2 doubles to float, rounded to odd                     | 2         |
// | bfcvtn            | 4 floats to bf16                                       | 2         |
// | ushl              | shifts by a lane's own count, to the right if negative | 2         |
// | xtn, uzp1         | the low halves of lanes, even elements                 | 4         |
// | fmla              | 4 multiply-adds                                        | 4         |
//
// (Throughput of Neoverse V1 by its optimisation guide.)
//
// No instruction names its rounding: all but fcvtxn take it from FPCR.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/run_vectors.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/isa/vec.hpp>

#include <arm_neon.h>
#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <isa Isa>
  requires has_neon<Isa>
struct vec<Isa> {
  static constexpr int lanes = 4;
  using u32 = uint32x4_t;
  using mask = uint32x4_t;
  using line = unsigned char[64];

  FEWBITS_INLINE static u32 load8(const unsigned char* src) {
    std::uint32_t four;
    __builtin_memcpy(&four, src, sizeof(four));
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
  }
  FEWBITS_INLINE static u32 load16(const unsigned char* src) {
    return vmovl_u16(vreinterpret_u16_u8(vld1_u8(src)));
  }
  FEWBITS_INLINE static u32 load32(const unsigned char* src) {
    return vreinterpretq_u32_u8(vld1q_u8(src));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 x) {
    const uint16x4_t halves = vmovn_u32(x);
    const uint8x8_t bytes = vmovn_u16(vcombine_u16(halves, halves));
    const std::uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    __builtin_memcpy(dst, &four, sizeof(four));
  }
  FEWBITS_INLINE static void store16(unsigned char* dst, u32 x) {
    vst1_u8(dst, vreinterpret_u8_u16(vmovn_u32(x)));
  }
  FEWBITS_INLINE static void store32(unsigned char* dst, u32 x) {
    vst1q_u8(dst, vreinterpretq_u8_u32(x));
  }
  FEWBITS_INLINE static u32 load24(const unsigned char* src) {
    std::uint32_t last;
    __builtin_memcpy(&last, src + 8, sizeof(last));
    constexpr unsigned char places[16] = {0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255};
    const uint8x16_t groups = vcombine_u8(vld1_u8(src), vcreate_u8(last));
    return vreinterpretq_u32_u8(vqtbl1q_u8(groups, vld1q_u8(places)));
  }
  FEWBITS_INLINE static void store24(unsigned char* dst, u32 x) {
    constexpr unsigned char places[16] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14};
    const uint8x16_t groups = vqtbl1q_u8(vreinterpretq_u8_u32(x), vld1q_u8(places));
    const std::uint32_t last = vgetq_lane_u32(vreinterpretq_u32_u8(groups), 2);
    vst1_u8(dst, vget_low_u8(groups));
    __builtin_memcpy(dst + 8, &last, sizeof(last));
  }
  /// g++ has no intrinsic for stnp.
  FEWBITS_INLINE static void stream64(unsigned char* dst, const unsigned char* src) {
    __asm__("stnp %q1, %q2, [%5]\n\tstnp %q3, %q4, [%5, #32]"
            : "=m"(*reinterpret_cast<line*>(dst))
            : "w"(load32(src)), "w"(load32(src + 16)), "w"(load32(src + 32)), "w"(load32(src + 48)),
              "r"(dst));
  }
  FEWBITS_INLINE static void stream_fence() { __asm__ volatile("dmb ishst" : : : "memory"); }

  FEWBITS_INLINE static u32 set(std::uint32_t x) { return vdupq_n_u32(x); }
  FEWBITS_INLINE static u32 add(u32 a, u32 b) { return vaddq_u32(a, b); }
  FEWBITS_INLINE static u32 sub(u32 a, u32 b) { return vsubq_u32(a, b); }
  FEWBITS_INLINE static u32 and_(u32 a, u32 b) { return vandq_u32(a, b); }
  FEWBITS_INLINE static u32 or_(u32 a, u32 b) { return vorrq_u32(a, b); }
  FEWBITS_INLINE static u32 xor_(u32 a, u32 b) { return veorq_u32(a, b); }
  template <int Count>
  FEWBITS_INLINE static u32 shift_left(u32 x) {
    return vshlq_n_u32(x, Count);
  }
  template <int Count>
  FEWBITS_INLINE static u32 shift_right(u32 x) {
    if constexpr (Count == 0) {  // has no encoding
      return x;
    } else {
      return vshrq_n_u32(x, Count);
    }
  }
  FEWBITS_INLINE static u32 shift_left(u32 x, u32 count) {
    return vshlq_u32(x, vreinterpretq_s32_u32(count));
  }
  FEWBITS_INLINE static u32 shift_right(u32 x, u32 count) {
    return vshlq_u32(x, vnegq_s32(vreinterpretq_s32_u32(count)));
  }
  FEWBITS_INLINE static u32 min_(u32 a, u32 b) { return vminq_u32(a, b); }
  FEWBITS_INLINE static u32 max_(u32 a, u32 b) { return vmaxq_u32(a, b); }
  FEWBITS_INLINE static mask greater(u32 a, u32 b) { return vcgtq_u32(a, b); }
  FEWBITS_INLINE static mask equal(u32 a, u32 b) { return vceqq_u32(a, b); }
  FEWBITS_INLINE static u32 select(mask where, u32 a, u32 b) { return vbslq_u32(where, a, b); }
  FEWBITS_INLINE static mask carries(u32 a, u32 b) { return vcgtq_u32(a, vmvnq_u32(b)); }
  FEWBITS_INLINE static u32 float_bits(u32 x) { return vreinterpretq_u32_f32(vcvtq_f32_u32(x)); }

  // In assembly: the intrinsics are `+` and `*` to the compiler, which contracts a * b + c and, under
  // -ffast-math, moves and drops operations.
  FEWBITS_INLINE static u32 add_nearest(u32 a, u32 b) {
    u32 sum;
    __asm__("fadd %0.4s, %1.4s, %2.4s" : "=w"(sum) : "w"(a), "w"(b));
    return sum;
  }
  FEWBITS_INLINE static u32 multiply_nearest(u32 a, u32 b) {
    u32 product;
    __asm__("fmul %0.4s, %1.4s, %2.4s" : "=w"(product) : "w"(a), "w"(b));
    return product;
  }
  FEWBITS_INLINE static u32 divide_nearest(u32 a, u32 b) {
    u32 quotient;
    __asm__("fdiv %0.4s, %1.4s, %2.4s" : "=w"(quotient) : "w"(a), "w"(b));
    return quotient;
  }
  FEWBITS_INLINE static u32 fma_nearest(u32 a, u32 b, u32 c) {
    __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(c) : "w"(a), "w"(b));
    return c;
  }

  FEWBITS_INLINE static float64x2_t doubles(const unsigned char* src) {
    return vreinterpretq_f64_u8(vld1q_u8(src));
  }
  FEWBITS_INLINE static u32 load_half(const unsigned char* src) {
    return vreinterpretq_u32_f32(vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(src))));
  }
  FEWBITS_INLINE static u32 load64_to_odd(const unsigned char* src) {
    const float32x2_t low = vcvtx_f32_f64(doubles(src));
    return vreinterpretq_u32_f32(vcvtx_high_f32_f64(low, doubles(src + 16)));
  }
};

// The conversions below are right under a default control word: NaN keeps its sign and the high part of
// its payload and becomes quiet (FPCR.DN would replace it), FP16 is IEEE's (AHP), nothing is flushed (FZ).

template <isa Isa>
  requires has_neon<Isa>
struct convert_kernel<fp32, fp16, cast_policy{}, Isa> {
  FEWBITS_INLINE static float32x4_t floats(const unsigned char* src) {
    return vreinterpretq_f32_u8(vld1q_u8(src));
  }
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const float16x4_t low = vcvt_f16_f32(floats(src));
    vst1q_u8(dst, vreinterpretq_u8_f16(vcvt_high_f16_f32(low, floats(src + 16))));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    const detail::default_control_word<Isa> control_word;
    detail::run_vectors<8, 4, 2, convert_kernel>(src, dst, count);
  }
};

/// Exact, but where overflow saturates, infinity is another number.
template <cast_policy Policy, isa Isa>
  requires has_neon<Isa> && (Policy.over != overflow::saturate)
struct convert_kernel<fp16, fp32, Policy, Isa> {
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const float16x8_t x = vreinterpretq_f16_u8(vld1q_u8(src));
    vst1q_u8(dst, vreinterpretq_u8_f32(vcvt_f32_f16(vget_low_f16(x))));
    vst1q_u8(dst + 16, vreinterpretq_u8_f32(vcvt_high_f32_f16(x)));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    const detail::default_control_word<Isa> control_word;
    detail::run_vectors<8, 2, 4, convert_kernel>(src, dst, count);
  }
};

template <isa Isa>
  requires has_neon<Isa>
struct convert_kernel<fp64, fp32, cast_policy{}, Isa> {
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const float32x2_t low = vcvt_f32_f64(vec<Isa>::doubles(src));
    vst1q_u8(dst, vreinterpretq_u8_f32(vcvt_high_f32_f64(low, vec<Isa>::doubles(src + 16))));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    const detail::default_control_word<Isa> control_word;
    detail::run_vectors<4, 8, 4, convert_kernel>(src, dst, count);
  }
};

template <cast_policy Policy, isa Isa>
  requires has_neon<Isa> && (Policy.over != overflow::saturate)
struct convert_kernel<fp32, fp64, Policy, Isa> {
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const float32x4_t x = vreinterpretq_f32_u8(vld1q_u8(src));
    vst1q_u8(dst, vreinterpretq_u8_f64(vcvt_f64_f32(vget_low_f32(x))));
    vst1q_u8(dst + 16, vreinterpretq_u8_f64(vcvt_high_f64_f32(x)));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    const detail::default_control_word<Isa> control_word;
    detail::run_vectors<4, 4, 8, convert_kernel>(src, dst, count);
  }
};

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
/// Unlike the dot products of BF16, this instruction rounds as FPCR says and keeps subnormal numbers.
template <isa Isa>
  requires has_neon_bf16<Isa>
struct convert_kernel<fp32, bf16, cast_policy{}, Isa> {
  FEWBITS_INLINE static float32x4_t floats(const unsigned char* src) {
    return vreinterpretq_f32_u8(vld1q_u8(src));
  }
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const bfloat16x8_t low = vcvtq_low_bf16_f32(floats(src));
    vst1q_u8(dst, vreinterpretq_u8_bf16(vcvtq_high_bf16_f32(low, floats(src + 16))));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    const detail::default_control_word<Isa> control_word;
    detail::run_vectors<8, 4, 2, convert_kernel>(src, dst, count);
  }
};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits
