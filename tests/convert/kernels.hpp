// SPDX-License-Identifier: MIT
// The bulk conversions under test as a table: one row for each pair and policy. The test bodies loop
// over it, so that each kernel is instantiated once.
#pragma once

#include <fewbits/format.hpp>
#include <fewbits/value.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using u64 = std::uint64_t;

struct conversion {
  using bulk = void (*)(const unsigned char* src, unsigned char* dst, std::size_t count);

  fewbits::float_format from, to;
  fewbits::cast_policy policy;
  std::size_t from_bytes, to_bytes;
  bulk native;
  bulk generic;  // null where it is not instantiated, to save compile time
  u64 (*scalar)(u64 code);
};

/// All rows, those from FP32 to a narrower format first.
const std::vector<conversion>& conversions();

/// Such as "fp32 -> fp16 (round 0, overflow 1)".
std::string name_of(const conversion& row);

/// Codes to convert: all where that is feasible, else where rounding changes its mind.
std::vector<u64> inputs_for(const conversion& row);

/// Elements of `bytes` bytes from codes, and back.
void write_codes(const std::vector<u64>& codes, std::size_t bytes, unsigned char* dst);
u64 read_code(const unsigned char* src, std::size_t bytes, std::size_t index);

/// The scalar conversion of each code, as elements.
std::vector<unsigned char> expected_of(const conversion& row, const std::vector<u64>& codes);

/// Fails, and names the first differences, unless the elements at `got` are `want`.
void expect_elements(const conversion& row, const char* isa, const std::vector<u64>& codes,
                     const unsigned char* got, const std::vector<unsigned char>& want);
