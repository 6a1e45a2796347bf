// SPDX-License-Identifier: MIT
// Encoding and decoding in vector lanes: codes of one format to codes of another, with any policy.
//
// `Ops` is `vec<Isa>`, lanes of 32 bits, or `vec16<Isa>`, lanes of 16. `Source` is the format that fills
// a lane: FP32, or FP16 and BF16.
//
// `encode` takes any number and is made of integer operations, 20 to 30 of them. `encode_finite` takes
// what needs no special code, and lets a multiply-add do the rounding: 8 to 11.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The width of an element's code.
template <class Element>
inline constexpr int code_bits = integer_format_of<Element>.bits;
template <class Element>
  requires is_basic_float<Element>
inline constexpr int code_bits<Element> = Element::format.bits();

/// OCP E8M0: FP32's exponent field and nothing else.
template <float_format Format>
inline constexpr bool is_exponent_of_fp32 = Format == formats::scale(8);

/// Whether `encode` and `decode` handle the pair: `Format` is narrower, `Source` contains it, and either
/// they have the same smallest exponent or all nonzero values of `Format` are normal in `Source`.
template <float_format Source, float_format Format>
inline constexpr bool has_codec =
    Format.bits() < Source.bits() && Format.has_subnormals && is_subset(Format, Source) &&
    (Format.min_exponent() == Source.min_exponent() ||
     Format.quantum_exponent() >= Source.min_exponent());

/// Whether a code of `Format` is a code of `Source` without its last bits.
template <float_format Source, float_format Format>
inline constexpr bool shares_exponents =
    Format.min_exponent() == Source.min_exponent() && Format.is_signed &&
    Format.exponent_bits == Source.exponent_bits && Format.inf == inf_encoding::ieee &&
    Format.nan == nan_encoding::ieee;

/// An infinity becomes another number.
template <class Element, cast_policy Policy>
concept with_saturated_infinity =
    Policy.over == overflow::saturate && is_basic_float<Element> && Element::format.has_infinity();

FEWBITS_INLINE constexpr std::uint32_t low32(std::uint64_t code) {
  return static_cast<std::uint32_t>(code);
}

/// (a & bits) | (b & ~bits)
template <class Ops, class Word>
FEWBITS_INLINE Word merge(std::uint32_t bits, Word a, Word b) {
  if constexpr (requires { Ops::merge(a, a, b); }) {
    return Ops::merge(Ops::set(bits), a, b);
  } else {
    return Ops::or_(Ops::and_(a, Ops::set(bits)), Ops::and_(b, Ops::set(~bits)));
  }
}

/// A result that depends on the sign of the source only: a code for either sign.
template <std::uint64_t Positive, std::uint64_t Negative>
struct signed_codes {
  template <class Ops, class Word>
  FEWBITS_INLINE static Word get(Word sign) {
    const Word positive = Ops::set(low32(Positive));
    if constexpr (Negative == Positive) {
      return positive;
    } else {
      return Ops::select(Ops::equal(sign, Ops::set(0)), positive, Ops::set(low32(Negative)));
    }
  }
};

/// The exponent field that the smallest normal number of `Format` has in `Source`.
template <float_format Source, float_format Format>
inline constexpr std::uint32_t min_field =
    static_cast<std::uint32_t>(Format.min_exponent() + Source.bias);

/// The code in `Source` of the largest finite number of `Format`.
template <float_format Source, float_format Format>
inline constexpr std::uint32_t largest_in =
    (low32(Format.max_finite_code()) << (Source.mantissa_bits - Format.mantissa_bits)) +
    ((min_field<Source, Format> - 1) << Source.mantissa_bits);

/// What to add to a number of units of `unit` before its last bits are dropped. `odd` is 1 in lanes
/// where the result without it has an odd code.
template <rounding Mode, class Ops, class Word>
FEWBITS_INLINE Word rounding_bias(Word unit, Word odd, Word sign) {
  const Word all = Ops::sub(unit, Ops::set(1));
  if constexpr (Mode == rounding::nearest_even) {
    return Ops::add(Ops::sub(Ops::template shift_right<1>(unit), Ops::set(1)), odd);
  } else if constexpr (Mode == rounding::nearest_away) {
    return Ops::template shift_right<1>(unit);
  } else if constexpr (Mode == rounding::to_odd) {
    return Ops::select(Ops::equal(odd, Ops::set(0)), all, Ops::set(0));
  } else if constexpr (Mode == rounding::toward_positive) {
    return Ops::select(Ops::equal(sign, Ops::set(0)), all, Ops::set(0));
  } else if constexpr (Mode == rounding::toward_negative) {
    return Ops::select(Ops::equal(sign, Ops::set(0)), Ops::set(0), all);
  } else {
    return Ops::set(0);
  }
}

