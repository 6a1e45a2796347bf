// SPDX-License-Identifier: MIT
// Packing: elements of any type, decoded, into the panels that micro-kernels read.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/isa/vec.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Transposes blocks of 32-bit (64-bit) units: of `count` units of each of the rows `src`, unit i of
/// row l, xor `flip`, goes to dst + (i * width + l) units. `count` is a multiple of the units in 16
/// bytes. 128-bit vectors, which every instruction set has.
template <isa Isa>
struct unit_transpose {
  using words = std::uint32_t __attribute__((vector_size(16)));
  using pairs = std::uint64_t __attribute__((vector_size(16)));

  FEWBITS_INLINE static void four_rows(const unsigned char* const (&src)[4], std::uint32_t flip,
                                       std::size_t width, std::size_t count, unsigned char* dst) {
    const words mask = {flip, flip, flip, flip};
    for (std::size_t i = 0; i < count; i += 4, dst += 16 * width) {
      words x0, x1, x2, x3;
      __builtin_memcpy(&x0, src[0] + 4 * i, 16);
      __builtin_memcpy(&x1, src[1] + 4 * i, 16);
      __builtin_memcpy(&x2, src[2] + 4 * i, 16);
      __builtin_memcpy(&x3, src[3] + 4 * i, 16);
      const words low01 = __builtin_shufflevector(x0, x1, 0, 4, 1, 5) ^ mask;
      const words low23 = __builtin_shufflevector(x2, x3, 0, 4, 1, 5) ^ mask;
      const words high01 = __builtin_shufflevector(x0, x1, 2, 6, 3, 7) ^ mask;
      const words high23 = __builtin_shufflevector(x2, x3, 2, 6, 3, 7) ^ mask;
      const words y0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      const words y1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      const words y2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      const words y3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      __builtin_memcpy(dst, &y0, 16);
      __builtin_memcpy(dst + 4 * width, &y1, 16);
      __builtin_memcpy(dst + 8 * width, &y2, 16);
      __builtin_memcpy(dst + 12 * width, &y3, 16);
    }
  }

  FEWBITS_INLINE static void two_rows(const unsigned char* const (&src)[2], std::uint32_t flip,
                                      std::size_t width, std::size_t count, unsigned char* dst) {
    const words mask = {flip, flip, flip, flip};
    for (std::size_t i = 0; i < count; i += 4, dst += 16 * width) {
      words x0, x1;
      __builtin_memcpy(&x0, src[0] + 4 * i, 16);
      __builtin_memcpy(&x1, src[1] + 4 * i, 16);
      const words low = __builtin_shufflevector(x0, x1, 0, 4, 1, 5) ^ mask;
      const words high = __builtin_shufflevector(x0, x1, 2, 6, 3, 7) ^ mask;
      const unsigned char* const low_bytes = reinterpret_cast<const unsigned char*>(&low);
      const unsigned char* const high_bytes = reinterpret_cast<const unsigned char*>(&high);
      __builtin_memcpy(dst, low_bytes, 8);
      __builtin_memcpy(dst + 4 * width, low_bytes + 8, 8);
      __builtin_memcpy(dst + 8 * width, high_bytes, 8);
      __builtin_memcpy(dst + 12 * width, high_bytes + 8, 8);
    }
  }

  FEWBITS_INLINE static void two_rows64(const unsigned char* const (&src)[2], std::size_t width,
                                        std::size_t count, unsigned char* dst) {
    for (std::size_t i = 0; i < count; i += 2, dst += 16 * width) {
      pairs x0, x1;
      __builtin_memcpy(&x0, src[0] + 8 * i, 16);
      __builtin_memcpy(&x1, src[1] + 8 * i, 16);
      const pairs y0 = __builtin_shufflevector(x0, x1, 0, 2);
      const pairs y1 = __builtin_shufflevector(x0, x1, 1, 3);
      __builtin_memcpy(dst, &y0, 16);
      __builtin_memcpy(dst + 8 * width, &y1, 16);
    }
  }
};

/// Packs rows as they are, decoded: element (lane, depth d) goes to dst[lane * row + d].
template <class Source, class To, std::size_t Width, std::size_t Kr, isa Isa>
struct row_packer {
  static void pack(const void* operand, std::size_t lane, std::size_t lanes, std::size_t begin,
                   std::size_t count, To* dst, std::size_t row, std::uint32_t* sums) {
    const auto& source = *static_cast<const Source*>(operand);
    const std::size_t padded = (count + Kr - 1) / Kr * Kr;
    for (std::size_t l = 0; l < Width; ++l, dst += row) {
      const std::size_t filled = l < lanes ? count : 0;
      if (filled != 0) source.template read<To, Isa>(lane + l, begin, dst, filled);
      for (std::size_t i = filled; i < padded; ++i) dst[i] = To{};
      if constexpr (std::is_integral_v<To>)
        if (sums != nullptr) {
          std::uint32_t sum = begin == 0 ? 0 : sums[l];
          for (std::size_t i = 0; i < filled; ++i)
            sum += static_cast<std::uint32_t>(static_cast<std::int32_t>(dst[i]));
          sums[l] = sum;
        }
    }
  }
};

