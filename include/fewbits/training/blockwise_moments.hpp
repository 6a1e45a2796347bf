// SPDX-License-Identifier: MIT
// Moments of an optimizer in 8 bits: codes of the dynamic map, with a scale for each 256.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/codebook.hpp>
#include <fewbits/training/lanes.hpp>
#include <fewbits/training/master_weights.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/view/array_view.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

FEWBITS_INLINE constexpr codebook<256> make_dynamic_map(bool is_signed) {
  codebook<256> map{};
  const std::size_t zero = is_signed ? 127 : 0;
  std::size_t code = zero;
  double power = 1e7;
  for (int decade = 0; decade < 7; ++decade) {
    const int intervals = (is_signed ? 1 : 2) << decade;
    for (int i = 0; i < intervals; ++i) {
      ++code;
      const fp32 value = div<fp32>(fp64{static_cast<double>(2 * intervals + 9 * (2 * i + 1))},
                                   fp64{2 * intervals * power});
      map.value[code] = static_cast<float>(value);
      if (is_signed) map.value[2 * zero - code] = -map.value[code];
    }
    power /= 10;
  }
  map.value[255] = 1;
  return map;
}

}  // namespace detail

/// The dynamic map: 0, 1, and in each of the decades from 10^-7 up to 1 the middles of equal intervals,
/// twice as many in each decade as in the one below. Signed, 1 to 64, and the same below 0 (so 1 is a code,
/// -1 is not); unsigned, 2 to 128.
///
/// Source: T. Dettmers, 8-Bit Approximations for Parallelism in Deep Learning, 2016; Dettmers and others,
///         8-bit Optimizers via Block-wise Quantization, 2022, section 2; bitsandbytes' create_dynamic_map.
template <bool IsSigned>
inline constexpr codebook<256> dynamic_map = detail::make_dynamic_map(IsSigned);

namespace detail {
inline constexpr std::size_t smallest_in_blocks = 4096;
}

/// Bytes of `blockwise_moments` of so many numbers: FP32 below 4096, else a code each and an FP32 scale for
/// each 256.
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t blockwise_moment_bytes(std::size_t count) {
  return count < detail::smallest_in_blocks ? 4 * count : count + 4 * ((count + 255) / 256);
}

/// Moments in 8 bits, for the steps of optimizers. A view of `blockwise_moment_bytes(count)` bytes, any
/// alignment; begin with zeros.
///
/// Meaning:  first moments are codes of `dynamic_map<true>`, second ones of `dynamic_map<false>`, times the
///           largest magnitude among the 256 of a block, in FP32. The codes, then the scales.
/// Rounding: to the nearest code of x / scale, rounded to FP32; of two as near to that nearer to zero. A
///           second moment below zero becomes 0. No scale is too small, so a step that is times a power of two is kept as well.
/// Small:    fewer than 4096 numbers are kept in FP32, as biases and norms are few and matter: a second
///           moment that is rounded to 0 makes a huge step.
/// NaN:      a block with an infinity or a NaN becomes NaN as a whole.
/// Source:   as `dynamic_map`; the threshold is bitsandbytes' min_8bit_size.
class blockwise_moments {
 public:
  /// `bytes` is a range of unsigned char.
  template <contiguous Bytes>
  FEWBITS_INLINE blockwise_moments(Bytes&& bytes, std::size_t count)
      : data_(detail::data_of(bytes)), size_(count) {
    FEWBITS_ASSERT(detail::size_of(bytes) == blockwise_moment_bytes(count),
                   "blockwise_moments: %zu bytes for %zu moments, which take %zu",
                   detail::size_of(bytes), count, blockwise_moment_bytes(count));
  }
  [[nodiscard]] FEWBITS_INLINE constexpr unsigned char* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }
  /// Whether they are kept in FP32.
  [[nodiscard]] FEWBITS_INLINE constexpr bool is_small() const {
    return size_ < detail::smallest_in_blocks;
  }

 private:
  unsigned char* data_;
  std::size_t size_;
};

namespace detail {

/// The code of a magnitude of at most 1 is that of the cell it is in, or the next one: a cell is all numbers
/// of an exponent and seven bits of mantissa.
struct dynamic_cells {
  static constexpr std::uint32_t lowest = (127 - 23) << 7, count = (23 << 7) + 1;
  unsigned char code[count];
  /// Of each code above that of zero: what is greater belongs to the next.
  std::uint32_t bound[256];

