// SPDX-License-Identifier: MIT
// Random-sign Hadamard rotation: spreads outliers over a block before quantization.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/features.hpp>
#include <fewbits/random/philox.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

template <isa Isa>
struct rotation_kernel {
  /// All sums and differences at a distance. The compiler may not join two stages: their roundings would
  /// be others under -ffast-math.
  template <std::size_t Distance>
  FEWBITS_INLINE static void stage(float* x, std::size_t size, std::size_t distance) {
    if constexpr (Distance != 0) distance = Distance;
    for (std::size_t i = 0; i < size; i += 2 * distance)
      for (std::size_t j = i; j < i + distance; ++j) {
        const float a = x[j], b = x[j + distance];
        x[j] = a + b;
        x[j + distance] = a - b;
      }
    __asm__ volatile("" : : : "memory");
  }

  /// Multiplies by the orthonormal Hadamard matrix of a power of two. The factor comes first: no sum on
  /// the way is larger than the results can be.
  FEWBITS_INLINE static void hadamard(float* x, std::size_t size) {
    const int log2 = 63 - __builtin_clzll(size);
    float factor = bit_cast<float>(static_cast<std::uint32_t>(127 - (log2 + 1) / 2) << 23);
    if (log2 % 2 != 0) factor *= 0x1.6a09e6p+0F;
    for (std::size_t i = 0; i < size; ++i) x[i] *= factor;
    __asm__ volatile("" : : : "memory");
    for (std::size_t distance = size / 2; distance >= 8; distance /= 2) stage<0>(x, size, distance);
    if (size >= 8) stage<4>(x, size, 4);
    if (size >= 4) stage<2>(x, size, 2);
    if (size >= 2) stage<1>(x, size, 1);
  }

  /// The sign of column j is bit j mod 32 of word j / 32 of Philox.
  FEWBITS_INLINE static void apply_signs(float* x, std::size_t begin, std::size_t size,
                                         std::uint64_t seed) {
    const philox random{seed};
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t column = begin + i;
      if (i == 0 || column % 32 == 0) word = random.word(column / 32);
      const std::uint32_t sign = word >> (column % 32) << 31;
      std::uint32_t bits;
      __builtin_memcpy(&bits, x + i, sizeof(bits));
      bits ^= sign;
      __builtin_memcpy(x + i, &bits, sizeof(bits));
    }
  }

  template <bool IsInverse>
  static void run(float* x, std::size_t count, std::size_t block, std::uint64_t seed) {
    const default_control_word<Isa> control_word;
    for (std::size_t begin = 0; begin < count;) {
      std::size_t size = block;
      while (size > count - begin) size /= 2;
      if constexpr (!IsInverse) apply_signs(x + begin, begin, size, seed);
      hadamard(x + begin, size);
      if constexpr (IsInverse) apply_signs(x + begin, begin, size, seed);
      begin += size;
    }
  }
};

}  // namespace detail

/// Replaces each row x by Q x, with Q orthogonal: for each `block` columns H D / sqrt(block), H the
/// Hadamard matrix (of Sylvester) and D random signs. A row's rest is rotated in falling powers of two.
/// A product of two matrices does not change when both are rotated along k with the same seed and
/// block: (A Q^T) (Q B) = A B.
///
/// Shape:    block is a power of two. Signs belong to columns: they are the same in every row.
/// Signs:    column j: minus where bit j mod 32 of word j / 32 of philox{seed} is set.
/// Rounding: the factor 1 / sqrt(block), in FP32, first; then sums and differences at distances block / 2
///           to 1, each rounded. NaN and infinities spread over their block.
/// Bits:     the same on every instruction set, whatever the floating-point control word is; those of NaN
///           excepted.
/// Errors:   none at run time. Requires a power of two.
/// Source:   S. Ashkboos et al., QuaRot, 2024.
template <isa Isa = native>
FEWBITS_INLINE void rotate(const matrix_view<float>& x, std::uint64_t seed,
                           std::size_t block = 128) {
  FEWBITS_ASSERT(block != 0 && (block & (block - 1)) == 0, "rotate: block %zu is no power of two",
                 block);
  for (std::size_t i = 0; i < x.rows(); ++i)
    detail::rotation_kernel<Isa>::template run<false>(x.row(i), x.cols(), block, seed);
}
/// The inverse: D H / sqrt(block). What `rotate` gave comes back but for rounding.
template <isa Isa = native>
FEWBITS_INLINE void inverse_rotate(const matrix_view<float>& x, std::uint64_t seed,
                                   std::size_t block = 128) {
  FEWBITS_ASSERT(block != 0 && (block & (block - 1)) == 0,
                 "inverse_rotate: block %zu is no power of two", block);
  for (std::size_t i = 0; i < x.rows(); ++i)
    detail::rotation_kernel<Isa>::template run<true>(x.row(i), x.cols(), block, seed);
}

/// One row.
template <isa Isa = native>
FEWBITS_INLINE void rotate(array_view<float> x, std::uint64_t seed, std::size_t block = 128) {
  rotate<Isa>(matrix_view<float>(x.data(), 1, x.size()), seed, block);
}
template <isa Isa = native>
FEWBITS_INLINE void inverse_rotate(array_view<float> x, std::uint64_t seed,
                                   std::size_t block = 128) {
  inverse_rotate<Isa>(matrix_view<float>(x.data(), 1, x.size()), seed, block);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
