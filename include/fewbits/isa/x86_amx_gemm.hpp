// SPDX-License-Identifier: MIT
// x86 with AMX: micro-kernels of GEMM for 8-bit integers and BF16, in tiles of 16 rows of 64 bytes.
//
// | instruction    | what it does                                             | cycles (Granite Rapids) |
// | -------------- | -------------------------------------------------------- | ----------------------- |
// | tdpbusd        | 16 x 16 sums of 64 u8 x s8 products each                 | 16                      |
// | tdpbf16ps      | 16 x 16 sums of 32 BF16 products each; flushes subnormals | 16                      |
// | tileloadd      | 16 rows of 64 bytes, any distance apart                  | 8                       |
// | tilestored     | the same                                                 | 16                      |
//
// A step of 2 x 2 tiles takes 64 cycles and 4 KiB of A and B: in the first-level cache a kernel reaches 79% of
// the peak, from the second-level cache, which gives half of 64 bytes a cycle, 45 to 60%. Whole products:
//
// | share of the peak, one core, B packed | 256^3 | 512^3 | 1024^3 | 2048^3 |
// | ------------------------------------- | ----- | ----- | ------ | ------ |
// | BF16                                  | 51    | 43    | 36     | 40     |
// | u8 x s8                               | 39    | 44    | 37     | 38     |
//
// The rest is sums going to C (256^3: without them 57%) and the third-level cache, 28 GB/s.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/fwd.hpp>
#include <fewbits/isa/concepts.hpp>
#include <fewbits/isa/register_tile.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/isa/x86_avx512_gemm.hpp>
#include <fewbits/isa/x86_byte_dot.hpp>
#include <fewbits/isa/x86_intrinsics.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The tile registers of this thread, all 16 rows of 64 bytes, while it lives. Then they have the shape they had
/// before, as for a product around this one whose epilogue multiplies matrices; what they held is lost.
class tile_registers {
  /// As ldtilecfg reads it.
  struct shape {
    std::uint8_t palette, start, reserved[14];
    std::uint16_t row_bytes[16];
    std::uint8_t rows[16];
  };

 public:
  FEWBITS_INLINE tile_registers() : granted_(permission()) {
    if (!granted_) return;
    _tile_storeconfig(&before_);
    is_memory(before_);
    shape whole = {};
    whole.palette = 1;
    for (int i = 0; i < 8; ++i) {
      whole.row_bytes[i] = 64;
      whole.rows[i] = 16;
    }
    is_memory(whole);
    _tile_loadconfig(&whole);
  }
  FEWBITS_INLINE ~tile_registers() {
    if (granted_) _tile_loadconfig(&before_);
  }
  tile_registers(const tile_registers&) = delete;
  tile_registers& operator=(const tile_registers&) = delete;

  [[nodiscard]] FEWBITS_INLINE bool are_granted() const { return granted_; }

 private:
  /// Linux gives a process the state of tiles when it asks for it (Documentation/arch/x86/xstate.rst),
  /// unless a signal stack of some thread is too small; asking again is cheap, and leaves no state here.
  FEWBITS_INLINE static bool permission() {
#if defined(__linux__) && defined(__x86_64__)
    constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA
    long result = 158;                                // arch_prctl
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(request), "S"(tile_data)
                     : "rcx", "r11", "memory");
    return result == 0;
#else
    return false;
#endif
  }
  /// g++ takes the first 8 bytes for all that is read or written.
  FEWBITS_INLINE static void is_memory(shape& all) {
    __asm__ volatile("" : : "r"(&all) : "memory");
  }

  shape before_;
  bool granted_;
};

/// 32 rows by 32 columns: four tiles of sums, two of A, two of B, which are all there are. `Ops` names the
/// element types by its vector operations, `vectors`, for where the system grants no tiles, and
/// multiplies tiles: 0 += 4 by 6, 1 += 4 by 7, 2 += 5 by 6, 3 += 5 by 7. Or 16 rows, without 2, 3 and 5.
/// Lines of B are asked for `Distance` bytes ahead, if that is not 0.
template <class Ops, std::size_t Rows = 32, std::size_t Distance = 0>
class amx_tile {
  using vectors = register_tile<typename Ops::vectors, 8, 2>;

 public:
  using a_type = typename vectors::a_type;
  using b_type = typename vectors::b_type;
  using acc_type = typename vectors::acc_type;
  static constexpr std::size_t mr = Rows, nr = 32;
  static constexpr std::size_t kr = 64 / sizeof(a_type);
  static constexpr std::size_t b_kr = vectors::kr;
  /// CPUs with AMX have second-level caches of 2 MiB. Sums in C cost more than A and B from there.
  static constexpr std::size_t depth_bytes = 4096, block_bytes = std::size_t{1} << 20;
  static constexpr std::size_t steps_per_prefetch = 1;
  /// For B that comes from memory, which tiles do not ask for early enough.
  template <std::size_t>
  using with_rows = amx_tile<Ops, 16, 8192>;

