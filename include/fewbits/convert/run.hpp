// SPDX-License-Identifier: MIT
// The conversion of runs and rows of elements, packed or not, by kernels for elements in bytes of their
// own: packed sides go through a buffer in the first-level cache, and so do non-temporal stores.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/kernel.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/value/number.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Element>
struct class_of_element {
  using type = Element;
};
template <floating Element>
struct class_of_element<Element> {
  using type = basic_float<format_of<Element>>;
};
/// The type by which kernels know an element: `fp32` for `float`; integers have no other.
template <class Element>
using as_class = typename class_of_element<Element>::type;

/// `count` elements at `src` converted to `dst`.
template <cast_policy Policy, isa Isa, number From, number To>
FEWBITS_INLINE void convert_run(const From* src, To* dst, std::size_t count) {
  convert_kernel<as_class<From>, as_class<To>, Policy, Isa>::run(
      reinterpret_cast<const unsigned char*>(src), reinterpret_cast<unsigned char*>(dst), count);
}

/// Rows of elements at both sides. Element j of row i is element offset + i * stride + j of the memory.
struct row_pairs {
  const unsigned char* src;
  std::size_t src_offset, src_stride;
  unsigned char* dst;
  std::size_t dst_offset, dst_stride;
  std::size_t rows, cols;
};

/// Whether rows converted one after the other, each from its first element on, are all read before they
/// are written over. A row is, if it neither begins nor ends after its source: the distance from what
/// is written next to what is read next is linear in their number and at both ends not negative.
/// Rows after it begin where its source ends or later, so that they are too. Bits count, not bytes:
/// what shares a byte with a packed element keeps its bits.
///
/// Tasks in any order must not meet at all, not in a byte either, unless each has its elements
/// where their sources are.
FEWBITS_INLINE constexpr bool is_overlap_defined(const row_pairs& pairs, std::int64_t distance,
                                                 std::int64_t src_bits, std::int64_t dst_bits,
                                                 bool in_any_order) {
  if (pairs.rows == 0 || pairs.cols == 0) return true;
  const std::int64_t last = static_cast<std::int64_t>(pairs.rows) - 1;
  const std::int64_t src_stride = static_cast<std::int64_t>(pairs.src_stride) * src_bits;
  const std::int64_t dst_stride = static_cast<std::int64_t>(pairs.dst_stride) * dst_bits;
  const std::int64_t src_size = static_cast<std::int64_t>(pairs.cols) * src_bits;
  const std::int64_t dst_size = static_cast<std::int64_t>(pairs.cols) * dst_bits;
  const std::int64_t src = static_cast<std::int64_t>(pairs.src_offset) * src_bits;
  const std::int64_t dst = static_cast<std::int64_t>(pairs.dst_offset) * dst_bits + 8 * distance;
  // Tasks share no byte: beginnings are rounded down and ends up to whole ones.
  const std::int64_t slack = in_any_order ? 7 : 0;

  if (((dst + last * dst_stride + dst_size + slack) & ~slack) <= (src & ~slack) ||
      ((src + last * src_stride + src_size + slack) & ~slack) <= (dst & ~slack))
    return true;
  if (last > 0 && src_stride == dst_stride) {
    const std::int64_t shift = ((dst - src) % src_stride + src_stride) % src_stride;
    if (slack == 0 || src_stride % 8 == 0) {
      const std::int64_t first = src & slack;
      if (((first + src_size + slack) & ~slack) <= ((first + shift) & ~slack) &&
          ((first + shift + dst_size + slack) & ~slack) <= src_stride)
        return true;
    } else if (shift >= src_size + slack && shift + dst_size + slack <= src_stride) {
      return true;
    }
  }
  if (in_any_order)
    return src == dst && src_bits == dst_bits && (last == 0 || src_stride == dst_stride);
  return dst <= src && dst + dst_size <= src + src_size &&
         dst + last * dst_stride <= src + last * src_stride &&
         dst + last * dst_stride + dst_size <= src + last * src_stride + src_size;
}

/// A conversion of `count` elements in bytes of their own, the first of which has this index.
template <class From, class To, cast_policy Policy, isa Isa>
struct plain_conversion {
  FEWBITS_INLINE void operator()(const unsigned char* src, unsigned char* dst, std::size_t count,
                                 std::uint64_t) const {
    convert_kernel<From, To, Policy, Isa>::run(src, dst, count);
  }
};

