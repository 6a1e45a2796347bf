// SPDX-License-Identifier: MIT
// Layer 2, values: one number at a time, in any format, correctly rounded and constexpr.
//
//   using fp8_custom = fb::basic_float<fb::formats::ieee(3, 4)>;      a new format
//   constexpr fb::bf16 a{1.5f};                                       narrowing: explicit
//   constexpr fb::fp16 h = fb::fp8_e5m2{0.25};                        lossless: implicit
//   constexpr float    f = a + a;                                     bf16 + bf16 is bf16
//   fb::convert<fb::bf16, fb::truncating>(1.00390625f)                any policy
//   fb::mul<fb::fp16>(a, h)                                           any operands, any result
//
// Arithmetic between two formats has the type of the one that contains the other; if neither does
// (bf16 and fp16) it is deleted. An integer operand counts as the exact integer.
#pragma once

#include <fewbits/format.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/arithmetic.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>
#include <fewbits/value/classify.hpp>
#include <fewbits/value/compare.hpp>
#include <fewbits/value/convert_scalar.hpp>
#include <fewbits/value/functions.hpp>
#include <fewbits/value/hash.hpp>
#include <fewbits/value/limits.hpp>
#include <fewbits/value/number.hpp>
#include <fewbits/value/rounding.hpp>
