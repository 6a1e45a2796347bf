// SPDX-License-Identifier: MIT
// How a matrix is stored in each format: which tensors it becomes, and some rows of them at a time.
#pragma once

#include <fewbits/io.hpp>
#include <fewbits/quantize.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
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

/// BF16 and FP16: the numbers themselves.
template <class Float>
class converter final : public quantizer {
 public:
  [[nodiscard]] std::vector<part> parts(std::size_t rows, std::size_t cols) const override {
    return {{"", fb::dtype_of<Float>, {rows, cols}}};
  }
  void encode(const fb::matrix_view<const float>& x, std::vector<piece>& to) override {
    fb::convert(x,
                fb::matrix_view<Float>(reinterpret_cast<Float*>(to[0].data()), x.rows(), x.cols()));
  }
  void decode(const std::vector<const unsigned char*>& from,
              const fb::matrix_view<float>& to) const override {
    fb::convert(
        fb::matrix_view<const Float>(reinterpret_cast<const Float*>(from[0]), to.rows(), to.cols()),
        to);
  }
};

/// Scales for groups of a row, of any size; zero points where they are asked for.
template <class Code>
class grouped final : public quantizer {
  static constexpr bool is_integer =
      std::is_same_v<Code, fb::int4> || std::is_same_v<Code, fb::int8>;
  static constexpr bool is_packed = std::is_same_v<Code, fb::int4>;

 public:
  /// A group of 0 is a row.
  grouped(std::size_t group, method how, bool has_zero_point)
      : group_(group), method_(how), has_zero_point_(has_zero_point) {}

  [[nodiscard]] std::vector<part> parts(std::size_t rows, std::size_t cols) const override {
    const std::size_t groups = group_ == 0 ? 1 : divide_up(cols, group_);
    std::vector<part> all{{"", fb::dtype::u8, {rows, is_packed ? divide_up(cols, 2) : cols}},
                          {".scale", fb::dtype::f32, {rows, groups}}};
    if constexpr (!is_packed) all[0].type = fb::dtype_of<Code>;
    if (has_zero_point_) all.push_back({".zero_point", fb::dtype::i8, {rows, groups}});
    return all;
  }

  void encode(const fb::matrix_view<const float>& x, std::vector<piece>& to) override {
    if constexpr (is_packed)  // the last nibble of a row is zero where the row does not need it
      if (x.cols() % 2 != 0) std::memset(to[0].data(), 0, to[0].size());
    float* const scales = reinterpret_cast<float*>(to[1].data());
    for_pieces(x.rows(), x.cols(), [&](const stretch& at) {
      const fb::matrix_view<const float> its(x.data() + at.element, at.rows, at.cols);
      const fb::array_view<float> scale(scales + at.scale, at.rows);
      const auto codes = view<Code>(to[0].data(), at);
      if constexpr (is_integer)
        if (has_zero_point_) {
          zero_points_.resize(at.rows);
          const auto parameters = fb::calibrate_minmax<Code, fb::per_row>(its, scale, zero_points_);
          fb::quantize(its, parameters, codes);
          for (std::size_t i = 0; i < at.rows; ++i)
            to[2][at.scale + i] = static_cast<unsigned char>(zero_points_[i]);
          return;
        }
      if constexpr (is_integer)
        if (method_ == method::mse) {
          fb::quantize(its, fb::calibrate_mse<Code, fb::per_row>(its, scale), codes);
          return;
        }
      fb::quantize(its, fb::calibrate_absmax<Code, fb::per_row>(its, scale), codes);
    });
  }

  void decode(const std::vector<const unsigned char*>& from,
              const fb::matrix_view<float>& to) const override {
    const float* const scales = reinterpret_cast<const float*>(from[1]);
    for_pieces(to.rows(), to.cols(), [&](const stretch& at) {
      fb::affine<Code, fb::per_row> parameters{.scale = {scales + at.scale, at.rows}};
      std::vector<std::int32_t> zero_points;
      if (has_zero_point_) {
        for (std::size_t i = 0; i < at.rows; ++i)
          zero_points.push_back(static_cast<std::int8_t>(from[2][at.scale + i]));
        parameters.zero_point = zero_points;
      }
      fb::dequantize(view<const Code>(from[0], at), parameters,
                     fb::matrix_view<float>(to.data() + at.element, at.rows, at.cols));
    });
  }

