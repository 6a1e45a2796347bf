// SPDX-License-Identifier: MIT
// error: deleted
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
auto sum(fb::bf16 a, fb::fp16 b) { return a + b; }
#else
auto sum(fb::bf16 a, fb::fp8_e5m2 b) { return a + b; }
#endif
