// SPDX-License-Identifier: MIT
// x86 with AVX-512: groups of blocks that share a scale.
//
// A vector of 16 floats costs about 15 operations to encode, on two ports: 2 for the largest magnitude, 2
// for its reduction (four blocks at once, so that each shuffle serves all), 1 to scale, 9 to round, 1 to
// pack. Decoding 4-bit codes is one permutation of a table that holds the scale already.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/block_lanes.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

#if !defined(__clang__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {

template <isa Isa>
  requires has_avx512<Isa>
struct block_lanes<Isa> {
  static constexpr bool is_available = true;
  static constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  static constexpr std::uint32_t infinity = 0x7f800000;
  using u32 = __m512i;

  FEWBITS_INLINE static u32 set(std::uint32_t x) {
    return _mm512_set1_epi32(static_cast<std::int32_t>(x));
  }
  FEWBITS_INLINE static u32 load(const float* x) { return _mm512_loadu_si512(x); }
  FEWBITS_INLINE static void store(float* x, __m512 value) { _mm512_storeu_ps(x, value); }
  FEWBITS_INLINE static __m512 floats(u32 x) { return _mm512_castsi512_ps(x); }
  FEWBITS_INLINE static u32 bits(__m512 x) { return _mm512_castps_si512(x); }
  FEWBITS_INLINE static __m512 multiply(__m512 a, __m512 b) {
    return _mm512_mul_round_ps(a, b, nearest);
  }
  FEWBITS_INLINE static __m512 divide(__m512 a, __m512 b) {
    return _mm512_div_round_ps(a, b, nearest);
  }
  FEWBITS_INLINE static u32 magnitude(u32 x) { return _mm512_and_si512(x, set(0x7fffffff)); }
  FEWBITS_INLINE static bool any(__mmask16 where) { return where != 0; }

  /// In each quarter i, four times the largest lane of m_i, unsigned (or, with `Signed`, signed).
  template <bool Signed = false>
  FEWBITS_INLINE static u32 largest_of_four(u32 m0, u32 m1, u32 m2, u32 m3) {
    const u32 low =
        larger<Signed>(_mm512_shuffle_i32x4(m0, m1, 0x44), _mm512_shuffle_i32x4(m0, m1, 0xee));
    const u32 high =
        larger<Signed>(_mm512_shuffle_i32x4(m2, m3, 0x44), _mm512_shuffle_i32x4(m2, m3, 0xee));
    u32 all = larger<Signed>(_mm512_shuffle_i32x4(low, high, 0x88),
                             _mm512_shuffle_i32x4(low, high, 0xdd));
    all = larger<Signed>(all, _mm512_shuffle_epi32(all, _MM_PERM_CDAB));
    return larger<Signed>(all, _mm512_shuffle_epi32(all, _MM_PERM_BADC));
  }
  template <bool Signed>
  FEWBITS_INLINE static u32 larger(u32 a, u32 b) {
    return Signed ? _mm512_max_epi32(a, b) : _mm512_max_epu32(a, b);
  }

  /// Of four blocks of 32 floats, the largest magnitudes in quarters.
  FEWBITS_INLINE static u32 amax_of_four(const float* src) {
    u32 m[4];
    FEWBITS_UNROLL
    for (int i = 0; i < 4; ++i)
      m[i] = _mm512_max_epu32(magnitude(load(src + 32 * i)), magnitude(load(src + 32 * i + 16)));
    return largest_of_four(m[0], m[1], m[2], m[3]);
  }

  /// From memory a broadcast costs no shuffle; g++ would take the numbers out of registers.
  template <std::size_t Size>
  FEWBITS_INLINE static void keep_in_memory(float (&x)[Size]) {
    __asm__("" : "+m"(x));
  }

  /// Quarter i of `x` everywhere.
  template <int Quarter>
  FEWBITS_INLINE static __m512 quarter(__m512 x) {
    return _mm512_shuffle_f32x4(x, x, Quarter * 0x55);
  }

