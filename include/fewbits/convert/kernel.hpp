// SPDX-License-Identifier: MIT
// The definition of `convert_kernel` for any pair, policy and instruction set.
//
// The work is done on vectors of 32-bit lanes: decode to FP32, which is exact, then encode. The operations
// are on integers but for one addition, where an instruction can name its own rounding mode. Pairs with FP64 or with an unsigned format take the scalar conversion. A loop is
// bound by these operations (a vector of FP32 to FP8: 15 to 20 with AVX-512, to BF16 15, from BF16 7), not
// by memory, until the data lies beyond the second-level cache.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/run_vectors.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/value/basic_float.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Formats that `encode` and `decode` below handle: narrower than FP32, with a sign and subnormals,
/// and either with FP32's exponents or with all nonzero values normal in FP32.
template <float_format Format>
inline constexpr bool has_vector_codec =
    Format.bits() < 32 && Format.is_signed && Format.has_subnormals &&
    is_subset(Format, formats::fp32) &&
    (Format.min_exponent() == formats::fp32.min_exponent() ||
     Format.quantum_exponent() >= formats::fp32.min_exponent());

FEWBITS_INLINE constexpr std::uint32_t low32(std::uint64_t code) {
  return static_cast<std::uint32_t>(code);
}

/// A result that depends on the sign of the source only: a code for either sign.
template <std::uint64_t Positive, std::uint64_t Negative>
struct signed_codes {
  template <float_format Format, isa Isa>
  FEWBITS_INLINE static typename vec<Isa>::u32 get(typename vec<Isa>::u32 sign_bits) {
    using ops = vec<Isa>;
    const auto positive = ops::set(low32(Positive));
    if constexpr (Negative == Positive) {
      return positive;
    } else if constexpr (Negative == (Positive | Format.sign_mask())) {
      return ops::or_(positive, sign_bits);
    } else {
      return ops::select(ops::equal(sign_bits, ops::set(0)), positive, ops::set(low32(Negative)));
    }
  }
};

/// Whether magnitudes beyond the largest finite one, infinity included, all become `Code` of the sign.
template <float_format Format, cast_policy Policy, std::uint64_t Code>
inline constexpr bool overflows_to =
    overflow_code<Format, Policy>(false) == Code && infinity_code<Format, Policy>(false) == Code &&
    overflow_code<Format, Policy>(true) == (Code | Format.sign_mask()) &&
    infinity_code<Format, Policy>(true) == (Code | Format.sign_mask());

/// Whether a format has FP32's exponents, so that a code is an FP32 code without its last bits.
template <float_format Format>
inline constexpr bool has_fp32_exponents =
    Format.min_exponent() == formats::fp32.min_exponent() && Format.inf == inf_encoding::ieee &&
    Format.nan == nan_encoding::ieee;

/// Whether one float addition can do the rounding: `add_nearest` exists; what is subnormal in FP32 is
/// less than half a quantum; and 2^24 quanta are still finite.
template <float_format Format, cast_policy Policy, isa Isa>
inline constexpr bool rounds_by_adding =
    requires(typename vec<Isa>::u32 x) { vec<Isa>::add_nearest(x, x); } &&
    Policy.round == rounding::nearest_even && Format.mantissa_bits > 0 &&
    Format.quantum_exponent() > formats::fp32.min_exponent() &&
    Format.max_exponent() + 24 - Format.mantissa_bits <= formats::fp32.max_exponent() &&
    (overflows_to<Format, Policy, Format.max_finite_code()> ||
     overflows_to<Format, Policy, Format.max_finite_code() + 1>);

/// `magnitude` rounded to the magnitude of a code; beyond the largest finite number the code that
/// `overflows_to` names. With e the exponent of the result's quantum plus 23, 2^e + x rounds x to that
/// quantum, and the low bits of the sum count the quanta.
template <float_format Format, cast_policy Policy, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 encode_by_adding(typename vec<Isa>::u32 magnitude) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t e_min = static_cast<std::uint32_t>(Format.min_exponent() + 127);
  constexpr std::uint32_t cap_code = low32(overflow_code<Format, Policy>(false));
  constexpr std::uint32_t cap = (cap_code << drop) + ((e_min - 1) << 23);
  const u32 x = ops::min_(magnitude, ops::set(cap));
  const u32 binade = ops::and_(ops::max_(x, ops::set(e_min << 23)), ops::set(0x7f800000));
  const u32 magic = ops::add(binade, ops::set(std::uint32_t{drop} << 23));
  const u32 quanta = ops::sub(ops::add_nearest(x, magic), magic);
  return ops::add(quanta, ops::sub(ops::template shift_right<drop>(binade),
                                   ops::set(e_min << Format.mantissa_bits)));
}

