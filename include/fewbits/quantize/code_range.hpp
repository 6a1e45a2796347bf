// SPDX-License-Identifier: MIT
// Which integers are codes, and how codes are stored.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/value/rounding.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Stands for the signed `Code` without its lowest code: -127..127 for int8, -7..7 for int4. Then
/// -x has a code when x has one, and products of codes have room. Codes are stored as `Code`:
/// `affine<restricted<int8>, per_row>` goes with a `matrix_view<int8>`.
template <class Code>
struct restricted;

namespace detail {

/// The class that stores the codes, and their range. Codes of no more than 8 bits are bytes to the
/// kernels, of the integers modulo 256.
template <class Code>
struct code_range {
  using type = Code;
  static constexpr std::int32_t lowest = static_cast<std::int32_t>(Code::format.min_code());
  static constexpr std::int32_t highest = static_cast<std::int32_t>(Code::format.max_code());
  static constexpr int bits = Code::format.bits;
  static_assert(bits <= 16, "fewbits: codes of at most 16 bits");
};
template <>
struct code_range<std::int8_t> {
  using type = std::int8_t;
  static constexpr std::int32_t lowest = -128, highest = 127;
  static constexpr int bits = 8;
};
template <>
struct code_range<std::uint8_t> {
  using type = std::uint8_t;
  static constexpr std::int32_t lowest = 0, highest = 255;
  static constexpr int bits = 8;
};
template <class Code>
struct code_range<restricted<Code>> {
  static_assert(code_range<Code>::lowest < 0, "fewbits: restricted codes are signed");
  using type = typename code_range<Code>::type;
  static constexpr std::int32_t lowest = code_range<Code>::lowest + 1;
  static constexpr std::int32_t highest = code_range<Code>::highest;
  static constexpr int bits = code_range<Code>::bits;
};

/// Float codes have no zero point.
template <class Code>
  requires is_basic_float<Code>
struct code_range<Code> {
  using type = Code;
  static constexpr std::int32_t lowest = 0, highest = 0;
  static constexpr int bits = Code::format.bits();
};

template <class Code>
inline constexpr bool is_signed_code = code_range<Code>::lowest < 0;

/// Rows of codes are pointers, or packed_spans.
template <class Row>
inline constexpr bool is_packed_row = !std::is_pointer_v<Row>;

/// Whether the bytes of a row are the codes of its elements.
template <class Code, class Row>
inline constexpr bool has_byte_row =
    code_range<Code>::bits == 8 || (code_range<Code>::bits < 8 && !is_packed_row<Row>);
template <class Row>
FEWBITS_INLINE auto byte_row(const Row& row) {
  if constexpr (is_packed_row<Row>) {
    return row.data() + row.offset();
  } else if constexpr (std::is_const_v<std::remove_pointer_t<Row>>) {
    return reinterpret_cast<const unsigned char*>(row);
  } else {
    return reinterpret_cast<unsigned char*>(row);
  }
}

// A row of codes is a pointer where a code has memory of its own, else a packed_span.
template <class Code>
FEWBITS_INLINE constexpr void put_code(Code* row, std::size_t j, std::int32_t code) {
  if constexpr (std::is_integral_v<Code>) {
    row[j] = static_cast<Code>(code);
  } else {
    row[j] = Code::from_code(code);
  }
}
template <class Code>
FEWBITS_INLINE constexpr void put_code(const packed_span<Code>& row, std::size_t j,
                                       std::int32_t code) {
  row.set(j, Code::from_code(code));
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
