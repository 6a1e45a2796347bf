// SPDX-License-Identifier: MIT
// `codebook`: codes that stand for any ascending numbers, under a scale for each block: NF4; and double
// quantization of the scales.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/packing.hpp>
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
#include <type_traits>

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

/// Codes of `Width` bits, in blocks of `BlockSize`. With 16 numbers in registers a code is found by four
/// steps of a binary search: 35 vector instructions for a vector of numbers, and a division.
template <std::size_t Size, std::size_t BlockSize, int Width, isa Isa>
struct codebook_kernel {
  using ops = float_lanes<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr std::size_t padded = (BlockSize + lanes - 1) / lanes * lanes;
  static constexpr bool has_tables =
      Size <= 16 && requires(const std::uint32_t (&table)[16], u32 x) { ops::lookup16(table, x); };

  /// `order_of` as an unsigned number.
  static constexpr std::uint32_t middle = 0x80000000;

  /// Tables are looked up by the low four bits of a code, whose remainder this must leave as it is.
  static constexpr bool decodes_by_table = has_tables && (Width <= 4 || 16 % Size == 0);

  /// The least key for each code but the first, and the numbers of codes; more codes than there are look
  /// up no key, and numbers by their remainder.
  struct tables {
    std::uint32_t least[16];
    std::uint32_t value[16];
  };
  FEWBITS_INLINE static void fill(const codebook_bounds<Size>& bounds, tables& to) {
    for (std::size_t i = 0; i < 16; ++i)
      to.least[i] = i + 1 < Size ? static_cast<std::uint32_t>(bounds.bound[i]) + middle + 1 : ~0U;
  }

  static void encode(const codebook_bounds<Size>& bounds, const float* src, std::size_t count,
                     unsigned char* dst, std::size_t first, float* scales) {
    const default_control_word<Isa> control_word;
    tables keys;
    if constexpr (has_tables) fill(bounds, keys);
    float block[padded] = {};
    unsigned char codes[padded];
    for (std::size_t i = 0; i < count; i += BlockSize) {
      const std::size_t step = count - i < BlockSize ? count - i : BlockSize;
      const float* from = src + i;
      if (step < padded) {
        __builtin_memcpy(block, from, step * sizeof(float));
        from = block;
      }
      const std::uint32_t amax = bit_cast<std::uint32_t>(range_kernel<Isa>::amax(src + i, step));
      const u32 divisor = ops::set(amax == 0 ? 0x3f800000 : amax);
      for (std::size_t j = 0; j < padded; j += lanes) {
        const u32 x = ops::load32(reinterpret_cast<const unsigned char*>(from + j));
        const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
        // Infinities have a ratio that is infinite; NaN counts as 0.
        const u32 ratio = ops::select(ops::greater(magnitude, ops::set(fp32_infinity)), ops::set(0),
                                      ops::divide_floats(x, divisor));
        if constexpr (has_tables) {
          ops::store8(codes + j, code_at(keys, ratio));
        } else {
          std::uint32_t ratios[lanes];
          ops::store32(reinterpret_cast<unsigned char*>(ratios), ratio);
          for (std::size_t k = 0; k < lanes; ++k)
            codes[j + k] = static_cast<unsigned char>(code_of(bounds, order_of(ratios[k])));
        }
      }
      if constexpr (Width == 8) {
        __builtin_memcpy(dst + first + i, codes, step);
      } else {
        packing<Width, Isa>::pack(codes, dst, first + i, step);
      }
      scales[i / BlockSize] = bit_cast<float>(amax);
    }
  }

  static void decode(const codebook<Size>& book, const unsigned char* src, std::size_t first,
                     std::size_t count, const float* scales, float* dst) {
    const default_control_word<Isa> control_word;
    tables numbers;
    if constexpr (decodes_by_table)
      for (std::size_t i = 0; i < 16; ++i)
        numbers.value[i] = bit_cast<std::uint32_t>(book.value[i % Size]);
    unsigned char codes[padded] = {};
    for (std::size_t i = 0; i < count; i += BlockSize) {
      const std::size_t step = count - i < BlockSize ? count - i : BlockSize;
      if constexpr (Width == 8) {
        __builtin_memcpy(codes, src + first + i, step);
      } else {
        packing<Width, Isa>::unpack(src, first + i, codes, step);
      }
      float block[padded];
      float* const to = step < padded ? block : dst + i;
      const u32 scale = ops::set(bit_cast<std::uint32_t>(scales[i / BlockSize]));
      for (std::size_t j = 0; j < padded; j += lanes) {
        u32 x;
        if constexpr (decodes_by_table) {
          x = ops::lookup16(numbers.value, ops::load8(codes + j));
        } else {
          std::uint32_t values[lanes];
          for (std::size_t k = 0; k < lanes; ++k)
            values[k] = bit_cast<std::uint32_t>(book.value[codes[j + k] % Size]);
          x = ops::load32(reinterpret_cast<const unsigned char*>(values));
        }
        x = ops::multiply_floats(x, scale);
        ops::store32(
            reinterpret_cast<unsigned char*>(to + j),
            ops::select(ops::greater(ops::and_(x, ops::set(0x7fffffff)), ops::set(fp32_infinity)),
                        ops::set(fp32_nan), x));
      }
      if (to == block) __builtin_memcpy(dst + i, block, step * sizeof(float));
    }
  }

 private:
  /// How many of the ascending keys are not above that of x.
  FEWBITS_INLINE static u32 code_at(const tables& keys, u32 x) {
    const u32 negative = ops::sub(ops::set(0), ops::template shift_right<31>(x));
    const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
    const u32 key = ops::add(ops::sub(ops::xor_(magnitude, negative), negative), ops::set(middle));
    u32 code = ops::set(0);
    FEWBITS_UNROLL
    for (std::uint32_t half = 8; half > 0; half /= 2) {
      const u32 least = ops::lookup16(keys.least, ops::add(code, ops::set(half - 1)));
      code =
          ops::select(ops::equal(ops::max_(key, least), key), ops::add(code, ops::set(half)), code);
    }
    return code;
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
  detail::codebook_kernel<Size, BlockSize, packed_bits<Code>, Isa>::encode(
      detail::bounds_of(book), detail::floats_of(src), count, codes.data(), codes.offset(),
      scales.data());
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
  detail::codebook_kernel<Size, BlockSize, packed_bits<std::remove_const_t<Code>>, Isa>::decode(
      book, codes.data(), codes.offset(), count, scales.data(), detail::floats_of(dst));
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
