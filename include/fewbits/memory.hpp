// SPDX-License-Identifier: MIT
// Layer 3, memory: what fits where, before any hardware is bought.
//
//   fb::weight_bytes(40'000'000'000, fb::formats::fp32)                   160 GB
//   fb::weight_bytes(40'000'000'000, fb::formats::int4)                    20 GB
//   fb::weight_bytes(n, fb::formats::grouped(fb::formats::int4, 32, fb::formats::fp16))
#pragma once

#include <fewbits/format.hpp>
#include <fewbits/memory/bytes.hpp>
