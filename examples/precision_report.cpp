// SPDX-License-Identifier: MIT
// What each number format keeps of a trained network, what it costs, and how fast it is here.
//
//   precision_report [--quick] [folder with the digits]
//
// Trains a small network on real handwriting in FP32, stores its weights in every format, and
// prints what that does to memory, to the weights and to the predictions; then this machine's speed
// for each format, and the memory of a large model. Exit status: 0, 1 if a finding does not hold
// (each is checked, at the end), 2 if the digits cannot be read.
#include <fewbits/fewbits.hpp>
#include <fewbits/isa/cpu.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "precision_report/digits.hpp"
#include "precision_report/network.hpp"
#include "precision_report/speed.hpp"
#include "precision_report/storage.hpp"

namespace demo {
namespace {

#if defined(FEWBITS_EXAMPLE_DATA)
constexpr const char* default_folder = FEWBITS_EXAMPLE_DATA "/digits";
#else
constexpr const char* default_folder = "examples/data/digits";
#endif

// ---------------------------------------------------------------- the weights in every format

/// One line of the first table.
struct format_row {
  std::string name;
  int bits;
  std::uint64_t bytes;        // of the codes
  std::uint64_t scale_bytes;  // of the scales beside them
  double largest;
  double smallest;
  std::optional<outcome> plain;
  std::optional<outcome> with_scale;
};

std::uint64_t weight_count(const network<float>& net) {
  return net.hidden.weights.size() + net.output.weights.size();
}

/// Memory of the scales when each `group` weights share one in FP32.
std::uint64_t scale_bytes(const fb::int_format& format, std::uint64_t weights,
                          std::uint64_t group) {
  const auto grouped = fb::formats::grouped(format, static_cast<int>(group), fb::formats::fp32);
  return fb::weight_bytes(weights, grouped) - fb::weight_bytes(weights, format);
}

/// What trains, and what it is judged by.
struct experiment {
  network<float> net;
  digits test;

