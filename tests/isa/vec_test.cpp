// SPDX-License-Identifier: MIT
// Each vector operation against its documented meaning, lane by lane, and the bytes that loads and
// stores touch.
#include <fewbits/isa/select.hpp>

#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "support/environment.hpp"
#include "support/guard_page.hpp"

namespace {

namespace fb = fewbits;
using u32 = std::uint32_t;

constexpr std::size_t most_lanes = 64;

/// The operations of one `vec`, on arrays of a vector's lanes.
struct operations {
  using unary = void (*)(const u32* x, u32* out);
  using binary = void (*)(const u32* a, const u32* b, u32* out);

  const char* name;
  std::size_t lanes;
  binary add, sub, and_, or_, xor_, min_, max_, shift_left, shift_right;
  /// select(greater(a, b), a, ~b), select(equal(a, b), a, ~b)
  binary select_greater, select_equal;
  /// select(carries(a, b), a, ~b)
  binary select_carries;
  unary float_bits;
  unary left_by[32], right_by[32];
  void (*set)(u32 x, u32* out);
  void (*load8)(const unsigned char*, u32*);
  void (*load16)(const unsigned char*, u32*);
  void (*load32)(const unsigned char*, u32*);
  void (*store8)(unsigned char*, const u32*);
  void (*store16)(unsigned char*, const u32*);
  void (*store32)(unsigned char*, const u32*);
  void (*load24)(const unsigned char*, u32*);
  void (*store24)(unsigned char*, const u32*);
  void (*stream64)(unsigned char*, const unsigned char*);
};

template <fb::isa Isa>
struct wrapped {
  using ops = fb::vec<Isa>;
  using vector = typename ops::u32;

  // The arrays go in and out by 32-bit loads and stores, which are tested first.
  static vector in(const u32* x) { return ops::load32(reinterpret_cast<const unsigned char*>(x)); }
  static void put(u32* out, vector x) { ops::store32(reinterpret_cast<unsigned char*>(out), x); }

