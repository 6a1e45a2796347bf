// SPDX-License-Identifier: MIT
// AArch64 with NEON: vector operations; those of FP16 and BF16 under their own concepts.
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
// (Throughput of Neoverse V1, as LLVM models it.)
//
// No instruction names its rounding: all but fcvtxn take it from FPCR.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/value/rounding.hpp>

#include <arm_neon.h>
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
  /// The low halves of the lanes of a, then b.
  FEWBITS_INLINE static uint16x8_t low16(u32 a, u32 b) {
    return vuzp1q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b));
  }
  FEWBITS_INLINE static void store16(unsigned char* dst, u32 a, u32 b) {
    vst1q_u8(dst, vreinterpretq_u8_u16(low16(a, b)));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 a, u32 b, u32 c, u32 d) {
    vst1q_u8(dst, vuzp1q_u8(vreinterpretq_u8_u16(low16(a, b)), vreinterpretq_u8_u16(low16(c, d))));
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
  FEWBITS_INLINE static u32 merge(u32 bits, u32 a, u32 b) { return vbslq_u32(bits, a, b); }
  FEWBITS_INLINE static bool all(mask where) { return vminvq_u32(where) == ~0U; }
  FEWBITS_INLINE static bool ordered(u32 a, u32 b) {
    const u32 magnitude = set(0x7fffffff);
    return vmaxvq_u32(max_(and_(a, magnitude), and_(b, magnitude))) <= 0x7f800000;
  }
  FEWBITS_INLINE static mask carries(u32 a, u32 b) { return vcgtq_u32(a, vmvnq_u32(b)); }
  FEWBITS_INLINE static u32 float_bits(u32 x) {
    return vreinterpretq_u32_f32(vcvtq_f32_s32(vreinterpretq_s32_u32(x)));
  }

  // Operations on floats are in assembly. Intrinsics are `+` and `*` to the compiler, which contracts
  // a * b + c; and under -ffast-math it moves and drops operations, and takes no result of one for an
  // infinity or a NaN, conversions included.
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
  FEWBITS_INLINE static u32 sqrt_nearest(u32 x) {
    u32 root;
    __asm__("fsqrt %0.4s, %1.4s" : "=w"(root) : "w"(x));
    return root;
  }
  template <rounding Mode>
  FEWBITS_INLINE static u32 fma(u32 a, u32 b, u32 c) {
    __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(c) : "w"(a), "w"(b));
    return c;
  }
  FEWBITS_INLINE static u32 fma_nearest(u32 a, u32 b, u32 c) {
    return fma<rounding::nearest_even>(a, b, c);
  }

  /// fcvtns saturates, and has 0 for NaN.
  FEWBITS_INLINE static u32 nearest_integer(u32 x) {
    const u32 integer = vreinterpretq_u32_s32(vcvtnq_s32_f32(vreinterpretq_f32_u32(x)));
    const mask fits = greater(set(0x4f000000), and_(x, set(0x7fffffff)));
    return select(fits, integer, set(0x80000000));
  }

  using words = int16x8_t;
  using bytes = uint8x16_t;
  FEWBITS_INLINE static u32 load8_signed(const unsigned char* src) {
    std::uint32_t four;
    __builtin_memcpy(&four, src, sizeof(four));
    return vreinterpretq_u32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
  }
  FEWBITS_INLINE static words narrow(u32 a, u32 b) {
    return vqmovn_high_s32(vqmovn_s32(vreinterpretq_s32_u32(a)), vreinterpretq_s32_u32(b));
  }
  FEWBITS_INLINE static words set_words(std::int16_t x) { return vdupq_n_s16(x); }
  FEWBITS_INLINE static words add_words(words a, words b) { return vqaddq_s16(a, b); }
  FEWBITS_INLINE static words min_words(words a, words b) { return vminq_s16(a, b); }
  FEWBITS_INLINE static bool has_word(words a, std::int16_t x) {
    return vmaxvq_u16(vceqq_s16(a, set_words(x))) != 0;
  }
  FEWBITS_INLINE static bytes narrow_signed(words a, words b) {
    return vreinterpretq_u8_s8(vqmovn_high_s16(vqmovn_s16(a), b));
  }
  FEWBITS_INLINE static bytes narrow_unsigned(words a, words b) {
    return vqmovun_high_s16(vqmovun_s16(a), b);
  }
  FEWBITS_INLINE static bytes clamp_signed(bytes x, std::int8_t low, std::int8_t high) {
    const int8x16_t raised = vmaxq_s8(vreinterpretq_s8_u8(x), vdupq_n_s8(low));
    return vreinterpretq_u8_s8(vminq_s8(raised, vdupq_n_s8(high)));
  }
  FEWBITS_INLINE static bytes clamp_unsigned(bytes x, std::uint8_t low, std::uint8_t high) {
    return vminq_u8(vmaxq_u8(x, vdupq_n_u8(low)), vdupq_n_u8(high));
  }
  FEWBITS_INLINE static bytes and_bytes(bytes x, std::uint8_t mask) {
    return vandq_u8(x, vdupq_n_u8(mask));
  }
  FEWBITS_INLINE static void store_bytes(unsigned char* dst, bytes x) { vst1q_u8(dst, x); }

  // Under a control word NaN keeps its sign and the high part of its payload (FPCR.DN would replace it),
  // FP16 is IEEE's (AHP), and nothing is flushed (FZ).
  FEWBITS_INLINE static u32 load_half(const unsigned char* src) {
    u32 wide;
    __asm__("fcvtl %0.4s, %1.4h" : "=w"(wide) : "w"(vld1_u8(src)));
    return wide;
  }
  template <rounding Mode>
  FEWBITS_INLINE static void store_half(unsigned char* dst, u32 x) {
    uint8x8_t narrow;
    __asm__("fcvtn %0.4h, %1.4s" : "=w"(narrow) : "w"(x));
    vst1_u8(dst, narrow);
  }
  template <rounding Mode>
  FEWBITS_INLINE static u32 load64(const unsigned char* src) {
    u32 narrow;
    __asm__("fcvtn %0.2s, %1.2d\n\tfcvtn2 %0.4s, %2.2d"
            : "=&w"(narrow)
            : "w"(load32(src)), "w"(load32(src + 16)));
    return narrow;
  }
  FEWBITS_INLINE static u32 load64_to_odd(const unsigned char* src) {
    u32 narrow;
    __asm__("fcvtxn %0.2s, %1.2d\n\tfcvtxn2 %0.4s, %2.2d"
            : "=&w"(narrow)
            : "w"(load32(src)), "w"(load32(src + 16)));
    return narrow;
  }
  FEWBITS_INLINE static u32 load64_normal_to_odd(const unsigned char* src) {
    return load64_to_odd(src);
  }
  FEWBITS_INLINE static void store64(unsigned char* dst, u32 x) {
    u32 low, high;
    __asm__("fcvtl %0.2d, %1.2s" : "=w"(low) : "w"(x));
    __asm__("fcvtl2 %0.2d, %1.4s" : "=w"(high) : "w"(x));
    store32(dst, low);
    store32(dst + 16, high);
  }
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  /// Unlike the dot products of BF16, this instruction rounds as FPCR says and keeps subnormal numbers.
  FEWBITS_INLINE static void store_bf16(unsigned char* dst, u32 a, u32 b)
    requires has_neon_bf16<Isa>
  {
    u32 codes;
    __asm__("bfcvtn %0.4h, %1.4s\n\tbfcvtn2 %0.8h, %2.4s" : "=&w"(codes) : "w"(a), "w"(b));
    store32(dst, codes);
  }
