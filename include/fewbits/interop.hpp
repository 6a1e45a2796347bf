// SPDX-License-Identifier: MIT
// Layer 8, interoperation (opt-in): the library's numbers in streams, in std::format, and as the
// compiler's own 16-bit floats.
//
//   std::cout << std::setw(8) << fb::bf16{0.1f};        "     0.1"
//   std::format("{:>8}", fb::fp8_e4m3{448})             "     448"
//   _Float16 h = fb::to_native<_Float16>(fb::fp16{1});  the same bits
#pragma once

#include <fewbits/interop/format.hpp>
#include <fewbits/interop/ostream.hpp>
#include <fewbits/interop/stdfloat.hpp>
