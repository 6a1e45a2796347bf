// SPDX-License-Identifier: MIT
// `gemm_element`: what GEMM must know about an element type. This is all the work of adding one.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/value/basic_int.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The arithmetic that a product can run in, the cheapest first. Each can hold all values of those
/// before it.
enum class compute_kind : unsigned char { int8_dot, bf16_dot, fp32_fma, fp64_fma };

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

/// 8-bit integers. The unit multiplies unsigned by signed, so an operand of the other kind is moved
/// by 128, which is its top bit; the driver takes the surplus off again.
template <class Element>
  requires std::is_same_v<Element, std::int8_t> || std::is_same_v<Element, std::uint8_t>
struct gemm_element<Element> {
  static constexpr compute_kind kind = compute_kind::int8_dot;

  template <class To, isa Isa>
  FEWBITS_INLINE static void decode(const Element* src, To* dst, std::size_t count) {
    if constexpr (sizeof(To) == 1) {
      constexpr int moved = std::is_signed_v<To> == std::is_signed_v<Element> ? 0 : 0x80;
      for (std::size_t i = 0; i < count; ++i) dst[i] = static_cast<To>(src[i] ^ moved);
    } else {
      for (std::size_t i = 0; i < count; ++i) dst[i] = static_cast<To>(convert<float>(src[i]));
    }
  }
};

namespace detail {

/// The arithmetic for A and B on `Isa`. Integers meet floats in BF16, which holds 8-bit integers.
template <compute_kind Left, compute_kind Right, isa Isa>
FEWBITS_INLINE constexpr compute_kind compute_for() {
  const compute_kind both = Left > Right ? Left : Right;
  return both == compute_kind::bf16_dot && !has_bf16_dot<Isa> ? compute_kind::fp32_fma : both;
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
