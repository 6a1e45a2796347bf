// SPDX-License-Identifier: MIT
// Conversion of a range on one thread, against a loop that moves the same bytes without converting
// and against other libraries. Names: convert/<from>/<to>/<bytes of the wider side>.
#include <fewbits/convert.hpp>

#include <memory>

#include "naive.hpp"
#include "race.hpp"

namespace {

using bench::buffer;
using bench::element_of;

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

template <class From, class To>
bench::timer naive_loop(const bench::conversion& c) {
  return bench::timed([=] {
    for (std::size_t i = 0; i < c.count; ++i) {
      if constexpr (std::is_floating_point_v<From>) {
        static_cast<typename naive_layout<To>::code*>(c.dst)[i] =
            bench::narrow<naive_layout<To>>(static_cast<const From*>(c.src)[i]);
      } else {
        const auto* const src = static_cast<const typename naive_layout<From>::code*>(c.src);
        const float x = bench::widen<naive_layout<From>>(src[i]);
        if constexpr (std::is_same_v<To, float>) {
          static_cast<float*>(c.dst)[i] = x;
        } else {
          static_cast<typename naive_layout<To>::code*>(c.dst)[i] =
              bench::narrow<naive_layout<To>>(x);
        }
      }
    }
  });
}

/// Casts of the compiler's own half-precision type, where it has one.
template <class From, class To>
bench::timer float16_loop(const bench::conversion& c) {
#if defined(__FLT16_MANT_DIG__) && (defined(__clang__) || defined(__SSE2__) || __GNUC__ > 12)
  __extension__ typedef _Float16 half;
  if constexpr (std::is_same_v<To, fewbits::fp16>) {
    return bench::timed([=] {
      for (std::size_t i = 0; i < c.count; ++i)
        static_cast<half*>(c.dst)[i] = static_cast<half>(static_cast<const From*>(c.src)[i]);
    });
  } else if constexpr (std::is_same_v<From, fewbits::fp16> && std::is_same_v<To, float>) {
    return bench::timed([=] {
      for (std::size_t i = 0; i < c.count; ++i)
        static_cast<float*>(c.dst)[i] = static_cast<float>(static_cast<const half*>(c.src)[i]);
    });
  }
#endif
  static_cast<void>(c);
  return {};
}

/// Whether the first elements are those of the conversion of one number. Clears them.
template <class From, class To>
bool check(const From* src, To* dst, std::size_t count) {
  bool same = true;
  for (std::size_t i = 0; i < count && i < 65536; ++i) {
    const To expected = fewbits::convert<To>(src[i]);
    same &= std::memcmp(&expected, dst + i, sizeof(To)) == 0;
  }
  std::memset(static_cast<void*>(dst), 0x55, count * sizeof(To));
  return same;
}

template <class From, class To>
void convert(benchmark::State& state, const std::string& name, std::size_t bytes) {
  constexpr std::size_t wider = std::max(sizeof(From), sizeof(To));
  constexpr std::size_t narrower = std::min(sizeof(From), sizeof(To));
  const std::size_t count = bytes / wider;
  From* const src = shared_memory().src.as<From>();
  To* const dst = shared_memory().dst.as<To>();
  bench::fill(src, count, 1);

  const double work = 1e-9 * static_cast<double>(count * (sizeof(From) + sizeof(To)));
  const bench::timer ours = bench::timed([=] {
    fewbits::convert(fewbits::array_view<const From>(src, count),
                     fewbits::array_view<To>(dst, count));
  });
  ours(1);
  if (!check(src, dst, count)) {
    state.SkipWithError("not the conversion of one number");
    return;
  }
  bench::contender bare{"bare loop", work, bench::timed([=] {
                          bench::bare_loop<sizeof(From) / narrower, sizeof(To) / narrower>(
                              reinterpret_cast<const unsigned char*>(src),
                              reinterpret_cast<unsigned char*>(dst), count * sizeof(From));
                        })};
  bench::race race(name, form, std::move(bare), {"fewbits", work, ours});
  const std::size_t copied = count * (sizeof(From) + sizeof(To)) / 2;
  race.against({"memcpy", work, bench::timed([=] {
                  std::memcpy(static_cast<void*>(dst), static_cast<const void*>(src), copied);
                }),
                bench::contender::bound});
  const bench::conversion task{element_of<From>, element_of<To>, src, dst, count};
  const auto enter = [&](const char* peer, const bench::timer& time) {
    if (!time) return;
    time(1);
    race.against(
        {peer, work, time,
         check(src, dst, count) ? bench::contender::rival : bench::contender::other_result});
  };
  for (const bench::peer* const peer : bench::convert_peers())
    enter(peer->name, peer->convert(task));
  enter("_Float16", float16_loop<From, To>(task));
  enter("naive", naive_loop<From, To>(task));
  race.run(state, bytes > std::size_t{64} << 20 ? 5 : 15);
}

template <class From, class To>
void add(const std::string& types) {
  for (const std::size_t bytes : sizes) {
    const std::string name = "convert/" + types + "/" + bench::size_name(bytes);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      convert<From, To>(state, name, bytes);
    })->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, bench::convert_peers(), [] {
    add<float, fewbits::fp16>("fp32/fp16");
    add<fewbits::fp16, float>("fp16/fp32");
    add<float, fewbits::bf16>("fp32/bf16");
    add<fewbits::bf16, float>("bf16/fp32");
    add<float, fewbits::fp8_e4m3>("fp32/fp8_e4m3");
    add<fewbits::fp8_e4m3, float>("fp8_e4m3/fp32");
    add<float, fewbits::fp8_e5m2>("fp32/fp8_e5m2");
    add<fewbits::fp8_e5m2, float>("fp8_e5m2/fp32");
    add<fewbits::fp16, fewbits::fp8_e4m3>("fp16/fp8_e4m3");
    add<fewbits::fp16, fewbits::fp8_e5m2>("fp16/fp8_e5m2");
    add<double, fewbits::fp16>("fp64/fp16");
  });
}
