// SPDX-License-Identifier: MIT
// The unit whose peak a product is held against.
#pragma once

#include <fewbits/gemm.hpp>

#include "machine.hpp"

namespace bench {

template <class Left, class Right>
constexpr unit unit_of() {
  using fewbits::compute_kind;
  switch (fewbits::product_arithmetic<Left, Right>) {
    case compute_kind::int8_dot:
      return fewbits::has_amx_int8<native> ? unit::int8_tile : unit::int8_dot;
    case compute_kind::bf16_dot:
      return fewbits::has_amx_bf16<native> ? unit::bf16_tile : unit::bf16_dot;
    case compute_kind::fp16_fma:
      return unit::fp16_fma;
    case compute_kind::fp32_fma:
      return unit::fp32_fma;
    case compute_kind::fp64_fma:
      break;
  }
  return unit::fp64_fma;
}

}  // namespace bench
