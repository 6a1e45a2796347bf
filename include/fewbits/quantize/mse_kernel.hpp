// SPDX-License-Identifier: MIT
// The scale with the least squared error among fractions of the largest, in exact arithmetic.
//
// A stretch is taken as integers u = nearest(x * 2^e) with 2^13 <= amax * 2^e < 2^14, a candidate
// scale as a step that is a multiple of 1/64. Then u - q * step is exact in FP32 for every code q,
// the square of an eighth of it is rounded once and to an integer, and integers are summed: the
// order does not matter, and every instruction set finds the same scale.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/value_range.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
concept has_float_vectors = requires(typename vec<Isa>::u32 x) {
  vec<Isa>::fma_nearest(x, x, x);
  vec<Isa>::nearest_integer(x);
};

/// 2^exponent, for -126 <= exponent <= 127.
FEWBITS_INLINE constexpr float power_of_two(int exponent) {
  return bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}
/// x * 2^exponent, for -252 <= exponent <= 254.
FEWBITS_INLINE constexpr float times_power_of_two(float x, int exponent) {
  return x * power_of_two(exponent / 2) * power_of_two(exponent - exponent / 2);
}
/// e with 2^e <= x < 2^(e + 1).
FEWBITS_INLINE constexpr int exponent_of(float x) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(x);
  return bits >= 0x800000 ? static_cast<int>(bits >> 23) - 127 : -118 - __builtin_clz(bits);
}

template <class Code, isa Isa>
struct mse_kernel {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static_assert(!is_basic_float<Code> && code_range<Code>::bits <= 8,
                "fewbits: calibrate_mse is for integer codes of at most 8 bits");
  static constexpr std::int32_t lowest = code_range<Code>::lowest;
  static constexpr std::int32_t highest = code_range<Code>::highest;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  /// Candidate i is amax * (thresholds - i) / thresholds; of a short stretch `few` are tried.
  static constexpr std::size_t thresholds = 32, few = 16;
  static_assert(few % lanes == 0);
  /// A stretch of no more elements is short; longer ones go block by block.
  static constexpr std::size_t block = 256;
  static constexpr float magic = 12582912.0f;  // 1.5 * 2^23: the unit of its neighbours is 1

  /// Eighths of steps, steps' reciprocals, sums of squares for a block: of units of 64.
  struct candidates {
    float step[thresholds], inverse[thresholds];
    std::uint32_t error[thresholds];
  };

  FEWBITS_INLINE static u32 set(float x) { return ops::set(bit_cast<std::uint32_t>(x)); }
  FEWBITS_INLINE static u32 load(const float* src) {
    return ops::load32(reinterpret_cast<const unsigned char*>(src));
  }
  template <class Number>
  FEWBITS_INLINE static void store(Number* dst, u32 x) {
    ops::store32(reinterpret_cast<unsigned char*>(dst), x);
  }

