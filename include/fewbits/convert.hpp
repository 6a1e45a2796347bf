// SPDX-License-Identifier: MIT
// Layer 4, bulk conversion: a range of numbers from any format to any other, with the bits of the
// scalar conversion on every instruction set.
//
//   fb::convert(floats, halves);                      nearest even
//   fb::convert<fb::saturating>(floats, e4m3);        any policy
//   fb::convert<fb::cast_policy{}, fb::generic>(...)  another instruction set than the compiler's
#pragma once

#include <fewbits/convert/convert.hpp>
#include <fewbits/value.hpp>
#include <fewbits/view.hpp>
