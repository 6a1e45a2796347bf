// SPDX-License-Identifier: MIT
// One number at a time, against the same loop in plain float (for conversions: one that moves the
// bits) and against other libraries. Names: value/<operation>/<type>, value/convert/<from>/<to>.
#include <fewbits/value.hpp>

#include <cmath>
#include <limits>
#include <type_traits>

#include "naive.hpp"
#include "race.hpp"

namespace {

using bench::buffer;
using bench::casts;
using bench::element_of;
using bench::one_by_one;
using bench::operation;
using bench::operators;
using bench::scalar_loop;

constexpr bench::report form{"Mop/s", "of_limit", 1};

constexpr std::size_t count = 1024;
constexpr std::size_t rounds = 15;

/// Mostly normal numbers; one in 16 is around the subnormal numbers of `Format`, one in 64 special.
template <class Format, class Type>
void fill_mixed(Type* dst, std::uint64_t seed) {
  using limits = std::numeric_limits<Format>;
  const double largest = static_cast<double>(limits::max());
  const double special[] = {0,
                            -0.0,
                            largest,
                            -largest,
                            2 * largest,
                            std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity()};
  bench::fill(dst, count, seed);
  // More bits than a float has, or conversion through float would do.
  if constexpr (std::is_same_v<Type, double>)
    for (std::size_t i = 0; i < count; ++i) dst[i] += dst[i] * 0x1p-40;
  for (std::size_t i = seed; i < count; i += 16)
    dst[i] = fewbits::convert<Type>(static_cast<double>(dst[i]) * 2 *
                                    static_cast<double>(limits::denorm_min()));
  for (std::size_t i = seed + 8; i < count; i += 64)
    dst[i] = fewbits::convert<Type>(special[i / 64 % 8]);
}

/// A product half-way between two numbers and an addend that decides: wrong after two roundings.
template <class Type>
void plant_tie(Type* a, Type* b, Type* c) {
  using limits = std::numeric_limits<Type>;
  *a = fewbits::convert<Type>(1 + std::ldexp(1.0, -(limits::digits / 2)));
  *b = fewbits::convert<Type>(1 + std::ldexp(1.0, -(limits::digits - limits::digits / 2)));
  *c = limits::denorm_min();
}

/// `Number` with operators, and with its own sqrt and fma.
template <class Number>
bench::timer with_operators(const scalar_loop& loop) {
  if (loop.what == operation::sqrt)
    return one_by_one<Number, Number>(loop, [](Number x) {
      if constexpr (std::is_same_v<Number, float>) {
        return __builtin_sqrtf(x);
      } else {
        return sqrt(x);
      }
    });
  if (loop.what == operation::fma)
    return one_by_one<Number, Number>(loop, [](Number a, Number b, Number c) {
      if constexpr (std::is_same_v<Number, float>) {
        return __builtin_fmaf(a, b, c);
      } else {
        return fma(a, b, c);
      }
    });
  return operators<Number>(loop);
}

/// The compiler's own half-precision type, where it has one: g++ 12 describes that of C for all
/// machines, but has it in C++ for x86 alone.
template <class From, class To>
bench::timer float16_loop(const scalar_loop& loop) {
#if defined(__FLT16_MANT_DIG__) && (defined(__clang__) || defined(__SSE2__) || __GNUC__ > 12)
  __extension__ typedef _Float16 half;
  if constexpr (std::is_same_v<To, fewbits::fp16> && std::is_same_v<From, fewbits::fp16>) {
    if (loop.what == operation::sqrt)
      return one_by_one<half, half>(loop,
                                    [](half x) { return __builtin_sqrtf(static_cast<float>(x)); });
    if (loop.what == operation::fma)
      return one_by_one<half, half>(loop, [](half a, half b, half c) {
#if defined(__AVX512FP16__)
        return __builtin_fmaf16(a, b, c);
#else
        return __builtin_fmaf(static_cast<float>(a), static_cast<float>(b), static_cast<float>(c));
#endif
      });
    return operators<half>(loop);
  } else if constexpr (std::is_same_v<To, fewbits::fp16>) {
    return casts<From, half>(loop);
  } else if constexpr (std::is_same_v<From, fewbits::fp16>) {
    return casts<half, To>(loop);
  }
#endif
  static_cast<void>(loop);
  return {};
}

template <class Type>
struct naive_layout;
template <>
struct naive_layout<fewbits::fp16> : bench::layout_fp16 {};
template <>
struct naive_layout<fewbits::bf16> : bench::layout_bf16 {};
template <>
struct naive_layout<fewbits::fp8_e4m3> : bench::layout_e4m3 {};
template <>
struct naive_layout<fewbits::fp8_e5m2> : bench::layout_e5m2 {};

/// Conversions by hand; arithmetic in float between them.
template <class From, class To>
bench::timer naive_loop(const scalar_loop& loop) {
  if constexpr (std::is_floating_point_v<From>) {
    using layout = naive_layout<To>;
    return one_by_one<From, typename layout::code>(loop,
                                                   [](From x) { return bench::narrow<layout>(x); });
  } else {
    using layout = naive_layout<From>;
    using code = typename layout::code;
    constexpr auto widen = bench::widen<layout>;
    if constexpr (std::is_same_v<To, float>) {
      return one_by_one<code, float>(loop, [](code x) { return widen(x); });
    } else {
      constexpr auto narrow = bench::narrow<layout, float>;
      switch (loop.what) {
        case operation::add:
          return one_by_one<code, code>(loop,
                                        [](code a, code b) { return narrow(widen(a) + widen(b)); });
        case operation::multiply:
          return one_by_one<code, code>(loop,
                                        [](code a, code b) { return narrow(widen(a) * widen(b)); });
        case operation::divide:
          return one_by_one<code, code>(loop,
                                        [](code a, code b) { return narrow(widen(a) / widen(b)); });
        case operation::sqrt:
          return one_by_one<code, code>(loop,
                                        [](code x) { return narrow(__builtin_sqrtf(widen(x))); });
        case operation::fma:
          return one_by_one<code, code>(loop, [](code a, code b, code c) {
            return narrow(__builtin_fmaf(widen(a), widen(b), widen(c)));
          });
        case operation::convert:
          break;
      }
      return {};
    }
  }
}

/// Whether the results are these; a NaN is any NaN.
template <class To>
bool same(const To* results, const To* expected) {
  bool all = true;
  for (std::size_t i = 0; i < count; ++i)
    all &= std::memcmp(results + i, expected + i, sizeof(To)) == 0 ||
           (std::isnan(static_cast<double>(results[i])) &&
            std::isnan(static_cast<double>(expected[i])));
  return all;
}

template <class From, class To>
void measure(benchmark::State& state, const std::string& name, operation what) {
  using narrower = std::conditional_t<std::is_floating_point_v<From>, To, From>;
  static const buffer in[3] = {buffer(count * 8), buffer(count * 8, 1088), buffer(count * 8, 2176)};
  static const buffer out(count * 8, 3264);
  static const buffer expected_out(count * 8);
  To* const dst = out.as<To>();
  To* const expected = expected_out.as<To>();
  scalar_loop loop{what, element_of<From>, element_of<To>, {}, dst, count};
  for (std::size_t i = 0; i < 3; ++i) {
    From* const operand = in[i].as<From>();
    fill_mixed<narrower>(operand, i + 1);
    loop.in[i] = operand;
  }
  // The limit gets ordinary numbers: hardware is slow with subnormal ones, libraries with errno.
  scalar_loop limit = loop;
  if constexpr (std::is_same_v<From, To>) {
    if (what == operation::sqrt)
      for (From* x = in[0].as<From>(); x != in[0].as<From>() + count; ++x)
        if (x->sign_bit()) *x = -*x;
    if (what == operation::fma) plant_tie(in[0].as<From>(), in[1].as<From>(), in[2].as<From>());
    static const buffer floats[3] = {buffer(count * 4), buffer(count * 4, 1088),
                                     buffer(count * 4, 2176)};
    for (std::size_t i = 0; i < 3; ++i) {
      float* const operand = floats[i].as<float>();
      bench::fill(operand, count, i + 1);
      for (std::size_t j = 0; j < count; ++j) operand[j] = std::abs(operand[j]) + 0.001f;
      limit.in[i] = operand;
    }
  }

  constexpr double work = 1e-6 * static_cast<double>(count);
  bench::timer ours;
  bench::timer bound;
  if constexpr (std::is_same_v<From, To>) {
    ours = with_operators<To>(loop);
    bound = with_operators<float>(limit);
  } else {
    using bits_in = fewbits::detail::uint_with_bits<8 * sizeof(From)>;
    using bits_out = fewbits::detail::uint_with_bits<8 * sizeof(To)>;
    ours = one_by_one<From, To>(loop, [](From x) { return fewbits::convert<To>(x); });
    bound = casts<bits_in, bits_out>(limit);
  }
  ours(1);
  std::memcpy(static_cast<void*>(expected), dst, count * sizeof(To));
  bench::race race(name, form, {std::is_same_v<From, To> ? "float" : "a copy", work, bound},
                   {"fewbits", work, ours});
  const auto enter = [&](const char* peer, const bench::timer& time) {
    if (!time) return;
    std::memset(static_cast<void*>(dst), 0x55, count * sizeof(To));
    time(1);
    race.against({peer, work, time,
                  same(dst, expected) ? bench::contender::rival : bench::contender::other_result});
  };
  for (const bench::peer* const peer : bench::scalar_peers()) enter(peer->name, peer->scalar(loop));
  enter("_Float16", float16_loop<From, To>(loop));
  enter("naive", naive_loop<From, To>(loop));
  race.run(state, rounds);
}

template <class From, class To>
void add(const std::string& what, operation which = operation::convert) {
  const std::string name = "value/" + what;
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    measure<From, To>(state, name, which);
  })->Unit(benchmark::kMicrosecond);
}

template <class Type>
void add_conversions(const std::string& type) {
  add<float, Type>("convert/fp32/" + type);
  add<double, Type>("convert/fp64/" + type);
  add<Type, float>("convert/" + type + "/fp32");
}

template <class Type>
void add_arithmetic(const std::string& type) {
  add<Type, Type>("add/" + type, operation::add);
  add<Type, Type>("multiply/" + type, operation::multiply);
  add<Type, Type>("divide/" + type, operation::divide);
  add<Type, Type>("sqrt/" + type, operation::sqrt);
  add<Type, Type>("fma/" + type, operation::fma);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, bench::scalar_peers(), [] {
    add_conversions<fewbits::fp16>("fp16");
    add_conversions<fewbits::bf16>("bf16");
    add_conversions<fewbits::fp8_e4m3>("fp8_e4m3");
    add_conversions<fewbits::fp8_e5m2>("fp8_e5m2");
    add_arithmetic<fewbits::fp16>("fp16");
    add_arithmetic<fewbits::bf16>("bf16");
    add_arithmetic<fewbits::fp8_e4m3>("fp8_e4m3");
  });
}
