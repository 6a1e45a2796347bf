// SPDX-License-Identifier: MIT
// Streaming observers: what calibration needs to know of a tensor that comes in batches.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/calibrate.hpp>
#include <fewbits/quantize/mse_kernel.hpp>
#include <fewbits/quantize/percentile.hpp>
#include <fewbits/quantize/value_range.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// What all observers count: elements, and those that are not finite, which are skipped.
struct observed {
  float low, high;  // of the finite values and 0
  std::uint64_t count, skipped;
};

/// count * 2^exponent as a float, whatever the control word is.
FEWBITS_INLINE constexpr float integer_times_power_of_two(std::uint64_t count, int exponent) {
  if (count == 0) return 0;
  const int shift = __builtin_clzll(count);
  const unpacked number{number_kind::finite, false, exponent + 63 - shift, count << shift};
  return bit_cast<float>(static_cast<std::uint32_t>(pack<formats::fp32, cast_policy{}>(number)));
}

template <isa Isa>
struct observer_kernel {
  static void range(const float* src, std::size_t count, observed& to) {
    const value_range found = range_kernel<Isa>::range(src, count);
    to.low = smaller(to.low, found.low);
    to.high = larger(to.high, found.high);
    to.count += count;
    to.skipped += found.skipped;
  }

  static void moving_average(const float* src, std::size_t count, float weight, observed& to) {
    const default_control_word<Isa> control_word;
    const value_range found = range_kernel<Isa>::range(src, count);
    const bool is_first = to.count == to.skipped;
    if (count != found.skipped) {
      to.low = is_first ? found.low : average(to.low, found.low, weight);
      to.high = is_first ? found.high : average(to.high, found.high, weight);
    }
    to.count += count;
    to.skipped += found.skipped;
  }

  static void histogram(const float* src, std::size_t count, std::uint64_t* bins, std::size_t size,
                        int& exponent, observed& to) {
    const default_control_word<Isa> control_word;
    const std::uint64_t skipped_before = to.skipped;
    range(src, count, to);
    const float amax = larger(-to.low, to.high);
    if (amax == 0.0f) {
      bins[0] += count - (to.skipped - skipped_before);
      return;
    }
    // 2^exponent is the width of a bin, and `size`, a power of two, of them hold amax.
    const int least = exponent_of(amax) + 1 - __builtin_ctzll(size);
    if (exponent < least) {
      if (exponent != unknown) merge(bins, size, least - exponent);
      exponent = least;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t code = bit_cast<std::uint32_t>(src[i]) & 0x7fffffff;
      if (code < 0x7f800000) ++bins[bin_of(code, exponent)];
    }
  }

  template <class Code>
  static affine<Code> absmax(float amax) {
    const default_control_word<Isa> control_word;
    return {opaque(absmax_scale<Code>(opaque(amax))), 0};
  }
  template <class Code>
  static affine<Code> minmax(float low, float high) {
    const default_control_word<Isa> control_word;
    const scale_and_zero found = opaque(minmax_scale<Code>(opaque(low), opaque(high)));
    return {found.scale, found.zero_point};
  }

  /// The number of bins, at least 1 / 128 of them, whose upper end as amax gives the least squared
  /// error of the centres of all. With `highest` codes a step is end / highest bins: everything is
  /// counted in the 2 * highest-th part of a bin, in integers.
  static std::size_t least_error(const std::uint64_t* bins, std::size_t size,
                                 std::int32_t highest) {
    const std::uint64_t steps = static_cast<std::uint64_t>(highest);
    uint128 least = ~uint128{0};
    std::size_t best = size;
    for (std::size_t end = size >= 128 ? size / 128 : 1; end <= size; ++end) {
      uint128 error = 0;
      for (std::size_t i = 0; i < size; ++i) {
        if (bins[i] == 0) continue;
        const std::uint64_t centre = (2 * i + 1) * steps;
        const std::uint64_t nearest = (centre + end) / (2 * end);
        const std::uint64_t back = 2 * end * (nearest < steps ? nearest : steps);
        const std::uint64_t difference = centre < back ? back - centre : centre - back;
        error += uint128{difference * difference} * bins[i];
      }
      if (error < least) {
        least = error;
        best = end;
      }
    }
    return best;
  }

