// SPDX-License-Identifier: MIT
// Loss scaling step by step; `unscale` against the definition, for every length, between guard pages.
#include <fewbits/training.hpp>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;

std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

void update(fb::loss_scaler& scaler, int good) {
  for (int i = 0; i < good; ++i) scaler.update(false);
}

TEST(LossScaler, GrowsAfter2000GoodSteps) {
  fb::loss_scaler scaler;
  EXPECT_EQ(scaler.scale(), 65536);
  update(scaler, 1999);
  EXPECT_EQ(scaler.scale(), 65536);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 131072);
  EXPECT_EQ(scaler.state().good_steps, 0);
  update(scaler, 2000);
  EXPECT_EQ(scaler.scale(), 262144);
}

TEST(LossScaler, HalvesAndCountsAgainAfterOverflow) {
  fb::loss_scaler scaler;
  update(scaler, 1999);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 32768);
  update(scaler, 1999);
  EXPECT_EQ(scaler.scale(), 32768);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 65536);
  for (int i = 0; i < 18; ++i) scaler.update(true);
  EXPECT_EQ(scaler.scale(), 0.25f);
}

TEST(LossScaler, GrowsToFiniteScalesOnly) {
  fb::loss_scaler scaler;
  scaler.set_scale(0x1p127f);
  update(scaler, 2000);
  EXPECT_EQ(scaler.scale(), 0x1p127f);
  EXPECT_EQ(scaler.state().good_steps, 0);
  fb::loss_scaler_state state = scaler.state();
  state.growth = 1.5f;
  scaler = fb::loss_scaler(state);
  update(scaler, 2000);
  EXPECT_EQ(scaler.scale(), 0x1.8p127f);
}

TEST(LossScaler, ContinuesFromItsState) {
  fb::loss_scaler first;
  update(first, 1500);
  fb::loss_scaler second(first.state());
  update(first, 500);
  update(second, 499);
  EXPECT_EQ(second.scale(), 65536);
  second.update(false);
  EXPECT_EQ(second.scale(), first.scale());
  EXPECT_EQ(second.scale(), 131072);
}

TEST(LossScaler, SettingTheScaleKeepsTheCount) {
  fb::loss_scaler scaler;
  update(scaler, 10);
  scaler.set_scale(3);
  EXPECT_EQ(scaler.state().good_steps, 10);
  update(scaler, 1990);
  EXPECT_EQ(scaler.scale(), 6);
}

TEST(LossScaler, ConstantScalesStay) {
  fb::loss_scaler scaler = fb::loss_scaler::constant(1024);
  scaler.update(true);
  update(scaler, 5000);
  EXPECT_EQ(scaler.scale(), 1024);
}

TEST(LossScaler, HysteresisForgivesBadSteps) {
  fb::loss_scaler scaler = fb::loss_scaler::with_hysteresis(3, 16384);
  update(scaler, 1999);
  scaler.update(true);
  EXPECT_EQ(scaler.state().good_steps, 0);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 65536);
  scaler.update(false);  // allows as many again
  scaler.update(true);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 65536);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 32768);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 16384);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 16384);
}

TEST(LossScaler, WorksAtCompileTime) {
  constexpr float after = [] {
    fb::loss_scaler scaler;
    scaler.update(true);
    return scaler.scale();
  }();
  static_assert(after == 32768);
}

/// The numbers 1 to 7, as codes of each format.
constexpr std::uint16_t half_codes[] = {0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700};
constexpr std::uint16_t bf16_codes[] = {0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0};
template <class Element>
Element number(int n) {
  if constexpr (std::is_same_v<Element, float>) {
    return static_cast<float>(n);
  } else {
    return Element::from_bits((std::is_same_v<Element, fb::fp16> ? half_codes : bf16_codes)[n - 1]);
  }
}

