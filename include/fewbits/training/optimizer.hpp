// SPDX-License-Identifier: MIT
// Optimizer steps, one pass over memory: `sgd_step`, `adam_step`, `adamw_step`.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/random/philox.hpp>
#include <fewbits/training/blockwise_moments.hpp>
#include <fewbits/training/lanes.hpp>
#include <fewbits/training/master_weights.hpp>
#include <fewbits/training/step_kernel.hpp>
#include <fewbits/training/tasks.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Defaults are those of PyTorch's SGD and Adam (its AdamW decays by 0.01); SGD's learning rate has none.
struct sgd_options {
  double learning_rate;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
};
struct adam_options {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
};

namespace detail {

template <bool HasMomentum>
struct sgd_rule {
  using options = sgd_options;
  static constexpr int moment_count = HasMomentum ? 1 : 0;

  template <class Lanes>
  struct coefficients {
    typename Lanes::u32 minus_rate, momentum, decay;
    bool has_decay, nesterov;
  };
  template <class Lanes>
  FEWBITS_INLINE static coefficients<Lanes> prepare(const options& of, std::uint64_t) {
    return {Lanes::set(float_code(-of.learning_rate)), Lanes::set(float_code(of.momentum)),
            Lanes::set(float_code(of.weight_decay)), of.weight_decay != 0, of.nesterov};
  }
  template <class Lanes, class Word>
  FEWBITS_INLINE static void apply(const coefficients<Lanes>& by, Word w, Word g,
                                   Word (&moments)[2], Word& target) {
    if (by.has_decay) g = Lanes::add_floats(g, Lanes::multiply_floats(by.decay, w));
    if constexpr (HasMomentum) {
      moments[0] = Lanes::add_floats(Lanes::multiply_floats(by.momentum, moments[0]), g);
      g = by.nesterov ? Lanes::add_floats(g, Lanes::multiply_floats(by.momentum, moments[0]))
                      : moments[0];
      moments[0] = Lanes::with_one_nan(moments[0]);
    }
    target = Lanes::add_floats(target, Lanes::multiply_floats(by.minus_rate, g));
  }
};

template <bool IsDecoupled>
struct adam_rule {
  using options = adam_options;
  static constexpr int moment_count = 2;

  template <class Lanes>
  struct coefficients {
    typename Lanes::u32 minus_rate, toward_first, toward_second, epsilon, decay;
    typename Lanes::divisor correction, root_correction;
    bool has_decay;
  };
  template <class Lanes>
  FEWBITS_INLINE static coefficients<Lanes> prepare(const options& of, std::uint64_t step) {
    const double decay = opaque(of.learning_rate) * opaque(of.weight_decay);
    const std::uint32_t second = float_code(1 - power(of.beta2, step));
    return {Lanes::set(float_code(-of.learning_rate)),
            Lanes::set(float_code(1 - opaque(of.beta1))),
            Lanes::set(float_code(1 - opaque(of.beta2))),
            Lanes::set(float_code(of.epsilon)),
            Lanes::set(float_code(IsDecoupled ? -decay : of.weight_decay)),
            Lanes::divisor_of(float_code(1 - power(of.beta1, step))),
            Lanes::divisor_of(training_lanes<generic>::sqrt_floats(second)),
            of.weight_decay != 0};
  }
  template <class Lanes, class Word>
  FEWBITS_INLINE static void apply(const coefficients<Lanes>& by, Word w, Word g,
                                   Word (&moments)[2], Word& target) {
    if (by.has_decay) {
      const Word decay = Lanes::multiply_floats(by.decay, w);
      if constexpr (IsDecoupled) {
        target = Lanes::add_floats(target, decay);
      } else {
        g = Lanes::add_floats(g, decay);
      }
    }
    moments[0] = toward<Lanes>(moments[0], by.toward_first, g);
    moments[1] = toward<Lanes>(moments[1], by.toward_second, Lanes::multiply_floats(g, g));
    Word mean = moments[0];
    Word root = Lanes::sqrt_floats(moments[1]);
    if (!Lanes::divide_both(mean, by.correction, root, by.root_correction)) {
      moments[0] = Lanes::with_one_nan(moments[0]);
      moments[1] = Lanes::with_one_nan(moments[1]);
    }
    const Word update = Lanes::divide_floats(Lanes::multiply_floats(by.minus_rate, mean),
                                             Lanes::add_floats(root, by.epsilon));
    target = Lanes::add_floats(target, update);
  }
  /// from + part * (to - from)
  template <class Lanes, class Word>
  FEWBITS_INLINE static Word toward(Word from, Word part, Word to) {
    return Lanes::add_floats(from, Lanes::multiply_floats(part, Lanes::subtract_floats(to, from)));
  }
};

FEWBITS_INLINE stored_moments<fp32> no_moments() { return {nullptr, nullptr, 0}; }

template <class... Others>
FEWBITS_INLINE const philox& first_of(const philox& random, const Others&...) {
  return random;
}

template <class Kernel, class Executor, class Options>
FEWBITS_INLINE void run_in_tasks(Executor& runner, const step_arrays& arrays, std::size_t size,
                                 const Options& options, std::uint64_t step, const philox& random) {
  run_stretches(runner, size,
                step_tasks<Kernel, Options>{arrays, options, step, random.seed, random.offset});
}

/// Checks the sizes and runs the kernel.
template <class Rule, isa Isa, class Executor, class Weights, class Gradients, class First,
          class Second, class... Random>
FEWBITS_INLINE void run_step(Executor& runner, Weights& weights, const Gradients& gradients,
                             const stored_moments<First>& first,
                             const stored_moments<Second>& second,
                             const typename Rule::options& options, std::uint64_t step,
                             const Random&... random) {
  constexpr bool is_stochastic = sizeof...(Random) != 0;
  using gradient = training_element_of<const Gradients>;
  const auto of = stored(weights);
  using of_weights = std::remove_const_t<decltype(of)>;
  const std::size_t size = size_of(gradients);
  FEWBITS_ASSERT(of.size == size && (Rule::moment_count < 1 || first.size == size) &&
                     (Rule::moment_count < 2 || second.size == size),
                 "optimizer: %zu weights, %zu gradients, %zu and %zu moments", of.size, size,
                 first.size, second.size);
  static_assert(!is_stochastic || of_weights::kind != second_array::compensation,
                "fewbits: compensated weights are rounded to nearest");
  const step_arrays arrays{of.weights,
                           of.second,
                           reinterpret_cast<const unsigned char*>(data_of(gradients)),
                           {first.data, second.data},
                           {first.scales, second.scales}};
  const philox words = first_of(random..., philox{0, 0});
  // What is small is kept in FP32.
  using plain = step_kernel<Rule, of_weights, gradient, computed_as<First>, computed_as<Second>,
                            is_stochastic, Isa>;
  if constexpr (is_blockwise<First> || is_blockwise<Second>) {
    if (size >= smallest_in_blocks) {
      using blockwise =
          blockwise_step_kernel<Rule, of_weights, gradient, First, Second, is_stochastic, Isa>;
      return run_in_tasks<blockwise>(runner, arrays, size, options, step, words);
    }
  }
  run_in_tasks<plain>(runner, arrays, size, options, step, words);
}

}  // namespace detail

/// A `philox`, or nothing.
template <class... Random>
concept optional_philox = sizeof...(Random) <= 1 && (std::same_as<Random, philox> && ...);

/// A step of AdamW (Loshchilov and Hutter, 2019), number `step` from 1 on, in FP32, each operation
/// rounded to nearest even:
///
///   w = w - (rate * decay) * w                                   (not if decay is 0)
///   m = m + (1 - beta1) * (g - m)
///   v = v + (1 - beta2) * (g * g - v)
///   w = w - (rate * (m / (1 - beta1^step))) / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)
///
/// The numbers that depend on the options only are computed in FP64, then rounded to FP32, of which
/// the root of 1 - beta2^step is taken.
///
/// Shape:    equal sizes; any alignment; no overlap. Begin with moments of zero.
/// Types:    gradients and moments are float, fp32, fp16 or bf16, or moments are `blockwise_moments`; so
///           are weights, or they are `master_weights` or `compensated_weights`. Of the latter, the rest c takes the place of w on
///           the left and right of the minus signs; then w' = w + c, rounded, and c = c + (w - w').
/// Storage:  16-bit numbers are rounded to nearest even. With `random`, weights and moments are rounded
///           stochastically: weight i by its word i, moments by its words 2^62 + i and 2^63 + i; working
///           copies and `blockwise_moments` still to nearest.
/// Executor: tasks of 65536 weights; it does not change a bit of the result.
/// NaN:      infinite and NaN gradients take their course; every NaN is the quiet 0x7fc00000. So leave the
///           step out when `unscale` finds one.
/// Bits:     the same on every instruction set, whatever the floating-point control word is.
/// Errors:   none at run time. Requires equal sizes and step > 0.
/// Source:   torchao's single_param_adam.
template <isa Isa = native, executor Executor, optimizer_weights Weights,
          detail::training_range Gradients, optimizer_moments First, optimizer_moments Second,
          class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void adamw_step(Executor&& runner, Weights&& weights, const Gradients& gradients,
                               First&& m, Second&& v, const adam_options& options,
                               std::uint64_t step, const Random&... random) {
  FEWBITS_ASSERT(step > 0, "adamw_step: steps are counted from %d", 1);
  detail::run_step<detail::adam_rule<true>, Isa>(runner, weights, gradients, detail::stored_as(m),
                                                 detail::stored_as(v), options, step, random...);
}
template <isa Isa = native, optimizer_weights Weights, detail::training_range Gradients,
          optimizer_moments First, optimizer_moments Second, class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void adamw_step(Weights&& weights, const Gradients& gradients, First&& m, Second&& v,
                               const adam_options& options, std::uint64_t step,
                               const Random&... random) {
  adamw_step<Isa>(inline_executor{}, weights, gradients, m, v, options, step, random...);
}