  /// No bin has a width yet: all that was seen is zero, and in bin 0 whatever the width.
  static constexpr int unknown = -1000;

 private:
  /// m + weight * (x - m), rounded after each operation.
  FEWBITS_INLINE static float average(float m, float x, float weight) {
    const auto bits = [](float y) { return bit_cast<std::uint32_t>(y); };
    const std::uint32_t difference = one_float::add_floats(bits(x), bits(-m));
    return bit_cast<float>(
        one_float::add_floats(bits(m), one_float::multiply_floats(bits(weight), difference)));
  }
  /// floor(magnitude / 2^exponent), below 2^23.
  FEWBITS_INLINE static std::uint32_t bin_of(std::uint32_t code, int exponent) {
    const std::uint32_t field = code >> 23;
    const std::uint32_t significand = field == 0 ? code : (code & 0x7fffff) | 0x800000;
    const int drop = exponent - (static_cast<int>(field == 0 ? 1 : field) - 150);
    if (drop < 0) return significand << -drop;  // bins narrower than the smallest float
    return drop > 24 ? 0 : significand >> drop;
  }
  /// Bins 2^doublings times as wide.
  FEWBITS_INLINE static void merge(std::uint64_t* bins, std::size_t size, int doublings) {
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t to = doublings >= 63 ? 0 : i >> doublings;
      const std::uint64_t moved = bins[i];
      bins[i] = 0;
      bins[to] += moved;
    }
  }
};

/// What observers of a range say of it.
class observed_range {
 public:
  /// The parameters of `calibrate_absmax`.
  template <class Code, isa Isa = native>
  [[nodiscard]] FEWBITS_INLINE affine<Code> absmax() const {
    return observer_kernel<Isa>::template absmax<Code>(larger(-seen.low, seen.high));
  }
  /// The parameters of `calibrate_minmax`.
  template <class Code, isa Isa = native>
  [[nodiscard]] FEWBITS_INLINE affine<Code> minmax() const {
    return observer_kernel<Isa>::template minmax<Code>(seen.low, seen.high);
  }
  /// The range of the finite values and 0; how many elements came, and how many were not finite.
  [[nodiscard]] FEWBITS_INLINE float low() const { return seen.low; }
  [[nodiscard]] FEWBITS_INLINE float high() const { return seen.high; }
  [[nodiscard]] FEWBITS_INLINE std::uint64_t count() const { return seen.count; }
  [[nodiscard]] FEWBITS_INLINE std::uint64_t skipped() const { return seen.skipped; }

 protected:
  FEWBITS_INLINE constexpr observed_range() : seen{0, 0, 0, 0} {}

  observed seen;
};

}  // namespace detail

/// The range of all batches: what `calibrate_absmax` and `calibrate_minmax` find in all of them
/// together. The order does not matter.
class minmax_observer : public detail::observed_range {
 public:
  FEWBITS_INLINE constexpr minmax_observer() : observed_range() {}

  template <isa Isa = native, contiguous Src>
  FEWBITS_INLINE void observe(const Src& src) {
    detail::observer_kernel<Isa>::range(detail::floats_of(src), detail::size_of(src), seen);
  }
};

/// A range that follows the batches: each end m becomes m + weight * (its value in the batch - m),
/// each operation rounded to FP32; the first batch with a finite element sets it. The order of the
/// batches matters; a batch without finite elements changes nothing.
/// Source: torch.ao MovingAverageMinMaxObserver, whose weight is 0.01.
class moving_average_observer : public detail::observed_range {
 public:
  FEWBITS_INLINE explicit moving_average_observer(float weight = 0.01f) : weight_(weight) {}

  template <isa Isa = native, contiguous Src>
  FEWBITS_INLINE void observe(const Src& src) {
    detail::observer_kernel<Isa>::moving_average(detail::floats_of(src), detail::size_of(src),
                                                 weight_, seen);
  }

 private:
  float weight_;
};

