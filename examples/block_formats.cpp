// SPDX-License-Identifier: MIT
// The weights of a trained network in eight formats of four to eight bits: what the scales cost, what is
// lost, which predictions change. And what a rotation does for outliers. Exit status 1 if a result is
// not what the comments say.
#include <fewbits/quantize.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <vector>

#include "precision_report/digits.hpp"
#include "precision_report/network.hpp"

namespace fb = fewbits;

namespace {

using matrix = fb::matrix_view<const float>;

/// Encodes x, decodes it into `back`, and returns the bits stored, scales included.
using round_trip = std::size_t(matrix x, fb::matrix_view<float> back);

template <class Format>
std::size_t blocks(matrix x, fb::matrix_view<float> back) {
  fb::block_array<Format> coded(x.rows(), x.cols());
  fb::quantize(x, coded);
  fb::dequantize(coded, back);
  constexpr auto format = Format::format;
  return x.rows() * (8 * fb::block_span<Format>::row_bytes(x.cols()) +
                     format.overhead_bits * fb::block_span<Format>::row_blocks(x.cols())) +
         format.tensor_bits;
}

template <class Granularity>
std::size_t int4(matrix x, fb::matrix_view<float> back) {
  std::vector<float> scales(Granularity::count(x.rows(), x.cols()));
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::int4>(x.rows() * x.cols()));
  const fb::packed_matrix_view<fb::int4> codes(bytes.data(), x.rows(), x.cols());
  const auto parameters = fb::calibrate_absmax<fb::int4, Granularity>(x, scales);
  fb::quantize(x, parameters, codes);
  fb::dequantize(codes, parameters, back);
  return 8 * (bytes.size() + 4 * scales.size());
}

/// The quantiles of a normal distribution, and an FP32 scale for 64 numbers.
std::size_t nf4(matrix x, fb::matrix_view<float> back) {
  const std::size_t count = x.rows() * x.cols();
  std::vector<float> scales((count + 63) / 64);
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::uint4>(count));
  const fb::packed_span<fb::uint4> codes(bytes.data(), count);
  fb::quantize(fb::array_view<const float>(x.data(), count), fb::nf4, codes, scales);
  fb::dequantize(codes, fb::nf4, scales, fb::array_view<float>(back.data(), count));
  return 4 * count + 32 * scales.size();
}

std::size_t q4_0(matrix x, fb::matrix_view<float> back) {
  constexpr auto format = fb::ggml_format::q4_0;
  const std::size_t count = x.rows() * x.cols();
  std::vector<unsigned char> bytes(fb::ggml_bytes(format, count));
  fb::quantize<format>(fb::array_view<const float>(x.data(), count), bytes);
  fb::dequantize<format>(bytes, fb::array_view<float>(back.data(), count));
  return 8 * bytes.size();
}

struct format {
  const char* name;
  round_trip* run;
};
enum { mxint8, mxfp8, mxfp6, mxfp4, nvfp4, nf4_64, int4_32, ggml_q4_0, formats };
constexpr format all[formats] = {
    {"MXINT8", blocks<fb::mxint8>},
    {"MXFP8 (E4M3)", blocks<fb::mxfp8_e4m3>},
    {"MXFP6 (E3M2)", blocks<fb::mxfp6_e3m2>},
    {"MXFP4", blocks<fb::mxfp4>},
    {"NVFP4", blocks<fb::nvfp4>},
    {"NF4, groups of 64", nf4},
    {"INT4, groups of 32", int4<fb::per_group<32>>},
    {"ggml q4_0", q4_0},
};

