// SPDX-License-Identifier: MIT
// error: out_of_range|not a constant expression
#include <fewbits/text.hpp>
using namespace fewbits::literals;

#if defined(BROKEN)
constexpr auto x = 1000_fp8_e4m3;
#else
constexpr auto x = 448_fp8_e4m3;
#endif
