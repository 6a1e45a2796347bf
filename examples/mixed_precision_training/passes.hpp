// SPDX-License-Identifier: MIT
// Forward and backward passes of a network of two layers, in the format of their operands: products
// are summed in FP32, and what lies between two products is rounded to that format.
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>
#include <fewbits/training.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "../precision_report/digits.hpp"
#include "../precision_report/network.hpp"

namespace demo {

/// Weights and biases of both layers, or their gradients. Matrices are stored outputs x inputs.
template <class Element>
struct tensors {
  static constexpr int count = 4;
  std::vector<Element> of[count] = {
      std::vector<Element>(hidden_units * pixels), std::vector<Element>(hidden_units),
      std::vector<Element>(classes* hidden_units), std::vector<Element>(classes)};

  fb::matrix_view<Element> hidden() { return {of[0].data(), hidden_units, pixels}; }
  fb::matrix_view<const Element> hidden() const { return {of[0].data(), hidden_units, pixels}; }
  fb::matrix_view<Element> output() { return {of[2].data(), classes, hidden_units}; }
  fb::matrix_view<const Element> output() const { return {of[2].data(), classes, hidden_units}; }
};

template <class Element, class Other>
tensors<Element> rounded(const tensors<Other>& from) {
  tensors<Element> to;
  for (int i = 0; i < to.count; ++i) fb::convert(from.of[i], to.of[i]);
  return to;
}

inline tensors<float> first_weights(std::uint64_t seed) {
  random_numbers random(seed);
  tensors<float> weights;
  weights.of[0] = random_layer(hidden_units, pixels, random).weights;
  weights.of[2] = random_layer(classes, hidden_units, random).weights;
  return weights;
}

/// A matrix with its numbers.
template <class Element>
struct matrix {
  matrix(std::size_t rows, std::size_t cols) : data(rows * cols), view(data.data(), rows, cols) {}
  std::vector<Element> data;
  fb::matrix_view<Element> view;
};

/// Sums of the columns, in FP32.
template <class Element, class Sum>
void add_rows(const matrix<Element>& from, std::vector<Sum>& to, float scale = 1) {
  for (std::size_t j = 0; j < to.size(); ++j) {
    float sum = 0;
    for (std::size_t i = 0; i < from.view.rows(); ++i) sum += static_cast<float>(from.view(i, j));
    to[j] = Sum(sum * scale);
  }
}

/// The gradient passes where the ReLU let a number through.
template <class Value, class Element>
void relu_backward(const matrix<Value>& hidden, matrix<Element>& error) {
  for (std::size_t i = 0; i < error.data.size(); ++i)
    if (static_cast<float>(hidden.data[i]) <= 0) error.data[i] = Element{};
}

/// Replaces scores by the gradient of the mean loss, times `factor`; in FP32.
inline void loss_gradient(matrix<float>& scores, const digits& batch, float factor) {
  softmax_cross_entropy_gradient(scores.view, batch.labels);
  for (float& x : scores.data) x *= factor;
}

/// All that is multiplied is of one format.
template <class Element>
struct plain_pass {
  using gradient = Element;

  void operator()(const tensors<Element>& weights, const digits& batch, float factor,
                  tensors<Element>& to) const {
    const std::size_t rows = batch.images.rows();
    const tensors<float> wide = rounded<float>(weights);
    matrix<Element> images(rows, pixels), hidden(rows, hidden_units), error(rows, classes);
    matrix<Element> hidden_error(rows, hidden_units);
    matrix<float> scores(rows, classes);
    fb::convert(batch.images, images.view);
    fb::gemm(images.view, fb::transposed(weights.hidden()), hidden.view,
             fb::scale_bias{.bias = wide.of[1]} | fb::relu{});
    fb::gemm(hidden.view, fb::transposed(weights.output()), scores.view,
             fb::scale_bias{.bias = wide.of[3]});
    loss_gradient(scores, batch, factor);
    fb::convert(scores.view, error.view);

    fb::gemm(fb::transposed(error.view), hidden.view, to.output());
    add_rows(error, to.of[3]);
    fb::gemm(error.view, weights.output(), hidden_error.view);
    relu_backward(hidden, hidden_error);
    fb::gemm(fb::transposed(hidden_error.view), images.view, to.hidden());
    add_rows(hidden_error, to.of[1]);
  }
};

/// The FP8 codes of a tensor, with a scale from what it was in the steps before.
template <class Code>
class scaled_tensor {
 public:
  scaled_tensor(std::size_t rows, std::size_t cols) : codes(rows, cols) {}

  void quantize(fb::matrix_view<const float> from) {
    const fb::array_view<const float> all(from.data(), from.rows() * from.cols());
    // Nothing is known before the first step.
    parameters_ = steps_++ == 0 ? fb::current_scaling<Code, policy>(all)
                                : fb::delayed_scaling<Code, policy>(history_, parameters_);
    fb::quantize(all, parameters_, codes.data);
    fb::record(history_, all);
  }
  [[nodiscard]] float scale() const { return parameters_.scale; }

  matrix<Code> codes;

 private:
  static constexpr fb::scaling_policy policy{.power_of_two = true};
  fb::amax_history<16> history_{};
  fb::affine<Code> parameters_{1, 0};
  int steps_ = 0;
};

/// Weights and activations in E4M3, gradients in E5M2. Sums and the gradients of the weights stay FP32.
class fp8_pass {
 public:
  using gradient = float;

