// SPDX-License-Identifier: MIT
// What affine quantization comes in: ranges of codes, granularities, offsets, roundings, classes of results. Against one
// oracle in double and 64-bit integers, on the native instruction set and in plain C++.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;
using fb::generic;
using fb::native;
using fb::rounding;
using int8 = std::int8_t;
using uint8 = std::uint8_t;
using codes = std::vector<int>;
using floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

double rounded(double x, rounding mode) {
  const double floor = std::floor(x), rest = x - floor;
  switch (mode) {
    case rounding::nearest_even:
      return rest > 0.5 || (rest == 0.5 && std::fmod(floor, 2) != 0) ? floor + 1 : floor;
    case rounding::nearest_away:
      return rest > 0.5 || (rest == 0.5 && x > 0) ? floor + 1 : floor;
    case rounding::toward_zero:
      return std::trunc(x);
    case rounding::toward_positive:
      return std::ceil(x);
    default:
      return floor;
  }
}

struct form {
  float scale;
  int zero_point;  // the code added to the quotient
  float minimum;   // subtracted first
  int lowest, highest;
};

/// The definition, with a division by the compiler. `x` is opaque so that -O3 does not fold it.
int code_of(float x, const form& of, rounding mode = rounding::nearest_even) {
  if (std::isnan(x)) x = 0;
  volatile float difference = x - of.minimum;
  volatile float quotient = difference / of.scale;
  if (std::isnan(quotient)) return of.zero_point;
  const double code = rounded(static_cast<double>(quotient), mode) + of.zero_point;
  return static_cast<int>(code < of.lowest ? of.lowest : code > of.highest ? of.highest : code);
}

std::uint64_t random_word() {
  static std::uint64_t state = 11;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return state >> 20;
}

/// Quotients all over the codes and beyond, many of them ties or next to one; some not finite.
floats numbers(std::size_t count, float scale, bool with_specials) {
  floats x(count);
  for (std::size_t i = 0; i < count; ++i) {
    const int half = static_cast<int>(random_word() % 700) - 350;
    x[i] = 0.5f * static_cast<float>(half) * scale;
    const std::uint32_t nudge = static_cast<std::uint32_t>(random_word() % 3) - 1;
    x[i] = __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, x[i]) + nudge);
    if (std::isnan(x[i])) x[i] = 0;
    if (with_specials && random_word() % 16 == 0) {
      const float specials[] = {not_a_number, -not_a_number, infinity, -infinity,
                                3e38f,        -3e38f,        -0.0f};
      x[i] = specials[random_word() % 7];
    }
  }
  return x;
}

float scale_number(std::size_t i) {
  const float scales[] = {1, 0.1f, 1e-3f, 0x1.fffffep-3f, 0x1.0002p3f, 3e-5f, 0x1.00002p0f, 7};
  return scales[i % 8] * static_cast<float>(1 + i / 8);
}

