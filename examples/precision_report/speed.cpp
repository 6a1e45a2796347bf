// SPDX-License-Identifier: MIT
// How fast this machine converts and multiplies in each type, on one thread: quick looks, medians of a
// few runs. What counts is bench/.
#include <fewbits/convert.hpp>
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <type_traits>

#include "network.hpp"
#include "report.hpp"

namespace demo {
namespace {

/// Median of a few runs after a first one that warms the caches: at least three, then as many as fit
/// the time.
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

/// Numbers between -3 and 3, distributed nearly normally, in FP64 and rounded to FP32.
struct inputs {
  explicit inputs(std::size_t count) : exact(count), rounded(count) {
    random_numbers random(1);
    for (std::size_t i = 0; i < count; ++i) {
      const float coarse = random() + random() + random();
      exact[i] = static_cast<double>(coarse) + 0x1p-30 * static_cast<double>(random());
      rounded[i] = static_cast<float>(exact[i]);
    }
  }
  std::vector<double> exact;
  std::vector<float> rounded;
};

/// Whether several codes share a byte in memory.
template <class Code>
constexpr bool is_packed = fb::packed_bits<Code> < 8;
template <>
constexpr bool is_packed<fb::int8> = false;

/// Numbers as codes of a type, and what a code is to be multiplied by.
template <class Code>
struct coded {
  std::vector<Code> codes;
  double scale = 1;
};

template <class Code>
coded<Code> encoded(const inputs& from, std::size_t count) {
  coded<Code> result{std::vector<Code>(count)};
  const fb::array_view<const float> numbers(from.rounded.data(), count);
  if constexpr (fb::integer<Code>) {
    const auto parameters = fb::calibrate_absmax<Code>(numbers);
    fb::quantize(numbers, parameters, result.codes);
    result.scale = static_cast<double>(parameters.scale);
  } else if constexpr (Code::format.bits() > 8) {
    fb::convert(fb::array_view<const double>(from.exact.data(), count), result.codes);
  } else {
    // A little below the format's largest value, so that no quotient rounds beyond it.
    const float scale = 3.01f / static_cast<float>(std::numeric_limits<Code>::max());
    std::vector<float> quotients(count);
    for (std::size_t i = 0; i < count; ++i) quotients[i] = numbers[i] / scale;
    fb::convert(quotients, result.codes);
    result.scale = static_cast<double>(scale);
  }
  return result;
}

/// How far some elements of X X^T, where X is size x size numbers of `from`, are from the exact ones,
/// in the root mean square, as a part of these.
template <class Sum>
double relative_error(const inputs& from, const fb::matrix_view<Sum>& product, double scale) {
  const std::size_t size = product.rows();
  long double error = 0;
  long double signal = 0;
  for (std::size_t sample = 0; sample < 64; ++sample) {
    const std::size_t i = sample * 7919 % size;
    const std::size_t j = (i + 1 + sample) % size;  // off the diagonal, where sums are not random
    long double exact = 0;
    for (std::size_t l = 0; l < size; ++l)
      exact += static_cast<long double>(from.exact[i * size + l]) *
               static_cast<long double>(from.exact[j * size + l]);
    const long double difference =
        static_cast<long double>(product(i, j)) * static_cast<long double>(scale) - exact;
    error += difference * difference;
    signal += exact * exact;
  }
  return static_cast<double>(std::sqrt(error / signal));
}

/// The arithmetic of a product, by name.
template <class Left, class Right>
const char* unit_of() {
  using fb::compute_kind;
  switch (fb::product_arithmetic<Left, Right>) {
    case compute_kind::int8_dot:
      return "INT8";
    case compute_kind::bf16_dot:
      return "BF16";
    case compute_kind::fp16_fma:
      return "FP16";
    case compute_kind::fp32_fma:
      return "FP32";
    case compute_kind::fp64_fma:
      break;
  }
  return "FP64";
}

/// 10^9 multiplications and additions a second in X W^T. Memory that is passed in is not allocated anew
/// by every call.
template <class Element, class Weights, class Sum>
double product_speed(const effort& spent, const fb::matrix_view<const Element>& x,
                     const Weights& weights, const fb::matrix_view<Sum>& sums) {
  const auto turned = fb::transposed(weights);
  std::vector<unsigned char> workspace(fb::gemm_workspace_bytes(x, turned));
  const double seconds = median_seconds(
      spent, [&] { fb::gemm(fb::inline_executor{}, x, turned, sums, fb::identity{}, workspace); });
  return 2e-9 * static_cast<double>(sums.rows()) * static_cast<double>(sums.cols()) *
         static_cast<double>(x.cols()) / seconds;
}

/// As in a layer: X is codes, the weights are the same codes, stored outputs x inputs; those of less
/// than a byte are packed.
template <class Element, class Sum>
void measure_products(const effort& spent, const inputs& from, speed_row& row) {
  const std::size_t size = spent.size;
  const std::size_t depth = spent.depth;
  const coded<Element> coded = encoded<Element>(from, std::max(size * size, depth * depth));
  std::vector<Sum> sums(std::max(size * size, depth));
  std::vector<unsigned char> bytes;
  const auto weights = [&](std::size_t side) {
    if constexpr (is_packed<Element>) {
      bytes.assign(fb::packed_bytes<Element>(side * side), 0);
      fb::convert(fb::array_view<const Element>(coded.codes.data(), side * side),
                  fb::packed_span<Element>(bytes.data(), side * side));
      return fb::packed_matrix_view<const Element>(bytes.data(), side, side);
    } else {
      return fb::matrix_view<const Element>(coded.codes.data(), side, side);
    }
  };
  const fb::matrix_view<const Element> square(coded.codes.data(), size, size);
  const fb::matrix_view<Sum> product(sums.data(), size, size);
  row.gemm = product_speed(spent, square, weights(size), product);
  row.error = relative_error(from, product, coded.scale * coded.scale);
  row.one_row = product_speed(spent, fb::matrix_view<const Element>(coded.codes.data(), 1, depth),
                              weights(depth), fb::matrix_view<Sum>(sums.data(), 1, depth));
  row.unit = unit_of<fb::matrix_view<const Element>, decltype(weights(size))>();
}

template <class Element>
speed_row float_speed(const char* name, const char* over, const effort& spent, const inputs& from) {
  speed_row row{name, Element::format.bits(), over, "", 0, 0, 0, 0, 0};
  std::vector<float> floats(from.rounded.begin(),
                            from.rounded.begin() + static_cast<std::ptrdiff_t>(spent.numbers));
  std::vector<Element> codes(floats.size());
  const double billions = 1e-9 * static_cast<double>(floats.size());
  row.encode = billions / median_seconds(spent, [&] { fb::convert(floats, codes); });
  row.decode = billions / median_seconds(spent, [&] { fb::convert(codes, floats); });
  using sum = std::conditional_t<Element::format.bits() == 64, double, float>;
  measure_products<Element, sum>(spent, from, row);
  return row;
}

/// Integers with one scale: `codes` is a range or a packed_span.
template <class Code, class Codes>
void measure_quantization(const effort& spent, const inputs& from, Codes&& codes, speed_row& row) {
  std::vector<float> floats(from.rounded.begin(),
                            from.rounded.begin() + static_cast<std::ptrdiff_t>(spent.numbers));
  const auto parameters = fb::calibrate_absmax<Code>(floats);
  const double billions = 1e-9 * static_cast<double>(floats.size());
  row.encode = billions / median_seconds(spent, [&] { fb::quantize(floats, parameters, codes); });
  row.decode = billions / median_seconds(spent, [&] { fb::dequantize(codes, parameters, floats); });
}

}  // namespace

std::vector<speed_row> measure_speed(const effort& spent) {
  const inputs from(std::max({spent.numbers, spent.size * spent.size, spent.depth * spent.depth}));
  speed_row int8{"INT8", 8, "BF16", "", 0, 0, 0, 0, 0};
  std::vector<fb::int8> bytes(spent.numbers);
  measure_quantization<fb::int8>(spent, from, bytes, int8);
  measure_products<fb::int8, std::int32_t>(spent, from, int8);

  speed_row int4{"INT4", 4, "INT8", "", 0, 0, 0, 0, 0};
  std::vector<unsigned char> packed(fb::packed_bytes<fb::int4>(spent.numbers));
  measure_quantization<fb::int4>(spent, from,
                                 fb::packed_span<fb::int4>{packed.data(), spent.numbers}, int4);
  measure_products<fb::int4, std::int32_t>(spent, from, int4);
  return {
      float_speed<fb::fp64>("FP64", "", spent, from),
      float_speed<fb::fp32>("FP32", "FP64", spent, from),
      float_speed<fb::tf32>("TF32", "FP32", spent, from),
      float_speed<fb::fp16>("FP16", "FP32", spent, from),
      float_speed<fb::bf16>("BF16", "FP32", spent, from),
      float_speed<fb::fp8_e4m3>("FP8 E4M3", "BF16", spent, from),
      float_speed<fb::fp8_e5m2>("FP8 E5M2", "BF16", spent, from),
      int8,
      float_speed<fb::fp4_e2m1>("FP4 E2M1", "FP8 E4M3", spent, from),
      int4,
  };
}

}  // namespace demo
