// SPDX-License-Identifier: MIT
// What this machine reaches at best, measured with the instructions that the program is compiled for,
// and what the machine is.
//
// Each arithmetic loop keeps `sums` independent accumulators in registers. A unit with a latency of 4
// cycles and 2 instructions a cycle needs 8 of them, the slowest here (6 cycles, 2 a cycle) 12.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/cpu.hpp>
#include <fewbits/isa/select.hpp>

#include <benchmark/benchmark.h>
#if defined(__linux__) && defined(__x86_64__)
#include <unistd.h>

#include <sys/syscall.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

namespace bench {

using fewbits::native;

[[nodiscard]] inline double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What multiplies.
enum class unit { fp64_fma, fp32_fma, fp16_fma, bf16_dot, int8_dot, bf16_tile, int8_tile };
inline constexpr unit units[] = {unit::fp64_fma, unit::fp32_fma,  unit::fp16_fma, unit::bf16_dot,
                                 unit::int8_dot, unit::bf16_tile, unit::int8_tile};

[[nodiscard]] inline const char* name_of(unit which) {
  switch (which) {
    case unit::fp64_fma:
      return "FP64 multiply-add";
    case unit::fp32_fma:
      return "FP32 multiply-add";
    case unit::fp16_fma:
      return "FP16 multiply-add";
    case unit::bf16_dot:
      return "BF16 dot product";
    case unit::int8_dot:
      return "INT8 dot product";
    case unit::bf16_tile:
      return "BF16 tile product";
    case unit::int8_tile:
      return "INT8 tile product";
  }
  return "";
}

// The operations of one instruction set: `vector`, `sums`, `products` in one step of one accumulator,
// `start(value)` and `step(sum, x, y)`. In the steps of plain multiplication and addition the sum is a
// factor, or the compiler would multiply once for all accumulators.

#if defined(__AVX512F__)
struct fp64_ops {
  using vector = __m512d;
  static constexpr std::size_t sums = 24, products = 8;
  static vector start(double value) { return _mm512_set1_pd(value); }
  static vector step(vector sum, vector x, vector y) { return _mm512_fmadd_pd(sum, x, y); }
};
struct fp32_ops {
  using vector = __m512;
  static constexpr std::size_t sums = 24, products = 16;
  static vector start(double value) { return _mm512_set1_ps(static_cast<float>(value)); }
  static vector step(vector sum, vector x, vector y) { return _mm512_fmadd_ps(sum, x, y); }
};
#elif defined(__AVX2__) && defined(__FMA__)
struct fp64_ops {
  using vector = __m256d;
  static constexpr std::size_t sums = 12, products = 4;
  static vector start(double value) { return _mm256_set1_pd(value); }
  static vector step(vector sum, vector x, vector y) { return _mm256_fmadd_pd(sum, x, y); }
};
struct fp32_ops {
  using vector = __m256;
  static constexpr std::size_t sums = 12, products = 8;
  static vector start(double value) { return _mm256_set1_ps(static_cast<float>(value)); }
  static vector step(vector sum, vector x, vector y) { return _mm256_fmadd_ps(sum, x, y); }
};
#else
/// 128-bit vectors of the compiler: SSE2, NEON and others.
template <class Number>
struct portable_ops {
  typedef Number vector __attribute__((vector_size(16)));
  static constexpr std::size_t sums = 12, products = 16 / sizeof(Number);
  static vector start(double value) { return vector{} + static_cast<Number>(value); }
  static vector step(vector sum, vector x, vector y) { return sum * x + y; }
};
using fp64_ops = portable_ops<double>;
using fp32_ops = portable_ops<float>;
#endif

#if defined(__AVX512FP16__)
#define FEWBITS_BENCH_FP16_FMA 1
struct fp16_ops {
  using vector = __m512h;
  static constexpr std::size_t sums = 24, products = 32;
  static vector start(double value) {
    return _mm512_castsi512_ph(_mm512_set1_epi16(value < 1 ? 0x3800 : 0x3c00));
  }
  static vector step(vector sum, vector x, vector y) { return _mm512_fmadd_ph(sum, x, y); }
};
#endif

#if defined(__AVX512BF16__)
#define FEWBITS_BENCH_BF16_DOT 1
struct bf16_ops {
  using vector = __m512;
  static constexpr std::size_t sums = 24, products = 32;
  static vector start(double value) {
    return _mm512_castsi512_ps(_mm512_set1_epi32(value < 1 ? 0x3f003f00 : 0x3f803f80));
  }
  static vector step(vector sum, vector x, vector y) {
    return _mm512_dpbf16_ps(sum, fewbits::detail::bit_cast<__m512bh>(x),
                            fewbits::detail::bit_cast<__m512bh>(y));
  }
};
#endif

#if defined(__AVX512VNNI__)
#define FEWBITS_BENCH_INT8_DOT 1
struct int8_ops {
  using vector = __m512i;
  static constexpr std::size_t sums = 24, products = 64;
  static vector start(double) { return _mm512_set1_epi32(0x01020304); }
  static vector step(vector sum, vector x, vector y) { return _mm512_dpbusd_epi32(sum, x, y); }
};
#elif defined(__AVX2__)
#define FEWBITS_BENCH_INT8_DOT 1
/// Exact products without a dot-product unit: bytes widened to 16 bits, vpmaddwd and vpaddd.
struct int8_ops {
  using vector = __m256i;
  static constexpr std::size_t sums = 12, products = 16;
  static vector start(double) { return _mm256_set1_epi32(0x00010002); }
  static vector step(vector sum, vector x, vector y) {
    return _mm256_add_epi32(_mm256_madd_epi16(sum, x), y);
  }
};
#endif

#if defined(__AVX512F__)
#define FEWBITS_BENCH_REGISTER "v"
#elif defined(__x86_64__)
#define FEWBITS_BENCH_REGISTER "x"
#elif defined(__aarch64__)
#define FEWBITS_BENCH_REGISTER "w"
#else
#define FEWBITS_BENCH_REGISTER "m"
#endif

/// Forces `x` to exist in a register, at no cost.
template <class Vector>
FEWBITS_INLINE void keep(const Vector& x) {
  __asm__ volatile("" : : FEWBITS_BENCH_REGISTER(x));
}

/// Makes the compiler forget what it knows about `x`.
template <class Vector>
FEWBITS_INLINE void forget(Vector& x) {
  __asm__ volatile("" : "+" FEWBITS_BENCH_REGISTER(x));
}

template <class Ops>
FEWBITS_NOINLINE void spin(std::size_t steps, double x_value, double y_value) {
  const typename Ops::vector x = Ops::start(x_value);
  const typename Ops::vector y = Ops::start(y_value);
  // Equal sums would be computed once. Inside the loop such a barrier makes g++ 12 spill.
  typename Ops::vector sums[Ops::sums];
  FEWBITS_UNROLL
  for (std::size_t i = 0; i < Ops::sums; ++i) {
    sums[i] = y;
    forget(sums[i]);
  }
  for (std::size_t s = 0; s < steps; ++s) {
    FEWBITS_UNROLL
    for (std::size_t i = 0; i < Ops::sums; ++i) sums[i] = Ops::step(sums[i], x, y);
  }
  FEWBITS_UNROLL
  for (std::size_t i = 0; i < Ops::sums; ++i) keep(sums[i]);
}

/// Calls a second of `run`, the best of four: a peak is what nobody interrupted.
template <class Run>
[[nodiscard]] double best_rate(Run run) {
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const double begin = seconds();
    run();
    best = std::max(best, 1 / (seconds() - begin));
  }
  return best;
}

