// SPDX-License-Identifier: MIT
// x86 with AVX2, FMA and F16C: micro-kernels of GEMM, for bytes with AVX-VNNI where it is.
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
#include <fewbits/isa/x86_byte_dot.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct avx2_fp32 : float_tile_operations<float, 32> {
  FEWBITS_INLINE static __m256 row(const float* a) { return _mm256_set1_ps(*a); }
  FEWBITS_INLINE static __m256 multiply_add(__m256 sum, __m256 a, __m256 b) {
    return _mm256_fmadd_ps(a, b, sum);
  }
};

template <isa Isa>
struct avx2_fp64 : float_tile_operations<double, 32> {
  FEWBITS_INLINE static __m256d row(const double* a) { return _mm256_set1_pd(*a); }
  FEWBITS_INLINE static __m256d multiply_add(__m256d sum, __m256d a, __m256d b) {
    return _mm256_fmadd_pd(a, b, sum);
  }
};

}  // namespace detail

// Micro-kernels of 6 rows of 2 vectors. Registers: 12 accumulators, 2 of B, 1 of A: 15 of 16. Bytes in
// pairs: 8 accumulators, 4 of B, 2 of A, the mask: 15; g++ 12 keeps one accumulator in memory.

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
    : detail::register_tile<detail::byte_operations<Isa>, byte_dot<Isa>::is_one_instruction ? 6 : 4,
                            2> {};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
