// SPDX-License-Identifier: MIT
// The loops over B of products with few rows.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/gemm/blocking.hpp>
#include <fewbits/gemm/gemv_lanes.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/isa/control_word.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// As many rows as this are few.
inline constexpr std::size_t few_rows = 8;

template <class Lanes>
struct gemv_problem {
  using a_type = typename Lanes::a_type;
  using acc_type = typename Lanes::acc_type;

  std::size_t m, n, k;
  std::size_t row;  // of C, the first of m
  const void* b;
  /// Decoded rows of A, `depth` elements apart, zeros after the first k.
  const a_type* a;
  std::size_t depth;
  /// What has to be subtracted from the sums of a row (integers).
  acc_type surplus[few_rows];
  /// What sums have to be multiplied with (floats): 1 or 2^Lanes::exponent.
  acc_type factor;
  /// As in `gemm_problem`, with tiles of few_rows x Lanes::nr.
  void (*store)(const void* output, const acc_type* tile, std::size_t row, std::size_t col,
                std::size_t rows, std::size_t cols);
  const void* output;
};

template <class Lanes, isa Isa>
concept loads_finite = requires(typename Lanes::factors (&b)[4], typename vec<Isa>::u32& special) {
  Lanes::load_finite(nullptr, b, special);
};

/// The loops over B from a `Source`, whose elements `Lanes` reads in place where it can, else after
/// `Source::read` decoded them into a buffer in the first-level cache.
///
/// The order of a sum is fixed by the shape: over the depth one after the other where the rows of B are
/// stored, and where its columns are, lane by lane.
///
/// Several rows of B are read at a time, and memory is asked for 512 bytes ahead in each. (Granite
/// Rapids, FP32, 8192 x 8192: one row at a time reaches 70% of what a loop that only reads does, four
/// 103%, with prefetching 114%. Rows of less than 8 KiB cost 10%.)
template <class Lanes, class Source, isa Isa>
struct gemv_kernel {
  using a_type = typename Lanes::a_type;
  using b_type = typename Lanes::b_type;
  using acc_type = typename Lanes::acc_type;
  using sums = typename Lanes::sums;
  using factors = typename Lanes::factors;
  using problem = gemv_problem<Lanes>;
  static constexpr std::size_t nr = Lanes::nr;
  static constexpr bool is_in_place = std::is_same_v<typename plain_element<Source>::type, b_type>;
  /// Rows of A whose sums are in registers: 4 x 4 vectors of 32, 2 x 4 of 16.
  static constexpr std::size_t max_rows = has_avx512<Isa> || has_neon<Isa> ? 4 : 2;
  static constexpr std::size_t ahead_bytes = 512;

  /// Columns `begin` to `end` of C; the rows of B are stored. `acc` is memory for a tile for each nr
  /// columns.
  static void rows_of_b(const problem& p, std::size_t begin, std::size_t end, acc_type* acc) {
    const std::size_t chunks = (end - begin + nr - 1) / nr;
    {
      const default_control_word<Isa> scope;
      for (std::size_t i = 0; i < chunks * p.m * nr; ++i) acc[i] = 0;
      for (std::size_t d = 0; d < p.k; d += depth_step) add_block(p, begin, end, d, acc);
      if (Lanes::exponent != 0 && p.factor != 1)
        for (std::size_t i = 0; i < chunks * p.m * nr; ++i) acc[i] *= p.factor;
    }
    for (std::size_t c = 0; c < chunks; ++c) {
      acc_type* const tile = acc + c * p.m * nr;
      if constexpr (std::is_integral_v<acc_type>) {
        for (std::size_t i = 0; i < p.m; ++i) {
          acc_type row[nr];
          for (std::size_t j = 0; j < nr; ++j)
            row[Lanes::column(j)] = difference(tile[i * nr + j], p.surplus[i]);
          __builtin_memcpy(tile + i * nr, row, sizeof(row));
        }
      }
      const std::size_t col = begin + c * nr;
      p.store(p.output, tile, p.row, col, p.m, end - col < nr ? end - col : nr);
    }
  }

