// SPDX-License-Identifier: MIT
// `vec<Isa>`: the vector operations that generic kernels are written in, one definition of their
// meaning and the plain C++ version, which has one lane and leaves vectorising to the compiler.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Operations on registers `u32` of `lanes` unsigned 32-bit lanes. Per lane:
///
/// | operation             | result                                                              |
/// | --------------------- | ------------------------------------------------------------------- |
/// | load8, load16, load32 | the next `lanes` elements of 8, 16, 32 bits, zero-extended          |
/// | store8, store16, store32 | the low 8, 16, 32 bits of each lane to consecutive elements      |
/// | load24, store24       | the same for groups of 3 bytes, the low byte first on any machine    |
/// | stream64(dst, src)    | copies 64 bytes past the caches; dst is a multiple of 64             |
/// | stream_fence()        | orders what stream64 wrote before any store that follows             |
/// | set(x)                | x in every lane                                                     |
/// | add, sub, and_, or_, xor_ | modulo 2^32                                                     |
/// | shift_left<n>, shift_right<n> | by a constant, 0 <= n <= 31, zeros in                       |
/// | shift_left(x, n), shift_right(x, n) | by a lane's own count, 0 <= n <= 31, zeros in         |
/// | min_, max_            | of unsigned numbers                                                 |
/// | greater(a, b), equal(a, b) | a mask; `greater` for numbers below 2^31                       |
/// | select(mask, a, b)    | a where the mask holds, else b                                      |
/// | carries(a, b)         | a mask: where a + b is 2^32 or more                                 |
/// | float_bits(x)         | the bits of the signed x as a float; exact, for |x| < 2^24                      |
///
/// With more than one lane, also arithmetic on floats, one rounding to nearest even:
///
/// | add_nearest(a, b), multiply_nearest(a, b) | the bits of a + b, of a * b                     |
/// | divide_nearest(a, b), sqrt_nearest(x) | the bits of a / b, of the square root               |
///
/// Where the hardware has them, and kernels ask for them with a requires-expression:
///
/// | multiply_pairs(a, b)  | lanes 2i and 2i + 1: low and high half of the product of lanes 2i   |
/// | swap_pairs(x)         | lanes 2i and 2i + 1 exchanged                                       |
/// | select_even(a, b)     | lanes 2i of a, lanes 2i + 1 of b                                    |
/// | unpack_low(a, b), unpack_high(a, b) | of each four lanes a's first (last) two, then b's     |
/// | all(mask)             | whether the mask holds in every lane                                |
/// | fma<mode>(a, b, c)    | as fma_nearest, under a `control_word` of the mode                  |
/// | ordered(a, b)         | whether no lane of a or b is a NaN                                  |
/// | merge(bits, a, b)     | a where a bit of `bits` is 1, else b                                |
/// | store16(dst, a, b)    | the lanes of a, then b, which are below 2^16                        |
/// | store8(dst, a, b, c, d) | the lanes of a, b, c, d, which are below 2^8                      |
/// | load_half             | the next `lanes` fp16 codes as the bits of floats                   |
/// | store_half<mode>(dst, x) | floats as fp16, under a `control_word` of the mode               |
/// | store_half_of64<mode>(dst, src) | the doubles at src as fp16, as `convert<fp16, mode>`      |
/// | store_bf16(dst, a, b) | floats as bf16, to nearest even, under a `control_word` of that     |
/// | load64<mode>          | the next doubles as floats, under a `control_word` of the mode      |
/// | load64_to_odd         | the same, rounded to odd                                            |
/// | load64_normal_to_odd  | the same of normal floats; else any subnormal, any infinity or NaN  |
/// | store64(dst, x)       | floats as doubles                                                   |
/// | fma_nearest(a, b, c)  | the bits of a * b + c, one rounding to nearest even                 |
/// | nearest_integer(x)    | the float x to nearest even; 0x80000000 for NaN and beyond int32    |
/// | load8_signed          | as load8, sign-extended                                             |
/// | lookup16(table, x)    | the number, of 16 in memory, at the low 4 bits of each lane         |
///
/// and, for codes of 8 bits, registers `words` of 2 * lanes signed 16-bit and `bytes` of 4 * lanes 8-bit
/// lanes:
///
/// | narrow(a, b)          | words of the signed lanes of a, then b, saturated                   |
/// | narrow_signed(a, b), narrow_unsigned(a, b) | bytes of the words of a, then b, saturated     |
/// | set_words(x), add_words(a, b), min_words(a, b) | x everywhere, saturated sums, minima       |
/// | has_word(a, x)        | whether a word of a is x                                            |
/// | clamp_signed(x, low, high), clamp_unsigned(x, low, high), and_bytes(x, mask) | of bytes     |
/// | store_bytes(dst, x)   | all bytes, in the order of the lanes they came from                 |
///
/// The float operations are right under a `default_control_word` only, which their kernels hold while they
/// run. No other operation depends on the floating-point environment. Loads and stores take any
/// alignment and touch exactly the bytes named.
template <isa Isa>
struct vec {
  static constexpr int lanes = 1;
  using u32 = std::uint32_t;
  using mask = bool;

