// SPDX-License-Identifier: MIT
// `byte_dot` of x86: with VNNI in one instruction, else in 16-bit products, which are exact too; and the
// operations of a GEMM micro-kernel made of it.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/byte_dot.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/register_tile.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
namespace fewbits {
inline namespace FEWBITS_ABI {

template <isa Isa>
  requires has_avx2<Isa>
struct byte_dot<Isa> {
  static constexpr std::size_t lanes = 8;
  static constexpr bool is_one_instruction = Isa.has(feature::avxvnni);
  typedef std::uint32_t words __attribute__((vector_size(32)));

  FEWBITS_INLINE static __m256i in(words x) { return detail::bit_cast<__m256i>(x); }
  FEWBITS_INLINE static words out(__m256i x) { return detail::bit_cast<words>(x); }
  FEWBITS_INLINE static words spread(std::int32_t quad) { return out(_mm256_set1_epi32(quad)); }
  FEWBITS_INLINE static words repeat(const std::uint8_t (&src)[16]) {
    return out(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))));
  }
  FEWBITS_INLINE static words look_up(words table, words index) {
    return out(_mm256_shuffle_epi8(in(table), in(index)));
  }
  FEWBITS_INLINE static words sum_up(words a, words b, words c, words d) {
    const words ab =
        out(_mm256_unpacklo_epi32(in(a), in(b))) + out(_mm256_unpackhi_epi32(in(a), in(b)));
    const words cd =
        out(_mm256_unpacklo_epi32(in(c), in(d))) + out(_mm256_unpackhi_epi32(in(c), in(d)));
    return out(_mm256_unpacklo_epi64(in(ab), in(cd))) + out(_mm256_unpackhi_epi64(in(ab), in(cd)));
  }
  FEWBITS_INLINE static void turn(words (&x)[2]) {
    const __m256i low = _mm256_permute2x128_si256(in(x[0]), in(x[1]), 0x20);
    x[1] = out(_mm256_permute2x128_si256(in(x[0]), in(x[1]), 0x31));
    x[0] = out(low);
  }

  FEWBITS_INLINE static words add(words sum, words u, words s) {
#if defined(__AVXVNNI__)
    if constexpr (is_one_instruction) return out(_mm256_dpbusd_avx_epi32(in(sum), in(u), in(s)));
#endif
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(in(u), _mm256_set1_epi16(0xff)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(in(s), 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(in(u), 8), _mm256_srai_epi16(in(s), 8));
    return out(_mm256_add_epi32(in(sum), _mm256_add_epi32(even, odd)));
  }
  FEWBITS_INLINE static void interleave(words (&rows)[4]) {
    const __m256i low01 = _mm256_unpacklo_epi8(in(rows[0]), in(rows[1]));
    const __m256i low23 = _mm256_unpacklo_epi8(in(rows[2]), in(rows[3]));
    const __m256i high01 = _mm256_unpackhi_epi8(in(rows[0]), in(rows[1]));
    const __m256i high23 = _mm256_unpackhi_epi8(in(rows[2]), in(rows[3]));
    rows[0] = out(_mm256_unpacklo_epi16(low01, low23));
    rows[1] = out(_mm256_unpackhi_epi16(low01, low23));
    rows[2] = out(_mm256_unpacklo_epi16(high01, high23));
    rows[3] = out(_mm256_unpackhi_epi16(high01, high23));
  }
};

template <isa Isa>
  requires has_avx2<Isa>
struct byte_mover<Isa> {
  static constexpr bool is_available = true;

  template <int Shift, std::uint16_t Kept>
  FEWBITS_INLINE static void move(const unsigned char* src, unsigned char* dst) {
    const __m256i wide =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src)));
    const __m256i kept = _mm256_set1_epi16(static_cast<std::int16_t>(Kept));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst),
                        _mm256_and_si256(_mm256_slli_epi16(wide, Shift), kept));
  }
};

#if defined(__AVX512F__) && defined(__AVX512BW__)
template <isa Isa>
  requires has_avx512<Isa>
struct byte_dot<Isa> {
  static constexpr std::size_t lanes = 16;
  static constexpr bool is_one_instruction = has_avx512_vnni<Isa>;
  typedef std::uint32_t words __attribute__((vector_size(64)));

