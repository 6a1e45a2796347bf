// SPDX-License-Identifier: MIT
// Every float to every format of 19 bits or fewer, nearest even, under every overflow policy and
// with both signs.
//
// Rounding is monotonic, so the floats that become one code are an interval. The oracle finds the
// ends of each interval by bisection; then a plain loop runs through every float of it. The cost of
// the oracle is per code, not per float.
//
// FEWBITS_PART="i/n" (0 <= i < n) restricts the run to the i-th of n slices of the floats.
#include <fewbits/value.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "gtest/gtest.h"
#include "support/oracle.hpp"
#include "support/part.hpp"

namespace {

namespace fb = fewbits;
using oracle::mode;
using oracle::over;
using parts::chosen_slice;
using parts::slice;
using u64 = std::uint64_t;

constexpr std::uint32_t sign = 0x80000000U;
constexpr std::uint32_t float_infinity = 0x7f800000U;

u64 want(const oracle::reference& to, std::uint32_t bits, over beyond) {
  return to.encode(oracle::exact(oracle::float_from(bits)), {mode::nearest_even, beyond});
}

/// The last magnitude below `end` that gives the same code as `first`.
std::uint32_t end_of_interval(const oracle::reference& to, std::uint32_t first, u64 end) {
  // Zero apart (its negative need not be what rounds to zero), then infinity, then NaN by the part
  // of the payload that the widest format here keeps.
  if (first == 0 || first == float_infinity) return first;
  if (first > float_infinity)
    return static_cast<std::uint32_t>(std::min<u64>(first | 0x1fffU, end - 1));
  const u64 code = want(to, first, over::ieee);
  u64 same = first, differs = std::min<u64>(end, float_infinity);
  // Gallop, then bisect.
  for (u64 step = 1; same + step < differs; step *= 2) {
    if (want(to, static_cast<std::uint32_t>(same + step), over::ieee) != code) {
      differs = same + step;
      break;
    }
    same += step;
  }
  while (differs - same > 1) {
    const u64 middle = (same + differs) / 2;
    (want(to, static_cast<std::uint32_t>(middle), over::ieee) == code ? same : differs) = middle;
  }
  return static_cast<std::uint32_t>(same);
}

/// How many of the floats first..last do not become `code`.
template <class To, fb::overflow Over>
u64 count_others(std::uint32_t first, std::uint32_t last, u64 code) {
  constexpr fb::cast_policy how{.over = Over};
  u64 others = 0;
  for (std::uint32_t bits = first;; ++bits) {
    const fb::fp32 x = fb::fp32::from_bits(bits);
    others += fb::convert<To, how>(x).bits() != code;
    if (bits == last) return others;
  }
}

template <class To, fb::overflow Over>
void check_interval(const oracle::reference& to, std::uint32_t first, std::uint32_t last) {
  const over beyond = static_cast<over>(Over);
  const u64 code = want(to, first, beyond);
  ASSERT_EQ(code, want(to, last, beyond)) << "the oracle is not monotonic";
  const u64 others = count_others<To, Over>(first, last, code);
  if (others == 0) return;
  ADD_FAILURE() << others << " floats from 0x" << std::hex << first << " to 0x" << last
                << " do not become " << to.describe(code) << ", policy " << static_cast<int>(Over);
}

template <class To>
void check_every_float(const char* name) {
  const oracle::reference& to = oracle::of(name);
  const slice part = chosen_slice(sign);
  for (u64 at = part.first; at < part.last;) {
    const auto first = static_cast<std::uint32_t>(at);
    const std::uint32_t last = end_of_interval(to, first, part.last);
    for (const std::uint32_t signs : {0U, sign}) {
      check_interval<To, fb::overflow::ieee>(to, first | signs, last | signs);
      check_interval<To, fb::overflow::saturate>(to, first | signs, last | signs);
      check_interval<To, fb::overflow::propagate>(to, first | signs, last | signs);
      check_interval<To, fb::overflow::infinity_or_largest>(to, first | signs, last | signs);
    }
    if (testing::Test::HasFailure()) return;
    at = u64{last} + 1;
  }
}

#define FEWBITS_TEST_FORMAT(name, descriptor, specification) \
  TEST(EveryFloat, to_##name) {                              \
    if constexpr (fb::name::format.bits() <= 19) {           \
      check_every_float<fb::name>(#name);                    \
    } else {                                                 \
      GTEST_SKIP();                                          \
    }                                                        \
  }

FEWBITS_FLOAT_FORMATS(FEWBITS_TEST_FORMAT)
#undef FEWBITS_TEST_FORMAT

}  // namespace
