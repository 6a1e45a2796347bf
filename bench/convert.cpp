// SPDX-License-Identifier: MIT
// Conversion of a range on one thread, against a loop that moves the same bytes without converting
// and against other libraries. Names: convert/<from>/<to>[/<how>]/<bytes of the wider side>. Packed
// elements count with their packed bytes.
#include <fewbits/convert.hpp>

#include <limits>
#include <numeric>

#include "naive.hpp"
#include "race.hpp"

namespace {

using namespace fewbits;
using bench::buffer;
using bench::element_of;
using bench::timer;

constexpr bench::report form{"GB/s", "of_bare", 1};

constexpr std::size_t sizes[] = {std::size_t{16} << 10, std::size_t{256} << 10,
                                 std::size_t{8} << 20, std::size_t{256} << 20};

/// The same memory for all: zeroing 256 MiB takes longer than measuring.
struct memory {
  buffer src{sizes[3]};
  buffer dst{sizes[3], 1088};
};
memory& shared_memory() {
  static memory both;
  return both;
}

/// One side of a conversion: elements as they are, or `packed`.
template <class Element>
struct packed;
template <class Type>
struct side {
  using element = Type;
  static constexpr std::size_t bits = 8 * sizeof(Type);
  static array_view<Type> view(const buffer& data, std::size_t count) {
    return {data.as<Type>(), count};
  }
  static void fill(const buffer& data, std::size_t count, bench::sign signs) {
    bench::fill(data.as<Type>(), count, 1, signs);
  }
};
template <class Element>
struct side<packed<Element>> {
  using element = Element;
  static constexpr std::size_t bits = packed_bits<Element>;
  static packed_span<Element> view(const buffer& data, std::size_t count) {
    return {data.data(), count};
  }
  static void fill(const buffer& data, std::size_t count, bench::sign) {
    bench::fill(data.data(), count * bits / 8, 1);  // every code is a number
  }
};

template <class Type>
struct naive_layout {};
template <>
struct naive_layout<fp16> : bench::layout_fp16 {};
template <>
struct naive_layout<bf16> : bench::layout_bf16 {};
template <>
struct naive_layout<fp8_e4m3> : bench::layout_e4m3 {};
template <>
struct naive_layout<fp8_e5m2> : bench::layout_e5m2 {};

template <class Type>
concept naive_code = requires { typename naive_layout<Type>::code; };

template <class Type>
struct naive_type {
  using type = Type;
};
template <naive_code Type>
struct naive_type<Type> {
  using type = typename naive_layout<Type>::code;
};

template <class From, class To>
typename naive_type<To>::type naive_cast(typename naive_type<From>::type x) {
  if constexpr (naive_code<From>) {
    return naive_cast<float, To>(bench::widen<naive_layout<From>>(x));
  } else if constexpr (naive_code<To>) {
    return bench::narrow<naive_layout<To>>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
timer naive_loop(const bench::conversion& c) {
  if constexpr ((naive_code<From> || std::is_floating_point_v<From>) &&
                (naive_code<To> || std::is_floating_point_v<To>)) {
    using code = typename naive_type<From>::type;
    return bench::elementwise<code, typename naive_type<To>::type>(
        c, [](code x) { return naive_cast<From, To>(x); });
  } else {
    return {};
  }
}

/// Casts of the compiler's own half-precision type, where it has one.
template <class From, class To>
timer float16_loop([[maybe_unused]] const bench::conversion& c) {
#if defined(__FLT16_MANT_DIG__) && (defined(__clang__) || defined(__SSE2__) || __GNUC__ > 12)
  __extension__ typedef _Float16 half;
  if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, fp16>) {
    return bench::elementwise<From, half>(c, [](From x) { return static_cast<half>(x); });
  } else if constexpr (std::is_same_v<From, fp16> && std::is_floating_point_v<To>) {
    return bench::elementwise<half, To>(c, [](half x) { return static_cast<To>(x); });
  }
#endif
  return {};
}

constexpr philox random_words{1};

template <cast_policy Policy, class Src, class Dst>
void convert_range(const Src& src, const Dst& dst, non_temporal stores) {
  if constexpr (is_stochastic(Policy.round)) {
    convert<Policy>(src, dst, random_words);
  } else {
    convert<Policy>(src, dst, stores);
  }
}

/// How many elements are compared with the conversion of one number.
constexpr std::size_t checked = 65536;

/// Whether the first elements are those of the conversion of one number. Clears them.
template <class From, class To, cast_policy Policy, class Src, class Dst>
bool check(const Src& src, const Dst& dst) {
  bool same = true;
  for (std::size_t i = 0; i < src.size() && i < checked; ++i) {
    const From x = src[i];
    To expected;
    if constexpr (is_stochastic(Policy.round)) {
      expected = convert<To, Policy>(x, random_words.word(i));
    } else {
      expected = convert<To, Policy>(x);
    }
    const To actual = dst[i];
    same &= std::memcmp(&expected, &actual, sizeof(To)) == 0;
    dst[i] = To{};
  }
  return same;
}

enum class stores { plain, past_the_caches };

template <class From, class To, cast_policy Policy>
void measure(benchmark::State& state, const std::string& name, std::size_t bytes, stores how) {
  using source = side<From>;
  using target = side<To>;
  using from = typename source::element;
  using to = typename target::element;
  constexpr std::size_t unit = std::gcd(source::bits, target::bits);
  const memory& both = shared_memory();
  const std::size_t count = 8 * bytes / std::max(source::bits, target::bits);
  const auto src = source::view(both.src, count);
  const auto dst = target::view(both.dst, count);
  source::fill(both.src, count,
               std::numeric_limits<to>::is_signed ? bench::sign::either : bench::sign::positive);

  const std::size_t moved = count / 8 * (source::bits + target::bits);
  const double work = 1e-9 * static_cast<double>(moved);
  const auto fewbits_with = [=](non_temporal from_size) {
    return bench::timed([=] { convert_range<Policy>(src, dst, from_size); });
  };
  const timer plain = fewbits_with({~std::size_t{0}});
  const timer ours = how == stores::plain ? plain : fewbits_with({0});
  ours(1);
  if (!check<from, to, Policy>(src, dst)) {
    state.SkipWithError("not the conversion of one number");
    return;
  }
  bench::contender bare{"bare loop", work, bench::timed([=, &both] {
                          bench::bare_loop<source::bits / unit, target::bits / unit>(
                              both.src.data(), both.dst.data(), count / 8 * source::bits);
                        })};
  bench::race race(name, form, std::move(bare), {"fewbits", work, ours});
  race.against({"memcpy", work, bench::timed([=, &both] {
                  std::memcpy(both.dst.data(), both.src.data(), moved / 2);
                }),
                bench::contender::bound});
  if (how == stores::past_the_caches)
    race.against({"plain stores", work, plain, bench::contender::bound});
  const auto enter = [&](const char* peer, auto timer_of) {
    bench::conversion task{element_of<from>, element_of<to>, both.src.data(), both.dst.data(),
                           count};
    const timer time = timer_of(task);
    if (!time) return;
    task.count = std::min(count, checked);
    timer_of(task)(1);
    race.against({peer, work, time,
                  check<from, to, Policy>(src, dst) ? bench::contender::rival
                                                    : bench::contender::other_result});
  };
  if constexpr (Policy == cast_policy{}) {
    for (const bench::peer* const peer : bench::convert_peers()) enter(peer->name, peer->convert);
    enter("_Float16", float16_loop<From, To>);
    enter("naive", naive_loop<From, To>);
  }
  race.run(state, bytes > std::size_t{64} << 20 ? 5 : 15);
  if constexpr (is_stochastic(Policy.round)) {
    bench::result& summary = bench::results().back();
    const double elements = summary.speed * static_cast<double>(count) / static_cast<double>(moved);
    state.counters["Gelements/s"] = elements;
    summary.versus.emplace_back("Gelements/s", elements);
  }
}

template <class From, class To, cast_policy Policy>
void add_size(const std::string& types, std::size_t bytes, stores how) {
  const std::string name = "convert/" + types + "/" + bench::size_name(bytes);
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    measure<From, To, Policy>(state, name, bytes, how);
  })->Unit(benchmark::kMicrosecond);
}

