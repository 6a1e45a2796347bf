// SPDX-License-Identifier: MIT
// The oracle against itself and against the hardware: a wrong oracle would pass a wrong library.
#include "support/oracle.hpp"

#include <cstdint>
#include <cstring>

#include "gtest/gtest.h"

namespace {

using u64 = std::uint64_t;

u64 spread(u64 i) { return i * 0x9e3779b97f4a7c15U ^ i << 17; }

TEST(Oracle, ListsValuesInTheOrderOfTheirCodes) {
  for (const oracle::format& f : oracle::named()) {
    const oracle::reference& format = oracle::of(f.name);
    for (std::size_t i = 1; i < format.points().size(); ++i)
      ASSERT_EQ(format.points()[i].code, format.points()[i - 1].code + 1) << f.name;
  }
}

TEST(Oracle, FindsTheSameNeighboursByListAndByDivision) {
  for (const char* name : {"fp16", "bf16", "fp8_e5m2", "fp8_e3m4"}) {
    const oracle::reference& format = oracle::of(name);
    for (u64 i = 1; i < 20000; ++i) {
      // A third, to leave the dyadic numbers, over the range of the format and more.
      oracle::number x = oracle::finite(false, spread(i) >> 20, static_cast<int>(i % 300) - 190);
      x.denominator = 1 + 2 * (i % 2);
      const oracle::neighbours list = format.find_in_list(x), division = format.find_by_division(x);
      ASSERT_EQ(list.below.code, division.below.code) << name << " " << i;
      ASSERT_EQ(list.beyond, division.beyond) << name << " " << i;
      if (list.beyond) continue;
      ASSERT_EQ(list.above.significand << (list.above.exponent - list.below.exponent),
                division.above.significand << (division.above.exponent - list.below.exponent));
    }
  }
}

TEST(Oracle, ConvertsAndComputesAsTheHardwareDoes) {
  for (u64 i = 0; i < 50000; ++i) {
    volatile double x = oracle::double_from(spread(i));
    // An exponent near that of x.
    volatile double y = oracle::double_from(spread(i) + (u64{i % 64} << 52) + spread(i + 7) % 4096);
    // And one near the range of float.
    volatile double z =
        oracle::double_from((spread(i) & 0x800fffffffffffffU) | (u64{860 + i % 320} << 52));
    const auto expect = [i](const oracle::reference& format, u64 want,
                            const oracle::number& exact) {
      if (exact.is_nan()) return;
      ASSERT_EQ(format.encode(exact), want) << i;
    };
    const oracle::number a = oracle::exact(x), b = oracle::exact(y);
    expect(oracle::fp64(), oracle::bits_of(x + y), oracle::add(a, b));
    expect(oracle::fp64(), oracle::bits_of(x - y), oracle::subtract(a, b));
    expect(oracle::fp64(), oracle::bits_of(x * y), oracle::multiply(a, b));
    expect(oracle::fp64(), oracle::bits_of(x / y), oracle::divide(a, b));
    expect(oracle::fp32(), oracle::bits_of(static_cast<float>(z)), oracle::exact(z));
  }
}

}  // namespace
