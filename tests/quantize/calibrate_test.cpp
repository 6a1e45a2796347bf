// SPDX-License-Identifier: MIT
// Parameters from data: by hand, and for data that is empty, constant, tiny, huge or not finite.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;
using int8 = std::int8_t;
using uint8 = std::uint8_t;
using floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();
constexpr float smallest = 0x1p-149f;

template <class Code>
std::vector<int> quantized(const floats& x, const fb::affine<Code>& parameters) {
  std::vector<Code> q(x.size());
  fb::quantize(x, parameters, q);
  return std::vector<int>(q.begin(), q.end());
}

template <class Code>
void expect_parameters(const fb::affine<Code>& got, float scale, int zero_point) {
  EXPECT_EQ(got.scale, scale);
  EXPECT_EQ(got.zero_point, zero_point);
}

TEST(CalibrateAbsmax, DividesTheLargestMagnitudeByTheLargestCode) {
  expect_parameters(fb::calibrate_absmax<int8>(floats{0.5f, -2, 1}), 2.0f / 127, 0);
  expect_parameters(fb::calibrate_absmax<int8>(floats{-127}), 1, 0);
  expect_parameters(fb::calibrate_absmax<uint8>(floats{3, 1}), 3.0f / 255, 0);
  expect_parameters(fb::calibrate_absmax<fb::int4>(floats{3, -7}), 1, 0);
  expect_parameters(fb::calibrate_absmax<fb::int2>(floats{-3}), 3, 0);
  EXPECT_EQ(quantized(floats{2, -2, 1, 0}, fb::calibrate_absmax<int8>(floats{2, -2, 1, 0})),
            (std::vector<int>{127, -127, 64, 0}));
}

TEST(CalibrateAbsmax, SkipsWhatIsNotFinite) {
  const floats x = {infinity, 1, not_a_number, -4, -infinity, -not_a_number, 2};
  expect_parameters(fb::calibrate_absmax<int8>(x), 4.0f / 127, 0);
  expect_parameters(fb::calibrate_absmax<int8, fb::generic>(x), 4.0f / 127, 0);
  EXPECT_EQ(quantized(x, fb::calibrate_absmax<int8>(x)),
            (std::vector<int>{127, 32, 0, -127, -128, 0, 64}));
}

TEST(CalibrateAbsmax, GivesOneWhereNothingIsToBeScaled) {
  expect_parameters(fb::calibrate_absmax<int8>(floats{}), 1, 0);
  expect_parameters(fb::calibrate_absmax<int8>(floats{0, -0.0f}), 1, 0);
  expect_parameters(fb::calibrate_absmax<int8>(floats{not_a_number, infinity}), 1, 0);
}

TEST(CalibrateAbsmax, TakesTheEndsOfTheFloats) {
  // largest / 127 rounds up, and 127 times that would be infinite.
  expect_parameters(fb::calibrate_absmax<int8>(floats{-largest}),
                    std::nextafter(largest / 127, 0.0f), 0);
  expect_parameters(fb::calibrate_absmax<int8>(floats{smallest}), smallest, 0);
  expect_parameters(fb::calibrate_absmax<int8>(floats{-100 * smallest}), smallest, 0);
  EXPECT_EQ(quantized(floats{smallest, -smallest, 0}, fb::calibrate_absmax<int8>(floats{smallest})),
            (std::vector<int>{1, -1, 0}));
  EXPECT_EQ(quantized(floats{largest, -largest}, fb::calibrate_absmax<int8>(floats{largest})),
            (std::vector<int>{127, -127}));
}

TEST(CalibrateAbsmax, KeepsTheCodesOfATensorTimesAPowerOfTwo) {
  floats x, tiny, huge;
  for (int i = 0; i < 1000; ++i) {
    x.push_back(std::sin(static_cast<float>(i)) * 3);
    tiny.push_back(x.back() * 0x1p-100f);
    huge.push_back(x.back() * 0x1p100f);
  }
  const auto want = quantized(x, fb::calibrate_absmax<int8>(x));
  EXPECT_EQ(quantized(tiny, fb::calibrate_absmax<int8>(tiny)), want);
  EXPECT_EQ(quantized(huge, fb::calibrate_absmax<int8>(huge)), want);
  const auto shifted = quantized(x, fb::calibrate_minmax<uint8>(x));
  EXPECT_EQ(quantized(tiny, fb::calibrate_minmax<uint8>(tiny)), shifted);
  EXPECT_EQ(quantized(huge, fb::calibrate_minmax<uint8>(huge)), shifted);
}

