// SPDX-License-Identifier: MIT
// Orders of 4-bit codes other than the library's own, low nibble first: converters, both ways.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/packed_matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

// | order                                            | where                                       |
// | ------------------------------------------------ | ------------------------------------------- |
// | low first: element 2i in the low nibble of byte i | `packed_span`; ONNX, safetensors F4, CUDA, CUTLASS, PyTorch |
// | high first                                       | bitsandbytes (NF4, FP4), torchao's tinygemm  |
// | GPTQ: words along k                              | AutoGPTQ's qweight                          |
// | AWQ: words along n, interleaved                  | AutoAWQ's qweight and qzeros                |
// | halves of a block of 32                          | ggml; see ggml.hpp                          |

/// Exchanges the nibbles of every byte: low first to high first, or back. Of an odd count the last byte
/// has its code in the other nibble. dst may be src; else they do not overlap. Requires equal sizes.
FEWBITS_INLINE constexpr void swap_nibbles(array_view<const unsigned char> src,
                                           array_view<unsigned char> dst) {
  FEWBITS_ASSERT(src.size() == dst.size(), "swap_nibbles: %zu bytes to %zu", src.size(),
                 dst.size());
  for (std::size_t i = 0; i < src.size(); ++i)
    dst[i] = static_cast<unsigned char>(src[i] << 4 | src[i] >> 4);
}

/// The order of columns in the nibbles of a word of AWQ.
inline constexpr unsigned awq_order[8] = {0, 2, 4, 6, 1, 3, 5, 7};

/// Words of a k x n matrix in the layout of GPTQ: ceil(k / 8) x n.
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gptq_words(std::size_t n, std::size_t k) {
  return (k / 8 + (k % 8 != 0 ? 1 : 0)) * n;
}
/// Words of a k x n matrix in the layout of AWQ: k x ceil(n / 8).
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t awq_words(std::size_t n, std::size_t k) {
  return k * (n / 8 + (n % 8 != 0 ? 1 : 0));
}

namespace detail {

/// Calls `step(row, column, word, shift)` for each code of an n x k matrix.
template <bool IsAwq, class Step>
FEWBITS_INLINE constexpr void for_each_nibble(std::size_t n, std::size_t k, Step step) {
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < k; ++j) {
      if constexpr (IsAwq) {
        // The nibble in which awq_order has i mod 8.
        const std::size_t place = i % 2 * 4 + i % 8 / 2;
        step(i, j, j * ((n + 7) / 8) + i / 8, static_cast<unsigned>(4 * place));
      } else {
        step(i, j, j / 8 * n + i, static_cast<unsigned>(4 * (j % 8)));
      }
    }
}

template <class Code>
struct put_word_nibble {
  packed_matrix_view<const Code> src;
  std::uint32_t* words;
  FEWBITS_INLINE constexpr void operator()(std::size_t i, std::size_t j, std::size_t word,
                                           unsigned shift) const {
    const Code code = src.row(i)[j];
    words[word] |= static_cast<std::uint32_t>(code.bits()) << shift;
  }
};
template <class Code>
struct get_word_nibble {
  const std::uint32_t* words;
  packed_matrix_view<Code> dst;
  FEWBITS_INLINE constexpr void operator()(std::size_t i, std::size_t j, std::size_t word,
                                           unsigned shift) const {
    dst.row(i).set(
        j, Code::from_bits(static_cast<typename Code::storage_type>(words[word] >> shift & 15)));
  }
};

}  // namespace detail

/// Codes of weights stored n x k (a row an output) to the words of GPTQ's qweight: word (r, i) has the
/// codes of output i for inputs 8r to 8r + 7, the first in the lowest nibble; what is missing in the
/// last is 0. (Its qzeros are in the order of `packed_span` along n, in version 1 less one.)
///
/// Shape:  words has gptq_words(n, k) elements, as 32-bit integers of the machine.
/// Errors: none at run time. Requires that size.
/// Source: AutoGPTQ, QuantLinear.pack.
template <class Code>
  requires(packed_bits<Code> == 4)
FEWBITS_INLINE constexpr void to_gptq(const packed_matrix_view<const Code>& src,
                                      array_view<std::uint32_t> words) {
  FEWBITS_ASSERT(words.size() == gptq_words(src.rows(), src.cols()),
                 "to_gptq: %zu words for %zu x %zu", words.size(), src.rows(), src.cols());
  for (std::uint32_t& word : words) word = 0;
  detail::for_each_nibble<false>(src.rows(), src.cols(),
                                 detail::put_word_nibble<Code>{src, words.data()});
}
/// The way back.
template <class Code>
  requires(packed_bits<Code> == 4)
FEWBITS_INLINE constexpr void from_gptq(array_view<const std::uint32_t> words,
                                        const packed_matrix_view<Code>& dst) {
  FEWBITS_ASSERT(words.size() == gptq_words(dst.rows(), dst.cols()),
                 "from_gptq: %zu words for %zu x %zu", words.size(), dst.rows(), dst.cols());
  detail::for_each_nibble<false>(dst.rows(), dst.cols(),
                                 detail::get_word_nibble<Code>{words.data(), dst});
}

/// Codes of weights stored n x k to the words of AWQ's qweight: word (j, c) has the codes of input j for
/// outputs 8c to 8c + 7, nibble i that of output 8c + awq_order[i]; what is missing in the last is 0.
///
/// Shape:  words has awq_words(n, k) elements, as 32-bit integers of the machine.
/// Errors: none at run time. Requires that size.
/// Source: AutoAWQ, WQLinear_GEMM.
template <class Code>
  requires(packed_bits<Code> == 4)
FEWBITS_INLINE constexpr void to_awq(const packed_matrix_view<const Code>& src,
                                     array_view<std::uint32_t> words) {
  FEWBITS_ASSERT(words.size() == awq_words(src.rows(), src.cols()),
                 "to_awq: %zu words for %zu x %zu", words.size(), src.rows(), src.cols());
  for (std::uint32_t& word : words) word = 0;
  detail::for_each_nibble<true>(src.rows(), src.cols(),
                                detail::put_word_nibble<Code>{src, words.data()});
}
/// The way back.
template <class Code>
  requires(packed_bits<Code> == 4)
FEWBITS_INLINE constexpr void from_awq(array_view<const std::uint32_t> words,
                                       const packed_matrix_view<Code>& dst) {
  FEWBITS_ASSERT(words.size() == awq_words(dst.rows(), dst.cols()),
                 "from_awq: %zu words for %zu x %zu", words.size(), dst.rows(), dst.cols());
  detail::for_each_nibble<true>(dst.rows(), dst.cols(),
                                detail::get_word_nibble<Code>{words.data(), dst});
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
