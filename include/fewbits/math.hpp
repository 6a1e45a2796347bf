// SPDX-License-Identifier: MIT
// The elementary functions of <cmath> for every float type, found by argument-dependent lookup:
//
//   exp exp2 expm1  log log2 log10 log1p  pow cbrt hypot  sin cos tan  asin acos atan atan2
//   sinh cosh tanh  asinh acosh atanh  erf erfc tgamma lgamma  fdim fabs modf
//
// Rounding: the C library's function of double, rounded once more, to nearest even. fp64 is the C
//           library's own. fdim, fabs, modf and (but for fp64) hypot are integer arithmetic: constexpr,
//           correctly rounded, the same everywhere.
// Types:    those of arithmetic: pow(bf16, 2) is bf16, atan2(bf16, float) is float.
// Overflow: as in conversion: infinity, else NaN, else the largest finite value.
// NaN:      a NaN operand is passed on, quiet, the first of two; an invalid operation (log(-1)) gives
//           the canonical NaN, not the one of the platform; a format without NaN makes it its largest
//           value. Negative results in unsigned formats and zeros in formats without zero: as in
//           conversion.
// Errors:   errno and the floating-point flags are left as the C library leaves them; lgamma may write
//           signgam, as C's does.
//
// Misrounded results, counted against MPFR 4.2 with glibc 2.36 (tests/value/math_exhaustive.cpp):
//
// | functions        | formats                          | operands                        | misrounded |
// | ---------------- | -------------------------------- | ------------------------------- | ---------- |
// | 24 of one number | all 17 named, of 16 bits or less | every code, 4,780,800 results   | 0          |
// | pow atan2 hypot  | the 14 of 8 bits or less         | every pair, 1,844,736 results   | 0          |
// | pow atan2        | fp16, bf16                       | every pair whose result in      | 0          |
// |                  |                                  | double is near halfway, 67,741  |            |
// | pow atan2 hypot  | fp16, fp16_alt, bf16             | random pairs, 9,000,000 results | 0          |
//
// In double two results in 2^(52 - mantissa bits) lie so close to halfway that its rounding could
// matter; the ones that do in these formats are powers, which it holds exactly, and small angles, which
// atan2 treats by itself. In fp32 one result in 2^28 or so may be the other neighbour.
//
// The counts need the default rounding mode, and no -ffast-math, under which compilers may take less
// accurate functions.
#pragma once

#include <fewbits/value.hpp>
#include <fewbits/value/math.hpp>
