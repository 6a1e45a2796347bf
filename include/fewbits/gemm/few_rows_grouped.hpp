// SPDX-License-Identifier: MIT
// Few rows quantized to INT8 times stored rows of 4-bit weights in groups, which are read once as they
// are.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/gemv_kernel.hpp>
#include <fewbits/gemm/gemv_nibbles.hpp>
#include <fewbits/gemm/grouped_kernel.hpp>
#include <fewbits/gemm/operand_grouped.hpp>
#include <fewbits/gemm/pack.hpp>
#include <fewbits/isa/byte_dot.hpp>
#include <fewbits/isa/control_word.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// A product of rows quantized to INT8 with rows of codes of 4 bits, without the types of these.
struct few_grouped_problem {
  std::size_t m, n, k, group, groups;
  /// Rows of A, in the order of `few_grouped_kernel::reorder`, and what their products lack in each group.
  const std::int8_t* a;
  std::size_t a_row;
  const std::uint32_t* shifts;
  /// The rows of codes; what to add to a row's address for the next one's.
  const unsigned char* codes;
  std::size_t stride;
  /// The integers of all codes, plus what makes them unsigned.
  std::uint8_t table[16];
  /// Where scales are, to ask memory for them.
  const unsigned char* first_scale;
  std::size_t scale_stride, scale_bytes;
  const void* matrix;
  void (*scales)(const void* matrix, std::size_t row, std::size_t first, std::size_t count,
                 float* dst);
  void (*store)(const void* output, const float* tile, std::size_t row, std::size_t col,
                std::size_t rows, std::size_t cols);
  const void* output;
};

/// As many stored rows at a time as a vector has lanes. In a vector of codes, the low halves of bytes are
/// elements 0, 2, 4 ..., the high ones those between; both look up integers, whose products with A's
/// are added up in fours. A part of 128 bits has 32 elements, a piece of a group; when the sums of
/// all rows have been turned round, a vector has those of one piece, row by row.
///
/// Vector instructions for a row and a vector of codes, which is 64 bytes of 512 bits: 3 to take the codes
/// apart, 2 look-ups, 2 dot products, 2.25 to add up, 0.5 to turn round, 0.75 for scales and sums: 10.5,
/// and 4 to turn round the scales of groups of 32.
template <isa Isa, std::size_t Columns>
struct few_grouped_kernel {
  using op = byte_dot<Isa>;
  using words = typename op::words;
  using ops = float_lanes<Isa>;
  using problem = few_grouped_problem;
  static constexpr std::size_t lanes = op::lanes;
  static constexpr std::size_t parts = lanes / 4;
  static constexpr std::size_t piece = 32;
  /// Depth of a vector of codes.
  static constexpr std::size_t depth = parts * piece;
  static constexpr std::size_t longest_group = 1024;
  static_assert(static_cast<std::size_t>(ops::lanes) == lanes && Columns % lanes == 0);

  FEWBITS_INLINE static constexpr bool serves(std::size_t group) {
    return group % piece == 0 && group <= longest_group &&
           (depth % group == 0 || group % depth == 0);
  }

  /// A row's codes to `dst`, whole vectors of them: of each, elements 0, 2, 4 ... first.
  static void reorder(const std::int8_t* src, std::size_t k, std::int8_t* dst) {
    for (std::size_t d = 0; d < k; d += depth, dst += depth) {
      std::int8_t some[depth] = {};
      __builtin_memcpy(some, src + d, k - d < depth ? k - d : depth);
      for (std::size_t i = 0; i < depth / 2; ++i) {
        dst[i] = some[2 * i];
        dst[depth / 2 + i] = some[2 * i + 1];
      }
    }
  }

  /// Columns `begin` to `end` of C, at most `Columns`.
  static void columns(const problem& p, std::size_t begin, std::size_t end) {
    alignas(64) float sums[few_rows * Columns] = {};
    {
      const default_control_word<Isa> scope;
      for (std::size_t j = begin; j < end; j += lanes) add_rows(p, j, end, sums + (j - begin));
    }
    p.store(p.output, sums, 0, begin, p.m, end - begin);
  }

 private:
  /// Depth that is worked on at a time, whole groups.
  static constexpr std::size_t longest_run = longest_group;
  static constexpr std::size_t most_vectors = longest_run / depth;
  static constexpr std::size_t most_groups = longest_run / piece;

  struct run {
    std::size_t begin, count, groups;  // elements; groups
    const unsigned char* codes[lanes];
    std::uintptr_t next[lanes];  // what will be read later
    alignas(64) float scales[most_groups][lanes];
  };

