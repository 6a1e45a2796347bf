// SPDX-License-Identifier: MIT
// Memory as a string of bits, the low bits of a byte first: the meaning of packed elements, without
// arithmetic on codes.
#pragma once

#include <cstddef>

inline bool bit_of(const unsigned char* memory, std::size_t index) {
  return (memory[index / 8] >> (index % 8) & 1) != 0;
}

inline void set_bit(unsigned char* memory, std::size_t index, bool on) {
  const int single = 1 << (index % 8);
  memory[index / 8] =
      static_cast<unsigned char>(on ? memory[index / 8] | single : memory[index / 8] & ~single);
}

/// Copies `width` bits.
inline void copy_bits(const unsigned char* from, std::size_t from_index, unsigned char* to,
                      std::size_t to_index, std::size_t width) {
  for (std::size_t bit = 0; bit < width; ++bit)
    set_bit(to, to_index + bit, bit_of(from, from_index + bit));
}