/// The same where formats share their exponents: the last bits are dropped from the code.
template <float_format Source, float_format Format, rounding Mode, class Ops, class Word>
FEWBITS_INLINE Word round_code(Word magnitude, Word sign) {
  constexpr int drop = Source.mantissa_bits - Format.mantissa_bits;
  const Word odd = Ops::and_(Ops::template shift_right<drop>(magnitude), Ops::set(1));
  const Word bias = rounding_bias<Mode, Ops>(Ops::set(1U << drop), odd, sign);
  return Ops::template shift_right<drop>(Ops::add(magnitude, bias));
}

/// Codes of `Source` rounded to `Format`. The rule is that of `round_finite`, on the fields of `Source`:
/// with e the exponent field, at least 1, and s the significand,
///   kept = s >> drop,  code = ((e' - e_min) << mantissa_bits) + kept + (0 or 1),
/// where e' = max(e, e_min), e_min is the field of the format's smallest normal number, and drop
/// grows by one for each exponent below it. Two more than the mantissa's bits make every significand
/// less than half a quantum, so larger counts need no distinction.
template <float_format Source, float_format Format, rounding Mode, class Ops, class Word>
FEWBITS_INLINE Word round_by_shifts(Word magnitude, Word sign) {
  constexpr int least = Source.mantissa_bits - Format.mantissa_bits;
  constexpr std::uint32_t e_min = min_field<Source, Format>;
  const Word field =
      Ops::max_(Ops::template shift_right<Source.mantissa_bits>(magnitude), Ops::set(1));
  const Word significand = Ops::sub(
      magnitude, Ops::template shift_left<Source.mantissa_bits>(Ops::sub(field, Ops::set(1))));
  const Word binade = Ops::max_(field, Ops::set(e_min));
  const Word drop = Ops::min_(Ops::add(Ops::sub(binade, field), Ops::set(std::uint32_t{least})),
                              Ops::set(static_cast<std::uint32_t>(Source.mantissa_bits + 2)));
  const Word base =
      Ops::template shift_left<Format.mantissa_bits>(Ops::sub(binade, Ops::set(e_min)));
  const Word odd = Ops::and_(Ops::add(base, Ops::shift_right(significand, drop)), Ops::set(1));
  const Word bias = rounding_bias<Mode, Ops>(Ops::shift_left(Ops::set(1), drop), odd, sign);
  return Ops::add(base, Ops::shift_right(Ops::add(significand, bias), drop));
}

/// The magnitude code in the low bits of `code`, with the sign bit of `shifted`, whose sign bit is where
/// that of the format is.
template <float_format Format, class Ops, class Word>
FEWBITS_INLINE Word with_sign(Word code, Word shifted) {
  constexpr std::uint32_t mask = low32(Format.magnitude_mask());
  if constexpr (!Format.is_signed) {
    return Ops::and_(code, Ops::set(mask));
  } else if constexpr (Format.has_negative_zero()) {
    return merge<Ops>(mask, code, shifted);
  } else {
    const Word result = merge<Ops>(mask, code, shifted);
    return Ops::select(Ops::equal(result, Ops::set(low32(Format.sign_mask()))), Ops::set(0),
                       result);
  }
}

/// The mode of IEEE 754 in which the multiply-adds of a rounding mode run.
FEWBITS_INLINE constexpr rounding instruction_mode(rounding mode) {
  return mode == rounding::nearest_away || mode == rounding::to_odd ? rounding::toward_zero : mode;
}