/// Elements of the classes `From` and `To`, of which element i of a memory begins at bit i * FromBits or
/// i * ToBits of it: fewer than 8 for packed elements.
template <class From, int FromBits, class To, int ToBits, class Conversion, isa Isa>
struct element_runs {
  static constexpr std::size_t src_bits = FromBits, dst_bits = ToBits;
  static constexpr bool is_src_packed = FromBits < 8, is_dst_packed = ToBits < 8;

  /// Elements that are converted at once through a buffer of codes.
  static constexpr std::size_t chunk = 4096;
  /// Elements that fill a few lines of dst: the fewer, the better do its stores and the loads from src
  /// overlap.
  static constexpr std::size_t streamed_chunk = ToBits > 8 ? 256 : ToBits > 4 ? 512 : 1024;
  static constexpr std::size_t line = 64;
  /// Elements of a task.
  static constexpr std::size_t part = 65536;

  static void run(const unsigned char* src, std::size_t src_first, unsigned char* dst,
                  std::size_t dst_first, std::size_t count, const Conversion& conversion = {},
                  std::uint64_t index = 0) {
    if constexpr (!is_src_packed && !is_dst_packed) {
      conversion(src + src_first * sizeof(From), dst + dst_first * sizeof(To), count, index);
    } else {
      // Eight packed elements begin on a byte, whatever their width: after the first chunk of dst, all
      // do. Chunks of other elements are as well aligned as dst is.
      std::size_t room = is_dst_packed ? chunk - dst_first % 8 : chunk;
      for (std::size_t i = 0; i < count; room = chunk) {
        const std::size_t size = count - i < room ? count - i : room;
        run_chunk(src, src_first + i, dst, dst_first + i, size, conversion, index + i);
        i += size;
      }
    }
  }

