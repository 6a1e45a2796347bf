// SPDX-License-Identifier: MIT
// Lanes of 16 and of 8 bits, and the operations that narrow to them, against their documented meaning,
// where an instruction set offers them.
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using byte = unsigned char;
using word = std::uint16_t;
using u32 = std::uint32_t;

/// The ends, powers of two and their neighbours, the ends of int8 and uint8, and some of no pattern.
[[maybe_unused]] std::vector<word> values() {
  std::vector<word> made = {0, 0xbeef, 0x8080, 0x0101, 0x00ff, 0xff00, 0xff7f, 0xff80, 0x5a3c};
  for (int bit = 0; bit < 16; ++bit)
    for (const int offset : {0, 1, -1}) made.push_back(static_cast<word>((1 << bit) + offset));
  return made;
}

template <class Code>
const byte* bytes_of(const Code* x) {
  return reinterpret_cast<const byte*>(x);
}
template <class Code>
byte* bytes_of(Code* x) {
  return reinterpret_cast<byte*>(x);
}

/// The lanes of a register.
template <class Register>
void put(word* out, Register x) {
  std::memcpy(out, &x, sizeof(x));
}

/// Checks `run(a, b)` on pairs of `left` and `right`, lane by lane.
template <class Ops, class Run, class Meaning>
void check_pairs(const char* what, const std::vector<word>& left, const std::vector<word>& right,
                 Run run, Meaning meaning) {
  constexpr std::size_t lanes = static_cast<std::size_t>(Ops::lanes);
  word a[lanes], b[lanes], out[lanes];
  for (std::size_t i = 0; i < left.size(); ++i)
    for (std::size_t j = 0; j < right.size(); ++j) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        a[lane] = left[(i + lane) % left.size()];
        b[lane] = right[(j + lane * lane) % right.size()];
      }
      put(out, run(Ops::load16(bytes_of(a)), Ops::load16(bytes_of(b))));
      for (std::size_t lane = 0; lane < lanes; ++lane)
        ASSERT_EQ(out[lane], static_cast<word>(meaning(u32{a[lane]}, u32{b[lane]})))
            << what << std::hex << " of 0x" << a[lane] << ", 0x" << b[lane];
    }
}

template <class Ops>
void check_words() {
  const std::vector<word> x = values();
  std::vector<word> below;
  for (const word one : x)
    if (one < 0x8000) below.push_back(one);
  const auto check = [&](const char* what, auto run, auto meaning) {
    check_pairs<Ops>(what, x, x, run, meaning);
  };
#define FEWBITS_TEST_OPERATION(name, expression)             \
  check(                                                     \
      #name, [](auto a, auto b) { return Ops::name(a, b); }, \
      [](u32 a, u32 b) { return expression; })
  FEWBITS_TEST_OPERATION(add, a + b);
  FEWBITS_TEST_OPERATION(sub, a - b);
  FEWBITS_TEST_OPERATION(and_, a & b);
  FEWBITS_TEST_OPERATION(or_, a | b);
  FEWBITS_TEST_OPERATION(xor_, a ^ b);
  FEWBITS_TEST_OPERATION(min_, a < b ? a : b);
  FEWBITS_TEST_OPERATION(max_, a > b ? a : b);
#undef FEWBITS_TEST_OPERATION
  check(
      "equal", [](auto a, auto b) { return Ops::select(Ops::equal(a, b), a, Ops::set(7)); },
      [](u32 a, u32 b) { return a == b ? a : 7; });
  // As many lanes as are equal, and all but one.
  word some[sizeof(typename Ops::u16) / 2] = {};
  ASSERT_TRUE(Ops::all(Ops::equal(Ops::load16(bytes_of(some)), Ops::set(0))));
  for (word& lane : some) {
    lane = 1;
    ASSERT_FALSE(Ops::all(Ops::equal(Ops::load16(bytes_of(some)), Ops::set(0))));
    lane = 0;
  }
  check_pairs<Ops>(
      "greater", below, below,
      [](auto a, auto b) { return Ops::select(Ops::greater(a, b), a, Ops::set(7)); },
      [](u32 a, u32 b) { return a > b ? a : 7; });
  check(
      "shift_left<3>", [](auto a, auto) { return Ops::template shift_left<3>(a); },
      [](u32 a, u32) { return a << 3; });
  check(
      "shift_right<15>", [](auto a, auto) { return Ops::template shift_right<15>(a); },
      [](u32 a, u32) { return a >> 15; });
  check(
      "shift_right<0>", [](auto a, auto) { return Ops::template shift_right<0>(a); },
      [](u32 a, u32) { return a; });
  if constexpr (requires(typename Ops::u16 a) { Ops::merge(a, a, a); })
    check(
        "merge", [](auto a, auto b) { return Ops::merge(Ops::set(0x0ff0), a, b); },
        [](u32 a, u32 b) { return (a & 0x0ff0) | (b & 0xf00f); });
  if constexpr (requires(typename Ops::u16 a) { Ops::shift_left(a, a); }) {
    std::vector<word> counts;
    for (word count = 0; count < 16; ++count) counts.push_back(count);
    check_pairs<Ops>(
        "shift_left", x, counts, [](auto a, auto n) { return Ops::shift_left(a, n); },
        [](u32 a, u32 n) { return a << n; });
    check_pairs<Ops>(
        "shift_right", x, counts, [](auto a, auto n) { return Ops::shift_right(a, n); },
        [](u32 a, u32 n) { return a >> n; });
  }
}

