// SPDX-License-Identifier: MIT
// error: deleted
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
bool same(fb::bf16 a, fb::fp16 b) { return a == b; }
#else
bool same(fb::bf16 a, fb::fp8_e5m2 b) { return a == b; }
#endif
