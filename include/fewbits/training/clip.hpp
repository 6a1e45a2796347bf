// SPDX-License-Identifier: MIT
// Clipping of gradients by their global norm.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/float_lanes.hpp>
#include <fewbits/training/lanes.hpp>
#include <fewbits/training/loss_scaler.hpp>
#include <fewbits/training/master_weights.hpp>
#include <fewbits/training/tasks.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The square of a float is exact in FP64, so it does not matter whether compilers contract.
template <isa Isa>
struct norm_kernel {
  static constexpr std::size_t sums = 32;

  /// The sums of the parts, one after the other.
  static double total(const double* of_parts, std::size_t parts) {
    const default_control_word<Isa> control_word;
    double sum = 0;
    for (std::size_t i = 0; i < parts; ++i) sum = opaque(sum + of_parts[i]);
    return sum;
  }

  static double sum_of_squares(const float* src, std::size_t count) {
    const default_control_word<Isa> control_word;
    double sum[sums] = {};
    std::size_t i = 0;
    for (; count - i >= sums; i += sums) {
      for (std::size_t j = 0; j < sums; ++j) add_square(sum[j], src[i + j]);
      keep(sum);
    }
    for (std::size_t j = 0; i + j < count; ++j) add_square(sum[j], src[i + j]);
    for (std::size_t half = sums / 2; half > 0; half /= 2) {
      keep(sum);
      for (std::size_t j = 0; j < half; ++j) sum[j] += sum[j + half];
    }
    keep(sum);
    return sum[0];
  }

  static double root(double x) {
    const default_control_word<Isa> control_word;
    x = opaque(x);
    double result;
#if defined(__x86_64__)
    __asm__ volatile("sqrtsd %1, %0" : "=x"(result) : "x"(x));
#elif defined(__aarch64__)
    __asm__ volatile("fsqrt %d0, %d1" : "=w"(result) : "w"(x));
#else
    result = __builtin_sqrt(x);
#endif
    return result;
  }

  static float factor(double norm, double largest_norm) {
    const default_control_word<Isa> control_word;
    const double sum = opaque(opaque(norm) + 1e-6);
    const double quotient = opaque(opaque(largest_norm) / sum);
    const std::uint32_t code = float_code(quotient);
    // Codes of positive floats are ordered, and NaN is beyond infinity.
    const bool is_above_one = code > 0x3f800000 && code <= 0x7f800000;
    return bit_cast<float>(is_above_one ? 0x3f800000 : code);
  }

 private:
  FEWBITS_INLINE static void add_square(double& sum, float x) {
    sum += static_cast<double>(x) * static_cast<double>(x);
  }
  /// Keeps -ffast-math from sums in another order.
  FEWBITS_INLINE static void keep(double (&sum)[sums]) { __asm__ volatile("" : "+m"(sum)); }
};

/// A range in at most 64 parts, of the fewest times 65536 elements.
template <isa Isa>
struct norm_tasks {
  static constexpr std::size_t most = 64;
  const float* src;
  std::size_t count;
  double* sums;

  FEWBITS_INLINE std::size_t part() const {
    constexpr std::size_t together = most * elements_of_task;
    return (count / together + (count % together != 0 ? 1 : 0)) * elements_of_task;
  }
  FEWBITS_INLINE std::size_t parts() const { return count == 0 ? 0 : (count - 1) / part() + 1; }
  FEWBITS_INLINE void operator()(std::size_t task) const {
    const stretch of = stretch_of_task(task, count, part());
    sums[task] = norm_kernel<Isa>::sum_of_squares(src + of.begin, of.count);
  }
};

/// Products with one factor, in place.
template <isa Isa>
struct clip_tasks {
  unsigned char* data;
  float factor;

  FEWBITS_INLINE void operator()(stretch of) const {
    unsigned char* const its = data + 4 * of.begin;
    static_cast<void>(unscale_kernel<fp32, Isa>::run_factor(its, its, of.count, factor));
  }
};

}  // namespace detail

/// The sum of the squares of floats, in FP64. A range is in parts, as few times 65536 elements that there
/// are at most 64, whose sums are added from left to right. In a part, element i is added to partial sum
/// i mod 32, in order; the partial sums are added in a tree, j + 16 to j, then j + 8 to j, and so on.
/// Infinite for an infinite element, NaN for a NaN.
///
/// Bits:     the same on every instruction set, whatever the floating-point control word is (but for
///           those of NaN).
/// Executor: a task for each part; it does not change a bit of the result.
template <isa Isa = native, executor Executor, detail::float_range Src>
[[nodiscard]] FEWBITS_INLINE double sum_of_squares(Executor&& runner, const Src& src) {
  double sums[detail::norm_tasks<Isa>::most];
  const detail::norm_tasks<Isa> tasks{detail::floats_of(src), detail::size_of(src), sums};
  runner.parallel_for(tasks.parts(), tasks);
  return detail::norm_kernel<Isa>::total(sums, tasks.parts());
}
template <isa Isa = native, detail::float_range Src>
[[nodiscard]] FEWBITS_INLINE double sum_of_squares(const Src& src) {
  return sum_of_squares<Isa>(inline_executor{}, src);
}

/// The root of the sum of squares of all elements of some ranges, whose sums are added from left to right.
template <isa Isa = native, executor Executor, detail::float_range... Ranges>
[[nodiscard]] FEWBITS_INLINE double global_norm(Executor&& runner, const Ranges&... ranges) {
  const double sums[sizeof...(Ranges) + 1] = {sum_of_squares<Isa>(runner, ranges)..., 0};
  return detail::norm_kernel<Isa>::root(detail::norm_kernel<Isa>::total(sums, sizeof...(Ranges)));
}
template <isa Isa = native, detail::float_range... Ranges>
[[nodiscard]] FEWBITS_INLINE double global_norm(const Ranges&... ranges) {
  return global_norm<Isa>(inline_executor{}, ranges...);
}

/// What to multiply gradients of a norm with so that it is at most `largest_norm`:
/// largest_norm / (norm + 1e-6) in FP64, then FP32, at most 1. NaN where the norm is, 0 where it is
/// infinite; NaN if both are infinite.
///
/// Source: PyTorch's clip_grad_norm_.
template <isa Isa = native>
[[nodiscard]] FEWBITS_INLINE float clip_factor(double norm, double largest_norm) {
  return detail::norm_kernel<Isa>::factor(norm, largest_norm);
}

/// Multiplies all ranges by the `clip_factor` of their global norm, unless it is 1, and returns the norm.
/// Products are rounded to nearest even; NaN becomes 0x7fc00000, as all does if the norm is NaN.
///
/// Source: PyTorch's clip_grad_norm_.
template <isa Isa = native, executor Executor, detail::float_range... Ranges>
FEWBITS_INLINE double clip_by_global_norm(Executor&& runner, double largest_norm,
                                          Ranges&&... ranges) {
  const double norm = global_norm<Isa>(runner, ranges...);
  const float factor = clip_factor<Isa>(norm, largest_norm);
  if (detail::bit_cast<std::uint32_t>(factor) != 0x3f800000) {
    (detail::run_stretches(
         runner, detail::size_of(ranges),
         detail::clip_tasks<Isa>{detail::writable_bytes(detail::floats_of(ranges)), factor}),
     ...);
  }
  return norm;
}
template <isa Isa = native, detail::float_range... Ranges>
FEWBITS_INLINE double clip_by_global_norm(double largest_norm, Ranges&&... ranges) {
  return clip_by_global_norm<Isa>(inline_executor{}, largest_norm, ranges...);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
