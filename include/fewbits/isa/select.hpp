// SPDX-License-Identifier: MIT
// Includes the kernels that the flags of this translation unit allow: the one #if ladder of the
// library.
#pragma once

#include <fewbits/isa/block_lanes.hpp>
#include <fewbits/isa/byte_dot.hpp>
#include <fewbits/isa/nibbles.hpp>
#include <fewbits/isa/vec.hpp>

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include <fewbits/isa/x86_avx2.hpp>
#include <fewbits/isa/x86_avx2_gemm.hpp>
#include <fewbits/isa/x86_nibbles.hpp>
#endif
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include <fewbits/isa/x86_avx512.hpp>
#include <fewbits/isa/x86_avx512_blocks.hpp>
#include <fewbits/isa/x86_avx512_fp16_gemm.hpp>
#include <fewbits/isa/x86_avx512_gemm.hpp>
#endif
#if defined(FEWBITS_AMX_TILE) && defined(__AVX512BW__) && defined(__AVX512VL__) && \
    defined(__AVX512DQ__)
#include <fewbits/isa/x86_amx_gemm.hpp>
#endif
#if defined(__ARM_NEON) && defined(__aarch64__) && !defined(__AARCH64EB__)
#include <fewbits/isa/arm_neon.hpp>
#include <fewbits/isa/arm_neon_fp16_gemm.hpp>
#include <fewbits/isa/arm_neon_gemm.hpp>
#endif