/// FP32 codes rounded to `Format`. The rule is that of `round_finite`, on FP32's own fields: with
/// e the exponent field, at least 1, and s the significand, 24 bits,
///   kept = s >> drop,  code = ((e' - e_min) << mantissa_bits) + kept + (0 or 1),
/// where e' = max(e, e_min), e_min is the field of the format's smallest normal number, and drop
/// grows by one for each exponent below it. At drop = 25 every significand is less than half a
/// quantum, so larger counts need no distinction.
template <float_format Format, cast_policy Policy, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 round_by_shifts(typename vec<Isa>::u32 magnitude,
                                                      typename vec<Isa>::u32 sign) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int mantissa_drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t e_min = static_cast<std::uint32_t>(Format.min_exponent() + 127);
  constexpr rounding mode = Policy.round;

  const u32 field = ops::max_(ops::template shift_right<23>(magnitude), ops::set(1));
  const u32 significand =
      ops::sub(magnitude, ops::template shift_left<23>(ops::sub(field, ops::set(1))));
  const u32 binade = ops::max_(field, ops::set(e_min));
  const u32 drop =
      ops::min_(ops::add(ops::sub(binade, field), ops::set(mantissa_drop)), ops::set(25));

  const u32 kept = ops::shift_right(significand, drop);
  const u32 base =
      ops::template shift_left<Format.mantissa_bits>(ops::sub(binade, ops::set(e_min)));
  const u32 one = ops::set(1);
  const u32 unit = ops::shift_left(one, drop);
  u32 code;
  if constexpr (mode == rounding::to_odd) {
    const u32 lost = ops::sub(significand, ops::shift_left(kept, drop));
    const u32 down = ops::add(base, kept);
    code = ops::select(ops::equal(lost, ops::set(0)), down, ops::or_(down, one));
  } else {
    u32 bias;
    if constexpr (mode == rounding::nearest_even) {
      // Half a unit less one, and one more when the code below is odd.
      const u32 odd = ops::and_(ops::add(base, kept), one);
      bias = ops::add(ops::sub(ops::template shift_right<1>(unit), one), odd);
    } else if constexpr (mode == rounding::nearest_away) {
      bias = ops::template shift_right<1>(unit);
    } else if constexpr (mode == rounding::toward_zero) {
      bias = ops::set(0);
    } else {
      const u32 all = ops::sub(unit, one);
      const auto positive = ops::equal(sign, ops::set(0));
      bias = mode == rounding::toward_positive ? ops::select(positive, all, ops::set(0))
                                               : ops::select(positive, ops::set(0), all);
    }
    code = ops::add(base, ops::shift_right(ops::add(significand, bias), drop));
  }
  return code;
}

