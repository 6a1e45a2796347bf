// SPDX-License-Identifier: MIT
// First steps, the program of the README: one number, a range, integers with a scale, a product.
// Exit status 1 if a result is not what the comments say.
#include <fewbits/fewbits.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

namespace fb = fewbits;

namespace {

void print(const char* title, const std::vector<float>& values) {
  std::printf("%-26s", title);
  for (const float value : values) std::printf(" %8.5g", static_cast<double>(value));
  std::printf("\n");
}

bool is_close(const std::vector<float>& values, const std::vector<float>& wanted, float error) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(std::abs(values[i] - wanted[i]) <= error)) return false;
  return values.size() == wanted.size();
}

}  // namespace

int main() {
  // One number: narrowing is explicit and rounds to nearest even; what loses nothing is implicit.
  const fb::bf16 third{1.0f / 3};
  const float sum = third + third;

  // A range: what is beyond the largest FP8 number, 448, becomes that number.
  const std::vector<float> x{-1.5f, 0.1f, 0.7f, 1e6f};
  std::vector<fb::fp8_e4m3> narrow(x.size());
  fb::convert<fb::saturating>(x, narrow);

  // Integers with a scale: weight = scale * code.
  const std::vector<float> weights{0.5f, -1, 2, -4, 0, 1};
  std::vector<fb::int8> codes(weights.size());
  const auto parameters = fb::calibrate_absmax<fb::int8>(weights);
  fb::quantize(weights, parameters, codes);

  // A product: y = relu(input W^T), of FP32 numbers and the integers as they are.
  const std::vector<float> input{1, 2, 3};
  std::vector<float> y(2);
  fb::gemm(fb::matrix_view{input.data(), 1, 3}, fb::transposed(fb::matrix_view{codes.data(), 2, 3}),
           fb::matrix_view{y.data(), 1, 2}, fb::scale_bias{.scale = parameters.scale} | fb::relu{});

  std::vector<float> wide(narrow.size());
  std::vector<float> back(codes.size());
  fb::convert(narrow, wide);
  fb::dequantize(codes, parameters, back);
  print("1/3 and 2/3 in BF16", {third, sum});
  print("FP32", x);
  print("FP8 E4M3 and back", wide);
  print("FP32", weights);
  print("INT8 and back", back);
  print("relu(input W^T)", y);

  const bool holds = third.bits() == 0x3eab && sum == 2 * third &&
                     is_close(wide, {-1.5f, 0.1015625f, 0.6875f, 448}, 0) &&
                     is_close(back, weights, 0.5001f * parameters.scale) &&
                     is_close(y, {4.5f, 0}, 3 * parameters.scale);
  if (!holds) std::puts("first_steps: a result is wrong");
  return holds ? 0 : 1;
}
