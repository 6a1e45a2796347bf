// SPDX-License-Identifier: MIT
// The kernels that are named by what they compute and for which instruction set. Declared here so that
// the files in isa/ can specialise them with constraints; the others are in convert/ and gemm/.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/value/rounding.hpp>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Converts a run of numbers: `run(src, dst, count)` reads `count` codes of the class `From` at
/// `src`, any alignment, and writes codes of `To`, bit for bit what `convert<To, Policy>` gives for
/// each. The pointers are to bytes because the elements may be `float` as well as `fp32`.
template <class From, class To, cast_policy Policy, isa Isa>
struct convert_kernel;

/// The inner kernel of GEMM; its contract is the concept `gemm_micro_kernel`.
template <class Left, class Right, class Accumulator, isa Isa>
struct micro_kernel;

}  // namespace FEWBITS_ABI
}  // namespace fewbits
