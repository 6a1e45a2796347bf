// SPDX-License-Identifier: MIT
// x86 with AVX2, FMA and F16C: vector operations and special kernels.
//
// | instruction          | what it does                                     | per cycle (Zen 5) |
// | -------------------- | ------------------------------------------------ | ----------------- |
// | vcvtps2ph ymm        | 8 floats to fp16, rounding named in the code      | 1.25              |
// | vcvtph2ps ymm        | 8 fp16 to float                                  | 1.25              |
// | vpackusdw, vpackuswb | lanes of 32 to 16, 16 to 8 bits, within 128 bits | 2                 |
// | vpsllvd, vpsrlvd     | shifts by a lane's own count                     | 2                 |
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/run_vectors.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <isa Isa>
  requires has_avx2<Isa>
struct vec<Isa> {
  static constexpr int lanes = 8;
  using u32 = __m256i;
  using mask = __m256i;

  FEWBITS_INLINE static const __m128i* m128(const unsigned char* src) {
    return reinterpret_cast<const __m128i*>(src);
  }
  FEWBITS_INLINE static __m128i* m128(unsigned char* dst) {
    return reinterpret_cast<__m128i*>(dst);
  }

  FEWBITS_INLINE static u32 load8(const unsigned char* src) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(m128(src)));
  }
  FEWBITS_INLINE static u32 load16(const unsigned char* src) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(m128(src)));
  }
  FEWBITS_INLINE static u32 load32(const unsigned char* src) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
  }
  FEWBITS_INLINE static __m128i low16(u32 x) {
    const __m256i kept = _mm256_and_si256(x, _mm256_set1_epi32(0xffff));
    const __m256i packed = _mm256_packus_epi32(kept, kept);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 x) {
    const __m128i kept = _mm_and_si128(low16(x), _mm_set1_epi16(0xff));
    _mm_storel_epi64(m128(dst), _mm_packus_epi16(kept, kept));
  }
  FEWBITS_INLINE static void store16(unsigned char* dst, u32 x) {
    _mm_storeu_si128(m128(dst), low16(x));
  }
  FEWBITS_INLINE static void store32(unsigned char* dst, u32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), x);
  }
  /// The 24 bytes as two overlapping vectors: groups 0 to 3 begin the one, 4 to 7 end the other.
  FEWBITS_INLINE static u32 load24(const unsigned char* src) {
    const __m256i halves = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128(m128(src))), _mm_loadu_si128(m128(src + 8)), 1);
    return _mm256_shuffle_epi8(
        halves, _mm256_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1,  //
                                 4, 5, 6, -1, 7, 8, 9, -1, 10, 11, 12, -1, 13, 14, 15, -1));
  }
  FEWBITS_INLINE static void store24(unsigned char* dst, u32 x) {
    const __m256i halves = _mm256_shuffle_epi8(
        x, _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,  //
                            0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m256i packed =
        _mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
    _mm_storeu_si128(m128(dst), _mm256_castsi256_si128(packed));
    _mm_storel_epi64(m128(dst + 16), _mm256_extracti128_si256(packed, 1));
  }
  FEWBITS_INLINE static void stream64(unsigned char* dst, const unsigned char* src) {
    _mm256_stream_si256(reinterpret_cast<__m256i*>(dst), load32(src));
    _mm256_stream_si256(reinterpret_cast<__m256i*>(dst + 32), load32(src + 32));
  }
  FEWBITS_INLINE static void stream_fence() { _mm_sfence(); }

  FEWBITS_INLINE static u32 set(std::uint32_t x) {
    return _mm256_set1_epi32(static_cast<std::int32_t>(x));
  }
  FEWBITS_INLINE static u32 add(u32 a, u32 b) { return _mm256_add_epi32(a, b); }
  FEWBITS_INLINE static u32 sub(u32 a, u32 b) { return _mm256_sub_epi32(a, b); }
  FEWBITS_INLINE static u32 and_(u32 a, u32 b) { return _mm256_and_si256(a, b); }
  FEWBITS_INLINE static u32 or_(u32 a, u32 b) { return _mm256_or_si256(a, b); }
  FEWBITS_INLINE static u32 xor_(u32 a, u32 b) { return _mm256_xor_si256(a, b); }
  template <int Count>
  FEWBITS_INLINE static u32 shift_left(u32 x) {
    return _mm256_slli_epi32(x, Count);
  }
  template <int Count>
  FEWBITS_INLINE static u32 shift_right(u32 x) {
    return _mm256_srli_epi32(x, Count);
  }
  FEWBITS_INLINE static u32 shift_left(u32 x, u32 count) { return _mm256_sllv_epi32(x, count); }
  FEWBITS_INLINE static u32 shift_right(u32 x, u32 count) { return _mm256_srlv_epi32(x, count); }
  FEWBITS_INLINE static u32 min_(u32 a, u32 b) { return _mm256_min_epu32(a, b); }
  FEWBITS_INLINE static u32 max_(u32 a, u32 b) { return _mm256_max_epu32(a, b); }
  FEWBITS_INLINE static mask greater(u32 a, u32 b) { return _mm256_cmpgt_epi32(a, b); }
  FEWBITS_INLINE static mask equal(u32 a, u32 b) { return _mm256_cmpeq_epi32(a, b); }
  FEWBITS_INLINE static bool all(mask where) { return _mm256_movemask_epi8(where) == -1; }
  FEWBITS_INLINE static u32 select(mask where, u32 a, u32 b) {
    return _mm256_blendv_epi8(b, a, where);
  }
  FEWBITS_INLINE static u32 lookup16(const std::uint32_t (&table)[16], u32 x) {
    const __m256i* const halves = reinterpret_cast<const __m256i*>(table);
    const __m256i low = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(halves), x);
    const __m256i high = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(halves + 1), x);
    return _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high),
                                                _mm256_castsi256_ps(_mm256_slli_epi32(x, 28))));
  }
  /// Signed numbers compare like unsigned ones with the other top bit.
  FEWBITS_INLINE static mask carries(u32 a, u32 b) {
    return _mm256_cmpgt_epi32(xor_(a, set(0x80000000)), xor_(b, set(0x7fffffff)));
  }
  FEWBITS_INLINE static u32 multiply_pairs(u32 a, u32 b) { return _mm256_mul_epu32(a, b); }
  FEWBITS_INLINE static u32 swap_pairs(u32 x) { return _mm256_shuffle_epi32(x, 0xb1); }
  FEWBITS_INLINE static u32 select_even(u32 a, u32 b) { return _mm256_blend_epi32(a, b, 0xaa); }
  FEWBITS_INLINE static u32 unpack_low(u32 a, u32 b) { return _mm256_unpacklo_epi64(a, b); }
  FEWBITS_INLINE static u32 unpack_high(u32 a, u32 b) { return _mm256_unpackhi_epi64(a, b); }
  FEWBITS_INLINE static u32 float_bits(u32 x) { return _mm256_castps_si256(_mm256_cvtepi32_ps(x)); }
  FEWBITS_INLINE static void store16(unsigned char* dst, u32 a, u32 b) {
    store32(dst, _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 a, u32 b, u32 c, u32 d) {
    const __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    store32(dst, _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
  }
  template <rounding Mode>
  FEWBITS_INLINE static void store_half(unsigned char* dst, u32 x) {
    constexpr int direction = Mode == rounding::toward_zero       ? _MM_FROUND_TO_ZERO
                              : Mode == rounding::toward_positive ? _MM_FROUND_TO_POS_INF
                              : Mode == rounding::toward_negative ? _MM_FROUND_TO_NEG_INF
                                                                  : _MM_FROUND_TO_NEAREST_INT;
    _mm_storeu_si128(m128(dst), _mm256_cvtps_ph(floats(x), direction));
  }
  FEWBITS_INLINE static __m256i quad(const unsigned char* src) { return load32(src); }
  FEWBITS_INLINE static __m128i to_floats(__m256i doubles) {
    return _mm_castps_si128(_mm256_cvtpd_ps(_mm256_castsi256_pd(doubles)));
  }
  FEWBITS_INLINE static u32 join(__m128i low, __m128i high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  template <rounding Mode>
  FEWBITS_INLINE static u32 load64(const unsigned char* src) {
    return join(to_floats(quad(src)), to_floats(quad(src + 32)));
  }
  /// The nearest float r is one of the two neighbours. If it is not x, the odd neighbour is r itself or
  /// the next one on the side of x.
  FEWBITS_INLINE static __m128i odd_float(__m256i x) {
    const __m128i nearest = to_floats(x);
    const __m256i back = _mm256_castpd_si256(_mm256_cvtps_pd(_mm_castsi128_ps(nearest)));
    const __m256i magnitude = _mm256_set1_epi64x(0x7fff'ffff'ffff'ffff);
    // 0 or -1 in each quadword: r is beyond x, and x is not r.
    const __m256i beyond =
        _mm256_cmpgt_epi64(_mm256_and_si256(back, magnitude), _mm256_and_si256(x, magnitude));
    const __m256i exact = _mm256_cmpeq_epi64(back, x);
    const __m256i both = _mm256_blend_epi32(beyond, exact, 0xaa);
    const __m128i low = _mm256_castsi256_si128(both);
    const __m128i high = _mm256_extracti128_si256(both, 1);
    const __m128i is_beyond =
        _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(low), _mm_castsi128_ps(high), 0x88));
    const __m128i is_exact =
        _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(low), _mm_castsi128_ps(high), 0xdd));
    // NaN became quiet, and then compares as different from what it was; it stays what it is.
    const __m128i is_nan = _mm_cmpgt_epi32(_mm_and_si128(nearest, _mm_set1_epi32(0x7fffffff)),
                                           _mm_set1_epi32(0x7f800000));
    const __m128i odd = _mm_or_si128(_mm_add_epi32(nearest, is_beyond), _mm_set1_epi32(1));
    return _mm_blendv_epi8(odd, nearest, _mm_or_si128(is_exact, is_nan));
  }
  FEWBITS_INLINE static u32 load64_to_odd(const unsigned char* src) {
    return join(odd_float(quad(src)), odd_float(quad(src + 32)));
  }
  /// 29 bits are dropped from a normal number. Adding 2^29 - 1 to them carries into the last bit that is
  /// kept if one of them is set.
  FEWBITS_INLINE static __m256i odd_double(__m256i x) {
    const __m256i dropped = _mm256_set1_epi64x(0x1fffffff);
    const __m256i carried = _mm256_add_epi64(_mm256_and_si256(x, dropped), dropped);
    return _mm256_andnot_si256(dropped, _mm256_or_si256(x, carried));
  }
  FEWBITS_INLINE static u32 load64_normal_to_odd(const unsigned char* src) {
    return join(to_floats(odd_double(quad(src))), to_floats(odd_double(quad(src + 32))));
  }
  FEWBITS_INLINE static void store64(unsigned char* dst, u32 x) {
    const __m128 low = _mm_castsi128_ps(_mm256_castsi256_si128(x));
    const __m128 high = _mm_castsi128_ps(_mm256_extracti128_si256(x, 1));
    _mm256_storeu_pd(reinterpret_cast<double*>(dst), _mm256_cvtps_pd(low));
    _mm256_storeu_pd(reinterpret_cast<double*>(dst + 32), _mm256_cvtps_pd(high));
  }
  FEWBITS_INLINE static u32 load_half(const unsigned char* src) {
    return _mm256_castps_si256(_mm256_cvtph_ps(_mm_loadu_si128(m128(src))));
  }

  FEWBITS_INLINE static __m256 floats(u32 x) { return _mm256_castsi256_ps(x); }
  // In assembly, and on integers: the intrinsics are `+`, `*` and `/` to the compiler, which contracts
  // a * b + c and, under -ffast-math, moves operations, replaces the division by an estimate, and knows of
  // whatever is a float that it is no NaN and no infinity.
  FEWBITS_INLINE static u32 add_nearest(u32 a, u32 b) {
    u32 sum;
    __asm__("vaddps %2, %1, %0" : "=x"(sum) : "x"(a), "x"(b));
    return sum;
  }
  FEWBITS_INLINE static u32 multiply_nearest(u32 a, u32 b) {
    u32 product;
    __asm__("vmulps %2, %1, %0" : "=x"(product) : "x"(a), "x"(b));
    return product;
  }
  FEWBITS_INLINE static u32 divide_nearest(u32 a, u32 b) {
    u32 quotient;
    __asm__("vdivps %2, %1, %0" : "=x"(quotient) : "x"(a), "x"(b));
    return quotient;
  }
  FEWBITS_INLINE static u32 sqrt_nearest(u32 x) {
    u32 root;
    __asm__("vsqrtps %1, %0" : "=x"(root) : "x"(x));
    return root;
  }
  template <rounding Mode>
  FEWBITS_INLINE static u32 fma(u32 a, u32 b, u32 c) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
    return c;
  }
  FEWBITS_INLINE static u32 fma_nearest(u32 a, u32 b, u32 c) {
    return fma<rounding::nearest_even>(a, b, c);
  }
  FEWBITS_INLINE static bool ordered(u32 a, u32 b) {
    u32 unordered;
    __asm__("vcmpunordps %2, %1, %0" : "=x"(unordered) : "x"(a), "x"(b));
    return _mm256_movemask_epi8(unordered) == 0;
  }
  FEWBITS_INLINE static u32 nearest_integer(u32 x) { return _mm256_cvtps_epi32(floats(x)); }

  // `narrow` and `narrow_*` work within 128 bits: words and bytes stay in their order until the store.
  using words = __m256i;
  using bytes = __m256i;
  FEWBITS_INLINE static u32 load8_signed(const unsigned char* src) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(m128(src)));
  }
  FEWBITS_INLINE static words narrow(u32 a, u32 b) { return _mm256_packs_epi32(a, b); }
  FEWBITS_INLINE static words set_words(std::int16_t x) { return _mm256_set1_epi16(x); }
  FEWBITS_INLINE static words add_words(words a, words b) { return _mm256_adds_epi16(a, b); }
  FEWBITS_INLINE static words min_words(words a, words b) { return _mm256_min_epi16(a, b); }
  FEWBITS_INLINE static bool has_word(words a, std::int16_t x) {
    return _mm256_movemask_epi8(_mm256_cmpeq_epi16(a, set_words(x))) != 0;
  }
  FEWBITS_INLINE static bytes narrow_signed(words a, words b) { return _mm256_packs_epi16(a, b); }
  FEWBITS_INLINE static bytes narrow_unsigned(words a, words b) {
    return _mm256_packus_epi16(a, b);
  }
  FEWBITS_INLINE static bytes clamp_signed(bytes x, std::int8_t low, std::int8_t high) {
    return _mm256_min_epi8(_mm256_max_epi8(x, _mm256_set1_epi8(low)), _mm256_set1_epi8(high));
  }
  FEWBITS_INLINE static bytes clamp_unsigned(bytes x, std::uint8_t low, std::uint8_t high) {
    return _mm256_min_epu8(_mm256_max_epu8(x, _mm256_set1_epi8(static_cast<char>(low))),
                           _mm256_set1_epi8(static_cast<char>(high)));
  }
  FEWBITS_INLINE static bytes and_bytes(bytes x, std::uint8_t mask) {
    return _mm256_and_si256(x, _mm256_set1_epi8(static_cast<char>(mask)));
  }
  FEWBITS_INLINE static void store_bytes(unsigned char* dst, bytes x) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), _mm256_permutevar8x32_epi32(x, order));
  }
};

