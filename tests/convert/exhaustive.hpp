// SPDX-License-Identifier: MIT
// Bulk against scalar conversion of many codes: rows of pairs and policies, and the loop over codes.
#pragma once

#include <fewbits/convert.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/part.hpp"

namespace exhaustive {

namespace fb = fewbits;
using u64 = std::uint64_t;

struct row {
  using conversion = void (*)(const unsigned char* src, unsigned char* dst, std::size_t count);

  std::string name;
  std::size_t from_bytes, to_bytes;
  conversion bulk, scalar;
  /// Codes that the kernels may treat in another way than numbers: NaN, infinity, -1, the next to zero.
  std::vector<u64> specials;
};

template <class From, class To, fb::cast_policy Policy>
void convert_scalars(const unsigned char* src, unsigned char* dst, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, src + i * sizeof(From), sizeof(From));
    const To to = fb::convert<To, Policy>(from);
    std::memcpy(dst + i * sizeof(To), &to, sizeof(To));
  }
}

/// Classes only.
template <class From, class To, fb::cast_policy Policy>
row make_row(const std::string& name) {
  row made{name + ", round " + std::to_string(static_cast<int>(Policy.round)) + ", overflow " +
               std::to_string(static_cast<int>(Policy.over)),
           sizeof(From),
           sizeof(To),
           fb::convert_kernel<From, To, Policy, fb::native>::run,
           convert_scalars<From, To, Policy>,
           {1}};
  for (const u64 code : {u64{0x7ff8000000000000}, u64{0x7ff0000000000000}, u64{0xbff0000000000000}})
    made.specials.push_back(fb::convert<From>(fb::fp64::from_bits(code)).bits());
  return made;
}

inline void write_code(unsigned char* dst, std::size_t bytes, u64 code) {
  if (bytes == 1) {
    *dst = static_cast<unsigned char>(code);
  } else if (bytes == 2) {
    const auto x = static_cast<std::uint16_t>(code);
    std::memcpy(dst, &x, 2);
  } else if (bytes == 4) {
    const auto x = static_cast<std::uint32_t>(code);
    std::memcpy(dst, &x, 4);
  } else {
    std::memcpy(dst, &code, 8);
  }
}

/// Fails at the first element that is another one.
inline void expect_equal(const row& tested, const std::vector<unsigned char>& got,
                         const std::vector<unsigned char>& want, u64 first, u64 step) {
  if (got == want) return;
  const std::size_t at =
      static_cast<std::size_t>(std::mismatch(got.begin(), got.end(), want.begin()).first -
                               got.begin()) /
      tested.to_bytes;
  FAIL() << tested.name << ": source 0x" << std::hex << (first + at * step);
}

/// The codes first, first + step and so on; then the same with a special code in every eighth place, in
/// two ways, so that all of them are converted beside one.
inline void check_chunk(const row& tested, u64 first, u64 step, std::size_t count, u64 special) {
  const std::size_t from_bytes = tested.from_bytes, to_bytes = tested.to_bytes;
  std::vector<unsigned char> src(count * from_bytes), want(count * to_bytes), got(count * to_bytes);
  for (std::size_t i = 0; i < count; ++i)
    write_code(&src[i * from_bytes], from_bytes, first + i * step);
  tested.scalar(src.data(), want.data(), count);
  tested.bulk(src.data(), got.data(), count);
  expect_equal(tested, got, want, first, step);
  for (const std::size_t phase : {std::size_t{2}, std::size_t{5}}) {
    std::vector<unsigned char> mixed = src;
    for (std::size_t i = phase; i < count; i += 8)
      write_code(&mixed[i * from_bytes], from_bytes, special);
    tested.bulk(mixed.data(), got.data(), count);
    for (std::size_t i = phase; i < count; i += 8)
      std::memcpy(&got[i * to_bytes], &want[i * to_bytes], to_bytes);
    expect_equal(tested, got, want, first, step);
  }
}

/// The codes 0, step, 2 * step and so on, `count` of them: the part of them that was asked for.
inline void check(const row& tested, u64 count, u64 step) {
  constexpr u64 chunk = 1U << 14;
  const parts::slice asked = parts::chosen_slice(count);
  for (u64 at = asked.first; at < asked.last; at += chunk) {
    const u64 special = tested.specials[at / chunk % tested.specials.size()];
    check_chunk(tested, at * step, step, std::min(chunk, asked.last - at), special);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace exhaustive
