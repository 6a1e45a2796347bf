// SPDX-License-Identifier: MIT
// `gemm_element`: what GEMM must know about an element type. This is all the work of adding one.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/value/basic_int.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The arithmetic that a product can run in, the cheapest first. Each can hold all values of those
/// before it, but for `fp16_fma`, which only `fp16_sums` asks for and which goes before all others.
enum class compute_kind : unsigned char { int8_dot, bf16_dot, fp32_fma, fp64_fma, fp16_fma };

/// Of an element type: `kind`, the cheapest arithmetic that holds all its values exactly, and
/// `decode<To, Isa>(src, dst, count)`, which writes `count` consecutive elements as `To`, exactly.
template <class Element>
struct gemm_element;

template <floating Element>
struct gemm_element<Element> {
  static constexpr compute_kind kind =
      is_subset(format_of<Element>, formats::bf16)   ? compute_kind::bf16_dot
      : is_subset(format_of<Element>, formats::fp32) ? compute_kind::fp32_fma
                                                     : compute_kind::fp64_fma;

  template <class To, isa Isa>
  FEWBITS_INLINE static void decode(const Element* src, To* dst, std::size_t count) {
    if constexpr (format_of<Element> == format_of<To>) {
      __builtin_memcpy(dst, src, count * sizeof(To));
    } else {
      detail::convert_run<cast_policy{}, Isa>(src, dst, count);
    }
  }
};

namespace detail {

/// What is added to integers in `Format` so that they become 8-bit integers `To`. The unit multiplies
/// unsigned by signed; the driver takes the surplus off again.
template <int_format Format, class To>
inline constexpr std::uint32_t integer_surplus = Format.is_signed == std::is_signed_v<To> ? 0U
                                                 : Format.is_signed                       ? 128U
                                                 : Format.bits < 8                        ? 0U
                                                                   : 0U - 128U;

/// Codes of `Format` in `count` bytes become 8-bit integers `To`, each `integer_surplus` more.
template <int_format Format, class To, isa Isa>
FEWBITS_INLINE void widen_codes(unsigned char* bytes, std::size_t count) {
  if constexpr ((Format.is_signed && Format.bits < 8) || integer_surplus<Format, To> != 0) {
    using ops = vec<Isa>;
    constexpr std::size_t step = 4 * static_cast<std::size_t>(ops::lanes);
    // With its sign bit flipped, a signed code is that bit's weight more than its number.
    constexpr unsigned sign = Format.is_signed ? 1U << (Format.bits - 1) : 0U;
    constexpr unsigned more = Format.is_signed ? 0x80U - sign : 0U;
    constexpr unsigned top = std::is_signed_v<To> ? 0x80U : 0U;
    const auto flip = ops::set(sign * 0x01010101U), sum = ops::set(more * 0x01010101U),
               back = ops::set(top * 0x01010101U);
    std::size_t i = 0;
    for (; count - i >= step; i += step)
      ops::store32(bytes + i,
                   ops::xor_(ops::add(ops::xor_(ops::load32(bytes + i), flip), sum), back));
    for (; i < count; ++i) bytes[i] = static_cast<unsigned char>(((bytes[i] ^ sign) + more) ^ top);
  }
}

}  // namespace detail

/// Integers of at most 8 bits, each in a byte of its own.
template <integer Element>
  requires(sizeof(Element) == 1)
struct gemm_element<Element> {
  static constexpr compute_kind kind = compute_kind::int8_dot;

  template <class To, isa Isa>
  FEWBITS_INLINE static void decode(const Element* src, To* dst, std::size_t count) {
    if constexpr (std::is_integral_v<To>) {
      __builtin_memcpy(dst, src, count);
      detail::widen_codes<integer_format_of<Element>, To, Isa>(
          reinterpret_cast<unsigned char*>(dst), count);
    } else {
      detail::convert_run<cast_policy{}, Isa>(src, dst, count);
    }
  }
};

namespace detail {

/// Whether all elements are FP16 numbers.
template <class Element>
inline constexpr bool is_fp16_element = gemm_element<Element>::kind == compute_kind::int8_dot;
template <floating Element>
inline constexpr bool is_fp16_element<Element> = is_subset(format_of<Element>, formats::fp16);

/// The arithmetic for A and B on `Isa`. Integers meet floats in BF16, which holds 8-bit integers.
template <compute_kind Left, compute_kind Right, isa Isa>
FEWBITS_INLINE constexpr compute_kind compute_for() {
  const compute_kind both = Left > Right ? Left : Right;
  const bool is_missing = (both == compute_kind::bf16_dot && !has_bf16_dot<Isa>) ||
                          (both == compute_kind::fp16_fma && !has_fp16_fma<Isa>);
  return is_missing ? compute_kind::fp32_fma : both;
}

template <compute_kind Kind, isa Isa>
struct kernel_for;
template <isa Isa>
struct kernel_for<compute_kind::int8_dot, Isa> {
  using type = micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>;
};
template <isa Isa>
struct kernel_for<compute_kind::bf16_dot, Isa> {
  using type = micro_kernel<bf16, bf16, float, Isa>;
};
template <isa Isa>
struct kernel_for<compute_kind::fp16_fma, Isa> {
  using type = micro_kernel<fp16, fp16, float, Isa>;
};
template <isa Isa>
struct kernel_for<compute_kind::fp32_fma, Isa> {
  using type = micro_kernel<float, float, float, Isa>;
};
template <isa Isa>
struct kernel_for<compute_kind::fp64_fma, Isa> {
  using type = micro_kernel<double, double, double, Isa>;
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