  amx_tile() = default;

  void run(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
           const b_type* b, acc_type* tile, std::size_t tile_row, bool first, const void* ahead,
           std::size_t ahead_row) const {
    if (!tiles_.are_granted()) {
      run_vectors(steps, a, a_row, a_step, b, tile, tile_row, first);
      return;
    }
    constexpr std::size_t b_row = nr * b_kr * sizeof(b_type);
    const std::size_t a_bytes = a_row * sizeof(a_type);
    // What g++ takes for loads does not mention memory.
    __asm__ volatile("" : : : "memory");
    if (first) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    } else {
      load_sums(tile, tile_row * sizeof(acc_type));
    }
    std::uintptr_t next = reinterpret_cast<std::uintptr_t>(ahead);
    for (std::size_t s = 0; s < steps; ++s, a += a_step, b += nr * kr, next += ahead_row) {
      __builtin_prefetch(reinterpret_cast<const void*>(next), 0, 2);
      __builtin_prefetch(reinterpret_cast<const void*>(next + line), 0, 2);
      if constexpr (Distance != 0) prefetch_columns(b);
      if (steps > short_run && s < mr / 2) {
        acc_type* const rows = tile + 2 * s * tile_row;
        __builtin_prefetch(rows, 1);
        __builtin_prefetch(rows + half, 1);
        __builtin_prefetch(rows + tile_row, 1);
        __builtin_prefetch(rows + tile_row + half, 1);
      }
      _tile_loadd(6, b, b_row);
      _tile_loadd(4, a, a_bytes);
      Ops::multiply_0_4_6();
      _tile_loadd(7, b + half * b_kr, b_row);
      Ops::multiply_1_4_7();
      if constexpr (has_two) {
        _tile_loadd(5, a + half * a_row, a_bytes);
        Ops::multiply_2_5_6();
        Ops::multiply_3_5_7();
      }
    }
    if (steps > short_run) {
      store_sums(tile, tile_row * sizeof(acc_type));
    } else {
      alignas(line) acc_type sums[mr * nr];
      store_sums(sums, nr * sizeof(acc_type));
      for (std::size_t i = 0; i < mr; ++i)
        __builtin_memcpy(tile + i * tile_row, sums + i * nr, nr * sizeof(acc_type));
    }
  }

  /// The same where the system grants no tiles.
  static void run_vectors(std::size_t steps, const a_type* a, std::size_t a_row, std::size_t a_step,
                          const b_type* b, acc_type* tile, std::size_t tile_row, bool first) {
    constexpr std::size_t parts = kr / b_kr;
    for (std::size_t i = 0; i < mr; i += vectors::mr) {
      acc_type* const out = tile + i * tile_row;
      if (first) vectors::run(0, a, a_row, b_kr, b, out, tile_row, true, b, 0);
      for (std::size_t s = 0; s < steps; ++s)
        vectors::run(parts, a + i * a_row + s * a_step, a_row, b_kr, b + s * nr * kr, out, tile_row,
                     false, b, 0);
    }
  }

 private:
  static_assert(Rows == 16 || Rows == 32);
  static constexpr bool has_two = Rows == 32;
  static constexpr std::size_t half = 16, line = 64;
  /// Steps that are over before rows of C have come to the first-level cache: the tiles are stored elsewhere,
  /// and copied. (256^3, u8 x s8: 2400 GOP/s, else 1890.)
  static constexpr std::size_t short_run = 8;

  FEWBITS_INLINE static void load_sums(const acc_type* src, std::size_t row_bytes) {
    _tile_loadd(0, src, row_bytes);
    _tile_loadd(1, src + half, row_bytes);
    if constexpr (has_two) {
      _tile_loadd(2, src + half * row_bytes / sizeof(acc_type), row_bytes);
      _tile_loadd(3, src + half * row_bytes / sizeof(acc_type) + half, row_bytes);
    }
  }
  FEWBITS_INLINE static void store_sums(acc_type* dst, std::size_t row_bytes) {
    _tile_stored(0, dst, row_bytes);
    _tile_stored(1, dst + half, row_bytes);
    if constexpr (has_two) {
      _tile_stored(2, dst + half * row_bytes / sizeof(acc_type), row_bytes);
      _tile_stored(3, dst + half * row_bytes / sizeof(acc_type) + half, row_bytes);
    }
    __asm__ volatile("" : : : "memory");
  }

  FEWBITS_INLINE static void prefetch_columns(const b_type* b) {
    // By number: past the panel there is no object.
    const std::uintptr_t later = reinterpret_cast<std::uintptr_t>(b) + Distance;
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < nr * kr * sizeof(b_type); i += line)
      __builtin_prefetch(reinterpret_cast<const void*>(later + i));
  }

  tile_registers tiles_;
};

