// SPDX-License-Identifier: MIT
// Operands of a product: how packing reads the elements of a matrix, whatever it is stored as.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/packing.hpp>
#include <fewbits/convert/run.hpp>
#include <fewbits/gemm/element.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

// A source is an operand without its shape: rows of elements as they are stored. It has
//   kind           the cheapest arithmetic that holds all its elements exactly;
//   read<To, Isa>(row, begin, dst, count)
//                  writes `count` consecutive elements of a stored row, from element `begin` on, as
//                  `To`, exactly but for what `surplus` says; it reads no byte that holds none of
//                  them (or of their parameters);
//   surplus<To>()  what `read` adds to each element, for integers `To`.

/// Elements one after the other, rows `stride` elements apart.
template <class Element>
struct element_source {
  static constexpr compute_kind kind = gemm_element<Element>::kind;
  const Element* data;
  std::size_t stride;

  template <class To, isa Isa>
  FEWBITS_INLINE void read(std::size_t row, std::size_t begin, To* dst, std::size_t count) const {
    gemm_element<Element>::template decode<To, Isa>(data + row * stride + begin, dst, count);
  }
  template <class To>
  FEWBITS_INLINE static constexpr std::uint32_t surplus() {
    if constexpr (integer<Element> && std::is_integral_v<To>) {
      return integer_surplus<integer_format_of<Element>, To>;
    } else {
      return 0;
    }
  }
};

/// Elements of at most 8 bits without gaps, rows `stride` elements apart.
template <class Element>
struct packed_element_source {
  static constexpr compute_kind kind = gemm_element<Element>::kind;
  static constexpr int bits = packed_bits<Element>;
  const unsigned char* data;
  std::size_t stride, offset;

  template <class To, isa Isa>
  FEWBITS_INLINE void read(std::size_t row, std::size_t begin, To* dst, std::size_t count) const {
    const std::size_t first = offset + row * stride + begin;
    unsigned char* const bytes = reinterpret_cast<unsigned char*>(dst);
    if constexpr (!std::is_integral_v<To>) {
      run_kernel<Element, bits, as_class<To>, static_cast<int>(8 * sizeof(To)), cast_policy{},
                 Isa>::run(data, first, bytes, 0, count);
    } else {
      if constexpr (bits == 8) {
        __builtin_memcpy(bytes, data + first, count);
      } else {
        packing<bits, Isa>::unpack(data, first, bytes, count);
      }
      widen_codes<integer_format_of<Element>, To, Isa>(bytes, count);
    }
  }
  template <class To>
  FEWBITS_INLINE static constexpr std::uint32_t surplus() {
    return element_source<Element>::template surplus<To>();
  }
};

/// Whether all elements are FP16 numbers.
template <class Source>
inline constexpr bool is_fp16_source = Source::kind == compute_kind::int8_dot;
template <class Element>
inline constexpr bool is_fp16_source<element_source<Element>> = is_fp16_element<Element>;
template <class Element>
inline constexpr bool is_fp16_source<packed_element_source<Element>> = is_fp16_element<Element>;

/// The element type where packing may read memory itself, else void.
template <class Source>
struct plain_element {
  using type = void;
};
template <class Element>
struct plain_element<element_source<Element>> {
  using type = Element;
};

/// Of a class of matrices that may be operands: `type`, a source, and `of(matrix)`, which makes it.
template <class Matrix>
struct source_of_matrix;
template <class Element>
struct source_of_matrix<matrix_view<Element>> {
  using type = element_source<std::remove_const_t<Element>>;
  FEWBITS_INLINE static constexpr type of(const matrix_view<Element>& matrix) {
    return {matrix.data(), matrix.stride()};
  }
};
template <class Element>
struct source_of_matrix<packed_matrix_view<Element>> {
  using type = packed_element_source<std::remove_const_t<Element>>;
  FEWBITS_INLINE static constexpr type of(const packed_matrix_view<Element>& matrix) {
    return {matrix.data(), matrix.stride(), matrix.offset()};
  }
};

template <class Matrix>
concept stored_matrix = requires { typename source_of_matrix<Matrix>::type; };

}  // namespace detail

/// The transpose of a matrix of any class that may be an operand.
template <class Matrix>
class transposed_matrix {
 public:
  FEWBITS_INLINE constexpr explicit transposed_matrix(const Matrix& base) : base_(base) {}

  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t rows() const { return base_.cols(); }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t cols() const { return base_.rows(); }
  [[nodiscard]] FEWBITS_INLINE constexpr const Matrix& base() const { return base_; }

