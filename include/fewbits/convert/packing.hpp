// SPDX-License-Identifier: MIT
// Packed codes to codes in bytes of their own, and back.
//
// Four codes of 2, 4 or 6 bits fill 8, 16 or 24 bits, one lane of `vec`, which spreads them over its
// four bytes in two steps: 5 to 9 operations for each four lanes' worth of bytes. Eight codes of any
// width fill that many bytes, which a 64-bit word spreads over its eight bytes in three steps.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/view/packed_iterator.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

inline constexpr bool is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

/// `Bytes` bytes as a number, the first byte lowest. In pieces of 1, 2, 4 or 8: a copy of 3 bytes would go
/// through memory.
template <int Bytes>
FEWBITS_INLINE std::uint64_t load_word(const unsigned char* src) {
  if constexpr ((Bytes & (Bytes - 1)) == 0) {
    uint_with_bits<8 * Bytes> piece;
    __builtin_memcpy(&piece, src, Bytes);
    return is_big_endian ? __builtin_bswap64(piece) >> (64 - 8 * Bytes) : piece;
  } else {
    constexpr int first = Bytes > 4 ? 4 : 2;
    return load_word<first>(src) | load_word<Bytes - first>(src + first) << (8 * first);
  }
}
template <int Bytes>
FEWBITS_INLINE void store_word(unsigned char* dst, std::uint64_t word) {
  if constexpr ((Bytes & (Bytes - 1)) == 0) {
    using piece_type = uint_with_bits<8 * Bytes>;
    const auto piece =
        static_cast<piece_type>(is_big_endian ? __builtin_bswap64(word) >> (64 - 8 * Bytes) : word);
    __builtin_memcpy(dst, &piece, Bytes);
  } else {
    constexpr int first = Bytes > 4 ? 4 : 2;
    store_word<first>(dst, word);
    store_word<Bytes - first>(dst + first, word >> (8 * first));
  }
}

/// `Ones` ones at the bottom of every `Period` bits.
template <int Ones, int Period>
inline constexpr std::uint64_t repeated_ones =
    (~std::uint64_t{0} >> (64 - Ones)) *
    (Period == 64 ? 1 : ~std::uint64_t{0} / ((std::uint64_t{1} << (Period % 64)) - 1));

/// Codes of `Width` bits: the field of 2 n codes at the bottom of every 2 `Half` bits becomes two
/// fields of n codes, one at the bottom of every `Half` bits; `join` is the inverse. On 64 bits.
template <int Width, int Half>
struct field_halves {
  static constexpr int bits = Width * Half / 8;  // of n codes, as a byte will hold one
  static constexpr std::uint64_t low = repeated_ones<bits, 2 * Half>;
  static constexpr std::uint64_t high_packed = low << bits;
  static constexpr std::uint64_t high_spread = low << Half;
  static constexpr int shift = Half - bits;
};

template <int Width>
FEWBITS_INLINE std::uint64_t spread_word(std::uint64_t x) {
  using first = field_halves<Width, 32>;
  using second = field_halves<Width, 16>;
  using third = field_halves<Width, 8>;
  x = (x & first::low) | (x & first::high_packed) << first::shift;
  x = (x & second::low) | (x & second::high_packed) << second::shift;
  return (x & third::low) | (x & third::high_packed) << third::shift;
}
template <int Width>
FEWBITS_INLINE std::uint64_t join_word(std::uint64_t x) {
  using first = field_halves<Width, 32>;
  using second = field_halves<Width, 16>;
  using third = field_halves<Width, 8>;
  x = (x & third::low) | (x & third::high_spread) >> third::shift;
  x = (x & second::low) | (x & second::high_spread) >> second::shift;
  return (x & first::low) | (x & first::high_spread) >> first::shift;
}

/// Runs of codes of `Width` bits, element i of a packed memory at bit i * Width of it. Packed bytes are
/// read and written where they hold a code of the run, no others; in a byte that is written, bits of
/// other codes stay.
template <int Width, isa Isa>
struct packing {
  static_assert(Width >= 1 && Width < 8);
  using ops = vec<Isa>;
  using u32 = typename ops::u32;

  static constexpr bool has_lanes = Width == 2 || Width == 4 || Width == 6;
  static constexpr std::size_t step = has_lanes ? 4 * static_cast<std::size_t>(ops::lanes) : 8;
  static constexpr std::size_t width = Width;

