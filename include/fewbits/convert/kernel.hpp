// SPDX-License-Identifier: MIT
// The definition of `convert_kernel` for any pair, policy and instruction set: one of six steps.
//
// | step        | pairs                                    | how                                         |
// | ----------- | ---------------------------------------- | ------------------------------------------- |
// | copy_step   | the same format                          | NaN made quiet                              |
// | lookup_step | at most 8 bits to at most 16 and to FP32 | byte tables in registers                    |
// | shift_step  | E5M2 to FP16                             | shifted in 16-bit lanes                     |
// | half_step   | FP16 and BF16 to at most 8 bits          | encoded in 16-bit lanes                     |
// | lane_step   | anything that FP32 contains; from FP64   | to FP32, which is exact or rounds to odd,   |
// |             | rounded to odd; to FP64                  | then encoded in 32-bit lanes                |
// | scalar_step | the rest                                 | the conversion of one number                |
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/convert/table.hpp>
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

/// FP32 and what `encode` and `decode` bring to it and back.
template <class Element>
FEWBITS_INLINE constexpr bool fits_lane() {
  if constexpr (std::is_same_v<Element, fp32>) {
    return true;
  } else if constexpr (is_basic_float<Element>) {
    return is_exponent_of_fp32<Element::format> || has_codec<formats::fp32, Element::format>;
  } else {
    return code_bits<Element> <= 16;
  }
}

/// The rounding modes that conversion instructions have.
FEWBITS_INLINE constexpr bool is_ieee(rounding mode) {
  return mode == rounding::nearest_even || mode == rounding::toward_zero ||
         mode == rounding::toward_positive || mode == rounding::toward_negative;
}

/// Whether FP64 can be rounded to odd into FP32 first: 24 bits are two more than the result has, at any
/// exponent (Boldo and Melquiond, 2008: such a double rounding is harmless, in every mode).
template <class To>
FEWBITS_INLINE constexpr bool takes_odd_fp32() {
  if constexpr (is_basic_float<To>) {
    return To::format.precision() <= 22 && To::format.quantum_exponent() >= -147;
  } else {
    return true;
  }
}

