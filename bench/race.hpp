// SPDX-License-Identifier: MIT
// A comparison as one benchmark: everyone is timed in turn, round after round, and the medians of the
// ratios within a round are reported. On a shared machine the ratios stay when the speeds move.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "peers/peers.hpp"
#include <benchmark/benchmark.h>

namespace bench {

struct contender {
  std::string name;
  /// Of one call, in 10^9: bytes read and written, or operations.
  double work;
  timer time;
  /// A bound is not a rival; nor is who does something else.
  enum { rival, other_result, bound } kind = rival;
};

/// How a program reports: the speed's unit, the name and the size of the ratio to the limit.
struct report {
  const char* speed;
  const char* of_limit;
  double of_limit_unit;
};

struct result {
  std::string name;
  double speed;
  std::string limit;
  double of_limit;
  std::vector<std::pair<std::string, double>> versus;
};

[[nodiscard]] inline std::vector<result>& results() {
  static std::vector<result> all;
  return all;
}

[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

class race {
 public:
  /// `limit` is timed right before and right after `ours` in every round.
  race(std::string name, const report& form, contender limit, contender ours)
      : name_(std::move(name)), form_(form), limit_(std::move(limit)), ours_(std::move(ours)) {}

  /// Ignores a contender that does not do it.
  void against(contender other) {
    if (other.time) others_.emplace_back(std::move(other));
  }

  /// The rounds come before Google Benchmark's loop, which then times a single call for its own
  /// columns: Iterations() and UseManualTime() would both become part of the benchmark's name.
  void run(benchmark::State& state, std::size_t rounds) {
    limit_.warm_up();
    ours_.warm_up();
    for (entrant& other : others_) {
      other.warm_up();
      // Hundreds of times slower is as clear after one round as after nine.
      other.once = other.seconds > 0.05 && other.seconds > 10 * ours_.seconds;
    }
    std::vector<double> speeds;
    std::vector<double> shares;
    std::vector<std::vector<double>> ratios(others_.size());
    for (; rounds != 0; --rounds) {
      const double before = limit_.speed();
      const double speed = ours_.speed();
      const double after = limit_.speed();
      speeds.push_back(speed);
      shares.push_back(2 * speed / (before + after));
      for (std::size_t i = 0; i < others_.size(); ++i)
        if (!others_[i].once || ratios[i].empty()) ratios[i].push_back(speed / others_[i].speed());
    }
    ours_.who.time(1);
    for (auto _ : state) ours_.who.time(1);

    result summary{name_, median(speeds), limit_.who.name, median(shares), {}};
    state.counters[form_.speed] = summary.speed;
    state.counters[form_.of_limit] = form_.of_limit_unit * summary.of_limit;
    const contender* best = nullptr;
    double versus_best = 0;
    for (std::size_t i = 0; i < others_.size(); ++i) {
      const contender& other = others_[i].who;
      const double ratio = median(ratios[i]);
      state.counters[(other.kind == contender::bound ? "of_" : "vs_") + other.name] = ratio;
      summary.versus.emplace_back(
          (other.kind == contender::bound ? "of_" : "") + other.name +
              (other.kind == contender::other_result ? "(other result)" : ""),
          ratio);
      if (other.kind == contender::rival && (best == nullptr || ratio < versus_best)) {
        best = &other;
        versus_best = ratio;
      }
    }
    if (best != nullptr) {
      state.counters["vs_best"] = versus_best;
      state.SetLabel("best peer: " + best->name);
    }
    results().push_back(std::move(summary));
  }

 private:
  struct entrant {
    explicit entrant(contender its) : who(std::move(its)) {}

    contender who;
    std::size_t calls = 1;
    double seconds = 0;  // of a call, when warm
    bool once = false;

    /// Decides how many calls fill a turn: half a millisecond, at least one.
    void warm_up() {
      constexpr double turn = 0.5e-3;
      double elapsed = who.time(1);
      if (elapsed < 0.05) elapsed = who.time(1);
      while (elapsed < turn / 4) {
        calls *= 2;
        elapsed = who.time(calls);
      }
      seconds = elapsed / static_cast<double>(calls);
      calls = std::max(std::size_t{1}, static_cast<std::size_t>(turn / seconds));
    }
    [[nodiscard]] double speed() const {
      return who.work * static_cast<double>(calls) / who.time(calls);
    }
  };

  std::string name_;
  report form_;
  entrant limit_;
  entrant ours_;
  std::vector<entrant> others_;
};

/// The peak of `which` as a contender; the time of its one call is made up so that the speed comes out.
[[nodiscard]] inline contender peak_of(unit which) {
  return {name_of(which), 1.0,
          [which](std::size_t calls) { return static_cast<double>(calls) / peak(which); }};
}

[[nodiscard]] inline std::string size_name(std::size_t bytes) {
  return bytes >= std::size_t{1} << 20 ? std::to_string(bytes >> 20) + "MiB"
                                       : std::to_string(bytes >> 10) + "KiB";
}

/// Thread pools and kernel choices are read from the environment before main. Starts the program over
/// when something of it was missing.
inline void settle_environment(char** argv) {
  std::vector<std::pair<const char*, const char*>> wanted{
      {"OMP_NUM_THREADS", "1"}, {"OPENBLAS_NUM_THREADS", "1"}, {"BLIS_NUM_THREADS", "1"}};
  // OpenBLAS knows CPUs by model and falls back to old kernels on one that is newer than itself.
  const fewbits::isa cpu = fewbits::cpu_features();
  if (cpu.has(fewbits::feature::avx512bf16)) {
    wanted.emplace_back("OPENBLAS_CORETYPE", "Cooperlake");
  } else if (cpu.has(fewbits::feature::avx512vl)) {
    wanted.emplace_back("OPENBLAS_CORETYPE", "SkylakeX");
  }
  bool changed = false;
  for (const auto& [name, value] : wanted)
    if (std::getenv(name) == nullptr) changed |= setenv(name, value, 0) == 0;
  if (changed) execv("/proc/self/exe", argv);
  const char* const core = std::getenv("OPENBLAS_CORETYPE");
  benchmark::AddCustomContext("OPENBLAS_CORETYPE", core == nullptr ? "not set" : core);
}

/// One line a benchmark: the share of the limit, then our speed over each rival's.
inline void print_summary(const report& form) {
  if (results().empty()) return;
  std::size_t width = 0;
  for (const result& row : results()) width = std::max(width, row.name.size());
  std::printf(
      "\nSpeed, share of the limit measured in the same rounds, and speed over that of each "
      "rival\n(above 1: fewbits is faster; medians):\n");
  for (const result& row : results()) {
    std::printf("%-*s %8.1f %s  %5.1f%% of %s ", static_cast<int>(width), row.name.c_str(),
                row.speed, form.speed, 100 * row.of_limit, row.limit.c_str());
    for (const auto& [name, ratio] : row.versus) std::printf("  %s %.2f", name.c_str(), ratio);
    std::printf("\n");
  }
}

/// The body of `main`: `add` registers the benchmarks.
template <class Add>
int run_all(int argc, char** argv, const report& form, const std::vector<const peer*>& peers,
            Add add) {
  settle_environment(argv);
  bool is_table = true;
  // One iteration is enough: the repetitions are the rounds of the race. A later flag overrides.
  char min_time[] = "--benchmark_min_time=1e-9";
  std::vector<char*> arguments{argv[0], min_time};
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--benchmark_format") && !argument.ends_with("console"))
      is_table = false;
    arguments.push_back(argv[i]);
  }
  argc = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  for (const peer* each : peers) benchmark::AddCustomContext(each->name, each->describe());
  add_machine_context();
  add();
  benchmark::Initialize(&argc, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(argc, arguments.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  if (is_table) print_summary(form);
  return 0;
}

}  // namespace bench
