// SPDX-License-Identifier: MIT
// Packing: elements of any type, decoded, into the panels that micro-kernels read.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/gemm/element.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// An operand as packing sees it: lanes (rows of A, columns of B) by depth, of which one is
/// contiguous in memory and the other has a stride.
template <class Element>
struct packed_source {
  const Element* data;
  std::size_t stride;
};

/// Packs panels of `Width` lanes: element (lane, depth d) goes to
/// dst[(d / Kr * Width + lane) * Kr + d % Kr]. Lanes and depth that are missing become zero.
template <class Element, class To, std::size_t Width, std::size_t Kr, bool DepthContiguous, isa Isa>
struct panel_packer {
  using element = gemm_element<Element>;

  /// The panel of `lanes` <= Width lanes from `lane` on, over the whole depth. For integer panels the
  /// sums over the depth of what was packed go to `sums[0..Width-1]`, modulo 2^32.
  static void pack(const void* operand, std::size_t lane, std::size_t lanes, std::size_t depth,
                   To* dst, std::uint32_t* sums) {
    const auto& source = *static_cast<const packed_source<Element>*>(operand);
    if constexpr (std::is_integral_v<To>)
      for (std::size_t l = 0; l < Width; ++l) sums[l] = 0;
    if constexpr (DepthContiguous) {
      pack_along_depth(source, lane, lanes, depth, dst, sums);
    } else {
      pack_along_lanes(source, lane, lanes, depth, dst, sums);
    }
  }

 private:
  static void pack_along_lanes(const packed_source<Element>& source, std::size_t lane,
                               std::size_t lanes, std::size_t depth, To* dst, std::uint32_t* sums) {
    if constexpr (Kr == 1 && !std::is_integral_v<To>) {
      if (lanes == Width) {
        for (std::size_t d = 0; d < depth; ++d)
          element::template decode<To, Isa>(source.data + d * source.stride + lane, dst + d * Width,
                                            Width);
        return;
      }
    }
    for (std::size_t d = 0; d < depth; d += Kr, dst += Width * Kr) {
      // Room for a whole vector, though decoding writes no more than Width: g++ 12 cannot see that.
      To rows[Kr][Width < 64 ? 64 : Width];
      for (std::size_t q = 0; q < Kr; ++q) {
        const std::size_t filled = d + q < depth ? lanes : 0;
        if (filled != 0)
          element::template decode<To, Isa>(source.data + (d + q) * source.stride + lane, rows[q],
                                            filled);
        for (std::size_t l = filled; l < Width; ++l) rows[q][l] = To{};
      }
      for (std::size_t l = 0; l < Width; ++l)
        for (std::size_t q = 0; q < Kr; ++q) dst[l * Kr + q] = rows[q][l];
      if constexpr (std::is_integral_v<To>)
        for (std::size_t q = 0; q < Kr; ++q)
          for (std::size_t l = 0; l < Width; ++l)
            sums[l] += static_cast<std::uint32_t>(static_cast<std::int32_t>(rows[q][l]));
    }
  }

  /// In pieces of the depth that keep the part of the panel being written in the first-level cache.
  static void pack_along_depth(const packed_source<Element>& source, std::size_t lane,
                               std::size_t lanes, std::size_t depth, To* dst, std::uint32_t* sums) {
    constexpr std::size_t piece = 64 * Kr;
    for (std::size_t d = 0; d < depth; d += piece, dst += piece * Width) {
      const std::size_t count = depth - d < piece ? depth - d : piece;
      const std::size_t padded = (count + Kr - 1) / Kr * Kr;
      for (std::size_t l = 0; l < Width; ++l) {
        To run[piece];
        const std::size_t filled = l < lanes ? count : 0;
        if (filled != 0)
          element::template decode<To, Isa>(source.data + (lane + l) * source.stride + d, run,
                                            filled);
        for (std::size_t i = filled; i < padded; ++i) run[i] = To{};
        for (std::size_t i = 0; i < padded; i += Kr)
          __builtin_memcpy(dst + (i / Kr * Width + l) * Kr, run + i, Kr * sizeof(To));
        if constexpr (std::is_integral_v<To>)
          for (std::size_t i = 0; i < filled; ++i)
            sums[l] += static_cast<std::uint32_t>(static_cast<std::int32_t>(run[i]));
      }
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
