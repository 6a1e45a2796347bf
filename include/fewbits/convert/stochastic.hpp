// SPDX-License-Identifier: MIT
// `convert<stochastic>(src, dst, philox{seed, offset})`: stochastic rounding of a range.
//
// A step is four vectors of elements and as many blocks of Philox as a vector has lanes. With AVX-512, per
// 64 elements: 110 instructions for the words, and for each vector of 16 about 7 to BF16, 24 to FP8.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/kernel.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/random/philox.hpp>
#include <fewbits/value/convert_scalar.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

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

/// Formats to which `round_stochastically` rounds FP32.
template <float_format Format>
inline constexpr bool has_stochastic_codec =
    has_codec<formats::fp32, Format> && Format.is_signed && Format.mantissa_bits < 23;

/// FP32 numbers below 2^-9 quanta as multiples of 2^-32 quanta: how, says `Mode`. `last_field` is the
/// exponent field of FP32 whose significands are such multiples already.
template <rounding Mode, std::uint32_t last_field, class Ops>
FEWBITS_INLINE typename Ops::u32 count_fractions(typename Ops::u32 magnitude) {
  using u32 = typename Ops::u32;
  const u32 one = Ops::set(1);
  const u32 field = Ops::max_(Ops::template shift_right<23>(magnitude), one);
  const u32 significand = Ops::sub(magnitude, Ops::template shift_left<23>(Ops::sub(field, one)));
  const u32 drop = Ops::min_(Ops::sub(Ops::set(last_field), field), Ops::set(31));
  if constexpr (Mode == rounding::stochastic_a) return Ops::shift_right(significand, drop);
  u32 bias = Ops::shift_left(one, Ops::sub(drop, one));
  if constexpr (Mode == rounding::stochastic)
    bias = Ops::add(Ops::sub(bias, one), Ops::and_(Ops::shift_right(significand, drop), one));
  return Ops::shift_right(Ops::add(significand, bias), drop);
}

/// Whether float operations can do it, as `encode_finite` does; the number after the largest finite one is
/// among the inputs here, and one more bit among the results.
template <float_format Format, rounding Mode, class Ops>
FEWBITS_INLINE constexpr bool rounds_by_remainder() {
  constexpr int drop = 23 - Format.mantissa_bits;
  return Mode == rounding::stochastic &&
         requires(typename Ops::u32 x) {
           Ops::fma_nearest(x, x, x);
           Ops::nearest_integer(x);
         } && has_finite_encoding<formats::fp32, Format, rounding::nearest_even, Ops>() &&
         !shares_exponents<formats::fp32, Format> && Format.max_exponent() + 1 + drop <= 127 &&
         Format.min_exponent() + 127 >= 32 + Format.mantissa_bits &&
         (std::uint64_t{1} << Format.bits()) + (std::uint64_t{2} << Format.mantissa_bits) <=
             std::uint64_t{1} << 23;
}

/// `round_stochastically` by float operations. The sum of `encode_finite` rounds to the nearest quanta; what
/// it lacks or has too much is exact, and its count of 2^-32 quanta modulo 2^32 is the fraction above the
/// quanta below, of which there is one less where the remainder is negative. (Half a quantum counts 2^31,
/// the pattern of both signs.)
template <float_format Format, class Ops>
FEWBITS_INLINE typename Ops::u32 round_by_remainder(typename Ops::u32 magnitude,
                                                    typename Ops::u32 random) {
  using u32 = typename Ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t e_min = min_field<formats::fp32, Format>;
  constexpr std::uint32_t offset =
      (0U - (e_min << Format.mantissa_bits)) & ((1U << Format.bits()) - 1);
  constexpr std::uint32_t magic = static_cast<std::uint32_t>(drop + 127) << 23 | offset;
  // 2^32 over the quantum of a binade with the field b has the field 286 + mantissa_bits - b.
  constexpr std::uint32_t inverse = static_cast<std::uint32_t>(286 + Format.mantissa_bits) << 23;
  constexpr std::uint32_t minus_one = 0xbf800000;
  const u32 binade = Ops::and_(Ops::max_(magnitude, Ops::set(e_min << 23)), Ops::set(0x7f800000));
  const u32 sum = Ops::fma_nearest(binade, Ops::set(magic), magnitude);
  const u32 nearest = Ops::fma_nearest(binade, Ops::set(magic | 0x80000000), sum);
  const u32 remainder = Ops::fma_nearest(Ops::set(minus_one), nearest, magnitude);
  const u32 count =
      Ops::nearest_integer(Ops::multiply_nearest(remainder, Ops::sub(Ops::set(inverse), binade)));
  const u32 code = Ops::sub(Ops::add(sum, Ops::template shift_right<drop>(binade)),
                            Ops::template shift_right<31>(remainder));
  return Ops::select(Ops::carries(count, random), Ops::add(code, Ops::set(1)), code);
}