  /// Columns `begin` to `end` of C, at most nr, which B is stored as rows of.
  static void columns_of_b(const problem& p, std::size_t begin, std::size_t end) {
    alignas(64) acc_type tile[few_rows * nr];
    for (std::size_t j = begin; j < end; j += outputs) {
      {
        const default_control_word<Isa> scope;
        if (p.m <= 2) {
          dot_products<outputs>(p, j, end, tile + (j - begin));
        } else {
          dot_products<4>(p, j, end, tile + (j - begin));
          if (outputs > 4 && j + 4 < end) dot_products<4>(p, j + 4, end, tile + (j - begin) + 4);
        }
      }
      if constexpr (std::is_integral_v<acc_type>)
        for (std::size_t i = 0; i < p.m; ++i)
          for (std::size_t q = 0; q < outputs; ++q) {
            acc_type& sum = tile[i * nr + (j - begin) + q];
            sum = difference(sum, p.surplus[i]);
          }
    }
    p.store(p.output, tile, p.row, begin, p.m, end - begin);
  }

 private:
  /// Rows of B at a time: their elements of a column meet one sum while it is in a register.
  static constexpr std::size_t depth_step = 8;
  /// Columns that are decoded into a buffer at a time.
  static constexpr std::size_t piece = 8 * nr;
  /// Stored rows of a transposed B at a time, for one or two rows of A: the more, the less often those
  /// are read.
  static constexpr std::size_t outputs = max_rows == 4 ? 8 : 4;
  static_assert(nr % outputs == 0);
  /// Depth that is loaded and that is decoded into a buffer at a time.
  static constexpr std::size_t step = nr * Lanes::kr;
  static constexpr std::size_t run = 16 * step;

