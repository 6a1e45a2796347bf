// SPDX-License-Identifier: MIT
// Products with few rows: B, which is read once, decides the time. It is not packed.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/gemv_kernel.hpp>
#include <fewbits/gemm/gemv_lanes.hpp>
#include <fewbits/gemm/gemv_nibbles.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/isa/control_word.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Whether `gemv_fp32` reads an element where it is.
template <class Element>
inline constexpr bool is_gemv_element = lane_element<as_class<Element>>;
template <>
inline constexpr bool is_gemv_element<void> = false;

/// The arithmetic for sources of A and B that meet in `Acc`.
template <class Left, class Right, class Acc, isa Isa>
struct gemv_lanes_for {
  using element = typename plain_element<Right>::type;
  using type = gemv_fp32<std::conditional_t<is_gemv_element<element>, element, float>, Isa>;
};
template <class Left, class Right, isa Isa>
struct gemv_lanes_for<Left, Right, double, Isa> {
  using type = gemv_fp64<Isa>;
};
template <class Left, class Right, isa Isa>
struct gemv_lanes_for<Left, Right, std::int32_t, Isa> {
  // A as it is, signed or not, and B of the other kind.
  static constexpr bool is_signed = Left::template surplus<std::int8_t>() == 0;
  using a_type = std::conditional_t<is_signed, std::int8_t, std::uint8_t>;
  using other = std::conditional_t<is_signed, std::uint8_t, std::int8_t>;
  using element = typename plain_element<Right>::type;
  static constexpr bool is_plain =
      std::is_same_v<element, std::int8_t> || std::is_same_v<element, std::uint8_t>;
  static constexpr bool is_flipped = is_plain && !std::is_same_v<element, other>;
  using type = gemv_int8<a_type, std::conditional_t<is_plain, element, other>,
                         is_flipped ? 0x80808080U : 0U, Isa>;
  /// What is added to elements of B.
  static constexpr std::uint32_t surplus = Right::template surplus<other>();
};

/// C = A B with few rows, for operands as `gemm` takes them.
template <class Left, class Right, isa Isa>
class gemv_driver {
  using left = operand_source<Left>;
  using right = operand_source<Right>;
  static constexpr bool a_is_stored_by_rows = matrix_traits<Left>::is_row_major;
  static constexpr bool b_is_stored_by_rows = matrix_traits<Right>::is_row_major;

