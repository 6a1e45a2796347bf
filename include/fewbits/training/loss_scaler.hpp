// SPDX-License-Identifier: MIT
// Loss scaling: the factor that keeps small gradients above the underflow of FP16, and `unscale`, which
// takes it out again and finds overflow.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/training/lanes.hpp>
#include <fewbits/training/tasks.hpp>
#include <fewbits/value/convert_scalar.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// All of a `loss_scaler`, for a checkpoint.
struct loss_scaler_state {
  float scale;
  /// Factors of the scale after `interval` good steps, and after a bad one.
  float growth, backoff;
  /// What the scale does not fall below. If that is 0 and no step is good, the scale gets there, and stays.
  float minimum;
  /// 0: the scale is constant.
  std::int32_t interval;
  /// How many bad steps in a row the scale takes to fall.
  std::int32_t hysteresis;
  /// Good steps since the scale last changed or a bad step.
  std::int32_t good_steps;
  /// Bad steps that are still without consequence, and one.
  std::int32_t patience;
};

/// The loss scale from step to step.
///
///   fb::loss_scaler scaler;                                    loss *= scaler.scale(); backward
///   const bool found = fb::unscale(g16, scaler.scale(), g32);
///   if (!found) fb::adamw_step(...);
///   scaler.update(found);
///
/// Source: PyTorch's GradScaler; with hysteresis, NVIDIA's update_scale_hysteresis.
class loss_scaler {
 public:
  /// 65536, doubled after 2000 good steps in a row, halved by a bad one.
  FEWBITS_INLINE constexpr loss_scaler() : state_{65536, 2, 0.5F, 0, 2000, 1, 0, 1} {}
  /// Continues from a state, or begins with other factors: growth > 1, 0 < backoff < 1, hysteresis >= 1.
  FEWBITS_INLINE constexpr explicit loss_scaler(const loss_scaler_state& state) : state_(state) {
    FEWBITS_ASSERT(
        state.interval == 0 || (state.growth > 1 && state.backoff > 0 && state.backoff < 1 &&
                                state.interval > 0 && state.hysteresis >= 1),
        "loss_scaler: growth %g, backoff %g, interval %d, hysteresis %d",
        static_cast<double>(state.growth), static_cast<double>(state.backoff),
        static_cast<int>(state.interval), static_cast<int>(state.hysteresis));
  }
  /// A scale that does not change.
  [[nodiscard]] FEWBITS_INLINE static constexpr loss_scaler constant(float scale) {
    return loss_scaler(loss_scaler_state{scale, 1, 1, 0, 0, 1, 0, 1});
  }
  /// Dynamic, and halved only by the last of `bad_steps` bad steps in a row and by each that follows it,
  /// to no less than `minimum`. A good step allows as many again.
  [[nodiscard]] FEWBITS_INLINE static constexpr loss_scaler with_hysteresis(std::int32_t bad_steps,
                                                                            float minimum) {
    return loss_scaler(loss_scaler_state{65536, 2, 0.5F, minimum, 2000, bad_steps, 0, bad_steps});
  }

  [[nodiscard]] FEWBITS_INLINE constexpr float scale() const { return state_.scale; }
  [[nodiscard]] FEWBITS_INLINE constexpr const loss_scaler_state& state() const { return state_; }
  /// Another scale from here on; the count of good steps stays.
  FEWBITS_INLINE constexpr void set_scale(float scale) { state_.scale = scale; }

  /// After each step; `found_non_finite` says that a gradient overflowed (and the step was left out). A
  /// growth to infinity does not happen, but the count begins again.
  FEWBITS_INLINE constexpr void update(bool found_non_finite) {
    if (state_.interval == 0) return;
    if (found_non_finite) {
      state_.good_steps = 0;
      if (state_.patience > 0) --state_.patience;
      if (state_.patience > 0) return;
      const float reduced = times(state_.backoff);
      state_.scale = reduced < state_.minimum ? state_.minimum : reduced;
      return;
    }
    state_.patience = state_.hysteresis;
    if (++state_.good_steps < state_.interval) return;
    state_.good_steps = 0;
    const float grown = times(state_.growth);
    if (detail::bit_cast<std::uint32_t>(grown) < 0x7f800000) state_.scale = grown;
  }

 private:
  /// The product is exact in FP64, so that no floating-point environment matters.
  FEWBITS_INLINE constexpr float times(float factor) const {
    return static_cast<float>(
        convert<fp32>(static_cast<double>(state_.scale) * static_cast<double>(factor)));
  }

