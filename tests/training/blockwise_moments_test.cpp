// SPDX-License-Identifier: MIT
// Moments in 8 bits: the dynamic map, the nearest code by search, steps against plain loops, and that an
// optimizer with them gets where it should.
#include <fewbits/training.hpp>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"
#include "support/runner.hpp"
#include "training/optimizer_oracle.hpp"

namespace {

namespace fb = fewbits;
using namespace optimizer_oracle;

using bytes = std::vector<unsigned char>;

/// The map as its papers describe it: the middles of equal intervals of each decade.
std::vector<float> described_map(bool is_signed) {
  std::vector<double> all = {0, 1};
  for (int i = 0; i < 7; ++i) {
    const int intervals = (is_signed ? 1 : 2) << i;
    for (int j = 0; j < intervals; ++j) {
      const double from = 0.1 + 0.9 * j / intervals, to = 0.1 + 0.9 * (j + 1) / intervals;
      const double middle = (from + to) / 2 * std::pow(10.0, i - 6);
      all.push_back(middle);
      if (is_signed) all.push_back(-middle);
    }
  }
  std::sort(all.begin(), all.end());
  return {all.begin(), all.end()};
}

template <bool IsSigned>
void check_map() {
  const std::vector<float> want = described_map(IsSigned);
  ASSERT_EQ(want.size(), 256u);
  for (std::size_t i = 0; i < 256; ++i) {
    // The other way to compute them has other roundings.
    EXPECT_NEAR(fb::dynamic_map<IsSigned>[i], want[i], 1.2e-7f * std::fabs(want[i])) << i;
    EXPECT_TRUE(i == 0 || fb::dynamic_map<IsSigned>[i - 1] < fb::dynamic_map<IsSigned>[i]);
  }
}

TEST(BlockwiseMoments, CodesAreTheDynamicMap) {
  check_map<true>();
  check_map<false>();
  EXPECT_EQ(fb::dynamic_map<true>[127], 0);
  EXPECT_EQ(fb::dynamic_map<false>[0], 0);
  EXPECT_EQ(fb::dynamic_map<true>[128], 0.55e-6f);
  EXPECT_EQ(fb::dynamic_map<true>[0], -0.99296875f);  // -1 is no code
  EXPECT_EQ(fb::dynamic_map<true>[255], 1);
}

TEST(BlockwiseMoments, TakeAByteAndAScaleUnlessFew) {
  static_assert(fb::blockwise_moment_bytes(0) == 0 && fb::blockwise_moment_bytes(1) == 4);
  static_assert(fb::blockwise_moment_bytes(4095) == 4 * 4095);
  static_assert(fb::blockwise_moment_bytes(4096) == 4096 + 4 * 16);
  static_assert(fb::blockwise_moment_bytes(4097) == 4097 + 4 * 17);
  static_assert(fb::blockwise_moment_bytes(std::size_t{1} << 20) == 1'064'960);
}

const float* map_of(bool is_signed) {
  return is_signed ? fb::dynamic_map<true>.value : fb::dynamic_map<false>.value;
}

/// The nearest code, of two that nearest to zero. Doubles hold the sum of two neighbours exactly.
unsigned char nearest_code(float x, bool is_signed) {
  const float* const map = map_of(is_signed);
  const int zero = is_signed ? 127 : 0;
  if (!is_signed && std::signbit(x)) return 0;
  const double twice = 2 * std::fabs(static_cast<double>(x));
  int steps = 0;
  while (zero + steps < 255 && twice > static_cast<double>(map[zero + steps]) +
                                           static_cast<double>(map[zero + steps + 1]))
    ++steps;
  return static_cast<unsigned char>(std::signbit(x) ? zero - std::min(steps, zero) : zero + steps);
}

std::vector<float> decoded(const bytes& from, std::size_t count, bool is_signed) {
  std::vector<float> to(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (count < 4096) {
      std::memcpy(&to[i], &from[4 * i], 4);
    } else {
      float scale;
      std::memcpy(&scale, &from[count + i / 256 * 4], 4);
      to[i] = mul(map_of(is_signed)[from[i]], scale);
    }
  }
  return to;
}

bytes encoded(const std::vector<float>& from, bool is_signed) {
  const std::size_t count = from.size();
  bytes to(fb::blockwise_moment_bytes(count));
  for (std::size_t begin = 0; begin < count; begin += 256) {
    const std::size_t end = std::min(count, begin + 256);
    if (count < 4096) {
      for (std::size_t i = begin; i < end; ++i) {
        const float x = from[i] == from[i] ? from[i] : float_of(0x7fc00000);
        std::memcpy(&to[4 * i], &x, 4);
      }
      continue;
    }
    float scale = 0;
    bool is_special = false;
    for (std::size_t i = begin; i < end; ++i) {
      is_special = is_special || !std::isfinite(from[i]);
      scale = std::max(scale, std::fabs(from[i]));
    }
    if (is_special) scale = float_of(0x7fc00000);
    std::memcpy(&to[count + begin / 256 * 4], &scale, 4);
    for (std::size_t i = begin; i < end && !is_special; ++i)
      to[i] = nearest_code(scale == 0 ? from[i] : quotient(from[i], scale), is_signed);
  }
  return to;
}

/// What a step is at.
struct state {
  std::vector<float> w, g;
  bytes m, v;

