// SPDX-License-Identifier: MIT
// Types and their names for tests that run over all formats. A test is written once, over a table
// with one row of function pointers per type, instead of being instantiated once per type: that
// keeps both the compile time and the output ("fp8_e4m3", not "/7") small.
#pragma once

#include <fewbits/value.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace typed {

template <class... Types>
struct type_list {
  static constexpr std::size_t size = sizeof...(Types);
};

template <class Type>
struct tag {
  using type = Type;
};

#define FEWBITS_TEST_ROW(name, descriptor, specification) visit(tag<fewbits::name>{}, #name);

/// Calls visit(tag<Type>, name) for every named float type, in the order of the table.
template <class Visit>
void for_each_float(Visit&& visit) {
  FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_ROW)
}
#undef FEWBITS_TEST_ROW

#define FEWBITS_TEST_ROW(name, descriptor, specification) , fewbits::name
template <class Nothing, class... Types>
type_list<Types...> list_after_first(type_list<Nothing, Types...>);
/// The named float types, in the order of the table.
using float_types =
    decltype(list_after_first(type_list<void FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_ROW)>{}));
#undef FEWBITS_TEST_ROW

/// verb(x) for the value of every code.
template <class Type, class Verb>
void for_each_code(Verb&& verb) {
  const std::uint64_t count = std::uint64_t{1} << Type::format.bits();
  for (std::uint64_t code = 0; code < count; ++code)
    verb(Type::from_bits(static_cast<typename Type::storage_type>(code)));
}

/// The value of a code, whose upper bits must be zero.
template <class Type>
Type from_code(std::uint64_t code) {
  return Type::from_bits(static_cast<typename Type::storage_type>(code));
}

}  // namespace typed
