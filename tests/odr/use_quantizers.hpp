// SPDX-License-Identifier: MIT
// Calls every function of the layer of quantizers once. What comes out is not looked at, only where the
// symbols go.
#pragma once

#include <fewbits/quantize.hpp>

#include <cstdint>

namespace {

namespace fb = fewbits;

struct quantizer_memory {
  float scales[4];
  float minima[4];
  std::int32_t zero_points[4];
  std::int8_t codes[64];
  unsigned char packed[32];
  float back[64];
  fb::fp16 half[64];
  fb::fp8_e4m3 eights[64];
};

inline double use_calibration(const fb::matrix_view<const float>& matrix,
                              const fb::array_view<const float>& tensor, quantizer_memory& at) {
  using groups = fb::per_group<16>;
  fb::calibration_report report{};
  double sum = static_cast<double>(fb::calibrate_absmax<std::int8_t>(tensor, &report).scale);
  sum += static_cast<double>(fb::calibrate_minmax<std::uint8_t>(tensor).scale);
  sum += static_cast<double>(fb::calibrate_percentile<std::int8_t>(tensor, 99.0).scale);
  sum += static_cast<double>(fb::calibrate_mse<fb::int4>(tensor).scale);
  sum += static_cast<double>(fb::calibrate_minimum<fb::uint4>(tensor).minimum);
  static_cast<void>(fb::calibrate_minmax<fb::int4, groups>(matrix, at.scales, at.zero_points));
  static_cast<void>(fb::calibrate_percentile<fb::int4, groups>(matrix, 50.0, at.scales));

  fb::minmax_observer ends;
  ends.observe(tensor);
  sum += static_cast<double>(ends.absmax<std::int8_t>().scale);
  sum += static_cast<double>(ends.minmax<std::uint8_t>().scale);
  fb::moving_average_observer average;
  average.observe(tensor);
  sum += static_cast<double>(average.absmax<std::int8_t>().scale);
  sum += static_cast<double>(average.minmax<std::uint8_t>().scale);
  fb::histogram_observer<64> histogram;
  histogram.observe(tensor);
  sum += static_cast<double>(histogram.absmax<std::int8_t>().scale);
  sum += static_cast<double>(histogram.percentile<std::int8_t>(99).scale);
  sum += static_cast<double>(histogram.mse<std::int8_t>().scale);
  return sum + static_cast<double>(histogram.above(1));
}

inline double use_affine(const fb::matrix_view<const float>& matrix,
                         const fb::array_view<const float>& tensor, quantizer_memory& at) {
  using groups = fb::per_group<16>;
  const fb::array_view<float> scales(at.scales, 2);
  const fb::matrix_view<std::int8_t> codes(at.codes, 2, 32);
  const fb::matrix_view<float> back(at.back, 2, 32);
  const fb::packed_matrix_view<fb::int4> packed(at.packed, 2, 32);
  const fb::packed_matrix_view<const fb::int4> stored(packed);

  const auto rows = fb::calibrate_absmax<fb::restricted<std::int8_t>, fb::per_row>(matrix, scales);
  fb::quantize<fb::truncating>(matrix, rows, codes);
  fb::quantize<fb::stochastic>(matrix, rows, codes, fb::philox{1});
  fb::quantize(matrix, rows, codes);
  fb::dequantize(fb::matrix_view<const std::int8_t>(codes), rows, back);
  fb::dequantize(fb::matrix_view<const std::int8_t>(codes), rows,
                 fb::matrix_view<fb::fp16>(at.half, 2, 32));
  double sum = static_cast<double>(at.back[3]);
  sum += fb::report_quantization(matrix, rows, fb::matrix_view<const std::int8_t>(codes)).sqnr_db;
  sum += fb::compare_with_original(tensor, fb::array_view<const float>(at.back, 64), 8).cosine;

  const auto grouped = fb::calibrate_mse<fb::int4, groups>(matrix, at.scales);
  fb::quantize(matrix, grouped, packed);
  fb::dequantize(stored, grouped, back);
  const auto raised = fb::calibrate_minimum<fb::int4, groups>(matrix, at.scales, at.minima);
  fb::quantize(matrix, raised, packed);
  fb::dequantize(stored, raised, back);

  static_cast<void>(fb::quantize_absmax<std::int8_t>(matrix, scales, codes));
  static_cast<void>(fb::quantize_minmax<std::int8_t>(
      matrix, scales, fb::array_view<std::int32_t>(at.zero_points, 2), codes));
  fb::quantize(tensor, fb::affine<fb::fp8_e4m3>{0.1f, 0},
               fb::array_view<fb::fp8_e4m3>(at.eights, 64));
  return sum;
}

inline void use_requantize(quantizer_memory& at) {
  const std::int32_t sums[4] = {1, 2, 3, 4};
  const float multiplier = 0.5f;
  const fb::fixed_multiplier fixed = fb::make_fixed_multiplier(0.5);
  const fb::matrix_view<const std::int32_t> matrix(sums, 1, 4);
  const fb::matrix_view<std::int8_t> codes(at.codes, 1, 4);
  fb::requantize<std::int8_t>(matrix, fb::array_view<const float>(&multiplier, 1), 0, codes);
  fb::requantize<std::int8_t, fb::requantize_rule::fixed_up>(
      matrix, fb::array_view<const fb::fixed_multiplier>(&fixed, 1), 0, codes);
}

inline void use_blocks(float (&x)[64]) {
  const fb::array_view<float> row(x, 64);
  fb::block_array<fb::mxfp4> four(64);
  fb::quantize(row, four);
  fb::dequantize(four, row);
  fb::block_array<fb::nvfp4> tensor(64);
  fb::quantize(row, tensor);
  fb::quantize_with_tensor_scale(row, tensor.span());
  fb::dequantize(tensor, row);
  fb::block_array<fb::mxint8> eight(64);
  fb::quantize<fb::scale_rule::even>(row, eight);
  fb::dequantize(eight, row);
  fb::fp16 half[64];
  fb::dequantize(four, half);
}

inline void use_layouts(float (&x)[64]) {
  using fb::ggml_format;
  using const_bytes = fb::array_view<const unsigned char>;
  using bytes_view = fb::array_view<unsigned char>;
  const fb::array_view<float> row(x, 64);
  unsigned char bytes[80];
  unsigned char other[36];
  fb::fp16 scales[2];
  fb::quantize<ggml_format::q4_0>(row, bytes_view(bytes, 36));
  fb::dequantize<ggml_format::q4_0>(const_bytes(bytes, 36), row);
  fb::split_blocks<ggml_format::q4_0>(const_bytes(bytes, 36), fb::packed_span<fb::uint4>{other, 64},
                                      scales);
  fb::join_blocks<ggml_format::q4_0>(fb::packed_span<const fb::uint4>{other, 64}, scales, {},
                                     bytes_view(bytes, 36));
  fb::block_array<fb::mxfp4> four(64);
  fb::quantize<ggml_format::mx_fp4>(row, bytes_view(bytes, 34));
  fb::split_blocks(const_bytes(bytes, 34), four.span());
  fb::join_blocks(four.span(), bytes_view(bytes, 34));
  fb::swap_nibbles(const_bytes(bytes, 34), bytes_view(bytes, 34));
  std::uint32_t words[8];
  fb::to_gptq(fb::packed_matrix_view<const fb::uint4>{bytes, 8, 8}, words);
  fb::from_awq(words, fb::packed_matrix_view<fb::uint4>{bytes, 8, 8});
}

inline float use_codebook(float (&x)[64]) {
  const fb::array_view<float> row(x, 64);
  unsigned char bytes[32];
  float absmax[1];
  float step[1];
  std::int8_t small_scales[1];
  fb::quantize(row, fb::nf4, fb::packed_span<fb::uint4>{bytes, 64}, absmax);
  fb::dequantize_scales(fb::quantize_scales(absmax, small_scales, step), absmax);
  fb::dequantize(fb::packed_span<const fb::uint4>{bytes, 64}, fb::nf4, absmax, row);
  fb::rotate(row, 1, 32);
  fb::inverse_rotate(row, 1, 32);
  return x[0] + static_cast<float>(fb::nearest_code(fb::nf4, x[1]));
}

inline double use_quantizers(float (&src)[64]) {
  quantizer_memory at{};
  const fb::array_view<const float> tensor(src, 64);
  const fb::matrix_view<const float> matrix(src, 2, 32);
  const double sum = use_calibration(matrix, tensor, at) + use_affine(matrix, tensor, at);
  use_requantize(at);
  use_blocks(src);
  use_layouts(src);
  return sum + static_cast<double>(use_codebook(src));
}

}  // namespace
