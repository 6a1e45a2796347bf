// SPDX-License-Identifier: MIT
// Conversion of codes of up to 8 bits by looking them up, for instruction sets with byte permutations.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <cstddef>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Element>
FEWBITS_INLINE constexpr Element element_of_code(unsigned code) {
  if constexpr (is_basic_float<Element> || is_basic_int<Element>) {
    return Element::from_bits(static_cast<typename Element::storage_type>(code));
  } else {
    return static_cast<Element>(code);
  }
}
template <class Element>
FEWBITS_INLINE constexpr unsigned code_of_element(Element x) {
  if constexpr (is_basic_float<Element> || is_basic_int<Element>) {
    return static_cast<unsigned>(x.bits());
  } else {
    return static_cast<unsigned>(static_cast<std::make_unsigned_t<Element>>(x));
  }
}

/// The code that the code `code` of `From` becomes; bits above its width are ignored.
template <class From, class To, cast_policy Policy>
FEWBITS_INLINE constexpr unsigned converted_code(unsigned code) {
  constexpr unsigned mask = (1U << code_bits<From>)-1;
  return code_of_element<To>(convert<To, Policy>(element_of_code<From>(code & mask)));
}

/// Whether the codes from 128 on give what those before give, with the sign bit set.
template <class From, class To, cast_policy Policy>
FEWBITS_INLINE constexpr bool is_symmetric() {
  constexpr unsigned sign = 1U << (8 * sizeof(To) - 1);
  for (unsigned code = 0; code < 128; ++code)
    if (converted_code<From, To, Policy>(code + 128) !=
        (converted_code<From, To, Policy>(code) | sign))
      return false;
  return true;
}

/// The low and the high bytes of the results, by code.
struct code_table {
  unsigned char low[256];
  unsigned char high[256];
};
template <class From, class To, cast_policy Policy>
FEWBITS_INLINE constexpr code_table make_code_table() {
  code_table table{};
  for (unsigned code = 0; code < 256; ++code) {
    const unsigned result = converted_code<From, To, Policy>(code);
    table.low[code] = static_cast<unsigned char>(result);
    table.high[code] = static_cast<unsigned char>(result >> 8);
  }
  return table;
}

/// A step of a conversion from at most 8 bits to at most 16, or to FP32 by way of BF16, which contains all
/// values of `From`. Per 64 results of 32 bits, as AVX-512 has it: one permutation of the codes, two or
/// four lookups, six interleavings, four stores.
template <class From, class To, cast_policy Policy, isa Isa>
struct lookup_step {
  using ops = vec8<Isa>;
  using found = std::conditional_t<std::is_same_v<To, fp32>, bf16, To>;
  static constexpr std::size_t lanes = ops::lanes;
  static constexpr bool has_sign_bit = code_bits<From> == 8 && is_symmetric<From, found, Policy>();

  alignas(64) static constexpr code_table table = make_code_table<From, found, Policy>();

  /// Entries beyond 128 are needed only where codes reach that far and are no mirror image.
  FEWBITS_INLINE static typename ops::u8 lookup(const unsigned char* entries,
                                                typename ops::u8 codes, bool holds_sign) {
    typename ops::u8 result = ops::lookup(ops::load_table(entries), codes);
    if constexpr (has_sign_bit) {
      if (holds_sign) result = ops::merge(ops::set(0x80), codes, result);
    } else if constexpr (code_bits<From> == 8) {
      result =
          ops::select_by_top_bit(codes, ops::lookup(ops::load_table(entries + 128), codes), result);
    }
    return result;
  }

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    typename ops::u8 codes = ops::load8(src);
    if constexpr (sizeof(To) == 1) {
      ops::store8(dst, lookup(table.low, codes, true));
    } else if constexpr (sizeof(To) == 2) {
      codes = ops::before_store16(codes);
      ops::store16(dst, lookup(table.low, codes, false), lookup(table.high, codes, true));
    } else {
      codes = ops::before_store_upper32(codes);
      ops::store_upper32(dst, lookup(table.low, codes, false), lookup(table.high, codes, true));
    }
  }
};

/// The pairs of `lookup_step`. On the way over BF16, an infinity that saturates would be another number.
template <class From, class To, cast_policy Policy, isa Isa>
concept lookup_pair =
    code_bits<From> <= 8 && requires(const unsigned char* src) { vec8<Isa>::load8(src); } &&
    (sizeof(To) <= 2 || (std::is_same_v<To, fp32> && !is_basic_float<From>) ||
     (std::is_same_v<To, fp32> && is_subset(From::format, formats::bf16) &&
      !with_saturated_infinity<From, Policy>));

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
