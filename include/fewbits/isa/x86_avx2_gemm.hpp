// SPDX-License-Identifier: MIT
// x86 with AVX2, FMA and F16C: micro-kernels of GEMM; AVX-VNNI where compiled for.
//
// | instruction     | what it does                       | per cycle (Zen 5) |
// | --------------- | ---------------------------------- | ----------------- |
// | vfmadd231ps ymm | 8 multiply-adds                    | 2                 |
// | vpmaddwd ymm    | 16 16-bit products, added in pairs | 2                 |
// | vpdpbusd ymm    | 32 u8 x s8 multiply-adds           | 2                 |
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/register_tile.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct avx2_fp32 {
  using a_type = float;
  using b_type = float;
  using acc_type = float;
  using sum_type = __m256;
  using columns_type = __m256;
  static constexpr std::size_t lanes = 8, kr = 1;

  FEWBITS_INLINE static __m256 zero() { return _mm256_setzero_ps(); }
  FEWBITS_INLINE static __m256 load(const float* src) { return _mm256_loadu_ps(src); }
  FEWBITS_INLINE static void store(float* dst, __m256 x) { _mm256_storeu_ps(dst, x); }
  FEWBITS_INLINE static __m256 add(__m256 x, __m256 y) { return _mm256_add_ps(x, y); }
  FEWBITS_INLINE static __m256 columns(const float* b) { return _mm256_load_ps(b); }
  FEWBITS_INLINE static __m256 row(const float* a) { return _mm256_set1_ps(*a); }
  FEWBITS_INLINE static __m256 multiply_add(__m256 sum, __m256 a, __m256 b) {
    return _mm256_fmadd_ps(a, b, sum);
  }
};

template <isa Isa>
struct avx2_fp64 {
  using a_type = double;
  using b_type = double;
  using acc_type = double;
  using sum_type = __m256d;
  using columns_type = __m256d;
  static constexpr std::size_t lanes = 4, kr = 1;

  FEWBITS_INLINE static __m256d zero() { return _mm256_setzero_pd(); }
  FEWBITS_INLINE static __m256d load(const double* src) { return _mm256_loadu_pd(src); }
  FEWBITS_INLINE static void store(double* dst, __m256d x) { _mm256_storeu_pd(dst, x); }
  FEWBITS_INLINE static __m256d add(__m256d x, __m256d y) { return _mm256_add_pd(x, y); }
  FEWBITS_INLINE static __m256d columns(const double* b) { return _mm256_load_pd(b); }
  FEWBITS_INLINE static __m256d row(const double* a) { return _mm256_set1_pd(*a); }
  FEWBITS_INLINE static __m256d multiply_add(__m256d sum, __m256d a, __m256d b) {
    return _mm256_fmadd_pd(a, b, sum);
  }
};

/// vpmaddwd: bytes as 16-bit numbers, the even and the odd ones of four, so that no sum of two products
/// saturates as with vpmaddubsw.
template <isa Isa>
struct avx2_int8_pairs {
  struct columns_type {
    __m256i even, odd;
  };
  using a_type = std::uint8_t;
  using b_type = std::int8_t;
  using acc_type = std::int32_t;
  using sum_type = __m256i;
  static constexpr std::size_t lanes = 8, kr = 4;

  FEWBITS_INLINE static __m256i zero() { return _mm256_setzero_si256(); }
  FEWBITS_INLINE static __m256i load(const std::int32_t* src) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
  }
  FEWBITS_INLINE static void store(std::int32_t* dst, __m256i x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), x);
  }
  FEWBITS_INLINE static __m256i add(__m256i x, __m256i y) { return _mm256_add_epi32(x, y); }
  FEWBITS_INLINE static columns_type columns(const std::int8_t* b) {
    const __m256i quads = _mm256_load_si256(reinterpret_cast<const __m256i*>(b));
    return {_mm256_srai_epi16(_mm256_slli_epi16(quads, 8), 8), _mm256_srai_epi16(quads, 8)};
  }
  FEWBITS_INLINE static columns_type row(const std::uint8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    const __m256i quads = _mm256_set1_epi32(quad);
    return {_mm256_and_si256(quads, _mm256_set1_epi32(0x00ff00ff)), _mm256_srli_epi16(quads, 8)};
  }
  FEWBITS_INLINE static __m256i multiply_add(__m256i sum, const columns_type& a,
                                             const columns_type& b) {
    return add(add(sum, _mm256_madd_epi16(a.even, b.even)), _mm256_madd_epi16(a.odd, b.odd));
  }
};

#if defined(__AVXVNNI__)
/// vpdpbusd: unsigned by signed bytes, four products a lane, without saturation.
template <isa Isa>
struct avx_vnni_int8_dot : avx2_int8_pairs<Isa> {
  using columns_type = __m256i;

  FEWBITS_INLINE static __m256i columns(const std::int8_t* b) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(b));
  }
  FEWBITS_INLINE static __m256i row(const std::uint8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    return _mm256_set1_epi32(quad);
  }
  FEWBITS_INLINE static __m256i multiply_add(__m256i sum, __m256i a, __m256i b) {
    return _mm256_dpbusd_avx_epi32(sum, a, b);
  }
};
#endif

}  // namespace detail

// Micro-kernels of 6 rows of 2 vectors. Registers: 12 accumulators, 2 of B, 1 of A: 15 of 16. Bytes in
// pairs: 8 accumulators, 4 of B, 2 of A, the mask: 15. More accumulators would spill.

template <isa Isa>
  requires has_avx2<Isa>
struct micro_kernel<float, float, float, Isa>
    : detail::register_tile<detail::avx2_fp32<Isa>, 6, 2> {};

template <isa Isa>
  requires has_avx2<Isa>
struct micro_kernel<double, double, double, Isa>
    : detail::register_tile<detail::avx2_fp64<Isa>, 6, 2> {};

template <isa Isa>
  requires has_avx2<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::register_tile<detail::avx2_int8_pairs<Isa>, 4, 2> {};

#if defined(__AVXVNNI__)
template <isa Isa>
  requires(has_avx2<Isa> && Isa.has(feature::avxvnni) && !Isa.has(feature::avx512f))
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::register_tile<detail::avx_vnni_int8_dot<Isa>, 6, 2> {};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits
