// SPDX-License-Identifier: MIT
// Integer codes by stochastic rounding: `quantize<stochastic>(src, parameters, dst, random)`.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/random_lanes.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/affine_rows.hpp>
#include <fewbits/random/philox.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Code, class Granularity, isa Isa>
struct stochastic_codes {
  static_assert(!is_basic_float<Code>, "fewbits: codes by stochastic rounding are integers");
  using ops = vec<Isa>;
  using generator = philox_vectors<Isa>;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  /// Words of one call of the generator, and of a buffer of whole calls.
  static constexpr std::size_t call = generator::vectors * lanes;
  static constexpr std::size_t block = 512 / call * call < call ? call : 512 / call * call;

  template <class Codes>
  static void run(const matrix_view<const float>& src, const scales_and_offsets& of,
                  const Codes& dst, const philox& random) {
    const default_control_word<Isa> control_word;
    const std::size_t cols = src.cols();
    generator words_of(random.seed, random.offset / 4);
    std::uint32_t words[block];
    for (std::size_t i = 0; i < src.rows(); ++i) {
      const auto row = dst.row(i);
      for (std::size_t begin = 0; begin < cols;) {
        // Blocks of the generator begin at words whose number is a multiple of four.
        const std::uint64_t first = random.offset + i * cols + begin;
        const std::size_t skip = static_cast<std::size_t>(first % 4);
        const std::size_t end = cols - begin < block - skip ? cols : begin + block - skip;
        for (std::size_t k = 0; k < end - begin + skip; k += call) {
          typename ops::u32 some[generator::vectors];
          words_of.get(first / 4 + k / 4, some);
          for (std::size_t v = 0; v < generator::vectors; ++v)
            ops::store32(reinterpret_cast<unsigned char*>(words + k + v * lanes), some[v]);
        }
        for_stretches<Granularity>(
            begin, end, i, cols, of,
            [&](std::size_t from, std::size_t to, const scales_and_offsets& its) {
              for (std::size_t j = from; j < to; ++j)
                put_code(row, j,
                         quantize_one<Code, rounding::stochastic>(src.row(i)[j], its,
                                                                  words[j - begin + skip]));
            });
        begin = end;
      }
    }
  }
};

}  // namespace detail

/// `quantize` with stochastic rounding of the quotient: away from zero with a probability of its
/// fraction (P3109 rule C: where the fraction in units of 2^-32, to nearest even, plus the random
/// word reaches 2^32). Element (i, j) takes word i * cols + j of `random`.
///
/// Shape, Range, Errors: as `quantize` without `random`.
template <cast_policy Policy, isa Isa = native, detail::affine_parameters Parameters,
          detail::code_matrix Codes>
  requires(Policy == stochastic)
FEWBITS_INLINE void quantize(const matrix_view<const float>& src, const Parameters& parameters,
                             const Codes& dst, const philox& random) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "quantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(), dst.rows(),
                 dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::stochastic_codes<typename detail::affine_traits<Parameters>::code,
                           typename detail::affine_traits<Parameters>::granularity,
                           Isa>::run(src, detail::pointers_to(parameters), dst, random);
}
template <cast_policy Policy, isa Isa = native, contiguous Src,
          detail::tensor_parameters Parameters, class Dst>
  requires(Policy == stochastic)
FEWBITS_INLINE void quantize(const Src& src, const Parameters& parameters, Dst&& dst,
                             const philox& random) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "quantize: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  quantize<Policy, Isa>(detail::row_of_floats(src), parameters, detail::one_row(dst), random);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