  template <class Weight>
  outcome with(layer<Weight> (*store)(const layer<float>&)) const {
    return examine(stored(net, store), net, test);
  }
};

template <class Weight>
format_row float_row(const experiment& trained) {
  constexpr fb::float_format format = Weight::format;
  constexpr bool is_narrow = format.bits() <= 8;
  using limits = std::numeric_limits<Weight>;
  format_row row{.name = fb::name_of(format),
                 .bits = format.bits(),
                 .bytes = fb::weight_bytes(weight_count(trained.net), format),
                 .scale_bytes = is_narrow ? 2 * sizeof(float) : 0,  // one for each matrix
                 .largest = static_cast<double>(limits::max()),
                 .smallest = static_cast<double>(limits::denorm_min()),
                 .plain = trained.with(rounded<Weight>),
                 .with_scale = {}};
  if constexpr (is_narrow) row.with_scale = trained.with(scaled<Weight>);
  return row;
}

template <class... Weights>
void add_float_rows(const experiment& trained, std::vector<format_row>& rows) {
  (rows.push_back(float_row<Weights>(trained)), ...);
}

format_row int_row(const char* name, const fb::int_format& format, const experiment& trained,
                   std::uint64_t scales) {
  return {.name = name,
          .bits = format.bits,
          .bytes = fb::weight_bytes(weight_count(trained.net), format),
          .scale_bytes = scales,
          .largest = static_cast<double>(format.max_code()),
          .smallest = 1,
          .plain = {},
          .with_scale = {}};
}

void add_int_rows(const experiment& trained, std::vector<format_row>& rows) {
  const std::uint64_t weights = weight_count(trained.net);
  const std::uint64_t per_row = scale_bytes(fb::formats::int8, weights, pixels);

  rows.push_back(int_row("int8 per tensor", fb::formats::int8, trained, 2 * sizeof(float)));
  rows.back().plain = trained.with(int8_unscaled);
  rows.back().with_scale = trained.with(int8_per_tensor);
  rows.push_back(int_row("int8 per row", fb::formats::int8, trained, per_row));
  rows.back().with_scale = trained.with(int8_per_row);
  rows.push_back(int_row("int4 per row", fb::formats::int4, trained, per_row));
  rows.back().with_scale = trained.with(int4_and_back<fb::per_row>);
  rows.push_back(int_row("int4 per group 32", fb::formats::int4, trained,
                         scale_bytes(fb::formats::int4, weights, 32)));
  rows.back().with_scale = trained.with(int4_and_back<fb::per_group<32>>);
}

std::vector<format_row> examine_formats(const experiment& trained) {
  std::vector<format_row> rows;
  add_float_rows<fb::fp64, fb::fp32, fb::fp24, fb::tf32, fb::fp16, fb::bf16, fb::fp8_e4m3,
                 fb::fp8_e5m2, fb::fp8_e4m3fnuz, fb::fp8_e5m2fnuz, fb::fp8_e4m3b11fnuz,
                 fb::fp8_e4m3_ieee, fb::fp8_e3m4, fb::fp6_e2m3, fb::fp6_e3m2, fb::fp4_e2m1,
                 fb::fp4_e3m0>(trained, rows);
  add_int_rows(trained, rows);
  return rows;
}

const format_row& find(const std::vector<format_row>& rows, const char* name) {
  for (const format_row& row : rows)
    if (row.name == name) return row;
  std::fprintf(stderr, "no row is called %s\n", name);
  std::abort();
}

void print(const std::optional<outcome>& result) {
  if (!result) {
    std::printf(" | %5s %6s %4s", "-", "-", "-");
  } else if (std::isinf(result->sqnr)) {
    std::printf(" | %5s %6.2f %4d", "exact", result->accuracy, result->changed);
  } else {
    std::printf(" | %5.1f %6.2f %4d", result->sqnr, result->accuracy, result->changed);
  }
}

void print(const std::vector<format_row>& rows) {
  std::printf("%56s | %-17s | %-17s\n", "", "weights as they are", "with a scale");
  std::printf("%-17s %4s %6s %6s %9s %9s", "weights stored as", "bits", "bytes", "scales",
              "largest", "smallest");
  for (int side = 0; side < 2; ++side) std::printf(" | %5s %6s %4s", "SQNR", "right", "chg");
  std::printf("\n");
  for (const format_row& row : rows) {
    std::printf("%-17s %4d %6llu %6llu %9.4g %9.2g", row.name.c_str(), row.bits,
                static_cast<unsigned long long>(row.bytes),
                static_cast<unsigned long long>(row.scale_bytes), row.largest, row.smallest);
    print(row.plain);
    print(row.with_scale);
    std::printf("\n");
  }
}

// ---------------------------------------------------------------- speed

/// One line of the second table.
struct speed_row {
  const char* name;
  int bits;
  conversion_speed conversion;
  double gemm;       // 0: the library has no product of this type
  const char* over;  // the format of the rung above, by name
};

template <class Element, class Sum = float>
speed_row float_speed(const effort& spent, const char* over) {
  return {fb::name_of(Element::format), Element::format.bits(), time_conversion<Element>(spent),
          time_gemm<Element, Sum>(spent), over};
}

std::vector<speed_row> measure(const effort& spent) {
  return {
      float_speed<fb::fp64, double>(spent, ""),
      float_speed<fb::fp32>(spent, "fp64"),
      float_speed<fb::fp24>(spent, "fp32"),
      float_speed<fb::tf32>(spent, "fp32"),
      float_speed<fb::fp16>(spent, "fp32"),
      float_speed<fb::bf16>(spent, "fp32"),
      float_speed<fb::fp8_e4m3>(spent, "bf16"),
      float_speed<fb::fp8_e5m2>(spent, "bf16"),
      {"int8", 8, time_int8(spent), time_gemm<fb::int8, std::int32_t>(spent), "bf16"},
      float_speed<fb::fp6_e2m3>(spent, "bf16"),
      float_speed<fb::fp4_e2m1>(spent, "bf16"),
      {"int4", 4, time_int4(spent), 0, ""},
  };
}

void print(const std::vector<speed_row>& rows) {
  std::printf("%-10s %4s %15s %15s %12s %18s\n", "type", "bits", "from FP32 GB/s", "to FP32 GB/s",
              "GEMM GOP/s", "over");
  for (const speed_row& row : rows) {
    std::printf("%-10s %4d %15.1f %15.1f", row.name, row.bits, row.conversion.from_fp32,
                row.conversion.to_fp32);
    if (row.gemm > 0) std::printf(" %12.1f", row.gemm);
    for (const speed_row& above : rows)
      if (std::strcmp(above.name, row.over) == 0)
        std::printf(" %10.2f x %s", row.gemm / above.gemm, above.name);
    std::printf("\n");
  }
}

/// The features in `set`, in lines of at most 100 characters.
void print_features(const char* title, fb::isa set) {
  std::string line = title;
  fb::for_each_feature(set, [&](const char* name) {
    if (line.size() + 1 + std::strlen(name) > 100) {
      std::printf("%s\n", line.c_str());
      line = "   ";
    }
    line += std::string(" ") + name;
  });
  std::printf("%s%s\n", line.c_str(), set == fb::generic ? " plain C++" : "");
}

// ---------------------------------------------------------------- memory

constexpr std::uint64_t large_model = 40'000'000'000;

template <class Format>
void print_memory(const char* name, const Format& format) {
  const double bytes = static_cast<double>(fb::weight_bytes(large_model, format));
  std::printf("%-36s %7.1f GB %7.1f GiB\n", name, bytes / static_cast<double>(fb::gigabyte),
              bytes / static_cast<double>(fb::gibibyte));
}

void print_large_model() {
  print_memory("FP32", fb::formats::fp32);
  print_memory("FP16, BF16", fb::formats::bf16);
  print_memory("FP8, INT8", fb::formats::int8);
  print_memory("INT4", fb::formats::int4);
  print_memory("INT4, an FP16 scale for each 32",
               fb::formats::grouped(fb::formats::int4, 32, fb::formats::fp16));
}

// ---------------------------------------------------------------- findings

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
  const format_row& fp64 = find(rows, "fp64");
  const format_row& fp32 = find(rows, "fp32");
  const format_row& fp16 = find(rows, "fp16");
  const format_row& bf16 = find(rows, "bf16");
  const format_row& int8 = find(rows, "int8 per row");
  const format_row& int4 = find(rows, "int4 per group 32");
  const format_row& unscaled = find(rows, "int8 per tensor");
  const format_row& fp4 = find(rows, "fp4_e2m1");
  const double baseline = fp32.plain->accuracy;

