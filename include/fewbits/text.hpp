// SPDX-License-Identifier: MIT
// Layer 2, text: numbers to characters and back, literals, and numbers taken apart.
//
//   char text[24];
//   auto end = fb::to_chars(text, text + 24, fb::bf16{0.1f}).ptr;    "0.1": the shortest that reads back
//   fb::fp8_e4m3 x;
//   fb::from_chars(text, end, x);                                    one rounding, std::errc
//   fb::from_chars<fb::saturating>(text, end, x);                    any number gives a value
//   using namespace fb::literals;
//   constexpr auto y = 0.1_bf16;                                     rounded from the decimal text
//   fb::anatomy(y).fields.c_str()                                    "0 01111011 1001101"
#pragma once

#include <fewbits/value/anatomy.hpp>
#include <fewbits/value/decimal.hpp>
#include <fewbits/value/from_chars.hpp>
#include <fewbits/value/literals.hpp>
#include <fewbits/value/to_chars.hpp>
