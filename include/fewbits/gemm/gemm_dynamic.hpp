// SPDX-License-Identifier: MIT
// `dynamic_rows`: FP32 activations quantized to INT8 as they are multiplied with quantized weights.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/few_rows_grouped.hpp>
#include <fewbits/gemm/gemm.hpp>
#include <fewbits/gemm/gemm_affine.hpp>
#include <fewbits/gemm/grouped_driver.hpp>
#include <fewbits/gemm/operand_grouped.hpp>
#include <fewbits/gemm/pack.hpp>
#include <fewbits/quantize/dynamic.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A matrix of floats of which each row is quantized when it is multiplied.
class dynamic_rows_view {
 public:
  FEWBITS_INLINE constexpr explicit dynamic_rows_view(const matrix_view<const float>& base)
      : base_(base) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return base_.rows(); }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return base_.cols(); }
  [[nodiscard]] FEWBITS_INLINE constexpr const matrix_view<const float>& base() const {
    return base_;
  }

 private:
  matrix_view<const float> base_;
};

/// Activations for a product in integers: `gemm(dynamic_rows(x), transposed(w), y)`. Each row of x becomes
/// INT8 with one scale, by `quantize_absmax`.
[[nodiscard]] FEWBITS_INLINE constexpr dynamic_rows_view dynamic_rows(
    const matrix_view<const float>& activations) {
  return dynamic_rows_view(activations);
}

namespace detail {

/// It has no elements to read one by one.
struct dynamic_source {
  static constexpr compute_kind kind = compute_kind::int8_dot;
};
template <>
struct matrix_traits<dynamic_rows_view> {
  using source_type = dynamic_source;
  static constexpr bool is_row_major = true;
};

template <class Right>
struct transposed_base {
  using type = void;
};
template <class Matrix>
struct transposed_base<transposed_matrix<Matrix>> {
  using type = Matrix;
};
template <class Right>
inline constexpr std::size_t group_of_weights =
    integer_group<typename transposed_base<Right>::type>;

/// Weights with one scale for each column of B, and weights in groups along its columns.
template <class Right>
concept row_scaled_weights = gemm_operand<Right> && leaves_the_sum<Right, false>();
template <class Right>
concept grouped_weights = gemm_operand<Right> && group_of_weights<Right> != 0;

template <class Left, class Right>
concept dynamic_operands = std::is_same_v<Left, dynamic_rows_view> &&
                           (grouped_weights<Right> || row_scaled_weights<Right>);

/// First the scale of the row of A.
template <class Epilogue>
struct row_scale_epilogue {
  const float* scale;
  Epilogue next;

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row,
                            std::size_t col) const {
    for (std::size_t j = 0; j < count; ++j) values[j] *= static_cast<Value>(scale[row]);
    next.apply(values, count, row, col);
  }
};

/// Of vectors: between the short runs of groups, tiles of AMX would have to leave their registers. (Flags
/// for AMX change no code but that of its intrinsics.)
template <isa Isa>
using integer_kernel =
    typename kernel_for<compute_kind::int8_dot, Isa.without(feature::amx_int8)>::type;

/// Through the epilogue into C, after `problem.a` and all about B have been set.
template <isa Isa, executor Executor, class Out, class Epilogue>
FEWBITS_INLINE void run_grouped(Executor& runner, grouped_problem problem,
                                const matrix_view<Out>& c, const Epilogue& epilogue,
                                unsigned char* workspace) {
  using kernel = integer_kernel<Isa>;
  using driver = grouped_driver<kernel, Isa>;
  using next = row_scale_epilogue<Epilogue>;
  using writer = tile_writer<Out, float, kernel::nr, next, Isa>;
  const writer output{c, next{driver::row_scales(problem, workspace), epilogue}};
  problem.store = writer::store;
  problem.output = &output;
  driver::run(runner, problem, workspace);
}

