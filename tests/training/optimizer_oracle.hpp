// SPDX-License-Identifier: MIT
// Optimizer steps for one weight, one operation at a time.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace optimizer_oracle {

inline std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}
inline float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// What is stored to a volatile object is rounded, once.
inline float add(float a, float b) {
  volatile float r = a + b;
  return r;
}
inline float sub(float a, float b) {
  volatile float r = a - b;
  return r;
}
inline float mul(float a, float b) {
  volatile float r = a * b;
  return r;
}
inline float quotient(float a, float b) {
  volatile float r = a / b;
  return r;
}
inline float root(float a) {
  volatile double wide = std::sqrt(static_cast<double>(a));  // innocuous double rounding
  return static_cast<float>(wide);
}

inline std::uint16_t nearest_bf16(float x) {
  const std::uint32_t bits = bits_of(x);
  if (x != x) return 0x7fc0;
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline std::uint16_t stochastic_bf16(float x, std::uint32_t word) {
  if (x != x) return 0x7fc0;
  if (std::isinf(x)) return static_cast<std::uint16_t>(bits_of(x) >> 16);
  return static_cast<std::uint16_t>((bits_of(x) + (word >> 16)) >> 16);
}
inline float of_bf16(std::uint16_t code) {
  return float_of(static_cast<std::uint32_t>(code) << 16);
}

/// In units of the last place, which are exact.
inline std::uint16_t nearest_fp16(float x) {
  if (x != x) return 0x7e00;
  const auto sign = static_cast<std::uint16_t>(std::signbit(x) ? 0x8000 : 0);
  const double magnitude = std::fabs(static_cast<double>(x));
  if (magnitude >= 65520) return static_cast<std::uint16_t>(sign | 0x7c00);
  const int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  const double units = std::nearbyint(std::ldexp(magnitude, 10 - exponent));
  // 1024 units are the hidden bit, so that they carry into the exponent.
  return static_cast<std::uint16_t>(sign + ((exponent + 14) * 1024) + static_cast<int>(units));
}
inline float of_fp16(std::uint16_t code) {
  const int exponent = code >> 10 & 31, mantissa = code & 1023;
  const float magnitude = exponent == 31 ? (mantissa == 0 ? HUGE_VALF : std::nanf(""))
                          : exponent == 0
                              ? std::ldexp(static_cast<float>(mantissa), -24)
                              : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return code >> 15 != 0 ? -magnitude : magnitude;
}

/// An optimizer's numbers for one weight. `c` is what subtraction goes to.
struct numbers {
  float w, g, m, v, c;
};

enum class kind { sgd, sgd_momentum, nesterov, adam, adamw };
/// 0: no decay.
inline double decay = 0.05;
constexpr double rate = 0.01, beta1 = 0.9, beta2 = 0.99, momentum = 0.9;
constexpr std::uint64_t step = 7;

inline void reference(kind which, numbers& n) {
  const auto f32 = [](double x) { return static_cast<float>(x); };
  const float w = n.w;
  if (decay == 0) {
    // Not even a NaN of 0 * infinity.
  } else if (which == kind::adamw) {
    n.c = sub(n.c, mul(f32(rate * decay), w));
  } else {
    n.g = add(n.g, mul(f32(decay), w));
  }
  if (which == kind::adam || which == kind::adamw) {
    n.m = add(n.m, mul(f32(1 - beta1), sub(n.g, n.m)));
    n.v = add(n.v, mul(f32(1 - beta2), sub(mul(n.g, n.g), n.v)));
    const float m = quotient(n.m, f32(1 - std::pow(beta1, static_cast<double>(step))));
    const float v = quotient(root(n.v), root(f32(1 - std::pow(beta2, static_cast<double>(step)))));
    n.c = sub(n.c, quotient(mul(f32(rate), m), add(v, 1e-8f)));
    return;
  }
  float g = n.g;
  if (which != kind::sgd) {
    n.m = add(mul(f32(momentum), n.m), g);
    g = which == kind::nesterov ? add(g, mul(f32(momentum), n.m)) : n.m;
  }
  n.c = sub(n.c, mul(f32(rate), g));
}

}  // namespace optimizer_oracle
