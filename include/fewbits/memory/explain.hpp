// SPDX-License-Identifier: MIT
// Sizes and lines of a plan as texts.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/memory/bytes.hpp>
#include <fewbits/memory/table.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A text of its own memory, ended by a zero.
struct memory_text {
  char data[384];
  int size;

  [[nodiscard]] FEWBITS_INLINE constexpr const char* c_str() const { return data; }
};

namespace detail {

FEWBITS_INLINE constexpr void append(memory_text& text, const char* more) {
  while (*more != '\0' && text.size < 383) text.data[text.size++] = *more++;
}

FEWBITS_INLINE constexpr void append(memory_text& text, std::uint64_t number) {
  char digits[21]{};
  int first = 20;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  append(text, digits + first);
}

/// bytes / unit with two decimals, nearest, ties up.
FEWBITS_INLINE constexpr void append_ratio(memory_text& text, std::uint64_t bytes,
                                           std::uint64_t unit) {
  const uint128 hundredths = (static_cast<uint128>(bytes) * 200 + unit) / (uint128{unit} * 2);
  const std::uint64_t value = static_cast<std::uint64_t>(hundredths);
  append(text, value / 100);
  append(text, value / 10 % 10 == 0 ? ".0" : ".");
  append(text, value / 10 % 10 == 0 ? value % 10 : value % 100);
}

}  // namespace detail

/// "560.00 GB = 521.54 GiB", each to the nearest; "more than 64 bits count" for `unbounded`.
[[nodiscard]] FEWBITS_INLINE constexpr memory_text size_text(std::uint64_t bytes) {
  memory_text text{};
  if (bytes == unbounded) {
    detail::append(text, "more than 64 bits count");
    return text;
  }
  detail::append_ratio(text, bytes, gigabyte);
  detail::append(text, " GB = ");
  detail::append_ratio(text, bytes, gibibyte);
  detail::append(text, " GiB");
  return text;
}

/// How a line came about, in one sentence. Letters of the formulas: P parameters (of a pipeline stage,
/// divided by t), b batch, s sequence, h hidden, L layers (of a stage, times its micro-batches), a heads, k width of the keys (kv_heads * head size), f width of the
/// MLP, V vocabulary, t tensor-parallel cards, n tokens of a step. (s h and its like are also divided
/// by t under sequence parallelism.)
[[nodiscard]] FEWBITS_INLINE constexpr memory_text explain(const memory_line& line) {
  memory_text text{};
  detail::append(text, line.name);
  detail::append(text, ": ");
  detail::append(text, line.formula);
  detail::append(text, " = ");
  detail::append(text, line.elements);
  detail::append(text, " numbers of ");
  detail::append(text, static_cast<std::uint64_t>(line.format.element_bits));
  detail::append(text, " bits (");
  detail::append(text, line.format.name);
  if (line.format.overhead_bits != 0) {
    detail::append(text, ", and ");
    detail::append(text, static_cast<std::uint64_t>(line.format.overhead_bits));
    detail::append(text, " bits for each ");
    detail::append(text, static_cast<std::uint64_t>(line.format.block_size));
  }
  detail::append(text, ")");
  if (line.shards > 1) {
    detail::append(text, line.zero_stage == 3   ? ", ZeRO 3 divides by "
                         : line.zero_stage == 2 ? ", ZeRO 2 divides by "
                         : line.zero_stage == 1 ? ", ZeRO 1 divides by "
                                                : ", divided by ");
    detail::append(text, line.shards);
  }
  detail::append(text, ": ");
  if (line.host_bytes != 0) {
    detail::append(text, line.host_bytes);
    detail::append(text, " bytes in host memory");
  } else {
    detail::append(text, line.card_bytes);
    detail::append(text, " bytes a card");
  }
  return text;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
