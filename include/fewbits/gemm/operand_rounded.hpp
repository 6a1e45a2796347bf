// SPDX-License-Identifier: MIT
// `rounded_to`: an operand rounded to a narrower format as it is read, for the sake of a faster unit.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/gemm/operand.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// An operand whose elements are those of `View`, rounded to `Element`.
template <floating Element, class View>
class rounded_view {
 public:
  FEWBITS_INLINE constexpr explicit rounded_view(const View& base) : base_(base) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return base_.rows(); }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return base_.cols(); }
  [[nodiscard]] FEWBITS_INLINE constexpr const View& base() const { return base_; }

 private:
  View base_;
};

/// An operand of a product with its elements rounded to `Element`, nearest even with IEEE overflow, so
/// that the product runs in the arithmetic for that: `gemm(rounded_to<bf16>(x), transposed(w), y)`
/// takes FP32 activations and INT8, FP8 or FP4 weights to the BF16 unit. Weights with scales need
/// rounding too: `rounded_to<bf16>(transposed(w))`.
template <floating Element, detail::gemm_operand View>
[[nodiscard]] FEWBITS_INLINE constexpr rounded_view<Element, View> rounded_to(const View& operand) {
  return rounded_view<Element, View>(operand);
}

namespace detail {

template <class Element, class Source>
struct rounded_source {
  static constexpr compute_kind kind = gemm_element<Element>::kind;
  Source source;

  template <class To, isa Isa>
  FEWBITS_INLINE void read(std::size_t row, std::size_t begin, To* dst, std::size_t count) const {
    rounded_reader<To, Isa>::run(source, row, begin, dst, count);
  }
  template <class To>
  FEWBITS_INLINE static constexpr std::uint32_t surplus() {
    return 0;
  }

 private:
  template <class To, isa Isa>
  struct rounded_reader {
    using exact = std::conditional_t<Source::kind == compute_kind::fp64_fma, double, float>;
    static constexpr std::size_t chunk = 256;

    static void run(const Source& source, std::size_t row, std::size_t begin, To* dst,
                    std::size_t count) {
      exact numbers[chunk];
      for (std::size_t i = 0; i < count; i += chunk) {
        const std::size_t some = count - i < chunk ? count - i : chunk;
        source.template read<exact, Isa>(row, begin + i, numbers, some);
        if constexpr (format_of<To> == format_of<Element>) {
          convert_run<cast_policy{}, Isa>(static_cast<const exact*>(numbers), dst + i, some);
        } else {
          Element rounded[chunk];
          convert_run<cast_policy{}, Isa>(static_cast<const exact*>(numbers), rounded, some);
          convert_run<cast_policy{}, Isa>(static_cast<const Element*>(rounded), dst + i, some);
        }
      }
    }
  };
};

template <class Element, class Source>
inline constexpr bool is_fp16_source<rounded_source<Element, Source>> = is_fp16_element<Element>;

template <class Element, class View>
struct matrix_traits<rounded_view<Element, View>> {
  using source_type = rounded_source<Element, operand_source<View>>;
  static constexpr bool is_row_major = matrix_traits<View>::is_row_major;
  FEWBITS_INLINE static constexpr source_type source(const rounded_view<Element, View>& view) {
    return {matrix_traits<View>::source(view.base())};
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
