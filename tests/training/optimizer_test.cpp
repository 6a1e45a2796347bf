// SPDX-License-Identifier: MIT
// Optimizer steps against the formulas one operation at a time, for every length, between guard pages, in
// every storage.
#include <fewbits/training.hpp>

#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
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

template <fb::isa Isa, class Weights, class Gradients, class First, class Second, class... Random>
void run(kind which, Weights&& weights, const Gradients& g, First&& m, Second&& v,
         const Random&... random) {
  const fb::adam_options adam{rate, beta1, beta2, 1e-8, decay};
  const double some = which == kind::sgd ? 0 : momentum;
  const fb::sgd_options sgd{rate, some, decay, which == kind::nesterov};
  switch (which) {
    case kind::sgd:
      return fb::sgd_step<Isa>(weights, g, sgd, random...);
    case kind::adam:
      return fb::adam_step<Isa>(weights, g, m, v, adam, step, random...);
    case kind::adamw:
      return fb::adamw_step<Isa>(weights, g, m, v, adam, step, random...);
    default:
      return fb::sgd_step<Isa>(weights, g, m, sgd, random...);
  }
}

constexpr kind kinds[] = {kind::sgd, kind::sgd_momentum, kind::nesterov, kind::adam, kind::adamw};
constexpr std::size_t most = 80;

/// Numbers of every kind: ordinary, subnormal, and now and then a special one, as FP32 and as BF16.
std::vector<numbers> make(std::size_t size, std::uint64_t seed, bool special) {
  random_words random(seed);
  const auto number = [&](int low, int high) {
    const std::uint32_t exponent = static_cast<std::uint32_t>(
        127 + low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low))));
    float x = float_of(static_cast<std::uint32_t>(random() & 0x807f0000) | exponent << 23);
    if (special && random.below(9) == 0) {
      const float some[] = {
          HUGE_VALF, -HUGE_VALF,           std::nanf(""),        0.0f,
          -0.0f,     float_of(0x00010000), float_of(0x80430000), float_of(0x7f7f0000)};
      x = some[random.below(8)];
    }
    return x;
  };
  std::vector<numbers> all(size);
  for (numbers& n : all) {
    n = {number(-8, 4), number(-20, 2), number(-20, 2), number(-30, 2), number(-24, -18)};
    if (!special) n.v = std::fabs(n.v);
  }
  return all;
}

template <class Element>
std::uint16_t nearest(float x) {
  return std::is_same_v<Element, fb::fp16> ? nearest_fp16(x) : nearest_bf16(x);
}
template <class Element>
float value(std::uint16_t code) {
  return std::is_same_v<Element, fb::fp16> ? of_fp16(code) : of_bf16(code);
}

/// Arrays that end at guard pages.
template <class Element>
class guarded {
 public:
  explicit guarded(std::size_t size)
      : memory_(most * 4),
        view_(reinterpret_cast<Element*>(memory_.ending(size * sizeof(Element))), size) {}
  /// What is stored of x.
  float set(std::size_t i, float x) {
    if constexpr (sizeof(Element) == 4) {
      view_[i] = x;
      return x;
    } else {
      view_[i] = Element::from_bits(nearest<Element>(x));
      return value<Element>(view_[i].bits());
    }
  }
  std::uint32_t operator[](std::size_t i) const {
    if constexpr (sizeof(Element) == 4) {
      return bits_of(view_[i]);
    } else {
      return view_[i].bits();
    }
  }
  fb::array_view<Element>& view() { return view_; }

 private:
  guard_page::buffer memory_;
  fb::array_view<Element> view_;
};

template <class Element>
std::uint32_t kept(float x) {
  if constexpr (sizeof(Element) == 4) return x == x ? bits_of(x) : 0x7fc00000;
  return nearest<Element>(x);
}
template <class Element>
std::uint32_t kept(float x, std::uint32_t word) {
  if constexpr (sizeof(Element) == 4) return kept<Element>(x);
  return stochastic_bf16(x, word);
}

