// SPDX-License-Identifier: MIT
// The simple block formats of ggml: q4_0, q4_1, q8_0, mxfp4; and their parts as packed codes and scales.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/ggml_kernel.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/block_span.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Bytes of `count` numbers: whole blocks of 32.
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t ggml_bytes(ggml_format format,
                                                              std::size_t count) {
  return (count / 32 + (count % 32 != 0 ? 1 : 0)) * block_bytes(format);
}

/// Writes `src` as blocks of `Format`, a row of a tensor or all of it.
///
/// Shape:  dst has ggml_bytes(Format, src.size()) bytes; the last block may be short, its other codes
///         are those of a padding that changes no scale.
/// Codes:  bit for bit those of ggml's reference in C; see `ggml_format`. Where that is undefined: NaN is
///         taken as 0; infinities do not count for scales and get the code at the end; blocks whose scale
///         is too small to be divided by get the codes of 0; tiny blocks of mxfp4 the scale 2^-127. Where
///         it would store an infinite FP16 scale or minimum: the largest FP16 number, with codes to suit.
/// Bits:   the same on every instruction set, whatever the floating-point control word is.
/// Errors: none at run time. Requires the sizes to match.
/// Source: ggml-common.h, ggml-quants.c (quantize_row_*_ref).
template <ggml_format Format, isa Isa = native, contiguous Src>
FEWBITS_INLINE void quantize(const Src& src, array_view<unsigned char> dst) {
  const std::size_t count = detail::size_of(src);
  FEWBITS_ASSERT(dst.size() == ggml_bytes(Format, count), "quantize: %zu bytes for %zu numbers",
                 dst.size(), count);
  detail::ggml_kernel<Format, Isa>::encode(detail::floats_of(src), count, dst.data());
}

/// Writes the numbers that blocks stand for, in FP32. Products are exact or rounded once; the sum of q4_1
/// is rounded. NaN, which only hostile scales give, is one code. Sizes, bits and errors as `quantize`.
template <ggml_format Format, isa Isa = native, contiguous Dst>
FEWBITS_INLINE void dequantize(array_view<const unsigned char> src, Dst&& dst) {
  const std::size_t count = detail::size_of(dst);
  FEWBITS_ASSERT(src.size() == ggml_bytes(Format, count), "dequantize: %zu bytes for %zu numbers",
                 src.size(), count);
  detail::ggml_kernel<Format, Isa>::decode(src.data(), count, detail::floats_of(dst));
}

namespace detail {

/// The codes of a block in order, one to a byte, and back.
template <ggml_format Format>
FEWBITS_INLINE constexpr unsigned ggml_code(const unsigned char* block, std::size_t j) {
  if constexpr (Format == ggml_format::q8_0) {
    return block[2 + j];
  } else {
    const unsigned byte = block[block_bytes(Format) - 16 + j % 16];
    return j < 16 ? byte & 15 : byte >> 4;
  }
}
template <ggml_format Format>
FEWBITS_INLINE constexpr void put_ggml_code(unsigned char* block, std::size_t j, unsigned code) {
  if constexpr (Format == ggml_format::q8_0) {
    block[2 + j] = static_cast<unsigned char>(code);
  } else {
    unsigned char& byte = block[block_bytes(Format) - 16 + j % 16];
    byte = static_cast<unsigned char>(j < 16 ? (byte & 0xf0U) | code : (byte & 15U) | code << 4);
  }
}

}  // namespace detail

/// Takes blocks of q4_0 or q4_1 apart: codes in order, the scale of each block, and for q4_1 the minima
/// (else an empty view). The value is scale * (code - 8), or scale * code + minimum.
///
/// Shape:  blocks hold codes.size() numbers; one scale (and minimum) for each 32 of them.
/// Errors: none at run time. Requires sizes that match.
template <ggml_format Format>
  requires(Format == ggml_format::q4_0 || Format == ggml_format::q4_1)
FEWBITS_INLINE constexpr void split_blocks(array_view<const unsigned char> blocks,
                                           packed_span<uint4> codes, array_view<fp16> scales,
                                           array_view<fp16> minima = {}) {
  FEWBITS_ASSERT(blocks.size() == ggml_bytes(Format, codes.size()),
                 "split_blocks: %zu bytes for %zu codes", blocks.size(), codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const unsigned char* const block = blocks.data() + i / 32 * block_bytes(Format);
    codes.set(i, uint4::from_code(detail::ggml_code<Format>(block, i % 32)));
    if (i % 32 != 0) continue;
    scales[i / 32] = detail::ggml_half(block);
    if (Format == ggml_format::q4_1) minima[i / 32] = detail::ggml_half(block + 2);
  }
}
/// The way back. Codes beyond the last become 0.
template <ggml_format Format>
  requires(Format == ggml_format::q4_0 || Format == ggml_format::q4_1)
