// SPDX-License-Identifier: MIT
#include <blis.h>
#include <cstdlib>

#include "peers/peers.hpp"

namespace bench {
namespace {

std::string describe() {
#if defined(__AVX512F__)
  // It knows CPUs by model and takes one that is newer than itself for an older kind.
  setenv("BLIS_ARCH_TYPE", std::to_string(static_cast<int>(BLIS_ARCH_SKX)).c_str(), 0);
#endif
  bli_thread_set_num_threads(1);
  return std::string(bli_info_get_version_str()) + ", kernels for " +
         bli_arch_string(bli_arch_query_id());
}

timer gemm(const product& p) {
  const auto m = static_cast<dim_t>(p.m);
  const auto n = static_cast<dim_t>(p.n);
  const auto k = static_cast<dim_t>(p.k);
  if (p.a_element != p.b_element) return {};
  // Its interface takes inputs by pointers to non-const.
  if (p.a_element == element::fp64)
    return timed([=] {
      double one = 1;
      double zero = 0;
      bli_dgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one,
                static_cast<double*>(const_cast<void*>(p.a)), k, 1,
                static_cast<double*>(const_cast<void*>(p.b)), n, 1, &zero,
                static_cast<double*>(p.c), n, 1);
    });
  if (p.a_element == element::fp32)
    return timed([=] {
      float one = 1;
      float zero = 0;
      bli_sgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one,
                static_cast<float*>(const_cast<void*>(p.a)), k, 1,
                static_cast<float*>(const_cast<void*>(p.b)), n, 1, &zero, static_cast<float*>(p.c),
                n, 1);
    });
  return {};
}

}  // namespace

const peer peer_blis{"blis", describe, nullptr, gemm};

}  // namespace bench
