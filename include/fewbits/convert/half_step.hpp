// SPDX-License-Identifier: MIT
// Steps of a conversion in 16-bit lanes, twice as many as of 32 bits.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/convert/lane_step.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/value/basic_float.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// `Source` is FP16 or BF16, `To` a format of at most 8 bits that can be encoded from it.
template <class Source, class To, cast_policy Policy, class Ops>
concept half_codec =
    (std::same_as<Source, fp16> || std::same_as<Source, bf16>) && is_basic_float<To> &&
    sizeof(To) == 1 && requires { Ops::all(Ops::equal(Ops::set(0), Ops::set(0))); } &&
    has_codec<Source::format, To::format> &&
    has_finite_encoding<Source::format, To::format, Policy.round, Ops>();

/// BF16 becomes FP16 first, which has the multiply-add: what is below its normal numbers is less than half
/// a quantum of the result.
template <class From, class To, cast_policy Policy, class Ops>
concept half_codec_by_fp16 = std::same_as<From, bf16> && half_codec<fp16, To, Policy, Ops> &&
                             Policy.round == rounding::nearest_even &&
                             To::format.quantum_exponent() > formats::fp16.min_exponent();

/// FP16 or BF16 to 8 bits.
template <class From, class To, cast_policy Policy, isa Isa>
struct half_step {
  using ops = vec16<Isa>;
  static constexpr std::size_t lanes = 4 * static_cast<std::size_t>(vec<Isa>::lanes);

  template <class Word>
  FEWBITS_INLINE static Word code_ordinary(Word x) {
    if constexpr (half_codec<From, To, Policy, ops>) {
      return encode_finite<From::format, To::format, Policy.round, ops>(x);
    } else {
      constexpr std::uint32_t smallest = 127 - 14;
      const Word magnitude = ops::max_(ops::and_(x, ops::set(0x7fff)), ops::set(smallest << 7));
      const Word half =
          ops::sub(ops::template shift_left<3>(magnitude), ops::set((smallest - 1) << 10));
      return encode_finite<formats::fp16, To::format, Policy.round, ops>(
          merge<ops>(0x7fff, half, x));
    }
  }

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    constexpr std::uint32_t mask = To::format.is_signed ? 0x7fff : 0xffff;
    const decltype(ops::load16(src)) x[2] = {ops::load16(src), ops::load16(src + lanes)};
    if (__builtin_expect(all_within<ops>(x, mask, 0, largest_in<From::format, To::format>), 1)) {
      ops::store8(dst, code_ordinary(x[0]), code_ordinary(x[1]));
    } else {
      ops::store8(dst, encode<From::format, To::format, Policy, ops>(x[0]),
                  encode<From::format, To::format, Policy, ops>(x[1]));
    }
  }
};

template <class From, class To, cast_policy Policy, isa Isa>
concept half_pair =
    half_codec<From, To, Policy, vec16<Isa>> || half_codec_by_fp16<From, To, Policy, vec16<Isa>>;

/// E5M2 to FP16, which has the same exponents.
template <isa Isa>
struct shift_step {
  using ops = vec16<Isa>;
  static constexpr std::size_t lanes = 2 * static_cast<std::size_t>(vec<Isa>::lanes);

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    const auto x = decode_scaled<fp8_e5m2::format, ops>(ops::load8(src));
    const auto magnitude = ops::and_(x, ops::set(0x7fff));
    ops::store16(dst, ops::select(ops::greater(magnitude, ops::set(0x7c00)),
                                  ops::or_(x, ops::set(0x200)), x));
  }
};

template <class From, class To, cast_policy Policy, isa Isa>
concept shift_pair =
    std::same_as<From, fp8_e5m2> && std::same_as<To, fp16> &&
    !with_saturated_infinity<From, Policy> &&
    requires(unsigned char* dst) { vec16<Isa>::store16(dst, vec16<Isa>::load8(dst)); };

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
