// SPDX-License-Identifier: MIT
// `block_kernel`: rows of floats to rows of blocks and back, for any block format.
//
// A chunk of blocks at a time: elements scaled to a buffer of floats, converted to one code a byte,
// packed; and the way back. Formats with a faster kernel specialise it.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/kernel.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/scale_rule.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/limits.hpp>
#include <fewbits/view/block_span.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

inline constexpr std::uint32_t fp32_infinity = 0x7f800000;
inline constexpr std::uint32_t fp32_nan = 0x7fc00000;

/// 2^exponent, from -149 to 127.
FEWBITS_INLINE constexpr std::uint32_t power_of_two_bits(int exponent) {
  return exponent >= -126 ? static_cast<std::uint32_t>(exponent + 127) << 23
                          : std::uint32_t{1} << (exponent + 149);
}

/// |scale| = significand * 2^exponent, the significand (as bits) in [1, 2).
struct split_scale {
  std::uint32_t significand;
  int exponent;
};
FEWBITS_INLINE constexpr split_scale split(float scale) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(scale) & 0x7fffffff;
  const int shift = bits < 0x800000 ? __builtin_clz(bits | 1) - 8 : 0;
  const int exponent = shift == 0 ? static_cast<int>(bits >> 23) - 127 : -126 - shift;
  return {((bits << shift) & 0x7fffff) | 0x3f800000, exponent};
}

/// x * factor * second is x * r * 2^exponent for |exponent| <= 250 and r from 1/4 to 1: rounded once,
/// as if exponents were unbounded, wherever the result is a normal float.
struct scale_factors {
  std::uint32_t first, second;
};
FEWBITS_INLINE constexpr scale_factors scale_factors_of(std::uint32_t r, int exponent) {
  constexpr std::uint32_t one = 0x3f800000;
  if (exponent >= -100 && exponent <= 100)
    return {r + (static_cast<std::uint32_t>(exponent) << 23), one};
  const int half = exponent / 2;
  return {power_of_two_bits(half), r + (static_cast<std::uint32_t>(exponent - half) << 23)};
}

/// A scale with a mantissa: amax / largest element / tensor scale, two divisions in FP32, to nearest
/// even; the smallest positive scale instead of zero; the largest instead of more, or one that keeps
/// the largest element finite.
template <class Element, class Scale>
FEWBITS_INLINE Scale scale_of_amax(std::uint32_t amax, const split_scale& tensor) {
  using ops = one_float;
  using storage = typename Scale::storage_type;
  constexpr std::uint32_t largest = block_element<Element>::largest_bits;
  const scale_factors down = scale_factors_of(0x3f800000, -tensor.exponent);
  const std::uint32_t relative =
      ops::multiply_floats(ops::multiply_floats(amax, down.first), down.second);
  const std::uint32_t quotient =
      ops::divide_floats(ops::divide_floats(relative, largest), tensor.significand);
  const Scale scale = convert<Scale, saturating>(bit_cast<float>(quotient));
  if (scale.bits() == 0)
    return Scale::from_bits(static_cast<storage>(Scale::format.min_positive_code()));
  if (Scale::format.max_exponent() + block_element<Element>::max_exponent < 100 &&
      tensor.exponent < 20)
    return scale;
  const scale_factors up = scale_factors_of(tensor.significand, tensor.exponent);
  const std::uint32_t product = ops::multiply_floats(
      ops::multiply_floats(
          ops::multiply_floats(bit_cast<std::uint32_t>(static_cast<float>(scale)), largest),
          up.first),
      up.second);
  return product < fp32_infinity ? scale : Scale::from_bits(static_cast<storage>(scale.bits() - 1));
}

template <class Scale>
FEWBITS_INLINE bool is_finite_scale(Scale scale) {
  return (bit_cast<std::uint32_t>(static_cast<float>(scale)) & fp32_infinity) != fp32_infinity;
}

