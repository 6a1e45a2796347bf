// SPDX-License-Identifier: MIT
// The vector operations on floats that some instruction sets offer: their values under a default
// control word, whatever is set outside it.
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/value/rounding.hpp>

#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"

namespace {

namespace fb = fewbits;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using ops = fb::vec<fb::native>;
using fb::rounding;
constexpr rounding even = rounding::nearest_even;

constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
constexpr u32 infinity = 0x7f800000;

/// Runs `body` as kernels run: under a control word of their own, in each hostile environment.
template <rounding Mode, class Body>
void in_every_environment(Body&& body) {
  const auto run = [&body](const char* where) {
    SCOPED_TRACE(where);
    const fb::detail::control_word<fb::native, Mode> control_word;
    body();
  };
  run("default");
  {
    const environment::flush_to_zero hostile;
    run("flush to zero");
  }
  for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    const environment::rounding_direction hostile(direction);
    run("another rounding direction");
  }
}

[[maybe_unused]] double value_of(u32 code) {
  return static_cast<double>(__builtin_bit_cast(float, code));
}
[[maybe_unused]] u32 code_of(double x) { return __builtin_bit_cast(u32, static_cast<float>(x)); }
[[maybe_unused]] bool is_nan(u32 code) { return (code & 0x7fffffff) > infinity; }

/// The ends of the ranges, 1.5 * 2^23, and some of no pattern.
[[maybe_unused]] const std::vector<u32>& codes() {
  static const std::vector<u32> made = [] {
    std::vector<u32> x = {0,          1,          0x007fffff, 0x00800000, 0x00800001, 0x3f000000,
                          0x3f7fffff, 0x3f800000, 0x3f800001, 0x3f801000, 0x40400000, 0x4b400000,
                          0x7f000000, 0x7f7fffff, infinity,   0x7fc00000};
    for (u32 i = 1; i <= 24; ++i) x.push_back(0x3f000000 + (i * 0x9e3779b9 >> 7));
    for (u32 i = 1; i <= 24; ++i) x.push_back(i * 0x9e3779b9 & 0x7fffffff);
    const std::size_t positive = x.size();
    for (std::size_t i = 0; i < positive; ++i) x.push_back(x[i] | 0x80000000);
    return x;
  }();
  return made;
}

[[maybe_unused]] constexpr int direction_of(rounding mode) {
  return mode == rounding::toward_positive   ? FE_UPWARD
         : mode == rounding::toward_negative ? FE_DOWNWARD
         : mode == rounding::toward_zero     ? FE_TOWARDZERO
                                             : FE_TONEAREST;
}

/// Checks `run(a, b, c)` on vectors with all pairs (a, b), and some c, against `meaning`, which is asked
/// under the rounding direction of the mode.
template <rounding Mode = even, class Run, class Meaning>
void check(const char* what, Run run, Meaning meaning) {
  const std::vector<u32>& x = codes();
  struct triple {
    u32 a[lanes], b[lanes], c[lanes], want[lanes];
  };
  std::vector<triple> cases;
  std::fesetround(direction_of(Mode));
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) {
      triple one{};
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        one.a[lane] = x[(i + lane) % x.size()];
        one.b[lane] = x[(j + lane * lane) % x.size()];
        one.c[lane] = x[(i * 7 + j + 5 * lane) % x.size()];
        one.want[lane] =
            code_of(meaning(value_of(one.a[lane]), value_of(one.b[lane]), value_of(one.c[lane])));
      }
      cases.push_back(one);
    }
  std::fesetround(FE_TONEAREST);
  const auto in = [](const u32* from) {
    return ops::load32(reinterpret_cast<const unsigned char*>(from));
  };
  in_every_environment<Mode>([&] {
    for (const triple& one : cases) {
      u32 got[lanes];
      ops::store32(reinterpret_cast<unsigned char*>(got), run(in(one.a), in(one.b), in(one.c)));
      for (std::size_t lane = 0; lane < lanes; ++lane)
        ASSERT_TRUE(is_nan(one.want[lane]) ? is_nan(got[lane]) : got[lane] == one.want[lane])
            << what << std::hex << " of 0x" << one.a[lane] << ", 0x" << one.b[lane] << ", 0x"
            << one.c[lane] << ": 0x" << got[lane] << ", not 0x" << one.want[lane];
    }
  });
}

