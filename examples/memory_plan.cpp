// SPDX-License-Identifier: MIT
// What training or running a model takes, and whether it fits, before any card is bought.
//
//   memory_plan                                              a worked plan: four levers, one by one
//   memory_plan --parameters 40B --recipe lesson --zero 3    the state alone
//   memory_plan --model llama3_8b --sequence 8192 --flash --recompute full --explain
//   memory_plan --model llama2_70b --inference --weights int4 --sequence 4096 --batch 8 --json
//
// Exit status: 0, 1 if a check fails (without arguments), 2 for bad input.
#include <fewbits/memory.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace {

namespace fb = fewbits;

constexpr const char* help =
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
    "  --sequence N           tokens, 4096\n"
    "  --batch N              sequences a card, 1\n"
    "  --flash                FlashAttention\n"
    "  --recompute WHAT       none, selective, full\n"
    "  --inference            instead of training, on --cards cards (1)\n"
    "  --weights FORMAT       of inference: bf16, fp8_e4m3, int8, int4, q4 (32 and an FP16 scale) "
    "...\n"
    "  --cache FORMAT         of its keys and values\n"
    "  --explain              how each line came about\n"
    "  --json\n"
    "\n"
    "recipes:";

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "memory_plan: %s\nTry: memory_plan --help\n", what.c_str());
  std::exit(2);
}

