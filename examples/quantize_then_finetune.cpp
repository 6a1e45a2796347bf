// SPDX-License-Identifier: MIT
// Quantize then fine-tune is not fine-tune then quantize. A network that was trained on handwritten
// digits gets weights of 8 to 2 bits, one scale a row, in three ways:
//   quantized                 the trained weights are rounded;
//   fine-tuned, quantized     ten more epochs in FP32, then the weights are rounded;
//   quantized, fine-tuned     ten more epochs in which every forward pass sees rounded weights, and
//                             gradients pass straight through to FP32 weights.
// The last two see the same digits in the same order for as many steps at the same rate, and end in
// codes of the same kind. The rate is the one that is best for fine-tuning in FP32, on digits kept
// from training for that; the test digits are only counted at the end.
#include <fewbits/quantize.hpp>
#include <fewbits/training/fake_quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

#include "precision_report/digits.hpp"
#include "precision_report/network.hpp"

namespace {

using namespace demo;

constexpr std::size_t seeds = 5;
constexpr std::size_t batch_size = 100;
constexpr int fine_tuning_epochs = 10;

template <int Bits>
using code = fb::basic_int<fb::int_format{Bits}>;

/// `layer` as its codes give it back; `scales` has room for one a row.
template <class Code>
fb::affine<Code, fb::per_row> round_weights(const layer<float>& layer, std::vector<float>& scales,
                                            demo::layer<float>& rounded) {
  scales.resize(layer.outputs());
  const auto parameters = fb::calibrate_absmax<Code, fb::per_row>(layer.matrix(), scales);
  fb::fake_quantize(layer.matrix(), parameters, rounded.matrix());
  rounded.bias = layer.bias;
  return parameters;
}

/// FP32: what is seen is what is trained.
struct sharp {
  const network<float>& seen(const network<float>& net) { return net; }
  void pass(const network<float>&, network<float>&) {}
};

/// Forward and backward see the rounded weights; the gradient goes to the sharp ones, but for those
/// that are clipped.
template <class Code>
class blurred {
 public:
  explicit blurred(const network<float>& net) : rounded_(net) {}

  const network<float>& seen(const network<float>& net) {
    hidden_ = round_weights<Code>(net.hidden, hidden_scales_, rounded_.hidden);
    output_ = round_weights<Code>(net.output, output_scales_, rounded_.output);
    return rounded_;
  }
  void pass(const network<float>& net, network<float>& gradient) {
    pass(net.hidden, hidden_, gradient.hidden);
    pass(net.output, output_, gradient.output);
  }

 private:
  static void pass(const layer<float>& weights, const fb::affine<Code, fb::per_row>& parameters,
                   layer<float>& gradient) {
    fb::straight_through(weights.matrix(), parameters,
                         fb::matrix_view<const float>(gradient.matrix()), gradient.matrix());
  }

  network<float> rounded_;
  std::vector<float> hidden_scales_, output_scales_;
  fb::affine<Code, fb::per_row> hidden_, output_;
};

template <class Sight>
network<float> fine_tuned(network<float> net, const digits& data, float rate, Sight sight) {
  network<float> gradient = net;
  optimizer descent(rate, 0.9f);
  activations values(batch_size);
  std::vector<float> hidden_error(batch_size * hidden_units);
  for (int epoch = 0; epoch < fine_tuning_epochs; ++epoch)
    for (std::size_t first = 0; first + batch_size <= data.labels.size(); first += batch_size) {
      const digits batch = slice(data, first, batch_size);
      const network<float>& seen = sight.seen(net);
      forward(seen, batch.images, values);
      backward(seen, batch, values, {hidden_error.data(), batch_size, hidden_units}, gradient);
      sight.pass(net, gradient);
      descent.step(net, gradient);
    }
  return net;
}

/// What is deployed: codes, scales and biases; here as the floats that they give back.
template <class Code>
struct deployed {
  network<float> net;
  std::vector<Code> codes;

  explicit deployed(const network<float>& sharp) : net(sharp) {
    add(sharp.hidden, net.hidden);
    add(sharp.output, net.output);
  }

 private:
  void add(const layer<float>& sharp, layer<float>& rounded) {
    std::vector<float> scales;
    const auto parameters = round_weights<Code>(sharp, scales, rounded);
    std::vector<Code> its(sharp.weights.size());
    const fb::matrix_view<Code> matrix(its.data(), sharp.outputs(), sharp.inputs());
    fb::quantize(sharp.matrix(), parameters, matrix);
    fb::dequantize(fb::matrix_view<const Code>(matrix), parameters, rounded.matrix());
    codes.insert(codes.end(), its.begin(), its.end());
  }
};

double percent_right(const network<float>& net, const digits& data) {
  const std::vector<std::size_t> found = predict(net, data.images);
  std::size_t right = 0;
  for (std::size_t i = 0; i < found.size(); ++i) right += found[i] == data.labels[i] ? 1U : 0U;
  return 100.0 * static_cast<double>(right) / static_cast<double>(found.size());
}

/// One number for each seed.
struct sample {
  double values[seeds] = {};

  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double x : values) sum += x;
    return sum / seeds;
  }
  /// Standard deviation.
  [[nodiscard]] double spread() const {
    double sum = 0;
    for (const double x : values) sum += (x - mean()) * (x - mean());
    return std::sqrt(sum / (seeds - 1));
  }
};

