// SPDX-License-Identifier: MIT
// Weights in every format: what they take, what is lost, and what a network then predicts.
#include <fewbits/convert.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "network.hpp"
#include "report.hpp"

namespace demo {
namespace {

using matrix = fb::matrix_view<const float>;

struct footprint {
  std::uint64_t codes = 0;   // bytes
  std::uint64_t scales = 0;  // bytes
};

/// Stores x, reads it back, and returns what the stored form takes.
using round_trip = footprint(matrix x, fb::matrix_view<float> back);

std::size_t count_of(matrix x) { return x.rows() * x.cols(); }

/// The numbers as they are, rounded, in a packed array where the format has no whole bytes.
template <class Weight>
footprint rounded(matrix x, fb::matrix_view<float> back) {
  const std::size_t count = count_of(x);
  std::vector<Weight> codes(count);
  fb::convert(fb::array_view<const float>(x.data(), count), codes);
  fb::convert(codes, fb::array_view<float>(back.data(), count));
  return {fb::packed_bytes<Weight>(count), 0};
}

/// Floats under one scale, with which the largest weight becomes the format's largest value.
template <class Weight>
footprint scaled(matrix x, fb::matrix_view<float> back) {
  const std::size_t count = count_of(x);
  const fb::array_view<const float> all(x.data(), count);
  std::vector<Weight> codes(count);
  const auto parameters = fb::calibrate_absmax<Weight>(all);
  fb::quantize(all, parameters, codes);
  fb::dequantize(codes, parameters, fb::array_view<float>(back.data(), count));
  return {fb::packed_bytes<Weight>(count), sizeof(float)};
}

/// Integers without a scale: the weights rounded to whole numbers.
footprint whole_numbers(matrix x, fb::matrix_view<float> back) {
  const std::size_t count = count_of(x);
  const fb::affine<fb::int8> parameters{};
  std::vector<fb::int8> codes(count);
  fb::quantize(fb::array_view<const float>(x.data(), count), parameters, codes);
  fb::dequantize(codes, parameters, fb::array_view<float>(back.data(), count));
  return {count, 0};
}

footprint int8_per_row(matrix x, fb::matrix_view<float> back) {
  std::vector<float> scales(x.rows());
  std::vector<fb::int8> memory(count_of(x));
  const fb::matrix_view<fb::int8> codes(memory.data(), x.rows(), x.cols());
  const auto parameters = fb::calibrate_absmax<fb::int8, fb::per_row>(x, scales);
  fb::quantize(x, parameters, codes);
  fb::dequantize(codes, parameters, back);
  return {memory.size(), sizeof(float) * scales.size()};
}

footprint int4_groups(matrix x, fb::matrix_view<float> back) {
  using group = fb::per_group<32>;
  std::vector<float> scales(group::count(x.rows(), x.cols()));
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::int4>(count_of(x)));
  const fb::packed_matrix_view<fb::int4> codes(bytes.data(), x.rows(), x.cols());
  const auto parameters = fb::calibrate_absmax<fb::int4, group>(x, scales);
  fb::quantize(x, parameters, codes);
  fb::dequantize(codes, parameters, back);
  return {bytes.size(), sizeof(float) * scales.size()};
}

template <class Format>
footprint blocks(matrix x, fb::matrix_view<float> back) {
  fb::block_array<Format> coded(x.rows(), x.cols());
  fb::quantize(x, coded);
  fb::dequantize(coded, back);
  using span = fb::block_span<Format>;
  const std::uint64_t scale_bits =
      x.rows() * span::row_blocks(x.cols()) * static_cast<unsigned>(Format::format.overhead_bits) +
      static_cast<unsigned>(Format::format.tensor_bits);
  return {x.rows() * span::row_bytes(x.cols()), (scale_bits + 7) / 8};
}

footprint nf4_blocks(matrix x, fb::matrix_view<float> back) {
  const std::size_t count = count_of(x);
  std::vector<float> scales((count + 63) / 64);
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::uint4>(count));
  const fb::packed_span<fb::uint4> codes(bytes.data(), count);
  fb::quantize(fb::array_view<const float>(x.data(), count), fb::nf4, codes, scales);
  fb::dequantize(codes, fb::nf4, scales, fb::array_view<float>(back.data(), count));
  return {bytes.size(), sizeof(float) * scales.size()};
}

struct form {
  const char* name;
  const char* scale;
  std::uint64_t bits;
  round_trip* run;
};

