// SPDX-License-Identifier: MIT
// fp16 against the compiler's own half precision, and fma of fp16 and bf16 against MPFR, where they
// exist.
#include <fewbits/value.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

#if defined(FEWBITS_HAVE_MPFR)
#include <mpfr.h>
#endif

// clang defines _Float16 for x86 from version 15 on, g++ with SSE2 from version 12 on.
#if defined(__FLT16_MANT_DIG__) && defined(__SSE2__) && \
    (!defined(__clang__) || __clang_major__ >= 15)
#define FEWBITS_TEST_NATIVE_HALF 1
#else
#define FEWBITS_TEST_NATIVE_HALF 0
#endif

namespace {

namespace fb = fewbits;
using typed::from_code;
using u64 = std::uint64_t;

// How many times as many random cases: native_half_exhaustive.cpp takes more.
#if defined(FEWBITS_TEST_EFFORT)
[[maybe_unused]] constexpr int effort = FEWBITS_TEST_EFFORT;
#else
[[maybe_unused]] constexpr int effort = 1;
#endif

#if FEWBITS_TEST_NATIVE_HALF || defined(FEWBITS_HAVE_MPFR)
/// Zeros, ends of ranges, one and its neighbours, infinities and NaN of a format with IEEE codes.
std::vector<u64> special_codes(const oracle::format& f) {
  const u64 one = static_cast<u64>(f.bias) << f.mantissa_bits;
  const u64 infinite = f.all_ones_exponent(), least = u64{1} << f.mantissa_bits;
  std::vector<u64> codes;
  for (const u64 code : {u64{0}, u64{1}, u64{2}, least - 1, least, least + 1, one - 1, one, one + 1,
                         infinite - 2, infinite - 1, infinite, infinite + 1, f.top()}) {
    codes.push_back(code);
    codes.push_back(code | f.sign());
  }
  return codes;
}

/// Of four codes, one is random, one has an exponent near that of `other`, one few bits, and one is
/// subnormal or close to it.
u64 random_code(random_words& next, const oracle::format& f, u64 other) {
  const u64 word = next(), code = word & (f.top() | f.sign());
  switch (word >> 62) {
    case 0:
      return code;
    case 1: {
      const u64 span = 2 * static_cast<u64>(f.mantissa_bits) + 6;
      const u64 near = (other & f.top()) + ((next.below(span) - span / 2) << f.mantissa_bits);
      return (code & ~f.all_ones_exponent()) | (near & f.all_ones_exponent());
    }
    case 2:
      return code & ~(((u64{1} << f.mantissa_bits) - 1) >>
                      next.below(static_cast<u64>(f.mantissa_bits) + 1));
    default:
      return code & (~f.all_ones_exponent() | u64{3} << f.mantissa_bits);
  }
}
#endif

#if FEWBITS_TEST_NATIVE_HALF
__extension__ typedef _Float16 native;

native native_from(u64 code) {
  const auto bits = static_cast<std::uint16_t>(code);
  native value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
/// Volatile, since a result that stays in a register may be wider than its type.
u64 bits_of(const volatile native& value) {
  const native narrow = value;
  std::uint16_t bits;
  std::memcpy(&bits, &narrow, sizeof bits);
  return bits;
}
bool is_nan(u64 code) { return (code & 0x7fff) > 0x7c00; }
bool same(u64 got, u64 want) { return got == want || (is_nan(got) && is_nan(want)); }

void check_operators(u64 a, u64 b) {
  const native x = native_from(a), y = native_from(b);
  const volatile native sum = x + y, difference = x - y, product = x * y, quotient = x / y;
  const auto p = from_code<fb::fp16>(a), q = from_code<fb::fp16>(b);
  EXPECT_TRUE(same((p + q).bits(), bits_of(sum))) << a << " + " << b;
  EXPECT_TRUE(same((p - q).bits(), bits_of(difference))) << a << " - " << b;
  EXPECT_TRUE(same((p * q).bits(), bits_of(product))) << a << " * " << b;
  EXPECT_TRUE(same((p / q).bits(), bits_of(quotient))) << a << " / " << b;
}

TEST(NativeHalf, OperatorsAgree) {
  const oracle::format& f = oracle::of("fp16").description();
  const std::vector<u64> special = special_codes(f);
  for (const u64 a : special) {
    for (const u64 b : special) check_operators(a, b);
  }
  random_words next(21);
  u64 a = 0;
  for (int i = 0; i < 1'000'000 * effort && !testing::Test::HasFailure(); ++i) {
    const u64 b = random_code(next, f, a);
    check_operators(a, b);
    a = i % 2 == 0 ? b : random_code(next, f, 0);
  }
}

void check_conversion(double value) {
  const volatile native from_double = static_cast<native>(value);
  EXPECT_TRUE(same(fb::fp16{value}.bits(), bits_of(from_double))) << value;
  const auto narrow = static_cast<float>(value);
  const volatile native from_float = static_cast<native>(narrow);
  EXPECT_TRUE(same(fb::fp16{narrow}.bits(), bits_of(from_float))) << narrow;
}

TEST(NativeHalf, ConversionsAgree) {
  for (u64 code = 0; code < 65536; ++code) {
    const native value = native_from(code);
    const auto ours = from_code<fb::fp16>(code);
    const auto wide = static_cast<double>(value);
    if (is_nan(code)) {
      ASSERT_TRUE(std::isnan(static_cast<double>(ours)) && std::isnan(static_cast<float>(ours)));
    } else {
      ASSERT_EQ(oracle::bits_of(static_cast<double>(ours)), oracle::bits_of(wide)) << code;
      ASSERT_EQ(oracle::bits_of(static_cast<float>(ours)),
                oracle::bits_of(static_cast<float>(value)))
          << code;
    }
  }
  // The value of every code, the midpoint above it, and what is next to them as double and float.
  for (u64 code = 0; code < 0x7c00 && !testing::Test::HasFailure(); ++code) {
    const auto low = static_cast<double>(native_from(code));
    const double high = code == 0x7bff ? 65536 : static_cast<double>(native_from(code + 1));
    for (const double value : {low, (low + high) / 2}) {
      const auto narrow = static_cast<float>(value);
      check_conversion(value);
      check_conversion(-value);
      check_conversion(std::nextafter(value, 0.0));
      check_conversion(std::nextafter(value, 1e9));
      check_conversion(-std::nextafter(value, 1e9));
      check_conversion(static_cast<double>(std::nextafter(narrow, 0.0f)));
      check_conversion(static_cast<double>(std::nextafter(narrow, 1e9f)));
    }
  }
  random_words next(22);
  for (int i = 0; i < 300'000 * effort && !testing::Test::HasFailure(); ++i) {
    const u64 word = next();
    check_conversion(static_cast<double>(oracle::float_from(static_cast<std::uint32_t>(word))));
    // A double whose exponent is near the range of fp16.
    const u64 exponent = 1023 - 30 + word % 50;
    check_conversion(oracle::double_from((word & ~(u64{2047} << 52)) | exponent << 52));
  }
}
#else
TEST(NativeHalf, OperatorsAgree) {
  GTEST_SKIP() << "this compiler has no _Float16 for this target";
}
#endif

#if defined(FEWBITS_HAVE_MPFR)
template <class Type>
class fma_by_mpfr {
 public:
  explicit fma_by_mpfr(const oracle::format& f) : least_(mpfr_get_emin()), most_(mpfr_get_emax()) {
    // The significands of MPFR are below one.
    mpfr_set_emin(2 - f.bias - f.mantissa_bits);
    mpfr_set_emax(f.bias + 1);
    for (mpfr_t& x : x_) mpfr_init2(x, f.mantissa_bits + 1);
  }
  fma_by_mpfr(const fma_by_mpfr&) = delete;
  fma_by_mpfr& operator=(const fma_by_mpfr&) = delete;
  ~fma_by_mpfr() {
    for (mpfr_t& x : x_) mpfr_clear(x);
    mpfr_set_emin(least_);
    mpfr_set_emax(most_);
  }
  float operator()(Type a, Type b, Type c) {
    mpfr_set_flt(x_[0], static_cast<float>(a), MPFR_RNDN);
    mpfr_set_flt(x_[1], static_cast<float>(b), MPFR_RNDN);
    mpfr_set_flt(x_[2], static_cast<float>(c), MPFR_RNDN);
    const int ternary = mpfr_fma(x_[3], x_[0], x_[1], x_[2], MPFR_RNDN);
    mpfr_subnormalize(x_[3], ternary, MPFR_RNDN);
    return mpfr_get_flt(x_[3], MPFR_RNDN);
  }

 private:
  mpfr_exp_t least_, most_;
  mpfr_t x_[4];
};

/// A third of the addends are near the negative of the product, a third near its size.
template <class Type>
void check_fma(const char* name, u64 seed) {
  const oracle::format& f = oracle::of(name).description();
  const u64 mask = f.top() | f.sign();
  fma_by_mpfr<Type> fma_of(f);
  const auto check = [&](u64 a, u64 b, u64 c) {
    const auto x = from_code<Type>(a), y = from_code<Type>(b), z = from_code<Type>(c);
    const float want = fma_of(x, y, z), got = static_cast<float>(fma(x, y, z));
    ASSERT_TRUE(oracle::bits_of(got) == oracle::bits_of(want) ||
                (std::isnan(got) && std::isnan(want)))
        << name << ": " << a << " * " << b << " + " << c << " -> " << got << ", want " << want;
  };
  const std::vector<u64> special = special_codes(f);
  for (const u64 a : special) {
    for (const u64 b : special) {
      for (const u64 c : special) check(a, b, c);
    }
  }
  random_words next(seed);
  u64 a = 0;
  for (int i = 0; i < 200'000 * effort && !testing::Test::HasFailure(); ++i) {
    const u64 b = random_code(next, f, a);
    const u64 product = (from_code<Type>(a) * from_code<Type>(b)).bits();
    u64 c = random_code(next, f, a);
    if (i % 3 == 1) c = ((product ^ f.sign()) + next.below(9) - 4) & mask;
    if (i % 3 == 2) c = (product + (next.below(40) << f.mantissa_bits) - next.below(4096)) & mask;
    check(a, b, c);
    a = random_code(next, f, c);
  }
}

TEST(Mpfr, FmaOfFp16Agrees) { check_fma<fb::fp16>("fp16", 23); }
TEST(Mpfr, FmaOfBf16Agrees) { check_fma<fb::bf16>("bf16", 24); }
#endif

}  // namespace