  static void add_rows(const problem& p, std::size_t j, std::size_t end, float* sums) {
    const std::size_t length = longest_run / p.group * p.group;
    run one;
    for (std::size_t d = 0; d < p.k; d += length) {
      one.begin = d;
      one.count = p.k - d < length ? p.k - d : length;
      one.groups = (one.count + p.group - 1) / p.group;
      // After the end of these rows come the next ones.
      const bool is_last = d + length >= p.k;
      const std::size_t later = is_last ? lanes * p.stride - d / 2 : length / 2;
      const std::size_t scale =
          is_last ? lanes * p.scale_stride : (d + length) / p.group * p.scale_bytes;
      for (std::size_t l = 0; l < lanes; ++l) {
        const std::size_t row = j + l < end ? j + l : end - 1;
        one.codes[l] = p.codes + row * p.stride + d / 2;
        one.next[l] = reinterpret_cast<std::uintptr_t>(one.codes[l]) + later;
        const std::uintptr_t scales =
            reinterpret_cast<std::uintptr_t>(p.first_scale) + row * p.scale_stride + scale;
        for (std::size_t i = 0; i < length / p.group * p.scale_bytes; i += 64)
          __builtin_prefetch(reinterpret_cast<const void*>(scales + i));
      }
      load_scales(p, j, end, one);
      std::size_t i = 0;
      for (; i + 2 <= p.m; i += 2) add<2>(p, i, one, sums + i * Columns);
      if (i < p.m) add<1>(p, i, one, sums + i * Columns);
    }
  }

  static void load_scales(const problem& p, std::size_t j, std::size_t end, run& one) {
    for (std::size_t l = 0; l < lanes; l += 4) {
      float rows[4][most_groups];
      const unsigned char* src[4];
      for (std::size_t r = 0; r < 4; ++r) {
        const std::size_t row = j + l + r < end ? j + l + r : end - 1;
        p.scales(p.matrix, row, one.begin / p.group, one.groups, rows[r]);
        for (std::size_t g = one.groups; g % 4 != 0; ++g) rows[r][g] = 0;
        src[r] = reinterpret_cast<const unsigned char*>(rows[r]);
      }
      unit_transpose<Isa>::four_rows(src, 0, lanes, (one.groups + 3) / 4 * 4,
                                     reinterpret_cast<unsigned char*>(&one.scales[0][l]));
    }
  }

  template <std::size_t Rows>
  static void add(const problem& p, std::size_t i, const run& one, float* sums) {
    alignas(64) words products[most_vectors][Rows][lanes];
    const std::size_t vectors = (one.count + depth - 1) / depth;
    const std::size_t whole = one.count / depth;
    const words table = op::repeat(p.table);
    const std::int8_t* const a = p.a + i * p.a_row + one.begin;
    for (std::size_t l = 0; l < lanes; ++l) {
      const unsigned char* const src = one.codes[l];
      for (std::size_t v = 0; v < whole; ++v) {
        if (i == 0 && l >= lanes / 2)
          __builtin_prefetch(reinterpret_cast<const void*>(one.next[l] + v * (depth / 2)));
        multiply<Rows>(src + v * (depth / 2), table, a + v * depth, p.a_row, l, products[v]);
      }
      if (whole < vectors) {
        unsigned char padded[depth / 2] = {};
        __builtin_memcpy(padded, src + whole * (depth / 2), (one.count % depth + 1) / 2);
        multiply<Rows>(padded, table, a + whole * depth, p.a_row, l, products[whole]);
      }
    }
    for (std::size_t r = 0; r < Rows; ++r)
      add_groups(p, one, p.shifts + (i + r) * p.groups + one.begin / p.group, vectors,
                 &products[0][r], Rows, i + r == 0, sums + r * Columns);
  }

  /// Products of a vector of codes with `Rows` rows of A to lane `l`.
  template <std::size_t Rows>
  FEWBITS_INLINE static void multiply(const unsigned char* codes, words table, const std::int8_t* a,
                                      std::size_t a_row, std::size_t l,
                                      words (&products)[Rows][lanes]) {
    constexpr std::uint32_t halves = 0x0f0f0f0f;
    const words code = load(codes);
    const words low = op::look_up(table, code & halves);
    const words high = op::look_up(table, (code >> 4) & halves);
    FEWBITS_UNROLL
    for (std::size_t r = 0; r < Rows; ++r)
      products[r][l] = op::add(op::add(words{}, low, load(a + r * a_row)), high,
                               load(a + r * a_row + depth / 2));
  }

