// SPDX-License-Identifier: MIT
// Fake quantization by block formats and codebooks, which find their scales in the numbers themselves.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/block_scaled.hpp>
#include <fewbits/quantize/codebook.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/training/fake_quantize.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Format>
concept block_scaled_format = requires {
  typename Format::element_type;
  typename Format::scale_type;
  Format::block_size;
};

/// Magnitudes that are not clipped, of negative and of other numbers: up to these, as bits.
struct magnitude_limits {
  std::uint32_t negative, positive;
};

/// What passes of the numbers of a block.
template <isa Isa>
struct limit_kernel {
  using ops = float_lanes<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);

  /// `kept` where x is within the limits, else 0. NaN is beyond all of them.
  FEWBITS_INLINE static u32 keep(u32 x, const magnitude_limits& limits, u32 kept) {
    const u32 is_negative = ops::template shift_right<31>(x);
    const u32 limit = ops::select(ops::equal(is_negative, ops::set(1)), ops::set(limits.negative),
                                  ops::set(limits.positive));
    return ops::select(ops::greater(ops::and_(x, ops::set(0x7fffffff)), limit), ops::set(0), kept);
  }
  FEWBITS_INLINE static void mask(const float* src, std::size_t count,
                                  const magnitude_limits& limits, std::uint8_t* dst) {
    for (std::size_t i = 0; i < count; i += lanes) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      unsigned char x[4 * lanes] = {}, found[lanes];
      __builtin_memcpy(x, src + i, 4 * some);
      ops::store8(found, keep(ops::load32(x), limits, ops::set(1)));
      __builtin_memcpy(dst + i, found, some);
    }
  }
  FEWBITS_INLINE static void pass(const float* src, const float* gradient, std::size_t count,
                                  const magnitude_limits& limits, float* dst) {
    for (std::size_t i = 0; i < count; i += lanes) {
      const std::size_t some = count - i < lanes ? count - i : lanes;
      unsigned char x[4 * lanes] = {}, passed[4 * lanes] = {};
      __builtin_memcpy(x, src + i, 4 * some);
      __builtin_memcpy(passed, gradient + i, 4 * some);
      ops::store32(passed, keep(ops::load32(x), limits, ops::load32(passed)));
      __builtin_memcpy(dst + i, passed, 4 * some);
    }
  }
};

/// How a block format quantizes a row; `tensor` is the tensor scale.
template <class Format, scale_rule Rule, isa Isa>
struct fake_blocks {
  using kernel = block_kernel<Format, Rule, Isa>;
  using element = block_element<typename Format::element_type>;
  static constexpr std::size_t block = Format::block_size;
  /// Blocks at a time: whole bytes, and groups of the fast kernels.
  static constexpr std::size_t blocks = block <= 64 ? 32 : 8;
  static constexpr std::size_t piece = blocks * block;

  struct codes {
    unsigned char elements[piece * kernel::width / 8];
    typename Format::scale_type scales[blocks];
  };

  /// Codes of a piece.
  FEWBITS_INLINE static void encode(const float* src, std::size_t count, float tensor, codes& to) {
    kernel::encode(src, count, to.elements, to.scales, tensor);
  }
  FEWBITS_INLINE static void decode(const codes& from, std::size_t count, float tensor,
                                    float* dst) {
    kernel::decode(from.elements, from.scales, count, tensor, dst);
  }
  /// Of block i. A block with a NaN or an infinity is NaN, so nothing passes.
  FEWBITS_INLINE static bool limits_of(const codes& from, std::size_t i, float tensor,
                                       magnitude_limits& to) {
    if (!is_finite_scale(from.scales[i])) return false;
    const double scale = static_cast<double>(static_cast<float>(from.scales[i])) *
                         (Format::has_tensor_scale ? static_cast<double>(tensor) : 1.0);
    // A float passes up to the largest one, an integer if it is rounded to a code; both are exact.
    constexpr double half_unit =
        element::is_float ? 0.0 : 0.5 / static_cast<double>(1 << element::fraction_bits());
    const double limit = (static_cast<double>(element::largest) + half_unit) * scale;
    const float nearest = static_cast<float>(limit);
    const bool is_beyond = element::is_float ? static_cast<double>(nearest) > limit
                                             : static_cast<double>(nearest) >= limit;
    to.positive = bit_cast<std::uint32_t>(nearest) - (is_beyond ? 1 : 0);
    to.negative = is_signed() ? to.positive : 0;
    return true;
  }

 private:
  FEWBITS_INLINE static constexpr bool is_signed() {
    return Format::element_type::format.is_signed;
  }
};

/// How a codebook does.
template <std::size_t Size, std::size_t BlockSize, isa Isa>
struct fake_codebook {
  using kernel = codebook_kernel<Size, BlockSize, 8, Isa>;
  static constexpr std::size_t block = BlockSize;
  static constexpr std::size_t blocks = block <= 64 ? 16 : 4;
  static constexpr std::size_t piece = blocks * block;

