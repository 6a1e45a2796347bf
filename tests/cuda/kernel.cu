// SPDX-License-Identifier: MIT
// Compiled, not run: values in device code, several formats, without a warning.
#include <fewbits/value.hpp>

namespace fb = fewbits;

template <class Value>
__global__ void update(const float* x, Value* y, float factor, std::size_t count) {
  const std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x;
  if (i >= count) return;
  Value v = y[i];
  v = fb::convert<Value, fb::saturating>(static_cast<float>(v) * factor + x[i]);
  v += v;
  v = fma(v, v, v) / Value{2.0f} - sqrt(abs(v));
  if (isnan(v) || v > Value{1.0f} || v < 3) v = next_up(v);
  y[i] = v;
}

template __global__ void update(const float*, fb::fp16*, float, std::size_t);
template __global__ void update(const float*, fb::bf16*, float, std::size_t);
template __global__ void update(const float*, fb::fp8_e4m3*, float, std::size_t);
template __global__ void update(const float*, fb::fp8_e5m2*, float, std::size_t);
template __global__ void update(const float*, fb::fp6_e3m2*, float, std::size_t);
template __global__ void update(const float*, fb::fp4_e2m1*, float, std::size_t);

__global__ void mixed(float* out) {
  out[0] = std::numeric_limits<fb::bf16>::max();
  out[1] = static_cast<float>(fb::int4{99});
  out[2] = fb::fma<fb::fp16, fb::truncating>(fb::fp16{1.0f}, fb::fp8_e4m3{2.0f}, fb::bf16{3.0f});
}
