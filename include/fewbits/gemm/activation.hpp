// SPDX-License-Identifier: MIT
// Smooth activations as epilogues: gelu and silu, without a C library.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/gemm/epilogue.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Below this, an exponential is no normal double.
inline constexpr double lowest_exponent = -708;

/// e^x for lowest_exponent <= x <= 0, to 2^-52 of itself: 2^n e^r with |r| <= ln(2) / 2 and the Taylor
/// series of degree 13.
FEWBITS_INLINE double exp_of_negative(double x) {
  const int n = static_cast<int>(x * 1.4426950408889634 - 0.5);
  // ln(2) in two parts; products of the first one with n are exact.
  const double whole = static_cast<double>(n);
  const double r = (x - whole * 0x1.62e42fefa3800p-1) - whole * 0x1.ef35793c76730p-45;
  constexpr double terms[] = {1.0 / 6227020800,
                              1.0 / 479001600,
                              1.0 / 39916800,
                              1.0 / 3628800,
                              1.0 / 362880,
                              1.0 / 40320,
                              1.0 / 5040,
                              1.0 / 720,
                              1.0 / 120,
                              1.0 / 24,
                              1.0 / 6,
                              0.5,
                              1.0,
                              1.0};
  double sum = terms[0];
  FEWBITS_UNROLL
  for (int i = 1; i < 14; ++i) sum = sum * r + terms[i];
  return sum * bit_cast<double>(static_cast<std::int64_t>(n + 1023) << 52);
}

/// 1 / (1 + e^-x) of a number; what is below lowest_exponent counts as that.
FEWBITS_INLINE double logistic(double x) {
  const double magnitude = x < 0 ? -x : x;
  const double e = exp_of_negative(magnitude < -lowest_exponent ? -magnitude : lowest_exponent);
  return (x < 0 ? e : 1.0) / (1 + e);
}

/// erfc(z) / 2, the part of a normal distribution beyond sqrt(2) z standard deviations, for
/// 0 <= z <= 26.6: with t = 2 / (2 + z), erfc(z) = t exp(-z^2 + p(2 t - 1)), p in Chebyshev's
/// polynomials, computed in 60 digits.
FEWBITS_INLINE double normal_tail(double z) {
  constexpr double terms[] = {
      -0.6513268598908547171,    0.6419697923564902603,      0.01947647320418583631,
      -0.009561514786808631642,  -0.0009465953444820368663,  0.0003668394978527614519,
      0.00004252332480690777164, -0.00002027857811253424315, -1.624290004647025513e-6,
      1.303655835580523202e-6,   1.562644172206614318e-8,    -8.523809591492654253e-8,
      6.529054439098851496e-9,   5.059343495551468942e-9,    -9.913641564930330867e-10,
      -2.273651222931835856e-10, 9.646791102015526802e-11,   2.394038083039114745e-12,
      -6.886027526497553398e-12, 8.944879273090725717e-13,   3.130921399342958078e-13,
      -1.127082236136725237e-13, 3.810905255189232055e-16,   7.106097613609236988e-15,
      -1.523028201457104304e-15};
  constexpr int degree = sizeof(terms) / sizeof(terms[0]) - 1;
  const double t = 2 / (2 + z);
  const double twice = 4 * t - 2;
  double later = 0;
  double sum = 0;
  FEWBITS_UNROLL
  for (int i = degree; i > 0; --i) {
    const double next = twice * sum - later + terms[i];
    later = sum;
    sum = next;
  }
  const double p = twice / 2 * sum - later + terms[0];
  const double exponent = p - z * z;
  return 0.5 * t * exp_of_negative(exponent < lowest_exponent ? lowest_exponent : exponent);
}

}  // namespace detail

// Computed in FP64. FP32 results are less than 0.51 units in the last place from the exact ones, down to
// the subnormal ones; FP64 results less than 2^-42 of themselves, or 2^-1000. NaN stays NaN, +infinity
// too, -infinity becomes zero. The user's rounding mode and -ffast-math cost accuracy.

/// x / (1 + e^-x), which is also called swish.
struct silu {
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t) const {
    for (std::size_t j = 0; j < count; ++j) {
      const double x = static_cast<double>(values[j]);
      const double y = x * detail::logistic(x);
      values[j] = static_cast<Value>(x < detail::lowest_exponent ? -0.0 : y);
    }
  }
};

/// x times the part of a normal distribution below x, x / 2 (1 + erf(x / sqrt(2))): GELU as it is defined
/// (Hendrycks and Gimpel, 2016), PyTorch's default.
struct gelu {
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t) const {
    for (std::size_t j = 0; j < count; ++j) {
      const double x = static_cast<double>(values[j]);
      const double z = (x < 0 ? -x : x) * 0.7071067811865476;
      const double tail = detail::normal_tail(z < 26.6 ? z : 26.6);
      const double y = x * (x < 0 ? tail : 1 - tail);
      values[j] = static_cast<Value>(x < -37.6 ? -0.0 : y);
    }
  }
};

/// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), an approximation of gelu that many models were
/// trained with; it is off by up to 0.0005.
struct gelu_tanh {
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t) const {
    for (std::size_t j = 0; j < count; ++j) {
      const double x = static_cast<double>(values[j]);
      const double u = x * (1.5957691216057308 + 0.07135481627260025 * (x * x));
      const double y = x * detail::logistic(u);
      values[j] = static_cast<Value>(u < detail::lowest_exponent ? -0.0 : y);
    }
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
