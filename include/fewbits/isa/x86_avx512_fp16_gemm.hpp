// SPDX-License-Identifier: MIT
// x86 with AVX512-FP16: the micro-kernel of GEMM with sums in FP16.
//
// | instruction           | what it does                     | per cycle (Sapphire Rapids) |
// | --------------------- | -------------------------------- | --------------------------- |
// | vfmadd231ph zmm       | 32 FP16 multiply-adds            | 2                           |
// | vcvtph2psx zmm        | 16 FP16 numbers to FP32          | 1                           |
//
// FP16 instructions heed the rounding mode of MXCSR but neither FTZ nor DAZ.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/fp16_tile.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__AVX512FP16__)
namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct avx512_fp16 {
  using a_type = fp16;
  using b_type = fp16;
  using acc_type = float;
  using sum_type = __m512h;
  using columns_type = __m512h;
  using wide_type = __m512;
  static constexpr std::size_t lanes = 16, kr = 2;

  FEWBITS_INLINE static __m512h zero() { return _mm512_setzero_ph(); }
  FEWBITS_INLINE static __m512h columns(const fp16* b) { return load(b); }
  FEWBITS_INLINE static __m512h row(const fp16* a) {
    std::int32_t pair;
    __builtin_memcpy(&pair, a, sizeof(pair));
    return _mm512_castsi512_ph(_mm512_set1_epi32(pair));
  }
  FEWBITS_INLINE static __m512h multiply_add(__m512h sum, __m512h a, __m512h b) {
    return _mm512_fmadd_ph(a, b, sum);
  }
  FEWBITS_INLINE static __m512 widen(const fp16* src) {
    return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(src)));
  }
  FEWBITS_INLINE static void store(fp16* dst, __m512h x) {
    _mm512_store_si512(dst, _mm512_castph_si512(x));
  }
  FEWBITS_INLINE static __m512h load(const fp16* src) {
    return _mm512_castsi512_ph(_mm512_load_si512(src));
  }
  FEWBITS_INLINE static __m512h add(__m512h x, __m512h y) { return _mm512_add_ph(x, y); }
  FEWBITS_INLINE static __m512 load(const float* src) { return _mm512_loadu_ps(src); }
  FEWBITS_INLINE static void store(float* dst, __m512 x) { _mm512_storeu_ps(dst, x); }
  FEWBITS_INLINE static __m512 add(__m512 x, __m512 y) { return _mm512_add_ps(x, y); }
  FEWBITS_INLINE static __m512 add_pairs(__m512 low, __m512 high) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    return _mm512_add_ps(_mm512_permutex2var_ps(low, even, high),
                         _mm512_permutex2var_ps(low, odd, high));
  }
};

}  // namespace detail

// 6 rows of 4 vectors, as of FP32. Registers: 24 accumulators, 4 of B, 1 of A: 29 of 32.

template <isa Isa>
  requires has_avx512_fp16<Isa>
struct micro_kernel<fp16, fp16, float, Isa> : detail::fp16_tile<detail::avx512_fp16<Isa>, 6, 4> {};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
#endif