  FEWBITS_INLINE static acc_type difference(acc_type x, acc_type y) {
    return static_cast<acc_type>(static_cast<std::uint32_t>(x) - static_cast<std::uint32_t>(y));
  }
  FEWBITS_INLINE static const unsigned char* bytes_of(const b_type* src) {
    return reinterpret_cast<const unsigned char*>(src);
  }
  FEWBITS_INLINE static std::uintptr_t address_of(const unsigned char* src) {
    return reinterpret_cast<std::uintptr_t>(src);
  }
  template <std::size_t Bytes>
  FEWBITS_INLINE static void ask_for(std::uintptr_t address) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < (Bytes + 63) / 64; ++i)
      __builtin_prefetch(reinterpret_cast<const void*>(address + 64 * i));
  }
  /// Elements of a stored row, then zeros up to `padded`.
  FEWBITS_INLINE static void fetch(const problem& p, std::size_t row, std::size_t begin,
                                   b_type* dst, std::size_t count, std::size_t padded) {
    const Source& source = *static_cast<const Source*>(p.b);
    if constexpr (is_in_place) {
      if (count != 0)
        __builtin_memcpy(dst, source.data + row * source.stride + begin, count * sizeof(b_type));
    } else {
      if (count != 0) source.template read<b_type, Isa>(row, begin, dst, count);
    }
    __builtin_memset(dst + count, 0, (padded - count) * sizeof(b_type));
  }

  /// Adds the products at depth d to d + depth_step - 1.
  static void add_block(const problem& p, std::size_t begin, std::size_t end, std::size_t d,
                        acc_type* acc) {
    const std::size_t present = p.k - d < depth_step ? p.k - d : depth_step;
    std::size_t col = begin;
    if constexpr (is_in_place) {
      if (present == depth_step) {
        const Source& source = *static_cast<const Source*>(p.b);
        const std::size_t chunks = (end - begin) / nr;
        add_chunks<true>(p, d, bytes_of(source.data + d * source.stride + begin),
                         source.stride * sizeof(b_type), chunks, acc);
        col += chunks * nr;
      }
    }
    for (; col < end; col += piece) {
      alignas(64) b_type buffer[depth_step][piece];
      const std::size_t count = end - col < piece ? end - col : piece;
      const std::size_t chunks = (count + nr - 1) / nr;
      for (std::size_t r = 0; r < depth_step; ++r)
        fetch(p, r < present ? d + r : 0, col, buffer[r], r < present ? count : 0, chunks * nr);
      add_chunks<false>(p, d, bytes_of(buffer[0]), piece * sizeof(b_type), chunks,
                        acc + (col - begin) * p.m);
    }
  }

  template <bool IsFar>
  FEWBITS_INLINE static void add_chunks(const problem& p, std::size_t d, const unsigned char* b,
                                        std::size_t stride, std::size_t chunks, acc_type* acc) {
    constexpr std::size_t width = nr * sizeof(b_type);
    constexpr std::size_t ahead = (ahead_bytes + width - 1) / width;
    for (std::size_t c = 0; c < chunks; ++c, acc += p.m * nr) {
      // After the last columns come the first ones of the next rows.
      const unsigned char* const src = b + c * width;
      const std::uintptr_t next =
          c + ahead < chunks ? address_of(b) + (c + ahead) * width
                             : address_of(b) + depth_step * stride + (c + ahead - chunks) * width;
      std::size_t i = 0;
      if (max_rows == 4 && p.m >= 4) {
        add_chunk<4, IsFar>(p, d, i, src, stride, next, acc);
        i += 4;
      }
      // Later rows of A find B in the first-level cache.
      for (; i + max_rows <= p.m; i += max_rows)
        add_chunk<max_rows, IsFar>(p, d, i, src, stride, next, acc);
      if (max_rows == 4 && i + 2 <= p.m) {
        add_chunk<2, IsFar>(p, d, i, src, stride, next, acc);
        i += 2;
      }
      if (i < p.m) add_chunk<1, IsFar>(p, d, i, src, stride, next, acc);
    }
  }

  /// nr columns of rows i to i + Rows - 1 of C.
  template <std::size_t Rows, bool IsFar>
  FEWBITS_INLINE static void add_chunk(const problem& p, std::size_t d, std::size_t i,
                                       const unsigned char* b, std::size_t stride,
                                       std::uintptr_t next, acc_type* tile) {
    const a_type* const a = p.a + i * p.depth + d;
    sums sum[Rows][4];
    __builtin_memcpy(&sum, tile + i * nr, sizeof(sum));
    FEWBITS_UNROLL
    for (std::size_t r = 0; r < depth_step; r += Lanes::kr) {
      if constexpr (IsFar) {
        if (i == 0) {
          FEWBITS_UNROLL
          for (std::size_t q = 0; q < Lanes::kr; ++q)
            ask_for<nr * sizeof(b_type)>(next + (r + q) * stride);
        }
      }
      factors x[4];
      Lanes::load_rows(b + r * stride, stride, x);
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < Rows; ++q) {
        const factors y = Lanes::spread(a + q * p.depth + r);
        FEWBITS_UNROLL
        for (std::size_t v = 0; v < 4; ++v) sum[q][v] = Lanes::multiply_add(sum[q][v], y, x[v]);
      }
    }
    __builtin_memcpy(tile + i * nr, &sum, sizeof(sum));
  }

  /// The sums of `Outputs` columns from j on, to dst[i * nr + q]; those from `end` on mean nothing.
  template <std::size_t Outputs>
  static void dot_products(const problem& p, std::size_t j, std::size_t end, acc_type* dst) {
    alignas(64) sums sum[few_rows][Outputs] = {};
    std::size_t rows[Outputs];
    for (std::size_t q = 0; q < Outputs; ++q) rows[q] = j + q < end ? j + q : end - 1;
    for (std::size_t d = 0; d < p.k; d += run) {
      const std::size_t count = p.k - d < run ? p.k - d : run;
      std::size_t done = 0;
      if constexpr (is_in_place) {
        const Source& source = *static_cast<const Source*>(p.b);
        const unsigned char* b[Outputs];
        for (std::size_t q = 0; q < Outputs; ++q)
          b[q] = bytes_of(source.data + rows[q] * source.stride + d);
        // After the end of these rows come the next ones.
        const std::size_t rest = (p.k - d) * sizeof(b_type);
        done = count / step * step;
        add_runs<Outputs, true>(p, d, b, done, rest,
                                (Outputs * source.stride - p.k) * sizeof(b_type), sum);
      }
      if (done < count) {
        alignas(64) b_type buffer[Outputs][is_in_place ? step : run];
        const unsigned char* b[Outputs];
        const std::size_t padded = round_up<step>(count - done);
        for (std::size_t q = 0; q < Outputs; ++q) {
          fetch(p, rows[q], d + done, buffer[q], count - done, padded);
          b[q] = bytes_of(buffer[q]);
        }
        add_runs<Outputs, false>(p, d + done, b, padded, 0, 0, sum);
      }
    }
    for (std::size_t i = 0; i < p.m; ++i)
      for (std::size_t q = 0; q < Outputs; ++q)
        dst[i * nr + q] = Lanes::exponent == 0 ? total(sum[i][q]) : total(sum[i][q]) * p.factor;
  }

  template <std::size_t Outputs, bool IsFar>
  FEWBITS_INLINE static void add_runs(const problem& p, std::size_t d,
                                      const unsigned char* const (&b)[Outputs], std::size_t count,
                                      std::size_t rest, std::size_t skip,
                                      sums (&sum)[few_rows][Outputs]) {
    const a_type* const a = p.a + d;
    std::size_t i = 0;
    for (; i + max_rows <= p.m; i += max_rows)
      add_run<max_rows, Outputs, IsFar>(a + i * p.depth, p.depth, b, count, i == 0 ? rest : 0, skip,
                                        sum + i);
    if (max_rows == 4 && i + 2 <= p.m) {
      add_run<2, Outputs, IsFar>(a + i * p.depth, p.depth, b, count, i == 0 ? rest : 0, skip,
                                 sum + i);
      i += 2;
    }
    if (i < p.m)
      add_run<1, Outputs, IsFar>(a + i * p.depth, p.depth, b, count, i == 0 ? rest : 0, skip,
                                 sum + i);
  }

  /// Adds the products of Rows rows of A and `Outputs` stored rows of B, at `count` places of the depth.
  template <std::size_t Rows, std::size_t Outputs, bool IsFar>
  FEWBITS_INLINE static void add_run(const a_type* a, std::size_t depth,
                                     const unsigned char* const (&b)[Outputs], std::size_t count,
                                     std::size_t rest, std::size_t skip, sums (*dst)[Outputs]) {
    if constexpr (IsFar && loads_finite<Lanes, Isa>) {
      if (add_finite<Rows, Outputs>(a, depth, b, count, rest, skip, dst)) return;
    }
    constexpr std::size_t width = step * sizeof(b_type);
    sums sum[Rows][Outputs];
    __builtin_memcpy(&sum, dst, sizeof(sum));
    for (std::size_t s = 0; s < count / step; ++s) {
      std::size_t ahead = s * width + ahead_bytes;
      if (IsFar && ahead >= rest) ahead += skip;
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < Outputs; ++q) {
        if constexpr (IsFar)
          if (rest != 0) ask_for<width>(address_of(b[q]) + ahead);
        factors x[4];
        Lanes::load(b[q] + s * width, x);
        add_step<Rows>(a + s * step, depth, q, x, sum);
      }
    }
    __builtin_memcpy(dst, &sum, sizeof(sum));
  }

  /// The same without a branch for each vector of B; false, and nothing is added, if some codes need it.
  template <std::size_t Rows, std::size_t Outputs>
  FEWBITS_INLINE static bool add_finite(const a_type* a, std::size_t depth,
                                        const unsigned char* const (&b)[Outputs], std::size_t count,
                                        std::size_t rest, std::size_t skip, sums (*dst)[Outputs]) {
    constexpr std::size_t width = step * sizeof(b_type);
    sums sum[Rows][Outputs];
    __builtin_memcpy(&sum, dst, sizeof(sum));
    auto special = vec<Isa>::set(0);
    for (std::size_t s = 0; s < count / step; ++s) {
      std::size_t ahead = s * width + ahead_bytes;
      if (ahead >= rest) ahead += skip;
      FEWBITS_UNROLL
      for (std::size_t q = 0; q < Outputs; ++q) {
        if (rest != 0) ask_for<width>(address_of(b[q]) + ahead);
        factors x[4];
        Lanes::load_finite(b[q] + s * width, x, special);
        add_step<Rows>(a + s * step, depth, q, x, sum);
      }
    }
    if (Lanes::is_special(special)) return false;
    __builtin_memcpy(dst, &sum, sizeof(sum));
    return true;
  }

  template <std::size_t Rows, std::size_t Outputs>
  FEWBITS_INLINE static void add_step(const a_type* a, std::size_t depth, std::size_t q,
                                      const factors (&x)[4], sums (&sum)[Rows][Outputs]) {
    FEWBITS_UNROLL
    for (std::size_t v = 0; v < 4; ++v) {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < Rows; ++i)
        sum[i][q] =
            Lanes::multiply_add(sum[i][q], Lanes::load_a(a + i * depth + v * (step / 4)), x[v]);
    }
  }

  /// Of the lanes, by halves.
  FEWBITS_INLINE static acc_type total(const sums& sum) {
    using value = std::conditional_t<std::is_integral_v<acc_type>, std::uint32_t, acc_type>;
    value x[Lanes::lanes];
    __builtin_memcpy(x, &sum, sizeof(x));
    for (std::size_t half = Lanes::lanes / 2; half != 0; half /= 2)
      for (std::size_t l = 0; l < half; ++l) x[l] += x[l + half];
    return static_cast<acc_type>(x[0]);
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
