// SPDX-License-Identifier: MIT
// A small model in every format: what the program does without arguments.
#pragma once

#include <fewbits/io.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "job.hpp"

namespace quantize_model {

/// A new folder for some files, where the system keeps temporary ones, removed in the end.
class scratch_folder {
 public:
  scratch_folder() {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make " + path_);
  }
  ~scratch_folder() {
    for (const std::string& name : names_) unlink((path_ + "/" + name).c_str());
    rmdir(path_.c_str());
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  std::string file(const std::string& name) {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(name);
    return path_ + "/" + name;
  }

 private:
  // Ends in what mkdtemp replaces.
  std::string path_ =
      (std::filesystem::temp_directory_path() / ("fewbits_" + std::string(6, 'X'))).string();
  std::vector<std::string> names_;
};

/// `count` numbers that are roughly normal, as weights are.
inline std::vector<float> weights(std::size_t count, std::uint64_t seed) {
  std::uint64_t state = seed;
  const auto uniform = [&] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(state >> 40) * 0x1p-24f - 0.5f;
  };
  std::vector<float> numbers(count);
  for (float& x : numbers) x = (uniform() + uniform() + uniform() + uniform()) * 0.05f;
  return numbers;
}

template <class Element>
std::vector<Element> as(const std::vector<float>& numbers) {
  std::vector<Element> converted(numbers.size());
  fb::convert(numbers, converted);
  return converted;
}

/// Matrices of every float type, of odd sizes too, and tensors that are no weights.
inline void write_small_model(const std::string& path) {
  fb::safetensors_writer out;
  const auto add = [&](const char* name, fb::dtype type, const std::vector<std::uint64_t>& shape) {
    require(out.add(name, type, {shape.data(), shape.size()}), path);
  };
  require(out.add_metadata("format", "pt"), path);
  add("layers.0.weight", fb::dtype::f32, {160, 256});
  add("layers.1.weight", fb::dtype::bfloat16, {96, 160});
  add("layers.2.weight", fb::dtype::f16, {65, 100});
  add("layers.3.weight", fb::dtype::f64, {64, 67});
  add("layers.0.bias", fb::dtype::f32, {160});
  add("head.weight", fb::dtype::f32, {10, 64});
  add("tokens", fb::dtype::i64, {64, 64});
  require(out.open(path.c_str()), path);
  const auto write = [&](std::size_t index, const auto& elements) {
    require(out.write(index, elements.data(), elements.size() * sizeof elements[0]), path);
  };
  write(0, weights(std::size_t{160} * 256, 1));
  write(1, as<fb::bf16>(weights(std::size_t{96} * 160, 2)));
  write(2, as<fb::fp16>(weights(std::size_t{65} * 100, 3)));
  write(3, as<double>(weights(std::size_t{64} * 67, 4)));
  write(4, weights(160, 5));
  write(5, weights(640, 6));
  write(6, std::vector<std::int64_t>(4096, 7));
  require(out.commit(), path);
}

/// What is written must be what is read, and every format as good as it is known to be for such weights.
inline int demo() {
  struct row {
    const char* format;
    const char* group;
    method how;
    bool has_zero_point;
    double least_sqnr;
  };
  const row rows[] = {
      {"bf16", "", method::nearest, false, 50},       {"fp16", "", method::nearest, false, 65},
      {"int8", "32", method::nearest, false, 42},     {"int8", "32", method::nearest, true, 42},
      {"int8", "32", method::mse, false, 42},         {"int8", "row", method::nearest, false, 40},
      {"int4", "32", method::nearest, false, 18},     {"int4", "32", method::nearest, true, 18},
      {"int4", "32", method::mse, false, 18},         {"int4", "24", method::nearest, false, 18},
      {"fp8_e4m3", "32", method::nearest, false, 30}, {"fp8_e4m3", "32", method::mse, false, 30},
      {"fp8_e5m2", "32", method::nearest, false, 24}, {"fp8_e5m2", "32", method::mse, false, 24},
      {"mxfp8", "", method::nearest, false, 28},      {"mxfp8", "", method::mse, false, 28},
      {"mxfp4", "", method::nearest, false, 16},      {"mxfp4", "", method::mse, false, 16},
      {"nvfp4", "", method::nearest, false, 19},      {"nvfp4", "", method::mse, false, 19},
      {"nf4", "64", method::nearest, false, 18},      {"nf4", "64", method::mse, false, 18},
  };
  try {
    scratch_folder folder;
    const std::string model = folder.file("model.safetensors");
    write_small_model(model);
    std::printf("%-9s %5s %-8s %10s %8s %18s\n", "format", "group", "method", "bytes", "of all",
                "SQNR dB, worst");
    bool is_good = true;
    std::map<std::string, double> nearest;  // SQNR of a format and group
    for (const row& each : rows) {
      recipe wanted;
      wanted.format = each.format;
      const std::string group = each.group;
      wanted.group = group == "row" || group.empty() ? 0 : std::stoul(group);
      wanted.how = each.how;
      wanted.has_zero_point = each.has_zero_point;
      job work(wanted, selection());
      const std::string small = folder.file("small.safetensors");
      work.open(model);
      work.write(small);
      work.check(small);
      double worst = HUGE_VAL;
      for (const outcome& tensor : work.outcomes())
        if (tensor.kept.empty()) worst = std::min(worst, tensor.loss.sqnr());
      const std::string key = each.format + group;
      if (each.how == method::nearest && !each.has_zero_point) nearest[key] = worst;
      // Least squares cannot be worse. (For integers they are measured with rounded numbers.)
      const bool is_as_known = worst >= each.least_sqnr && worst < each.least_sqnr + 20 &&
                               (each.how == method::nearest || worst >= nearest[key] - 0.01);
      is_good = is_good && is_as_known;
      std::printf(
          "%-9s %5s %-8s %10llu %6.1f %% %18.2f%s\n", each.format, each.group,
          each.has_zero_point       ? "minmax"
          : each.how == method::mse ? "mse"
                                    : "nearest",
          static_cast<unsigned long long>(work.bytes_after()),
          100 * static_cast<double>(work.bytes_after()) / static_cast<double>(work.bytes_before()),
          worst, is_as_known ? "" : "  unexpected");
    }
    return is_good ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quantize_model: %s\n", error.what());
    return 1;
  }
}

}  // namespace quantize_model