  /// Floats without NaN as codes in the low `width` bits, to nearest even, at most `largest`; other bits
  /// are 0. Adding 2^(e + 23 - m), with e the exponent of the binade and m mantissa bits, leaves the number
  /// of quanta in the low bits; what is added to it puts the exponent field right.
  template <small_float Format>
  FEWBITS_INLINE static u32 encode(__m512 x) {
    constexpr int drop = 23 - Format.mantissa_bits;
    constexpr std::uint32_t lowest = static_cast<std::uint32_t>(Format.min_exponent + 127);
    constexpr std::uint32_t mask = (1U << (Format.width - 1)) - 1;
    constexpr std::uint32_t offset = (0 - (lowest << Format.mantissa_bits)) & mask;
    static_assert(Format.mantissa_bits > 0 && offset % 2 == 0);
    // The smaller magnitude, the sign of x.
    const __m512 kept = _mm512_range_ps(x, floats(set(Format.largest)), 0x02);
    const u32 binade =
        _mm512_max_epi32(_mm512_and_si512(bits(kept), set(infinity)), set(lowest << 23));
    const u32 magic =
        _mm512_add_epi32(binade, set((static_cast<std::uint32_t>(drop) << 23) + offset));
    const u32 with_sign =
        _mm512_ternarylogic_epi32(magic, bits(kept), set(0x80000000), 0xf8);  // a | (b & c)
    const u32 sum = bits(_mm512_add_round_ps(kept, floats(with_sign), nearest));
    const u32 code = _mm512_add_epi32(sum, _mm512_srli_epi32(binade, drop));
    const u32 sign = _mm512_srli_epi32(sum, 32 - static_cast<unsigned>(Format.width));
    return _mm512_ternarylogic_epi32(code, sign, set(mask), 0xe4);  // c ? a : b
  }

