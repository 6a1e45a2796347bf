// SPDX-License-Identifier: MIT
// Products of two affine matrices in integers: scales and zero points that do not change along the
// depth come out of the sum.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/gemm.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/gemm/operand_quantized.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Of an affine operand: its codes, and its parameters along A's rows or B's columns.
template <class View>
struct affine_side {
  static constexpr bool is_affine = false;
};
template <class Codes, class Code, class Granularity>
struct affine_side<quantized_matrix<Codes, affine<Code, Granularity>>> {
  static constexpr bool is_affine = !is_basic_float<Code> && code_range<Code>::bits <= 8;
  static constexpr bool is_transposed = false;
  static constexpr bool is_per_row = std::is_same_v<Granularity, per_row>;
  static constexpr bool is_per_tensor = std::is_same_v<Granularity, per_tensor>;
  using matrix = quantized_matrix<Codes, affine<Code, Granularity>>;
  using code = Code;
  FEWBITS_INLINE static constexpr const matrix& stored(const matrix& operand) { return operand; }
  FEWBITS_INLINE static constexpr Codes codes(const matrix& operand) { return operand.codes(); }
};
template <class Codes, class Code, class Granularity>
struct affine_side<transposed_matrix<quantized_matrix<Codes, affine<Code, Granularity>>>>
    : affine_side<quantized_matrix<Codes, affine<Code, Granularity>>> {
  static constexpr bool is_transposed = true;
  using matrix = quantized_matrix<Codes, affine<Code, Granularity>>;
  using view = transposed_matrix<matrix>;
  FEWBITS_INLINE static constexpr const matrix& stored(const view& operand) {
    return operand.base();
  }
  FEWBITS_INLINE static constexpr auto codes(const view& operand) {
    return transposed(operand.base().codes());
  }
};

/// Whether scales and zero points are those of a row of A or of a column of B.
template <class View, bool IsLeft>
FEWBITS_INLINE constexpr bool leaves_the_sum() {
  using side = affine_side<View>;
  if constexpr (!side::is_affine) {
    return false;
  } else {
    return side::is_per_tensor || (side::is_per_row && side::is_transposed != IsLeft);
  }
}
template <class Left, class Right>
concept affine_operands = gemm_operand<Left> && gemm_operand<Right> &&
                          leaves_the_sum<Left, true>() && leaves_the_sum<Right, false>();

/// The parameters of rows of A or columns of B, and the sums of their codes where the other side has
/// zero points.
struct affine_lanes {
  const float* scale;
  const std::int32_t* zero_point;  // null: all 0
  std::size_t step;                // 0: one for all
  const std::uint32_t* sums;

  FEWBITS_INLINE constexpr std::uint32_t zero(std::size_t lane) const {
    return zero_point == nullptr ? 0 : static_cast<std::uint32_t>(zero_point[step * lane]);
  }
};
template <class Matrix>
FEWBITS_INLINE constexpr affine_lanes lanes_of(const Matrix& matrix, const std::uint32_t* sums) {
  const scales_and_offsets of = pointers_to(matrix.parameters());
  using granularity =
      typename affine_traits<std::remove_cvref_t<decltype(matrix.parameters())>>::granularity;
  return {of.scale, of.zero_point, std::is_same_v<granularity, per_row> ? 1U : 0U, sums};
}

/// sum (a - x)(b - y) = sum a b - x sum b - y sum a + k x y, modulo 2^32; then scaled, B's first.
template <class Epilogue>
struct affine_epilogue {
  affine_lanes a, b;
  std::uint32_t depth;
  Epilogue next;

  template <class Value>
  FEWBITS_INLINE void read_sums(const std::int32_t* sums, Value* values, std::size_t count,
                                std::size_t row, std::size_t col) const {
    const std::uint32_t x = a.zero(row);
    const float a_scale = a.scale[a.step * row];
    const bool has_zeros = a.zero_point != nullptr || b.zero_point != nullptr;
    for (std::size_t j = 0; j < count; ++j) {
      std::uint32_t sum = static_cast<std::uint32_t>(sums[j]);
      if (has_zeros) {
        const std::uint32_t y = b.zero(col + j);
        if (a.zero_point != nullptr) sum -= x * b.sums[col + j];
        if (b.zero_point != nullptr) sum += y * (depth * x - a.sums[row]);
      }
      values[j] = static_cast<Value>(static_cast<std::int32_t>(sum)) *
                  static_cast<Value>(b.scale[b.step * (col + j)]) * static_cast<Value>(a_scale);
    }
  }
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row,
                            std::size_t col) const {
    next.apply(values, count, row, col);
  }
};

/// The sums of the codes of rows (or columns) of a source of integers, modulo 2^32.
template <class Source, bool IsAlongRows, isa Isa>
struct code_sums {
  static constexpr std::size_t chunk = 512;
  static constexpr std::size_t lanes_of_task = 64;

  template <executor Executor>
  static void run(Executor& runner, const Source& source, std::size_t lanes, std::size_t depth,
                  std::uint32_t* sums) {
    runner.parallel_for((lanes + lanes_of_task - 1) / lanes_of_task, [&](std::size_t task) {
      const std::size_t begin = task * lanes_of_task;
      const std::size_t count = lanes - begin < lanes_of_task ? lanes - begin : lanes_of_task;
      add(source, begin, count, depth, sums + begin);
    });
  }