  const codebook<Size>& book;
  codebook_bounds<Size> bounds;

  struct codes {
    unsigned char elements[piece];
    float scales[blocks];
  };

  FEWBITS_INLINE void encode(const float* src, std::size_t count, float, codes& to) const {
    kernel::encode(bounds, src, count, to.elements, 0, to.scales);
  }
  FEWBITS_INLINE void decode(const codes& from, std::size_t count, float, float* dst) const {
    kernel::decode(book, from.elements, 0, count, from.scales, dst);
  }
  /// Products of the ends, of which the scale is the largest finite magnitude.
  FEWBITS_INLINE bool limits_of(const codes& from, std::size_t i, float,
                                magnitude_limits& to) const {
    to = {reach(-static_cast<double>(book.value[0]), from.scales[i]),
          reach(static_cast<double>(book.value[Size - 1]), from.scales[i])};
    return true;
  }

 private:
  /// The largest float that is not above end * scale.
  FEWBITS_INLINE static std::uint32_t reach(double end, float scale) {
    const double limit = end < 0 ? 0 : end * static_cast<double>(scale);
    const float nearest = static_cast<float>(limit);
    return bit_cast<std::uint32_t>(nearest) - (static_cast<double>(nearest) > limit ? 1 : 0);
  }
};

template <class How, isa Isa>
struct fake_rows {
  using limits = limit_kernel<Isa>;

  static void round_trip(const How& how, const float* src, std::size_t count, float tensor,
                         float* dst) {
    typename How::codes codes;
    for (std::size_t begin = 0; begin < count; begin += How::piece) {
      const std::size_t some = count - begin < How::piece ? count - begin : How::piece;
      how.encode(src + begin, some, tensor, codes);
      how.decode(codes, some, tensor, dst + begin);
    }
  }
  /// `use(begin, count, limits, passes)` for each block.
  template <class Use>
  FEWBITS_INLINE static void for_blocks(const How& how, const float* src, std::size_t count,
                                        float tensor, Use use) {
    const default_control_word<Isa> control_word;
    typename How::codes codes;
    for (std::size_t begin = 0; begin < count; begin += How::piece) {
      const std::size_t end = count - begin < How::piece ? count : begin + How::piece;
      how.encode(src + begin, end - begin, tensor, codes);
      for (std::size_t i = begin; i < end; i += How::block) {
        magnitude_limits its;
        const bool passes = how.limits_of(codes, (i - begin) / How::block, tensor, its);
        use(i, end - i < How::block ? end - i : How::block, its, passes);
      }
    }
  }
  static void mask(const How& how, const float* src, std::size_t count, float tensor,
                   std::uint8_t* dst) {
    for_blocks(how, src, count, tensor,
               [=](std::size_t begin, std::size_t some, const magnitude_limits& its, bool passes) {
                 if (passes) {
                   limits::mask(src + begin, some, its, dst + begin);
                 } else {
                   __builtin_memset(dst + begin, 0, some);
                 }
               });
  }
  static void pass(const How& how, const float* src, const float* gradient, std::size_t count,
                   float tensor, float* dst) {
    for_blocks(how, src, count, tensor,
               [=](std::size_t begin, std::size_t some, const magnitude_limits& its, bool passes) {
                 if (passes) {
                   limits::pass(src + begin, gradient + begin, some, its, dst + begin);
                 } else {
                   __builtin_memset(dst + begin, 0, 4 * some);
                 }
               });
  }
};

template <class Format, isa Isa>
FEWBITS_INLINE float tensor_scale_for(const matrix_view<const float>& src) {
  if constexpr (Format::has_tensor_scale) {
    return calibrate_tensor_scale<Format, Isa>(src);
  } else {
    return 1;
  }
}

}  // namespace detail

/// Writes what dequantize(quantize(src)) would by way of blocks of `Format`, a `block_scaled`, with the
/// same bits; a tensor scale, if the format has one, is that of `src`. As fake_quantize<fb::mxfp4>(x, y).
///
/// Shape:  src and dst have the same rows and cols, or sizes. dst may be src.
/// Errors: none at run time.
template <detail::block_scaled_format Format, scale_rule Rule = scale_rule::floor, isa Isa = native>
FEWBITS_INLINE void fake_quantize(const matrix_view<const float>& src,
                                  const matrix_view<float>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "fake_quantize: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(),
                 dst.rows(), dst.cols());
  using how = detail::fake_blocks<Format, Rule, Isa>;
  const float tensor = detail::tensor_scale_for<Format, Isa>(src);
  for (std::size_t i = 0; i < src.rows(); ++i)
    detail::fake_rows<how, Isa>::round_trip(how{}, src.row(i), src.cols(), tensor, dst.row(i));
}
template <detail::block_scaled_format Format, scale_rule Rule = scale_rule::floor, isa Isa = native,
          contiguous Src, contiguous Dst>
