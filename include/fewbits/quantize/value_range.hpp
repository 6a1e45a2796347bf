// SPDX-License-Identifier: MIT
// The range of the finite values of a run of floats, and scales from it.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/round_integer.hpp>
#include <fewbits/value/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// No default member initialisers: clang 14 would leave a constructor behind at -O0.
struct value_range {
  float low;            // at most 0
  float high;           // at least 0
  std::size_t skipped;  // NaN and infinities
};

/// Codes of floats other than NaN as integers in their order; both zeros are 0.
FEWBITS_INLINE constexpr std::int32_t order_of(std::uint32_t bits) {
  const std::int32_t magnitude = static_cast<std::int32_t>(bits & 0x7fffffff);
  return bits >> 31 != 0 ? -magnitude : magnitude;
}
/// The same for floats, whatever the control word makes of subnormal ones.
FEWBITS_INLINE constexpr std::int32_t order_of_number(float x) {
  std::uint32_t bits = bit_cast<std::uint32_t>(x);
  // Or clang 19 makes a comparison of floats of a comparison of their magnitude with zero.
  if (!__builtin_is_constant_evaluated()) bits = opaque(bits);
  return order_of(bits);
}
/// The larger of two numbers that are not NaN, and the smaller.
FEWBITS_INLINE constexpr float larger(float a, float b) {
  return order_of_number(a) < order_of_number(b) ? b : a;
}
FEWBITS_INLINE constexpr float smaller(float a, float b) {
  return order_of_number(b) < order_of_number(a) ? b : a;
}

FEWBITS_INLINE constexpr value_range joined(const value_range& a, const value_range& b) {
  return {smaller(a.low, b.low), larger(a.high, b.high), a.skipped + b.skipped};
}
FEWBITS_INLINE constexpr float amax_of(const value_range& range) {
  return larger(-range.low, range.high);
}

/// On codes, which order like magnitudes: integers know no NaN. A first look takes maxima of all
/// codes; only where that finds NaN or an infinity, a second one passes over those and counts them.
template <isa Isa>
struct range_kernel {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr std::uint32_t sign_bit = 0x80000000, infinity = 0x7f800000;

  FEWBITS_INLINE static std::uint32_t top(u32 x) { return float_lanes<Isa>::max_of_lanes(x); }

  /// `look(x)` of each vector; the last one is filled up with zeros.
  template <class Look>
  FEWBITS_INLINE static void for_vectors(const float* src, std::size_t count, Look look) {
    const unsigned char* const in = reinterpret_cast<const unsigned char*>(src);
    std::size_t i = 0;
    for (; count - i >= lanes; i += lanes) look(ops::load32(in + 4 * i), i);
    if (i == count) return;
    unsigned char last[4 * lanes] = {};
    __builtin_memcpy(last, in + 4 * i, 4 * (count - i));
    look(ops::load32(last), i);
  }

  FEWBITS_INLINE static u32 magnitude(u32 x) { return ops::and_(x, ops::set(~sign_bit)); }
  /// A finite x; else 0.
  FEWBITS_INLINE static u32 finite(u32 x) {
    return ops::select(ops::greater(magnitude(x), ops::set(infinity - 1)), ops::set(0), x);
  }

