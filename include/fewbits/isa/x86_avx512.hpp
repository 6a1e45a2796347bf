// SPDX-License-Identifier: MIT
// x86 with AVX-512 F, BW, VL, DQ: vector operations and special kernels. GEMM is in
// x86_avx512_gemm.hpp.
//
// | instruction           | what it does                                 | per cycle (Zen 5) |
// | --------------------- | -------------------------------------------- | ----------------- |
// | vcvtps2ph zmm         | 16 floats to fp16, rounding named in the code | 1.25              |
// | vcvtph2ps zmm         | 16 fp16 to float                             | 1.25              |
// | vpmovdb, vpmovdw      | 16 lanes of 32 to 8, 16 bits                 | 2                 |
// | vpsllvd, vpsrlvd zmm  | shifts by a lane's own count                 | 2                 |
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

// Without optimisation, g++ has intrinsics with an immediate operand as macros, with masks of -1.
#if !defined(__clang__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {

template <isa Isa>
  requires has_avx512<Isa>
struct vec<Isa> {
  static constexpr int lanes = 16;
  using u32 = __m512i;
  using mask = __mmask16;

  FEWBITS_INLINE static u32 load8(const unsigned char* src) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src)));
  }
  FEWBITS_INLINE static u32 load16(const unsigned char* src) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src)));
  }
  FEWBITS_INLINE static u32 load32(const unsigned char* src) { return _mm512_loadu_si512(src); }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm512_cvtepi32_epi8(x));
  }
  FEWBITS_INLINE static void store16(unsigned char* dst, u32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), _mm512_cvtepi32_epi16(x));
  }
  FEWBITS_INLINE static void store32(unsigned char* dst, u32 x) { _mm512_storeu_si512(dst, x); }
  /// Four groups of 3 bytes to each 128 bits, then a byte shuffle within them.
  FEWBITS_INLINE static u32 load24(const unsigned char* src) {
    const __m512i quarters = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11),
        _mm512_maskz_loadu_epi32(0x0fff, src));
    return _mm512_shuffle_epi8(
        quarters, _mm512_broadcast_i32x4(
                      _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1)));
  }
  FEWBITS_INLINE static void store24(unsigned char* dst, u32 x) {
    const __m512i quarters =
        _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12,
                                                                    13, 14, -1, -1, -1, -1)));
    const __m512i packed = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15), quarters);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), _mm512_castsi512_si256(packed));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 32), _mm512_extracti32x4_epi32(packed, 2));
  }
  FEWBITS_INLINE static void stream64(unsigned char* dst, const unsigned char* src) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(dst), load32(src));
  }
  FEWBITS_INLINE static void stream_fence() { _mm_sfence(); }

  FEWBITS_INLINE static u32 set(std::uint32_t x) {
    return _mm512_set1_epi32(static_cast<std::int32_t>(x));
  }
  FEWBITS_INLINE static u32 add(u32 a, u32 b) { return _mm512_add_epi32(a, b); }
  FEWBITS_INLINE static u32 sub(u32 a, u32 b) { return _mm512_sub_epi32(a, b); }
  FEWBITS_INLINE static u32 and_(u32 a, u32 b) { return _mm512_and_si512(a, b); }
  FEWBITS_INLINE static u32 or_(u32 a, u32 b) { return _mm512_or_si512(a, b); }
  FEWBITS_INLINE static u32 xor_(u32 a, u32 b) { return _mm512_xor_si512(a, b); }
  template <int Count>
  FEWBITS_INLINE static u32 shift_left(u32 x) {
    return _mm512_slli_epi32(x, Count);
  }
  template <int Count>
  FEWBITS_INLINE static u32 shift_right(u32 x) {
    return _mm512_srli_epi32(x, Count);
  }
  FEWBITS_INLINE static u32 shift_left(u32 x, u32 count) { return _mm512_sllv_epi32(x, count); }
  FEWBITS_INLINE static u32 shift_right(u32 x, u32 count) { return _mm512_srlv_epi32(x, count); }
  FEWBITS_INLINE static u32 min_(u32 a, u32 b) { return _mm512_min_epu32(a, b); }
  FEWBITS_INLINE static u32 max_(u32 a, u32 b) { return _mm512_max_epu32(a, b); }
  FEWBITS_INLINE static mask greater(u32 a, u32 b) { return _mm512_cmpgt_epu32_mask(a, b); }
  FEWBITS_INLINE static mask equal(u32 a, u32 b) { return _mm512_cmpeq_epu32_mask(a, b); }
  FEWBITS_INLINE static bool all(mask where) { return where == 0xffff; }
  FEWBITS_INLINE static u32 select(mask where, u32 a, u32 b) {
    return _mm512_mask_blend_epi32(where, b, a);
  }
  FEWBITS_INLINE static u32 lookup16(const std::uint32_t (&table)[16], u32 x) {
    return _mm512_permutexvar_epi32(x, _mm512_loadu_si512(table));
  }
  FEWBITS_INLINE static mask carries(u32 a, u32 b) { return greater(a, xor_(b, set(~0U))); }
  FEWBITS_INLINE static u32 multiply_pairs(u32 a, u32 b) { return _mm512_mul_epu32(a, b); }
  FEWBITS_INLINE static u32 swap_pairs(u32 x) { return _mm512_shuffle_epi32(x, _MM_PERM_CDAB); }
  FEWBITS_INLINE static u32 select_even(u32 a, u32 b) {
    return _mm512_mask_blend_epi32(0xaaaa, a, b);
  }
  FEWBITS_INLINE static u32 unpack_low(u32 a, u32 b) { return _mm512_unpacklo_epi64(a, b); }
  FEWBITS_INLINE static u32 unpack_high(u32 a, u32 b) { return _mm512_unpackhi_epi64(a, b); }
  FEWBITS_INLINE static u32 float_bits(u32 x) { return _mm512_castps_si512(_mm512_cvtepi32_ps(x)); }

  static constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  FEWBITS_INLINE static __m512 floats(u32 x) { return _mm512_castsi512_ps(x); }
  // In assembly, and on integers: under -ffast-math compilers know of whatever is a float that it is no
  // NaN and no infinity, and drop the tests for these that follow.
  FEWBITS_INLINE static u32 add_nearest(u32 a, u32 b) {
    u32 sum;
    __asm__("vaddps %2, %1, %0" : "=v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  FEWBITS_INLINE static u32 multiply_nearest(u32 a, u32 b) {
    u32 product;
    __asm__("vmulps %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
    return product;
  }
  FEWBITS_INLINE static u32 divide_nearest(u32 a, u32 b) {
    u32 quotient;
    __asm__("vdivps %2, %1, %0" : "=v"(quotient) : "v"(a), "v"(b));
    return quotient;
  }
  FEWBITS_INLINE static u32 sqrt_nearest(u32 x) {
    u32 root;
    __asm__("vsqrtps %1, %0" : "=v"(root) : "v"(x));
    return root;
  }
  FEWBITS_INLINE static u32 fma_nearest(u32 a, u32 b, u32 c) {
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
  }
  FEWBITS_INLINE static u32 nearest_integer(u32 x) {
    return _mm512_cvt_roundps_epi32(floats(x), nearest);
  }

  // `narrow` and `narrow_*` work within 128 bits: words and bytes stay in their order until the store.
  using words = __m512i;
  using bytes = __m512i;
  FEWBITS_INLINE static u32 load8_signed(const unsigned char* src) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src)));
  }
  FEWBITS_INLINE static words narrow(u32 a, u32 b) { return _mm512_packs_epi32(a, b); }
  FEWBITS_INLINE static words set_words(std::int16_t x) { return _mm512_set1_epi16(x); }
  FEWBITS_INLINE static words add_words(words a, words b) { return _mm512_adds_epi16(a, b); }
  FEWBITS_INLINE static words min_words(words a, words b) { return _mm512_min_epi16(a, b); }
  FEWBITS_INLINE static bool has_word(words a, std::int16_t x) {
    return _mm512_cmpeq_epi16_mask(a, set_words(x)) != 0;
  }
  FEWBITS_INLINE static bytes narrow_signed(words a, words b) { return _mm512_packs_epi16(a, b); }
  FEWBITS_INLINE static bytes narrow_unsigned(words a, words b) {
    return _mm512_packus_epi16(a, b);
  }
  FEWBITS_INLINE static bytes clamp_signed(bytes x, std::int8_t low, std::int8_t high) {
    return _mm512_min_epi8(_mm512_max_epi8(x, _mm512_set1_epi8(low)), _mm512_set1_epi8(high));
  }
  FEWBITS_INLINE static bytes clamp_unsigned(bytes x, std::uint8_t low, std::uint8_t high) {
    return _mm512_min_epu8(_mm512_max_epu8(x, _mm512_set1_epi8(static_cast<char>(low))),
                           _mm512_set1_epi8(static_cast<char>(high)));
  }
  FEWBITS_INLINE static bytes and_bytes(bytes x, std::uint8_t mask) {
    return _mm512_and_si512(x, _mm512_set1_epi8(static_cast<char>(mask)));
  }
  FEWBITS_INLINE static void store_bytes(unsigned char* dst, bytes x) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(dst, _mm512_permutexvar_epi32(order, x));
  }

  FEWBITS_INLINE static void store16(unsigned char* dst, u32 a, u32 b) {
    _mm512_storeu_si512(dst, _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7),
                                                      _mm512_packus_epi32(a, b)));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 a, u32 b, u32 c, u32 d) {
    const __m512i words = _mm512_packus_epi32(a, b);
    const __m512i more = _mm512_packus_epi32(c, d);
    _mm512_storeu_si512(dst, _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2,
                                                                        6, 10, 14, 3, 7, 11, 15),
                                                      _mm512_packus_epi16(words, more)));
  }
  FEWBITS_INLINE static u32 merge(u32 bits, u32 a, u32 b) {
    return _mm512_ternarylogic_epi32(a, b, bits, 0xe4);
  }

  // The names of the intrinsics' rounding operand.
  template <rounding Mode>
  static constexpr int direction = Mode == rounding::toward_zero       ? _MM_FROUND_TO_ZERO
                                   : Mode == rounding::toward_positive ? _MM_FROUND_TO_POS_INF
                                   : Mode == rounding::toward_negative ? _MM_FROUND_TO_NEG_INF
                                                                       : _MM_FROUND_TO_NEAREST_INT;
  FEWBITS_INLINE static bool ordered(u32 a, u32 b) {
    __mmask16 unordered;
    __asm__("vcmpunordps %2, %1, %0" : "=k"(unordered) : "v"(a), "v"(b));
    return unordered == 0;
  }
  template <rounding Mode>
  FEWBITS_INLINE static u32 fma(u32 a, u32 b, u32 c) {
    return _mm512_castps_si512(_mm512_fmadd_round_ps(floats(a), floats(b), floats(c),
                                                     direction<Mode> | _MM_FROUND_NO_EXC));
  }
  template <rounding Mode>
  FEWBITS_INLINE static void store_half(unsigned char* dst, u32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst),
                        _mm512_cvtps_ph(floats(x), direction<Mode> | _MM_FROUND_NO_EXC));
  }
  template <rounding Mode>
  FEWBITS_INLINE static u32 load64(const unsigned char* src) {
    constexpr int how = direction<Mode> | _MM_FROUND_NO_EXC;
    const __m256 low = _mm512_cvt_roundpd_ps(_mm512_loadu_pd(src), how);
    const __m256 high = _mm512_cvt_roundpd_ps(_mm512_loadu_pd(src + 64), how);
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_castps_si256(low)),
                              _mm256_castps_si256(high), 1);
  }
  /// Of the neighbours below and above, which are one unless the number lies between, the odd one.
  FEWBITS_INLINE static u32 load64_to_odd(const unsigned char* src) {
    const u32 below = load64<rounding::toward_negative>(src);
    const u32 above = load64<rounding::toward_positive>(src);
    return _mm512_mask_blend_epi32(_mm512_test_epi32_mask(below, set(1)), above, below);
  }
  /// 29 bits are dropped from a normal number. Adding 2^29 - 1 carries into the last bit that is kept if
  /// one of them is set.
  FEWBITS_INLINE static __m256i odd_doubles(const unsigned char* src) {
    const __m512i x = _mm512_loadu_si512(src);
    const __m512i sum = _mm512_add_epi64(x, _mm512_set1_epi64(0x1fffffff));
    const __m512i odd = _mm512_ternarylogic_epi64(_mm512_set1_epi64(0x20000000), x, sum, 0xec);
    return _mm256_castps_si256(
        _mm512_cvt_roundpd_ps(_mm512_castsi512_pd(odd), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC));
  }
  FEWBITS_INLINE static u32 load64_normal_to_odd(const unsigned char* src) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(odd_doubles(src)), odd_doubles(src + 64), 1);
  }
  FEWBITS_INLINE static void store64(unsigned char* dst, u32 x) {
    const __m256 low = _mm256_castsi256_ps(_mm512_castsi512_si256(x));
    const __m256 high = _mm256_castsi256_ps(_mm512_extracti64x4_epi64(x, 1));
    _mm512_storeu_pd(dst, _mm512_cvtps_pd(low));
    _mm512_storeu_pd(dst + 64, _mm512_cvtps_pd(high));
  }
