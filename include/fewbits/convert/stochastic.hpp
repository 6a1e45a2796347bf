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
#include <fewbits/convert/packing.hpp>
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

/// Elements of the classes `From`, in bytes of their own, and `To`, of which element i begins at bit
/// i * ToBits of a memory: fewer than 8 for packed elements.
template <class From, class To, int ToBits, cast_policy Policy, isa Isa>
struct stochastic_runs {
  static constexpr bool is_packed = ToBits < 8;
  /// Elements of a buffer, and of a task.
  static constexpr std::size_t chunk = 4096, part = 65536;

  const unsigned char* src;
  unsigned char* dst;
  std::size_t dst_first, count;
  philox random;

  FEWBITS_INLINE static void run_bytes(const unsigned char* src, unsigned char* dst,
                                       std::size_t count, std::uint64_t seed,
                                       std::uint64_t offset) {
    if constexpr (is_exact()) {
      convert_kernel<From, To, cast_policy{rounding::nearest_even, Policy.over}, Isa>::run(src, dst,
                                                                                           count);
    } else {
      stochastic_kernel<From, To, Policy, Isa>::run(src, dst, count, seed, offset);
    }
  }

  /// Elements begin..end - 1.
  FEWBITS_INLINE void run(std::size_t begin, std::size_t end) const {
    const unsigned char* const from = src + begin * sizeof(From);
    const std::uint64_t offset = random.offset + begin;
    if constexpr (is_packed) {
      run_packed(from, dst, dst_first + begin, end - begin, random.seed, offset);
    } else {
      run_bytes(from, dst + (dst_first + begin) * sizeof(To), end - begin, random.seed, offset);
    }
  }

  // Tasks meet where eight elements of dst begin, so that they share no byte.
  FEWBITS_INLINE std::size_t skip() const { return is_packed ? dst_first % 8 : 0; }
  FEWBITS_INLINE std::size_t tasks() const {
    return count == 0 ? 0 : (skip() + count - 1) / part + 1;
  }
  FEWBITS_INLINE void operator()(std::size_t task) const {
    const std::size_t begin = task == 0 ? 0 : task * part - skip();
    const std::size_t end = (task + 1) * part - skip();
    run(begin, end < count ? end : count);
  }

 private:
  FEWBITS_INLINE static constexpr bool is_exact() {
    if constexpr (floating<To>) {
      return is_lossless<From, To>;
    } else {
      return false;
    }
  }

  static void run_packed(const unsigned char* src, unsigned char* dst, std::size_t dst_first,
                         std::size_t count, std::uint64_t seed, std::uint64_t offset) {
    unsigned char buffer[chunk];
    std::size_t room = chunk - dst_first % 8;
    for (std::size_t i = 0; i < count; room = chunk) {
      const std::size_t size = count - i < room ? count - i : room;
      run_bytes(src + i * sizeof(From), buffer, size, seed, offset + i);
      packing<ToBits, Isa>::pack(buffer, dst, dst_first + i, size);
      i += size;
    }
  }
};

/// The whole of two ranges.
template <cast_policy Policy, isa Isa, class From, class Dst>
FEWBITS_INLINE auto make_stochastic_runs(const From* src, const Dst& dst, const philox& random) {
  using to = typename Dst::element_type;
  return stochastic_runs<as_class<From>, as_class<to>, element_bits<Dst>(), Policy, Isa>{
      reinterpret_cast<const unsigned char*>(src), const_cast<unsigned char*>(bytes_of(dst)),
      offset_of(dst), dst.cols(), random};
}

/// A range to be written: contiguous or packed.
template <class Range>
concept stochastic_destination = convertible_to_range<Range> && !is_matrix<Range>;

template <class Src, class Dst>
FEWBITS_INLINE void check_stochastic_overlap(const Src& src, Dst& dst, bool in_any_order) {
  check_overlap(pair_rows(matrix_of(src), matrix_of(dst)), element_bits<matrix_type<const Src>>(),
                element_bits<matrix_type<Dst>>(), in_any_order);
}

}  // namespace detail

/// Writes each element of `src`, stochastically rounded, to the element of `dst` at the same place.
///
/// Shape:    src.size() == dst.size(); any alignment, any element offset of packed elements, whose
///           neighbours keep their bits.
/// Overlap:  the ranges may be the same memory if the elements of `dst` are no wider than those of `src`
///           and both start at the same place; else none.
/// Rounding: Policy.round, once, whatever the pair. Element i takes `random.word(i)`, so a range converted
///           in parts, each with its own offset, has the same results.
/// Overflow: Policy.over; see `overflow`. Integers and NaN as in the conversion of one number.
/// Bits:     those of `convert<To, Policy>(x, random.word(i))` for each element, on every instruction
///           set, for every length, whatever the floating-point control word is.
/// Errors:   none at run time. Requires equal sizes.
/// Source:   P3109 interim report 4.0; `philox`.
template <cast_policy Policy, isa Isa = native, floating_range Src,
          detail::stochastic_destination Dst>
  requires(is_stochastic(Policy.round))
FEWBITS_INLINE constexpr void convert(const Src& src, Dst&& dst, const philox& random) {
  const auto to = detail::matrix_of(dst);
  detail::check_shapes(src, dst);
  if (__builtin_is_constant_evaluated()) {
    using element = typename decltype(detail::matrix_of(dst))::element_type;
    for (std::size_t i = 0; i < to.cols(); ++i)
      to(0, i) = convert<element, Policy>(detail::data_of(src)[i], random.word(i));
  } else {
    detail::check_stochastic_overlap(src, dst, false);
    detail::make_stochastic_runs<Policy, Isa>(detail::data_of(src), to, random).run(0, to.cols());
  }
}

/// The same by the tasks of an executor, 65536 elements each, which does not change a bit of the result.
/// The ranges may be the same memory only if their elements are equally wide.
template <cast_policy Policy, isa Isa = native, executor Executor, floating_range Src,
          detail::stochastic_destination Dst>
  requires(is_stochastic(Policy.round))
FEWBITS_INLINE void convert(Executor&& runner, const Src& src, Dst&& dst, const philox& random) {
  detail::check_shapes(src, dst);
  detail::check_stochastic_overlap(src, dst, true);
  const auto runs = detail::make_stochastic_runs<Policy, Isa>(detail::data_of(src),
                                                              detail::matrix_of(dst), random);
  runner.parallel_for(runs.tasks(), runs);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
