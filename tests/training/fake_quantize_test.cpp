// SPDX-License-Identifier: MIT
// Fake quantization against quantize and dequantize; masks and gradients of scales against their
// definitions by the compiler's doubles.
#include <fewbits/quantize.hpp>
#include <fewbits/training/scale_gradient.hpp>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;
using floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();

std::uint64_t random_word() {
  static std::uint64_t state = 7;
  state = state * 6364136223846793005U + 1442695040888963407U;
  return state >> 20;
}
float uniform() { return static_cast<float>(random_word() % 0x1000000) * 0x1p-23f - 1; }

struct matrix {
  std::size_t rows, cols;
  floats x;
  [[nodiscard]] fb::matrix_view<const float> view() const { return {x.data(), rows, cols}; }
  [[nodiscard]] fb::matrix_view<float> view() { return {x.data(), rows, cols}; }
};

/// Numbers around `reach` steps of the scale, ties and the ends often, and specials.
matrix numbers(std::size_t rows, std::size_t cols, float scale, float reach) {
  matrix m{rows, cols, floats(rows * cols)};
  const float specials[] = {not_a_number, -not_a_number, infinity, -infinity, largest, -largest, 0};
  for (float& x : m.x) {
    const float steps = reach * uniform();
    x = scale * (random_word() % 2 == 0 ? steps : std::nearbyint(steps) + 0.5f);
    if (random_word() % 16 == 0) x = specials[random_word() % 7];
  }
  return m;
}

bool same_bits(const floats& a, const floats& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), 4 * a.size()) == 0);
}

template <class Code>
constexpr bool is_float_code = fb::is_basic_float<Code>;

/// What the code of x is in units of the scale, whether it is clipped, and the quotient.
struct definition {
  bool is_number, is_inside;
  double slope;
};
template <class Code>
definition define(float x, float scale, std::int32_t zero_point) {
  volatile float quotient = x / scale;
  const float t = quotient;
  if (std::isnan(t)) return {false, false, 0};
  if constexpr (is_float_code<Code>) {
    const float last = static_cast<float>(std::numeric_limits<Code>::max());
    const float code = static_cast<float>(fb::convert<Code, fb::saturating>(t));
    const bool is_inside = std::fabs(t) <= last;
    return {
        true, is_inside,
        is_inside ? static_cast<double>(code) - static_cast<double>(t) : static_cast<double>(code)};
  } else {
    const double low = static_cast<double>(fb::detail::code_range<Code>::lowest) - zero_point;
    const double high = static_cast<double>(fb::detail::code_range<Code>::highest) - zero_point;
    const double rounded = std::nearbyint(static_cast<double>(t));
    if (rounded < low) return {true, false, low};
    if (rounded > high) return {true, false, high};
    return {true, true, rounded - static_cast<double>(t)};
  }
}

