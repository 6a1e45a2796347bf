// SPDX-License-Identifier: MIT
// The smallest program that needs the package: converts and reads back one number. With all of the library
// in one header, also a product and a sum of memory.
#if defined(SINGLE_HEADER)
#include "fewbits.hpp"
#else
#include <fewbits/value.hpp>
#endif

int main() {
  constexpr fewbits::bf16 third{1.0f / 3.0f};
  static_assert(third.bits() == 0x3eab);
  const float back = third;
#if defined(SINGLE_HEADER)
  static_assert(fewbits::weight_bytes(1000, fewbits::formats::int4) == 500);
  const fewbits::bf16 x[4] = {third, third, third, third};
  float product = 0;
  fewbits::gemm(fewbits::matrix_view<const fewbits::bf16>(x, 1, 4),
                fewbits::matrix_view<const fewbits::bf16>(x, 4, 1),
                fewbits::matrix_view<float>(&product, 1, 1));
  if (product != 4 * back * back) return 1;
#endif
  return back == 0.333984375f ? 0 : 1;
}