/// Weights in FP32 with copies in 16 bits.
template <fb::isa Isa, class Copy, class Gradient, class First, class Second>
void check_master(kind which, std::size_t size, bool special) {
  std::vector<numbers> all = make(size, 3 * size + 1, special);
  guarded<float> w(size);
  guarded<Copy> copy(size);
  guarded<Gradient> g(size);
  guarded<First> m(size);
  guarded<Second> v(size);
  for (std::size_t i = 0; i < size; ++i) {
    all[i].w = w.set(i, all[i].w);
    all[i].g = g.set(i, all[i].g);
    all[i].m = m.set(i, all[i].m);
    all[i].v = v.set(i, all[i].v);
  }
  run<Isa>(which, fb::master_weights(w.view(), copy.view()), g.view(), m.view(), v.view());
  for (std::size_t i = 0; i < size; ++i) {
    numbers n = all[i];
    n.c = n.w;
    reference(which, n);
    ASSERT_EQ(w[i], kept<float>(n.c)) << size << " " << i << " kind " << static_cast<int>(which);
    ASSERT_EQ(copy[i], kept<Copy>(n.c)) << size << " " << i;
    ASSERT_EQ(m[i], which == kind::sgd ? kept<First>(all[i].m) : kept<First>(n.m)) << i;
    const bool is_adam = which == kind::adam || which == kind::adamw;
    ASSERT_EQ(v[i], is_adam ? kept<Second>(n.v) : kept<Second>(all[i].v)) << i;
  }
}

/// BF16 weights and moments, rounded stochastically.
template <fb::isa Isa, class Moment>
void check_stochastic(kind which, std::size_t size, bool special) {
  const fb::philox random{size + 5, 4 * size + size % 7};
  std::vector<numbers> all = make(size, size + 100, special);
  guarded<fb::bf16> w(size);
  guarded<float> g(size);
  guarded<Moment> m(size), v(size);
  for (std::size_t i = 0; i < size; ++i) {
    w.set(i, all[i].w);
    g.set(i, all[i].g);
    m.set(i, all[i].m);
    v.set(i, all[i].v);
  }
  run<Isa>(which, w.view(), g.view(), m.view(), v.view(), random);
  for (std::size_t i = 0; i < size; ++i) {
    numbers n = all[i];
    n.c = n.w;
    reference(which, n);
    ASSERT_EQ(w[i], kept<fb::bf16>(n.c, random.word(i))) << size << " " << i;
    if (which != kind::sgd) {
      ASSERT_EQ(m[i], kept<Moment>(n.m, random.word(i + (std::uint64_t{1} << 62)))) << i;
    }
    if (which == kind::adam || which == kind::adamw) {
      ASSERT_EQ(v[i], kept<Moment>(n.v, random.word(i + (std::uint64_t{1} << 63)))) << i;
    }
  }
}

template <fb::isa Isa, class Weight>
void check_compensated(kind which, std::size_t size, bool special) {
  std::vector<numbers> all = make(size, size + 200, special);
  guarded<Weight> w(size), c(size), m(size), v(size);
  guarded<float> g(size);
  for (std::size_t i = 0; i < size; ++i) {
    all[i].w = w.set(i, all[i].w);
    all[i].c = c.set(i, all[i].c);
    all[i].g = g.set(i, all[i].g);
    all[i].m = m.set(i, all[i].m);
    all[i].v = v.set(i, all[i].v);
  }
  run<Isa>(which, fb::compensated_weights(w.view(), c.view()), g.view(), m.view(), v.view());
  for (std::size_t i = 0; i < size; ++i) {
    numbers n = all[i];
    reference(which, n);
    const std::uint16_t rounded = nearest<Weight>(add(n.w, n.c));
    ASSERT_EQ(w[i], rounded) << size << " " << i;
    ASSERT_EQ(c[i], nearest<Weight>(add(n.c, sub(n.w, value<Weight>(rounded)))))
        << size << " " << i;
    ASSERT_EQ(m[i], which == kind::sgd ? kept<Weight>(all[i].m) : kept<Weight>(n.m)) << i;
    const bool is_adam = which == kind::adam || which == kind::adamw;
    ASSERT_EQ(v[i], is_adam ? kept<Weight>(n.v) : kept<Weight>(all[i].v)) << i;
  }
}

