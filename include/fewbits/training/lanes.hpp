// SPDX-License-Identifier: MIT
// Lanes of FP32 for gradients, weights and moments that are kept in FP32, FP16 or BF16.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/lane_step.hpp>
#include <fewbits/convert/stochastic_codec.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/value/rounding.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What training keeps its numbers in.
template <class Element>
concept training_element =
    std::same_as<Element, fp32> || std::same_as<Element, fp16> || std::same_as<Element, bf16>;

/// The element of a range, `float` as `fp32`.
template <class Range>
using training_element_of = as_class<element_of<Range>>;

/// A contiguous range, or an array, of float, fp32, fp16 or bf16.
template <class Range>
concept training_range = contiguous<Range> && training_element<training_element_of<Range>>;
template <class Range>
concept float_range = contiguous<Range> && std::same_as<training_element_of<Range>, fp32>;

template <isa Isa>
struct training_lanes : float_lanes<Isa> {
  using base = float_lanes<Isa>;
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t width = static_cast<std::size_t>(ops::lanes);

  FEWBITS_INLINE static u32 subtract_floats(u32 a, u32 b) {
    if constexpr (requires { ops::fma_nearest(a, a, b); }) {
      return ops::fma_nearest(b, ops::set(0xbf800000), a);
    } else {
      return base::add_floats(a, ops::xor_(b, ops::set(0x80000000)));
    }
  }
  FEWBITS_INLINE static u32 sqrt_floats(u32 x) {
    if constexpr (requires { ops::sqrt_nearest(x); }) {
      return ops::sqrt_nearest(x);
    } else {
      // Under -ffast-math compilers have estimates for the built-in function.
      float root;
#if defined(__x86_64__)
      __asm__("sqrtss %1, %0" : "=x"(root) : "x"(bit_cast<float>(x)));
#elif defined(__aarch64__)
      __asm__("fsqrt %s0, %s1" : "=w"(root) : "w"(bit_cast<float>(x)));
#else
      root = __builtin_sqrtf(bit_cast<float>(x));
#endif
      return bit_cast<std::uint32_t>(root);
    }
  }
  /// A divisor of many numbers.
  struct divisor {
    u32 value, negative, inverse;
    /// What is missing from `inverse`.
    u32 rest;
    /// Whether it is from 2^-20 to 2.
    bool is_usual;
  };
  FEWBITS_INLINE static divisor divisor_of(std::uint32_t code) {
    divisor by{ops::set(code), ops::set(code ^ 0x80000000), ops::set(0), ops::set(0), false};
    if constexpr (divides_by_products) {
      const u32 one = ops::set(0x3f800000);
      by.inverse = base::divide_floats(one, by.value);
      by.rest = base::multiply_floats(ops::fma_nearest(by.negative, by.inverse, one), by.inverse);
      by.is_usual = code >= 0x35800000 && code <= 0x40000000;
    }
    return by;
  }
  /// a / by_a and root / by_root, where `root` is a square root. A division is long, and most divisors here
  /// serve many numbers. Returns false if a lane of a or root may be NaN.
  FEWBITS_INLINE static bool divide_both(u32& a, const divisor& by_a, u32& root,
                                         const divisor& by_root) {
    if constexpr (divides_by_products) {
      if (by_a.is_usual && by_root.is_usual && are_usual(a, root)) {
        a = divide_usual(a, by_a);
        root = divide_usual(root, by_root);
        return true;
      }
    }
    a = base::divide_floats(a, by_a.value);
    root = base::divide_floats(root, by_root.value);
    return false;
  }

  /// One NaN for all: processors differ in the one that they make and in the one of two that they keep.
  FEWBITS_INLINE static u32 with_one_nan(u32 x) {
    const u32 magnitude = ops::and_(x, ops::set(0x7fffffff));
    return ops::select(ops::greater(magnitude, ops::set(0x7f800000)), ops::set(0x7fc00000), x);
  }

