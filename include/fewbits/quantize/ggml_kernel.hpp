// SPDX-License-Identifier: MIT
// `ggml_kernel`: blocks of 32 numbers as ggml stores them, bit for bit as its C code encodes them.
//
// Operations on floats round as they are written in C, one by one (a compiler that fuses a product with a
// sum gives other codes near ties). Where the C code is undefined, or stores an infinity, the rules
// are those that the types in ggml.hpp state.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/block_kernel.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/value_range.hpp>
#include <fewbits/value/basic_float.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The block formats of ggml: 32 numbers, element j in the low nibble of byte j and j + 16 in the high
/// one, or one to a byte.
///
/// | format | bytes                 | value                 | scale                             | code                              |
/// | ------ | --------------------- | --------------------- | --------------------------------- | --------------------------------- |
/// | q4_0   | FP16 d, 16            | (q - 8) * d           | (first x of largest size) / -8    | trunc(x * (1 / d) + 8.5), <= 15   |
/// | q4_1   | FP16 d, FP16 m, 16    | q * d + m             | m = min, d = (max - min) / 15     | trunc((x - m) * (1 / d) + 0.5)    |
/// | q8_0   | FP16 d, 32            | q * d                 | amax / 127                        | nearest to x * (1 / d), away      |
/// | mx_fp4 | E8M0 byte, 16         | FP4 E2M1 * 2^(e - 127) | floor(log2f(amax)) - 2 + 127     | nearest, ties to the smaller, no -0 |
///
/// Codes come from the FP32 scale, before it is rounded to FP16.
enum class ggml_format : unsigned char { q4_0, q4_1, q8_0, mx_fp4 };

/// Bytes of a block of 32.
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t block_bytes(ggml_format format) {
  switch (format) {
    case ggml_format::q4_0:
      return 18;
    case ggml_format::q4_1:
      return 20;
    case ggml_format::q8_0:
      return 34;
    default:
      return 17;
  }
}

namespace detail {

inline constexpr std::uint32_t fp32_largest = 0x7f7fffff;
inline constexpr std::uint32_t fp32_sign = 0x80000000;

FEWBITS_INLINE constexpr fp16 ggml_half(const unsigned char* src) {
  return fp16::from_bits(static_cast<std::uint16_t>(src[0] | src[1] << 8));
}
FEWBITS_INLINE constexpr void put_ggml_half(unsigned char* dst, fp16 x) {
  dst[0] = static_cast<unsigned char>(x.bits());
  dst[1] = static_cast<unsigned char>(x.bits() >> 8);
}

/// The scale of a block, rounded to FP16 but never to an infinity, and what to multiply with.
struct ggml_scale {
  fp16 half;
  std::uint32_t reciprocal;  // 0 where it would be infinite: FP16 has 0 then as well
};
FEWBITS_INLINE fp16 finite_half(std::uint32_t x) {
  return convert<fp16, saturating>(fp32::from_bits(x));
}
/// x, or the largest FP16 number with its sign where FP16 would round x to infinity.
FEWBITS_INLINE std::uint32_t limited_to_half(std::uint32_t x) {
  return (x & ~fp32_sign) >= 0x477ff000 ? 0x477fe000 | (x & fp32_sign) : x;
}
FEWBITS_INLINE ggml_scale ggml_scale_of(std::uint32_t full) {
  const std::uint32_t kept = limited_to_half(full);
  std::uint32_t reciprocal = 0;
  if ((full & ~fp32_sign) != 0) reciprocal = one_float::divide_floats(0x3f800000, kept);
  if ((reciprocal & ~fp32_sign) >= fp32_infinity) reciprocal = 0;
  return {finite_half(kept), reciprocal};
}

/// floor(log2f(x)) with a correctly rounded log2f, which is one too many just below a power of two. For
/// x = 2^k (1 - j 2^-24), log2f rounds to k if j < h ln 2, where h 2^-24 is half the distance from k
/// to the float before it.
FEWBITS_INLINE constexpr int floor_log2f(std::uint32_t x) {
  if (x < 0x800000) return -127;  // or less, which is beyond the scales
  const int k = static_cast<int>(x >> 23) - 126;
  const std::uint32_t below = 0x1000000 - ((x & 0x7fffff) | 0x800000);
  const unsigned size = static_cast<unsigned>(k < 0 ? -k : k);
  if (size < 2) return k - 1;
  const unsigned step = 1U << (31 - __builtin_clz(size));
  const unsigned half = k > 0 && (size & (size - 1)) == 0 ? step / 2 : step;
  return below <= half * 45426 >> 16 ? k : k - 1;
}

template <ggml_format Format, isa Isa>
struct ggml_kernel {
  using ops = float_lanes<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr std::size_t size = 32;
  static_assert(size % lanes == 0);