 public:
  using acc_type = typename gemm_kernel<Left, Right, Isa>::acc_type;
  using choice = gemv_lanes_for<left, right, acc_type, Isa>;
  using lanes = typename choice::type;
  using a_type = typename lanes::a_type;
  static constexpr std::size_t nr = lanes::nr;

  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t n,
                                                              std::size_t k) {
    return alignment + a_bytes(m, k) + m * round_up<nr>(n) * sizeof(acc_type);
  }

  using store_function = void (*)(const void*, const acc_type*, std::size_t, std::size_t,
                                  std::size_t, std::size_t);

  template <executor Executor>
  static void run(Executor& runner, const Left& a, const Right& b, store_function store,
                  const void* output, unsigned char* workspace) {
    using kernel = gemv_kernel<lanes, right, Isa>;
    const std::size_t n = b.cols();
    if (a.rows() == 0 || n == 0) return;
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(workspace) % alignment;
    unsigned char* const base = workspace + (alignment - misaligned) % alignment;
    const right b_source = matrix_traits<Right>::source(b);
    gemv_problem<lanes> problem{a.rows(), n,  a.cols(),    0,     &b_source, nullptr,
                                0,        {}, acc_type{1}, store, output};
    decode(matrix_traits<Left>::source(a), problem, reinterpret_cast<a_type*>(base));
    if constexpr (unit_of_nibbles > 1) {
      using reader = nibble_reader<matrix>;
      if (reader::is_usable(b_source.matrix)) {
        look_up(runner, problem, reinterpret_cast<float*>(base), b_source.matrix);
        return;
      }
    }
    if constexpr (b_is_stored_by_rows) {
      // Long rows are faster; but there may be threads to share them.
      constexpr bool is_alone = std::is_same_v<std::remove_cv_t<Executor>, inline_executor>;
      constexpr std::size_t width = is_alone ? 8192 : 2048;
      acc_type* const acc = reinterpret_cast<acc_type*>(base + a_bytes(a.rows(), a.cols()));
      runner.parallel_for((n + width - 1) / width, [&](std::size_t task) {
        const std::size_t col = task * width;
        kernel::rows_of_b(problem, col, n - col < width ? n : col + width, acc + col * problem.m);
      });
    } else {
      multiply_columns(runner, problem);
    }
  }

 private:
  static constexpr std::size_t alignment = 64;
  /// Where weights of 4 bits are looked up, the depth of a block of them; else 1.
  using matrix = typename decoded_matrix_of<right>::type;
  static constexpr std::size_t unit_of_nibbles =
      b_is_stored_by_rows || !std::is_same_v<acc_type, float> ? 1 : nibble_block<matrix, Isa>();

  FEWBITS_INLINE static constexpr std::size_t depth_of(std::size_t k) {
    constexpr std::size_t unit = nr * lanes::kr;
    return round_up<(unit_of_nibbles > unit ? unit_of_nibbles : unit)>(k);
  }
  FEWBITS_INLINE static constexpr std::size_t a_bytes(std::size_t m, std::size_t k) {
    return round_up<alignment>(m * depth_of(k) * sizeof(a_type));
  }

  template <executor Executor>
  static void multiply_columns(Executor& runner, const gemv_problem<lanes>& problem) {
    runner.parallel_for((problem.n + nr - 1) / nr, [&](std::size_t task) {
      const std::size_t col = task * nr;
      gemv_kernel<lanes, right, Isa>::columns_of_b(problem, col,
                                                   problem.n - col < nr ? problem.n : col + nr);
    });
  }

  /// Whether magnitudes of row i that are finite are below `bound`.
  static bool is_below(const gemv_problem<lanes>& problem, std::size_t i, std::uint32_t bound) {
    bool fits = true;
    for (std::size_t l = 0; l < problem.k; ++l) {
      const std::uint32_t magnitude =
          bit_cast<std::uint32_t>(problem.a[i * problem.depth + l]) & 0x7fffffff;
      fits &= magnitude < bound || magnitude >= 0x7f800000;
    }
    return fits && bound != 0;
  }

  /// Rows of A by looking up weights; those with too large numbers with decoded ones. Each row is what
  /// it is alone.
  template <executor Executor, class Matrix>
  static void look_up(Executor& runner, gemv_problem<lanes> problem, float* a,
                      const Matrix& weights) {
    using kernel = nibble_kernel<gemv_problem<lanes>, Matrix, Isa>;
    const std::uint32_t bound = kernel::bound(weights);
    const std::size_t m = problem.m;
    while (problem.row < m) {
      const bool fits = is_below(problem, 0, bound);
      problem.m = 1;
      while (problem.row + problem.m < m && is_below(problem, problem.m, bound) == fits)
        ++problem.m;
      if (fits) {
        kernel::reorder(a, problem.m * problem.depth);
        runner.parallel_for((problem.n + nr - 1) / nr, [&](std::size_t task) {
          const std::size_t col = task * nr;
          kernel::template columns<nr>(problem, weights, col,
                                       problem.n - col < nr ? problem.n : col + nr);
        });
      } else {
        multiply_columns(runner, problem);
      }
      problem.row += problem.m;
      a += problem.m * problem.depth;
      problem.a = a;
    }
  }

  /// A to `dst`, and what B's surplus adds to each sum.
  static void decode(const left& source, gemv_problem<lanes>& problem, a_type* dst) {
    const std::size_t m = problem.m, k = problem.k, depth = depth_of(k);
    problem.a = dst;
    problem.depth = depth;
    if constexpr (a_is_stored_by_rows) {
      for (std::size_t i = 0; i < m && k != 0; ++i)
        source.template read<a_type, Isa>(i, 0, dst + i * depth, k);
    } else {
      for (std::size_t l = 0; l < k; ++l) {
        a_type column[64];  // room for a vector, though no more than m are written
        source.template read<a_type, Isa>(l, 0, column, m);
        for (std::size_t i = 0; i < m; ++i) dst[i * depth + l] = column[i];
      }
    }
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t l = k; l < depth; ++l) dst[i * depth + l] = a_type{};
    if constexpr (lanes::exponent != 0) {
      // Elements of A take B's power of two, exactly, unless one of them is too large.
      constexpr std::uint32_t bound = static_cast<std::uint32_t>(254 - lanes::exponent) << 23;
      constexpr float power = static_cast<float>(1 << lanes::exponent);
      const default_control_word<Isa> scope;
      bool fits = true;
      for (std::size_t i = 0; i < m * depth; ++i) {
        const std::uint32_t magnitude = bit_cast<std::uint32_t>(dst[i]) & 0x7fffffff;
        fits &= magnitude < bound || magnitude >= 0x7f800000;
      }
      if (fits) {
        for (std::size_t i = 0; i < m * depth; ++i) dst[i] *= power;
      } else {
        problem.factor = power;
      }
    }
    if constexpr (std::is_integral_v<acc_type>) {
      for (std::size_t i = 0; i < m; ++i) {
        std::uint32_t sum = 0;
        for (std::size_t l = 0; l < k; ++l)
          sum += static_cast<std::uint32_t>(static_cast<std::int32_t>(dst[i * depth + l]));
        problem.surplus[i] = static_cast<acc_type>(sum * choice::surplus);
      }
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