FEWBITS_INLINE void fake_quantize(const Src& src, Dst&& dst) {
  fake_quantize<Format, Rule, Isa>(detail::row_of_floats(src), detail::one_row(dst));
}

/// Writes 1 where these blocks do not clip, else 0: floats as elements clip what exceeds the largest one,
/// integers what is not rounded to a code, in units of the scales. A block with a NaN or an infinity gives
/// 0. Shape and errors as above.
template <detail::block_scaled_format Format, scale_rule Rule = scale_rule::floor, isa Isa = native>
FEWBITS_INLINE void straight_through_mask(const matrix_view<const float>& src,
                                          const matrix_view<std::uint8_t>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols(),
                 "straight_through_mask: src is %zu x %zu, dst %zu x %zu", src.rows(), src.cols(),
                 dst.rows(), dst.cols());
  using how = detail::fake_blocks<Format, Rule, Isa>;
  const float tensor = detail::tensor_scale_for<Format, Isa>(src);
  for (std::size_t i = 0; i < src.rows(); ++i)
    detail::fake_rows<how, Isa>::mask(how{}, src.row(i), src.cols(), tensor, dst.row(i));
}
template <detail::block_scaled_format Format, scale_rule Rule = scale_rule::floor, isa Isa = native,
          contiguous Src, contiguous Dst>
FEWBITS_INLINE void straight_through_mask(const Src& src, Dst&& dst) {
  straight_through_mask<Format, Rule, Isa>(detail::row_of_floats(src), detail::one_row(dst));
}

/// The gradient by `src` from `gradient`, that by fake_quantize<Format>(src): the same where the mask is 1,
/// else +0. dst may be gradient.
template <detail::block_scaled_format Format, scale_rule Rule = scale_rule::floor, isa Isa = native>
FEWBITS_INLINE void straight_through(const matrix_view<const float>& src,
                                     const matrix_view<const float>& gradient,
                                     const matrix_view<float>& dst) {
  FEWBITS_ASSERT(src.rows() == dst.rows() && src.cols() == dst.cols() &&
                     src.rows() == gradient.rows() && src.cols() == gradient.cols(),
                 "straight_through: src is %zu x %zu, gradient %zu x %zu, dst %zu x %zu",
                 src.rows(), src.cols(), gradient.rows(), gradient.cols(), dst.rows(), dst.cols());
  using how = detail::fake_blocks<Format, Rule, Isa>;
  const float tensor = detail::tensor_scale_for<Format, Isa>(src);
  for (std::size_t i = 0; i < src.rows(); ++i)
    detail::fake_rows<how, Isa>::pass(how{}, src.row(i), gradient.row(i), src.cols(), tensor,
                                      dst.row(i));
}

/// The same three for a codebook, with a scale for each BlockSize numbers: fake_quantize(x, fb::nf4, y).
/// What is beyond the ends times the scale is clipped, so infinities, and NaN gives 0.
template <std::size_t BlockSize = 64, isa Isa = native, contiguous Src, std::size_t Size,
          contiguous Dst>
FEWBITS_INLINE void fake_quantize(const Src& src, const codebook<Size>& book, Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "fake_quantize: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  using how = detail::fake_codebook<Size, BlockSize, Isa>;
  detail::fake_rows<how, Isa>::round_trip(how{book, detail::bounds_of(book)},
                                          detail::floats_of(src), detail::size_of(src), 1,
                                          detail::floats_of(dst));
}
template <std::size_t BlockSize = 64, isa Isa = native, contiguous Src, std::size_t Size>
FEWBITS_INLINE void straight_through_mask(const Src& src, const codebook<Size>& book,
                                          array_view<std::uint8_t> dst) {
  FEWBITS_ASSERT(detail::size_of(src) == dst.size(),
                 "straight_through_mask: src has %zu elements, dst %zu", detail::size_of(src),
                 dst.size());
  using how = detail::fake_codebook<Size, BlockSize, Isa>;
  detail::fake_rows<how, Isa>::mask(how{book, detail::bounds_of(book)}, detail::floats_of(src),
                                    detail::size_of(src), 1, dst.data());
}
template <std::size_t BlockSize = 64, isa Isa = native, contiguous Src, std::size_t Size,
          contiguous Gradient, contiguous Dst>
FEWBITS_INLINE void straight_through(const Src& src, const codebook<Size>& book,
                                     const Gradient& gradient, Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(gradient) &&
                     detail::size_of(src) == detail::size_of(dst),
                 "straight_through: src has %zu elements, gradient %zu, dst %zu",
                 detail::size_of(src), detail::size_of(gradient), detail::size_of(dst));
  using how = detail::fake_codebook<Size, BlockSize, Isa>;
  detail::fake_rows<how, Isa>::pass(how{book, detail::bounds_of(book)}, detail::floats_of(src),
                                    detail::floats_of(gradient), detail::size_of(src), 1,
                                    detail::floats_of(dst));
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
