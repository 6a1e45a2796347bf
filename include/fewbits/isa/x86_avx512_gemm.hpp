// SPDX-License-Identifier: MIT
// x86 with AVX-512 F, BW, VL, DQ: micro-kernels of GEMM; VNNI and BF16 under their own concepts.
//
// | instruction           | what it does                              | per cycle (Zen 5) |
// | --------------------- | ----------------------------------------- | ----------------- |
// | vfmadd231ps zmm       | 16 multiply-adds                          | 2                 |
// | vdpbf16ps zmm         | 32 BF16 multiply-adds; flushes subnormals | 2                 |
// | vpdpbusd zmm          | 64 u8 x s8 multiply-adds                  | 2                 |
// | vpmaddwd zmm          | 32 16-bit products, added in pairs        | 2                 |
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/register_tile.hpp>
#include <fewbits/isa/slots.hpp>
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
namespace detail {

template <isa Isa>
struct avx512_fp32 {
  using a_type = float;
  using b_type = float;
  using acc_type = float;
  using sum_type = __m512;
  using columns_type = __m512;
  static constexpr std::size_t lanes = 16, kr = 1;

  FEWBITS_INLINE static __m512 zero() { return _mm512_setzero_ps(); }
  FEWBITS_INLINE static __m512 load(const float* src) { return _mm512_loadu_ps(src); }
  FEWBITS_INLINE static void store(float* dst, __m512 x) { _mm512_storeu_ps(dst, x); }
  FEWBITS_INLINE static __m512 add(__m512 x, __m512 y) { return _mm512_add_ps(x, y); }
  FEWBITS_INLINE static __m512 columns(const float* b) { return _mm512_load_ps(b); }
  FEWBITS_INLINE static __m512 row(const float* a) { return _mm512_set1_ps(*a); }
  FEWBITS_INLINE static __m512 multiply_add(__m512 sum, __m512 a, __m512 b) {
    return _mm512_fmadd_ps(a, b, sum);
  }
};

template <isa Isa>
struct avx512_fp64 {
  using a_type = double;
  using b_type = double;
  using acc_type = double;
  using sum_type = __m512d;
  using columns_type = __m512d;
  static constexpr std::size_t lanes = 8, kr = 1;

  FEWBITS_INLINE static __m512d zero() { return _mm512_setzero_pd(); }
  FEWBITS_INLINE static __m512d load(const double* src) { return _mm512_loadu_pd(src); }
  FEWBITS_INLINE static void store(double* dst, __m512d x) { _mm512_storeu_pd(dst, x); }
  FEWBITS_INLINE static __m512d add(__m512d x, __m512d y) { return _mm512_add_pd(x, y); }
  FEWBITS_INLINE static __m512d columns(const double* b) { return _mm512_load_pd(b); }
  FEWBITS_INLINE static __m512d row(const double* a) { return _mm512_set1_pd(*a); }
  FEWBITS_INLINE static __m512d multiply_add(__m512d sum, __m512d a, __m512d b) {
    return _mm512_fmadd_pd(a, b, sum);
  }
};

/// vpmaddwd: bytes as 16-bit numbers, the even and the odd ones of four, so that no sum of two products
/// saturates as with vpmaddubsw.
template <isa Isa>
struct avx512_int8_pairs {
  struct columns_type {
    __m512i even, odd;
  };
  using a_type = std::uint8_t;
  using b_type = std::int8_t;
  using acc_type = std::int32_t;
  using sum_type = __m512i;
  static constexpr std::size_t lanes = 16, kr = 4;

  FEWBITS_INLINE static __m512i zero() { return _mm512_setzero_si512(); }
  FEWBITS_INLINE static __m512i load(const std::int32_t* src) { return _mm512_loadu_si512(src); }
  FEWBITS_INLINE static void store(std::int32_t* dst, __m512i x) { _mm512_storeu_si512(dst, x); }
  FEWBITS_INLINE static __m512i add(__m512i x, __m512i y) { return _mm512_add_epi32(x, y); }
  FEWBITS_INLINE static columns_type columns(const std::int8_t* b) {
    const __m512i quads = _mm512_load_si512(b);
    return {_mm512_srai_epi16(_mm512_slli_epi16(quads, 8), 8), _mm512_srai_epi16(quads, 8)};
  }
  FEWBITS_INLINE static columns_type row(const std::uint8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    const __m512i quads = _mm512_set1_epi32(quad);
    return {_mm512_and_si512(quads, _mm512_set1_epi32(0x00ff00ff)), _mm512_srli_epi16(quads, 8)};
  }
  FEWBITS_INLINE static __m512i multiply_add(__m512i sum, const columns_type& a,
                                             const columns_type& b) {
    return add(add(sum, _mm512_madd_epi16(a.even, b.even)), _mm512_madd_epi16(a.odd, b.odd));
  }
};

#if defined(__AVX512BF16__)
/// vdpbf16ps: subnormal operands count as zero, subnormal sums become zero, and each product of a
/// pair is added with one rounding to nearest even, whatever MXCSR says.
template <isa Isa>
struct avx512_bf16_dot : avx512_fp32<Isa> {
  using a_type = bf16;
  using b_type = bf16;
  using columns_type = __m512bh;
  static constexpr std::size_t kr = 2;