#if defined(FEWBITS_AMX_INT8)
template <isa Isa>
struct amx_unsigned_bytes {
  using vectors = byte_operations<Isa>;
  FEWBITS_INLINE static void multiply_0_4_6() { _tile_dpbusd(0, 4, 6); }
  FEWBITS_INLINE static void multiply_1_4_7() { _tile_dpbusd(1, 4, 7); }
  FEWBITS_INLINE static void multiply_2_5_6() { _tile_dpbusd(2, 5, 6); }
  FEWBITS_INLINE static void multiply_3_5_7() { _tile_dpbusd(3, 5, 7); }
};
#endif

#if defined(FEWBITS_AMX_INT8)
/// In vectors the sign bits of A are flipped, which adds 128 to its elements, and what that adds taken off.
template <isa Isa>
struct signed_byte_operations : byte_operations<Isa> {
  using a_type = std::int8_t;
  using columns_type = typename byte_operations<Isa>::columns_type;

  FEWBITS_INLINE static columns_type row(const std::int8_t* a) {
    std::int32_t quad;
    __builtin_memcpy(&quad, a, sizeof(quad));
    return byte_dot<Isa>::spread(quad) ^ flip();
  }
  FEWBITS_INLINE static columns_type multiply_add(columns_type sum, columns_type a,
                                                  columns_type b) {
    return byte_dot<Isa>::add(sum, a, b) - byte_dot<Isa>::add(columns_type{}, flip(), b);
  }

 private:
  FEWBITS_INLINE static columns_type flip() { return columns_type{} + 0x80808080U; }
};

template <isa Isa>
struct amx_signed_bytes {
  using vectors = signed_byte_operations<Isa>;
  FEWBITS_INLINE static void multiply_0_4_6() { _tile_dpbssd(0, 4, 6); }
  FEWBITS_INLINE static void multiply_1_4_7() { _tile_dpbssd(1, 4, 7); }
  FEWBITS_INLINE static void multiply_2_5_6() { _tile_dpbssd(2, 5, 6); }
  FEWBITS_INLINE static void multiply_3_5_7() { _tile_dpbssd(3, 5, 7); }
};
#endif

#if defined(FEWBITS_AMX_BF16) && defined(__AVX512BF16__)
/// tdpbf16ps: as vdpbf16ps takes them, but that even and odd elements of the depth of a tile are summed
/// apart before both are added to the sum.
template <isa Isa>
struct amx_bf16 {
  using vectors = avx512_bf16_dot<Isa>;
  FEWBITS_INLINE static void multiply_0_4_6() { _tile_dpbf16ps(0, 4, 6); }
  FEWBITS_INLINE static void multiply_1_4_7() { _tile_dpbf16ps(1, 4, 7); }
  FEWBITS_INLINE static void multiply_2_5_6() { _tile_dpbf16ps(2, 5, 6); }
  FEWBITS_INLINE static void multiply_3_5_7() { _tile_dpbf16ps(3, 5, 7); }
};
#endif

}  // namespace detail

#if defined(FEWBITS_AMX_INT8)
template <isa Isa>
  requires has_amx_int8<Isa>
struct micro_kernel<std::int8_t, std::int8_t, std::int32_t, Isa>
    : detail::amx_tile<detail::amx_signed_bytes<Isa>> {
  micro_kernel() = default;
};
template <isa Isa>
  requires has_amx_int8<Isa>
struct micro_kernel<std::uint8_t, std::int8_t, std::int32_t, Isa>
    : detail::amx_tile<detail::amx_unsigned_bytes<Isa>> {
  using of_signed_rows = micro_kernel<std::int8_t, std::int8_t, std::int32_t, Isa>;
  micro_kernel() = default;
};
#endif

#if defined(FEWBITS_AMX_BF16) && defined(__AVX512BF16__)
template <isa Isa>
  requires has_amx_bf16<Isa>
struct micro_kernel<bf16, bf16, float, Isa> : detail::amx_tile<detail::amx_bf16<Isa>> {
  micro_kernel() = default;
};
#endif

}  // namespace FEWBITS_ABI
}  // namespace fewbits
