// SPDX-License-Identifier: MIT
// Quantization inside training: numbers as their codes would give them back, and the gradients that
// pass through.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/value/limits.hpp>
#include <fewbits/value/rounding.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The largest quotients, by magnitude and as bits, that are not clipped.
struct quotient_limits {
  std::uint32_t negative, positive;
};

/// The largest float that rounds to an integer of no more than `last`, nearest even, as bits.
FEWBITS_INLINE constexpr std::uint32_t last_quotient(std::int32_t last) {
  const std::uint32_t tie = bit_cast<std::uint32_t>(static_cast<float>(last) + 0.5f);
  return last % 2 == 0 ? tie : tie - 1;
}
template <class Code>
FEWBITS_INLINE quotient_limits limits_of(const scales_and_offsets& of) {
  if constexpr (is_basic_float<Code>) {
    const std::uint32_t largest =
        bit_cast<std::uint32_t>(static_cast<float>((std::numeric_limits<Code>::max)()));
    return {Code::format.is_signed ? largest : 0, largest};
  } else {
    const std::int32_t shift = code_shift<Code>(of);
    return {last_quotient(shift - code_range<Code>::lowest),
            last_quotient(code_range<Code>::highest - shift)};
  }
}

template <class Code, class Granularity, isa Isa>
struct fake_kernel {
  using kernel = affine_kernel<Code, Granularity, Isa>;
  using ops = float_lanes<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);

  FEWBITS_INLINE static u32 load(const float* src) {
    return ops::load32(reinterpret_cast<const unsigned char*>(src));
  }
  FEWBITS_INLINE static void store(float* dst, u32 x) {
    ops::store32(reinterpret_cast<unsigned char*>(dst), x);
  }

  // Quantize and dequantize.

  template <class Real>
  static void round_trip(const matrix_view<const float>& src, const scales_and_offsets& of,
                         const matrix_view<Real>& dst) {
    const default_control_word<Isa> control_word;
    const std::size_t rows = src.rows(), cols = src.cols();
    if (rows == 0 || cols == 0) return;
    if (is_one_row<Granularity>(cols) && src.stride() == cols && dst.stride() == cols)
      return round_trip_row(src.data(), dst.data(), 0, rows * cols, of);
    for (std::size_t i = 0; i < rows; ++i) round_trip_row(src.row(i), dst.row(i), i, cols, of);
  }
  template <class Real>
  FEWBITS_INLINE static void round_trip_row(const float* src, Real* dst, std::size_t row,
                                            std::size_t cols, const scales_and_offsets& of) {
    for (std::size_t begin = 0; begin < cols; begin += staging_block) {
      const std::size_t end = cols - begin < staging_block ? cols : begin + staging_block;
      if constexpr (std::is_same_v<Real, float>) {
        round_trip_block(src, dst + begin, begin, end, row, cols, of);
      } else {
        float rounded[staging_block];
        round_trip_block(src, rounded, begin, end, row, cols, of);
        convert_run<cast_policy{}, Isa, float, Real>(rounded, dst + begin, end - begin);
      }
    }
  }
  /// Elements `begin` to `end` of a row, to `dst`; the codes stay in cache.
  static void round_trip_block(const float* src, float* dst, std::size_t begin, std::size_t end,
                               std::size_t row, std::size_t cols, const scales_and_offsets& of) {
    if constexpr (!is_basic_float<Code> && kernel::bits <= 8) {
      unsigned char bytes[staging_block];
      kernel::to_bytes(src, bytes, begin, end, row, cols, of);
      kernel::from_bytes(bytes, dst, begin, end, row, cols, of);
    } else {
      for_stretches<Granularity>(
          begin, end, row, cols, of,
          [=](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            float* const out = dst + (from - begin);
            levels(src + from, out, to - from, its);
            const u32 scale = ops::set(bit_cast<std::uint32_t>(*its.scale));
            const u32 minimum =
                ops::set(its.minimum == nullptr ? 0 : bit_cast<std::uint32_t>(*its.minimum));
            const bool has_minimum = its.minimum != nullptr;
            for_vectors(out, to - from, [=](u32 x, float* at) {
              const u32 product = ops::multiply_floats(x, scale);
              store(at, has_minimum ? ops::add_floats(product, minimum) : product);
            });
          });
    }
  }

  /// `step(x, at)` for each vector `x` of `data`, of which it writes a new one to `at`.
  template <class Step>
  FEWBITS_INLINE static void for_vectors(float* data, std::size_t count, Step step) {
    std::size_t i = 0;
    for (; count - i >= lanes; i += lanes) step(load(data + i), data + i);
    if (i == count) return;
    float last[lanes] = {};
    __builtin_memcpy(last, data + i, 4 * (count - i));
    step(load(last), last);
    __builtin_memcpy(data + i, last, 4 * (count - i));
  }

  /// What codes stand for in units of the scale, above the minimum; at most `staging_block` that
  /// share a scale.
  static void levels(const float* src, float* dst, std::size_t count,
                     const scales_and_offsets& of) {
    if constexpr (is_basic_float<Code>) {
      constexpr cast_policy policy{rounding::nearest_even, overflow::saturate};
      Code codes[staging_block];
      // Not in dst, which may be src: what is special is divided again.
      float scaled[staging_block];
      kernel::quotients(src, scaled, count, *of.scale);
      convert_run<policy, Isa, float, Code>(scaled, codes, count);
      convert_run<cast_policy{}, Isa, Code, float>(codes, dst, count);
    } else if constexpr (kernel::bits <= 8) {
      unsigned char bytes[staging_block];
      const float one = 1;
      const std::int32_t shift = code_shift<Code>(of);
      byte_codes<Code, Isa>::run(src, bytes, count, of);
      byte_codes<Code, Isa>::run_back(bytes, dst, count, {&one, &shift, nullptr});
    } else {
      const std::int32_t shift = code_shift<Code>(of);
      for (std::size_t i = 0; i < count; ++i)
        dst[i] = static_cast<float>(quantize_one<Code>(src[i], of) - shift);
    }
  }

  // Where quantization clips.

  /// The quotients of one stretch and their limits, by vectors.
  struct quotients {
    u32 scale, negative_minimum, negative_limit, positive_limit;
    bool has_minimum;

    FEWBITS_INLINE explicit quotients(const scales_and_offsets& of)
        : scale(ops::set(bit_cast<std::uint32_t>(*of.scale))),
          negative_minimum(ops::set(
              of.minimum == nullptr ? 0 : bit_cast<std::uint32_t>(*of.minimum) ^ 0x80000000)),
          negative_limit(ops::set(limits_of<Code>(of).negative)),
          positive_limit(ops::set(limits_of<Code>(of).positive)),
          has_minimum(of.minimum != nullptr) {}

    /// NaN where x is NaN.
    FEWBITS_INLINE u32 of(u32 x) const {
      return ops::divide_floats(has_minimum ? ops::add_floats(x, negative_minimum) : x, scale);
    }
    /// `kept` where the quotient is a number that is not clipped, else 0.
    FEWBITS_INLINE u32 kept_inside(u32 quotient, u32 kept) const {
      const u32 is_negative = ops::template shift_right<31>(quotient);
      const u32 limit =
          ops::select(ops::equal(is_negative, ops::set(1)), negative_limit, positive_limit);
      return ops::select(ops::greater(magnitude(quotient), limit), ops::set(0), kept);
    }
    /// `kept` where the quotient is not NaN, else 0.
    FEWBITS_INLINE u32 kept_number(u32 quotient, u32 kept) const {
      return ops::select(ops::greater(magnitude(quotient), ops::set(0x7f800000)), ops::set(0),
                         kept);
    }
    FEWBITS_INLINE static u32 magnitude(u32 x) { return ops::and_(x, ops::set(0x7fffffff)); }
  };

  static void mask(const matrix_view<const float>& src, const scales_and_offsets& of,
                   const matrix_view<std::uint8_t>& dst) {
    const default_control_word<Isa> control_word;
    for (std::size_t row = 0; row < src.rows(); ++row)
      for_stretches<Granularity>(
          0, src.cols(), row, src.cols(), of,
          [=](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            mask_stretch(src.row(row) + from, dst.row(row) + from, to - from, its);
          });
  }
  static void mask_stretch(const float* src, std::uint8_t* dst, std::size_t count,
                           const scales_and_offsets& of) {
    const quotients all(of);
    const u32 one = ops::set(1);
    std::size_t i = 0;
    for (; count - i >= lanes; i += lanes)
      ops::store8(dst + i, all.kept_inside(all.of(load(src + i)), one));
    if (i == count) return;
    float last[lanes] = {};
    std::uint8_t found[lanes];
    __builtin_memcpy(last, src + i, 4 * (count - i));
    ops::store8(found, all.kept_inside(all.of(load(last)), one));
    __builtin_memcpy(dst + i, found, count - i);
  }

  static void pass(const matrix_view<const float>& src, const scales_and_offsets& of,
                   const matrix_view<const float>& gradient, const matrix_view<float>& dst) {
    const default_control_word<Isa> control_word;
    for (std::size_t row = 0; row < src.rows(); ++row)
      for_stretches<Granularity>(
          0, src.cols(), row, src.cols(), of,
          [=](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            pass_stretch(src.row(row) + from, gradient.row(row) + from, dst.row(row) + from,
                         to - from, its);
          });
  }
  static void pass_stretch(const float* src, const float* gradient, float* dst, std::size_t count,
                           const scales_and_offsets& of) {
    const quotients all(of);
    std::size_t i = 0;
    for (; count - i >= lanes; i += lanes)
      store(dst + i, all.kept_inside(all.of(load(src + i)), load(gradient + i)));
    if (i == count) return;
    float last[lanes] = {}, passed[lanes] = {};
    __builtin_memcpy(last, src + i, 4 * (count - i));
    __builtin_memcpy(passed, gradient + i, 4 * (count - i));
    store(passed, all.kept_inside(all.of(load(last)), load(passed)));
    __builtin_memcpy(dst + i, passed, 4 * (count - i));
  }
};
template <class Parameters, isa Isa>
using fake_kernel_of = fake_kernel<typename affine_traits<Parameters>::code,
                                   typename affine_traits<Parameters>::granularity, Isa>;

}  // namespace detail