/// Products and sums a second, in 10^9. A try takes about a tenth of a millisecond.
template <class Ops>
[[nodiscard]] double spin_rate() {
  constexpr std::size_t steps = 25000;
  return 2e-9 * static_cast<double>(steps * Ops::sums * Ops::products) *
         best_rate([] { spin<Ops>(steps, 0.5, 1.0); });
}

// clang 14 has its own spelling.
#if defined(__linux__) && (defined(__AMX_TILE__) || defined(__AMXTILE__))
#define FEWBITS_BENCH_TILES 1
/// Four 16 x 16 tiles of sums, each product 16 x 16 of 64 bytes: bf16 pairs or int8 quads.
template <bool IsInt8>
[[nodiscard]] FEWBITS_NOINLINE double tile_rate() {
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  if (!fewbits::cpu_features().has(fewbits::feature::amx_tile) ||
      syscall(SYS_arch_prctl, request_permission, tile_data) != 0)
    return 0;
  struct alignas(64) {
    unsigned char palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  constexpr std::size_t steps = 10000;
  const double rate = best_rate([] {
    for (std::size_t s = 0; s < steps; ++s) {
      if constexpr (IsInt8) {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
      } else {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
  });
  _tile_release();
  return 2e-9 * static_cast<double>(steps * 4 * 16 * 16 * (IsInt8 ? 64 : 32)) * rate;
}
#endif

/// The peak of one core now, in GOP/s; 0 where the program's instruction set lacks the unit.
[[nodiscard]] inline double peak(unit which) {
  switch (which) {
    case unit::fp64_fma:
      return spin_rate<fp64_ops>();
    case unit::fp32_fma:
      return spin_rate<fp32_ops>();
    case unit::fp16_fma:
#if defined(FEWBITS_BENCH_FP16_FMA)
      return spin_rate<fp16_ops>();
#else
      return 0;
#endif
    case unit::bf16_dot:
#if defined(FEWBITS_BENCH_BF16_DOT)
      return spin_rate<bf16_ops>();
#else
      return 0;
#endif
    case unit::int8_dot:
#if defined(FEWBITS_BENCH_INT8_DOT)
      return spin_rate<int8_ops>();
#else
      return 0;
#endif
#if defined(FEWBITS_BENCH_TILES)
    case unit::bf16_tile:
      return tile_rate<false>();
    case unit::int8_tile:
      return tile_rate<true>();
#else
    case unit::bf16_tile:
    case unit::int8_tile:
      return 0;
#endif
  }
  return 0;
}

#if defined(__AVX512F__)
struct byte_ops {
  using vector = __m512i;
  static vector load(const unsigned char* src) { return _mm512_load_si512(src); }
  static void store(unsigned char* dst, vector x) { _mm512_store_si512(dst, x); }
};
#elif defined(__AVX__)
struct byte_ops {
  using vector = __m256i;
  static vector load(const unsigned char* src) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(src));
  }
  static void store(unsigned char* dst, vector x) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(dst), x);
  }
};
#else
struct byte_ops {
  typedef std::uint32_t vector __attribute__((vector_size(16)));
  static vector load(const unsigned char* src) {
    vector x;
    std::memcpy(&x, src, sizeof(x));
    return x;
  }
  static void store(unsigned char* dst, vector x) { std::memcpy(dst, &x, sizeof(x)); }
};
#endif

