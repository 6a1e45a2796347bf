// SPDX-License-Identifier: MIT
// What the report says, as plain data: measured in formats.cpp, speed.cpp, plan.cpp and
// number_lines.cpp, printed by table.cpp, drawn by charts.cpp and page.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "digits.hpp"

namespace demo {

/// A matrix of weights, one row an output.
struct tensor {
  std::string name;
  std::size_t rows;
  std::size_t cols;
  std::vector<float> values;
};
using model = std::vector<tensor>;

[[nodiscard]] inline std::size_t weight_count(const model& weights) {
  std::size_t count = 0;
  for (const tensor& each : weights) count += each.values.size();
  return count;
}

/// Bins for |error| / (root mean square of the weights), four a decade.
struct error_histogram {
  static constexpr int lowest_decade = -7;
  static constexpr int highest_decade = 1;
  static constexpr int bins_a_decade = 4;
  static constexpr int bins = (highest_decade - lowest_decade) * bins_a_decade;
  /// Shares of all weights; what is smaller or larger is in the first and the last bin.
  double share[bins];
  double exact;
};

/// Predictions of a network whose weights were stored in another format.
struct prediction {
  double accuracy;  ///< percent of the test images
  int changed;      ///< other than those of the FP32 network
};

/// What one way to store weights keeps of a model.
struct format_row {
  const char* name;
  const char* scale;       ///< which weights share one
  std::uint64_t bits;      ///< of a code
  std::uint64_t codes;     ///< bytes
  std::uint64_t scales;    ///< bytes
  double bits_per_weight;  ///< scales included
  double sqnr;             ///< dB; infinite without error
  double largest_error;
  error_histogram errors;
  std::optional<prediction> predicted;

  [[nodiscard]] std::uint64_t bytes() const { return codes + scales; }
};

/// Where a format's numbers lie.
struct number_line {
  const char* name;
  std::vector<double> values;  ///< ascending, the largest scaled to 1
};
/// Powers of two.
struct range_line {
  const char* name;
  int smallest;  ///< subnormal
  int smallest_normal;
  int largest;  ///< of the largest finite value
  int mantissa_bits;
};

/// How fast this machine is with one type, on one thread; 0 where there is nothing to measure.
struct speed_row {
  const char* name;
  int bits;
  const char* over;  ///< the rung above, by name; empty for the first
  const char* unit;  ///< what multiplied
  double encode;     ///< 10^9 numbers a second, from FP32
  double decode;     ///< the same to FP32
  double gemm;       ///< 10^9 multiplications and additions a second, square
  double one_row;    ///< the same for a row times a matrix
  double error;      ///< of the square product, relative
};

/// How much work to spend on one figure.
struct effort {
  std::size_t numbers;  ///< converted at a time
  std::size_t size;     ///< of the square matrices
  std::size_t depth;    ///< of the row, and of the square matrix it is multiplied by
  int most_runs;
  double seconds;
};
inline constexpr effort thorough{std::size_t{1} << 20, 512, 2048, 7, 0.06};
inline constexpr effort quick{std::size_t{1} << 16, 192, 256, 3, 0.01};

/// Models that the plan is for, in parameters.
inline constexpr std::uint64_t model_sizes[] = {7'000'000'000, 40'000'000'000, 70'000'000'000};
inline constexpr std::size_t model_count = 3;
inline constexpr std::uint64_t card_bytes = 80'000'000'000;

/// The memory of the models in one format.
struct plan_row {
  const char* name;
  double bits_per_weight;
  std::uint64_t weights[model_count];  ///< bytes
  std::uint64_t cards[model_count];    ///< that hold weights and cache
};
struct memory_plan {
  std::vector<plan_row> rows;
  std::uint64_t cache[model_count];     ///< keys and values of `tokens` tokens in BF16
  std::uint64_t training[model_count];  ///< mixed precision, Adam: the state
  std::uint64_t tokens;
};

struct report {
  bool has_network;
  std::string source;  ///< what the weights are
  std::size_t weights;
  std::vector<format_row> formats;
  std::vector<number_line> lines;
  std::vector<range_line> ranges;
  std::vector<double> weight_shares;  ///< of the weights over [-1, 1] times the largest
  std::vector<speed_row> speeds;
  effort spent;
  memory_plan plan;
  std::string cpu;
  std::string compiled_for;
  std::string idle_features;  ///< that the CPU has beside those
};

/// The row of that name and scale; stops the program where there is none.
const format_row& find(const std::vector<format_row>& rows, const char* name,
                       const char* scale = nullptr);

/// The weights of a network of two layers trained on `data`, and every way to store them.
struct experiment {
  model weights;
  std::vector<format_row> rows;
};
experiment examine_network(const digits_file& data);
/// The same for weights without a network.
std::vector<format_row> examine_formats(const model& weights);

std::vector<number_line> number_lines();
std::vector<range_line> range_lines();
std::vector<double> weight_shares(const model& weights);

std::vector<speed_row> measure_speed(const effort& spent);

memory_plan plan_memory();

void print_formats(const report& all);
void print_speed(const report& all);
void print_plan(const report& all);

/// The report as one page of HTML that needs nothing else.
std::string page(const report& all);

}  // namespace demo