/// Whether `encode_finite` handles the pair: formats share exponents, or one multiply-add can round: the
/// numbers that it adds are finite, and its mantissa has room for the offset and the quanta.
template <float_format Source, float_format Format, rounding Mode, class Ops>
FEWBITS_INLINE constexpr bool has_finite_encoding() {
  constexpr int drop = Source.mantissa_bits - Format.mantissa_bits;
  constexpr bool has_fma =
      (Source == formats::fp32 || Source == formats::fp16) &&
      requires(decltype(Ops::set(0)) x) { Ops::template fma<instruction_mode(Mode)>(x, x, x); };
  return shares_exponents<Source, Format> ||
         (has_fma && Format.mantissa_bits > 0 &&
          Format.quantum_exponent() > Source.min_exponent() &&
          Format.max_exponent() + drop <= Source.max_exponent() &&
          Format.max_finite_code() >= Format.min_normal_code() &&
          Format.magnitude_mask() + (std::uint64_t{2} << Format.mantissa_bits) <=
              std::uint64_t{1} << Source.mantissa_bits);
}

/// The sum of x and the multiple of its binade that makes a quantum the last place, rounded by the mode.
template <rounding Mode, int MantissaBits, float_format Source, class Ops, class Word>
FEWBITS_INLINE Word sum_of_quanta(Word binade, Word magic, Word magnitude, Word x) {
  constexpr std::uint32_t sign = low32(Source.sign_mask());
  constexpr rounding how = instruction_mode(Mode);
  if constexpr (Mode == rounding::nearest_even || Mode == rounding::toward_zero) {
    return Ops::template fma<how>(binade, magic, magnitude);
  } else if constexpr (Mode == rounding::nearest_away) {
    // Half a quantum more, then toward zero; a bit lost in the first sum is lost in the second anyway.
    constexpr std::uint32_t half = static_cast<std::uint32_t>(Source.bias - MantissaBits - 1)
                                   << Source.mantissa_bits;
    return Ops::template fma<how>(binade, magic,
                                  Ops::template fma<how>(binade, Ops::set(half), magnitude));
  } else if constexpr (Mode == rounding::to_odd) {
    // The sum less what was added is the number, unless bits were lost.
    const Word sum = Ops::template fma<how>(binade, magic, magnitude);
    const Word back = Ops::template fma<how>(binade, Ops::or_(magic, Ops::set(sign)), sum);
    return Ops::select(Ops::equal(back, magnitude), sum, Ops::or_(sum, Ops::set(1)));
  } else {
    return Ops::template fma<how>(merge<Ops>(sign, x, binade), magic, x);
  }
}

/// Codes of `Source` rounded to `Format`, for numbers of at most the largest finite magnitude, and not below
/// zero where the format has no sign.
///
/// With b the power of two at or below |x|, at least the smallest normal number, and one quantum
/// q = b * 2^-mantissa_bits, the sum b * 2^drop + |x| has q as its last place, so the addition rounds to
/// quanta, and the last bits of the sum count them. The offset, a multiple of 2^mantissa_bits quanta,
/// keeps ties even and makes the exponent field of b, added in the end, begin at zero.
template <float_format Source, float_format Format, rounding Mode, class Ops, class Word>
FEWBITS_INLINE Word encode_finite(Word x) {
  constexpr int drop = Source.mantissa_bits - Format.mantissa_bits;
  if constexpr (shares_exponents<Source, Format>) {
    // The sign is one more bit above the exponent, where no carry gets to.
    return round_code<Source, Format, Mode, Ops>(x,
                                                 Ops::and_(x, Ops::set(low32(Source.sign_mask()))));
  } else {
    constexpr std::uint32_t e_min = min_field<Source, Format>;
    constexpr std::uint32_t offset =
        (0U - (e_min << Format.mantissa_bits)) & low32(Format.magnitude_mask());
    constexpr std::uint32_t magic =
        static_cast<std::uint32_t>(drop + Source.bias) << Source.mantissa_bits | offset;
    const Word magnitude = Ops::and_(x, Ops::set(low32(Source.magnitude_mask())));
    const Word binade =
        Ops::and_(Ops::max_(magnitude, Ops::set(e_min << Source.mantissa_bits)),
                  Ops::set(low32(Source.magnitude_mask() - Source.mantissa_mask())));
    const Word sum = sum_of_quanta<Mode, Format.mantissa_bits, Source, Ops>(binade, Ops::set(magic),
                                                                            magnitude, x);
    return with_sign<Format, Ops>(Ops::add(sum, Ops::template shift_right<drop>(binade)),
                                  Ops::template shift_right<Source.bits() - Format.bits()>(x));
  }
}

