// SPDX-License-Identifier: MIT
// Exact percentiles of magnitudes, by counting on the digits of their codes.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The rank of a percentile among `count` numbers, from 1: ceil(percent / 100 * count).
FEWBITS_INLINE constexpr std::uint64_t percentile_rank(double percent, std::uint64_t count) {
  const double wanted = percent * static_cast<double>(count) / 100;
  if (!(wanted > 1)) return 1;
  if (wanted >= static_cast<double>(count)) return count;
  const std::uint64_t floor = static_cast<std::uint64_t>(wanted);
  return floor + (static_cast<double>(floor) < wanted ? 1U : 0U);
}

template <isa Isa>
struct percentile_kernel {
  /// The magnitude of that rank among the finite ones; 0 where there are none. Codes order like
  /// magnitudes, so each pass finds 11, then 10, then 10 bits of it.
  static float find(const matrix_view<const float>& x, double percent) {
    FEWBITS_ASSERT(percent > 0 && percent <= 100, "percentile: %g percent", percent);
    constexpr unsigned widths[] = {11, 10, 10};
    std::uint32_t prefix = 0;
    unsigned shift = 31;
    std::uint64_t rank = 0;
    for (const unsigned width : widths) {
      std::uint64_t counts[2048] = {};
      const unsigned above = shift;
      shift -= width;
      const std::uint32_t mask = (1U << width) - 1;
      std::uint64_t finite = 0;
      for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t j = 0; j < x.cols(); ++j) {
          const std::uint32_t code = bit_cast<std::uint32_t>(x(i, j)) & 0x7fffffff;
          if (code >= 0x7f800000 || code >> above != prefix) continue;
          ++counts[code >> shift & mask];
          ++finite;
        }
      if (finite == 0) return 0;
      if (width == widths[0]) rank = percentile_rank(percent, finite);
      std::uint32_t digit = 0;
      while (rank > counts[digit]) rank -= counts[digit++];
      prefix = prefix << width | digit;
    }
    return bit_cast<float>(prefix);
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
