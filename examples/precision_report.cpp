// SPDX-License-Identifier: MIT
// What each number format keeps of a trained network, what it costs, and how fast it is here.
//
//   precision_report [--quick] [--html FILE] [MODEL.safetensors | folder with the digits]
//
// Trains a small network on real handwriting in FP32, stores its weights in every format, and
// prints what that does to memory, to the weights and to the predictions; then this machine's speed
// for each format, and the memory of large models. Given the weights of a model, does all that with
// them but predict. The same with pictures goes to FILE, or to precision_report.html here. Exit status: 0, 1 if a finding does not hold (each is checked, at the
// end), 2 if the weights or digits cannot be read or the page cannot be written.
#include <fewbits/config.hpp>
#include <fewbits/isa/cpu.hpp>
#include <fewbits/isa/select.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include "precision_report/report.hpp"

namespace demo {
namespace {

#if defined(FEWBITS_EXAMPLE_DATA)
constexpr const char* default_folder = FEWBITS_EXAMPLE_DATA "/digits";
#else
constexpr const char* default_folder = "examples/data/digits";
#endif

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown CPU";
}

std::string features(fb::isa set) {
  std::string names;
  fb::for_each_feature(set, [&](const char* name) { names += std::string(" ") + name; });
  return names.empty() ? "plain C++" : names.substr(1);
}

/// In lines of at most 100 characters.
void print_wrapped(const std::string& words) {
  std::size_t begin = 0;
  while (words.size() - begin > 96) {
    const std::size_t end = words.rfind(' ', begin + 96);
    std::printf("%s%s\n", begin == 0 ? "" : "    ", words.substr(begin, end - begin).c_str());
    begin = end + 1;
  }
  std::printf("%s%s\n", begin == 0 ? "" : "    ", words.substr(begin).c_str());
}

/// All that is not about the weights.
void add_machine(report& all, const effort& spent) {
  const std::uint64_t idle = fb::cpu_features().features & ~fb::native.features;
  all.lines = number_lines();
  all.ranges = range_lines();
  all.speeds = measure_speed(spent);
  all.spent = spent;
  all.plan = plan_memory();
  all.cpu = cpu_name();
  all.compiled_for = features(fb::native);
  if (idle != 0) all.idle_features = features(fb::isa{idle});
}

bool is_file_of_weights(const std::string& path) {
  const std::string end = ".safetensors";
  return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
}

void print(const report& all) {
  std::printf("fewbits: one model, every format\n\n");
  print_wrapped("Compiled for: " + all.compiled_for);
  if (!all.idle_features.empty()) print_wrapped("This CPU also has: " + all.idle_features);
  std::printf(
      "\n1. Precision is the third lever on memory, after fewer parameters and shorter "
      "inputs.\n\n");
  print_wrapped(all.source);
  std::printf(R"(
Its %zu weights were stored in each format, packed without gaps, and read back. Bits and
bytes count the scales. SQNR: energy of the weights over energy of their errors, in dB.
)",
              all.weights);
  if (all.has_network)
    std::printf(
        "right: percent of the new digits. chg: predictions other than with FP32 weights.\n");
  std::printf("\n");
  print_formats(all);
  const auto& fp16 = find(all.formats, "FP16");
  const auto& bf16 = find(all.formats, "BF16");
  std::printf(R"(
Each step from 64 to 32, 16, 8 and 4 bits halves the bytes. Of the two 16-bit formats, FP16 buys
precision (SQNR %.0f dB, BF16 %.0f) and BF16 buys range (3e+38, FP16 65504), which gradients need more
than weights do. From 8 bits on it takes care. Integers mean nothing without a scale, narrow
floats are closer with one, and the fewer the bits, the fewer numbers should share it.

2. Fewer bits are faster where the hardware has the arithmetic.

Quick looks, one thread, medians of a few runs: %zu numbers converted, two %zu x %zu matrices
multiplied, and a row times a %zu x %zu matrix. "in": the arithmetic that it runs in, the cheapest
here that holds the type. Narrow floats have a scale in the products, and so do the integers.

)",
              fp16.sqnr, bf16.sqnr, all.spent.numbers, all.spent.size, all.spent.size,
              all.spent.depth, all.spent.depth);
  print_speed(all);
  std::printf(R"(
Bytes halve on every machine; arithmetic gains where there is a unit for the type, and as much as
that unit is fast. Any other type is decoded, while blocks are packed, to the cheapest one that
holds it.

3. Large models: weights with their scales, and the cards of 80 GB that hold them and the cache.

)");
  print_plan(all);
}

