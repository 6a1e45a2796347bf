// SPDX-License-Identifier: MIT
// fewbits: numbers in few bits. All layers; each has a header of its own, cheaper to include.
//
//   format    what a code means              quantize  integer codes with scales
//   value     one number at a time           gemm      products of matrices of any types
//   view      shapes over memory             memory    how many bytes it all takes
//   convert   ranges from format to format
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/format.hpp>
#include <fewbits/gemm.hpp>
#include <fewbits/memory.hpp>
#include <fewbits/quantize.hpp>
#include <fewbits/value.hpp>
#include <fewbits/view.hpp>
