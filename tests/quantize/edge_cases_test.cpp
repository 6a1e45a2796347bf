// SPDX-License-Identifier: MIT
// The cases in which quantizers break, each entry point with each: a row of the table is a tensor and what is to come of it.
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using int8 = std::int8_t;
using uint8 = std::uint8_t;
using floats = std::vector<float>;
using codes = std::vector<int>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();
constexpr float tiniest = 0x1p-149f;

/// Every rule of calibration, and codes and numbers by what it finds.
enum class rule { absmax, minmax, percentile, mse, minimum };
constexpr rule rules[] = {rule::absmax, rule::minmax, rule::percentile, rule::mse, rule::minimum};

struct result {
  float scale;
  int zero_point;
  codes q;
  floats back;
  fb::calibration_report report;
};

template <class Code, class Parameters>
void use(const floats& x, const Parameters& parameters, result& to) {
  std::vector<Code> q(x.size());
  fb::quantize(x, parameters, q);
  to.q.assign(q.begin(), q.end());
  to.back.resize(x.size());
  fb::dequantize(q, parameters, to.back);
}

template <class Code>
result run(rule by, const floats& x) {
  result to{1, 0, {}, {}, {0, 0, 0, 0, 0}};
  if (by == rule::minimum) {
    const fb::affine_minimum<Code> found = fb::calibrate_minimum<Code>(x);
    to.scale = found.scale;
    use<Code>(x, found, to);
    return to;
  }
  const fb::affine<Code> found = by == rule::absmax   ? fb::calibrate_absmax<Code>(x, &to.report)
                                 : by == rule::minmax ? fb::calibrate_minmax<Code>(x, &to.report)
                                 : by == rule::mse
                                     ? fb::calibrate_mse<Code>(x, &to.report)
                                     : fb::calibrate_percentile<Code>(x, 100, &to.report);
  to.scale = found.scale;
  to.zero_point = found.zero_point;
  use<Code>(x, found, to);
  return to;
}

std::string name_of(rule by) { return "rule " + std::to_string(static_cast<int>(by)); }

TEST(EdgeCases, AllZero) {
  for (const rule by : rules)
    for (const floats& x : {floats{0, 0, 0}, floats{-0.0f, 0, -0.0f}}) {
      const result got = run<int8>(by, x);
      EXPECT_EQ(got.scale, 1) << name_of(by);
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(got.q[i], got.q[0]);
        EXPECT_EQ(got.back[i], 0);
      }
      EXPECT_EQ(got.q[0], by == rule::minimum ? -128 : got.zero_point);
    }
}

TEST(EdgeCases, Empty) {
  for (const rule by : rules) {
    EXPECT_EQ(run<int8>(by, {}).scale, 1) << name_of(by);
    EXPECT_EQ(run<fb::uint4>(by, {}).scale, 1) << name_of(by);
  }
  // Rows without elements have scales; a matrix without rows has none.
  float scales[3] = {-1, -1, -1};
  (void)fb::calibrate_mse<int8, fb::per_row>(fb::matrix_view<const float>(nullptr, 3, 0), scales);
  EXPECT_EQ(floats(scales, scales + 3), (floats{1, 1, 1}));
  (void)fb::calibrate_absmax<int8, fb::per_group<32>>(fb::matrix_view<const float>(nullptr, 3, 0),
                                                      {});
  (void)fb::calibrate_minimum<int8, fb::per_row>(fb::matrix_view<const float>(nullptr, 0, 5), {},
                                                 {});
}

// With zero in the range, the constant is at an end of the codes, exact up to the rounding of the scale; without, exact.
TEST(EdgeCases, Constant) {
  for (const float c : {3.7f, -3.7f, 1e-40f, -3e38f, 0x1p-149f}) {
    const floats x(5, c);
    const result moved = run<uint8>(rule::minmax, x);
    EXPECT_EQ(moved.zero_point, c > 0 ? 0 : 255);
    const result symmetric = run<int8>(rule::absmax, x);
    const result least = run<int8>(rule::minimum, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      // A subnormal scale is rounded to a multiple of 2^-149.
      const double slack = std::fabs(static_cast<double>(c)) * 0x1p-23 + 0x1p-150 * 255;
      EXPECT_NEAR(static_cast<double>(moved.back[i]), static_cast<double>(c), slack);
      EXPECT_NEAR(static_cast<double>(symmetric.back[i]), static_cast<double>(c), slack);
      EXPECT_EQ(least.back[i], c);
    }
    EXPECT_EQ(least.scale, 1);
    if (std::fabs(c) > 1e-30f) {
      EXPECT_EQ(moved.q[0], c > 0 ? 255 : 0);
      EXPECT_EQ(symmetric.q[0], c > 0 ? 127 : -127);
    }
  }
}

