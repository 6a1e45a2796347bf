// SPDX-License-Identifier: MIT
// The loops around `grouped_kernel`: rows of A to INT8, panels of weights in groups.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/few_rows_driver.hpp>
#include <fewbits/gemm/grouped_kernel.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/gemm/pack.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/quantize/dynamic.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// A product of rows quantized to INT8 with integers in groups, without the types of the weights.
struct grouped_problem {
  std::size_t m, n, k, group;
  matrix_view<const float> a;
  /// B packed before, or null, and then its rows of weights.
  const unsigned char* packed;
  const void* b;
  void (*pack)(const void* operand, std::size_t lane, std::size_t lanes, std::size_t depth,
               std::int8_t* dst, std::uint32_t* sums);
  /// The scales of `lanes` rows of the weights: of group g and lane l to dst[g * nr + l].
  void (*scales)(const void* operand, std::size_t lane, std::size_t lanes, float* dst);
  void (*store)(const void* output, const float* tile, std::size_t row, std::size_t col,
                std::size_t rows, std::size_t cols);
  const void* output;
};

/// Rows of A are quantized and packed first. Then each panel of B, packed if it is not yet, is multiplied
/// with all panels of A while it is in the second-level cache.
template <class Kernel, isa Isa>
class grouped_driver {
  using a_type = typename Kernel::a_type;
  static constexpr std::size_t mr = Kernel::mr;
  static constexpr std::size_t nr = Kernel::nr;
  static constexpr std::size_t kr = Kernel::kr;
  static constexpr std::size_t alignment = 64;
  static constexpr std::uint32_t surplus =
      element_source<std::int8_t>::template surplus<typename Kernel::a_type>();
  static_assert(std::is_same_v<typename Kernel::b_type, std::int8_t>);

  /// A panel of B: the scales of its groups, their shifts, the codes.
  struct panel_layout {
    std::size_t groups, depth, shifts, codes, bytes;

    FEWBITS_INLINE constexpr panel_layout(std::size_t k, std::size_t group)
        : groups((k + group - 1) / group),
          depth(round_up<kr>(k)),
          shifts(round_up<alignment>(groups * nr * sizeof(float))),
          codes(2 * shifts),
          bytes(codes + round_up<alignment>(depth * nr)) {}
  };
  struct layout {
    std::size_t a_panels, b_panels;
    // Where parts of the workspace begin, after A's, and its bytes.
    std::size_t row_scales, b, codes, bytes;

    FEWBITS_INLINE constexpr layout(std::size_t m, std::size_t n, const panel_layout& panel,
                                    std::size_t k, bool is_packed)
        : a_panels((m + mr - 1) / mr),
          b_panels((n + nr - 1) / nr),
          row_scales(round_up<alignment>(a_panels * mr * panel.depth * sizeof(a_type))),
          b(row_scales + round_up<alignment>(m * sizeof(float))),
          codes(b + (is_packed ? 0 : b_panels * panel.bytes)),
          bytes(codes + m * k) {}
  };
  FEWBITS_INLINE static constexpr layout layout_of(const grouped_problem& problem) {
    return {problem.m, problem.n, panel_layout(problem.k, problem.group), problem.k,
            problem.packed != nullptr};
  }

 public:
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(const grouped_problem& problem) {
    return alignment + layout_of(problem).bytes;
  }
  FEWBITS_INLINE static constexpr std::size_t packed_bytes(std::size_t n, std::size_t k,
                                                           std::size_t group) {
    return alignment + (n + nr - 1) / nr * panel_layout(k, group).bytes;
  }
  template <class Byte>
  FEWBITS_INLINE static Byte* aligned(Byte* memory) {
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(memory) % alignment;
    return memory + (alignment - misaligned) % alignment;
  }
  /// Where the scales of A's rows will be.
  FEWBITS_INLINE static const float* row_scales(const grouped_problem& problem,
                                                const unsigned char* workspace) {
    return reinterpret_cast<const float*>(aligned(workspace) + layout_of(problem).row_scales);
  }

