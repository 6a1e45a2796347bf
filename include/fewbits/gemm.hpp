// SPDX-License-Identifier: MIT
// Layer 6, matrix products of any element types. Elements are decoded while they are packed, and
// sums are rounded in the epilogue, so kernels exist only for the arithmetic that the hardware has.
//
//   fb::matrix_view X{x, m, k}, W{w, n, k}, Y{y, m, n};
//   fb::gemm(X, fb::transposed(W), Y);                              Y = X W^T
//   fb::gemm(X, fb::transposed(W), Y, fb::scale_bias{.bias = b} | fb::relu{});
//   fb::gemm(pool, X, fb::transposed(W), Y);                        same bits, the caller's threads
//
// W may be stored in few bits, n x k, one row an output; it is decoded exactly:
//   fb::packed_matrix_view<const fb::int4> W{codes, n, k};                            or any packed format
//   fb::quantized_matrix W{codes, fb::affine<fb::int4, fb::per_group<32>>{scales}};
//   fb::block_span<const fb::mxfp4> W{elements, scales, n, k};
//   fb::codebook_matrix W{codes, fb::nf4, scales, n, k};
//   fb::ggml_matrix<fb::ggml_format::q4_0> W{blocks, n, k};
// and by name with less precise, faster arithmetic:
//   fb::gemm(fb::rounded_to<fb::bf16>(X), fb::transposed(W8), Y);   FP32 by FP8 in the BF16 unit
//   fb::gemm(fb::fp16_sums(X16), fb::transposed(W16), Y);           short sums in FP16, then in FP32
//   fb::gemm(fb::dynamic_rows(X), fb::transposed(W), Y);            X to INT8 row by row, INT8 products
//   const auto packed = fb::pack_dynamic(fb::transposed(W), memory);
//   fb::gemm(fb::dynamic_rows(X), packed, Y);                       the same, W packed once
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/gemm/activation.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/gemm.hpp>
#include <fewbits/gemm/gemm_affine.hpp>
#include <fewbits/gemm/gemm_dynamic.hpp>
#include <fewbits/gemm/operand_fp16.hpp>
#include <fewbits/gemm/operand_rounded.hpp>
#include <fewbits/gemm/packed_b.hpp>
