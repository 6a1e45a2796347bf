// SPDX-License-Identifier: MIT
// Quantizes the weights of a model: safetensors in, safetensors out.
//
//   quantize_model --format int4 --group 32 --check model.safetensors small.safetensors
//
// A matrix `w` of rows x cols floats becomes (each row begins a new byte; codes of 4 bits are packed low
// nibble first; G is the --group, by default 32):
//
// | --format           | w                                    | w.scale                          |
// | ------------------ | ------------------------------------ | -------------------------------- |
// | int8               | I8 [rows, cols]                      | F32 [rows, ceil(cols / G)]       |
// | int4               | U8 [rows, ceil(cols / 2)]            | F32 [rows, ceil(cols / G)]       |
// | fp8_e4m3, fp8_e5m2 | F8_E4M3 or F8_E5M2 [rows, cols]      | F32 [rows, ceil(cols / G)]       |
// | nf4                | U8 [rows, ceil(cols / 2)]            | F32 [rows, ceil(cols / G)]       |
// | mxfp8              | F8_E4M3 [rows, cols]                 | F8_E8M0 [rows, ceil(cols / 32)]  |
// | mxfp4              | F4 [rows, cols]                      | F8_E8M0 [rows, ceil(cols / 32)]  |
// | nvfp4              | F4 [rows, cols]                      | F8_E4M3 [rows, ceil(cols / 16)]  |
// | bf16, fp16         | BF16 or F16 [rows, cols]             | none                             |
//
// The number is code * scale; with --zero-point (code - w.zero_point) * scale, w.zero_point I8, of the
// shape of w.scale; for nvfp4 code * scale * w.tensor_scale, F32 []. The metadata have fewbits.format,
// fewbits.group ("row": a scale for a row), fewbits.method, and for each quantized tensor
// fewbits.tensor.<name>, its dtype and shape before ("F32 [256, 128]"). All else is copied.
//
// The output is complete or not there; exit status 0, 1 (--check failed) or 2 (nothing was written).
// Without arguments: quantizes a small model to every format, checks, and prints what each costs.
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "quantize_model/demo.hpp"
#include "quantize_model/formats.hpp"
#include "quantize_model/job.hpp"

namespace {

using namespace quantize_model;

constexpr const char* usage =
    "usage: quantize_model [options] IN.safetensors OUT.safetensors\n"
    "  --format F      int8 (default), int4, fp8_e4m3, fp8_e5m2, mxfp8, mxfp4, nvfp4, nf4, bf16, "
    "fp16\n"
    "  --group N       elements of a row that share a scale: a multiple of 8, or row (default 32)\n"
    "  --method M      nearest (default), or mse: scales with the least squared error\n"
    "  --zero-point    int8, int4: codes for the range of the group, not for its largest "
    "magnitude\n"
    "  --smallest N    leave tensors of fewer elements (default 4096)\n"
    "  --include TEXT  only tensors with TEXT in their names (may be repeated)\n"
    "  --exclude TEXT  no tensors with TEXT in their names (may be repeated)\n"
    "  --check         read the output again and compare\n";

struct options {
  recipe wanted;
  selection chosen;
  bool has_check = false;
  std::vector<std::string> files;
};

std::size_t number(const std::string& option, const std::string& value) {
  std::size_t used = 0;
  unsigned long long parsed = 0;
  try {
    parsed = std::stoull(value, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != value.size() || value[0] == '-')
    throw std::invalid_argument(option + " takes a number, not \"" + value + "\"");
  return parsed;
}

std::size_t group_size(const std::string& value) {
  if (value == "row") return 0;
  const std::size_t size = number("--group", value);
  if (size == 0 || size % 8 != 0 || size > 65536)
    throw std::invalid_argument("--group is row or a multiple of 8 up to 65536");
  return size;
}

options parse(const std::vector<std::string>& arguments) {
  options found;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (++i == arguments.size()) throw std::invalid_argument(name + " needs a value");
      return arguments[i];
    };
    if (name == "--format") {
      found.wanted.format = value();
    } else if (name == "--group") {
      found.wanted.group = group_size(value());
      found.wanted.has_group = true;
    } else if (name == "--method") {
      const std::string& how = value();
      if (how != "nearest" && how != "mse")
        throw std::invalid_argument("--method is nearest or mse, not \"" + how + "\"");
      found.wanted.how = how == "mse" ? method::mse : method::nearest;
    } else if (name == "--zero-point") {
      found.wanted.has_zero_point = true;
    } else if (name == "--smallest") {
      found.chosen.smallest = number(name, value());
    } else if (name == "--include") {
      found.chosen.include.push_back(value());
    } else if (name == "--exclude") {
      found.chosen.exclude.push_back(value());
    } else if (name == "--check") {
      found.has_check = true;
    } else if (name.rfind("--", 0) == 0) {
      throw std::invalid_argument("there is no option " + name);
    } else {
      found.files.push_back(name);
    }
  }
  if (found.files.size() != 2)
    throw std::invalid_argument("two files are needed, " + std::to_string(found.files.size()) +
                                " are named");
  return found;
}

void print(const job& done, const options& asked) {
  std::printf("%-40s %-5s %16s %14s %14s %9s\n", "tensor", "dtype", "shape", "bytes before",
              "bytes after", "SQNR dB");
  std::uint64_t skipped = 0;
  for (const outcome& each : done.outcomes()) {
    std::printf("%-40.40s %-5s %16s %14zu %14llu ", text(each.tensor->name()).c_str(),
                fb::name_of(each.tensor->type()), shape_text(*each.tensor).c_str(),
                each.tensor->bytes().size(), static_cast<unsigned long long>(each.bytes_after));
    if (each.kept.empty()) {
      std::printf("%9.2f\n", each.loss.sqnr());
    } else {
      std::printf("kept: %s\n", each.kept.c_str());
    }
    skipped += each.loss.skipped();
  }
  const double before = static_cast<double>(done.bytes_before());
  const double after = static_cast<double>(done.bytes_after());
  const std::string group = asked.wanted.group_name();
  std::printf("%s%s: %.0f bytes before, %.0f after (%.1f %%)\n", asked.wanted.format.c_str(),
              group.empty() ? "" : (", group " + group).c_str(), before, after,
              before == 0 ? 100 : 100 * after / before);
  if (skipped != 0)
    std::printf("%llu elements are not finite, and do not count\n",
                static_cast<unsigned long long>(skipped));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return demo();
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { is_interrupted = 1; });
  bool is_written = false;
  try {
    const options asked = parse({argv + 1, argv + argc});
    job work(asked.wanted, asked.chosen);
    work.open(asked.files[0]);
    work.write(asked.files[1]);
    is_written = true;
    print(work, asked);
    if (asked.has_check) {
      work.check(asked.files[1]);
      std::printf("checked: the file has what was written\n");
    }
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "quantize_model: %s\n%s", error.what(), usage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quantize_model: %s\n", error.what());
  }
  return is_written ? 1 : 2;
}
