// SPDX-License-Identifier: MIT
// State in the memory of hosts, as DeepSpeed's estimators count it; stages of a pipeline; adapters on many
// cards.
#include <fewbits/memory.hpp>

#include <cstdint>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
namespace formats = fewbits::formats;
namespace recipes = fewbits::recipes;
using fb::gibibyte;
using fb::offload;
using fb::training_memory;
using role = fb::tensor_role;
using u64 = std::uint64_t;

constexpr u64 million = 1'000'000;
constexpr u64 billion = 1'000'000'000;

// ---- DeepSpeed, estimate_zero2_model_states_mem_needs and estimate_zero3_..., the code (its
// documentation differs), one node with 8 GPUs. It prints GiB with two decimals and calls them GB.

constexpr u64 gpus = 8;
constexpr u64 hundredths(u64 bytes) { return (bytes * 100 + gibibyte / 2) / gibibyte; }

struct deepspeed_size {
  u64 parameters, largest_layer;
};

/// Its recipe: 16-bit weights, and 16 bytes of gradients, master weights and moments.
constexpr fb::memory_table plan(deepspeed_size of, int stage, offload to_host) {
  return training_memory(of.parameters, recipes::mixed_adam_fp32_gradients, stage, gpus,
                         stage == 3 ? of.largest_layer : 0, to_host);
}
constexpr u64 gpu(deepspeed_size of, int stage, offload to_host) {
  return hundredths(plan(of, stage, to_host).card_bytes());
}
/// Without offload ZeRO 2 counts gradients in both formats.
constexpr u64 gpu_zero2(deepspeed_size of) {
  return hundredths(
      training_memory(of.parameters, recipes::mixed_adam_two_gradients, 2, gpus).card_bytes());
}
/// Half as much again as the most that the host holds: the state, or while loading FP32 weights for each
/// GPU.
constexpr u64 cpu(deepspeed_size of, int stage, offload to_host, u64 loaded) {
  const u64 state = plan(of, stage, to_host).host_bytes();
  const u64 loading = gpus * fb::weight_bytes(loaded, formats::fp32);
  return hundredths((state > loading ? state : loading) * 3 / 2);
}

/// "cpu | gpu", with and without zero_init.
struct deepspeed_row {
  deepspeed_size of;
  u64 zero2_offload[2], zero2_gpu, zero3_all[3], zero3_optimizer[3], zero3_none[3];
};
constexpr bool is_deepspeed(const deepspeed_row& row) {
  const deepspeed_size of = row.of;
  const auto is_right = [&](const u64(&want)[3], offload to_host, u64 loaded) {
    return want[0] == cpu(of, 3, to_host, loaded) &&
           want[1] == cpu(of, 3, to_host, of.parameters) && want[2] == gpu(of, 3, to_host);
  };
  return row.zero2_offload[0] == cpu(of, 2, offload::optimizer, of.parameters) &&
         row.zero2_offload[1] == gpu(of, 2, offload::optimizer) && row.zero2_gpu == gpu_zero2(of) &&
         is_right(row.zero3_all, offload::all, 0) &&
         is_right(row.zero3_optimizer, offload::optimizer, 0) &&
         is_right(row.zero3_none, offload::none, of.largest_layer);
}
static_assert(is_deepspeed({{2851 * million, 32 * million},
                            {12745, 531},
                            1128,
                            {7169, 12745, 12},
                            {6372, 12745, 78},
                            {143, 12745, 609}}));
static_assert(is_deepspeed({{7 * billion, fb::largest_matrix(fb::models::llama2_7b)},
                            {31292, 1304},
                            2771,
                            {17602, 31292, 49},
                            {15646, 31292, 212},
                            {586, 31292, 1516}}));
static_assert(is_deepspeed({{40 * billion, 500 * million},
                            {178814, 7451},
                            15832,
                            {100583, 178814, 186},
                            {89407, 178814, 1118},
                            {2235, 178814, 8568}}));
static_assert(is_deepspeed({{70 * billion, fb::largest_matrix(fb::models::llama2_70b)},
                            {312924, 13039},
                            27707,
                            {176020, 312924, 98},
                            {156462, 312924, 1727},
                            {1172, 312924, 14766}}));

// "40 billion parameters on 8 cards, ZeRO 3": the lesson, the ZeRO paper and DeepSpeed say 65.19, 74.51 and
// 85.68 GiB a card: it fits, just fits, does not fit.
constexpr u64 forty_on_eight(const fb::training_recipe& recipe, u64 largest_layer) {
  return hundredths(training_memory(40 * billion, recipe, 3, 8, largest_layer).card_bytes());
}
static_assert(forty_on_eight(recipes::lesson, 0) == 6519);
static_assert(forty_on_eight(recipes::mixed_adam, 0) == 7451);
static_assert(forty_on_eight(recipes::mixed_adam_fp32_gradients, 500 * million) == 8568);

// ---- Offload below ZeRO 2 leaves the gradients where they are.

static_assert(training_memory(100, recipes::mixed_adam, 1, 4, 0, offload::optimizer).card_bytes() ==
              (2 + 2) * 100);
static_assert(training_memory(100, recipes::mixed_adam, 1, 4, 0, offload::optimizer).host_bytes() ==
              12 * 100);
static_assert(training_memory(100, recipes::mixed_adam, 3, 4, 0, offload::all).card_bytes() == 0);

// ---- Megatron: (layers / pp + embedding) / tp on the fullest stage, 18 bytes or 6 + 12 / dp each

