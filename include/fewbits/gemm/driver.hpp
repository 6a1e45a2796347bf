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
  /// Packs `count` of the depth from `begin` on of `lanes` rows of A or columns of B; rows of A `row`
  /// apart.
  template <class Packed>
  using pack_function = void (*)(const void* operand, std::size_t lane, std::size_t lanes,
                                 std::size_t begin, std::size_t count, Packed* dst, std::size_t row,
                                 std::uint32_t* sums);

  std::size_t m, n, k;
  pack_function<a_type> pack_a;
  pack_function<b_type> pack_b;
  const void* a;
  const void* b;
  /// Whether A is packed by rows, else in panels.
  bool a_by_rows;
  /// What packing added to every element of A and of B (integer kernels).
  std::uint32_t a_surplus, b_surplus;
  void (*store)(const void* output, const acc_type* tile, std::size_t row, std::size_t col,
                std::size_t rows, std::size_t cols);
  const void* output;
  /// A where the kernel can read it as it is, C where sums go as they are, B where it has been packed, and
  /// the sums of its columns if a_surplus is not 0; else null.
  const a_type* plain_a;
  std::size_t plain_a_row;
  acc_type* plain_c;
  std::size_t plain_c_row;
  const b_type* packed_b;
  const std::uint32_t* packed_b_sums;
  /// B where its columns lie side by side in memory, else null; in bytes, rows so far apart, elements so
  /// large.
  const unsigned char* plain_b;
  std::size_t plain_b_row, plain_b_element;
};

/// Where things are in panels of B, and how the depth is divided. Panels follow each other.
template <gemm_micro_kernel Kernel>
struct gemm_depth {
  std::size_t depth;   // of a panel, a multiple of kr
  std::size_t chunks;  // parts of the depth
  std::size_t chunk;   // depth of all parts but the last
  std::size_t a_row;   // of packed A, in elements

  FEWBITS_INLINE constexpr explicit gemm_depth(std::size_t k)
      : depth(round_up<Kernel::kr>(k)),
        chunks(k == 0 ? 1 : quotient(depth, gemm_blocking<Kernel>::kc)),
        chunk(round_up<Kernel::kr>(quotient(depth, chunks))),
        // An odd number of lines, so that rows do not meet in few sets of a cache.
        a_row((round_up<64>(chunk * sizeof(element)) | 64) / sizeof(element)) {
    // Rounding up may have left nothing for the last ones.
    if (k != 0) chunks = quotient(depth, chunk);
  }

 private:
  using element = typename Kernel::a_type;
  FEWBITS_INLINE static constexpr std::size_t quotient(std::size_t x, std::size_t y) {
    return (x + y - 1) / y;
  }
};

/// Whether tasks run one after the other: they need no more memory at a time than one.
template <class Executor>
inline constexpr bool is_sequence = std::is_same_v<std::remove_cvref_t<Executor>, inline_executor>;

/// With A + x and B + y packed for A and B,
///   sum A B = sum (A + x)(B + y) - y sum (A + x) - x sum (B + y) + k x y,
/// modulo 2^32, and the left side fits. The sums that nothing multiplies need not have been made.
template <gemm_micro_kernel Kernel>
FEWBITS_INLINE void remove_surplus(const gemm_problem<Kernel>& problem, std::size_t rows,
                                   const std::uint32_t* a_sums, const std::uint32_t* b_sums,
                                   typename Kernel::acc_type* tile, std::size_t tile_row) {
  const std::uint32_t x = problem.a_surplus;
  const std::uint32_t y = problem.b_surplus;
  if (x == 0 && y == 0) return;
  const std::uint32_t both = static_cast<std::uint32_t>(problem.k) * x * y;
  std::uint32_t of_columns[Kernel::nr];
  for (std::size_t j = 0; j < Kernel::nr; ++j) of_columns[j] = x != 0 ? x * b_sums[j] : 0;
  for (std::size_t i = 0; i < rows; ++i, tile += tile_row) {
    const std::uint32_t of_row = both - (y != 0 ? y * a_sums[i] : 0);
    for (std::size_t j = 0; j < Kernel::nr; ++j)
      tile[j] = static_cast<typename Kernel::acc_type>(static_cast<std::uint32_t>(tile[j]) +
                                                       of_row - of_columns[j]);
  }
}

