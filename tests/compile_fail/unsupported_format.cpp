// SPDX-License-Identifier: MIT
// error: unsupported float_format
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
// Values up to 2^16382: no FP64.
fb::basic_float<fb::formats::p3109(16, 1)> x;
#else
fb::basic_float<fb::formats::p3109(16, 5)> x;
#endif
