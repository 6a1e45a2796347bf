// SPDX-License-Identifier: MIT
// Scales of FP8 tensors in training: from the tensor itself, or from a history of what it was.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/quantize/value_range.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/limits.hpp>
#include <fewbits/view.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Codes of the two passes of training: weights and activations need precision, gradients range.
/// Source: Micikevicius et al., FP8 Formats for Deep Learning, section 3.
using fp8_forward = fp8_e4m3;
using fp8_backward = fp8_e5m2;

/// Which amax of a history decides.
enum class amax_choice : unsigned char { largest, most_recent };

/// How a scale follows from an amax.
struct scaling_policy {
  amax_choice amax = amax_choice::largest;
  /// Rounds the scale up to a power of two, so that products by it are exact.
  bool power_of_two = false;
  /// Room above amax: the largest code stands for amax * 2^margin. From 0 to 126.
  int margin = 0;
};

/// The amax of a tensor in the last `Length` steps, newest first from `next` - 1 backwards. All
/// zero, as `amax_history<16> history{}`, is a history of nothing. Plain data: to save it is to copy
/// it.
template <std::size_t Length = 1024>
struct amax_history {
  static_assert(Length > 0);
  float amax[Length];
  std::size_t next;
};

namespace detail {

/// A finite positive number.
FEWBITS_INLINE constexpr bool is_amax(float amax) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(amax);
  return bits != 0 && bits < 0x7f800000;
}

/// The least power of two that is not below a positive number of at most 2^127.
FEWBITS_INLINE constexpr float power_of_two_above(float x) {
  const std::uint32_t bits = bit_cast<std::uint32_t>(x);
  if (bits >= 0x00800000) return bit_cast<float>((bits + 0x7fffff) & 0x7f800000);
  std::uint32_t power = 1;
  while (power < bits) power *= 2;
  return bit_cast<float>(power);
}

/// The least power of two times which the largest code is not below amax, or half of it where that
/// product would be infinite.
template <class Code>
FEWBITS_INLINE constexpr float power_of_two_scale(float amax) {
  const double highest = static_cast<double>((std::numeric_limits<Code>::max)());
  float power = power_of_two_above(absmax_scale<Code>(amax));
  if (static_cast<double>(power) * highest < static_cast<double>(amax)) power *= 2;
  if (static_cast<double>(power) * highest > static_cast<double>(__FLT_MAX__)) power /= 2;
  return power;
}

/// x * 2^margin for a finite x >= 0, at most the largest float.
FEWBITS_INLINE constexpr float with_margin(float x, int margin) {
  const double product =
      static_cast<double>(x) * bit_cast<double>(static_cast<std::uint64_t>(1023 + margin) << 52);
  constexpr double largest = static_cast<double>(__FLT_MAX__);
  return static_cast<float>(product > largest ? largest : product);
}

/// The scale of an amax.
template <class Code, scaling_policy Policy, isa Isa>
struct scaling_kernel {
  static float run(float amax) {
    const default_control_word<Isa> control_word;
    const float reach = with_margin(opaque(amax), Policy.margin);
    return opaque(Policy.power_of_two ? power_of_two_scale<Code>(reach)
                                      : absmax_scale<Code>(reach));
  }
};

}  // namespace detail

/// Parameters for float codes and a tensor whose largest magnitude is `amax`, in the convention of
/// `quantize`, real = scale * code: the scale is amax * 2^margin / largest code, which is the
/// inverse of what Transformer Engine multiplies by.
///
/// Data:     an amax that is zero, negative, infinite or NaN says nothing: the result is `previous`.
/// Rounding: as by `calibrate_absmax`; if asked for, up to a power of two, or down where the largest
///           code would stand for more than the largest float.
/// Errors:   none.
/// Bits:     the same whatever the floating-point control word is.
template <class Code, scaling_policy Policy = scaling_policy{}, isa Isa = native>
  requires is_basic_float<Code>
[[nodiscard]] FEWBITS_INLINE affine<Code> scaling_from_amax(
    float amax, const affine<Code>& previous = affine<Code>{1, 0}) {
  static_assert(Policy.margin >= 0 && Policy.margin <= 126);
  return detail::is_amax(amax)
             ? affine<Code>{detail::scaling_kernel<Code, Policy, Isa>::run(amax), 0}
             : previous;
}

/// Current scaling: from the tensor that is about to be quantized. NaN and infinities in it are
/// skipped; if nothing else but zeros is left, the scale is 1.
template <class Code, scaling_policy Policy = scaling_policy{}, isa Isa = native, contiguous Src>
  requires is_basic_float<Code>
[[nodiscard]] FEWBITS_INLINE affine<Code> current_scaling(const Src& src) {
  const detail::default_control_word<Isa> control_word;
  return scaling_from_amax<Code, Policy>(
      detail::range_kernel<Isa>::amax(detail::floats_of(src), detail::size_of(src)));
}

/// Notes the amax of a step; the oldest one is forgotten. What is not finite and positive is noted
/// as 0, so it does not decide about the steps to come.
template <std::size_t Length>
FEWBITS_INLINE constexpr void record(amax_history<Length>& history, float amax) {
  history.amax[history.next] = detail::is_amax(amax) ? amax : 0;
  history.next = (history.next + 1) % Length;
}
/// The same with the amax of a tensor, without its NaN and infinities.
template <isa Isa = native, std::size_t Length, contiguous Src>
FEWBITS_INLINE void record(amax_history<Length>& history, const Src& src) {
  record(history, detail::range_kernel<Isa>::amax(detail::floats_of(src), detail::size_of(src)));
}

/// Delayed scaling: from the steps before, so that one pass over the tensor quantizes it and takes
/// its amax. What exceeds them saturates in this step. `previous` stays where the history says
/// nothing.
/// Source: Transformer Engine's DelayedScaling, with a history of 1024 steps.
template <class Code, scaling_policy Policy = scaling_policy{}, isa Isa = native,
          std::size_t Length>
  requires is_basic_float<Code>
[[nodiscard]] FEWBITS_INLINE affine<Code> delayed_scaling(const amax_history<Length>& history,
                                                          const affine<Code>& previous) {
  float amax = history.amax[(history.next + Length - 1) % Length];
  if constexpr (Policy.amax == amax_choice::largest)
    for (float each : history.amax) amax = detail::larger(amax, each);
  return scaling_from_amax<Code, Policy, Isa>(amax, previous);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
