// SPDX-License-Identifier: MIT
// A step of a conversion in 32-bit lanes: any element becomes FP32, which is exact or, from FP64, rounds to
// odd; FP32 becomes any element.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Element>
concept scale_element = is_basic_float<Element> && is_exponent_of_fp32<Element::format>;
/// A code is an FP32 code without its last bits.
template <class Element>
concept truncated_fp32 =
    is_basic_float<Element> && shares_exponents<formats::fp32, Element::format>;
template <class Element>
concept scaled_half_element = is_basic_float<Element> && is_scaled_half<Element::format>;
template <class Element>
concept lane_float = scale_element<Element> ||
                     (is_basic_float<Element> && has_codec<formats::fp32, Element::format>);
template <class Element>
concept lane_integer = !is_basic_float<Element> && code_bits<Element> <= 16;
template <class Element>
concept lane_element = std::same_as<Element, fp32> || lane_float<Element> || lane_integer<Element>;

/// FP64 can be rounded to odd into FP32 on its way to these: 24 bits are two more than the result has, at
/// any exponent (Boldo and Melquiond, 2008: such a double rounding is harmless, in every mode).
template <class Element>
concept rounded_by_odd_fp32 =
    lane_integer<Element> || (is_basic_float<Element> && Element::format.precision() <= 22 &&
                              Element::format.quantum_exponent() >= -147);

/// The rounding modes that conversion instructions have.
FEWBITS_INLINE constexpr bool is_ieee(rounding mode) {
  return mode == rounding::nearest_even || mode == rounding::toward_zero ||
         mode == rounding::toward_positive || mode == rounding::toward_negative;
}

/// Whether the bits of `mask` of all lanes are between `smallest` and `largest`.
template <class Ops, std::size_t Count, class Word>
FEWBITS_INLINE bool all_within(const Word (&x)[Count], std::uint32_t mask, std::uint32_t smallest,
                               std::uint32_t largest) {
  // A number below the smallest wraps to the large ones.
  const Word low = Ops::set(smallest);
  Word most = Ops::sub(Ops::and_(x[0], Ops::set(mask)), low);
  FEWBITS_UNROLL
  for (std::size_t i = 1; i < Count; ++i)
    most = Ops::max_(most, Ops::sub(Ops::and_(x[i], Ops::set(mask)), low));
  const Word bound = Ops::set(largest - smallest);
  return Ops::all(Ops::equal(Ops::max_(most, bound), bound));
}

/// Whether no lane is a NaN.
template <class Ops, std::size_t Count, class Word>
FEWBITS_INLINE bool all_ordered(const Word (&x)[Count]) {
  bool all = true;
  FEWBITS_UNROLL
  for (std::size_t i = 0; i < Count; i += 2) all &= Ops::ordered(x[i], x[i + 1]);
  return all;
}

/// Vectors in a step: four fill a register when they are narrowed to bytes.
template <isa Isa>
inline constexpr std::size_t step_vectors = vec<Isa>::lanes == 1 ? 1 : 4;

/// A vector of elements as FP32, which is exact. NaN may stay signaling.
template <class Element, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 load_as_fp32(const unsigned char* src) {
  using ops = vec<Isa>;
  if constexpr (std::same_as<Element, fp32>) {
    return ops::load32(src);
  } else if constexpr (std::same_as<Element, fp16> && requires { ops::load_half(src); }) {
    return ops::load_half(src);
  } else {
    typename ops::u32 code;
    if constexpr (sizeof(Element) == 4) {
      code = ops::load32(src);
    } else if constexpr (sizeof(Element) == 2) {
      code = ops::load16(src);
    } else {
      code = ops::load8(src);
    }
    if constexpr (is_basic_float<Element>) {
      return decode<Element::format, ops>(code);
    } else {
      return decode_integer<integer_format_of<Element>, ops>(code);
    }
  }
}

