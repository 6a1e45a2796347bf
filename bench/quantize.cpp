// SPDX-License-Identifier: MIT
// Quantization on one thread, against a loop that moves the same bytes. Names:
// quantize/<from>/<to>/<bytes of the floats>.
#include <fewbits/quantize.hpp>

#include "race.hpp"

namespace {

using bench::buffer;

constexpr bench::report form{"GB/s", "of_bare", 1};

constexpr std::size_t sizes[] = {std::size_t{16} << 10, std::size_t{256} << 10,
                                 std::size_t{8} << 20, std::size_t{256} << 20};
constexpr std::size_t group = 32;
constexpr std::size_t columns = 4096;

/// Floats, their codes, the scales of groups.
struct memory {
  buffer floats{sizes[3]};
  buffer codes{sizes[3], 1088};
  buffer scales{sizes[3] / group};
};
memory& shared_memory() {
  static memory all;
  return all;
}

/// A pass over memory that reads In bytes for each Out written.
template <std::size_t In, std::size_t Out>
auto bare(const buffer& src, const buffer& dst, std::size_t bytes_in) {
  return [&src, &dst, bytes_in] { bench::bare_loop<In, Out>(src.data(), dst.data(), bytes_in); };
}

template <class Limit, class Ours>
void measure(benchmark::State& state, const std::string& name, std::size_t bytes_moved, Limit limit,
             Ours ours) {
  const double work = 1e-9 * static_cast<double>(bytes_moved);
  bench::race race(name, form, {"bare loop", work, bench::timed(limit)},
                   {"fewbits", work, bench::timed(ours)});
  race.run(state, bytes_moved > std::size_t{64} << 20 ? 3 : 15);
}

template <class Run>
void add(const char* what, Run run) {
  for (const std::size_t bytes : sizes) {
    const std::string name = std::string("quantize/") + what + "/" + bench::size_name(bytes);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      memory& in = shared_memory();
      bench::fill(in.floats.as<float>(), bytes / 4, 1);
      run(state, name, in, bytes / 4);
    })->Unit(benchmark::kMicrosecond);
  }
}

using int8_parameters = fewbits::affine<std::int8_t>;
using int4_parameters = fewbits::affine<fewbits::int4, fewbits::per_group<group>>;

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, {}, [] {
    add("fp32/int8",
        [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
          const fewbits::array_view<const float> src(in.floats.as<float>(), count);
          const fewbits::array_view<std::int8_t> dst(in.codes.as<std::int8_t>(), count);
          const auto parameters = fewbits::calibrate_absmax<std::int8_t>(src);
          measure(state, name, 5 * count, bare<4, 1>(in.floats, in.codes, 4 * count),
                  [=] { fewbits::quantize(src, parameters, dst); });
        });
    add("int8/fp32",
        [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
          const fewbits::array_view<const std::int8_t> src(in.codes.as<std::int8_t>(), count);
          const fewbits::array_view<float> dst(in.floats.as<float>(), count);
          bench::fill(in.codes.as<std::int8_t>(), count, 2);
          measure(state, name, 5 * count, bare<1, 4>(in.codes, in.floats, count),
                  [=] { fewbits::dequantize(src, int8_parameters{0.01f, 0}, dst); });
        });
    // Finding the range and using it are two passes over the floats, so the limit is two passes too.
    add("fp32/int8_calibrated",
        [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
          const fewbits::array_view<const float> src(in.floats.as<float>(), count);
          const fewbits::array_view<std::int8_t> dst(in.codes.as<std::int8_t>(), count);
          const auto read = bare<4, 0>(in.floats, in.codes, 4 * count);
          const auto write = bare<4, 1>(in.floats, in.codes, 4 * count);
          measure(
              state, name, 9 * count,
              [=] {
                read();
                write();
              },
              [=] { fewbits::quantize(src, fewbits::calibrate_absmax<std::int8_t>(src), dst); });
        });
    add("fp32/int4_group32",
        [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
          const std::size_t rows = count / columns;
          const fewbits::matrix_view<const float> src(in.floats.as<float>(), rows, columns);
          const fewbits::packed_matrix_view<fewbits::int4> dst(in.codes.data(), rows, columns);
          const fewbits::array_view<float> scales(in.scales.as<float>(), count / group);
          const auto parameters =
              fewbits::calibrate_absmax<fewbits::int4, fewbits::per_group<group>>(src, scales);
          // 32 floats and a scale in, 16 bytes out; the scale counts as written to keep whole vectors.
          measure(state, name, 4 * count + count / 2 + 4 * count / group,
                  bare<32, 5>(in.floats, in.codes, 4 * count),
                  [=] { fewbits::quantize(src, parameters, dst); });
        });
    add("int4_group32/fp32", [](benchmark::State& state, const std::string& name, memory& in,
                                std::size_t count) {
      const std::size_t rows = count / columns;
      const fewbits::packed_matrix_view<const fewbits::int4> src(in.codes.data(), rows, columns);
      const fewbits::matrix_view<float> dst(in.floats.as<float>(), rows, columns);
      bench::fill(in.codes.as<std::uint8_t>(), count / 2, 3);
      bench::fill(in.scales.as<float>(), count / group, 4);
      const int4_parameters parameters{{in.scales.as<float>(), count / group}};
      measure(state, name, 4 * count + count / 2 + 4 * count / group,
              bare<5, 32>(in.codes, in.floats, count / 2 + 4 * count / group),
              [=] { fewbits::dequantize(src, parameters, dst); });
    });
  });
}