 private:
  /// Groups of one size, seen as the rows of a matrix.
  struct stretch {
    std::size_t element, code, scale;  // where they begin
    std::size_t rows, cols;
  };

  template <class Visit>
  void for_pieces(std::size_t rows, std::size_t cols, const Visit& visit) const {
    const std::size_t group = group_ == 0 ? cols : group_;
    const std::size_t stride = is_packed ? cols + cols % 2 : cols;
    if (cols % group == 0 && stride == cols) {
      visit(stretch{0, 0, 0, rows * (cols / group), group});
      return;
    }
    const std::size_t whole = cols / group, rest = cols % group, groups = divide_up(cols, group);
    for (std::size_t i = 0; i < rows; ++i) {
      if (whole != 0) visit(stretch{i * cols, i * stride, i * groups, whole, group});
      if (rest != 0)
        visit(stretch{i * cols + whole * group, i * stride + whole * group, i * groups + whole, 1,
                      rest});
    }
  }

  template <class Element, class Byte>
  static auto view(Byte* codes, const stretch& at) {
    if constexpr (is_packed) {
      return fb::packed_matrix_view<Element>(codes, at.rows, at.cols, at.cols, at.code);
    } else {
      return fb::matrix_view<Element>(reinterpret_cast<Element*>(codes) + at.code, at.rows,
                                      at.cols);
    }
  }

  std::size_t group_;
  method method_;
  bool has_zero_point_;
  std::vector<std::int32_t> zero_points_;
};

/// Blocks with a scale of 8 bits: OCP MX and NVFP4.
template <class Format>
class block_quantizer final : public quantizer {
  using element = typename Format::element_type;
  using scale = typename Format::scale_type;
  static constexpr std::size_t size = Format::block_size;
  static constexpr bool is_packed = fb::packed_bits<element> != 8;

 public:
  explicit block_quantizer(method how) : method_(how) {}

  [[nodiscard]] std::vector<part> parts(std::size_t rows, std::size_t cols) const override {
    // NVFP4's scales are positive E4M3 numbers, of which the sign bit is 0.
    const fb::dtype scales = Format::has_tensor_scale ? fb::dtype::f8_e4m3 : fb::dtype::f8_e8m0;
    std::vector<part> all{{"", fb::dtype_of<element>, {rows, cols}},
                          {".scale", scales, {rows, divide_up(cols, size)}}};
    if (Format::has_tensor_scale) all.push_back({".tensor_scale", fb::dtype::f32, {}});
    return all;
  }
  [[nodiscard]] std::string refusal(std::size_t cols) const override {
    return is_packed && cols % 2 != 0 ? "its rows do not fill whole bytes" : "";
  }

  [[nodiscard]] bool needs_amax() const override { return Format::has_tensor_scale; }
  void begin(float amax) override {
    if constexpr (Format::has_tensor_scale) {
      const float largest[] = {amax};
      tensor_scale_ = fb::calibrate_tensor_scale<Format>(largest);
    }
  }

  void encode(const fb::matrix_view<const float>& x, std::vector<piece>& to) override {
    if constexpr (Format::has_tensor_scale) {
      std::memcpy(to[2].data(), &tensor_scale_, sizeof tensor_scale_);
      auto blocks = span<Format>(to[0].data(), to[1].data(), x.rows(), x.cols());
      blocks.set_tensor_scale(tensor_scale_);
      fb::quantize_with_tensor_scale(x, blocks);
    } else {
      fb::quantize(x, span<Format>(to[0].data(), to[1].data(), x.rows(), x.cols()));
      if (method_ == method::mse) improve(x, to);
    }
  }

  void decode(const std::vector<const unsigned char*>& from,
              const fb::matrix_view<float>& to) const override {
    auto blocks = span<const Format>(from[0], from[1], to.rows(), to.cols());
    if constexpr (Format::has_tensor_scale) {
      float tensor_scale = 0;
      std::memcpy(&tensor_scale, from[2], sizeof tensor_scale);
      blocks.set_tensor_scale(tensor_scale);
    }
    fb::dequantize(blocks, to);
  }

