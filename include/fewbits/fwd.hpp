// SPDX-License-Identifier: MIT
// The type names, without the definitions.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/named.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <float_format Format>
class basic_float;

template <int_format Format>
class basic_int;

#define FEWBITS_ROW(name, descriptor, specification) using name = basic_float<formats::name>;
FEWBITS_FLOAT_FORMATS(FEWBITS_ROW)
#undef FEWBITS_ROW

using int8 = std::int8_t;
using uint8 = std::uint8_t;
using int4 = basic_int<formats::int4>;
using uint4 = basic_int<formats::uint4>;
using int2 = basic_int<formats::int2>;
using uint2 = basic_int<formats::uint2>;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