  template <class Element>
  FEWBITS_INLINE static u32 load(const unsigned char* src) {
    Element element;
    __builtin_memcpy(&element, src, sizeof(Element));
    return element;
  }
  template <class Element>
  FEWBITS_INLINE static void store(unsigned char* dst, u32 x) {
    const Element element = static_cast<Element>(x);
    __builtin_memcpy(dst, &element, sizeof(Element));
  }
  FEWBITS_INLINE static u32 load8(const unsigned char* src) { return load<std::uint8_t>(src); }
  FEWBITS_INLINE static u32 load16(const unsigned char* src) { return load<std::uint16_t>(src); }
  FEWBITS_INLINE static u32 load32(const unsigned char* src) { return load<std::uint32_t>(src); }
  FEWBITS_INLINE static void store8(unsigned char* dst, u32 x) { store<std::uint8_t>(dst, x); }
  FEWBITS_INLINE static void store16(unsigned char* dst, u32 x) { store<std::uint16_t>(dst, x); }
  FEWBITS_INLINE static void store32(unsigned char* dst, u32 x) { store<std::uint32_t>(dst, x); }
  FEWBITS_INLINE static u32 load24(const unsigned char* src) {
    return static_cast<u32>(src[0]) | static_cast<u32>(src[1]) << 8 |
           static_cast<u32>(src[2]) << 16;
  }
  FEWBITS_INLINE static void store24(unsigned char* dst, u32 x) {
    dst[0] = static_cast<unsigned char>(x);
    dst[1] = static_cast<unsigned char>(x >> 8);
    dst[2] = static_cast<unsigned char>(x >> 16);
  }
  FEWBITS_INLINE static void stream64(unsigned char* dst, const unsigned char* src) {
    for (int i = 0; i < 64; i += 8) {
      long long word;
      __builtin_memcpy(&word, src + i, 8);
#if defined(__clang__)
      __builtin_nontemporal_store(word, reinterpret_cast<long long*>(dst + i));
#elif defined(__x86_64__)
      __builtin_ia32_movnti64(reinterpret_cast<long long*>(dst + i), word);
#else
      __builtin_memcpy(dst + i, &word, 8);
#endif
    }
  }
  FEWBITS_INLINE static void stream_fence() {
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
  }

  FEWBITS_INLINE static u32 set(std::uint32_t x) { return x; }
  FEWBITS_INLINE static u32 add(u32 a, u32 b) { return a + b; }
  FEWBITS_INLINE static u32 sub(u32 a, u32 b) { return a - b; }
  FEWBITS_INLINE static u32 and_(u32 a, u32 b) { return a & b; }
  FEWBITS_INLINE static u32 or_(u32 a, u32 b) { return a | b; }
  FEWBITS_INLINE static u32 xor_(u32 a, u32 b) { return a ^ b; }
  template <int Count>
  FEWBITS_INLINE static u32 shift_left(u32 x) {
    return x << Count;
  }
  template <int Count>
  FEWBITS_INLINE static u32 shift_right(u32 x) {
    return x >> Count;
  }
  FEWBITS_INLINE static u32 shift_left(u32 x, u32 count) { return x << count; }
  FEWBITS_INLINE static u32 shift_right(u32 x, u32 count) { return x >> count; }
  FEWBITS_INLINE static u32 min_(u32 a, u32 b) { return a < b ? a : b; }
  FEWBITS_INLINE static u32 max_(u32 a, u32 b) { return a > b ? a : b; }
  FEWBITS_INLINE static mask greater(u32 a, u32 b) { return a > b; }
  FEWBITS_INLINE static mask equal(u32 a, u32 b) { return a == b; }
  FEWBITS_INLINE static u32 select(mask where, u32 a, u32 b) { return where ? a : b; }
  FEWBITS_INLINE static mask carries(u32 a, u32 b) { return a > ~b; }
  FEWBITS_INLINE static u32 float_bits(u32 x) {
    return detail::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(x)));
  }
};

/// `lanes` lanes of 16 bits in a register `u16`, where the instruction set has them: the operations of
/// `vec` by the same names, on numbers below 2^15 where those take numbers below 2^31. Shifts by a lane's
/// own count, merge and fma, of fp16, as far as there are instructions. And:
///
/// | operation            | result                                                               |
/// | -------------------- | -------------------------------------------------------------------- |
/// | store8(dst, a, b)    | the lanes of a, then b, as bytes; lanes are below 2^8                |
/// | widen_low, widen_high | the first and the last lanes, fp16 codes, as the bits of floats     |
template <isa Isa>
struct vec16;

/// `lanes` lanes of 8 bits in a register `u8`, where the instruction set looks up bytes in registers.
///
/// | operation            | result                                                               |
/// | -------------------- | -------------------------------------------------------------------- |
/// | load8, store8, set, merge | as in `vec`                                                     |
/// | load_table(bytes)    | 128 bytes as a `table`; their address is a multiple of 64            |
/// | lookup(table, x)     | the entry at the low 7 bits of each lane                             |
/// | select_by_top_bit(x, a, b) | a where bit 7 of x is set, else b                              |
/// | store16(dst, low, high) | the lanes as low and high bytes of 16-bit elements                |
/// | store_upper32(dst, low, high) | the same as the upper half of 32-bit elements               |
/// | before_store16(x), before_store_upper32(x) | the order of lanes that these two expect       |
template <isa Isa>
struct vec8;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
