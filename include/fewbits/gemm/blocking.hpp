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

/// Depth and rows of a block.
///
/// kc: 4 KiB of depth, that is 1024 32-bit units. A panel of A (mr x kc) then takes 24 KiB at mr = 6,
///     half of a first-level cache of 48 KiB, and a panel of B (kc x nr) 256 KiB of the second level.
///     Less depth means more passes over the accumulators; more gained nothing where it was measured
///     (Zen 5, 512 to 2048 units within 2%).
/// mc: as many rows as accumulators of one panel of columns fit 32 KiB, the frame of one task.
template <class Kernel>
struct gemm_blocking {
  static constexpr std::size_t kc =
      4096 / sizeof(typename Kernel::b_type) / Kernel::kr * Kernel::kr;
  static constexpr std::size_t mc =
      32768 / (Kernel::nr * sizeof(typename Kernel::acc_type)) / Kernel::mr * Kernel::mr;
  /// Columns of one task: a few panels, so that its rows of A are read from the cache again.
  static constexpr std::size_t nc = 8 * Kernel::nr;
  static_assert(mc > 0 && kc > 0);
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
