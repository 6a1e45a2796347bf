// SPDX-License-Identifier: MIT
// The memory that weights take: the sums of the lesson, and where integers overflow or blocks end.
#include <fewbits/memory.hpp>

#include <cstdint>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
namespace formats = fewbits::formats;
using fb::gigabyte;
using fb::weight_bytes;
using u64 = std::uint64_t;

constexpr u64 billion = 1'000'000'000;
constexpr u64 parameters = 40 * billion;  // the model of the lesson

static_assert(gigabyte == 1'000'000'000 && fb::gibibyte == 1'073'741'824);

// 40 billion parameters: 160 GB, and half of it for each halving of the width.
static_assert(weight_bytes(parameters, formats::fp64) == 320 * gigabyte);
static_assert(weight_bytes(parameters, formats::fp32) == 160 * gigabyte);
static_assert(weight_bytes(parameters, formats::fp16) == 80 * gigabyte);
static_assert(weight_bytes(parameters, formats::bf16) == 80 * gigabyte);
static_assert(weight_bytes(parameters, formats::fp8_e4m3) == 40 * gigabyte);
static_assert(weight_bytes(parameters, formats::fp8_e5m2) == 40 * gigabyte);
static_assert(weight_bytes(parameters, formats::int8) == 40 * gigabyte);
static_assert(weight_bytes(parameters, formats::uint8) == 40 * gigabyte);
static_assert(weight_bytes(parameters, formats::fp6_e2m3) == 30 * gigabyte);
static_assert(weight_bytes(parameters, formats::fp4_e2m1) == 20 * gigabyte);
static_assert(weight_bytes(parameters, formats::int4) == 20 * gigabyte);
static_assert(weight_bytes(parameters, formats::int2) == 10 * gigabyte);
static_assert(weight_bytes(parameters, formats::tf32) == 95 * gigabyte);  // 19-bit codes, packed

// With scales. 32 4-bit integers and an FP16 scale: 4.5 bits a parameter.
constexpr auto q4 = formats::grouped(formats::int4, 32, formats::fp16);
static_assert(weight_bytes(parameters, q4) == 22 * gigabyte + gigabyte / 2);
// The same with an 8-bit zero point: 4.75 bits. Groups of 128 without: 4.125 bits.
static_assert(weight_bytes(parameters, formats::grouped(formats::uint4, 32, formats::fp16, 8)) ==
              23'750'000'000);
static_assert(weight_bytes(parameters, formats::grouped(formats::int4, 128, formats::fp16)) ==
              20'625'000'000);
// OCP MX: 8.25, 6.25 and 4.25 bits.
static_assert(weight_bytes(parameters, formats::mx(formats::fp8_e4m3)) == 41'250'000'000);
static_assert(weight_bytes(parameters, formats::mx(formats::fp6_e3m2)) == 31'250'000'000);
static_assert(weight_bytes(parameters, formats::mx(formats::fp4_e2m1)) == 21'250'000'000);
static_assert(weight_bytes(parameters, formats::mx(formats::int8)) == 41'250'000'000);
// NVFP4: 16 elements and an FP8 scale, 4.5 bits; one FP32 scale a tensor.
constexpr fb::block_format nvfp4_like{
    .element_bits = 4, .block_size = 16, .overhead_bits = 8, .tensor_bits = 32};
static_assert(weight_bytes(parameters, nvfp4_like) == 22'500'000'004);

// Counts that fill no byte round up once.
static_assert(weight_bytes(0, formats::int4) == 0 && weight_bytes(1, formats::int4) == 1);
static_assert(weight_bytes(2, formats::int4) == 1 && weight_bytes(3, formats::int4) == 2);
static_assert(weight_bytes(1, formats::int2) == 1 && weight_bytes(5, formats::int2) == 2);
static_assert(weight_bytes(4, formats::fp6_e2m3) == 3 && weight_bytes(5, formats::fp6_e2m3) == 4);
static_assert(weight_bytes(3, formats::fp16) == 6);

// The last block may be short, but has its scale.
static_assert(weight_bytes(0, q4) == 0);
static_assert(weight_bytes(1, q4) == 1 + 2 && weight_bytes(32, q4) == 16 + 2);
static_assert(weight_bytes(33, q4) == 17 + 4 && weight_bytes(64, q4) == 32 + 4);
static_assert(weight_bytes(0, nvfp4_like) == 4);
static_assert(weight_bytes(17, nvfp4_like) == 9 + 2 + 4);
// 3 groups with 12 bits each: 4.5 bytes, rounded up after the sum.
static_assert(weight_bytes(9, formats::grouped(formats::int8, 3, formats::fp8_e4m3, 4)) == 9 + 5);

// Counts near 2^64: the products must not wrap.
constexpr u64 most = ~u64{0};
static_assert(weight_bytes(most, formats::int8) == most);
static_assert(weight_bytes(most, formats::int4) == u64{1} << 63);
static_assert(weight_bytes(most - 1, formats::int4) == (u64{1} << 63) - 1);
static_assert(weight_bytes(most, formats::int2) == u64{1} << 62);
static_assert(weight_bytes(most / 8, formats::fp64) == most - 7);
static_assert(weight_bytes(most / 2, formats::fp16) == most - 1);
static_assert(weight_bytes(most, formats::grouped(formats::int4, 32, formats::fp16)) ==
              (u64{1} << 63) + (u64{1} << 60));
static_assert(weight_bytes(u64{1} << 62, formats::mx(formats::fp8_e4m3)) ==
              (u64{1} << 62) + (u64{1} << 57));

TEST(WeightBytes, IsTheSameAtRunTime) {
  volatile u64 count = parameters;
  EXPECT_EQ(weight_bytes(count, formats::fp32), 160 * gigabyte);
  EXPECT_EQ(weight_bytes(count, formats::bf16), 80 * gigabyte);
  EXPECT_EQ(weight_bytes(count, formats::int8), 40 * gigabyte);
  EXPECT_EQ(weight_bytes(count, formats::int4), 20 * gigabyte);
  EXPECT_EQ(weight_bytes(count, q4), 22 * gigabyte + gigabyte / 2);
}

// The exact number of bits, in 128 bits, over counts that make every kind of tail.
TEST(WeightBytes, RoundsTheExactNumberOfBitsUp) {
  __extension__ using u128 = unsigned __int128;
  for (const u64 start : {u64{0}, u64{1} << 32, most - 200})
    for (u64 i = 0; i < 200; ++i) {
      const u64 count = start + i;
      for (int bits = 1; bits <= 8; ++bits)
        EXPECT_EQ(weight_bytes(count, formats::unsigned_int(bits)),
                  static_cast<u64>((u128{count} * static_cast<unsigned>(bits) + 7) / 8));
      for (const int size : {1, 7, 16, 32, 128}) {
        const u64 whole = count / static_cast<u64>(size);
        const u64 blocks = whole + (count % static_cast<u64>(size) != 0 ? 1 : 0);
        const fb::block_format format{.element_bits = 2, .block_size = size, .overhead_bits = 5};
        EXPECT_EQ(weight_bytes(count, format),
                  static_cast<u64>((u128{count} * 2 + 7) / 8 + (u128{blocks} * 5 + 7) / 8));
      }
    }
}

}  // namespace
