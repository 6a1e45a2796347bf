// SPDX-License-Identifier: MIT
// Scales of FP8 tensors: the rule of Transformer Engine, and data without an amax.
#include <fewbits/training/scaling.hpp>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"

namespace {

namespace fb = fewbits;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();
constexpr fb::scaling_policy powers{.power_of_two = true};
constexpr fb::scaling_policy newest{.amax = fb::amax_choice::most_recent};

TEST(scaling, amax_becomes_the_largest_code) {
  EXPECT_EQ(fb::scaling_from_amax<fb::fp8_forward>(448.0f).scale, 1.0f);
  EXPECT_EQ(fb::scaling_from_amax<fb::fp8_forward>(3.0f).scale, 3.0f / 448.0f);
  EXPECT_EQ(fb::scaling_from_amax<fb::fp8_backward>(3.0f).scale, 3.0f / 57344.0f);
  constexpr fb::scaling_policy room{.margin = 3};
  EXPECT_EQ((fb::scaling_from_amax<fb::fp8_forward, room>(448.0f).scale), 8.0f);
}

TEST(scaling, powers_of_two_are_rounded_up) {
  EXPECT_EQ((fb::scaling_from_amax<fb::fp8_forward, powers>(448.0f).scale), 1.0f);
  EXPECT_EQ((fb::scaling_from_amax<fb::fp8_forward, powers>(449.0f).scale), 2.0f);
  EXPECT_EQ((fb::scaling_from_amax<fb::fp8_forward, powers>(447.0f).scale), 1.0f);
  for (float amax = 0x1p-149f; amax < 0x1p127f; amax *= 1.37f + 0x1p-20f) {
    const float scale = fb::scaling_from_amax<fb::fp8_backward, powers>(amax).scale;
    int exponent = 0;
    ASSERT_EQ(std::frexp(scale, &exponent), 0.5f) << amax;
    ASSERT_LE(static_cast<double>(amax), 57344.0 * static_cast<double>(scale)) << amax;
    if (scale > 0x1p-148f) {
      ASSERT_GT(static_cast<double>(amax), 57344.0 * static_cast<double>(scale) / 2.001) << amax;
    }
    amax = std::nextafter(amax, infinity);
  }
}

TEST(scaling, the_ends_of_the_range_stay_finite) {
  constexpr fb::scaling_policy room{.margin = 126};
  const float scale = fb::scaling_from_amax<fb::fp8_forward, room>(largest).scale;
  EXPECT_LE(448.0 * static_cast<double>(scale), static_cast<double>(largest));
  constexpr fb::scaling_policy wide_powers{.power_of_two = true, .margin = 126};
  EXPECT_EQ((fb::scaling_from_amax<fb::fp8_forward, powers>(largest).scale), 0x1p119f);
  EXPECT_EQ((fb::scaling_from_amax<fb::fp8_backward, wide_powers>(largest).scale), 0x1p112f);
  EXPECT_EQ(fb::scaling_from_amax<fb::fp8_forward>(0x1p-149f).scale, 0x1p-149f);
}

TEST(scaling, without_an_amax_the_scale_stays) {
  const fb::affine<fb::fp8_forward> before{0.25f, 0};
  for (const float amax : {0.0f, -0.0f, -1.0f, infinity, -infinity, not_a_number, -not_a_number})
    EXPECT_EQ(fb::scaling_from_amax<fb::fp8_forward>(amax, before).scale, 0.25f) << amax;
}

TEST(scaling, current_scaling_skips_what_is_not_finite) {
  std::vector<float> x{1, not_a_number, -7, infinity, 2};
  EXPECT_EQ(fb::current_scaling<fb::fp8_forward>(x).scale, 7.0f / 448.0f);
  EXPECT_EQ((fb::current_scaling<fb::fp8_forward, powers>(x).scale), 0x1p-6f);
  x = {not_a_number, 0, -infinity};
  EXPECT_EQ(fb::current_scaling<fb::fp8_forward>(x).scale, 1.0f);
  x.clear();
  EXPECT_EQ(fb::current_scaling<fb::fp8_backward>(x).scale, 1.0f);
}

TEST(scaling, the_history_has_the_last_steps) {
  fb::amax_history<3> history{};
  fb::affine<fb::fp8_forward> now{1, 0};
  now = fb::delayed_scaling(history, now);
  EXPECT_EQ(now.scale, 1.0f);
  const float amax[] = {448, 896, 224, 112, 448};
  const float most[] = {448, 896, 896, 896, 448};
  for (int i = 0; i < 5; ++i) {
    fb::record(history, amax[i]);
    now = fb::delayed_scaling(history, now);
    EXPECT_EQ(now.scale, most[i] / 448) << i;
    EXPECT_EQ((fb::delayed_scaling<fb::fp8_forward, newest>(history, now).scale), amax[i] / 448);
  }
}

TEST(scaling, steps_without_an_amax_do_not_decide) {
  fb::amax_history<2> history{};
  const fb::affine<fb::fp8_backward> before{4, 0};
  fb::record(history, 57344.0f);
  fb::record(history, infinity);
  EXPECT_EQ(fb::delayed_scaling(history, before).scale, 1.0f);
  EXPECT_EQ((fb::delayed_scaling<fb::fp8_backward, newest>(history, before).scale), 4.0f);
  fb::record(history, not_a_number);
  EXPECT_EQ(fb::delayed_scaling(history, before).scale, 4.0f);
  const std::vector<float> gradient{not_a_number, -57344, infinity};
  fb::record(history, gradient);
  EXPECT_EQ(fb::delayed_scaling(history, before).scale, 1.0f);
}

TEST(scaling, what_exceeds_the_history_saturates) {
  fb::amax_history<4> history{};
  fb::record(history, 1.0f);
  const auto parameters = fb::delayed_scaling(history, fb::affine<fb::fp8_forward>{1, 0});
  const std::vector<float> x{1, 2, -3};
  std::vector<fb::fp8_forward> codes(3);
  fb::quantize(x, parameters, codes);
  EXPECT_EQ(static_cast<float>(codes[0]), 448.0f);
  EXPECT_EQ(static_cast<float>(codes[1]), 448.0f);
  EXPECT_EQ(static_cast<float>(codes[2]), -448.0f);
}

TEST(scaling, does_not_depend_on_the_environment) {
  fb::amax_history<2> history{};
  for (const float amax : {3.0f, 5.0f, 0x1.234p-130f, 7e37f}) {
    fb::record(history, amax);
    const float now = fb::scaling_from_amax<fb::fp8_forward>(amax).scale;
    const float later = fb::delayed_scaling(history, fb::affine<fb::fp8_forward>{1, 0}).scale;
    const environment::rounding_direction down(FE_DOWNWARD);
    const environment::flush_to_zero flush;
    const float again = fb::scaling_from_amax<fb::fp8_forward>(amax).scale;
    const float once_more = fb::delayed_scaling(history, fb::affine<fb::fp8_forward>{1, 0}).scale;
    EXPECT_EQ(std::memcmp(&now, &again, sizeof now), 0) << amax;
    EXPECT_EQ(std::memcmp(&later, &once_more, sizeof later), 0) << amax;
  }
}

}  // namespace
