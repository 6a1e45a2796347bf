// SPDX-License-Identifier: MIT
// `nibbles` of x86: vpermps looks up 16 numbers with 512-bit vectors, twice 8 with 256-bit ones.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/nibbles.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

template <isa Isa>
  requires has_avx2<Isa>
struct nibbles<Isa> {
  static constexpr bool is_available = true;
  static constexpr std::size_t lanes = 8;
  typedef std::uint32_t words __attribute__((vector_size(32)));
  typedef float numbers __attribute__((vector_size(32)));
  struct table {
    __m256 low, high;
  };

  FEWBITS_INLINE static table load_table(const float* src) {
    return {_mm256_loadu_ps(src), _mm256_loadu_ps(src + 8)};
  }
  FEWBITS_INLINE static numbers lookup(const table& entries, words index) {
    const __m256i where = detail::bit_cast<__m256i>(index);
    return detail::bit_cast<numbers>(_mm256_blendv_ps(
        _mm256_permutevar8x32_ps(entries.low, where), _mm256_permutevar8x32_ps(entries.high, where),
        _mm256_castsi256_ps(_mm256_slli_epi32(where, 28))));
  }
  FEWBITS_INLINE static numbers spread(const float* src, words index) {
    return detail::bit_cast<numbers>(
        _mm256_permutevar8x32_ps(_mm256_loadu_ps(src), detail::bit_cast<__m256i>(index)));
  }
};

#if defined(__AVX512F__)
template <isa Isa>
  requires has_avx512<Isa>
struct nibbles<Isa> {
  static constexpr bool is_available = true;
  static constexpr std::size_t lanes = 16;
  typedef std::uint32_t words __attribute__((vector_size(64)));
  typedef float numbers __attribute__((vector_size(64)));
  using table = __m512;

  FEWBITS_INLINE static table load_table(const float* src) { return _mm512_loadu_ps(src); }
  FEWBITS_INLINE static numbers lookup(const table& entries, words index) {
    return detail::bit_cast<numbers>(
        _mm512_permutexvar_ps(detail::bit_cast<__m512i>(index), entries));
  }
  FEWBITS_INLINE static numbers spread(const float* src, words index) {
    return lookup(load_table(src), index);
  }
};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits
