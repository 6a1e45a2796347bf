// SPDX-License-Identifier: MIT
// Ways to keep weights while AdamW adds small steps to them. Moments are FP32, but in one.
#pragma once

#include <fewbits/training.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "passes.hpp"

namespace demo {

inline constexpr fb::adam_options adamw{.learning_rate = 3e-4};

/// Moments, and the steps counted.
class moments {
 public:
  /// AdamW on each tensor; `weights(i)` are those of the i-th.
  template <class Weights>
  void step(Weights&& weights, const tensors<float>& gradient) {
    ++step_;
    for (int i = 0; i < gradient.count; ++i)
      fb::adamw_step(weights(i), gradient.of[i], first_.of[i], second_.of[i], adamw, step_);
  }

 private:
  tensors<float> first_, second_;
  std::uint64_t step_ = 0;
};

/// FP32 weights, beside which there are copies in 16 bits to be multiplied; or not.
template <class Working>
class sharp_keeper {
 public:
  explicit sharp_keeper(const tensors<float>& first)
      : master_(first), working_(rounded<Working>(first)) {}

  const tensors<Working>& weights() const {
    if constexpr (std::is_same_v<Working, float>) {
      return master_;
    } else {
      return working_;
    }
  }
  void step(const tensors<float>& gradient) {
    if constexpr (std::is_same_v<Working, float>) {
      moments_.step([&](int i) -> auto& { return master_.of[i]; }, gradient);
    } else {
      moments_.step([&](int i) { return fb::master_weights(master_.of[i], working_.of[i]); },
                    gradient);
    }
  }

 private:
  tensors<float> master_;
  tensors<Working> working_;
  moments moments_;
};

/// Moments in 8 bits: those of the hidden layer's weights; other tensors are small, so they stay FP32.
class blockwise_keeper {
 public:
  explicit blockwise_keeper(const tensors<float>& first)
      : master_(first), working_(rounded<fb::bf16>(first)) {
    for (int i = 0; i < first.count; ++i) {
      first_[i].resize(fb::blockwise_moment_bytes(first.of[i].size()));
      second_[i].resize(fb::blockwise_moment_bytes(first.of[i].size()));
    }
  }
  const tensors<fb::bf16>& weights() const { return working_; }
  void step(const tensors<float>& gradient) {
    ++step_;
    for (int i = 0; i < gradient.count; ++i) {
      const std::size_t size = gradient.of[i].size();
      fb::adamw_step(fb::master_weights(master_.of[i], working_.of[i]), gradient.of[i],
                     fb::blockwise_moments(first_[i], size),
                     fb::blockwise_moments(second_[i], size), adamw, step_);
    }
  }

 private:
  tensors<float> master_;
  tensors<fb::bf16> working_;
  std::vector<unsigned char> first_[4], second_[4];
  std::uint64_t step_ = 0;
};

/// BF16 alone. A step below half an ulp of a weight is lost.
class nearest_keeper {
 public:
  explicit nearest_keeper(const tensors<float>& first) : weights_(rounded<fb::bf16>(first)) {}
  const tensors<fb::bf16>& weights() const { return weights_; }
  void step(const tensors<float>& gradient) {
    moments_.step([&](int i) -> auto& { return weights_.of[i]; }, gradient);
  }

 private:
  tensors<fb::bf16> weights_;
  moments moments_;
};

/// BF16 alone; a step is taken with the probability that makes it right on average.
class stochastic_keeper {
 public:
  explicit stochastic_keeper(const tensors<float>& first) : weights_(rounded<fb::bf16>(first)) {}
  const tensors<fb::bf16>& weights() const { return weights_; }
  void step(const tensors<float>& gradient) {
    ++step_;
    for (int i = 0; i < gradient.count; ++i) {
      fb::adamw_step(weights_.of[i], gradient.of[i], first_.of[i], second_.of[i], adamw, step_,
                     fb::philox{7, used_});
      used_ += weights_.of[i].size();
    }
  }

 private:
  tensors<fb::bf16> weights_;
  tensors<float> first_, second_;
  std::uint64_t step_ = 0, used_ = 0;
};

/// BF16, and what rounding has kept from each weight in BF16 too.
class kahan_keeper {
 public:
  explicit kahan_keeper(const tensors<float>& first) : weights_(rounded<fb::bf16>(first)) {}
  const tensors<fb::bf16>& weights() const { return weights_; }
  void step(const tensors<float>& gradient) {
    moments_.step([&](int i) { return fb::compensated_weights(weights_.of[i], rest_.of[i]); },
                  gradient);
  }

 private:
  tensors<fb::bf16> weights_, rest_;
  moments moments_;
};

}  // namespace demo
