// SPDX-License-Identifier: MIT
// One table, a row for each rung of precision: bytes, speed of square products and of one row times a
// matrix, the step over the rung above, the error, and the accelerator of the lecture beside them.
//
//   bench_ladder [--rounds=N] [options of Google Benchmark]
//
// Every round times every rung once; figures are medians over rounds, steps medians of the ratios
// within a round. --benchmark_out=FILE writes them as counters too.
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string_view>

#include "products.hpp"
#include "race.hpp"

namespace {

using bench::buffer;

constexpr std::size_t square = 1024;  // X and W of the square product are square x square
constexpr std::size_t depth = 4096;   // X of the other is 1 x depth, W depth x depth
/// The lecture: an accelerator does 34 TFLOP/s in FP64, and twice that whenever the bits halve.
constexpr double lecture_fp64 = 34;

/// Whether several codes share a byte in memory.
template <class Code>
constexpr bool is_packed = fewbits::packed_bits<Code> < 8;
template <>
constexpr bool is_packed<double> = false;
template <>
constexpr bool is_packed<float> = false;
template <>
constexpr bool is_packed<std::int8_t> = false;

/// Numbers between -3 and 3, distributed nearly normally; as many as are different in a matrix.
struct numbers {
  static constexpr std::size_t count = 65537;  // odd: rows of a matrix differ

  numbers() : exact(count), rounded(count) {
    std::uint64_t state = 1;
    const auto next = [&] {
      state = state * 6364136223846793005U + 1442695040888963407U;
      return static_cast<double>(state >> 11) * 0x1p-52 - 1;
    };
    for (std::size_t i = 0; i < count; ++i) {
      exact[i] = next() + next() + next();
      rounded[i] = static_cast<float>(exact[i]);
    }
  }
  std::vector<double> exact;
  std::vector<float> rounded;
};

/// The numbers as codes, and what a code is to be multiplied by: integers and narrow floats have a scale.
template <class Code>
double encode(const numbers& from, std::vector<Code>& codes) {
  codes.resize(numbers::count);
  if constexpr (std::is_floating_point_v<Code>) {
    codes.assign(from.exact.begin(), from.exact.end());
    return 1;
  } else if constexpr (fewbits::integer<Code> || sizeof(Code) == 1) {
    const auto parameters = fewbits::calibrate_absmax<Code>(from.rounded);
    fewbits::quantize(from.rounded, parameters, codes);
    return static_cast<double>(parameters.scale);
  } else {
    fewbits::convert(from.exact, codes);
    return 1;
  }
}

/// One matrix of a type, stored outputs x inputs, codes of less than a byte packed.
template <class Code>
class weights {
 public:
  weights(const std::vector<Code>& codes, std::size_t side)
      : side_(side), memory_(is_packed<Code> ? side * side : side * side * sizeof(Code), 256) {
    for (std::size_t i = 0; i < side * side; i += codes.size()) {
      const std::size_t count = std::min(codes.size(), side * side - i);
      const fewbits::array_view<const Code> part(codes.data(), count);
      if constexpr (is_packed<Code>) {
        fewbits::convert(part, fewbits::packed_span<Code>(memory_.data(), count, i));
      } else {
        std::copy(part.begin(), part.end(), memory_.template as<Code>() + i);
      }
    }
  }
  [[nodiscard]] auto view() const {
    if constexpr (is_packed<Code>) {
      return fewbits::packed_matrix_view<const Code>(memory_.data(), side_, side_);
    } else {
      return fewbits::matrix_view<const Code>(memory_.template as<const Code>(), side_, side_);
    }
  }

 private:
  std::size_t side_;
  buffer memory_;
};

/// X W^T of one type; calls the product.
template <class Code, class Sum, bool SumsInFp16>
class product {
 public:
  product(const std::vector<Code>& codes, std::size_t rows, std::size_t side)
      : x_memory_(rows * side * sizeof(Code)),
        sums_memory_(rows * side * sizeof(Sum), 512),
        weights_(codes, side),
        x_(x_memory_.as<const Code>(), rows, side),
        sums_(sums_memory_.as<Sum>(), rows, side),
        workspace_bytes_(fewbits::gemm_workspace_bytes(x_, turned())),
        workspace_(workspace_bytes_) {
    // Other numbers than those of W in the same place.
    for (std::size_t i = 0; i < rows * side; ++i)
      x_memory_.as<Code>()[i] = codes[(i + shift) % codes.size()];
  }
  static constexpr std::size_t shift = 12345;

  void operator()() const {
    fewbits::gemm(fewbits::inline_executor{}, x_, turned(), sums_, fewbits::identity{},
                  fewbits::array_view<unsigned char>(workspace_.data(), workspace_bytes_));
  }
  [[nodiscard]] const fewbits::matrix_view<Sum>& sums() const { return sums_; }
  [[nodiscard]] auto turned() const {
    if constexpr (SumsInFp16) {
      return fewbits::fp16_sums(fewbits::transposed(weights_.view()));
    } else {
      return fewbits::transposed(weights_.view());
    }
  }

