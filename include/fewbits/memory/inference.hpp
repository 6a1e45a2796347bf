// SPDX-License-Identifier: MIT
// What inference holds: weights, the cache of keys and values, one layer's activations.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/named.hpp>
#include <fewbits/memory/bytes.hpp>
#include <fewbits/memory/model.hpp>
#include <fewbits/memory/table.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A deployment. `cards` share weights and heads (tensor parallelism); at least one.
struct inference_setup {
  model_shape model{};
  number_format weights = formats::bf16;
  number_format cache = formats::bf16;
  number_format activations = formats::bf16;
  std::uint64_t cards = 1;
  std::uint64_t sequence = 0;  ///< tokens in the cache, prompt and answer
  std::uint64_t batch = 1;
  std::uint64_t step = 1;  ///< tokens of a sequence computed at once: 1, or a chunk of the prompt
  /// Whether the cards share what is inside attention and MLP, and the logits; the residual stream is
  /// whole on each. Else all activations are.
  bool shares_activations = false;
};

/// Numbers in the cache of `batch` sequences: 2 * layers * kv_heads * head size a token; with a
/// window, of its tokens only; with MLA, layers * latent. Or `unbounded`.
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t kv_cache_count(const model_shape& model,
                                                                    std::uint64_t sequence,
                                                                    std::uint64_t batch = 1) {
  using detail::count;
  const bool slides = model.window != 0 && model.window < sequence;
  const count tokens = count{slides ? model.window : sequence} * count{batch};
  const count a_token =
      model.latent != 0 ? count{model.latent} : count{2} * detail::kv_width(model);
  return (count{model.layers} * a_token * tokens).value;
}

/// A whole deployment. The weights are divided evenly. MLA's cache is on every card; keys and values are
/// shared out by heads, so a card has at least one. Requires a card.
[[nodiscard]] FEWBITS_INLINE constexpr memory_table inference_memory(const inference_setup& setup) {
  using detail::count;
  FEWBITS_ASSERT(setup.cards > 0, "inference_memory: no card");
  const model_shape& model = setup.model;
  memory_table table{};
  table.cards = setup.cards;
  detail::add_state(table, tensor_role::weights, "weights", "P", setup.weights,
                    {{parameter_count(model)}, {parameter_count(model)}}, setup.cards, 0);
  const std::uint64_t heads = model.latent != 0 ? 1 : model.kv_heads;
  const count cached{kv_cache_count(model, setup.sequence, setup.batch)};
  const count of_head = cached / count{heads};
  const count heads_a_card = count{heads} / count{setup.cards};
  detail::add_line(
      table,
      {tensor_role::kv_cache, model.latent != 0 ? "latent cache" : "keys and values",
       model.latent != 0 ? "b s latent L" : "2 b s k L", setup.cache, cached.value,
       setup.cards < heads ? setup.cards : heads, 0, detail::tensor_bytes(cached, setup.cache),
       detail::tensor_bytes(of_head * heads_a_card, setup.cache), 0});
  const count tokens = count{setup.step} * count{setup.batch};
  const count h{model.hidden};
  // The residual stream and its norm, and the wider of attention and MLP.
  const count attend = count{2} * h + count{2} * detail::kv_width(model);
  const count mlp = detail::mlp_matrices(model) * count{model.ffn};
  const bool is_mlp = mlp.value > attend.value;
  const count parts{setup.shares_activations ? setup.cards : std::uint64_t{1}};
  detail::add_activations(table, tensor_role::buffers, "one layer's activations",
                          is_mlp ? "b n (2 h + MLP / t)" : "b n (2 h + (2 h + 2 k) / t)",
                          setup.activations,
                          tokens * (count{2} * h + (is_mlp ? mlp : attend) / parts));
  detail::add_activations(table, tensor_role::buffers, "logits", "b V / t", formats::fp32,
                          count{setup.batch} * count{model.vocabulary} / parts);
  return table;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
