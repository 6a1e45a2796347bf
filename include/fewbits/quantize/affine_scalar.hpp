// SPDX-License-Identifier: MIT
// Affine codes one by one: the definition that the kernels keep to.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/round_integer.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What the codes of one stretch, or of stretches in a row, mean: scale * (q - zero_point), 0 where
/// that is null; or scale * (q - lowest code) + minimum, where that is not null.
struct scales_and_offsets {
  const float* scale;
  const std::int32_t* zero_point;
  const float* minimum;

  FEWBITS_INLINE constexpr scales_and_offsets from(std::size_t stretch) const {
    return {scale + stretch, zero_point == nullptr ? nullptr : zero_point + stretch,
            minimum == nullptr ? nullptr : minimum + stretch};
  }
};
enum class code_offset : unsigned char { none, zero_point, minimum };

/// The code that is added to the rounded quotient.
template <class Code>
FEWBITS_INLINE std::int32_t code_shift(const scales_and_offsets& of) {
  if (of.minimum != nullptr) return code_range<Code>::lowest;
  return of.zero_point == nullptr ? 0 : *of.zero_point;
}

/// (x - minimum) / scale, each operation rounded to FP32, as bits. NaN counts as zero before a
/// minimum is subtracted.
FEWBITS_INLINE std::uint32_t quotient_of(float x, const scales_and_offsets& of) {
  std::uint32_t bits = bit_cast<std::uint32_t>(x);
  if (of.minimum != nullptr)
    bits = one_float::add_floats(is_nan_code<formats::fp32>(bits) ? 0 : bits,
                                 bit_cast<std::uint32_t>(*of.minimum) ^ 0x80000000);
  return one_float::divide_floats(bits, bit_cast<std::uint32_t>(*of.scale));
}

/// The code of `x`: the quotient rounded to an integer, plus the code of zero or the lowest, within
/// the range. The quotient is clamped before it is rounded; the ends are integers, so the order
/// does not matter and no float too large for an integer is converted. NaN gives the code of zero.
template <class Code, rounding Mode = rounding::nearest_even>
FEWBITS_INLINE std::int32_t quantize_one(float x, const scales_and_offsets& of,
                                         std::uint32_t random = 0) {
  const std::int32_t shift = code_shift<Code>(of);
  const float low = static_cast<float>(code_range<Code>::lowest - shift);
  const float high = static_cast<float>(code_range<Code>::highest - shift);
  const std::uint32_t bits = quotient_of(x, of);
  if (is_nan_code<formats::fp32>(bits)) return shift;
  const float quotient = bit_cast<float>(bits);
  const float clamped = quotient < low ? low : quotient > high ? high : quotient;
  return rounded_integer<Mode>(clamped, random) + shift;
}

/// How many finite elements have a quotient that rounds to an integer beyond the codes.
template <class Code, isa Isa>
struct clipping {
  static std::size_t count(const float* x, std::size_t size, const scales_and_offsets& of) {
    const std::int32_t shift = code_shift<Code>(of);
    const float low = static_cast<float>(code_range<Code>::lowest - shift);
    const float high = static_cast<float>(code_range<Code>::highest - shift);
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint32_t bits = quotient_of(x[i], of);
      if (is_nan_code<formats::fp32>(bits) ||
          (bit_cast<std::uint32_t>(x[i]) & 0x7fffffff) >= 0x7f800000)
        continue;
      const float quotient = bit_cast<float>(bits);
      const float kept = quotient < low - 1 ? low - 1 : quotient > high + 1 ? high + 1 : quotient;
      const std::int32_t code = nearest_even_integer(kept);
      clipped += static_cast<float>(code) < low || static_cast<float>(code) > high ? 1U : 0U;
    }
    return clipped;
  }
};

template <class Code>
FEWBITS_INLINE float dequantize_one(std::int32_t code, const scales_and_offsets& of) {
  std::uint32_t bits = one_float::multiply_floats(
      bit_cast<std::uint32_t>(static_cast<float>(code - code_shift<Code>(of))),
      bit_cast<std::uint32_t>(*of.scale));
  if (of.minimum != nullptr)
    bits = one_float::add_floats(bits, bit_cast<std::uint32_t>(*of.minimum));
  return bit_cast<float>(bits);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