/// Every width of a row, native and generic, contiguous and strided: codes, then numbers.
template <class Code, class Granularity, bool HasMinimum>
void check_matrix(std::size_t rows, std::size_t cols, std::size_t gap, bool with_offsets,
                  bool with_specials) {
  using range = fb::detail::code_range<Code>;
  using element = typename range::type;
  const std::size_t count = Granularity::count(rows, cols), stride = cols + gap;
  floats scales(count), minima(count);
  std::vector<std::int32_t> zero_points(count);
  std::vector<form> forms(count);
  for (std::size_t i = 0; i < count; ++i) {
    scales[i] = scale_number(i + random_word() % 3);
    zero_points[i] = range::lowest +
                     static_cast<int>(random_word() % 1000) % (range::highest - range::lowest + 1);
    minima[i] = scales[i] * static_cast<float>(static_cast<int>(random_word() % 100) - 70) * 0.25f;
    forms[i] = {scales[i], with_offsets ? zero_points[i] : 0, 0, range::lowest, range::highest};
    if (HasMinimum) forms[i].minimum = minima[i];
    if (HasMinimum) forms[i].zero_point = range::lowest;
  }
  floats x(rows * stride);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      x[i * stride + j] = numbers(1, forms[Granularity::index(i, j, cols)].scale, with_specials)[0];
  const fb::matrix_view<const float> src(x.data(), rows, cols, stride);

  const auto check = [&](const auto& parameters) {
    std::vector<element> got(rows * stride), plain(rows * stride);
    fb::quantize(src, parameters, fb::matrix_view<element>(got.data(), rows, cols, stride));
    fb::quantize<generic>(src, parameters,
                          fb::matrix_view<element>(plain.data(), rows, cols, stride));
    floats back(rows * stride), plain_back(rows * stride);
    fb::dequantize(fb::matrix_view<const element>(got.data(), rows, cols, stride), parameters,
                   fb::matrix_view<float>(back.data(), rows, cols, stride));
    fb::dequantize<generic>(fb::matrix_view<const element>(got.data(), rows, cols, stride),
                            parameters,
                            fb::matrix_view<float>(plain_back.data(), rows, cols, stride));
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j) {
        const form& of = forms[Granularity::index(i, j, cols)];
        const std::size_t at = i * stride + j;
        ASSERT_EQ(static_cast<int>(got[at]), code_of(x[at], of))
            << "x " << x[at] << ", scale " << of.scale << ", zero point " << of.zero_point
            << ", minimum " << of.minimum << ", at " << i << ", " << j << " of " << cols;
        ASSERT_EQ(static_cast<int>(plain[at]), static_cast<int>(got[at]));
        volatile float product =
            of.scale * static_cast<float>(static_cast<int>(got[at]) - of.zero_point);
        volatile float sum = product + of.minimum;
        const float want = HasMinimum ? sum : product;
        ASSERT_EQ(back[at], want);
        ASSERT_EQ(std::memcmp(&back[at], &plain_back[at], 4), 0);
      }
    if constexpr (range::bits < 8) {
      // Packed, from within a byte on.
      std::vector<unsigned char> bytes(fb::packed_bytes<element>(rows * stride + 3), 0xa5);
      const fb::packed_matrix_view<element> packed(bytes.data(), rows, cols, stride, 3);
      fb::quantize(src, parameters, packed);
      floats from_packed(rows * cols);
      fb::dequantize(fb::packed_matrix_view<const element>(packed), parameters,
                     fb::matrix_view<float>(from_packed.data(), rows, cols));
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < cols; ++j) {
          ASSERT_EQ(static_cast<int>(packed.row(i)[j]), static_cast<int>(got[i * stride + j]));
          ASSERT_EQ(from_packed[i * cols + j], back[i * stride + j]);
        }
    }
  };
  if constexpr (HasMinimum) {
    if constexpr (std::is_same_v<Granularity, fb::per_tensor>) {
      check(fb::affine_minimum<Code>{scales[0], minima[0]});
    } else {
      check(fb::affine_minimum<Code, Granularity>{.scale = scales, .minimum = minima});
    }
  } else if constexpr (std::is_same_v<Granularity, fb::per_tensor>) {
    check(fb::affine<Code>{scales[0], with_offsets ? zero_points[0] : 0});
  } else if (with_offsets) {
    check(fb::affine<Code, Granularity>{.scale = scales, .zero_point = zero_points});
  } else {
    check(fb::affine<Code, Granularity>{.scale = scales});
  }
}

template <class Code, class Granularity, bool HasMinimum = false>
void check_form() {
  for (const bool with_offsets : {false, true})
    for (const bool with_specials : {false, true}) {
      if (HasMinimum && with_offsets) continue;
      for (const std::size_t cols :
           {1U,   2U,   15U,  16U,  17U,  31U,  32U,  33U,  63U,   64U,   65U,
            127U, 128U, 129U, 191U, 256U, 500U, 512U, 544U, 1024U, 1100U, 2500U})
        for (const std::size_t gap : {0U, 5U})
          check_matrix<Code, Granularity, HasMinimum>(3, cols, gap, with_offsets, with_specials);
    }
}