/// FP32 magnitudes, at most that after the largest finite one, rounded to magnitude codes of `Format`, in
/// the low `Format.bits()` bits; those above are arbitrary.
///
/// With S the significand of 24 bits and d the bits that the format does not keep, the rule of
/// `rounds_up` counts the fraction below the kept bits in units of 2^-32, rounded to an integer, and goes
/// up where that count and the random word carry.
/// d <= 32: the count is S * 2^(32 - d) modulo 2^32, an integer, so the three kinds agree.
/// d > 32: nothing is kept and the count is S * 2^(32 - d), less than 2^23, rounded: to even for
///   `stochastic`, down for `stochastic_a`. `stochastic_b` asks for floor(2c) + 2 * random + 1 >= 2^33,
///   that is floor((floor(2c) + 1) / 2) + random >= 2^32, so its count is c rounded half up.
template <float_format Format, rounding Mode, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 round_stochastically(typename vec<Isa>::u32 magnitude,
                                                           typename vec<Isa>::u32 random) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t e_min = static_cast<std::uint32_t>(Format.min_exponent() + 127);
  if constexpr (shares_exponents<formats::fp32, Format>) {
    // d is the same everywhere, and the carry goes where it belongs.
    const u32 fraction = ops::template shift_right<32 - drop>(random);
    return ops::template shift_right<drop>(ops::add(magnitude, fraction));
  } else if constexpr (rounds_by_remainder<Format, Mode, ops>()) {
    return round_by_remainder<Format, ops>(magnitude, random);
  } else {
    // The field at which d is 32.
    constexpr bool exceeds32 = e_min > 33 - drop;
    constexpr std::uint32_t last_field = exceeds32 ? e_min + drop - 32 : 1;
    const u32 field = ops::max_(ops::template shift_right<23>(magnitude), ops::set(last_field));
    const u32 binade = ops::max_(field, ops::set(e_min));
    const u32 more = ops::sub(binade, field);
    u32 significand;
    if constexpr (exceeds32) {
      // What is subnormal in FP32 gets a bit too many: it is shifted out.
      significand = ops::or_(ops::and_(magnitude, ops::set(0x7fffff)), ops::set(0x800000));
    } else {
      significand = ops::sub(magnitude, ops::template shift_left<23>(ops::sub(field, ops::set(1))));
    }
    const u32 kept = ops::shift_right(ops::template shift_right<drop>(significand), more);
    u32 count = ops::shift_left(significand, ops::sub(ops::set(32 - drop), more));
    if constexpr (exceeds32)
      count = ops::select(ops::greater(ops::set(last_field << 23), magnitude),
                          count_fractions<Mode, last_field, ops>(magnitude), count);
    const u32 code =
        ops::sub(ops::add(kept, ops::template shift_left<Format.mantissa_bits>(binade)),
                 ops::set(e_min << Format.mantissa_bits));
    return ops::select(ops::carries(count, random), ops::add(code, ops::set(1)), code);
  }
}

