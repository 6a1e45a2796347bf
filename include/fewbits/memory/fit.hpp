// SPDX-License-Identifier: MIT
// Whether a plan fits the cards, and the largest that does.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/memory/bytes.hpp>
#include <fewbits/memory/inference.hpp>
#include <fewbits/memory/table.hpp>
#include <fewbits/memory/training.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Bytes over all cards.
struct memory_fit {
  bool fits;
  std::uint64_t needed;
  std::uint64_t available;  ///< without the margin
  std::uint64_t spare;      ///< 0 where it does not fit
  std::uint64_t missing;    ///< 0 where it fits
  std::uint64_t spare_per_card;
};

/// Whether `needed` bytes, divided evenly, fit `cards` cards of `card_bytes`, of each of which
/// `margin` stays free (driver, fragments, communication). `unbounded` bytes fit nowhere.
[[nodiscard]] FEWBITS_INLINE constexpr memory_fit fits(std::uint64_t needed, std::uint64_t cards,
                                                       std::uint64_t card_bytes,
                                                       std::uint64_t margin = 0) {
  const std::uint64_t usable = card_bytes > margin ? card_bytes - margin : 0;
  const std::uint64_t available = (detail::count{usable} * detail::count{cards}).value;
  const bool is_enough = needed <= available && needed != unbounded;
  const std::uint64_t spare = is_enough ? available - needed : 0;
  return {is_enough,
          needed,
          available,
          spare,
          is_enough             ? 0
          : needed == unbounded ? unbounded
                                : needed - available,
          cards == 0 ? 0 : spare / cards};
}

/// Whether the fullest card of a plan holds what it must.
[[nodiscard]] FEWBITS_INLINE constexpr memory_fit fits(const memory_table& table,
                                                       std::uint64_t card_bytes,
                                                       std::uint64_t margin = 0) {
  const std::uint64_t needed =
      (detail::count{table.card_bytes()} * detail::count{table.cards}).value;
  return fits(needed, table.cards, card_bytes, margin);
}

namespace detail {

FEWBITS_INLINE constexpr memory_table plan(const training_setup& setup) {
  return training_memory(setup);
}
FEWBITS_INLINE constexpr memory_table plan(const inference_setup& setup) {
  return inference_memory(setup);
}

/// The largest value of a member, up to 2^40, with which the plan fits; 0 if none does.
template <class Setup>
FEWBITS_INLINE constexpr std::uint64_t largest_that_fits(Setup setup, std::uint64_t Setup::* member,
                                                         std::uint64_t card_bytes,
                                                         std::uint64_t margin) {
  std::uint64_t found = 0;
  for (int bit = 40; bit >= 0; --bit) {
    setup.*member = found | std::uint64_t{1} << bit;
    if (setup.*member <= std::uint64_t{1} << 40 && fits(plan(setup), card_bytes, margin).fits)
      found = setup.*member;
  }
  return found;
}

}  // namespace detail

/// The largest batch with which the plan of a training or inference setup fits, up to 2^40; 0 if
/// none does.
template <class Setup>
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t largest_batch(const Setup& setup,
                                                                   std::uint64_t card_bytes,
                                                                   std::uint64_t margin = 0) {
  return detail::largest_that_fits(setup, &Setup::batch, card_bytes, margin);
}

/// The longest sequence, likewise.
template <class Setup>
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t largest_sequence(const Setup& setup,
                                                                      std::uint64_t card_bytes,
                                                                      std::uint64_t margin = 0) {
  return detail::largest_that_fits(setup, &Setup::sequence, card_bytes, margin);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