/// The codes of `Element` in `Count` vectors of lanes, 1 or 4, to memory.
template <class Element, isa Isa, std::size_t Count>
FEWBITS_INLINE void store_codes(unsigned char* dst, const typename vec<Isa>::u32 (&x)[Count]) {
  using ops = vec<Isa>;
  constexpr std::size_t bytes = sizeof(Element) * static_cast<std::size_t>(ops::lanes);
  if constexpr (Count == 4 && sizeof(Element) == 1 &&
                requires { ops::store8(dst, x[0], x[0], x[0], x[0]); }) {
    ops::store8(dst, x[0], x[1], x[2], x[3]);
  } else if constexpr (Count == 4 && sizeof(Element) == 2 &&
                       requires { ops::store16(dst, x[0], x[0]); }) {
    ops::store16(dst, x[0], x[1]);
    ops::store16(dst + 2 * bytes, x[2], x[3]);
  } else {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Count; ++i) {
      if constexpr (sizeof(Element) == 4) {
        ops::store32(dst + i * bytes, x[i]);
      } else if constexpr (sizeof(Element) == 2) {
        ops::store16(dst + i * bytes, x[i]);
      } else {
        ops::store8(dst + i * bytes, x[i]);
      }
    }
  }
}

/// Loads elements as FP32.
template <class From, class To, cast_policy Policy, isa Isa>
struct lane_source {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t vectors = step_vectors<Isa>;
  static constexpr std::size_t bytes = sizeof(From) * static_cast<std::size_t>(ops::lanes);

  FEWBITS_INLINE static void load_all(const unsigned char* src, u32 (&x)[vectors]) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; ++i) x[i] = load_as_fp32<From, Isa>(src + i * bytes);
  }

  /// Formats of 8 bits whose fields are those of FP16 but for the bias.
  FEWBITS_INLINE static void load_all(const unsigned char* src, u32 (&x)[vectors])
    requires(scaled_half_element<From> &&
             requires { vec16<Isa>::widen_low(vec16<Isa>::load8(src)); })
  {
    using halves = vec16<Isa>;
    constexpr int exponent = 15 - From::format.bias;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; i += 2) {
      const auto half = decode_scaled<From::format, halves>(halves::load8(src + i * bytes));
      x[i] = halves::widen_low(half);
      x[i + 1] = halves::widen_high(half);
    }
    if constexpr (exponent != 0) {
      const u32 unit = ops::set(static_cast<std::uint32_t>(127 + exponent) << 23);
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < vectors; ++i) x[i] = ops::multiply_nearest(x[i], unit);
    }
  }
};

/// FP64 on its way to a narrower format than FP32: rounded to odd.
template <class To, cast_policy Policy, isa Isa>
struct lane_source<fp64, To, Policy, Isa> {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t vectors = step_vectors<Isa>;
  static constexpr std::size_t bytes = 8 * static_cast<std::size_t>(ops::lanes);

  /// Below this, and from infinity on, `load64_normal_to_odd` is not good enough. What is below 2^-126 is
  /// as good as any such number where it is less than half of the smallest value.
  static constexpr std::uint32_t smallest = [] {
    if (Policy.round != rounding::nearest_even) return 0x800000U;
    if constexpr (is_basic_float<To>)
      if (To::format.quantum_exponent() <= -126) return 0x800000U;
    return 0U;
  }();

  FEWBITS_INLINE static void load_all(const unsigned char* src, u32 (&x)[vectors]) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; ++i) x[i] = ops::load64_normal_to_odd(src + i * bytes);
    if (__builtin_expect(all_within<ops>(x, 0x7fffffff, smallest, 0x7f7fffff), 1)) return;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; ++i) x[i] = ops::load64_to_odd(src + i * bytes);
  }
};

/// FP64 to FP32, rounded for good.
template <cast_policy Policy, isa Isa>
struct lane_source<fp64, fp32, Policy, Isa> {
  using ops = vec<Isa>;
  static constexpr std::size_t vectors = step_vectors<Isa>;
  static constexpr std::size_t bytes = 8 * static_cast<std::size_t>(ops::lanes);

