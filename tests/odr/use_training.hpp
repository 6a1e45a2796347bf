// SPDX-License-Identifier: MIT
// Calls every function of the layer of training once. What comes out is not looked at, only where the
// symbols go.
#pragma once

#include <fewbits/training.hpp>

#include <cstdint>

namespace {

namespace fb = fewbits;

inline float use_fake_quantize(const float (&x)[64], float (&y)[64]) {
  const fb::matrix_view<const float> src(x, 2, 8);
  const fb::matrix_view<float> dst(y, 2, 8);
  const fb::affine<fb::int4> codes{0.5f, 0};
  std::uint8_t mask[16];
  float slope = 0;
  fb::fake_quantize(src, codes, dst);
  fb::straight_through(src, codes, src, dst);
  fb::straight_through_mask(src, codes, fb::matrix_view<std::uint8_t>(mask, 2, 8));
  fb::scale_gradient(src, codes, src, fb::array_view<float>(&slope, 1));
  const fb::affine<fb::fp8_forward> eight{1, 0};
  fb::fake_quantize(src, eight, dst);
  fb::fake_quantize(fb::array_view<const float>(x, 16), eight, fb::array_view<float>(y, 16));
  fb::fake_quantize<fb::nvfp4>(src, dst);
  fb::straight_through_mask<fb::mxint8>(src, fb::matrix_view<std::uint8_t>(mask, 2, 8));
  fb::straight_through<fb::mxfp4>(src, src, dst);
  fb::fake_quantize(fb::array_view<const float>(x, 16), fb::nf4, fb::array_view<float>(y, 16));
  fb::straight_through_mask(fb::array_view<const float>(x, 16), fb::nf4, mask);
  fb::straight_through(x, fb::nf4, x, y);
  fb::amax_history<4> history{};
  fb::record(history, fb::array_view<const float>(x, 16));
  return slope * fb::lsq_factor<fb::int4>(16) + fb::delayed_scaling(history, eight).scale +
         fb::current_scaling<fb::fp8_backward>(fb::array_view<const float>(x, 16)).scale;
}

inline double use_optimizers(float (&gradient)[64]) {
  float weights[64] = {};
  float first[64] = {};
  float second[64] = {};
  fb::bf16 working[64] = {};
  fb::bf16 rest[64] = {};
  fb::fp16 halves[64] = {};
  const fb::philox random{2026};

  fb::loss_scaler scaler;
  fb::convert(gradient, halves);
  scaler.update(fb::unscale(halves, scaler.scale(), gradient));
  const double norm = fb::clip_by_global_norm(1.0, gradient);
  fb::adamw_step(fb::master_weights(weights, working), gradient, first, second, fb::adam_options{},
                 1);
  fb::adam_step(working, gradient, first, second, fb::adam_options{}, 2, random);
  fb::sgd_step(fb::compensated_weights(working, rest), gradient, first, fb::sgd_options{});
  fb::sgd_step(weights, gradient, fb::sgd_options{});
  unsigned char eight[fb::blockwise_moment_bytes(64)] = {};
  const fb::blockwise_moments moments(eight, 64);
  const fb::inline_executor runner;
  scaler.update(fb::unscale(runner, halves, scaler.scale(), gradient));
  static_cast<void>(fb::clip_by_global_norm(runner, 1.0, gradient));
  fb::adamw_step(runner, weights, gradient, moments, second, fb::adam_options{}, 3);
  fb::sgd_step(runner, weights, gradient, moments, fb::sgd_options{}, random);
  return norm + static_cast<double>(scaler.scale());
}

inline double use_training(float (&x)[64]) {
  float y[64];
  return static_cast<double>(use_fake_quantize(x, y)) + use_optimizers(y);
}

}  // namespace
