// SPDX-License-Identifier: MIT
// Training's memory: the lesson's sums, and what the papers and tools publish, each under its name.
#include <fewbits/memory.hpp>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
namespace formats = fewbits::formats;
namespace recipes = fewbits::recipes;
using fb::gibibyte;
using fb::gigabyte;
using fb::training_memory;
using role = fb::tensor_role;
using u64 = std::uint64_t;

constexpr u64 billion = 1'000'000'000;
constexpr u64 megabyte = 1'000'000;

// ---- The lesson

static_assert(fb::weight_bytes(70 * billion, formats::fp32) == 280 * gigabyte);
static_assert(fb::weight_bytes(70 * billion, formats::bf16) == 140 * gigabyte);

constexpr fb::memory_table lesson = training_memory(40 * billion, recipes::lesson);
static_assert(lesson.bytes(role::weights) == 160 * gigabyte);
static_assert(lesson.bytes(role::gradients) == 80 * gigabyte);
static_assert(lesson.bytes(role::moments) == 320 * gigabyte);
static_assert(lesson.bytes() == 560 * gigabyte && lesson.card_bytes() == 560 * gigabyte);
// Adam's moments in 16 bits.
static_assert(training_memory(40 * billion, recipes::bf16_adam).bytes(role::moments) ==
              160 * gigabyte);

constexpr fb::memory_fit eight = fb::fits(lesson.bytes(), 8, 80 * gigabyte);
static_assert(eight.fits && eight.available == 640 * gigabyte && eight.spare == 80 * gigabyte);
static_assert(eight.spare_per_card == 10 * gigabyte && eight.missing == 0);

constexpr fb::memory_table sharded = training_memory(40 * billion, recipes::lesson, 3, 8);
static_assert(sharded.card_bytes() == 70 * gigabyte && sharded.bytes() == 560 * gigabyte);
static_assert(fb::fits(sharded, 80 * gigabyte).spare_per_card == 10 * gigabyte);

// What the lesson leaves out: the 16-bit working copy.
constexpr fb::memory_table with_copy = training_memory(40 * billion, recipes::mixed_adam, 3, 8);
static_assert(with_copy.bytes() == 640 * gigabyte && with_copy.card_bytes() == 80 * gigabyte);
static_assert(fb::fits(with_copy, 80 * gigabyte).fits);
static_assert(fb::fits(with_copy, 80 * gigabyte).spare == 0);
static_assert(!fb::fits(with_copy, 80 * gigabyte, 1).fits);
static_assert(fb::fits(with_copy, 80 * gigabyte, 1).missing == 8);

// ---- Recipes: bytes of 2^20 parameters, in 1/32 of a byte each.

constexpr u64 thirty_seconds(const fb::training_recipe& recipe) {
  return training_memory(u64{1} << 20, recipe).bytes() >> 15;
}
static_assert(thirty_seconds(recipes::fp32_adam) == 16 * 32);
static_assert(thirty_seconds(recipes::lesson) == 14 * 32);
static_assert(thirty_seconds(recipes::mixed_adam) == 16 * 32);
static_assert(thirty_seconds(recipes::mixed_adam_fp32_gradients) == 18 * 32);
static_assert(thirty_seconds(recipes::mixed_adam_two_gradients) == 20 * 32);
static_assert(thirty_seconds(recipes::fp32_sgd) == 8 * 32);
static_assert(thirty_seconds(recipes::fp32_momentum) == 12 * 32);
static_assert(thirty_seconds(recipes::mixed_lion) == 12 * 32);
static_assert(thirty_seconds(recipes::mixed_adafactor) == 8 * 32);
static_assert(thirty_seconds(recipes::mixed_adam_8bit) == 10 * 32 + 1);  // 10.03
static_assert(thirty_seconds(recipes::mixed_adam_4bit) == 9 * 32 + 2);   // 1.06 of them moments
static_assert(thirty_seconds(recipes::bf16_adam) == 8 * 32);
static_assert(thirty_seconds(recipes::bf16_adam_kahan) == 10 * 32);
static_assert(thirty_seconds(recipes::fp8_lm) == 7 * 32);
static_assert(thirty_seconds(recipes::deepseek_v3) == 13 * 32);

// ---- ZeRO (Rajbhandari et al., 2020), figure 1: 7.5 billion parameters on 64 cards