  /// The largest finite magnitude.
  static float amax(const float* src, std::size_t count) {
    // Four maxima, so that no one waits for the one before.
    u32 most[4] = {ops::set(0), ops::set(0), ops::set(0), ops::set(0)};
    const std::size_t whole = count / (4 * lanes) * (4 * lanes);
    const unsigned char* const in = reinterpret_cast<const unsigned char*>(src);
    for (std::size_t i = 0; i < whole; i += 4 * lanes) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 4; ++j)
        most[j] = ops::max_(most[j], magnitude(ops::load32(in + 4 * (i + j * lanes))));
    }
    for_vectors(src + whole, count - whole,
                [&](u32 x, std::size_t) { most[0] = ops::max_(most[0], magnitude(x)); });
    std::uint32_t found = top(ops::max_(ops::max_(most[0], most[1]), ops::max_(most[2], most[3])));
    if (found >= infinity) {
      u32 kept = ops::set(0);
      for_vectors(src, count,
                  [&](u32 x, std::size_t) { kept = ops::max_(kept, magnitude(finite(x))); });
      found = top(kept);
    }
    return bit_cast<float>(found);
  }

  /// The range of the finite values and of 0.
  static value_range range(const float* src, std::size_t count) {
    // With its sign bit flipped, a positive code is the larger the larger the number; a negative
    // one is so as it is.
    const u32 sign = ops::set(sign_bit);
    u32 up[2] = {ops::set(0), ops::set(0)}, down[2] = {ops::set(0), ops::set(0)};
    const std::size_t whole = count / (2 * lanes) * (2 * lanes);
    const unsigned char* const in = reinterpret_cast<const unsigned char*>(src);
    for (std::size_t i = 0; i < whole; i += 2 * lanes) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < 2; ++j) {
        const u32 x = ops::load32(in + 4 * (i + j * lanes));
        up[j] = ops::max_(up[j], ops::xor_(x, sign));
        down[j] = ops::max_(down[j], x);
      }
    }
    for_vectors(src + whole, count - whole, [&](u32 x, std::size_t) {
      up[0] = ops::max_(up[0], ops::xor_(x, sign));
      down[0] = ops::max_(down[0], x);
    });
    std::uint32_t high = top(ops::max_(up[0], up[1])), low = top(ops::max_(down[0], down[1]));
    value_range found{0, 0, 0};
    if (high >= (infinity | sign_bit) || low >= (infinity | sign_bit)) {
      up[0] = down[0] = ops::set(0);
      for_vectors(src, count, [&](u32 x, std::size_t) {
        up[0] = ops::max_(up[0], ops::xor_(finite(x), sign));
        down[0] = ops::max_(down[0], finite(x));
      });
      high = top(up[0]);
      low = top(down[0]);
      for (std::size_t i = 0; i < count; ++i)
        found.skipped += (bit_cast<std::uint32_t>(src[i]) & ~sign_bit) >= infinity ? 1U : 0U;
    }
    if (high > sign_bit) found.high = bit_cast<float>(high ^ sign_bit);
    if (low > sign_bit) found.low = bit_cast<float>(low);
    return found;
  }

  /// The smallest and the largest finite value; 0 and 0 where there are none.
  static value_range ends(const float* src, std::size_t count) {
    // Keys order like the numbers: the sign bit of a positive code set, all bits of a negative one
    // flipped. Those of numbers that are not finite are left out.
    u32 least = ops::set(~0U), most = ops::set(0);
    const u32 limit = ops::set(infinity - 1), sign = ops::set(sign_bit), all = ops::set(~0U);
    const auto look = [&](u32 x) {
      const u32 negative = ops::sub(ops::set(0), ops::template shift_right<31>(x));
      const u32 key = ops::xor_(x, ops::or_(negative, sign));
      const auto out = ops::greater(magnitude(x), limit);
      least = ops::min_(least, ops::select(out, all, key));
      most = ops::max_(most, ops::select(out, ops::set(0), key));
    };
    const unsigned char* const in = reinterpret_cast<const unsigned char*>(src);
    std::size_t i = 0;
    for (; count - i >= lanes; i += lanes) look(ops::load32(in + 4 * i));
    if (i != count) {
      std::uint32_t last[lanes];
      for (std::size_t k = 0; k < lanes; ++k) last[k] = infinity;
      __builtin_memcpy(last, in + 4 * i, 4 * (count - i));
      look(ops::load32(reinterpret_cast<const unsigned char*>(last)));
    }
    const std::uint32_t low = ~top(ops::xor_(least, all)), high = top(most);
    if (high == 0) return {0, 0, count};
    const auto number = [](std::uint32_t key) {
      return bit_cast<float>(key >= sign_bit ? key ^ sign_bit : ~key);
    };
    return {number(low), number(high), 0};
  }
};

/// The smallest positive float, so that a tiny tensor keeps a scale that can be divided by.
inline constexpr float smallest_scale = 0x1p-149f;

/// `scale`, lowered where a code `steps` from zero would stand for more than the largest float, so
/// that finite data come back finite.
FEWBITS_INLINE constexpr float finite_scale(float scale, std::int32_t steps) {
  constexpr double largest = static_cast<double>(__FLT_MAX__);
  if (static_cast<double>(scale) * steps <= largest) return scale;
  const float bound = static_cast<float>(largest / steps);
  if (static_cast<double>(bound) * steps <= largest) return bound;
  return bit_cast<float>(bit_cast<std::uint32_t>(bound) - 1);
}

/// Scale for codes -highest..highest, or for finite float codes; 1 where all values are zero.
template <class Code>
FEWBITS_INLINE constexpr float absmax_scale(float amax) {
  if constexpr (!is_basic_float<Code>)
    static_assert(code_range<Code>::highest > 0,
                  "fewbits: codes of one bit and a sign have no scale");
  if (amax == 0.0f) return 1;
  if constexpr (is_basic_float<Code>) {
    constexpr float highest = static_cast<float>((std::numeric_limits<Code>::max)());
    const float scale = amax / highest;
    if (scale == 0.0f) return smallest_scale;
    // Rounded up, it may send the largest code beyond the largest float.
    const bool is_finite = static_cast<double>(scale) * static_cast<double>(highest) <=
                           static_cast<double>(__FLT_MAX__);
    return is_finite ? scale : bit_cast<float>(bit_cast<std::uint32_t>(scale) - 1);
  } else {
    const float scale = amax / static_cast<float>(code_range<Code>::highest);
    return scale > 0.0f ? finite_scale(scale, code_range<Code>::highest) : smallest_scale;
  }
}

/// A scale and a zero point.
struct scale_and_zero {
  float scale;
  std::int32_t zero_point;
};

/// What sends the ends of the range to the ends of the codes. The width is taken in double: in
/// float it may be infinite.
template <class Code>
FEWBITS_INLINE constexpr scale_and_zero minmax_scale(float low, float high) {
  static_assert(!is_basic_float<Code>, "fewbits: float codes have no zero point");
  constexpr std::int32_t lowest = code_range<Code>::lowest;
  constexpr std::int32_t highest = code_range<Code>::highest;
  const double width = static_cast<double>(high) - static_cast<double>(low);
  if (width == 0.0) return {1, lowest};
  float scale = static_cast<float>(width / (highest - lowest));
  if (scale == 0.0f) scale = smallest_scale;
  const std::int32_t shifted = lowest - nearest_even_integer(low / scale);
  const std::int32_t zero_point = shifted > highest ? highest : shifted;
  const std::int32_t below = zero_point - lowest;
  const std::int32_t above = highest - zero_point;
  return {finite_scale(scale, below > above ? below : above), zero_point};
}

FEWBITS_INLINE scale_and_zero opaque(const scale_and_zero& x) {
  return {opaque(x.scale),
          static_cast<std::int32_t>(opaque(static_cast<std::uint32_t>(x.zero_point)))};
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
