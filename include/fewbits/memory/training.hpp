// SPDX-License-Identifier: MIT
// What training holds: the state of every parameter, sharded by ZeRO, and the activations.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/named.hpp>
#include <fewbits/memory/bytes.hpp>
#include <fewbits/memory/model.hpp>
#include <fewbits/memory/recipe.hpp>
#include <fewbits/memory/table.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

enum class attention : unsigned char {
  standard,  ///< keeps sequence x sequence matrices
  flash,     ///< keeps one log-sum-exp a row instead (Dao et al., 2022)
};

/// What the backward pass computes a second time (Korthikanti et al., 2022).
enum class recomputation : unsigned char {
  none,
  selective,  ///< attention's sequence x sequence matrices
  full,       ///< all of a layer, from its input
};

/// What is in the memory of the hosts instead of the cards'.
enum class offload : unsigned char {
  none,
  optimizer,  ///< what the optimizer's step is about: all but the weights; gradients from ZeRO 2 on
  all,        ///< the weights too; with ZeRO 3, whose gathered layer stays
};

/// A training run. Requires 0 <= zero_stage <= 3, cards, tensor_parallel and pipeline_parallel of at least 1,
/// and that the product of both divides cards; the others are data-parallel, each with its own `batch`.
struct training_setup {
  model_shape model{};
  training_recipe recipe{};
  int zero_stage = 0;
  std::uint64_t cards = 1;
  std::uint64_t tensor_parallel = 1;
  bool sequence_parallel = false;
  std::uint64_t pipeline_parallel = 1;  ///< stages, each with its part of the layers
  std::uint64_t micro_batches = 0;      ///< of a step, through the stages; 0, enough to fill them
  std::uint64_t sequence = 0;
  std::uint64_t batch = 1;  ///< sequences of a micro-batch on a card
  attention attend = attention::standard;
  recomputation recompute = recomputation::none;
  number_format activations = formats::bf16;
  offload to_host = offload::none;
};

