// SPDX-License-Identifier: MIT
// The report by hand, and the quality that the issue asks for.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using int8 = std::int8_t;
using floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

TEST(Report, CountsAndMeasures) {
  // Codes 4, -3, 7 (clipped from 9), -8 (clipped from -20), and two that are skipped.
  const floats x = {4, -3.25f, 9, -20, not_a_number, infinity};
  const fb::affine<fb::int4> parameters{1, 0};
  std::vector<fb::int4> q(x.size());
  fb::quantize(x, parameters, q);
  const fb::quantization_report got = fb::report_quantization(x, parameters, q);
  EXPECT_EQ(got.count, 6U);
  EXPECT_EQ(got.skipped, 2U);
  EXPECT_EQ(got.clipped, 2U);
  EXPECT_EQ(got.largest_error, 12);
  const double signal = 16 + 3.25 * 3.25 + 81 + 400, noise = 0.0625 + 4 + 144;
  EXPECT_NEAR(got.sqnr_db, 10 * std::log10(signal / noise), 1e-12);
  const double product = 16 + 3.25 * 3 + 9 * 7 + 20 * 8, back = 16 + 9 + 49 + 64;
  EXPECT_NEAR(got.cosine, product / std::sqrt(signal * back), 1e-15);
  EXPECT_NEAR(got.bits_per_weight, 4 + 32.0 / 6, 1e-15);
}

TEST(Report, DefinesZeroAndPerfectTensors) {
  const fb::affine<int8> parameters{0.5f, 0};
  const floats zeros = {0, 0}, halves = {0.5f, -1};
  std::vector<int8> q = {0, 0};
  fb::quantization_report got = fb::report_quantization(zeros, parameters, q);
  EXPECT_EQ(got.sqnr_db, infinity);
  EXPECT_EQ(got.cosine, 1);
  q = {1, -2};
  EXPECT_EQ(fb::report_quantization(halves, parameters, q).sqnr_db, infinity);
  EXPECT_EQ(fb::report_quantization(halves, parameters, q).largest_error, 0);
  EXPECT_NEAR(fb::report_quantization(halves, parameters, q).cosine, 1, 1e-15);
  got = fb::report_quantization(zeros, parameters, q);
  EXPECT_EQ(got.sqnr_db, -infinity);
  EXPECT_EQ(got.cosine, 0);
  const std::vector<int8> none;
  got = fb::report_quantization(floats{}, parameters, none);
  EXPECT_EQ(got.count, 0U);
  EXPECT_EQ(got.bits_per_weight, 0);
  got = fb::compare_with_original(halves, zeros, 8);
  EXPECT_EQ(got.cosine, 0);
  EXPECT_EQ(got.sqnr_db, 0);
  EXPECT_EQ(got.bits_per_weight, 8);
}

// The last half step before the end rounds to the end: not clipped.
TEST(Report, CountsAsClippedWhatRoundsBeyondTheCodes) {
  const floats x = {7.5f, 7.49f, -8.5f, -8.51f, 8, -9, 1e30f};
  const fb::affine<fb::int4> parameters{1, 0};
  std::vector<fb::int4> q(x.size());
  // 7.5 is a tie that goes to 8, -8.5 one that goes to -8.
  EXPECT_EQ(fb::report_quantization(x, parameters, q).clipped, 5U);
  const fb::affine<fb::restricted<fb::int4>> narrow{1, 0};
  EXPECT_EQ(fb::report_quantization(x, narrow, q).clipped, 6U);
  const fb::affine<fb::uint4> moved{1, 8};
  std::vector<fb::uint4> u(x.size());
  EXPECT_EQ(fb::report_quantization(x, moved, u).clipped, 5U);
}

TEST(Report, CountsTheBitsOfScales) {
  const std::size_t rows = 4, cols = 64;
  const floats x(rows * cols, 1);
  floats scales(rows * 2), minima(rows * 2);
  std::vector<std::int32_t> zero_points(rows * 2);
  const fb::matrix_view<const float> src(x.data(), rows, cols);
  std::vector<unsigned char> bytes(rows * cols / 2);
  const fb::packed_matrix_view<fb::uint4> q(bytes.data(), rows, cols);
  using group = fb::per_group<32>;
  const auto symmetric = fb::calibrate_absmax<fb::uint4, group>(src, scales);
  EXPECT_EQ(fb::report_quantization(src, symmetric, q).bits_per_weight, 5);
  const auto moved = fb::calibrate_minmax<fb::uint4, group>(src, scales, zero_points);
  EXPECT_EQ(fb::report_quantization(src, moved, q).bits_per_weight, 6);
  const auto with_minimum = fb::calibrate_minimum<fb::uint4, group>(src, scales, minima);
  EXPECT_EQ(fb::report_quantization(src, with_minimum, q).bits_per_weight, 6);
}

constexpr std::size_t rows = 32, cols = 1024;

floats gaussian() {
  std::mt19937 engine(5);
  std::normal_distribution<float> normal;
  floats x(rows * cols);
  for (float& each : x) each = normal(engine);
  return x;
}

TEST(Quality, Int8PerRowKeeps39Decibels) {
  const floats x = gaussian();
  const fb::matrix_view<const float> src(x.data(), rows, cols);
  floats scales(rows);
  std::vector<int8> q(x.size());
  const fb::matrix_view<int8> codes(q.data(), rows, cols);
  const auto absmax = fb::quantize_absmax<int8>(src, scales, codes);
  EXPECT_GE(fb::report_quantization(src, absmax, codes).sqnr_db, 39);
  const auto mse = fb::calibrate_mse<int8, fb::per_row>(src, scales);
  fb::quantize(src, mse, codes);
  EXPECT_GE(fb::report_quantization(src, mse, codes).sqnr_db, 39);
}

TEST(Quality, Int4InGroupsOf32Keeps21Decibels) {
  const floats x = gaussian();
  const fb::matrix_view<const float> src(x.data(), rows, cols);
  floats scales(rows * cols / 32);
  std::vector<unsigned char> bytes(rows * cols / 2);
  const fb::packed_matrix_view<fb::int4> codes(bytes.data(), rows, cols);
  const auto absmax = fb::quantize_absmax<fb::int4, fb::per_group<32>>(src, scales, codes);
  const double before = fb::report_quantization(src, absmax, codes).sqnr_db;
  fb::calibration_report report;
  const auto mse = fb::calibrate_mse<fb::int4, fb::per_group<32>>(src, scales, &report);
  fb::quantize(src, mse, codes);
  const fb::quantization_report after = fb::report_quantization(src, mse, codes);
  EXPECT_GE(after.sqnr_db, 21);
  EXPECT_GE(after.sqnr_db, before + 0.5);
  EXPECT_EQ(after.bits_per_weight, 5);
  EXPECT_EQ(after.clipped, report.clipped);
  EXPECT_GT(after.clipped, 0U);
}

}  // namespace