 private:
  Matrix base_;
};

template <detail::stored_matrix Matrix>
[[nodiscard]] FEWBITS_INLINE constexpr transposed_matrix<Matrix> transposed(const Matrix& matrix) {
  return transposed_matrix<Matrix>(matrix);
}
template <class Matrix>
[[nodiscard]] FEWBITS_INLINE constexpr Matrix transposed(const transposed_matrix<Matrix>& matrix) {
  return matrix.base();
}

namespace detail {

/// Of an operand: its source, and whether its rows are the stored ones.
template <class View>
struct matrix_traits;
template <stored_matrix Matrix>
struct matrix_traits<Matrix> {
  using source_type = typename source_of_matrix<Matrix>::type;
  static constexpr bool is_row_major = true;
  FEWBITS_INLINE static constexpr source_type source(const Matrix& matrix) {
    return source_of_matrix<Matrix>::of(matrix);
  }
};
template <class Matrix>
struct transposed_traits {
  using source_type = typename source_of_matrix<Matrix>::type;
  static constexpr bool is_row_major = false;
  template <class View>
  FEWBITS_INLINE static constexpr source_type source(const View& view) {
    return source_of_matrix<Matrix>::of(view.base());
  }
};
template <class Element>
struct matrix_traits<transposed_view<Element>> : transposed_traits<matrix_view<Element>> {};
template <class Matrix>
struct matrix_traits<transposed_matrix<Matrix>> : transposed_traits<Matrix> {};

template <class View>
using operand_source = typename matrix_traits<View>::source_type;

template <class View>
concept gemm_operand = requires {
  { operand_source<View>::kind };
};

/// Whether products of these sources may be those of FP16 numbers if one of them asks for that.
template <class Left, class Right>
inline constexpr bool fp16_agrees =
    (Left::kind != compute_kind::fp16_fma && Right::kind != compute_kind::fp16_fma) ||
    (is_fp16_source<Left> && is_fp16_source<Right>);

/// The kernel for rows of A: signed bytes as they are, where there is one for them.
template <class Left, class Kernel>
struct kernel_of_left {
  using type = Kernel;
};
template <class Left, class Kernel>
  requires requires { typename Kernel::of_signed_rows; } &&
           (Left::template surplus<typename Kernel::a_type>() != 0)
struct kernel_of_left<Left, Kernel> {
  using type = typename Kernel::of_signed_rows;
};

template <class Left, class Right, isa Isa>
struct kernel_of_sources {
  static_assert(fp16_agrees<Left, Right>,
                "fewbits: fp16_sums needs A and B of FP16 numbers; others by rounded_to<fp16>");
  using kernel = typename kernel_for<compute_for<Left::kind, Right::kind, Isa>(), Isa>::type;
  using type = typename kernel_of_left<Left, kernel>::type;
};
template <class Left, class Right, isa Isa>
using gemm_kernel =
    typename kernel_of_sources<operand_source<Left>, operand_source<Right>, Isa>::type;

}  // namespace detail

/// The arithmetic of a product of operands of these classes with more than 8 rows.
template <detail::gemm_operand Left, detail::gemm_operand Right, isa Isa = native>
inline constexpr compute_kind product_arithmetic =
    detail::compute_for<detail::operand_source<Left>::kind, detail::operand_source<Right>::kind,
                        Isa>();

namespace detail {

/// What every product requires of its shapes and of its `given` bytes of workspace.
template <class Left, class Right, class Out>
FEWBITS_INLINE void check_product([[maybe_unused]] const Left& a, [[maybe_unused]] const Right& b,
                                  [[maybe_unused]] const matrix_view<Out>& c,
                                  [[maybe_unused]] std::size_t given,
                                  [[maybe_unused]] std::size_t needed) {
  FEWBITS_ASSERT(a.cols() == b.rows() && a.rows() == c.rows() && b.cols() == c.cols(),
                 "gemm: A is %zu x %zu, B %zu x %zu, C %zu x %zu", a.rows(), a.cols(), b.rows(),
                 b.cols(), c.rows(), c.cols());
  FEWBITS_ASSERT(given >= needed, "gemm: workspace has %zu bytes of %zu", given, needed);
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