template <class Right, isa Isa>
struct grouped_product {
  using matrix = typename transposed_base<Right>::type;
  using source = integer_source<matrix>;
  using kernel = integer_kernel<Isa>;
  using driver = grouped_driver<kernel, Isa>;
  using few = few_grouped_product<matrix, Isa, kernel::nr>;
  static constexpr std::size_t group = group_of_weights<Right>;
  static_assert(group % kernel::kr == 0 && group <= 1024,
                "fewbits: groups are a multiple of 4, and at most 1024");

  static void scales(const void* operand, std::size_t lane, std::size_t lanes, float* dst) {
    const source& weights = *static_cast<const source*>(operand);
    for (std::size_t l = 0; l < lanes; ++l)
      group_reader<matrix, Isa>::scales(weights.matrix, lane + l, dst + l, kernel::nr);
  }
  FEWBITS_INLINE static grouped_problem problem(std::size_t m, const Right& b,
                                                const source* weights) {
    return {m,        b.cols(),
            b.rows(), group,
            {},       nullptr,
            weights,  panel_packer<source, std::int8_t, kernel::nr, kernel::kr, true, Isa>::pack,
            scales,   nullptr,
            nullptr};
  }
  FEWBITS_INLINE static source weights(const Right& b) {
    check_integers(b.base());
    return source{b.base()};
  }
  FEWBITS_INLINE static std::size_t workspace_bytes(std::size_t m, const Right& b) {
    if constexpr (few::is_available)
      if (few::is_usable(m, b.base())) return few::workspace_bytes(m, b.rows());
    return driver::workspace_bytes(problem(m, b, nullptr));
  }

  /// Few rows, if the weights can be read as they are.
  template <executor Executor, class Out, class Epilogue>
  FEWBITS_INLINE static bool run_few(Executor& runner, const matrix_view<const float>& a,
                                     const Right& b, const matrix_view<Out>& c,
                                     const Epilogue& epilogue, unsigned char* workspace) {
    if constexpr (few::is_available) {
      if (few::is_usable(a.rows(), b.base())) {
        using next = row_scale_epilogue<Epilogue>;
        using writer = tile_writer<Out, float, kernel::nr, next, Isa>;
        const writer output{c, next{few::row_scales(a.rows(), a.cols(), workspace), epilogue}};
        few::run(runner, a, b.base(), writer::store, &output, workspace);
        return true;
      }
    }
    return false;
  }

 private:
  template <class Matrix>
  FEWBITS_INLINE static void check_integers(const Matrix&) {}
  template <class Codes, class Code, class Granularity>
  FEWBITS_INLINE static void check_integers(
      [[maybe_unused]] const quantized_matrix<Codes, affine<Code, Granularity>>& matrix) {
    if constexpr (code_range<Code>::bits == 8)
      FEWBITS_ASSERT(matrix.parameters().zero_point.empty(),
                     "gemm: %zu zero points of int8 weights in groups",
                     matrix.parameters().zero_point.size());
  }
};

/// A is quantized whole, then the product is that of two affine matrices.
template <class Right, isa Isa>
struct row_scaled_product {
  using codes_view = matrix_view<const std::int8_t>;
  using left = quantized_matrix<codes_view, affine<std::int8_t, per_row>>;