constexpr fb::training_setup staged(u64 stages, u64 tensor_parallel, u64 data_parallel) {
  return {.model = fb::models::llama2_70b,
          .recipe = recipes::mixed_adam_fp32_gradients,
          .zero_stage = data_parallel == 1 ? 0 : 1,
          .cards = stages * tensor_parallel * data_parallel,
          .tensor_parallel = tensor_parallel,
          .sequence_parallel = true,
          .pipeline_parallel = stages,
          .sequence = 4096};
}
constexpr u64 state_of(const fb::memory_table& table) {
  return table.card_bytes(role::weights) + table.card_bytes(role::gradients) +
         table.card_bytes(role::master_weights) + table.card_bytes(role::moments);
}
constexpr u64 layer_70b =
    2 * u64{8192} * 8192 + 2 * u64{8192} * 1024 + 3 * u64{8192} * 28672 + 2 * 8192;
constexpr u64 embedding_70b = u64{32000} * 8192;
static_assert(2 * embedding_70b + 80 * layer_70b + 8192 == 68'976'648'192);
// Here the first stage is the fullest, for its activations; it has no last norm.
static_assert(state_of(training_memory(staged(8, 8, 1))) ==
              18 * ((10 * layer_70b + embedding_70b) / 8));
static_assert(state_of(training_memory(staged(8, 8, 4))) ==
              (6 + 12 / 4) * ((10 * layer_70b + embedding_70b) / 8));
// Layers that do not divide: 80 = 27 + 27 + 26.
static_assert(state_of(training_memory(staged(3, 8, 1))) ==
              18 * ((27 * layer_70b + embedding_70b) / 8));

// 1F1B (Narayanan et al., 2021): the first stage has as many micro-batches in flight as there are stages, so
// the activations of all layers; with fewer micro-batches, of these.
constexpr u64 kept(u64 stages, u64 micro_batches) {
  fb::training_setup setup = staged(stages, 8, 1);
  setup.micro_batches = micro_batches;
  return training_memory(setup).card_bytes(role::activations);
}
static_assert(kept(8, 0) == kept(1, 0) && kept(8, 32) == kept(1, 0));
static_assert(kept(8, 2) == kept(1, 0) / 4);
// One micro-batch: the last stage is fuller, by the logits.
constexpr fb::training_setup one_batch = [] {
  fb::training_setup setup = staged(8, 1, 1);
  setup.micro_batches = 1;
  return setup;
}();
static_assert(training_memory(one_batch).card_bytes(role::outside_layers) ==
              2 * (4 * u64{4096} * 32000) + 2 * 2 * u64{4096} * 8192);
static_assert(training_memory(one_batch).card_bytes(role::weights) ==
              2 * (10 * layer_70b + embedding_70b + 8192));
// Adafactor's moment on the first stage: rows and columns of its matrices, and vectors but for the last norm.
static_assert([] {
  fb::training_setup setup = staged(8, 8, 1);
  setup.recipe = recipes::mixed_adafactor;
  const u64 layer = 2 * (8192 + 8192) + 2 * (8192 + 1024) + 3 * (8192 + 28672) + 2 * 8192;
  return training_memory(setup).card_bytes(role::moments) == 4 * (10 * layer + 32000 + 8192) / 8;
}());
// The last stage has neither positions nor, if tied, less than the whole output matrix.
static_assert([] {
  fb::training_setup setup = one_batch;
  setup.model.style = fb::block_style::gpt;
  setup.model.positions = 4096;
  fb::training_setup tied = setup;
  tied.model.tied = true;
  const u64 k = 1024, h = 8192, f = 28672;
  const u64 layer = 2 * h * h + 2 * h * k + 2 * h * f + (h + 2 * k + h + f + h) + 4 * h;
  const u64 want = 2 * (10 * layer + embedding_70b + 2 * h);
  return training_memory(setup).card_bytes(role::weights) == want &&
         training_memory(tied).card_bytes(role::weights) == want;
}());
// The whole model is the whole model on any number of stages.
static_assert(training_memory(staged(3, 8, 1)).bytes(role::weights) == 2 * u64{68'976'648'192});

// ---- Adapters: ZeRO 3 gathers a frozen layer in its own format.

constexpr fb::memory_table adapted = fb::adapter_memory(65 * billion, formats::int4, million,
                                                        recipes::mixed_adam, 3, 8, 200 * million);
static_assert(adapted.card_bytes(role::gathered) == 100 * million);
static_assert(adapted.card_bytes() == 65 * billion / 16 + 16 * million / 8 + 100 * million);
static_assert(fb::adapter_memory(65 * billion, formats::int4, million, recipes::mixed_adam, 2, 8,
                                 200 * million)
                  .card_bytes(role::gathered) == 0);

TEST(Placement, SaysWhatIsInTheHosts) {
  const fb::memory_table table =
      training_memory(1000, recipes::mixed_adam, 3, 4, 10, offload::optimizer);
  EXPECT_STREQ(
      fb::explain(table.lines[0]).c_str(),
      "weights: P = 1000 numbers of 16 bits (fp16), ZeRO 3 divides by 4: 500 bytes a card");
  EXPECT_STREQ(
      fb::explain(table.lines[2]).c_str(),
      "master weights: P = 1000 numbers of 32 bits (fp32), ZeRO 1 divides by 4: 4000 bytes "
      "in host memory");
  EXPECT_EQ(table.host_bytes(), 14000u);
  EXPECT_EQ(table.bytes(), 16000u + 4 * 40);
}

}  // namespace