template <class Format, scale_rule Rule, isa Isa>
struct block_kernel {
  using element_type = typename Format::element_type;
  using scale_type = typename Format::scale_type;
  using element = block_element<element_type>;
  using ops = float_lanes<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t size = Format::block_size;
  static constexpr std::size_t width = static_cast<std::size_t>(packed_bits<element_type>);
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  // Eight blocks fill whole bytes.
  static constexpr std::size_t chunk = 8 * size;
  static constexpr std::size_t padded = (size + lanes - 1) / lanes * lanes;
  static constexpr std::size_t buffer_size = chunk + padded;
  static constexpr std::uint32_t one = 0x3f800000;

  FEWBITS_INLINE static const unsigned char* bytes(const float* x) {
    return reinterpret_cast<const unsigned char*>(x);
  }
  FEWBITS_INLINE static unsigned char* bytes(float* x) {
    return reinterpret_cast<unsigned char*>(x);
  }

  FEWBITS_INLINE static u32 load(const float* x) { return ops::load32(bytes(x)); }
  FEWBITS_INLINE static void store(float* x, u32 value) { ops::store32(bytes(x), value); }

  /// Tells g++, which else warns of buffers too short for an unrolled loop.
  FEWBITS_INLINE static void assume_chunk(std::size_t count) {
    if (count > chunk) __builtin_unreachable();
  }

  /// The largest magnitude of a block, as a code.
  FEWBITS_INLINE static std::uint32_t amax_of(const float* x) {
    u32 largest = ops::set(0);
    for (std::size_t i = 0; i < padded; i += lanes)
      largest = ops::max_(largest, ops::and_(load(x + i), ops::set(0x7fffffff)));
    return ops::max_of_lanes(largest);
  }

  /// A block times both factors; `x` may be `dst`.
  FEWBITS_INLINE static void scale_block(const float* x, scale_factors by, float* dst) {
    for (std::size_t i = 0; i < padded; i += lanes) {
      u32 scaled = ops::multiply_floats(load(x + i), ops::set(by.first));
      if (by.second != one) scaled = ops::multiply_floats(scaled, ops::set(by.second));
      store(dst + i, scaled);
    }
  }

  /// The scale of a block, and its scaled elements.
  FEWBITS_INLINE static scale_type encode_block(const float* x, const split_scale& tensor,
                                                float* scaled) {
    using storage = typename scale_type::storage_type;
    const std::uint32_t amax = amax_of(x);
    if (amax >= fp32_infinity) {
      for (std::size_t i = 0; i < padded; ++i) scaled[i] = 0;
      return scale_type::from_bits(static_cast<storage>(scale_type::format.nan_code()));
    }
    if constexpr (scale_type::format.mantissa_bits > 0) {
      if (amax == 0) {
        scale_block(x, {one, one}, scaled);
        return scale_type::from_bits(0);
      }
      const scale_type scale = scale_of_amax<element_type, scale_type>(amax, tensor);
      const split_scale block = split(static_cast<float>(scale));
      const std::uint32_t reciprocal = one_float::divide_floats(
          one_float::divide_floats(one, tensor.significand), block.significand);
      scale_block(x, scale_factors_of(reciprocal, -tensor.exponent - block.exponent), scaled);
      return scale;
    } else {
      const std::uint32_t code = amax == 0 ? 0
                                           : scale_code_of_exponent<element_type, scale_type>(
                                                 scale_exponent<element_type, Rule>(amax));
      const int k = static_cast<int>(code) + scale_type::format.min_exponent();
      scale_block(x, {power_of_two_bits(-k), one}, scaled);
      return scale_type::from_bits(static_cast<storage>(code));
    }
  }

