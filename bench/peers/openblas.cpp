// SPDX-License-Identifier: MIT
#include <cblas.h>

#include "peers/peers.hpp"

namespace bench {
namespace {

std::string describe() {
  openblas_set_num_threads(1);
  return std::string(openblas_get_config()) + ", kernels for " + openblas_get_corename();
}

timer gemm(const product& p) {
  const auto m = static_cast<blasint>(p.m);
  const auto n = static_cast<blasint>(p.n);
  const auto k = static_cast<blasint>(p.k);
  // Debian's build has no cblas_sbgemm.
  if (p.a_element != p.b_element) return {};
  if (p.a_element == element::fp64)
    return timed([=] {
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1,
                  static_cast<const double*>(p.a), k, static_cast<const double*>(p.b), n, 0,
                  static_cast<double*>(p.c), n);
    });
  if (p.a_element == element::fp32)
    return timed([=] {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1,
                  static_cast<const float*>(p.a), k, static_cast<const float*>(p.b), n, 0,
                  static_cast<float*>(p.c), n);
    });
  return {};
}

}  // namespace

const peer peer_openblas{"openblas", describe, nullptr, gemm};

}  // namespace bench
