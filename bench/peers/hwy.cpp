// SPDX-License-Identifier: MIT
// Static dispatch: the kernels are compiled for the same instructions as ours.
#include "peers/peers.hpp"

// Highway 1.0.3 refuses what -march=native gives on new CPUs unless told that this is the only target.
#define HWY_COMPILE_ONLY_STATIC
// Else -march=x86-64-v3, which has no AES, is SSSE3 to it.
#define HWY_DISABLE_PCLMUL_AES
#include <type_traits>

#include <hwy/highway.h>

namespace bench {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

std::string describe() { return std::string("target ") + hwy::TargetName(HWY_STATIC_TARGET); }

/// `count` is a multiple of the number of lanes: a benchmark needs no tail.
template <class From, class To>
timer cast(const conversion& c) {
  using wide = std::conditional_t<(sizeof(From) > sizeof(To)), From, To>;
  const hn::ScalableTag<wide> of_wide;
  const hn::Rebind<From, decltype(of_wide)> of_source;
  const hn::Rebind<To, decltype(of_wide)> of_target;
  const auto* const src = static_cast<const From*>(c.src);
  auto* const dst = static_cast<To*>(c.dst);
  const std::size_t count = c.count;
  const std::size_t lanes = hn::Lanes(of_wide);
  if (count % (4 * lanes) != 0) return {};
  return timed([=] {
    for (std::size_t i = 0; i < count; i += 4 * lanes)
      for (std::size_t j = 0; j < 4; ++j) {
        const auto x = hn::LoadU(of_source, src + i + j * lanes);
        if constexpr (sizeof(From) > sizeof(To)) {
          hn::StoreU(hn::DemoteTo(of_target, x), of_target, dst + i + j * lanes);
        } else {
          hn::StoreU(hn::PromoteTo(of_target, x), of_target, dst + i + j * lanes);
        }
      }
  });
}

timer convert(const conversion& c) {
  if (c.from == element::fp64 && c.to == element::fp32) return cast<double, float>(c);
  if (c.from == element::fp32 && c.to == element::fp64) return cast<float, double>(c);
  if (c.from == element::fp32 && c.to == element::fp16) return cast<float, hwy::float16_t>(c);
  if (c.from == element::fp16 && c.to == element::fp32) return cast<hwy::float16_t, float>(c);
  if (c.from == element::fp32 && c.to == element::bf16) return cast<float, hwy::bfloat16_t>(c);
  if (c.from == element::bf16 && c.to == element::fp32) return cast<hwy::bfloat16_t, float>(c);
  return {};
}

}  // namespace

const peer peer_hwy{"highway", describe, convert, nullptr};

}  // namespace bench
