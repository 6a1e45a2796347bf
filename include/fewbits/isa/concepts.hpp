// SPDX-License-Identifier: MIT
// The feature sets that kernels ask for. Each is a conjunction on top of a smaller one, so that of
// two kernels whose requirements hold, the one that asks for more is the better match.
#pragma once

#include <fewbits/isa/features.hpp>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// 256-bit vectors with fused multiply-add and half-precision conversion (x86-64-v3).
template <isa Isa>
concept has_avx2 = Isa.has(feature::avx2) && Isa.has(feature::fma) && Isa.has(feature::f16c);

/// 512-bit vectors with masks on every lane width (x86-64-v4).
template <isa Isa>
concept has_avx512 = has_avx2<Isa> && Isa.has(feature::avx512f) && Isa.has(feature::avx512bw) &&
                     Isa.has(feature::avx512vl) && Isa.has(feature::avx512dq);

/// Dot products of four 8-bit integers.
template <isa Isa>
concept has_avx512_vnni = has_avx512<Isa> && Isa.has(feature::avx512vnni);

/// Arithmetic of FP16 numbers.
template <isa Isa>
concept has_avx512_fp16 = has_avx512<Isa> && Isa.has(feature::avx512fp16);

/// Dot products of two BF16 numbers.
template <isa Isa>
concept has_avx512_bf16 = has_avx512<Isa> && Isa.has(feature::avx512bf16);

/// Tiles of 16 rows of 64 bytes, and products of two of them: of 8-bit integers, of BF16 numbers.
template <isa Isa>
concept has_amx_int8 =
    has_avx512_vnni<Isa> && Isa.has(feature::amx_tile) && Isa.has(feature::amx_int8);
template <isa Isa>
concept has_amx_bf16 =
    has_avx512_bf16<Isa> && Isa.has(feature::amx_tile) && Isa.has(feature::amx_bf16);

/// Vectors of 128 bits, in every AArch64 CPU with an FPU.
template <isa Isa>
concept has_neon = Isa.has(feature::neon);

/// Arithmetic of FP16 numbers.
template <isa Isa>
concept has_neon_fp16 = has_neon<Isa> && Isa.has(feature::neon_fp16);

/// Fused multiply-add of FP16 numbers, twice as many at a time as of FP32.
template <isa Isa>
concept has_fp16_fma = has_avx512_fp16<Isa> || has_neon_fp16<Isa>;

/// Dot products of four 8-bit integers.
template <isa Isa>
concept has_neon_dotprod = has_neon<Isa> && Isa.has(feature::neon_dotprod);

/// Conversion to BF16, dot products of two BF16 numbers and products of 2 x 4 matrices of them.
template <isa Isa>
concept has_neon_bf16 = has_neon<Isa> && Isa.has(feature::neon_bf16);

/// Products of 2 x 8 matrices of 8-bit integers, and dot products of mixed signs.
template <isa Isa>
concept has_neon_i8mm = has_neon_dotprod<Isa> && Isa.has(feature::neon_i8mm);

/// A unit that multiplies BF16 numbers and adds in FP32, faster than FP32 is multiplied. (CPUs with AMX
/// have it there: their vdpbf16ps does half the work of vfmadd in a cycle, 0.65 G instructions/s against 2.4.)
template <isa Isa>
concept has_bf16_dot = has_avx512_bf16<Isa> || has_neon_bf16<Isa>;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