  FEWBITS_INLINE static __m512bh columns(const bf16* b) {
    return detail::bit_cast<__m512bh>(_mm512_load_si512(b));
  }
  FEWBITS_INLINE static __m512bh row(const bf16* a) {
    std::int32_t pair;
    __builtin_memcpy(&pair, a, sizeof(pair));
    return detail::bit_cast<__m512bh>(_mm512_set1_epi32(pair));
  }
  FEWBITS_INLINE static __m512 multiply_add(__m512 sum, __m512bh a, __m512bh b) {
    return _mm512_dpbf16_ps(sum, a, b);
  }
};
#endif

#if defined(__AVX512VNNI__)
/// vpdpbusd: unsigned by signed bytes, four products a lane, without saturation.
template <isa Isa>
struct avx512_int8_dot {
  using a_type = std::uint8_t;
  using b_type = std::int8_t;
  using acc_type = std::int32_t;
  using sum_type = __m512i;
  using columns_type = __m512i;
  static constexpr std::size_t lanes = 16, kr = 4;

  FEWBITS_INLINE static __m512i zero() { return _mm512_setzero_si512(); }
  FEWBITS_INLINE static __m512i load(const std::int32_t* src) { return _mm512_loadu_si512(src); }
  FEWBITS_INLINE static void store(std::int32_t* dst, __m512i x) { _mm512_storeu_si512(dst, x); }
  FEWBITS_INLINE static __m512i add(__m512i x, __m512i y) { return _mm512_add_epi32(x, y); }
  FEWBITS_INLINE static __m512i columns(const std::int8_t* b) { return _mm512_load_si512(b); }
  FEWBITS_INLINE static __m512i row(const std::uint8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    return _mm512_set1_epi32(quad);
  }
  // In assembly: sums that go through the intrinsic's other vector type, g++ 12 keeps in memory.
  FEWBITS_INLINE static __m512i multiply_add(__m512i sum, __m512i a, __m512i b) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
};
#endif

}  // namespace detail

// Micro-kernels of 6 rows of 4 vectors. Registers: 24 accumulators, 4 of B, 1 of A: 29 of 32. A step
// is 24 multiply-adds, 4 loads and 6 broadcasts, so two multiply-add units (12 cycles) bound it, not
// two load ports (5 cycles). Bytes in pairs: 20 accumulators, 8 of B, 2 of A.
//
// With A and B in the caches a kernel alone reaches 95 to 97% of the peak (Xeon with 2 MiB of second-
// level cache, 512 steps). Whole products lose to the third level, which gives 28 GB/s there: packing
// takes 3%, reading panels of B again 2%, sums in C 2%.
//
// | share of the peak, one core | 256^3 | 512^3 | 1024^3 | 2048^3 |
// | --------------------------- | ----- | ----- | ------ | ------ |
// | FP32                        | 91    | 87    | 85     | 85     |
// | FP64                        | 87    | 78    | 82     | 80     |
// | u8 x s8                     | 89    | 91    | 86     | 87     |
// | s8 x s8                     | 76    | 81    | 80     | 84     |

template <isa Isa>
  requires has_avx512<Isa>
struct micro_kernel<float, float, float, Isa>
    : detail::register_tile<detail::avx512_fp32<Isa>, 6, 4> {};

template <isa Isa>
  requires has_avx512<Isa>
struct micro_kernel<double, double, double, Isa>
    : detail::register_tile<detail::avx512_fp64<Isa>, 6, 4> {};

#if defined(__AVX512BF16__)
template <isa Isa>
  requires has_avx512_bf16<Isa>
struct micro_kernel<bf16, bf16, float, Isa>
    : detail::register_tile<detail::avx512_bf16_dot<Isa>, 6, 4> {};
#endif

template <isa Isa>
  requires has_avx512<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::register_tile<detail::avx512_int8_pairs<Isa>, 5, 4> {};

#if defined(__AVX512VNNI__)
template <isa Isa>
  requires has_avx512_vnni<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::register_tile<detail::avx512_int8_dot<Isa>, 6, 4> {};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits

#if !defined(__clang__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic pop
#endif
