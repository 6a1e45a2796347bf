// SPDX-License-Identifier: MIT
// The command line of memory_plan.
#pragma once

#include <fewbits/memory.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace demo {

namespace fb = fewbits;

inline constexpr const char* help =
    "usage: memory_plan [OPTION...]\n"
    "\n"
    "  --parameters N         40000000000, 40B, 350M: state only\n"
    "  --model NAME           llama2_7b llama2_13b llama2_70b llama3_8b llama3_70b\n"
    "  --shape V,h,L,a,kv,f   vocabulary, width, layers, heads, heads of keys and values, MLP "
    "width\n"
    "  --recipe NAME          mixed_adam (the default), or one of the list below\n"
    "  --cards N              8\n"
    "  --card-gb N            memory of a card, 80\n"
    "  --margin-gb N          of which stays free, 0\n"
    "  --zero 0..3            ZeRO stage, 0\n"
    "  --tensor-parallel N    1, with sequence parallelism\n"
    "  --pipeline-parallel N  1, stages\n"
    "  --offload WHAT         to the memory of the hosts: none, optimizer, all\n"
    "  --sequence N           tokens, 4096\n"
    "  --batch N              sequences a card, 1\n"
    "  --flash                FlashAttention\n"
    "  --recompute WHAT       none, selective, full\n"
    "  --inference            instead of training, on --cards cards (1)\n"
    "  --weights FORMAT       of inference: bf16, fp8_e4m3, int8, int4, q4 (32 and an FP16 scale) "
    "...\n"
    "  --cache FORMAT         of its keys and values\n"
    "  --share-activations    its cards divide activations and logits too\n"
    "  --explain              how each line came about\n"
    "  --json\n"
    "\n"
    "recipes:";

[[noreturn]] inline void refuse(const std::string& what) {
  std::fprintf(stderr, "memory_plan: %s\nTry: memory_plan --help\n", what.c_str());
  std::exit(2);
}

inline std::uint64_t number(const std::string& option, std::string text, std::uint64_t least = 1) {
  std::uint64_t unit = 1;
  if (option == "--parameters" && !text.empty()) {
    const char last = text.back();
    unit = last == 'B' ? 1'000'000'000 : last == 'M' ? 1'000'000 : 1;
    if (unit != 1) text.pop_back();
  }
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value > fb::unbounded / unit)
    refuse(option + " needs a whole number, not '" + text + "'");
  if (value < least) refuse(option + " must be at least " + std::to_string(least));
  return value * unit;
}

inline fb::model_shape model(const std::string& name) {
  if (name == "llama2_7b") return fb::models::llama2_7b;
  if (name == "llama2_13b") return fb::models::llama2_13b;
  if (name == "llama2_70b") return fb::models::llama2_70b;
  if (name == "llama3_8b") return fb::models::llama3_8b;
  if (name == "llama3_70b") return fb::models::llama3_70b;
  refuse("there is no model '" + name + "'; give its --shape");
}

inline fb::model_shape shape(const std::string& text) {
  std::uint64_t sizes[6]{};
  std::size_t start = 0;
  for (int i = 0; i < 6; ++i) {
    const std::size_t comma = text.find(',', start);
    if ((comma == std::string::npos) != (i == 5)) refuse("--shape needs six numbers: V,h,L,a,kv,f");
    sizes[i] = number("--shape", text.substr(start, comma - start));
    start = comma + 1;
  }
  if (sizes[1] % sizes[3] != 0) refuse("--shape: the heads must divide the width");
  return {.vocabulary = sizes[0],
          .hidden = sizes[1],
          .layers = sizes[2],
          .heads = sizes[3],
          .kv_heads = sizes[4],
          .ffn = sizes[5]};
}

inline fb::number_format format(const std::string& name) {
  namespace formats = fb::formats;
  for (const fb::named_format& row : fb::named_formats)
    if (name == row.name) return row.format;
  if (name == "int8") return formats::int8;
  if (name == "int4") return formats::int4;
  if (name == "int2") return formats::int2;
  if (name == "q4") return {formats::grouped(formats::int4, 32, formats::fp16), "q4"};
  if (name == "q8") return {formats::grouped(formats::int8, 32, formats::fp16), "q8"};
  if (name == "mxfp8") return {formats::mx(formats::fp8_e4m3), "mxfp8"};
  if (name == "mxfp4") return {formats::mx(formats::fp4_e2m1), "mxfp4"};
  refuse("there is no format '" + name + "'");
}

inline fb::training_recipe recipe(const std::string& name) {
  for (const fb::training_recipe& known : fb::recipes::all)
    if (name == known.name) return known;
  refuse("there is no recipe '" + name + "'");
}