std::uint64_t number(const std::string& option, std::string text, std::uint64_t least = 1) {
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

fb::model_shape model(const std::string& name) {
  if (name == "llama2_7b") return fb::models::llama2_7b;
  if (name == "llama2_13b") return fb::models::llama2_13b;
  if (name == "llama2_70b") return fb::models::llama2_70b;
  if (name == "llama3_8b") return fb::models::llama3_8b;
  if (name == "llama3_70b") return fb::models::llama3_70b;
  refuse("there is no model '" + name + "'; give its --shape");
}

fb::model_shape shape(const std::string& text) {
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

fb::number_format format(const std::string& name) {
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

fb::training_recipe recipe(const std::string& name) {
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

void set(request& plan, const std::string& option, const std::string& value) {
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

void print_help() {
  std::printf("%s", help);
  for (const fb::training_recipe& known : fb::recipes::all) std::printf(" %s", known.name);
  std::printf("\n");
}

request parse(int argc, char** argv) {
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
    } else if (option == "--explain") {
      plan.explains = true;
    } else if (option == "--json") {
      plan.is_json = true;
    } else {
      if (i + 1 == argc) refuse("'" + option + "' is no option, or its value is missing");
      set(plan, option, argv[++i]);
    }
  }
  if (plan.has_model == (plan.parameters != 0))
    refuse("give one of --parameters, --model and --shape");
  if (plan.is_inference && !plan.has_model) refuse("--inference needs a --model or a --shape");
  if (!plan.has_model && plan.training.tensor_parallel != 1)
    refuse("--tensor-parallel needs a --model or a --shape");
  if (!plan.has_model && plan.training.recipe.factored_moment.exists())
    refuse("Adafactor needs a --model or a --shape");
  if (plan.training.cards % plan.training.tensor_parallel != 0)
    refuse("--tensor-parallel must divide --cards");
  if (plan.card > fb::unbounded / fb::gigabyte || plan.margin >= plan.card)
    refuse("--margin-gb must be less than --card-gb, and that less than 18446744073");
  return plan;
}

void print_table(const fb::memory_table& table, bool explains) {
  std::printf("%-30s %-10s %-36s %s\n", "tensor", "format", "in all", "a card");
  for (const fb::memory_line& line : table) {
    std::printf("%-30s %-10s %-36s %s\n", line.name, line.format.name,
                fb::size_text(line.bytes).c_str(), fb::size_text(line.card_bytes).c_str());
    if (explains) std::printf("    %s\n", fb::explain(line).c_str());
  }
  std::printf("%-30s %-10s %-36s %s\n", "sum", "", fb::size_text(table.bytes()).c_str(),
              fb::size_text(table.card_bytes()).c_str());
}

void print_json(const fb::memory_table& table, const fb::memory_fit& fit) {
  std::printf("{\"tensors\":[");
  const char* comma = "";
  for (const fb::memory_line& line : table) {
    std::printf(
        "%s\n {\"name\":\"%s\",\"format\":\"%s\",\"elements\":%llu,\"bytes\":%llu,"
        "\"card_bytes\":%llu,\"explanation\":\"%s\"}",
        comma, line.name, line.format.name, static_cast<unsigned long long>(line.elements),
        static_cast<unsigned long long>(line.bytes),
        static_cast<unsigned long long>(line.card_bytes), fb::explain(line).c_str());
    comma = ",";
  }
  std::printf(
      "],\n \"cards\":%llu,\"bytes\":%llu,\"card_bytes\":%llu,\"fits\":%s,"
      "\"spare_bytes\":%llu,\"missing_bytes\":%llu}\n",
      static_cast<unsigned long long>(table.cards), static_cast<unsigned long long>(table.bytes()),
      static_cast<unsigned long long>(table.card_bytes()), fit.fits ? "true" : "false",
      static_cast<unsigned long long>(fit.spare), static_cast<unsigned long long>(fit.missing));
}

void print_fit(const fb::memory_table& table, const fb::memory_fit& fit, std::uint64_t usable) {
  std::printf("%s %llu x (%s): ", fit.fits ? "fits" : "does not fit",
              static_cast<unsigned long long>(table.cards), fb::size_text(usable).c_str());
  if (fit.fits) {
    std::printf("%s a card left\n", fb::size_text(fit.spare_per_card).c_str());
  } else {
    const std::uint64_t missing =
        fit.missing == fb::unbounded ? fit.missing : fit.missing / table.cards;
    std::printf("%s a card missing\n", fb::size_text(missing).c_str());
  }
}

fb::memory_table table_of(const request& plan) {
  if (plan.is_inference) return fb::inference_memory(plan.inference);
  if (plan.has_model) return fb::training_memory(plan.training);
  return fb::training_memory(plan.parameters, plan.training.recipe, plan.training.zero_stage,
                             plan.training.cards);
}

/// The lesson's four levers, pulled one after another on a model of 40 billion parameters.
int demonstrate() {
  constexpr std::uint64_t card = 80 * fb::gigabyte;
  constexpr fb::model_shape forty{
      .vocabulary = 32000, .hidden = 8192, .layers = 46, .heads = 64, .kv_heads = 8, .ffn = 28672};
  fb::training_setup setup{.model = forty,
                           .recipe = fb::recipes::fp32_adam,
                           .cards = 8,
                           .sequence = 4096,
                           .activations = fb::formats::fp32};
  std::printf("%.1f billion parameters, sequences of 4096 tokens, 8 cards of 80 GB\n\n",
              static_cast<double>(fb::parameter_count(forty)) / 1e9);
  std::printf("%-52s %-26s %s\n", "lever", "a card", "saved");
  std::uint64_t before = fb::training_memory(setup).card_bytes();
  std::printf("%-52s %s\n", "FP32, Adam, everything on every card", fb::size_text(before).c_str());
  bool is_right = true;
  const char* const levers[] = {"precision: 16-bit activations and gradients",
                                "parallelism: ZeRO 3", "FlashAttention", "recomputation of layers"};
  for (int lever = 0; lever < 4; ++lever) {
    if (lever == 0) setup.recipe = fb::recipes::lesson;
    if (lever == 0) setup.activations = fb::formats::bf16;
    if (lever == 1) setup.zero_stage = 3;
    if (lever == 2) setup.attend = fb::attention::flash;
    if (lever == 3) setup.recompute = fb::recomputation::full;
    const fb::memory_table table = fb::training_memory(setup);
    const std::uint64_t after = table.card_bytes();
    std::printf("+ %-50s %-26s %s\n", levers[lever], fb::size_text(after).c_str(),
                fb::size_text(before - after).c_str());
    is_right = is_right && after < before && fb::fits(table, card).fits == (lever == 3);
    before = after;
  }
  const fb::memory_table table = fb::training_memory(setup);
  std::printf("\n");
  print_table(table, false);
  print_fit(table, fb::fits(table, card), card);
  std::printf("largest batch a card: %llu\n",
              static_cast<unsigned long long>(fb::largest_batch(setup, card)));
  setup.recipe = fb::recipes::mixed_adam;
  const fb::memory_table with_copy = fb::training_memory(setup);
  std::printf("\nWith a 16-bit copy of the weights for the arithmetic:\n");
  print_fit(with_copy, fb::fits(with_copy, card), card);
  is_right = is_right && !fb::fits(with_copy, card).fits;
  if (!is_right) std::fprintf(stderr, "memory_plan: not what the lesson says\n");
  return is_right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return demonstrate();
  const request plan = parse(argc, argv);
  const fb::memory_table table = table_of(plan);
  const std::uint64_t card = plan.card * fb::gigabyte;
  const std::uint64_t margin = plan.margin * fb::gigabyte;
  const fb::memory_fit fit = fb::fits(table, card, margin);
  if (plan.is_json) {
    print_json(table, fit);
    return 0;
  }
  print_table(table, plan.explains);
  print_fit(table, fit, card - margin);
  if (plan.has_model) {
    const auto batch = plan.is_inference ? fb::largest_batch(plan.inference, card, margin)
                                         : fb::largest_batch(plan.training, card, margin);
    const auto sequence = plan.is_inference ? fb::largest_sequence(plan.inference, card, margin)
                                            : fb::largest_sequence(plan.training, card, margin);
    std::printf("largest batch %llu, or longest sequence %llu\n",
                static_cast<unsigned long long>(batch), static_cast<unsigned long long>(sequence));
  }
  return 0;
}