  template <executor Executor>
  static void run(Executor& runner, const grouped_problem& problem, unsigned char* workspace) {
    if (problem.m == 0 || problem.n == 0) return;
    const layout sizes = layout_of(problem);
    unsigned char* const base = aligned(workspace);
    runner.parallel_for(sizes.a_panels,
                        [&](std::size_t task) { pack_rows(problem, sizes, base, task * mr); });
    runner.parallel_for(sizes.b_panels, [&](std::size_t task) {
      const panel_layout panel(problem.k, problem.group);
      const unsigned char* packed = base + sizes.b + task * panel.bytes;
      if (problem.packed != nullptr) {
        packed = aligned(problem.packed) + task * panel.bytes;
      } else {
        pack_panel(problem, panel, task, base + sizes.b + task * panel.bytes);
      }
      compute_panel(problem, panel, base, packed, task * nr);
    });
  }

  /// Packs all panels of B into `packed_bytes` bytes.
  template <executor Executor>
  static void pack(Executor& runner, const grouped_problem& problem, unsigned char* memory) {
    const panel_layout panel(problem.k, problem.group);
    runner.parallel_for((problem.n + nr - 1) / nr, [&](std::size_t task) {
      pack_panel(problem, panel, task, aligned(memory) + task * panel.bytes);
    });
  }

 private:
  FEWBITS_INLINE static std::size_t smaller(std::size_t x, std::size_t y) { return x < y ? x : y; }

  static void pack_rows(const grouped_problem& problem, const layout& sizes, unsigned char* base,
                        std::size_t row) {
    const std::size_t rows = smaller(mr, problem.m - row), k = problem.k;
    float* const scales = reinterpret_cast<float*>(base + sizes.row_scales) + row;
    std::int8_t* const codes = reinterpret_cast<std::int8_t*>(base + sizes.codes) + row * k;
    quantize_absmax<std::int8_t, per_row, Isa>(
        matrix_view<const float>(problem.a.row(row), rows, k, problem.a.stride()),
        array_view<float>(scales, rows), matrix_view<std::int8_t>(codes, rows, k));
    using source = element_source<std::int8_t>;
    const source quantized{codes, k};
    panel_packer<source, a_type, mr, kr, true, Isa>::pack(
        &quantized, 0, rows, k, reinterpret_cast<a_type*>(base) + row * round_up<kr>(k), nullptr);
  }

  static void pack_panel(const grouped_problem& problem, const panel_layout& panel,
                         std::size_t task, unsigned char* dst) {
    const std::size_t col = task * nr, cols = smaller(nr, problem.n - col);
    float* const scales = reinterpret_cast<float*>(dst);
    std::uint32_t* const shifts = reinterpret_cast<std::uint32_t*>(dst + panel.shifts);
    std::int8_t* const codes = reinterpret_cast<std::int8_t*>(dst + panel.codes);
    if (cols < nr)
      for (std::size_t i = 0; i < panel.groups * nr; ++i) scales[i] = 0;
    problem.scales(problem.b, col, cols, scales);
    problem.pack(problem.b, col, cols, problem.k, codes, nullptr);
    for (std::size_t g = 0; g < panel.groups; ++g)
      shift_of(codes + g * problem.group * nr,
               smaller(problem.group, panel.depth - g * problem.group) / kr, shifts + g * nr);
  }

  static void compute_panel(const grouped_problem& problem, const panel_layout& panel,
                            const unsigned char* base, const unsigned char* packed,
                            std::size_t col) {
    const std::size_t rest = panel.groups == 0 ? 0 : (panel.groups - 1) * problem.group;
    const grouped_panel b{panel.groups,
                          problem.group / kr,
                          (panel.depth - rest) / kr,
                          reinterpret_cast<const std::int8_t*>(packed + panel.codes),
                          reinterpret_cast<const std::uint32_t*>(packed + panel.shifts),
                          reinterpret_cast<const float*>(packed)};
    const std::size_t cols = smaller(nr, problem.n - col);
    for (std::size_t row = 0; row < problem.m; row += block_rows)
      compute_block(problem, b, reinterpret_cast<const a_type*>(base), panel.depth, row, col, cols);
  }