/// FP32 codes rounded to `Format`, overflow, infinity and NaN by the policy. The results for either sign
/// differ in the sign bit only.
template <float_format Format, cast_policy Policy, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 encode_stochastically(typename vec<Isa>::u32 x,
                                                            typename vec<Isa>::u32 random) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t rebias = static_cast<std::uint32_t>(Format.min_exponent() + 126)
                                   << Format.mantissa_bits;
  constexpr std::uint32_t infinity = 0x7f800000;
  constexpr std::uint32_t largest = low32(Format.max_finite_code());
  constexpr std::uint32_t overflowed = low32(overflow_code<Format, Policy>(false));
  constexpr std::uint32_t infinite = low32(infinity_code<Format, Policy>(false));
  constexpr std::uint32_t nan = low32(nan_code<Format>(default_nan));
  // A cap below what overflows gives its code to all that is larger.
  constexpr bool is_capped = overflowed == infinite && overflowed <= largest + 1;
  constexpr std::uint32_t cap_code = is_capped ? overflowed : largest + 1;
  constexpr std::uint32_t cap = (cap_code + rebias) << drop;

  const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
  u32 code =
      round_stochastically<Format, Policy.round, Isa>(ops::min_(magnitude, ops::set(cap)), random);
  if constexpr (!is_capped || !Format.has_negative_zero())
    code = ops::and_(code, ops::set(low32(Format.sign_mask() | Format.magnitude_mask())));
  if constexpr (!is_capped) {
    if constexpr (overflowed != largest + 1)
      code = ops::select(ops::greater(code, ops::set(largest)), ops::set(overflowed), code);
    code = ops::select(ops::equal(magnitude, ops::set(infinity)), ops::set(infinite), code);
  }
  if constexpr (!(is_capped && nan == cap_code)) {
    u32 codes = ops::set(nan);
    if constexpr (Format.nan == nan_encoding::ieee)
      codes = ops::or_(codes, ops::template shift_right<drop>(magnitude));
    code = ops::select(ops::greater(magnitude, ops::set(infinity)), codes, code);
  }
  const u32 shifted = ops::template shift_right<32 - Format.bits()>(x);
  if constexpr (Format.has_negative_zero()) {
    return merge<ops>(low32(Format.magnitude_mask()), code, shifted);
  } else {
    const u32 sign = ops::and_(shifted, ops::set(low32(Format.sign_mask())));
    return ops::select(ops::equal(code, ops::set(0)), code, ops::or_(code, sign));
  }
}

/// `run(src, dst, count, random)` converts as `convert_kernel` does, element i with `random.word(i)`.
template <class From, class To, cast_policy Policy, isa Isa>
struct stochastic_kernel {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  using generator = philox_vectors<Isa>;
  static constexpr std::size_t group = 4 * lanes;
  static constexpr std::size_t step = generator::vectors * lanes;

  FEWBITS_INLINE static constexpr bool is_vector_pair() {
    if constexpr (floating<To>) {
      return fits_lane<From>() && has_stochastic_codec<format_of<To>>;
    } else {
      return false;
    }
  }

  FEWBITS_INLINE static void load(const unsigned char* src, u32 (&x)[4]) {
    using loader = lane_step<From, fp32, cast_policy{}, Isa>;
    if constexpr (loader::vectors == 4) {
      loader::load_all(src, x);
    } else {
      for (std::size_t i = 0; i < 4; ++i) x[i] = loader::load(src + i * lanes * sizeof(From));
    }
  }

  FEWBITS_INLINE static void store(unsigned char* dst, const u32 (&x)[4]) {
    constexpr std::size_t bytes = lanes * sizeof(To);
    if constexpr (sizeof(To) == 1 && requires { ops::store8(dst, x[0], x[0], x[0], x[0]); }) {
      ops::store8(dst, x[0], x[1], x[2], x[3]);
    } else if constexpr (sizeof(To) == 2 && requires { ops::store16(dst, x[0], x[0]); }) {
      ops::store16(dst, x[0], x[1]);
      ops::store16(dst + 2 * bytes, x[2], x[3]);
    } else {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < 4; ++i) {
        if constexpr (sizeof(To) == 4) {
          ops::store32(dst + i * bytes, x[i]);
        } else if constexpr (sizeof(To) == 2) {
          ops::store16(dst + i * bytes, x[i]);
        } else {
          ops::store8(dst + i * bytes, x[i]);
        }
      }
    }
  }

  /// A group of four vectors, with these words.
  FEWBITS_INLINE static void round(const unsigned char* src, unsigned char* dst,
                                   const u32 (&words)[4]) {
    if constexpr (is_vector_pair()) {
      u32 x[4];
      load(src, x);
      FEWBITS_UNROLL
      for (int i = 0; i < 4; ++i)
        x[i] = encode_stochastically<format_of<To>, Policy, Isa>(x[i], words[i]);
      store(dst, x);
    } else {
      unsigned char bytes[4 * group];
      for (std::size_t i = 0; i < 4; ++i) ops::store32(bytes + i * lanes * 4, words[i]);
      for (std::size_t i = 0; i < group; ++i) {
        From from;
        std::uint32_t word;
        __builtin_memcpy(&from, src + i * sizeof(From), sizeof(From));
        __builtin_memcpy(&word, bytes + i * 4, 4);
        const To to = convert<To, Policy>(from, word);
        __builtin_memcpy(dst + i * sizeof(To), &to, sizeof(To));
      }
    }
  }

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst, generator& random,
                                   std::uint64_t block) {
    u32 words[generator::vectors];
    random.get(block, words);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < step; i += group) {
      const std::size_t first = i / lanes;
      const u32 own[4] = {words[first], words[first + 1], words[first + 2], words[first + 3]};
      round(src + i * sizeof(From), dst + i * sizeof(To), own);
    }
  }

  /// `count` elements, the first of which takes word `skip` of the block.
  FEWBITS_INLINE static void apply_some(const unsigned char* src, unsigned char* dst,
                                        std::size_t count, generator& random, std::uint64_t block,
                                        std::size_t skip) {
    unsigned char in[sizeof(From) * step] = {};
    unsigned char out[sizeof(To) * step];
    __builtin_memcpy(in + skip * sizeof(From), src, count * sizeof(From));
    apply(in, out, random, block);
    __builtin_memcpy(dst, out + skip * sizeof(To), count * sizeof(To));
  }

  static void run(const unsigned char* src, unsigned char* dst, std::size_t count,
                  std::uint64_t seed, std::uint64_t offset) {
    const default_control_word<Isa> control_word;
    std::uint64_t block = offset / 4;
    std::size_t skip = static_cast<std::size_t>(offset % 4);
    generator random(seed, block);
    std::size_t i = 0;
    // A loop for what surrounds the whole steps, so that its code is there once.
    while (i < count) {
      if (skip == 0)
        for (; count - i >= step; i += step, block += generator::blocks)
          apply(src + i * sizeof(From), dst + i * sizeof(To), random, block);
      const std::size_t rest = count - i < step - skip ? count - i : step - skip;
      apply_some(src + i * sizeof(From), dst + i * sizeof(To), rest, random, block, skip);
      i += rest;
      block += generator::blocks;
      skip = 0;
    }
  }
};

/// `count` elements at `src` converted to `dst`.
template <cast_policy Policy, isa Isa, floating From, number To>
FEWBITS_INLINE void convert_run_stochastically(const From* src, To* dst, std::size_t count,
                                               const philox& random) {
  using from = as_class<From>;
  if constexpr (floating<To>) {
    if constexpr (is_lossless<From, To>) {
      convert_run<cast_policy{rounding::nearest_even, Policy.over}, Isa>(src, dst, count);
    } else {
      stochastic_kernel<from, as_class<To>, Policy, Isa>::run(
          reinterpret_cast<const unsigned char*>(src), reinterpret_cast<unsigned char*>(dst), count,
          random.seed, random.offset);
    }
  } else {
    stochastic_kernel<from, To, Policy, Isa>::run(reinterpret_cast<const unsigned char*>(src),
                                                  reinterpret_cast<unsigned char*>(dst), count,
                                                  random.seed, random.offset);
  }
}