/// Whole panels of FP32 that a source decodes across its rows: `run(source, row, begin, count, dst)` writes
/// dst[d * Width + lane] for the first elements, from `begin` on, of `Width` rows, and returns how many
/// of `count` these are.
template <class Source, std::size_t Width, isa Isa>
struct lane_reader;

/// Packs panels of `Width` lanes: element (lane, depth d) goes to
/// dst[(d / Kr * Width + lane) * Kr + d % Kr]. Lanes and depth that are missing become zero.
///
/// The operand is lanes (rows of A, columns of B) by depth. One of these is along the stored rows of
/// `Source`.
template <class Source, class To, std::size_t Width, std::size_t Kr, bool DepthContiguous, isa Isa>
struct panel_packer {
  /// The panel of `lanes` <= Width lanes from `lane` on, `count` deep from `begin` on, which is a multiple
  /// of Kr. For integer panels the sums over the depth of what was packed go to `sums[0..Width-1]`,
  /// modulo 2^32, unless that is null; those of later parts of the depth are added.
  static void pack(const void* operand, std::size_t lane, std::size_t lanes, std::size_t begin,
                   std::size_t count, To* dst, std::size_t, std::uint32_t* sums) {
    const auto& source = *static_cast<const Source*>(operand);
    if constexpr (std::is_integral_v<To>)
      if (sums != nullptr && begin == 0)
        for (std::size_t l = 0; l < Width; ++l) sums[l] = 0;
    if constexpr (DepthContiguous) {
      pack_along_depth(source, lane, lanes, begin, begin + count, dst, sums);
    } else {
      pack_along_lanes(source, lane, lanes, begin, begin + count, dst, sums);
    }
  }

  /// Over the whole depth.
  static void pack(const void* operand, std::size_t lane, std::size_t lanes, std::size_t depth,
                   To* dst, std::uint32_t* sums) {
    pack(operand, lane, lanes, 0, depth, dst, 0, sums);
  }

 private:
  /// Of one depth step: Kr elements of a lane.
  static constexpr std::size_t unit = Kr * sizeof(To);
  using element = typename plain_element<Source>::type;
  /// Whether decoding copies, but for the top bits of bytes.
  FEWBITS_INLINE static constexpr bool is_copy() {
    if constexpr (floating<element> && floating<To>) {
      return format_of<element> == format_of<To>;
    } else {
      return std::is_integral_v<element> && std::is_integral_v<To> && sizeof(To) == 1;
    }
  }
  /// What to xor a unit with when decoding copies.
  static constexpr std::uint32_t flip =
      is_copy() && Source::template surplus<To>() != 0 ? 0x80808080U : 0U;

  /// Whole panels of units of two 16-bit or four 8-bit elements, from rows of lanes: the elements of
  /// a unit are put together in a 32-bit lane.
  FEWBITS_INLINE static void interleave(const Source& source, std::size_t lane, std::size_t d,
                                        std::size_t end, To* dst, std::uint32_t* sums) {
    using op = vec<Isa>;
    constexpr std::size_t step = static_cast<std::size_t>(op::lanes);
    const auto mask = op::set(flip);
    for (; d < end; d += Kr, dst += Width * Kr) {
      const element* const first = source.data + d * source.stride + lane;
      const unsigned char* const src = reinterpret_cast<const unsigned char*>(first);
      const std::size_t stride = source.stride * sizeof(element);
      unsigned char* const out = reinterpret_cast<unsigned char*>(dst);
      for (std::size_t l = 0; l < Width; l += step) {
        auto x = op::set(0);
        if constexpr (sizeof(To) == 2) {
          x = op::or_(op::load16(src + 2 * l),
                      op::template shift_left<16>(op::load16(src + stride + 2 * l)));
        } else {
          const auto low =
              op::or_(op::load8(src + l), op::template shift_left<8>(op::load8(src + stride + l)));
          const auto high = op::or_(op::load8(src + 2 * stride + l),
                                    op::template shift_left<8>(op::load8(src + 3 * stride + l)));
          x = op::xor_(op::or_(low, op::template shift_left<16>(high)), mask);
        }
        op::store32(out + 4 * l, x);
        if constexpr (std::is_integral_v<To>)
          if (sums != nullptr) add_bytes(x, reinterpret_cast<unsigned char*>(sums + l));
      }
    }
  }