#endif
};

template <isa Isa>
  requires has_neon<Isa>
struct vec16<Isa> {
  static constexpr int lanes = 8;
  using u16 = uint16x8_t;
  using mask = uint16x8_t;

  FEWBITS_INLINE static u16 load8(const unsigned char* src) { return vmovl_u8(vld1_u8(src)); }
  FEWBITS_INLINE static u16 load16(const unsigned char* src) {
    return vreinterpretq_u16_u8(vld1q_u8(src));
  }
  FEWBITS_INLINE static void store16(unsigned char* dst, u16 x) {
    vst1q_u8(dst, vreinterpretq_u8_u16(x));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u16 a, u16 b) {
    vst1q_u8(dst, vuzp1q_u8(vreinterpretq_u8_u16(a), vreinterpretq_u8_u16(b)));
  }

  FEWBITS_INLINE static u16 set(std::uint32_t x) {
    return vdupq_n_u16(static_cast<std::uint16_t>(x));
  }
  FEWBITS_INLINE static u16 add(u16 a, u16 b) { return vaddq_u16(a, b); }
  FEWBITS_INLINE static u16 sub(u16 a, u16 b) { return vsubq_u16(a, b); }
  FEWBITS_INLINE static u16 and_(u16 a, u16 b) { return vandq_u16(a, b); }
  FEWBITS_INLINE static u16 or_(u16 a, u16 b) { return vorrq_u16(a, b); }
  FEWBITS_INLINE static u16 xor_(u16 a, u16 b) { return veorq_u16(a, b); }
  template <int Count>
  FEWBITS_INLINE static u16 shift_left(u16 x) {
    return vshlq_n_u16(x, Count);
  }
  template <int Count>
  FEWBITS_INLINE static u16 shift_right(u16 x) {
    if constexpr (Count == 0) {
      return x;
    } else {
      return vshrq_n_u16(x, Count);
    }
  }
  FEWBITS_INLINE static u16 shift_left(u16 x, u16 count) {
    return vshlq_u16(x, vreinterpretq_s16_u16(count));
  }
  FEWBITS_INLINE static u16 shift_right(u16 x, u16 count) {
    return vshlq_u16(x, vnegq_s16(vreinterpretq_s16_u16(count)));
  }
  FEWBITS_INLINE static u16 min_(u16 a, u16 b) { return vminq_u16(a, b); }
  FEWBITS_INLINE static u16 max_(u16 a, u16 b) { return vmaxq_u16(a, b); }
  FEWBITS_INLINE static mask greater(u16 a, u16 b) { return vcgtq_u16(a, b); }
  FEWBITS_INLINE static mask equal(u16 a, u16 b) { return vceqq_u16(a, b); }
  FEWBITS_INLINE static u16 select(mask where, u16 a, u16 b) { return vbslq_u16(where, a, b); }
  FEWBITS_INLINE static bool all(mask where) { return vec<Isa>::all(vreinterpretq_u32_u16(where)); }
  FEWBITS_INLINE static u16 merge(u16 bits, u16 a, u16 b) { return vbslq_u16(bits, a, b); }