  /// Adds the products of a row of A and the `lanes` rows of weights, group after group.
  static void add_groups(const problem& p, const run& one, const std::uint32_t* shifts,
                         std::size_t vectors, const words (*products)[lanes], std::size_t step,
                         bool is_first, float* sums) {
    std::size_t left = one.count;
    std::size_t in_group = 0;
    std::size_t g = 0;
    words sum{};
    auto total = ops::load32(reinterpret_cast<const unsigned char*>(sums));
    for (std::size_t v = 0; v < vectors; ++v, products += step) {
      // Memory works here too.
      for (std::size_t l = 0; is_first && l < lanes / 2; ++l)
        __builtin_prefetch(reinterpret_cast<const void*>(one.next[l] + v * (depth / 2)));
      words each[parts];
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < parts; ++q)
        each[q] = op::sum_up((*products)[4 * q], (*products)[4 * q + 1], (*products)[4 * q + 2],
                             (*products)[4 * q + 3]);
      op::turn(each);
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < parts; ++q) {
        const std::size_t used = left < piece ? left : piece;
        left -= used;
        in_group += used;
        sum += each[q];
        if (used != 0 && (in_group == p.group || left == 0)) {
          total = grouped_sum<Isa>::add(
              bit_cast<typename ops::u32>(sum + shifts[g]),
              ops::load32(reinterpret_cast<const unsigned char*>(one.scales[g])), total);
          ++g;
          in_group = 0;
          sum = words{};
        }
      }
    }
    ops::store32(reinterpret_cast<unsigned char*>(sums), total);
  }

  template <class Value>
  FEWBITS_INLINE static words load(const Value* src) {
    words x;
    __builtin_memcpy(&x, src, sizeof(x));
    return x;
  }
};

/// The product with weights of a class, and its workspace: A's codes, as they are and reordered, what its
/// products lack, the scales of its rows.
template <class Matrix, isa Isa, std::size_t Columns>
class few_grouped_product {
  using reader = nibble_reader<Matrix>;
  static constexpr std::size_t group = integer_group<Matrix>;
  static constexpr std::size_t alignment = 64;

  FEWBITS_INLINE static constexpr bool is_served() {
    if constexpr (requires(typename byte_dot<Isa>::words x) { byte_dot<Isa>::look_up(x, x); } &&
                  reader::is_available) {
      return few_grouped_kernel<Isa, Columns>::serves(group);
    } else {
      return false;
    }
  }
  struct layout {
    std::size_t a_row, groups, shifts, codes, scales, bytes;

    FEWBITS_INLINE constexpr layout(std::size_t m, std::size_t k)
        : a_row(round_up<few_grouped_kernel<Isa, Columns>::depth>(k)),
          groups((k + group - 1) / group),
          shifts(m * a_row),
          codes(shifts + m * groups * sizeof(std::uint32_t)),
          scales(codes + round_up<alignment>(m * k)),
          bytes(alignment + scales + m * sizeof(float)) {}
  };
  FEWBITS_INLINE static unsigned char* aligned(unsigned char* memory) {
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(memory) % alignment;
    return memory + (alignment - misaligned) % alignment;
  }

 public:
  static constexpr bool is_available = is_served();

  FEWBITS_INLINE static bool is_usable(std::size_t m, const Matrix& weights) {
    if constexpr (is_available) {
      return m <= few_rows && reader::is_usable(weights);
    } else {
      return false;
    }
  }
  FEWBITS_INLINE static constexpr std::size_t workspace_bytes(std::size_t m, std::size_t k) {
    return layout(m, k).bytes;
  }
  FEWBITS_INLINE static const float* row_scales(std::size_t m, std::size_t k,
                                                unsigned char* workspace) {
    return reinterpret_cast<const float*>(aligned(workspace) + layout(m, k).scales);
  }

