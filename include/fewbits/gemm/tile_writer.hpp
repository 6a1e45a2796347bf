// SPDX-License-Identifier: MIT
// Where the tiles of a product go: through the epilogue, with one rounding, into C.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <class Out, class Accumulator, std::size_t Nr, class Epilogue, isa Isa>
struct tile_writer {
  using value_type = std::conditional_t<std::is_same_v<Accumulator, double>, double, float>;
  matrix_view<Out> c;
  Epilogue epilogue;

  static void store(const void* self, const Accumulator* tile, std::size_t row, std::size_t col,
                    std::size_t rows, std::size_t cols) {
    const tile_writer& writer = *static_cast<const tile_writer*>(self);
    for (std::size_t i = 0; i < rows; ++i) writer.store_row(tile + i * Nr, row + i, col, cols);
  }

 private:
  void store_row(const Accumulator* sums, std::size_t row, std::size_t col,
                 std::size_t cols) const {
    Out* const out = c.row(row) + col;
    if constexpr (std::is_same_v<Out, std::int32_t>) {
      static_assert(std::is_same_v<Accumulator, Out> && (std::is_same_v<Epilogue, identity> ||
                                                         std::is_same_v<Epilogue, accumulate>),
                    "fewbits: an int32 C takes integer products, with no epilogue but accumulate");
      for (std::size_t j = 0; j < cols; ++j) {
        const std::uint32_t old =
            std::is_same_v<Epilogue, accumulate> ? static_cast<std::uint32_t>(out[j]) : 0;
        out[j] = static_cast<Out>(old + static_cast<std::uint32_t>(sums[j]));
      }
    } else {
      value_type values[Nr];
      if constexpr (requires { epilogue.read_sums(sums, values, cols, row, col); }) {
        epilogue.read_sums(sums, values, cols, row, col);
      } else {
        for (std::size_t j = 0; j < cols; ++j) values[j] = static_cast<value_type>(sums[j]);
      }
      if constexpr (reads_c<Epilogue>) {
        value_type old[Nr];
        copy(static_cast<const Out*>(out), old, cols);
        epilogue.apply(values, cols, row, col, static_cast<const value_type*>(old));
      } else {
        epilogue.apply(values, cols, row, col);
      }
      copy(static_cast<const value_type*>(values), out, cols);
    }
  }

  template <class From, class To>
  FEWBITS_INLINE static void copy(const From* src, To* dst, std::size_t count) {
    if constexpr (std::is_same_v<as_class<From>, as_class<To>>) {
      __builtin_memcpy(static_cast<void*>(dst), src, count * sizeof(To));
    } else {
      convert_run<cast_policy{}, Isa>(src, dst, count);
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