// Sums, products and quotients of floats, computed in double, round to float as if they were exact.
template <class Ops>
void check_add() {
  if constexpr (requires(typename Ops::u32 x) { Ops::add_nearest(x, x); }) {
    check(
        "add_nearest", [](auto a, auto b, auto) { return Ops::add_nearest(a, b); },
        [](double a, double b, double) { return a + b; });
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_multiply() {
  if constexpr (requires(typename Ops::u32 x) { Ops::multiply_nearest(x, x); }) {
    check(
        "multiply_nearest", [](auto a, auto b, auto) { return Ops::multiply_nearest(a, b); },
        [](double a, double b, double) { return a * b; });
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_divide() {
  if constexpr (requires(typename Ops::u32 x) { Ops::divide_nearest(x, x); }) {
    check(
        "divide_nearest", [](auto a, auto b, auto) { return Ops::divide_nearest(a, b); },
        [](double a, double b, double) { return a / b; });
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops, rounding Mode>
void check_fma_of() {
  check<Mode>(
      "fma", [](auto a, auto b, auto c) { return Ops::template fma<Mode>(a, b, c); },
      [](double a, double b, double c) {
        const float sum =
            __builtin_fmaf(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c));
        return static_cast<double>(sum);
      });
}
template <class Ops>
void check_fma() {
  if constexpr (requires(typename Ops::u32 x) { Ops::template fma<even>(x, x, x); }) {
    check_fma_of<Ops, even>();
    check_fma_of<Ops, rounding::toward_zero>();
    check_fma_of<Ops, rounding::toward_positive>();
    check_fma_of<Ops, rounding::toward_negative>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
/// The compiler may not contract the two, nor move terms.
template <class Ops>
void check_two_roundings() {
  if constexpr (requires(typename Ops::u32 x) {
                  Ops::multiply_nearest(x, x);
                  Ops::add_nearest(x, x);
                }) {
    check(
        "product and sum",
        [](auto a, auto b, auto c) { return Ops::add_nearest(Ops::multiply_nearest(a, b), c); },
        [](double a, double b, double c) {
          // Else g++ contracts these too.
          const volatile float product = static_cast<float>(a * b);
          return static_cast<double>(product) + c;
        });
  } else {
    GTEST_SKIP() << "not offered";
  }
}

TEST(FloatOperations, Add) { check_add<ops>(); }
TEST(FloatOperations, Multiply) { check_multiply<ops>(); }
TEST(FloatOperations, Divide) { check_divide<ops>(); }
TEST(FloatOperations, MultiplyAndAddWithOneRounding) { check_fma<ops>(); }
TEST(FloatOperations, RoundTwiceWhereTheyAreTwo) { check_two_roundings<ops>(); }

[[maybe_unused]] u32 float_of_half(u32 code) {
  const u32 sign = (code & 0x8000) << 16;
  const u32 exponent = code >> 10 & 31;
  u32 mantissa = code & 0x3ff;
  if (exponent == 31) return sign | infinity | mantissa << 13 | (mantissa != 0 ? 0x400000U : 0);
  if (exponent != 0) return sign | (exponent + 112) << 23 | mantissa << 13;
  if (mantissa == 0) return sign;
  u32 field = 113;
  for (; mantissa < 0x400; mantissa <<= 1) --field;
  return sign | field << 23 | (mantissa & 0x3ff) << 13;
}

[[maybe_unused]] u32 odd_float_of_double(u64 code) {
  const u32 sign = static_cast<u32>(code >> 32) & 0x80000000;
  const u64 mantissa = code & 0xfffffffffffff;
  const int exponent = static_cast<int>(code >> 52 & 0x7ff) - 1023;
  if (exponent == 1024)
    return sign | infinity | static_cast<u32>(mantissa >> 29) | (mantissa != 0 ? 0x400000U : 0);
  if (exponent > 127) return sign | 0x7f7fffff;
  if (exponent < -150) return sign | ((code & ~(u64{1} << 63)) != 0 ? 1 : 0);
  const int drop = exponent < -126 ? 29 - 126 - exponent : 29;
  const u64 significand = mantissa | u64{1} << 52;
  const u64 kept = significand >> drop;
  const u32 base = exponent < -126 ? 0 : static_cast<u32>(exponent + 126) << 23;
  return sign | ((base + static_cast<u32>(kept)) | ((kept << drop) != significand ? 1 : 0));
}

/// The codes, and those of the other sign, with zeros up to whole vectors.
template <class Code>
std::vector<Code> both_signs(std::vector<Code> made) {
  const std::size_t count = made.size();
  constexpr Code sign = static_cast<Code>(Code{1} << (8 * sizeof(Code) - 1));
  for (std::size_t i = 0; i < count; ++i) made.push_back(made[i] ^ sign);
  while (made.size() % (2 * lanes) != 0) made.push_back(0);
  return made;
}

/// Checks, in every environment, that `run` makes `step` elements at a time of `in` what `meaning` says.
template <class From, class To, rounding Mode = even, class Run, class Meaning>
void check_elements(const std::vector<From>& in, std::size_t step, Run run, Meaning meaning) {
  std::vector<To> want;
  for (const From x : in) want.push_back(static_cast<To>(meaning(x)));
  in_every_environment<Mode>([&] {
    std::vector<To> got(in.size());
    for (std::size_t i = 0; i < in.size(); i += step)
      run(reinterpret_cast<const unsigned char*>(&in[i]),
          reinterpret_cast<unsigned char*>(&got[i]));
    for (std::size_t i = 0; i < in.size(); ++i)
      ASSERT_EQ(u64{got[i]}, u64{want[i]}) << std::hex << "0x" << u64{in[i]};
  });
}

[[maybe_unused]] std::vector<std::uint16_t> all_halves() {
  std::vector<std::uint16_t> made;
  for (u32 code = 0; code < 0x10000; ++code) made.push_back(static_cast<std::uint16_t>(code));
  return made;
}

/// Around floats and midpoints of all exponents, from below the subnormal ones to beyond the end.
[[maybe_unused]] std::vector<u64> all_doubles() {
  std::vector<u64> made = {0,
                           1,
                           u64{1} << 52,
                           0x7ff0000000000000,
                           0x7ff0000000000001,
                           0x7ff8000000000001,
                           0x7fffffffffffffff,
                           0x7fefffffffffffff};
  for (u64 exponent = 1023 - 152; exponent <= 1023 + 129; ++exponent)
    for (const u64 top : {u64{0}, u64{1} << 29, u64{3} << 29, u64{0x7fffff} << 29,
                          u64{0x5a5a5a} << 29, u64{0x400000} << 29})
      for (const u64 low :
           {u64{0}, u64{1}, u64{0xfffffff}, u64{0x10000000}, u64{0x10000001}, u64{0x1fffffff}})
        made.push_back(exponent << 52 | top | low);
  for (u64 i = 1; i <= 2000; ++i) made.push_back(i * 0x9e3779b97f4a7c15);
  return both_signs(made);
}

/// Around fp16 and bf16 numbers and their midpoints.
[[maybe_unused]] std::vector<u32> all_floats() {
  std::vector<u32> made = codes();
  for (u32 code = 0; code < 0x8000; code += 3)
    for (const u32 low : {0U, 1U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU})
      made.push_back(code << 16 | low);
  for (u32 exponent = 127 - 27; exponent <= 127 + 17; ++exponent)
    for (const u32 top : {0U, 1U, 2U, 3U, 0x3ffU, 0x2aaU})
      for (const u32 low : {0U, 1U, 0xfffU, 0x1000U, 0x1001U, 0x1fffU})
        made.push_back(exponent << 23 | top << 13 | low);
  return both_signs(made);
}

/// The number `significand` / 2^drop, of that sign, rounded.
[[maybe_unused]] u64 quotient(u64 significand, int drop, bool negative, rounding mode) {
  const u64 half = u64{1} << (drop - 1);
  const u64 rest = significand & (2 * half - 1);
  const u64 kept = significand >> drop;
  bool up = false;
  if (mode == even) up = rest > half || (rest == half && kept % 2 == 1);
  if (mode == rounding::toward_positive) up = rest != 0 && !negative;
  if (mode == rounding::toward_negative) up = rest != 0 && negative;
  return kept + (up ? 1 : 0);
}

/// A code with `from` exponent and mantissa bits, rounded to a narrower IEEE format.
struct layout {
  int exponent_bits, mantissa_bits;
};
[[maybe_unused]] u64 rounded(u64 code, layout from, layout to, rounding mode = even) {
  const int sign_at = from.exponent_bits + from.mantissa_bits;
  const u64 sign = code >> sign_at << (to.exponent_bits + to.mantissa_bits);
  const u64 magnitude = code & ((u64{1} << sign_at) - 1);
  const u64 mantissa = magnitude & ((u64{1} << from.mantissa_bits) - 1);
  const u64 top = (u64{1} << to.exponent_bits) - 1;
  const u64 infinite = top << to.mantissa_bits;
  const int narrower = from.mantissa_bits - to.mantissa_bits;
  if (magnitude >> from.mantissa_bits == (u64{1} << from.exponent_bits) - 1)
    return sign | infinite | mantissa >> narrower |
           (mantissa != 0 ? u64{1} << (to.mantissa_bits - 1) : 0);
  int field = static_cast<int>(magnitude >> from.mantissa_bits);
  const u64 significand = field == 0 ? mantissa : mantissa | u64{1} << from.mantissa_bits;
  if (field == 0) field = 1;
  field += ((1 << to.exponent_bits) - (1 << from.exponent_bits)) / 2;  // the other bias
  const bool negative = sign != 0;
  const bool reaches_infinity = mode == even || (mode == rounding::toward_positive && !negative) ||
                                (mode == rounding::toward_negative && negative);
  const u64 overflow = reaches_infinity ? infinite : infinite - 1;
  if (field >= static_cast<int>(top)) return sign | overflow;
  int drop = narrower + (field < 1 ? 1 - field : 0);
  if (drop > 62) drop = 62;
  const u64 base = field < 1 ? 0 : static_cast<u64>(field - 1) << to.mantissa_bits;
  const u64 result = base + quotient(significand, drop, negative, mode);
  return sign | (result >= infinite ? overflow : result);
}
[[maybe_unused]] constexpr layout fp64{11, 52}, fp32{8, 23}, fp16{5, 10}, bf16{8, 7};

// The operations that load or store, each where it is offered.
template <class Ops>
void check_load_half() {
  if constexpr (requires(const unsigned char* src) { Ops::load_half(src); }) {
    check_elements<std::uint16_t, u32>(
        all_halves(), lanes,
        [](const unsigned char* src, unsigned char* dst) {
          Ops::store32(dst, Ops::load_half(src));
        },
        float_of_half);
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops, rounding Mode>
void check_store_half_of() {
  check_elements<u32, std::uint16_t, Mode>(
      all_floats(), lanes,
      [](const unsigned char* src, unsigned char* dst) {
        Ops::template store_half<Mode>(dst, Ops::load32(src));
      },
      [](u32 x) { return rounded(x, fp32, fp16, Mode); });
}
template <class Ops>
void check_store_half() {
  if constexpr (requires(unsigned char* dst, typename Ops::u32 x) {
                  Ops::template store_half<even>(dst, x);
                }) {
    check_store_half_of<Ops, even>();
    check_store_half_of<Ops, rounding::toward_zero>();
    check_store_half_of<Ops, rounding::toward_positive>();
    check_store_half_of<Ops, rounding::toward_negative>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_store_bf16() {
  if constexpr (requires(unsigned char* dst, typename Ops::u32 x) { Ops::store_bf16(dst, x, x); }) {
    check_elements<u32, std::uint16_t>(
        all_floats(), 2 * lanes,
        [](const unsigned char* src, unsigned char* dst) {
          Ops::store_bf16(dst, Ops::load32(src), Ops::load32(src + 4 * lanes));
        },
        [](u32 x) { return rounded(x, fp32, bf16); });
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops, rounding Mode>
void check_load64_of() {
  check_elements<u64, u32, Mode>(
      all_doubles(), lanes,
      [](const unsigned char* src, unsigned char* dst) {
        Ops::store32(dst, Ops::template load64<Mode>(src));
      },
      [](u64 x) { return rounded(x, fp64, fp32, Mode); });
}
template <class Ops>
void check_load64() {
  if constexpr (requires(const unsigned char* src) { Ops::template load64<even>(src); }) {
    check_load64_of<Ops, even>();
    check_load64_of<Ops, rounding::toward_zero>();
    check_load64_of<Ops, rounding::toward_positive>();
    check_load64_of<Ops, rounding::toward_negative>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops, rounding Mode>
void check_store_half_of64_of() {
  check_elements<u64, std::uint16_t, Mode>(
      all_doubles(), lanes,
      [](const unsigned char* src, unsigned char* dst) {
        Ops::template store_half_of64<Mode>(dst, src);
      },
      [](u64 x) { return rounded(x, fp64, fp16, Mode); });
}
template <class Ops>
void check_store_half_of64() {
  if constexpr (requires(unsigned char* dst) { Ops::template store_half_of64<even>(dst, dst); }) {
    check_store_half_of64_of<Ops, even>();
    check_store_half_of64_of<Ops, rounding::toward_positive>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_load64_to_odd() {
  if constexpr (requires(const unsigned char* src) { Ops::load64_to_odd(src); }) {
    check_elements<u64, u32>(
        all_doubles(), lanes,
        [](const unsigned char* src, unsigned char* dst) {
          Ops::store32(dst, Ops::load64_to_odd(src));
        },
        odd_float_of_double);
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_load64_normal_to_odd() {
  if constexpr (requires(const unsigned char* src) { Ops::load64_normal_to_odd(src); }) {
    std::vector<u64> normal;
    // What is subnormal or beyond the range in FP32 is for load64_to_odd, and NaN may differ.
    for (const u64 x : all_doubles()) {
      const u64 field = x >> 52 & 0x7ff;
      if (field >= 1023 - 126 && field <= 1023 + 127) normal.push_back(x);
    }
    normal.resize(normal.size() / lanes * lanes);
    check_elements<u64, u32>(
        normal, lanes,
        [](const unsigned char* src, unsigned char* dst) {
          Ops::store32(dst, Ops::load64_normal_to_odd(src));
        },
        odd_float_of_double);
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_store64() {
  if constexpr (requires(unsigned char* dst, typename Ops::u32 x) { Ops::store64(dst, x); }) {
    check_elements<u32, u64>(
        all_floats(), lanes,
        [](const unsigned char* src, unsigned char* dst) { Ops::store64(dst, Ops::load32(src)); },
        [](u32 x) {
          if (is_nan(x))
            return static_cast<u64>(x >> 31) << 63 | u64{0x7ff8} << 48 |
                   static_cast<u64>(x & 0x3fffff) << 29;
          return __builtin_bit_cast(u64, value_of(x));
        });
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <class Ops>
void check_nearest_integer() {
  if constexpr (requires(typename Ops::u32 x) { Ops::nearest_integer(x); }) {
    std::vector<u32> floats = all_floats();
    for (u32 code = 0x3f000000; code < 0x50000000; code += 0x1ffff) floats.push_back(code);
    for (u32 i = 0; i < 64; ++i) floats.push_back(code_of(i / 2.0));
    for (const u32 edge : {0x4f000000U, 0x4effffffU, 0x4f000001U, 0xcf000000U, 0xcf000001U})
      floats.push_back(edge);
    check_elements<u32, u32>(
        both_signs(floats), lanes,
        [](const unsigned char* src, unsigned char* dst) {
          Ops::store32(dst, Ops::nearest_integer(Ops::load32(src)));
        },
        [](u32 x) {
          if ((x & 0x7fffffff) >= 0x4f000000) return 0x80000000U;
          const auto integer = static_cast<std::int32_t>(__builtin_nearbyint(value_of(x)));
          return static_cast<u32>(integer);
        });
  } else {
    GTEST_SKIP() << "not offered";
  }
}

/// Each lane in turn is the one that is not as the others.
template <class Ops>
void check_all_and_ordered() {
  if constexpr (requires(typename Ops::u32 x) {
                  Ops::all(Ops::equal(x, x));
                  Ops::ordered(x, x);
                }) {
    u32 x[lanes] = {};
    const auto load = [&x] { return ops::load32(reinterpret_cast<const unsigned char*>(x)); };
    const auto zero = Ops::set(0);
    EXPECT_TRUE(Ops::all(Ops::equal(load(), zero)));
    for (u32& lane : x) {
      lane = 1;
      EXPECT_FALSE(Ops::all(Ops::equal(load(), zero)));
      for (const u32 sign : {0U, 0x80000000U}) {
        lane = sign | infinity;
        EXPECT_TRUE(Ops::ordered(load(), zero) && Ops::ordered(zero, load()));
        for (const u32 payload : {1U, 0x400000U, 0x7fffffU}) {
          lane = sign | infinity | payload;
          EXPECT_FALSE(Ops::ordered(load(), zero));
          EXPECT_FALSE(Ops::ordered(zero, load()));
        }
      }
      lane = 0;
    }
  } else {
    GTEST_SKIP() << "not offered";
  }
}

TEST(FloatOperations, AllAndOrdered) { check_all_and_ordered<ops>(); }
TEST(FloatOperations, StoreHalfOf64) { check_store_half_of64<ops>(); }
TEST(FloatOperations, LoadHalf) { check_load_half<ops>(); }
TEST(FloatOperations, StoreHalf) { check_store_half<ops>(); }
TEST(FloatOperations, StoreBf16) { check_store_bf16<ops>(); }
TEST(FloatOperations, Load64) { check_load64<ops>(); }
TEST(FloatOperations, Load64ToOdd) { check_load64_to_odd<ops>(); }
TEST(FloatOperations, Load64NormalToOdd) { check_load64_normal_to_odd<ops>(); }
TEST(FloatOperations, Store64) { check_store64<ops>(); }
TEST(FloatOperations, NearestInteger) { check_nearest_integer<ops>(); }

}  // namespace
