// SPDX-License-Identifier: MIT
// Products summed in FP16 against the same roundings of exact integers, and against double precision.
#include <fewbits/gemm.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;

constexpr bool has_unit = fb::has_fp16_fma<fb::native>;
using view = fb::matrix_view<const fb::fp16>;
using kernel = fb::detail::gemm_kernel<fb::fp16_sums_view<view>, view, fb::native>;
static_assert(std::is_same_v<kernel::a_type, fb::fp16> == has_unit);
constexpr std::size_t mr = kernel::mr, nr = kernel::nr;

/// The value of an FP16 code in units of 2^-24; of finite ones only.
std::int64_t units(unsigned code) {
  const unsigned exponent = code >> 10 & 31;
  const std::int64_t magnitude =
      exponent == 0 ? code & 1023 : std::int64_t{1024 | (code & 1023)} << (exponent - 1);
  return (code & 0x8000) != 0 ? -magnitude : magnitude;
}

double fp16_value(unsigned code) {
  if ((code >> 10 & 31) != 31) return static_cast<double>(units(code)) * 0x1p-24;
  if ((code & 1023) != 0) return std::numeric_limits<double>::quiet_NaN();
  return (code & 0x8000) != 0 ? -HUGE_VAL : HUGE_VAL;
}

__extension__ using wide_integer = __int128;

/// The FP16 number next to `sum` * 2^-48, ties to even.
double round_to_fp16(wide_integer sum) {
  const bool negative = sum < 0;
  const wide_integer magnitude = negative ? -sum : sum;
  int shift = 24;  // subnormals are multiples of 2^-24
  while (magnitude >> shift >= 2048) ++shift;
  wide_integer rounded = magnitude >> shift;
  const wide_integer rest = magnitude - (rounded << shift), half = wide_integer{1} << (shift - 1);
  if (rest > half || (rest == half && (rounded & 1) != 0)) ++rounded;
  const double value = std::ldexp(static_cast<double>(rounded), shift - 48);
  const double finite = value > 65504 ? HUGE_VAL : value;
  return negative ? -finite : finite;
}

/// The FP16 number next to x y + z; the operands are FP16 numbers.
double fp16_fma(double x, double y, double z) {
  if (!std::isfinite(x) || !std::isfinite(y) || !std::isfinite(z)) return x * y + z;
  const auto integer = [](double number) {
    return static_cast<wide_integer>(static_cast<std::int64_t>(number * 0x1p24));
  };
  return round_to_fp16(integer(x) * integer(y) + (integer(z) << 24));
}

/// Sums of `size` products, of every second element from x and y on.
double group_sum(const double* x, const double* y, std::size_t size) {
  double group = 0;
  for (std::size_t begin = 0; begin < size; begin += 32) {
    double sum = 0;
    for (std::size_t d = begin; d < std::min(size, begin + 32); ++d)
      sum = fp16_fma(x[2 * d], y[2 * d], sum);
    group = fp16_fma(group, 1, sum);
  }
  return group;
}

/// One element of C. The sum of two floats in double, rounded to float, is rounded once.
float expected_sum(const double* x, const double* y, std::size_t k) {
  const auto add = [](float a, double b) { return static_cast<float>(static_cast<double>(a) + b); };
  const std::size_t parts = (k + 1023) / 1024;
  const std::size_t part = parts == 0 ? 0 : ((k + parts - 1) / parts + 1) / 2 * 2;
  float all = 0;
  for (std::size_t begin = 0; begin < k; begin += part) {
    const std::size_t end = std::min(k, begin + part);
    float sums[2] = {};
    for (std::size_t parity = 0; parity < 2; ++parity)
      for (std::size_t d = begin; d < end; d += 512) {
        const std::size_t count = std::min<std::size_t>(512, end - d);
        sums[parity] =
            add(sums[parity], group_sum(x + d + parity, y + d + parity, (count + 1 - parity) / 2));
      }
    all = add(all, static_cast<double>(add(sums[0], static_cast<double>(sums[1]))));
  }
  return all;
}

/// A, row-major, and B, column-major, of FP16 codes, as values too. Both and C end at guard pages.
struct problem {
  std::size_t m, n, k;
  guard_page::buffer a_memory, b_memory, c_memory;
  fb::fp16 *a, *b;
  float* c;
  std::vector<double> x, y;

