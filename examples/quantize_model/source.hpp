// SPDX-License-Identifier: MIT
// Matrices of a safetensors file as floats, some rows at a time.
#pragma once

#include <fewbits/convert.hpp>
#include <fewbits/io.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace quantize_model {

namespace fb = fewbits;

inline bool is_float(fb::dtype type) {
  return type == fb::dtype::f64 || type == fb::dtype::f32 || type == fb::dtype::f16 ||
         type == fb::dtype::bfloat16;
}

/// A matrix of FP64, FP32, FP16 or BF16 at any alignment.
class matrix_source {
 public:
  explicit matrix_source(const fb::stored_tensor& tensor)
      : tensor_(tensor), cols_(tensor.shape()[1]) {}

  [[nodiscard]] std::size_t rows() const { return tensor_.shape()[0]; }
  [[nodiscard]] std::size_t cols() const { return cols_; }

  /// Rows `first` to `first + count - 1`, until the next call.
  fb::matrix_view<const float> read(std::size_t first, std::size_t count) {
    switch (tensor_.type()) {
      case fb::dtype::f64:
        return converted<double>(first, count);
      case fb::dtype::f16:
        return converted<fb::fp16>(first, count);
      case fb::dtype::bfloat16:
        return converted<fb::bf16>(first, count);
      default:
        return elements<float>(first, count);
    }
  }

 private:
  /// As they are stored; copied where they are not aligned.
  template <class Element>
  fb::matrix_view<const Element> elements(std::size_t first, std::size_t count) {
    fb::array_view<const Element> all;
    if (!tensor_.as_span(all)) return {all.data() + first * cols_, count, cols_};
    const std::size_t row_bytes = cols_ * sizeof(Element);
    aligned_.resize(count * row_bytes);
    if (!aligned_.empty())
      std::memcpy(aligned_.data(), tensor_.bytes().data() + first * row_bytes, aligned_.size());
    return {reinterpret_cast<const Element*>(aligned_.data()), count, cols_};
  }
  template <class Element>
  fb::matrix_view<const float> converted(std::size_t first, std::size_t count) {
    floats_.resize(count * cols_);
    fb::convert(elements<Element>(first, count),
                fb::matrix_view<float>(floats_.data(), count, cols_));
    return {floats_.data(), count, cols_};
  }

  fb::stored_tensor tensor_;
  std::size_t cols_;
  std::vector<unsigned char> aligned_;
  std::vector<float> floats_;
};

/// The largest finite magnitude.
inline float amax_of(const fb::matrix_view<const float>& x, float so_far) {
  std::uint32_t largest = 0;
  std::memcpy(&largest, &so_far, sizeof largest);
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t j = 0; j < x.cols(); ++j) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, x.row(i) + j, sizeof bits);
      bits &= 0x7fffffff;
      bits = bits < 0x7f800000 ? bits : 0;
      largest = bits > largest ? bits : largest;
    }
  std::memcpy(&so_far, &largest, sizeof largest);
  return so_far;
}

/// Sums over numbers and what came back of them. Numbers that are not finite are only counted.
class comparison {
 public:
  void add(const fb::matrix_view<const float>& x, const fb::matrix_view<const float>& back) {
    // Several sums, so that they are added at once.
    constexpr std::size_t lanes = 8;
    const std::size_t count = x.rows() * x.cols();
    double signal[lanes] = {}, noise[lanes] = {};
    std::uint64_t skipped[lanes] = {};
    for (std::size_t i = 0; i + lanes <= count; i += lanes)
      for (std::size_t j = 0; j < lanes; ++j)
        add(x.data()[i + j], back.data()[i + j], signal[j], noise[j], skipped[j]);
    for (std::size_t i = count - count % lanes; i < count; ++i)
      add(x.data()[i], back.data()[i], signal[0], noise[0], skipped[0]);
    for (std::size_t j = 0; j < lanes; ++j) {
      signal_ += signal[j];
      noise_ += noise[j];
      skipped_ += skipped[j];
    }
  }
  void add(const comparison& other) {
    signal_ += other.signal_;
    noise_ += other.noise_;
    skipped_ += other.skipped_;
  }

  /// Signal to quantization noise, in dB. Infinite without an error.
  [[nodiscard]] double sqnr() const {
    if (noise_ == 0) return HUGE_VAL;
    return signal_ == 0 ? -HUGE_VAL : 10 * std::log10(signal_ / noise_);
  }
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  friend bool operator==(const comparison&, const comparison&) = default;

 private:
  static void add(float x, float back, double& signal, double& noise, std::uint64_t& skipped) {
    const bool is_finite = std::fabs(x) < HUGE_VALF;
    const double a = is_finite ? static_cast<double>(x) : 0;
    const double error = is_finite ? a - static_cast<double>(back) : 0;
    signal += a * a;
    // A number that became NaN, as in a block of MXFP4 with a NaN, is lost.
    noise += error == error ? error * error : HUGE_VAL;
    skipped += is_finite ? 0 : 1;
  }

  double signal_ = 0, noise_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace quantize_model