namespace detail {

/// The state of `parameters` numbers, those one card of each data-parallel group is in charge of.
FEWBITS_INLINE constexpr void add_recipe(memory_table& table, state_count parameters,
                                         state_count factored, const training_recipe& recipe,
                                         int zero_stage, std::uint64_t cards, offload to_host) {
  FEWBITS_ASSERT(zero_stage >= 0 && zero_stage <= 3, "training_memory: ZeRO stage %d", zero_stage);
  FEWBITS_ASSERT(cards > 0, "training_memory: no card");
  FEWBITS_ASSERT(to_host != offload::all || zero_stage == 3,
                 "training_memory: weights in host memory need ZeRO 3, not %d", zero_stage);
  const std::uint64_t weights = zero_stage >= 3 ? cards : 1;
  const std::uint64_t gradients = zero_stage >= 2 ? cards : 1;
  const std::uint64_t states = zero_stage >= 1 ? cards : 1;
  const bool moves_states = to_host != offload::none;
  const bool moves_gradients = moves_states && zero_stage >= 2;
  using role = tensor_role;
  add_state(table, role::weights, "weights", "P", recipe.weights, parameters, weights, 3,
            to_host == offload::all);
  add_state(table, role::gradients, "gradients", "P", recipe.gradients, parameters, gradients, 2,
            moves_gradients);
  add_state(table, role::gradients, "main gradients", "P", recipe.main_gradients, parameters,
            gradients, 2, moves_gradients);
  add_state(table, role::master_weights, "master weights", "P", recipe.master_weights, parameters,
            states, 1, moves_states);
  add_state(table, role::moments, "first moment", "P", recipe.first_moment, parameters, states, 1,
            moves_states);
  add_state(table, role::moments, "second moment", "P", recipe.second_moment, parameters, states, 1,
            moves_states);
  add_state(table, role::moments, "factored second moment", "sum of rows + cols",
            recipe.factored_moment, factored, states, 1, moves_states);
  add_state(table, role::compensation, "compensation", "P", recipe.compensation, parameters, states,
            1, moves_states);
}

/// ZeRO 3 gathers a layer's weights, and makes its gradients, in the weights' format.
FEWBITS_INLINE constexpr void add_gathered(memory_table& table, count largest_layer,
                                           const training_recipe& recipe) {
  add_activations(table, tensor_role::gathered, "gathered layer", "2 P of the largest layer",
                  recipe.weights, count{2} * largest_layer);
}

/// Into how many parts the residual stream and the norms on it are divided among cards.
FEWBITS_INLINE constexpr count parts_around(const training_setup& setup) {
  return {setup.sequence_parallel ? setup.tensor_parallel : std::uint64_t{1}};
}
/// A matrix of the residual stream, in numbers on a card.
FEWBITS_INLINE constexpr count hidden_states(const training_setup& setup) {
  return count{setup.sequence} * count{setup.batch} * count{setup.model.hidden} /
         parts_around(setup);
}

/// What a layer keeps of one micro-batch, in numbers on a card. `bsh` is a matrix of the residual
/// stream, `matrices` one of attention's for all heads.
struct layer_counts {
  count replicated;    // around the matrices: sequence parallelism divides it
  count sharded;       // inside attention and MLP: tensor parallelism divides it
  count masks;         // bytes, as `replicated`
  count matrices;      // sequence x sequence
  count matrix_masks;  // bytes
  count sums;          // log-sum-exp of each row
};

FEWBITS_INLINE constexpr layer_counts layer_activations(const training_setup& setup) {
  const model_shape& model = setup.model;
  const bool is_gpt = model.style == block_style::gpt;
  const count parts{setup.tensor_parallel};
  const count around = parts_around(setup);
  const count tokens = count{setup.sequence} * count{setup.batch};
  const count bsh = tokens * count{model.hidden};
  const count rows = tokens * count{model.heads};
  const count matrices = rows * count{setup.sequence};
  const count mlp{is_gpt ? std::uint64_t{2} : std::uint64_t{3}};
  const count sharded =
      count{2} * bsh + count{2} * tokens * kv_width(model) + mlp * tokens * count{model.ffn};
  const count dropout{is_gpt ? std::uint64_t{1} : std::uint64_t{0}};
  return {count{4} * bsh / around,           sharded / parts,
          dropout * count{2} * bsh / around, (count{1} + dropout) * matrices / parts,
          dropout * matrices / parts,        rows / parts};
}

/// How often a line counts, and what it is for: kept in every layer, or in one while it is
/// recomputed.
struct layer_use {
  tensor_role role;
  count times;
};

/// `kept` is the formula of the numbers in all layers, `again` that in one.
FEWBITS_INLINE constexpr void add_layer(memory_table& table, layer_use use, const char* name,
                                        const char* kept, const char* again,
                                        const number_format& format, count elements) {
  add_activations(table, use.role, name, use.role == tensor_role::activations ? kept : again,
                  format, elements * use.times);
}

/// `in_flight` micro-batches are in the layers at once.
FEWBITS_INLINE constexpr void add_layers(memory_table& table, const training_setup& setup,
                                         std::uint64_t in_flight) {
  const layer_counts layer = layer_activations(setup);
  const count layers = count{setup.model.layers} * count{in_flight};
  const number_format format = setup.activations;
  const bool is_gpt = setup.model.style == block_style::gpt;
  const layer_use kept{tensor_role::activations, layers};
  const layer_use again{tensor_role::recomputed,
                        {layers.value == 0 ? std::uint64_t{0} : std::uint64_t{1}}};
  const layer_use use = setup.recompute == recomputation::full ? again : kept;
  if (setup.recompute == recomputation::full) {
    add_layer(table, kept, "layer inputs", "b s h L", "", format, hidden_states(setup));
  }
  add_layer(table, use, "inputs of norms and matrices", "4 b s h L", "4 b s h", format,
            layer.replicated);
  add_layer(table, use, "inside attention and MLP",
            is_gpt ? "b s (2 h + 2 k + 2 f) L / t" : "b s (2 h + 2 k + 3 f) L / t",
            is_gpt ? "b s (2 h + 2 k + 2 f) / t" : "b s (2 h + 2 k + 3 f) / t", format,
            layer.sharded);
  add_layer(table, use, "dropout masks", "2 b s h L", "2 b s h", formats::uint8, layer.masks);
  if (setup.attend == attention::flash) {
    add_layer(table, use, "log-sum-exp", "a b s L / t", "a b s / t", formats::fp32, layer.sums);
    return;
  }
  const layer_use matrices = setup.recompute == recomputation::none ? kept : again;
  add_layer(table, matrices, "attention matrices", is_gpt ? "2 a b s s L / t" : "a b s s L / t",
            is_gpt ? "2 a b s s / t" : "a b s s / t", format, layer.matrices);
  add_layer(table, matrices, "attention dropout masks", "a b s s L / t", "a b s s / t",
            formats::uint8, layer.matrix_masks);
}

/// Before the layers, with `in_flight` micro-batches.
FEWBITS_INLINE constexpr void add_before(memory_table& table, const training_setup& setup,
                                         std::uint64_t in_flight) {
  if (setup.model.style == block_style::gpt)
    add_activations(table, tensor_role::outside_layers, "embedding dropout mask", "b s h",
                    formats::uint8, hidden_states(setup) * count{in_flight});
}
/// After them, with one.
FEWBITS_INLINE constexpr void add_after(memory_table& table, const training_setup& setup) {
  const count tokens = count{setup.sequence} * count{setup.batch};
  const count logits = tokens * count{setup.model.vocabulary} / count{setup.tensor_parallel};
  constexpr auto role = tensor_role::outside_layers;
  add_activations(table, role, "inputs of last norm and output", "2 b s h", setup.activations,
                  count{2} * hidden_states(setup));
  add_activations(table, role, "logits", "b s V / t", formats::fp32, logits);
  add_activations(table, role, "gradients of the logits", "b s V / t", formats::fp32, logits);
}

FEWBITS_INLINE constexpr count without(count all, count some) {
  return {all.value == unbounded ? unbounded : all.value - some.value};
}

/// What the cards of the first or the last stage of a pipeline hold; those between have no embedding.
FEWBITS_INLINE constexpr memory_table stage_memory(const training_setup& whole, bool is_first,
                                                   bool is_last) {
  const count parts{whole.tensor_parallel};
  training_setup setup = whole;
  setup.model.layers = (count{whole.model.layers} / count{whole.pipeline_parallel}).value;
  setup.model.tied = whole.model.tied || !is_first || !is_last;
  if (!is_first) setup.model.positions = 0;
  const count last_norm{is_last ? std::uint64_t{0} : last_norm_parameters(setup.model)};
  const std::uint64_t stages = whole.pipeline_parallel;
  const std::uint64_t micro_batches = whole.micro_batches == 0 ? stages : whole.micro_batches;
  const std::uint64_t in_flight = !is_first ? 1 : micro_batches < stages ? micro_batches : stages;
  memory_table table{};
  table.cards = whole.cards;
  add_recipe(
      table,
      {without({parameter_count(setup.model)}, last_norm) / parts, {parameter_count(whole.model)}},
      {without({factored_count(setup.model)}, last_norm) / parts, {factored_count(whole.model)}},
      whole.recipe, whole.zero_stage, whole.cards / (whole.tensor_parallel * stages),
      whole.to_host);
  if (whole.zero_stage == 3)
    add_gathered(table, count{largest_matrix(whole.model)} / parts, whole.recipe);
  add_layers(table, setup, in_flight);
  if (is_first) add_before(table, setup, in_flight);
  if (is_last) add_after(table, setup);
  return table;
}

}  // namespace detail

