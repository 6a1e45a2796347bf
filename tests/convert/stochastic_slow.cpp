// SPDX-License-Identifier: MIT
// The pairs of stochastic_test.cpp that take long to compile.
#define FEWBITS_ALL_ROWS
#include "convert/stochastic_test.cpp"