template <class Ops, class Wide>
void check_bytes_of_words() {
  constexpr std::size_t lanes = static_cast<std::size_t>(Ops::lanes);
  byte in[2 * lanes], out[2 * lanes];
  word loaded[lanes], halves[lanes];
  u32 wide[lanes];
  const fb::detail::default_control_word<fb::native> control_word;
  for (std::size_t first = 0; first < 256; ++first) {
    for (std::size_t i = 0; i < 2 * lanes; ++i) in[i] = static_cast<byte>(first + i * 5);
    put(loaded, Ops::load8(in));
    for (std::size_t i = 0; i < lanes; ++i) ASSERT_EQ(loaded[i], in[i]);
    Ops::store8(out, Ops::load8(in), Ops::load8(in + lanes));
    ASSERT_EQ(std::memcmp(in, out, 2 * lanes), 0);
    // The halves 1 + i/1024 are the floats 1 + i/1024.
    for (std::size_t i = 0; i < lanes; ++i) halves[i] = static_cast<word>(0x3c00 + in[i]);
    Wide::store32(bytes_of(wide), Ops::widen_low(Ops::load16(bytes_of(halves))));
    Wide::store32(bytes_of(wide + lanes / 2), Ops::widen_high(Ops::load16(bytes_of(halves))));
    for (std::size_t i = 0; i < lanes; ++i) ASSERT_EQ(wide[i], 0x3f800000 + (u32{in[i]} << 13));
  }
}

/// Sums of a product of powers of two and a multiple of it: rounded once, to nearest even.
template <class Ops>
void check_fma_of_halves() {
  if constexpr (requires(typename Ops::u16 x) {
                  Ops::template fma<fb::rounding::nearest_even>(x, x, x);
                }) {
    const fb::detail::default_control_word<fb::native> control_word;
    constexpr std::size_t lanes = static_cast<std::size_t>(Ops::lanes);
    // (1 + 2^-10)^2 = 1 + 2^-9 + 2^-20; less 1 and 2^-9 the last term, which a product rounded before
    // would not have. 2048 + 1 and 2048 + 3 are ties. Subnormal numbers count.
    struct example {
      word a, b, c, want;
    };
    for (const example& one :
         {example{0x3c01, 0x3c01, 0xbc02, 0x0010}, example{0x6800, 0x3c00, 0x3c00, 0x6800},
          example{0x6800, 0x3c00, 0x4200, 0x6802}, example{0x0001, 0x3c00, 0x0001, 0x0002},
          example{0x7bff, 0x4000, 0x0000, 0x7c00}}) {
      word out[lanes];
      put(out, Ops::template fma<fb::rounding::nearest_even>(Ops::set(one.a), Ops::set(one.b),
                                                             Ops::set(one.c)));
      for (std::size_t i = 0; i < lanes; ++i) ASSERT_EQ(out[i], one.want) << "lane " << i;
    }
  } else {
    GTEST_SKIP() << "not offered";
  }
}

