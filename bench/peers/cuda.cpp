// SPDX-License-Identifier: MIT
// The number types of CUDA's headers, on the host. Their sqrt and fma are for the device only, and fp8
// has no arithmetic.
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include "peers/peers.hpp"

namespace bench {
namespace {

std::string describe() {
  return std::to_string(CUDA_VERSION / 1000) + "." + std::to_string(CUDA_VERSION % 1000 / 10) +
         ", its headers on the host";
}

template <class Number>
timer arithmetic(const scalar_loop& loop) {
#if CUDA_VERSION >= 12020
  return operators<Number>(loop);
#else
  static_cast<void>(loop);
  return {};  // older ones compute on the device only
#endif
}

template <__nv_fp8_interpretation_t Format>
timer fp8(const scalar_loop& loop) {
  using code = __nv_fp8_storage_t;
  if (loop.what != operation::convert) return {};
  if (loop.from == element::fp32)
    return one_by_one<float, code>(
        loop, [](float x) { return __nv_cvt_float_to_fp8(x, __NV_NOSAT, Format); });
  if (loop.from == element::fp64)
    return one_by_one<double, code>(
        loop, [](double x) { return __nv_cvt_double_to_fp8(x, __NV_NOSAT, Format); });
  return one_by_one<code, float>(
      loop, [](code x) { return __half2float(__half(__nv_cvt_fp8_to_halfraw(x, Format))); });
}

template <__nv_fp8_interpretation_t Format>
timer to_fp8(const conversion& c) {
  using code = __nv_fp8_storage_t;
  if (c.from == element::fp64)
    return elementwise<double, code>(
        c, [](double x) { return __nv_cvt_double_to_fp8(x, __NV_NOSAT, Format); });
  if (c.from == element::fp32)
    return elementwise<float, code>(
        c, [](float x) { return __nv_cvt_float_to_fp8(x, __NV_NOSAT, Format); });
  if (c.from == element::fp16)
    return elementwise<__half_raw, code>(
        c, [](__half_raw x) { return __nv_cvt_halfraw_to_fp8(x, __NV_NOSAT, Format); });
  if (c.from == element::bf16)
    return elementwise<__nv_bfloat16_raw, code>(
        c, [](__nv_bfloat16_raw x) { return __nv_cvt_bfloat16raw_to_fp8(x, __NV_NOSAT, Format); });
  return {};
}

template <__nv_fp8_interpretation_t Format>
timer from_fp8(const conversion& c) {
  using code = __nv_fp8_storage_t;
  if (c.to == element::fp32)
    return elementwise<code, float>(
        c, [](code x) { return __half2float(__half(__nv_cvt_fp8_to_halfraw(x, Format))); });
  if (c.to == element::fp16)
    return elementwise<code, __half_raw>(c,
                                         [](code x) { return __nv_cvt_fp8_to_halfraw(x, Format); });
  return {};
}

timer convert(const conversion& c) {
  if (c.to == element::fp8_e4m3) return to_fp8<__NV_E4M3>(c);
  if (c.to == element::fp8_e5m2) return to_fp8<__NV_E5M2>(c);
  if (c.from == element::fp8_e4m3) return from_fp8<__NV_E4M3>(c);
  if (c.from == element::fp8_e5m2) return from_fp8<__NV_E5M2>(c);
  if (c.from == element::fp32 && c.to == element::fp16)
    return elementwise<float, __half>(c, [](float x) { return __float2half_rn(x); });
  if (c.from == element::fp16 && c.to == element::fp32)
    return elementwise<__half, float>(c, [](__half x) { return __half2float(x); });
  if (c.from == element::fp32 && c.to == element::bf16)
    return elementwise<float, __nv_bfloat16>(c, [](float x) { return __float2bfloat16_rn(x); });
  if (c.from == element::bf16 && c.to == element::fp32)
    return elementwise<__nv_bfloat16, float>(c,
                                             [](__nv_bfloat16 x) { return __bfloat162float(x); });
  if (c.from == element::fp64 && c.to == element::fp16)
    return elementwise<double, __half>(c, [](double x) { return __double2half(x); });
  if (c.from == element::fp64 && c.to == element::bf16)
    return elementwise<double, __nv_bfloat16>(c, [](double x) { return __double2bfloat16(x); });
  return {};
}

timer scalar(const scalar_loop& loop) {
  const bool is_arithmetic = loop.what != operation::convert;
  switch (loop.from == element::fp32 || loop.from == element::fp64 ? loop.to : loop.from) {
    case element::fp16:
      if (is_arithmetic) return arithmetic<__half>(loop);
      if (loop.from == element::fp32)
        return one_by_one<float, __half>(loop, [](float x) { return __float2half_rn(x); });
      if (loop.from == element::fp64)
        return one_by_one<double, __half>(loop, [](double x) { return __double2half(x); });
      return one_by_one<__half, float>(loop, [](__half x) { return __half2float(x); });
    case element::bf16:
      if (is_arithmetic) return arithmetic<__nv_bfloat16>(loop);
      if (loop.from == element::fp32)
        return one_by_one<float, __nv_bfloat16>(loop,
                                                [](float x) { return __float2bfloat16_rn(x); });
      if (loop.from == element::fp64)
        return one_by_one<double, __nv_bfloat16>(loop,
                                                 [](double x) { return __double2bfloat16(x); });
      return one_by_one<__nv_bfloat16, float>(loop,
                                              [](__nv_bfloat16 x) { return __bfloat162float(x); });
    case element::fp8_e4m3:
      return fp8<__NV_E4M3>(loop);
    case element::fp8_e5m2:
      return fp8<__NV_E5M2>(loop);
    default:
      return {};
  }
}

}  // namespace

const peer peer_cuda{"cuda", describe, convert, nullptr, scalar};

}  // namespace bench