/// FP32 codes rounded to `Format`, overflow, infinity and NaN by the policy.
template <float_format Format, cast_policy Policy, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 encode(typename vec<Isa>::u32 x) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int mantissa_drop = 23 - Format.mantissa_bits;
  constexpr rounding mode = Policy.round;

  const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
  const u32 sign = ops::xor_(x, magnitude);
  u32 code;
  if constexpr (rounds_by_adding<Format, Policy, Isa>) {
    code = encode_by_adding<Format, Policy, Isa>(magnitude);
  } else if constexpr (has_fp32_exponents<Format> && mode == rounding::nearest_even) {
    const u32 odd = ops::and_(ops::template shift_right<mantissa_drop>(magnitude), ops::set(1));
    const u32 bias = ops::add(odd, ops::set((1U << (mantissa_drop - 1)) - 1));
    code = ops::template shift_right<mantissa_drop>(ops::add(magnitude, bias));
  } else {
    code = round_by_shifts<Format, Policy, Isa>(magnitude, sign);
  }

  const u32 sign_bits = ops::template shift_right<32 - Format.bits()>(sign);
  u32 result = ops::or_(code, sign_bits);
  if constexpr (!Format.has_negative_zero())
    result = ops::select(ops::equal(code, ops::set(0)), code, result);

  using overflowed =
      signed_codes<overflow_code<Format, Policy>(false), overflow_code<Format, Policy>(true)>;
  using infinite =
      signed_codes<infinity_code<Format, Policy>(false), infinity_code<Format, Policy>(true)>;
  // The code after the largest finite one is right as it is where it is what overflow gives.
  constexpr bool is_done = rounds_by_adding<Format, Policy, Isa> ||
                           (has_fp32_exponents<Format> && mode == rounding::nearest_even &&
                            overflows_to<Format, Policy, Format.max_finite_code() + 1>);
  if constexpr (!is_done)
    result = ops::select(ops::greater(code, ops::set(low32(Format.max_finite_code()))),
                         overflowed::template get<Format, Isa>(sign_bits), result);
  if constexpr (!is_done && !std::is_same_v<infinite, overflowed>)
    result = ops::select(ops::equal(magnitude, ops::set(0x7f800000)),
                         infinite::template get<Format, Isa>(sign_bits), result);

  constexpr unpacked positive_nan = default_nan;
  constexpr unpacked negative_nan{number_kind::nan, true, 0, top_bit};
  u32 nan = signed_codes<nan_code<Format>(positive_nan),
                         nan_code<Format>(negative_nan)>::template get<Format, Isa>(sign_bits);
  if constexpr (Format.nan == nan_encoding::ieee)
    nan = ops::or_(nan, ops::and_(ops::template shift_right<mantissa_drop>(magnitude),
                                  ops::set(low32(Format.mantissa_mask()))));
  // NaN has the magnitude of an infinity or more, and was capped with it.
  if constexpr (rounds_by_adding<Format, Policy, Isa> &&
                nan_code<Format>(positive_nan) == overflow_code<Format, Policy>(false) &&
                nan_code<Format>(negative_nan) == overflow_code<Format, Policy>(true))
    return result;
  return ops::select(ops::greater(magnitude, ops::set(0x7f800000)), nan, result);
}

/// Codes of `Format` as FP32 codes, which is exact.
template <float_format Format, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 decode(typename vec<Isa>::u32 code) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr std::uint32_t quiet_nan = 0x7fc00000;
  constexpr std::uint32_t infinity = 0x7f800000;

  if constexpr (has_fp32_exponents<Format>) {
    const u32 wide = ops::template shift_left<32 - Format.bits()>(code);
    const u32 unsigned_bits = ops::and_(wide, ops::set(0x7fffffff));
    return ops::select(ops::greater(unsigned_bits, ops::set(infinity)),
                       ops::or_(wide, ops::set(quiet_nan)), wide);
  }
  const u32 magnitude = ops::and_(code, ops::set(low32(Format.magnitude_mask())));
  const u32 sign_bits = ops::and_(code, ops::set(low32(Format.sign_mask())));
  const u32 aligned = ops::template shift_left<23 - Format.mantissa_bits>(magnitude);
  u32 result = aligned;
  if constexpr (Format.min_exponent() != formats::fp32.min_exponent()) {
    // The exponent field moves to FP32's bias. A subnormal number is its mantissa, as an integer,
    // times the quantum: the conversion of the integer is exact and the product touches only the
    // exponent field.
    constexpr std::uint32_t rebias = static_cast<std::uint32_t>(127 - Format.bias) << 23;
    constexpr std::uint32_t quantum = static_cast<std::uint32_t>(Format.quantum_exponent()) << 23;
    const auto is_normal = ops::greater(magnitude, ops::set(low32(Format.mantissa_mask())));
    result = ops::select(is_normal, ops::add(aligned, ops::set(rebias)),
                         ops::add(ops::float_bits(magnitude), ops::set(quantum)));
    result = ops::select(ops::equal(magnitude, ops::set(0)), magnitude, result);
  }
  if constexpr (Format.inf == inf_encoding::ieee) {
    result = ops::select(ops::greater(magnitude, ops::set(low32(Format.max_finite_code()))),
                         ops::or_(aligned, ops::set(infinity)), result);
    result = ops::select(ops::greater(magnitude, ops::set(low32(Format.infinity_code()))),
                         ops::or_(result, ops::set(quiet_nan)), result);
  } else if constexpr (Format.inf == inf_encoding::top_code) {
    result = ops::select(ops::equal(magnitude, ops::set(low32(Format.infinity_code()))),
                         ops::set(infinity), result);
  }
  if constexpr (Format.nan == nan_encoding::top_code)
    result = ops::select(ops::equal(magnitude, ops::set(low32(Format.nan_code()))),
                         ops::set(quiet_nan), result);
  result = ops::or_(result, ops::template shift_left<32 - Format.bits()>(sign_bits));
  if constexpr (Format.nan == nan_encoding::negative_zero)
    result =
        ops::select(ops::equal(ops::or_(magnitude, sign_bits), ops::set(low32(Format.nan_code()))),
                    ops::set(quiet_nan), result);
  return result;
}

