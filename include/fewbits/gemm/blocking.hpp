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
/// kc: 2 KiB of depth, that is 512 32-bit units. A panel of B (kc x 64 columns) takes 128 KiB.
/// mc: rows of A that fill 700 KiB with kc of the depth. Both fit a second-level cache of 1 MiB.
///     Sums are read and written depth / kc times, B is read m / mc times: at these sizes the two take
///     about as many bytes.
/// nc: columns of one task.
template <class Kernel>
struct gemm_blocking {
  static constexpr std::size_t kc =
      2048 / sizeof(typename Kernel::a_type) / Kernel::kr * Kernel::kr;
  static constexpr std::size_t mc = round_up<Kernel::mr>(342);
  static constexpr std::size_t nc = round_up<Kernel::nr>(256);
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
