// SPDX-License-Identifier: MIT
// The arithmetic of products with few rows: vectors of elements of B, decoded in registers, times elements
// of A.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/lane_step.hpp>
#include <fewbits/isa/byte_dot.hpp>
#include <fewbits/isa/select.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

// Each has
//   a_type, b_type, acc_type   elements of A as they were decoded, of B as they are read, sums;
//   sums, factors              a vector of `lanes` sums, and one of A's or B's elements, `kr` a lane;
//   nr = 4 lanes               columns that are worked on at a time;
//   load(src, b)               4 * lanes * kr consecutive elements of B;
//   load_rows(src, stride, b)  `nr` elements of each of kr rows of B, `stride` bytes apart: the kr of a
//                              column in a lane, the columns in the order of `column(position)`;
//   exponent                   loaded elements of B are 2^-exponent of what they are;
//   load_finite(src, b, special), where it is: the same for most codes; `is_special(special)` says afterwards
//                              whether there have been others;
//   load_a(src), spread(src)   a vector of A's elements; kr elements in every lane;
//   multiply_add(sum, a, b).

template <class Number, std::size_t Lanes>
struct gemv_floats {
  using a_type = Number;
  using acc_type = Number;
  static constexpr std::size_t lanes = Lanes, kr = 1, nr = 4 * lanes;
  static constexpr int exponent = 0;
  typedef Number sums __attribute__((vector_size(sizeof(Number) * Lanes)));
  using factors = sums;

  FEWBITS_INLINE static factors load_a(const Number* src) {
    factors x;
    __builtin_memcpy(&x, src, sizeof(x));
    return x;
  }
  FEWBITS_INLINE static factors spread(const Number* src) { return *src - factors{}; }
  FEWBITS_INLINE static sums multiply_add(sums sum, factors a, factors b) { return a * b + sum; }
  FEWBITS_INLINE static constexpr std::size_t column(std::size_t position) { return position; }
};

/// As many lanes as registers have; at least four, which compilers make of what they find.
template <isa Isa>
inline constexpr std::size_t gemv_fp32_lanes =
    vec<Isa>::lanes < 4 ? 4 : static_cast<std::size_t>(vec<Isa>::lanes);

/// 8-bit formats whose codes, moved, are FP16 codes of the numbers times 2^(bias - 15), and an instruction
/// that reads FP16.
template <class Element, isa Isa>
concept moved_half =
    scaled_half_element<Element> && Element::format.bits() == 8 && Element::format.bias <= 15 &&
    vec<Isa>::lanes >= 8 && requires(const unsigned char* src) { vec<Isa>::load_half(src); };

/// Four vectors of FP32 from such codes. The halves go through memory: that spares the instructions that
/// take registers apart.
template <class Element, isa Isa>
struct moved_half_loader {
  using ops = vec<Isa>;
  static constexpr float_format format = Element::format;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static constexpr int shift = 10 - format.mantissa_bits;

  static constexpr std::uint32_t tops = 0x80808080, rest = 0x7f7f7f7f, ones = 0x01010101;
  static constexpr bool has_specials = shift != 8;