/// 16 lanes of 16 bits.
template <isa Isa>
  requires has_avx2<Isa>
struct vec16<Isa> {
  static constexpr int lanes = 16;
  using u16 = __m256i;
  using mask = __m256i;

  FEWBITS_INLINE static u16 load16(const unsigned char* src) { return vec<Isa>::load32(src); }
  FEWBITS_INLINE static void store16(unsigned char* dst, u16 x) { vec<Isa>::store32(dst, x); }
  FEWBITS_INLINE static u16 load8(const unsigned char* src) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(vec<Isa>::m128(src)));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u16 a, u16 b) {
    vec<Isa>::store32(dst, _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8));
  }

  FEWBITS_INLINE static u16 set(std::uint32_t x) {
    return _mm256_set1_epi16(static_cast<std::int16_t>(x));
  }
  FEWBITS_INLINE static u16 add(u16 a, u16 b) { return _mm256_add_epi16(a, b); }
  FEWBITS_INLINE static u16 sub(u16 a, u16 b) { return _mm256_sub_epi16(a, b); }
  FEWBITS_INLINE static u16 and_(u16 a, u16 b) { return _mm256_and_si256(a, b); }
  FEWBITS_INLINE static u16 or_(u16 a, u16 b) { return _mm256_or_si256(a, b); }
  FEWBITS_INLINE static u16 xor_(u16 a, u16 b) { return _mm256_xor_si256(a, b); }
  template <int Count>
  FEWBITS_INLINE static u16 shift_left(u16 x) {
    return _mm256_slli_epi16(x, Count);
  }
  template <int Count>
  FEWBITS_INLINE static u16 shift_right(u16 x) {
    return _mm256_srli_epi16(x, Count);
  }
  FEWBITS_INLINE static u16 min_(u16 a, u16 b) { return _mm256_min_epu16(a, b); }
  FEWBITS_INLINE static u16 max_(u16 a, u16 b) { return _mm256_max_epu16(a, b); }
  FEWBITS_INLINE static mask greater(u16 a, u16 b) { return _mm256_cmpgt_epi16(a, b); }
  FEWBITS_INLINE static mask equal(u16 a, u16 b) { return _mm256_cmpeq_epi16(a, b); }
  FEWBITS_INLINE static bool all(mask where) { return vec<Isa>::all(where); }
  FEWBITS_INLINE static u16 select(mask where, u16 a, u16 b) {
    return _mm256_blendv_epi8(b, a, where);
  }
  FEWBITS_INLINE static __m256i widen_low(u16 x) {
    return _mm256_castps_si256(_mm256_cvtph_ps(_mm256_castsi256_si128(x)));
  }
  FEWBITS_INLINE static __m256i widen_high(u16 x) {
    return _mm256_castps_si256(_mm256_cvtph_ps(_mm256_extracti128_si256(x, 1)));
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
