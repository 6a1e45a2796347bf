// SPDX-License-Identifier: MIT
// `packed_b`: the right operand of a product in the order that its kernel reads, for weights used many
// times.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/few_rows_driver.hpp>
#include <fewbits/gemm/gemm.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A k x n matrix packed by `pack_b` for the arithmetic `Kind` of the instruction set `Isa`; `Surplus` is
/// what packing added to each element. A view: the caller owns the memory, which must stay where it is.
template <compute_kind Kind, std::uint32_t Surplus, isa Isa>
class packed_b {
 public:
  using kernel = typename detail::kernel_for<Kind, Isa>::type;
  static constexpr compute_kind kind = Kind;
  static constexpr std::uint32_t surplus = Surplus;
  static constexpr isa instruction_set = Isa;

  FEWBITS_INLINE constexpr packed_b() = default;
  /// Over memory that `pack_b` has filled for a matrix of this shape.
  FEWBITS_INLINE packed_b(const unsigned char* memory, std::size_t rows, std::size_t cols)
      : panels_(memory +
                (alignment - reinterpret_cast<std::uintptr_t>(memory) % alignment) % alignment),
        rows_(rows),
        cols_(cols) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  /// Panels of nr columns, one after the other, then the sums of the columns of integers.
  [[nodiscard]] FEWBITS_INLINE const typename kernel::b_type* panels() const {
    return reinterpret_cast<const typename kernel::b_type*>(panels_);
  }
  [[nodiscard]] FEWBITS_INLINE const std::uint32_t* sums() const {
    return reinterpret_cast<const std::uint32_t*>(panels_ + panel_bytes(rows_, cols_));
  }

  /// Bytes of memory for a matrix of this shape, the slack to align it included.
  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t bytes(std::size_t rows,
                                                                  std::size_t cols) {
    const std::size_t sums =
        std::is_integral_v<typename kernel::acc_type> ? padded(cols) * sizeof(std::uint32_t) : 0;
    return alignment + panel_bytes(rows, cols) + sums;
  }

 private:
  static constexpr std::size_t alignment = 64;
  FEWBITS_INLINE static constexpr std::size_t padded(std::size_t cols) {
    return round_up<kernel::nr>(cols);
  }
  FEWBITS_INLINE static constexpr std::size_t panel_bytes(std::size_t rows, std::size_t cols) {
    const std::size_t depth = detail::gemm_depth<kernel>(rows).depth;
    return round_up<alignment>(padded(cols) * depth * sizeof(typename kernel::b_type));
  }

  const unsigned char* panels_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
};

namespace detail {

/// So that it is an operand, which only the products below take.
template <compute_kind Kind, std::uint32_t Surplus, isa Isa>
struct matrix_traits<packed_b<Kind, Surplus, Isa>> {
  struct source_type {
    static constexpr compute_kind kind = Kind;
  };
};

template <class Matrix>
inline constexpr bool is_packed_b = false;
template <compute_kind Kind, std::uint32_t Surplus, isa Isa>
inline constexpr bool is_packed_b<packed_b<Kind, Surplus, Isa>> = true;

template <class Matrix>
concept packed_operand = gemm_operand<Matrix> && is_packed_b<Matrix>;

template <class Kernel, class Right, isa Isa>
struct panels_of {
  template <executor Executor>
  static void pack(Executor& runner, const Right& b, typename Kernel::b_type* panels,
                   std::uint32_t* sums) {
    constexpr std::size_t nr = Kernel::nr;
    const auto source = matrix_traits<Right>::source(b);
    const std::size_t rows = b.rows(), cols = b.cols(), depth = gemm_depth<Kernel>(rows).depth;
    runner.parallel_for((cols + nr - 1) / nr, [&](std::size_t task) {
      const std::size_t col = task * nr;
      b_packer<operand_source<Right>, Kernel, matrix_traits<Right>::is_row_major, Isa>::pack(
          &source, col, cols - col < nr ? cols - col : nr, 0, rows, panels + col * depth, 0,
          sums + col);
    });
  }
};

/// The class of B packed for products with elements `Left`; void stands for elements like those of B.
template <class Left, class Right, isa Isa>
struct packed_for {
  static constexpr compute_kind own = operand_source<Right>::kind;
  FEWBITS_INLINE static constexpr compute_kind other() {
    if constexpr (std::is_void_v<Left>) {
      return own;
    } else {
      static_assert(own != compute_kind::fp16_fma || is_fp16_element<Left>,
                    "fewbits: fp16_sums needs elements of A that are FP16 numbers");
      return gemm_element<Left>::kind;
    }
  }
  static constexpr compute_kind kind = compute_for<other(), own, Isa>();
  using b_type = typename kernel_for<kind, Isa>::type::b_type;
  using type = packed_b<kind, operand_source<Right>::template surplus<b_type>(), Isa>;
};

}  // namespace detail