  /// Elements count on from row to row, from `index` in row 0 on.
  static void run_rows(const row_pairs& pairs, std::size_t first, std::size_t last,
                       bool is_streamed, const Conversion& conversion, std::uint64_t index = 0) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t src_first = pairs.src_offset + i * pairs.src_stride;
      const std::size_t dst_first = pairs.dst_offset + i * pairs.dst_stride;
      const std::uint64_t its_index = index + i * pairs.cols;
      if (is_streamed) {
        stream(pairs.src, src_first, pairs.dst, dst_first, pairs.cols, conversion, its_index);
      } else {
        run(pairs.src, src_first, pairs.dst, dst_first, pairs.cols, conversion, its_index);
      }
    }
    if (is_streamed) vec<Isa>::stream_fence();
  }

  template <class Executor>
  static void run_tasks(Executor& runner, const row_pairs& pairs, bool is_streamed,
                        const Conversion& conversion) {
    if (pairs.rows == 0 || pairs.cols == 0) return;
    if (pairs.rows == 1) {
      // Tasks meet where eight elements of dst begin, so that they share no byte.
      const std::size_t skip = pairs.dst_offset % 64;
      runner.parallel_for((skip + pairs.cols + part - 1) / part, [&](std::size_t task) {
        const std::size_t begin = task == 0 ? 0 : task * part - skip;
        const std::size_t end = (task + 1) * part - skip;
        const row_pairs own{pairs.src,
                            pairs.src_offset + begin,
                            0,
                            pairs.dst,
                            pairs.dst_offset + begin,
                            0,
                            1,
                            (end < pairs.cols ? end : pairs.cols) - begin};
        run_rows(own, 0, 1, is_streamed, conversion, begin);
      });
    } else {
      const std::size_t unit = rows_of_task(pairs);
      runner.parallel_for((pairs.rows + unit - 1) / unit, [&](std::size_t task) {
        const std::size_t begin = task * unit;
        const std::size_t rest = pairs.rows - begin;
        run_rows(pairs, begin, begin + (rest < unit ? rest : unit), is_streamed, conversion);
      });
    }
  }

 private:
  static void run_chunk(const unsigned char* src, std::size_t src_first, unsigned char* dst,
                        std::size_t dst_first, std::size_t count, const Conversion& conversion,
                        std::uint64_t index) {
    alignas(line) unsigned char buffer[chunk];
    if constexpr (is_src_packed) {
      packing<FromBits, Isa>::unpack(src, src_first, buffer, count);
      src = buffer;
    } else {
      src += src_first * sizeof(From);
    }
    if constexpr (is_dst_packed) {
      conversion(src, buffer, count, index);
      packing<ToBits, Isa>::pack(buffer, dst, dst_first, count);
    } else {
      conversion(src, dst + dst_first * sizeof(To), count, index);
    }
  }

  /// The first element, from dst_first on, that begins a line; 512 if none does, as with
  /// misaligned elements.
  static std::size_t elements_before_line(const unsigned char* dst, std::size_t dst_first) {
    const std::size_t first_bit =
        reinterpret_cast<std::uintptr_t>(dst) % line * 8 + dst_first * dst_bits;
    std::size_t i = 0;
    while (i < 8 * line && (first_bit + i * dst_bits) % (8 * line) != 0) ++i;
    return i;
  }

  /// As `run`, with whole lines of dst written past the caches. The two buffers take turns: a line is
  /// sent a chunk after it was computed, so that its bytes need not be waited for; stores reach the
  /// cache in order, behind those under way to memory. Meanwhile what is read next is fetched.
  static void stream(const unsigned char* src, std::size_t src_first, unsigned char* dst,
                     std::size_t dst_first, std::size_t count, const Conversion& conversion,
                     std::uint64_t index) {
    constexpr std::size_t bytes = streamed_chunk * dst_bits / 8;
    // Short rows need not look for their first line.
    const std::size_t head =
        count < streamed_chunk ? 8 * line : elements_before_line(dst, dst_first);
    if (head == 8 * line || count < head + streamed_chunk) {
      run(src, src_first, dst, dst_first, count, conversion, index);
      return;
    }
    run(src, src_first, dst, dst_first, head, conversion, index);
    alignas(line) unsigned char buffers[2][bytes];
    unsigned char* target = dst + (dst_first + head) * dst_bits / 8;
    std::size_t turn = 0, i = head;
    run(src, src_first + i, buffers[0], 0, streamed_chunk, conversion, index + i);
    for (i += streamed_chunk; i + streamed_chunk <= count; i += streamed_chunk) {
      turn ^= 1;
      run(src, src_first + i, buffers[turn], 0, streamed_chunk, conversion, index + i);
      send<bytes>(buffers[turn ^ 1], target,
                  reinterpret_cast<std::uintptr_t>(src) +
                      (src_first + i + 2 * streamed_chunk) * src_bits / 8);
      target += bytes;
    }
    send<bytes>(buffers[turn], target, reinterpret_cast<std::uintptr_t>(src));
    run(src, src_first + i, dst, dst_first + i, count - i, conversion, index + i);
  }

  template <std::size_t Bytes>
  static void send(const unsigned char* buffer, unsigned char* dst, std::uintptr_t next) {
    constexpr std::size_t fetched = streamed_chunk * src_bits / 8;
    for (std::size_t i = 0; i < Bytes; i += line) {
      vec<Isa>::stream64(dst + i, buffer + i);
      constexpr std::size_t step = fetched * line / Bytes;
      for (std::size_t j = 0; j < step; j += line)
        __builtin_prefetch(reinterpret_cast<const void*>(next + i / line * step + j));
    }
  }

  /// Rows whose elements fill about one part. Tasks share no byte of packed rows: the gap after a row
  /// spans one, or every eighth row begins on one, or one task does all.
  static std::size_t rows_of_task(const row_pairs& pairs) {
    std::size_t unit = 1;
    if constexpr (is_dst_packed) {
      if ((pairs.dst_stride - pairs.cols) * dst_bits < 7) {
        if (pairs.dst_offset % 8 != 0) return pairs.rows;
        unit = 8;
      }
    }
    const std::size_t units = part / (unit * pairs.cols);
    return unit * (units == 0 ? 1 : units);
  }
};

template <class From, int FromBits, class To, int ToBits, cast_policy Policy, isa Isa>
using run_kernel =
    element_runs<From, FromBits, To, ToBits, plain_conversion<From, To, Policy, Isa>, Isa>;

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
