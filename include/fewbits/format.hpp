// SPDX-License-Identifier: MIT
// Layer 1, formats: what a code means, as plain constexpr data.
//
//   fb::formats::ieee(5, 10)                   a format: exponent bits, mantissa bits
//   fb::formats::fp8_e4m3.max_finite_code()    everything else follows from the fields
//   fb::is_subset(fb::formats::fp8_e5m2, fb::formats::fp16)
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/block_format.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/format/int_format.hpp>
#include <fewbits/format/named.hpp>
