// SPDX-License-Identifier: MIT
// Layer 6, matrix products of any element types. Elements are decoded while they are packed, and
// sums are rounded in the epilogue, so kernels exist only for the arithmetic that the hardware has.
//
//   fb::matrix_view X{x, m, k}, W{w, n, k}, Y{y, m, n};
//   fb::gemm(X, fb::transposed(W), Y);                              Y = X W^T
//   fb::gemm(X, fb::transposed(W), Y, fb::scale_bias{.bias = b} | fb::relu{});
//   fb::gemm(pool, X, fb::transposed(W), Y);                        same bits, the caller's threads
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/gemm.hpp>
