// SPDX-License-Identifier: MIT
// What the library must not contain: a function whose symbol does not depend on the flags, while
// its body does.
namespace fewbits {
inline float odr_leak(float x) { return x * x + 1.0F; }
}  // namespace fewbits

float leak(float x);
float leak(float x) { return fewbits::odr_leak(x); }