  /// One code a byte.
  FEWBITS_INLINE static void convert_chunk(const float* scaled, std::size_t count,
                                           unsigned char* codes) {
    assume_chunk(count);
    if constexpr (element::is_float) {
      convert_kernel<fp32, element_type, saturating, Isa>::run(bytes(scaled), codes, count);
    } else {
      // Adding 1.5 * 2^23 leaves the integer in the low bits, in two's complement.
      constexpr std::uint32_t unit = power_of_two_bits(element::fraction_bits());
      constexpr std::uint32_t magic = 0x4b400000;
      constexpr std::uint32_t largest =
          element::largest_bits + (static_cast<std::uint32_t>(element::fraction_bits()) << 23);
      for (std::size_t i = 0; i < count; i += lanes) {
        const u32 x = ops::multiply_floats(load(scaled + i), ops::set(unit));
        const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
        const u32 sign = ops::xor_(x, magnitude);
        u32 clamped = ops::or_(ops::min_(magnitude, ops::set(largest)), sign);
        if constexpr (!element_type::format.is_signed)
          clamped = ops::select(ops::equal(sign, ops::set(0)), clamped, ops::set(0));
        ops::store8(codes + i, ops::and_(ops::add_floats(clamped, ops::set(magic)),
                                         ops::set((1U << width) - 1)));
      }
    }
  }

  /// A chunk; the bits after its last code become zero.
  FEWBITS_INLINE static void pack(const unsigned char* codes, std::size_t count,
                                  unsigned char* elements) {
    if constexpr (width == 8) {
      __builtin_memcpy(elements, codes, count);
    } else {
      if (count * width % 8 != 0) elements[count * width / 8] = 0;
      packing<static_cast<int>(width), Isa>::pack(codes, elements, 0, count);
    }
  }
  FEWBITS_INLINE static void unpack(const unsigned char* elements, std::size_t count,
                                    unsigned char* codes) {
    if constexpr (width == 8) {
      __builtin_memcpy(codes, elements, count);
    } else {
      packing<static_cast<int>(width), Isa>::unpack(elements, 0, codes, count);
    }
  }

  /// Chunks of blocks, the last one short.
  static void encode_any(const float* src, std::size_t count, unsigned char* elements,
                         scale_type* scales, const split_scale& tensor) {
    const default_control_word<Isa> control_word;
    float scaled[buffer_size] = {};
    unsigned char codes[buffer_size] = {};
    for (std::size_t begin = 0; begin < count; begin += chunk) {
      const std::size_t end = count - begin < chunk ? count : begin + chunk;
      for (std::size_t i = begin; i < end; i += size) {
        float* const out = scaled + (i - begin);
        if (size == padded && count - i >= size) {
          *scales++ = encode_block(src + i, tensor, out);
        } else {
          const std::size_t present = count - i < size ? count - i : size;
          float block[padded] = {};
          __builtin_memcpy(block, src + i, present * sizeof(float));
          *scales++ = encode_block(block, tensor, out);
        }
      }
      convert_chunk(scaled, end - begin, codes);
      pack(codes, end - begin, elements);
      elements += chunk * width / 8;
    }
  }

  /// `fast_group` blocks of the formats that an instruction set has a kernel for.
  static constexpr bool is_mx = std::is_same_v<scale_type, scale_e8m0> && size == 32;
  static constexpr bool is_nvfp4 = std::is_same_v<Format, nvfp4>;
  static constexpr bool is_mxint8 = std::is_same_v<Format, mxint8>;
  static constexpr bool is_mx_float =
      is_mx && (std::is_same_v<element_type, fp8_e4m3> || std::is_same_v<element_type, fp8_e5m2> ||
                std::is_same_v<element_type, fp6_e2m3> || std::is_same_v<element_type, fp6_e3m2> ||
                std::is_same_v<element_type, fp4_e2m1>);
  static constexpr bool encodes_groups =
      block_lanes<Isa>::is_available &&
      (is_nvfp4 || is_mx_float || (is_mxint8 && Rule == scale_rule::floor));
  static constexpr bool decodes_groups =
      block_lanes<Isa>::is_available && (is_nvfp4 || is_mxint8 || (is_mx_float && width != 6));
  static constexpr std::size_t fast_group = is_nvfp4 ? 16 : 4;

