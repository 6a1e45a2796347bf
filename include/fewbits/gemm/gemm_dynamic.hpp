// SPDX-License-Identifier: MIT
// `dynamic_rows`: FP32 activations quantized to INT8 as they are multiplied with quantized weights.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/gemm.hpp>
#include <fewbits/gemm/gemm_affine.hpp>
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
  const void* b;
  void (*pack)(const void* operand, std::size_t lane, std::size_t lanes, std::size_t depth,
               std::int8_t* dst, std::uint32_t* sums);
  /// The scales of `lanes` rows of the weights: of group g and lane l to dst[g * nr + l].
  void (*scales)(const void* operand, std::size_t lane, std::size_t lanes, float* dst);
  void (*store)(const void* output, const float* tile, std::size_t row, std::size_t col,
                std::size_t rows, std::size_t cols);
  const void* output;
};

/// Rows of A are quantized and packed first. Then each panel of B is packed and multiplied with all
/// panels of A while it is in the second-level cache: the integer kernel runs for one group at a time,
/// and its sums are scaled into FP32 accumulators, group after group.
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

  struct layout {
    std::size_t depth, groups, a_panels, b_panels;
    // Where parts of the workspace begin, and its bytes.
    std::size_t a, b, scales, shifts, row_scales, codes, bytes;

    FEWBITS_INLINE constexpr layout(std::size_t m, std::size_t n, std::size_t k, std::size_t group)
        : depth(round_up<kr>(k)),
          groups((k + group - 1) / group),
          a_panels((m + mr - 1) / mr),
          b_panels((n + nr - 1) / nr),
          a(0),
          b(a + round_up<alignment>(a_panels * mr * depth * sizeof(a_type))),
          scales(b + round_up<alignment>(b_panels * nr * depth)),
          shifts(scales + round_up<alignment>(b_panels * nr * groups * sizeof(float))),
          row_scales(shifts + round_up<alignment>(b_panels * nr * groups * sizeof(float))),
          codes(row_scales + round_up<alignment>(m * sizeof(float))),
          bytes(codes + m * k) {}
  };

 public:
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n,
                                                              std::size_t k, std::size_t group) {
    return alignment + layout(m, n, k, group).bytes;
  }
  FEWBITS_INLINE static unsigned char* aligned(unsigned char* workspace) {
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(workspace) % alignment;
    return workspace + (alignment - misaligned) % alignment;
  }
  /// Where the scales of A's rows will be.
  FEWBITS_INLINE static const float* row_scales(std::size_t m, std::size_t n, std::size_t k,
                                                std::size_t group, unsigned char* workspace) {
    return reinterpret_cast<const float*>(aligned(workspace) + layout(m, n, k, group).row_scales);
  }

  template <executor Executor>
  static void run(Executor& runner, const grouped_problem& problem, unsigned char* workspace) {
    if (problem.m == 0 || problem.n == 0) return;
    const layout sizes(problem.m, problem.n, problem.k, problem.group);
    unsigned char* const base = aligned(workspace);
    runner.parallel_for(sizes.a_panels,
                        [&](std::size_t task) { pack_rows(problem, sizes, base, task * mr); });
    runner.parallel_for(sizes.b_panels,
                        [&](std::size_t task) { compute_panel(problem, sizes, base, task * nr); });
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
        &quantized, 0, rows, k, reinterpret_cast<a_type*>(base + sizes.a) + row * sizes.depth,
        nullptr);
  }

  static void compute_panel(const grouped_problem& problem, const layout& sizes,
                            unsigned char* base, std::size_t col) {
    const std::size_t cols = smaller(nr, problem.n - col);
    std::int8_t* const b = reinterpret_cast<std::int8_t*>(base + sizes.b) + col * sizes.depth;
    float* const scales = reinterpret_cast<float*>(base + sizes.scales) + col * sizes.groups;
    std::uint32_t* const shifts =
        reinterpret_cast<std::uint32_t*>(base + sizes.shifts) + col * sizes.groups;
    problem.pack(problem.b, col, cols, problem.k, b, nullptr);
    if (cols < nr)
      for (std::size_t i = 0; i < sizes.groups * nr; ++i) scales[i] = 0;
    problem.scales(problem.b, col, cols, scales);
    for (std::size_t g = 0; g < sizes.groups; ++g)
      shift_of(b + g * problem.group * nr, steps_of(problem, sizes, g), shifts + g * nr);

    const default_control_word<Isa> control_word;
    for (std::size_t row = 0; row < problem.m; row += mr) {
      const a_type* const a = reinterpret_cast<const a_type*>(base + sizes.a) + row * sizes.depth;
      alignas(alignment) float sums[mr * nr] = {};
      alignas(alignment) std::int32_t tile[mr * nr];
      for (std::size_t g = 0; g < sizes.groups; ++g) {
        Kernel::run(steps_of(problem, sizes, g), a + g * problem.group * mr,
                    b + g * problem.group * nr, tile, true);
        add_scaled(tile, shifts + g * nr, scales + g * nr, sums);
      }
      problem.store(problem.output, sums, row, col, smaller(mr, problem.m - row), cols);
    }
  }

  FEWBITS_INLINE static std::size_t steps_of(const grouped_problem& problem, const layout& sizes,
                                             std::size_t g) {
    return smaller(problem.group, sizes.depth - g * problem.group) / kr;
  }

  using ops = float_lanes<Isa>;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static_assert(nr % lanes == 0);

  /// sums += (tile + shift) * scale, column by column.
  FEWBITS_INLINE static void add_scaled(const std::int32_t* tile, const std::uint32_t* shift,
                                        const float* scale, float* sums) {
    for (std::size_t j = 0; j < nr; j += lanes) {
      const auto more = ops::load32(reinterpret_cast<const unsigned char*>(shift + j));
      const auto factor = ops::load32(reinterpret_cast<const unsigned char*>(scale + j));
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < mr; ++i) {
        unsigned char* const at = reinterpret_cast<unsigned char*>(sums + i * nr + j);
        const auto x = ops::float_bits(
            ops::add(ops::load32(reinterpret_cast<const unsigned char*>(tile + i * nr + j)), more));
        if constexpr (requires { ops::fma_nearest(x, factor, x); }) {
          ops::store32(at, ops::fma_nearest(x, factor, ops::load32(at)));
        } else {
          ops::store32(at, ops::add_floats(ops::multiply_floats(x, factor), ops::load32(at)));
        }
      }
    }
  }

  /// What the sums of a group lack: -surplus times the sum of each column of the packed group.
  static void shift_of(const std::int8_t* b, std::size_t steps, std::uint32_t* shift) {
    for (std::size_t j = 0; j < nr; ++j) shift[j] = 0;
    if constexpr (surplus != 0) {
      if constexpr (kr == 4 && lanes > 1) {
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

template <class Right, isa Isa>
struct grouped_product {
  using matrix = typename transposed_base<Right>::type;
  using kernel = typename kernel_for<compute_kind::int8_dot, Isa>::type;
  using driver = grouped_driver<kernel, Isa>;
  static constexpr std::size_t group = group_of_weights<Right>;
  static_assert(group % kernel::kr == 0 && group <= 1024,
                "fewbits: groups are a multiple of 4, and at most 1024");

  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n,
                                                              std::size_t k) {
    return driver::workspace_bytes(m, n, k, group);
  }

  static void scales(const void* operand, std::size_t lane, std::size_t lanes, float* dst) {
    const auto& source = *static_cast<const integer_source<matrix>*>(operand);
    for (std::size_t l = 0; l < lanes; ++l)
      group_reader<matrix, Isa>::scales(source.matrix, lane + l, dst + l, kernel::nr);
  }

  template <executor Executor, class Out, class Epilogue>
  static void run(Executor& runner, const matrix_view<const float>& a, const Right& b,
                  const matrix_view<Out>& c, const Epilogue& epilogue, unsigned char* workspace) {
    if constexpr (requires { b.base().parameters().zero_point; })
      if constexpr (std::is_same_v<std::remove_const_t<typename std::remove_cvref_t<
                                       decltype(b.base().codes())>::element_type>,
                                   std::int8_t>)
        FEWBITS_ASSERT(b.base().parameters().zero_point.empty(),
                       "gemm: int8 weights in groups of %zu have zero points", group);
    const std::size_t m = c.rows(), n = c.cols(), k = a.cols();
    using next = row_scale_epilogue<Epilogue>;
    using writer = tile_writer<Out, float, kernel::nr, next, Isa>;
    const integer_source<matrix> source{b.base()};
    const writer output{c, next{driver::row_scales(m, n, k, group, workspace), epilogue}};
    const grouped_problem problem{
        m,
        n,
        k,
        group,
        a,
        &source,
        panel_packer<integer_source<matrix>, std::int8_t, kernel::nr, kernel::kr, true, Isa>::pack,
        scales,
        writer::store,
        &output};
    driver::run(runner, problem, workspace);
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
    return detail::grouped_product<Right, Isa>::workspace_bytes(a.rows(), b.cols(), a.cols());
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
    detail::grouped_product<Right, Isa>::run(runner, a.base(), b, c, epilogue, workspace.data());
  } else {
    detail::row_scaled_product<Right, Isa>::run(runner, a.base(), b, c, epilogue, workspace);
  }
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