  [[nodiscard]] std::size_t size() const { return w.size(); }
};

::testing::AssertionResult same(const state& got, const state& want) {
  for (std::size_t i = 0; i < want.size(); ++i)
    if (bits_of(got.w[i]) != bits_of(want.w[i]))
      return ::testing::AssertionFailure()
             << "weight " << i << " is " << got.w[i] << " instead of " << want.w[i];
  for (std::size_t i = 0; i < want.m.size(); ++i)
    if (got.m[i] != want.m[i] || got.v[i] != want.v[i])
      return ::testing::AssertionFailure()
             << "byte " << i << " of the moments is " << int{got.m[i]} << " and " << int{got.v[i]}
             << " instead of " << int{want.m[i]} << " and " << int{want.v[i]};
  return ::testing::AssertionSuccess();
}

/// Gradients over many decades, so that every code appears; some blocks of zeros, of subnormal numbers, and
/// if `special` with an infinity or a NaN.
state make(std::size_t size, std::uint64_t seed, bool special) {
  random_words random(seed);
  const auto number = [&](int lowest, int highest) {
    const auto exponent = static_cast<std::uint64_t>(127 + lowest) +
                          random.below(static_cast<std::uint64_t>(highest - lowest));
    return float_of(static_cast<std::uint32_t>((random() & 0x807fffff) | exponent << 23));
  };
  state all;
  std::vector<float> m(size), v(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t kind = i / 256 % 8;
    all.w.push_back(number(-6, 2));
    all.g.push_back(kind == 3 ? 0 : kind == 5 ? number(-70, -60) : number(-12, 2));
    m[i] = kind == 3 ? 0 : number(-22, 0) * (kind == 6 ? 0x1p-110f : 1);
    v[i] = kind == 3 ? 0 : std::fabs(number(-24, 0)) * (kind == 6 ? 0x1p-115f : 1);
    if (special && kind == 4 && random.below(300) == 0)
      all.g.back() = random.below(2) == 0 ? -HUGE_VALF : std::nanf("");
  }
  all.m = encoded(m, true);
  all.v = encoded(v, false);
  return all;
}

/// The step in plain loops.
state stepped(kind which, const state& from) {
  state to = from;
  std::vector<float> m = decoded(from.m, from.size(), true),
                     v = decoded(from.v, from.size(), false);
  for (std::size_t i = 0; i < from.size(); ++i) {
    numbers n{from.w[i], from.g[i], m[i], v[i], from.w[i]};
    reference(which, n);
    to.w[i] = n.c == n.c ? n.c : float_of(0x7fc00000);
    m[i] = n.m;
    v[i] = n.v;
  }
  to.m = encoded(m, true);
  if (which == kind::adamw) to.v = encoded(v, false);
  return to;
}

/// The step of the library, with every array at the end of its page.
template <fb::isa Isa, class Executor>
state library_step(kind which, const state& from, const Executor& executor) {
  const std::size_t size = from.size();
  const guard_page::buffer pages[4] = {guard_page::buffer(4 * size), guard_page::buffer(4 * size),
                                       guard_page::buffer(4 * size), guard_page::buffer(4 * size)};
  const auto place = [&](int i, const void* data, std::size_t count) {
    unsigned char* const at = pages[i].ending(count);
    if (count != 0) std::memcpy(at, data, count);
    return at;
  };
  float* const w = reinterpret_cast<float*>(place(0, from.w.data(), 4 * size));
  float* const g = reinterpret_cast<float*>(place(1, from.g.data(), 4 * size));
  const fb::array_view<unsigned char> m(place(2, from.m.data(), from.m.size()), from.m.size());
  const fb::array_view<unsigned char> v(place(3, from.v.data(), from.v.size()), from.v.size());
  const fb::array_view<float> weights(w, size);
  const fb::array_view<const float> gradients(g, size);
  const fb::blockwise_moments first(m, size), second(v, size);
  if (which == kind::adamw) {
    fb::adamw_step<Isa>(executor, weights, gradients, first, second,
                        fb::adam_options{rate, beta1, beta2, 1e-8, decay}, step);
  } else {
    fb::sgd_step<Isa>(executor, weights, gradients, first, fb::sgd_options{rate, momentum, decay});
  }
  state to = from;
  if (size == 0) return to;
  std::memcpy(to.w.data(), w, 4 * size);
  std::memcpy(to.m.data(), m.data(), to.m.size());
  std::memcpy(to.v.data(), v.data(), to.v.size());
  return to;
}

TEST(BlockwiseMoments, StepsAreThePlainLoops) {
  constexpr std::size_t sizes[] = {0, 1, 300, 4095, 4096, 4097, 4111, 4351, 4352, 4353, 4607, 6144};
  for (const std::size_t size : sizes)
    for (const kind which : {kind::adamw, kind::sgd_momentum})
      for (const bool special : {false, true}) {
        const state from = make(size, size + 1, special);
        const state want = stepped(which, from);
        const state got = library_step<fb::native>(which, from, fb::inline_executor{});
        EXPECT_TRUE(same(got, want)) << size << " " << static_cast<int>(which) << special;
        EXPECT_TRUE(same(library_step<fb::generic>(which, from, fb::inline_executor{}), want))
            << size;
        const environment::rounding_direction up(FE_UPWARD);
        const environment::flush_to_zero flush;
        EXPECT_TRUE(same(library_step<fb::native>(which, from, fb::inline_executor{}), want))
            << size;
      }
}

// A weight takes the word of its place, whatever block it is in; moments none.
TEST(BlockwiseMoments, WeightsMayBeRoundedStochastically) {
  constexpr std::size_t size = 65536 + 300;
  const fb::philox random{3, 6};
  const fb::sgd_options options{rate, momentum};
  const state from = make(size, 9, false);
  bytes m = from.m, sharp_m = from.m;
  std::vector<fb::bf16> w(size);
  std::vector<float> sharp(size);
  for (std::size_t i = 0; i < size; ++i) {
    w[i] = fb::bf16::from_bits(nearest_bf16(from.w[i]));
    sharp[i] = of_bf16(w[i].bits());
  }
  fb::sgd_step(sharp, from.g, fb::blockwise_moments(sharp_m, size), options);
  fb::sgd_step(w, from.g, fb::blockwise_moments(m, size), options, random);
  EXPECT_EQ(m, sharp_m);
  for (std::size_t i = 0; i < size; ++i)
    ASSERT_EQ(w[i].bits(), stochastic_bf16(sharp[i], random.word(i))) << i;
}

// Out of its range, beta2 = -1 turns v into -v.
TEST(BlockwiseMoments, SecondMomentsBelowZeroBecomeZero) {
  state of = make(4096, 10, false);
  of.g.assign(4096, 0.0f);
  fb::adamw_step(of.w, of.g, fb::blockwise_moments(of.m, 4096), fb::blockwise_moments(of.v, 4096),
                 fb::adam_options{.beta2 = -1}, 1);
  EXPECT_TRUE(std::all_of(of.v.begin(), of.v.begin() + 4096, [](int code) { return code == 0; }));
}

// The order of tasks, and threads, change nothing; three tasks.
TEST(BlockwiseMoments, ExecutorsChangeNothing) {
  const state from = make(2 * 65536 + 300, 5, true);
  const state want = library_step<fb::native>(kind::adamw, from, fb::inline_executor{});
  for (const runner::order how : {runner::order::reverse, runner::order::two_threads})
    EXPECT_TRUE(same(library_step<fb::native>(kind::adamw, from, runner::executor(how)), want));
}

// All floats near a bound between two codes, as the first moment of a step that leaves it as it is.
TEST(BlockwiseMoments, NearestCodeNearEveryBound) {
  std::vector<float> x;
  for (int i = 0; i < 255; ++i) {
    const float low = fb::dynamic_map<true>[static_cast<std::size_t>(i)];
    const float high = fb::dynamic_map<true>[static_cast<std::size_t>(i) + 1];
    float at = static_cast<float>((static_cast<double>(low) + static_cast<double>(high)) / 2);
    for (int j = 0; j < 8; ++j) at = std::nextafter(at, -1.0f);
    for (int j = 0; j < 16; ++j, at = std::nextafter(at, 1.0f)) x.push_back(at);
  }
  x.resize(4096 + 256, 0.0f);
  for (std::size_t i = 0; i < x.size(); i += 256) x[i] = 1;
  bytes m(fb::blockwise_moment_bytes(x.size()));
  std::vector<float> w(x.size());
  fb::sgd_step(w, x, fb::blockwise_moments(m, x.size()), fb::sgd_options{0.0, 1.0});
  EXPECT_EQ(m, encoded(x, true));
}

// The same steps times 2^-40 have the same codes: no scale is too small.
TEST(BlockwiseMoments, SmallTensorsKeepTheirDigits) {
  random_words random(8);
  std::vector<float> g(4096), small(4096), w(4096);
  for (std::size_t i = 0; i < g.size(); ++i) {
    g[i] = static_cast<float>(random() >> 40) * 0x1p-24f - 0.5f;
    small[i] = g[i] * 0x1p-40f;
  }
  bytes m(fb::blockwise_moment_bytes(g.size())), v = m, small_m = m, small_v = m;
  fb::adamw_step(w, g, fb::blockwise_moments(m, 4096), fb::blockwise_moments(v, 4096),
                 fb::adam_options{}, 1);
  fb::adamw_step(w, small, fb::blockwise_moments(small_m, 4096),
                 fb::blockwise_moments(small_v, 4096), fb::adam_options{}, 1);
  EXPECT_TRUE(std::equal(m.begin(), m.begin() + 4096, small_m.begin()));
  EXPECT_TRUE(std::equal(v.begin(), v.begin() + 4096, small_v.begin()));
}

/// A linear model of 64 x 64 weights that learns another one from its noisy answers, by AdamW.
class regression {
 public:
  static constexpr std::size_t side = 64, batch = 16;

