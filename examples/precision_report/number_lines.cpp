// SPDX-License-Identifier: MIT
// Where the numbers of the formats lie, how far they reach, and where weights lie among them.
#include <fewbits/quantize/codebook.hpp>
#include <fewbits/value.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "report.hpp"

namespace demo {
namespace {

void scale_to_one(std::vector<double>& values) {
  const double largest = values.back();
  for (double& value : values) value /= largest;
}

template <class Number>
number_line float_line(const char* name) {
  number_line line{name, {}};
  for (unsigned code = 0; code < 1U << Number::format.bits(); ++code) {
    const Number x = Number::from_bits(static_cast<typename Number::storage_type>(code));
    if (isfinite(x)) line.values.push_back(static_cast<double>(x));
  }
  std::sort(line.values.begin(), line.values.end());
  line.values.erase(std::unique(line.values.begin(), line.values.end()), line.values.end());
  scale_to_one(line.values);
  return line;
}

/// Codes of symmetric quantization: the most negative one is beyond the scale.
number_line int_line(const char* name, int largest) {
  number_line line{name, {}};
  for (int code = -largest; code <= largest; ++code) line.values.push_back(code);
  scale_to_one(line.values);
  return line;
}

template <class Number>
range_line range(const char* name) {
  using limits = std::numeric_limits<Number>;
  return {name, std::ilogb(static_cast<double>(limits::denorm_min())), limits::min_exponent - 1,
          limits::max_exponent - 1, Number::format.mantissa_bits};
}

}  // namespace

std::vector<number_line> number_lines() {
  number_line nf4{"NF4", {}};
  for (const float value : fb::nf4.value) nf4.values.push_back(static_cast<double>(value));
  return {
      int_line("INT4", 7),
      nf4,
      float_line<fb::fp4_e2m1>("FP4 E2M1"),
      float_line<fb::fp6_e2m3>("FP6 E2M3"),
      float_line<fb::fp6_e3m2>("FP6 E3M2"),
      float_line<fb::fp8_e4m3>("FP8 E4M3"),
      float_line<fb::fp8_e5m2>("FP8 E5M2"),
      int_line("INT8", 127),
  };
}

std::vector<range_line> range_lines() {
  return {
      range<fb::fp32>("FP32"),         range<fb::tf32>("TF32"),
      range<fb::bf16>("BF16"),         range<fb::fp16>("FP16"),
      range<fb::fp8_e5m2>("FP8 E5M2"), range<fb::fp8_e4m3>("FP8 E4M3"),
      range<fb::fp6_e3m2>("FP6 E3M2"), range<fb::fp6_e2m3>("FP6 E2M3"),
      range<fb::fp4_e2m1>("FP4 E2M1"),
  };
}

}  // namespace demo
