// SPDX-License-Identifier: MIT
// How matrices are quantized to each format.
#pragma once

#include <fewbits/io.hpp>
#include <fewbits/quantize.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "quantizer.hpp"
#include "source.hpp"

namespace quantize_model {

namespace fb = fewbits;

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
  explicit grouped(std::size_t group, method how = method::nearest, bool has_zero_point = false)
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
      if (method_ == method::mse) {
        // The standard's scale may clip the largest number of a block; this one never does, and may be
        // coarser.
        other_.assign(to.begin(), to.end());
        fb::quantize<fb::scale_rule::rceil>(
            x, span<Format>(other_[0].data(), other_[1].data(), x.rows(), x.cols()));
        choice_.begin(*this, x, size, fb::packed_bits<element>, to);
        choice_.offer(other_, to);
      }
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

  method method_;
  float tensor_scale_ = 1;
  std::vector<piece> other_;
  block_choice choice_;
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

/// Any of these with the scales that have the least squared errors: of each block, its largest magnitude
/// or less, and what is beyond is clipped.
class least_squares final : public quantizer {
 public:
  /// A block of 0 is a row.
  least_squares(std::unique_ptr<quantizer> codec, std::size_t block, int code_bits)
      : codec_(std::move(codec)), block_(block), code_bits_(code_bits) {}

  [[nodiscard]] std::vector<part> parts(std::size_t rows, std::size_t cols) const override {
    return codec_->parts(rows, cols);
  }
  [[nodiscard]] std::string refusal(std::size_t cols) const override {
    return codec_->refusal(cols);
  }
  [[nodiscard]] bool needs_amax() const override { return codec_->needs_amax(); }
  void begin(float amax) override { codec_->begin(amax); }

  void encode(const fb::matrix_view<const float>& x, std::vector<piece>& to) override {
    const std::size_t block = block_ == 0 ? x.cols() : block_;
    codec_->encode(x, to);
    choice_.begin(*codec_, x, block, code_bits_, to);
    other_.assign(to.begin(), to.end());
    clipped_.resize(x.rows() * x.cols());
    for (const float factor :
         {31 / 32.0f, 30 / 32.0f, 28 / 32.0f, 26 / 32.0f, 24 / 32.0f, 20 / 32.0f, 17 / 32.0f}) {
      for (std::size_t i = 0; i < x.rows(); ++i)
        for (std::size_t j = 0; j < x.cols(); j += block)
          clip(x.row(i) + j, &clipped_[i * x.cols() + j], std::min(block, x.cols() - j), factor);
      codec_->encode({clipped_.data(), x.rows(), x.cols()}, other_);
      choice_.offer(other_, to);
    }
  }
  void decode(const std::vector<const unsigned char*>& from,
              const fb::matrix_view<float>& to) const override {
    codec_->decode(from, to);
  }

 private:
  static void clip(const float* x, float* to, std::size_t count, float factor) {
    const float limit = amax_of({x, 1, count}, 0) * factor;
    for (std::size_t i = 0; i < count; ++i)
      to[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
  }

  std::unique_ptr<quantizer> codec_;
  std::size_t block_;
  int code_bits_;
  block_choice choice_;
  std::vector<piece> other_;
  std::vector<float> clipped_;
};

}  // namespace quantize_model