TEST(AffineForms, Int8) {
  check_form<int8, fb::per_tensor>();
  check_form<int8, fb::per_row>();
  check_form<int8, fb::per_group<32>>();
  check_form<int8, fb::per_group<64>>();
  check_form<int8, fb::per_group<16>>();
}
TEST(AffineForms, Uint8) {
  check_form<uint8, fb::per_row>();
  check_form<uint8, fb::per_group<128>>();
}
TEST(AffineForms, Restricted) {
  check_form<fb::restricted<int8>, fb::per_row>();
  check_form<fb::restricted<int8>, fb::per_tensor>();
  check_form<fb::restricted<fb::int4>, fb::per_group<32>>();
}
TEST(AffineForms, Int4) {
  check_form<fb::int4, fb::per_row>();
  check_form<fb::int4, fb::per_group<32>>();
  check_form<fb::uint4, fb::per_group<64>>();
  check_form<fb::int4, fb::per_group<7>>();
}
TEST(AffineForms, Int2) {
  check_form<fb::int2, fb::per_group<32>>();
  check_form<fb::uint2, fb::per_tensor>();
}
TEST(AffineForms, OtherWidths) {
  check_form<fb::basic_int<fb::formats::signed_int(5)>, fb::per_row>();
  check_form<fb::basic_int<fb::formats::unsigned_int(3)>, fb::per_group<32>>();
}
TEST(AffineForms, Minimum) {
  check_form<fb::uint4, fb::per_group<32>, true>();
  check_form<uint8, fb::per_row, true>();
  check_form<int8, fb::per_tensor, true>();
  check_form<fb::restricted<fb::int4>, fb::per_row, true>();
}

// Significands of scales around those whose reciprocal is not good enough, at every tie of the codes.
TEST(Affine, HasTheBitsOfTheDivisionForScalesNextToTheExceptions) {
  std::vector<std::uint32_t> significands;
  for (std::uint32_t low = 0; low <= 34; ++low)
    for (int i = 0; i < 3; ++i) {
      const std::uint32_t high = static_cast<std::uint32_t>(random_word() & 0x7f) << 16;
      significands.push_back(high + low);
      significands.push_back((high - low) & 0x7fffff);
    }
  for (const std::uint32_t significand : significands)
    for (const std::uint32_t exponent : {127U, 1U, 26U, 27U, 227U, 228U}) {
      const float scale = __builtin_bit_cast(float, exponent << 23 | significand);
      floats x;
      for (int half = -511; half <= 511; half += 2)
        for (std::uint32_t ulp = 0; ulp < 3; ++ulp)
          x.push_back(__builtin_bit_cast(
              float, __builtin_bit_cast(std::uint32_t, 0.5f * static_cast<float>(half) * scale) +
                         ulp - 1));
      for (const int zero_point : {-128, 0, 127}) {
        std::vector<int8> q(x.size());
        fb::quantize(x, fb::affine<int8>{scale, zero_point}, q);
        for (std::size_t i = 0; i < x.size(); ++i)
          ASSERT_EQ(q[i], code_of(x[i], {scale, zero_point, 0, -128, 127}))
              << x[i] << " / " << scale << ", zero point " << zero_point;
      }
    }
}

template <rounding Mode, class Code>
void check_rounding(int lowest, int highest) {
  for (const float scale : {1.0f, 0.1f, 3e-39f}) {
    const floats x = numbers(3000, scale, true);
    for (const int zero_point : {lowest, 0, highest}) {
      if (zero_point < lowest) continue;
      std::vector<Code> q(x.size());
      fb::quantize<fb::cast_policy{.round = Mode}>(x, fb::affine<Code>{scale, zero_point}, q);
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_EQ(static_cast<int>(q[i]),
                  code_of(x[i], {scale, zero_point, 0, lowest, highest}, Mode))
            << x[i] << " / " << scale;
    }
  }
}
TEST(Affine, RoundsAsAsked) {
  check_rounding<rounding::nearest_even, int8>(-128, 127);
  check_rounding<rounding::nearest_away, int8>(-128, 127);
  check_rounding<rounding::toward_zero, uint8>(0, 255);
  check_rounding<rounding::toward_positive, fb::int4>(-8, 7);
  check_rounding<rounding::toward_negative, int8>(-128, 127);
  std::vector<int8> q(6);
  fb::quantize<fb::cast_policy{.round = rounding::nearest_away}>(
      floats{0.5f, -0.5f, 2.5f, -2.5f, 0x1.fffffep-2f, 126.5f}, fb::affine<int8>{1, 0}, q);
  EXPECT_EQ(codes(q.begin(), q.end()), (codes{1, -1, 3, -3, 0, 127}));
}

