// SPDX-License-Identifier: MIT
// The micro-kernel of integer products in groups: sums of a group in integers, times its scale, added up
// in FP32.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/quantize/float_lanes.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// A panel of B in groups, packed for an integer kernel.
struct grouped_panel {
  std::size_t groups;
  std::size_t steps, last_steps;  // of all groups but the last, and of that
  const std::int8_t* codes;
  /// For each group and column: what is added to the sum of products, and what it is multiplied with.
  const std::uint32_t* shifts;
  const float* scales;
};

/// sum + float(integers) * scale, by a fused multiply-add where the instruction set has it.
template <isa Isa>
struct grouped_sum {
  using ops = float_lanes<Isa>;

  FEWBITS_INLINE static typename ops::u32 add(typename ops::u32 integers, typename ops::u32 scale,
                                              typename ops::u32 sum) {
    const auto x = ops::float_bits(integers);
    if constexpr (requires { ops::fma_nearest(x, scale, sum); }) {
      return ops::fma_nearest(x, scale, sum);
    } else {
      return ops::add_floats(ops::multiply_floats(x, scale), sum);
    }
  }
};

/// `run(begin, end, a, b, sums)`: sums[i * nr + j] += scale * (shift + products of row i and column j),
/// for one group after the other. A is packed in panels of `PanelRows` rows.
template <class Kernel, isa Isa, std::size_t PanelRows = Kernel::mr>
struct grouped_kernel {
  using a_type = typename Kernel::a_type;
  using ops = float_lanes<Isa>;
  static constexpr std::size_t mr = Kernel::mr;
  static constexpr std::size_t nr = Kernel::nr;
  static constexpr std::size_t kr = Kernel::kr;
  static constexpr std::size_t lanes = static_cast<std::size_t>(ops::lanes);
  static_assert(nr % lanes == 0);

  static void run(std::size_t begin, std::size_t end, const a_type* a, const grouped_panel& b,
                  float* sums) {
    alignas(64) std::int32_t tile[mr * nr];
    const std::int8_t* codes = b.codes + begin * b.steps * (nr * kr);
    a += begin * b.steps * (PanelRows * kr);
    for (std::size_t g = begin; g < end; ++g) {
      const std::size_t steps = g + 1 < b.groups ? b.steps : b.last_steps;
      Kernel::run(steps, a, kr, PanelRows * kr, codes, tile, nr, true, codes, 0);
      for (std::size_t j = 0; j < nr; j += lanes) {
        const auto shift = load(b.shifts + g * nr + j), scale = load(b.scales + g * nr + j);
        FEWBITS_UNROLL
        for (std::size_t i = 0; i < mr; ++i) {
          float* const at = sums + i * nr + j;
          ops::store32(
              reinterpret_cast<unsigned char*>(at),
              grouped_sum<Isa>::add(ops::add(load(tile + i * nr + j), shift), scale, load(at)));
        }
      }
      a += steps * PanelRows * kr;
      codes += steps * nr * kr;
    }
  }

 private:
  template <class Value>
  FEWBITS_INLINE static typename ops::u32 load(const Value* src) {
    return ops::load32(reinterpret_cast<const unsigned char*>(src));
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