  FEWBITS_INLINE static __m512i in(words x) { return detail::bit_cast<__m512i>(x); }
  FEWBITS_INLINE static words out(__m512i x) { return detail::bit_cast<words>(x); }
  FEWBITS_INLINE static words spread(std::int32_t quad) { return out(_mm512_set1_epi32(quad)); }
  FEWBITS_INLINE static words repeat(const std::uint8_t (&src)[16]) {
    return out(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(src))));
  }
  FEWBITS_INLINE static words look_up(words table, words index) {
    return out(_mm512_shuffle_epi8(in(table), in(index)));
  }
  FEWBITS_INLINE static words sum_up(words a, words b, words c, words d) {
    const words ab =
        out(_mm512_unpacklo_epi32(in(a), in(b))) + out(_mm512_unpackhi_epi32(in(a), in(b)));
    const words cd =
        out(_mm512_unpacklo_epi32(in(c), in(d))) + out(_mm512_unpackhi_epi32(in(c), in(d)));
    return out(_mm512_unpacklo_epi64(in(ab), in(cd))) + out(_mm512_unpackhi_epi64(in(ab), in(cd)));
  }
  FEWBITS_INLINE static void turn(words (&x)[4]) {
    const __m512i low01 = _mm512_shuffle_i32x4(in(x[0]), in(x[1]), 0x44);
    const __m512i low23 = _mm512_shuffle_i32x4(in(x[2]), in(x[3]), 0x44);
    const __m512i high01 = _mm512_shuffle_i32x4(in(x[0]), in(x[1]), 0xee);
    const __m512i high23 = _mm512_shuffle_i32x4(in(x[2]), in(x[3]), 0xee);
    x[0] = out(_mm512_shuffle_i32x4(low01, low23, 0x88));
    x[1] = out(_mm512_shuffle_i32x4(low01, low23, 0xdd));
    x[2] = out(_mm512_shuffle_i32x4(high01, high23, 0x88));
    x[3] = out(_mm512_shuffle_i32x4(high01, high23, 0xdd));
  }

  FEWBITS_INLINE static words add(words sum, words u, words s) {
#if defined(__AVX512VNNI__)
    if constexpr (has_avx512_vnni<Isa>) return out(_mm512_dpbusd_epi32(in(sum), in(u), in(s)));
#endif
    const __m512i even = _mm512_madd_epi16(_mm512_and_si512(in(u), _mm512_set1_epi16(0xff)),
                                           _mm512_srai_epi16(_mm512_slli_epi16(in(s), 8), 8));
    const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(in(u), 8), _mm512_srai_epi16(in(s), 8));
    return out(_mm512_add_epi32(in(sum), _mm512_add_epi32(even, odd)));
  }
  FEWBITS_INLINE static void interleave(words (&rows)[4]) {
    const __m512i low01 = _mm512_unpacklo_epi8(in(rows[0]), in(rows[1]));
    const __m512i low23 = _mm512_unpacklo_epi8(in(rows[2]), in(rows[3]));
    const __m512i high01 = _mm512_unpackhi_epi8(in(rows[0]), in(rows[1]));
    const __m512i high23 = _mm512_unpackhi_epi8(in(rows[2]), in(rows[3]));
    rows[0] = out(_mm512_unpacklo_epi16(low01, low23));
    rows[1] = out(_mm512_unpackhi_epi16(low01, low23));
    rows[2] = out(_mm512_unpacklo_epi16(high01, high23));
    rows[3] = out(_mm512_unpackhi_epi16(high01, high23));
  }
};

template <isa Isa>
  requires has_avx512<Isa>
struct byte_mover<Isa> {
  static constexpr bool is_available = true;

  template <int Shift, std::uint16_t Kept>
  FEWBITS_INLINE static void move(const unsigned char* src, unsigned char* dst) {
    const __m512i wide =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(src)));
    const __m512i kept = _mm512_set1_epi16(static_cast<std::int16_t>(Kept));
    _mm512_storeu_si512(dst, _mm512_and_si512(_mm512_slli_epi16(wide, Shift), kept));
  }
};
#endif

namespace detail {

/// Of unsigned by signed bytes.
template <isa Isa>
struct byte_operations
    : tile_operations<std::uint8_t, std::int8_t, std::int32_t, 4 * byte_dot<Isa>::lanes, 4> {
  using columns_type = typename byte_dot<Isa>::words;

  FEWBITS_INLINE static columns_type columns(const std::int8_t* b) {
    columns_type quads;
    __builtin_memcpy(&quads, b, sizeof(quads));
    return quads;
  }
  FEWBITS_INLINE static columns_type row(const std::uint8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    return byte_dot<Isa>::spread(quad);
  }
  FEWBITS_INLINE static columns_type multiply_add(columns_type sum, columns_type a,
                                                  columns_type b) {
    return byte_dot<Isa>::add(sum, a, b);
  }
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
#endif
