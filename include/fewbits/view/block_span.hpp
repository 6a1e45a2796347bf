// SPDX-License-Identifier: MIT
// `block_scaled`: elements of few bits that share a scale, as a type; `block_span` and `block_array`,
// matrices of them.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/block_format.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/view/fixed_point.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Blocks of `BlockSize` numbers: an `Element` each (a `basic_float`, `basic_int` or `fixed_point` of at
/// most 8 bits) and one `Scale`, a `basic_float` with a NaN. The number is element * scale.
///
/// A scale of at most 8 bits, some of them mantissa, covers few powers of two, so all blocks of a tensor
/// share one FP32 scale more: the number is element * scale * tensor scale.
template <class Element, class Scale, std::size_t BlockSize>
struct block_scaled {
  static_assert(packed_bits<Element> <= 8, "fewbits: elements of blocks have at most 8 bits");
  static_assert(is_basic_float<Scale> && Scale::format.has_nan() && BlockSize > 0);

  using element_type = Element;
  using scale_type = Scale;
  static constexpr std::size_t block_size = BlockSize;
  static constexpr bool has_tensor_scale = Scale::format.mantissa_bits > 0 &&
                                           Scale::format.bits() <= 8;
  /// How many bits it takes, as `weight_bytes` counts them.
  static constexpr block_format format{.element_bits = packed_bits<Element>,
                                       .block_size = static_cast<int>(BlockSize),
                                       .overhead_bits = static_cast<int>(8 * sizeof(Scale)),
                                       .tensor_bits = has_tensor_scale ? 32 : 0};
};

/// OCP MX 1.0, clause 5.
using mxfp8_e4m3 = block_scaled<fp8_e4m3, scale_e8m0, 32>;
using mxfp8_e5m2 = block_scaled<fp8_e5m2, scale_e8m0, 32>;
using mxfp6_e2m3 = block_scaled<fp6_e2m3, scale_e8m0, 32>;
using mxfp6_e3m2 = block_scaled<fp6_e3m2, scale_e8m0, 32>;
using mxfp4 = block_scaled<fp4_e2m1, scale_e8m0, 32>;
using mxint8 = block_scaled<fixed_point<formats::mxint8>, scale_e8m0, 32>;
/// NVIDIA's NVFP4.
using nvfp4 = block_scaled<fp4_e2m1, scale_ue4m3, 16>;

/// A rows x cols matrix in `Format`, a `block_scaled`; owned by someone else. `Format` may be const.
///
/// Elements: packed low bits first (see `packed_span`); each row begins a new byte.
/// Scales:   an array of their own, row-major; each row begins a new block, its last one may be short.
template <class Format>
class block_span {
  static constexpr bool is_const = std::is_const_v<Format>;

 public:
  using format_type = std::remove_const_t<Format>;
  using element_type = typename format_type::element_type;
  using scale_type = typename format_type::scale_type;
  using byte_type = std::conditional_t<is_const, const unsigned char, unsigned char>;
  using scale_pointer = std::conditional_t<is_const, const scale_type*, scale_type*>;
  using element_span = packed_span<std::conditional_t<is_const, const element_type, element_type>>;

  /// Bytes of a row of elements.
  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t row_bytes(std::size_t cols) {
    return packed_bytes<element_type>(cols);
  }
  /// Scales of a row.
  [[nodiscard]] FEWBITS_INLINE static constexpr std::size_t row_blocks(std::size_t cols) {
    return cols / format_type::block_size + (cols % format_type::block_size != 0 ? 1 : 0);
  }

  FEWBITS_INLINE constexpr block_span() = default;
  /// One row: row_bytes(size) bytes of elements, row_blocks(size) scales.
  FEWBITS_INLINE constexpr block_span(byte_type* elements, scale_pointer scales, std::size_t size)
      : block_span(elements, scales, 1, size) {}
  FEWBITS_INLINE constexpr block_span(byte_type* elements, scale_pointer scales, std::size_t rows,
                                      std::size_t cols)
      : elements_(elements), scales_(scales), rows_(rows), cols_(cols) {}
  template <class Other>
    requires std::is_same_v<const Other, Format>
  FEWBITS_INLINE constexpr block_span(const block_span<Other>& other)
      : elements_(other.elements()),
        scales_(other.scales()),
        rows_(other.rows()),
        cols_(other.cols()),
        tensor_scale_(other.tensor_scale()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr byte_type* elements() const { return elements_; }
  [[nodiscard]] FEWBITS_INLINE constexpr scale_pointer scales() const { return scales_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return rows_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return cols_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t size() const { return rows_ * cols_; }

  [[nodiscard]] FEWBITS_INLINE constexpr element_span row_elements(std::size_t i) const {
    return {elements_ + i * row_bytes(cols_), cols_};
  }
  [[nodiscard]] FEWBITS_INLINE constexpr scale_pointer row_scales(std::size_t i) const {
    return scales_ + i * row_blocks(cols_);
  }
  /// The element in row i, column j, and the scale of its block.
  [[nodiscard]] FEWBITS_INLINE constexpr element_type element(std::size_t i, std::size_t j) const {
    return row_elements(i)[j];
  }
  [[nodiscard]] FEWBITS_INLINE constexpr scale_type scale(std::size_t i, std::size_t j) const {
    return row_scales(i)[j / format_type::block_size];
  }

  /// 1 unless set. It belongs to the span, not to the memory.
  [[nodiscard]] FEWBITS_INLINE constexpr float tensor_scale() const { return tensor_scale_; }
  FEWBITS_INLINE constexpr void set_tensor_scale(float scale)
    requires format_type::has_tensor_scale
  {
    tensor_scale_ = scale;
  }

 private:
  byte_type* elements_ = nullptr;
  scale_pointer scales_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  float tensor_scale_ = 1;
};

/// A rows x cols matrix in `Format` that owns its memory, from the heap and zero at first. It can be
/// moved, not copied. `span()` views it; a moved-from array is empty.
template <class Format>
class block_array {
 public:
  using format_type = Format;
  using scale_type = typename Format::scale_type;

  FEWBITS_INLINE block_array() = default;
  FEWBITS_INLINE explicit block_array(std::size_t size) : block_array(1, size) {}
  FEWBITS_INLINE block_array(std::size_t rows, std::size_t cols)
      : span_(new unsigned char[rows * block_span<Format>::row_bytes(cols)](),
              new scale_type[rows * block_span<Format>::row_blocks(cols)](), rows, cols) {}
  FEWBITS_INLINE block_array(block_array&& other) noexcept : span_(other.span_) {
    other.span_ = block_span<Format>();
  }
  FEWBITS_INLINE block_array& operator=(block_array&& other) noexcept {
    const block_span<Format> mine = span_;
    span_ = other.span_;
    other.span_ = mine;
    return *this;
  }
  FEWBITS_INLINE ~block_array() {
    delete[] span_.elements();
    delete[] span_.scales();
  }

  [[nodiscard]] FEWBITS_INLINE block_span<Format>& span() { return span_; }
  [[nodiscard]] FEWBITS_INLINE block_span<const Format> span() const { return span_; }
  [[nodiscard]] FEWBITS_INLINE std::size_t rows() const { return span_.rows(); }
  [[nodiscard]] FEWBITS_INLINE std::size_t cols() const { return span_.cols(); }
  [[nodiscard]] FEWBITS_INLINE std::size_t size() const { return span_.size(); }

 private:
  block_span<Format> span_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
