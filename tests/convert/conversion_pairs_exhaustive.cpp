// SPDX-License-Identifier: MIT
// Every pair of named formats, all codes of the source, of FP32 and FP64 a stride of them: bulk conversion
// gives the bits of the scalar one.
#include <string>

#include "convert/exhaustive.hpp"
#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using exhaustive::u64;

template <class From, class To>
void check_pair(const char* from, const char* to) {
  constexpr int bits = From::format.bits();
  const exhaustive::row tested =
      exhaustive::make_row<From, To, fb::cast_policy{}>(std::string(from) + " -> " + to);
  if constexpr (bits <= 24) {
    check(tested, u64{1} << bits, 1);
  } else {
    // Odd, so that the last bits take all values.
    constexpr u64 step = bits == 32 ? 5 : 0x2545f491b;
    check(tested, (~u64{0} >> (64 - bits)) / step + 1, step);
  }
}

template <class From>
void check_from(const char* from){
#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  if (!testing::Test::HasFatalFailure()) check_pair<From, fb::name>(from, #name);
    FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  TEST(ConversionOfEveryPair, from_##name) { check_from<fb::name>(#name); }
FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

}  // namespace
