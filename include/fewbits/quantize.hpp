// SPDX-License-Identifier: MIT
// Layer 5, quantization: numbers as codes and scales.
//
//   auto p = fb::calibrate_absmax<fb::int8>(x);                    real = scale * (q - zero_point)
//   fb::quantize(x, p, codes);  fb::dequantize(codes, p, back);
//
//   auto g = fb::calibrate_absmax<fb::int4, fb::per_group<32>>(weights, scales);
//   fb::quantize(weights, g, fb::packed_matrix_view<fb::int4>{bytes, rows, cols});
//
//   fb::block_array<fb::mxfp4> blocks(count);                      OCP MX, NVFP4, any block_scaled
//   fb::quantize(x, blocks);  fb::dequantize(blocks, back);
//   fb::quantize(x, fb::nf4, codes, absmax);                       a codebook
//   fb::quantize<fb::ggml_format::q4_0>(x, bytes);                 ggml's blocks, bit for bit
//   fb::rotate(x, seed, 64);                                       random-sign Hadamard
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/block_scaled.hpp>
#include <fewbits/quantize/calibrate.hpp>
#include <fewbits/quantize/codebook.hpp>
#include <fewbits/quantize/dynamic.hpp>
#include <fewbits/quantize/ggml.hpp>
#include <fewbits/quantize/granularity.hpp>
#include <fewbits/quantize/layout.hpp>
#include <fewbits/quantize/observer.hpp>
#include <fewbits/quantize/report.hpp>
#include <fewbits/quantize/requantize.hpp>
#include <fewbits/quantize/rotate.hpp>
#include <fewbits/quantize/stochastic_codes.hpp>
