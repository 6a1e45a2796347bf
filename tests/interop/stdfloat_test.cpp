// SPDX-License-Identifier: MIT
#include <fewbits/interop/stdfloat.hpp>
#include <fewbits/value.hpp>

#include <cstdint>
#include <cstring>

#include "gtest/gtest.h"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;

static_assert(!fb::native_narrow_float<float> && !fb::native_narrow_float<fb::fp16>);

/// Every code goes to the compiler's type and back unchanged.
template <class Native, class Type>
void check_every_code() {
  typed::for_each_code<Type>([](Type x) {
    const Native native = fb::to_native<Native>(x);
    std::uint16_t bits = 0;
    std::memcpy(&bits, &native, sizeof(bits));
    ASSERT_EQ(bits, x.bits());
    ASSERT_EQ(fb::from_native(native).bits(), x.bits());
  });
  ASSERT_EQ(fb::from_native(fb::to_native<Native>(1.0 / 3)).bits(), Type{1.0 / 3}.bits());
  ASSERT_EQ(fb::from_native(fb::to_native<Native>(fb::fp8_e4m3{448})), 448);
}

#if defined(__STDCPP_FLOAT16_T__)
using float16 = std::float16_t;
#elif defined(__FLT16_MANT_DIG__) && defined(__x86_64__) && \
    (!defined(__clang__) || __clang_major__ >= 15)
// The documented compilers have it; where it is missing, this file must not compile.
__extension__ typedef _Float16 float16;
#else
struct float16 {};
#endif

template <class Native>
void check_float16() {
  if constexpr (fb::native_narrow_float<Native>) {
    check_every_code<Native, fb::fp16>();
    // The compiler means the same numbers.
    typed::for_each_code<fb::fp16>([](fb::fp16 x) {
      if (isnan(x)) return;
      ASSERT_EQ(static_cast<float>(fb::to_native<Native>(x)), static_cast<float>(x));
    });
  } else {
    GTEST_SKIP() << "the compiler has no 16-bit float";
  }
}

TEST(stdfloat, float16_has_the_bits_of_fp16) { check_float16<float16>(); }

#if defined(__STDCPP_BFLOAT16_T__)
TEST(stdfloat, bfloat16_has_the_bits_of_bf16) { check_every_code<std::bfloat16_t, fb::bf16>(); }
#elif defined(__clang__) && __clang_major__ >= 16 && (defined(__SSE2__) || defined(__aarch64__))
TEST(stdfloat, bfloat16_has_the_bits_of_bf16) { check_every_code<__bf16, fb::bf16>(); }
#endif

}  // namespace
