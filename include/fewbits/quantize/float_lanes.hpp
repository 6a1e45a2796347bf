// SPDX-License-Identifier: MIT
// `float_lanes<Isa>`: vec<Isa> with arithmetic on floats wherever it runs.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/isa/vec.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The operations of `vec`; where it has one lane, those on floats by the compiler. To be used under a
/// `default_control_word`. No operation sees another as its operand, so that neither contraction nor
/// -ffast-math joins or reorders two of them.
template <isa Isa>
struct float_lanes : vec<Isa> {
  using ops = vec<Isa>;
  using u32 = typename ops::u32;
  static constexpr int lanes = ops::lanes;
  static_assert(
      lanes == 1 || requires(u32 x) {
        ops::add_nearest(ops::multiply_nearest(x, x), ops::divide_nearest(x, x));
        ops::sqrt_nearest(x);
      }, "fewbits: a vec of more than one lane needs arithmetic on floats");

  FEWBITS_INLINE static u32 add_floats(u32 a, u32 b) {
    if constexpr (requires { ops::add_nearest(a, b); }) {
      return ops::add_nearest(a, b);
    } else {
      return opaque(bit_cast<float>(opaque(a)) + bit_cast<float>(opaque(b)));
    }
  }
  FEWBITS_INLINE static u32 multiply_floats(u32 a, u32 b) {
    if constexpr (requires { ops::multiply_nearest(a, b); }) {
      return ops::multiply_nearest(a, b);
    } else {
      return opaque(bit_cast<float>(opaque(a)) * bit_cast<float>(opaque(b)));
    }
  }
  FEWBITS_INLINE static u32 divide_floats(u32 a, u32 b) {
    if constexpr (requires { ops::divide_nearest(a, b); }) {
      return ops::divide_nearest(a, b);
    } else {
      return opaque(bit_cast<float>(opaque(a)) / bit_cast<float>(opaque(b)));
    }
  }
  /// The largest lane.
  FEWBITS_INLINE static std::uint32_t max_of_lanes(u32 x) {
    if constexpr (lanes == 1) {
      return x;
    } else if constexpr (requires { ops::max_lane(x); }) {
      return ops::max_lane(x);
    } else {
      std::uint32_t lane[static_cast<std::size_t>(lanes)];
      ops::store32(reinterpret_cast<unsigned char*>(lane), x);
      std::uint32_t largest = 0;
      for (std::uint32_t each : lane) largest = each > largest ? each : largest;
      return largest;
    }
  }

 private:
  FEWBITS_INLINE static std::uint32_t opaque(std::uint32_t bits) {
    __asm__("" : "+r"(bits));
    return bits;
  }
  FEWBITS_INLINE static std::uint32_t opaque(float x) { return opaque(bit_cast<std::uint32_t>(x)); }
};

/// The numbers of a range of `float` or `fp32`.
template <contiguous Range>
FEWBITS_INLINE auto floats_of(Range& range) {
  using element = std::remove_pointer_t<decltype(data_of(range))>;
  static_assert(std::is_same_v<std::remove_const_t<element>, float> ||
                    std::is_same_v<std::remove_const_t<element>, fp32>,
                "fewbits: a range of float or fp32 is needed");
  using result = std::conditional_t<std::is_const_v<element>, const float, float>;
  return reinterpret_cast<result*>(data_of(range));
}

/// The same operations on one float, as bits.
using one_float = float_lanes<generic>;

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
