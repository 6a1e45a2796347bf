// SPDX-License-Identifier: MIT
// Scaled floats: affine quantization whose codes are floats of few bits and have no zero point.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine_kernel.hpp>
#include <fewbits/quantize/affine_rows.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/limits.hpp>
#include <fewbits/value/rounding.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Code, class Granularity, isa Isa>
  requires is_basic_float<Code>
struct affine_kernel<Code, Granularity, Isa>
    : affine_matrix<affine_kernel<Code, Granularity, Isa>, Granularity, Isa> {
  using lanes_type = float_lanes<Isa>;
  using u32 = typename lanes_type::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(lanes_type::lanes);
  static constexpr int bits = Code::format.bits();

  /// The proof in affine_kernel.hpp is about points next to numbers of at most 9 bits, of any
  /// exponent: ties between codes of 8 significant bits, as long as quotients there are normal.
  static constexpr bool may_multiply = has_byte_vectors<Isa> && Code::format.mantissa_bits <= 6 &&
                                       Code::format.quantum_exponent() > -90;

  FEWBITS_INLINE static u32 load(const float* src) {
    return lanes_type::load32(reinterpret_cast<const unsigned char*>(src));
  }
  FEWBITS_INLINE static void store(float* dst, u32 x) {
    lanes_type::store32(reinterpret_cast<unsigned char*>(dst), x);
  }
  /// `step(x)` of each vector of `src` to `dst`.
  template <class Step>
  FEWBITS_INLINE static void for_each(const float* src, float* dst, std::size_t count, Step step) {
    std::size_t i = 0;
    for (; count - i >= lanes; i += lanes) store(dst + i, step(load(src + i)));
    if (i == count) return;
    float last[lanes] = {};
    __builtin_memcpy(last, src + i, 4 * (count - i));
    store(last, step(load(last)));
    __builtin_memcpy(dst + i, last, 4 * (count - i));
  }

  /// x / scale in FP32; where `may_multiply`, what is converted to the same codes.
  static void quotients(const float* src, float* dst, std::size_t count, float scale) {
    if constexpr (may_multiply) {
      using codes = byte_codes<std::int8_t, Isa>;
      typename codes::reciprocals inverse;
      if (codes::invert(&scale, 1, inverse)) {
        const u32 high = lanes_type::set(inverse.high[0]), low = lanes_type::set(inverse.low[0]);
        u32 most = lanes_type::set(0);
        for_each(src, dst, count, [&](u32 x) {
          const u32 quotient =
              lanes_type::fma_nearest(x, high, lanes_type::multiply_nearest(x, low));
          most = lanes_type::max_(most, lanes_type::and_(quotient, lanes_type::set(0x7fffffff)));
          return quotient;
        });
        // An infinity gave NaN.
        if (lanes_type::max_of_lanes(most) < 0x7f800000) return;
      }
    }
    const u32 divisor = lanes_type::set(bit_cast<std::uint32_t>(scale));
    for_each(src, dst, count, [&](u32 x) { return lanes_type::divide_floats(x, divisor); });
  }

  template <rounding Mode, class Row>
  FEWBITS_INLINE static void quantize_row(const float* src, const Row& dst, std::size_t row,
                                          std::size_t cols, const scales_and_offsets& of) {
    constexpr cast_policy policy{Mode, overflow::saturate};
    float scaled[staging_block];
    for (std::size_t begin = 0; begin < cols; begin += staging_block) {
      const std::size_t end = cols - begin < staging_block ? cols : begin + staging_block;
      for_stretches<Granularity>(
          begin, end, row, cols, of,
          [&](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            quotients(src + from, scaled + (from - begin), to - from, *its.scale);
          });
      if constexpr (is_packed_row<Row> && bits < 8) {
        Code codes[staging_block];
        convert_run<policy, Isa, float, Code>(scaled, codes, end - begin);
        packing<bits, Isa>::pack(reinterpret_cast<const unsigned char*>(codes), dst.data(),
                                 dst.offset() + begin, end - begin);
      } else if constexpr (is_packed_row<Row>) {
        convert_run<policy, Isa, float, Code>(
            scaled, reinterpret_cast<Code*>(dst.data() + dst.offset() + begin), end - begin);
      } else {
        convert_run<policy, Isa, float, Code>(scaled, dst + begin, end - begin);
      }
    }
  }

  template <class Row>
  FEWBITS_INLINE static void to_floats(const Row& src, float* dst, std::size_t begin,
                                       std::size_t end, std::size_t row, std::size_t cols,
                                       const scales_and_offsets& of) {
    for (std::size_t at = begin; at < end; at += staging_block) {
      const std::size_t stop = end - at < staging_block ? end : at + staging_block;
      float* const to = dst + (at - begin);
      if constexpr (is_packed_row<Row> && bits < 8) {
        Code codes[staging_block];
        packing<bits, Isa>::unpack(src.data(), src.offset() + at,
                                   reinterpret_cast<unsigned char*>(codes), stop - at);
        convert_run<cast_policy{}, Isa, Code, float>(codes, to, stop - at);
      } else if constexpr (is_packed_row<Row>) {
        convert_run<cast_policy{}, Isa, Code, float>(
            reinterpret_cast<const Code*>(src.data() + src.offset() + at), to, stop - at);
      } else {
        convert_run<cast_policy{}, Isa, Code, float>(src + at, to, stop - at);
      }
      for_stretches<Granularity>(
          at, stop, row, cols, of,
          [&](std::size_t from, std::size_t next, const scales_and_offsets& its) {
            const u32 scale = lanes_type::set(bit_cast<std::uint32_t>(*its.scale));
            float* const part = to + (from - at);
            for_each(part, part, next - from,
                     [&](u32 x) { return lanes_type::multiply_floats(x, scale); });
          });
    }
  }
};

/// Finite elements whose quotient is beyond the largest finite code.
template <class Code, isa Isa>
  requires is_basic_float<Code>
struct clipping<Code, Isa> {
  static std::size_t count(const float* x, std::size_t size, const scales_and_offsets& of) {
    const float largest = static_cast<float>((std::numeric_limits<Code>::max)());
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < size; ++i) {
      if ((bit_cast<std::uint32_t>(x[i]) & 0x7fffffff) >= 0x7f800000) continue;
      const std::uint32_t quotient = quotient_of(x[i], of) & 0x7fffffff;
      clipped += quotient > bit_cast<std::uint32_t>(largest) && quotient <= 0x7f800000 ? 1U : 0U;
    }
    return clipped;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