/// Codes of `Source` rounded to `Format`, overflow, infinity and NaN by the policy.
template <float_format Source, float_format Format, cast_policy Policy, class Ops, class Word>
FEWBITS_INLINE Word encode(Word x) {
  constexpr int drop = Source.mantissa_bits - Format.mantissa_bits;
  constexpr std::uint32_t infinity = low32(Source.infinity_code());
  const Word magnitude = Ops::and_(x, Ops::set(low32(Source.magnitude_mask())));
  const Word sign = Ops::xor_(x, magnitude);
  const Word shifted = Ops::template shift_right<Source.bits() - Format.bits()>(x);
  Word code;
  if constexpr (shares_exponents<Source, Format>) {
    code = round_code<Source, Format, Policy.round, Ops>(magnitude, sign);
  } else {
    code = round_by_shifts<Source, Format, Policy.round, Ops>(magnitude, sign);
  }
  Word result = with_sign<Format, Ops>(code, shifted);

  using overflowed =
      signed_codes<overflow_code<Format, Policy>(false), overflow_code<Format, Policy>(true)>;
  using infinite =
      signed_codes<infinity_code<Format, Policy>(false), infinity_code<Format, Policy>(true)>;
  result = Ops::select(Ops::greater(code, Ops::set(low32(Format.max_finite_code()))),
                       overflowed::template get<Ops>(sign), result);
  if constexpr (!std::is_same_v<infinite, overflowed>)
    result = Ops::select(Ops::equal(magnitude, Ops::set(infinity)),
                         infinite::template get<Ops>(sign), result);
  if constexpr (!Format.is_signed) {
    const Word negative = Ops::select(Ops::equal(result, Ops::set(0)), result,
                                      Ops::set(low32(infinity_code<Format, Policy>(true))));
    result = Ops::select(Ops::equal(sign, Ops::set(0)), result, negative);
  }

  constexpr unpacked positive_nan = default_nan;
  constexpr unpacked negative_nan{number_kind::nan, true, 0, top_bit};
  Word nan = signed_codes<nan_code<Format>(positive_nan),
                          nan_code<Format>(negative_nan)>::template get<Ops>(sign);
  if constexpr (Format.nan == nan_encoding::ieee) {
    const Word payload =
        Ops::or_(Ops::template shift_right<drop>(magnitude), Ops::set(low32(Format.nan_code())));
    nan = merge<Ops>(low32(Format.magnitude_mask()), payload, shifted);
  }
  return Ops::select(Ops::greater(magnitude, Ops::set(infinity)), nan, result);
}

/// FP32 codes rounded to E8M0. A number below 2^-126 is brought to the form of the others first: the
/// exponent field 0 for 2^-127, the smallest value, and the fraction of that power below it.
template <cast_policy Policy, class Ops, class Word>
FEWBITS_INLINE Word encode_exponent(Word x) {
  constexpr float_format format = formats::scale(8);
  constexpr std::uint32_t normal = 0x800000;
  constexpr std::uint32_t infinity = 0x7f800000;
  const Word magnitude = Ops::and_(x, Ops::set(0x7fffffff));
  const Word sign = Ops::xor_(x, magnitude);
  const Word doubled =
      Ops::sub(Ops::max_(Ops::add(magnitude, magnitude), Ops::set(normal)), Ops::set(normal));
  const Word number = Ops::select(Ops::greater(Ops::set(normal), magnitude), doubled, magnitude);
  const Word odd = Ops::and_(Ops::template shift_right<23>(number), Ops::set(1));
  const Word bias = rounding_bias<Policy.round, Ops>(Ops::set(normal), odd, sign);
  const Word code = Ops::template shift_right<23>(Ops::add(number, bias));
  Word result = Ops::select(Ops::greater(code, Ops::set(low32(format.max_finite_code()))),
                            Ops::set(low32(overflow_code<format, Policy>(false))), code);
  result = Ops::select(Ops::equal(magnitude, Ops::set(infinity)),
                       Ops::set(low32(infinity_code<format, Policy>(false))), result);
  const Word negative = Ops::select(Ops::equal(magnitude, Ops::set(0)), Ops::set(0),
                                    Ops::set(low32(infinity_code<format, Policy>(true))));
  result = Ops::select(Ops::equal(sign, Ops::set(0)), result, negative);
  return Ops::select(Ops::greater(magnitude, Ops::set(infinity)),
                     Ops::set(low32(format.nan_code())), result);
}

