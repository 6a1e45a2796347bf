// SPDX-License-Identifier: MIT
// `codebook`: codes that stand for any ascending numbers, under a scale for each block: NF4; and double
// quantization of the scales.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/block_kernel.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/round_integer.hpp>
#include <fewbits/quantize/value_range.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/value/convert_scalar.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// What codes 0 to Size - 1 stand for, ascending.
template <std::size_t Size>
struct codebook {
  static_assert(Size >= 2 && Size <= 256);
  float value[Size];

  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t size() { return Size; }
  [[nodiscard]] FEWBITS_INLINE constexpr float operator[](std::size_t code) const {
    return value[code];
  }
};

/// NF4: quantiles of the normal distribution, code 7 is 0.
///
/// Source: T. Dettmers et al., QLoRA, 2023, appendix E; the constants of bitsandbytes.
inline constexpr codebook<16> nf4{
    {-1.0F, -0.6961928009986877F, -0.5250730514526367F, -0.39491748809814453F,
     -0.28444138169288635F, -0.18477343022823334F, -0.09105003625154495F, 0.0F,
     0.07958029955625534F, 0.16093020141124725F, 0.24611230194568634F, 0.33791524171829224F,
     0.44070982933044434F, 0.5626170039176941F, 0.7229568362236023F, 1.0F}};

namespace detail {

/// An integer that orders like a float other than NaN; both zeros are 0.
FEWBITS_INLINE constexpr std::int32_t order_of(std::uint32_t bits) {
  const std::int32_t magnitude = static_cast<std::int32_t>(bits & 0x7fffffff);
  return bits >> 31 != 0 ? -magnitude : magnitude;
}

/// For each code but the first, the largest float for which the code before it is nearest: the midpoint
/// of both, rounded down, as `order_of`.
template <std::size_t Size>
struct codebook_bounds {
  std::int32_t bound[Size - 1];
};
template <std::size_t Size>
FEWBITS_INLINE constexpr codebook_bounds<Size> bounds_of(const codebook<Size>& book) {
  constexpr cast_policy down{.round = rounding::toward_negative};
  codebook_bounds<Size> result{};
  for (std::size_t i = 0; i + 1 < Size; ++i) {
    // The halves are exact in double, and their sum is rounded once.
    const fp64 low = mul<fp64>(fp32::from_bits(bit_cast<std::uint32_t>(book.value[i])), fp64{0.5});
    const fp64 high =
        mul<fp64>(fp32::from_bits(bit_cast<std::uint32_t>(book.value[i + 1])), fp64{0.5});
    result.bound[i] = order_of(add<fp32, down>(low, high).bits());
  }
  return result;
}

template <std::size_t Size>
FEWBITS_INLINE constexpr std::uint32_t code_of(const codebook_bounds<Size>& bounds,
                                               std::int32_t order) {
  std::uint32_t code = 0;
  for (std::int32_t bound : bounds.bound) code += order > bound ? 1U : 0U;
  return code;
}

template <std::size_t Size, std::size_t BlockSize, isa Isa>
struct codebook_kernel {
  using ops = float_lanes<Isa>;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr std::size_t padded = (BlockSize + lanes - 1) / lanes * lanes;

  /// Codes of up to BlockSize numbers; their largest finite magnitude comes back.
  static float encode(const codebook_bounds<Size>& bounds, const float* src, std::size_t count,
                      unsigned char* codes) {
    const default_control_word<Isa> control_word;
    std::uint32_t block[padded] = {};
    unsigned char* const bytes = reinterpret_cast<unsigned char*>(block);
    __builtin_memcpy(block, src, count * sizeof(float));
    const std::uint32_t amax = bit_cast<std::uint32_t>(range_kernel<Isa>::amax(src, count));
    for (std::size_t i = 0; i < padded; i += lanes) {
      const auto x = ops::load32(bytes + 4 * i);
      const auto magnitude = ops::and_(x, ops::set(0x7fffffff));
      const auto ratio = ops::divide_floats(x, ops::set(amax == 0 ? 0x3f800000 : amax));
      // Infinities have a ratio that is infinite; NaN counts as 0.
      ops::store32(bytes + 4 * i, ops::select(ops::greater(magnitude, ops::set(fp32_infinity)),
                                              ops::set(0), ratio));
    }
    for (std::size_t i = 0; i < count; ++i)
      codes[i] = static_cast<unsigned char>(code_of(bounds, order_of(block[i])));
    return bit_cast<float>(amax);
  }