#if defined(__AVX512FP16__)
  template <rounding Mode>
  FEWBITS_INLINE static void store_half_of64(unsigned char* dst, const unsigned char* src)
    requires(Isa.has(feature::avx512fp16))
  {
    constexpr int how = direction<Mode> | _MM_FROUND_NO_EXC;
    const __m128h low = _mm512_cvt_roundpd_ph(_mm512_loadu_pd(src), how);
    const __m128h high = _mm512_cvt_roundpd_ph(_mm512_loadu_pd(src + 64), how);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm_castph_si128(low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 16), _mm_castph_si128(high));
  }
#endif
#if defined(__AVX512BF16__)
  /// The instruction reads subnormal numbers as zero, so they go another way, in the rare vector that
  /// has some.
  FEWBITS_INLINE static void store_bf16(unsigned char* dst, u32 a, u32 b)
    requires(Isa.has(feature::avx512bf16))
  {
    constexpr int subnormal = 0x20;
    const __mmask16 in_a = _mm512_fpclass_ps_mask(floats(a), subnormal);
    const __mmask16 in_b = _mm512_fpclass_ps_mask(floats(b), subnormal);
    __m512i codes = detail::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(floats(b), floats(a)));
    if (__builtin_expect(_kortestz_mask16_u8(in_a, in_b) == 0, 0)) {
      const __m512i words =
          _mm512_inserti64x4(_mm512_castsi256_si512(subnormal_bf16(a)), subnormal_bf16(b), 1);
      codes = _mm512_mask_blend_epi16(
          static_cast<__mmask32>(in_a) | static_cast<__mmask32>(in_b) << 16, codes, words);
    }
    _mm512_storeu_si512(dst, codes);
  }
  FEWBITS_INLINE static __m256i subnormal_bf16(u32 x) {
    const u32 odd = and_(shift_right<16>(x), set(1));
    return _mm512_cvtepi32_epi16(shift_right<16>(add(x, add(odd, set(0x7fff)))));
  }
