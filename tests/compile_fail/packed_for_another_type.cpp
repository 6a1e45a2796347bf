// SPDX-License-Identifier: MIT
// error: packed for arithmetic that does not hold
#include <fewbits/gemm.hpp>
namespace fb = fewbits;

void multiply(const fb::matrix_view<const float>& single, const fb::matrix_view<const double>& a,
              const fb::matrix_view<float>& c, fb::array_view<unsigned char> memory) {
  const auto packed = fb::pack_b(single, memory);
#if defined(BROKEN)
  fb::gemm(a, packed, c);
#else
  static_cast<void>(a);
  fb::gemm(single, packed, c);
#endif
}