struct result {
  sample after, before, within, moved;
  /// Seeds for which quantizing first was the better.
  int wins = 0;
};

template <int Bits>
result compare(const std::vector<network<float>>& trained,
               const std::vector<network<float>>& tuned_sharp, const digits& data, float rate,
               const digits& test) {
  result found;
  for (std::size_t seed = 0; seed < seeds; ++seed) {
    const deployed<code<Bits>> before(tuned_sharp[seed]);
    const deployed<code<Bits>> within(
        fine_tuned(trained[seed], data, rate, blurred<code<Bits>>(trained[seed])));
    found.after.values[seed] = percent_right(deployed<code<Bits>>(trained[seed]).net, test);
    found.before.values[seed] = percent_right(before.net, test);
    found.within.values[seed] = percent_right(within.net, test);
    std::size_t moved = 0;
    for (std::size_t i = 0; i < before.codes.size(); ++i)
      moved += before.codes[i] == within.codes[i] ? 0U : 1U;
    found.moved.values[seed] =
        100.0 * static_cast<double>(moved) / static_cast<double>(before.codes.size());
    found.wins += found.within.values[seed] > found.before.values[seed] ? 1 : 0;
  }
  std::printf(
      "  INT%d   %6.2f +- %5.2f      %6.2f +- %5.2f        %6.2f +- %5.2f        %5.1f %%\n", Bits,
      found.after.mean(), found.after.spread(), found.before.mean(), found.before.spread(),
      found.within.mean(), found.within.spread(), found.moved.mean());
  return found;
}

bool check(bool holds, const char* claim) {
  std::printf("%s: %s\n", holds ? "holds" : "FAILS", claim);
  return holds;
}

int run() {
  const digits_file file(FEWBITS_EXAMPLE_DATA "/digits");
  const digits data = slice(file.train(), 0, 1200), validation = slice(file.train(), 1200, 200);
  std::vector<network<float>> trained, tuned_sharp;
  for (std::size_t seed = 0; seed < seeds; ++seed) trained.push_back(train(data, seed + 1));
  float rate = 0;
  double best = -1;
  for (const float tried : {0.005f, 0.02f, 0.08f}) {
    sample validated;
    std::vector<network<float>> tuned;
    for (std::size_t seed = 0; seed < seeds; ++seed) {
      tuned.push_back(fine_tuned(trained[seed], data, tried, sharp{}));
      validated.values[seed] = percent_right(tuned[seed], validation);
    }
    if (validated.mean() <= best) continue;
    best = validated.mean();
    rate = tried;
    tuned_sharp = tuned;
  }
  sample base, sharp_tuned;
  for (std::size_t seed = 0; seed < seeds; ++seed) {
    base.values[seed] = percent_right(trained[seed], file.test());
    sharp_tuned.values[seed] = percent_right(tuned_sharp[seed], file.test());
  }
  std::printf("Digits recognized, %%: mean +- standard deviation over %zu seeds\n\n", seeds);
  std::printf("  FP32   %6.2f +- %5.2f      %6.2f +- %5.2f after %d more epochs at rate %g\n",
              base.mean(), base.spread(), sharp_tuned.mean(), sharp_tuned.spread(),
              fine_tuning_epochs, static_cast<double>(rate));
  std::printf(
      "         quantized            fine-tuned, quantized  quantized, fine-tuned  "
      "codes that differ\n");
  const digits test = file.test();
  const result int8 = compare<8>(trained, tuned_sharp, data, rate, test);
  compare<6>(trained, tuned_sharp, data, rate, test);
  const result int4 = compare<4>(trained, tuned_sharp, data, rate, test);
  const result int3 = compare<3>(trained, tuned_sharp, data, rate, test);
  const result int2 = compare<2>(trained, tuned_sharp, data, rate, test);
  std::printf("\n");

  bool holds = true;
  holds &= check(std::fabs(int8.within.mean() - int8.before.mean()) < 1,
                 "at 8 bits the order does not matter: less than a point");
  holds &= check(int4.moved.mean() > 0.5 && int3.moved.mean() > 0.5 && int2.moved.mean() > 0.5,
                 "at 4 bits and fewer the two orders end in different codes");
  holds &= check(int2.wins == static_cast<int>(seeds),
                 "at 2 bits quantizing first is better for every seed");
  holds &=
      check(int2.within.mean() - int2.before.mean() > int2.within.spread() + int2.before.spread(),
            "at 2 bits the means are further apart than both spreads together");
  return holds ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
