// SPDX-License-Identifier: MIT
// What large models take in each format: weights, the cache beside them, cards, and training.
#include <fewbits/memory.hpp>

#include "report.hpp"

namespace demo {
namespace {

namespace formats = fb::formats;

/// Weights in rows of 8192, as in models of this size.
constexpr int row_size = 8192;

struct plan_format {
  const char* name;
  fb::number_format format;
};
constexpr plan_format plan_formats[] = {
    {"FP64", formats::fp64},
    {"FP32", formats::fp32},
    {"TF32, packed", formats::tf32},
    {"FP16, BF16", formats::bf16},
    {"FP8", formats::fp8_e4m3},
    {"MXFP8", formats::mx(formats::fp8_e4m3)},
    {"INT8, a row", formats::grouped(formats::int8, row_size, formats::fp32)},
    {"MXFP6", formats::mx(formats::fp6_e2m3)},
    {"FP4", formats::fp4_e2m1},
    {"MXFP4", formats::mx(formats::fp4_e2m1)},
    {"NVFP4", formats::with_tensor_scale(formats::grouped(formats::fp4_e2m1, 16, formats::fp8_e4m3),
                                         formats::fp32)},
    {"INT4, for 32", formats::grouped(formats::int4, 32, formats::fp32)},
    {"NF4, for 64", formats::grouped(formats::uint4, 64, formats::fp32)},
};

constexpr fb::model_shape shapes[model_count] = {
    fb::models::llama2_7b,
    {.vocabulary = 32000, .hidden = 8192, .layers = 46, .heads = 64, .kv_heads = 8, .ffn = 28672},
    fb::models::llama2_70b,
};

}  // namespace

memory_plan plan_memory() {
  memory_plan plan{.rows = {}, .cache = {}, .training = {}, .tokens = 4096};
  for (std::size_t i = 0; i < model_count; ++i) {
    plan.cache[i] = fb::weight_bytes(fb::kv_cache_count(shapes[i], plan.tokens), formats::bf16);
    plan.training[i] = fb::training_memory(model_sizes[i], fb::recipes::mixed_adam).bytes();
  }
  for (const plan_format& each : plan_formats) {
    plan_row row{each.name, 0, {}, {}};
    for (std::size_t i = 0; i < model_count; ++i) {
      row.weights[i] = fb::weight_bytes(model_sizes[i], each.format);
      while (!fb::fits(row.weights[i] + plan.cache[i], ++row.cards[i], card_bytes).fits) {
      }
    }
    row.bits_per_weight =
        8 * static_cast<double>(row.weights[0]) / static_cast<double>(model_sizes[0]);
    plan.rows.push_back(row);
  }
  return plan;
}

}  // namespace demo
