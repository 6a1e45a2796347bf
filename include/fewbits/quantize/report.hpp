// SPDX-License-Identifier: MIT
// What quantization cost: `quantization_report`.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/quantize/affine.hpp>
#include <fewbits/quantize/calibrate.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A tensor compared with its codes. Elements that are not finite count in `skipped` only.
struct quantization_report {
  /// Signal-to-quantization-noise ratio in dB: 10 log10(sum x^2 / sum (x - back)^2). Infinite
  /// without error; -infinite where all numbers are zero and the codes are not.
  double sqnr_db;
  /// The largest |x - back|.
  double largest_error;
  /// sum x * back / sqrt(sum x^2 * sum back^2); 1 where both are all zero, 0 where one is.
  double cosine;
  std::size_t count, skipped;
  /// Finite elements whose quotient rounds to an integer beyond the codes.
  std::size_t clipped;
  /// Bits of codes, scales (32 each) and zero points or minima (32 each), over the number of
  /// elements.
  double bits_per_weight;
};

namespace detail {

/// Sums over pairs of numbers.
struct comparison_sums {
  double signal, noise, product, back, largest_error;
  std::size_t count, skipped;
};

template <isa Isa>
struct comparison_kernel {
  static void add(const float* x, const float* back, std::size_t count, comparison_sums& to) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t code = bit_cast<std::uint32_t>(x[i]);
      if ((code & 0x7fffffff) >= 0x7f800000) {
        ++to.skipped;
        continue;
      }
      const double a = static_cast<double>(x[i]), b = static_cast<double>(back[i]);
      const double error = a < b ? b - a : a - b;
      to.signal += a * a;
      to.back += b * b;
      to.product += a * b;
      to.noise += error * error;
      to.largest_error = error > to.largest_error ? error : to.largest_error;
    }
    to.count += count;
  }

  static quantization_report run(const float* x, const float* back, std::size_t count,
                                 double bits_per_weight) {
    const default_control_word<Isa> control_word;
    comparison_sums sums{0, 0, 0, 0, 0, 0, 0};
    add(x, back, count, sums);
    return summary(sums, bits_per_weight);
  }

  static quantization_report summary(const comparison_sums& of, double bits_per_weight) {
    const double infinity = __builtin_inf();
    quantization_report report{0, of.largest_error, 1, of.count, of.skipped, 0, bits_per_weight};
    report.sqnr_db = of.noise == 0    ? infinity
                     : of.signal == 0 ? -infinity
                                      : 10 * __builtin_log10(of.signal / of.noise);
    if (of.signal != 0 && of.back != 0) {
      report.cosine = of.product / (__builtin_sqrt(of.signal) * __builtin_sqrt(of.back));
    } else if (of.signal != of.back) {
      report.cosine = 0;
    }
    return report;
  }
};

template <class Code, class Granularity, isa Isa>
struct report_kernel {
  using kernel = affine_kernel<Code, Granularity, Isa>;

  template <class Codes>
  static quantization_report run(const floats& x, const scales_and_offsets& of,
                                 const Codes& codes) {
    const default_control_word<Isa> control_word;
    comparison_sums sums{0, 0, 0, 0, 0, 0, 0};
    std::size_t clips = 0;
    float back[staging_block];
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t begin = 0; begin < x.cols(); begin += staging_block) {
        const std::size_t end = x.cols() - begin < staging_block ? x.cols() : begin + staging_block;
        kernel::to_floats(codes.row(i), back, begin, end, i, x.cols(), of);
        comparison_kernel<Isa>::add(x.row(i) + begin, back, end - begin, sums);
      }
      for_stretches<Granularity>(
          0, x.cols(), i, x.cols(), of,
          [&](std::size_t from, std::size_t to, const scales_and_offsets& its) {
            clips += clipping<Code, Isa>::count(x.row(i) + from, to - from, its);
          });
    }
    const double stretches = static_cast<double>(Granularity::count(x.rows(), x.cols()));
    const double words = of.minimum != nullptr || of.zero_point != nullptr ? 2 : 1;
    const double bits =
        sums.count == 0
            ? 0
            : code_range<Code>::bits + 32 * words * stretches / static_cast<double>(sums.count);
    quantization_report report = comparison_kernel<Isa>::summary(sums, bits);
    report.clipped = clips;
    return report;
  }
};

}  // namespace detail

/// What is left of `src` in `codes`, quantized with `parameters`. Sums are in double, in order.
///
/// Errors: none. Requires equal shapes and parameters for them.
template <isa Isa = native, detail::affine_parameters Parameters, detail::code_matrix Codes>
[[nodiscard]] FEWBITS_INLINE quantization_report report_quantization(
    const matrix_view<const float>& src, const Parameters& parameters, const Codes& codes) {
  FEWBITS_ASSERT(src.rows() == codes.rows() && src.cols() == codes.cols(),
                 "report_quantization: src is %zu x %zu, codes %zu x %zu", src.rows(), src.cols(),
                 codes.rows(), codes.cols());
  detail::check_parameters(parameters, src.rows(), src.cols());
  return detail::report_kernel<typename detail::affine_traits<Parameters>::code,
                               typename detail::affine_traits<Parameters>::granularity,
                               Isa>::run(src, detail::pointers_to(parameters), codes);
}
template <isa Isa = native, contiguous Src, detail::tensor_parameters Parameters, class Codes>
[[nodiscard]] FEWBITS_INLINE quantization_report report_quantization(const Src& src,
                                                                     const Parameters& parameters,
                                                                     const Codes& codes) {
  return report_quantization<Isa>(detail::row_of_floats(src), parameters, detail::one_row(codes));
}

/// A tensor compared with what came back of it, whatever it went through; nothing counts as
/// clipped, and the caller knows the bits.
template <isa Isa = native>
[[nodiscard]] FEWBITS_INLINE quantization_report compare_with_original(
    array_view<const float> original, array_view<const float> back, double bits_per_weight) {
  FEWBITS_ASSERT(original.size() == back.size(), "compare_with_original: %zu and %zu elements",
                 original.size(), back.size());
  return detail::comparison_kernel<Isa>::run(original.data(), back.data(), original.size(),
                                             bits_per_weight);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