  FEWBITS_INLINE static unsigned char* bytes(scale_type* x) {
    return reinterpret_cast<unsigned char*>(x);
  }
  FEWBITS_INLINE static const unsigned char* bytes(const scale_type* x) {
    return reinterpret_cast<const unsigned char*>(x);
  }
  template <float_format Float>
  static constexpr small_float small_float_of{
      .width = Float.bits() + (Float.is_signed ? 0 : 1),
      .mantissa_bits = Float.mantissa_bits,
      .min_exponent = Float.min_exponent(),
      .largest = bit_cast<std::uint32_t>(
          static_cast<float>((std::numeric_limits<basic_float<Float>>::max)()))};

  template <std::size_t Groups>
  FEWBITS_INLINE static bool encode_groups(const float* src, unsigned char* elements,
                                           scale_type* scales, const split_scale& tensor) {
    using group = block_lanes<Isa>;
    if constexpr (is_nvfp4) {
      const float t = bit_cast<float>(tensor.significand);
      const std::uint32_t inverse = one_float::divide_floats(one, tensor.significand);
      return group::template encode_nv<small_float_of<formats::fp4_e2m1>,
                                       small_float_of<formats::scale_ue4m3>, Groups>(
          src, elements, bytes(scales), t, bit_cast<float>(inverse),
          bit_cast<float>(power_of_two_bits(-tensor.exponent)));
    } else if constexpr (is_mxint8) {
      return group::encode_mxint8(src, elements, bytes(scales));
    } else {
      constexpr std::uint32_t bump =
          Rule == scale_rule::ceil    ? 0x7fffff
          : Rule == scale_rule::rceil ? 0x7fffff - element::largest_fraction
          : Rule == scale_rule::even  ? std::uint32_t{1} << (22 - element::mantissa_bits)
                                      : 0;
      return group::template encode_mx<small_float_of<element_type::format>, element::max_exponent,
                                       bump>(src, elements, bytes(scales));
    }
  }
  FEWBITS_INLINE static bool decode_group(const unsigned char* elements, const scale_type* scales,
                                          float tensor, float* dst) {
    using group = block_lanes<Isa>;
    if constexpr (is_nvfp4) {
      return group::decode_nv(elements, bytes(scales), tensor, dst);
    } else if constexpr (is_mxint8) {
      return group::decode_mxint8(elements, bytes(scales), dst);
    } else if constexpr (width == 4) {
      return group::decode_mxfp4(elements, bytes(scales), dst);
    } else {
      return group::template decode_mxfp8<std::is_same_v<element_type, fp8_e5m2>>(
          elements, bytes(scales), dst);
    }
  }

  template <std::size_t Groups>
  FEWBITS_INLINE static void encode_all_groups(const float*& src, std::size_t& count,
                                               unsigned char*& elements, scale_type*& scales,
                                               const split_scale& tensor) {
    constexpr std::size_t step = Groups * fast_group * size;
    const default_control_word<Isa> control_word;
    for (; count >= step; count -= step) {
      if (!encode_groups<Groups>(src, elements, scales, tensor))
        encode_any(src, step, elements, scales, tensor);
      src += step;
      elements += step * width / 8;
      scales += Groups * fast_group;
    }
  }

  static void encode(const float* src, std::size_t count, unsigned char* elements,
                     scale_type* scales, float tensor_scale) {
    const split_scale tensor = split(tensor_scale);
    // The group kernel scales by one product, which needs a power of two that is a normal float.
    if constexpr (encodes_groups)
      if (!is_nvfp4 || (tensor.exponent > -80 && tensor.exponent < 80)) {
        if constexpr (is_nvfp4) encode_all_groups<4>(src, count, elements, scales, tensor);
        encode_all_groups<1>(src, count, elements, scales, tensor);
      }
    if (count != 0) encode_any(src, count, elements, scales, tensor);
  }