template <class From, class To, cast_policy Policy = cast_policy{}>
void add(const std::string& types) {
  for (const std::size_t bytes : sizes) add_size<From, To, Policy>(types, bytes, stores::plain);
}

/// Plain stores at every size, and non-temporal ones where the caches are too small.
template <class From, class To>
void add_both_stores(const std::string& types) {
  add<From, To>(types);
  add_size<From, To, cast_policy{}>(types + "/non_temporal", sizes[3], stores::past_the_caches);
}

template <class Element>
void add_packed(const std::string& type) {
  add<float, packed<Element>>("fp32/" + type);
  add<packed<Element>, float>(type + "/fp32");
  add<bf16, packed<Element>>("bf16/" + type);
  add<packed<Element>, bf16>(type + "/bf16");
}

template <class Element>
void add_fp8(const std::string& type) {
  add_both_stores<float, Element>("fp32/" + type);
  add_both_stores<Element, float>(type + "/fp32");
  add<fp16, Element>("fp16/" + type);
  add<Element, fp16>(type + "/fp16");
  add<bf16, Element>("bf16/" + type);
  add<Element, bf16>(type + "/bf16");
}

constexpr cast_policy rounded(rounding mode) { return {.round = mode}; }

void add_all() {
  add_both_stores<float, fp16>("fp32/fp16");
  add_both_stores<fp16, float>("fp16/fp32");
  add_both_stores<float, bf16>("fp32/bf16");
  add_both_stores<bf16, float>("bf16/fp32");
  add_both_stores<double, float>("fp64/fp32");
  add_both_stores<float, double>("fp32/fp64");
  add<double, fp16>("fp64/fp16");
  add<fp16, double>("fp16/fp64");
  add_fp8<fp8_e4m3>("fp8_e4m3");
  add_fp8<fp8_e5m2>("fp8_e5m2");
  add_fp8<fp8_e4m3fnuz>("fp8_e4m3fnuz");
  add_packed<fp6_e2m3>("fp6_e2m3");
  add_packed<fp4_e2m1>("fp4_e2m1");
  add_packed<int4>("int4");
  add<double, bf16>("fp64/bf16");
  add<double, fp8_e4m3>("fp64/fp8_e4m3");
  add<float, scale_e8m0>("fp32/scale_e8m0");
  add<float, scale_ue4m3>("fp32/scale_ue4m3");
  add<float, tf32>("fp32/tf32");
  add<float, fp8_e4m3, rounded(rounding::toward_zero)>("fp32/fp8_e4m3/toward_zero");
  add<float, fp8_e4m3, rounded(rounding::nearest_away)>("fp32/fp8_e4m3/nearest_away");
  add<float, fp8_e4m3, rounded(rounding::toward_positive)>("fp32/fp8_e4m3/toward_positive");
  add<double, bf16, rounded(rounding::to_odd)>("fp64/bf16/to_odd");
  add<float, bf16, stochastic>("fp32/bf16/stochastic");
  add<float, fp8_e4m3, stochastic>("fp32/fp8_e4m3/stochastic");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, bench::convert_peers(), add_all);
}
