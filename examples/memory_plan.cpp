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

#include <cstdint>
#include <cstdio>

#include "memory_plan/options.hpp"

namespace {

using namespace demo;

void print_table(const fb::memory_table& table, bool explains) {
  std::printf("%-30s %-10s %-36s %s\n", "tensor", "format", "in all", "a card");
  for (const fb::memory_line& line : table) {
    std::printf("%-30s %-10s %-36s %s\n", line.name, line.format.name,
                fb::size_text(line.bytes).c_str(), fb::size_text(line.card_bytes).c_str());
    if (explains) std::printf("    %s\n", fb::explain(line).c_str());
  }
  std::printf("%-30s %-10s %-36s %s\n", "sum", "", fb::size_text(table.bytes()).c_str(),
              fb::size_text(table.card_bytes()).c_str());
  if (table.host_bytes() != 0)
    std::printf("in the memory of the hosts %46s\n", fb::size_text(table.host_bytes()).c_str());
}

void print_json(const fb::memory_table& table, const fb::memory_fit& fit) {
  std::printf("{\"tensors\":[");
  const char* comma = "";
  for (const fb::memory_line& line : table) {
    std::printf(
        "%s\n {\"name\":\"%s\",\"format\":\"%s\",\"elements\":%llu,\"bytes\":%llu,"
        "\"card_bytes\":%llu,\"host_bytes\":%llu,\"explanation\":\"%s\"}",
        comma, line.name, line.format.name, static_cast<unsigned long long>(line.elements),
        static_cast<unsigned long long>(line.bytes),
        static_cast<unsigned long long>(line.card_bytes),
        static_cast<unsigned long long>(line.host_bytes), fb::explain(line).c_str());
    comma = ",";
  }
  std::printf(
      "],\n \"cards\":%llu,\"bytes\":%llu,\"card_bytes\":%llu,\"host_bytes\":%llu,"
      "\"fits\":%s,"
      "\"spare_bytes\":%llu,\"missing_bytes\":%llu}\n",
      static_cast<unsigned long long>(table.cards), static_cast<unsigned long long>(table.bytes()),
      static_cast<unsigned long long>(table.card_bytes()),
      static_cast<unsigned long long>(table.host_bytes()), fit.fits ? "true" : "false",
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
                             plan.training.cards, 0, plan.training.to_host);
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