  template <std::size_t... Counts>
  static operations table(const char* name, std::index_sequence<Counts...>) {
    return {
        name,
        static_cast<std::size_t>(ops::lanes),
        [](const u32* a, const u32* b, u32* out) { put(out, ops::add(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::sub(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::and_(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::or_(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::xor_(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::min_(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::max_(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::shift_left(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) { put(out, ops::shift_right(in(a), in(b))); },
        [](const u32* a, const u32* b, u32* out) {
          put(out, ops::select(ops::greater(in(a), in(b)), in(a), ops::xor_(in(b), ops::set(~0U))));
        },
        [](const u32* a, const u32* b, u32* out) {
          put(out, ops::select(ops::equal(in(a), in(b)), in(a), ops::xor_(in(b), ops::set(~0U))));
        },
        [](const u32* a, const u32* b, u32* out) {
          put(out, ops::select(ops::carries(in(a), in(b)), in(a), ops::xor_(in(b), ops::set(~0U))));
        },
        [](const u32* x, u32* out) { put(out, ops::float_bits(in(x))); },
        {[](const u32* x, u32* out) {
          put(out, ops::template shift_left<static_cast<int>(Counts)>(in(x)));
        }...},
        {[](const u32* x, u32* out) {
          put(out, ops::template shift_right<static_cast<int>(Counts)>(in(x)));
        }...},
        [](u32 x, u32* out) { put(out, ops::set(x)); },
        [](const unsigned char* src, u32* out) { put(out, ops::load8(src)); },
        [](const unsigned char* src, u32* out) { put(out, ops::load16(src)); },
        [](const unsigned char* src, u32* out) { put(out, ops::load32(src)); },
        [](unsigned char* dst, const u32* x) { ops::store8(dst, in(x)); },
        [](unsigned char* dst, const u32* x) { ops::store16(dst, in(x)); },
        [](unsigned char* dst, const u32* x) { ops::store32(dst, in(x)); },
        [](const unsigned char* src, u32* out) { put(out, ops::load24(src)); },
        [](unsigned char* dst, const u32* x) { ops::store24(dst, in(x)); },
        [](unsigned char* dst, const unsigned char* src) {
          ops::stream64(dst, src);
          ops::stream_fence();
        },
    };
  }
};

const std::vector<operations>& all_operations() {
  static const std::vector<operations> tables = {
      wrapped<fb::native>::table("native", std::make_index_sequence<32>{}),
      wrapped<fb::generic>::table("generic", std::make_index_sequence<32>{})};
  return tables;
}

/// The ends, every power of two and its neighbours, and some of no pattern.
const std::vector<u32>& values() {
  static const std::vector<u32> made = [] {
    std::vector<u32> x = {0,          0xdeadbeef, 0x80808080, 0x01010101, 0x0000ffff, 0xffff0000,
                          0x00ff00ff, 0x12345678, 0x9abcdef0, 0x7f800000, 0xff800000};
    for (int bit = 0; bit < 32; ++bit)
      for (const u32 offset : {0U, 1U, ~0U}) x.push_back((1U << bit) + offset);
    return x;
  }();
  return made;
}

/// Checks a binary operation on all pairs of `left` and `right`, in every lane.
template <class Meaning>
void check(const operations& ops, const char* what, operations::binary run,
           const std::vector<u32>& left, const std::vector<u32>& right, Meaning&& meaning) {
  u32 a[most_lanes], b[most_lanes], out[most_lanes];
  for (std::size_t i = 0; i < left.size(); ++i)
    for (std::size_t j = 0; j < right.size(); ++j) {
      for (std::size_t lane = 0; lane < ops.lanes; ++lane) {
        a[lane] = left[(i + lane) % left.size()];
        b[lane] = right[(j + lane * lane) % right.size()];
      }
      run(a, b, out);
      for (std::size_t lane = 0; lane < ops.lanes; ++lane)
        ASSERT_EQ(out[lane], meaning(a[lane], b[lane]))
            << ops.name << " " << what << "(0x" << std::hex << a[lane] << ", 0x" << b[lane]
            << ") in lane " << std::dec << lane;
    }
}

TEST(Vec, LoadsAndStoresElementsInOrder) {
  for (const operations& ops : all_operations()) {
    ASSERT_LE(ops.lanes, most_lanes);
    unsigned char memory[4 * most_lanes];
    for (std::size_t i = 0; i < sizeof memory; ++i)
      memory[i] = static_cast<unsigned char>(i * 37 + 200);
    u32 lanes[most_lanes];
    ops.load32(memory, lanes);
    EXPECT_EQ(std::memcmp(lanes, memory, 4 * ops.lanes), 0) << ops.name;
    unsigned char out[4 * most_lanes];
    ops.store32(out, lanes);
    EXPECT_EQ(std::memcmp(out, memory, 4 * ops.lanes), 0) << ops.name;
    ops.load16(memory, lanes);
    for (std::size_t i = 0; i < ops.lanes; ++i) {
      std::uint16_t want;
      std::memcpy(&want, memory + 2 * i, 2);
      EXPECT_EQ(lanes[i], want) << ops.name << ", lane " << i;
    }
    ops.load24(memory, lanes);
    for (std::size_t i = 0; i < ops.lanes; ++i)
      EXPECT_EQ(lanes[i], memory[3 * i] + memory[3 * i + 1] * 0x100U + memory[3 * i + 2] * 0x10000U)
          << ops.name << ", lane " << i;
    ops.load8(memory, lanes);
    for (std::size_t i = 0; i < ops.lanes; ++i)
      EXPECT_EQ(lanes[i], memory[i]) << ops.name << ", lane " << i;
  }
}

// The upper bits of a lane do not saturate or spill.
TEST(Vec, StoresTheLowBitsOfAnyLane) {
  for (const operations& ops : all_operations())
    for (std::size_t start = 0; start < values().size(); ++start) {
      u32 lanes[most_lanes];
      for (std::size_t i = 0; i < ops.lanes; ++i)
        lanes[i] = values()[(start + i) % values().size()];
      unsigned char out8[most_lanes];
      unsigned char out16[2 * most_lanes];
      unsigned char out24[3 * most_lanes];
      ops.store8(out8, lanes);
      ops.store16(out16, lanes);
      ops.store24(out24, lanes);
      for (std::size_t i = 0; i < ops.lanes; ++i) {
        const auto low = static_cast<std::uint16_t>(lanes[i]);
        ASSERT_EQ(out8[i], lanes[i] & 0xff) << ops.name << ", lane " << i;
        ASSERT_EQ(std::memcmp(out16 + 2 * i, &low, 2), 0) << ops.name << ", lane " << i;
        for (std::size_t byte = 0; byte < 3; ++byte)
          ASSERT_EQ(out24[3 * i + byte], lanes[i] >> 8 * byte & 0xff) << ops.name << ", lane " << i;
      }
    }
}

TEST(Vec, TouchesExactlyTheBytesNamedAtAnyAlignment) {
  const guard_page::buffer memory(8 * most_lanes);
  for (const operations& ops : all_operations()) {
    struct access {
      std::size_t bytes;
      void (*load)(const unsigned char*, u32*);
      void (*store)(unsigned char*, const u32*);
    };
    const u32 lanes[most_lanes] = {};
    u32 loaded[most_lanes];
    for (const access& one :
         {access{1, ops.load8, ops.store8}, access{2, ops.load16, ops.store16},
          access{3, ops.load24, ops.store24}, access{4, ops.load32, ops.store32}}) {
      const std::size_t bytes = one.bytes * ops.lanes;
      one.load(memory.ending(bytes), loaded);
      one.load(memory.begin(), loaded);
      one.store(memory.ending(bytes), lanes);
      one.store(memory.begin(), lanes);
      for (std::size_t shift = 1; shift <= 64; ++shift) {
        unsigned char* const at = memory.ending(bytes + shift);
        std::memset(at - 1, 0xa5, bytes + shift + 1);
        one.store(at, lanes);
        ASSERT_EQ(at[-1], 0xa5) << ops.name;
        ASSERT_EQ(at[bytes], 0xa5) << ops.name;
        for (std::size_t i = 0; i < bytes; ++i) ASSERT_EQ(at[i], 0) << ops.name;
        one.load(at, loaded);
        for (std::size_t i = 0; i < ops.lanes; ++i) ASSERT_EQ(loaded[i], 0U) << ops.name;
      }
    }
  }
}

TEST(Vec, StreamsALine) {
  alignas(64) unsigned char lines[3 * 64];
  unsigned char src[65];
  for (std::size_t i = 0; i < sizeof src; ++i) src[i] = static_cast<unsigned char>(i * 37 + 1);
  for (const operations& ops : all_operations()) {
    std::memset(lines, 0xa5, sizeof lines);
    ops.stream64(lines + 64, src + 1);
    EXPECT_EQ(std::memcmp(lines + 64, src + 1, 64), 0) << ops.name;
    for (std::size_t i = 0; i < 64; ++i) {
      ASSERT_EQ(lines[i], 0xa5) << ops.name;
      ASSERT_EQ(lines[128 + i], 0xa5) << ops.name;
    }
  }
}

TEST(Vec, ComputesModulo2To32) {
  for (const operations& ops : all_operations()) {
    const std::vector<u32>& x = values();
    check(ops, "add", ops.add, x, x, [](u32 a, u32 b) { return a + b; });
    check(ops, "sub", ops.sub, x, x, [](u32 a, u32 b) { return a - b; });
    check(ops, "and_", ops.and_, x, x, [](u32 a, u32 b) { return a & b; });
    check(ops, "or_", ops.or_, x, x, [](u32 a, u32 b) { return a | b; });
    check(ops, "xor_", ops.xor_, x, x, [](u32 a, u32 b) { return a ^ b; });
  }
}

TEST(Vec, ComparesUnsignedNumbers) {
  std::vector<u32> below;
  for (const u32 x : values())
    if (x < 0x80000000) below.push_back(x);
  for (const operations& ops : all_operations()) {
    const std::vector<u32>& x = values();
    check(ops, "min_", ops.min_, x, x, [](u32 a, u32 b) { return a < b ? a : b; });
    check(ops, "max_", ops.max_, x, x, [](u32 a, u32 b) { return a > b ? a : b; });
    check(ops, "select of equal", ops.select_equal, x, x,
          [](u32 a, u32 b) { return a == b ? a : ~b; });
    check(ops, "select of greater", ops.select_greater, below, below,
          [](u32 a, u32 b) { return a > b ? a : ~b; });
  }
}

TEST(Vec, TellsWhereSumsCarry) {
  for (const operations& ops : all_operations())
    check(ops, "select of carries", ops.select_carries, values(), values(),
          [](u32 a, u32 b) { return (a + std::uint64_t{b}) >> 32 != 0 ? a : ~b; });
}

template <fb::isa Isa>
void check_pairs() {
  using ops = fb::vec<Isa>;
  using vector = typename ops::u32;
  if constexpr (requires(vector x) { ops::multiply_pairs(x, x); }) {
    constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
    u32 a[lanes], b[lanes], products[lanes], swapped[lanes], even[lanes], low[lanes], high[lanes];
    for (std::size_t first = 0; first < values().size() * values().size(); ++first) {
      for (std::size_t i = 0; i < lanes; ++i) {
        a[i] = values()[(first + i) % values().size()];
        b[i] = values()[(first / values().size() + i * i) % values().size()];
      }
      const vector x = wrapped<Isa>::in(a);
      const vector y = wrapped<Isa>::in(b);
      wrapped<Isa>::put(products, ops::multiply_pairs(x, y));
      wrapped<Isa>::put(swapped, ops::swap_pairs(x));
      wrapped<Isa>::put(even, ops::select_even(x, y));
      wrapped<Isa>::put(low, ops::unpack_low(x, y));
      wrapped<Isa>::put(high, ops::unpack_high(x, y));
      for (std::size_t i = 0; i < lanes; ++i) {
        const std::uint64_t product = std::uint64_t{a[i / 2 * 2]} * b[i / 2 * 2];
        const std::size_t quad = i / 4 * 4 + i % 2;
        ASSERT_EQ(products[i], static_cast<u32>(product >> 32 * (i % 2))) << "lane " << i;
        ASSERT_EQ(swapped[i], a[i ^ 1]) << "lane " << i;
        ASSERT_EQ(even[i], i % 2 == 0 ? a[i] : b[i]) << "lane " << i;
        ASSERT_EQ(low[i], (i % 4 < 2 ? a : b)[quad]) << "lane " << i;
        ASSERT_EQ(high[i], (i % 4 < 2 ? a : b)[quad + 2]) << "lane " << i;
      }
    }
  }
}

TEST(Vec, MultipliesAndMovesPairsOfLanes) { check_pairs<fb::native>(); }

template <fb::isa Isa>
void check_lookup() {
  using ops = fb::vec<Isa>;
  using vector = typename ops::u32;
  u32 table[16];
  for (u32 i = 0; i < 16; ++i) table[i] = (i + 1) * 0x9e3779b9U;
  if constexpr (requires(vector x) { ops::lookup16(table, x); }) {
    constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
    u32 index[lanes], got[lanes];
    for (u32 first = 0; first < 64; ++first) {
      // Bits above the lowest four do not count.
      for (std::size_t i = 0; i < lanes; ++i)
        index[i] = (first + static_cast<u32>(i) * 5) * 0x10000001U;
      wrapped<Isa>::put(got, ops::lookup16(table, wrapped<Isa>::in(index)));
      for (std::size_t i = 0; i < lanes; ++i)
        ASSERT_EQ(got[i], table[index[i] % 16]) << "lane " << i;
    }
  }
}

TEST(Vec, LooksUpSixteenNumbers) { check_lookup<fb::native>(); }

TEST(Vec, ShiftsByConstantsAndByLanes) {
  std::vector<u32> counts;
  for (u32 count = 0; count < 32; ++count) counts.push_back(count);
  for (const operations& ops : all_operations()) {
    check(ops, "shift_left", ops.shift_left, values(), counts, [](u32 a, u32 n) { return a << n; });
    check(ops, "shift_right", ops.shift_right, values(), counts,
          [](u32 a, u32 n) { return a >> n; });
    u32 x[most_lanes], out[most_lanes];
    for (u32 count = 0; count < 32; ++count)
      for (std::size_t start = 0; start < values().size(); ++start) {
        for (std::size_t i = 0; i < ops.lanes; ++i) x[i] = values()[(start + i) % values().size()];
        ops.left_by[count](x, out);
        for (std::size_t i = 0; i < ops.lanes; ++i)
          ASSERT_EQ(out[i], x[i] << count) << ops.name << " shift_left<" << count << ">";
        ops.right_by[count](x, out);
        for (std::size_t i = 0; i < ops.lanes; ++i)
          ASSERT_EQ(out[i], x[i] >> count) << ops.name << " shift_right<" << count << ">";
      }
  }
}

TEST(Vec, SetsEveryLane) {
  for (const operations& ops : all_operations())
    for (const u32 x : values()) {
      u32 out[most_lanes];
      ops.set(x, out);
      for (std::size_t i = 0; i < ops.lanes; ++i) ASSERT_EQ(out[i], x) << ops.name;
    }
}

/// The bits of the float `x`, from its digits: no conversion of the compiler is involved.
u32 float_code(u32 x) {
  if (x == 0) return 0;
  const int top = 31 - __builtin_clz(x);
  return static_cast<u32>(top + 127) << 23 | ((x << (23 - top)) & 0x7fffff);
}

void check_float_bits(u32 step) {
  for (const operations& ops : all_operations()) {
    u32 x[most_lanes], out[most_lanes];
    for (u32 first = 0; first < 1U << 24; first += step) {
      for (std::size_t i = 0; i < ops.lanes; ++i)
        x[i] = (first + static_cast<u32>(i) * 0x10001) & 0xffffff;
      ops.float_bits(x, out);
      for (std::size_t i = 0; i < ops.lanes; ++i)
        ASSERT_EQ(out[i], float_code(x[i])) << ops.name << " float_bits(" << x[i] << ")";
      for (std::size_t i = 0; i < ops.lanes; ++i) x[i] = 0 - x[i];
      ops.float_bits(x, out);
      for (std::size_t i = 0; i < ops.lanes; ++i) {
        const u32 want = x[i] == 0 ? 0 : float_code(0 - x[i]) | 0x80000000;
        ASSERT_EQ(out[i], want) << ops.name << " float_bits(-" << 0 - x[i] << ")";
      }
    }
  }
}

TEST(Vec, TurnsIntegersOf24BitsIntoFloats) { check_float_bits(61); }

TEST(Vec, TurnsIntegersIntoFloatsInAnyEnvironment) {
  const environment::flush_to_zero flush;
  for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    const environment::rounding_direction hostile(direction);
    check_float_bits(4099);
  }
}

}  // namespace