  template <class Code>
  problem(std::size_t rows, std::size_t cols, std::size_t depth, Code code)
      : m(rows),
        n(cols),
        k(depth),
        a_memory(2 * m * k),
        b_memory(2 * k * n),
        c_memory(4 * m * n),
        a(reinterpret_cast<fb::fp16*>(a_memory.ending(2 * m * k))),
        b(reinterpret_cast<fb::fp16*>(b_memory.ending(2 * k * n))),
        c(reinterpret_cast<float*>(c_memory.ending(4 * m * n))),
        x(m * k),
        y(k * n) {
    fill(a, x, code);
    fill(b, y, code);
    std::fill_n(c, m * n, -1.0F);
  }
  template <class Code>
  static void fill(fb::fp16* codes, std::vector<double>& values, Code code) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const unsigned bits = code(i);
      codes[i] = fb::fp16::from_bits(static_cast<std::uint16_t>(bits));
      values[i] = fp16_value(bits);
    }
  }

  [[nodiscard]] view left() const { return {a, m, k}; }
  [[nodiscard]] fb::transposed_view<const fb::fp16> right() const {
    return fb::transposed(view(b, n, k));
  }
  [[nodiscard]] fb::matrix_view<float> result() const { return {c, m, n}; }

  void expect_roundings() const {
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        const float expected = expected_sum(x.data() + i * k, y.data() + j * k, k);
        const float found = c[i * n + j];
        ASSERT_TRUE(found == expected || (std::isnan(found) && std::isnan(expected)))
            << m << " x " << n << " x " << k << " at " << i << ", " << j << ": " << found << " is "
            << expected;
      }
  }
  /// Within `relative` of the sum of magnitudes and `absolute`.
  void expect_near(double relative, double absolute) const {
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0;
        double magnitude = 0;
        for (std::size_t d = 0; d < k; ++d) {
          sum += x[i * k + d] * y[j * k + d];
          magnitude += std::fabs(x[i * k + d] * y[j * k + d]);
        }
        ASSERT_LE(std::fabs(static_cast<double>(c[i * n + j]) - sum),
                  relative * magnitude + absolute)
            << m << " x " << n << " x " << k << " at " << i << ", " << j;
      }
  }
  /// What the unit, or FP32 where there is none, makes of numbers that do not overflow.
  void expect_sums(bool in_fp16 = has_unit) const {
    const double depth = static_cast<double>(k);
    if (in_fp16) {
      expect_roundings();
      expect_near(1.02 * 40 * 0x1p-11, 1.02 * depth * 0x1p-25);
    } else {
      expect_near(depth * 0x1p-23, 0);
    }
  }
};

/// Codes of both signs with exponents from `lowest` to `lowest` + span - 1.
struct random_codes {
  unsigned lowest, span;
  std::mt19937* random;
  unsigned operator()(std::size_t) const {
    const auto bits = static_cast<unsigned>((*random)());
    return (bits & 0x83ff) | (lowest + (bits >> 16) % span) << 10;
  }
};

void multiply(const problem& p) { fb::gemm(fb::fp16_sums(p.left()), p.right(), p.result()); }

TEST(Fp16Sums, AreRoundedAsTheyAreDocumented) {
  std::mt19937 random(1);
  for (const std::size_t k : {0U, 1U, 2U, 3U, 31U, 32U, 33U, 63U, 64U, 65U, 127U, 128U, 255U, 256U,
                              257U, 511U, 515U, 1600U}) {
    const problem p(mr + 3, nr + 1, k, random_codes{10, 8, &random});
    multiply(p);
    p.expect_sums();
  }
  for (std::size_t m = 9; m <= 2 * mr + 1; ++m)
    for (const std::size_t n : {std::size_t{1}, nr / 2, nr - 1, nr, nr + 1, 2 * nr}) {
      const problem p(m, n, 37, random_codes{10, 8, &random});
      multiply(p);
      p.expect_sums();
    }
}

TEST(Fp16Sums, KeepSubnormalNumbers) {
  std::mt19937 random(2);
  const problem p(9, nr + 2, 70, random_codes{0, 9, &random});
  multiply(p);
  p.expect_sums();
#if defined(__x86_64__)
  const environment::flush_to_zero scope;
  multiply(p);
  if (has_unit) p.expect_sums();
#endif
}

