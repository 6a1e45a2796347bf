// SPDX-License-Identifier: MIT
// `philox`: random words by number, in any order, from any thread: Philox4x32-10.
#pragma once

#include <fewbits/config.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Four words of 32 bits: a counter, or what Philox makes of it.
struct philox_block {
  std::uint32_t word[4];
};

namespace detail {

inline constexpr std::uint32_t philox_multiplier[2] = {0xd2511f53, 0xcd9e8d57};
/// What the words of the key grow by from round to round.
inline constexpr std::uint32_t philox_weyl[2] = {0x9e3779b9, 0xbb67ae85};
inline constexpr int philox_rounds = 10;

/// Words of `philox` are numbered modulo 2^64, so its blocks modulo 2^62.
FEWBITS_INLINE constexpr std::uint32_t philox_high(std::uint64_t block) {
  return static_cast<std::uint32_t>(block >> 32 & 0x3fffffff);
}

}  // namespace detail

/// Philox4x32-10 of a counter under a key, whose low half is the first word.
///
/// Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
[[nodiscard]] FEWBITS_INLINE constexpr philox_block philox4x32(philox_block counter,
                                                               std::uint64_t key) {
  std::uint32_t key0 = static_cast<std::uint32_t>(key);
  std::uint32_t key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < detail::philox_rounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{detail::philox_multiplier[0]} * counter.word[0];
    const std::uint64_t product1 = std::uint64_t{detail::philox_multiplier[1]} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0,
                static_cast<std::uint32_t>(product1),
                static_cast<std::uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1,
                static_cast<std::uint32_t>(product0)}};
    key0 += detail::philox_weyl[0];
    key1 += detail::philox_weyl[1];
  }
  return counter;
}

/// The sequence of random words of a seed, from a place in it. Words of different seeds, or at different
/// places, are independent; a seed has 2^64 words.
///
/// A task that continues at element n of another's range takes `{seed, offset + n}`.
struct philox {
  std::uint64_t seed;
  std::uint64_t offset = 0;

  /// Word i: word (offset + i) mod 4 of Philox4x32-10 of the counter (offset + i) / 4 (low word first, in
  /// the first two of its four words) under the key `seed`. The sum is modulo 2^64.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint32_t word(std::uint64_t i) const {
    const std::uint64_t place = offset + i;
    return philox4x32(
               {{static_cast<std::uint32_t>(place / 4), detail::philox_high(place / 4), 0, 0}},
               seed)
        .word[place % 4];
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