/// Whether nothing below 2^-126 is more than half of the smallest value.
template <class To, cast_policy Policy>
FEWBITS_INLINE constexpr bool drops_subnormal_fp32() {
  if constexpr (!is_basic_float<To>) {
    return Policy.round == rounding::nearest_even;
  } else {
    return Policy.round == rounding::nearest_even && To::format.quantum_exponent() > -126;
  }
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

template <class From, class To, cast_policy Policy, isa Isa>
struct lane_step {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t vectors = ops::lanes == 1 ? 1 : 4;
  static constexpr std::size_t lanes = vectors * static_cast<std::size_t>(ops::lanes);

  static constexpr bool can_load = [] {
    if constexpr (!std::is_same_v<From, fp64>) {
      return fits_lane<From>();
    } else if constexpr (!std::is_same_v<To, fp32>) {
      return takes_odd_fp32<To>() &&
             requires(const unsigned char* src) { ops::load64_to_odd(src); };
    } else if constexpr (Policy == cast_policy{rounding::to_odd, overflow::ieee}) {
      return requires(const unsigned char* src) { ops::load64_to_odd(src); };
    } else {
      return (Policy.over == overflow::ieee || Policy.over == overflow::infinity_or_largest) &&
             is_ieee(Policy.round) &&
             requires(const unsigned char* src) { ops::template load64<Policy.round>(src); };
    }
  }();
  /// Infinity in FP64's range is not what FP32's largest number becomes.
  static constexpr bool can_store = [] {
    if constexpr (!std::is_same_v<To, fp64>) {
      return fits_lane<To>();
    } else if constexpr (is_basic_float<From>) {
      return !(Policy.over == overflow::saturate && From::format.has_infinity()) &&
             requires(unsigned char* dst, u32 x) { ops::store64(dst, x); };
    } else {
      return requires(unsigned char* dst, u32 x) { ops::store64(dst, x); };
    }
  }();
  static constexpr bool exists = can_load && can_store;

  FEWBITS_INLINE static u32 load(const unsigned char* src) {
    if constexpr (std::is_same_v<From, fp64>) {
      if constexpr (std::is_same_v<To, fp32> && Policy.round != rounding::to_odd) {
        return ops::template load64<Policy.round>(src);
      } else {
        return ops::load64_to_odd(src);
      }
    } else if constexpr (std::is_same_v<From, fp32>) {
      return ops::load32(src);
    } else if constexpr (std::is_same_v<From, fp16> && requires { ops::load_half(src); }) {
      return ops::load_half(src);
    } else {
      u32 code;
      if constexpr (sizeof(From) == 4) {
        code = ops::load32(src);
      } else if constexpr (sizeof(From) == 2) {
        code = ops::load16(src);
      } else {
        code = ops::load8(src);
      }
      if constexpr (is_basic_float<From>) {
        return decode<From::format, ops>(code);
      } else {
        return decode_integer<integer_format_of<From>, ops>(code);
      }
    }
  }

  FEWBITS_INLINE static void load_all(const unsigned char* src, u32 (&x)[vectors]) {
    constexpr bool by_half = [] {
      if constexpr (vectors == 4 && is_basic_float<From> &&
                    requires { vec16<Isa>::widen_low(vec16<Isa>::load8(src)); }) {
        return is_scaled_half<From::format>;
      } else {
        return false;
      }
    }();
    if constexpr (by_half) {
      using halves = vec16<Isa>;
      constexpr int exponent = 15 - From::format.bias;
      const u32 unit = ops::set(static_cast<std::uint32_t>(127 + exponent) << 23);
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < 4; i += 2) {
        const auto half = decode_scaled<From::format, halves>(halves::load8(src + i * lanes / 4));
        x[i] = halves::widen_low(half);
        x[i + 1] = halves::widen_high(half);
      }
      if constexpr (exponent != 0) {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < 4; ++i) x[i] = ops::multiply_nearest(x[i], unit);
      }
    } else {
      constexpr std::size_t bytes = sizeof(From) * static_cast<std::size_t>(ops::lanes);
      if constexpr (std::is_same_v<From, fp64> && !std::is_same_v<To, fp32>) {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < vectors; ++i) x[i] = ops::load64_normal_to_odd(src + i * bytes);
        constexpr std::uint32_t smallest = drops_subnormal_fp32<To, Policy>() ? 0 : 0x800000;
        if (__builtin_expect(all_within<ops>(x, 0x7fffffff, smallest, 0x7f7fffff), 1)) return;
      }
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < vectors; ++i) x[i] = load(src + i * bytes);
    }
  }

  /// Whether `decode` may leave NaN signaling.
  static constexpr bool is_raw = [] {
    if constexpr (is_basic_float<From>) {
      return shares_exponents<formats::fp32, From::format>;
    } else {
      return false;
    }
  }();
  /// Whether the results are the upper bits of FP32 codes.
  static constexpr bool is_exact = [] {
    if constexpr (is_basic_float<From> && is_basic_float<To> && !is_raw &&
                  Policy.over != overflow::saturate) {
      return shares_exponents<formats::fp32, To::format> && is_subset(From::format, To::format);
    } else {
      return false;
    }
  }();

  FEWBITS_INLINE static u32 coded(u32 x) {
    if constexpr (std::is_same_v<To, fp32>) {
      if constexpr (is_raw) x = quiet<ops>(x);
      if constexpr (Policy.over == overflow::saturate && is_basic_float<From>) {
        const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
        const u32 largest = ops::sub(x, ops::set(1));
        return ops::select(ops::equal(magnitude, ops::set(0x7f800000)), largest, x);
      } else {
        return x;
      }
    } else if constexpr (is_exact) {
      return ops::template shift_right<32 - code_bits<To>>(x);
    } else if constexpr (!is_basic_float<To>) {
      return encode_integer<integer_format_of<To>, Policy.round, ops>(x);
    } else if constexpr (is_exponent_of_fp32<To::format>) {
      return encode_exponent<Policy, ops>(x);
    } else {
      return encode<formats::fp32, To::format, Policy, ops>(x);
    }
  }

  /// The largest magnitude, in FP32, that needs no special code; 0 where every number takes the long way.
  static constexpr std::uint32_t largest_ordinary = [] {
    if constexpr (!requires(u32 a) { ops::all(ops::equal(a, a)); } || std::is_same_v<To, fp32> ||
                  is_exact) {
      return 0U;
    } else if constexpr (!is_basic_float<To>) {
      constexpr int_format format = integer_format_of<To>;
      constexpr int value_bits = format.bits - (format.is_signed ? 1 : 0);
      if constexpr (Policy.round != rounding::nearest_even || value_bits == 0 || value_bits > 16 ||
                    !requires(u32 a) { ops::add_nearest(a, a); }) {
        return 0U;
      } else {
        return bit_cast<std::uint32_t>(static_cast<float>(format.max_code()));
      }
    } else if constexpr (is_exponent_of_fp32<To::format>) {
      return largest_in<formats::fp32, To::format>;
    } else if constexpr (has_finite_encoding<formats::fp32, To::format, Policy.round, ops>()) {
      return largest_in<formats::fp32, To::format>;
    } else {
      return 0U;
    }
  }();
  static constexpr bool is_e8m0 = [] {
    if constexpr (is_basic_float<To>) {
      return is_exponent_of_fp32<To::format>;
    } else {
      return false;
    }
  }();
  static constexpr bool takes_sign = [] {
    if constexpr (is_basic_float<To>)
      return To::format.is_signed;
    else
      return integer_format_of<To>.is_signed;
  }();

  /// Whether rounding gives the right code for anything but NaN: what lies beyond the largest number
  /// becomes the next code, which is infinity.
  static constexpr bool is_natural = [] {
    if constexpr (is_basic_float<To>) {
      return shares_exponents<formats::fp32, To::format> && Policy.over == overflow::ieee;
    } else {
      return false;
    }
  }();

  FEWBITS_INLINE static u32 code_ordinary(u32 x) {
    if constexpr (is_e8m0) {
      return round_code<formats::fp32, To::format, Policy.round, ops>(x, ops::set(0));
    } else if constexpr (is_basic_float<To>) {
      return encode_finite<formats::fp32, To::format, Policy.round, ops>(x);
    } else {
      return encode_finite_integer<integer_format_of<To>, ops>(x);
    }
  }

  FEWBITS_INLINE static void code_all(u32 (&x)[vectors]) {
    if constexpr (std::is_same_v<To, fp32> && is_raw && Policy.over != overflow::saturate &&
                  requires { ops::ordered(x[0], x[0]); }) {
      if (__builtin_expect(all_ordered<ops>(x), 1)) return;
    }
    if constexpr (!std::is_same_v<To, fp32> && !is_exact && is_basic_float<To> && sizeof(To) <= 4 &&
                  is_natural && requires { ops::ordered(x[0], x[0]); }) {
      if (__builtin_expect(all_ordered<ops>(x), 1)) {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < vectors; ++i) x[i] = code_ordinary(x[i]);
        return;
      }
    } else if constexpr (largest_ordinary != 0) {
      constexpr std::uint32_t smallest = is_e8m0 ? 0x800000 : 0;
      if (__builtin_expect(
              all_within<ops>(x, takes_sign ? 0x7fffffff : 0xffffffff, smallest, largest_ordinary),
              1)) {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < vectors; ++i) x[i] = code_ordinary(x[i]);
        return;
      }
    }
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < vectors; ++i) x[i] = coded(x[i]);
  }

  static constexpr bool by_half_instruction =
      std::is_same_v<To, fp16> && Policy.over == overflow::ieee && is_ieee(Policy.round) &&
      requires(unsigned char* dst, u32 x) { ops::template store_half<Policy.round>(dst, x); };
  static constexpr bool by_bf16_instruction =
      std::is_same_v<To, bf16> && Policy == cast_policy{} && vectors == 4 &&
      requires(unsigned char* dst, u32 x) { ops::store_bf16(dst, x, x); };

  FEWBITS_INLINE static void store_all(unsigned char* dst, u32 (&x)[vectors]) {
    constexpr std::size_t bytes = sizeof(To) * static_cast<std::size_t>(ops::lanes);
    if constexpr (by_bf16_instruction) {
      ops::store_bf16(dst, x[0], x[1]);
      ops::store_bf16(dst + 2 * bytes, x[2], x[3]);
    } else if constexpr (by_half_instruction) {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < vectors; ++i)
        ops::template store_half<Policy.round>(dst + i * bytes, x[i]);
    } else if constexpr (std::is_same_v<To, fp64>) {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < vectors; ++i) ops::store64(dst + i * bytes, x[i]);
    } else {
      code_all(x);
      if constexpr (sizeof(To) == 1 && requires { ops::store8(dst, x[0], x[0], x[0], x[0]); }) {
        ops::store8(dst, x[0], x[1], x[2], x[3]);
      } else if constexpr (sizeof(To) == 2 && requires { ops::store16(dst, x[0], x[0]); }) {
        ops::store16(dst, x[0], x[1]);
        ops::store16(dst + 2 * bytes, x[2], x[3]);
      } else {
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < vectors; ++i) {
          if constexpr (sizeof(To) == 4) {
            ops::store32(dst + i * bytes, x[i]);
          } else if constexpr (sizeof(To) == 2) {
            ops::store16(dst + i * bytes, x[i]);
          } else {
            ops::store8(dst + i * bytes, x[i]);
          }
        }
      }
    }
  }

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    if constexpr (std::is_same_v<From, fp64> && by_half_instruction &&
                  requires { ops::template store_half_of64<Policy.round>(dst, src); }) {
      FEWBITS_UNROLL
      for (std::size_t i = 0; i < lanes; i += ops::lanes)
        ops::template store_half_of64<Policy.round>(dst + 2 * i, src + 8 * i);
    } else {
      u32 x[vectors];
      load_all(src, x);
      store_all(dst, x);
    }
  }
};