TEST(Fp16Sums, OfIntegersAreExact) {
  std::mt19937 random(3);
  std::uniform_int_distribution<int> small(-3, 3);
  constexpr unsigned codes[] = {0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200};
  const problem p(2 * mr + 1, 2 * nr + 3, 1100,
                  [&](std::size_t) { return codes[small(random) + 3]; });
  multiply(p);
  p.expect_near(0, 0);
}

TEST(Fp16Sums, ThatOverflowAreInfinite) {
  std::mt19937 random(4);
  const problem p(9, nr, 300, random_codes{20, 4, &random});
  multiply(p);
  if (has_unit) {
    p.expect_roundings();
    EXPECT_FALSE(std::all_of(p.c, p.c + p.m * p.n, [](float sum) { return std::isfinite(sum); }));
  } else {
    p.expect_sums();
  }
  // 256 times 256 lies beyond; 255 times 256 does not.
  for (const unsigned code : {0x5bf8U, 0x5c00U}) {
    const problem one(9, 1, 1, [&](std::size_t i) { return i == 0 ? 0x5c00U : code; });
    multiply(one);
    const float beyond = has_unit ? HUGE_VALF : 65536.0F;
    EXPECT_EQ(one.c[8], code == 0x5bf8 ? 65280.0F : beyond);
  }
}

TEST(Fp16Sums, PropagateNanAndInfinity) {
  std::mt19937 random(5);
  const random_codes usual{12, 5, &random};
  const problem p(11, nr + 5, 200, [&](std::size_t i) {
    return i == 3 ? 0x7e00U : i == 4 * 200 + 150 ? 0xfc00U : i == 7 * 200 ? 0x7c00U : usual(i);
  });
  multiply(p);
  for (std::size_t i = 0; i < p.m; ++i)
    for (std::size_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (std::size_t d = 0; d < p.k; ++d) sum += p.x[i * p.k + d] * p.y[j * p.k + d];
      const float found = p.c[i * p.n + j];
      EXPECT_EQ(std::isnan(found), std::isnan(sum));
      if (std::isinf(sum)) {
        EXPECT_EQ(static_cast<double>(found), sum);
      }
    }
}

TEST(Fp16Sums, OfFewRowsAreThoseOfFp32) {
  std::mt19937 random(6);
  const problem p(8, nr + 1, 300, random_codes{10, 8, &random});
  multiply(p);
  p.expect_sums(false);
}

TEST(Fp16Sums, OfOtherElementsAndPackedOnesAreTheSame) {
  std::mt19937 random(7);
  const problem p(13, nr + 7, 300, random_codes{13, 3, &random});
  multiply(p);
  const std::vector<float> expected(p.c, p.c + p.m * p.n);
  const auto expect_same = [&] {
    EXPECT_EQ(std::memcmp(expected.data(), p.c, expected.size() * sizeof(float)), 0);
    std::fill_n(p.c, expected.size(), -1.0F);
  };
  // B asks for the arithmetic, and A is rounded FP32.
  std::vector<float> single(p.x.begin(), p.x.end());
  for (float& x : single) x *= 1 + 0x1p-14F;
  fb::gemm(fb::rounded_to<fb::fp16>(fb::matrix_view<const float>(single.data(), p.m, p.k)),
           fb::fp16_sums(p.right()), p.result());
  expect_same();

  const auto right = fb::fp16_sums(p.right());
  std::vector<unsigned char> memory(fb::packed_b_bytes(right));
  const auto packed = fb::pack_b(right, fb::array_view<unsigned char>(memory));
  fb::gemm(p.left(), packed, p.result());
  expect_same();
  for (const std::size_t m : {1U, 4U, 8U}) {
    fb::gemm(view(p.a, m, p.k), packed, fb::matrix_view<float>(p.c, m, p.n));
    EXPECT_EQ(std::memcmp(expected.data(), p.c, m * p.n * sizeof(float)), 0) << m;
  }

  std::vector<signed char> bytes(p.m * p.k);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<signed char>(random() % 9 - 4);
    p.a[i] = fb::fp16{static_cast<float>(bytes[i])};
  }
  multiply(p);
  const std::vector<float> of_bytes(p.c, p.c + p.m * p.n);
  fb::gemm(fb::matrix_view<const signed char>(bytes.data(), p.m, p.k), right, p.result());
  EXPECT_EQ(std::memcmp(of_bytes.data(), p.c, of_bytes.size() * sizeof(float)), 0);
}

}  // namespace