  FEWBITS_INLINE static void load_all(const unsigned char* src, typename ops::u32 (&x)[vectors]) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; ++i) {
      if constexpr (Policy.round == rounding::to_odd) {
        x[i] = ops::load64_to_odd(src + i * bytes);
      } else {
        x[i] = ops::template load64<Policy.round>(src + i * bytes);
      }
    }
  }
};

/// Codes of `To` from FP32.
template <class From, class To, cast_policy Policy, isa Isa>
struct lane_sink {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t vectors = step_vectors<Isa>;
  static constexpr std::size_t bytes = sizeof(To) * static_cast<std::size_t>(ops::lanes);

  /// The upper bits of the FP32 codes are the results.
  static constexpr bool is_cut = [] {
    if constexpr (truncated_fp32<To> && is_basic_float<From> && !truncated_fp32<From>) {
      return is_subset(From::format, To::format) && !with_saturated_infinity<From, Policy>;
    } else {
      return false;
    }
  }();
  /// Rounding gives the right code for anything but NaN: what lies beyond the largest number becomes the
  /// next code, infinity.
  static constexpr bool is_natural = truncated_fp32<To> && Policy.over == overflow::ieee;

  /// The code of any number, the long way.
  FEWBITS_INLINE static u32 code(u32 x) {
    if constexpr (std::same_as<To, fp32>) {
      if constexpr (truncated_fp32<From>) x = quiet<ops>(x);
      if constexpr (with_saturated_infinity<From, Policy>) {
        const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
        x = ops::select(ops::equal(magnitude, ops::set(0x7f800000)), ops::sub(x, ops::set(1)), x);
      }
      return x;
    } else if constexpr (is_cut) {
      return ops::template shift_right<32 - code_bits<To>>(x);
    } else if constexpr (lane_integer<To>) {
      return encode_integer<integer_format_of<To>, Policy.round, ops>(x);
    } else if constexpr (scale_element<To>) {
      return encode_exponent<Policy, ops>(x);
    } else {
      return encode<formats::fp32, To::format, Policy, ops>(x);
    }
  }

  /// Whether there is a short way for ordinary numbers.
  static constexpr bool has_short_way = [] {
    if constexpr (std::same_as<To, fp32>) {
      return truncated_fp32<From> && !with_saturated_infinity<From, Policy>;
    } else if constexpr (is_cut) {
      return false;
    } else if constexpr (lane_integer<To>) {
      return Policy.round == rounding::nearest_even && code_bits<To> > 1 &&
             requires(u32 x) { ops::add_nearest(x, x); };
    } else {
      return scale_element<To> ||
             has_finite_encoding<formats::fp32, To::format, Policy.round, ops>();
    }
  }();

  FEWBITS_INLINE static u32 code_ordinary(u32 x) {
    if constexpr (std::same_as<To, fp32>) {
      return x;
    } else if constexpr (lane_integer<To>) {
      return encode_finite_integer<integer_format_of<To>, ops>(x);
    } else if constexpr (scale_element<To>) {
      return round_code<formats::fp32, To::format, Policy.round, ops>(x, ops::set(0));
    } else {
      return encode_finite<formats::fp32, To::format, Policy.round, ops>(x);
    }
  }

  /// Whether all numbers are: without an overflow, a NaN, a sign where there is none.
  FEWBITS_INLINE static bool are_ordinary(const u32 (&x)[vectors]) {
    if constexpr ((std::same_as<To, fp32> || is_natural) &&
                  requires { ops::ordered(x[0], x[0]); }) {
      return all_ordered<ops>(x);
    } else if constexpr (std::same_as<To, fp32>) {
      return all_within<ops>(x, 0x7fffffff, 0, 0x7f800000);
    } else if constexpr (lane_integer<To>) {
      constexpr int_format format = integer_format_of<To>;
      constexpr float largest = static_cast<float>(format.max_code());
      return all_within<ops>(x, format.is_signed ? 0x7fffffff : 0xffffffff, 0,
                             bit_cast<std::uint32_t>(largest));
    } else {
      return all_within<ops>(x, To::format.is_signed ? 0x7fffffff : 0xffffffff,
                             scale_element<To> ? 0x800000 : 0,
                             largest_in<formats::fp32, To::format>);
    }
  }

