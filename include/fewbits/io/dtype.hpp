// SPDX-License-Identifier: MIT
// `dtype`: the element types that files know, and which types of the library hold them.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/named.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/value/number.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

// enumerator, name in safetensors, bits, names in npy (little-endian; "" where there is none).
// In ascending alignment, the order in which safetensors writers lay out tensors from the end.
#define FEWBITS_DTYPES(ROW)                \
  ROW(boolean, "BOOL", 8, "b1")            \
  ROW(f4_e2m1, "F4", 4, "")                \
  ROW(f6_e2m3, "F6_E2M3", 6, "")           \
  ROW(f6_e3m2, "F6_E3M2", 6, "")           \
  ROW(u8, "U8", 8, "u1")                   \
  ROW(i8, "I8", 8, "i1")                   \
  ROW(f8_e5m2, "F8_E5M2", 8, "f1")         \
  ROW(f8_e4m3, "F8_E4M3", 8, "V1")         \
  ROW(f8_e8m0, "F8_E8M0", 8, "V1")         \
  ROW(f8_e4m3fnuz, "F8_E4M3FNUZ", 8, "V1") \
  ROW(f8_e5m2fnuz, "F8_E5M2FNUZ", 8, "V1") \
  ROW(raw8, "", 8, "V1")                   \
  ROW(i16, "I16", 16, "i2")                \
  ROW(u16, "U16", 16, "u2")                \
  ROW(f16, "F16", 16, "f2")                \
  ROW(bfloat16, "BF16", 16, "V2")          \
  ROW(raw16, "", 16, "V2")                 \
  ROW(i32, "I32", 32, "i4")                \
  ROW(u32, "U32", 32, "u4")                \
  ROW(f32, "F32", 32, "f4")                \
  ROW(c64, "C64", 64, "c8")                \
  ROW(f64, "F64", 64, "f8")                \
  ROW(i64, "I64", 64, "i8")                \
  ROW(u64, "U64", 64, "u8")

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The element type of a stored tensor. `raw8` and `raw16` are bytes of which an npy file does not say
/// what they mean: the types of ml_dtypes other than float8_e5m2 are stored so.
enum class dtype : unsigned char {
#define FEWBITS_ROW(name, stored, bits, npy) name,
  FEWBITS_DTYPES(FEWBITS_ROW)
#undef FEWBITS_ROW
};

namespace detail {

struct dtype_row {
  const char* name;
  const char* npy;
  int bits;
  dtype type;
};
inline constexpr dtype_row dtype_rows[] = {
#define FEWBITS_ROW(name, stored, bits, npy) {stored, npy, bits, dtype::name},
    FEWBITS_DTYPES(FEWBITS_ROW)
#undef FEWBITS_ROW
};
inline constexpr std::size_t dtype_count = sizeof dtype_rows / sizeof *dtype_rows;

template <class Element>
FEWBITS_INLINE constexpr dtype dtype_of_float() {
  constexpr float_format format = format_of<Element>;
  if constexpr (format == formats::fp64) {
    return dtype::f64;
  } else if constexpr (format == formats::fp32) {
    return dtype::f32;
  } else if constexpr (format == formats::fp16) {
    return dtype::f16;
  } else if constexpr (format == formats::bf16) {
    return dtype::bfloat16;
  } else if constexpr (format == formats::fp8_e4m3) {
    return dtype::f8_e4m3;
  } else if constexpr (format == formats::fp8_e5m2) {
    return dtype::f8_e5m2;
  } else if constexpr (format == formats::fp8_e4m3fnuz) {
    return dtype::f8_e4m3fnuz;
  } else if constexpr (format == formats::fp8_e5m2fnuz) {
    return dtype::f8_e5m2fnuz;
  } else if constexpr (format == formats::scale_e8m0) {
    return dtype::f8_e8m0;
  } else if constexpr (format == formats::fp6_e2m3) {
    return dtype::f6_e2m3;
  } else if constexpr (format == formats::fp6_e3m2) {
    return dtype::f6_e3m2;
  } else if constexpr (format == formats::fp4_e2m1) {
    return dtype::f4_e2m1;
  } else if constexpr (format.bits() == 8) {
    return dtype::raw8;
  } else {
    static_assert(format.bits() == 16, "fewbits: files have no dtype for this element type");
    return dtype::raw16;
  }
}

template <class Element>
FEWBITS_INLINE constexpr dtype dtype_of_integer() {
  if constexpr (std::is_same_v<Element, bool>) {
    return dtype::boolean;
  } else {
    static_assert(
        std::is_integral_v<Element>,
        "fewbits: files have no dtype for integers of odd widths; store their bytes as U8");
    constexpr bool has_sign = std::is_signed_v<Element>;
    return sizeof(Element) == 1   ? (has_sign ? dtype::i8 : dtype::u8)
           : sizeof(Element) == 2 ? (has_sign ? dtype::i16 : dtype::u16)
           : sizeof(Element) == 4 ? (has_sign ? dtype::i32 : dtype::u32)
                                  : (has_sign ? dtype::i64 : dtype::u64);
  }
}

template <class Element>
FEWBITS_INLINE constexpr dtype dtype_of_element() {
  if constexpr (floating<Element>) {
    return dtype_of_float<Element>();
  } else {
    return dtype_of_integer<Element>();
  }
}

}  // namespace detail