  FEWBITS_INLINE static u32 load(const float* x) {
    return ops::load32(reinterpret_cast<const unsigned char*>(x));
  }
  /// NaN as 0, infinities as the largest float.
  FEWBITS_INLINE static u32 load_finite(const float* x) {
    const u32 bits = load(x);
    const u32 magnitude = ops::and_(bits, ops::set(~fp32_sign));
    const u32 sign = ops::xor_(bits, magnitude);
    const u32 finite = ops::or_(ops::min_(magnitude, ops::set(fp32_largest)), sign);
    return ops::select(ops::greater(magnitude, ops::set(fp32_infinity)), ops::set(0), finite);
  }
  FEWBITS_INLINE static std::uint32_t bits_of(const float* x) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, x, sizeof(bits));
    return bits;
  }
  FEWBITS_INLINE static std::uint32_t amax_of(const float* x) {
    u32 largest = ops::set(0);
    for (std::size_t i = 0; i < size; i += lanes)
      largest =
          ops::max_(largest, range_kernel<Isa>::magnitude(range_kernel<Isa>::finite(load(x + i))));
    return ops::max_of_lanes(largest);
  }
  /// The first element of a magnitude.
  FEWBITS_INLINE static std::uint32_t first_of(const float* x, std::uint32_t magnitude) {
    for (std::size_t i = 0; i < size; ++i)
      if ((bits_of(x + i) & ~fp32_sign) == magnitude) return bits_of(x + i);
    return 0;
  }

  /// trunc(x) of a float below 16, 0 where it is negative.
  FEWBITS_INLINE static u32 truncated(u32 x) {
    const u32 positive = ops::select(ops::equal(ops::and_(x, ops::set(fp32_sign)), ops::set(0)),
                                     ops::min_(x, ops::set(0x41780000)), ops::set(0));
    const u32 field = ops::template shift_right<23>(positive);
    const u32 significand = ops::or_(ops::and_(positive, ops::set(0x7fffff)), ops::set(0x800000));
    return ops::shift_right(significand, ops::min_(ops::sub(ops::set(150), field), ops::set(31)));
  }
  /// The integer nearest to x, ties away from zero, from -127 to 127, in the low 8 bits.
  FEWBITS_INLINE static u32 rounded_away(u32 x) {
    const u32 magnitude = ops::min_(ops::and_(x, ops::set(~fp32_sign)), ops::set(0x42fe0000));
    const u32 sign = ops::and_(x, ops::set(fp32_sign));
    const u32 significand = ops::or_(ops::and_(magnitude, ops::set(0x7fffff)), ops::set(0x800000));
    const u32 drop =
        ops::min_(ops::sub(ops::set(150), ops::template shift_right<23>(magnitude)), ops::set(25));
    const u32 half = ops::template shift_right<1>(ops::shift_left(ops::set(1), drop));
    const u32 code = ops::shift_right(ops::add(significand, half), drop);
    return ops::and_(ops::select(ops::equal(sign, ops::set(0)), code, ops::sub(ops::set(0), code)),
                     ops::set(0xff));
  }
  /// FP4 E2M1, ties to the smaller magnitude: how many midpoints lie below.
  FEWBITS_INLINE static u32 nearest_fp4(u32 x, std::uint32_t largest) {
    constexpr std::uint32_t midpoints[] = {0x3e800000, 0x3f400000, 0x3fa00000, 0x3fe00000,
                                           0x40200000, 0x40600000, 0x40a00000};
    const u32 magnitude = ops::and_(x, ops::set(~fp32_sign));
    const u32 sign = ops::template shift_right<28>(ops::and_(x, ops::set(fp32_sign)));
    u32 code = ops::set(0);
    for (std::uint32_t midpoint : midpoints)
      code = ops::add(
          code, ops::select(ops::greater(magnitude, ops::set(midpoint)), ops::set(1), ops::set(0)));
    code = ops::min_(code, ops::set(largest));
    return ops::select(ops::equal(code, ops::set(0)), code, ops::or_(code, sign));
  }

  FEWBITS_INLINE static void put_nibbles(unsigned char* dst, const unsigned char* codes) {
    for (std::size_t j = 0; j < 16; ++j)
      dst[j] = static_cast<unsigned char>(codes[j] | codes[j + 16] << 4);
  }

  FEWBITS_INLINE static void encode_block(const float* x, unsigned char* dst) {
    unsigned char codes[size];
    if constexpr (Format == ggml_format::q4_0) {
      const std::uint32_t amax = amax_of(x);
      const std::uint32_t top = amax == 0 ? 0 : first_of(x, amax);
      const ggml_scale d = ggml_scale_of(one_float::multiply_floats(top, 0xbe000000));
      for (std::size_t i = 0; i < size; i += lanes) {
        const u32 quotient = ops::multiply_floats(load_finite(x + i), ops::set(d.reciprocal));
        ops::store8(codes + i, truncated(ops::add_floats(quotient, ops::set(0x41080000))));
      }
      put_ggml_half(dst, d.half);
      put_nibbles(dst + 2, codes);
    } else if constexpr (Format == ggml_format::q4_1) {
      encode_q4_1(x, dst, codes);
    } else if constexpr (Format == ggml_format::q8_0) {
      const ggml_scale d = ggml_scale_of(one_float::divide_floats(amax_of(x), 0x42fe0000));
      for (std::size_t i = 0; i < size; i += lanes)
        ops::store8(codes + i,
                    rounded_away(ops::multiply_floats(load_finite(x + i), ops::set(d.reciprocal))));
      put_ggml_half(dst, d.half);
      __builtin_memcpy(dst + 2, codes, size);
    } else {
      const std::uint32_t amax = amax_of(x);
      const int e = amax == 0 ? 0 : floor_log2f(amax) - 2 + 127;
      const int kept = e < 0 ? 0 : e;
      const u32 factor = ops::set(power_of_two_bits(127 - kept));
      // At the top the C code compares with 4 and 6 times the scale as infinities.
      const std::uint32_t largest = kept == 253 ? 5 : 7;
      for (std::size_t i = 0; i < size; i += lanes)
        ops::store8(codes + i,
                    nearest_fp4(ops::multiply_floats(load_finite(x + i), factor), largest));
      dst[0] = static_cast<unsigned char>(kept);
      put_nibbles(dst + 1, codes);
    }
  }

  FEWBITS_INLINE static void encode_q4_1(const float* x, unsigned char* dst, unsigned char* codes) {
    const value_range range = range_kernel<Isa>::ends(x, size);
    std::uint32_t low = bit_cast<std::uint32_t>(range.low);
    // Of zeros of both signs the first one counts.
    if ((low & ~fp32_sign) == 0) low = first_of(x, 0);
    low = limited_to_half(low);
    const std::uint32_t width =
        one_float::add_floats(bit_cast<std::uint32_t>(range.high), low ^ fp32_sign);
    const ggml_scale d = ggml_scale_of(one_float::divide_floats(width, 0x41700000));
    for (std::size_t i = 0; i < size; i += lanes) {
      const u32 above = ops::add_floats(load_finite(x + i), ops::set(low ^ fp32_sign));
      const u32 quotient = ops::multiply_floats(above, ops::set(d.reciprocal));
      ops::store8(codes + i, truncated(ops::add_floats(quotient, ops::set(0x3f000000))));
    }
    put_ggml_half(dst, d.half);
    put_ggml_half(dst + 2, finite_half(low));
    put_nibbles(dst + 4, codes);
  }
  FEWBITS_INLINE static std::uint32_t get_half(const unsigned char* src) {
    return fewbits::convert<fp32>(ggml_half(src)).bits();
  }
  /// Codes, as floats' bits, times d plus m; d and m finite or not.
  FEWBITS_INLINE static void scale_codes(const float* values, std::uint32_t d, std::uint32_t m,
                                         float* dst) {
    for (std::size_t i = 0; i < size; i += lanes) {
      u32 x = ops::multiply_floats(load(values + i), ops::set(d));
      if constexpr (Format == ggml_format::q4_1) x = ops::add_floats(x, ops::set(m));
      // One NaN on every machine.
      x = ops::select(ops::greater(ops::and_(x, ops::set(~fp32_sign)), ops::set(fp32_infinity)),
                      ops::set(fp32_nan), x);
      ops::store32(reinterpret_cast<unsigned char*>(dst + i), x);
    }
  }

  FEWBITS_INLINE static void decode_block(const unsigned char* src, float* dst) {
    constexpr float fp4[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6, 0, -0.5F, -1, -1.5F, -2, -3, -4, -6};
    float values[size];
    if constexpr (Format == ggml_format::q8_0) {
      for (std::size_t j = 0; j < size; ++j)
        values[j] = static_cast<float>(static_cast<std::int8_t>(src[j + 2]));
      scale_codes(values, get_half(src), 0, dst);
    } else {
      constexpr std::size_t header = block_bytes(Format) - 16;
      for (std::size_t j = 0; j < 16; ++j) {
        const unsigned low = src[header + j] & 15U, high = src[header + j] >> 4;
        if constexpr (Format == ggml_format::mx_fp4) {
          values[j] = 2 * fp4[low];
          values[j + 16] = 2 * fp4[high];
        } else {
          constexpr int zero = Format == ggml_format::q4_0 ? 8 : 0;
          values[j] = static_cast<float>(static_cast<int>(low) - zero);
          values[j + 16] = static_cast<float>(static_cast<int>(high) - zero);
        }
      }
      if constexpr (Format == ggml_format::mx_fp4) {
        scale_codes(values, power_of_two_bits(static_cast<int>(src[0]) - 128), 0, dst);
      } else {
        scale_codes(values, get_half(src), Format == ggml_format::q4_1 ? get_half(src + 2) : 0,
                    dst);
      }
    }
  }

  FEWBITS_INLINE static bool encode_four(const float* src, unsigned char* dst) {
    using group = block_lanes<Isa>;
    if constexpr (Format == ggml_format::q4_0) return group::encode_q4_0(src, dst);
    if constexpr (Format == ggml_format::q8_0) return group::encode_q8_0(src, dst);
    if constexpr (Format == ggml_format::mx_fp4) return group::encode_ggml_fp4(src, dst);
  }
  FEWBITS_INLINE static bool decode_four(const unsigned char* src, float* dst) {
    using group = block_lanes<Isa>;
    if constexpr (Format == ggml_format::q4_0) return group::decode_q4_0(src, dst);
    if constexpr (Format == ggml_format::q8_0) return group::decode_q8_0(src, dst);
    if constexpr (Format == ggml_format::mx_fp4) return group::decode_ggml_fp4(src, dst);
  }

  static void encode(const float* src, std::size_t count, unsigned char* dst) {
    const default_control_word<Isa> control_word;
    if constexpr (block_lanes<Isa>::is_available && Format != ggml_format::q4_1)
      for (; count >= 4 * size; count -= 4 * size, src += 4 * size, dst += 4 * block_bytes(Format))
        if (!encode_four(src, dst))
          for (std::size_t i = 0; i < 4; ++i)
            encode_block(src + i * size, dst + i * block_bytes(Format));
    for (; count >= size; count -= size, src += size, dst += block_bytes(Format))
      encode_block(src, dst);
    if (count == 0) return;
    // Of the missing elements neither range nor largest magnitude may depend.
    float block[size];
    for (std::size_t i = 0; i < size; ++i) block[i] = i < count ? src[i] : src[0];
    if constexpr (Format != ggml_format::q4_1)
      for (std::size_t i = count; i < size; ++i) block[i] = 0;
    encode_block(block, dst);
  }
  static void decode(const unsigned char* src, std::size_t count, float* dst) {
    const default_control_word<Isa> control_word;
    if constexpr (block_lanes<Isa>::is_available && Format != ggml_format::q4_1)
      for (; count >= 4 * size; count -= 4 * size, dst += 4 * size, src += 4 * block_bytes(Format))
        if (!decode_four(src, dst))
          for (std::size_t i = 0; i < 4; ++i)
            decode_block(src + i * block_bytes(Format), dst + i * size);
    for (; count >= size; count -= size, dst += size, src += block_bytes(Format))
      decode_block(src, dst);
    if (count == 0) return;
    float block[size];
    decode_block(src, block);
    __builtin_memcpy(dst, block, count * sizeof(float));
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