 private:
  buffer x_memory_, sums_memory_;
  weights<Code> weights_;
  fewbits::matrix_view<const Code> x_;
  fewbits::matrix_view<Sum> sums_;
  std::size_t workspace_bytes_;
  buffer workspace_;
};

/// The distance of some sums from those of the exact numbers, in the root mean square, as a part of
/// these.
template <class Sum>
double relative_error(const numbers& from, const fewbits::matrix_view<Sum>& sums, std::size_t shift,
                      double scale) {
  long double error = 0;
  long double signal = 0;
  for (std::size_t sample = 0; sample < 256; ++sample) {
    const std::size_t i = sample * 7919 % sums.rows();
    const std::size_t j = sample * 104729 % sums.cols();
    long double exact = 0;
    for (std::size_t l = 0; l < sums.cols(); ++l)
      exact +=
          static_cast<long double>(from.exact[(i * sums.cols() + l + shift) % numbers::count]) *
          static_cast<long double>(from.exact[(j * sums.cols() + l) % numbers::count]);
    const long double difference =
        static_cast<long double>(sums(i, j)) * static_cast<long double>(scale) - exact;
    error += difference * difference;
    signal += exact * exact;
  }
  return static_cast<double>(std::sqrt(error / signal));
}

struct rung {
  const char* name;
  const char* over;
  double bytes;  ///< of an element in memory
  bench::unit unit;
  double error;
  bench::timer gemm;
  bench::timer one_row;
  std::vector<double> gemm_speeds{};
  std::vector<double> one_row_speeds{};
};

template <class Code, class Sum, bool SumsInFp16 = false>
rung make_rung(const char* name, const char* over, const numbers& from) {
  std::vector<Code> codes;
  const double scale = encode(from, codes);
  using multiplier = product<Code, Sum, SumsInFp16>;
  const auto large = std::make_shared<multiplier>(codes, square, square);
  const auto row = std::make_shared<multiplier>(codes, 1, depth);
  (*large)();
  const double error = relative_error(from, large->sums(), multiplier::shift, scale * scale);
  double bytes = sizeof(Code);
  if constexpr (is_packed<Code>) bytes = fewbits::packed_bits<Code> / 8.0;
  return {name,
          over,
          bytes,
          bench::unit_of<fewbits::matrix_view<const Code>, decltype(large->turned())>(),
          error,
          bench::timed([large] { (*large)(); }),
          bench::timed([row] { (*row)(); })};
}

std::vector<rung> make_rungs() {
  const numbers from;
  return {
      make_rung<double, double>("FP64", "", from),
      make_rung<float, float>("FP32", "FP64", from),
      make_rung<fewbits::tf32, float>("TF32", "FP32", from),
      make_rung<fewbits::fp16, float>("FP16", "FP32", from),
      make_rung<fewbits::fp16, float, true>("FP16*", "FP32", from),
      make_rung<fewbits::bf16, float>("BF16", "FP32", from),
      make_rung<fewbits::fp8_e4m3, float>("FP8", "BF16", from),
      make_rung<std::int8_t, std::int32_t>("INT8", "BF16", from),
      make_rung<fewbits::int4, std::int32_t>("INT4", "INT8", from),
  };
}

/// The share of the peak of its unit, and the limit of reading: measured in every round.
struct limits {
  std::vector<double> peak[std::size(bench::units)];
  std::vector<double> reading;  // GB/s
};

void run(std::vector<rung>& rungs, limits& bounds, int rounds) {
  constexpr double gemm_work = 2e-9 * square * square * square;
  constexpr double one_row_work = 2e-9 * depth * depth;
  const buffer memory(std::size_t{64} << 20);
  for (rung& each : rungs) {
    each.gemm(1);
    each.one_row(1);
  }
  for (int round = 0; round < rounds; ++round) {
    for (const bench::unit unit : bench::units)
      bounds.peak[static_cast<int>(unit)].push_back(bench::peak(unit));
    for (rung& each : rungs) each.gemm_speeds.push_back(gemm_work / each.gemm(1));
    for (rung& each : rungs) each.one_row_speeds.push_back(one_row_work / each.one_row(1));
    const double begin = bench::seconds();
    bench::bare_loop<8, 0>(memory.data(), nullptr, std::size_t{64} << 20);
    bounds.reading.push_back(1e-9 * static_cast<double>(std::size_t{64} << 20) /
                             (bench::seconds() - begin));
  }
}

double step(const std::vector<double>& speeds, const std::vector<double>& above) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < speeds.size(); ++i) ratios.push_back(speeds[i] / above[i]);
  return bench::median(ratios);
}

const rung* rung_above(const std::vector<rung>& rungs, const rung& each) {
  for (const rung& other : rungs)
    if (std::string_view(other.name) == each.over) return &other;
  return nullptr;
}

