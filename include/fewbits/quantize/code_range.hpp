// SPDX-License-Identifier: MIT
// Which integers are codes, and how codes are stored.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/value/rounding.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Stands for `Code` without its lowest code: -127..127 for int8, -7..7 for int4, 1..255 for uint8. Then
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
  using type = typename code_range<Code>::type;
  static constexpr std::int32_t lowest = code_range<Code>::lowest + 1;
  static constexpr std::int32_t highest = code_range<Code>::highest;
  static constexpr int bits = code_range<Code>::bits;
};

template <class Code>
inline constexpr bool is_signed_code = code_range<Code>::lowest < 0;

/// Whether a row is a pointer to elements that are the bytes of the codes.
template <class Code, class Row>
inline constexpr bool has_byte_row = code_range<Code>::bits <= 8 && std::is_pointer_v<Row> &&
                                     sizeof(typename code_range<Code>::type) == 1;
/// Whether a row is a packed_span: anything else is a pointer.
template <class Row>
inline constexpr bool is_packed_row = !std::is_pointer_v<Row>;

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

template <class Range>
FEWBITS_INLINE constexpr auto code_row(Range& range) {
  if constexpr (requires { range.offset(); }) {
    return packed_span(range);
  } else {
    return range.data();
  }
}

/// Bytes with the codes in their low bits, the other bits zero, packed into elements `begin` and
/// following of `row`.
template <class Code>
FEWBITS_INLINE void pack_codes(const unsigned char* codes, const packed_span<Code>& row,
                               std::size_t begin, std::size_t count) {
  std::size_t i = 0;
  if constexpr (packed_bits<Code> == 4 || packed_bits<Code> == 2) {
    constexpr std::size_t per_byte = 8 / packed_bits<Code>;
    for (; i < count && (row.offset() + begin + i) % per_byte != 0; ++i)
      row.set(begin + i, Code::from_bits(codes[i]));
    unsigned char* const dst = row.data() + (row.offset() + begin + i) / per_byte;
    const std::size_t whole = (count - i) / per_byte;
    const unsigned char* const src = codes + i;
    for (std::size_t b = 0; b < whole; ++b) {
      if constexpr (per_byte == 2) {
        dst[b] = static_cast<unsigned char>(src[2 * b] | src[2 * b + 1] << 4);
      } else {
        dst[b] = static_cast<unsigned char>(src[4 * b] | src[4 * b + 1] << 2 | src[4 * b + 2] << 4 |
                                            src[4 * b + 3] << 6);
      }
    }
    i += whole * per_byte;
  }
  for (; i < count; ++i) row.set(begin + i, Code::from_bits(codes[i]));
}

/// The reverse: signed codes come out sign-extended to 8 bits.
template <class Code>
FEWBITS_INLINE void unpack_codes(const packed_span<const Code>& row, std::size_t begin,
                                 std::size_t count, unsigned char* codes) {
  std::size_t i = 0;
  constexpr unsigned sign = Code::format.is_signed ? 1U << (packed_bits<Code> - 1) : 0;
  if constexpr (packed_bits<Code> == 4 || packed_bits<Code> == 2) {
    constexpr std::size_t per_byte = 8 / packed_bits<Code>;
    constexpr unsigned mask = (1U << packed_bits<Code>)-1;
    for (; i < count && (row.offset() + begin + i) % per_byte != 0; ++i)
      codes[i] = static_cast<unsigned char>(static_cast<std::int32_t>(row[begin + i]));
    const unsigned char* const src = row.data() + (row.offset() + begin + i) / per_byte;
    const std::size_t whole = (count - i) / per_byte;
    unsigned char* const dst = codes + i;
    for (std::size_t b = 0; b < whole; ++b)
      for (std::size_t k = 0; k < per_byte; ++k)
        dst[per_byte * b + k] =
            static_cast<unsigned char>(((src[b] >> (k * packed_bits<Code>)&mask) ^ sign) - sign);
    i += whole * per_byte;
  }
  for (; i < count; ++i)
    codes[i] = static_cast<unsigned char>(static_cast<std::int32_t>(row[begin + i]));
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
