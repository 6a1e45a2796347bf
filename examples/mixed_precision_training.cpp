// SPDX-License-Identifier: MIT
// Why training in few bits works, and what each of its rules is for. A network of two layers learns
// handwritten digits with products of FP32, FP16, BF16 and FP8 numbers:
//   weights add up thousands of small steps, so they stay sharp: in FP32 beside the copies that are
//   multiplied, or in BF16 with stochastic rounding or Kahan's compensation, never to nearest alone;
//   activations and gradients live for a step, so they tolerate noise;
//   FP16 gradients need a scaled loss, FP8 tensors a scale each; BF16 has FP32's range and needs neither.
// All runs see the same digits in the same order from the same first weights. Exit status 1 if a
// finding does not hold.
#include <fewbits/training.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <vector>

#include "mixed_precision_training/keepers.hpp"
#include "mixed_precision_training/passes.hpp"
#include "precision_report/digits.hpp"

namespace {

using namespace demo;

constexpr std::size_t batch_size = 100;
/// When the loss is measured; the last one ends a run.
const std::vector<int> often = {1, 5, 10, 20, 35}, twice = {1, 12};

struct run {
  std::vector<double> losses;  ///< on the digits of training, after some epochs
  double accuracy = 0;         ///< on those of the test, in percent
  double lost = 0;  ///< percent of the first gradient's numbers that are 0, but not in FP32
  int skipped = 0;  ///< steps with an overflow
  float scale = 1;  ///< of the loss, at the end
};

/// `pass` is how gradients are computed, `keeper` how weights are kept. The loss is divided by
/// `divisor`, as if so many gradients were added up before a step, and the gradient multiplied by it.
template <class Pass, class Keeper>
run train(Pass pass, Keeper keeper, const digits_file& file, const std::vector<int>& epochs,
          float divisor = 1, fb::loss_scaler scaler = fb::loss_scaler::constant(1)) {
  const digits data = file.train();
  run result;
  tensors<typename Pass::gradient> gradient;
  tensors<float> sharp, first_gradient;
  plain_pass<float>()(rounded<float>(keeper.weights()), slice(data, 0, batch_size), 1,
                      first_gradient);
  for (int epoch = 1; epoch <= epochs.back(); ++epoch) {
    for (std::size_t first = 0; first + batch_size <= data.labels.size(); first += batch_size) {
      const float factor = scaler.scale() / divisor;
      pass(keeper.weights(), slice(data, first, batch_size), factor, gradient);
      const bool found = unscale(gradient, factor, sharp);
      if (epoch == 1 && first == 0) result.lost = percent_lost(sharp, first_gradient);
      if (!found) keeper.step(sharp);
      result.skipped += found ? 1 : 0;
      scaler.update(found);
    }
    if (std::count(epochs.begin(), epochs.end(), epoch) != 0)
      result.losses.push_back(mean_loss(keeper.weights(), data));
  }
  result.accuracy = percent_right(keeper.weights(), file.test());
  result.scale = scaler.scale();
  return result;
}

void print(const char* name, const run& of) {
  std::printf("  %-34s", name);
  for (const double loss : of.losses) std::printf(" %7.4f", loss);
  std::printf("   %6.2f %%\n", of.accuracy);
}

bool check(bool holds, const char* claim) {
  std::printf("%s: %s\n", holds ? "holds" : "FAILS", claim);
  return holds;
}

bool same_loss(const run& a, const run& b, double tolerance) {
  return std::fabs(a.losses.back() - b.losses.back()) <= tolerance * b.losses.back();
}

bool compare_formats(const digits_file& file, const tensors<float>& first) {
  std::printf("Loss after epoch                    ");
  for (const int epoch : often) std::printf(" %7d", epoch);
  std::printf("   digits recognized\n");
  const run fp32 = train(plain_pass<float>(), sharp_keeper<float>(first), file, often);
  print("FP32", fp32);
  const run fp16 = train(plain_pass<fb::fp16>(), sharp_keeper<fb::fp16>(first), file, often, 1,
                         fb::loss_scaler());
  print("FP16, FP32 master weights, scaler", fp16);
  const run bf16 = train(plain_pass<fb::bf16>(), sharp_keeper<fb::bf16>(first), file, often);
  print("BF16, FP32 master weights", bf16);
  const run eight = train(plain_pass<fb::bf16>(), blockwise_keeper(first), file, often);
  print("BF16, FP32 weights, 8-bit moments", eight);
  const run fp8 = train(fp8_pass(), sharp_keeper<float>(first), file, often);
  print("FP8, delayed scales, FP32 weights", fp8);
  const run nearest = train(plain_pass<fb::bf16>(), nearest_keeper(first), file, often);
  print("BF16 weights, to nearest", nearest);
  const run stochastic = train(plain_pass<fb::bf16>(), stochastic_keeper(first), file, often);
  print("BF16 weights, stochastic rounding", stochastic);
  const run kahan = train(plain_pass<fb::bf16>(), kahan_keeper(first), file, often);
  print("BF16 weights, Kahan's compensation", kahan);
  std::printf("\n");

  bool holds = true;
  holds &= check(same_loss(fp16, fp32, 0.01) && same_loss(bf16, fp32, 0.02),
                 "with FP32 master weights, FP16 ends within 1 % of FP32's loss, BF16 within 2 %");
  holds &=
      check(same_loss(eight, fp32, 0.06) && eight.accuracy > fp32.accuracy - 1.5,
            "with Adam's moments in 8 bits, within 6 %, and no more than 1.5 points less right");
  holds &=
      check(same_loss(fp8, fp32, 0.1) && std::fabs(fp8.accuracy - fp32.accuracy) < 1.5,
            "FP8 with a scale a tensor ends within 10 % of it, and 1.5 points of the accuracy");
  holds &= check(nearest.losses.back() > 2 * fp32.losses.back(),
                 "BF16 weights rounded to nearest lose small steps: more than twice the loss");
  holds &= check(same_loss(stochastic, fp32, 0.05) && same_loss(kahan, fp32, 0.05),
                 "stochastic rounding and Kahan's compensation keep them: within 5 %");
  return holds;
}

/// A gradient against FP32's of the same weights and digits.
struct likeness {
  double cosine, median_error;
};

void print(const char* name, const likeness& of) {
  std::printf("  %-34s %10.6f %14.3f %%\n", name, of.cosine, 100 * of.median_error);
}

template <class Pass, class Weight>
likeness compare_gradient(Pass pass, const tensors<Weight>& weights, const digits& batch,
                          const tensors<float>& sharp) {
  tensors<typename Pass::gradient> found;
  tensors<float> gradient;
  // FP8's scales come from steps before: the second pass has them.
  for (int i = 0; i < 2; ++i) pass(weights, batch, 1024, found);
  (void)unscale(found, 1024, gradient);
  return {cosine(gradient, sharp), median_relative_error(gradient, sharp)};
}

bool compare_gradients(const digits_file& file, const tensors<float>& first) {
  const digits batch = slice(file.train(), 0, batch_size);
  tensors<float> sharp;
  plain_pass<float>()(first, batch, 1, sharp);
  const likeness fp16 =
      compare_gradient(plain_pass<fb::fp16>(), rounded<fb::fp16>(first), batch, sharp);
  const likeness bf16 =
      compare_gradient(plain_pass<fb::bf16>(), rounded<fb::bf16>(first), batch, sharp);
  const likeness fp8 = compare_gradient(fp8_pass(), first, batch, sharp);
  std::printf("\nThe gradient against FP32's           cosine   median error of a number\n");
  print("FP16", fp16);
  print("BF16", bf16);
  print("FP8", fp8);
  std::printf("\n");
  bool holds = true;
  holds &= check(fp16.cosine > 0.9999 && bf16.cosine > 0.999 && fp8.cosine > 0.98,
                 "the direction survives: cosines above 0.9999, 0.999 and 0.98");
  holds &=
      check(fp16.median_error > 1e-4 && bf16.median_error > 1e-3 && fp8.median_error > 1e-2,
            "the decimals do not: half of the numbers are wrong in the fourth digit, the third, "
            "the second");
  return holds;
}

void print(const char* name, const run& of, int power) {
  std::printf("  %-28s 2^%-4d %8.1f %%  %7.4f   %6.2f %%   %6d   2^%.0f\n", name, power, of.lost,
              of.losses.back(), of.accuracy, of.skipped, std::log2(static_cast<double>(of.scale)));
}

bool compare_scaling(const digits_file& file, const tensors<float>& first) {
  std::printf(
      "\nLoss divided by              lost gradients     loss   recognized  skipped  scale\n");
  const auto of_fp16 = [&](int power, const fb::loss_scaler& scaler, const char* name) {
    const run found = train(plain_pass<fb::fp16>(), sharp_keeper<fb::fp16>(first), file, twice,
                            std::ldexp(1.0f, power), scaler);
    print(name, found, power);
    return found;
  };
  const auto of_bf16 = [&](int power) {
    const run found = train(plain_pass<fb::bf16>(), sharp_keeper<fb::bf16>(first), file, twice,
                            std::ldexp(1.0f, power));
    print("BF16", found, power);
    return found;
  };
  const fb::loss_scaler none = fb::loss_scaler::constant(1), dynamic;
  // Far too much: it has to find the scale itself.
  fb::loss_scaler high;
  high.set_scale(0x1p48f);
  const run plain = of_fp16(0, none, "FP16");
  const run lost = of_fp16(16, none, "FP16");
  const run all_lost = of_fp16(20, none, "FP16");
  const run scaled = of_fp16(16, dynamic, "FP16, loss_scaler");
  const run all_scaled = of_fp16(20, dynamic, "FP16, loss_scaler");
  const run from_high = of_fp16(20, high, "FP16, loss_scaler from 2^48");
  const run bf16 = of_bf16(0), bf16_divided = of_bf16(20);
  std::printf("\n");

  bool holds = true;
  holds &= check(lost.lost > plain.lost + 30 && all_lost.lost > 99.9,
                 "FP16 gradients underflow: many at 2^-16, all at 2^-20");
  holds &= check(lost.losses.back() > 1.2 * plain.losses.back() &&
                     all_lost.losses.back() == all_lost.losses.front(),
                 "so at 2^-16 little is learned, at 2^-20 nothing");
  holds &= check(same_loss(scaled, plain, 0.01) && same_loss(all_scaled, plain, 0.01),
                 "the loss scaler recovers them: within 1 % of the loss without division");
  holds &= check(from_high.skipped > 0 && same_loss(from_high, plain, 0.1),
                 "a scale that is too high costs a skipped step for each halving, no more");
  holds &= check(same_loss(bf16_divided, bf16, 1e-3) && bf16_divided.lost < 0.1,
                 "BF16 needs no scaler: nothing changes at 2^-20");
  return holds;
}

int run_all() {
  const digits_file file(FEWBITS_EXAMPLE_DATA "/digits");
  const tensors<float> first = first_weights(1);
  bool holds = compare_formats(file, first);
  holds &= compare_gradients(file, first);
  holds &= compare_scaling(file, first);
  return holds ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run_all();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