  FEWBITS_INLINE static void code_all(u32 (&x)[vectors]) {
    if constexpr (has_short_way && requires { ops::all(ops::equal(x[0], x[0])); }) {
      if (__builtin_expect(are_ordinary(x), 1)) {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < vectors; ++i) x[i] = code_ordinary(x[i]);
        return;
      }
    }
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; ++i) x[i] = code(x[i]);
  }

  static constexpr bool by_half_instruction =
      std::same_as<To, fp16> && Policy.over == overflow::ieee && is_ieee(Policy.round) &&
      requires(unsigned char* dst, u32 x) { ops::template store_half<Policy.round>(dst, x); };
  static constexpr bool by_bf16_instruction =
      std::same_as<To, bf16> && Policy == cast_policy{} &&
      requires(unsigned char* dst, u32 x) { ops::store_bf16(dst, x, x); };

  FEWBITS_INLINE static void store_all(unsigned char* dst, u32 (&x)[vectors]) {
    if constexpr (by_bf16_instruction) {
      ops::store_bf16(dst, x[0], x[1]);
      ops::store_bf16(dst + 2 * bytes, x[2], x[3]);
    } else if constexpr (by_half_instruction) {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < vectors; ++i)
        ops::template store_half<Policy.round>(dst + i * bytes, x[i]);
    } else if constexpr (std::same_as<To, fp64>) {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < vectors; ++i) ops::store64(dst + i * bytes, x[i]);
    } else {
      code_all(x);
      store_codes<To, Isa>(dst, x);
    }
  }
};

template <class From, class To, cast_policy Policy, isa Isa>
struct lane_step {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  using source = lane_source<From, To, Policy, Isa>;
  using sink = lane_sink<From, To, Policy, Isa>;
  static constexpr std::size_t vectors = step_vectors<Isa>;
  static constexpr std::size_t lanes = vectors * static_cast<std::size_t>(ops::lanes);

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    u32 x[vectors];
    source::load_all(src, x);
    sink::store_all(dst, x);
  }

  /// In one instruction.
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst)
    requires(std::same_as<From, fp64> && sink::by_half_instruction &&
             requires { ops::template store_half_of64<Policy.round>(dst, src); })
  {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < lanes; i += static_cast<std::size_t>(ops::lanes))
      ops::template store_half_of64<Policy.round>(dst + 2 * i, src + 8 * i);
  }
};

template <class Ops>
concept has_fp64 = requires(const unsigned char* src) { Ops::load64_to_odd(src); };

/// FP64 to FP32 as instructions have it: in IEEE's modes, infinity where they give it; or to odd.
template <cast_policy Policy>
concept fp32_instruction =
    Policy == cast_policy{rounding::to_odd, overflow::ieee} ||
    (is_ieee(Policy.round) &&
     (Policy.over == overflow::ieee || Policy.over == overflow::infinity_or_largest));

/// The pairs of `lane_step`.
template <class From, class To, cast_policy Policy, isa Isa>
concept lane_pair =
    (lane_element<From> && lane_element<To>) ||
    (has_fp64<vec<Isa>> && std::same_as<From, fp64> && lane_element<To> &&
     (std::same_as<To, fp32> ? fp32_instruction<Policy> : rounded_by_odd_fp32<To>)) ||
    (has_fp64<vec<Isa>> && std::same_as<To, fp64> && lane_element<From> &&
     !with_saturated_infinity<From, Policy>);

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