  static void decode(const codebook<Size>& book, const unsigned char* codes, std::size_t count,
                     float scale, float* dst) {
    const default_control_word<Isa> control_word;
    float block[padded] = {};
    unsigned char* const bytes = reinterpret_cast<unsigned char*>(block);
    for (std::size_t i = 0; i < count; ++i) block[i] = book.value[codes[i] % Size];
    for (std::size_t i = 0; i < padded; i += lanes) {
      const auto x = ops::multiply_floats(ops::load32(bytes + 4 * i),
                                          ops::set(bit_cast<std::uint32_t>(scale)));
      ops::store32(bytes + 4 * i, ops::select(ops::greater(ops::and_(x, ops::set(0x7fffffff)),
                                                           ops::set(fp32_infinity)),
                                              ops::set(fp32_nan), x));
    }
    __builtin_memcpy(dst, block, count * sizeof(float));
  }
};

FEWBITS_INLINE constexpr std::size_t groups_of(std::size_t count, std::size_t size) {
  return count / size + (count % size != 0 ? 1 : 0);
}

}  // namespace detail

/// The code whose number is nearest to `x`. A tie, x exactly between two numbers, goes to the lower code;
/// beyond the ends the end; NaN to the code of 0.
template <std::size_t Size>
[[nodiscard]] FEWBITS_INLINE constexpr std::uint32_t nearest_code(const codebook<Size>& book,
                                                                  float x) {
  const std::uint32_t bits = detail::bit_cast<std::uint32_t>(x);
  const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
  return detail::code_of(detail::bounds_of(book), detail::order_of(is_nan ? 0 : bits));
}

/// Writes the codes of numbers, and a scale for each BlockSize of them: its largest finite magnitude.
///
/// Shape:    codes.size() == src.size(); a scale for each block, the last of which may be short.
/// Rounding: nearest_code(x / scale), the quotient in FP32 to nearest even.
/// Data:     a block of zeros has scale 0 and the code of 0. Infinities get the code at the end, NaN that
///           of 0; neither counts for the scale.
/// Bits:     the same on every instruction set, whatever the floating-point control word is.
/// Errors:   none at run time. Requires sizes that match.
/// Source:   QLoRA, with BlockSize 64; bitsandbytes multiplies by 1 / scale instead.
template <std::size_t BlockSize = 64, isa Isa = native, contiguous Src, std::size_t Size,
          class Code>
  requires(Size <= std::size_t{1} << packed_bits<Code>)
FEWBITS_INLINE void quantize(const Src& src, const codebook<Size>& book,
                             const packed_span<Code>& codes, array_view<float> scales) {
  const std::size_t count = detail::size_of(src);
  FEWBITS_ASSERT(codes.size() == count && scales.size() == detail::groups_of(count, BlockSize),
                 "quantize: %zu numbers, %zu codes, %zu scales", count, codes.size(),
                 scales.size());
  const auto bounds = detail::bounds_of(book);
  unsigned char block[BlockSize];
  for (std::size_t i = 0; i < count; i += BlockSize) {
    const std::size_t step = count - i < BlockSize ? count - i : BlockSize;
    scales[i / BlockSize] = detail::codebook_kernel<Size, BlockSize, Isa>::encode(
        bounds, detail::floats_of(src) + i, step, block);
    for (std::size_t j = 0; j < step; ++j) codes.set(i + j, Code::from_bits(block[j]));
  }
}

/// Writes the numbers that codes stand for: value * scale, one rounding in FP32. Sizes, bits and errors as
/// `quantize`. A code beyond the codebook is taken modulo its size.
template <std::size_t BlockSize = 64, isa Isa = native, std::size_t Size, class Code,
          contiguous Dst>
FEWBITS_INLINE void dequantize(const packed_span<Code>& codes, const codebook<Size>& book,
                               array_view<const float> scales, Dst&& dst) {
  const std::size_t count = codes.size();
  FEWBITS_ASSERT(
      detail::size_of(dst) == count && scales.size() == detail::groups_of(count, BlockSize),
      "dequantize: %zu codes, %zu numbers, %zu scales", count, detail::size_of(dst), scales.size());
  using value = typename packed_span<Code>::value_type;
  unsigned char block[BlockSize];
  for (std::size_t i = 0; i < count; i += BlockSize) {
    const std::size_t step = count - i < BlockSize ? count - i : BlockSize;
    for (std::size_t j = 0; j < step; ++j) {
      const value code = codes[i + j];
      block[j] = static_cast<unsigned char>(code.bits());
    }
    detail::codebook_kernel<Size, BlockSize, Isa>::decode(book, block, step, scales[i / BlockSize],
                                                          detail::floats_of(dst) + i);
  }
}

/// Scales in 8 bits: scale = code * step + mean, one step for each 256 scales; for blocks of 64 this is
/// 0.127 bits a number instead of 0.5.
struct double_quantized_scales {
  static constexpr std::size_t group = 256;
  array_view<std::int8_t> code;
  array_view<float> step;
  float mean;
};