 private:
  static void add(const Source& source, std::size_t lane, std::size_t lanes, std::size_t depth,
                  std::uint32_t* sums) {
    const std::uint32_t surplus =
        static_cast<std::uint32_t>(depth) * Source::template surplus<std::int8_t>();
    for (std::size_t l = 0; l < lanes; ++l) sums[l] = 0U - surplus;
    std::int8_t codes[chunk];
    if constexpr (IsAlongRows) {
      for (std::size_t l = 0; l < lanes; ++l)
        for (std::size_t d = 0; d < depth; d += chunk) {
          const std::size_t count = depth - d < chunk ? depth - d : chunk;
          source.template read<std::int8_t, Isa>(lane + l, d, codes, count);
          std::int32_t sum = 0;
          for (std::size_t i = 0; i < count; ++i) sum += codes[i];
          sums[l] += static_cast<std::uint32_t>(sum);
        }
    } else {
      for (std::size_t d = 0; d < depth; ++d) {
        source.template read<std::int8_t, Isa>(d, lane, codes, lanes);
        for (std::size_t l = 0; l < lanes; ++l)
          sums[l] += static_cast<std::uint32_t>(std::int32_t{codes[l]});
      }
    }
  }
};

template <class Left, class Right, isa Isa>
struct affine_product {
  using left = affine_side<Left>;
  using right = affine_side<Right>;

  template <class Code>
  FEWBITS_INLINE static constexpr std::uint64_t largest(bool has_zero_point) {
    constexpr std::int64_t low = code_range<Code>::lowest, high = code_range<Code>::highest;
    return static_cast<std::uint64_t>(has_zero_point ? high - low : -low > high ? -low : high);
  }
  /// Depth up to which no sum leaves 32 bits.
  FEWBITS_INLINE static constexpr std::uint64_t largest_depth(const affine_lanes& a,
                                                              const affine_lanes& b) {
    return 0x7fffffffU / (largest<typename left::code>(a.zero_point != nullptr) *
                          largest<typename right::code>(b.zero_point != nullptr));
  }

  template <class Executor>
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(const Left& a, const Right& b) {
    return gemm_workspace_bytes<Isa, Executor>(left::codes(a), right::codes(b)) +
           (a.rows() + b.cols() + 1) * sizeof(std::uint32_t);
  }

  template <executor Executor, class Out, class Epilogue>
  static void run(Executor& runner, const Left& a, const Right& b, const matrix_view<Out>& c,
                  const Epilogue& epilogue, array_view<unsigned char> workspace) {
    const std::size_t misaligned =
        reinterpret_cast<std::uintptr_t>(workspace.data()) % alignof(std::uint32_t);
    const std::size_t skipped = (alignof(std::uint32_t) - misaligned) % alignof(std::uint32_t);
    std::uint32_t* const a_sums = reinterpret_cast<std::uint32_t*>(workspace.data() + skipped);
    std::uint32_t* const b_sums = a_sums + a.rows();
    const affine_lanes rows = lanes_of(left::stored(a), a_sums);
    const affine_lanes columns = lanes_of(right::stored(b), b_sums);
    FEWBITS_ASSERT(a.cols() <= largest_depth(rows, columns),
                   "gemm: sums of %zu products of these codes may leave 32 bits", a.cols());
    const auto a_codes = left::codes(a);
    const auto b_codes = right::codes(b);
    using a_traits = matrix_traits<std::remove_const_t<decltype(a_codes)>>;
    using b_traits = matrix_traits<std::remove_const_t<decltype(b_codes)>>;
    if (columns.zero_point != nullptr)
      code_sums<typename a_traits::source_type, a_traits::is_row_major, Isa>::run(
          runner, a_traits::source(a_codes), a.rows(), a.cols(), a_sums);
    if (rows.zero_point != nullptr)
      code_sums<typename b_traits::source_type, !b_traits::is_row_major, Isa>::run(
          runner, b_traits::source(b_codes), b.cols(), a.cols(), b_sums);
    const std::size_t used = skipped + (a.rows() + b.cols()) * sizeof(std::uint32_t);
    gemm<Isa>(
        runner, a_codes, b_codes, c,
        affine_epilogue<Epilogue>{rows, columns, static_cast<std::uint32_t>(a.cols()), epilogue},
        array_view<unsigned char>(workspace.data() + used, workspace.size() - used));
  }
};

}  // namespace detail

template <isa Isa = native, class Executor = void, detail::gemm_operand Left,
          detail::gemm_operand Right>
  requires detail::affine_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gemm_workspace_bytes(const Left& a,
                                                                        const Right& b) {
  return detail::affine_product<Left, Right, Isa>::template workspace_bytes<Executor>(a, b);
}

/// C = epilogue(A B) of two affine matrices of at most 8 bits whose parameters do not change along the
/// depth, as W stored n x k with scales per row does not:
///   gemm(quantized_matrix(x, px), transposed(quantized_matrix(w, pw)), y)
///
/// Arithmetic: the sum of (a - zero point)(b - zero point) is exact in 32 bits, then rounded to FP32,
///             multiplied by the scale of B's column and by that of A's row. With other granularities
///             both are decoded to FP32.
/// Errors:     requires a depth with which no sum can leave 32 bits: 33025 for 8 bits with zero points.
template <isa Isa = native, executor Executor, detail::gemm_operand Left,
          detail::gemm_operand Right, class Out, gemm_epilogue Epilogue>
  requires detail::affine_operands<Left, Right>
FEWBITS_INLINE void gemm(Executor&& runner, const Left& a, const Right& b,
                         const matrix_view<Out>& c, const Epilogue& epilogue,
                         array_view<unsigned char> workspace) {
  detail::check_product(a, b, c, workspace.size(), gemm_workspace_bytes<Isa, Executor>(a, b));
  detail::affine_product<Left, Right, Isa>::run(runner, a, b, c, epilogue, workspace);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