FEWBITS_INLINE constexpr void join_blocks(packed_span<const uint4> codes,
                                          array_view<const fp16> scales,
                                          array_view<const fp16> minima,
                                          array_view<unsigned char> blocks) {
  FEWBITS_ASSERT(blocks.size() == ggml_bytes(Format, codes.size()),
                 "join_blocks: %zu bytes for %zu codes", blocks.size(), codes.size());
  for (unsigned char& byte : blocks) byte = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    unsigned char* const block = blocks.data() + i / 32 * block_bytes(Format);
    detail::put_ggml_code<Format>(block, i % 32, static_cast<uint4>(codes[i]).bits());
    if (i % 32 != 0) continue;
    detail::put_ggml_half(block, scales[i / 32]);
    if (Format == ggml_format::q4_1) detail::put_ggml_half(block + 2, minima[i / 32]);
  }
}

/// The same for q8_0, whose value is scale * code.
FEWBITS_INLINE constexpr void split_blocks(array_view<const unsigned char> blocks,
                                           array_view<std::int8_t> codes, array_view<fp16> scales) {
  constexpr ggml_format format = ggml_format::q8_0;
  FEWBITS_ASSERT(blocks.size() == ggml_bytes(format, codes.size()),
                 "split_blocks: %zu bytes for %zu codes", blocks.size(), codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const unsigned char* const block = blocks.data() + i / 32 * block_bytes(format);
    codes[i] = static_cast<std::int8_t>(detail::ggml_code<format>(block, i % 32));
    if (i % 32 == 0) scales[i / 32] = detail::ggml_half(block);
  }
}
FEWBITS_INLINE constexpr void join_blocks(array_view<const std::int8_t> codes,
                                          array_view<const fp16> scales,
                                          array_view<unsigned char> blocks) {
  constexpr ggml_format format = ggml_format::q8_0;
  FEWBITS_ASSERT(blocks.size() == ggml_bytes(format, codes.size()),
                 "join_blocks: %zu bytes for %zu codes", blocks.size(), codes.size());
  for (unsigned char& byte : blocks) byte = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    unsigned char* const block = blocks.data() + i / 32 * block_bytes(format);
    detail::put_ggml_code<format>(block, i % 32, static_cast<unsigned char>(codes[i]));
    if (i % 32 == 0) detail::put_ggml_half(block, scales[i / 32]);
  }
}

/// ggml's mxfp4 as the library's, row after row, and back: the codes and scales are the same, in another
/// order. Each row of `dst` (or `src`) is whole blocks of ggml's. ggml reads the scale code 255 as 2^128;
/// here it is NaN.
FEWBITS_INLINE constexpr void split_blocks(array_view<const unsigned char> src,
                                           const block_span<mxfp4>& dst) {
  constexpr ggml_format format = ggml_format::mx_fp4;
  const std::size_t row_bytes = ggml_bytes(format, dst.cols());
  FEWBITS_ASSERT(src.size() == dst.rows() * row_bytes, "split_blocks: %zu bytes for %zu x %zu",
                 src.size(), dst.rows(), dst.cols());
  for (std::size_t i = 0; i < dst.rows(); ++i)
    for (std::size_t j = 0; j < dst.cols(); ++j) {
      const unsigned char* const block = src.data() + i * row_bytes + j / 32 * block_bytes(format);
      dst.row_elements(i).set(j, fp4_e2m1::from_bits(static_cast<unsigned char>(
                                     detail::ggml_code<format>(block, j % 32))));
      if (j % 32 == 0) dst.row_scales(i)[j / 32] = scale_e8m0::from_bits(block[0]);
    }
}
FEWBITS_INLINE constexpr void join_blocks(const block_span<const mxfp4>& src,
                                          array_view<unsigned char> dst) {
  constexpr ggml_format format = ggml_format::mx_fp4;
  const std::size_t row_bytes = ggml_bytes(format, src.cols());
  FEWBITS_ASSERT(dst.size() == src.rows() * row_bytes, "join_blocks: %zu bytes for %zu x %zu",
                 dst.size(), src.rows(), src.cols());
  for (unsigned char& byte : dst) byte = 0;
  for (std::size_t i = 0; i < src.rows(); ++i)
    for (std::size_t j = 0; j < src.cols(); ++j) {
      unsigned char* const block = dst.data() + i * row_bytes + j / 32 * block_bytes(format);
      detail::put_ggml_code<format>(block, j % 32, src.element(i, j).bits());
      if (j % 32 == 0) block[0] = src.scale(i, j).bits();
    }
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
