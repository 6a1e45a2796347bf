// SPDX-License-Identifier: MIT
// How a matrix is stored in a format: which tensors it becomes, and some rows of them at a time.
#pragma once

#include <fewbits/io.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace quantize_model {

namespace fb = fewbits;

/// A tensor that stands for a matrix with others: its name is that of the matrix and `suffix`. The first
/// dimension is the matrix's rows, but for a tensor of one number.
struct part {
  const char* suffix;
  fb::dtype type;
  std::vector<std::uint64_t> shape;

  /// Of one row; of the number where there is one only.
  [[nodiscard]] std::size_t row_bytes() const {
    const std::size_t bits = static_cast<std::size_t>(fb::bits_of(type));
    return (shape.empty() ? bits : shape[1] * bits) / 8;
  }
};

/// The bytes of a part, for some rows.
using piece = std::vector<unsigned char>;

/// A format. One object quantizes one matrix after the other, in pieces of whole rows.
class quantizer {
 public:
  quantizer() = default;
  quantizer(const quantizer&) = delete;
  quantizer& operator=(const quantizer&) = delete;
  virtual ~quantizer() = default;

  [[nodiscard]] virtual std::vector<part> parts(std::size_t rows, std::size_t cols) const = 0;
  /// Why rows of `cols` elements cannot be stored; empty where they can.
  [[nodiscard]] virtual std::string refusal(std::size_t) const { return ""; }
  /// Whether `begin` must be told the largest finite magnitude of the matrix.
  [[nodiscard]] virtual bool needs_amax() const { return false; }
  virtual void begin(float) {}
  /// One piece for each part, of the right size already.
  virtual void encode(const fb::matrix_view<const float>& x, std::vector<piece>& to) = 0;
  virtual void decode(const std::vector<const unsigned char*>& from,
                      const fb::matrix_view<float>& to) const = 0;
};

enum class method : unsigned char { nearest, mse };

inline std::size_t divide_up(std::size_t count, std::size_t by) { return (count + by - 1) / by; }

/// Chooses the better one of several ways to store some rows, block by block. The first part is the codes,
/// the second one a scale for each block of each row.
class block_choice {
 public:
  /// `first` is one way.
  void begin(const quantizer& codec, const fb::matrix_view<const float>& x, std::size_t block,
             int code_bits, const std::vector<piece>& first) {
    codec_ = &codec;
    x_ = x;
    block_ = block;
    code_bits_ = static_cast<std::size_t>(code_bits);
    blocks_ = divide_up(x.cols(), block);
    errors_.assign(x.rows() * blocks_, 0);
    decode(first);
    for (std::size_t i = 0; i < errors_.size(); ++i) errors_[i] = error_of(i);
  }

  /// Copies the blocks of `other` that have a smaller sum of squared errors than those in `best`.
  void offer(const std::vector<piece>& other, std::vector<piece>& best) {
    decode(other);
    const std::size_t code_row = best[0].size() / x_.rows();
    const std::size_t scale_bytes = best[1].size() / errors_.size();
    for (std::size_t i = 0; i < errors_.size(); ++i) {
      const double error = error_of(i);
      if (!(error < errors_[i])) continue;
      errors_[i] = error;
      std::memcpy(&best[1][i * scale_bytes], &other[1][i * scale_bytes], scale_bytes);
      const std::size_t begin = i / blocks_ * code_row + i % blocks_ * block_ * code_bits_ / 8;
      std::memcpy(&best[0][begin], &other[0][begin], divide_up(length(i) * code_bits_, 8));
    }
  }

 private:
  [[nodiscard]] std::size_t length(std::size_t i) const {
    return std::min(block_, x_.cols() - i % blocks_ * block_);
  }
  void decode(const std::vector<piece>& from) {
    back_.resize(x_.rows() * x_.cols());
    std::vector<const unsigned char*> pointers;
    for (const piece& each : from) pointers.push_back(each.data());
    codec_->decode(pointers, {back_.data(), x_.rows(), x_.cols()});
  }
  [[nodiscard]] double error_of(std::size_t i) const {
    const std::size_t begin = i / blocks_ * x_.cols() + i % blocks_ * block_;
    double sum = 0;
    for (std::size_t j = begin; j < begin + length(i); ++j) {
      const double error = static_cast<double>(x_.data()[j]) - static_cast<double>(back_[j]);
      sum += error * error;
    }
    return sum;
  }

  const quantizer* codec_ = nullptr;
  fb::matrix_view<const float> x_;
  std::size_t block_ = 1, blocks_ = 1, code_bits_ = 8;
  std::vector<float> back_;
  std::vector<double> errors_;
};

}  // namespace quantize_model
