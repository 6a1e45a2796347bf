// SPDX-License-Identifier: MIT
// Stochastic rounding in vector lanes: FP32 codes and random words to codes of another format.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Formats to which `round_stochastically` rounds FP32.
template <float_format Format>
inline constexpr bool has_stochastic_codec =
    has_codec<formats::fp32, Format> && Format.is_signed && Format.mantissa_bits < 23;

/// FP32 numbers below 2^-9 quanta as multiples of 2^-32 quanta: how, says `Mode`. `LastField` is the
/// exponent field of FP32 whose significands are such multiples already.
template <rounding Mode, std::uint32_t LastField, class Ops>
FEWBITS_INLINE typename Ops::u32 count_fractions(typename Ops::u32 magnitude) {
  using u32 = typename Ops::u32;
  const u32 one = Ops::set(1);
  const u32 field = Ops::max_(Ops::template shift_right<23>(magnitude), one);
  const u32 significand = Ops::sub(magnitude, Ops::template shift_left<23>(Ops::sub(field, one)));
  // At least 1 in the lanes that are asked for.
  const u32 drop = Ops::max_(Ops::min_(Ops::sub(Ops::set(LastField), field), Ops::set(31)), one);
  if constexpr (Mode == rounding::stochastic_a) return Ops::shift_right(significand, drop);
  u32 bias = Ops::shift_left(one, Ops::sub(drop, one));
  if constexpr (Mode == rounding::stochastic)
    bias = Ops::add(Ops::sub(bias, one), Ops::and_(Ops::shift_right(significand, drop), one));
  return Ops::shift_right(Ops::add(significand, bias), drop);
}

/// Whether float operations can do it, as `encode_finite` does; the number after the largest finite one is
/// among the inputs here, and one more bit among the results.
template <float_format Format, rounding Mode, class Ops>
FEWBITS_INLINE constexpr bool rounds_by_remainder() {
  constexpr int drop = 23 - Format.mantissa_bits;
  return Mode == rounding::stochastic &&
         requires(typename Ops::u32 x) {
           Ops::fma_nearest(x, x, x);
           Ops::nearest_integer(x);
         } && has_finite_encoding<formats::fp32, Format, rounding::nearest_even, Ops>() &&
         !shares_exponents<formats::fp32, Format> && Format.max_exponent() + 1 + drop <= 127 &&
         Format.min_exponent() + 127 >= 32 + Format.mantissa_bits &&
         (std::uint64_t{1} << Format.bits()) + (std::uint64_t{2} << Format.mantissa_bits) <=
             std::uint64_t{1} << 23;
}

/// `round_stochastically` by float operations. The sum of `encode_finite` rounds to the nearest quanta; what
/// it lacks or has too much is exact, and its count of 2^-32 quanta modulo 2^32 is the fraction above the
/// quanta below, of which there is one less where the remainder is negative. (Half a quantum counts 2^31,
/// the pattern of both signs.)
template <float_format Format, class Ops>
FEWBITS_INLINE typename Ops::u32 round_by_remainder(typename Ops::u32 magnitude,
                                                    typename Ops::u32 random) {
  using u32 = typename Ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t e_min = min_field<formats::fp32, Format>;
  constexpr std::uint32_t offset =
      (0U - (e_min << Format.mantissa_bits)) & ((1U << Format.bits()) - 1);
  constexpr std::uint32_t magic = static_cast<std::uint32_t>(drop + 127) << 23 | offset;
  // 2^32 over the quantum of a binade with the field b has the field 286 + mantissa_bits - b.
  constexpr std::uint32_t inverse = static_cast<std::uint32_t>(286 + Format.mantissa_bits) << 23;
  constexpr std::uint32_t minus_one = 0xbf800000;
  const u32 binade = Ops::and_(Ops::max_(magnitude, Ops::set(e_min << 23)), Ops::set(0x7f800000));
  const u32 sum = Ops::fma_nearest(binade, Ops::set(magic), magnitude);
  const u32 nearest = Ops::fma_nearest(binade, Ops::set(magic | 0x80000000), sum);
  const u32 remainder = Ops::fma_nearest(Ops::set(minus_one), nearest, magnitude);
  const u32 count =
      Ops::nearest_integer(Ops::multiply_nearest(remainder, Ops::sub(Ops::set(inverse), binade)));
  const u32 code = Ops::sub(Ops::add(sum, Ops::template shift_right<drop>(binade)),
                            Ops::template shift_right<31>(remainder));
  return Ops::select(Ops::carries(count, random), Ops::add(code, Ops::set(1)), code);
}

