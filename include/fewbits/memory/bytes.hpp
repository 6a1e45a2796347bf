// SPDX-License-Identifier: MIT
// How many bytes numbers take: exact integers.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/block_format.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/format/int_format.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// 10^9 bytes. Papers and card makers count in GB, operating systems and several tools in GiB.
inline constexpr std::uint64_t gigabyte = 1'000'000'000;
/// 2^30 bytes.
inline constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

namespace detail {

/// ceil(count * bits / 8). Requires a result of less than 2^64.
FEWBITS_INLINE constexpr std::uint64_t bytes_of_bits(std::uint64_t count, int bits) {
  const uint128 total = static_cast<uint128>(count) * static_cast<unsigned>(bits);
  return static_cast<std::uint64_t>((total + 7) / 8);
}

}  // namespace detail

/// Bytes of `parameters` numbers in a format, packed without gaps: ceil(parameters * bits / 8).
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t weight_bytes(std::uint64_t parameters,
                                                                  const float_format& format) {
  return detail::bytes_of_bits(parameters, format.bits());
}
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t weight_bytes(std::uint64_t parameters,
                                                                  const int_format& format) {
  return detail::bytes_of_bits(parameters, format.bits);
}
/// The same in blocks: the elements, the overhead of each block (the last may be short) and that of
/// the tensor, each rounded up to bytes.
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t weight_bytes(std::uint64_t parameters,
                                                                  const block_format& format) {
  const std::uint64_t size = static_cast<std::uint64_t>(format.block_size);
  const std::uint64_t blocks = parameters / size + (parameters % size != 0 ? 1 : 0);
  return detail::bytes_of_bits(parameters, format.element_bits) +
         detail::bytes_of_bits(blocks, format.overhead_bits) +
         detail::bytes_of_bits(1, format.tensor_bits);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
