// SPDX-License-Identifier: MIT
// The GEMM micro-kernel of instruction sets that add FP16 numbers: short sums in FP16, their sums in
// FP32. An instruction set gives the operations and the shape.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/register_tile.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// FP16 sums are short: of 32 products, then of 8 such sums, which FP32 takes. (Xeon, one kernel: 91% of
/// the peak. Without the second level 81%, with one of 4 sums 88%; error 0.00096, 0.00084, 0.00091.)
inline constexpr std::size_t fp16_stretch = 32, fp16_stretches = 8;

/// A register holds two sums of a column side by side, of the even and of the odd depth, which FP32 adds
/// in the end. So B is packed and A repeated in units as large as those of FP32: repeating 16 bits
/// takes a port from multiply-adds.
///
/// `Ops` has the operations of `register_tile` on FP16 sums, and
///   load(const fp16*), store(fp16*, sum), add(sum, sum)           aligned to a vector
///   load(const float*), store(float*, wide), add(wide, wide)      on vectors `wide_type` of FP32
///   widen(const fp16*)                                            half a vector of FP16 numbers
///   add_pairs(low, high)                                          sums of neighbours, first those of `low`
template <class Ops, std::size_t Rows, std::size_t Vectors,
          class Stretch = register_tile<Ops, Rows, Vectors>>
struct fp16_tile {
  using a_type = typename Ops::a_type;
  using b_type = typename Ops::b_type;
  using acc_type = typename Ops::acc_type;
  template <std::size_t Count>
  using with_rows = fp16_tile<Ops, Count, Vectors, typename Stretch::template with_rows<Count>>;
  static constexpr std::size_t mr = Stretch::mr, nr = Stretch::nr, kr = Stretch::kr, b_kr = kr,
                               steps_per_prefetch = Stretch::steps_per_prefetch;

  static void run(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
                  const b_type* b, acc_type* tile, std::size_t tile_row, bool first,
                  const void* ahead, std::size_t ahead_row) {
    alignas(line) a_type narrow[sums];
    alignas(line) float wide[sums];
    for (std::size_t i = 0; i < sums; i += Ops::lanes)
      Ops::store(wide + i, typename Ops::wide_type{});
    std::uintptr_t next = reinterpret_cast<std::uintptr_t>(ahead);
    while (steps != 0) {
      for (std::size_t i = 0; i < sums; i += Ops::lanes * kr) Ops::store(narrow + i, Ops::zero());
      for (std::size_t i = 0; i < fp16_stretches && steps != 0; ++i) {
        const std::size_t some = steps < fp16_stretch ? steps : fp16_stretch;
        add_stretch(some, a, a_row, a_step, b, narrow, tile, tile_row,
                    reinterpret_cast<const void*>(next), ahead_row);
        steps -= some;
        a += some * a_step;
        b += some * nr * kr;
        next += some / steps_per_prefetch * ahead_row;
      }
      for (std::size_t i = 0; i < sums; i += Ops::lanes)
        Ops::store(wide + i, Ops::add(Ops::load(wide + i), Ops::widen(narrow + i)));
    }
    for (std::size_t i = 0; i < mr; ++i)
      for (std::size_t j = 0; j < nr; j += Ops::lanes) {
        const float* const pairs = wide + (i * nr + j) * kr;
        float* const out = tile + i * tile_row + j;
        const typename Ops::wide_type sum =
            Ops::add_pairs(Ops::load(pairs), Ops::load(pairs + Ops::lanes));
        Ops::store(out, first ? sum : Ops::add(Ops::load(out), sum));
      }
  }

 private:
  static constexpr std::size_t line = 64;
  static constexpr std::size_t sums = mr * nr * kr;

  FEWBITS_INLINE static void add_stretch(std::size_t steps, const a_type* a, std::size_t a_row,
                                         std::size_t a_step, const b_type* b, a_type* narrow,
                                         const acc_type* tile, std::size_t tile_row,
                                         const void* ahead, std::size_t ahead_row) {
    typename Stretch::sums_type of;
    Stretch::sum_up(of, steps, a, a_row, a_step, b, tile, tile_row, ahead, ahead_row);
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Rows; ++i) {
      FEWBITS_UNROLL
      for (std::size_t j = 0; j < Vectors; ++j) {
        a_type* const at = narrow + (i * nr + j * Ops::lanes) * kr;
        Ops::store(at, Ops::add(Ops::load(at), of[i][j]));
      }
    }
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
