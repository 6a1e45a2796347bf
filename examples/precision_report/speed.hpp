// SPDX-License-Identifier: MIT
// How fast this machine converts numbers and multiplies matrices, on one core.
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include "network.hpp"

namespace demo {

/// How much work to spend on one figure.
struct effort {
  std::size_t numbers;  // converted at a time
  std::size_t size;     // of the square matrices
  int most_runs;
  double seconds;
};
inline constexpr effort thorough{std::size_t{1} << 20, 512, 9, 0.08};
inline constexpr effort quick{std::size_t{1} << 16, 192, 3, 0.01};

/// Median of a few runs after a first one that warms the caches: at least three, then as many as
/// fit the time.
template <class Task>
double median_seconds(const effort& spent, Task&& task) {
  using clock = std::chrono::steady_clock;
  task();
  std::vector<double> times;
  double total = 0;
  while (times.size() < 3 ||
         (times.size() < static_cast<std::size_t>(spent.most_runs) && total < spent.seconds)) {
    const auto start = clock::now();
    task();
    // As if something read all memory: the compiler must not drop what nobody looks at.
    __asm__ volatile("" : : : "memory");
    times.push_back(std::chrono::duration<double>(clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

inline std::vector<float> random_floats(std::size_t count) {
  random_numbers random(1);
  std::vector<float> values(count);
  for (float& value : values) value = random();
  return values;
}

/// Gigabytes a second, read and written together.
struct conversion_speed {
  double from_fp32;
  double to_fp32;
};

template <fb::floating To>
conversion_speed time_conversion(const effort& spent) {
  std::vector<float> floats = random_floats(spent.numbers);
  std::vector<To> codes(floats.size());
  const double gigabytes = static_cast<double>(floats.size()) * (sizeof(float) + sizeof(To)) / 1e9;
  return {gigabytes / median_seconds(spent, [&] { fb::convert(floats, codes); }),
          gigabytes / median_seconds(spent, [&] { fb::convert(codes, floats); })};
}

/// The same for integers with one scale: `codes` is a range or a packed_span of `spent.numbers`
/// codes that take `bytes` bytes.
template <class Code, class Codes>
conversion_speed time_quantization(const effort& spent, Codes&& codes, std::size_t bytes) {
  std::vector<float> floats = random_floats(spent.numbers);
  const auto parameters = fb::calibrate_absmax<Code>(floats);
  const double gigabytes = static_cast<double>(floats.size() * sizeof(float) + bytes) / 1e9;
  return {gigabytes / median_seconds(spent, [&] { fb::quantize(floats, parameters, codes); }),
          gigabytes / median_seconds(spent, [&] { fb::dequantize(codes, parameters, floats); })};
}
inline conversion_speed time_int8(const effort& spent) {
  std::vector<fb::int8> codes(spent.numbers);
  return time_quantization<fb::int8>(spent, codes, codes.size());
}
inline conversion_speed time_int4(const effort& spent) {
  std::vector<unsigned char> bytes(fb::packed_bytes<fb::int4>(spent.numbers));
  const fb::packed_span<fb::int4> codes{bytes.data(), spent.numbers};
  return time_quantization<fb::int4>(spent, codes, bytes.size());
}

template <class Element>
std::vector<Element> random_elements(std::size_t count) {
  const std::vector<float> floats = random_floats(count);
  std::vector<Element> elements(count);
  if constexpr (fb::floating<Element>) {
    fb::convert(floats, elements);
  } else {
    fb::quantize(floats, fb::calibrate_absmax<Element>(floats), elements);
  }
  return elements;
}

/// Billions of multiplications and additions a second in a product of two square matrices of
/// `Element`, sums in `Sum`.
template <class Element, class Sum>
double time_gemm(const effort& spent) {
  const std::size_t size = spent.size;
  const std::vector<Element> elements = random_elements<Element>(size * size);
  std::vector<Sum> sums(size * size);
  const fb::matrix_view matrix{elements.data(), size, size};
  const fb::matrix_view product{sums.data(), size, size};
  // Memory that is passed in is not allocated anew by every call.
  std::vector<unsigned char> workspace(fb::gemm_workspace_bytes(matrix, matrix));
  const double seconds = median_seconds(spent, [&] {
    fb::gemm(fb::inline_executor{}, matrix, matrix, product, fb::identity{}, workspace);
  });
  const double side = static_cast<double>(size);
  return 2 * side * side * side / seconds / 1e9;
}

}  // namespace demo
