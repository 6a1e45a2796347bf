// SPDX-License-Identifier: MIT
// How many elements share one set of quantization parameters.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {

// Each granularity cuts a row of `cols` elements into stretches of `length(cols)`, the last of
// which may be short: `end(begin, cols)` is where the one from `begin` on stops, `index` its place
// among the parameters, `count` how many there are.

/// One set for the whole tensor.
struct per_tensor {
  FEWBITS_INLINE static constexpr std::size_t length(std::size_t cols) { return cols; }
  FEWBITS_INLINE static constexpr std::size_t end(std::size_t, std::size_t cols) { return cols; }
  FEWBITS_INLINE static constexpr std::size_t index(std::size_t, std::size_t, std::size_t) {
    return 0;
  }
  FEWBITS_INLINE static constexpr std::size_t count(std::size_t, std::size_t) { return 1; }
};

/// One set for each stored row: weights are stored n x k, one row an output.
struct per_row {
  FEWBITS_INLINE static constexpr std::size_t length(std::size_t cols) { return cols; }
  FEWBITS_INLINE static constexpr std::size_t end(std::size_t, std::size_t cols) { return cols; }
  FEWBITS_INLINE static constexpr std::size_t index(std::size_t row, std::size_t, std::size_t) {
    return row;
  }
  FEWBITS_INLINE static constexpr std::size_t count(std::size_t rows, std::size_t) { return rows; }
};

/// One set for each `Size` elements of a row; the last group of a row may be shorter.
template <std::size_t Size>
struct per_group {
  static_assert(Size > 0);
  FEWBITS_INLINE static constexpr std::size_t length(std::size_t) { return Size; }
  FEWBITS_INLINE static constexpr std::size_t end(std::size_t begin, std::size_t cols) {
    return cols - begin < Size ? cols : begin + Size;
  }
  FEWBITS_INLINE static constexpr std::size_t index(std::size_t row, std::size_t begin,
                                                    std::size_t cols) {
    return row * ((cols + Size - 1) / Size) + begin / Size;
  }
  FEWBITS_INLINE static constexpr std::size_t count(std::size_t rows, std::size_t cols) {
    return rows * ((cols + Size - 1) / Size);
  }
};

namespace detail {

/// Elements of a group where that does not depend on the matrix, else 0.
template <class Granularity>
inline constexpr std::size_t group_size = 0;
template <std::size_t Size>
inline constexpr std::size_t group_size<per_group<Size>> = Size;

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