/// Bytes of memory that `pack_b<Left>(b, memory)` needs.
template <class Left = void, isa Isa = native, detail::gemm_operand Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t packed_b_bytes(const Right& b) {
  return detail::packed_for<Left, Right, Isa>::type::bytes(b.rows(), b.cols());
}

/// Packs B for products with matrices A of elements `Left`, or of any other whose values that arithmetic
/// holds (void: elements like those of B). The result is a B for `gemm`, which gives the same bits as
/// with the matrix itself and more than 8 rows.
///
/// Memory:    `memory` of packed_b_bytes<Left>(B) bytes, any alignment; it belongs to the caller, and
///            the result points into it.
/// Executor:  any `executor`.
template <class Left = void, isa Isa = native, executor Executor, detail::gemm_operand Right>
[[nodiscard]] FEWBITS_INLINE auto pack_b(Executor&& runner, const Right& b,
                                         array_view<unsigned char> memory) {
  using packed = typename detail::packed_for<Left, Right, Isa>::type;
  FEWBITS_ASSERT(memory.size() >= packed::bytes(b.rows(), b.cols()),
                 "pack_b: memory has %zu bytes of %zu", memory.size(),
                 packed::bytes(b.rows(), b.cols()));
  const packed result(memory.data(), b.rows(), b.cols());
  detail::panels_of<typename packed::kernel, Right, Isa>::pack(
      runner, b, const_cast<typename packed::kernel::b_type*>(result.panels()),
      const_cast<std::uint32_t*>(result.sums()));
  return result;
}

/// The same on the calling thread.
template <class Left = void, isa Isa = native, detail::gemm_operand Right>
[[nodiscard]] FEWBITS_INLINE auto pack_b(const Right& b, array_view<unsigned char> memory) {
  return pack_b<Left, Isa>(inline_executor{}, b, memory);
}

/// Bytes of workspace of a product with a packed B.
template <isa Isa = native, class Executor = void, detail::gemm_operand Left,
          detail::packed_operand Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gemm_workspace_bytes(const Left& a,
                                                                        const Right& b) {
  using kernel =
      typename detail::kernel_of_left<detail::operand_source<Left>, typename Right::kernel>::type;
  if (a.rows() <= detail::few_rows)
    return detail::few_rows_driver<kernel>::workspace_bytes(a.rows(), a.cols());
  return detail::gemm_driver<kernel>::workspace_bytes(a.rows(), b.cols(), a.cols(), true,
                                                      detail::is_sequence<Executor>);
}

/// C = epilogue(A B) with a packed B. All else as with a plain one.
template <isa Isa = native, executor Executor, detail::gemm_operand Left,
          detail::packed_operand Right, class Out, gemm_epilogue Epilogue>
FEWBITS_INLINE void gemm(Executor&& runner, const Left& a, const Right& b,
                         const matrix_view<Out>& c, const Epilogue& epilogue,
                         array_view<unsigned char> workspace) {
  static_assert(Right::instruction_set == Isa, "fewbits: B is packed for another instruction set");
  using source = detail::operand_source<Left>;
  static_assert(detail::compute_for<source::kind, Right::kind, Isa>() == Right::kind &&
                    (Right::kind != compute_kind::fp16_fma || detail::is_fp16_source<source>),
                "fewbits: B is packed for arithmetic that does not hold the elements of A");
  detail::check_product(a, b, c, workspace.size(), gemm_workspace_bytes<Isa, Executor>(a, b));
  using kernel = typename detail::kernel_of_left<source, typename Right::kernel>::type;
  using writer = detail::tile_writer<Out, typename kernel::acc_type, kernel::nr, Epilogue, Isa>;
  const auto a_source = detail::matrix_traits<Left>::source(a);
  const writer output{c, epilogue};
  detail::gemm_problem<kernel> problem =
      detail::problem_without_b<kernel, Left>(a, a_source, output, Right::surplus);
  problem.packed_b = b.panels();
  problem.packed_b_sums = b.sums();
  if (a.rows() <= detail::few_rows) {
    detail::few_rows_driver<kernel>::run(runner, problem, workspace.data());
  } else {
    detail::gemm_driver<kernel>::run(runner, problem, workspace.data());
  }
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
