// SPDX-License-Identifier: MIT
// Weights in every format: what they take, what is lost, and what a network then predicts.
#include <fewbits/convert.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>

#include "network.hpp"
#include "report.hpp"

namespace demo {
namespace {

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

constexpr form forms_table[] = {
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

}  // namespace

/// Of one form, over all matrices.
struct examiner::sums {
  std::uint64_t codes = 0;
  std::uint64_t scales = 0;
  double noise = 0;
  double largest = 0;
  double exact = 0;
  double octaves[error_histogram::bins]{};

  void add(float from, float to, float per_rms) {
    if (!std::isfinite(from)) return;
    float error = std::fabs(to - from);
    if (std::isnan(error)) error = std::numeric_limits<float>::infinity();
    const double wide = static_cast<double>(error);
    noise += wide * wide;
    largest = std::max(largest, wide);
    if (error == 0) {
      exact += 1;
    } else {
      // The exponent field is the octave.
      const int octave = static_cast<int>(fb::fp32(error * per_rms).exponent_field()) - 127 -
                         error_histogram::lowest;
      octaves[std::clamp(octave, 0, error_histogram::bins - 1)] += 1;
    }
  }
};

examiner::examiner() : sums_(std::size(forms_table)) {}
examiner::~examiner() = default;

std::size_t examiner::forms() { return std::size(forms_table); }

void examiner::add(matrix x) {
  back_.resize(std::max(back_.size(), count_of(x)));
  const double rms = add_weights(x);
  for (std::size_t form = 0; form < forms(); ++form)
    add(x, rms, form, {back_.data(), x.rows(), x.cols()});
}

void examiner::add(matrix x, double rms, std::size_t form, fb::matrix_view<float> back) {
  const footprint its = forms_table[form].run(x, back);
  sums to = sums_[form];
  to.codes += its.codes;
  to.scales += its.scales;
  const float per_rms = rms > 0 ? static_cast<float>(1 / rms) : 1;
  const std::size_t count = count_of(x);
  for (std::size_t i = 0; i < count; ++i) to.add(x.data()[i], back.data()[i], per_rms);
  sums_[form] = to;
}

double examiner::add_weights(matrix x) {
  double count = 0;
  double squares = 0;
  float largest = 0;
  for (std::size_t i = 0; i < count_of(x); ++i) {
    const float value = x.data()[i];
    if (!std::isfinite(value)) continue;
    count += 1;
    squares += static_cast<double>(value) * static_cast<double>(value);
    largest = std::max(largest, std::fabs(value));
  }
  stored_count_ += static_cast<double>(count_of(x));
  weight_count_ += count;
  signal_ += squares;
  for (std::size_t i = 0; i < count_of(x); ++i) {
    const float value = x.data()[i];
    if (!std::isfinite(value)) continue;
    const float place = largest == 0 ? 0 : value / largest;
    weights_.share[std::lround((place + 1) / 2 * (weight_histogram::bins - 1))] += 1;
  }
  return count == 0 ? 0 : std::sqrt(squares / count);
}

std::vector<format_row> examiner::rows() const {
  std::vector<format_row> result;
  const double finite = std::max(1.0, weight_count_);
  for (std::size_t i = 0; i < forms(); ++i) {
    const form& how = forms_table[i];
    const sums& all = sums_[i];
    format_row row{
        .name = how.name,
        .scale = how.scale,
        .bits = how.bits,
        .codes = all.codes,
        .scales = all.scales,
        .bits_per_weight = 8 * static_cast<double>(all.codes + all.scales) / stored_count_,
        .sqnr = all.noise == 0 ? HUGE_VAL : 10 * std::log10(signal_ / all.noise),
        .largest_error = all.largest,
        .errors = {},
        .predicted = {}};
    row.errors.exact = all.exact / finite;
    for (int bin = 0; bin < error_histogram::bins; ++bin)
      row.errors.share[bin] = all.octaves[bin] / finite;
    result.push_back(row);
  }
  return result;
}

weight_histogram examiner::weights() const {
  weight_histogram result = weights_;
  if (weight_count_ > 0)
    for (double& share : result.share) share /= weight_count_;
  return result;
}

const format_row& find(const std::vector<format_row>& rows, const char* name, const char* scale) {
  for (const format_row& row : rows)
    if (std::strcmp(row.name, name) == 0 &&
        (scale == nullptr || std::strcmp(row.scale, scale) == 0))
      return row;
  std::fprintf(stderr, "no row is called %s\n", name);
  std::abort();
}

report report_on_network(const digits_file& data) {
  network<float> net = train(data.train(), 1);
  const network<float> exact = net;
  const digits test = data.test();
  const std::vector<std::size_t> before = predict(net, test.images);
  examiner all;
  const double hidden_rms = all.add_weights(exact.hidden.matrix());
  const double output_rms = all.add_weights(exact.output.matrix());
  std::vector<prediction> predictions;
  for (std::size_t form = 0; form < examiner::forms(); ++form) {
    all.add(exact.hidden.matrix(), hidden_rms, form, net.hidden.matrix());
    all.add(exact.output.matrix(), output_rms, form, net.output.matrix());
    const std::vector<std::size_t> after = predict(net, test.images);
    int right = 0;
    int changed = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      right += after[i] == test.labels[i] ? 1 : 0;
      changed += after[i] != before[i] ? 1 : 0;
    }
    predictions.push_back({100.0 * right / static_cast<double>(after.size()), changed});
  }

  report result{};
  result.has_network = true;
  result.source = "A network of " + std::to_string(pixels) + "-" + std::to_string(hidden_units) +
                  "-" + std::to_string(classes) + " units that learned to read " +
                  std::to_string(data.train().labels.size()) +
                  " handwritten digits in FP32 and was tested on " +
                  std::to_string(test.labels.size()) + " others.";
  result.weights = exact.hidden.weights.size() + exact.output.weights.size();
  result.weight_shares = all.weights();
  result.formats = all.rows();
  for (std::size_t form = 0; form < examiner::forms(); ++form)
    result.formats[form].predicted = predictions[form];
  return result;
}

}  // namespace demo