/// FP32 codes with NaN made quiet.
template <class Ops, class Word>
FEWBITS_INLINE Word quiet(Word x) {
  const Word magnitude = Ops::and_(x, Ops::set(0x7fffffff));
  return Ops::select(Ops::greater(magnitude, Ops::set(0x7f800000)), Ops::or_(x, Ops::set(0x400000)),
                     x);
}

/// Codes of `Format` as FP32 codes, which is exact. Where the formats share exponents, NaN may stay
/// signaling.
template <float_format Format, class Ops, class Word>
FEWBITS_INLINE Word decode(Word code) {
  constexpr std::uint32_t quiet_nan = 0x7fc00000;
  constexpr std::uint32_t infinity = 0x7f800000;
  if constexpr (is_exponent_of_fp32<Format>) {
    const Word number = Ops::select(Ops::equal(code, Ops::set(0)), Ops::set(0x400000),
                                    Ops::template shift_left<23>(code));
    return Ops::select(Ops::equal(code, Ops::set(0xff)), Ops::set(quiet_nan), number);
  } else if constexpr (shares_exponents<formats::fp32, Format>) {
    return Ops::template shift_left<32 - Format.bits()>(code);
  } else {
    const Word magnitude = Ops::and_(code, Ops::set(low32(Format.magnitude_mask())));
    const Word aligned = Ops::template shift_left<23 - Format.mantissa_bits>(magnitude);
    Word result = aligned;
    if constexpr (Format.min_exponent() != formats::fp32.min_exponent()) {
      // The exponent field moves to FP32's bias. A subnormal number is its mantissa, as an integer,
      // times the quantum: the conversion of the integer is exact and the product touches only the
      // exponent field.
      constexpr std::uint32_t rebias = static_cast<std::uint32_t>(127 - Format.bias) << 23;
      constexpr std::uint32_t quantum = static_cast<std::uint32_t>(Format.quantum_exponent()) << 23;
      const auto is_normal = Ops::greater(magnitude, Ops::set(low32(Format.mantissa_mask())));
      result = Ops::select(is_normal, Ops::add(aligned, Ops::set(rebias)),
                           Ops::add(Ops::float_bits(magnitude), Ops::set(quantum)));
      result = Ops::select(Ops::equal(magnitude, Ops::set(0)), magnitude, result);
    }
    if constexpr (Format.inf == inf_encoding::ieee) {
      result = Ops::select(Ops::greater(magnitude, Ops::set(low32(Format.max_finite_code()))),
                           Ops::or_(aligned, Ops::set(infinity)), result);
      result = Ops::select(Ops::greater(magnitude, Ops::set(low32(Format.infinity_code()))),
                           Ops::or_(result, Ops::set(quiet_nan)), result);
    } else if constexpr (Format.inf == inf_encoding::top_code) {
      result = Ops::select(Ops::equal(magnitude, Ops::set(low32(Format.infinity_code()))),
                           Ops::set(infinity), result);
    }
    if constexpr (Format.nan == nan_encoding::top_code)
      result = Ops::select(Ops::equal(magnitude, Ops::set(low32(Format.nan_code()))),
                           Ops::set(quiet_nan), result);
    if constexpr (Format.is_signed)
      result = Ops::or_(result, Ops::template shift_left<32 - Format.bits()>(
                                    Ops::and_(code, Ops::set(low32(Format.sign_mask())))));
    if constexpr (Format.nan == nan_encoding::negative_zero)
      result = Ops::select(Ops::equal(code, Ops::set(low32(Format.nan_code()))),
                           Ops::set(quiet_nan), result);
    return result;
  }
}

/// Whether `decode_scaled` handles the format: FP16's fields hold its fields, and the top exponent is
/// special in both or reached in neither.
template <float_format Format>
inline constexpr bool is_scaled_half =
    Format.bits() <= 8 && Format.is_signed && Format.has_subnormals && Format.mantissa_bits <= 10 &&
    (Format.exponent_bits < 5 || (Format.exponent_bits == 5 && Format.inf == inf_encoding::ieee)) &&
    Format.quantum_exponent() > formats::fp32.min_exponent() && Format.max_exponent() < 127;

