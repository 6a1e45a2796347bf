// SPDX-License-Identifier: MIT
// The loops of GEMM around a micro-kernel. One instance for each kernel and executor; element types
// and epilogues come in as function pointers, which cost one indirect call a panel or tile.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/micro_kernel.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// A product, without the types of its elements.
template <gemm_micro_kernel Kernel>
struct gemm_problem {
  using a_type = typename Kernel::a_type;
  using b_type = typename Kernel::b_type;
  using acc_type = typename Kernel::acc_type;
  template <class Packed>
  using pack_function = void (*)(const void* operand, std::size_t lane, std::size_t lanes,
                                 std::size_t depth, Packed* dst, std::uint32_t* sums);

  std::size_t m, n, k;
  pack_function<a_type> pack_a;
  pack_function<b_type> pack_b;
  const void* a;
  const void* b;
  /// What packing added to every element of A and of B (integer kernels).
  std::uint32_t a_surplus, b_surplus;
  void (*store)(const void* output, const acc_type* tile, std::size_t row, std::size_t col,
                std::size_t rows, std::size_t cols);
  const void* output;
};

/// A and B are packed whole, then blocks of C are computed independently: for each panel of columns,
/// for each kc of the depth, for each panel of rows of the block. A panel of B is read from the
/// second-level cache mc / mr times, a block of A once for each panel of B. The depth is never split
/// between tasks and the order of the sums is fixed by the shape, so neither the executor nor the
/// number of threads changes a bit.
template <gemm_micro_kernel Kernel>
class gemm_driver {
  using a_type = typename Kernel::a_type;
  using b_type = typename Kernel::b_type;
  using acc_type = typename Kernel::acc_type;
  using blocking = gemm_blocking<Kernel>;
  static constexpr std::size_t mr = Kernel::mr;
  static constexpr std::size_t nr = Kernel::nr;
  static constexpr std::size_t kr = Kernel::kr;
  static constexpr std::size_t alignment = 64;
  static constexpr bool has_sums = std::is_integral_v<acc_type>;

  struct layout {
    std::size_t depth;  // of a panel, a multiple of kr
    std::size_t a_panels, b_panels;
    std::size_t b_bytes, a_bytes, sum_bytes;

    FEWBITS_INLINE constexpr layout(std::size_t m, std::size_t n, std::size_t k)
        : depth(round_up<kr>(k)),
          a_panels((m + mr - 1) / mr),
          b_panels((n + nr - 1) / nr),
          b_bytes(round_up<alignment>(b_panels * nr * depth * sizeof(b_type))),
          a_bytes(round_up<alignment>(a_panels * mr * depth * sizeof(a_type))),
          sum_bytes(has_sums ? (a_panels * mr + b_panels * nr) * sizeof(std::uint32_t) : 0) {}
  };

 public:
  /// Bytes of workspace that `run` needs, the slack to align it included.
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n,
                                                              std::size_t k) {
    const layout sizes(m, n, k);
    return alignment + sizes.b_bytes + sizes.a_bytes + sizes.sum_bytes;
  }

  template <executor Executor>
  static void run(Executor& runner, const gemm_problem<Kernel>& problem, unsigned char* workspace) {
    if (problem.m == 0 || problem.n == 0) return;
    const layout sizes(problem.m, problem.n, problem.k);
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(workspace) % alignment;
    unsigned char* const base = workspace + (alignment - misaligned) % alignment;
    const panels packed{reinterpret_cast<a_type*>(base + sizes.b_bytes),
                        reinterpret_cast<b_type*>(base),
                        reinterpret_cast<std::uint32_t*>(base + sizes.b_bytes + sizes.a_bytes),
                        reinterpret_cast<std::uint32_t*>(base + sizes.b_bytes + sizes.a_bytes) +
                            sizes.a_panels * mr,
                        sizes.depth};

    runner.parallel_for(sizes.a_panels + sizes.b_panels, [&](std::size_t task) {
      if (task < sizes.a_panels) {
        const std::size_t row = task * mr;
        problem.pack_a(problem.a, row, smaller(mr, problem.m - row), problem.k,
                       packed.a + row * sizes.depth,
                       problem.b_surplus != 0 ? packed.a_sums + row : nullptr);
      } else {
        const std::size_t col = (task - sizes.a_panels) * nr;
        problem.pack_b(problem.b, col, smaller(nr, problem.n - col), problem.k,
                       packed.b + col * sizes.depth,
                       problem.a_surplus != 0 ? packed.b_sums + col : nullptr);
      }
    });

    const std::size_t row_blocks = (problem.m + blocking::mc - 1) / blocking::mc;
    const std::size_t col_blocks = (problem.n + blocking::nc - 1) / blocking::nc;
    runner.parallel_for(row_blocks * col_blocks, [&](std::size_t task) {
      compute_block(problem, packed, task % row_blocks * blocking::mc,
                    task / row_blocks * blocking::nc);
    });
  }

 private:
  struct panels {
    a_type* a;
    b_type* b;
    std::uint32_t* a_sums;
    std::uint32_t* b_sums;
    std::size_t depth;
  };

  FEWBITS_INLINE static constexpr std::size_t smaller(std::size_t x, std::size_t y) {
    return x < y ? x : y;
  }

  /// The block of C of at most mc x nc elements at (row0, col0).
  FEWBITS_NOINLINE static void compute_block(const gemm_problem<Kernel>& problem,
                                             const panels& packed, std::size_t row0,
                                             std::size_t col0) {
    alignas(alignment) acc_type tiles[blocking::mc / mr][mr * nr];
    const std::size_t row_end = smaller(row0 + blocking::mc, problem.m);
    const std::size_t col_end = smaller(col0 + blocking::nc, problem.n);
    for (std::size_t col = col0; col < col_end; col += nr) {
      const b_type* const b = packed.b + col * packed.depth;
      std::size_t d = 0;
      do {
        const std::size_t steps = smaller(blocking::kc, packed.depth - d) / kr;
        for (std::size_t row = row0; row < row_end; row += mr)
          Kernel::run(steps, packed.a + row * packed.depth + d * mr, b + d * nr,
                      tiles[(row - row0) / mr], d == 0);
        d += blocking::kc;
      } while (d < packed.depth);
      for (std::size_t row = row0; row < row_end; row += mr) {
        acc_type* const tile = tiles[(row - row0) / mr];
        if constexpr (has_sums) remove_surplus(problem, packed, row, col, tile);
        problem.store(problem.output, tile, row, col, smaller(mr, row_end - row),
                      smaller(nr, col_end - col));
      }
    }
  }

  /// With A + x and B + y packed for A and B,
  ///   sum A B = sum (A + x)(B + y) - y sum (A + x) - x sum (B + y) + k x y,
  /// modulo 2^32, and the left side fits.
  FEWBITS_INLINE static void remove_surplus(const gemm_problem<Kernel>& problem,
                                            const panels& packed, std::size_t row, std::size_t col,
                                            acc_type* tile) {
    const std::uint32_t x = problem.a_surplus;
    const std::uint32_t y = problem.b_surplus;
    if (x == 0 && y == 0) return;
    const std::uint32_t both = static_cast<std::uint32_t>(problem.k) * x * y;
    // The sums that nothing multiplies have not been made.
    std::uint32_t of_columns[nr];
    for (std::size_t j = 0; j < nr; ++j) of_columns[j] = x != 0 ? x * packed.b_sums[col + j] : 0;
    for (std::size_t i = 0; i < mr; ++i) {
      const std::uint32_t of_row = both - (y != 0 ? y * packed.a_sums[row + i] : 0);
      for (std::size_t j = 0; j < nr; ++j)
        tile[i * nr + j] = static_cast<acc_type>(static_cast<std::uint32_t>(tile[i * nr + j]) +
                                                 of_row - of_columns[j]);
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
