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

/// A micro-kernel multiplies an mr-row panel of A with an nr-column panel of B.
///
/// `run(steps, a, b, tile, first)`: tile[i * nr + j] = (first ? 0 : tile[i * nr + j]) +
///     sum over s < steps, q < kr of a[(s * mr + i) * kr + q] * b[(s * nr + j) * kr + q].
/// The panels and the tile are contiguous; b and the tile are aligned to 64 bytes. It reads nothing
/// else, allocates nothing, calls no function template of the standard library and gives the same
/// bits for the same inputs.
template <class Kernel>
concept gemm_micro_kernel =
    requires(std::size_t steps, const typename Kernel::a_type* a, const typename Kernel::b_type* b,
             typename Kernel::acc_type* tile, bool first) {
      requires Kernel::mr > 0 && Kernel::nr > 0 && Kernel::kr > 0;
      { Kernel::run(steps, a, b, tile, first) } -> std::same_as<void>;
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
  /// Integers modulo 2^32: with an operand moved by 128, a sum may leave the range before it is moved
  /// back.
  using sum_type = std::conditional_t<std::is_integral_v<Accumulator>, std::uint32_t, Accumulator>;

  static void run(std::size_t steps, const a_type* a, const b_type* b, acc_type* tile, bool first) {
    sum_type sums[Mr][Nr] = {};
    for (std::size_t s = 0; s < steps; ++s, a += mr * kr, b += nr * kr)
      for (std::size_t q = 0; q < kr; ++q) {
        sum_type columns[Nr];
        for (std::size_t j = 0; j < nr; ++j) columns[j] = static_cast<sum_type>(b[j * kr + q]);
        for (std::size_t i = 0; i < mr; ++i) {
          const sum_type factor = static_cast<sum_type>(a[i * kr + q]);
          for (std::size_t j = 0; j < nr; ++j) sums[i][j] += factor * columns[j];
        }
      }
    for (std::size_t i = 0; i < mr; ++i)
      for (std::size_t j = 0; j < nr; ++j) {
        const sum_type before = first ? sum_type{0} : static_cast<sum_type>(tile[i * nr + j]);
        tile[i * nr + j] = static_cast<acc_type>(before + sums[i][j]);
      }
  }
};

/// 4 rows of two 128-bit vectors: 8 of the 16 registers that every 64-bit target has.
template <class Left, class Right, class Accumulator, isa Isa>
struct micro_kernel
    : generic_micro_kernel<Left, Right, Accumulator, 4, 32 / sizeof(Accumulator), 1, Isa> {};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