  loss_scaler_state state_;
};

namespace detail {

/// Products with one factor; returns whether a number of `src` is infinite or NaN.
template <training_element Element, isa Isa>
struct unscale_kernel {
  using lanes = training_lanes<Isa>;
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr std::size_t width = lanes::width;

  FEWBITS_INLINE static u32 apply(const unsigned char* src, unsigned char* dst, u32 factor,
                                  u32 most) {
    const u32 x = lanes::template load<Element>(src);
    ops::store32(dst, lanes::with_one_nan(lanes::multiply_floats(x, factor)));
    return ops::max_(most, ops::and_(x, ops::set(0x7fffffff)));
  }

  FEWBITS_INLINE static bool multiply(const unsigned char* src, unsigned char* dst,
                                      std::size_t count, std::uint32_t code) {
    const u32 factor = ops::set(code);
    u32 most = ops::set(0);
    std::size_t i = 0;
    for (; count - i >= width; i += width)
      most = apply(src + i * sizeof(Element), dst + i * 4, factor, most);
    if (i < count) {
      unsigned char in[width * sizeof(Element)] = {};
      unsigned char out[width * 4];
      __builtin_memcpy(in, src + i * sizeof(Element), (count - i) * sizeof(Element));
      most = apply(in, out, factor, most);
      __builtin_memcpy(dst + i * 4, out, (count - i) * 4);
    }
    return lanes::max_of_lanes(most) >= 0x7f800000;
  }

  static bool run(const unsigned char* src, unsigned char* dst, std::size_t count, float scale) {
    const default_control_word<Isa> control_word;
    return multiply(src, dst, count, float_code(1 / opaque(static_cast<double>(scale))));
  }
  static bool run_factor(const unsigned char* src, unsigned char* dst, std::size_t count,
                         float factor) {
    const default_control_word<Isa> control_word;
    return multiply(src, dst, count, bit_cast<std::uint32_t>(factor));
  }
};

template <class Element, isa Isa>
struct unscale_tasks {
  const unsigned char* src;
  unsigned char* dst;
  float scale;
  unsigned char* found;

  FEWBITS_INLINE void operator()(stretch of) const {
    if (unscale_kernel<Element, Isa>::run(src + of.begin * sizeof(Element), dst + of.begin * 4,
                                          of.count, scale))
      __atomic_store_n(found, static_cast<unsigned char>(1), __ATOMIC_RELAXED);
  }
};

}  // namespace detail

/// Writes gradients divided by the loss scale to `dst`, as FP32, and returns whether any of `src` is
/// infinite or NaN: then the step is to be left out.
///
/// Shape:    src (float, fp32, fp16 or bf16) and dst (float or fp32) have the same size; they may be the
///           same memory of FP32, else they do not overlap.
/// Rounding: x * (1 / scale): the quotient in FP64, then to FP32; the product in FP32. Both to nearest
///           even; exact for powers of two, but for subnormal results.
/// NaN:      becomes the quiet NaN 0x7fc00000. All elements are written, whatever was found.
/// Bits:     the same on every instruction set, whatever the floating-point control word is.
/// Executor: tasks of 65536 elements; it does not change a bit of the result.
/// Errors:   none at run time. Requires equal sizes.
/// Source:   PyTorch's _amp_foreach_non_finite_check_and_unscale_.
template <isa Isa = native, executor Executor, detail::training_range Src, detail::float_range Dst>
[[nodiscard]] FEWBITS_INLINE bool unscale(Executor&& runner, const Src& src, float scale,
                                          Dst&& dst) {
  FEWBITS_ASSERT(detail::size_of(src) == detail::size_of(dst),
                 "unscale: src has %zu elements, dst %zu", detail::size_of(src),
                 detail::size_of(dst));
  unsigned char found = 0;
  const detail::unscale_tasks<detail::training_element_of<const Src>, Isa> tasks{
      reinterpret_cast<const unsigned char*>(detail::data_of(src)),
      reinterpret_cast<unsigned char*>(detail::data_of(dst)), scale, &found};
  detail::run_stretches(runner, detail::size_of(src), tasks);
  return found != 0;
}
template <isa Isa = native, detail::training_range Src, detail::float_range Dst>
[[nodiscard]] FEWBITS_INLINE bool unscale(const Src& src, float scale, Dst&& dst) {
  return unscale<Isa>(inline_executor{}, src, scale, dst);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
