// SPDX-License-Identifier: MIT
// error: deleted
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
bool less(fb::fp8_e4m3 a, fb::fp8_e5m2 b) { return a < b; }
#else
bool less(fb::fp8_e4m3 a, fb::fp16 b) { return a < b; }
#endif