TEST(EdgeCases, OneSided) {
  EXPECT_EQ(run<uint8>(rule::minmax, {1, 2, 5}).zero_point, 0);
  EXPECT_EQ(run<uint8>(rule::minmax, {-1, -2, -5}).zero_point, 255);
  EXPECT_EQ(run<int8>(rule::minmax, {1, 2, 5}).zero_point, -128);
  EXPECT_EQ(run<fb::int4>(rule::minmax, {-1, -5}).zero_point, 7);
}

// Skipped and counted in calibration, whichever comes first; NaN becomes the code of zero, infinities the end codes.
TEST(EdgeCases, NotFinite) {
  for (const rule by : rules) {
    const floats finite = {-4, 1, 2, 0.5f};
    const result want = run<int8>(by, finite);
    for (std::size_t place = 0; place <= finite.size(); ++place) {
      floats x = finite;
      const floats odd = {not_a_number, infinity, -infinity, -not_a_number};
      x.insert(x.begin() + static_cast<std::ptrdiff_t>(place), odd.begin(), odd.end());
      const result got = run<int8>(by, x);
      EXPECT_EQ(got.scale, want.scale) << name_of(by);
      EXPECT_EQ(got.zero_point, want.zero_point) << name_of(by);
      EXPECT_EQ(got.q[place + 1], 127);
      EXPECT_EQ(got.q[place + 2], -128);
      EXPECT_EQ(got.q[place], got.q[place + 3]);
      if (by == rule::minimum) {
        EXPECT_NEAR(static_cast<double>(got.back[place]), 0, 0.5 * static_cast<double>(got.scale));
      } else {
        EXPECT_EQ(got.q[place], got.zero_point);
        EXPECT_EQ(got.back[place], 0);
        EXPECT_EQ(got.report.skipped, 4U);
        EXPECT_EQ(got.report.count, x.size());
        EXPECT_EQ(got.report.low, -4);
        EXPECT_EQ(got.report.high, 2);
      }
      codes others = got.q;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(place),
                   others.begin() + static_cast<std::ptrdiff_t>(place) + 4);
      EXPECT_EQ(others, want.q);
    }
    const result none = run<int8>(by, {not_a_number, infinity, -infinity});
    EXPECT_EQ(none.scale, 1) << name_of(by);
    EXPECT_EQ(none.q[1], 127);
    EXPECT_EQ(none.q[2], -128);
  }
}

// x / scale far beyond any integer type.
TEST(EdgeCases, HugeQuotients) {
  for (const float scale : {1e-30f, tiniest, 0x1p-126f}) {
    const floats x(100, largest), negative(100, -largest);
    std::vector<int8> q(100);
    fb::quantize(x, fb::affine<int8>{scale, -3}, q);
    EXPECT_EQ(codes(q.begin(), q.end()), codes(100, 127));
    fb::quantize(negative, fb::affine<int8>{scale, -3}, q);
    EXPECT_EQ(codes(q.begin(), q.end()), codes(100, -128));
    std::vector<uint8> u(100);
    fb::quantize(x, fb::affine_minimum<uint8>{scale, -largest}, u);  // the difference is infinite
    EXPECT_EQ(codes(u.begin(), u.end()), codes(100, 255));
  }
}

// high - low is no float.
TEST(EdgeCases, RangesWiderThanTheFloats) {
  for (const rule by : rules) {
    const floats x = {-largest, -1e38f, 0, 1e38f, largest};
    const result got = run<uint8>(by, x);
    EXPECT_TRUE(std::isfinite(got.scale) && got.scale > 0) << name_of(by);
    for (const float each : got.back) EXPECT_TRUE(std::isfinite(each)) << name_of(by);
    if (by == rule::minmax) {
      EXPECT_EQ(got.back[2], 0);
    }
  }
  for (const float amax : {largest, 3e38f, 0x1p127f}) {
    const result got = run<int8>(rule::absmax, {amax, -amax, 0});
    EXPECT_EQ(got.q, (codes{127, -127, 0}));
    EXPECT_NEAR(static_cast<double>(got.back[0]), static_cast<double>(amax),
                static_cast<double>(amax) * 1e-6);
  }
}

