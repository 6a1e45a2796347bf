// SPDX-License-Identifier: MIT
// Philox4x32-10 against the known answers of Random123, and the numbering of words.
#include <fewbits/random.hpp>

#include <cstdint>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using u64 = std::uint64_t;

struct known_answer {
  fb::philox_block counter;
  u64 key;
  fb::philox_block result;
};

// kat_vectors of Random123, the rows "philox4x32 10"; a key's first word is its low half.
constexpr known_answer known_answers[] = {
    {{{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
    {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
     0xffffffffffffffff,
     {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
    {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
     0x299f31d0a4093822,
     {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}}};

TEST(Philox, GivesTheKnownAnswers) {
  for (const known_answer& row : known_answers) {
    const fb::philox_block got = fb::philox4x32(row.counter, row.key);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], row.result.word[i]) << "word " << i;
  }
}

TEST(Philox, IsAConstantExpression) {
  static_assert(fb::philox{0}.word(0) == 0x6627e8d5);
  static_assert(fb::philox{0}.word(3) == 0x9b00dbd8);
  static_assert(fb::philox{0, 1}.word(0) == 0xe169c58d);
}

TEST(Philox, TakesBlocksByTheirNumbers) {
  for (const u64 seed : {u64{0}, u64{1}, u64{0x0123456789abcdef}, ~u64{0}})
    for (const u64 block :
         {u64{0}, u64{1}, u64{0xffffffff}, u64{0x100000000}, (u64{1} << 62) - 1}) {
      const fb::philox_block want = fb::philox4x32(
          {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0}},
          seed);
      for (u64 i = 0; i < 4; ++i)
        EXPECT_EQ((fb::philox{seed, 4 * block}.word(i)), want.word[i]) << seed << ", " << block;
    }
}

// Where a sequence begins is a matter of numbering only, at any place of a block and past the last word.
TEST(Philox, ContinuesAtAnyOffset) {
  constexpr u64 seed = 0xfeedfacecafebeef;
  for (const u64 offset : {u64{0}, u64{1}, u64{2}, u64{3}, u64{4}, u64{1000}, ~u64{0} - 2, ~u64{0}})
    for (u64 i = 0; i < 12; ++i)
      EXPECT_EQ((fb::philox{seed, offset}.word(i)), fb::philox{seed}.word(offset + i));
}

}  // namespace
