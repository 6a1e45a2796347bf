// SPDX-License-Identifier: MIT
// The bulk conversions under test as tables: one row for each pair and policy. The test bodies loop
// over them, so that each kernel is instantiated once.
#pragma once

#include <fewbits/convert.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

using u64 = std::uint64_t;

/// A type of elements, by what the inputs of a test depend on.
struct element_kind {
  bool is_integer;
  fewbits::float_format format;  // of floats
  fewbits::int_format integer;   // of integers
  /// The code of the double of the same value; NaN keeps its sign and payload.
  u64 (*to_double)(u64 code);
};

struct conversion {
  using bulk = void (*)(const unsigned char* src, unsigned char* dst, std::size_t count);

  element_kind from, to;
  fewbits::cast_policy policy;
  std::size_t from_bytes, to_bytes;
  bulk native;
  bulk generic;  // null where it is not instantiated, to save compile time
  /// The code that the scalar conversion of the double with this code gives.
  u64 (*from_double)(u64 code);

  [[nodiscard]] u64 scalar(u64 code) const { return from_double(from.to_double(code)); }
};

/// The rows on which the tests of memory run.
const std::vector<conversion>& conversions();

/// Such as "fp32 -> fp16 (round 0, overflow 1)".
std::string name_of(const conversion& row);

/// Codes to convert: all where that is feasible, else where rounding changes its mind. Numbers of like
/// magnitude and sign are neighbours; then the same again with one that asks for special treatment
/// in every 7th place.
const std::vector<u64>& inputs_for(const conversion& row);

/// Elements of `bytes` bytes from codes, and back.
void write_codes(const std::vector<u64>& codes, std::size_t bytes, unsigned char* dst);
u64 read_code(const unsigned char* src, std::size_t bytes, std::size_t index);

/// The scalar conversion of each code, as elements.
std::vector<unsigned char> expected_of(const conversion& row, const std::vector<u64>& codes);

/// Fails, and names the first differences, unless the elements at `got` are `want`.
void expect_elements(const conversion& row, const char* isa, const std::vector<u64>& codes,
                     const unsigned char* got, const std::vector<unsigned char>& want);

/// Fails unless all inputs of all rows become what they should.
void expect_scalar_bits(const std::vector<conversion>& rows);

namespace rows {

namespace fb = fewbits;
using fb::cast_policy;
using fb::overflow;
using fb::rounding;

template <class Type>
Type element(u64 code) {
  if constexpr (fb::floating<Type>) {
    return fb::detail::value_of_bits<Type>(code);
  } else if constexpr (fb::is_basic_int<Type>) {
    return Type::from_bits(static_cast<typename Type::storage_type>(code));
  } else {
    return static_cast<Type>(code);
  }
}
template <class Type>
u64 code_of(Type x) {
  if constexpr (fb::floating<Type>) {
    return fb::detail::bits_of(x);
  } else if constexpr (fb::is_basic_int<Type>) {
    return x.bits();
  } else {
    return static_cast<std::make_unsigned_t<Type>>(x);
  }
}

template <class Type>
u64 to_double(u64 code) {
  return fb::convert<fb::fp64>(element<Type>(code)).bits();
}
template <class Type, cast_policy Policy>
u64 from_double(u64 code) {
  return code_of(fb::convert<Type, Policy>(fb::fp64::from_bits(code)));
}

template <class Type>
element_kind kind_of() {
  if constexpr (fb::floating<Type>) {
    return {false, fb::format_of<Type>, {}, to_double<Type>};
  } else {
    return {true, {}, fb::integer_format_of<Type>, to_double<Type>};
  }
}

template <class From, class To, cast_policy Policy, fb::isa Isa>
void bulk(const unsigned char* src, unsigned char* dst, std::size_t count) {
  const fb::array_view<const From> from(reinterpret_cast<const From*>(src), count);
  const fb::array_view<To> to(reinterpret_cast<To*>(dst), count);
  fb::convert<Policy, Isa>(from, to);
}

enum class isas { native_only, both };

template <class From, class To, cast_policy Policy = cast_policy{}, isas Isas = isas::native_only>
void add(std::vector<conversion>& table) {
  // What `bulk` comes to, without the compile time of ranges.
  using kernel =
      fb::convert_kernel<fb::detail::as_class<From>, fb::detail::as_class<To>, Policy, fb::native>;
  conversion row{kind_of<From>(), kind_of<To>(), Policy,  sizeof(From),
                 sizeof(To),      kernel::run,   nullptr, from_double<To, Policy>};
  if constexpr (Isas == isas::both) {
    row.native = bulk<From, To, Policy, fb::native>;
    row.generic = bulk<From, To, Policy, fb::generic>;
  }
  table.push_back(row);
}

/// A pair in every rounding mode.
template <class From, class To, overflow Over = overflow::ieee>
void add_modes(std::vector<conversion>& table) {
  add<From, To, cast_policy{rounding::nearest_even, Over}>(table);
  add<From, To, cast_policy{rounding::nearest_away, Over}>(table);
  add<From, To, cast_policy{rounding::toward_zero, Over}>(table);
  add<From, To, cast_policy{rounding::toward_positive, Over}>(table);
  add<From, To, cast_policy{rounding::toward_negative, Over}>(table);
  add<From, To, cast_policy{rounding::to_odd, Over}>(table);
}

}  // namespace rows