  FEWBITS_INLINE static constexpr left operand(const std::int8_t* codes, const float* scales,
                                               std::size_t m, std::size_t k) {
    return left(codes_view(codes, m, k),
                affine<std::int8_t, per_row>{array_view<const float>(scales, m), {}});
  }
  FEWBITS_INLINE static constexpr std::size_t own_bytes(std::size_t m, std::size_t k) {
    return m * (sizeof(float) + k) + alignof(float);
  }
  template <executor Executor, class Out, class Epilogue>
  static void run(Executor& runner, const matrix_view<const float>& a, const Right& b,
                  const matrix_view<Out>& c, const Epilogue& epilogue,
                  array_view<unsigned char> workspace) {
    constexpr std::size_t rows_of_task = 8;
    const std::size_t m = a.rows(), k = a.cols();
    const std::size_t misaligned =
        reinterpret_cast<std::uintptr_t>(workspace.data()) % alignof(float);
    float* const scales =
        reinterpret_cast<float*>(workspace.data() + (alignof(float) - misaligned) % alignof(float));
    std::int8_t* const codes = reinterpret_cast<std::int8_t*>(scales + m);
    runner.parallel_for((m + rows_of_task - 1) / rows_of_task, [&](std::size_t task) {
      const std::size_t row = task * rows_of_task;
      const std::size_t rows = m - row < rows_of_task ? m - row : rows_of_task;
      quantize_absmax<std::int8_t, per_row, Isa>(
          matrix_view<const float>(a.row(row), rows, k, a.stride()),
          array_view<float>(scales + row, rows),
          matrix_view<std::int8_t>(codes + row * k, rows, k));
    });
    const std::size_t used = own_bytes(m, k);
    gemm<Isa>(runner, operand(codes, scales, m, k), b, c, epilogue,
              array_view<unsigned char>(workspace.data() + used, workspace.size() - used));
  }
};

}  // namespace detail

template <isa Isa = native, class Executor = void, detail::gemm_operand Left,
          detail::gemm_operand Right>
  requires detail::dynamic_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gemm_workspace_bytes(const Left& a,
                                                                        const Right& b) {
  if constexpr (detail::grouped_weights<Right>) {
    return detail::grouped_product<Right, Isa>::workspace_bytes(a.rows(), b);
  } else {
    using product = detail::row_scaled_product<Right, Isa>;
    return product::own_bytes(a.rows(), a.cols()) +
           gemm_workspace_bytes<Isa, Executor>(
               product::operand(nullptr, nullptr, a.rows(), a.cols()), b);
  }
}

/// C = epilogue(A B) with FP32 activations A quantized to INT8, row by row, and weights B =
/// transposed(w) that are integers with a scale: `quantized_matrix` of codes of at most 8 bits with one
/// scale per tensor, row or group; blocks of FP4 E2M1, FP6 E2M3 or integers; ggml q4_0 and q8_0.
///
/// Arithmetic: INT8 products, exact in each group; its sum times its scale is added in FP32, group
///             after group; then times the scale of A's row. One scale per row of w: as the product of
///             two affine matrices.
/// Data:       NaN and infinity in A as `quantize_absmax` has them; a scale that is NaN makes its column
///             NaN.
/// Errors:     requires groups of 4 to 1024, a multiple of 4, and no zero points for int8 in groups.
template <isa Isa = native, executor Executor, detail::gemm_operand Left,
          detail::gemm_operand Right, class Out, gemm_epilogue Epilogue>
  requires detail::dynamic_operands<Left, Right>
FEWBITS_INLINE void gemm(Executor&& runner, const Left& a, const Right& b,
                         const matrix_view<Out>& c, const Epilogue& epilogue,
                         array_view<unsigned char> workspace) {
  detail::check_product(a, b, c, workspace.size(), gemm_workspace_bytes<Isa, Executor>(a, b));
  if constexpr (detail::grouped_weights<Right>) {
    using product = detail::grouped_product<Right, Isa>;
    const auto weights = product::weights(b);
    if (product::run_few(runner, a.base(), b, c, epilogue, workspace.data())) return;
    detail::grouped_problem problem = product::problem(a.rows(), b, &weights);
    problem.a = a.base();
    detail::run_grouped<Isa>(runner, problem, c, epilogue, workspace.data());
  } else {
    detail::row_scaled_product<Right, Isa>::run(runner, a.base(), b, c, epilogue, workspace);
  }
}

