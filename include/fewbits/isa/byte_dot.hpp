// SPDX-License-Identifier: MIT
// `byte_dot`: dot products of bytes in vectors, exact, and in plain C++; `byte_mover`: bytes to shifted words.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Vectors of `lanes` lanes of four bytes.
///
/// | operation                | result                                                            |
/// | ------------------------ | ----------------------------------------------------------------- |
/// | add(sum, u, s)           | to each lane of sum its four products of unsigned by signed bytes |
/// | interleave(rows)         | rows[v]: lane 4 i + j becomes byte 16 i + 4 v + j of each row     |
///
/// Sums are modulo 2^32. Where the hardware has them, and kernels ask for them:
///
/// | repeat(src)              | the 16 bytes at src in every 128 bits                             |
/// | look_up(table, index)    | of each 128 bits of table, the byte that each byte below 16 names |
/// | sum_up(a, b, c, d)       | of each 128 bits, the sums of the lanes of a, of b, of c, of d    |
/// | turn(x)                  | x[i]: part j of 128 bits becomes part i of x[j]                   |
template <isa Isa>
struct byte_dot {
  static constexpr std::size_t lanes = 4;
  typedef std::uint32_t words __attribute__((vector_size(16)));
  typedef std::int32_t numbers __attribute__((vector_size(16)));
  typedef unsigned char bytes __attribute__((vector_size(16)));
  typedef std::uint16_t pairs __attribute__((vector_size(16)));

  template <int Index>
  FEWBITS_INLINE static words product(words u, words s) {
    const numbers number = detail::bit_cast<numbers>(s << (24 - 8 * Index)) >> 24;
    return (u >> (8 * Index) & 0xffU) * detail::bit_cast<words>(number);
  }
  FEWBITS_INLINE static words add(words sum, words u, words s) {
    return sum + product<0>(u, s) + product<1>(u, s) + product<2>(u, s) + product<3>(u, s);
  }

  FEWBITS_INLINE static bytes low_bytes(words x, words y) {
    return __builtin_shufflevector(detail::bit_cast<bytes>(x), detail::bit_cast<bytes>(y), 0, 16, 1,
                                   17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  FEWBITS_INLINE static bytes high_bytes(words x, words y) {
    return __builtin_shufflevector(detail::bit_cast<bytes>(x), detail::bit_cast<bytes>(y), 8, 24, 9,
                                   25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
  FEWBITS_INLINE static words low_pairs(bytes x, bytes y) {
    return detail::bit_cast<words>(__builtin_shufflevector(
        detail::bit_cast<pairs>(x), detail::bit_cast<pairs>(y), 0, 8, 1, 9, 2, 10, 3, 11));
  }
  FEWBITS_INLINE static words high_pairs(bytes x, bytes y) {
    return detail::bit_cast<words>(__builtin_shufflevector(
        detail::bit_cast<pairs>(x), detail::bit_cast<pairs>(y), 4, 12, 5, 13, 6, 14, 7, 15));
  }
  FEWBITS_INLINE static void interleave(words (&rows)[4]) {
    const bytes low01 = low_bytes(rows[0], rows[1]);
    const bytes low23 = low_bytes(rows[2], rows[3]);
    const bytes high01 = high_bytes(rows[0], rows[1]);
    const bytes high23 = high_bytes(rows[2], rows[3]);
    rows[0] = low_pairs(low01, low23);
    rows[1] = high_pairs(low01, low23);
    rows[2] = low_pairs(high01, high23);
    rows[3] = high_pairs(high01, high23);
  }
};

/// Specialised where `is_available`: `move<Shift, Kept>(src, dst)` widens as many signed bytes as fill a
/// register to 16 bits, shifts them to the left and keeps some bits. `vec` reads halves there.
template <isa Isa>
struct byte_mover {
  static constexpr bool is_available = false;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