  /// For magnitudes of at least 2^-23.
  FEWBITS_INLINE constexpr std::uint32_t operator()(std::uint32_t magnitude) const {
    const std::uint32_t first = code[(magnitude >> 16) - lowest];
    return first + (magnitude > bound[first] ? 1U : 0U);
  }
};

template <bool IsSigned>
FEWBITS_INLINE constexpr dynamic_cells make_dynamic_cells() {
  constexpr std::uint32_t zero = IsSigned ? 127 : 0;
  const codebook_bounds<256> bounds = bounds_of(dynamic_map<IsSigned>);
  dynamic_cells cells{};
  for (std::uint32_t i = 0; i < 256; ++i)
    cells.bound[i] = i + zero < 255 ? static_cast<std::uint32_t>(bounds.bound[i + zero]) : ~0U;
  std::uint32_t code = 0;
  for (std::uint32_t cell = 0; cell < dynamic_cells::count; ++cell) {
    while ((cell + dynamic_cells::lowest) << 16 > cells.bound[code]) ++code;
    cells.code[cell] = static_cast<unsigned char>(code);
  }
  return cells;
}
template <bool IsSigned>
inline constexpr dynamic_cells dynamic_cells_of = make_dynamic_cells<IsSigned>();

/// One block, in FP32 while a step is at it.
template <bool IsSigned, isa Isa>
struct dynamic_block {
  using lanes = training_lanes<Isa>;
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t size = 256;
  static_assert(size % lanes::width == 0);

  /// `count` numbers, then zeros.
  static void decode(const unsigned char* codes, const unsigned char* scale, unsigned char* dst,
                     std::size_t count) {
    float values[size];
    for (std::size_t i = 0; i < count; ++i) values[i] = dynamic_map<IsSigned>.value[codes[i]];
    for (std::size_t i = count; i < size; ++i) values[i] = 0;
    std::uint32_t code;
    __builtin_memcpy(&code, scale, 4);
    const u32 factor = ops::set(code);
    const unsigned char* const from = reinterpret_cast<const unsigned char*>(values);
    for (std::size_t i = 0; i < 4 * size; i += 4 * lanes::width)
      ops::store32(dst + i, lanes::multiply_floats(ops::load32(from + i), factor));
  }

  /// `src` has room for a whole block.
  static void encode(unsigned char* src, unsigned char* codes, unsigned char* scale,
                     std::size_t count) {
    __builtin_memset(src + 4 * count, 0, 4 * (size - count));
    const u32 magnitude_bits = ops::set(0x7fffffff);
    u32 most = ops::set(0);
    for (std::size_t i = 0; i < 4 * size; i += 4 * lanes::width)
      most = ops::max_(most, ops::and_(ops::load32(src + i), magnitude_bits));
    std::uint32_t largest = lanes::max_of_lanes(most);
    const bool is_special = largest >= 0x7f800000;
    if (is_special) largest = 0x7fc00000;
    __builtin_memcpy(scale, &largest, 4);
    if (is_special) {
      __builtin_memset(codes, 0, count);
      return;
    }
    // Zeros are divided by one, so that they are zeros. All below the first cell have its code.
    const u32 divisor = ops::set(largest == 0 ? 0x3f800000 : largest);
    const u32 least = ops::set(dynamic_cells::lowest << 16);
    std::uint32_t ratios[size];
    unsigned char* const to = reinterpret_cast<unsigned char*>(ratios);
    for (std::size_t i = 0; i < 4 * size; i += 4 * lanes::width) {
      const u32 x = ops::load32(src + i);
      u32 ratio = ops::and_(lanes::divide_floats(x, divisor), magnitude_bits);
      if constexpr (!IsSigned)
        ratio =
            ops::select(ops::equal(ops::template shift_right<31>(x), ops::set(0)), ratio, least);
      ops::store32(to + i, ops::max_(ratio, least));
    }
    unsigned char found[size];
    for (std::size_t i = 0; i < size; ++i)
      found[i] = static_cast<unsigned char>(dynamic_cells_of<IsSigned>(ratios[i]));
    if constexpr (IsSigned) {
      const u32 zero = ops::set(127);
      for (std::size_t i = 0; i < size; i += lanes::width) {
        const u32 code = ops::load8(found + i);
        const u32 sign = ops::template shift_right<31>(ops::load32(src + 4 * i));
        ops::store8(found + i, ops::select(ops::equal(sign, ops::set(0)), ops::add(zero, code),
                                           ops::sub(zero, ops::min_(zero, code))));
      }
    }
    __builtin_memcpy(codes, found, count);
  }
};

/// How the step kernels name the 8-bit storage.
struct dynamic_8bit {
  unsigned char code;
};
template <class Storage>
inline constexpr bool is_blockwise = std::same_as<Storage, dynamic_8bit>;
/// What a step computes with.
template <class Storage>
using computed_as = std::conditional_t<is_blockwise<Storage>, fp32, Storage>;

/// What steps see of moments: all in one place, or codes, then scales.
template <class Storage>
struct stored_moments {
  using storage = Storage;
  unsigned char* data;
  unsigned char* scales;
  std::size_t size;
};

template <training_range Moments>
FEWBITS_INLINE auto stored_as(Moments& moments) {
  return stored_moments<training_element_of<Moments>>{writable_bytes(data_of(moments)), nullptr,
                                                      size_of(moments)};
}
FEWBITS_INLINE auto stored_as(const blockwise_moments& moments) {
  return stored_moments<dynamic_8bit>{moments.data(), moments.data() + moments.size(),
                                      moments.size()};
}

}  // namespace detail

/// Moments that a step updates: a range of float, fp32, fp16 or bf16, or `blockwise_moments`.
template <class Moments>
concept optimizer_moments = detail::training_range<Moments> ||
                            std::same_as<std::remove_cvref_t<Moments>, blockwise_moments>;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