  regression() : truth_(side * side), weights_(side * side) {
    for (float& x : truth_) x = uniform();
  }
  /// The mean square error of 200 steps' last 20; `update(weights, gradient, number)` is a step.
  template <class Update>
  double train(Update update) {
    double late = 0;
    for (std::uint64_t number = 1; number <= 200; ++number) {
      std::vector<float> gradient(side * side);
      const double loss = add_gradient(gradient);
      update(weights_, gradient, number);
      if (number > 180) late += loss / 20;
    }
    return late;
  }

 private:
  float uniform() { return static_cast<float>(random_() >> 40) * 0x1p-23f - 1; }
  double add_gradient(std::vector<float>& gradient) {
    double loss = 0;
    for (std::size_t b = 0; b < batch; ++b) {
      float x[side];
      for (float& each : x) each = uniform();
      for (std::size_t i = 0; i < side; ++i) {
        float error = 0.1f * uniform();
        for (std::size_t j = 0; j < side; ++j)
          error += (weights_[i * side + j] - truth_[i * side + j]) * x[j];
        loss += static_cast<double>(error * error) / (batch * side);
        for (std::size_t j = 0; j < side; ++j) gradient[i * side + j] += error * x[j] / batch;
      }
    }
    return loss;
  }

  random_words random_{77};
  std::vector<float> truth_, weights_;
};

TEST(BlockwiseMoments, LearnAsWellAsFp32) {
  const fb::adam_options options{.learning_rate = 0.02};
  std::vector<float> m(4096), v(4096);
  const double sharp = regression().train([&](auto& w, const auto& g, std::uint64_t number) {
    fb::adamw_step(w, g, m, v, options, number);
  });
  bytes m8(fb::blockwise_moment_bytes(4096)), v8 = m8;
  const double blurred = regression().train([&](auto& w, const auto& g, std::uint64_t number) {
    fb::adamw_step(w, g, fb::blockwise_moments(m8, 4096), fb::blockwise_moments(v8, 4096), options,
                   number);
  });
  const double untrained = regression().train([](auto&, const auto&, std::uint64_t) {});
  EXPECT_LT(sharp, untrained / 1000);
  EXPECT_NEAR(blurred, sharp, 0.02 * sharp);
}

}  // namespace
