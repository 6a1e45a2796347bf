// SPDX-License-Identifier: MIT
// AArch64 with NEON: micro-kernels of GEMM; those of dot products and products of matrices of bytes under
// their own concepts. Run under an emulator only: their speed has not been measured.
//
// | instruction | what it does                                       | per cycle |
// | ----------- | -------------------------------------------------- | --------- |
// | fmla        | 4 multiply-adds                                    | 4         |
// | sdot        | 16 s8 x s8 multiply-adds, four to a lane           | 4         |
// | smmla       | 32 s8 x s8 multiply-adds: (2 x 8)(8 x 2) to 2 x 2  | 4         |
//
// (Throughput of Neoverse V1, as LLVM models it.)
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/register_tile.hpp>
#include <fewbits/isa/slots.hpp>

#include <arm_neon.h>
#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct neon_fp32 : float_tile_operations<float, 16> {
  FEWBITS_INLINE static float32x4_t row(const float* a) { return vld1q_dup_f32(a); }
  FEWBITS_INLINE static float32x4_t multiply_add(float32x4_t sum, float32x4_t a, float32x4_t b) {
    return vfmaq_f32(sum, a, b);
  }
};

template <isa Isa>
struct neon_fp64 : float_tile_operations<double, 16> {
  FEWBITS_INLINE static float64x2_t row(const double* a) { return vld1q_dup_f64(a); }
  FEWBITS_INLINE static float64x2_t multiply_add(float64x2_t sum, float64x2_t a, float64x2_t b) {
    return vfmaq_f64(sum, a, b);
  }
};

#if defined(__ARM_FEATURE_DOTPROD)
/// sdot: signed by signed bytes, so that unsigned ones of A are moved, not signed ones.
template <isa Isa>
struct neon_int8_dot {
  using a_type = std::int8_t;
  using b_type = std::int8_t;
  using acc_type = std::int32_t;
  using sum_type = int32x4_t;
  using columns_type = int8x16_t;
  static constexpr std::size_t lanes = 4, kr = 4;

  FEWBITS_INLINE static int32x4_t zero() { return vdupq_n_s32(0); }
  FEWBITS_INLINE static int32x4_t load(const std::int32_t* src) { return vld1q_s32(src); }
  FEWBITS_INLINE static void store(std::int32_t* dst, int32x4_t x) { vst1q_s32(dst, x); }
  FEWBITS_INLINE static int32x4_t add(int32x4_t x, int32x4_t y) { return vaddq_s32(x, y); }
  FEWBITS_INLINE static int8x16_t columns(const std::int8_t* b) { return vld1q_s8(b); }
  FEWBITS_INLINE static int8x16_t row(const std::int8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    return vreinterpretq_s8_s32(vdupq_n_s32(quad));
  }
  FEWBITS_INLINE static int32x4_t multiply_add(int32x4_t sum, int8x16_t a, int8x16_t b) {
    return vdotq_s32(sum, a, b);
  }
};
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
/// smmla: 8 x 8 sums in 2 x 2 blocks of a register each. Registers: 16 accumulators, 4 of A, 1 of B.
template <isa Isa>
struct neon_int8_matrix_tile {
  using a_type = std::int8_t;
  using b_type = std::int8_t;
  using acc_type = std::int32_t;
  static constexpr std::size_t mr = 8, nr = 8, kr = 8, steps_per_line = 16;

  static void run(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
                  const b_type* b, acc_type* tile, std::size_t tile_row, bool first, const void*) {
    int32x4_t sums[mr / 2][nr / 2];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < mr / 2; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < nr / 2; ++j) sums[i][j] = vdupq_n_s32(0);
    }
    for (std::size_t s = 0; s < steps; ++s, a += a_step, b += nr * kr) {
      int8x16_t rows[mr / 2];
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < mr / 2; ++i)
        rows[i] = vcombine_s8(vld1_s8(a + 2 * i * a_row), vld1_s8(a + (2 * i + 1) * a_row));
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < nr / 2; ++j) {
        const int8x16_t columns = vld1q_s8(b + 2 * j * kr);
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < mr / 2; ++i)
          sums[i][j] = vmmlaq_s32(sums[i][j], rows[i], columns);
      }
    }
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < mr / 2; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < nr / 2; ++j) {
        acc_type* const out = tile + 2 * i * tile_row + 2 * j;
        add_pair(out, vget_low_s32(sums[i][j]), first);
        add_pair(out + tile_row, vget_high_s32(sums[i][j]), first);
      }
    }
  }
  /// Of panels, to a tile.
  static void run(std::size_t steps, const a_type* a, const b_type* b, acc_type* tile, bool first) {
    run(steps, a, kr, mr * kr, b, tile, nr, first, b);
  }

 private:
  FEWBITS_INLINE static void add_pair(acc_type* out, int32x2_t sums, bool first) {
    vst1_s32(out, first ? sums : vadd_s32(vld1_s32(out), sums));
  }
};
#endif

}  // namespace detail

// Micro-kernels of 6 rows of 4 vectors. Registers: 24 accumulators, 4 of B, 1 of A: 29 of 32.

template <isa Isa>
  requires has_neon<Isa>
struct micro_kernel<float, float, float, Isa>
    : detail::register_tile<detail::neon_fp32<Isa>, 6, 4> {};

template <isa Isa>
  requires has_neon<Isa>
struct micro_kernel<double, double, double, Isa>
    : detail::register_tile<detail::neon_fp64<Isa>, 6, 4> {};

#if defined(__ARM_FEATURE_DOTPROD)
template <isa Isa>
  requires has_neon_dotprod<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::register_tile<detail::neon_int8_dot<Isa>, 6, 4> {};
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
template <isa Isa>
  requires has_neon_i8mm<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::neon_int8_matrix_tile<Isa> {};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits
