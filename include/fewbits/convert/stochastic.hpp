// SPDX-License-Identifier: MIT
// `convert<stochastic>(src, dst, philox{seed, offset})`: stochastic rounding of a range.
//
// With AVX-512, 64 elements take 112 vector instructions for the words, 4 to narrow and, for each vector of
// 16, 8 to BF16 and 20 to FP8, on two ports; with AVX2, half as many elements take 150, 4, 8 and 23, on
// three. The long chain of Philox, and instructions that only one port has, leave a fifth to a third of the
// slots empty.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/kernel.hpp>
#include <fewbits/convert/lane_step.hpp>
#include <fewbits/convert/random_lanes.hpp>
#include <fewbits/convert/run.hpp>
#include <fewbits/convert/stochastic_codec.hpp>
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
      return (std::is_same_v<From, fp32> || has_codec<formats::fp32, format_of<From>>) &&
             has_stochastic_codec<format_of<To>>;
    } else {
      return false;
    }
  }

  /// A group of four vectors, with these words.
  FEWBITS_INLINE static void round(const unsigned char* src, unsigned char* dst,
                                   const u32 (&words)[4]) {
    if constexpr (is_vector_pair()) {
      u32 x[4];
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < 4; ++i)
        x[i] = encode_stochastically<format_of<To>, Policy, Isa>(
            load_as_fp32<From, Isa>(src + i * lanes * sizeof(From)), words[i]);
      store_codes<To, Isa>(dst, x);
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

/// A conversion for `element_runs`: an element takes the word of its index.
template <class From, class To, cast_policy Policy, isa Isa>
struct stochastic_conversion {
  std::uint64_t seed, offset;

  FEWBITS_INLINE void operator()(const unsigned char* src, unsigned char* dst, std::size_t count,
                                 std::uint64_t index) const {
    if constexpr (is_exact()) {
      convert_kernel<From, To, cast_policy{rounding::nearest_even, Policy.over}, Isa>::run(src, dst,
                                                                                           count);
    } else {
      stochastic_kernel<From, To, Policy, Isa>::run(src, dst, count, seed, offset + index);
    }
  }

 private:
  FEWBITS_INLINE static constexpr bool is_exact() {
    if constexpr (floating<To>) {
      return is_lossless<From, To>;
    } else {
      return false;
    }
  }
};

/// Matrices of one shape, in constant expressions.
template <cast_policy Policy, class Src, class Dst>
FEWBITS_INLINE constexpr void convert_scalars(const Src& src, const Dst& dst,
                                              const philox& random) {
  using from = std::remove_const_t<typename Src::element_type>;
  using to = typename Dst::element_type;
  for (std::size_t i = 0; i < src.rows(); ++i)
    for (std::size_t j = 0; j < src.cols(); ++j)
      dst(i, j) =
          convert<to, Policy>(static_cast<from>(src(i, j)), random.word(i * src.cols() + j));
}

template <class Range>
concept floating_elements =
    floating<std::remove_const_t<typename detail::matrix_type<Range>::element_type>>;

}  // namespace detail

/// Writes each element of `src`, stochastically rounded, to the element of `dst` at the same place.
///
/// Shape, Overlap: as for the other rounding modes. `src` has floats.
/// Rounding: Policy.round, once, whatever the pair. Element i, those of a matrix counted row by row, takes
///           `random.word(i)`, so a range converted in parts, each with its own offset, has the same
///           results.
/// Overflow: Policy.over; see `overflow`. Integers and NaN as in the conversion of one number.
/// Bits:     those of `convert<To, Policy>(x, random.word(i))` for each element, on every instruction
///           set, for every length, whatever the floating-point control word is.
/// Errors:   none at run time. Requires fitting shapes and no other overlap.
/// Source:   P3109 interim report 4.0; `philox`.
template <cast_policy Policy, isa Isa = native, convertible_range Src, convertible_to_range Dst>
  requires(is_stochastic(Policy.round) && detail::floating_elements<const Src>)
FEWBITS_INLINE constexpr void convert(const Src& src, Dst&& dst, const philox& random) {
  const auto from = detail::matrix_beside(src, dst);
  const auto to = detail::matrix_beside(dst, src);
  detail::check_shapes(src, dst);
  if (__builtin_is_constant_evaluated()) {
    detail::convert_scalars<Policy>(from, to, random);
  } else {
    using from_type = std::remove_const_t<decltype(from)>;
    using to_type = std::remove_const_t<decltype(to)>;
    using conversion =
        detail::conversion_of<detail::stochastic_conversion, Policy, Isa, from_type, to_type>;
    const detail::row_pairs pairs = detail::pair_rows(from, to);
    detail::check_overlap(pairs, detail::element_bits<from_type>(), detail::element_bits<to_type>(),
                          false);
    conversion::runs::run_rows(pairs, 0, pairs.rows, false,
                               typename conversion::type{random.seed, random.offset});
  }
}

/// The same by the tasks of an executor, 65536 elements each, which does not change a bit of the result.
template <cast_policy Policy, isa Isa = native, executor Executor, convertible_range Src,
          convertible_to_range Dst>
  requires(is_stochastic(Policy.round) && detail::floating_elements<const Src>)
FEWBITS_INLINE void convert(Executor&& runner, const Src& src, Dst&& dst, const philox& random) {
  const auto from = detail::matrix_beside(src, dst);
  const auto to = detail::matrix_beside(dst, src);
  detail::check_shapes(src, dst);
  using from_type = std::remove_const_t<decltype(from)>;
  using to_type = std::remove_const_t<decltype(to)>;
  using conversion =
      detail::conversion_of<detail::stochastic_conversion, Policy, Isa, from_type, to_type>;
  const detail::row_pairs pairs = detail::pair_rows(from, to);
  detail::check_overlap(pairs, detail::element_bits<from_type>(), detail::element_bits<to_type>(),
                        true);
  conversion::runs::run_tasks(runner, pairs, false,
                              typename conversion::type{random.seed, random.offset});
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
