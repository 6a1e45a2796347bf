// SPDX-License-Identifier: MIT
// The weights of a trained network in other formats, and what that does to it.
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "network.hpp"

namespace demo {

/// A layer with room for weights of another type.
template <class Weight>
layer<Weight> empty_like(const layer<float>& exact) {
  return {std::vector<Weight>(exact.weights.size()), exact.bias};
}

/// The weights as they are, rounded.
template <class Weight>
layer<Weight> rounded(const layer<float>& exact) {
  auto result = empty_like<Weight>(exact);
  fb::convert(exact.weights, result.weights);
  return result;
}

/// One scale for the matrix, so that its largest weight becomes the format's largest value. The
/// quotient may be a little larger than that: saturate, or it becomes infinity or NaN.
template <class Weight>
layer<Weight> scaled(const layer<float>& exact) {
  float amax = 0;
  for (const float weight : exact.weights) amax = std::max(amax, std::abs(weight));
  const float scale = amax / static_cast<float>(std::numeric_limits<Weight>::max());
  std::vector<float> quotients = exact.weights;
  for (float& quotient : quotients) quotient /= scale;

  auto result = empty_like<Weight>(exact);
  fb::convert<fb::saturating>(quotients, result.weights);
  result.scales = {scale};
  return result;
}

/// Integers without a scale: the weights rounded to whole numbers.
inline layer<fb::int8> int8_unscaled(const layer<float>& exact) {
  auto result = empty_like<fb::int8>(exact);
  fb::quantize(exact.weights, fb::affine<fb::int8>{}, result.weights);
  return result;
}

inline layer<fb::int8> int8_per_tensor(const layer<float>& exact) {
  auto result = empty_like<fb::int8>(exact);
  const auto parameters = fb::calibrate_absmax<fb::int8>(exact.weights);
  fb::quantize(exact.weights, parameters, result.weights);
  result.scales = {parameters.scale};
  return result;
}

inline layer<fb::int8> int8_per_row(const layer<float>& exact) {
  auto result = empty_like<fb::int8>(exact);
  result.scales.resize(exact.outputs());
  const auto parameters =
      fb::calibrate_absmax<fb::int8, fb::per_row>(exact.matrix(), result.scales);
  fb::quantize(exact.matrix(), parameters, result.matrix());
  return result;
}

/// Four bits: two codes to a byte, then back to FP32 for the product, since a scale that changes
/// along the row cannot wait for the end of the sum.
template <class Granularity>
layer<float> int4_and_back(const layer<float>& exact) {
  auto result = empty_like<float>(exact);
  const std::size_t rows = exact.outputs();
  const std::size_t cols = exact.inputs();
  std::vector<float> scales(Granularity::count(rows, cols));
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::int4>(rows * cols));
  const fb::packed_matrix_view<fb::int4> codes{bytes.data(), rows, cols};

  const auto parameters = fb::calibrate_absmax<fb::int4, Granularity>(exact.matrix(), scales);
  fb::quantize(exact.matrix(), parameters, codes);
  fb::dequantize(codes, parameters, result.matrix());
  return result;
}

/// `store` applied to both layers.
template <class Weight>
network<Weight> stored(const network<float>& exact, layer<Weight> (*store)(const layer<float>&)) {
  return {store(exact.hidden), store(exact.output)};
}

/// The numbers that stored weights stand for.
template <fb::floating Weight>
std::vector<float> decoded(const layer<Weight>& weights) {
  std::vector<float> values(weights.weights.size());
  fb::convert(weights.weights, values);
  if (!weights.scales.empty())
    for (float& value : values) value *= weights.scales[0];
  return values;
}
inline std::vector<float> decoded(const layer<fb::int8>& weights) {
  std::vector<float> values(weights.weights.size());
  if (weights.scales.size() > 1) {
    fb::dequantize(weights.matrix(), fb::affine<fb::int8, fb::per_row>{weights.scales},
                   fb::matrix_view{values.data(), weights.outputs(), weights.inputs()});
  } else {
    const float scale = weights.scales.empty() ? 1 : weights.scales[0];
    fb::dequantize(weights.weights, fb::affine<fb::int8>{scale}, values);
  }
  return values;
}

/// Ratio of the energy of the weights to that of their errors, in decibels: 6 more for each bit of
/// precision. Infinite when nothing was lost.
template <class Weight>
double signal_to_noise(const network<Weight>& net, const network<float>& exact) {
  double signal = 0;
  double noise = 0;
  const auto add = [&](const std::vector<float>& values, const std::vector<float>& wanted) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = static_cast<double>(wanted[i]);
      const double error = static_cast<double>(values[i]) - x;
      signal += x * x;
      noise += error * error;
    }
  };
  add(decoded(net.hidden), exact.hidden.weights);
  add(decoded(net.output), exact.output.weights);
  return 10 * std::log10(signal / noise);
}

/// What became of a network whose weights were stored in another format.
struct outcome {
  double sqnr;      // dB
  double accuracy;  // percent of the test images
  int changed;      // predictions other than those of the FP32 network
};

template <class Weight>
outcome examine(const network<Weight>& net, const network<float>& exact, const digits& test) {
  const std::vector<std::size_t> before = predict(exact, test.images);
  const std::vector<std::size_t> after = predict(net, test.images);
  int right = 0;
  int changed = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] == test.labels[i]) ++right;
    if (after[i] != before[i]) ++changed;
  }
  return {signal_to_noise(net, exact), 100.0 * right / static_cast<double>(after.size()), changed};
}

}  // namespace demo
