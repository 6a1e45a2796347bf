// SPDX-License-Identifier: MIT
// Operands of a product: how packing reads the elements of a matrix, whatever it is stored as.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/gemm/element.hpp>
#include <fewbits/view/matrix_view.hpp>

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
    if constexpr (std::is_integral_v<To>) {
      if (std::is_signed_v<Element> == std::is_signed_v<To>) return 0;
      return std::is_signed_v<Element> ? 128U : 0U - 128U;
    } else {
      return 0;
    }
  }
};

/// The element type where packing may read memory itself, else void.
template <class Source>
struct plain_element {
  using type = void;
};
template <class Element>
struct plain_element<element_source<Element>> {
  using type = Element;
};

/// Of a view that may be an operand: `source` of it, and whether its rows are the stored ones.
template <class View>
struct matrix_traits;
template <class Element>
struct matrix_traits<matrix_view<Element>> {
  using source_type = element_source<std::remove_const_t<Element>>;
  static constexpr bool is_row_major = true;
  FEWBITS_INLINE static constexpr source_type source(const matrix_view<Element>& view) {
    return {view.data(), view.stride()};
  }
};
template <class Element>
struct matrix_traits<transposed_view<Element>> {
  using source_type = element_source<std::remove_const_t<Element>>;
  static constexpr bool is_row_major = false;
  FEWBITS_INLINE static constexpr source_type source(const transposed_view<Element>& view) {
    return {view.base().data(), view.base().stride()};
  }
};

template <class View>
using operand_source = typename matrix_traits<View>::source_type;

template <class View>
concept gemm_operand = requires {
  { operand_source<View>::kind };
};

template <class Left, class Right, isa Isa>
using gemm_kernel =
    typename kernel_for<compute_for<operand_source<Left>::kind, operand_source<Right>::kind, Isa>(),
                        Isa>::type;

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
