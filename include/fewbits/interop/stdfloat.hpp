// SPDX-License-Identifier: MIT
// std::float16_t, std::bfloat16_t and _Float16, where the compiler has them, to and from `fp16` and
// `bf16`: the same bits, whatever the environment does with subnormal numbers and signalling NaNs.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>

#include <cstdint>
#include <type_traits>

#if __has_include(<stdfloat>) && __cplusplus > 202002L
#include <stdfloat>
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The float type of the library with the same codes; void for other types.
template <class Native>
struct counterpart {
  using type = void;
};

// __FLT16_MANT_DIG__ alone does not tell: g++ 12 defines it on AArch64, where C++ has no _Float16.
#if defined(__STDCPP_FLOAT16_T__)
template <>
struct counterpart<std::float16_t> {
  using type = fp16;
};
#elif defined(__FLT16_MANT_DIG__) &&                                            \
    ((defined(__clang__) && (defined(__aarch64__) || defined(__AVX512FP16__) || \
                             (__clang_major__ >= 15 && defined(__SSE2__)))) ||  \
     (!defined(__clang__) && (__GNUC__ >= 13 || (defined(__x86_64__) && defined(__SSE2__)))))
__extension__ typedef _Float16 native_float16;
template <>
struct counterpart<native_float16> {
  using type = fp16;
};
#endif

#if defined(__STDCPP_BFLOAT16_T__)
template <>
struct counterpart<std::bfloat16_t> {
  using type = bf16;
};
#elif defined(__clang__) && __clang_major__ >= 16 && (defined(__SSE2__) || defined(__aarch64__))
__extension__ typedef __bf16 native_bfloat16;
template <>
struct counterpart<native_bfloat16> {
  using type = bf16;
};
#endif

}  // namespace detail

/// A 16-bit float type of the compiler that `from_native` and `to_native` know.
template <class Native>
concept native_narrow_float = !std::is_void_v<typename detail::counterpart<Native>::type>;

/// The `fp16` or `bf16` with the bits of `value`.
template <native_narrow_float Native>
[[nodiscard]] FEWBITS_INLINE constexpr typename detail::counterpart<Native>::type from_native(
    Native value) {
  return detail::counterpart<Native>::type::from_bits(detail::bit_cast<std::uint16_t>(value));
}

/// `value` as a `Native`: the same bits where the formats are the same, else converted once to the
/// nearest, ties to even.
template <native_narrow_float Native, number From>
[[nodiscard]] FEWBITS_INLINE constexpr Native to_native(From value) {
  using type = typename detail::counterpart<Native>::type;
  if constexpr (std::is_same_v<From, type>) {
    return detail::bit_cast<Native>(value.bits());
  } else {
    return detail::bit_cast<Native>(convert<type>(value).bits());
  }
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