/// Blocks of C are computed independently: for each part of the depth, for each panel of columns, for
/// each mr rows. A block of A (mc x kc) stays in the second-level cache while panels of B pass
/// through. Tasks side by side share A, and B if they have several blocks of rows; these are packed whole
/// before. All else is packed for one block: A with its first panel of B, each panel of B in pieces while
/// the one before is multiplied, so that it comes from memory meanwhile. The depth is never split
/// between tasks and the order of the sums is fixed by k, so neither the executor nor the number of
/// threads changes a bit.
template <gemm_micro_kernel Kernel>
class gemm_driver {
  using a_type = typename Kernel::a_type;
  using b_type = typename Kernel::b_type;
  using acc_type = typename Kernel::acc_type;
  using blocking = gemm_blocking<Kernel>;
  static constexpr std::size_t mr = Kernel::mr;
  static constexpr std::size_t nr = Kernel::nr;
  static constexpr std::size_t kr = Kernel::kr;
  static constexpr std::size_t line = 64;
  static constexpr bool has_sums = std::is_integral_v<acc_type>;

  struct layout : gemm_depth<Kernel> {
    std::size_t row_blocks, rows;  // of a block
    std::size_t col_blocks, cols;
    std::size_t a_panels, b_panels;
    std::size_t tile_panels;  // of rows whose sums stay
    std::size_t b_bytes, a_bytes, tile_bytes, sum_bytes;

    FEWBITS_INLINE constexpr layout(std::size_t m, std::size_t n, std::size_t k, bool b_is_packed,
                                    bool in_sequence)
        : gemm_depth<Kernel>(k),
          row_blocks((m + blocking::mc - 1) / blocking::mc),
          rows(row_blocks == 0 ? 0 : round_up<mr>((m + row_blocks - 1) / row_blocks)),
          col_blocks((n + blocking::nc - 1) / blocking::nc),
          cols(blocking::nc),
          a_panels((m + mr - 1) / mr),
          b_panels((n + nr - 1) / nr),
          tile_panels(in_sequence ? rows / mr : a_panels),
          b_bytes(b_is_packed       ? 0
                  : row_blocks == 1 ? (in_sequence && n != 0 ? 1 : col_blocks) * 2 * slot_bytes()
                                    : round_up<line>(b_panels * nr * this->depth * sizeof(b_type))),
          a_bytes((in_sequence ? rows : a_panels * mr * this->chunks) * this->a_row *
                  sizeof(a_type)),
          tile_bytes(this->chunks == 1 ? 0 : tile_panels * b_panels * tile_size * sizeof(acc_type)),
          sum_bytes(has_sums ? (a_panels * mr + b_panels * nr) * sizeof(std::uint32_t) : 0) {}

    /// Of one panel of B, over one part of the depth.
    FEWBITS_INLINE constexpr std::size_t slot_bytes() const {
      return round_up<line>(nr * this->chunk * sizeof(b_type));
    }
  };
  /// Tiles of sums start at lines.
  static constexpr std::size_t tile_size =
      round_up<line>(mr * nr * sizeof(acc_type)) / sizeof(acc_type);

