// SPDX-License-Identifier: MIT
// How an optimizer keeps weights: FP32 with copies in 16 bits, or 16 bits with what they lack.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/training/lanes.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// FP32 weights, which add up small steps, and the 16-bit copies that a model computes with: a step writes
/// both. A view: the memory is the caller's.
template <class Working>
class master_weights {
 public:
  /// Two ranges of one size: float or fp32; fp16 or bf16.
  template <detail::float_range Master, detail::training_range Copy>
  FEWBITS_INLINE master_weights(Master&& master, Copy&& working)
      : master_(detail::floats_of(master)),
        working_(detail::data_of(working)),
        size_(detail::size_of(master)) {
    FEWBITS_ASSERT(size_ == detail::size_of(working), "master_weights: %zu weights, %zu copies",
                   size_, detail::size_of(working));
  }
  [[nodiscard]] FEWBITS_INLINE constexpr float* master() const { return master_; }
  [[nodiscard]] FEWBITS_INLINE constexpr Working* working() const { return working_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }

 private:
  float* master_;
  Working* working_;
  std::size_t size_;
};
template <class Master, class Copy>
master_weights(Master&&, Copy&&)
    -> master_weights<std::remove_pointer_t<decltype(detail::data_of(std::declval<Copy&>()))>>;

/// Weights in 16 bits, and for each of them what rounding has kept from it so far (begin with zeros), in
/// the same format: Kahan's summation over the steps. A view: the memory is the caller's.
///
/// Source: torchdistX's AnyPrecisionAdamW; Zamirai and others, Revisiting BFloat16 Training, 2020.
template <class Weight>
class compensated_weights {
 public:
  /// Two ranges of one size, both of fp16 or both of bf16.
  template <detail::training_range Weights, detail::training_range Rest>
  FEWBITS_INLINE constexpr compensated_weights(Weights&& weights, Rest&& rest)
      : weights_(detail::data_of(weights)),
        rest_(detail::data_of(rest)),
        size_(detail::size_of(weights)) {
    FEWBITS_ASSERT(size_ == detail::size_of(rest), "compensated_weights: %zu weights, %zu rests",
                   size_, detail::size_of(rest));
  }
  [[nodiscard]] FEWBITS_INLINE constexpr Weight* weights() const { return weights_; }
  [[nodiscard]] FEWBITS_INLINE constexpr Weight* rest() const { return rest_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return size_; }

 private:
  Weight* weights_;
  Weight* rest_;
  std::size_t size_;
};
template <class Weights, class Rest>
compensated_weights(Weights&&, Rest&&) -> compensated_weights<
    std::remove_pointer_t<decltype(detail::data_of(std::declval<Weights&>()))>>;

namespace detail {

enum class second_array { none, working_copy, compensation };

/// What the step kernel sees of weights.
template <training_element Weight, second_array Kind, training_element Other>
struct stored_weights {
  using weight_type = Weight;
  using second_type = Other;
  static constexpr second_array kind = Kind;
  unsigned char* weights;
  unsigned char* second;
  std::size_t size;
};

template <class Element>
FEWBITS_INLINE unsigned char* writable_bytes(Element* data) {
  static_assert(!std::is_const_v<Element>, "fewbits: a range that can be written is needed");
  return reinterpret_cast<unsigned char*>(data);
}

template <training_range Weights>
FEWBITS_INLINE auto stored(Weights& weights) {
  using element = training_element_of<Weights>;
  return stored_weights<element, second_array::none, element>{writable_bytes(data_of(weights)),
                                                              nullptr, size_of(weights)};
}
template <class Working>
FEWBITS_INLINE auto stored(const master_weights<Working>& of) {
  static_assert(sizeof(Working) == 2, "fewbits: working copies are fp16 or bf16");
  return stored_weights<fp32, second_array::working_copy, Working>{
      writable_bytes(of.master()), writable_bytes(of.working()), of.size()};
}
template <class Weight>
FEWBITS_INLINE auto stored(const compensated_weights<Weight>& of) {
  static_assert(sizeof(Weight) == 2, "fewbits: compensated weights are fp16 or bf16");
  return stored_weights<Weight, second_array::compensation, Weight>{
      writable_bytes(of.weights()), writable_bytes(of.rest()), of.size()};
}

}  // namespace detail

/// Weights that a step updates: a range of float, fp32, fp16 or bf16, or one of the views above.
template <class Weights>
concept optimizer_weights = requires(Weights& weights) { detail::stored(weights); };

}  // namespace FEWBITS_ABI
}  // namespace fewbits
