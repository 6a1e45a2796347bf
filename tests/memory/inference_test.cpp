// SPDX-License-Identifier: MIT
// Inference's memory: weights, caches of published models, and what fits.
#include <fewbits/memory.hpp>

#include <cstdint>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
namespace formats = fewbits::formats;
namespace models = fewbits::models;
using fb::gibibyte;
using fb::gigabyte;
using fb::inference_memory;
using fb::kv_cache_count;
using role = fb::tensor_role;
using u64 = std::uint64_t;

// 16-bit bytes a token.
static_assert(2 * kv_cache_count(models::llama2_7b, 1) == 524'288);
static_assert(2 * kv_cache_count(models::llama2_13b, 1) == 819'200);
static_assert(2 * kv_cache_count(models::llama2_70b, 1) == 327'680);
static_assert(2 * kv_cache_count(models::llama3_8b, 1) == 131'072);
static_assert(2 * kv_cache_count(models::llama2_7b, 4096) == 2 * gibibyte);
static_assert(2 * kv_cache_count(models::llama2_70b, 4096) == gibibyte + gibibyte / 4);
static_assert(2 * kv_cache_count(models::llama3_8b, 4096) == gibibyte / 2);
static_assert(kv_cache_count(models::llama3_8b, 4096, 3) ==
              3 * kv_cache_count(models::llama3_8b, 4096));
static_assert(kv_cache_count(models::llama3_8b, 0) == 0);
static_assert(kv_cache_count(models::llama3_8b, fb::unbounded) == fb::unbounded);

constexpr fb::model_shape sliding(u64 window) {
  fb::model_shape model = models::llama3_8b;
  model.window = window;
  return model;
}
static_assert(kv_cache_count(sliding(1024), 4096) == kv_cache_count(models::llama3_8b, 1024));
static_assert(kv_cache_count(sliding(1024), 100) == kv_cache_count(models::llama3_8b, 100));

// DeepSeek-V3's MLA: 512 + 64 numbers a token and layer.
constexpr fb::model_shape mla{
    .hidden = 7168, .layers = 61, .heads = 128, .kv_heads = 128, .latent = 576};
static_assert(kv_cache_count(mla, 1) == 61 * 576);

constexpr fb::inference_setup seven{.model = models::llama2_7b, .sequence = 4096};
static_assert(inference_memory(seven).bytes(role::weights) == 13'476'831'232);
static_assert(inference_memory(seven).bytes(role::kv_cache) == 2 * gibibyte);
// 2 * 4096 + 3 * 11008 numbers a token, and the logits.
static_assert(inference_memory(seven).card_bytes(role::buffers) ==
              2 * (2 * 4096 + 3 * 11008) + 4 * 32000);

// Weights are divided by cards; activations only if asked for, and then the residual stream is not.
constexpr fb::memory_table on_eight(bool shares) {
  return inference_memory(
      {.model = models::llama2_7b, .cards = 8, .sequence = 4096, .shares_activations = shares});
}
static_assert(on_eight(false).card_bytes(role::weights) == 13'476'831'232 / 8);
static_assert(on_eight(false).card_bytes(role::kv_cache) == gibibyte / 4);
static_assert(on_eight(false).card_bytes(role::buffers) ==
              inference_memory(seven).card_bytes(role::buffers));
static_assert(on_eight(true).card_bytes(role::buffers) ==
              2 * (2 * 4096 + 3 * 11008 / 8) + 4 * 32000 / 8);

constexpr u64 weights(fb::number_format format, const fb::model_shape& model) {
  return inference_memory({.model = model, .weights = format}).bytes(role::weights) / 1'000'000;
}
static_assert(weights(formats::fp32, models::llama2_7b) == 26'953);
static_assert(weights(formats::int8, models::llama2_7b) == 6'738);
static_assert(weights(formats::int4, models::llama2_7b) == 3'369);
static_assert(weights(formats::fp32, models::llama2_70b) == 275'906);
static_assert(weights(formats::bf16, models::llama2_70b) == 137'953);
static_assert(weights(formats::int4, models::llama2_70b) == 34'488);

// A quantized cache has its scales: 4.5 bits instead of 16.
constexpr u64 cache(fb::number_format format) {
  return inference_memory({.model = models::llama3_8b, .cache = format, .sequence = 4096})
      .bytes(role::kv_cache);
}
static_assert(cache(formats::grouped(formats::int4, 32, formats::fp16)) == gibibyte / 2 * 9 / 32);
static_assert(cache(formats::int8) == gibibyte / 4);

// 8 heads of keys and values on 1, 2, 3, 8, 16 cards: 8, 4, 3, 1, 1 a card.
constexpr u64 heads_a_card(u64 cards) {
  return inference_memory({.model = models::llama3_8b, .cards = cards, .sequence = 4096})
             .card_bytes(role::kv_cache) /
         (gibibyte / 16);
}
static_assert(heads_a_card(1) == 8 && heads_a_card(2) == 4 && heads_a_card(3) == 3);
static_assert(heads_a_card(8) == 1 && heads_a_card(16) == 1);

static_assert(fb::fits(100, 0, 80).fits == false && fb::fits(0, 0, 80).fits);
static_assert(fb::fits(160, 2, 80).fits && !fb::fits(161, 2, 80).fits);
static_assert(fb::fits(161, 2, 80).missing == 1 && fb::fits(150, 2, 80, 10).missing == 10);
static_assert(!fb::fits(1, 2, 80, 80).fits && !fb::fits(1, 2, 80, 81).fits);

TEST(InferenceMemory, LargestBatchAndSequenceAreTheLastThatFit) {
  for (const u64 card : {24 * gigabyte, 80 * gigabyte}) {
    fb::inference_setup setup{.model = models::llama3_8b, .sequence = 8192};
    const u64 batch = fb::largest_batch(setup, card);
    EXPECT_GE(batch, 1u);
    setup.batch = batch;
    EXPECT_TRUE(fb::fits(inference_memory(setup), card).fits);
    setup.batch = batch + 1;
    EXPECT_FALSE(fb::fits(inference_memory(setup), card).fits);
    setup.batch = 1;
    setup.sequence = fb::largest_sequence(setup, card) + 1;
    EXPECT_FALSE(fb::fits(inference_memory(setup), card).fits);
    --setup.sequence;
    EXPECT_TRUE(fb::fits(inference_memory(setup), card).fits);
  }
  // 16 GB hold no 16 GB of weights and a token too.
  EXPECT_EQ(fb::largest_batch(fb::inference_setup{.model = models::llama3_8b, .sequence = 1},
                              16 * gigabyte),
            0u);
}

}  // namespace
