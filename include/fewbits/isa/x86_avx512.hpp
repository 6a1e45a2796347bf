// SPDX-License-Identifier: MIT
// x86 with AVX-512 F, BW, VL, DQ: vector operations and special kernels; VNNI and BF16 under their
// own concepts.
//
// | instruction           | what it does                                 | per cycle (Zen 5) |
// | --------------------- | -------------------------------------------- | ----------------- |
// | vcvtps2ph zmm         | 16 floats to fp16, rounding named in the code | 1.25              |
// | vcvtph2ps zmm         | 16 fp16 to float                             | 1.25              |
// | vpmovdb, vpmovdw      | 16 lanes of 32 to 8, 16 bits                 | 2                 |
// | vpsllvd, vpsrlvd zmm  | shifts by a lane's own count                 | 2                 |
// | vfmadd231ps zmm       | 16 multiply-adds                             | 2                 |
// | vdpbf16ps zmm         | 32 BF16 multiply-adds; flushes subnormals    | 2                 |
// | vpdpbusd zmm          | 64 u8 x s8 multiply-adds                     | 2                 |
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
  FEWBITS_INLINE static u32 select(mask where, u32 a, u32 b) {
    return _mm512_mask_blend_epi32(where, b, a);
  }
  FEWBITS_INLINE static u32 float_bits(u32 x) { return _mm512_castps_si512(_mm512_cvtepi32_ps(x)); }
};

/// As the AVX2 kernel, on 16 lanes.
template <isa Isa>
  requires has_avx512<Isa>
struct convert_kernel<fp32, fp16, cast_policy{}, Isa> {
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const __m512 x = _mm512_loadu_ps(src);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst),
                        _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    detail::run_vectors<16, 4, 2, convert_kernel>(src, dst, count);
  }
};

template <cast_policy Policy, isa Isa>
  requires has_avx512<Isa>
struct convert_kernel<fp16, fp32, Policy, Isa> {
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
    _mm512_storeu_ps(dst, _mm512_cvtph_ps(code));
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    detail::run_vectors<16, 2, 4, convert_kernel>(src, dst, count);
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
