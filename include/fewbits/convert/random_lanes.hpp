// SPDX-License-Identifier: MIT
// `philox_vectors`: the words of `philox` in vectors.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/random/philox.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The words of `philox` in vectors, in the order of the elements, for the `blocks` blocks from a given
/// one on.
///
/// Half as many vectors hold the blocks, one in each pair of lanes: the counter of a block needs no more than its
/// even lane, and its products fill the pair. The counters' words 1 to 3 are constants, so that much of
/// the first rounds is done once.
template <isa Isa>
class philox_vectors {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::uint32_t lanes = static_cast<std::uint32_t>(ops::lanes);
  static constexpr bool has_pairs = requires(u32 x) { ops::multiply_pairs(x, x); };
  /// How many vectors of blocks go through the rounds together. A round takes 7 cycles, in which two are
  /// too few to keep the multipliers busy; four need 26 registers.
  static constexpr std::uint32_t width = has_pairs && lanes >= 16 ? 4 : 2;

 public:
  static constexpr std::uint32_t vectors = 2 * width;
  static constexpr std::uint32_t blocks = width * lanes / 2;

  FEWBITS_INLINE philox_vectors(std::uint64_t seed, std::uint64_t block) : seed_(seed) {
    if constexpr (has_pairs) set_keys(philox_high(block));
  }

  FEWBITS_INLINE void get(std::uint64_t block, u32 (&words)[vectors]) {
    if constexpr (has_pairs) {
      const std::uint32_t low = static_cast<std::uint32_t>(block);
      const std::uint32_t high = philox_high(block);
      if (low <= 0U - blocks) {
        if (high != high_) set_keys(high);
        get_pairs(low, words);
        return;
      }
    }
    get_blocks(block, words);
  }

 private:
  /// The numbers of the blocks in each lane: unpacking the low pairs of the four lanes, then the high
  /// ones, puts their words in order.
  struct block_numbers {
    std::uint32_t of_lane[width * lanes];
  };
  FEWBITS_INLINE static constexpr block_numbers count_blocks() {
    block_numbers counted{};
    for (std::uint32_t i = 0; i < width * lanes; ++i)
      counted.of_lane[i] = i / lanes * (lanes / 2) + i % lanes / 4 + i % 4 / 2 * (lanes / 4);
    return counted;
  }
  static constexpr block_numbers numbers = count_blocks();

  FEWBITS_INLINE static u32 load(const std::uint32_t* src) {
    return ops::load32(reinterpret_cast<const unsigned char*>(src));
  }

  FEWBITS_NOINLINE void get_blocks(std::uint64_t block, u32 (&words)[vectors]) const {
    philox_block made[blocks];
    for (std::uint32_t i = 0; i < blocks; ++i) {
      const std::uint64_t number = block + i;
      made[i] =
          philox4x32({{static_cast<std::uint32_t>(number), philox_high(number), 0, 0}}, seed_);
    }
    unsigned char bytes[sizeof(made)];
    __builtin_memcpy(bytes, made, sizeof(made));
    for (std::uint32_t i = 0; i < vectors; ++i) words[i] = ops::load32(bytes + i * lanes * 4);
  }

  /// What the rounds exclusive-or to word 0 and word 2, with the constants of the first three rounds.
  FEWBITS_NOINLINE void set_keys(std::uint32_t high) {
    const std::uint32_t key0 = static_cast<std::uint32_t>(seed_);
    const std::uint32_t key1 = static_cast<std::uint32_t>(seed_ >> 32);
    const std::uint64_t product = std::uint64_t{philox_multiplier[0]} * (high ^ key0);
    high_ = high;
    for (std::uint32_t round = 0; round < philox_rounds; ++round) {
      keys_[round][0] = ops::set(key0 + round * philox_weyl[0]);
      std::uint32_t key = key1 + round * philox_weyl[1];
      if (round == 1) key ^= static_cast<std::uint32_t>(product >> 32);
      if (round == 2) key ^= static_cast<std::uint32_t>(product);
      keys_[round][1] = ops::set(key);
    }
  }

  FEWBITS_INLINE void get_pairs(std::uint32_t low, u32 (&words)[vectors]) const {
    const u32 multiplier0 = ops::set(philox_multiplier[0]);
    const u32 multiplier1 = ops::set(philox_multiplier[1]);
    // Words 1 and 3 are what is in the even lanes of the products.
    u32 word0[width], product1[width], word2[width], product0[width];
    FEWBITS_UNROLL
    for (std::uint32_t i = 0; i < width; ++i) {
      product0[i] = ops::multiply_pairs(ops::add(ops::set(low), load(numbers.of_lane + i * lanes)),
                                        multiplier0);
      word2[i] = ops::xor_(ops::swap_pairs(product0[i]), keys_[0][1]);
      product1[i] = ops::multiply_pairs(word2[i], multiplier1);
      word0[i] = ops::xor_(ops::swap_pairs(product1[i]), keys_[1][0]);
      word2[i] = ops::xor_(product0[i], keys_[1][1]);
    }
    FEWBITS_UNROLL
    for (int round = 2; round < philox_rounds; ++round) {
      const u32 key0 = keys_[round][0];
      const u32 key1 = keys_[round][1];
      FEWBITS_UNROLL
      for (std::uint32_t i = 0; i < width; ++i) {
        const u32 left = ops::multiply_pairs(word0[i], multiplier0);
        const u32 right = ops::multiply_pairs(word2[i], multiplier1);
        const u32 left_high = ops::swap_pairs(left);
        const u32 right_high = ops::swap_pairs(right);
        word0[i] = ops::xor_(right_high, ops::xor_(product1[i], key0));
        word2[i] = round == 2 ? ops::xor_(left_high, key1)
                              : ops::xor_(left_high, ops::xor_(product0[i], key1));
        product0[i] = left;
        product1[i] = right;
        if (round == philox_rounds - 1) {
          const u32 words01 = ops::select_even(word0[i], right_high);
          const u32 words23 = ops::select_even(word2[i], left_high);
          words[2 * i] = ops::unpack_low(words01, words23);
          words[2 * i + 1] = ops::unpack_high(words01, words23);
        }
      }
    }
  }

  std::uint64_t seed_;
  std::uint32_t high_ = 0;
  u32 keys_[philox_rounds][2];
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