  findings found;
  found.check(baseline >= 85, "the FP32 network reads at least 85% of the test digits");
  found.check(fp64.bytes == 2 * fp32.bytes && fp32.bytes == 2 * fp16.bytes &&
                  fp16.bytes == bf16.bytes && fp16.bytes == 2 * int8.bytes &&
                  int8.bytes == 2 * int4.bytes,
              "each step halves the bytes");
  found.check(fp16.plain->changed == 0, "FP16 weights change no prediction");
  found.check(fp16.plain->sqnr > bf16.plain->sqnr + 12 && bf16.largest > 1e30 * fp16.largest,
              "FP16 buys precision, BF16 buys range");
  found.check(baseline - int8.with_scale->accuracy <= 0.5,
              "INT8 with a scale for each row costs at most half a point");
  found.check(baseline - int4.with_scale->accuracy <= 2,
              "INT4 with a scale for each 32 costs at most two points");
  found.check(baseline - unscaled.plain->accuracy > 5,
              "INT8 without a scale costs more than five points");
  found.check(fp4.with_scale->sqnr > fp4.plain->sqnr + 6,
              "FP4 with a scale is more than 6 dB, a bit, closer than without");
  return found.failed();
}

// ---------------------------------------------------------------- the report

int report(const digits_file& data, const effort& spent) {
  std::printf("fewbits: one network, every format\n\n");
  print_features("Compiled for:", fb::native);
  const std::uint64_t idle = fb::cpu_features().features & ~fb::native.features;
  if (idle != 0) print_features("This CPU also has:", fb::isa{idle});

  const experiment trained{train(data.train(), 1), data.test()};
  const std::vector<format_row> formats = examine_formats(trained);
  std::printf(R"(
1. Precision is the third lever on memory, after fewer parameters and shorter inputs.

A network of %zu-%zu-%zu units learned to read %zu handwritten digits in FP32. Then its %llu weights
were stored in other formats, packed without gaps, and it read %zu new digits; all else stayed FP32.
SQNR: energy of the weights over energy of their errors, in dB. right: percent of the new digits.
chg: predictions other than with FP32 weights. With a scale, the largest weight becomes the largest
value; scales are FP32, one for each of the two matrices unless the name says otherwise.

)",
              pixels, hidden_units, classes, data.train().labels.size(),
              static_cast<unsigned long long>(weight_count(trained.net)),
              data.test().labels.size());
  print(formats);
  const format_row& fp16 = find(formats, "fp16");
  const format_row& bf16 = find(formats, "bf16");
  const format_row& int8 = find(formats, "int8 per tensor");
  std::printf(R"(
Each step from 64 to 32, 16, 8 and 4 bits halves the bytes. Of the two 16-bit formats, FP16 buys
precision (%.0f dB, BF16 %.0f) and BF16 buys range (up to %.1e, FP16 %g), which gradients need
more than weights do. From 8 bits on it takes care. Integers mean nothing without a scale (INT8:
%.0f%% right, with a scale %.0f%%), narrow floats are closer with one, and the fewer the bits, the
fewer numbers should share it.
)",
              fp16.plain->sqnr, bf16.plain->sqnr, bf16.largest, fp16.largest, int8.plain->accuracy,
              int8.with_scale->accuracy);

  std::printf(R"(
2. Fewer bits are faster where the hardware has the arithmetic. One core, medians.

Conversion of %zu numbers (bytes read and written; int8 and int4 quantized with one scale), and
product of two %zu x %zu matrices, with the step over the rung above.

)",
              spent.numbers, spent.size, spent.size);
  print(measure(spent));
  std::printf(R"(
Bytes halve on every machine; arithmetic gains where there is a unit for the type, and as much as
that unit is fast. Any other type is decoded, while blocks are packed, to the cheapest one that
holds it.

3. The weights of a model of 40 billion parameters.

)");
  print_large_model();

  std::printf("\nFindings:\n");
  return check_findings(formats) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  std::string folder = demo::default_folder;
  demo::effort spent = demo::thorough;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      spent = demo::quick;
    } else {
      folder = argv[i];
    }
  }
  try {
    return demo::report(demo::digits_file(folder), spent);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "precision_report: %s\n", error.what());
    return 2;
  }
}
