// SPDX-License-Identifier: MIT
// The smallest program that needs the package: converts and reads back one number.
#include <fewbits/value.hpp>

int main() {
  constexpr fewbits::bf16 third{1.0f / 3.0f};
  static_assert(third.bits() == 0x3eab);
  const float back = third;
  return back == 0.333984375f ? 0 : 1;
}