/// FP16 or BF16 to 8 bits, on twice as many lanes. BF16 becomes FP16 first, where that has the multiply-add:
/// numbers below its normal ones are below half a quantum, and zero as well as any of them.
template <class From, class To, cast_policy Policy, isa Isa>
struct half_step {
  using ops = vec16<Isa>;
  static constexpr std::size_t lanes = 4 * static_cast<std::size_t>(vec<Isa>::lanes);

  template <class Source>
  static constexpr bool can_encode = [] {
    if constexpr (!is_basic_float<Source> || !is_basic_float<To> || sizeof(To) != 1 ||
                  !requires { ops::all(ops::equal(ops::set(0), ops::set(0))); }) {
      return false;
    } else if constexpr (has_codec<Source::format, To::format>) {
      return has_finite_encoding<Source::format, To::format, Policy.round, ops>();
    } else {
      return false;
    }
  }();
  static constexpr bool by_fp16 = [] {
    if constexpr (std::is_same_v<From, bf16> && !can_encode<bf16> && can_encode<fp16>) {
      return Policy.round == rounding::nearest_even &&
             To::format.quantum_exponent() > formats::fp16.min_exponent();
    } else {
      return false;
    }
  }();
  static constexpr bool exists =
      by_fp16 || ((std::is_same_v<From, fp16> || std::is_same_v<From, bf16>) && can_encode<From>);

