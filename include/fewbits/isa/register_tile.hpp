// SPDX-License-Identifier: MIT
// The one GEMM micro-kernel of all instruction sets with vectors: a block of accumulators that stays
// in registers. An instruction set gives the operations and the shape.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// `Rows` rows of `Vectors` vectors. `Ops` has the types a_type, b_type, acc_type, the numbers
/// `lanes` of accumulators in a vector and `kr` of products in one, and the operations
///   zero(), load(const acc_type*), store(acc_type*, sum), add(sum, sum),
///   columns(const b_type*)            lanes * kr elements of B
///   row(const a_type*)                kr elements of A, in every lane
///   multiply_add(sum, row, columns)   sum + the products, kr of them added up in each lane.
/// `Ops` is a template on the `isa`, which therefore names `run` too.
template <class Ops, std::size_t Rows, std::size_t Vectors>
struct register_tile {
  using a_type = typename Ops::a_type;
  using b_type = typename Ops::b_type;
  using acc_type = typename Ops::acc_type;
  static constexpr std::size_t mr = Rows;
  static constexpr std::size_t nr = Vectors * Ops::lanes;
  static constexpr std::size_t kr = Ops::kr;

  static void run(std::size_t steps, const a_type* a, const b_type* b, acc_type* tile, bool first) {
    typename Ops::sum_type sums[Rows][Vectors];
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) sums[i][j] = Ops::zero();
    }
    for (std::size_t s = 0; s < steps; ++s, a += mr * kr, b += nr * kr) {
      typename Ops::columns_type columns[Vectors];
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) columns[j] = Ops::columns(b + j * Ops::lanes * kr);
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < Rows; ++i) {
        const typename Ops::columns_type row = Ops::row(a + i * kr);
        FEWBITS_UNROLL
        for (std::size_t j = 0; j < Vectors; ++j)
          sums[i][j] = Ops::multiply_add(sums[i][j], row, columns[j]);
      }
    }
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) {
        acc_type* const out = tile + i * nr + j * Ops::lanes;
        Ops::store(out, first ? sums[i][j] : Ops::add(Ops::load(out), sums[i][j]));
      }
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