  FEWBITS_INLINE static typename vec<Isa>::u32 widen_low(u16 x) {
    typename vec<Isa>::u32 wide;
    __asm__("fcvtl %0.4s, %1.4h" : "=w"(wide) : "w"(x));
    return wide;
  }
  FEWBITS_INLINE static typename vec<Isa>::u32 widen_high(u16 x) {
    typename vec<Isa>::u32 wide;
    __asm__("fcvtl2 %0.4s, %1.8h" : "=w"(wide) : "w"(x));
    return wide;
  }
#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
  template <rounding Mode>
  FEWBITS_INLINE static u16 fma(u16 a, u16 b, u16 c)
    requires has_neon_fp16<Isa>
  {
    __asm__("fmla %0.8h, %1.8h, %2.8h" : "+w"(c) : "w"(a), "w"(b));
    return c;
  }
#endif
};

template <isa Isa>
  requires has_neon<Isa>
struct vec8<Isa> {
  static constexpr int lanes = 16;
  using u8 = uint8x16_t;
  /// In memory: g++ 12 copies groups of registers through the stack; what it loads, it uses.
  using table = const unsigned char*;

  FEWBITS_INLINE static u8 load8(const unsigned char* src) { return vld1q_u8(src); }
  FEWBITS_INLINE static void store8(unsigned char* dst, u8 x) { vst1q_u8(dst, x); }
  FEWBITS_INLINE static u8 set(std::uint32_t x) { return vdupq_n_u8(static_cast<std::uint8_t>(x)); }
  FEWBITS_INLINE static u8 merge(u8 bits, u8 a, u8 b) { return vbslq_u8(bits, a, b); }
  FEWBITS_INLINE static table load_table(const unsigned char* bytes) { return bytes; }
  /// tbx keeps what it has where the index is not below 64.
  FEWBITS_INLINE static u8 lookup(table entries, u8 x) {
    const u8 index = vandq_u8(x, set(0x7f));
    return vqtbx4q_u8(vqtbl4q_u8(vld1q_u8_x4(entries), index), vld1q_u8_x4(entries + 64),
                      vsubq_u8(index, set(64)));
  }
  FEWBITS_INLINE static u8 select_by_top_bit(u8 x, u8 a, u8 b) {
    return vbslq_u8(vcltzq_s8(vreinterpretq_s8_u8(x)), a, b);
  }
  FEWBITS_INLINE static u8 before_store16(u8 x) { return x; }
  FEWBITS_INLINE static void store16(unsigned char* dst, u8 low, u8 high) {
    const uint8x16x2_t elements = {{low, high}};
    vst2q_u8(dst, elements);
  }
  FEWBITS_INLINE static u8 before_store_upper32(u8 x) { return x; }
  FEWBITS_INLINE static void store_upper32(unsigned char* dst, u8 low, u8 high) {
    const uint8x16x4_t elements = {{set(0), set(0), low, high}};
    vst4q_u8(dst, elements);
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