  /// Rows of a block: their sums fit 32 KiB.
  static constexpr std::size_t block_panels = 32768 / (mr * nr * sizeof(float));
  static constexpr std::size_t block_rows = block_panels * mr;
  /// Depth of B that is multiplied with all panels of A in turn: a quarter of a first-level cache.
  static constexpr std::size_t chunk_depth = 16384 / nr;

  static void compute_block(const grouped_problem& problem, const grouped_panel& b, const a_type* a,
                            std::size_t depth, std::size_t row, std::size_t col, std::size_t cols) {
    const default_control_word<Isa> control_word;
    alignas(alignment) float sums[block_panels][mr * nr];
    const std::size_t rows = smaller(block_rows, problem.m - row);
    const std::size_t panels = (rows + mr - 1) / mr;
    for (std::size_t p = 0; p < panels; ++p)
      for (std::size_t i = 0; i < mr * nr; ++i) sums[p][i] = 0;
    const std::size_t several = chunk_depth / problem.group;
    const std::size_t groups = several == 0 ? 1 : several;
    for (std::size_t g = 0; g < b.groups; g += groups)
      for (std::size_t p = 0; p < panels; ++p)
        multiply(rows, g, smaller(g + groups, b.groups), a + (row + p * mr) * depth, b, sums[p]);
    for (std::size_t p = 0; p < panels; ++p)
      problem.store(problem.output, sums[p], row + p * mr, col, smaller(mr, rows - p * mr), cols);
  }

  /// Few rows with a kernel of as many.
  FEWBITS_INLINE static void multiply(std::size_t rows, std::size_t begin, std::size_t end,
                                      const a_type* a, const grouped_panel& b, float* sums) {
    using one = typename kernel_of_rows<Kernel, 1>::type;
    using four = typename kernel_of_rows<Kernel, 4>::type;
    if (rows == 1) {
      grouped_kernel<one, Isa, mr>::run(begin, end, a, b, sums);
    } else if (rows <= four::mr) {
      grouped_kernel<four, Isa, mr>::run(begin, end, a, b, sums);
    } else {
      grouped_kernel<Kernel, Isa, mr>::run(begin, end, a, b, sums);
    }
  }

  /// What the sums of a group lack: -surplus times the sum of each column of the packed group.
  static void shift_of(const std::int8_t* b, std::size_t steps, std::uint32_t* shift) {
    using ops = vec<Isa>;
    constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
    for (std::size_t j = 0; j < nr; ++j) shift[j] = 0;
    if constexpr (surplus != 0) {
      if constexpr (kr == 4 && nr % lanes == 0 && ops::lanes > 1) {
        // The bytes of a lane plus 128, in two halves that hold the sums of 64 steps.
        const auto flip = ops::set(0x80808080U), half = ops::set(0x00ff00ffU);
        for (std::size_t first = 0; first < steps; first += 64) {
          const std::size_t count = smaller(64, steps - first);
          for (std::size_t j = 0; j < nr; j += lanes) {
            auto sum = ops::set(0);
            for (std::size_t s = first; s < first + count; ++s) {
              const auto x = ops::xor_(
                  ops::load32(reinterpret_cast<const unsigned char*>(b + (s * nr + j) * kr)), flip);
              sum = ops::add(sum, ops::add(ops::and_(x, half),
                                           ops::and_(ops::template shift_right<8>(x), half)));
            }
            unsigned char* const at = reinterpret_cast<unsigned char*>(shift + j);
            const auto both =
                ops::add(ops::and_(sum, ops::set(0xffffU)), ops::template shift_right<16>(sum));
            const auto exact = ops::sub(both, ops::set(static_cast<std::uint32_t>(512 * count)));
            ops::store32(at, ops::add(ops::load32(at), exact));
          }
        }
      } else {
        for (std::size_t s = 0; s < steps; ++s)
          for (std::size_t j = 0; j < nr; ++j)
            for (std::size_t q = 0; q < kr; ++q)
              shift[j] += static_cast<std::uint32_t>(std::int32_t{b[(s * nr + j) * kr + q]});
      }
      for (std::size_t j = 0; j < nr; ++j) shift[j] *= 0U - surplus;
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
