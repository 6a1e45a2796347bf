// SPDX-License-Identifier: MIT
// Layer 3, random words: a generator without state, whose words have numbers.
//
//   fb::philox random{seed};                  random.word(i) is the same on any thread, in any order
//   fb::philox rest{seed, n};                 the words from number n on
#pragma once

#include <fewbits/random/philox.hpp>
