// SPDX-License-Identifier: MIT
// Kernels between FP32 and integer codes: stretches of elements that share a scale.
//
// The codes are those of a division, q = nearest_even(RN(x / s)) + z clamped, at the price of two
// multiplications. With hi + lo = 1 / s to 47 bits, x * hi + RN(x * lo) is within 2^-22 ulp of x / s.
// Rounded to FP32, the two round to different integers only if a point m lies between them that is
// half an ulp from a tie k + 1/2. In units of the last place, with the 24-bit significands X and S,
//   x / s - m = (X * 2^j - M * S) / (2 S),  j = 24 or 25,  M = (2 k + 1) * 2^i +- 1,
// and i >= 16 where |k| < 256. The numerator is not zero, since M is odd and S < 2^24, and it is +-S
// modulo 2^16. So unless the low 16 bits of S are within 15 of 0 but not 0, it is at least 16, and m
// is 2^-21 ulp away. Those scales (30 of 65536), scales beyond 2^+-100, and blocks with NaN, an
// infinity or a quotient below -2^15 or above 2^31 take a division.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/affine_scalar.hpp>
#include <fewbits/quantize/code_range.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

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
  /// At most so many elements are tried without looking for NaN. A multiple of `step`.
  static constexpr std::size_t block = 2048;

  /// Fewer for groups: as many as have a vector of scales, but no less than 512.
  template <std::size_t Group>
  static constexpr std::size_t group_block = Group * lanes > block ? block
                                             : Group* lanes < 512  ? 512
                                                                   : Group* lanes;
  static constexpr std::size_t most_scales = 512 / (2 * lanes) > lanes ? 512 / (2 * lanes) : lanes;
  /// 1 / scale in two parts, as bits.
  struct reciprocals {
    std::uint32_t high[most_scales], low[most_scales];
  };

  /// A product that no contraction or -ffast-math joins with the sum after it.
  FEWBITS_INLINE static u32 product(u32 x, u32 y) {
    u32 rounded = ops::multiply_nearest(x, y);
#if defined(__x86_64__)
    __asm__("" : "+v"(rounded));
#endif
    return rounded;
  }

  /// The integer nearest to (x - minimum) / scale, without the minimum where `Offset` has none.
  template <code_offset Offset, bool IsCareful>
  FEWBITS_INLINE static u32 integer_of(u32 x, u32 first, u32 second, u32 negative_minimum) {
    if constexpr (IsCareful) {
      const u32 zero = ops::set(0), sign_bit = ops::set(0x80000000),
                infinity = ops::set(0x7f800000);
      if constexpr (Offset == code_offset::minimum) {
        const auto is_nan = ops::greater(ops::and_(x, ops::set(0x7fffffff)), infinity);
        x = ops::add_nearest(ops::select(is_nan, zero, x), negative_minimum);
      }
      const u32 quotient = ops::divide_nearest(x, first);
      const u32 magnitude = ops::and_(quotient, ops::set(0x7fffffff));
      const u32 kept = ops::min_(magnitude, ops::set(bit_cast<std::uint32_t>(1000.0f)));
      return ops::nearest_integer(ops::select(ops::greater(magnitude, infinity), zero,
                                              ops::or_(kept, ops::and_(quotient, sign_bit))));
    } else {
      if constexpr (Offset == code_offset::minimum) x = ops::add_nearest(x, negative_minimum);
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

  /// `count` elements, a multiple of `step`, in groups of `Group` elements (0: one group). False if
  /// they need a careful pass.
  template <std::size_t Group, code_offset Offset, bool IsCareful>
  FEWBITS_INLINE static bool pass(const unsigned char* src, unsigned char* dst, std::size_t count,
                                  const scales_and_offsets& of, const reciprocals& inverse) {
    using words = typename ops::words;
    words least = ops::set_words(0), shift = ops::set_words(range::lowest);
    u32 first{}, second{}, negative_minimum{};
    const auto look_up = [&](std::size_t group) {
      if constexpr (IsCareful) {
        first = ops::set(bit_cast<std::uint32_t>(of.scale[group]));
      } else {
        first = ops::set(inverse.high[group]);
        second = ops::set(inverse.low[group]);
      }
      if constexpr (Offset == code_offset::zero_point)
        shift = ops::set_words(static_cast<std::int16_t>(of.zero_point[group]));
      if constexpr (Offset == code_offset::minimum)
        negative_minimum = ops::set(bit_cast<std::uint32_t>(of.minimum[group]) ^ 0x80000000);
    };
    if constexpr (Group == 0) look_up(0);
    for (std::size_t i = 0; i < count; i += step) {
      words pair[2];
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 2; ++j) {
        const std::size_t at = i + 2 * j * lanes;
        if constexpr (Group != 0) look_up(at / Group);
        pair[j] = ops::narrow(integer_of<Offset, IsCareful>(ops::load32(src + 4 * at), first,
                                                            second, negative_minimum),
                              integer_of<Offset, IsCareful>(ops::load32(src + 4 * (at + lanes)),
                                                            first, second, negative_minimum));
        if constexpr (!IsCareful) least = ops::min_words(least, pair[j]);
        if constexpr (Offset == code_offset::zero_point ||
                      (Offset == code_offset::minimum && range::lowest != 0))
          pair[j] = ops::add_words(pair[j], shift);
      }
      store(dst + i, pair[0], pair[1]);
    }
    return IsCareful || !ops::has_word(least, -32768);
  }

  template <std::size_t Group, code_offset Offset>
  FEWBITS_INLINE static void either_pass(const unsigned char* src, unsigned char* dst,
                                         std::size_t count, bool is_exact,
                                         const scales_and_offsets& of, const reciprocals& inverse) {
    if (!is_exact || !pass<Group, Offset, false>(src, dst, count, of, inverse))
      pass<Group, Offset, true>(src, dst, count, of, inverse);
  }
  template <std::size_t Group>
  FEWBITS_INLINE static void block_of(const unsigned char* src, unsigned char* dst,
                                      std::size_t count, bool is_exact,
                                      const scales_and_offsets& of, const reciprocals& inverse) {
    if (of.minimum != nullptr) {
      either_pass<Group, code_offset::minimum>(src, dst, count, is_exact, of, inverse);
    } else if (of.zero_point != nullptr) {
      either_pass<Group, code_offset::zero_point>(src, dst, count, is_exact, of, inverse);
    } else {
      either_pass<Group, code_offset::none>(src, dst, count, is_exact, of, inverse);
    }
  }

  /// The reciprocals of at most `most_scales` scales. True if all scales allow for the products
  /// described above.
  FEWBITS_INLINE static bool invert(const float* scale, std::size_t count, reciprocals& inverse) {
    const u32 one = ops::set(0x3f800000);
    u32 bad = ops::set(0);
    for (std::size_t i = 0; i < count; i += lanes) {
      u32 divisor;
      if (count == 1) {
        divisor = ops::set(bit_cast<std::uint32_t>(*scale));
      } else if (count - i >= lanes) {
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
  static void run(const float* src, unsigned char* dst, std::size_t count,
                  const scales_and_offsets& of) {
    reciprocals inverse;
    const bool is_exact = invert(of.scale, 1, inverse);
    const unsigned char* const in = reinterpret_cast<const unsigned char*>(src);
    std::size_t i = 0;
    while (count - i >= step) {
      const std::size_t rest = (count - i) / step * step;
      const std::size_t some = rest < block ? rest : block;
      block_of<0>(in + 4 * i, dst + i, some, is_exact, of, inverse);
      i += some;
    }
    if (i == count) return;
    unsigned char last_in[4 * step] = {};
    unsigned char last_out[step];
    __builtin_memcpy(last_in, src + i, 4 * (count - i));
    block_of<0>(last_in, last_out, step, is_exact, of, inverse);
    __builtin_memcpy(dst + i, last_out, count - i);
  }

  /// Whether `run_groups` is for groups of that size.
  static constexpr bool takes_groups(std::size_t group) {
    return group != 0 && group % (2 * lanes) == 0 && block % group == 0;
  }

  /// Groups of `Group` elements, all whole but the last.
  template <std::size_t Group>
  static void run_groups(const float* src, unsigned char* dst, std::size_t count,
                         scales_and_offsets of) {
    reciprocals inverse;
    constexpr std::size_t unit = Group > step ? Group : step;
    std::size_t i = 0;
    while (count - i >= unit) {
      std::size_t some = count - i < group_block<Group> ? count - i : group_block<Group>;
      some -= some % unit;
      const bool is_exact = invert(of.scale, some / Group, inverse);
      block_of<Group>(reinterpret_cast<const unsigned char*>(src + i), dst + i, some, is_exact, of,
                      inverse);
      of = of.from(some / Group);
      i += some;
    }
    for (; i < count; i += Group, of = of.from(1))
      run(src + i, dst + i, count - i < Group ? count - i : Group, of);
  }

  /// The numbers of codes that share a scale. Any count.
  static void run_back(const unsigned char* src, float* dst, std::size_t count,
                       const scales_and_offsets& of) {
    if (of.minimum != nullptr) {
      run_back_as<true>(src, dst, count, of);
    } else {
      run_back_as<false>(src, dst, count, of);
    }
  }
  template <bool HasMinimum>
  FEWBITS_INLINE static void run_back_as(const unsigned char* src, float* dst, std::size_t count,
                                         const scales_and_offsets& of) {
    const terms_back terms = look_up_back<HasMinimum>(of);
    unsigned char* const out = reinterpret_cast<unsigned char*>(dst);
    std::size_t i = 0;
    for (; count - i >= step; i += step) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 4; ++j)
        back<HasMinimum>(src + i + j * lanes, out + 4 * (i + j * lanes), terms);
    }
    for (; count - i >= lanes; i += lanes) back<HasMinimum>(src + i, out + 4 * i, terms);
    if (i == count) return;
    unsigned char last_in[lanes] = {};
    unsigned char last_out[4 * lanes];
    __builtin_memcpy(last_in, src + i, count - i);
    back<HasMinimum>(last_in, last_out, terms);
    __builtin_memcpy(dst + i, last_out, 4 * (count - i));
  }

  static constexpr bool takes_groups_back(std::size_t group) {
    return group != 0 && group % lanes == 0 && group <= block;
  }
  /// The same for groups, as `run_groups`.
  template <std::size_t Group>
  static void run_groups_back(const unsigned char* src, float* dst, std::size_t count,
                              const scales_and_offsets& of) {
    if (of.minimum != nullptr) {
      run_groups_back_as<Group, true>(src, dst, count, of);
    } else {
      run_groups_back_as<Group, false>(src, dst, count, of);
    }
  }
  template <std::size_t Group, bool HasMinimum>
  FEWBITS_INLINE static void run_groups_back_as(const unsigned char* src, float* dst,
                                                std::size_t count, scales_and_offsets of) {
    unsigned char* const out = reinterpret_cast<unsigned char*>(dst);
    std::size_t i = 0;
    for (; count - i >= Group; i += Group, of = of.from(1)) {
      const terms_back terms = look_up_back<HasMinimum>(of);
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Group; j += lanes)
        back<HasMinimum>(src + i + j, out + 4 * (i + j), terms);
    }
    if (i != count) run_back(src + i, dst + i, count - i, of);
  }

 private:
  /// The sign bit of a signed code of less than 8 bits: with that bit flipped, it is unsigned and
  /// so much more.
  static constexpr std::int32_t flipped_sign =
      is_signed_code<Code> && range::bits < 8 ? 1 << (range::bits - 1) : 0;

  struct terms_back {
    u32 factor, shift, minimum;
  };
  template <bool HasMinimum>
  FEWBITS_INLINE static terms_back look_up_back(const scales_and_offsets& of) {
    return {ops::set(bit_cast<std::uint32_t>(of.scale[0])),
            ops::set(static_cast<std::uint32_t>(code_shift<Code>(of) + flipped_sign)),
            ops::set(HasMinimum ? bit_cast<std::uint32_t>(of.minimum[0]) : 0)};
  }
  template <bool HasMinimum>
  FEWBITS_INLINE static void back(const unsigned char* src, unsigned char* dst,
                                  const terms_back& of) {
    u32 code;
    if constexpr (is_signed_code<Code> && range::bits == 8) {
      code = ops::load8_signed(src);
    } else {
      code = ops::load8(src);
      if constexpr (flipped_sign != 0) code = ops::xor_(code, ops::set(flipped_sign));
    }
    const u32 steps = ops::float_bits(ops::sub(code, of.shift));
    if constexpr (HasMinimum) {
      ops::store32(dst, ops::add_nearest(product(steps, of.factor), of.minimum));
    } else {
      ops::store32(dst, ops::multiply_nearest(steps, of.factor));
    }
  }
};

/// Without vectors of bytes: one by one.
template <class Code, isa Isa>
  requires(!has_byte_vectors<Isa>)
struct byte_codes<Code, Isa> {
  static constexpr bool takes_groups(std::size_t) { return false; }
  static constexpr bool takes_groups_back(std::size_t) { return false; }
  static void run(const float* src, unsigned char* dst, std::size_t count,
                  const scales_and_offsets& of) {
    constexpr std::uint32_t mask = (1U << code_range<Code>::bits) - 1;
    for (std::size_t i = 0; i < count; ++i)
      dst[i] = static_cast<unsigned char>(
          static_cast<std::uint32_t>(quantize_one<Code>(src[i], of)) & mask);
  }
  static void run_back(const unsigned char* src, float* dst, std::size_t count,
                       const scales_and_offsets& of) {
    constexpr std::int32_t sign = is_signed_code<Code> ? 1 << (code_range<Code>::bits - 1) : 0;
    for (std::size_t i = 0; i < count; ++i)
      dst[i] = dequantize_one<Code>((src[i] ^ sign) - sign, of);
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
