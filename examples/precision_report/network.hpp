// SPDX-License-Identifier: MIT
// A network of two layers, 64 pixels to 64 hidden units to 10 classes, and its training in FP32.
#pragma once

#include <fewbits/gemm.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "digits.hpp"

namespace demo {

inline constexpr std::size_t hidden_units = 64;

/// y = x W^T + bias. W is stored outputs x inputs, in any element type; the bias stays in FP32, as
/// it does in practice: it is few numbers.
template <class Weight>
struct layer {
  std::vector<Weight> weights;
  std::vector<float> bias;
  /// What the weights are multiplied by: nothing, one scale for all, or one for each output.
  std::vector<float> scales{};

  [[nodiscard]] std::size_t outputs() const { return bias.size(); }
  [[nodiscard]] std::size_t inputs() const { return weights.size() / bias.size(); }
  [[nodiscard]] fb::matrix_view<const Weight> matrix() const {
    return {weights.data(), outputs(), inputs()};
  }
  [[nodiscard]] fb::matrix_view<Weight> matrix() { return {weights.data(), outputs(), inputs()}; }

  /// A scale of whole rows of W is a scale of the sums: the product takes the codes as they are,
  /// and no decoded copy of the weights exists.
  [[nodiscard]] fb::scale_bias epilogue() const {
    if (scales.size() == 1) return {.scale = scales[0], .bias = bias};
    return {.bias = bias, .column_scale = scales};
  }
};

template <class Weight>
struct network {
  layer<Weight> hidden;
  layer<Weight> output;
};

/// The values between the layers, for a number of images.
struct activations {
  explicit activations(std::size_t images)
      : hidden_data(images * hidden_units), score_data(images * classes) {}

  fb::matrix_view<float> hidden(std::size_t images) {
    return {hidden_data.data(), images, hidden_units};
  }
  fb::matrix_view<float> scores(std::size_t images) { return {score_data.data(), images, classes}; }

  std::vector<float> hidden_data;
  std::vector<float> score_data;
};

template <class Weight>
void forward(const network<Weight>& net, fb::matrix_view<const float> images, activations& values) {
  const auto hidden = values.hidden(images.rows());
  fb::gemm(images, fb::transposed(net.hidden.matrix()), hidden, net.hidden.epilogue() | fb::relu{});
  fb::gemm(hidden, fb::transposed(net.output.matrix()), values.scores(images.rows()),
           net.output.epilogue());
}

/// The class with the highest score, for each image.
template <class Weight>
std::vector<std::size_t> predict(const network<Weight>& net, fb::matrix_view<const float> images) {
  activations values(images.rows());
  forward(net, images, values);
  std::vector<std::size_t> predictions;
  for (std::size_t i = 0; i < images.rows(); ++i) {
    const float* const scores = values.scores(images.rows()).row(i);
    predictions.push_back(
        static_cast<std::size_t>(std::max_element(scores, scores + classes) - scores));
  }
  return predictions;
}

/// Random numbers that are the same on every machine (splitmix64).
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) : state_(seed) {}

  /// Uniform in [-1, 1).
  float operator()() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-23f - 1;
  }

 private:
  std::uint64_t state_;
};

/// Uniform weights with the variance 2 / inputs, which keeps the size of the signal through a ReLU.
inline layer<float> random_layer(std::size_t outputs, std::size_t inputs, random_numbers& random) {
  const float bound = std::sqrt(6 / static_cast<float>(inputs));
  layer<float> result{std::vector<float>(outputs * inputs), std::vector<float>(outputs)};
  for (float& weight : result.weights) weight = bound * random();
  return result;
}

/// Replaces scores by the gradient of the mean loss, (softmax - one-hot) / images.
inline void softmax_cross_entropy_gradient(fb::matrix_view<float> scores,
                                           fb::array_view<const std::uint8_t> labels) {
  for (std::size_t i = 0; i < scores.rows(); ++i) {
    float* const row = scores.row(i);
    const float highest = *std::max_element(row, row + classes);
    float sum = 0;
    for (std::size_t j = 0; j < classes; ++j) sum += row[j] = std::exp(row[j] - highest);
    for (std::size_t j = 0; j < classes; ++j) row[j] /= sum;
    row[labels[i]] -= 1;
    for (std::size_t j = 0; j < classes; ++j) row[j] /= static_cast<float>(scores.rows());
  }
}

/// Gradients of a layer's parameters: `error` is the gradient of its sums, images x outputs.
inline void parameter_gradient(fb::matrix_view<const float> error,
                               fb::matrix_view<const float> inputs, layer<float>& gradient) {
  fb::gemm(fb::transposed(error), inputs, gradient.matrix());
  std::fill(gradient.bias.begin(), gradient.bias.end(), 0.0f);
  for (std::size_t i = 0; i < error.rows(); ++i)
    for (std::size_t j = 0; j < error.cols(); ++j) gradient.bias[j] += error(i, j);
}

/// Gradients of all parameters, after `forward`. `values` is used up.
inline void backward(const network<float>& net, const digits& batch, activations& values,
                     fb::matrix_view<float> hidden_error, network<float>& gradient) {
  const auto hidden = values.hidden(batch.images.rows());
  const auto scores = values.scores(batch.images.rows());
  softmax_cross_entropy_gradient(scores, batch.labels);
  parameter_gradient(scores, hidden, gradient.output);

  fb::gemm(scores, net.output.matrix(), hidden_error);
  for (std::size_t i = 0; i < hidden.rows(); ++i)
    for (std::size_t j = 0; j < hidden.cols(); ++j)
      if (hidden(i, j) <= 0) hidden_error(i, j) = 0;
  parameter_gradient(hidden_error, batch.images, gradient.hidden);
}

/// Stochastic gradient descent with momentum.
class optimizer {
 public:
  optimizer(float rate, float momentum) : rate_(rate), momentum_(momentum) {}

  void step(network<float>& net, const network<float>& gradient) {
    step(net.hidden.weights, gradient.hidden.weights, velocity_[0]);
    step(net.hidden.bias, gradient.hidden.bias, velocity_[1]);
    step(net.output.weights, gradient.output.weights, velocity_[2]);
    step(net.output.bias, gradient.output.bias, velocity_[3]);
  }

 private:
  void step(std::vector<float>& parameters, const std::vector<float>& gradient,
            std::vector<float>& velocity) const {
    velocity.resize(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      velocity[i] = momentum_ * velocity[i] + gradient[i];
      parameters[i] -= rate_ * velocity[i];
    }
  }

  float rate_;
  float momentum_;
  std::vector<float> velocity_[4];
};

/// The trained network: the same one for a seed and an instruction set.
inline network<float> train(const digits& data, std::uint64_t seed) {
  constexpr int epochs = 40;
  constexpr std::size_t batch_size = 100;
  random_numbers random(seed);
  network<float> net{random_layer(hidden_units, pixels, random),
                     random_layer(classes, hidden_units, random)};
  network<float> gradient = net;
  optimizer descent(0.1f, 0.9f);
  activations values(batch_size);
  std::vector<float> hidden_error(batch_size * hidden_units);
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (std::size_t first = 0; first + batch_size <= data.labels.size(); first += batch_size) {
      const digits batch = slice(data, first, batch_size);
      forward(net, batch.images, values);
      backward(net, batch, values, {hidden_error.data(), batch_size, hidden_units}, gradient);
      descent.step(net, gradient);
    }
  return net;
}

}  // namespace demo
