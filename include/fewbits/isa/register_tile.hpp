// SPDX-License-Identifier: MIT
// The one GEMM micro-kernel of all instruction sets with vectors: a block of accumulators that stays
// in registers. An instruction set gives the operations and the shape.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What operations on vectors of `Bytes` bytes have in common: sums of products of `Left` and `Right`, `Kr`
/// of them to a lane. Integers are summed modulo 2^32.
template <class Left, class Right, class Sum, std::size_t Bytes, std::size_t Kr>
struct tile_operations {
  using a_type = Left;
  using b_type = Right;
  using acc_type = Sum;
  using lane = std::conditional_t<std::is_integral_v<Sum>, std::uint32_t, Sum>;
  typedef lane sum_type __attribute__((vector_size(Bytes)));
  static constexpr std::size_t lanes = Bytes / sizeof(Sum), kr = Kr;

  FEWBITS_INLINE static sum_type zero() { return sum_type{}; }
  FEWBITS_INLINE static sum_type load(const Sum* src) {
    sum_type x;
    __builtin_memcpy(&x, src, Bytes);
    return x;
  }
  FEWBITS_INLINE static void store(Sum* dst, sum_type x) { __builtin_memcpy(dst, &x, Bytes); }
  FEWBITS_INLINE static sum_type add(sum_type x, sum_type y) { return x + y; }
};

/// With a number of each operand to a lane.
template <class Element, std::size_t Bytes>
struct float_tile_operations : tile_operations<Element, Element, Element, Bytes, 1> {
  using base = tile_operations<Element, Element, Element, Bytes, 1>;
  using columns_type = typename base::sum_type;
  FEWBITS_INLINE static columns_type columns(const Element* b) { return base::load(b); }
};

/// `Rows` rows of `Vectors` vectors. `Ops` has the types a_type, b_type, acc_type, the numbers
/// `lanes` of accumulators in a vector and `kr` of products in one, and the operations
///   zero(), load(const acc_type*), store(acc_type*, sum), add(sum, sum),   no alignment
///   columns(const b_type*)            lanes * kr elements of B
///   row(const a_type*)                kr elements of A, in every lane
///   multiply_add(sum, row, columns)   sum + the products, kr of them added up in each lane.
/// `Ops` is a template on the `isa`, which therefore names `run` too.
///
/// Lines of B are asked for `Distance` bytes ahead: from the second-level cache, whose hardware prefetcher
/// alone costs 5% of the speed. The more rows, the less of memory the processor looks ahead at itself.
template <class Ops, std::size_t Rows, std::size_t Vectors, std::size_t Distance = 2048>
struct register_tile {
  using a_type = typename Ops::a_type;
  using b_type = typename Ops::b_type;
  using acc_type = typename Ops::acc_type;
  static constexpr std::size_t mr = Rows;
  static constexpr std::size_t nr = Vectors * Ops::lanes;
  static constexpr std::size_t kr = Ops::kr;
  static constexpr std::size_t b_kr = kr;
  static constexpr std::size_t steps_per_prefetch = 16;
  /// For B that comes from memory.
  template <std::size_t Count>
  using with_rows = register_tile<Ops, Count, Vectors, Count == 1 ? 2048 : 8192>;

  using sums_type = typename Ops::sum_type[Rows][Vectors];

  static void run(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
                  const b_type* b, acc_type* tile, std::size_t tile_row, bool first,
                  const void* ahead, std::size_t ahead_row) {
    sums_type sums;
    sum_up(sums, steps, a, a_row, a_step, b, tile, tile_row, ahead, ahead_row);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) {
        acc_type* const out = tile + i * tile_row + j * Ops::lanes;
        Ops::store(out, first ? sums[i][j] : Ops::add(Ops::load(out), sums[i][j]));
      }
    }
  }

  /// The sums alone, while the tile they go to comes into the first-level cache.
  FEWBITS_INLINE static void sum_up(sums_type& sums, std::size_t steps, const a_type* a,
                                    std::size_t a_row, std::size_t a_step, const b_type* b,
                                    const acc_type* tile, std::size_t tile_row, const void* ahead,
                                    std::size_t ahead_row) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) sums[i][j] = Ops::zero();
    }
    // By number: past the panel there is no object.
    std::uintptr_t next = reinterpret_cast<std::uintptr_t>(ahead);
    std::size_t fetched = 0;
    while (steps != 0) {
      const std::size_t group = steps < steps_per_prefetch ? steps : steps_per_prefetch;
      steps -= group;
      __builtin_prefetch(reinterpret_cast<const void*>(next), 0, 2);
      __builtin_prefetch(reinterpret_cast<const void*>(next + line), 0, 2);
      next += ahead_row;
      // All rows at once would keep A and B waiting.
      if (fetched != Rows) prefetch_row(tile + fetched++ * tile_row);
      const b_type* const end = b + group * (nr * kr);
      do {
        prefetch_columns(b);
        typename Ops::columns_type columns[Vectors];
        FEWBITS_UNROLL
        for (std::size_t j = 0; j < Vectors; ++j)
          columns[j] = Ops::columns(b + j * Ops::lanes * kr);
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < Rows; ++i) {
          const typename Ops::columns_type row = Ops::row(a + i * a_row);
          FEWBITS_UNROLL
          for (std::size_t j = 0; j < Vectors; ++j)
            sums[i][j] = Ops::multiply_add(sums[i][j], row, columns[j]);
        }
        a += a_step;
        b += nr * kr;
      } while (b != end);
    }
  }

 private:
  static constexpr std::size_t line = 64;
  FEWBITS_INLINE static void prefetch_row(const acc_type* row) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < nr; i += line / sizeof(acc_type)) __builtin_prefetch(row + i, 1);
    __builtin_prefetch(row + (nr - 1), 1);
  }
  FEWBITS_INLINE static void prefetch_columns(const b_type* b) {
    const std::uintptr_t later = reinterpret_cast<std::uintptr_t>(b) + Distance;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < nr * kr * sizeof(b_type); i += line)
      __builtin_prefetch(reinterpret_cast<const void*>(later + i));
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
