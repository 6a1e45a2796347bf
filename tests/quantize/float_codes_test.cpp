// SPDX-License-Identifier: MIT
// Float codes with a scale, against a division by the compiler and the conversion of one number.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();

std::uint64_t random_word() {
  static std::uint64_t state = 5;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return state >> 20;
}

/// Quotients next to ties of the format, and any.
template <class Code>
floats numbers(std::size_t count, float scale, bool with_specials) {
  floats x(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = static_cast<typename Code::storage_type>(random_word());
    const float code = static_cast<float>(Code::from_bits(bits));
    const float next =
        static_cast<float>(Code::from_bits(static_cast<typename Code::storage_type>(bits + 1)));
    x[i] = scale * (code + (random_word() % 2 == 0 ? 0.5f * (next - code) : 0));
    if (!std::isfinite(x[i])) x[i] = scale;
    const std::uint32_t nudge = static_cast<std::uint32_t>(random_word() % 3) - 1;
    const float moved = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, x[i]) + nudge);
    if (std::isfinite(moved)) x[i] = moved;
    const float specials[] = {not_a_number, -not_a_number, infinity, -infinity, largest, -largest};
    if (with_specials && random_word() % 16 == 0) x[i] = specials[random_word() % 6];
  }
  return x;
}

template <class Code>
Code code_of(float x, float scale) {
  volatile float quotient = x / scale;
  return fb::convert<Code, fb::saturating>(static_cast<float>(quotient));
}

template <class Code, class Granularity>
void check(std::size_t rows, std::size_t cols, bool with_specials) {
  const std::size_t count = Granularity::count(rows, cols);
  floats scales(count), x(rows * cols);
  for (std::size_t i = 0; i < count; ++i) {
    // Any exponent, and significands next to those whose reciprocal is not good enough.
    const std::uint32_t exponent =
        i % 3 == 0 ? 20 + static_cast<std::uint32_t>(random_word() % 215) : 127;
    const std::uint32_t near =
        static_cast<std::uint32_t>(random_word() % 0x80 * 0x10000 + random_word() % 40);
    const std::uint32_t any = static_cast<std::uint32_t>(random_word() & 0x7fffff);
    scales[i] = __builtin_bit_cast(float, exponent << 23 | (i % 2 == 0 ? near : any));
  }
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      x[i * cols + j] = numbers<Code>(1, scales[Granularity::index(i, j, cols)], with_specials)[0];
  const fb::matrix_view<const float> src(x.data(), rows, cols);
  const fb::affine<Code, Granularity> parameters{.scale = scales};
  std::vector<Code> q(x.size()), plain(x.size());
  fb::quantize(src, parameters, fb::matrix_view<Code>(q.data(), rows, cols));
  fb::quantize<fb::generic>(src, parameters, fb::matrix_view<Code>(plain.data(), rows, cols));
  floats back(x.size());
  fb::dequantize(fb::matrix_view<const Code>(q.data(), rows, cols), parameters,
                 fb::matrix_view<float>(back.data(), rows, cols));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const std::size_t at = i * cols + j;
      const float scale = scales[Granularity::index(i, j, cols)];
      ASSERT_EQ(q[at].bits(), code_of<Code>(x[at], scale).bits()) << x[at] << " / " << scale;
      ASSERT_EQ(plain[at].bits(), q[at].bits()) << x[at] << " / " << scale;
      const float want = scale * static_cast<float>(q[at]);
      ASSERT_TRUE(back[at] == want || (std::isnan(back[at]) && std::isnan(want)));
    }
  if constexpr (Code::format.bits() < 8) {
    std::vector<unsigned char> bytes(fb::packed_bytes<Code>(x.size() + 1), 0x5a);
    const fb::packed_matrix_view<Code> packed(bytes.data(), rows, cols, cols, 1);
    fb::quantize(src, parameters, packed);
    floats from_packed(x.size());
    fb::dequantize(fb::packed_matrix_view<const Code>(packed), parameters,
                   fb::matrix_view<float>(from_packed.data(), rows, cols));
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j) {
        const Code got = packed.row(i)[j];
        ASSERT_EQ(got.bits(), q[i * cols + j].bits());
      }
    ASSERT_EQ(std::memcmp(from_packed.data(), back.data(), 4 * back.size()), 0);
  }
}

template <class Code>
void check_code() {
  for (const bool with_specials : {false, true})
    for (const std::size_t cols : {1U, 15U, 16U, 17U, 33U, 64U, 100U, 2500U}) {
      check<Code, fb::per_row>(4, cols, with_specials);
      check<Code, fb::per_group<32>>(2, cols, with_specials);
    }
}

TEST(FloatCodes, HaveTheBitsOfADivisionAndAConversion) {
  check_code<fb::fp8_e4m3>();
  check_code<fb::fp8_e5m2>();
  check_code<fb::fp6_e2m3>();
  check_code<fb::fp4_e2m1>();
  check_code<fb::bf16>();
  check_code<fb::fp16>();
}

TEST(FloatCodes, AreCalibratedToTheLargestOne) {
  EXPECT_EQ(fb::calibrate_absmax<fb::fp8_e4m3>(floats{1, -896, infinity}).scale, 2);
  EXPECT_EQ(fb::calibrate_absmax<fb::fp4_e2m1>(floats{-12, not_a_number}).scale, 2);
  EXPECT_EQ(fb::calibrate_absmax<fb::fp8_e5m2>(floats{0}).scale, 1);
  EXPECT_EQ(fb::calibrate_absmax<fb::fp8_e5m2>(floats{}).scale, 1);
  EXPECT_EQ(fb::calibrate_absmax<fb::fp8_e4m3>(floats{0x1p-149f}).scale, 0x1p-149f);
  for (const float amax : {largest, 3e38f, 0x1.fffffcp127f}) {
    const auto found = fb::calibrate_absmax<fb::fp8_e4m3>(floats{amax});
    EXPECT_TRUE(std::isfinite(448 * found.scale));
    EXPECT_NEAR(static_cast<double>(448 * found.scale), static_cast<double>(amax),
                static_cast<double>(amax) * 1e-6);
  }
  fb::calibration_report report;
  EXPECT_EQ(fb::calibrate_percentile<fb::fp8_e4m3>(floats{448, 1, -500, 2}, 75, &report).scale, 1);
  EXPECT_EQ(report.clipped, 1U);
  const floats x = {448, 1, -500, 2};
  float scale = 0;
  fb::fp8_e4m3 q[4];
  (void)fb::quantize_absmax<fb::fp8_e4m3>(fb::matrix_view<const float>(x.data(), 1, 4),
                                          fb::array_view<float>(&scale, 1),
                                          fb::matrix_view<fb::fp8_e4m3>(q, 1, 4));
  EXPECT_EQ(static_cast<float>(q[2]), -448);
}

TEST(FloatCodes, AreReported) {
  const floats x = {1, 1.0625f, 500, not_a_number};
  std::vector<fb::fp8_e4m3> q(4);
  const fb::affine<fb::fp8_e4m3> parameters{1, 0};
  fb::quantize(x, parameters, q);
  const fb::quantization_report got = fb::report_quantization(x, parameters, q);
  EXPECT_EQ(got.largest_error, 52);
  EXPECT_EQ(got.clipped, 1U);
  EXPECT_EQ(got.skipped, 1U);
  EXPECT_EQ(got.bits_per_weight, 16);
}

}  // namespace
