// SPDX-License-Identifier: MIT
// error: fp16_sums needs A and B of FP16 numbers
#include <fewbits/gemm.hpp>
namespace fb = fewbits;

void multiply(const fb::matrix_view<const fb::fp16>& a, const fb::matrix_view<const fb::bf16>& b,
              const fb::matrix_view<float>& c) {
#if defined(BROKEN)
  fb::gemm(fb::fp16_sums(a), b, c);
#else
  fb::gemm(fb::fp16_sums(a), fb::rounded_to<fb::fp16>(b), c);
#endif
}