  /// Of 4 * lanes codes: the top bit of each that does not only move.
  FEWBITS_INLINE static typename ops::u32 special_bits(const unsigned char* src) {
    const auto x = ops::load32(src);
    if constexpr (format.nan == nan_encoding::negative_zero) {
      // Some code is 0x80: but for their top bits, zero bytes do not reach 0x80.
      const auto y = ops::xor_(x, ops::set(tops));
      return ops::xor_(ops::or_(ops::add(ops::and_(y, ops::set(rest)), ops::set(rest)), y),
                       ops::set(tops));
    } else {
      constexpr std::uint32_t more = 0x7f - low32(format.max_finite_code());
      return ops::add(ops::and_(x, ops::set(rest)), ops::set(more * ones));
    }
  }
  FEWBITS_INLINE static bool is_special(typename ops::u32 bits) {
    return !ops::all(ops::equal(ops::and_(bits, ops::set(tops)), ops::set(0)));
  }
  /// Whether any of 4 * lanes codes does not only move.
  FEWBITS_INLINE static bool has_special(const unsigned char* src) {
    if constexpr (has_specials) {
      return is_special(special_bits(src));
    } else {
      return false;
    }
  }
  template <bool ThroughMemory>
  FEWBITS_INLINE static void load(const unsigned char* src, typename ops::u32 (&x)[4]) {
    constexpr std::uint16_t kept =
        shift == 8 ? 0xffff
                   : static_cast<std::uint16_t>(0x8000U | low32(format.magnitude_mask()) << shift);
    alignas(64) unsigned char halves[8 * lanes];
    // The sign, extended, reaches the top bit whatever the shift is.
    byte_mover<Isa>::template move<shift, kept>(src, halves);
    byte_mover<Isa>::template move<shift, kept>(src + 2 * lanes, halves + 4 * lanes);
    if constexpr (ThroughMemory) __asm__("" : "+m"(halves));
    FEWBITS_UNROLL
    for (std::size_t v = 0; v < 4; ++v) x[v] = ops::load_half(halves + v * 2 * lanes);
  }
};

/// FP32; elements of B are of any type that `lane_step` reads.
template <class Element, isa Isa>
struct gemv_fp32 : gemv_floats<float, gemv_fp32_lanes<Isa>> {
  using base = gemv_floats<float, gemv_fp32_lanes<Isa>>;
  using typename base::factors;
  using b_type = Element;
  using source = lane_source<std::conditional_t<std::is_same_v<Element, float>, fp32, Element>,
                             fp32, cast_policy{}, Isa>;

  FEWBITS_INLINE static constexpr int exponent_of_loads() {
    if constexpr (moved_half<Element, Isa>) {
      return 15 - Element::format.bias;
    } else {
      return 0;
    }
  }
  static constexpr int exponent = exponent_of_loads();

  template <bool ThroughMemory>
  FEWBITS_INLINE static void load_moved(const unsigned char* src, factors (&b)[4]) {
    typename vec<Isa>::u32 x[4];
    if (__builtin_expect(moved_half_loader<Element, Isa>::has_special(src), 0)) {
      source::load_all(src, x);
      constexpr float unit = 1 / static_cast<float>(1 << exponent);
      FEWBITS_UNROLL
      for (std::size_t v = 0; v < 4; ++v) b[v] = bit_cast<factors>(x[v]) * unit;
    } else {
      moved_half_loader<Element, Isa>::template load<ThroughMemory>(src, x);
      FEWBITS_UNROLL
      for (std::size_t v = 0; v < 4; ++v) b[v] = bit_cast<factors>(x[v]);
    }
  }
  FEWBITS_INLINE static void load(const unsigned char* src, factors (&b)[4])
    requires moved_half<Element, Isa>
  {
    load_moved<true>(src, b);
  }
  using special_bits = typename vec<Isa>::u32;
  FEWBITS_INLINE static void load_finite(const unsigned char* src, factors (&b)[4],
                                         special_bits& special)
    requires moved_half<Element, Isa>
  {
    using loader = moved_half_loader<Element, Isa>;
    if constexpr (loader::has_specials) special = vec<Isa>::or_(special, loader::special_bits(src));
    typename vec<Isa>::u32 x[4];
    loader::template load<true>(src, x);
    FEWBITS_UNROLL
    for (std::size_t v = 0; v < 4; ++v) b[v] = bit_cast<factors>(x[v]);
  }
  FEWBITS_INLINE static bool is_special(special_bits special)
    requires moved_half<Element, Isa>
  {
    return moved_half_loader<Element, Isa>::has_specials &&
           moved_half_loader<Element, Isa>::is_special(special);
  }
  FEWBITS_INLINE static void load_rows(const unsigned char* src, std::size_t, factors (&b)[4])
    requires moved_half<Element, Isa>
  {
    load_moved<false>(src, b);
  }
  FEWBITS_INLINE static void load(const unsigned char* src, factors (&b)[4])
    requires(std::is_same_v<Element, std::int8_t> && requires { vec<Isa>::load8_signed(src); })
  {
    using ops = vec<Isa>;
    FEWBITS_UNROLL
    for (std::size_t v = 0; v < 4; ++v)
      b[v] = bit_cast<factors>(ops::float_bits(ops::load8_signed(src + v * base::lanes)));
  }
  FEWBITS_INLINE static void load(const unsigned char* src, factors (&b)[4]) {
    typename vec<Isa>::u32 x[base::nr / static_cast<std::size_t>(vec<Isa>::lanes)];
    if constexpr (source::vectors == 4) {
      source::load_all(src, x);
      FEWBITS_UNROLL
      for (std::size_t v = 0; v < 4; ++v) b[v] = bit_cast<factors>(x[v]);
    } else {
      for (std::size_t i = 0; i < base::nr; ++i) {
        typename vec<Isa>::u32 one[1];
        source::load_all(src + i * sizeof(Element), one);
        x[i] = one[0];
      }
      __builtin_memcpy(b, x, sizeof(b));
    }
  }
  FEWBITS_INLINE static void load_rows(const unsigned char* src, std::size_t, factors (&b)[4]) {
    load(src, b);
  }
};

