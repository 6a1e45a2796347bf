// SPDX-License-Identifier: MIT
// How a kernel is chosen: the specialisation that asks for most among those that the instruction set
// can run, wherever it is declared.
#include <fewbits/convert.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/select.hpp>

#include <array>
#include <cstddef>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using fb::feature;
using fb::isa;

// A slot as in isa/slots.hpp.
template <class Element, isa Isa>
struct probe;

// As in the files of instruction sets, which come before the primary's definition.
template <isa Isa>
  requires fb::has_avx2<Isa>
struct probe<float, Isa> {
  static constexpr int id = 2;
};

template <class Element, isa Isa>
struct probe {
  static constexpr int id = 1;
};

// Below the primary, the more demanding first.
template <isa Isa>
  requires fb::has_avx512_bf16<Isa>
struct probe<float, Isa> {
  static constexpr int id = 4;
};
template <isa Isa>
  requires fb::has_avx512<Isa>
struct probe<float, Isa> {
  static constexpr int id = 3;
};
template <isa Isa>
  requires fb::has_avx512_vnni<Isa>
struct probe<int, Isa> {
  static constexpr int id = 5;
};

constexpr isa avx2 = fb::generic.with(feature::sse3)
                         .with(feature::ssse3)
                         .with(feature::sse4_1)
                         .with(feature::sse4_2)
                         .with(feature::avx)
                         .with(feature::avx2)
                         .with(feature::fma)
                         .with(feature::f16c);
constexpr isa avx512 = avx2.with(feature::avx512f)
                           .with(feature::avx512bw)
                           .with(feature::avx512vl)
                           .with(feature::avx512dq);

static_assert(probe<float, fb::generic>::id == 1);
static_assert(probe<float, avx2>::id == 2, "declared before its primary");
static_assert(probe<float, avx512>::id == 3, "declared below its primary");
static_assert(probe<float, avx512.with(feature::avx512bf16)>::id == 4, "the more demanding wins");

// A newer instruction set inherits.
static_assert(probe<float, avx2.with(feature::avxvnni)>::id == 2);
static_assert(probe<float, avx512.with(feature::avx512fp16).with(feature::amx_tile)>::id == 3);
static_assert(probe<float, avx512.with(feature::avx512bf16).with(feature::avx512vnni)>::id == 4);
static_assert(probe<float, isa{~0ULL}>::id == 4 && probe<int, isa{~0ULL}>::id == 5);

// A part of what is asked for is nothing.
static_assert(probe<float, avx2.without(feature::f16c)>::id == 1);
static_assert(probe<float, avx2.with(feature::avx512f).with(feature::avx512bw)>::id == 2);
static_assert(probe<float, avx2.with(feature::avx512bf16)>::id == 2);
static_assert(probe<int, avx512>::id == 1 && probe<double, avx512>::id == 1);
static_assert(probe<int, avx512.with(feature::avx512vnni)>::id == 5);

// The library's own: which vector operations and kernels the flags of this test bring in.
constexpr int lanes_of_native = fb::has_avx512<fb::native> ? 16
                                : fb::has_avx2<fb::native> ? 8
                                : fb::has_neon<fb::native> ? 4
                                                           : 1;
static_assert(fb::vec<fb::generic>::lanes == 1);
static_assert(fb::vec<fb::native>::lanes == lanes_of_native);

using unnamed = fb::basic_float<fb::formats::ieee(3, 6)>;
int calls = 0;

}  // namespace

// A user's kernel for a pair of the user's: the conversion of ranges must find it.
template <fb::isa Isa>
  requires(Isa.contains(fb::generic))
struct fb::convert_kernel<fb::fp32, unnamed, fb::saturating, Isa> {
  static void run(const unsigned char*, unsigned char* dst, std::size_t count) {
    ++calls;
    __builtin_memset(dst, 0x01, count * sizeof(unnamed));
  }
};

namespace {

TEST(Select, FindsAKernelThatAUserDeclaresBelowItsPrimary) {
  const std::array<float, 3> src = {1, 2, 3};
  std::array<unnamed, 3> dst{};
  calls = 0;
  fb::convert<fb::saturating>(src, dst);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(dst[2].bits(), 0x101);
  fb::convert<fb::saturating, fb::generic>(src, dst);
  EXPECT_EQ(calls, 2);
  // Another policy is another kernel.
  fb::convert(src, dst);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(dst[0].bits(), fb::convert<unnamed>(1.0f).bits());
}

}  // namespace