  template <class Word>
  FEWBITS_INLINE static Word code_ordinary(Word x) {
    if constexpr (by_fp16) {
      constexpr std::uint32_t smallest = 127 - 14;
      const Word magnitude = ops::max_(ops::and_(x, ops::set(0x7fff)), ops::set(smallest << 7));
      const Word half =
          ops::sub(ops::template shift_left<3>(magnitude), ops::set((smallest - 1) << 10));
      return encode_finite<formats::fp16, To::format, Policy.round, ops>(
          merge<ops>(0x7fff, half, x));
    } else {
      return encode_finite<From::format, To::format, Policy.round, ops>(x);
    }
  }
  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    constexpr bool has_sign = To::format.is_signed;
    decltype(ops::load16(src)) x[2] = {ops::load16(src), ops::load16(src + lanes)};
    if (__builtin_expect(
            all_within<ops>(x, has_sign ? 0x7fff : 0xffff, 0, largest_in<From::format, To::format>),
            1)) {
      ops::store8(dst, code_ordinary(x[0]), code_ordinary(x[1]));
    } else {
      ops::store8(dst, encode<From::format, To::format, Policy, ops>(x[0]),
                  encode<From::format, To::format, Policy, ops>(x[1]));
    }
  }
};

/// E5M2 to FP16, which has the same exponents.
template <class From, class To, cast_policy Policy, isa Isa>
struct shift_step {
  using ops = vec16<Isa>;
  static constexpr std::size_t lanes = 2 * static_cast<std::size_t>(vec<Isa>::lanes);