  template <executor Executor, class Store>
  static void run(Executor& runner, const matrix_view<const float>& a, const Matrix& weights,
                  Store store, const void* output, unsigned char* workspace) {
    using kernel = few_grouped_kernel<Isa, Columns>;
    const std::size_t m = a.rows(), n = weights.rows(), k = a.cols();
    if (m == 0 || n == 0) return;
    const layout sizes(m, k);
    unsigned char* const base = aligned(workspace);
    std::int8_t* const codes = reinterpret_cast<std::int8_t*>(base + sizes.codes);
    std::int8_t* const ordered = reinterpret_cast<std::int8_t*>(base);
    std::uint32_t* const shifts = reinterpret_cast<std::uint32_t*>(base + sizes.shifts);
    const unsigned char* const first = reader::codes(weights, 0);
    const unsigned char* const scale = scale_of(weights, 0);
    few_grouped_problem problem{
        m, n,  k,     group, sizes.groups,         ordered,  sizes.a_row, shifts, first,
        0, {}, scale, 0,     scale_bytes(weights), &weights, scales,      store,  output};
    if (n > 1) problem.scale_stride = static_cast<std::size_t>(scale_of(weights, 1) - scale);
    if (n > 1) problem.stride = static_cast<std::size_t>(reader::codes(weights, 1) - first);
    const std::uint32_t surplus = fill_table(weights, problem.table);
    quantize_absmax<std::int8_t, per_row, Isa>(
        a, array_view<float>(reinterpret_cast<float*>(base + sizes.scales), m),
        matrix_view<std::int8_t>(codes, m, k));
    for (std::size_t i = 0; i < m; ++i) {
      kernel::reorder(codes + i * k, k, ordered + i * sizes.a_row);
      for (std::size_t g = 0; g < sizes.groups; ++g) {
        std::uint32_t sum = 0;
        for (std::size_t d = g * group; d < k && d < (g + 1) * group; ++d)
          sum += static_cast<std::uint32_t>(std::int32_t{codes[i * k + d]});
        shifts[i * sizes.groups + g] = 0U - surplus * sum;
      }
    }
    runner.parallel_for((n + Columns - 1) / Columns, [&](std::size_t task) {
      const std::size_t col = task * Columns;
      kernel::columns(problem, col, n - col < Columns ? n : col + Columns);
    });
  }

 private:
  /// Returns what has been added.
  static std::uint32_t fill_table(const Matrix& weights, std::uint8_t (&table)[16]) {
    float numbers[16];
    reader::fill(weights, numbers);
    std::int32_t integers[16];
    std::int32_t lowest = 0;
    for (unsigned i = 0; i < 16; ++i) {
      integers[i] = static_cast<std::int32_t>(numbers[i] * static_cast<float>(1 << shift()));
      lowest = integers[i] < lowest ? integers[i] : lowest;
    }
    for (unsigned i = 0; i < 16; ++i) table[i] = static_cast<std::uint8_t>(integers[i] - lowest);
    return static_cast<std::uint32_t>(-lowest);
  }
  /// Integers are this power of two times numbers.
  FEWBITS_INLINE static constexpr int shift() {
    if constexpr (requires { typename reader::format; }) {
      return integer_shift<typename reader::format::element_type>();
    } else {
      return 0;
    }
  }
  FEWBITS_INLINE static constexpr bool has_exponents() {
    if constexpr (requires { typename reader::format; }) {
      return scale_element<typename reader::format::scale_type> &&
             !reader::format::has_tensor_scale;
    } else {
      return false;
    }
  }
  template <class Format>
  FEWBITS_INLINE static const unsigned char* scale_of(const block_span<Format>& weights,
                                                      std::size_t row) {
    return reinterpret_cast<const unsigned char*>(weights.row_scales(row));
  }
  template <class Codes, class Code, class Granularity>
  FEWBITS_INLINE static const unsigned char* scale_of(
      const quantized_matrix<Codes, affine<Code, Granularity>>& weights, std::size_t row) {
    return reinterpret_cast<const unsigned char*>(pointers_to(weights.parameters()).scale +
                                                  Granularity::index(row, 0, weights.cols()));
  }
  FEWBITS_INLINE static constexpr std::size_t scale_bytes(const Matrix&) {
    if constexpr (requires { typename reader::format; }) {
      return sizeof(typename reader::format::scale_type);
    } else {
      return sizeof(float);
    }
  }
  static void scales(const void* matrix, std::size_t row, std::size_t first, std::size_t count,
                     float* dst) {
    const Matrix& weights = *static_cast<const Matrix*>(matrix);
    if constexpr (has_exponents()) {
      // Exponents of FP32, of which those up to the shift become subnormal numbers.
      const auto* const src = weights.row_scales(row) + first;
      for (std::size_t g = 0; g < count; ++g) {
        const std::uint32_t code = src[g].bits();
        const std::uint32_t bits =
            code > static_cast<std::uint32_t>(shift())
                ? (code - static_cast<std::uint32_t>(shift())) << 23
                : 0x00400000U >> (static_cast<std::uint32_t>(shift()) - code);
        dst[g] = bit_cast<float>(code == 255 ? fp32_nan : bits);
      }
    } else {
      reader::template scales<Isa>(weights, row, first, count, dst);
      if constexpr (shift() != 0)
        for (std::size_t g = 0; g < count; ++g) dst[g] *= 1 / static_cast<float>(1 << shift());
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