 private:
  template <class Type, class Byte>
  static fb::block_span<Type> span(Byte* elements, Byte* scales, std::size_t rows,
                                   std::size_t cols) {
    using scale_type = std::conditional_t<std::is_const_v<Byte>, const scale, scale>;
    return {elements, reinterpret_cast<scale_type*>(scales), rows, cols};
  }

  /// The standard's scale may clip the largest number of a block; one that never does may be coarser. Of
  /// both, each block gets the one with the smaller sum of squared errors.
  void improve(const fb::matrix_view<const float>& x, std::vector<piece>& to) {
    other_ = to;
    fb::quantize<fb::scale_rule::rceil>(
        x, span<Format>(other_[0].data(), other_[1].data(), x.rows(), x.cols()));
    back_.resize(x.rows() * x.cols());
    other_back_.resize(back_.size());
    const std::size_t cols = x.cols(), blocks = divide_up(cols, size);
    const std::size_t row_bytes = fb::packed_bytes<element>(cols);
    decode({to[0].data(), to[1].data()}, {back_.data(), x.rows(), cols});
    decode({other_[0].data(), other_[1].data()}, {other_back_.data(), x.rows(), cols});
    for (std::size_t i = 0; i < x.rows(); ++i)
      for (std::size_t j = 0; j < cols; j += size) {
        const std::size_t count = cols - j < size ? cols - j : size;
        if (!(squares(x.row(i) + j, &other_back_[i * cols + j], count) <
              squares(x.row(i) + j, &back_[i * cols + j], count)))
          continue;
        to[1][i * blocks + j / size] = other_[1][i * blocks + j / size];
        const std::size_t begin = i * row_bytes + fb::packed_bytes<element>(j);
        std::memcpy(&to[0][begin], &other_[0][begin], fb::packed_bytes<element>(count));
      }
  }
  static double squares(const float* x, const float* back, std::size_t count) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double error = static_cast<double>(x[i]) - static_cast<double>(back[i]);
      sum += error * error;
    }
    return sum;
  }

  method method_;
  float tensor_scale_ = 1;
  std::vector<piece> other_;
  std::vector<float> back_, other_back_;
};

/// NF4, `Group` numbers of a row to a scale.
template <std::size_t Group>
class nf4_quantizer final : public quantizer {
 public:
  [[nodiscard]] std::vector<part> parts(std::size_t rows, std::size_t cols) const override {
    return {{"", fb::dtype::u8, {rows, divide_up(cols, 2)}},
            {".scale", fb::dtype::f32, {rows, divide_up(cols, Group)}}};
  }
  void encode(const fb::matrix_view<const float>& x, std::vector<piece>& to) override {
    if (x.cols() % 2 != 0) std::memset(to[0].data(), 0, to[0].size());
    float* const scales = reinterpret_cast<float*>(to[1].data());
    for_lines(x.rows(), x.cols(),
              [&](std::size_t element, std::size_t code, std::size_t first, std::size_t count) {
                fb::quantize<Group>(fb::array_view<const float>(x.data() + element, count), fb::nf4,
                                    fb::packed_span<fb::uint4>(to[0].data(), count, code),
                                    fb::array_view<float>(scales + first, divide_up(count, Group)));
              });
  }
  void decode(const std::vector<const unsigned char*>& from,
              const fb::matrix_view<float>& to) const override {
    const float* const scales = reinterpret_cast<const float*>(from[1]);
    for_lines(to.rows(), to.cols(),
              [&](std::size_t element, std::size_t code, std::size_t first, std::size_t count) {
                fb::dequantize<Group>(
                    fb::packed_span<const fb::uint4>(from[0], count, code), fb::nf4,
                    fb::array_view<const float>(scales + first, divide_up(count, Group)),
                    fb::array_view<float>(to.data() + element, count));
              });
  }

 private:
  /// A row at a time, or all where groups do not end within rows.
  template <class Visit>
  static void for_lines(std::size_t rows, std::size_t cols, const Visit& visit) {
    if (cols % Group == 0) {
      visit(0, 0, 0, rows * cols);
      return;
    }
    for (std::size_t i = 0; i < rows; ++i)
      visit(i * cols, i * (cols + cols % 2), i * divide_up(cols, Group), cols);
  }
};

}  // namespace quantize_model