struct request {
  fb::training_setup training{.recipe = fb::recipes::mixed_adam, .cards = 8, .sequence = 4096};
  fb::inference_setup inference{.sequence = 4096};
  std::uint64_t parameters = 0;
  std::uint64_t card = 80;
  std::uint64_t margin = 0;
  bool has_model = false;
  bool is_inference = false;
  bool explains = false;
  bool is_json = false;
};

inline void set(request& plan, const std::string& option, const std::string& value) {
  if (option == "--parameters") {
    plan.parameters = number(option, value);
  } else if (option == "--model" || option == "--shape") {
    if (plan.has_model) refuse("one model at a time");
    plan.has_model = true;
    plan.training.model = option == "--model" ? model(value) : shape(value);
    plan.inference.model = plan.training.model;
  } else if (option == "--recipe") {
    plan.training.recipe = recipe(value);
  } else if (option == "--cards") {
    plan.training.cards = plan.inference.cards = number(option, value);
  } else if (option == "--card-gb") {
    plan.card = number(option, value);
  } else if (option == "--margin-gb") {
    plan.margin = number(option, value, 0);
  } else if (option == "--zero") {
    const std::uint64_t stage = number(option, value, 0);
    if (stage > 3) refuse("--zero is 0, 1, 2 or 3");
    plan.training.zero_stage = static_cast<int>(stage);
  } else if (option == "--tensor-parallel") {
    plan.training.tensor_parallel = number(option, value);
    plan.training.sequence_parallel = true;
  } else if (option == "--pipeline-parallel") {
    plan.training.pipeline_parallel = number(option, value);
  } else if (option == "--offload") {
    if (value != "none" && value != "optimizer" && value != "all")
      refuse("--offload is none, optimizer or all");
    plan.training.to_host = value == "none"  ? fb::offload::none
                            : value == "all" ? fb::offload::all
                                             : fb::offload::optimizer;
  } else if (option == "--sequence") {
    plan.training.sequence = plan.inference.sequence = number(option, value);
  } else if (option == "--batch") {
    plan.training.batch = plan.inference.batch = number(option, value);
  } else if (option == "--recompute") {
    if (value != "none" && value != "selective" && value != "full")
      refuse("--recompute is none, selective or full");
    plan.training.recompute = value == "none"   ? fb::recomputation::none
                              : value == "full" ? fb::recomputation::full
                                                : fb::recomputation::selective;
  } else if (option == "--weights") {
    plan.inference.weights = format(value);
  } else if (option == "--cache") {
    plan.inference.cache = format(value);
  } else {
    refuse("there is no option '" + option + "'");
  }
}

inline void print_help() {
  std::printf("%s", help);
  for (const fb::training_recipe& known : fb::recipes::all) std::printf(" %s", known.name);
  std::printf("\n");
}

inline void check(const request& plan) {
  const fb::training_setup& training = plan.training;
  if (plan.has_model == (plan.parameters != 0))
    refuse("give one of --parameters, --model and --shape");
  if (plan.is_inference && !plan.has_model) refuse("--inference needs a --model or a --shape");
  if (!plan.has_model && (training.tensor_parallel != 1 || training.pipeline_parallel != 1))
    refuse("--tensor-parallel and --pipeline-parallel need a --model or a --shape");
  if (!plan.has_model && training.recipe.factored_moment.exists())
    refuse("Adafactor needs a --model or a --shape");
  if (training.pipeline_parallel > training.cards || training.tensor_parallel > training.cards ||
      training.cards % (training.tensor_parallel * training.pipeline_parallel) != 0)
    refuse("--tensor-parallel times --pipeline-parallel must divide --cards");
  if (training.to_host == fb::offload::all && training.zero_stage != 3)
    refuse("--offload all needs --zero 3");
  if (plan.card > fb::unbounded / fb::gigabyte || plan.margin >= plan.card)
    refuse("--margin-gb must be less than --card-gb, and that less than 18446744073");
}

inline request parse(int argc, char** argv) {
  request plan;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--help" || option == "-h") {
      print_help();
      std::exit(0);
    }
    if (option == "--flash") {
      plan.training.attend = fb::attention::flash;
    } else if (option == "--inference") {
      plan.is_inference = true;
    } else if (option == "--share-activations") {
      plan.inference.shares_activations = true;
    } else if (option == "--explain") {
      plan.explains = true;
    } else if (option == "--json") {
      plan.is_json = true;
    } else {
      if (i + 1 == argc) refuse("'" + option + "' is no option, or its value is missing");
      set(plan, option, argv[++i]);
    }
  }
  check(plan);
  return plan;
}

}  // namespace demo