/// FP64.
template <isa Isa>
struct gemv_fp64 : gemv_floats<double, gemv_fp32_lanes<Isa> / 2> {
  using base = gemv_floats<double, gemv_fp32_lanes<Isa> / 2>;
  using typename base::factors;
  using b_type = double;

  FEWBITS_INLINE static void load(const unsigned char* src, factors (&b)[4]) {
    FEWBITS_UNROLL
    for (std::size_t v = 0; v < 4; ++v) {
      factors x;
      __builtin_memcpy(&x, src + v * sizeof(x), sizeof(x));
      b[v] = x;
    }
  }
  FEWBITS_INLINE static void load_rows(const unsigned char* src, std::size_t, factors (&b)[4]) {
    load(src, b);
  }
};

/// Bytes: `Left` elements of A times elements of B of the other signedness. `Flip` is what to xor four
/// elements of B with to make them so.
template <class Left, class Element, std::uint32_t Flip, isa Isa>
struct gemv_int8 {
  using a_type = Left;
  using b_type = Element;
  using acc_type = std::int32_t;
  using op = byte_dot<Isa>;
  using sums = typename op::words;
  using factors = sums;
  static constexpr std::size_t lanes = op::lanes, kr = 4, nr = 4 * lanes;
  static constexpr int exponent = 0;

  FEWBITS_INLINE static factors load_a(const Left* src) {
    factors x;
    __builtin_memcpy(&x, src, sizeof(x));
    return x;
  }
  FEWBITS_INLINE static factors spread(const Left* src) {
    std::uint32_t four;
    __builtin_memcpy(&four, src, sizeof(four));
    return factors{} + four;
  }
  FEWBITS_INLINE static sums multiply_add(sums sum, factors a, factors b) {
    if constexpr (std::is_signed_v<Left>) {
      return op::add(sum, b, a);
    } else {
      return op::add(sum, a, b);
    }
  }
  FEWBITS_INLINE static factors load_one(const unsigned char* src) {
    factors x;
    __builtin_memcpy(&x, src, sizeof(x));
    if constexpr (Flip != 0) x ^= Flip;
    return x;
  }
  FEWBITS_INLINE static void load(const unsigned char* src, factors (&b)[4]) {
    FEWBITS_UNROLL
    for (std::size_t v = 0; v < 4; ++v) b[v] = load_one(src + v * sizeof(factors));
  }
  FEWBITS_INLINE static void load_rows(const unsigned char* src, std::size_t stride,
                                       factors (&b)[4]) {
    FEWBITS_UNROLL
    for (std::size_t r = 0; r < 4; ++r) b[r] = load_one(src + r * stride);
    op::interleave(b);
  }
  FEWBITS_INLINE static constexpr std::size_t column(std::size_t position) {
    const std::size_t vector = position / lanes;
    const std::size_t lane = position % lanes;
    return lane / 4 * 16 + 4 * vector + lane % 4;
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