/// Both layers have 64 inputs, so their weights are one matrix: those of the hidden layer come first.
bool weights_of_digits() {
  const demo::digits_file file(FEWBITS_EXAMPLE_DATA "/digits");
  auto net = demo::train(file.train(), 1);
  const matrix images = file.test().images;
  const auto before = demo::predict(net, images);

  std::vector<float> weights = net.hidden.weights;
  weights.insert(weights.end(), net.output.weights.begin(), net.output.weights.end());
  std::vector<float> back(weights.size());
  const auto output_layer = back.begin() + demo::hidden_units * demo::pixels;
  const std::size_t rows = weights.size() / demo::pixels;
  const auto count = static_cast<double>(weights.size());

  double bits[formats], db[formats];
  std::size_t changed[formats];
  std::printf("%-18s  bits/weight  SQNR dB  of %zu predictions changed\n", "", before.size());
  for (int i = 0; i < formats; ++i) {
    const std::size_t stored =
        all[i].run({weights.data(), rows, demo::pixels}, {back.data(), rows, demo::pixels});
    const auto report =
        fb::compare_with_original(weights, back, static_cast<double>(stored) / count);
    bits[i] = report.bits_per_weight;
    db[i] = report.sqnr_db;

    net.hidden.weights.assign(back.begin(), output_layer);
    net.output.weights.assign(output_layer, back.end());
    const auto after = demo::predict(net, images);
    changed[i] = 0;
    for (std::size_t j = 0; j < after.size(); ++j) changed[i] += after[j] != before[j];
    std::printf("%-18s  %11.2f  %7.1f  %zu\n", all[i].name, bits[i], db[i], changed[i]);
  }

  // At the same number of bits, mantissa bits count: weights in a block differ by few powers of two.
  bool holds = db[mxint8] > db[mxfp8] + 5 && bits[mxint8] == bits[mxfp8];
  holds &= db[mxfp8] > db[mxfp6] + 3 && db[mxfp6] > db[mxfp4] + 3;
  // A scale with a mantissa, for 16 numbers instead of 32, is worth a quarter of a bit.
  holds &= db[nvfp4] > db[mxfp4] + 1 && bits[nvfp4] < bits[mxfp4] + 0.3;
  // An FP16 scale instead of an FP32 one loses nothing.
  holds &= db[ggml_q4_0] > db[int4_32] - 0.5 && bits[ggml_q4_0] == bits[int4_32] - 0.5;
  for (const std::size_t each : changed) holds &= each < before.size() / 20;
  return holds;
}

/// A few columns of large numbers decide the scale of every row, and four bits leave little for the rest.
/// Rotated, all columns share them. A product with activations rotated alike is the same.
bool outliers() {
  constexpr std::size_t rows = 64, cols = 512;
  demo::random_numbers random(3);
  std::vector<float> weights(rows * cols);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = (random() + random() + random()) * (i % 64 == 5 ? 20.0f : 1.0f);
  std::vector<float> back(weights.size());
  const fb::matrix_view<float> decoded(back.data(), rows, cols);

  const std::size_t bits = int4<fb::per_row>({weights.data(), rows, cols}, decoded);
  const double bits_per_weight = static_cast<double>(bits) / static_cast<double>(weights.size());
  const double plain = fb::compare_with_original(weights, back, bits_per_weight).sqnr_db;

  std::vector<float> rotated = weights;
  fb::rotate(fb::matrix_view<float>(rotated.data(), rows, cols), 2026);
  int4<fb::per_row>({rotated.data(), rows, cols}, decoded);
  fb::inverse_rotate(decoded, 2026);
  const double turned = fb::compare_with_original(weights, back, bits_per_weight).sqnr_db;
  std::printf("\nINT4 per row, outliers in 1 of 64 columns: %.1f dB; rotated %.1f dB\n", plain,
              turned);
  return turned >= plain + 3;
}

}  // namespace

int main() {
  try {
    const bool weights_hold = weights_of_digits();
    const bool outliers_hold = outliers();
    if (!weights_hold || !outliers_hold) std::puts("block_formats: a result is wrong");
    return weights_hold && outliers_hold ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "block_formats: %s\n", error.what());
    return 1;
  }
}