  /// Adds the four bytes of each lane, signed or not as `To` is, to the sums at `sums`.
  template <class Lanes>
  FEWBITS_INLINE static void add_bytes(Lanes x, unsigned char* sums) {
    using op = vec<Isa>;
    constexpr bool is_signed = std::is_signed_v<To>;
    // A signed byte is what it is with its top bit turned, less 128.
    const auto bytes = op::xor_(x, op::set(is_signed ? 0x80808080U : 0U));
    const auto every_other = op::set(0x00ff00ffU);
    const auto twos = op::add(op::and_(bytes, every_other),
                              op::and_(op::template shift_right<8>(bytes), every_other));
    const auto four = op::add(op::and_(twos, op::set(0xffffU)), op::template shift_right<16>(twos));
    const auto surplus = op::set(is_signed ? 0U - 512U : 0U);
    op::store32(sums, op::add(op::load32(sums), op::add(four, surplus)));
  }

  static void pack_along_lanes(const Source& source, std::size_t lane, std::size_t lanes,
                               std::size_t begin, std::size_t end, To* dst, std::uint32_t* sums) {
    if constexpr (Kr == 1 && !std::is_integral_v<To>) {
      if (lanes == Width) {
        for (std::size_t d = begin; d < end; ++d, dst += Width)
          source.template read<To, Isa>(d, lane, dst, Width);
        return;
      }
    }
    if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && is_copy() && unit == 4 && Kr > 1 &&
                  Width % static_cast<std::size_t>(vec<Isa>::lanes) == 0) {
      if (lanes == Width) {
        const std::size_t whole = begin + (end - begin) / Kr * Kr;
        interleave(source, lane, begin, whole, dst, sums);
        pack_rows(source, lane, lanes, whole, end, dst + (whole - begin) * Width, sums);
        return;
      }
    }
    pack_rows(source, lane, lanes, begin, end, dst, sums);
  }

  /// From `d` on, one element at a time.
  FEWBITS_INLINE static void pack_rows(const Source& source, std::size_t lane, std::size_t lanes,
                                       std::size_t d, std::size_t end, To* dst,
                                       std::uint32_t* sums) {
    for (; d < end; d += Kr, dst += Width * Kr) {
      // Room for a whole vector, though decoding writes no more than Width: g++ 12 cannot see that.
      To rows[Kr][Width < 64 ? 64 : Width];
      for (std::size_t q = 0; q < Kr; ++q) {
        const std::size_t filled = d + q < end ? lanes : 0;
        if (filled != 0) source.template read<To, Isa>(d + q, lane, rows[q], filled);
        for (std::size_t l = filled; l < Width; ++l) rows[q][l] = To{};
      }
      for (std::size_t l = 0; l < Width; ++l)
        for (std::size_t q = 0; q < Kr; ++q) dst[l * Kr + q] = rows[q][l];
      if constexpr (std::is_integral_v<To>)
        for (std::size_t q = 0; q < Kr && sums != nullptr; ++q)
          for (std::size_t l = 0; l < Width; ++l)
            sums[l] += static_cast<std::uint32_t>(static_cast<std::int32_t>(rows[q][l]));
    }
  }

  static constexpr std::size_t piece = 64 * Kr;

  /// In pieces of the depth that keep the part of the panel being written in the first-level cache.
  static void pack_along_depth(const Source& source, std::size_t lane, std::size_t lanes,
                               std::size_t d, std::size_t end, To* dst, std::uint32_t* sums) {
    if constexpr (Kr == 1 && std::is_same_v<To, float> &&
                  __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
      if constexpr (requires { sizeof(lane_reader<Source, Width, Isa>); }) {
        if (lanes == Width) {
          const std::size_t done =
              lane_reader<Source, Width, Isa>::run(source, lane, d, end - d, dst);
          d += done;
          dst += done * Width;
        }
      }
    }
    for (; d < end; d += piece, dst += piece * Width) {
      const std::size_t count = end - d < piece ? end - d : piece;
      const std::size_t padded = (count + Kr - 1) / Kr * Kr;
      const std::size_t blocked = count / block * block;
      const std::size_t grouped =
          blocked != 0 ? pack_groups(source, lane, lanes, d, blocked, dst) : 0;
      for (std::size_t l = 0; l < Width; ++l) {
        To run[piece];
        const std::size_t begin = l < grouped ? blocked : 0;
        const std::size_t filled = l < lanes && count > begin ? count - begin : 0;
        if (filled != 0) source.template read<To, Isa>(lane + l, d + begin, run, filled);
        for (std::size_t i = filled; i < padded - begin; ++i) run[i] = To{};
        for (std::size_t i = 0; i < padded - begin; i += Kr)
          __builtin_memcpy(dst + ((begin + i) / Kr * Width + l) * Kr, run + i, Kr * sizeof(To));
      }
      if constexpr (std::is_integral_v<To>)
        if (sums != nullptr) add_runs(source, lane, lanes, d, count, sums);
    }
  }

  FEWBITS_INLINE static void add_runs(const Source& source, std::size_t lane, std::size_t lanes,
                                      std::size_t d, std::size_t count, std::uint32_t* sums) {
    for (std::size_t l = 0; l < lanes; ++l) {
      To run[piece];
      source.template read<To, Isa>(lane + l, d, run, count);
      std::uint32_t sum = 0;
      for (std::size_t i = 0; i < count; ++i)
        sum += static_cast<std::uint32_t>(static_cast<std::int32_t>(run[i]));
      sums[l] += sum;
    }
  }

  /// Depth that one transposition takes.
  static constexpr std::size_t block = (unit == 4 || unit == 8) ? 16 / unit * Kr : piece + 1;

  /// Packs the first lanes, as many as make groups of four or two, and returns their number. `count` is
  /// a multiple of `block`, at most `piece`.
  FEWBITS_INLINE static std::size_t pack_groups(const Source& source, std::size_t lane,
                                                std::size_t lanes, std::size_t d, std::size_t count,
                                                To* dst) {
    std::size_t l = 0;
    if constexpr (unit == 4) {
      for (; l + 4 <= lanes; l += 4) {
        rows_of<4> rows(source, lane + l, d, count);
        unit_transpose<Isa>::four_rows(rows.bytes, flip, Width, count / Kr,
                                       reinterpret_cast<unsigned char*>(dst + l * Kr));
      }
      for (; l + 2 <= lanes; l += 2) {
        rows_of<2> rows(source, lane + l, d, count);
        unit_transpose<Isa>::two_rows(rows.bytes, flip, Width, count / Kr,
                                      reinterpret_cast<unsigned char*>(dst + l * Kr));
      }
    } else if constexpr (unit == 8) {
      if constexpr (flip == 0)
        for (; l + 2 <= lanes; l += 2) {
          rows_of<2> rows(source, lane + l, d, count);
          unit_transpose<Isa>::two_rows64(rows.bytes, Width, count / Kr,
                                          reinterpret_cast<unsigned char*>(dst + l * Kr));
        }
    }
    return l;
  }

  /// Where rows of elements are, decoded but for `flip`.
  template <std::size_t Rows>
  struct rows_of {
    const unsigned char* bytes[Rows];
    To decoded[Rows][is_copy() ? 1 : piece];

    FEWBITS_INLINE rows_of(const Source& source, std::size_t lane, std::size_t d,
                           std::size_t count) {
      for (std::size_t r = 0; r < Rows; ++r) {
        if constexpr (is_copy()) {
          bytes[r] =
              reinterpret_cast<const unsigned char*>(source.data + (lane + r) * source.stride + d);
        } else {
          source.template read<To, Isa>(lane + r, d, decoded[r], count);
          bytes[r] = reinterpret_cast<const unsigned char*>(decoded[r]);
        }
      }
    }
  };
};

