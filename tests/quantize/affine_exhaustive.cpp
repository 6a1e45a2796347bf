// SPDX-License-Identifier: MIT
// Every significand of a scale, at every tie between the integers 0 to 256 and next to it: the
// codes are those of a division. Signs and powers of two change nothing. FEWBITS_PART="i/n" does
// the i-th of n parts.
#include <fewbits/quantize.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

bool is_in_part(std::uint32_t index) {
  const char* const text = std::getenv("FEWBITS_PART");
  unsigned part = 0, parts = 1;
  if (text != nullptr && (std::sscanf(text, "%u/%u", &part, &parts) != 2 || part >= parts)) {
    std::fprintf(stderr, "FEWBITS_PART=\"%s\" is not \"i/n\" with i < n\n", text);
    std::exit(1);
  }
  return index % parts == part;
}

TEST(Affine, HasTheBitsOfTheDivisionForEveryScale) {
  constexpr std::size_t ties = 256, near = 5, count = ties * near;
  std::vector<float> x(count);
  std::vector<std::uint8_t> q(count);
  std::vector<std::int32_t> want(count);
  for (std::uint32_t significand = 0; significand < 1U << 23; ++significand) {
    if (!is_in_part(significand >> 10)) continue;
    const float scale = __builtin_bit_cast(float, 0x3f800000 | significand);
    for (std::size_t k = 0; k < ties; ++k)
      for (std::size_t ulp = 0; ulp < near; ++ulp) {
        const float tie = (static_cast<float>(k) + 0.5f) * scale;
        x[k * near + ulp] = __builtin_bit_cast(
            float, __builtin_bit_cast(std::uint32_t, tie) + static_cast<std::uint32_t>(ulp) - 2);
      }
    fb::quantize(x, fb::affine<std::uint8_t>{scale, 0}, q);
    bool is_same = true;
    for (std::size_t i = 0; i < count; ++i) {
      const float rounded = std::nearbyint(x[i] / scale);
      want[i] = static_cast<std::int32_t>(rounded > 255 ? 255 : rounded);
      is_same &= want[i] == q[i];
    }
    if (is_same) continue;
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(q[i], want[i]) << std::hexfloat << x[i] << " / " << scale;
  }
}

}  // namespace