TEST(RoundedInteger, StochasticGoesAwayFromZeroWithItsFraction) {
  const auto at = [](float x, std::uint32_t random) {
    return fb::detail::rounded_integer<rounding::stochastic>(x, random);
  };
  EXPECT_EQ(at(2.25f, 0xbfffffff), 2);
  EXPECT_EQ(at(2.25f, 0xc0000000), 3);
  EXPECT_EQ(at(-2.25f, 0xbfffffff), -2);
  EXPECT_EQ(at(-2.25f, 0xc0000000), -3);
  EXPECT_EQ(at(3, 0xffffffff), 3);
  EXPECT_EQ(at(0, 0xffffffff), 0);
  EXPECT_EQ(at(0x1p-32f, 0xffffffff), 1);
  EXPECT_EQ(at(0x1p-32f, 0xfffffffe), 0);
  EXPECT_EQ(at(0x1p-33f, 0xffffffff), 0);    // a tie: to even, 0
  EXPECT_EQ(at(0x1.8p-33f, 0xffffffff), 1);  // 3/4 of a unit
  EXPECT_EQ(at(0x1.8p-32f, 0xfffffffe), 1);  // 3/2: to even, 2
  EXPECT_EQ(at(0x1p-149f, 0xffffffff), 0);
  EXPECT_EQ(at(4194303.5f, 0x80000000), 4194304);
  EXPECT_EQ(at(4194303.5f, 0x7fffffff), 4194303);
}

// FP32 first, then the class of the result: two roundings.
template <class Real>
void check_result() {
  const std::size_t count = 2100;
  std::vector<int8> q(count);
  for (std::size_t i = 0; i < count; ++i) q[i] = static_cast<int8>(i * 37);
  const fb::affine<int8> parameters{0.0123f, 5};
  floats wide(count);
  std::vector<Real> got(count), plain(count);
  fb::dequantize(q, parameters, wide);
  fb::dequantize(q, parameters, got);
  fb::dequantize<generic>(q, parameters, plain);
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(got[i].bits(), fb::convert<Real>(wide[i]).bits());
    ASSERT_EQ(plain[i].bits(), got[i].bits());
  }
}
TEST(Dequantize, WritesNarrowFloats) {
  check_result<fb::fp16>();
  check_result<fb::bf16>();
  check_result<fb::fp8_e4m3>();
}

TEST(Affine, DoesNotDependOnTheEnvironment) {
  const floats x = numbers(1000, 3e-39f, true);
  const fb::affine<int8> parameters{3e-39f, 2};
  std::vector<int8> want(x.size()), got(x.size());
  fb::quantize(x, parameters, want);
  floats back(x.size()), back_then(x.size());
  fb::dequantize(want, parameters, back);
  const fb::affine<fb::uint4> range_then = fb::calibrate_minmax<fb::uint4>(x);
  const auto check = [&] {
    fb::quantize(x, parameters, got);
    fb::dequantize(want, parameters, back_then);
    EXPECT_EQ(want, got);
    EXPECT_EQ(std::memcmp(back.data(), back_then.data(), 4 * x.size()), 0);
    fb::quantize<generic>(x, parameters, got);
    fb::dequantize<generic>(want, parameters, back_then);
    EXPECT_EQ(want, got);
    EXPECT_EQ(std::memcmp(back.data(), back_then.data(), 4 * x.size()), 0);
    EXPECT_EQ(fb::calibrate_minmax<fb::uint4>(x).scale, range_then.scale);
  };
  {
    const environment::rounding_direction up(FE_UPWARD);
    check();
  }
  {
    const environment::flush_to_zero flush;
    check();
  }
}