template <class Code, class Granularity>
void check(std::size_t rows, std::size_t cols, bool has_zero_point) {
  using element = typename fb::detail::code_range<Code>::type;
  const std::size_t count = Granularity::count(rows, cols);
  floats scales(count);
  std::vector<std::int32_t> zero_points(has_zero_point ? count : 0);
  for (float& scale : scales) scale = std::exp2(8 * uniform());
  for (std::int32_t& zero : zero_points)
    zero = fb::detail::code_range<Code>::lowest +
           static_cast<std::int32_t>(
               random_word() % static_cast<unsigned>(fb::detail::code_range<Code>::highest -
                                                     fb::detail::code_range<Code>::lowest + 1));
  fb::affine<Code, Granularity> p;
  if constexpr (std::is_same_v<Granularity, fb::per_tensor>) {
    p = {scales[0], has_zero_point ? zero_points[0] : 0};
  } else {
    p = {scales, zero_points};
  }
  const float reach =
      is_float_code<Code> ? 600.0f : 1.3f * (fb::detail::code_range<Code>::highest + 1);
  const matrix x = numbers(rows, cols, scales.empty() ? 1 : scales[0], reach);
  matrix up{rows, cols, floats(rows * cols)};
  for (float& g : up.x) g = uniform();

  std::vector<element> codes(rows * cols);
  matrix expected = up, found = up, plain = up;
  fb::quantize(x.view(), p, fb::matrix_view<element>(codes.data(), rows, cols));
  fb::dequantize(fb::matrix_view<const element>(codes.data(), rows, cols), p, expected.view());
  fb::fake_quantize(x.view(), p, found.view());
  fb::fake_quantize<fb::generic>(x.view(), p, plain.view());
  ASSERT_TRUE(same_bits(found.x, expected.x)) << rows << " x " << cols;
  ASSERT_TRUE(same_bits(plain.x, expected.x)) << rows << " x " << cols;
  matrix in_place = x;
  fb::fake_quantize(in_place.view(), p, in_place.view());
  ASSERT_TRUE(same_bits(in_place.x, expected.x)) << rows << " x " << cols;
  matrix hostile = up;
  {
    const environment::rounding_direction upward(FE_UPWARD);
    const environment::flush_to_zero flush;
    fb::fake_quantize(x.view(), p, hostile.view());
  }
  ASSERT_TRUE(same_bits(hostile.x, expected.x)) << rows << " x " << cols;

  std::vector<std::uint8_t> mask(rows * cols, 7);
  fb::straight_through_mask(x.view(), p, fb::matrix_view<std::uint8_t>(mask.data(), rows, cols));
  fb::straight_through(x.view(), p, up.view(), found.view());
  in_place = up;
  fb::straight_through(x.view(), p, in_place.view(), in_place.view());
  ASSERT_TRUE(same_bits(in_place.x, found.x)) << rows << " x " << cols;
  floats slopes(count), slopes_plain(count);
  fb::scale_gradient(x.view(), p, std::as_const(up).view(), slopes);
  fb::scale_gradient<fb::generic>(x.view(), p, std::as_const(up).view(), slopes_plain);
  ASSERT_TRUE(same_bits(slopes, slopes_plain));
  std::vector<double> sums(count), magnitudes(count);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const std::size_t at = i * cols + j, k = Granularity::index(i, j, cols);
      const definition d = define<Code>(x.x[at], scales[k], has_zero_point ? zero_points[k] : 0);
      ASSERT_EQ(mask[at], d.is_inside ? 1 : 0) << x.x[at] << " / " << scales[k];
      ASSERT_EQ(found.x[at], d.is_inside ? up.x[at] : 0.0f) << x.x[at];
      if (d.is_number) sums[k] += static_cast<double>(up.x[at]) * d.slope;
      if (d.is_number) magnitudes[k] += std::fabs(static_cast<double>(up.x[at]) * d.slope);
    }
  for (std::size_t k = 0; k < count; ++k)
    ASSERT_NEAR(static_cast<double>(slopes[k]), sums[k],
                0x1p-23 * std::fabs(sums[k]) + 1e-12 * magnitudes[k]);
}

template <class Code, class Granularity>
void check_lengths() {
  constexpr bool has_zeros = !is_float_code<Code>;
  for (std::size_t cols = 0; cols <= 49; ++cols)
    check<Code, Granularity>(2, cols, has_zeros && cols % 2 == 0);
  for (const unsigned cols : {64U, 100U, 128U, 255U, 256U, 2047U, 2048U, 2049U, 4200U})
    check<Code, Granularity>(3, cols, has_zeros && cols % 2 == 0);
}

template <class Code>
void check_all() {
  check_lengths<Code, fb::per_tensor>();
  check_lengths<Code, fb::per_row>();
  check_lengths<Code, fb::per_group<32>>();
}

TEST(fake_quantize, int8) { check_all<std::int8_t>(); }
TEST(fake_quantize, uint8) { check_all<std::uint8_t>(); }
TEST(fake_quantize, int4) { check_all<fb::int4>(); }
TEST(fake_quantize, int3) { check_lengths<fb::basic_int<fb::int_format{3}>, fb::per_group<7>>(); }
TEST(fake_quantize, int2) { check_lengths<fb::int2, fb::per_row>(); }
TEST(fake_quantize, int12) { check_lengths<fb::basic_int<fb::int_format{12}>, fb::per_row>(); }
TEST(fake_quantize, restricted) { check_lengths<fb::restricted<fb::int4>, fb::per_row>(); }
TEST(fake_quantize, fp8_e4m3) { check_all<fb::fp8_e4m3>(); }
TEST(fake_quantize, fp4) { check_lengths<fb::fp4_e2m1, fb::per_group<16>>(); }

