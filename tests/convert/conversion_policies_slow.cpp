// SPDX-License-Identifier: MIT
// The conversions of conversion_policies_test.cpp that take long to compile; the other file has what both
// compare with.
#define FEWBITS_ALL_ROWS
#include "convert/conversion_policies_test.cpp"
#include "convert/conversion_test.cpp"