/// The state of `parameters` numbers trained by `recipe` on `cards` data-parallel cards: weights,
/// gradients, moments and so on, a line each. ZeRO 1 shards the optimizer's tensors, 2 the gradients
/// too, 3 the weights too; then `largest_layer` parameters are gathered at a time. The factored
/// moment of Adafactor needs a shape. Requires 0 <= zero_stage <= 3 and a card.
/// (Rajbhandari et al., "ZeRO", 2020, section 5; Ren et al., "ZeRO-Offload", 2021)
[[nodiscard]] FEWBITS_INLINE constexpr memory_table training_memory(
    std::uint64_t parameters, const training_recipe& recipe, int zero_stage = 0,
    std::uint64_t cards = 1, std::uint64_t largest_layer = 0, offload to_host = offload::none) {
  memory_table table{};
  table.cards = cards;
  detail::add_recipe(table, {{parameters}, {parameters}}, {{0}, {0}}, recipe, zero_stage, cards,
                     to_host);
  if (zero_stage == 3) detail::add_gathered(table, {largest_layer}, recipe);
  return table;
}

/// The same for low-rank adaptation: `frozen` weights in their own format and the state of
/// `adapters` numbers, see `adapter_count`. With ZeRO 3 `largest_layer` of the frozen weights are
/// gathered at a time; they have no gradients.
[[nodiscard]] FEWBITS_INLINE constexpr memory_table adapter_memory(
    std::uint64_t frozen, const number_format& format, std::uint64_t adapters,
    const training_recipe& recipe, int zero_stage = 0, std::uint64_t cards = 1,
    std::uint64_t largest_layer = 0) {
  memory_table table = training_memory(adapters, recipe, zero_stage, cards);
  detail::add_state(table, tensor_role::weights, "frozen weights", "P", format,
                    {{frozen}, {frozen}}, zero_stage == 3 ? cards : 1, 3);
  if (zero_stage == 3)
    detail::add_activations(table, tensor_role::gathered, "gathered frozen layer",
                            "P of the largest layer", format, {largest_layer});
  return table;
}

/// A whole training run: state and activations. The role `activations` is the formula of Korthikanti
/// et al., "Reducing Activation Recomputation in Large Transformer Models", 2022, table 2, for a gpt
/// block of ffn = 4 hidden; a llama block is the sum of its own saved tensors. `recomputed` and
/// `outside_layers` are what the formula leaves out.
///
/// Pipeline: the first stage has the most micro-batches in flight, one for each stage, the last one the
///           logits; the result is the fuller of the two. (Narayanan et al., "Efficient Large-Scale
///           Language Model Training on GPU Clusters Using Megatron-LM", 2021: 1F1B)
[[nodiscard]] FEWBITS_INLINE constexpr memory_table training_memory(const training_setup& setup) {
  [[maybe_unused]] const detail::count group =
      detail::count{setup.tensor_parallel} * detail::count{setup.pipeline_parallel};
  FEWBITS_ASSERT(group.value > 0 && setup.cards % group.value == 0,
                 "training_memory: %llu cards in groups of %llu",
                 static_cast<unsigned long long>(setup.cards),
                 static_cast<unsigned long long>(group.value));
  if (setup.pipeline_parallel == 1) return detail::stage_memory(setup, true, true);
  const memory_table first = detail::stage_memory(setup, true, false);
  const memory_table last = detail::stage_memory(setup, false, true);
  return first.card_bytes() < last.card_bytes() ? last : first;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
