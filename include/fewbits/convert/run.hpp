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
  const std::int64_t gap = in_any_order && (src_bits < 8 || dst_bits < 8) ? 7 : 0;

  if (dst + last * dst_stride + dst_size + gap <= src ||
      src + last * src_stride + src_size + gap <= dst)
    return true;
  if (last > 0 && src_stride == dst_stride) {
    const std::int64_t shift = ((dst - src) % src_stride + src_stride) % src_stride;
    if (shift >= src_size + gap && shift + dst_size + gap <= src_stride) return true;
  }
  if (in_any_order)
    return src == dst && src_bits == dst_bits && (last == 0 || src_stride == dst_stride);
  return dst <= src && dst + dst_size <= src + src_size &&
         dst + last * dst_stride <= src + last * src_stride &&
         dst + last * dst_stride + dst_size <= src + last * src_stride + src_size;
}

/// Elements of the classes `From` and `To`, of which element i of a memory begins at bit i * FromBits or
/// i * ToBits of it: fewer than 8 for packed elements.
template <class From, int FromBits, class To, int ToBits, cast_policy Policy, isa Isa>
struct run_kernel {
  static constexpr std::size_t src_bits = FromBits, dst_bits = ToBits;
  static constexpr bool is_src_packed = FromBits < 8, is_dst_packed = ToBits < 8;
  using kernel = convert_kernel<From, To, Policy, Isa>;

  /// Elements that a buffer holds: 4 KiB of the wider ones.
  static constexpr std::size_t chunk =
      4096 / (sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To));
  static constexpr std::size_t line = 64;
  /// Elements of a task.
  static constexpr std::size_t part = 65536;

  static void run(const unsigned char* src, std::size_t src_first, unsigned char* dst,
                  std::size_t dst_first, std::size_t count) {
    if constexpr (!is_src_packed && !is_dst_packed) {
      kernel::run(src + src_first * sizeof(From), dst + dst_first * sizeof(To), count);
    } else {
      // Eight elements begin on a byte, whatever their width. After the first chunk, all chunks do.
      std::size_t room = chunk - (is_dst_packed ? dst_first : src_first) % 8;
      for (std::size_t i = 0; i < count; room = chunk) {
        const std::size_t size = count - i < room ? count - i : room;
        run_chunk(src, src_first + i, dst, dst_first + i, size);
        i += size;
      }
    }
  }

  static void run_rows(const row_pairs& pairs, std::size_t first, std::size_t last,
                       bool is_streamed) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t src_first = pairs.src_offset + i * pairs.src_stride;
      const std::size_t dst_first = pairs.dst_offset + i * pairs.dst_stride;
      if (is_streamed) {
        stream(pairs.src, src_first, pairs.dst, dst_first, pairs.cols);
      } else {
        run(pairs.src, src_first, pairs.dst, dst_first, pairs.cols);
      }
    }
    if (is_streamed) vec<Isa>::stream_fence();
  }

  template <class Executor>
  static void run_tasks(Executor& runner, const row_pairs& pairs, bool is_streamed) {
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
        run_rows(own, 0, 1, is_streamed);
      });
    } else {
      const std::size_t unit = rows_of_task(pairs);
      runner.parallel_for((pairs.rows + unit - 1) / unit, [&](std::size_t task) {
        const std::size_t begin = task * unit;
        const std::size_t rest = pairs.rows - begin;
        run_rows(pairs, begin, begin + (rest < unit ? rest : unit), is_streamed);
      });
    }
  }

 private:
  static void run_chunk(const unsigned char* src, std::size_t src_first, unsigned char* dst,
                        std::size_t dst_first, std::size_t count) {
    alignas(line) unsigned char buffer[chunk];
    if constexpr (is_src_packed) {
      packing<FromBits, Isa>::unpack(src, src_first, buffer, count);
      src = buffer;
    } else {
      src += src_first * sizeof(From);
    }
    if constexpr (is_dst_packed) {
      kernel::run(src, buffer, count);
      packing<ToBits, Isa>::pack(buffer, dst, dst_first, count);
    } else {
      kernel::run(src, dst + dst_first * sizeof(To), count);
    }
  }

  /// As `run`, with whole lines of dst written past the caches.
  static void stream(const unsigned char* src, std::size_t src_first, unsigned char* dst,
                     std::size_t dst_first, std::size_t count) {
    if (count == 0) return;
    dst += dst_first / 8 * dst_bits;
    dst_first %= 8;
    // Byte i of the buffer goes to `target` + i; element 0 of dst begins at byte `base` of it, and what
    // comes before byte `begin` is not dst's. Bits in a byte of it that are not are kept.
    alignas(line) unsigned char buffer[line + chunk * dst_bits / 8];
    std::size_t base = reinterpret_cast<std::uintptr_t>(dst) % line;
    unsigned char* target = dst - base;
    std::size_t begin = base + dst_first * dst_bits / 8;
    if constexpr (is_dst_packed) buffer[begin] = target[begin];
    for (std::size_t i = 0;;) {
      const std::size_t size = count - i < chunk - dst_first ? count - i : chunk - dst_first;
      const std::size_t bits = (dst_first + size) * dst_bits;
      const std::size_t end = base + (bits + 7) / 8;
      if constexpr (is_dst_packed)
        if (bits % 8 != 0) buffer[end - 1] = target[end - 1];
      run(src, src_first + i, buffer + base, dst_first, size);
      i += size;

      std::size_t sent = 0;
      for (; sent + line <= end; sent += line) {
        if (begin <= sent) {
          vec<Isa>::stream64(target + sent, buffer + sent);
        } else if (begin < sent + line) {
          __builtin_memcpy(target + begin, buffer + begin, sent + line - begin);
        }
      }
      begin = begin < sent ? 0 : begin - sent;
      target += sent;
      base = end - sent;
      if (i == count) {
        if (begin < base) __builtin_memcpy(target + begin, buffer + sent + begin, base - begin);
        return;
      }
      if (sent > 0) __builtin_memcpy(buffer, buffer + sent, base);
      dst_first = 0;
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

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