/// Prints the findings and counts those that do not hold.
class findings {
 public:
  void check(bool holds, const char* finding) {
    std::printf("  %-5s %s\n", holds ? "holds" : "FAILS", finding);
    if (!holds) ++failed_;
  }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  int failed_ = 0;
};

int check_findings(const std::vector<format_row>& rows) {
  const format_row& fp64 = find(rows, "FP64");
  const format_row& fp32 = find(rows, "FP32");
  const format_row& fp16 = find(rows, "FP16");
  const format_row& bf16 = find(rows, "BF16");
  const format_row& int8 = find(rows, "INT8", "FP32 a row");
  const format_row& int4 = find(rows, "INT4");
  const format_row& mxfp4 = find(rows, "MXFP4");
  const format_row& nvfp4 = find(rows, "NVFP4");
  const double baseline = fp32.predicted->accuracy;

  findings found;
  found.check(baseline >= 85, "the FP32 network reads at least 85% of the test digits");
  found.check(fp64.codes == 2 * fp32.codes && fp32.codes == 2 * fp16.codes &&
                  fp16.codes == bf16.codes && fp16.codes == 2 * int8.codes &&
                  int8.codes == 2 * int4.codes,
              "each step halves the bytes");
  found.check(fp16.predicted->changed == 0, "FP16 weights change no prediction");
  found.check(fp16.sqnr > bf16.sqnr + 12 && fp16.sqnr < bf16.sqnr + 24,
              "FP16 is three bits, 18 dB, more precise than BF16");
  found.check(baseline - int8.predicted->accuracy <= 0.5,
              "INT8 with a scale for each row costs at most half a point");
  found.check(baseline - int4.predicted->accuracy <= 2,
              "INT4 with a scale for each 32 costs at most two points");
  found.check(baseline - find(rows, "INT8", "none").predicted->accuracy > 5,
              "INT8 without a scale costs more than five points");
  found.check(
      find(rows, "FP4 E2M1", "FP32 a tensor").sqnr > find(rows, "FP4 E2M1", "none").sqnr + 6,
      "FP4 with a scale is more than 6 dB, a bit, closer than without");
  found.check(nvfp4.sqnr > mxfp4.sqnr + 1 && nvfp4.bits_per_weight < mxfp4.bits_per_weight + 0.3,
              "NVFP4's finer scales are worth more than 1 dB over MXFP4's, for a quarter of a bit");
  return found.failed();
}

void write_page(const std::string& path, const std::string& html) {
  std::ofstream file(path, std::ios::binary);
  file << html;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
  std::printf("\nThe same with pictures: %s\n", path.c_str());
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  std::string input = demo::default_folder;
  std::string html = "precision_report.html";
  demo::effort spent = demo::thorough;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      spent = demo::quick;
    } else if (std::strcmp(argv[i], "--html") == 0 && i + 1 < argc) {
      html = argv[++i];
    } else if (argv[i][0] == '-') {
      std::fprintf(
          stderr, "usage: precision_report [--quick] [--html FILE] [MODEL.safetensors | FOLDER]\n");
      return 2;
    } else {
      input = argv[i];
    }
  }
  try {
    const bool is_file = demo::is_file_of_weights(input);
    demo::report all =
        is_file ? demo::report_on_file(input) : demo::report_on_network(demo::digits_file(input));
    demo::add_machine(all, spent);
    demo::print(all);
    int failed = 0;
    if (all.has_network) {
      std::printf("\nFindings:\n");
      failed = demo::check_findings(all.formats);
    }
    demo::write_page(html, demo::page(all));
    return failed == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "precision_report: %s\n", error.what());
    return 2;
  }
}
