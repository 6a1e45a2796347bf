// SPDX-License-Identifier: MIT
// error: deleted
#include <fewbits/value.hpp>
namespace fb = fewbits;

#if defined(BROKEN)
auto negate(fb::scale_ue4m3 x) { return -x; }
#else
auto negate(fb::fp8_e4m3 x) { return -x; }
#endif