template <fb::isa Isa>
void check_all(kind which, std::size_t size, bool special) {
  check_master<Isa, fb::bf16, float, float, float>(which, size, special);
  check_master<Isa, fb::bf16, fb::bf16, fb::bf16, float>(which, size, special);
  check_master<Isa, fb::fp16, fb::fp16, float, fb::fp16>(which, size, special);
  check_stochastic<Isa, fb::bf16>(which, size, special);
  check_stochastic<Isa, float>(which, size, special);
  check_compensated<Isa, fb::bf16>(which, size, special);
  check_compensated<Isa, fb::fp16>(which, size, special);
}

TEST(Optimizer, AreTheFormulasForEveryLength) {
  for (const kind which : kinds)
    for (std::size_t size = 0; size <= 49; ++size)
      for (const bool special : {false, true}) {
        decay = size % 3 == 2 ? 0 : 0.05;
        check_all<fb::native>(which, size, special);
        check_all<fb::generic>(which, size, special);
        if (::testing::Test::HasFatalFailure()) return;
      }
  decay = 0.05;
  check_all<fb::native>(kind::adamw, most, true);
}

/// Weights, then moments.
template <fb::isa Isa>
std::vector<float> after_steps(std::vector<float> w, const std::vector<float>& g,
                               std::vector<float> m, std::vector<float> v) {
  for (std::uint64_t i = 1; i < 4; ++i) fb::adamw_step<Isa>(w, g, m, v, fb::adam_options{}, i);
  fb::sgd_step<Isa>(w, g, m, fb::sgd_options{0.1, 0.9});
  w.insert(w.end(), m.begin(), m.end());
  w.insert(w.end(), v.begin(), v.end());
  return w;
}

TEST(Optimizer, DoNotDependOnTheEnvironment) {
  std::vector<float> w, g, m, v;
  for (const numbers& n : make(1000, 77, true)) {
    w.push_back(n.w);
    g.push_back(n.g);
    m.push_back(n.m * 0x1p-110f);  // subnormal
    v.push_back(n.v * 0x1p-120f);
  }
  const std::vector<float> want = after_steps<fb::native>(w, g, m, v);
  std::vector<float> got[3];
  got[0] = after_steps<fb::generic>(w, g, m, v);
  {
    const environment::rounding_direction up(FE_UPWARD);
    const environment::flush_to_zero flush;
    got[1] = after_steps<fb::native>(w, g, m, v);
    got[2] = after_steps<fb::generic>(w, g, m, v);
  }
  for (const std::vector<float>& each : got)
    EXPECT_EQ(std::memcmp(each.data(), want.data(), 4 * want.size()), 0);
}

/// Stochastic weights, then moments.
template <class Executor>
std::vector<fb::bf16> after_a_step(const Executor& executor) {
  std::vector<float> g;
  std::vector<fb::bf16> w, m, v;
  for (const numbers& n : make(2 * 65536 + 37, 11, true)) {
    g.push_back(n.g);
    w.push_back(fb::bf16{n.w});
    m.push_back(fb::bf16{n.m});
    v.push_back(fb::bf16{n.v});
  }
  fb::adam_step(executor, w, g, m, v, fb::adam_options{}, 2, fb::philox{5, 3});
  fb::sgd_step(executor, w, g, m, fb::sgd_options{0.1, 0.9}, fb::philox{6, 1});
  fb::sgd_step(executor, w, g, fb::sgd_options{0.1});
  w.insert(w.end(), m.begin(), m.end());
  w.insert(w.end(), v.begin(), v.end());
  return w;
}