/// FP32 magnitudes, at most that after the largest finite one, rounded to magnitude codes of `Format`, in
/// the low `Format.bits()` bits; those above are arbitrary.
///
/// With S the significand of 24 bits and d the bits that the format does not keep, the rule of
/// `rounds_up` counts the fraction below the kept bits in units of 2^-32, rounded to an integer, and goes
/// up where that count and the random word carry.
/// d <= 32: the count is S * 2^(32 - d) modulo 2^32, an integer, so the three kinds agree.
/// d > 32: nothing is kept and the count is S * 2^(32 - d), less than 2^23, rounded: to even for
///   `stochastic`, down for `stochastic_a`. `stochastic_b` asks for floor(2c) + 2 * random + 1 >= 2^33,
///   that is floor((floor(2c) + 1) / 2) + random >= 2^32, so its count is c rounded half up.
template <float_format Format, rounding Mode, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 round_stochastically(typename vec<Isa>::u32 magnitude,
                                                           typename vec<Isa>::u32 random) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t e_min = static_cast<std::uint32_t>(Format.min_exponent() + 127);
  if constexpr (shares_exponents<formats::fp32, Format>) {
    // d is the same everywhere, and the carry goes where it belongs.
    const u32 fraction = ops::template shift_right<32 - drop>(random);
    return ops::template shift_right<drop>(ops::add(magnitude, fraction));
  } else if constexpr (rounds_by_remainder<Format, Mode, ops>()) {
    return round_by_remainder<Format, ops>(magnitude, random);
  } else {
    // The field at which d is 32.
    constexpr bool exceeds32 = e_min > 33 - drop;
    constexpr std::uint32_t last_field = exceeds32 ? e_min + drop - 32 : 1;
    const u32 field = ops::max_(ops::template shift_right<23>(magnitude), ops::set(last_field));
    const u32 binade = ops::max_(field, ops::set(e_min));
    const u32 more = ops::sub(binade, field);
    u32 significand;
    if constexpr (exceeds32) {
      // What is subnormal in FP32 gets a bit too many: it is shifted out.
      significand = ops::or_(ops::and_(magnitude, ops::set(0x7fffff)), ops::set(0x800000));
    } else {
      significand = ops::sub(magnitude, ops::template shift_left<23>(ops::sub(field, ops::set(1))));
    }
    const u32 kept = ops::shift_right(ops::template shift_right<drop>(significand), more);
    u32 count = ops::shift_left(significand, ops::sub(ops::set(32 - drop), more));
    if constexpr (exceeds32)
      count = ops::select(ops::greater(ops::set(last_field << 23), magnitude),
                          count_fractions<Mode, last_field, ops>(magnitude), count);
    const u32 code =
        ops::sub(ops::add(kept, ops::template shift_left<Format.mantissa_bits>(binade)),
                 ops::set(e_min << Format.mantissa_bits));
    return ops::select(ops::carries(count, random), ops::add(code, ops::set(1)), code);
  }
}

/// FP32 codes rounded to `Format`, overflow, infinity and NaN by the policy. The results for either sign
/// differ in the sign bit only.
template <float_format Format, cast_policy Policy, isa Isa>
FEWBITS_INLINE typename vec<Isa>::u32 encode_stochastically(typename vec<Isa>::u32 x,
                                                            typename vec<Isa>::u32 random) {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  constexpr int drop = 23 - Format.mantissa_bits;
  constexpr std::uint32_t rebias = static_cast<std::uint32_t>(Format.min_exponent() + 126)
                                   << Format.mantissa_bits;
  constexpr std::uint32_t infinity = 0x7f800000;
  constexpr std::uint32_t largest = low32(Format.max_finite_code());
  constexpr std::uint32_t overflowed = low32(overflow_code<Format, Policy>(false));
  constexpr std::uint32_t infinite = low32(infinity_code<Format, Policy>(false));
  constexpr std::uint32_t nan = low32(nan_code<Format>(default_nan));
  // A cap below what overflows gives its code to all that is larger.
  constexpr bool is_capped = overflowed == infinite && overflowed <= largest + 1;
  constexpr std::uint32_t cap_code = is_capped ? overflowed : largest + 1;
  constexpr std::uint32_t cap = (cap_code + rebias) << drop;

  const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
  if constexpr (shares_exponents<formats::fp32, Format> && is_capped && cap == infinity) {
    // The sign is one more bit above the exponent, where no carry gets to.
    const u32 result = round_stochastically<Format, Policy.round, Isa>(x, random);
    const u32 quiet = ops::template shift_right<drop>(ops::or_(x, ops::set(0x400000)));
    return ops::select(ops::greater(magnitude, ops::set(infinity)), quiet, result);
  }
  u32 code =
      round_stochastically<Format, Policy.round, Isa>(ops::min_(magnitude, ops::set(cap)), random);
  if constexpr (!is_capped || !Format.has_negative_zero())
    code = ops::and_(code, ops::set(low32(Format.sign_mask() | Format.magnitude_mask())));
  if constexpr (!is_capped) {
    if constexpr (overflowed != largest + 1)
      code = ops::select(ops::greater(code, ops::set(largest)), ops::set(overflowed), code);
    code = ops::select(ops::equal(magnitude, ops::set(infinity)), ops::set(infinite), code);
  }
  if constexpr (!(is_capped && nan == cap_code)) {
    u32 codes = ops::set(nan);
    if constexpr (Format.nan == nan_encoding::ieee)
      codes = ops::or_(codes, ops::template shift_right<drop>(magnitude));
    code = ops::select(ops::greater(magnitude, ops::set(infinity)), codes, code);
  }
  const u32 shifted = ops::template shift_right<32 - Format.bits()>(x);
  if constexpr (Format.has_negative_zero()) {
    return merge<ops>(low32(Format.magnitude_mask()), code, shifted);
  } else {
    const u32 sign = ops::and_(shifted, ops::set(low32(Format.sign_mask())));
    return ops::select(ops::equal(code, ops::set(0)), code, ops::or_(code, sign));
  }
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