void print_step(double speed, double ratio) {
  std::printf(" | %7.*f", speed < 100 ? 1 : 0, speed);
  if (ratio > 0) {
    std::printf(" %4.2fx", ratio);
  } else {
    std::printf(" %5s", "");
  }
}

void print(const std::vector<rung>& rungs, const limits& bounds, int rounds) {
  std::printf("%s, one thread, medians of %d rounds\n", bench::cpu_model().c_str(), rounds);
  std::printf("compiled for %s\n", bench::features_of(bench::native).c_str());
  std::printf("reading: %.1f GB/s\n\n", bench::median(bounds.reading));
  std::printf("%21s | %28s | %20s | %7s | %14s\n", "", "1024 x 1024 x 1024", "1 x 4096 x 4096", "",
              "lecture's");
  std::printf("%-5s %-5s %9s | %7s %5s %4s  %-8s | %7s %5s %6s | %7s | %8s %5s\n", "type", "over",
              "bytes", "GOP/s", "step", "peak", "unit", "GOP/s", "step", "GB/s", "error", "TFLOP/s",
              "step");
  for (const rung& each : rungs) {
    const rung* const above = rung_above(rungs, each);
    const double gemm = bench::median(each.gemm_speeds);
    const double row = bench::median(each.one_row_speeds);
    std::printf("%-5s %-5s %9g", each.name, each.over, each.bytes);
    print_step(gemm, above == nullptr ? 0 : step(each.gemm_speeds, above->gemm_speeds));
    const double peak = bench::median(bounds.peak[static_cast<int>(each.unit)]);
    std::printf(peak > 0 ? " %3.0f%%" : "    -", 100 * gemm / peak);
    const std::string unit = bench::name_of(each.unit);
    std::printf("  %-8s", unit.substr(0, unit.find(' ')).c_str());
    print_step(row, above == nullptr ? 0 : step(each.one_row_speeds, above->one_row_speeds));
    std::printf(" %6.1f | %7.1e | %8.0f", row / 2 * each.bytes, each.error,
                lecture_fp64 * 8 / each.bytes);
    if (above != nullptr) std::printf(" %4.2fx", above->bytes / each.bytes);
    std::printf("\n");
  }
  std::printf(
      "\nsquare: X W^T of two matrices of the type, W stored outputs x inputs; peak: of the unit, "
      "measured\nbetween; GB/s: of weights read; error: of the square product, root mean square, "
      "relative, narrow types\nwith one scale; FP16*: summed in FP16 by fp16_sums. The lecture's "
      "accelerator: 34 TFLOP/s in FP64, "
      "doubled "
      "whenever the bits halve.\n");
}

/// Registers the rungs as benchmarks named ladder/<rung>, whose counters are the table.
void add_counters(const std::vector<rung>& rungs, const limits& bounds) {
  for (const rung& each : rungs) {
    const rung* const above = rung_above(rungs, each);
    benchmark::RegisterBenchmark(
        (std::string("ladder/") + each.name).c_str(),
        [&each, above, &bounds](benchmark::State& state) {
          for (auto _ : state) each.gemm(1);
          const double gemm = bench::median(each.gemm_speeds);
          const double row = bench::median(each.one_row_speeds);
          state.counters["bytes"] = each.bytes;
          state.counters["GOP/s"] = gemm;
          state.counters["of_peak"] =
              100 * gemm / bench::median(bounds.peak[static_cast<int>(each.unit)]);
          state.counters["row GOP/s"] = row;
          state.counters["row GB/s"] = row / 2 * each.bytes;
          state.counters["error"] = each.error;
          state.counters["lecture TFLOP/s"] = lecture_fp64 * 8 / each.bytes;
          if (above == nullptr) return;
          state.counters["step"] = step(each.gemm_speeds, above->gemm_speeds);
          state.counters["row step"] = step(each.one_row_speeds, above->one_row_speeds);
        })
        ->Iterations(1)
        ->Unit(benchmark::kMicrosecond);
  }
}

/// What Google Benchmark would print is the table once more.
class silent_reporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

}  // namespace

int main(int argc, char** argv) {
  int rounds = 9;
  bool is_table = true;
  char min_time[] = "--benchmark_min_time=1e-9";  // the repetitions are the rounds
  std::vector<char*> arguments{argv[0], min_time};
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--benchmark_format") && !argument.ends_with("console"))
      is_table = false;
    if (argument.starts_with("--rounds=")) {
      rounds = std::max(1, std::atoi(argv[i] + 9));
    } else {
      arguments.push_back(argv[i]);
    }
  }
  argc = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  bench::add_machine_context();
  benchmark::Initialize(&argc, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(argc, arguments.data())) return 1;
  std::vector<rung> rungs = make_rungs();
  limits bounds;
  run(rungs, bounds, rounds);
  add_counters(rungs, bounds);
  silent_reporter silent;
  benchmark::RunSpecifiedBenchmarks(is_table ? &silent : nullptr);
  if (is_table) print(rungs, bounds, rounds);
  return 0;
}