TEST(CalibrateMinmax, MapsTheRangeToTheCodes) {
  // -1 / (4 / 255) is -63.75.
  expect_parameters(fb::calibrate_minmax<uint8>(floats{-1, 3, 0.5f}), 4.0f / 255, 64);
  expect_parameters(fb::calibrate_minmax<int8>(floats{-1, 3}), 4.0f / 255, -64);
  expect_parameters(fb::calibrate_minmax<fb::uint4>(floats{-5, 10}), 1, 5);
  expect_parameters(fb::calibrate_minmax<fb::int2>(floats{-1, 2}), 1, -1);
}

TEST(CalibrateMinmax, ExtendsTheRangeToHoldZero) {
  expect_parameters(fb::calibrate_minmax<uint8>(floats{2, 10}), 10.0f / 255, 0);
  expect_parameters(fb::calibrate_minmax<uint8>(floats{-10, -2}), 10.0f / 255, 255);
  expect_parameters(fb::calibrate_minmax<uint8>(floats{7, 7}), 7.0f / 255, 0);
  expect_parameters(fb::calibrate_minmax<int8>(floats{-7}), 7.0f / 255, 127);
}

TEST(CalibrateMinmax, DefinesEmptyZeroAndNotFiniteData) {
  for (const floats& x : {floats{}, floats{0, -0.0f}, floats{not_a_number, -infinity}}) {
    const fb::affine<uint8> found = fb::calibrate_minmax<uint8>(x);
    EXPECT_EQ(found.scale, 1);
    // Zero must be a code; which one is the definition of the zero point.
    EXPECT_EQ(quantized(floats{0}, found), (std::vector<int>{found.zero_point}));
  }
  const floats x = {-1, infinity, 3, not_a_number, -infinity};
  expect_parameters(fb::calibrate_minmax<uint8>(x), 4.0f / 255, 64);
  expect_parameters(fb::calibrate_minmax<uint8, fb::generic>(x), 4.0f / 255, 64);
}

/// The promises of the parameters, whatever the data.
template <class Code>
void expect_sound(const floats& x, int lowest, int highest) {
  const fb::affine<Code> found = fb::calibrate_minmax<Code>(x);
  EXPECT_TRUE(std::isfinite(found.scale) && found.scale > 0) << found.scale;
  EXPECT_GE(found.zero_point, lowest);
  EXPECT_LE(found.zero_point, highest);
  std::vector<Code> q(x.size());
  fb::quantize(x, found, q);
  floats back(x.size());
  fb::dequantize(q, found, back);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0) {
      EXPECT_EQ(back[i], 0);
    }
    // A scale that is subnormal is itself rounded, by up to half of the smallest float.
    const double slack = 0x1p-14 + 0x1p-150 / static_cast<double>(found.scale) * 256;
    EXPECT_LE(std::fabs(static_cast<double>(x[i]) - static_cast<double>(back[i])),
              static_cast<double>(found.scale) * (0.5 + slack))
        << x[i] << " -> " << back[i] << ", scale " << found.scale;
  }
}

TEST(CalibrateMinmax, KeepsZeroExactAndErrorsSmallForAnyRange) {
  for (const float low : {0.0f, -smallest, -77 * smallest, -1e-38f, -0.1f, -1.0f, -1e38f, -2e38f})
    for (const float high : {0.0f, smallest, 300 * smallest, 0.3f, 1.0f, 17.0f, 1e38f, 2e38f}) {
      const double width = static_cast<double>(high) - static_cast<double>(low);
      floats x = {low, 0, high};
      for (int i = 0; i <= 50; ++i)
        x.push_back(static_cast<float>(static_cast<double>(low) + width * i / 50));
      expect_sound<uint8>(x, 0, 255);
      expect_sound<int8>(x, -128, 127);
      expect_sound<fb::int4>(x, -8, 7);
    }
}