/// The same for Adam (Kingma and Ba, 2015): the decay is added to the gradient, g = g + decay * w, before
/// all else, and nothing else is subtracted from w.
template <isa Isa = native, executor Executor, optimizer_weights Weights,
          detail::training_range Gradients, optimizer_moments First, optimizer_moments Second,
          class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void adam_step(Executor&& runner, Weights&& weights, const Gradients& gradients,
                              First&& m, Second&& v, const adam_options& options,
                              std::uint64_t step, const Random&... random) {
  FEWBITS_ASSERT(step > 0, "adam_step: steps are counted from %d", 1);
  detail::run_step<detail::adam_rule<false>, Isa>(runner, weights, gradients, detail::stored_as(m),
                                                  detail::stored_as(v), options, step, random...);
}
template <isa Isa = native, optimizer_weights Weights, detail::training_range Gradients,
          optimizer_moments First, optimizer_moments Second, class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void adam_step(Weights&& weights, const Gradients& gradients, First&& m, Second&& v,
                              const adam_options& options, std::uint64_t step,
                              const Random&... random) {
  adam_step<Isa>(inline_executor{}, weights, gradients, m, v, options, step, random...);
}

/// A step of stochastic gradient descent with momentum, in FP32, each operation rounded to nearest even:
///
///   g = g + decay * w                                            (not if decay is 0)
///   m = momentum * m + g
///   g = m, or with Nesterov's g + momentum * m
///   w = w - rate * g
///
/// The second form has no m, and leaves out the two lines about it. All else as `adamw_step`.
///
/// Source: PyTorch's SGD without dampening.
template <isa Isa = native, executor Executor, optimizer_weights Weights,
          detail::training_range Gradients, optimizer_moments First, class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void sgd_step(Executor&& runner, Weights&& weights, const Gradients& gradients,
                             First&& m, const sgd_options& options, const Random&... random) {
  detail::run_step<detail::sgd_rule<true>, Isa>(runner, weights, gradients, detail::stored_as(m),
                                                detail::no_moments(), options, 0, random...);
}
template <isa Isa = native, optimizer_weights Weights, detail::training_range Gradients,
          optimizer_moments First, class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void sgd_step(Weights&& weights, const Gradients& gradients, First&& m,
                             const sgd_options& options, const Random&... random) {
  sgd_step<Isa>(inline_executor{}, weights, gradients, m, options, random...);
}
template <isa Isa = native, executor Executor, optimizer_weights Weights,
          detail::training_range Gradients, class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void sgd_step(Executor&& runner, Weights&& weights, const Gradients& gradients,
                             const sgd_options& options, const Random&... random) {
  FEWBITS_ASSERT(options.momentum == 0, "sgd_step: momentum %g without its numbers",
                 options.momentum);
  detail::run_step<detail::sgd_rule<false>, Isa>(runner, weights, gradients, detail::no_moments(),
                                                 detail::no_moments(), options, 0, random...);
}
template <isa Isa = native, optimizer_weights Weights, detail::training_range Gradients,
          class... Random>
  requires optional_philox<Random...>
FEWBITS_INLINE void sgd_step(Weights&& weights, const Gradients& gradients,
                             const sgd_options& options, const Random&... random) {
  sgd_step<Isa>(inline_executor{}, weights, gradients, options, random...);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