  /// Codes as floats, before scaling.
  FEWBITS_INLINE static void decode_codes(const unsigned char* codes, std::size_t count,
                                          float* dst) {
    assume_chunk(count);
    if constexpr (element::is_float) {
      convert_kernel<element_type, fp32, cast_policy{}, Isa>::run(codes, bytes(dst), count);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        using storage = typename element_type::storage_type;
        const element_type x = element_type::from_bits(static_cast<storage>(codes[i]));
        dst[i] = static_cast<float>(static_cast<std::int32_t>(integer_code(x)));
      }
    }
  }
  template <class Integer>
  FEWBITS_INLINE static std::int32_t integer_code(Integer x) {
    if constexpr (requires { x.code(); }) {
      return x.code();
    } else {
      return static_cast<std::int32_t>(x);
    }
  }

  /// A block of decoded elements times its scale.
  FEWBITS_INLINE static void apply_scale(const float* x, scale_type scale, std::uint32_t tensor,
                                         float* dst) {
    if (!is_finite_scale(scale) || tensor >= fp32_infinity) {
      for (std::size_t i = 0; i < padded; i += lanes) store(dst + i, ops::set(fp32_nan));
      return;
    }
    // The unit of integers is far from subnormal: its product with the scale is exact.
    const std::uint32_t factor =
        one_float::multiply_floats(bit_cast<std::uint32_t>(static_cast<float>(scale)),
                                   power_of_two_bits(-element::fraction_bits()));
    scale_block(x, {factor, tensor}, dst);
  }

  static void decode_any(const unsigned char* elements, const scale_type* scales, std::size_t count,
                         std::uint32_t tensor, float* dst) {
    const default_control_word<Isa> control_word;
    float values[buffer_size] = {};
    unsigned char codes[buffer_size] = {};
    for (std::size_t begin = 0; begin < count; begin += chunk) {
      const std::size_t step = count - begin < chunk ? count - begin : chunk;
      unpack(elements, step, codes);
      elements += chunk * width / 8;
      decode_codes(codes, step, values);
      for (std::size_t i = 0; i < step; i += size) {
        if (size == padded && step - i >= size) {
          apply_scale(values + i, *scales++, tensor, dst + begin + i);
        } else {
          float block[padded];
          apply_scale(values + i, *scales++, tensor, block);
          const std::size_t present = step - i < size ? step - i : size;
          __builtin_memcpy(dst + begin + i, block, present * sizeof(float));
        }
      }
    }
  }

  static void decode(const unsigned char* elements, const scale_type* scales, std::size_t count,
                     float tensor_scale, float* dst) {
    const std::uint32_t tensor =
        Format::has_tensor_scale ? bit_cast<std::uint32_t>(tensor_scale) & 0x7fffffff : one;
    if constexpr (decodes_groups) {
      constexpr std::size_t step = fast_group * size;
      if (tensor < fp32_infinity) {
        const default_control_word<Isa> control_word;
        for (; count >= step;
             count -= step, dst += step, elements += step * width / 8, scales += fast_group)
          if (!decode_group(elements, scales, bit_cast<float>(tensor), dst))
            decode_any(elements, scales, step, tensor, dst);
      }
    }
    if (count != 0) decode_any(elements, scales, count, tensor, dst);
  }

  /// The same, converted from FP32.
  template <class To>
  static void decode_as(const unsigned char* elements, const scale_type* scales, std::size_t count,
                        float tensor_scale, To* dst) {
    float values[chunk];
    for (std::size_t begin = 0; begin < count; begin += chunk) {
      const std::size_t step = count - begin < chunk ? count - begin : chunk;
      decode(elements + begin * width / 8, scales + begin / size, step, tensor_scale, values);
      convert_kernel<fp32, basic_float<format_of<To>>, cast_policy{}, Isa>::run(
          bytes(values), reinterpret_cast<unsigned char*>(dst + begin), step);
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
