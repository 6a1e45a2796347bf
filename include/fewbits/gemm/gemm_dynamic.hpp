// SPDX-License-Identifier: MIT
// `dynamic_rows`: FP32 activations quantized to INT8 as they are multiplied with quantized weights.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/gemm.hpp>
#include <fewbits/gemm/gemm_affine.hpp>
#include <fewbits/gemm/grouped_kernel.hpp>
#include <fewbits/gemm/operand_grouped.hpp>
#include <fewbits/gemm/pack.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/dynamic.hpp>
#include <fewbits/quantize/float_lanes.hpp>
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
    // Where parts of the workspace begin, and its bytes.
    std::size_t a, row_scales, b, codes, bytes;

    FEWBITS_INLINE constexpr layout(std::size_t m, std::size_t n, const panel_layout& panel,
                                    std::size_t k, bool is_packed)
        : a_panels((m + mr - 1) / mr),
          b_panels((n + nr - 1) / nr),
          a(0),
          row_scales(a + round_up<alignment>(a_panels * mr * panel.depth * sizeof(a_type))),
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
      compute_panel(problem, sizes, panel, base, packed, task * nr);
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
        &quantized, 0, rows, k, reinterpret_cast<a_type*>(base + sizes.a) + row * round_up<kr>(k),
        nullptr);
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

  static void compute_panel(const grouped_problem& problem, const layout& sizes,
                            const panel_layout& panel, const unsigned char* base,
                            const unsigned char* packed, std::size_t col) {
    const std::size_t rest = panel.groups == 0 ? 0 : (panel.groups - 1) * problem.group;
    const grouped_panel b{panel.groups,
                          problem.group / kr,
                          (panel.depth - rest) / kr,
                          reinterpret_cast<const std::int8_t*>(packed + panel.codes),
                          reinterpret_cast<const std::uint32_t*>(packed + panel.shifts),
                          reinterpret_cast<const float*>(packed)};
    const std::size_t cols = smaller(nr, problem.n - col);
    for (std::size_t row = 0; row < problem.m; row += block_rows)
      compute_block(problem, b, reinterpret_cast<const a_type*>(base + sizes.a), panel.depth, row,
                    col, cols);
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
        grouped_kernel<Kernel, Isa>::run(g, smaller(g + groups, b.groups),
                                         a + (row + p * mr) * depth, b, sums[p]);
    for (std::size_t p = 0; p < panels; ++p)
      problem.store(problem.output, sums[p], row + p * mr, col, smaller(mr, rows - p * mr), cols);
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

template <isa Isa>
using integer_kernel = typename kernel_for<compute_kind::int8_dot, Isa>::type;

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
    return driver::workspace_bytes(problem(m, b, nullptr));
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

template <isa Isa = native, detail::gemm_operand Left, detail::gemm_operand Right>
  requires detail::dynamic_operands<Left, Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gemm_workspace_bytes(const Left& a,
                                                                        const Right& b) {
  if constexpr (detail::grouped_weights<Right>) {
    return detail::grouped_product<Right, Isa>::workspace_bytes(a.rows(), b);
  } else {
    using product = detail::row_scaled_product<Right, Isa>;
    return product::own_bytes(a.rows(), a.cols()) +
           gemm_workspace_bytes<Isa>(product::operand(nullptr, nullptr, a.rows(), a.cols()), b);
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
  FEWBITS_ASSERT(a.cols() == b.rows() && a.rows() == c.rows() && b.cols() == c.cols(),
                 "gemm: A is %zu x %zu, B %zu x %zu, C %zu x %zu", a.rows(), a.cols(), b.rows(),
                 b.cols(), c.rows(), c.cols());
  FEWBITS_ASSERT(workspace.size() >= (gemm_workspace_bytes<Isa>(a, b)),
                 "gemm: workspace has %zu bytes of %zu", workspace.size(),
                 gemm_workspace_bytes<Isa>(a, b));
  if constexpr (detail::grouped_weights<Right>) {
    using product = detail::grouped_product<Right, Isa>;
    const auto weights = product::weights(b);
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

template <isa Isa = native, detail::gemm_operand Left, detail::gemm_operand Right>
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
  FEWBITS_ASSERT(a.cols() == b.rows() && a.rows() == c.rows() && b.cols() == c.cols(),
                 "gemm: A is %zu x %zu, B %zu x %zu, C %zu x %zu", a.rows(), a.cols(), b.rows(),
                 b.cols(), c.rows(), c.cols());
  FEWBITS_ASSERT(workspace.size() >= (gemm_workspace_bytes<Isa>(a, b)),
                 "gemm: workspace has %zu bytes of %zu", workspace.size(),
                 gemm_workspace_bytes<Isa>(a, b));
  detail::grouped_problem problem = b.problem(a.rows());
  problem.a = a.base();
  detail::run_grouped<Isa>(runner, problem, c, epilogue, workspace.data());
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