  static constexpr bool exists = [] {
    if constexpr (!std::is_same_v<From, fp8_e5m2> || !std::is_same_v<To, fp16>) {
      return false;
    } else {
      return Policy.over != overflow::saturate &&
             requires(unsigned char* dst) { ops::store16(dst, ops::load8(dst)); };
    }
  }();

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const auto x = decode_scaled<fp8_e5m2::format, ops>(ops::load8(src));
    const auto magnitude = ops::and_(x, ops::set(0x7fff));
    ops::store16(dst, ops::select(ops::greater(magnitude, ops::set(0x7c00)),
                                  ops::or_(x, ops::set(0x200)), x));
  }
};

/// Without a change of format there is nothing to do but to make NaN quiet, which compilers vectorise.
template <class Element>
struct copy_step {
  static constexpr std::size_t lanes = 1;

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    Element x;
    __builtin_memcpy(&x, src, sizeof(Element));
    if constexpr (is_basic_float<Element>) {
      if constexpr (Element::format.nan == nan_encoding::ieee) {
        constexpr auto quiet_bit = typename Element::storage_type{1}
                                   << (Element::format.mantissa_bits - 1);
        x = Element::from_bits(x.bits() | (isnan(x) ? quiet_bit : 0));
      }
    }
    __builtin_memcpy(dst, &x, sizeof(Element));
  }
};

template <class From, class To, cast_policy Policy>
struct scalar_step {
  static constexpr std::size_t lanes = 1;

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    From from;
    __builtin_memcpy(&from, src, sizeof(From));
    const To to = convert<To, Policy>(from);
    __builtin_memcpy(dst, &to, sizeof(To));
  }
};

}  // namespace detail

template <class From, class To, cast_policy Policy, isa Isa>
struct convert_kernel {
  /// Whether a conversion to the same format changes no value.
  static constexpr bool is_copy = [] {
    if constexpr (!std::is_same_v<From, To>) {
      return false;
    } else if constexpr (is_basic_float<To>) {
      return Policy.over != overflow::saturate || !To::format.has_infinity();
    } else {
      return true;
    }
  }();
  /// To FP32 the tables take the way over BF16; there, an infinity that saturates is another number.
  static constexpr bool is_lookup = [] {
    if constexpr (detail::code_bits<From> > 8 ||
                  !requires(const unsigned char* src) { vec8<Isa>::load8(src); }) {
      return false;
    } else if constexpr (!is_basic_float<From>) {
      return sizeof(To) <= 2 || std::is_same_v<To, fp32>;
    } else {
      return sizeof(To) <= 2 ||
             (std::is_same_v<To, fp32> && is_subset(From::format, formats::bf16) &&
              !(Policy.over == overflow::saturate && From::format.has_infinity()));
    }
  }();

  FEWBITS_INLINE static constexpr auto step() {
    if constexpr (is_copy) {
      return detail::copy_step<From>{};
    } else if constexpr (is_lookup) {
      return detail::lookup_step<From, To, Policy, Isa>{};
    } else if constexpr (detail::shift_step<From, To, Policy, Isa>::exists) {
      return detail::shift_step<From, To, Policy, Isa>{};
    } else if constexpr (detail::half_step<From, To, Policy, Isa>::exists) {
      return detail::half_step<From, To, Policy, Isa>{};
    } else if constexpr (detail::lane_step<From, To, Policy, Isa>::exists) {
      return detail::lane_step<From, To, Policy, Isa>{};
    } else {
      return detail::scalar_step<From, To, Policy>{};
    }
  }

  static void run(const unsigned char* src, unsigned char* dst, std::size_t count) {
    using chosen = decltype(step());
    const detail::control_word<Isa, detail::instruction_mode(Policy.round)> control_word;
    detail::run_vectors<chosen::lanes, sizeof(From), sizeof(To), chosen>(src, dst, count);
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
