// SPDX-License-Identifier: MIT
// A plan is a table: one line a tensor, with its format, its bytes and what a card holds of it.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/block_format.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/format/int_format.hpp>
#include <fewbits/format/named.hpp>
#include <fewbits/memory/bytes.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

namespace detail {

FEWBITS_INLINE constexpr const char* name_of_integer(const int_format& format) {
  switch (format.bits) {
    case 2:
      return format.is_signed ? "int2" : "uint2";
    case 3:
      return format.is_signed ? "int3" : "uint3";
    case 4:
      return format.is_signed ? "int4" : "uint4";
    case 6:
      return format.is_signed ? "int6" : "uint6";
    case 8:
      return format.is_signed ? "int8" : "uint8";
    case 16:
      return format.is_signed ? "int16" : "uint16";
    case 32:
      return format.is_signed ? "int32" : "uint32";
    default:
      return "integer";
  }
}

}  // namespace detail

/// A float, integer or block format, when only the size matters. Value-initialised: a tensor that
/// is not there.
struct number_format {
  int element_bits;
  int block_size;
  int overhead_bits;
  int tensor_bits;
  const char* name;

  number_format() = default;
  FEWBITS_INLINE constexpr number_format(const float_format& format)
      : element_bits{format.bits()},
        block_size{1},
        overhead_bits{0},
        tensor_bits{0},
        name{name_of(format)} {}
  FEWBITS_INLINE constexpr number_format(const int_format& format)
      : element_bits{format.bits},
        block_size{1},
        overhead_bits{0},
        tensor_bits{0},
        name{detail::name_of_integer(format)} {}
  FEWBITS_INLINE constexpr number_format(const block_format& format, const char* called = "blocks")
      : element_bits{format.element_bits},
        block_size{format.block_size},
        overhead_bits{format.overhead_bits},
        tensor_bits{format.tensor_bits},
        name{called} {}

  [[nodiscard]] FEWBITS_INLINE constexpr bool exists() const { return element_bits != 0; }
};

/// Bytes of `parameters` numbers, as for the formats themselves; 0 for a tensor that is not there.
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t weight_bytes(std::uint64_t parameters,
                                                                  const number_format& format) {
  if (!format.exists()) return 0;
  return weight_bytes(parameters, block_format{.element_bits = format.element_bits,
                                               .block_size = format.block_size,
                                               .overhead_bits = format.overhead_bits,
                                               .tensor_bits = format.tensor_bits});
}

/// What a line of a plan holds.
enum class tensor_role : unsigned char {
  weights,         ///< what the arithmetic reads
  master_weights,  ///< what the optimizer adds to
  gradients,
  moments,         ///< of the optimizer
  compensation,    ///< Kahan's
  gathered,        ///< ZeRO 3: one layer, whole, while it is computed
  activations,     ///< kept from the forward pass for the backward pass, inside the layers
  recomputed,      ///< kept while a layer is recomputed
  outside_layers,  ///< embedding dropout, logits
  kv_cache,
  buffers,  ///< of inference: one layer's activations
};

/// One tensor, or one kind of tensor in all layers.
struct memory_line {
  tensor_role role;
  const char* name;
  const char* formula;  ///< the number of elements, in the letters of `explain`
  number_format format;
  std::uint64_t elements;
  std::uint64_t shards;      ///< cards that share it: 1, each has all of it
  int zero_stage;            ///< the ZeRO stage from which it is shared; 0, never
  std::uint64_t bytes;       ///< state: one copy of it; activations: those of all cards
  std::uint64_t card_bytes;  ///< on the card that has most
  std::uint64_t host_bytes;  ///< in the memory of the hosts, all together
};

/// The lines of a plan.
struct memory_table {
  memory_line lines[24];
  int size;
  std::uint64_t cards;

  [[nodiscard]] FEWBITS_INLINE constexpr const memory_line* begin() const { return lines; }
  [[nodiscard]] FEWBITS_INLINE constexpr const memory_line* end() const { return lines + size; }

  /// The sum of `memory_line::bytes`, or `unbounded`.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t bytes() const {
    return sum(&memory_line::bytes, nullptr);
  }
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t bytes(tensor_role role) const {
    return sum(&memory_line::bytes, &role);
  }
  /// What a card must hold, or `unbounded`.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t card_bytes() const {
    return sum(&memory_line::card_bytes, nullptr);
  }
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t card_bytes(tensor_role role) const {
    return sum(&memory_line::card_bytes, &role);
  }
  /// What the hosts must hold together, or `unbounded`.
  [[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t host_bytes() const {
    return sum(&memory_line::host_bytes, nullptr);
  }

 private:
  /// Of the lines of one role, or of all.
  FEWBITS_INLINE constexpr std::uint64_t sum(std::uint64_t memory_line::* column,
                                             const tensor_role* role) const {
    detail::count total{0};
    for (const memory_line& line : *this)
      if (role == nullptr || line.role == *role) total = total + detail::count{line.*column};
    return total.value;
  }
};

namespace detail {

/// `weight_bytes`, but of `unbounded` elements `unbounded` bytes.
FEWBITS_INLINE constexpr std::uint64_t tensor_bytes(count elements, const number_format& format) {
  if (!format.exists()) return 0;
  return elements.value == unbounded ? unbounded : weight_bytes(elements.value, format);
}

FEWBITS_INLINE constexpr void add_line(memory_table& table, const memory_line& line) {
  if (!line.format.exists() || line.elements == 0) return;
  FEWBITS_ASSERT(table.size < 24, "memory_table: more than 24 lines");
  table.lines[table.size++] = line;
}

/// Numbers of the model's state: of a group of cards that shares them, and of all groups.
struct state_count {
  count of_group, whole;
};

/// State that is divided among `shards` cards of a group, or in the hosts' memory.
FEWBITS_INLINE constexpr void add_state(memory_table& table, tensor_role role, const char* name,
                                        const char* formula, const number_format& format,
                                        state_count elements, std::uint64_t shards, int zero_stage,
                                        bool in_host = false) {
  const std::uint64_t whole = tensor_bytes(elements.whole, format);
  const std::uint64_t share = tensor_bytes(elements.of_group / count{shards}, format);
  add_line(table, {role, name, formula, format, elements.of_group.value, shards, zero_stage, whole,
                   in_host ? 0 : share, in_host ? whole : 0});
}

/// `elements` numbers on every card, others on each.
FEWBITS_INLINE constexpr void add_activations(memory_table& table, tensor_role role,
                                              const char* name, const char* formula,
                                              const number_format& format, count elements) {
  const count bytes{tensor_bytes(elements, format)};
  add_line(table, {role, name, formula, format, elements.value, 1, 0,
                   (bytes * count{table.cards}).value, bytes.value, 0});
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
