// SPDX-License-Identifier: MIT
// How large the blocks of a product are, from the micro-kernel and the caches.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <std::size_t Unit>
FEWBITS_INLINE constexpr std::size_t round_up(std::size_t count) {
  return (count + Unit - 1) / Unit * Unit;
}

/// The largest block of a product.
///
/// kc: 512 units of 32 or 64 bits of depth. A panel of B (kc x 256 bytes) takes 128 KiB.
/// mc: rows of A that fill 700 KiB with kc of the depth, which fits a second-level cache of 1 MiB.
///     Sums are read and written depth / kc times, B is read m / mc times. Half the depth and twice the
///     rows cost FP64 4%; twice the depth and half the rows bring FP32 nothing (Xeon, 2 MiB).
/// A kernel may want other numbers of bytes, `depth_bytes` and `block_bytes`.
/// nc: columns of one task.
template <class Kernel>
struct gemm_blocking {
  FEWBITS_INLINE static constexpr std::size_t depth_bytes() {
    if constexpr (requires { Kernel::depth_bytes; }) return Kernel::depth_bytes;
    return sizeof(typename Kernel::a_type) == 8 ? 4096 : 2048;
  }
  FEWBITS_INLINE static constexpr std::size_t block_bytes() {
    if constexpr (requires { Kernel::block_bytes; }) return Kernel::block_bytes;
    return std::size_t{700} * 1024;
  }
  static constexpr std::size_t kc =
      depth_bytes() / sizeof(typename Kernel::a_type) / Kernel::kr * Kernel::kr;
  static constexpr std::size_t mc = round_up<Kernel::mr>(block_bytes() / depth_bytes());
  static constexpr std::size_t nc = round_up<Kernel::nr>(256);
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