#endif
  FEWBITS_INLINE static u32 load_half(const unsigned char* src) {
    return _mm512_castps_si512(
        _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src))));
  }
};

/// 32 lanes of 16 bits.
template <isa Isa>
  requires has_avx512<Isa>
struct vec16<Isa> {
  static constexpr int lanes = 32;
  using u16 = __m512i;
  using mask = __mmask32;

  FEWBITS_INLINE static u16 load16(const unsigned char* src) { return _mm512_loadu_si512(src); }
  FEWBITS_INLINE static void store16(unsigned char* dst, u16 x) { _mm512_storeu_si512(dst, x); }
  FEWBITS_INLINE static u16 load8(const unsigned char* src) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src)));
  }
  FEWBITS_INLINE static void store8(unsigned char* dst, u16 a, u16 b) {
    _mm512_storeu_si512(dst, _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7),
                                                      _mm512_packus_epi16(a, b)));
  }

  FEWBITS_INLINE static u16 set(std::uint32_t x) {
    return _mm512_set1_epi16(static_cast<std::int16_t>(x));
  }
  FEWBITS_INLINE static u16 add(u16 a, u16 b) { return _mm512_add_epi16(a, b); }
  FEWBITS_INLINE static u16 sub(u16 a, u16 b) { return _mm512_sub_epi16(a, b); }
  FEWBITS_INLINE static u16 and_(u16 a, u16 b) { return _mm512_and_si512(a, b); }
  FEWBITS_INLINE static u16 or_(u16 a, u16 b) { return _mm512_or_si512(a, b); }
  FEWBITS_INLINE static u16 xor_(u16 a, u16 b) { return _mm512_xor_si512(a, b); }
  template <int Count>
  FEWBITS_INLINE static u16 shift_left(u16 x) {
    return _mm512_slli_epi16(x, Count);
  }
  template <int Count>
  FEWBITS_INLINE static u16 shift_right(u16 x) {
    return _mm512_srli_epi16(x, Count);
  }
  FEWBITS_INLINE static u16 shift_left(u16 x, u16 count) { return _mm512_sllv_epi16(x, count); }
  FEWBITS_INLINE static u16 shift_right(u16 x, u16 count) { return _mm512_srlv_epi16(x, count); }
  FEWBITS_INLINE static u16 min_(u16 a, u16 b) { return _mm512_min_epu16(a, b); }
  FEWBITS_INLINE static u16 max_(u16 a, u16 b) { return _mm512_max_epu16(a, b); }
  FEWBITS_INLINE static mask greater(u16 a, u16 b) { return _mm512_cmpgt_epu16_mask(a, b); }
  FEWBITS_INLINE static mask equal(u16 a, u16 b) { return _mm512_cmpeq_epi16_mask(a, b); }
  FEWBITS_INLINE static bool all(mask where) { return where == 0xffffffff; }
  FEWBITS_INLINE static u16 select(mask where, u16 a, u16 b) {
    return _mm512_mask_blend_epi16(where, b, a);
  }
  FEWBITS_INLINE static u16 merge(u16 bits, u16 a, u16 b) {
    return _mm512_ternarylogic_epi32(a, b, bits, 0xe4);
  }
  FEWBITS_INLINE static __m512i widen_low(u16 x) {
    return _mm512_castps_si512(_mm512_cvtph_ps(_mm512_castsi512_si256(x)));
  }
  FEWBITS_INLINE static __m512i widen_high(u16 x) {
    return _mm512_castps_si512(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(x, 1)));
  }