/// Reads and writes what a conversion of `In` bytes to `Out` bytes does, without converting: each step
/// loads In vectors and stores Out. `src` and `dst` are aligned to 64 bytes; what is left of `bytes_in`
/// after whole steps is left out. Out = 0 only reads.
template <std::size_t In, std::size_t Out>
FEWBITS_NOINLINE void bare_loop(const unsigned char* src, unsigned char* dst,
                                std::size_t bytes_in) {
  constexpr std::size_t width = sizeof(typename byte_ops::vector);
  constexpr std::size_t unrolled = In + Out < 8 ? 8 / (In + Out) : 1;
  constexpr std::size_t loads = In * unrolled;
  constexpr std::size_t stores = Out * unrolled;
  for (std::size_t i = bytes_in / (loads * width); i != 0; --i) {
    typename byte_ops::vector x{};
    FEWBITS_UNROLL
    for (std::size_t j = 0; j < loads; ++j) {
      x = byte_ops::load(src + j * width);
      keep(x);
    }
    FEWBITS_UNROLL
    for (std::size_t j = 0; j < stores; ++j) byte_ops::store(dst + j * width, x);
    src += loads * width;
    dst += stores * width;
  }
}

[[nodiscard]] inline std::string features_of(fewbits::isa set) {
  std::string text;
  fewbits::for_each_feature(set, [&](const char* name) { text += std::string(" ") + name; });
  return text.empty() ? "none" : text.substr(1);
}

[[nodiscard]] inline std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// Heads every report: a figure without its machine, flags and compiler says nothing.
inline void add_machine_context() {
  benchmark::AddCustomContext("cpu", cpu_model());
  benchmark::AddCustomContext("cpu features", features_of(fewbits::cpu_features()));
  benchmark::AddCustomContext("compiled for", features_of(native));
#if defined(__clang__)
  benchmark::AddCustomContext("compiler", __VERSION__);
#else
  benchmark::AddCustomContext("compiler", "g++ " __VERSION__);
#endif
  for (const unit which : units) {
    double rate = 0;  // the best of some: the clock settles, neighbours come and go
    for (int i = 0; i < 5; ++i) rate = std::max(rate, peak(which));
    if (rate != 0)
      benchmark::AddCustomContext(std::string("peak, ") + name_of(which),
                                  std::to_string(static_cast<int>(rate)) + " GOP/s");
  }
}

}  // namespace bench