/// Writes what dequantize(quantize(src)) would, with the same bits, in one pass and without memory
/// for codes: scale * (clamp(round(x / scale) + zero_point) - zero_point). `parameters` are
/// `affine` or `affine_minimum` of any granularity, of integer or float codes.
///
/// Shape:  src and dst have the same rows and cols. dst may be src.
/// Result: rounded to the class of dst's elements, as by `dequantize`.
/// Errors: none at run time. NaN becomes what the code of zero, or of NaN, stands for.
template <isa Isa = native, detail::affine_parameters Parameters, floating Real>
FEWBITS_INLINE void fake_quantize(const matrix_view<const float>& src, const Parameters& parameters,
                                  const matrix_view<Real>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "fake_quantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(),
                 dst.rows(), dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::fake_kernel_of<Parameters, Isa>::round_trip(src, detail::pointers_to(parameters), dst);
}
template <isa Isa = native, contiguous Src, detail::tensor_parameters Parameters, contiguous Dst>
FEWBITS_INLINE void fake_quantize(const Src& src, const Parameters& parameters, Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "fake_quantize: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  fake_quantize<Isa>(detail::row_of_floats(src), parameters, detail::one_row(dst));
}

/// Writes 1 where quantization does not clip, else 0: the derivative of `fake_quantize` if rounding
/// counts as the identity (the straight-through estimator). An integer code is clipped where
/// round(x / scale) + zero_point is beyond the codes; a float code where the quotient is beyond the
/// largest finite one. Infinities are clipped; NaN gives 0.
///
/// Shape, Bits, Errors: as `fake_quantize`.
template <isa Isa = native, detail::affine_parameters Parameters>
FEWBITS_INLINE void straight_through_mask(const matrix_view<const float>& src,
                                          const Parameters& parameters,
                                          const matrix_view<std::uint8_t>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "straight_through_mask: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(),
                 dst.rows(), dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::fake_kernel_of<Parameters, Isa>::mask(src, detail::pointers_to(parameters), dst);
}
template <isa Isa = native, contiguous Src, detail::tensor_parameters Parameters, contiguous Dst>
FEWBITS_INLINE void straight_through_mask(const Src& src, const Parameters& parameters, Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "straight_through_mask: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  straight_through_mask<Isa>(detail::row_of_floats(src), parameters, detail::one_row(dst));
}

/// The gradient of a loss by `src` from `gradient`, that by fake_quantize(src): the same where
/// `straight_through_mask` is 1, else +0, whatever it is there.
///
/// Shape:  all three have the same rows and cols. dst may be gradient.
/// Errors: none at run time.
template <isa Isa = native, detail::affine_parameters Parameters>
FEWBITS_INLINE void straight_through(const matrix_view<const float>& src,
                                     const Parameters& parameters,
                                     const matrix_view<const float>& gradient,
                                     const matrix_view<float>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols() &&
                     src.rows() == gradient.rows() && src.cols() == gradient.cols(),
                 "straight_through: src is %zu x %zu, gradient %zu x %zu, dst %zu x %zu",
                 src.rows(), src.cols(), gradient.rows(), gradient.cols(), dst.rows(), dst.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  detail::fake_kernel_of<Parameters, Isa>::pass(src, detail::pointers_to(parameters), gradient,
                                                dst);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