// No floor on the scale: tensors that others round to nothing keep their codes.
TEST(EdgeCases, TinyTensors) {
  for (const float amax : {1e-5f, 1e-7f, 3e-8f, 1e-20f, 1e-37f, 0x1p-126f, 1e-40f}) {
    const floats x = {amax, -amax, 0.5f * amax, 0};
    for (const rule by : {rule::absmax, rule::percentile, rule::mse}) {
      const result got = run<fb::int4>(by, x);
      EXPECT_EQ(got.q[3], 0);
      for (std::size_t i = 0; i < x.size(); ++i)
        EXPECT_NEAR(static_cast<double>(got.back[i]), static_cast<double>(x[i]),
                    0.51 * static_cast<double>(got.scale) + 0x1p-149 * 7)
            << name_of(by) << ", amax " << amax;
    }
  }
  for (const rule by : rules) {
    const result got = run<int8>(by, {tiniest, -tiniest, 0, 2 * tiniest});
    EXPECT_EQ(got.back, (floats{tiniest, -tiniest, 0, 2 * tiniest})) << name_of(by);
  }
}

// The same codes for a tensor times a power of two, as long as that is exact.
template <class Code>
void check_equivariance(const floats& x) {
  for (const rule by : rules) {
    const result want = run<Code>(by, x);
    for (int power = -140; power <= 120; power += 4) {
      floats scaled;
      bool is_exact = true;
      for (const float each : x) {
        scaled.push_back(std::ldexp(each, power));
        is_exact &= std::isfinite(scaled.back()) && std::ldexp(scaled.back(), -power) == each;
      }
      const float scale = std::ldexp(want.scale, power);
      is_exact &= std::ldexp(scale, -power) == want.scale;
      if (!is_exact) continue;
      const result got = run<Code>(by, scaled);
      ASSERT_EQ(got.scale, scale) << name_of(by) << ", 2^" << power;
      ASSERT_EQ(got.q, want.q) << name_of(by) << ", 2^" << power;
    }
  }
}
TEST(EdgeCases, ScaleEquivariance) {
  floats fine, coarse;
  for (int i = 0; i < 500; ++i) fine.push_back(std::sin(static_cast<float>(i) * 1.7f) * 3);
  // Few bits, and an amax that is a code: exact down to 2^-140.
  for (int i = -127; i <= 127; ++i) coarse.push_back(static_cast<float>(i));
  check_equivariance<int8>(fine);
  check_equivariance<fb::int4>(fine);
  check_equivariance<uint8>(fine);
  check_equivariance<int8>(coarse);
  for (const int power : {-140, -130, -120, 0, 100, 120}) {
    floats scaled;
    for (const float each : coarse) scaled.push_back(std::ldexp(each, power));
    const result got = run<int8>(rule::absmax, scaled);
    EXPECT_EQ(got.scale, std::ldexp(1.0f, power));
    for (int i = -127; i <= 127; ++i) ASSERT_EQ(got.q[static_cast<std::size_t>(i + 127)], i);
    EXPECT_EQ(got.back, scaled);
  }
}

// The last group of a row is short, with a scale of its own.
TEST(EdgeCases, ShortLastGroup) {
  const floats x = {1, 2, 3, 4, 5, 6, 7, 100, 0.5f, 0.25f};
  float scales[4] = {};
  const auto found = fb::calibrate_absmax<int8, fb::per_group<4>>(
      fb::matrix_view<const float>(x.data(), 2, 5), scales);
  EXPECT_EQ(floats(scales, scales + 4),
            (floats{4.0f / 127, 5.0f / 127, 100.0f / 127, 0.25f / 127}));
  EXPECT_EQ(found.scale.size(), 4U);
}

TEST(Percentile, IsTheNearestRank) {
  floats x;
  for (int i = 1; i <= 200; ++i) x.push_back(static_cast<float>(i % 2 == 0 ? i : -i));
  const auto amax = [&](double percent) {
    return fb::calibrate_percentile<fb::int2>(x, percent).scale;  // the largest code is 1
  };
  EXPECT_EQ(amax(100), 200);
  EXPECT_EQ(amax(99.5), 199);
  EXPECT_EQ(amax(99.51), 200);
  EXPECT_EQ(amax(99), 198);
  EXPECT_EQ(amax(50), 100);
  EXPECT_EQ(amax(0.5), 1);
  EXPECT_EQ(amax(1e-9), 1);
  x.push_back(not_a_number);
  x.push_back(infinity);
  fb::calibration_report report;
  EXPECT_EQ(fb::calibrate_percentile<fb::int2>(x, 50, &report).scale, 100);
  EXPECT_EQ(report.skipped, 2U);
  // Beyond 1.5 steps, or 2.5 for the code -2, is clipped: 150..200, the even ones, and 251.. of the odd ones.
  EXPECT_EQ(report.clipped, 26U);
  EXPECT_EQ(report.high, 200);
  EXPECT_EQ(report.low, -199);
}