/// A as micro-kernels read it best: by rows where its rows lie along the depth, else in panels.
template <class Source, class Kernel, bool IsRowMajor, isa Isa>
struct a_packer : row_packer<Source, typename Kernel::a_type, Kernel::mr, Kernel::kr, Isa> {};
template <class Source, class Kernel, isa Isa>
struct a_packer<Source, Kernel, false, Isa>
    : panel_packer<Source, typename Kernel::a_type, Kernel::mr, Kernel::kr, false, Isa> {};

/// B in panels, zeros up to a multiple of kr included.
template <class Source, class Kernel, bool IsRowMajor, isa Isa>
struct b_packer {
  using element = typename Kernel::b_type;
  using panels = panel_packer<Source, element, Kernel::nr, Kernel::b_kr, !IsRowMajor, Isa>;

  static void pack(const void* operand, std::size_t lane, std::size_t lanes, std::size_t begin,
                   std::size_t count, element* dst, std::size_t row, std::uint32_t* sums) {
    panels::pack(operand, lane, lanes, begin, count, dst, row, sums);
    if constexpr (Kernel::kr != Kernel::b_kr) {
      const std::size_t packed = (count + Kernel::b_kr - 1) / Kernel::b_kr * Kernel::b_kr;
      const std::size_t padded = (count + Kernel::kr - 1) / Kernel::kr * Kernel::kr;
      for (std::size_t i = packed * Kernel::nr; i < padded * Kernel::nr; ++i) dst[i] = element{};
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