  void operator()(const tensors<float>& weights, const digits& batch, float factor,
                  tensors<float>& to) {
    matrix<float> hidden(rows, hidden_units), scores(rows, classes), back(rows, hidden_units);
    images_.quantize(batch.images);
    hidden_weights_.quantize(weights.hidden());
    output_weights_.quantize(weights.output());
    fb::gemm(
        images_.codes.view, fb::transposed(hidden_weights_.codes.view), hidden.view,
        fb::scale_bias{.scale = images_.scale() * hidden_weights_.scale(), .bias = weights.of[1]} |
            fb::relu{});
    hidden_.quantize(hidden.view);
    fb::gemm(
        hidden_.codes.view, fb::transposed(output_weights_.codes.view), scores.view,
        fb::scale_bias{.scale = hidden_.scale() * output_weights_.scale(), .bias = weights.of[3]});
    loss_gradient(scores, batch, factor);
    error_.quantize(scores.view);

    fb::gemm(fb::transposed(error_.codes.view), hidden_.codes.view, to.output(),
             fb::scale_bias{.scale = error_.scale() * hidden_.scale()});
    add_rows(error_.codes, to.of[3], error_.scale());
    fb::gemm(error_.codes.view, output_weights_.codes.view, back.view,
             fb::scale_bias{.scale = error_.scale() * output_weights_.scale()});
    relu_backward(hidden, back);
    hidden_error_.quantize(back.view);
    fb::gemm(fb::transposed(hidden_error_.codes.view), images_.codes.view, to.hidden(),
             fb::scale_bias{.scale = hidden_error_.scale() * images_.scale()});
    add_rows(hidden_error_.codes, to.of[1], hidden_error_.scale());
  }

 private:
  static constexpr std::size_t rows = 100;
  scaled_tensor<fb::fp8_forward> images_{rows, pixels}, hidden_weights_{hidden_units, pixels},
      hidden_{rows, hidden_units}, output_weights_{classes, hidden_units};
  scaled_tensor<fb::fp8_backward> error_{rows, classes}, hidden_error_{rows, hidden_units};
};

/// The scores of an FP32 pass with weights of any format.
template <class Weight>
matrix<float> scores_of(const tensors<Weight>& weights, const digits& data) {
  const tensors<float> wide = rounded<float>(weights);
  matrix<float> hidden(data.images.rows(), hidden_units), scores(data.images.rows(), classes);
  fb::gemm(data.images, fb::transposed(wide.hidden()), hidden.view,
           fb::scale_bias{.bias = wide.of[1]} | fb::relu{});
  fb::gemm(hidden.view, fb::transposed(wide.output()), scores.view,
           fb::scale_bias{.bias = wide.of[3]});
  return scores;
}

template <class Weight>
double mean_loss(const tensors<Weight>& weights, const digits& data) {
  const matrix<float> scores = scores_of(weights, data);
  double total = 0;
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < classes; ++j)
      sum += std::exp(static_cast<double>(scores.view(i, j)));
    total += std::log(sum) - static_cast<double>(scores.view(i, data.labels[i]));
  }
  return total / static_cast<double>(data.labels.size());
}

template <class Weight>
double percent_right(const tensors<Weight>& weights, const digits& data) {
  const matrix<float> scores = scores_of(weights, data);
  std::size_t right = 0;
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    const float* const row = scores.view.row(i);
    const auto found = static_cast<std::size_t>(std::max_element(row, row + classes) - row);
    right += found == data.labels[i] ? 1U : 0U;
  }
  return 100.0 * static_cast<double>(right) / static_cast<double>(data.labels.size());
}

/// All tensors; whether an element is not finite.
template <class Element>
bool unscale(const tensors<Element>& from, float scale, tensors<float>& to) {
  bool found = false;
  for (int i = 0; i < to.count; ++i) found |= fb::unscale(from.of[i], scale, to.of[i]);
  return found;
}

/// Of the numbers that are not 0 in `sharp`, those that are in `gradient`.
inline double percent_lost(const tensors<float>& gradient, const tensors<float>& sharp) {
  std::size_t lost = 0, all = 0;
  for (int i = 0; i < sharp.count; ++i)
    for (std::size_t j = 0; j < sharp.of[i].size(); ++j) {
      const bool was_there = sharp.of[i][j] != 0;
      all += was_there ? 1U : 0U;
      lost += was_there && gradient.of[i][j] == 0 ? 1U : 0U;
    }
  return 100.0 * static_cast<double>(lost) / static_cast<double>(all);
}

inline double dot(const tensors<float>& a, const tensors<float>& b) {
  double sum = 0;
  for (int i = 0; i < a.count; ++i)
    for (std::size_t j = 0; j < a.of[i].size(); ++j)
      sum += static_cast<double>(a.of[i][j]) * static_cast<double>(b.of[i][j]);
  return sum;
}
inline double cosine(const tensors<float>& a, const tensors<float>& b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

/// Of the numbers that are not 0 in `sharp`.
inline double median_relative_error(const tensors<float>& gradient, const tensors<float>& sharp) {
  std::vector<double> errors;
  for (int i = 0; i < sharp.count; ++i)
    for (std::size_t j = 0; j < sharp.of[i].size(); ++j) {
      const double want = static_cast<double>(sharp.of[i][j]);
      if (want != 0)
        errors.push_back(std::fabs((static_cast<double>(gradient.of[i][j]) - want) / want));
    }
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

}  // namespace demo