 public:
  /// Bytes of workspace that `run` needs, the slack to align it included. In sequence one block of A
  /// and its sums have a place at a time.
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n,
                                                              std::size_t k, bool b_is_packed,
                                                              bool in_sequence) {
    const layout sizes(m, n, k, b_is_packed, in_sequence);
    return line + sizes.b_bytes + sizes.a_bytes + sizes.tile_bytes + sizes.sum_bytes;
  }

  template <executor Executor>
  static void run(Executor& runner, const gemm_problem<Kernel>& problem, unsigned char* workspace) {
    if (problem.m == 0 || problem.n == 0) return;
    constexpr bool in_sequence = is_sequence<Executor>;
    const layout sizes(problem.m, problem.n, problem.k, problem.packed_b != nullptr, in_sequence);
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(workspace) % line;
    unsigned char* const b = workspace + (line - misaligned) % line;
    unsigned char* const a = b + sizes.b_bytes;
    unsigned char* const tiles = a + sizes.a_bytes;
    std::uint32_t* const sums = reinterpret_cast<std::uint32_t*>(tiles + sizes.tile_bytes);
    const parts packed{sizes,
                       reinterpret_cast<a_type*>(a),
                       reinterpret_cast<b_type*>(b),
                       reinterpret_cast<acc_type*>(tiles),
                       sums,
                       sums + sizes.a_panels * mr,
                       is_small(problem) ? problem.plain_a : nullptr};
    if constexpr (in_sequence) {
      for (std::size_t row = 0; row < problem.m; row += sizes.rows)
        compute_block(problem, packed, row, smaller(row + sizes.rows, problem.m), 0, problem.n,
                      packed.b, true);
    } else {
      const bool packs_b_first = problem.packed_b == nullptr && sizes.row_blocks > 1;
      runner.parallel_for(
          sizes.a_panels + (packs_b_first ? sizes.b_panels : 0), [&](std::size_t task) {
            if (task < sizes.a_panels) {
              for (std::size_t part = 0; part < sizes.chunks; ++part)
                pack_rows(problem, packed, task * mr, part, packed.rows_of_a(task * mr, part));
            } else {
              const std::size_t col = (task - sizes.a_panels) * nr;
              pack_columns(problem, packed, col, 0, problem.k, packed.b + col * sizes.depth);
            }
          });
      runner.parallel_for(sizes.row_blocks * sizes.col_blocks, [&](std::size_t task) {
        const std::size_t row = task % sizes.row_blocks * sizes.rows;
        const std::size_t col = task / sizes.row_blocks * sizes.cols;
        if (row < problem.m)
          compute_block(problem, packed, row, smaller(row + sizes.rows, problem.m), col,
                        smaller(col + sizes.cols, problem.n),
                        packed.b + task * (2 * sizes.slot_bytes() / sizeof(b_type)), false);
      });
    }
  }

 private:
  struct parts {
    layout sizes;
    a_type* a;
    b_type* b;
    acc_type* tiles;
    std::uint32_t* a_sums;
    std::uint32_t* b_sums;
    const a_type* plain_a;

    FEWBITS_INLINE a_type* rows_of_a(std::size_t row, std::size_t part) const {
      return a + (part * sizes.a_panels * mr + row) * sizes.a_row;
    }
  };

  FEWBITS_INLINE static constexpr std::size_t smaller(std::size_t x, std::size_t y) {
    return x < y ? x : y;
  }
  /// Whether A stays in the second-level cache as it lies; rows far apart meet in few sets of it.
  FEWBITS_INLINE static bool is_small(const gemm_problem<Kernel>& problem) {
    constexpr std::size_t most = std::size_t{1} << 20;
    return problem.m * problem.plain_a_row <= most / sizeof(a_type);
  }
  FEWBITS_INLINE static bool is_plain(const gemm_problem<Kernel>& problem, const parts& packed,
                                      std::size_t row) {
    return packed.plain_a != nullptr && problem.m - row >= mr;
  }

  static void pack_rows(const gemm_problem<Kernel>& problem, const parts& packed, std::size_t row,
                        std::size_t part, a_type* dst) {
    if (is_plain(problem, packed, row)) return;
    const std::size_t begin = part * packed.sizes.chunk;
    problem.pack_a(problem.a, row, smaller(mr, problem.m - row), begin,
                   smaller(packed.sizes.chunk, problem.k - begin), dst, packed.sizes.a_row,
                   problem.b_surplus != 0 ? packed.a_sums + row : nullptr);
  }
  static void pack_columns(const gemm_problem<Kernel>& problem, const parts& packed,
                           std::size_t col, std::size_t begin, std::size_t count, b_type* dst) {
    problem.pack_b(problem.b, col, smaller(nr, problem.n - col), begin, count, dst, 0,
                   problem.a_surplus != 0 ? packed.b_sums + col : nullptr);
  }

  /// A panel of B over one part of the depth, while the one before is multiplied.
  struct coming_panel {
    std::size_t part, col, d, depth;
    b_type* data;
    std::size_t packed;  // depth
    bool is_whole;
    // What micro-kernels prefetch, by number: after the last there is no object. `rows` of `width` bytes,
    // two lines of each at a time.
    std::uintptr_t begin;
    std::size_t row, rows, width;
    std::size_t next_row, next_byte;

    FEWBITS_INLINE void advance(std::size_t row_count) {
      next_byte += 2 * line;
      if (next_byte < width) return;
      next_byte = 0;
      next_row += row_count;
      if (next_row >= rows) row = next_row = 0;
    }
  };

  FEWBITS_INLINE static coming_panel panel_of(const gemm_problem<Kernel>& problem,
                                              const layout& sizes, std::size_t part,
                                              std::size_t col, const b_type* data, bool packs) {
    coming_panel panel{part,
                       col,
                       part * sizes.chunk,
                       0,
                       const_cast<b_type*>(data),
                       0,
                       true,
                       reinterpret_cast<std::uintptr_t>(data),
                       0,
                       0,
                       0,
                       0,
                       0};
    if (part == sizes.chunks) return panel;
    const std::size_t padded = smaller(sizes.chunk, sizes.depth - panel.d);
    panel.depth = smaller(padded, problem.k - panel.d);
    if (!packs) {
      panel.row = panel.width = 2 * line;
      panel.rows = padded * nr * sizeof(b_type) / (2 * line);
      return panel;
    }
    panel.is_whole = false;
    if (problem.plain_b != nullptr) {
      panel.begin = reinterpret_cast<std::uintptr_t>(problem.plain_b) +
                    panel.d * problem.plain_b_row + col * problem.plain_b_element;
      panel.row = problem.plain_b_row;
      panel.rows = panel.depth;
      panel.width = nr * problem.plain_b_element;
    }
    return panel;
  }

  /// In a sequence of blocks from above to below, each packs the rows of A, the first one the columns of
  /// B. `slots` is where two panels of B are packed if none stay.
  FEWBITS_NOINLINE static void compute_block(const gemm_problem<Kernel>& problem,
                                             const parts& packed, std::size_t row0,
                                             std::size_t row_end, std::size_t col0,
                                             std::size_t col_end, b_type* slots, bool in_sequence) {
    const layout& sizes = packed.sizes;
    const Kernel kernel{};
    const bool stay = problem.packed_b != nullptr || sizes.row_blocks > 1;
    const b_type* const panels = problem.packed_b != nullptr ? problem.packed_b : packed.b;
    const bool packs_b = problem.packed_b == nullptr && (in_sequence ? row0 == 0 : !stay);
    const std::size_t tiles = (row_end - row0 + mr - 1) / mr;
    const std::size_t tile0 = in_sequence ? 0 : col0 / nr * sizes.tile_panels + row0 / mr;
    const auto place = [&](std::size_t part, std::size_t col) {
      if (part == sizes.chunks) return panels;
      return stay ? panels + col * sizes.depth + part * sizes.chunk * nr
                  : slots + (part * ((col_end - col0 + nr - 1) / nr) + (col - col0) / nr) % 2 *
                                (sizes.slot_bytes() / sizeof(b_type));
    };
    coming_panel next = panel_of(problem, sizes, 0, col0, place(0, col0), packs_b);
    for (std::size_t part = 0; part < sizes.chunks; ++part) {
      a_type* const block = in_sequence ? packed.a : packed.rows_of_a(row0, part);
      for (std::size_t col = col0; col < col_end; col += nr) {
        pack_piece(problem, packed, next, next.depth);
        const b_type* const b = next.data;
        const bool is_last = col_end - col <= nr;
        next = panel_of(problem, sizes, is_last ? part + 1 : part, is_last ? col0 : col + nr,
                        is_last ? place(part + 1, col0) : place(part, col + nr), packs_b);
        const std::size_t piece = problem.plain_b == nullptr
                                      ? next.depth
                                      : round_up<8 * kr>((next.depth + tiles - 1) / tiles);
        for (std::size_t row = row0; row < row_end; row += mr) {
          a_type* const a = block + (row - row0) * sizes.a_row;
          if (in_sequence && col == col0) pack_rows(problem, packed, row, part, a);
          const std::size_t steps = smaller(sizes.chunk, sizes.depth - part * sizes.chunk) / kr;
          multiply(
              kernel, problem, packed, part, steps, a, row, row_end, col, col_end,
              tile0 + (col - col0) / nr * sizes.tile_panels + (row - row0) / mr, b,
              reinterpret_cast<const void*>(next.begin + next.next_row * next.row + next.next_byte),
              next.row);
          next.advance((steps + Kernel::steps_per_prefetch - 1) / Kernel::steps_per_prefetch);
          pack_piece(problem, packed, next, piece);
        }
      }
    }
  }
  FEWBITS_INLINE static void pack_piece(const gemm_problem<Kernel>& problem, const parts& packed,
                                        coming_panel& panel, std::size_t piece) {
    if (panel.is_whole) return;
    const std::size_t count = smaller(piece, panel.depth - panel.packed);
    pack_columns(problem, packed, panel.col, panel.d + panel.packed, count,
                 panel.data + panel.packed * nr);
    panel.packed += count;
    panel.is_whole = panel.packed == panel.depth;
  }

  /// Sums over one part of the depth for one tile.
  FEWBITS_INLINE static void multiply(const Kernel& kernel, const gemm_problem<Kernel>& problem,
                                      const parts& packed, std::size_t part, std::size_t steps,
                                      const a_type* a, std::size_t row, std::size_t row_end,
                                      std::size_t col, std::size_t col_end, std::size_t tile_index,
                                      const b_type* b, const void* ahead, std::size_t ahead_row) {
    const layout& sizes = packed.sizes;
    const std::size_t rows = smaller(mr, row_end - row), cols = smaller(nr, col_end - col);
    std::size_t a_row = problem.a_by_rows ? sizes.a_row : kr;
    if (is_plain(problem, packed, row)) {
      a = packed.plain_a + row * problem.plain_a_row + part * sizes.chunk;
      a_row = problem.plain_a_row;
    }
    const bool is_direct = problem.plain_c != nullptr && rows == mr && cols == nr;
    alignas(line) acc_type local[mr * nr];
    acc_type* const tile = is_direct           ? problem.plain_c + row * problem.plain_c_row + col
                           : sizes.chunks == 1 ? local
                                               : packed.tiles + tile_index * tile_size;
    const std::size_t tile_row = is_direct ? problem.plain_c_row : nr;
    kernel.run(steps, a, a_row, problem.a_by_rows ? kr : mr * kr, b, tile, tile_row, part == 0,
               ahead, ahead_row);
    if (part + 1 != sizes.chunks) return;
    if constexpr (has_sums)
      remove_surplus(problem, mr, packed.a_sums + row,
                     (problem.packed_b != nullptr ? problem.packed_b_sums : packed.b_sums) + col,
                     tile, tile_row);
    if (!is_direct) problem.store(problem.output, tile, row, col, rows, cols);
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
