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

/// Matrices of weights, one row an output. Whatever is not finite in them is left out of all sums.
using matrix = fb::matrix_view<const float>;

/// Errors over the root mean square of their matrix, in octaves: bin i counts from 2^(lowest + i) to
/// twice that.
struct error_histogram {
  static constexpr int lowest = -24;
  static constexpr int bins = 28;
  /// Shares of all weights; what is smaller or larger is in the first and the last bin.
  double share[bins];
  double exact;
};

/// Weights over the largest magnitude of their matrix, from -1 to 1, in shares.
struct weight_histogram {
  static constexpr int bins = 81;
  double share[bins];
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
  double sqnr;             ///< dB; infinite without error, or with errors that are
  double largest_error;
  error_histogram errors;
  std::optional<prediction> predicted;

  [[nodiscard]] std::uint64_t bytes() const { return codes + scales; }
  [[nodiscard]] std::string sqnr_text() const;  ///< "exact", "73.2", "lost"
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
inline constexpr effort thorough{std::size_t{1} << 20, 512, 2048, 21, 0.15};
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
  weight_histogram weight_shares;
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

/// Adds up what every way to store weights keeps of some matrices.
class examiner {
 public:
  examiner();
  ~examiner();

  /// Stores x in every way.
  void add(matrix x);
  /// Stores x in way `form` only; `back` becomes what is read back. `rms` is what `add_weights` said.
  void add(matrix x, double rms, std::size_t form, fb::matrix_view<float> back);
  /// Counts weights, once, and returns their root mean square.
  double add_weights(matrix x);

  [[nodiscard]] static std::size_t forms();
  [[nodiscard]] std::vector<format_row> rows() const;
  [[nodiscard]] weight_histogram weights() const;

 private:
  struct sums;
  std::vector<sums> sums_;
  std::vector<float> back_;
  weight_histogram weights_{};
  double weight_count_ = 0;  // finite ones
  double stored_count_ = 0;
  double signal_ = 0;
};

/// The weights of a network of two layers, trained on `data`, in every format: all of the report that
/// depends on it.
report report_on_network(const digits_file& data);
/// The same of the matrices in a file of safetensors. Throws std::runtime_error.
report report_on_file(const std::string& path);

std::vector<number_line> number_lines();
std::vector<range_line> range_lines();

std::vector<speed_row> measure_speed(const effort& spent);

memory_plan plan_memory();

void print_formats(const report& all);
void print_speed(const report& all);
void print_plan(const report& all);

/// The report as one page of HTML that needs nothing else.
std::string page(const report& all);

}  // namespace demo
