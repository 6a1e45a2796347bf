// SPDX-License-Identifier: MIT
// The loop of an elementwise kernel, and its tail.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Asks for the memory that a loop gets to 2 KiB later, a line at a time: long steps leave the processor no
/// room to look ahead. (AVX2, FP16 to E4M3, 8 MiB, Granite Rapids: 10 to 20 GB/s.) It never faults.
template <std::size_t Bytes, bool Write>
FEWBITS_INLINE void prefetch(const unsigned char* now) {
  constexpr std::size_t line = 64;
  FEWBITS_UNROLL
  for (std::size_t i = 0; i < (Bytes + line - 1) / line; ++i)
    __builtin_prefetch(
        reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(now) + 2048 + i * line),
        Write ? 1 : 0);
}

/// Calls `Step::apply(src, dst)` for each `Lanes` elements of `SrcBytes` bytes at `src` and of
/// `DstBytes` at `dst`. The rest goes through buffers of a whole vector, so that nothing outside the
/// ranges is touched. A step reads its vector before it writes, so `dst` may be `src` when its
/// elements are no wider.
template <std::size_t Lanes, std::size_t SrcBytes, std::size_t DstBytes, class Step>
FEWBITS_INLINE void run_vectors(const unsigned char* src, unsigned char* dst, std::size_t count) {
  std::size_t i = 0;
  for (; i + Lanes <= count; i += Lanes) {
    if constexpr (Lanes > 1) {
      prefetch<SrcBytes * Lanes, false>(src + SrcBytes * i);
      prefetch<DstBytes * Lanes, true>(dst + DstBytes * i);
    }
    Step::apply(src + SrcBytes * i, dst + DstBytes * i);
  }
  if constexpr (Lanes > 1) {
    if (i == count) return;
    unsigned char in[SrcBytes * Lanes] = {};
    unsigned char out[DstBytes * Lanes];
    __builtin_memcpy(in, src + SrcBytes * i, SrcBytes * (count - i));
    Step::apply(in, out);
    __builtin_memcpy(dst + DstBytes * i, out, DstBytes * (count - i));
  }
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