/// A part of the range for a task of an executor.
template <cast_policy Policy, isa Isa, class From, class To>
struct stochastic_task {
  static constexpr std::size_t part = 65536;
  const From* src;
  To* dst;
  std::size_t count;
  philox random;

  FEWBITS_INLINE static constexpr std::size_t parts(std::size_t count) {
    return count / part + (count % part != 0 ? 1 : 0);
  }
  FEWBITS_INLINE void operator()(std::size_t task) const {
    const std::size_t begin = task * part;
    const std::size_t rest = count - begin;
    convert_run_stochastically<Policy, Isa>(src + begin, dst + begin, rest < part ? rest : part,
                                            philox{random.seed, random.offset + begin});
  }
};

/// A contiguous range of numbers.
template <class Range>
concept number_range = contiguous<Range> && requires(Range& range) {
  requires number<std::remove_cvref_t<decltype(*range.data())>>;
};

}  // namespace detail

/// Writes each element of `src`, stochastically rounded, to the element of `dst` at the same place.
///
/// Shape:    src.size() == dst.size(); any alignment. The ranges may be the same memory if the
///           elements of `dst` are no wider than those of `src` and both start at the same place;
///           else they must not overlap.
/// Rounding: Policy.round, once, whatever the pair. Element i takes `random.word(i)`, so a range converted
///           in parts, each with its own offset, has the same results.
/// Overflow: Policy.over; see `overflow`. Integers and NaN as in the conversion of one number.
/// Bits:     those of `convert<To, Policy>(x, random.word(i))` for each element, on every instruction
///           set, for every length, whatever the floating-point control word is.
/// Errors:   none at run time. Requires equal sizes.
/// Source:   P3109 interim report 4.0; `philox`.
template <cast_policy Policy, isa Isa = native, floating_range Src, detail::number_range Dst>
  requires(is_stochastic(Policy.round))
FEWBITS_INLINE constexpr void convert(const Src& src, Dst&& dst, const philox& random) {
  const std::size_t count = static_cast<std::size_t>(src.size());
  FEWBITS_ASSERT(count == static_cast<std::size_t>(dst.size()),
                 "convert: src has %zu elements, dst %zu", count,
                 static_cast<std::size_t>(dst.size()));
  if (__builtin_is_constant_evaluated()) {
    using to = detail::element_of<Dst>;
    for (std::size_t i = 0; i < count; ++i)
      dst.data()[i] = convert<to, Policy>(src.data()[i], random.word(i));
  } else {
    detail::convert_run_stochastically<Policy, Isa>(src.data(), dst.data(), count, random);
  }
}

/// The same by the tasks of an executor, which does not change a bit of the result. The ranges may be the
/// same memory only if their elements are equally wide.
template <cast_policy Policy, isa Isa = native, executor Executor, floating_range Src,
          detail::number_range Dst>
  requires(is_stochastic(Policy.round))
FEWBITS_INLINE void convert(Executor&& runner, const Src& src, Dst&& dst, const philox& random) {
  using from = detail::element_of<const Src>;
  using to = detail::element_of<Dst>;
  using task = detail::stochastic_task<Policy, Isa, from, to>;
  const std::size_t count = static_cast<std::size_t>(src.size());
  FEWBITS_ASSERT(count == static_cast<std::size_t>(dst.size()),
                 "convert: src has %zu elements, dst %zu", count,
                 static_cast<std::size_t>(dst.size()));
  runner.parallel_for(task::parts(count), task{src.data(), dst.data(), count, random});
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