template <class Ops>
void check_bytes() {
  constexpr std::size_t lanes = static_cast<std::size_t>(Ops::lanes);
  alignas(64) byte entries[128];
  for (std::size_t i = 0; i < 128; ++i) entries[i] = static_cast<byte>(i * 37 + 11);
  const auto table = Ops::load_table(entries);
  byte index[lanes], out[lanes], pairs[2 * lanes], uppers[4 * lanes];
  for (std::size_t first = 0; first < 256; ++first) {
    for (std::size_t i = 0; i < lanes; ++i) index[i] = static_cast<byte>(first + i * 3);
    const auto x = Ops::load8(index);
    Ops::store8(out, Ops::lookup(table, x));
    for (std::size_t i = 0; i < lanes; ++i) ASSERT_EQ(out[i], entries[index[i] & 0x7f]);
    Ops::store8(out, Ops::select_by_top_bit(x, Ops::set(1), Ops::set(2)));
    for (std::size_t i = 0; i < lanes; ++i) ASSERT_EQ(out[i], index[i] >= 128 ? 1 : 2);
    Ops::store8(out, Ops::merge(Ops::set(0x3c), x, Ops::set(0x99)));
    for (std::size_t i = 0; i < lanes; ++i) ASSERT_EQ(out[i], (index[i] & 0x3c) | (0x99 & ~0x3c));

    const auto for16 = Ops::before_store16(x);
    Ops::store16(pairs, Ops::lookup(table, for16), for16);
    const auto for32 = Ops::before_store_upper32(x);
    Ops::store_upper32(uppers, Ops::lookup(table, for32), for32);
    for (std::size_t i = 0; i < lanes; ++i) {
      word pair;
      u32 upper;
      std::memcpy(&pair, pairs + 2 * i, 2);
      std::memcpy(&upper, uppers + 4 * i, 4);
      ASSERT_EQ(pair, entries[index[i] & 0x7f] | index[i] << 8) << "lane " << i;
      ASSERT_EQ(upper, u32{pair} << 16) << "lane " << i;
    }
  }
}

