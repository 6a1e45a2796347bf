// SPDX-License-Identifier: MIT
// Kernels between FP32 and integer codes: stretches of elements that share a scale.
//
// The codes are those of a division, q = nearest_even(RN(x / s)) + z clamped, at the price of two
// multiplications. With hi + lo = 1 / s to 47 bits, fma(x, hi, RN(x * lo)) is within 2^-22 * 0.76 ulp of x / s.
// That rounds to another integer than RN(x / s) only if x / s is as close to a point m between two floats next to
// a tie k + 1/2. In units of the last place of 24-bit significands X and S,
//   x / s - m = (X * 2^j - M * S) / (2 S), j = 24 or 25, M = (2k + 1) * 2^i +- 1, i >= 16 where |k| < 256,
// whose numerator is not zero (M is odd, S < 2^24) and is +-S modulo 2^16. So unless the low 16 bits of S are
// within 16 of 0 but not 0, it is at least 16, and |x / s - m| more than 2^-21 ulp. Those scales (30 of 65536), scales
// beyond 2^+-100, and stretches with NaN, infinity or a quotient below -2^15 or above 2^31 take a division.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/round_integer.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The code of `x`: the quotient in FP32, rounded to an integer, plus the zero point, within the range.
/// The quotient is clamped before it is rounded; the ends are integers, so the order does not matter and
/// no float too large for an integer is converted. NaN gives the code of zero.
template <class Code, rounding Mode = rounding::nearest_even>
FEWBITS_INLINE constexpr std::int32_t quantize_one(float x, float scale, std::int32_t zero_point,
                                                   std::uint32_t random = 0) {
  const float low = static_cast<float>(code_range<Code>::lowest - zero_point);
  const float high = static_cast<float>(code_range<Code>::highest - zero_point);
  const float quotient = x / scale;
  if (is_nan_code<formats::fp32>(bit_cast<std::uint32_t>(quotient))) return zero_point;
  const float clamped = quotient < low ? low : quotient > high ? high : quotient;
  return rounded_integer<Mode>(clamped, random) + zero_point;
}

template <isa Isa>
concept has_byte_vectors = requires { typename vec<Isa>::bytes; };

/// Codes of no more than 8 bits as bytes.
template <class Code, isa Isa>
struct byte_codes {
  using range = code_range<Code>;
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr std::size_t step = 4 * lanes;
  /// So many elements of groups, and of a row, are tried without looking for NaN. Multiples of `step`.
  static constexpr std::size_t block = 512, long_block = 2048;

  /// Groups of one scale each have at least two vectors in a `block`.
  static constexpr std::size_t most_scales = block / (2 * lanes) > lanes ? block / (2 * lanes)
                                                                         : lanes;
  /// 1 / scale in two parts, as bits.
  struct reciprocals {
    std::uint32_t high[most_scales], low[most_scales];
  };

  template <bool IsCareful>
  FEWBITS_INLINE static u32 integer_of(u32 x, u32 first, u32 second) {
    if constexpr (IsCareful) {
      const u32 quotient = ops::divide_nearest(x, first);
      const u32 magnitude = ops::and_(quotient, ops::set(0x7fffffff));
      const u32 sign = ops::xor_(quotient, magnitude);
      const u32 kept = ops::min_(magnitude, ops::set(bit_cast<std::uint32_t>(1000.0f)));
      return ops::nearest_integer(ops::select(ops::greater(magnitude, ops::set(0x7f800000)),
                                              ops::set(0), ops::or_(kept, sign)));
    } else {
      return ops::nearest_integer(ops::fma_nearest(x, first, ops::multiply_nearest(x, second)));
    }
  }

  FEWBITS_INLINE static void store(unsigned char* dst, typename ops::words a,
                                   typename ops::words b) {
    typename ops::bytes codes;
    if constexpr (is_signed_code<Code>) {
      codes = ops::narrow_signed(a, b);
      if constexpr (range::lowest != -128 || range::highest != 127)
        codes = ops::clamp_signed(codes, range::lowest, range::highest);
    } else {
      codes = ops::narrow_unsigned(a, b);
      if constexpr (range::lowest != 0 || range::highest != 255)
        codes = ops::clamp_unsigned(codes, range::lowest, range::highest);
    }
    if constexpr (range::bits < 8) codes = ops::and_bytes(codes, (1U << range::bits) - 1);
    ops::store_bytes(dst, codes);
  }