  /// The integers of at most `block` elements, as floats; NaN and infinities give 0.
  FEWBITS_INLINE static void integers_of(const float* src, std::size_t count, int exponent,
                                         float* dst) {
    const float first = power_of_two(exponent / 2), second = power_of_two(exponent - exponent / 2);
    if constexpr (has_float_vectors<Isa>) {
      range_kernel<Isa>::for_vectors(src, count, [&](u32 x, std::size_t i) {
        const u32 scaled = ops::multiply_nearest(
            ops::multiply_nearest(range_kernel<Isa>::finite(x), set(first)), set(second));
        store(dst + i, ops::float_bits(ops::nearest_integer(scaled)));
      });
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const bool is_finite = (bit_cast<std::uint32_t>(src[i]) & 0x7fffffff) < 0x7f800000;
        dst[i] =
            is_finite ? static_cast<float>(nearest_even_integer(src[i] * first * second)) : 0.0f;
      }
    }
  }

  FEWBITS_INLINE static void prepare(float largest, std::size_t tried, candidates& all) {
    const float unit = 2 * largest;  // a 32nd of the largest step, in units of 1/64
    if constexpr (has_float_vectors<Isa>) {
      constexpr std::uint32_t places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
      for (std::size_t i = 0; i < tried; i += lanes) {
        const u32 place = ops::load32(reinterpret_cast<const unsigned char*>(places + i % few));
        const u32 left =
            ops::sub(ops::set(static_cast<std::uint32_t>(thresholds - i / few * few)), place);
        const u32 wanted = ops::multiply_nearest(set(unit), ops::float_bits(left));
        const u32 step =
            ops::multiply_nearest(ops::float_bits(ops::nearest_integer(wanted)), set(0x1p-6f));
        store(all.step + i, ops::multiply_nearest(step, set(0.125f)));
        store(all.inverse + i, ops::divide_nearest(set(1), step));
      }
    } else {
      for (std::size_t i = 0; i < tried; ++i) {
        const float wanted = unit * static_cast<float>(thresholds - i);
        all.step[i] = static_cast<float>(nearest_even_integer(wanted)) * 0x1p-9f;
        all.inverse[i] = 1 / (8 * all.step[i]);
      }
    }
  }

  /// The errors of `count` integers, at most `block`, for each candidate. A lane is a candidate.
  FEWBITS_INLINE static void sum(const float* integers, std::size_t count, std::size_t tried,
                                 candidates& all) {
    if constexpr (has_float_vectors<Isa>) {
      constexpr std::uint32_t zero = 0x4b400000;  // the bits of `magic`
      const u32 least = ops::set(zero + static_cast<std::uint32_t>(lowest));
      const u32 most = ops::set(zero + static_cast<std::uint32_t>(highest));
      for (std::size_t i = 0; i < tried; i += few) {
        constexpr std::size_t vectors = few / lanes;
        u32 squares[vectors], step[vectors], inverse[vectors];
        FEWBITS_UNROLL
        for (std::size_t k = 0; k < vectors; ++k) {
          squares[k] = ops::set(0);
          step[k] = ops::xor_(load(all.step + i + k * lanes), ops::set(0x80000000));
          inverse[k] = load(all.inverse + i + k * lanes);
        }
        for (std::size_t j = 0; j < count; ++j) {
          const u32 whole = set(integers[j]), eighth = set(integers[j] * 0.125f);
          FEWBITS_UNROLL
          for (std::size_t k = 0; k < vectors; ++k) {
            u32 code = ops::fma_nearest(whole, inverse[k], set(magic));
            code = ops::min_(ops::max_(code, least), most);
            const u32 rest = ops::fma_nearest(ops::add_nearest(code, set(-magic)), step[k], eighth);
            squares[k] =
                ops::add(squares[k], ops::nearest_integer(ops::multiply_nearest(rest, rest)));
          }
        }
        FEWBITS_UNROLL
        for (std::size_t k = 0; k < vectors; ++k) store(all.error + i + k * lanes, squares[k]);
      }
    } else {
      for (std::size_t i = 0; i < tried; ++i) {
        // inverse = significand * 2^-drop: the product with an integer, rounded once.
        const std::uint32_t bits = bit_cast<std::uint32_t>(all.inverse[i]);
        const std::int64_t significand = (bits & 0x7fffff) | 0x800000;
        const int drop = 150 - static_cast<int>(bits >> 23);
        std::uint32_t squares = 0;
        for (std::size_t j = 0; j < count; ++j) {
          const std::int64_t product = static_cast<std::int64_t>(integers[j]) * significand;
          const std::int64_t bias = (std::int64_t{1} << (drop - 1)) - 1 + (product >> drop & 1);
          const std::int64_t code = (product + bias) >> drop;
          const float kept = static_cast<float>(code < lowest    ? lowest
                                                : code > highest ? highest
                                                                 : code);
          const float rest = integers[j] * 0.125f - kept * all.step[i];
          squares += static_cast<std::uint32_t>(nearest_even_integer(rest * rest));
        }
        all.error[i] = squares;
      }
    }
  }

  static float find(const matrix_view<const float>& x, float amax) {
    if (amax == 0.0f) return 1;
    const int exponent = 13 - exponent_of(amax);
    const bool is_short = x.rows() * x.cols() <= block;
    const std::size_t tried = is_short ? few : thresholds;
    candidates all;
    prepare(times_power_of_two(amax, exponent) / static_cast<float>(highest), tried, all);
    std::uint64_t errors[thresholds] = {};
    for (std::size_t row = 0; row < x.rows(); ++row)
      for (std::size_t begin = 0; begin < x.cols(); begin += block) {
        const std::size_t count = x.cols() - begin < block ? x.cols() - begin : block;
        float integers[block];
        integers_of(x.row(row) + begin, count, exponent, integers);
        sum(integers, count, tried, all);
        for (std::size_t i = 0; i < tried; ++i) errors[i] += all.error[i];
      }
    std::size_t best = 0;
    for (std::size_t i = 1; i < tried; ++i)
      if (errors[i] < errors[best]) best = i;
    const float scale = times_power_of_two(8 * all.step[best], -exponent);
    return scale > 0.0f ? finite_scale(scale, highest) : smallest_scale;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