constexpr form forms[] = {
    {"FP64", "none", 64, rounded<fb::fp64>},
    {"FP32", "none", 32, rounded<fb::fp32>},
    {"TF32", "none", 19, rounded<fb::tf32>},
    {"FP16", "none", 16, rounded<fb::fp16>},
    {"BF16", "none", 16, rounded<fb::bf16>},
    {"FP8 E4M3", "none", 8, rounded<fb::fp8_e4m3>},
    {"FP8 E4M3", "FP32 a tensor", 8, scaled<fb::fp8_e4m3>},
    {"FP8 E5M2", "FP32 a tensor", 8, scaled<fb::fp8_e5m2>},
    {"MXFP8 E4M3", "E8M0 for 32", 8, blocks<fb::mxfp8_e4m3>},
    {"INT8", "none", 8, whole_numbers},
    {"INT8", "FP32 a row", 8, int8_per_row},
    {"MXFP6 E2M3", "E8M0 for 32", 6, blocks<fb::mxfp6_e2m3>},
    {"MXFP6 E3M2", "E8M0 for 32", 6, blocks<fb::mxfp6_e3m2>},
    {"FP4 E2M1", "none", 4, rounded<fb::fp4_e2m1>},
    {"FP4 E2M1", "FP32 a tensor", 4, scaled<fb::fp4_e2m1>},
    {"MXFP4", "E8M0 for 32", 4, blocks<fb::mxfp4>},
    {"NVFP4", "UE4M3 for 16", 4, blocks<fb::nvfp4>},
    {"INT4", "FP32 for 32", 4, int4_groups},
    {"NF4", "FP32 for 64", 4, nf4_blocks},
};

/// Errors against the size of the weights.
error_histogram histogram(const model& exact, const model& stored, double rms) {
  using histogram = error_histogram;
  histogram result{};
  const double one = 1.0 / static_cast<double>(weight_count(exact));
  for (std::size_t t = 0; t < exact.size(); ++t)
    for (std::size_t i = 0; i < exact[t].values.size(); ++i) {
      const double error = std::fabs(static_cast<double>(stored[t].values[i]) -
                                     static_cast<double>(exact[t].values[i]));
      if (error == 0) {
        result.exact += one;
      } else if (std::isfinite(error)) {
        const double bin =
            (std::log10(error / rms) - histogram::lowest_decade) * histogram::bins_a_decade;
        result.share[static_cast<int>(std::clamp(bin, 0.0, histogram::bins - 1.0))] += one;
      }
    }
  return result;
}

/// Stores all matrices of `exact` in one form; `stored` becomes what they then are.
format_row store(const form& how, const model& exact, model& stored) {
  footprint total;
  double signal = 0;
  double noise = 0;
  double largest = 0;
  for (std::size_t t = 0; t < exact.size(); ++t) {
    const tensor& from = exact[t];
    tensor& to = stored[t];
    const footprint its =
        how.run({from.values.data(), from.rows, from.cols}, {to.values.data(), to.rows, to.cols});
    total.codes += its.codes;
    total.scales += its.scales;
    for (std::size_t i = 0; i < from.values.size(); ++i) {
      const double x = static_cast<double>(from.values[i]);
      const double error = std::fabs(static_cast<double>(to.values[i]) - x);
      signal += x * x;
      noise += error * error;
      largest = std::max(largest, error);
    }
  }
  const double count = static_cast<double>(weight_count(exact));
  return {.name = how.name,
          .scale = how.scale,
          .bits = how.bits,
          .codes = total.codes,
          .scales = total.scales,
          .bits_per_weight = 8 * static_cast<double>(total.codes + total.scales) / count,
          .sqnr = 10 * std::log10(signal / noise),
          .largest_error = largest,
          .errors = histogram(exact, stored, std::sqrt(signal / count)),
          .predicted = {}};
}

model weights_of(const network<float>& net) {
  return {{"hidden", hidden_units, pixels, net.hidden.weights},
          {"output", classes, hidden_units, net.output.weights}};
}

}  // namespace

const format_row& find(const std::vector<format_row>& rows, const char* name, const char* scale) {
  for (const format_row& row : rows)
    if (std::strcmp(row.name, name) == 0 &&
        (scale == nullptr || std::strcmp(row.scale, scale) == 0))
      return row;
  std::fprintf(stderr, "no row is called %s\n", name);
  std::abort();
}

std::vector<format_row> examine_formats(const model& weights) {
  model stored = weights;
  std::vector<format_row> rows;
  for (const form& how : forms) rows.push_back(store(how, weights, stored));
  return rows;
}

experiment examine_network(const digits_file& data) {
  network<float> net = train(data.train(), 1);
  const digits test = data.test();
  const std::vector<std::size_t> before = predict(net, test.images);
  experiment result{weights_of(net), {}};
  model stored = result.weights;
  for (const form& how : forms) {
    format_row row = store(how, result.weights, stored);
    net.hidden.weights = stored[0].values;
    net.output.weights = stored[1].values;
    const std::vector<std::size_t> after = predict(net, test.images);
    int right = 0;
    int changed = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      right += after[i] == test.labels[i] ? 1 : 0;
      changed += after[i] != before[i] ? 1 : 0;
    }
    row.predicted = {100.0 * right / static_cast<double>(after.size()), changed};
    result.rows.push_back(row);
  }
  return result;
}

}  // namespace demo