// The widths of these ranges are no floats, and the ends of the codes may lie beyond the floats.
TEST(CalibrateMinmax, GivesFiniteDataBackFinite) {
  const fb::affine<uint8> both = fb::calibrate_minmax<uint8>(floats{-largest, largest});
  EXPECT_EQ(both.scale, largest / 128);  // not 2 * largest / 255: code 0 is 128 steps from zero
  EXPECT_EQ(both.zero_point, 128);
  EXPECT_EQ(quantized(floats{-largest, 0, largest}, both), (std::vector<int>{0, 128, 255}));
  const fb::affine<int8> most = fb::calibrate_minmax<int8>(floats{-0.1f, largest});
  EXPECT_EQ(most.scale, largest / 255);
  EXPECT_EQ(quantized(floats{-0.1f, largest}, most), (std::vector<int>{-128, 127}));
  const fb::affine<int8> symmetric = fb::calibrate_absmax<int8>(floats{largest});
  EXPECT_EQ(quantized(floats{-largest, largest}, symmetric), (std::vector<int>{-127, 127}));
  EXPECT_LE(static_cast<double>(symmetric.scale) * 127, static_cast<double>(largest));
  EXPECT_GE(symmetric.scale, std::nextafter(largest / 127, 0.0f));
}

constexpr std::size_t rows = 2, cols = 7;
const float matrix[rows * cols] = {1, -2, 3, 4, 100, -8, 16, 0, 0, 0, not_a_number, -1, 2, 0.5f};

TEST(Calibrate, WritesOneScaleForEachRow) {
  float scales[rows] = {};
  const fb::matrix_view<const float> x(matrix, rows, cols);
  const auto found = fb::calibrate_absmax<int8, fb::per_row>(x, scales);
  EXPECT_EQ(found.scale.data(), scales);
  EXPECT_TRUE(found.zero_point.empty());
  EXPECT_EQ(floats(scales, scales + rows), (floats{100.0f / 127, 2.0f / 127}));
}

TEST(Calibrate, WritesOneScaleForEachGroup) {
  float scales[rows * 3] = {};
  std::int32_t zero_points[rows * 3] = {};
  const fb::matrix_view<const float> x(matrix, rows, cols);
  const auto found = fb::calibrate_absmax<fb::int4, fb::per_group<3>>(x, scales);
  EXPECT_EQ(found.scale.size(), 6U);
  EXPECT_EQ(floats(scales, scales + 6),
            (floats{3.0f / 7, 100.0f / 7, 16.0f / 7, 1, 2.0f / 7, 0.5f / 7}));
  const auto moved = fb::calibrate_minmax<uint8, fb::per_group<3>>(x, scales, zero_points);
  EXPECT_EQ(moved.zero_point.data(), zero_points);
  EXPECT_EQ(floats(scales, scales + 6),
            (floats{5.0f / 255, 108.0f / 255, 16.0f / 255, 1, 3.0f / 255, 0.5f / 255}));
  EXPECT_EQ(std::vector<std::int32_t>(zero_points, zero_points + 6),
            (std::vector<std::int32_t>{102, 19, 0, 0, 85, 0}));
}

TEST(Calibrate, HonoursTheStride) {
  const float strided[] = {1, 2, 1e9f, -3, 4, 1e9f};
  float scales[2] = {};
  (void)fb::calibrate_absmax<int8, fb::per_row>(fb::matrix_view<const float>(strided, 2, 2, 3),
                                                scales);
  EXPECT_EQ(floats(scales, scales + 2), (floats{2.0f / 127, 4.0f / 127}));
}

TEST(Calibrate, ReadsNothingBeyondItsData) {
  const guard_page::buffer memory(512);
  for (std::size_t count = 0; count <= 100; ++count) {
    float* const x = reinterpret_cast<float*>(memory.ending(count * sizeof(float)));
    for (std::size_t i = 0; i < count; ++i) x[i] = -static_cast<float>(i);
    const fb::array_view<const float> view(x, count);
    EXPECT_EQ(fb::calibrate_absmax<int8>(view).scale,
              count <= 1 ? 1 : static_cast<float>(count - 1) / 127);
    EXPECT_EQ((fb::calibrate_minmax<uint8, fb::generic>(view).scale),
              count <= 1 ? 1 : static_cast<float>(count - 1) / 255);
  }
}

}  // namespace
