// SPDX-License-Identifier: MIT
// error: could not convert|conversion from
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
fb::fp8_e4m3 narrow(fb::bf16 x) { return x; }
#else
fb::bf16 widen(fb::fp8_e4m3 x) { return x; }
#endif
