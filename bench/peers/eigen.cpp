// SPDX-License-Identifier: MIT
#include "peers/peers.hpp"

#if !defined(__clang__)
// g++ 12 takes the undefined registers of its own intrinsics for a mistake of Eigen's.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>

namespace bench {
namespace {

std::string describe() {
  return std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
         std::to_string(EIGEN_MINOR_VERSION) + ", " + Eigen::SimdInstructionSetsInUse();
}

template <class From, class To>
timer cast(const conversion& c) {
  using source = Eigen::Map<const Eigen::Array<From, Eigen::Dynamic, 1>>;
  using target = Eigen::Map<Eigen::Array<To, Eigen::Dynamic, 1>>;
  const auto count = static_cast<Eigen::Index>(c.count);
  return timed([=] {
    target(static_cast<To*>(c.dst), count) =
        source(static_cast<const From*>(c.src), count).template cast<To>();
  });
}

timer convert(const conversion& c) {
  if (c.from == element::fp64 && c.to == element::fp32) return cast<double, float>(c);
  if (c.from == element::fp32 && c.to == element::fp64) return cast<float, double>(c);
  if (c.from == element::fp16 && c.to == element::fp64) return cast<Eigen::half, double>(c);
  if (c.from == element::fp32 && c.to == element::fp16) return cast<float, Eigen::half>(c);
  if (c.from == element::fp16 && c.to == element::fp32) return cast<Eigen::half, float>(c);
  if (c.from == element::fp32 && c.to == element::bf16) return cast<float, Eigen::bfloat16>(c);
  if (c.from == element::bf16 && c.to == element::fp32) return cast<Eigen::bfloat16, float>(c);
  return {};
}

template <class Number>
timer multiply(const product& p) {
  using matrix = Eigen::Matrix<Number, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto m = static_cast<Eigen::Index>(p.m);
  const auto n = static_cast<Eigen::Index>(p.n);
  const auto k = static_cast<Eigen::Index>(p.k);
  return timed([=] {
    Eigen::Map<matrix>(static_cast<Number*>(p.c), m, n).noalias() =
        Eigen::Map<const matrix>(static_cast<const Number*>(p.a), m, k) *
        Eigen::Map<const matrix>(static_cast<const Number*>(p.b), k, n);
  });
}

timer gemm(const product& p) {
  if (p.a_element == element::fp64 && p.b_element == element::fp64) return multiply<double>(p);
  if (p.a_element == element::fp32 && p.b_element == element::fp32) return multiply<float>(p);
  return {};
}

template <class Number>
timer scalar_of(const scalar_loop& loop) {
  if (loop.what == operation::sqrt)
    return one_by_one<Number, Number>(loop, [](Number x) { return Eigen::numext::sqrt(x); });
  if (loop.what != operation::convert) return operators<Number>(loop);
  if (loop.from == element::fp32) return casts<float, Number>(loop);
  if (loop.from == element::fp64) return casts<double, Number>(loop);
  return casts<Number, float>(loop);
}

timer scalar(const scalar_loop& loop) {
  if (loop.from == element::fp16 || loop.to == element::fp16) return scalar_of<Eigen::half>(loop);
  if (loop.from == element::bf16 || loop.to == element::bf16)
    return scalar_of<Eigen::bfloat16>(loop);
  return {};
}

}  // namespace

const peer peer_eigen{"eigen", describe, convert, gemm, scalar};

}  // namespace bench