  /// The codes of elements first..first + count - 1 at `src` to `count` bytes at `dst`.
  FEWBITS_NOINLINE static void unpack(const unsigned char* src, std::size_t first,
                                      unsigned char* dst, std::size_t count) {
    std::size_t i = 0;
    for (; i < count && (first + i) * width % 8 != 0; ++i) dst[i] = get(src, first + i);
    src += (first + i) * width / 8;
    dst += i;
    count -= i;
    std::size_t j = 0;
    for (; j + step <= count; j += step) unpack_step(src + j * width / 8, dst + j);
    if constexpr (step > 8)
      for (; j + 8 <= count; j += 8)
        store_word<8>(dst + j, spread_word<Width>(load_word<Width>(src + j * width / 8)));
    for (; j < count; ++j) dst[j] = get(src, j);
  }

  /// The inverse. Bits of `src` above the width are ignored.
  FEWBITS_NOINLINE static void pack(const unsigned char* src, unsigned char* dst, std::size_t first,
                                    std::size_t count) {
    std::size_t i = 0;
    for (; i < count && (first + i) * width % 8 != 0; ++i) put(dst, first + i, src[i]);
    dst += (first + i) * width / 8;
    src += i;
    count -= i;
    std::size_t j = 0;
    for (; j + step <= count; j += step) pack_step(src + j, dst + j * width / 8);
    if constexpr (step > 8)
      for (; j + 8 <= count; j += 8)
        store_word<Width>(dst + j * width / 8, join_word<Width>(load_word<8>(src + j)));
    for (; j < count; ++j) put(dst, j, src[j]);
  }

 private:
  using element = basic_int<formats::unsigned_int(Width)>;

  FEWBITS_INLINE static unsigned char get(const unsigned char* src, std::size_t index) {
    return read_packed<element>(src, index).bits();
  }
  FEWBITS_INLINE static void put(unsigned char* dst, std::size_t index, unsigned char code) {
    write_packed(dst, index, element::from_bits(code));
  }

  // Lanes in the byte order of memory. Vectors exist on little-endian machines only.
  FEWBITS_INLINE static u32 in_memory_order(u32 x, [[maybe_unused]] int bytes) {
    if constexpr (is_big_endian) {
      static_assert(ops::lanes == 1);
      return __builtin_bswap32(x) >> (32 - 8 * bytes);
    } else {
      return x;
    }
  }
  FEWBITS_INLINE static u32 load(const unsigned char* src) {
    if constexpr (Width == 2) {
      return ops::load8(src);
    } else if constexpr (Width == 4) {
      return in_memory_order(ops::load16(src), 2);
    } else {
      return ops::load24(src);
    }
  }
  FEWBITS_INLINE static void store(unsigned char* dst, u32 x) {
    if constexpr (Width == 2) {
      ops::store8(dst, x);
    } else if constexpr (Width == 4) {
      ops::store16(dst, in_memory_order(x, 2));
    } else {
      ops::store24(dst, x);
    }
  }
  FEWBITS_INLINE static u32 set(std::uint64_t x) { return ops::set(static_cast<std::uint32_t>(x)); }

  template <class Halves>
  FEWBITS_INLINE static u32 spread(u32 x) {
    // Where the halves are no wider than the shift, what is shifted falls beside what is kept.
    if constexpr (Halves::bits <= Halves::shift) {
      return ops::and_(ops::or_(x, ops::template shift_left<Halves::shift>(x)),
                       set(Halves::low | Halves::high_spread));
    } else {
      return ops::or_(ops::and_(x, set(Halves::low)), ops::template shift_left<Halves::shift>(
                                                          ops::and_(x, set(Halves::high_packed))));
    }
  }
  template <class Halves>
  FEWBITS_INLINE static u32 join(u32 x) {
    return ops::or_(ops::and_(x, set(Halves::low)), ops::template shift_right<Halves::shift>(
                                                        ops::and_(x, set(Halves::high_spread))));
  }

  FEWBITS_INLINE static void unpack_step(const unsigned char* src, unsigned char* dst) {
    if constexpr (has_lanes) {
      const u32 x = spread<field_halves<Width, 8>>(spread<field_halves<Width, 16>>(load(src)));
      ops::store32(dst, in_memory_order(x, 4));
    } else {
      store_word<8>(dst, spread_word<Width>(load_word<Width>(src)));
    }
  }
  FEWBITS_INLINE static void pack_step(const unsigned char* src, unsigned char* dst) {
    if constexpr (has_lanes) {
      const u32 x = in_memory_order(ops::load32(src), 4);
      store(dst, join<field_halves<Width, 16>>(join<field_halves<Width, 8>>(x)));
    } else {
      store_word<Width>(dst, join_word<Width>(load_word<8>(src)));
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