/// The dtype of a `basic_float`, `float`, `double`, `bool` or a native integer. Floats of 8 and 16 bits
/// that files do not know are `raw8` and `raw16`.
template <class Element>
inline constexpr dtype dtype_of = detail::dtype_of_element<std::remove_const_t<Element>>();

/// As in the header of safetensors files: "F32"; "" for `raw8` and `raw16`.
[[nodiscard]] FEWBITS_INLINE constexpr const char* name_of(dtype type) {
  return detail::dtype_rows[static_cast<std::size_t>(type)].name;
}

/// Bits of an element; of `f4_e2m1` 4, of the two FP6 types 6.
[[nodiscard]] FEWBITS_INLINE constexpr int bits_of(dtype type) {
  return detail::dtype_rows[static_cast<std::size_t>(type)].bits;
}

namespace detail {

/// Whether stored elements of `type` are `Element`s. Booleans are bytes, of any value.
template <class Element>
FEWBITS_INLINE constexpr bool holds(dtype type) {
  constexpr dtype own = dtype_of<Element>;
  static_assert(own != dtype::boolean, "fewbits: read booleans as std::uint8_t");
  if (type == dtype::raw8 || type == dtype::raw16) return bits_of(type) == bits_of(own);
  return type == own || (own == dtype::u8 && type == dtype::boolean);
}

/// Elements and bytes of a tensor; `fault` is none where both fit 64 bits and the bytes are whole. A
/// dimension of 0 does not excuse the others.
struct tensor_size {
  std::uint64_t elements, bytes;
  io_fault fault;
};
FEWBITS_INLINE constexpr tensor_size size_of_tensor(dtype type, const std::uint64_t* shape,
                                                    std::size_t rank) {
  std::uint64_t product = 1, bits = 0;
  bool is_empty = false;
  for (std::size_t i = 0; i < rank; ++i) {
    is_empty = is_empty || shape[i] == 0;
    if (shape[i] != 0 && __builtin_mul_overflow(product, shape[i], &product))
      return {0, 0, io_fault::too_large};
  }
  const std::uint64_t elements = is_empty ? 0 : product;
  if (__builtin_mul_overflow(product, static_cast<std::uint64_t>(bits_of(type)), &bits))
    return {0, 0, io_fault::too_large};
  if (is_empty) bits = 0;
  if (bits % 8 != 0) return {0, 0, io_fault::partial_byte};
  return {elements, bits / 8, io_fault::none};
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
