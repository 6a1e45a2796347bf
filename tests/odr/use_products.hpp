// SPDX-License-Identifier: MIT
// Calls every function of the layer of products once. What comes out is not looked at, only where the
// symbols go.
#pragma once

#include <fewbits/exec/thread_pool.hpp>
#include <fewbits/gemm.hpp>

#include <cstdint>

namespace {

namespace fb = fewbits;

/// Weights of 4 bits and of blocks, times activations in FP32, in INT8 and in BF16.
inline void use_stored_weights(const float (&x)[64], const unsigned char (&bytes)[64],
                               float (&y)[64]) {
  const fb::inline_executor runner;
  const fb::matrix_view<const float> activations(x, 1, 64);
  const fb::matrix_view<float> out(y, 1, 2);
  const fb::packed_matrix_view<const fb::int4> codes(bytes, 2, 64);
  const fb::affine<fb::int4, fb::per_group<32>> groups{fb::array_view<const float>(x, 4)};
  const fb::quantized_matrix weights(codes, groups);
  unsigned char memory[8192];
  const fb::array_view<unsigned char> all(memory);

  fb::gemm(activations, fb::transposed(codes), out);
  fb::gemm(activations, fb::transposed(weights), out);
  fb::gemm(activations,
           fb::transposed(fb::codebook_matrix(fb::packed_span<const fb::uint4>(bytes, 128), fb::nf4,
                                              fb::array_view<const float>(x, 2), 2, 64)),
           out);
  fb::gemm(activations,
           fb::transposed(fb::block_span<const fb::mxfp4>(
               bytes, reinterpret_cast<const fb::scale_e8m0*>(bytes), 2, 64)),
           out);
  const fb::ggml_matrix<fb::ggml_format::q4_0> blocks({bytes, 36}, 1, 64);
  fb::gemm(activations, fb::transposed(blocks), fb::matrix_view<float>(y, 1, 1));
  fb::gemm(fb::dynamic_rows(activations), fb::transposed(weights), out);
  if (fb::dynamic_weights_bytes(fb::transposed(weights)) <= sizeof memory)
    fb::gemm(runner, fb::dynamic_rows(activations), fb::pack_dynamic(fb::transposed(weights), all),
             out);
  fb::gemm(fb::rounded_to<fb::bf16>(activations),
           fb::rounded_to<fb::bf16>(fb::transposed(activations)), fb::matrix_view<float>(y, 1, 1));
}

/// FP32 numbers and weights of 4 bits, summed in FP16.
inline void use_fp16_sums(const float (&x)[64], const unsigned char (&bytes)[64], float (&y)[64]) {
  const fb::matrix_view<const float> left(x, 16, 4);
  fb::gemm(fb::rounded_to<fb::fp16>(left),
           fb::fp16_sums(fb::packed_matrix_view<const fb::fp4_e2m1>(bytes, 4, 4)),
           fb::matrix_view<float>(y, 16, 4));
}

inline void use_epilogues(const float (&x)[64], float (&y)[64]) {
  const fb::matrix_view<const float> left(x, 16, 4), right(x, 4, 4);
  const fb::matrix_view<float> out(y, 16, 4);
  unsigned char memory[8192];
  if (fb::packed_b_bytes(right) > sizeof memory) return;
  const auto packed = fb::pack_b(right, fb::array_view<unsigned char>(memory));
  fb::gemm(left, packed, out,
           fb::accumulate{} | fb::residual(left) | fb::gelu{} | fb::gelu_tanh{} | fb::silu{});
  std::int8_t codes[64] = {};
  const fb::matrix_view<const std::int8_t> eight(codes, 4, 16);
  const fb::affine<std::int8_t> scale{0.5f, 0};
  const fb::quantized_matrix a(eight, scale);
  fb::gemm(a, fb::transposed(a), fb::matrix_view<float>(y, 4, 4));
  fb::gemm(eight, fb::transposed(eight), fb::matrix_view<std::int8_t>(codes, 4, 4),
           fb::requantize_to<std::int8_t>(0.5f) | fb::convert_to<std::int8_t>{});
}

/// The executor, which starts a thread only when it is run.
inline void use_threads(const fb::matrix_view<const float>& x, const fb::matrix_view<float>& y) {
  fb::thread_pool pool(1);
  fb::gemm(pool, x, fb::transposed(x), y);
}

inline float use_products(const float (&x)[64]) {
  float y[64] = {};
  unsigned char bytes[64] = {};
  use_stored_weights(x, bytes, y);
  use_fp16_sums(x, bytes, y);
  use_epilogues(x, y);
  use_threads(fb::matrix_view<const float>(x, 4, 16), fb::matrix_view<float>(y, 4, 4));
  return y[0];
}

}  // namespace
