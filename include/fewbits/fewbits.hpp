// SPDX-License-Identifier: MIT
// fewbits: numbers in few bits. All layers; each has a header of its own, cheaper to include.
//
//   format    what a code means              convert   ranges from format to format
//   value     one number at a time           quantize  codes with scales
//   view      shapes over memory             gemm      products of matrices of any types
//   random    random words by number         training  mixed precision: scaling, optimizers
//   memory    how many bytes it all takes
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/format.hpp>
#include <fewbits/gemm.hpp>
#include <fewbits/memory.hpp>
#include <fewbits/quantize.hpp>
#include <fewbits/random.hpp>
#include <fewbits/training.hpp>
#include <fewbits/value.hpp>
#include <fewbits/view.hpp>