  /// `count` elements, a multiple of `step`, in groups of `Group` elements (0: one group). False if they need a
  /// careful pass.
  template <std::size_t Group, bool IsCareful, bool HasZeroPoint>
  FEWBITS_INLINE static bool pass(const unsigned char* src, unsigned char* dst, std::size_t count,
                                  const float* scale, const reciprocals& inverse,
                                  const std::int32_t* zero_point) {
    using words = typename ops::words;
    words least = ops::set_words(0), shift = least;
    u32 first{}, second{};
    const auto look_up = [&](std::size_t group) {
      if constexpr (IsCareful) {
        first = ops::set(bit_cast<std::uint32_t>(scale[group]));
      } else {
        first = ops::set(inverse.high[group]);
        second = ops::set(inverse.low[group]);
      }
      if constexpr (HasZeroPoint)
        shift = ops::set_words(static_cast<std::int16_t>(zero_point[group]));
    };
    if constexpr (Group == 0) look_up(0);
    for (std::size_t i = 0; i < count; i += step) {
      words pair[2];
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 2; ++j) {
        const std::size_t at = i + 2 * j * lanes;
        if constexpr (Group != 0)
          if (j == 0 || Group % step != 0) look_up(at / Group);
        pair[j] =
            ops::narrow(integer_of<IsCareful>(ops::load32(src + 4 * at), first, second),
                        integer_of<IsCareful>(ops::load32(src + 4 * (at + lanes)), first, second));
        if constexpr (!IsCareful) least = ops::min_words(least, pair[j]);
        if constexpr (HasZeroPoint) pair[j] = ops::add_words(pair[j], shift);
      }
      store(dst + i, pair[0], pair[1]);
    }
    return IsCareful || !ops::has_word(least, -32768);
  }

  template <std::size_t Group>
  FEWBITS_INLINE static void block_of(const unsigned char* src, unsigned char* dst,
                                      std::size_t count, bool is_exact, const float* scale,
                                      const reciprocals& inverse, const std::int32_t* zero_point) {
    if (zero_point == nullptr) {
      if (!is_exact || !pass<Group, false, false>(src, dst, count, scale, inverse, nullptr))
        pass<Group, true, false>(src, dst, count, scale, inverse, nullptr);
    } else {
      if (!is_exact || !pass<Group, false, true>(src, dst, count, scale, inverse, zero_point))
        pass<Group, true, true>(src, dst, count, scale, inverse, zero_point);
    }
  }

  /// The reciprocals of at most `most_scales` scales. True if all scales allow for the products described above.
  FEWBITS_INLINE static bool invert(const float* scale, std::size_t count, reciprocals& inverse) {
    const u32 one = ops::set(0x3f800000);
    u32 bad = ops::set(0);
    for (std::size_t i = 0; i < count; i += lanes) {
      u32 divisor;
      if (count - i >= lanes) {
        divisor = ops::load32(reinterpret_cast<const unsigned char*>(scale + i));
      } else {
        std::uint32_t bits[lanes];
        for (std::size_t k = 0; k < lanes; ++k)
          bits[k] = k < count - i ? bit_cast<std::uint32_t>(scale[i + k]) : 0x3f800000;
        divisor = ops::load32(reinterpret_cast<const unsigned char*>(bits));
      }
      bad = ops::or_(bad, lacks_exact_reciprocal(divisor));
      const u32 high = ops::divide_nearest(one, divisor);
      const u32 rest = ops::fma_nearest(ops::xor_(high, ops::set(0x80000000)), divisor, one);
      ops::store32(reinterpret_cast<unsigned char*>(inverse.high + i), high);
      ops::store32(reinterpret_cast<unsigned char*>(inverse.low + i),
                   ops::multiply_nearest(rest, high));
    }
    return !ops::has_word(ops::narrow(bad, bad), 1);
  }

  /// 1 where the products described above need not have the codes of the division.
  FEWBITS_INLINE static u32 lacks_exact_reciprocal(u32 scale) {
    const u32 zero = ops::set(0), one = ops::set(1);
    const u32 exponent =
        ops::and_(ops::sub(ops::template shift_right<23>(scale), ops::set(27)), ops::set(0xff));
    const u32 distance = ops::and_(ops::add(scale, ops::set(15)), ops::set(0xffff));
    const u32 is_close = ops::select(ops::greater(distance, ops::set(30)), zero,
                                     ops::select(ops::equal(distance, ops::set(15)), zero, one));
    return ops::select(ops::greater(exponent, ops::set(200)), one, is_close);
  }

  /// One scale for all. Any count.
  static void run(const float* src, unsigned char* dst, std::size_t count, float scale,
                  std::int32_t zero_point) {
    reciprocals inverse;
    const bool is_exact = invert(&scale, 1, inverse);
    const std::int32_t* const shift = zero_point == 0 ? nullptr : &zero_point;
    const unsigned char* const in = reinterpret_cast<const unsigned char*>(src);
    std::size_t i = 0;
    while (count - i >= step) {
      const std::size_t rest = (count - i) / step * step;
      const std::size_t some = rest < long_block ? rest : long_block;
      block_of<0>(in + 4 * i, dst + i, some, is_exact, &scale, inverse, shift);
      i += some;
    }
    if (i == count) return;
    unsigned char last_in[4 * step] = {};
    unsigned char last_out[step];
    __builtin_memcpy(last_in, src + i, 4 * (count - i));
    block_of<0>(last_in, last_out, step, is_exact, &scale, inverse, shift);
    __builtin_memcpy(dst + i, last_out, count - i);
  }

  /// Whether `run_groups` is for groups of that size.
  static constexpr bool takes_groups(std::size_t group) {
    return group != 0 && group % (2 * lanes) == 0 && block % group == 0;
  }

  /// Groups of `Group` elements, all whole but the last, with a scale each, and a zero point unless that is
  /// null.
  template <std::size_t Group>
  static void run_groups(const float* src, unsigned char* dst, std::size_t count,
                         const float* scale, const std::int32_t* zero_point) {
    reciprocals inverse;
    std::size_t i = 0;
    while (count - i >= (Group > step ? Group : step)) {
      std::size_t some = count - i < block ? count - i : block;
      some -= some % (Group > step ? Group : step);
      const std::size_t index = i / Group;
      const bool is_exact = invert(scale + index, some / Group, inverse);
      block_of<Group>(reinterpret_cast<const unsigned char*>(src + i), dst + i, some, is_exact,
                      scale + index, inverse, zero_point == nullptr ? nullptr : zero_point + index);
      i += some;
    }
    for (; i < count; i += Group) {
      const std::size_t index = i / Group;
      run(src + i, dst + i, count - i < Group ? count - i : Group, scale[index],
          zero_point == nullptr ? 0 : zero_point[index]);
    }
  }

  /// scale * (code - zero_point). Any count.
  static void run_back(const unsigned char* src, float* dst, std::size_t count, float scale,
                       std::int32_t zero_point) {
    const u32 factor = ops::set(bit_cast<std::uint32_t>(scale));
    const u32 shift = ops::set(static_cast<std::uint32_t>(zero_point + flipped_sign));
    unsigned char* const out = reinterpret_cast<unsigned char*>(dst);
    std::size_t i = 0;
    for (; count - i >= step; i += step) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 4; ++j)
        back(src + i + j * lanes, out + 4 * (i + j * lanes), factor, shift);
    }
    for (; count - i >= lanes; i += lanes) back(src + i, out + 4 * i, factor, shift);
    if (i == count) return;
    unsigned char last_in[lanes] = {};
    unsigned char last_out[4 * lanes];
    __builtin_memcpy(last_in, src + i, count - i);
    back(last_in, last_out, factor, shift);
    __builtin_memcpy(dst + i, last_out, 4 * (count - i));
  }

 private:
  /// The sign bit of a signed code of less than 8 bits: with that bit flipped, it is unsigned and so much more.
  static constexpr std::int32_t flipped_sign =
      is_signed_code<Code> && range::bits < 8 ? 1 << (range::bits - 1) : 0;

  FEWBITS_INLINE static void back(const unsigned char* src, unsigned char* dst, u32 factor,
                                  u32 shift) {
    u32 code;
    if constexpr (is_signed_code<Code> && range::bits == 8) {
      code = ops::load8_signed(src);
    } else {
      code = ops::load8(src);
      if constexpr (flipped_sign != 0) code = ops::xor_(code, ops::set(flipped_sign));
    }
    ops::store32(dst, ops::multiply_nearest(ops::float_bits(ops::sub(code, shift)), factor));
  }
};

/// Without vectors of bytes: one by one.
template <class Code, isa Isa>
  requires(!has_byte_vectors<Isa>)
struct byte_codes<Code, Isa> {
  static constexpr bool takes_groups(std::size_t) { return false; }
  static void run(const float* src, unsigned char* dst, std::size_t count, float scale,
                  std::int32_t zero_point) {
    constexpr std::uint32_t mask = (1U << code_range<Code>::bits) - 1;
    for (std::size_t i = 0; i < count; ++i)
      dst[i] = static_cast<unsigned char>(
          static_cast<std::uint32_t>(quantize_one<Code>(src[i], scale, zero_point)) & mask);
  }
  static void run_back(const unsigned char* src, float* dst, std::size_t count, float scale,
                       std::int32_t zero_point) {
    for (std::size_t i = 0; i < count; ++i) {
      constexpr std::int32_t sign = is_signed_code<Code> ? 1 << (code_range<Code>::bits - 1) : 0;
      const std::int32_t code = (src[i] ^ sign) - sign;
      dst[i] = scale * static_cast<float>(code - zero_point);
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
