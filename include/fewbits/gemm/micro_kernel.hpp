// SPDX-License-Identifier: MIT
// What a GEMM micro-kernel is, and the one in plain C++.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/isa/slots.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A micro-kernel multiplies mr rows of A with an nr-column panel of B.
///
/// `run(steps, a, a_row, a_step, b, tile, tile_row, first, ahead, ahead_row)`:
///     tile[i * tile_row + j] = (first ? 0 : tile[i * tile_row + j]) + sum over s < steps, q < kr of
///     a[i * a_row + s * a_step + q] * b[((s * kr + q) / b_kr * nr + j) * b_kr + q % b_kr].
/// So A is read where it lies, by rows (a_step = kr) or from a panel (a_row = kr), and sums go to C or
/// to a tile; columns of B lie b_kr, which divides kr, deep side by side. b is aligned to 64 bytes. From
/// `ahead` on, which need not be memory, it may prefetch 128 bytes, `ahead_row` bytes apart, into the
/// second-level cache every `steps_per_prefetch` steps. It reads nothing else, allocates nothing, calls no
/// function template of the standard library and gives the same bits for the same inputs.
/// `of_signed_rows`, where it is, reads the same panels of B and rows of signed bytes.
/// `with_rows<count>`, where it is, gives each row the same bits.
///
/// A kernel object lives as long as a thread works on a block of C: what a unit must be told before it
/// multiplies, and after, belongs to its constructor and destructor.
template <class Kernel>
concept gemm_micro_kernel =
    requires(std::size_t size, const typename Kernel::a_type* a, const typename Kernel::b_type* b,
             typename Kernel::acc_type* tile, bool first, const void* ahead, const Kernel& kernel) {
      requires Kernel::mr > 0 && Kernel::nr > 0 && Kernel::b_kr > 0;
      requires Kernel::kr > 0 && Kernel::kr % Kernel::b_kr == 0 && Kernel::steps_per_prefetch > 0;
      { kernel.run(size, a, size, size, b, tile, size, first, ahead, size) } -> std::same_as<void>;
    };

/// Any block shape in plain C++. The inner loop over the columns is what the compiler vectorises.
template <class Left, class Right, class Accumulator, std::size_t Mr, std::size_t Nr,
          std::size_t Kr, isa Isa>
struct generic_micro_kernel {
  using a_type = Left;
  using b_type = Right;
  using acc_type = Accumulator;
  static constexpr std::size_t mr = Mr;
  static constexpr std::size_t nr = Nr;
  static constexpr std::size_t kr = Kr;
  static constexpr std::size_t b_kr = Kr;
  static constexpr std::size_t steps_per_prefetch = 16;
  template <std::size_t Count>
  using with_rows = generic_micro_kernel<Left, Right, Accumulator, Count, Nr, Kr, Isa>;
  /// Integers modulo 2^32: with an operand moved by 128, a sum may leave the range before it is moved
  /// back.
  using sum_type = std::conditional_t<std::is_integral_v<Accumulator>, std::uint32_t, Accumulator>;

  static void run(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
                  const b_type* b, acc_type* tile, std::size_t tile_row, bool first, const void*,
                  std::size_t) {
    sum_type sums[Mr][Nr] = {};
    for (std::size_t s = 0; s < steps; ++s, a += a_step, b += nr * kr)
      for (std::size_t q = 0; q < kr; ++q) {
        sum_type columns[Nr];
        for (std::size_t j = 0; j < nr; ++j) columns[j] = static_cast<sum_type>(b[j * kr + q]);
        for (std::size_t i = 0; i < mr; ++i) {
          const sum_type factor = static_cast<sum_type>(a[i * a_row + q]);
          for (std::size_t j = 0; j < nr; ++j) sums[i][j] += factor * columns[j];
        }
      }
    for (std::size_t i = 0; i < mr; ++i)
      for (std::size_t j = 0; j < nr; ++j) {
        const sum_type before = first ? sum_type{0} : static_cast<sum_type>(tile[i * tile_row + j]);
        tile[i * tile_row + j] = static_cast<acc_type>(before + sums[i][j]);
      }
  }
};

/// 4 rows of two 128-bit vectors: 8 of the 16 registers that every 64-bit target has.
template <class Left, class Right, class Accumulator, isa Isa>
struct micro_kernel
    : generic_micro_kernel<Left, Right, Accumulator, 4, 32 / sizeof(Accumulator), 1, Isa> {};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