namespace detail {

template <isa Isa>
struct scales_kernel {
  /// The mean, in double from the first to the last.
  static float mean_of(const float* scales, std::size_t count) {
    const default_control_word<Isa> control_word;
    if (count == 0) return 0;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += static_cast<double>(scales[i]);
      // Keeps the order under -ffast-math.
      std::uint64_t bits = bit_cast<std::uint64_t>(sum);
      __asm__("" : "+r"(bits));
      sum = bit_cast<double>(bits);
    }
    return static_cast<float>(sum / static_cast<double>(count));
  }
  static float encode(const float* scales, std::size_t count, float mean, std::int8_t* codes) {
    const default_control_word<Isa> control_word;
    const std::uint32_t minus_mean = bit_cast<std::uint32_t>(mean) ^ 0x80000000U;
    std::uint32_t amax = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t size =
          one_float::add_floats(bit_cast<std::uint32_t>(scales[i]), minus_mean) & 0x7fffffff;
      amax = size > amax ? size : amax;
    }
    std::uint32_t step = one_float::divide_floats(amax, bit_cast<std::uint32_t>(127.0F));
    if (step == 0) step = 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t offset =
          one_float::add_floats(bit_cast<std::uint32_t>(scales[i]), minus_mean);
      const std::uint32_t quotient = one_float::divide_floats(offset, step);
      const std::uint32_t size = quotient & 0x7fffffff;
      const std::uint32_t limit = bit_cast<std::uint32_t>(127.0F);
      const std::uint32_t kept = (size > limit ? limit : size) | (quotient & 0x80000000U);
      codes[i] = static_cast<std::int8_t>(nearest_even_integer(bit_cast<float>(kept)));
    }
    return bit_cast<float>(step);
  }
  static void decode(const std::int8_t* codes, std::size_t count, float step, float mean,
                     float* scales) {
    const default_control_word<Isa> control_word;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t scale = one_float::add_floats(
          one_float::multiply_floats(bit_cast<std::uint32_t>(static_cast<float>(codes[i])),
                                     bit_cast<std::uint32_t>(step)),
          bit_cast<std::uint32_t>(mean));
      scales[i] = bit_cast<float>(scale >> 31 != 0 ? 0 : scale);
    }
  }
};

}  // namespace detail

/// Writes scales in 8 bits and returns what decodes them: mean, the mean of all of them (their sum in
/// double from first to last); for each group of 256, step = amax / 127 with amax the largest
/// |scale - mean|, at least 2^-149; code = nearest_even((scale - mean) / step). Operations in FP32 but for
/// the sum, each rounded.
///
/// Shape:  a code for each scale, a step for each 256, the last of which may be fewer.
/// Errors: none at run time. Requires sizes that match and finite scales.
/// Source: QLoRA, section 3 (there with 8-bit floats as codes; integers as torchao).
template <isa Isa = native>
FEWBITS_INLINE double_quantized_scales quantize_scales(array_view<const float> scales,
                                                       array_view<std::int8_t> codes,
                                                       array_view<float> steps) {
  constexpr std::size_t group = double_quantized_scales::group;
  FEWBITS_ASSERT(
      codes.size() == scales.size() && steps.size() == detail::groups_of(scales.size(), group),
      "quantize_scales: %zu scales, %zu codes, %zu steps", scales.size(), codes.size(),
      steps.size());
  const float mean = detail::scales_kernel<Isa>::mean_of(scales.data(), scales.size());
  for (std::size_t i = 0; i < scales.size(); i += group) {
    const std::size_t count = scales.size() - i < group ? scales.size() - i : group;
    steps[i / group] =
        detail::scales_kernel<Isa>::encode(scales.data() + i, count, mean, codes.data() + i);
  }
  return {codes, steps, mean};
}

/// Writes the scales: code * step + mean, both rounded in FP32; 0 where that is negative.
template <isa Isa = native>
FEWBITS_INLINE void dequantize_scales(const double_quantized_scales& src,
                                      array_view<float> scales) {
  constexpr std::size_t group = double_quantized_scales::group;
  FEWBITS_ASSERT(src.code.size() == scales.size(), "dequantize_scales: %zu codes, %zu scales",
                 src.code.size(), scales.size());
  for (std::size_t i = 0; i < scales.size(); i += group) {
    const std::size_t count = scales.size() - i < group ? scales.size() - i : group;
    detail::scales_kernel<Isa>::decode(src.code.data() + i, count, src.step[i / group], src.mean,
                                       scales.data() + i);
  }
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
