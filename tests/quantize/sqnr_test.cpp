// SPDX-License-Identifier: MIT
// Quality of float formats: their signal-to-noise ratio hardly depends on the distribution.
#include <fewbits/convert.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using floats = std::vector<float>;

/// Uniform in (0, 1).
double uniform(random_words& random) {
  return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53;
}
floats gaussian(std::size_t size) {
  random_words random(1);
  floats x(size);
  for (std::size_t i = 0; i < size; i += 2) {
    const double radius = std::sqrt(-2 * std::log(uniform(random)));
    const double angle = 2 * M_PI * uniform(random);
    x[i] = static_cast<float>(radius * std::cos(angle));
    x[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return x;
}
floats laplace(std::size_t size) {
  random_words random(2);
  floats x(size);
  for (float& v : x) {
    const double size_of = -std::log(uniform(random));
    v = static_cast<float>((random() & 1) != 0 ? size_of : -size_of);
  }
  return x;
}

/// SQNR in dB of `Format`, the largest number scaled to its largest.
template <class Format>
double sqnr(floats x) {
  float amax = 0;
  for (float v : x) amax = std::max(amax, std::abs(v));
  const double largest = static_cast<double>(std::numeric_limits<Format>::max());
  const int shift = std::min(60, std::ilogb(largest / static_cast<double>(amax)));
  for (float& v : x) v = std::ldexp(v, shift);
  std::vector<Format> codes(x.size());
  floats back(x.size());
  fb::convert<fb::saturating>(x, codes);
  fb::convert(codes, back);
  double signal = 0, noise = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double a = static_cast<double>(x[i]), b = static_cast<double>(back[i]);
    signal += a * a;
    noise += (a - b) * (a - b);
  }
  return 10 * std::log10(signal / noise);
}

TEST(Sqnr, FollowsFromTheMantissa) {
  const std::size_t size = std::size_t{1} << 20;
  struct row {
    const char* name;
    int mantissa_bits;
    double (*measure)(floats);
  };
  const row rows[] = {{"fp16", 10, sqnr<fb::fp16>},
                      {"bf16", 7, sqnr<fb::bf16>},
                      {"tf32", 10, sqnr<fb::tf32>},
                      {"fp8_e4m3", 3, sqnr<fb::fp8_e4m3>},
                      {"fp8_e5m2", 2, sqnr<fb::fp8_e5m2>},
                      {"fp8_e4m3fnuz", 3, sqnr<fb::fp8_e4m3fnuz>},
                      {"fp8_e5m2fnuz", 2, sqnr<fb::fp8_e5m2fnuz>},
                      {"fp8_e3m4", 4, sqnr<fb::fp8_e3m4>},
                      {"fp6_e3m2", 2, sqnr<fb::fp6_e3m2>}};
  for (const floats& x : {gaussian(size), laplace(size)})
    for (const row& r : rows)
      EXPECT_NEAR(r.measure(x), 6.02 * (r.mantissa_bits + 1) + 7.5, 0.5) << r.name;
}

}  // namespace