template <class Ops>
void check_narrowing() {
  constexpr std::size_t lanes = static_cast<std::size_t>(Ops::lanes);
  std::vector<u32> codes = {0x7fffffff, 0x80000000, 32767, 32768, 0xffff8000, 0xffff7fff};
  for (int x = -300; x < 300; x += 3) codes.push_back(static_cast<u32>(x));
  u32 in[4 * lanes];
  byte out[4 * lanes];
  const auto clamp = [](int x, int low, int high) { return x < low ? low : x > high ? high : x; };
  for (std::size_t first = 0; first < codes.size(); ++first) {
    bool has = false;
    for (std::size_t i = 0; i < 4 * lanes; ++i) in[i] = codes[(first + i) % codes.size()];
    const auto load = [&](std::size_t i) { return Ops::load32(bytes_of(in + i * lanes)); };
    const auto a = Ops::narrow(load(0), load(1));
    const auto b = Ops::narrow(load(2), load(3));
    const auto word_of = [&](std::size_t i) {
      return clamp(static_cast<std::int32_t>(in[i]), -32768, 32767);
    };
    for (std::size_t i = 0; i < 2 * lanes; ++i) has |= word_of(i) == -32768;
    ASSERT_EQ(Ops::has_word(a, -32768), has);

    Ops::store_bytes(out, Ops::narrow_signed(a, b));
    for (std::size_t i = 0; i < 4 * lanes; ++i)
      ASSERT_EQ(out[i], static_cast<byte>(clamp(word_of(i), -128, 127)));
    Ops::store_bytes(out, Ops::and_bytes(Ops::clamp_signed(Ops::narrow_signed(a, b), -7, 6), 15));
    for (std::size_t i = 0; i < 4 * lanes; ++i)
      ASSERT_EQ(out[i], static_cast<byte>(clamp(word_of(i), -7, 6) & 15));
    Ops::store_bytes(out, Ops::clamp_unsigned(Ops::narrow_unsigned(a, b), 3, 200));
    for (std::size_t i = 0; i < 4 * lanes; ++i) ASSERT_EQ(out[i], clamp(word_of(i), 3, 200));
    // Sums saturate as words before they become bytes.
    const auto sum = Ops::add_words(Ops::min_words(a, Ops::set_words(50)), Ops::set_words(-30));
    Ops::store_bytes(out, Ops::narrow_signed(sum, Ops::add_words(b, Ops::set_words(32767))));
    for (std::size_t i = 0; i < 4 * lanes; ++i) {
      const int x = i < 2 * lanes ? (word_of(i) < 50 ? word_of(i) : 50) - 30 : word_of(i) + 32767;
      ASSERT_EQ(out[i], static_cast<byte>(clamp(clamp(x, -32768, 32767), -128, 127)));
    }
    u32 wide[lanes];
    Ops::store32(bytes_of(wide), Ops::load8_signed(out));
    for (std::size_t i = 0; i < lanes; ++i)
      ASSERT_EQ(wide[i], static_cast<u32>(static_cast<std::int8_t>(out[i])));
  }
}

template <class Ops>
void check_stores_of_many() {
  constexpr std::size_t lanes = static_cast<std::size_t>(Ops::lanes);
  u32 in[4 * lanes];
  word words[2 * lanes];
  byte out[4 * lanes];
  for (std::size_t i = 0; i < 4 * lanes; ++i) in[i] = static_cast<u32>(i * 0x9e37 + 0xff) & 0xffff;
  const auto load = [&](std::size_t i) { return Ops::load32(bytes_of(in + i * lanes)); };
  Ops::store16(bytes_of(words), load(0), load(1));
  for (std::size_t i = 0; i < 2 * lanes; ++i) ASSERT_EQ(words[i], in[i]);
  for (std::size_t i = 0; i < 4 * lanes; ++i) in[i] &= 0xff;
  Ops::store8(out, load(0), load(1), load(2), load(3));
  for (std::size_t i = 0; i < 4 * lanes; ++i) ASSERT_EQ(out[i], in[i]);
}

template <fb::isa Isa>
void check_all_words() {
  if constexpr (requires { fb::vec16<Isa>::lanes; }) {
    check_words<fb::vec16<Isa>>();
    check_bytes_of_words<fb::vec16<Isa>, fb::vec<Isa>>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <fb::isa Isa>
void check_all_halves() {
  if constexpr (requires { fb::vec16<Isa>::lanes; }) {
    check_fma_of_halves<fb::vec16<Isa>>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <fb::isa Isa>
void check_all_bytes() {
  if constexpr (requires { fb::vec8<Isa>::lanes; }) {
    check_bytes<fb::vec8<Isa>>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}
template <fb::isa Isa>
void check_all_narrowing() {
  if constexpr (requires { typename fb::vec<Isa>::words; }) {
    check_narrowing<fb::vec<Isa>>();
    check_stores_of_many<fb::vec<Isa>>();
  } else {
    GTEST_SKIP() << "not offered";
  }
}

TEST(NarrowLanes, OfSixteenBits) { check_all_words<fb::native>(); }
TEST(NarrowLanes, OfHalves) { check_all_halves<fb::native>(); }
TEST(NarrowLanes, OfEightBits) { check_all_bytes<fb::native>(); }
TEST(NarrowLanes, FromThirtyTwoBits) { check_all_narrowing<fb::native>(); }

}  // namespace