constexpr u64 zero_card(u64 parameters, int stage, u64 cards) {
  return training_memory(parameters, recipes::mixed_adam, stage, cards).card_bytes();
}
static_assert(zero_card(7'500 * megabyte, 0, 64) == 120 * gigabyte);
static_assert(zero_card(7'500 * megabyte, 1, 64) == 31'406'250'000);
static_assert(zero_card(7'500 * megabyte, 2, 64) == 16'640'625'000);
static_assert(zero_card(7'500 * megabyte, 3, 64) == 1'875'000'000);
static_assert(zero_card(7 * billion, 0, 8) == 112 * gigabyte);
static_assert(zero_card(7 * billion, 1, 8) == 38'500'000'000);
static_assert(zero_card(7 * billion, 2, 8) == 26'250'000'000);
static_assert(zero_card(7 * billion, 3, 8) == 14 * gigabyte);
static_assert(zero_card(40 * billion, 0, 8) == 640 * gigabyte);
static_assert(zero_card(40 * billion, 1, 8) == 220 * gigabyte);
static_assert(zero_card(40 * billion, 2, 8) == 150 * gigabyte);
static_assert(zero_card(40 * billion, 3, 8) == 80 * gigabyte);
static_assert(zero_card(70 * billion, 0, 8) == 1120 * gigabyte);
static_assert(zero_card(70 * billion, 1, 8) == 385 * gigabyte);
static_assert(zero_card(70 * billion, 2, 8) == 262'500'000'000);
static_assert(zero_card(70 * billion, 3, 8) == 140 * gigabyte);
static_assert(training_memory(7 * billion, recipes::lesson, 3, 8).card_bytes() == 12'250'000'000);
static_assert(training_memory(70 * billion, recipes::lesson, 3, 8).card_bytes() == 122'500'000'000);
// The largest of unequal shards.
static_assert(zero_card(17, 3, 8) == 3 * 16 && zero_card(0, 3, 8) == 0);

constexpr u64 hundredths(u64 bytes, u64 unit) { return (bytes * 100 + unit / 2) / unit; }

// ---- Megatron: 18 bytes a parameter, 6 + 12 / dp with the distributed optimizer

static_assert(training_memory(8 * billion, recipes::mixed_adam_fp32_gradients).card_bytes() ==
              144 * gigabyte);
static_assert(training_memory(8 * billion, recipes::mixed_adam_fp32_gradients, 1, 16)
                  .card_bytes() == 54 * gigabyte);

// ---- Hugging Face accelerate estimate-memory, "Training using Adam": of FP32, and of FP16 the largest
// part instead of the sum, which is what everything in 16 bits takes

static_assert(hundredths(training_memory(7 * billion, recipes::fp32_adam).bytes(), gibibyte) ==
              10431);
static_assert(hundredths(training_memory(40 * billion, recipes::fp32_adam).bytes(), gibibyte) ==
              59605);
static_assert(hundredths(training_memory(7 * billion, recipes::bf16_adam).bytes(), gibibyte) ==
              5215);
static_assert(hundredths(training_memory(40 * billion, recipes::bf16_adam).bytes(), gibibyte) ==
              29802);

// ---- QLoRA: 4.127 bits a parameter (scales quantized too: 8 bits for 64, FP32 for 256 scales)

constexpr fb::block_format qlora{
    .element_bits = 4, .block_size = 64 * 256, .overhead_bits = 256 * 8 + 32};
constexpr u64 adapters = 80 * fb::adapter_count(64, 8192, 8192);
constexpr fb::memory_table adapted =
    fb::adapter_memory(65 * billion, {qlora, "nf4"}, adapters, recipes::mixed_adam);
static_assert(adapters == 80 * 64 * 16384);
static_assert(hundredths(adapted.bytes() - 16 * adapters, gigabyte) == 3353);

// ---- Models

static_assert(fb::parameter_count(fb::models::llama2_7b) == 6'738'415'616);
static_assert(fb::parameter_count(fb::models::llama2_13b) == 13'015'864'320);
static_assert(fb::parameter_count(fb::models::llama2_70b) == 68'976'648'192);
static_assert(fb::parameter_count(fb::models::llama3_8b) == 8'030'261'248);
static_assert(fb::parameter_count(fb::models::llama3_70b) == 70'553'706'496);

constexpr fb::model_shape gpt(u64 hidden, u64 layers, u64 heads) {
  return {.vocabulary = 50257,
          .hidden = hidden,
          .layers = layers,
          .heads = heads,
          .kv_heads = heads,
          .ffn = 4 * hidden,
          .style = fb::block_style::gpt,
          .tied = true,
          .positions = 1024};
}
static_assert(fb::parameter_count(gpt(768, 12, 12)) == 124'439'808);     // GPT-2
static_assert(fb::parameter_count(gpt(1600, 48, 25)) == 1'557'611'200);  // GPT-2 XL

// rows + cols of 4 + 3 matrices and 2 vectors, twice, and 2 embeddings and a vector.
constexpr fb::model_shape tiny{
    .vocabulary = 100, .hidden = 8, .layers = 2, .heads = 4, .kv_heads = 2, .ffn = 20};
static_assert(fb::factored_count(tiny) == 2 * 108 + 2 * (16 + 12 + 12 + 16 + 3 * 28 + 16) + 8);

// ---- Activations (Korthikanti et al., 2022, table 2)

constexpr fb::training_setup run(const fb::model_shape& model, u64 sequence, u64 batch) {
  return {.model = model, .recipe = recipes::mixed_adam, .sequence = sequence, .batch = batch};
}
/// In units of 10 MB, as published.
constexpr u64 kept(fb::training_setup setup, fb::recomputation recompute) {
  setup.recompute = recompute;
  return hundredths(training_memory(setup).card_bytes(role::activations), gigabyte);
}
constexpr auto none = fb::recomputation::none;
constexpr auto selective = fb::recomputation::selective;
constexpr auto full = fb::recomputation::full;

constexpr auto gpt3 = run(gpt(12288, 96, 96), 2048, 1);
static_assert(kept(gpt3, none) == 27541 && kept(gpt3, selective) == 8214);
static_assert(kept(gpt3, full) == 483);
constexpr auto megatron_22b = run(gpt(6144, 48, 64), 2048, 4);
static_assert(kept(megatron_22b, none) == 33984 && kept(megatron_22b, selective) == 8214);
static_assert(kept(megatron_22b, full) == 483);
constexpr auto seven = run(gpt(4096, 32, 32), 4096, 1);
static_assert(kept(seven, none) == 10415 && kept(seven, selective) == 1825);
static_assert(kept(seven, full) == 107);
constexpr auto short_seven = run(gpt(4096, 32, 32), 2048, 1);
static_assert(kept(short_seven, none) == 3060 && kept(short_seven, selective) == 913);
static_assert(kept(short_seven, full) == 54);
constexpr auto seventy = run(gpt(8192, 80, 64), 4096, 1);
static_assert(kept(seventy, none) == 52076 && kept(seventy, selective) == 9127);
static_assert(kept(seventy, full) == 537);
constexpr auto wide = run(gpt(8192, 60, 128), 2048, 1);
static_assert(kept(wide, none) == 19529 && kept(wide, selective) == 3423);
static_assert(kept(wide, full) == 201);

/// One layer of s = 16, b = 2, h = 24, a = 4 on t = 2 cards.
constexpr u64 layer(bool sequence_parallel, fb::recomputation recompute, fb::attention attend) {
  fb::training_setup setup = run(gpt(24, 1, 4), 16, 2);
  setup.cards = 2;
  setup.tensor_parallel = 2;
  setup.sequence_parallel = sequence_parallel;
  setup.recompute = recompute;
  setup.attend = attend;
  return training_memory(setup).card_bytes(role::activations);
}
constexpr u64 sbh = 16 * 2 * 24;
constexpr u64 attention_matrices = 5 * 4 * 2 * 16 * 16;
constexpr auto standard = fb::attention::standard;
constexpr auto flash = fb::attention::flash;
static_assert(layer(false, none, standard) == sbh * (10 + 24 / 2) + attention_matrices / 2);
static_assert(layer(true, none, standard) == sbh * 34 / 2 + attention_matrices / 2);
static_assert(layer(false, selective, standard) == sbh * (10 + 24 / 2));
static_assert(layer(true, selective, standard) == sbh * 34 / 2);
static_assert(layer(false, full, standard) == 2 * sbh);
static_assert(layer(true, full, standard) == sbh);

/// Outside the layers, with and without: a mask, the last norm's and the output's inputs in 16 bits; and
/// twice the logits.
constexpr u64 outside(bool sequence_parallel) {
  fb::training_setup setup = run(gpt(24, 1, 4), 16, 2);
  setup.cards = 2;
  setup.tensor_parallel = 2;
  setup.sequence_parallel = sequence_parallel;
  return training_memory(setup).card_bytes(role::outside_layers);
}
static_assert(outside(false) - outside(true) == 5 * sbh / 2);
static_assert(layer(true, none, flash) == sbh * 34 / 2 + 4 * 4 * 2 * 16 / 2);

// A llama block: norms' inputs and outputs 4 h, q h, k and v, projection h, gate, up, product.
constexpr u64 llama_layer(fb::attention attend) {
  fb::training_setup setup = run(tiny, 16, 3);
  setup.attend = attend;
  return training_memory(setup).card_bytes(role::activations);
}
constexpr u64 llama_inner = 2 * 16 * 3 * 2 * (4 * 8 + 8 + 2 * 4 + 8 + 3 * 20);
static_assert(llama_layer(flash) == llama_inner + 2 * 4 * 4 * 3 * 16);
static_assert(llama_layer(standard) == llama_inner + 2 * 2 * 4 * 3 * 16 * 16);

// Logits in FP32, and their gradients: 2.1 GB each.
constexpr auto llama3 = run(fb::models::llama3_8b, 4096, 1);
static_assert(training_memory(llama3).card_bytes(role::outside_layers) ==
              2 * (4 * u64{4096} * 128256) + 2 * 2 * u64{4096} * 4096);

// Recomputing holds one layer again, whatever their number.
TEST(TrainingMemory, FullRecomputationHoldsOneLayer) {
  for (const u64 layers : {u64{1}, u64{2}, u64{40}}) {
    fb::training_setup setup = run(gpt(24, layers, 4), 16, 2);
    setup.recompute = full;
    EXPECT_EQ(training_memory(setup).card_bytes(role::recomputed), sbh * 34 + attention_matrices);
    setup.recompute = selective;
    EXPECT_EQ(training_memory(setup).card_bytes(role::recomputed), attention_matrices);
  }
}

// ---- EleutherAI, calc_transformer_mem.py: its llama-7B example

constexpr fb::memory_table eleuther =
    training_memory(6'342'844'416, recipes::mixed_adam_fp32_gradients);
static_assert(hundredths(eleuther.bytes(role::weights), gibibyte) == 1181);
static_assert(hundredths(eleuther.bytes(role::gradients), gibibyte) == 2363);
static_assert(hundredths(eleuther.bytes(role::master_weights) + eleuther.bytes(role::moments),
                         gibibyte) == 7089);
static_assert(hundredths(training_memory(seven).card_bytes(role::activations), gibibyte) == 9700);
static_assert(hundredths(eleuther.bytes() + training_memory(seven).card_bytes(role::activations),
                         gibibyte) == 20333);

// Its rules: the optimizer is 12 bytes a parameter, 6 with 8-bit moments, 8 for SGD with momentum and master
// weights; gradients 2 or 4.
constexpr u64 optimizer_bytes(const fb::training_recipe& recipe) {
  const fb::memory_table table = training_memory(u64{1} << 20, recipe);
  return (table.bytes(role::master_weights) + table.bytes(role::moments)) >> 20;
}
static_assert(optimizer_bytes(recipes::mixed_adam) == 12);
static_assert(optimizer_bytes(recipes::mixed_adam_8bit) == 6);
static_assert(optimizer_bytes(recipes::mixed_lion) == 8);
static_assert(training_memory(billion, recipes::mixed_adam).bytes(role::gradients) == 2 * billion);
// Its cache, bytes h L (s + o) b, is that of the keys alone.
static_assert(fb::kv_cache_count(fb::models::llama2_7b, 4096 + 512) ==
              2 * (u64{4096} * 32 * (4096 + 512)));

// ---- What 64 bits cannot count

constexpr u64 most = fb::unbounded;
static_assert(training_memory(most, recipes::bf16_adam, 3, 8).card_bytes() == fb::unbounded);
static_assert(training_memory(most / 2, recipes::bf16_adam).bytes() == fb::unbounded);
static_assert(!fb::fits(fb::unbounded, most, most).fits);
static_assert(fb::fits(fb::unbounded, 8, 80).missing == fb::unbounded);
static_assert(fb::fits(100, 1, 80).missing == 20 && fb::fits(80, 1, 80).missing == 0);
static_assert(fb::parameter_count({.hidden = u64{1} << 40, .layers = 1}) == fb::unbounded);
static_assert(fb::weight_bytes(most, formats::mx(formats::fp8_e4m3)) == fb::unbounded);
static_assert(fb::adapter_count(most, most, most) == fb::unbounded);

TEST(TrainingMemory, BytesAreTheSumOfTheExactLines) {
  __extension__ using u128 = unsigned __int128;
  for (const fb::training_recipe& recipe : recipes::all)
    for (int stage = 0; stage <= 3; ++stage)
      for (const u64 cards : {u64{1}, u64{7}, u64{64}}) {
        const fb::memory_table table = training_memory(12'345'678'901, recipe, stage, cards);
        u128 sum = 0;
        for (const fb::memory_line& line : table) {
          EXPECT_EQ(line.shards, stage >= line.zero_stage ? cards : 1) << recipe.name;
          EXPECT_LE(line.card_bytes, line.bytes);
          EXPECT_LE(line.bytes / line.shards, line.card_bytes);
          sum += line.card_bytes;
        }
        EXPECT_TRUE(sum == table.card_bytes()) << recipe.name;
        EXPECT_GE(table.size, 2);
      }
}

TEST(TrainingMemory, TensorParallelDividesTheStateFirst) {
  fb::training_setup setup = run(fb::models::llama2_7b, 128, 1);
  setup.cards = 8;
  setup.tensor_parallel = 2;
  setup.zero_stage = 1;
  const fb::memory_table table = training_memory(setup);
  const u64 half = 6'738'415'616 / 2;
  EXPECT_EQ(table.card_bytes(role::weights), 2 * half);
  EXPECT_EQ(table.card_bytes(role::moments), 8 * half / 4);
  EXPECT_EQ(table.bytes(role::moments), 16 * half);
}

TEST(TrainingMemory, LargestBatchAndSequenceAreTheLastThatFit) {
  fb::training_setup setup = run(fb::models::llama3_8b, 4096, 1);
  setup.cards = 8;
  setup.zero_stage = 3;
  setup.attend = flash;
  const u64 card = 80 * gigabyte;
  setup.batch = fb::largest_batch(setup, card, 2 * gigabyte);
  EXPECT_GE(setup.batch, 1u);
  EXPECT_TRUE(fb::fits(training_memory(setup), card, 2 * gigabyte).fits);
  ++setup.batch;
  EXPECT_FALSE(fb::fits(training_memory(setup), card, 2 * gigabyte).fits);
  setup.batch = 1;
  setup.sequence = fb::largest_sequence(setup, card);
  EXPECT_TRUE(fb::fits(training_memory(setup), card).fits);
  ++setup.sequence;
  EXPECT_FALSE(fb::fits(training_memory(setup), card).fits);
  EXPECT_EQ(fb::largest_batch(setup, 1), 0u);
}

TEST(Explain, SaysFormulaFormatAndShare) {
  const fb::memory_table table = training_memory(40 * billion, recipes::mixed_adam_8bit, 1, 8);
  EXPECT_STREQ(fb::explain(table.lines[0]).c_str(),
               "weights: P = 40000000000 numbers of 16 bits (bf16): 80000000000 bytes a card");
  EXPECT_STREQ(fb::explain(table.lines[3]).c_str(),
               "first moment: P = 40000000000 numbers of 8 bits (uint8/256, and 32 bits for each "
               "256), ZeRO 1 divides by 8: 5078125000 bytes a card");
  fb::training_setup setup = run(gpt(24, 40, 4), 16, 2);
  setup.recompute = full;
  const fb::memory_table recomputed = training_memory(setup);
  EXPECT_STREQ(fb::explain(recomputed.lines[5]).c_str(),
               "layer inputs: b s h L = 30720 numbers of 16 bits (bf16): 61440 bytes a card");
  EXPECT_STREQ(fb::explain(recomputed.lines[6]).c_str(),
               "inputs of norms and matrices: 4 b s h = 3072 numbers of 16 bits (bf16): 6144 bytes "
               "a card");
  EXPECT_STREQ(fb::size_text(560 * gigabyte).c_str(), "560.00 GB = 521.54 GiB");
  EXPECT_STREQ(fb::size_text(1'999'999'999).c_str(), "2.00 GB = 1.86 GiB");
  EXPECT_STREQ(fb::size_text(1'050'000'000).c_str(), "1.05 GB = 0.98 GiB");
  EXPECT_STREQ(fb::size_text(0).c_str(), "0.00 GB = 0.00 GiB");
  EXPECT_STREQ(fb::size_text(fb::unbounded).c_str(), "more than 64 bits count");
  EXPECT_EQ(std::string(fb::size_text(fb::unbounded - 1).c_str()),
            "18446744073.71 GB = 17179869184.00 GiB");
}

}  // namespace