TEST(Affine, StaysBetweenGuardPages) {
  const guard_page::buffer src_memory(8192), dst_memory(8192);
  for (std::size_t count = 0; count <= 200; ++count)
    for (const bool at_end : {true, false}) {
      float* const x =
          reinterpret_cast<float*>(at_end ? src_memory.ending(count * 4) : src_memory.begin());
      for (std::size_t i = 0; i < count; ++i) x[i] = 0.17f * static_cast<float>(i) - 5;
      floats scales(fb::per_group<32>::count(1, count), 0.1f);
      const std::size_t packed = fb::packed_bytes<fb::int4>(count);
      unsigned char* const bytes = at_end ? dst_memory.ending(packed) : dst_memory.begin();
      const fb::affine<fb::int4, fb::per_group<32>> parameters{.scale = scales};
      const fb::packed_matrix_view<fb::int4> q(bytes, 1, count);
      fb::quantize(fb::matrix_view<const float>(x, 1, count), parameters, q);
      (void)fb::calibrate_mse<fb::int4, fb::per_group<32>>(
          fb::matrix_view<const float>(x, 1, count), scales);
      (void)fb::calibrate_minimum<fb::int4>(fb::array_view<const float>(x, count));
      (void)fb::calibrate_percentile<fb::int4>(fb::array_view<const float>(x, count), 90);
      fb::dequantize(q, parameters, fb::matrix_view<float>(x, 1, count));
      // FP16 numbers at the other end.
      fb::fp16* const half =
          reinterpret_cast<fb::fp16*>(at_end ? src_memory.ending(count * 2) : src_memory.begin());
      fb::dequantize(q, parameters, fb::matrix_view<fb::fp16>(half, 1, count));
    }
}

// Calibration and codes in one call are those of two calls.
template <class Code, class Granularity>
void check_dynamic(std::size_t rows, std::size_t cols) {
  using element = typename fb::detail::code_range<Code>::type;
  const floats x = numbers(rows * cols, 0.3f, true);
  const fb::matrix_view<const float> src(x.data(), rows, cols);
  const std::size_t count = Granularity::count(rows, cols);
  floats scales(count, -1), want_scales(count);
  std::vector<std::int32_t> zero_points(count, -1), want_zero_points(count);
  std::vector<element> q(rows * cols), want(rows * cols);
  const fb::matrix_view<element> to(q.data(), rows, cols), to_want(want.data(), rows, cols);
  const auto same = [&] {
    EXPECT_EQ(scales, want_scales);
    for (std::size_t i = 0; i < q.size(); ++i)
      ASSERT_EQ(static_cast<int>(q[i]), static_cast<int>(want[i]));
  };
  const auto got = fb::quantize_absmax<Code, Granularity>(src, scales, to);
  EXPECT_EQ(got.scale.data(), scales.data());
  fb::quantize(src, fb::calibrate_absmax<Code, Granularity>(src, want_scales), to_want);
  same();
  (void)fb::quantize_minmax<Code, Granularity>(src, scales, zero_points, to);
  fb::quantize(src, fb::calibrate_minmax<Code, Granularity>(src, want_scales, want_zero_points),
               to_want);
  same();
  EXPECT_EQ(zero_points, want_zero_points);
}
TEST(Dynamic, IsCalibrationAndThenCodes) {
  check_dynamic<int8, fb::per_row>(5, 100);
  check_dynamic<uint8, fb::per_row>(3, 64);
  check_dynamic<fb::int4, fb::per_group<32>>(3, 80);
  check_dynamic<int8, fb::per_row>(4, 0);
  check_dynamic<int8, fb::per_row>(0, 10);
}

}  // namespace