TEST(Optimizer, ExecutorsChangeNothing) {
  const std::vector<fb::bf16> want = after_a_step(fb::inline_executor{});
  for (const runner::order how : {runner::order::reverse, runner::order::two_threads}) {
    const std::vector<fb::bf16> got = after_a_step(runner::executor(how));
    EXPECT_EQ(std::memcmp(got.data(), want.data(), 2 * want.size()), 0);
  }
}

// Each part with its own offset, one part in two tasks.
TEST(Optimizer, PartsHaveTheRandomNumbersOfTheWhole) {
  constexpr std::size_t size = 65536 + 301, first = 203;
  const std::vector<numbers> all = make(size, 12, false);
  std::vector<float> g(size);
  std::vector<fb::bf16> w(size), m(size);
  for (std::size_t i = 0; i < size; ++i) {
    g[i] = all[i].g;
    w[i] = fb::bf16{all[i].w};
    m[i] = fb::bf16{all[i].m};
  }
  std::vector<fb::bf16> whole_w = w, whole_m = m;
  const fb::sgd_options options{0.1, 0.9};
  fb::sgd_step(whole_w, g, whole_m, options, fb::philox{6, 1});
  for (const std::size_t begin : {std::size_t{0}, first}) {
    const std::size_t count = begin == 0 ? first : size - first;
    fb::sgd_step(fb::array_view<fb::bf16>(w.data() + begin, count),
                 fb::array_view<const float>(g.data() + begin, count),
                 fb::array_view<fb::bf16>(m.data() + begin, count), options,
                 fb::philox{6, 1 + begin});
  }
  EXPECT_EQ(std::memcmp(w.data(), whole_w.data(), 2 * size), 0);
  EXPECT_EQ(std::memcmp(m.data(), whole_m.data(), 2 * size), 0);
}

TEST(Optimizer, HalfPrecisionGradientsAndCopies) {
  const std::vector<fb::fp16> g = {fb::fp16::from_bits(0x3c00), fb::fp16::from_bits(0xc000),
                                   fb::fp16::from_bits(0x0001)};
  std::vector<float> w = {1, 2, 65520};
  std::vector<fb::fp16> copy(3);
  fb::sgd_step(fb::master_weights(w, copy), g, fb::sgd_options{0.5});
  EXPECT_EQ(w, (std::vector<float>{0.5f, 3, 65520}));
  EXPECT_EQ(copy[0].bits(), 0x3800);
  EXPECT_EQ(copy[1].bits(), 0x4200);
  EXPECT_EQ(copy[2].bits(), 0x7c00);
}

// Steps of a hundredth of an ulp: lost to nearest, kept by the other two.
TEST(Optimizer, SixteenBitWeightsNeedMoreThanRoundingToNearest) {
  constexpr std::size_t size = 4096, steps = 1000;
  const std::vector<float> g(size, -0x1p-7f / 100);
  std::vector<fb::bf16> nearest(size, fb::bf16{1.0f}), stochastic = nearest, kahan = nearest;
  std::vector<fb::bf16> rest(size);
  for (std::size_t i = 0; i < steps; ++i) {
    fb::sgd_step(nearest, g, fb::sgd_options{1});
    fb::sgd_step(stochastic, g, fb::sgd_options{1}, fb::philox{1, i * size});
    fb::sgd_step(fb::compensated_weights(kahan, rest), g, fb::sgd_options{1});
  }
  double sum = 0;
  for (const fb::bf16 x : stochastic) sum += static_cast<double>(static_cast<float>(x));
  const double want = 1 + 10 * 0x1p-7;
  EXPECT_EQ(static_cast<float>(nearest[0]), 1.0f);
  EXPECT_NEAR(static_cast<double>(static_cast<float>(kahan[0])), want, 0x1p-7);
  // The deviation of the mean is sqrt(1000 * 0.01 / 4096) units of 2^-7: 0.05.
  EXPECT_NEAR(sum / size, want, 0.25 * 0x1p-7);
}

}  // namespace