  template <training_element Element>
  FEWBITS_INLINE static u32 load(const unsigned char* src) {
    return load_as_fp32<Element, Isa>(src);
  }
  /// To nearest even. A NaN is that of `with_one_nan`.
  template <training_element Element>
  FEWBITS_INLINE static void store(unsigned char* dst, u32 x) {
    if constexpr (std::same_as<Element, fp32>) {
      ops::store32(dst, x);
    } else if constexpr (std::same_as<Element, bf16>) {
      ops::store16(dst, ops::template shift_right<16>(with_tie_to_even(x)));
    } else if constexpr (requires { ops::template store_half<rounding::nearest_even>(dst, x); }) {
      ops::template store_half<rounding::nearest_even>(dst, x);
    } else {
      ops::store16(dst, encode<formats::fp32, Element::format, cast_policy{}, ops>(x));
    }
  }
  /// With a random word for each lane; FP32 as it is.
  template <training_element Element>
  FEWBITS_INLINE static void store(unsigned char* dst, u32 x, u32 random) {
    if constexpr (std::same_as<Element, fp32>) {
      ops::store32(dst, x);
    } else {
      ops::store16(dst, encode_stochastically<Element::format, stochastic, Isa>(x, random));
    }
  }
  /// To nearest even, as FP32 again. A NaN is that of `with_one_nan`.
  template <training_element Element>
  FEWBITS_INLINE static u32 round(u32 x) {
    if constexpr (std::same_as<Element, fp32>) {
      return x;
    } else if constexpr (std::same_as<Element, bf16>) {
      return ops::and_(with_tie_to_even(x), ops::set(0xffff0000));
    } else {
      return decode<Element::format, ops>(
          encode<formats::fp32, Element::format, cast_policy{}, ops>(x));
    }
  }

 private:
  /// In the upper half, x to the nearest bf16.
  FEWBITS_INLINE static u32 with_tie_to_even(u32 x) {
    const u32 is_odd = ops::and_(ops::template shift_right<16>(x), ops::set(1));
    return ops::add(x, ops::add(is_odd, ops::set(0x7fff)));
  }

  static constexpr bool divides_by_products =
      requires(u32 x) { ops::all(ops::equal(ops::fma_nearest(x, x, x), x)); };

  /// Whether each lane of a is 0 or from 2^-60 to 2^100, and each of a root up to that.
  FEWBITS_INLINE static bool are_usual(u32 a, u32 root) {
    const u32 low = ops::set((127 - 60) << 23), high = ops::set((127 + 100) << 23);
    const u32 magnitude = ops::and_(a, ops::set(0x7fffffff));
    const u32 nonzero = ops::select(ops::equal(magnitude, ops::set(0)), low, magnitude);
    const u32 is_low = ops::select(ops::greater(low, nonzero), ops::set(0x7fffffff), nonzero);
    return ops::all(ops::greater(high, ops::max_(is_low, ops::and_(root, ops::set(0x7fffffff)))));
  }
  /// The quotient, rounded once. The first one is within a unit in the last place, for the inverse has
  /// twice the digits; then its remainder is exact, and its product with the nearest inverse leads to the
  /// nearest quotient (Markstein, "Computation of elementary functions on the IBM RISC System/6000
  /// processor", 1990, theorem 8.3). A zero keeps its sign.
  FEWBITS_INLINE static u32 divide_usual(u32 x, const divisor& by) {
    const u32 quotient = ops::fma_nearest(x, by.inverse, base::multiply_floats(x, by.rest));
    const u32 remainder = ops::fma_nearest(by.negative, quotient, x);
    const u32 nearest = ops::fma_nearest(remainder, by.inverse, quotient);
    return ops::or_(nearest, ops::and_(x, ops::set(0x80000000)));
  }
};

/// The FP32 code nearest to x.
FEWBITS_INLINE std::uint32_t float_code(double x) {
  return opaque(bit_cast<std::uint32_t>(static_cast<float>(opaque(x))));
}
/// base^exponent by repeated squaring, each product rounded.
FEWBITS_INLINE double power(double base, std::uint64_t exponent) {
  double result = 1;
  for (base = opaque(base); exponent != 0; exponent >>= 1) {
    if (exponent % 2 != 0) result = opaque(result * base);
    base = opaque(base * base);
  }
  return result;
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