/// A histogram of magnitudes in `Bins` bins, a power of two, whose width is the smallest power of
/// two with which they hold all that came. When larger numbers come, bins are merged by pairs,
/// exactly: the result does not depend on the order or the cut of the batches.
template <std::size_t Bins = 2048>
class histogram_observer {
  static_assert(Bins >= 2 && Bins <= 65536 && (Bins & (Bins - 1)) == 0);

 public:
  FEWBITS_INLINE histogram_observer() {
    for (std::size_t i = 0; i < Bins; ++i) bins_[i] = 0;
  }
  template <isa Isa = native, contiguous Src>
  FEWBITS_INLINE void observe(const Src& src) {
    detail::observer_kernel<Isa>::histogram(detail::floats_of(src), detail::size_of(src), bins_,
                                            Bins, exponent_, seen_);
  }
  /// The parameters of `calibrate_absmax`.
  template <class Code, isa Isa = native>
  [[nodiscard]] FEWBITS_INLINE affine<Code> absmax() const {
    return detail::observer_kernel<Isa>::template absmax<Code>(amax());
  }
  /// As `calibrate_percentile`, where its amax is the upper end of a bin: that of the percentile's
  /// rank, but never above the largest magnitude.
  template <class Code, isa Isa = native>
  [[nodiscard]] FEWBITS_INLINE affine<Code> percentile(double percent) const {
    return detail::observer_kernel<Isa>::template absmax<Code>(percentile_amax(percent));
  }
  /// The amax among the upper ends of bins, from the 128th part of the bins up, with the least
  /// squared error of the centres of all bins, weighted by their counts; of equal ones the
  /// smallest.
  template <class Code, isa Isa = native>
  [[nodiscard]] FEWBITS_INLINE affine<Code> mse() const {
    static_assert(!is_basic_float<Code> && detail::code_range<Code>::bits <= 8,
                  "fewbits: mse is for integer codes of at most 8 bits");
    const std::size_t best = detail::order_of_number(amax()) == 0
                                 ? Bins
                                 : detail::observer_kernel<Isa>::least_error(
                                       bins_, Bins, detail::code_range<Code>::highest);
    return detail::observer_kernel<Isa>::template absmax<Code>(upper_end(best));
  }
  /// How many finite elements lie in bins above the one that holds `amax`.
  [[nodiscard]] FEWBITS_INLINE std::uint64_t above(float amax) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < Bins; ++i)
      if (detail::order_of_number(lower_end(i)) > detail::order_of_number(amax)) sum += bins_[i];
    return sum;
  }

  [[nodiscard]] FEWBITS_INLINE float low() const { return seen_.low; }
  [[nodiscard]] FEWBITS_INLINE float high() const { return seen_.high; }
  [[nodiscard]] FEWBITS_INLINE std::uint64_t count() const { return seen_.count; }
  [[nodiscard]] FEWBITS_INLINE std::uint64_t skipped() const { return seen_.skipped; }
  /// How many magnitudes are in a bin, and where it begins.
  [[nodiscard]] FEWBITS_INLINE std::uint64_t bin(std::size_t i) const { return bins_[i]; }
  [[nodiscard]] FEWBITS_INLINE float lower_end(std::size_t i) const {
    if (exponent_ == detail::observer_kernel<generic>::unknown) return 0;
    return detail::integer_times_power_of_two(i, exponent_);
  }

 private:
  [[nodiscard]] FEWBITS_INLINE float amax() const { return detail::larger(-seen_.low, seen_.high); }
  [[nodiscard]] FEWBITS_INLINE float upper_end(std::size_t bins) const {
    return bins >= Bins ? amax() : detail::smaller(lower_end(bins), amax());
  }
  [[nodiscard]] FEWBITS_INLINE float percentile_amax(double percent) const {
    if (seen_.count == seen_.skipped) return 0;
    std::uint64_t rank = detail::percentile_rank(percent, seen_.count - seen_.skipped);
    std::size_t i = 0;
    while (rank > bins_[i]) rank -= bins_[i++];
    return upper_end(i + 1);
  }
  std::uint64_t bins_[Bins];
  detail::observed seen_{0, 0, 0, 0};
  int exponent_ = detail::observer_kernel<generic>::unknown;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
