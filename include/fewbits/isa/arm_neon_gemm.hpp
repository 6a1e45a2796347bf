// SPDX-License-Identifier: MIT
// AArch64 with NEON: micro-kernels of GEMM; those of dot products of bytes and of products of matrices
// under their own concepts. Run under an emulator only: their speed has not been measured.
//
// | instruction | what it does                                       | per cycle |
// | ----------- | -------------------------------------------------- | --------- |
// | fmla        | 4 multiply-adds                                    | 4         |
// | bfdot       | 8 BF16 multiply-adds, two to a lane (not used)     | 4         |
// | bfmmla      | 16 BF16 multiply-adds: (2 x 4)(4 x 2) to 2 x 2     | 4         |
// | sdot        | 16 s8 x s8 multiply-adds, four to a lane           | 4         |
// | smmla       | 32 s8 x s8 multiply-adds: (2 x 8)(8 x 2) to 2 x 2  | 4         |
//
// (Throughput of Neoverse V1 and V2, as LLVM models them; Neoverse N2 has half of each.)
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
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
struct neon_int8_dot : tile_operations<std::int8_t, std::int8_t, std::int32_t, 16, 4> {
  using columns_type = int8x16_t;

  FEWBITS_INLINE static int8x16_t columns(const std::int8_t* b) { return vld1q_s8(b); }
  FEWBITS_INLINE static int8x16_t row(const std::int8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    return vreinterpretq_s8_s32(vdupq_n_s32(quad));
  }
  FEWBITS_INLINE static uint32x4_t multiply_add(uint32x4_t sum, int8x16_t a, int8x16_t b) {
    return vreinterpretq_u32_s32(vdotq_s32(vreinterpretq_s32_u32(sum), a, b));
  }
};
#endif

#if defined(__ARM_FEATURE_MATMUL_INT8)
/// smmla: signed by signed bytes too.
template <isa Isa>
struct neon_int8_matrix : tile_operations<std::int8_t, std::int8_t, std::int32_t, 16, 8> {
  FEWBITS_INLINE static uint32x4_t multiply_add(uint32x4_t sums, uint8x16_t rows,
                                                uint8x16_t columns) {
    return vreinterpretq_u32_s32(vmmlaq_s32(vreinterpretq_s32_u32(sums), vreinterpretq_s8_u8(rows),
                                            vreinterpretq_s8_u8(columns)));
  }
};
#endif

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
/// bfmmla (BFMatMulAdd of the Arm ARM): two products are added, then their sum to the sum before; both are
/// rounded to odd, whatever FPCR says. So an error is twice that of rounding to nearest, but a product
/// meets half as many: with k even the bound is the same. Subnormal operands count as zero, subnormal
/// products and sums become zero. (If a program sets FPCR.EBF: one rounding for both, as FPCR says.)
template <isa Isa>
struct neon_bf16_matrix : tile_operations<bf16, bf16, float, 16, 4> {
  FEWBITS_INLINE static float32x4_t multiply_add(float32x4_t sums, uint8x16_t rows,
                                                 uint8x16_t columns) {
    return vbfmmlaq_f32(sums, vreinterpretq_bf16_u8(rows), vreinterpretq_bf16_u8(columns));
  }
};
#endif

/// The micro-kernel of instructions that add the product of a 2 x kr and a kr x 2 matrix, of 8 bytes to a
/// row and column, to a register of 2 x 2 sums. `Ops` is as for `register_tile`, without `row` and `columns`.
template <class Ops, std::size_t RowPairs, std::size_t ColumnPairs>
struct neon_matrix_tile {
  using a_type = typename Ops::a_type;
  using b_type = typename Ops::b_type;
  using acc_type = typename Ops::acc_type;
  static constexpr std::size_t mr = 2 * RowPairs, nr = 2 * ColumnPairs, kr = Ops::kr, b_kr = kr;
  static constexpr std::size_t steps_per_prefetch = 16;
  static_assert(ColumnPairs % 2 == 0 && kr * sizeof(a_type) == 8);

  static void run(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
                  const b_type* b, acc_type* tile, std::size_t tile_row, bool first, const void*,
                  std::size_t) {
    sum_type sums[RowPairs][ColumnPairs];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < RowPairs; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < ColumnPairs; ++j) sums[i][j] = Ops::zero();
    }
    for (std::size_t s = 0; s < steps; ++s, a += a_step, b += nr * kr) {
      uint8x16_t rows[RowPairs];
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < RowPairs; ++i)
        rows[i] =
            vcombine_u8(vld1_u8(bytes(a + 2 * i * a_row)), vld1_u8(bytes(a + (2 * i + 1) * a_row)));
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < ColumnPairs; ++j) {
        const uint8x16_t columns = vld1q_u8(bytes(b + 2 * j * kr));
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < RowPairs; ++i)
          sums[i][j] = Ops::multiply_add(sums[i][j], rows[i], columns);
      }
    }
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < RowPairs; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < ColumnPairs; j += 2) {
        const sum_type left = sums[i][j], right = sums[i][j + 1];
        acc_type* const out = tile + 2 * i * tile_row + 2 * j;
        put(out, __builtin_shufflevector(left, right, 0, 1, 4, 5), first);
        put(out + tile_row, __builtin_shufflevector(left, right, 2, 3, 6, 7), first);
      }
    }
  }

 private:
  using sum_type = typename Ops::sum_type;

  template <class Element>
  FEWBITS_INLINE static const std::uint8_t* bytes(const Element* src) {
    return reinterpret_cast<const std::uint8_t*>(src);
  }
  FEWBITS_INLINE static void put(acc_type* out, sum_type sums, bool first) {
    Ops::store(out, first ? sums : Ops::add(Ops::load(out), sums));
  }
};

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

// Of 4 rows of 8 pairs of columns. Registers: 16 accumulators, 2 of A, 8 of B: 26. A step is 16 products of
// matrices, 12 loads, and 2 insertions, which run where products do: 4.5 cycles of Neoverse V1. With 8 rows
// of 4 pairs it would take 5; 6 rows of 8 pairs are more than g++ 12 keeps in registers.

#if defined(__ARM_FEATURE_MATMUL_INT8)
template <isa Isa>
  requires has_neon_i8mm<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::neon_matrix_tile<detail::neon_int8_matrix<Isa>, 2, 8> {};
#endif

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
template <isa Isa>
  requires has_neon_bf16<Isa>
struct micro_kernel<bf16, bf16, float, Isa>
    : detail::neon_matrix_tile<detail::neon_bf16_matrix<Isa>, 2, 8> {};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits
