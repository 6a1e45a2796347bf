// SPDX-License-Identifier: MIT
// The loops of a product with few rows and a packed B, whose panels are read once, from end to end.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/driver.hpp>
#include <fewbits/gemm/gemv_kernel.hpp>
#include <fewbits/gemm/micro_kernel.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The kernel with another number of rows, where there is one: all of its own would not wait for memory
/// but for multiplications by zero.
template <class Kernel, std::size_t Rows>
struct kernel_of_rows {
  using type = Kernel;
};
template <class Kernel, std::size_t Rows>
  requires(Rows != Kernel::mr && requires { typename Kernel::template with_rows<Rows>; })
struct kernel_of_rows<Kernel, Rows> {
  using type = typename Kernel::template with_rows<Rows>;
};

/// Each task multiplies all rows with a panel of B, the parts of its depth in order, so that every sum
/// has the bits that `gemm_driver` gives it.
template <gemm_micro_kernel Kernel>
class few_rows_driver {
  using a_type = typename Kernel::a_type;
  using b_type = typename Kernel::b_type;
  using acc_type = typename Kernel::acc_type;
  using problem_type = gemm_problem<Kernel>;
  static constexpr std::size_t mr = Kernel::mr;
  static constexpr std::size_t nr = Kernel::nr;
  static constexpr std::size_t kr = Kernel::kr;
  static constexpr std::size_t line = 64;
  static constexpr std::size_t most_rows = round_up<mr>(few_rows);

  using layout = gemm_depth<Kernel>;

 public:
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t k) {
    const layout sizes(k);
    return line + (m + mr - 1) / mr * mr *
                      (sizes.a_row * sizes.chunks * sizeof(a_type) + sizeof(std::uint32_t));
  }

  template <executor Executor>
  static void run(Executor& runner, const problem_type& problem, unsigned char* workspace) {
    if (problem.m == 0 || problem.n == 0) return;
    const layout sizes(problem.k);
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(workspace) % line;
    a_type* const a = reinterpret_cast<a_type*>(workspace + (line - misaligned) % line);
    const std::size_t rows = (problem.m + mr - 1) / mr * mr;
    std::uint32_t* const sums =
        reinterpret_cast<std::uint32_t*>(a + rows * sizes.a_row * sizes.chunks);
    for (std::size_t row = 0; row < problem.m; row += mr)
      for (std::size_t part = 0; part < sizes.chunks; ++part) {
        const std::size_t begin = part * sizes.chunk;
        problem.pack_a(problem.a, row, smaller(mr, problem.m - row), begin,
                       smaller(sizes.chunk, problem.k - begin),
                       a + (part * rows + row) * sizes.a_row, sizes.a_row,
                       problem.b_surplus != 0 ? sums + row : nullptr);
      }
    runner.parallel_for((problem.n + nr - 1) / nr, [&](std::size_t task) {
      multiply(problem, sizes, a, rows, sums, task * nr);
    });
  }

 private:
  FEWBITS_INLINE static constexpr std::size_t smaller(std::size_t x, std::size_t y) {
    return x < y ? x : y;
  }

  /// The panel of columns from `col` on.
  FEWBITS_NOINLINE static void multiply(const problem_type& problem, const layout& sizes,
                                        const a_type* a, std::size_t rows,
                                        const std::uint32_t* a_sums, std::size_t col) {
    alignas(line) acc_type tile[most_rows * nr];
    const b_type* b = problem.packed_b + col * sizes.depth;
    for (std::size_t part = 0; part < sizes.chunks; ++part) {
      const std::size_t depth = smaller(sizes.chunk, sizes.depth - part * sizes.chunk);
      add_part(problem, depth / kr, a + part * rows * sizes.a_row, sizes.a_row, b, tile, part == 0);
      b += depth * nr;
    }
    for (std::size_t row = 0; row < problem.m; row += mr) {
      const std::size_t count = smaller(mr, problem.m - row);
      if constexpr (std::is_integral_v<acc_type>)
        remove_surplus(problem, count, a_sums + row, problem.packed_b_sums + col, tile + row * nr,
                       nr);
      problem.store(problem.output, tile + row * nr, row, col, count, smaller(nr, problem.n - col));
    }
  }

  /// With fewer rows than the kernel has, or more of them if they lie one after the other; they need not
  /// fit the registers then, for memory is slower.
  FEWBITS_INLINE static void add_part(const problem_type& problem, std::size_t steps,
                                      const a_type* a, std::size_t a_row, const b_type* b,
                                      acc_type* tile, bool first) {
    using one = typename kernel_of_rows<Kernel, 1>::type;
    using four = typename kernel_of_rows<Kernel, 4>::type;
    using all = typename kernel_of_rows<Kernel, few_rows>::type;
    const std::size_t lane = problem.a_by_rows ? a_row : kr;
    const std::size_t step = problem.a_by_rows ? kr : mr * kr;
    if (problem.m == 1) {
      one{}.run(steps, a, lane, step, b, tile, nr, first, b, 0);
    } else if (problem.m <= four::mr) {
      four{}.run(steps, a, lane, step, b, tile, nr, first, b, 0);
    } else if (problem.m > mr && problem.a_by_rows && all::mr == few_rows) {
      all{}.run(steps, a, lane, step, b, tile, nr, first, b, 0);
    } else {
      for (std::size_t row = 0; row < problem.m; row += mr)
        Kernel{}.run(steps, a + row * a_row, lane, step, b, tile + row * nr, nr, first, b, 0);
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