TEST(fake_quantize, minima) {
  for (std::size_t count = 0; count < 70; ++count) {
    const matrix x = numbers(1, count, 0.25f, 12);
    const fb::affine_minimum<fb::uint4> p{0.25f, -1.75f};
    std::vector<fb::uint4> codes(count);
    floats expected(count), found(count);
    fb::quantize(x.x, p, codes);
    fb::dequantize(codes, p, expected);
    fb::fake_quantize(x.x, p, found);
    ASSERT_TRUE(same_bits(found, expected));
    std::vector<std::uint8_t> mask(count);
    fb::straight_through_mask(x.x, p, mask);
    for (std::size_t i = 0; i < count; ++i) {
      const float steps = std::nearbyint((x.x[i] + 1.75f) / 0.25f);
      ASSERT_EQ(mask[i], steps >= 0 && steps <= 15 ? 1 : 0) << x.x[i];
    }
  }
}

TEST(fake_quantize, other_classes) {
  const matrix x = numbers(1, 77, 0.1f, 150);
  const fb::affine<std::int8_t> p{0.1f, 0};
  std::vector<std::int8_t> codes(77);
  std::vector<fb::bf16> expected(77), found(77);
  fb::quantize(x.x, p, codes);
  fb::dequantize(codes, p, expected);
  fb::fake_quantize(x.x, p, found);
  for (std::size_t i = 0; i < 77; ++i) ASSERT_EQ(found[i].bits(), expected[i].bits());
}

TEST(fake_quantize, no_access_out_of_bounds) {
  guard_page::buffer in(400), gradients(400), out(400), masks(100);
  const fb::affine<fb::int4> p{0.5f, 1};
  for (std::size_t count = 0; count <= 100; ++count) {
    float* const x = reinterpret_cast<float*>(in.ending(4 * count));
    float* const g = reinterpret_cast<float*>(gradients.ending(4 * count));
    float* const y = reinterpret_cast<float*>(out.ending(4 * count));
    for (std::size_t i = 0; i < count; ++i) x[i] = 6 * uniform();
    for (std::size_t i = 0; i < count; ++i) g[i] = uniform();
    const fb::matrix_view<const float> src(x, 1, count), up(g, 1, count);
    fb::fake_quantize(src, p, fb::matrix_view<float>(y, 1, count));
    fb::straight_through(src, p, up, fb::matrix_view<float>(y, 1, count));
    fb::straight_through_mask(src, p, fb::matrix_view<std::uint8_t>(masks.ending(count), 1, count));
    float slope = 0;
    fb::scale_gradient(src, p, up, fb::array_view<float>(&slope, 1));
  }
}

TEST(fake_quantize, rows_with_gaps) {
  floats x(5 * 40, 3.7f), y(5 * 40, -1);
  fb::fake_quantize(fb::matrix_view<const float>(x.data(), 5, 33, 40), fb::affine<fb::int4>{1, 0},
                    fb::matrix_view<float>(y.data(), 5, 33, 40));
  for (std::size_t i = 0; i < 200; ++i) ASSERT_EQ(y[i], i % 40 < 33 ? 4.0f : -1.0f);
}

TEST(scale_gradient, what_is_not_a_number) {
  const fb::affine<std::int8_t> p{1, 0};
  const auto of = [&](const floats& x, const floats& g) {
    float slope = 1;
    fb::scale_gradient(fb::matrix_view<const float>(x.data(), 1, x.size()), p,
                       fb::matrix_view<const float>(g.data(), 1, x.size()),
                       fb::array_view<float>(&slope, 1));
    return slope;
  };
  EXPECT_EQ(of({}, {}), 0.0f);
  EXPECT_EQ(of({not_a_number, 0.75f}, {not_a_number, 2}), 0.5f);
  EXPECT_EQ(of({infinity, -infinity, 0.5f}, {1, 1, 1}), 127.0f - 128.0f - 0.5f);
  EXPECT_TRUE(std::isnan(of({0.75f}, {not_a_number})));
  EXPECT_EQ(of({0.75f, 1}, {infinity, 1}), infinity);
  EXPECT_EQ(of({300, 300}, {largest, largest}), infinity);
}

TEST(scale_gradient, factor) {
  EXPECT_EQ(fb::lsq_factor<std::uint8_t>(0), 0.0f);
  EXPECT_EQ(fb::lsq_factor<fb::int4>(7), 1.0f / 7);
  EXPECT_FLOAT_EQ(fb::lsq_factor<std::int8_t>(4096),
                  static_cast<float>(1 / std::sqrt(4096.0 * 127)));
}

}  // namespace
