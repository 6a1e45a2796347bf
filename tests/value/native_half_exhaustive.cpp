// SPDX-License-Identifier: MIT
// The random comparisons of native_half_test.cpp, 20 million pairs and 8 million triples.
#define FEWBITS_TEST_EFFORT 20
#include "value/native_half_test.cpp"
