// SPDX-License-Identifier: MIT
// The report as tables on a terminal of 100 columns.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "report.hpp"

namespace demo {
namespace {

double gigabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e9; }

/// A speed and its step over the rung above.
void print_step(double speed, double above) {
  if (speed <= 0) {
    std::printf(" | %7s %5s", "-", "");
  } else if (above <= 0) {
    std::printf(" | %7.*f %5s", speed < 100 ? 2 : 0, speed, "");
  } else {
    std::printf(" | %7.*f %4.2fx", speed < 100 ? 2 : 0, speed, speed / above);
  }
}

}  // namespace

std::string format_row::sqnr_text() const {
  if (std::isinf(sqnr)) return sqnr > 0 ? "exact" : "lost";
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.1f", sqnr);
  return digits;
}

void print_formats(const report& all) {
  std::printf("%-12s %-15s %8s %12s %7s %10s", "stored as", "scale", "bits/w.", "bytes", "SQNR dB",
              "max error");
  if (all.has_network) std::printf(" %7s %4s", "right %", "chg");
  std::printf("\n");
  for (const format_row& row : all.formats) {
    std::printf("%-12s %-15s %8.3f %12llu", row.name, row.scale, row.bits_per_weight,
                static_cast<unsigned long long>(row.bytes()));
    std::printf(" %7s %10.2g", row.sqnr_text().c_str(), row.largest_error);
    if (row.predicted) std::printf(" %7.2f %4d", row.predicted->accuracy, row.predicted->changed);
    std::printf("\n");
  }
}

void print_speed(const report& all) {
  std::printf("%-9s %-8s | %13s | %13s | %13s | %13s | %-4s %7s\n", "", "", "from FP32", "to FP32",
              "square", "one row", "", "");
  std::printf("%-9s %-8s | %7s %5s | %7s %5s | %7s %5s | %7s %5s | %-4s %7s\n", "type", "over",
              "10^9/s", "step", "10^9/s", "step", "GOP/s", "step", "GOP/s", "step", "in", "error");
  for (const speed_row& row : all.speeds) {
    const auto above = std::find_if(all.speeds.begin(), all.speeds.end(), [&](const speed_row& it) {
      return std::strcmp(it.name, row.over) == 0;
    });
    const bool is_first = above == all.speeds.end();
    std::printf("%-9s %-8s", row.name, row.over);
    for (double speed_row::* const column :
         {&speed_row::encode, &speed_row::decode, &speed_row::gemm, &speed_row::one_row})
      print_step(row.*column, is_first ? 0 : (*above).*column);
    std::printf(" | %-4s ", row.unit);
    if (row.error > 0) std::printf("%7.1e", row.error);
    std::printf("\n");
  }
}

void print_plan(const report& all) {
  std::printf("%-13s %7s", "weights as", "bits/w.");
  for (const std::uint64_t size : model_sizes)
    std::printf(" | %11llu B %6s", static_cast<unsigned long long>(size / 1'000'000'000), "cards");
  std::printf("\n");
  for (const plan_row& row : all.plan.rows) {
    std::printf("%-13s %7.3f", row.name, row.bits_per_weight);
    for (std::size_t i = 0; i < model_count; ++i)
      std::printf(" | %10.1f GB %6llu", gigabytes(row.weights[i]),
                  static_cast<unsigned long long>(row.cards[i]));
    std::printf("\n");
  }
  std::printf("%-21s", "cache of 4096 tokens");
  for (std::size_t i = 0; i < model_count; ++i)
    std::printf(" | %10.1f GB %6s", gigabytes(all.plan.cache[i]), "");
  std::printf("\n%-21s", "training, mixed, Adam");
  for (std::size_t i = 0; i < model_count; ++i)
    std::printf(
        " | %10.1f GB %6llu", gigabytes(all.plan.training[i]),
        static_cast<unsigned long long>((all.plan.training[i] + card_bytes - 1) / card_bytes));
  std::printf("\n");
}

}  // namespace demo