TEST(Percentile, IsThatOfASortedTensor) {
  std::uint64_t state = 9;
  floats x;
  for (int i = 0; i < 5000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const float each = __builtin_bit_cast(float, static_cast<std::uint32_t>(state >> 32));
    if (std::isfinite(each)) x.push_back(each);
  }
  floats sorted;
  for (const float each : x) sorted.push_back(std::fabs(each));
  std::sort(sorted.begin(), sorted.end());
  for (const double percent : {0.1, 3.0, 50.0, 77.7, 99.0}) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(percent * static_cast<double>(x.size()) / 100));
    EXPECT_EQ(fb::calibrate_percentile<fb::int2>(x, percent).scale, sorted[rank - 1]);
  }
}

// The candidate with the least error, by an exhaustive search in double.
TEST(Mse, FindsTheBestFractionOfAmax) {
  std::uint64_t state = 2;
  for (int round = 0; round < 50; ++round) {
    floats x;
    const std::size_t count = round % 2 == 0 ? 32 : 300;
    for (std::size_t i = 0; i < count; ++i) {
      double sum = 0;
      for (int k = 0; k < 6; ++k) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        sum += static_cast<double>(state >> 40) * 0x1p-24 - 0.5;
      }
      x.push_back(static_cast<float>(sum * sum * sum));
    }
    float amax = 0;
    for (const float each : x) amax = std::max(amax, std::fabs(each));
    const auto error = [&](double scale) {
      double total = 0;
      for (const float each : x) {
        const double code = std::nearbyint(static_cast<double>(each) / scale);
        const double rest = static_cast<double>(each) - scale * std::max(-8.0, std::min(7.0, code));
        total += rest * rest;
      }
      return total;
    };
    double least = HUGE_VAL;
    for (int k = count == 32 ? 17 : 1; k <= 32; ++k)
      least = std::min(least, error(static_cast<double>(amax) / 7 * k / 32));
    const float scale = fb::calibrate_mse<fb::int4>(x).scale;
    EXPECT_EQ(scale, (fb::calibrate_mse<fb::int4, fb::generic>(x).scale));
    EXPECT_LE(error(static_cast<double>(scale)), least * 1.003);
  }
}

TEST(Mse, SkipsWhatIsNotFiniteAndHonoursTheStride) {
  floats x(3 * 40, 1e30f);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 33; ++j) x[i * 40 + j] = std::sin(static_cast<float>(i * 33 + j));
  x[5] = infinity;
  x[41] = not_a_number;
  floats packed;
  for (std::size_t i = 0; i < 3; ++i)
    packed.insert(packed.end(), x.begin() + static_cast<std::ptrdiff_t>(i * 40),
                  x.begin() + static_cast<std::ptrdiff_t>(i * 40 + 33));
  const fb::matrix_view<const float> src(x.data(), 3, 33, 40);
  EXPECT_EQ((fb::calibrate_mse<fb::int4, fb::per_tensor>(src).scale),
            fb::calibrate_mse<fb::int4>(packed).scale);
  EXPECT_EQ((fb::calibrate_percentile<fb::int4, fb::per_tensor>(src, 90).scale),
            fb::calibrate_percentile<fb::int4>(packed, 90).scale);
  float least = largest;
  for (const float each : packed)
    if (std::isfinite(each)) least = std::min(least, each);
  EXPECT_EQ(fb::calibrate_minimum<fb::int4>(packed).minimum, least);
  const fb::affine_minimum<fb::int4> whole = fb::calibrate_minimum<fb::int4, fb::per_tensor>(src);
  EXPECT_EQ(whole.minimum, least);
  EXPECT_EQ(whole.scale, fb::calibrate_minimum<fb::int4>(packed).scale);
}

// Arrays are ranges, and `fp32` is `float`.
TEST(EdgeCases, TakeArraysAndFp32) {
  const float x[5] = {1, -2, 3, 0.5f, 0};
  fb::fp32 same[5], back[5];
  for (int i = 0; i < 5; ++i) same[i] = fb::fp32{x[i]};
  std::int8_t stored[5], wanted[5];
  const auto p = fb::calibrate_absmax<std::int8_t>(same);
  EXPECT_EQ(p.scale, fb::calibrate_absmax<std::int8_t>(x).scale);
  fb::quantize(same, p, stored);
  fb::quantize(x, p, wanted);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(stored[i], wanted[i]);
  fb::dequantize(stored, p, back);
  EXPECT_EQ(static_cast<float>(back[2]), 3.0f);
  fb::minmax_observer seen;
  seen.observe(same);
  EXPECT_EQ(seen.low(), -2.0f);
  EXPECT_GT(fb::report_quantization(same, p, stored).sqnr_db, 30);
}

}  // namespace
