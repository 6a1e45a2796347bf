// SPDX-License-Identifier: MIT
// Division by a divisor of many numbers, by products: the bits of the division.
#include <fewbits/training/lanes.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;

float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

/// src / divisor, as the numbers that a step divides: twice, the second time their roots.
template <fb::isa Isa>
FEWBITS_NOINLINE void divide(const std::vector<float>& src, float by, std::vector<float>& dst,
                             std::vector<float>& roots) {
  using lanes = fb::detail::training_lanes<Isa>;
  std::uint32_t code;
  std::memcpy(&code, &by, sizeof(code));
  const auto divisor = lanes::divisor_of(code);
  for (std::size_t i = 0; i < src.size(); i += lanes::width) {
    auto x = lanes::load32(reinterpret_cast<const unsigned char*>(&src[i]));
    auto root = lanes::sqrt_floats(lanes::and_(x, lanes::set(0x7fffffff)));
    lanes::divide_both(x, divisor, root, divisor);
    lanes::store32(reinterpret_cast<unsigned char*>(&dst[i]), x);
    lanes::store32(reinterpret_cast<unsigned char*>(&roots[i]), root);
  }
}

void check(const std::vector<float>& src, float by) {
  std::vector<float> found(src.size()), roots(src.size());
  divide<fb::native>(src, by, found, roots);
  for (std::size_t i = 0; i < src.size(); ++i) {
    volatile float want = src[i] / by;
    volatile float root = static_cast<float>(std::sqrt(static_cast<double>(std::fabs(src[i]))));
    volatile float want_root = root / by;
    const float numbers[] = {want, want_root}, got[] = {found[i], roots[i]};
    if (src[i] != src[i]) {
      ASSERT_TRUE(got[0] != got[0] && got[1] != got[1]);
    } else {
      ASSERT_EQ(std::memcmp(numbers, got, sizeof(got)), 0)
          << src[i] << " / " << by << " is " << want << ", " << want_root << " not " << found[i]
          << ", " << roots[i];
    }
  }
}

// Divisors with all kinds of mantissas; those of Adam's steps; beyond what products serve.
TEST(divide_both, has_the_bits_of_a_division) {
  random_words random(1);
  std::vector<float> src;
  for (int i = 0; i < 1 << 13; ++i)
    src.push_back(float_of(
        static_cast<std::uint32_t>((random() & 0x807fffff) | ((random() % 126 + 67) << 23))));
  std::vector<float> divisors = {1, 2, 0x1p-20f, 0x1p-21f, 2.5f, 1e-30f, 0, -1, HUGE_VALF};
  for (std::uint32_t mantissa = 0; mantissa < 40; ++mantissa) {
    divisors.push_back(float_of(0x3f000000 + mantissa));
    divisors.push_back(float_of(0x3f7fffff - mantissa));
    divisors.push_back(float_of(0x3e000000 | static_cast<std::uint32_t>(random() & 0x7fffff)));
  }
  for (int step = 1; step < 40; ++step) {
    divisors.push_back(static_cast<float>(1 - std::pow(0.9, step)));
    divisors.push_back(std::sqrt(static_cast<float>(1 - std::pow(0.999, step))));
  }
  for (const float by : divisors) check(src, by);
}

// Each of them alone among usual numbers: zeros, subnormal and huge ones, infinities, NaN.
TEST(divide_both, special_numbers) {
  const float special[] = {0,       -0.0f,     0x1p-149f, -0x1p-126f, 0x1p-61f,         0x1p-60f,
                           0x1p99f, -0x1p100f, 0x1p127f,  HUGE_VALF,  std::nanf(""),    -HUGE_VALF,
                           1e-38f,  -1e-20f,   1e20f,     0x1p-59f,   0x1.fffffep+127f, 3};
  std::vector<float> src;
  for (const float each : special) {
    for (int i = 0; i < 16; ++i) src.push_back(i == 5 ? each : 1.1f * static_cast<float>(i));
    for (int i = 0; i < 16; ++i) src.push_back(each);
  }
  for (const float by : {1.0f, 0.3f, 0.001f, 1.9999999f, 1e-6f, 0x1p-130f}) check(src, by);
}

}  // namespace
