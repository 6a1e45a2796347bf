// SPDX-License-Identifier: MIT
// Layer 4, bulk conversion: a range of numbers from any format to any other, with the bits of the
// scalar conversion on every instruction set.
//
//   fb::convert(floats, halves);                      nearest even
//   fb::convert<fb::saturating>(floats, e4m3);        any policy
//   fb::convert<fb::stochastic>(floats, brains, fb::philox{seed});   with random words by number
//   fb::convert(floats, packed);                      packed_span, packed_vector: less than a byte each
//   fb::convert(executor, floats, halves);            by tasks, the same bits
//   fb::convert(floats, halves, fb::non_temporal{from_bytes});       past the caches
//   fb::convert<fb::cast_policy{}, fb::generic>(...)  another instruction set than the compiler's
#pragma once

#include <fewbits/convert/convert.hpp>
#include <fewbits/convert/stochastic.hpp>
#include <fewbits/value.hpp>
#include <fewbits/view.hpp>