#if defined(__AVX512FP16__)
  template <rounding Mode>
  FEWBITS_INLINE static u16 fma(u16 a, u16 b, u16 c)
    requires(Isa.has(feature::avx512fp16))
  {
    constexpr int how = vec<Isa>::template direction<Mode> | _MM_FROUND_NO_EXC;
    return _mm512_castph_si512(_mm512_fmadd_round_ph(_mm512_castsi512_ph(a), _mm512_castsi512_ph(b),
                                                     _mm512_castsi512_ph(c), how));
  }
#endif
};

#if defined(__AVX512VBMI__)
/// 64 lanes of 8 bits.
template <isa Isa>
  requires has_avx512<Isa> && (Isa.has(feature::avx512vbmi))
struct vec8<Isa> {
  static constexpr int lanes = 64;
  using u8 = __m512i;
  struct table {
    __m512i low, high;
  };

  FEWBITS_INLINE static u8 load8(const unsigned char* src) { return _mm512_loadu_si512(src); }
  FEWBITS_INLINE static void store8(unsigned char* dst, u8 x) { _mm512_storeu_si512(dst, x); }
  FEWBITS_INLINE static u8 set(std::uint32_t x) {
    return _mm512_set1_epi8(static_cast<std::int8_t>(x));
  }
  FEWBITS_INLINE static u8 merge(u8 bits, u8 a, u8 b) {
    return _mm512_ternarylogic_epi32(a, b, bits, 0xe4);
  }
  FEWBITS_INLINE static table load_table(const unsigned char* bytes) {
    return {_mm512_load_si512(bytes), _mm512_load_si512(bytes + 64)};
  }
  FEWBITS_INLINE static u8 lookup(table entries, u8 index) {
    return _mm512_permutex2var_epi8(entries.low, index, entries.high);
  }
  FEWBITS_INLINE static u8 select_by_top_bit(u8 x, u8 a, u8 b) {
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), b, a);
  }
  // Unpacking works within 128 bits: the order before makes the order after it the original one.
  FEWBITS_INLINE static u8 before_store16(u8 x) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), x);
  }
  FEWBITS_INLINE static void store16(unsigned char* dst, u8 low, u8 high) {
    _mm512_storeu_si512(dst, _mm512_unpacklo_epi8(low, high));
    _mm512_storeu_si512(dst + 64, _mm512_unpackhi_epi8(low, high));
  }
  FEWBITS_INLINE static u8 before_store_upper32(u8 x) {
    return _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), x);
  }
  FEWBITS_INLINE static void store_upper32(unsigned char* dst, u8 low, u8 high) {
    const __m512i zero = _mm512_setzero_si512();
    const __m512i first = _mm512_unpacklo_epi8(low, high);
    const __m512i second = _mm512_unpackhi_epi8(low, high);
    _mm512_storeu_si512(dst, _mm512_unpacklo_epi16(zero, first));
    _mm512_storeu_si512(dst + 64, _mm512_unpackhi_epi16(zero, first));
    _mm512_storeu_si512(dst + 128, _mm512_unpacklo_epi16(zero, second));
    _mm512_storeu_si512(dst + 192, _mm512_unpackhi_epi16(zero, second));
  }
};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits

#if !defined(__clang__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic pop
#endif
