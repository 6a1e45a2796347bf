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

/// Instead of any count or size that 64 bits cannot hold. Sums, products and shares of it stay
/// `unbounded`, so such a plan says so, and fits nowhere.
inline constexpr std::uint64_t unbounded = ~std::uint64_t{0};

namespace detail {

/// A count with exact sums and products, `unbounded` where they leave 64 bits.
struct count {
  std::uint64_t value;

  FEWBITS_INLINE friend constexpr count operator+(count a, count b) {
    return {a.value > unbounded - b.value ? unbounded : a.value + b.value};
  }
  FEWBITS_INLINE friend constexpr count operator*(count a, count b) {
    const uint128 product = static_cast<uint128>(a.value) * b.value;
    return {product > unbounded ? unbounded : static_cast<std::uint64_t>(product)};
  }
  /// The largest of `parts` shares: the quotient, rounded up.
  FEWBITS_INLINE friend constexpr count operator/(count a, count parts) {
    if (a.value == unbounded) return a;
    return {a.value / parts.value + (a.value % parts.value != 0 ? 1 : 0)};
  }
};

/// ceil(numbers * bits / 8), or `unbounded`.
FEWBITS_INLINE constexpr std::uint64_t bytes_of_bits(std::uint64_t numbers, int bits) {
  const uint128 total = (static_cast<uint128>(numbers) * static_cast<unsigned>(bits) + 7) / 8;
  return total > unbounded ? unbounded : static_cast<std::uint64_t>(total);
}

}  // namespace detail

/// Bytes of `parameters` numbers in a format, packed without gaps: ceil(parameters * bits / 8), or
/// `unbounded`.
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
  const detail::count elements{detail::bytes_of_bits(parameters, format.element_bits)};
  const detail::count overhead{detail::bytes_of_bits(blocks, format.overhead_bits)};
  const detail::count once{detail::bytes_of_bits(1, format.tensor_bits)};
  return (elements + overhead + once).value;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
