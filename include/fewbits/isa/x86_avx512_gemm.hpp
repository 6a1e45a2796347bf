// SPDX-License-Identifier: MIT
// x86 with AVX-512 F, BW, VL, DQ: micro-kernels of GEMM; that of BF16 under its own concept.
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
#include <fewbits/isa/x86_byte_dot.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct avx512_fp32 : float_tile_operations<float, 64> {
  FEWBITS_INLINE static __m512 row(const float* a) { return _mm512_set1_ps(*a); }
  FEWBITS_INLINE static __m512 multiply_add(__m512 sum, __m512 a, __m512 b) {
    return _mm512_fmadd_ps(a, b, sum);
  }
};

template <isa Isa>
struct avx512_fp64 : float_tile_operations<double, 64> {
  FEWBITS_INLINE static __m512d row(const double* a) { return _mm512_set1_pd(*a); }
  FEWBITS_INLINE static __m512d multiply_add(__m512d sum, __m512d a, __m512d b) {
    return _mm512_fmadd_pd(a, b, sum);
  }
};

#if defined(__AVX512BF16__)
/// vdpbf16ps: subnormal operands count as zero, subnormal sums become zero, and each product of a
/// pair is added with one rounding to nearest even, whatever MXCSR says.
template <isa Isa>
struct avx512_bf16_dot : tile_operations<bf16, bf16, float, 64, 2> {
  using columns_type = __m512bh;

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

}  // namespace detail

// Micro-kernels of 6 rows of 4 vectors. Registers: 24 accumulators, 4 of B, 1 of A: 29 of 32. A step
// is 24 multiply-adds, 4 loads and 6 broadcasts, so two multiply-add units (12 cycles) bound it, not
// two load ports (5 cycles). Bytes in pairs: 5 rows, 20 accumulators, 8 of B, 2 of A, the mask: 31.
//
// With A and B in the caches a kernel alone reaches 97% of the peak (Xeon with 2 MiB of second-level
// cache, 512 steps), and a loop of multiply-adds as long as a product 98.6%. Whole products lose to the third
// level, which gives 28 GB/s there: at 2048 sums in C take 2%, reading B again 2%, packing B 3%, A 2%.
//
// | share of the peak, one core | 256^3 | 512^3 | 1024^3 | 2048^3 |
// | --------------------------- | ----- | ----- | ------ | ------ |
// | FP32                        | 91    | 88    | 87     | 87     |
// | FP32, B packed              | 94    | 91    | 90     | 90     |
// | FP64                        | 83    | 79    | 82     | 84     |
// | FP64, B packed              | 91    | 89    | 90     | 89     |
// | u8 x s8                     | 89    | 91    | 88     | 88     |
// | s8 x s8                     | 77    | 85    | 85     | 87     |

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
    : detail::register_tile<detail::byte_operations<Isa>, byte_dot<Isa>::is_one_instruction ? 6 : 5,
                            4> {};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
#endif
