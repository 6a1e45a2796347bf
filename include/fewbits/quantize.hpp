// SPDX-License-Identifier: MIT
// Layer 5, quantization: numbers as integer codes and a scale.
//
//   auto p = fb::calibrate_absmax<fb::int8>(x);                    real = scale * (q - zero_point)
//   fb::quantize(x, p, codes);  fb::dequantize(codes, p, back);
//
//   auto g = fb::calibrate_absmax<fb::int4, fb::per_group<32>>(weights, scales);
//   fb::quantize(weights, g, fb::packed_matrix_view<fb::int4>{bytes, rows, cols});
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/calibrate.hpp>
#include <fewbits/quantize/dynamic.hpp>
#include <fewbits/quantize/granularity.hpp>
#include <fewbits/quantize/observer.hpp>
#include <fewbits/quantize/report.hpp>
#include <fewbits/quantize/requantize.hpp>
#include <fewbits/quantize/stochastic_codes.hpp>