template <class Element, fb::isa Isa>
void check_unscale() {
  const guard_page::buffer in(1024), out(1024);
  for (std::size_t size = 0; size <= 49; ++size) {
    Element* const src = reinterpret_cast<Element*>(in.ending(size * sizeof(Element)));
    float* const dst = reinterpret_cast<float*>(out.ending(size * 4));
    for (std::size_t i = 0; i < size; ++i) src[i] = number<Element>(1 + static_cast<int>(i % 7));
    const fb::array_view<const Element> from(src, size);
    const fb::array_view<float> to(dst, size);
    EXPECT_FALSE((fb::unscale<Isa>(from, 1024, to)));
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_EQ(dst[i], static_cast<float>(1 + i % 7) / 1024) << size;
    for (std::size_t place = 0; place < size; ++place) {
      const Element before = src[place];
      for (const float special : {HUGE_VALF, -HUGE_VALF, std::nanf(""), -std::nanf("")}) {
        if constexpr (std::is_same_v<Element, float>) {
          src[place] = special;
        } else {
          src[place] = Element(special);
        }
        EXPECT_TRUE((fb::unscale<Isa>(from, 1024, to))) << size << " " << place;
        EXPECT_EQ(bits_of(dst[place]),
                  special == special ? bits_of(special) : std::uint32_t{0x7fc00000});
      }
      src[place] = before;
    }
  }
}

TEST(Unscale, FindsWhatIsNotFiniteAnywhere) {
  check_unscale<float, fb::native>();
  check_unscale<fb::fp16, fb::native>();
  check_unscale<fb::bf16, fb::native>();
  check_unscale<float, fb::generic>();
  check_unscale<fb::fp16, fb::generic>();
  check_unscale<fb::bf16, fb::generic>();
}

// Each of three tasks may find it.
TEST(Unscale, ExecutorsChangeNothing) {
  std::vector<fb::bf16> src(2 * 65536 + 300, fb::bf16{3.0f});
  const std::vector<float> want(src.size(), 1.5f);
  for (const runner::order how :
       {runner::order::forward, runner::order::reverse, runner::order::two_threads}) {
    const runner::executor executor(how);
    std::vector<float> dst(src.size());
    EXPECT_FALSE(fb::unscale(executor, src, 2, dst));
    EXPECT_EQ(dst, want);
    for (const std::size_t place : {std::size_t{0}, std::size_t{65536}, src.size() - 1}) {
      src[place] = fb::bf16{HUGE_VALF};
      EXPECT_TRUE(fb::unscale(executor, src, 2, dst));
      EXPECT_EQ(dst[place], HUGE_VALF);
      src[place] = fb::bf16{3.0f};
    }
  }
}

TEST(Unscale, IsOneProductRoundedOnce) {
  std::vector<float> src, want;
  const float scale = 3 * 0x1p20f;
  const double inverse = static_cast<double>(static_cast<float>(1 / static_cast<double>(scale)));
  for (std::uint32_t code = 1; code < 0x7f800000; code += 0x000f'1234) {
    float x;
    std::memcpy(&x, &code, sizeof(x));
    src.push_back(x);
    want.push_back(static_cast<float>(static_cast<double>(x) * inverse));  // exact, then rounded
  }
  std::vector<float> dst(src.size());
  const auto check = [&](const char* where) {
    for (std::size_t i = 0; i < src.size(); ++i)
      ASSERT_EQ(bits_of(dst[i]), bits_of(want[i])) << where << " " << i;
  };
  EXPECT_FALSE(fb::unscale(src, scale, dst));
  check("native");
  EXPECT_FALSE((fb::unscale<fb::generic>(src, scale, dst)));
  check("generic");
  {
    const environment::rounding_direction up(FE_UPWARD);
    const environment::flush_to_zero flush;
    (void)fb::unscale(src, scale, dst);
  }
  check("upward, flushed");
  {
    const environment::rounding_direction down(FE_DOWNWARD);
    const environment::flush_to_zero flush;
    (void)fb::unscale<fb::generic>(src, scale, dst);
  }
  check("generic, downward, flushed");
  dst = src;
  EXPECT_FALSE(fb::unscale(dst, scale, dst));
  check("in place");
}

// A state with more good steps than its interval asks for grows at once.
TEST(LossScaler, GoesOnFromAnyState) {
  fb::loss_scaler scaler(fb::loss_scaler_state{1024, 2, 0.5f, 0, 1000, 1, 1500, 1});
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 2048);
  EXPECT_EQ(scaler.state().good_steps, 0);
}

}  // namespace