/// Codes of `Format`, in 16-bit lanes, as FP16 codes of the numbers times 2^(bias - 15): the fields only
/// move, and subnormal numbers remain subnormal. Multiplication of the FP32 numbers by 2^(15 - bias) then
/// gives the values.
template <float_format Format, class Ops, class Word>
FEWBITS_INLINE Word decode_scaled(Word code) {
  constexpr int shift = 10 - Format.mantissa_bits;
  constexpr int wider = 16 - Format.bits();
  constexpr std::uint32_t quiet_nan = 0x7e00;
  constexpr std::uint32_t infinity = 0x7c00;
  if constexpr (shift == wider) return Ops::template shift_left<wider>(code);
  const Word magnitude = Ops::and_(code, Ops::set(low32(Format.magnitude_mask())));
  Word result = Ops::template shift_left<shift>(magnitude);
  if constexpr (Format.inf == inf_encoding::ieee)
    result = Ops::select(Ops::greater(magnitude, Ops::set(low32(Format.max_finite_code()))),
                         Ops::or_(result, Ops::set(infinity)), result);
  if constexpr (Format.inf == inf_encoding::top_code)
    result = Ops::select(Ops::equal(magnitude, Ops::set(low32(Format.infinity_code()))),
                         Ops::set(infinity), result);
  if constexpr (Format.nan == nan_encoding::top_code)
    result = Ops::select(Ops::equal(magnitude, Ops::set(low32(Format.nan_code()))),
                         Ops::set(quiet_nan), result);
  result = merge<Ops>(0x7fff, result, Ops::template shift_left<wider>(code));
  if constexpr (Format.nan == nan_encoding::negative_zero)
    result = Ops::select(Ops::equal(code, Ops::set(low32(Format.nan_code()))), Ops::set(quiet_nan),
                         result);
  return result;
}

/// FP32 codes rounded to integers of `Format`, the nearest of them where there is none; NaN gives 0.
/// The magnitude is encoded in a float format whose codes up to 2^value_bits are the integers: all
/// subnormal, with 1 as the quantum.
template <int_format Format, rounding Mode, class Ops, class Word>
FEWBITS_INLINE Word encode_integer(Word x) {
  constexpr int value_bits = Format.bits - (Format.is_signed ? 1 : 0);
  constexpr float_format counts{
      .exponent_bits = 4, .mantissa_bits = value_bits, .bias = 1 - value_bits};
  constexpr std::uint32_t largest = low32(static_cast<std::uint64_t>(Format.max_code()));
  const Word magnitude = Ops::and_(x, Ops::set(0x7fffffff));
  const Word sign = Ops::template shift_right<31>(x);
  const Word capped =
      Ops::min_(magnitude, Ops::set(static_cast<std::uint32_t>(value_bits + 127) << 23));
  Word count = round_by_shifts<formats::fp32, counts, Mode, Ops>(capped, sign);
  Word result;
  if constexpr (Format.is_signed) {
    count = Ops::min_(count, Ops::add(Ops::set(largest), sign));
    const Word ones = Ops::sub(Ops::set(0), sign);
    result = Ops::and_(Ops::sub(Ops::xor_(count, ones), ones), Ops::set(2 * largest + 1));
  } else {
    result = Ops::select(Ops::equal(sign, Ops::set(0)), Ops::min_(count, Ops::set(largest)),
                         Ops::set(0));
  }
  return Ops::select(Ops::greater(magnitude, Ops::set(0x7f800000)), Ops::set(0), result);
}

/// The same for numbers between the smallest and the largest integer of the format, to nearest even. The
/// sum with 1.5 * 2^23 has 1 as its last place and the integer in its last bits, modulo 2^22.
template <int_format Format, class Ops, class Word>
FEWBITS_INLINE Word encode_finite_integer(Word x) {
  return Ops::and_(Ops::add_nearest(x, Ops::set(0x4b400000)), Ops::set((1U << Format.bits) - 1));
}

/// Integers of `Format`, of at most 16 bits, as FP32 codes.
template <int_format Format, class Ops, class Word>
FEWBITS_INLINE Word decode_integer(Word code) {
  constexpr std::uint32_t mask = (1U << Format.bits) - 1;
  const Word number = Ops::and_(code, Ops::set(mask));
  if constexpr (!Format.is_signed) {
    return Ops::float_bits(number);
  } else {
    const Word half = Ops::set(1U << (Format.bits - 1));
    return Ops::float_bits(Ops::sub(Ops::xor_(number, half), half));
  }
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