template <class Element, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 load_as_fp32(const unsigned char* src) {
  if constexpr (std::is_same_v<Element, fp32>) {
    return vec<Isa>::load32(src);
  } else if constexpr (sizeof(Element) == 4) {
    return decode<Element::format, Isa>(vec<Isa>::load32(src));
  } else if constexpr (std::is_same_v<Element, fp16> && requires { vec<Isa>::load_half(src); }) {
    return vec<Isa>::load_half(src);
  } else if constexpr (sizeof(Element) == 2) {
    return decode<Element::format, Isa>(vec<Isa>::load16(src));
  } else {
    return decode<Element::format, Isa>(vec<Isa>::load8(src));
  }
}

template <class Element, cast_policy Policy, isa Isa>
FEWBITS_INLINE void store_from_fp32(unsigned char* dst, typename vec<Isa>::u32 x) {
  if constexpr (std::is_same_v<Element, fp32>) {
    vec<Isa>::store32(dst, x);
  } else if constexpr (sizeof(Element) == 4) {
    vec<Isa>::store32(dst, encode<Element::format, Policy, Isa>(x));
  } else if constexpr (sizeof(Element) == 2) {
    vec<Isa>::store16(dst, encode<Element::format, Policy, Isa>(x));
  } else {
    vec<Isa>::store8(dst, encode<Element::format, Policy, Isa>(x));
  }
}

template <class Element>
inline constexpr bool is_vector_element =
    std::is_same_v<Element, fp32> || has_vector_codec<Element::format>;

}  // namespace detail

template <class From, class To, cast_policy Policy, isa Isa>
struct convert_kernel {
  static constexpr bool is_vector_pair =
      !std::is_same_v<From, To> && detail::is_vector_element<From> && detail::is_vector_element<To>;

  /// Whether a conversion to the same format changes no value.
  static constexpr bool is_same_policy =
      std::is_same_v<From, To> &&
      (Policy.over != overflow::saturate || !From::format.has_infinity());

  template <class Element>
  FEWBITS_INLINE static To quiet(Element x) {
    if constexpr (!std::is_same_v<Element, To>) {
      return To{};
    } else if constexpr (Element::format.nan == nan_encoding::ieee) {
      constexpr auto quiet_bit = typename Element::storage_type{1}
                                 << (Element::format.mantissa_bits - 1);
      return Element::from_bits(x.bits() | (isnan(x) ? quiet_bit : 0));
    } else {
      return x;
    }
  }

  /// One vector, or one element of a pair without a vector form. Without a change of format there is
  /// nothing to do but to make NaN quiet, which compilers vectorise.
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    if constexpr (is_vector_pair) {
      detail::store_from_fp32<To, Policy, Isa>(dst, detail::load_as_fp32<From, Isa>(src));
    } else {
      From from;
      __builtin_memcpy(&from, src, sizeof(From));
      const To to = is_same_policy ? quiet(from) : convert<To, Policy>(from);
      __builtin_memcpy(dst, &to, sizeof(To));
    }
  }
  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    constexpr std::size_t lanes = is_vector_pair ? vec<Isa>::lanes : 1;
    const detail::default_control_word<Isa> control_word;
    detail::run_vectors<lanes, sizeof(From), sizeof(To), convert_kernel>(src, dst, count);
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
