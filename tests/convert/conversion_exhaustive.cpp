// SPDX-License-Identifier: MIT
// All 2^32 FP32 codes to the formats that matter most: bulk conversion gives the bits of the scalar
// one. FEWBITS_PART="i/n" does the i-th of n parts.
#include <fewbits/convert.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

/// Whether chunk `index` belongs to the part asked for; every chunk does if none is.
bool is_in_part(std::uint32_t index) {
  const char* const text = std::getenv("FEWBITS_PART");
  unsigned part = 0, parts = 1;
  if (text != nullptr && (std::sscanf(text, "%u/%u", &part, &parts) != 2 || part >= parts)) {
    std::fprintf(stderr, "FEWBITS_PART=\"%s\" is not \"i/n\" with i < n\n", text);
    std::exit(1);
  }
  return index % parts == part;
}

template <class To, fb::cast_policy Policy>
void check_all() {
  constexpr std::uint32_t chunk = 1U << 16;
  std::vector<float> src(chunk);
  std::vector<To> dst(chunk);
  for (std::uint32_t index = 0; index < chunk; ++index) {
    if (!is_in_part(index)) continue;
    for (std::uint32_t i = 0; i < chunk; ++i) src[i] = __builtin_bit_cast(float, index* chunk + i);
    fb::convert<Policy>(src, dst);
    for (std::uint32_t i = 0; i < chunk; ++i) {
      const unsigned want = fb::convert<To, Policy>(src[i]).bits();
      ASSERT_EQ(unsigned{dst[i].bits()}, want) << std::hex << "source 0x" << index * chunk + i;
    }
  }
}

TEST(ConversionOfEveryFloat, ToFp16) {
  check_all<fb::fp16, fb::cast_policy{}>();
  check_all<fb::fp16, fb::saturating>();
}
TEST(ConversionOfEveryFloat, ToBf16) {
  check_all<fb::bf16, fb::cast_policy{}>();
  check_all<fb::bf16, fb::saturating>();
}
TEST(ConversionOfEveryFloat, ToFp8E4m3) {
  check_all<fb::fp8_e4m3, fb::cast_policy{}>();
  check_all<fb::fp8_e4m3, fb::saturating>();
}
TEST(ConversionOfEveryFloat, ToFp8E5m2) {
  check_all<fb::fp8_e5m2, fb::cast_policy{}>();
  check_all<fb::fp8_e5m2, fb::saturating>();
}

}  // namespace