/// Weights in groups that `pack_dynamic` has packed: an operand B for `dynamic_rows`, k x n.
template <isa Isa = native>
class dynamic_weights {
 public:
  FEWBITS_INLINE constexpr dynamic_weights(const unsigned char* packed, std::size_t rows,
                                           std::size_t cols, std::size_t group)
      : packed_(packed), rows_(rows), cols_(cols), group_(group) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr detail::grouped_problem problem(std::size_t m) const {
    return {m, cols_, rows_, group_, {}, packed_, nullptr, nullptr, nullptr, nullptr, nullptr};
  }

 private:
  const unsigned char* packed_;
  std::size_t rows_, cols_, group_;
};

/// Bytes that `pack_dynamic` writes: one for each weight, 8 for each group, and what fills up panels.
template <isa Isa = native, class Right>
  requires detail::grouped_weights<Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t dynamic_weights_bytes(const Right& weights) {
  using product = detail::grouped_product<Right, Isa>;
  return product::driver::packed_bytes(weights.cols(), weights.rows(), product::group);
}

/// Packs weights in groups, `transposed(w)`, once for many products: `gemm(dynamic_rows(x), packed, y)`
/// has the bits of `gemm(dynamic_rows(x), transposed(w), y)`. The result refers to `memory`, of
/// dynamic_weights_bytes(weights) bytes at any alignment, which stays where it is; to `weights` no more.
template <isa Isa = native, executor Executor, class Right>
  requires detail::grouped_weights<Right>
[[nodiscard]] FEWBITS_INLINE dynamic_weights<Isa> pack_dynamic(Executor&& runner,
                                                               const Right& weights,
                                                               array_view<unsigned char> memory) {
  using product = detail::grouped_product<Right, Isa>;
  FEWBITS_ASSERT(memory.size() >= dynamic_weights_bytes<Isa>(weights),
                 "pack_dynamic: %zu bytes of %zu", memory.size(),
                 dynamic_weights_bytes<Isa>(weights));
  const auto source = product::weights(weights);
  product::driver::pack(runner, product::problem(0, weights, &source), memory.data());
  return {memory.data(), weights.rows(), weights.cols(), product::group};
}
template <isa Isa = native, class Right>
  requires detail::grouped_weights<Right>
[[nodiscard]] FEWBITS_INLINE dynamic_weights<Isa> pack_dynamic(const Right& weights,
                                                               array_view<unsigned char> memory) {
  return pack_dynamic<Isa>(inline_executor{}, weights, memory);
}

namespace detail {

template <isa Isa>
struct matrix_traits<dynamic_weights<Isa>> {
  using source_type = dynamic_source;
};
template <class Left, class Right, isa Isa>
concept packed_dynamic_operands =
    std::is_same_v<Left, dynamic_rows_view> && std::is_same_v<Right, dynamic_weights<Isa>>;

}  // namespace detail

template <isa Isa = native, class Executor = void, detail::gemm_operand Left,
          detail::gemm_operand Right>
  requires detail::packed_dynamic_operands<Left, Right, Isa>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gemm_workspace_bytes(const Left& a,
                                                                        const Right& b) {
  return detail::grouped_driver<detail::integer_kernel<Isa>, Isa>::workspace_bytes(
      b.problem(a.rows()));
}
template <isa Isa = native, executor Executor, detail::gemm_operand Left,
          detail::gemm_operand Right, class Out, gemm_epilogue Epilogue>
  requires detail::packed_dynamic_operands<Left, Right, Isa>
FEWBITS_INLINE void gemm(Executor&& runner, const Left& a, const Right& b,
                         const matrix_view<Out>& c, const Epilogue& epilogue,
                         array_view<unsigned char> workspace) {
  detail::check_product(a, b, c, workspace.size(), gemm_workspace_bytes<Isa, Executor>(a, b));
  detail::grouped_problem problem = b.problem(a.rows());
  problem.a = a.base();
  detail::run_grouped<Isa>(runner, problem, c, epilogue, workspace.data());
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
