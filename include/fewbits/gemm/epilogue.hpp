// SPDX-License-Identifier: MIT
// What happens to a sum of products before it is stored.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// An epilogue is a value with `apply(values, count, row, col)`, which changes `count` sums in place:
/// those of row `row` of C from column `col` on, as float (double for FP64 products). It is called
/// once for each sum, on a few columns at a time, while they are in the first-level cache.
///
/// One that needs the sums as they were accumulated has `read_sums(sums, values, count, row, col)` too,
/// which makes the values that `apply` changes.
template <class Epilogue>
concept gemm_epilogue = requires(const Epilogue& epilogue, float* values, std::size_t index) {
  epilogue.apply(values, index, index, index);
};

/// C = A B.
struct identity {
  template <class Value>
  FEWBITS_INLINE void apply(Value*, std::size_t, std::size_t, std::size_t) const {}
};

/// sum * scale * row_scale[i] * column_scale[j] + bias[j], in this order; an empty array counts as
/// ones, or zeros for `bias`.
struct scale_bias {
  float scale = 1;
  array_view<const float> bias{};
  array_view<const float> row_scale{};
  array_view<const float> column_scale{};

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row,
                            std::size_t col) const {
    for (std::size_t j = 0; j < count; ++j) values[j] *= static_cast<Value>(scale);
    if (!row_scale.empty())
      for (std::size_t j = 0; j < count; ++j) values[j] *= static_cast<Value>(row_scale[row]);
    if (!column_scale.empty())
      for (std::size_t j = 0; j < count; ++j)
        values[j] *= static_cast<Value>(column_scale[col + j]);
    if (!bias.empty())
      for (std::size_t j = 0; j < count; ++j) values[j] += static_cast<Value>(bias[col + j]);
  }
};

/// max(sum, 0); NaN stays.
struct relu {
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t) const {
    for (std::size_t j = 0; j < count; ++j) values[j] = values[j] < Value{0} ? Value{0} : values[j];
  }
};

/// First one epilogue, then the other.
template <gemm_epilogue First, gemm_epilogue Second>
struct epilogue_chain {
  First first;
  Second second;

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row,
                            std::size_t col) const {
    first.apply(values, count, row, col);
    second.apply(values, count, row, col);
  }
};

template <gemm_epilogue First, gemm_epilogue Second>
[[nodiscard]] FEWBITS_INLINE constexpr epilogue_chain<First, Second> operator|(
    const First& first, const Second& second) {
  return {first, second};
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
