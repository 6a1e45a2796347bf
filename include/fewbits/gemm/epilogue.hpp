// SPDX-License-Identifier: MIT
// What happens to a sum of products before it is stored.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/convert.hpp>
#include <fewbits/quantize/code_range.hpp>
#include <fewbits/quantize/round_integer.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// An epilogue is a value with `apply(values, count, row, col)`, which changes `count` sums in place:
/// those of row `row` of C from column `col` on, as float (double for FP64 products). It is called
/// once for each sum, on a few columns at a time, while they are in the first-level cache.
///
/// One that needs what C holds has `apply(values, count, row, col, c)` instead, with these elements of C
/// before the product as a further array of the type of the values. One that needs the sums as they were
/// accumulated has `read_sums(sums, values, count, row, col)` too, which makes the values that `apply`
/// changes.
template <class Epilogue>
concept gemm_epilogue = requires(const Epilogue& epilogue, float* values, std::size_t index) {
  epilogue.apply(values, index, index, index);
} || requires(const Epilogue& epilogue, float* values, std::size_t index, const float* c) {
  epilogue.apply(values, index, index, index, c);
};

namespace detail {

template <class Epilogue>
inline constexpr bool reads_c =
    requires(const Epilogue& epilogue, float* values, std::size_t index, const float* c) {
      epilogue.apply(values, index, index, index, c);
    };

}  // namespace detail

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

/// C + A B: adds what C holds. For an int32 C the sums are modulo 2^32.
struct accumulate {
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t,
                            const Value* c) const {
    for (std::size_t j = 0; j < count; ++j) values[j] = c[j] + values[j];
  }
};

/// Adds a matrix of C's shape, of any element type; its elements are converted to the type of the sums
/// first.
template <class Element>
struct residual {
  matrix_view<const Element> matrix;

  FEWBITS_INLINE constexpr explicit residual(const matrix_view<const Element>& of) : matrix(of) {}

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row,
                            std::size_t col) const {
    const Element* const src = matrix.row(row) + col;
    constexpr std::size_t some = 64;
    for (std::size_t i = 0; i < count; i += some) {
      const std::size_t now = count - i < some ? count - i : some;
      Value converted[some];
      detail::convert_run<cast_policy{}, native>(src + i, converted, now);
      for (std::size_t j = 0; j < now; ++j) values[i + j] += converted[j];
    }
  }
};
template <class Element>
residual(const matrix_view<Element>&) -> residual<std::remove_const_t<Element>>;

/// Rounds to a format by any deterministic policy, where C's own conversion is to nearest even with IEEE
/// overflow: `convert_to<fp8_e4m3, saturating>{}` before an fp8_e4m3 C. `Element` is any float or
/// integer type whose values the sums' type holds.
template <class Element, cast_policy Policy = cast_policy{}>
struct convert_to {
  static_assert(Policy.round != rounding::stochastic,
                "fewbits: an epilogue has no random words to round with");

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t) const {
    constexpr std::size_t some = 64;
    for (std::size_t i = 0; i < count; i += some) {
      const std::size_t now = count - i < some ? count - i : some;
      Element codes[some];
      detail::convert_run<Policy, native>(static_cast<const Value*>(values + i), codes, now);
      detail::convert_run<cast_policy{}, native>(static_cast<const Element*>(codes), values + i,
                                                 now);
    }
  }
};

/// clamp(nearest_even(sum * multiplier) + zero_point), the codes of a quantized C of `Code`, by the
/// float_even rule of `requantize` and with its bits: product and sum are FP32, a NaN counts as 0.
/// The multiplier, one or one for each column, is scale of A times scale of B over scale of C.
///
/// Errors: requires multipliers for all columns and a zero point that is a code.
template <class Code>
class requantize_to {
 public:
  FEWBITS_INLINE constexpr explicit requantize_to(float multiplier, std::int32_t zero_point = 0)
      : multiplier_(multiplier), zero_point_(zero_point) {}
  FEWBITS_INLINE constexpr explicit requantize_to(array_view<const float> multipliers,
                                                  std::int32_t zero_point = 0)
      : multipliers_(multipliers), zero_point_(zero_point) {}

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t, std::size_t col) const {
    using range = detail::code_range<Code>;
    for (std::size_t j = 0; j < count; ++j) {
      const float by = multipliers_.empty() ? multiplier_ : multipliers_[col + j];
      const float product = static_cast<float>(values[j]) * by;
      const std::uint32_t magnitude = detail::bit_cast<std::uint32_t>(product) & 0x7fffffff;
      constexpr float bound = 0x1p20F;
      const float clamped = magnitude > 0x7f800000 ? 0.0F
                            : product < -bound     ? -bound
                            : product > bound      ? bound
                                                   : product;
      const std::int32_t code = detail::nearest_even_integer(clamped) + zero_point_;
      values[j] = static_cast<Value>(code < range::lowest    ? range::lowest
                                     : code > range::highest ? range::highest
                                                             : code);
    }
  }

 private:
  float multiplier_ = 0;
  array_view<const float> multipliers_{};
  std::int32_t zero_point_ = 0;
};

/// First one epilogue, then the other.
template <gemm_epilogue First, gemm_epilogue Second>
struct epilogue_chain {
  First first;
  Second second;

  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row,
                            std::size_t col) const
    requires(!detail::reads_c<First> && !detail::reads_c<Second>)
  {
    first.apply(values, count, row, col);
    second.apply(values, count, row, col);
  }
  template <class Value>
  FEWBITS_INLINE void apply(Value* values, std::size_t count, std::size_t row, std::size_t col,
                            const Value* c) const
    requires(detail::reads_c<First> || detail::reads_c<Second>)
  {
    apply_one(first, values, count, row, col, c);
    apply_one(second, values, count, row, col, c);
  }

 private:
  template <class Epilogue, class Value>
  FEWBITS_INLINE static void apply_one(const Epilogue& epilogue, Value* values, std::size_t count,
                                       std::size_t row, std::size_t col, const Value* c) {
    if constexpr (detail::reads_c<Epilogue>) {
      epilogue.apply(values, count, row, col, c);
    } else {
      epilogue.apply(values, count, row, col);
    }
  }
};

template <gemm_epilogue First, gemm_epilogue Second>
[[nodiscard]] FEWBITS_INLINE constexpr epilogue_chain<First, Second> operator|(
    const First& first, const Second& second) {
  return {first, second};
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