  /// 64 codes, one to a lane, to bytes in the order: 4 lanes of c0, c1, c2, c3, then the next 4 of each.
  FEWBITS_INLINE static u32 interleaved_bytes(u32 c0, u32 c1, u32 c2, u32 c3) {
    return _mm512_packus_epi16(_mm512_packus_epi32(c0, c1), _mm512_packus_epi32(c2, c3));
  }
  FEWBITS_INLINE static void store_bytes(unsigned char* dst, u32 c0, u32 c1, u32 c2, u32 c3) {
    const u32 order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(dst, _mm512_permutexvar_epi32(order, interleaved_bytes(c0, c1, c2, c3)));
  }
  /// 128 codes of 4 bits, low nibble first, to 64 bytes.
  FEWBITS_INLINE static void store_nibbles(unsigned char* dst, const u32 (&c)[8]) {
    const u32 weights = _mm512_set1_epi16(0x1001);
    const u32 w0 = _mm512_maddubs_epi16(interleaved_bytes(c[0], c[1], c[2], c[3]), weights);
    const u32 w1 = _mm512_maddubs_epi16(interleaved_bytes(c[4], c[5], c[6], c[7]), weights);
    const u32 order = _mm512_set_epi16(31, 23, 15, 7, 30, 22, 14, 6, 29, 21, 13, 5, 28, 20, 12, 4,
                                       27, 19, 11, 3, 26, 18, 10, 2, 25, 17, 9, 1, 24, 16, 8, 0);
    _mm512_storeu_si512(dst, _mm512_permutexvar_epi16(order, _mm512_packus_epi16(w0, w1)));
  }
  /// 64 codes of 6 bits to 48 bytes.
  FEWBITS_INLINE static void store_sextets(unsigned char* dst, u32 c0, u32 c1, u32 c2, u32 c3) {
    const u32 pairs =
        _mm512_maddubs_epi16(interleaved_bytes(c0, c1, c2, c3), _mm512_set1_epi16(0x4001));
    const u32 quads = _mm512_madd_epi16(pairs, set(0x10000001));
    const u32 order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const u32 sorted = _mm512_permutexvar_epi32(order, quads);
    const __m128i squeeze = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    const u32 lanes = _mm512_shuffle_epi8(sorted, _mm512_broadcast_i32x4(squeeze));
    const u32 dense = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15), lanes);
    _mm512_mask_storeu_epi32(dst, 0x0fff, dense);
  }
  template <int Width>
  FEWBITS_INLINE static void store_codes(unsigned char* dst, const u32 (&c)[8]) {
    if constexpr (Width == 4) {
      store_nibbles(dst, c);
    } else if constexpr (Width == 6) {
      store_sextets(dst, c[0], c[1], c[2], c[3]);
      store_sextets(dst + 48, c[4], c[5], c[6], c[7]);
    } else {
      store_bytes(dst, c[0], c[1], c[2], c[3]);
      store_bytes(dst + 64, c[4], c[5], c[6], c[7]);
    }
  }
  /// One lane of each quarter.
  FEWBITS_INLINE static __m128i four_of(u32 x) {
    return _mm512_castsi512_si128(_mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12), x));
  }
  FEWBITS_INLINE static void store_quarters(unsigned char* dst, u32 x) {
    const std::int32_t four = _mm_cvtsi128_si32(_mm_cvtepi32_epi8(four_of(x)));
    __builtin_memcpy(dst, &four, 4);
  }

  /// The codes of E8M0 scales: the exponent of amax + bump, less `max_exponent` of the elements.
  template <std::uint32_t Bump, int MaxExponent>
  FEWBITS_INLINE static u32 scale_codes(u32 amax) {
    static_assert(MaxExponent >= 0 && (MaxExponent > 0 || Bump == 0));
    const u32 field = _mm512_srli_epi32(_mm512_add_epi32(amax, set(Bump)), 23);
    const u32 code = _mm512_max_epi32(
        _mm512_sub_epi32(field, set(static_cast<std::uint32_t>(MaxExponent))), set(0));
    return _mm512_min_epi32(code, set(static_cast<std::uint32_t>(254 - MaxExponent)));
  }
  /// 2^(127 - code) as a float, for codes of E8M0 that are numbers.
  FEWBITS_INLINE static __m512 inverse_scales(u32 codes) {
    const u32 field = _mm512_slli_epi32(_mm512_sub_epi32(set(254), codes), 23);
    return floats(_mm512_max_epu32(field, set(0x00400000)));
  }

  /// Four blocks of 32 elements under scales of E8M0. `Bump` is what the scale rule adds to amax.
  template <small_float Format, int MaxExponent, std::uint32_t Bump>
  FEWBITS_INLINE static bool encode_mx(const float* src, unsigned char* elements,
                                       unsigned char* scales) {
    const u32 amax = amax_of_four(src);
    if (any(_mm512_cmpge_epu32_mask(amax, set(infinity)))) return false;
    const u32 codes = scale_codes<Bump, MaxExponent>(amax);
    const __m512 factors = inverse_scales(codes);
    const __m512 factor[4] = {quarter<0>(factors), quarter<1>(factors), quarter<2>(factors),
                              quarter<3>(factors)};
    u32 c[8];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 8; ++i)
      c[i] = encode<Format>(multiply(floats(load(src + 16 * i)), factor[i / 2]));
    store_codes<Format.width>(elements, c);
    store_quarters(scales, codes);
    return true;
  }

  /// Four blocks of MXINT8: integers of 6 fraction bits, at most 127 in size.
  FEWBITS_INLINE static bool encode_mxint8(const float* src, unsigned char* elements,
                                           unsigned char* scales) {
    const u32 amax = amax_of_four(src);
    if (any(_mm512_cmpge_epu32_mask(amax, set(infinity)))) return false;
    const u32 codes = scale_codes<0, 0>(amax);
    const __m512 factors = inverse_scales(codes);
    const __m512 factor[4] = {quarter<0>(factors), quarter<1>(factors), quarter<2>(factors),
                              quarter<3>(factors)};
    __m512i c[8];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 8; ++i) {
      const __m512 x =
          multiply(multiply(floats(load(src + 16 * i)), factor[i / 2]), _mm512_set1_ps(64.0F));
      c[i] = _mm512_max_epi32(_mm512_cvt_roundps_epi32(x, nearest), set(0U - 127U));
    }
    const u32 order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 8; i += 4) {
      const u32 packed = _mm512_packs_epi16(_mm512_packs_epi32(c[i], c[i + 1]),
                                            _mm512_packs_epi32(c[i + 2], c[i + 3]));
      _mm512_storeu_si512(elements + 16 * i, _mm512_permutexvar_epi32(order, packed));
    }
    store_quarters(scales, codes);
    return true;
  }

  /// Scales of sixteen blocks of 16 elements, FP8 without a sign, and the factors that divide by them; lane
  /// 4 q + i of the factors is that of block 4 i + q. 1 / t and 2^-exponent come from the tensor scale
  /// t 2^exponent.
  template <small_float Element, small_float Scale>
  FEWBITS_INLINE static bool nv_scales(const float* src, unsigned char* scales, float* factors,
                                       float t, float inverse, float power) {
    u32 r[4];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
      r[i] =
          largest_of_four(magnitude(load(src + 64 * i)), magnitude(load(src + 64 * i + 16)),
                          magnitude(load(src + 64 * i + 32)), magnitude(load(src + 64 * i + 48)));
    // Block 4 i + q in lane 4 q + i.
    u32 amax = _mm512_mask_mov_epi32(r[0], 0x2222, r[1]);
    amax = _mm512_mask_mov_epi32(amax, 0x4444, r[2]);
    amax = _mm512_mask_mov_epi32(amax, 0x8888, r[3]);
    if (any(_mm512_cmpge_epu32_mask(amax, set(infinity)))) return false;
    const __m512 relative = multiply(floats(amax), _mm512_set1_ps(power));
    const __m512 quotient =
        divide(divide(relative, floats(set(Element.largest))), _mm512_set1_ps(t));
    const __mmask16 is_zero = _mm512_cmpeq_epi32_mask(amax, set(0));
    u32 codes = _mm512_max_epi32(encode<Scale>(quotient), set(1));
    codes = _mm512_mask_mov_epi32(codes, is_zero, set(0));
    // FP8 E4M3 by way of FP16.
    const __m256i half = _mm256_slli_epi16(_mm512_cvtepi32_epi16(codes), 7);
    const __m512 scale =
        _mm512_mul_round_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0F), nearest);
    __m512 factor = divide(_mm512_set1_ps(inverse), scale);
    factor = multiply(factor, _mm512_set1_ps(power));
    factor = _mm512_mask_mov_ps(factor, is_zero, _mm512_set1_ps(1.0F));
    _mm512_store_ps(factors, factor);
    const u32 order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(scales),
                     _mm512_cvtepi32_epi8(_mm512_permutexvar_epi32(order, codes)));
    return true;
  }

  /// `Groups` times sixteen blocks of 16 FP4 elements. All scales come first: a group alone would wait for
  /// its divisions.
  template <small_float Element, small_float Scale, std::size_t Groups>
  FEWBITS_INLINE static bool encode_nv(const float* src, unsigned char* elements,
                                       unsigned char* scales, float t, float inverse, float power) {
    alignas(64) float factors[16 * Groups];
    for (std::size_t i = 0; i < Groups; ++i)
      if (!nv_scales<Element, Scale>(src + 256 * i, scales + 16 * i, factors + 16 * i, t, inverse,
                                     power))
        return false;
    for (std::size_t i = 0; i < 2 * Groups; ++i) {
      u32 c[8];
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 8; ++j) {
        const __m512 by = _mm512_set1_ps(factors[i / 2 * 16 + i % 2 * 2 + j % 4 * 4 + j / 4]);
        c[j] = encode<Element>(multiply(floats(load(src + 128 * i + 16 * j)), by));
      }
      store_nibbles(elements + 64 * i, c);
    }
    return true;
  }

  /// 2^(code - 127 + Shift) for four codes of E8M0; false if one is NaN or too large.
  template <int Shift = 0>
  FEWBITS_INLINE static bool load_scales(const unsigned char* scales, float (&factors)[4]) {
    std::int32_t four;
    __builtin_memcpy(&four, scales, 4);
    const __m128i stored = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(four));
    const __m128i codes = _mm_add_epi32(stored, _mm_set1_epi32(Shift));
    if (_mm_cmpge_epu32_mask(codes, _mm_set1_epi32(255)) != 0) return false;
    _mm_store_si128(reinterpret_cast<__m128i*>(factors),
                    _mm_max_epu32(_mm_slli_epi32(codes, 23), _mm_set1_epi32(0x00400000)));
    keep_in_memory(factors);
    return true;
  }

  /// 16 floats by the low nibbles of lanes; low nibble first of 8 bytes.
  FEWBITS_INLINE static __m512 sixteen(const unsigned char* src, __m512 table) {
    const u32 each = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(src)));
    return _mm512_permutexvar_ps(_mm512_or_si512(each, _mm512_slli_epi64(each, 28)), table);
  }
  FEWBITS_INLINE static __m512 fp4_table(float negative_zero = -0.0F) {
    return _mm512_setr_ps(0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F, negative_zero, -0.5F,
                          -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F);
  }

  /// Four blocks of 32 FP4 elements.
  FEWBITS_INLINE static bool decode_mxfp4(const unsigned char* elements,
                                          const unsigned char* scales, float* dst) {
    alignas(16) float factors[4];
    if (!load_scales(scales, factors)) return false;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      const __m512 table = multiply(fp4_table(), _mm512_set1_ps(factors[i]));
      store(dst + 32 * i, sixteen(elements + 16 * i, table));
      store(dst + 32 * i + 16, sixteen(elements + 16 * i + 8, table));
    }
    return true;
  }
  /// Sixteen blocks of 16 under FP8 scales; false if one is NaN. The tensor scale is finite.
  FEWBITS_INLINE static bool decode_nv(const unsigned char* elements, const unsigned char* scales,
                                       float tensor, float* dst) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales));
    const __m128i low = _mm_and_si128(codes, _mm_set1_epi8(0x7f));
    if (_mm_cmpeq_epi8_mask(low, _mm_set1_epi8(0x7f)) != 0) return false;
    const __m256i half = _mm256_slli_epi16(_mm256_cvtepu8_epi16(low), 7);
    alignas(64) float factors[16];
    _mm512_store_ps(factors, multiply(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0F)));
    keep_in_memory(factors);
    const __m512 last = _mm512_set1_ps(tensor);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 16; ++i) {
      const __m512 table = multiply(multiply(fp4_table(), _mm512_set1_ps(factors[i])), last);
      store(dst + 16 * i, sixteen(elements + 8 * i, table));
    }
    return true;
  }
  /// Four blocks of 32 FP8 elements, as FP16 on the way; false if one is NaN in E4M3.
  template <bool IsE5m2>
  FEWBITS_INLINE static bool decode_mxfp8(const unsigned char* elements,
                                          const unsigned char* scales, float* dst) {
    // E4M3 is read as FP16 numbers that are 2^-8 times as large.
    alignas(16) float factors[4];
    if (!load_scales<IsE5m2 ? 0 : 8>(scales, factors)) return false;
    if constexpr (!IsE5m2) {
      const u32 all = _mm512_set1_epi8(-1);
      const u32 sign = _mm512_set1_epi8(-128);
      const u32 a = _mm512_or_si512(_mm512_loadu_si512(elements), sign);
      const u32 b = _mm512_or_si512(_mm512_loadu_si512(elements + 64), sign);
      if (_mm512_cmpeq_epi8_mask(_mm512_max_epu8(a, b), all) != 0) return false;
    }
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(elements + 32 * i));
      u32 word = _mm512_slli_epi16(_mm512_cvtepu8_epi16(code), 8);
      // Sign, a 0 before the exponent, and 7 zeros.
      if constexpr (!IsE5m2)
        word = _mm512_and_si512(_mm512_srai_epi16(word, 1),
                                _mm512_set1_epi16(static_cast<short>(0xbf80)));
      const __m512 by = _mm512_set1_ps(factors[i]);
      store(dst + 32 * i, multiply(_mm512_cvtph_ps(_mm512_castsi512_si256(word)), by));
      store(dst + 32 * i + 16, multiply(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(word, 1)), by));
    }
    return true;
  }
  FEWBITS_INLINE static __m512 sixteen_integers(const unsigned char* src, __m512 by) {
    const __m128i code = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src));
    return multiply(_mm512_cvt_roundepi32_ps(_mm512_cvtepi8_epi32(code), nearest), by);
  }
  FEWBITS_INLINE static bool decode_mxint8(const unsigned char* elements,
                                           const unsigned char* scales, float* dst) {
    alignas(16) float factors[4];
    if (!load_scales(scales, factors)) return false;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 8; ++i) {
      const __m512 by = multiply(_mm512_set1_ps(factors[i / 2]), _mm512_set1_ps(0.015625F));
      store(dst + 16 * i, sixteen_integers(elements + 16 * i, by));
    }
    return true;
  }

  // Blocks of ggml, four at a time; see ggml_kernel.hpp for the rules.

  /// In assembly: -ffast-math may replace the intrinsic by an estimate.
  FEWBITS_INLINE static __m128 divide_four(__m128 a, __m128 b) {
    __m128 quotient;
    __asm__("vdivps %2, %1, %0" : "=v"(quotient) : "v"(a), "v"(b));
    return quotient;
  }
  /// Whether amax is 0 or has a scale and a reciprocal far from the ends of their ranges.
  FEWBITS_INLINE static bool is_ordinary(__m128i amax, std::uint32_t limit) {
    const __m128i low = _mm_set1_epi32(0x0d800000);  // 2^-100
    const __m128i width = _mm_set1_epi32(static_cast<std::int32_t>(limit - 0x0d800000));
    const __mmask8 outside = _mm_cmpge_epu32_mask(_mm_sub_epi32(amax, low), width);
    return (outside & _mm_test_epi32_mask(amax, amax)) == 0;
  }
  /// The reciprocals of scales, 0 for that of 0, for broadcasts; the scales in FP16.
  FEWBITS_INLINE static std::uint64_t finish_scales(__m128 scale, __m128i amax,
                                                    float (&reciprocals)[4]) {
    const __m128 inverse = divide_four(_mm_set1_ps(1.0F), scale);
    _mm_store_ps(reciprocals, _mm_maskz_mov_ps(_mm_test_epi32_mask(amax, amax), inverse));
    keep_in_memory(reciprocals);
    return static_cast<std::uint64_t>(
        _mm_cvtsi128_si64(_mm_cvtps_ph(scale, _MM_FROUND_TO_NEAREST_INT)));
  }
  FEWBITS_INLINE static void store_half(unsigned char* dst, std::uint64_t halves, std::size_t i) {
    const std::uint16_t half = static_cast<std::uint16_t>(halves >> (16 * i));
    __builtin_memcpy(dst, &half, 2);
  }
  FEWBITS_INLINE static void store_halves_of_block(unsigned char* dst, u32 low, u32 high) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst),
                     _mm512_cvtepi32_epi8(_mm512_or_si512(low, _mm512_slli_epi32(high, 4))));
  }

  FEWBITS_INLINE static u32 code_q4_0(const float* x, __m512 reciprocal) {
    const __m512 shifted =
        _mm512_add_round_ps(multiply(floats(load(x)), reciprocal), _mm512_set1_ps(8.5F), nearest);
    return _mm512_min_epi32(_mm512_cvtt_roundps_epi32(shifted, _MM_FROUND_NO_EXC), set(15));
  }
  FEWBITS_INLINE static bool encode_q4_0(const float* src, unsigned char* dst) {
    u32 up[4], down[4];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      const u32 a = load(src + 32 * i), b = load(src + 32 * i + 16);
      up[i] = _mm512_max_epi32(a, b);    // the largest positive number, or a negative one
      down[i] = _mm512_max_epu32(a, b);  // the largest of the negative ones, if any
    }
    const __m128i high = four_of(largest_of_four<true>(up[0], up[1], up[2], up[3]));
    const __m128i low = four_of(largest_of_four<false>(down[0], down[1], down[2], down[3]));
    const __m128i positive = _mm_max_epi32(high, _mm_setzero_si128());
    const __m128i negative =
        _mm_and_si128(_mm_and_si128(low, _mm_srai_epi32(low, 31)), _mm_set1_epi32(0x7fffffff));
    const __m128i amax = _mm_max_epu32(positive, negative);
    if (!is_ordinary(amax, 0x48ffe000)) return false;  // 8 * 65504
    __mmask8 is_negative = _mm_cmpgt_epi32_mask(negative, positive);
    __mmask8 ties = _mm_mask_cmpeq_epi32_mask(_mm_test_epi32_mask(amax, amax), positive, negative);
    for (; ties != 0; ties = static_cast<__mmask8>(ties & (ties - 1))) {
      const std::size_t i = static_cast<std::size_t>(__builtin_ctz(ties));
      const u32 all = _mm512_set1_epi32(_mm_cvtsi128_si32(_mm_castps_si128(
          _mm_permutevar_ps(_mm_castsi128_ps(amax), _mm_set1_epi32(static_cast<int>(i))))));
      const u32 a = load(src + 32 * i), b = load(src + 32 * i + 16);
      const std::uint32_t where =
          static_cast<std::uint32_t>(_mm512_cmpeq_epi32_mask(magnitude(a), all)) |
          static_cast<std::uint32_t>(_mm512_cmpeq_epi32_mask(magnitude(b), all)) << 16;
      const float first = src[32 * i + static_cast<std::size_t>(__builtin_ctz(where))];
      if (first < 0) is_negative = static_cast<__mmask8>(is_negative | 1U << i);
    }
    // -1/8 of the number with that magnitude.
    const __m128i sign = _mm_mask_mov_epi32(_mm_set1_epi32(static_cast<std::int32_t>(0x80000000)),
                                            is_negative, _mm_setzero_si128());
    const __m128 eighth = _mm_castsi128_ps(
        _mm_maskz_sub_epi32(_mm_test_epi32_mask(amax, amax), amax, _mm_set1_epi32(0x01800000)));
    alignas(16) float reciprocals[4];
    const std::uint64_t halves =
        finish_scales(_mm_or_ps(eighth, _mm_castsi128_ps(sign)), amax, reciprocals);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i, src += 32, dst += 18) {
      const __m512 by = _mm512_set1_ps(reciprocals[i]);
      store_half(dst, halves, i);
      store_halves_of_block(dst + 2, code_q4_0(src, by), code_q4_0(src + 16, by));
    }
    return true;
  }

  FEWBITS_INLINE static u32 doubled_q8_0(const float* x, __m512 reciprocal) {
    return _mm512_cvtt_roundps_epi32(multiply(floats(load(x)), reciprocal), _MM_FROUND_NO_EXC);
  }
  FEWBITS_INLINE static bool encode_q8_0(const float* src, unsigned char* dst) {
    const __m128i amax = four_of(amax_of_four(src));
    if (!is_ordinary(amax, 0x4afde000)) return false;  // below 127 * 65504
    const __m128 scale = divide_four(_mm_castsi128_ps(amax), _mm_set1_ps(127.0F));
    alignas(16) float reciprocals[4];
    const std::uint64_t halves = finish_scales(scale, amax, reciprocals);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; i += 2) {
      u32 rounded[2];
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 2; ++j) {
        // Twice the number, truncated to an integer n: (n + 1 - (n < 0)) / 2 rounds ties away.
        const __m512 by = _mm512_set1_ps(reciprocals[i + j]);
        const __m512 twice = _mm512_add_round_ps(by, by, nearest);
        const float* const x = src + 32 * (i + j);
        const u32 n = _mm512_packs_epi32(doubled_q8_0(x, twice), doubled_q8_0(x + 16, twice));
        const u32 up = _mm512_add_epi16(_mm512_srai_epi16(n, 15), _mm512_set1_epi16(1));
        rounded[j] = _mm512_srai_epi16(_mm512_add_epi16(n, up), 1);
      }
      const u32 order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      const u32 codes = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(rounded[0], rounded[1]));
      unsigned char* const block = dst + 34 * i;
      store_half(block, halves, i);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(block + 2), _mm512_castsi512_si256(codes));
      store_half(block + 34, halves, i + 1);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(block + 36),
                          _mm512_extracti64x4_epi64(codes, 1));
    }
    return true;
  }

  /// FP4 with ties to the smaller magnitude and no -0: rounded up to half quanta, then down to whole ones.
  FEWBITS_INLINE static u32 encode_fp4_down(__m512 x) {
    const u32 size = bits(_mm512_range_ps(x, _mm512_set1_ps(6.0F), 0x0a));
    const u32 binade = _mm512_max_epi32(_mm512_and_si512(size, set(infinity)), set(0x3f800000));
    const u32 magic = _mm512_add_epi32(binade, set((21U << 23) + 4));
    const u32 sum = bits(_mm512_add_round_ps(floats(size), floats(magic),
                                             _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC));
    const u32 twice = _mm512_add_epi32(sum, _mm512_srli_epi32(binade, 21));
    const u32 code = _mm512_and_si512(_mm512_srli_epi32(twice, 1), set(7));
    const u32 sign = _mm512_and_si512(_mm512_srli_epi32(bits(x), 28), set(8));
    return _mm512_mask_or_epi32(code, _mm512_test_epi32_mask(code, code), code, sign);
  }
  FEWBITS_INLINE static bool encode_ggml_fp4(const float* src, unsigned char* dst) {
    const u32 amax = amax_of_four(src);
    // Just below a power of two the reference rounds the logarithm up.
    const u32 fraction = _mm512_and_si512(amax, set(0x7fffff));
    if (any(static_cast<__mmask16>(_mm512_cmpge_epu32_mask(amax, set(infinity)) |
                                   _mm512_cmpge_epu32_mask(fraction, set(0x7fffc0)))))
      return false;
    const u32 codes = scale_codes<0, 2>(amax);
    const __m512 factors = inverse_scales(codes);
    const __m512 factor[4] = {quarter<0>(factors), quarter<1>(factors), quarter<2>(factors),
                              quarter<3>(factors)};
    unsigned char scales[4];
    store_quarters(scales, codes);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i, src += 32, dst += 17) {
      dst[0] = scales[i];
      store_halves_of_block(dst + 1, encode_fp4_down(multiply(floats(load(src)), factor[i])),
                            encode_fp4_down(multiply(floats(load(src + 16)), factor[i])));
    }
    return true;
  }

  /// The FP16 scales of four blocks as floats; false if one is not finite.
  FEWBITS_INLINE static bool load_halves(const unsigned char* src, std::size_t stride,
                                         float (&scales)[4]) {
    std::uint16_t half[4];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i) __builtin_memcpy(half + i, src + stride * i, 2);
    std::uint64_t four;
    __builtin_memcpy(&four, half, 8);
    const __m128i codes = _mm_cvtsi64_si128(static_cast<long long>(four));
    const __m128i exponents = _mm_set1_epi16(0x7c00);
    if ((_mm_cmpeq_epi16_mask(_mm_and_si128(codes, exponents), exponents) & 15) != 0) return false;
    _mm_store_ps(scales, _mm_cvtph_ps(codes));
    keep_in_memory(scales);
    return true;
  }
  FEWBITS_INLINE static void store_block(const unsigned char* src, __m512 table, float* dst) {
    const u32 byte = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src)));
    store(dst, _mm512_permutexvar_ps(byte, table));
    store(dst + 16, _mm512_permutexvar_ps(_mm512_srli_epi32(byte, 4), table));
  }
  FEWBITS_INLINE static bool decode_q4_0(const unsigned char* src, float* dst) {
    alignas(16) float scales[4];
    if (!load_halves(src, 18, scales)) return false;
    const __m512 integers = _mm512_setr_ps(-8.0F, -7.0F, -6.0F, -5.0F, -4.0F, -3.0F, -2.0F, -1.0F,
                                           0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
      store_block(src + 18 * i + 2, multiply(integers, _mm512_set1_ps(scales[i])), dst + 32 * i);
    return true;
  }
  FEWBITS_INLINE static bool decode_q8_0(const unsigned char* src, float* dst) {
    alignas(16) float scales[4];
    if (!load_halves(src, 34, scales)) return false;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
      const __m512 by = _mm512_set1_ps(scales[i]);
      store(dst + 32 * i, sixteen_integers(src + 34 * i + 2, by));
      store(dst + 32 * i + 16, sixteen_integers(src + 34 * i + 18, by));
    }
    return true;
  }
  /// Code 8 is +0 there.
  FEWBITS_INLINE static bool decode_ggml_fp4(const unsigned char* src, float* dst) {
    alignas(16) float scales[4];
    const unsigned char codes[4] = {src[0], src[17], src[34], src[51]};
    if (!load_scales(codes, scales)) return false;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
      store_block(src + 17 * i + 1, multiply(fp4_table(0.0F), _mm512_set1_ps(scales[i])),
                  dst + 32 * i);
    return true;
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits

#if !defined(__clang__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic pop
#endif
