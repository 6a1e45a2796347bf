// SPDX-License-Identifier: MIT
// Quantization on one thread, against a loop that moves the same bytes. Names:
// quantize/<from>/<to>/<bytes of the floats>.
#include <fewbits/quantize.hpp>

#include <numeric>
#include <span>
#include <string>

#include "race.hpp"

namespace {

using bench::buffer;

constexpr bench::report form{"GB/s", "of_bare", 1};

constexpr std::size_t sizes[] = {std::size_t{16} << 10, std::size_t{256} << 10,
                                 std::size_t{8} << 20, std::size_t{256} << 20};
constexpr std::size_t columns = 4096;

/// Floats, their codes, the scales of groups.
struct memory {
  buffer floats{sizes[3]};
  buffer codes{sizes[3], 1088};
  buffer scales{sizes[3] / 32};
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
void add(const std::string& what, Run run, std::span<const std::size_t> at = sizes) {
  for (const std::size_t bytes : at) {
    const std::string name = "quantize/" + what + "/" + bench::size_name(bytes);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      memory& in = shared_memory();
      bench::fill(in.floats.as<float>(), bytes / 4, 1);
      run(state, name, in, bytes / 4);
    })->Unit(benchmark::kMicrosecond);
  }
}

using fewbits::per_group;
using fewbits::per_row;

fewbits::matrix_view<const float> floats_of(memory& in, std::size_t count) {
  return {in.floats.as<float>(), count / columns, columns};
}
fewbits::matrix_view<std::int8_t> int8_of(memory& in, std::size_t count) {
  return {in.codes.as<std::int8_t>(), count / columns, columns};
}

/// Codes with given parameters: per tensor, and per row.
void add_int8() {
  add("fp32/int8",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const fewbits::array_view<const float> src(in.floats.as<float>(), count);
        const fewbits::array_view<std::int8_t> dst(in.codes.as<std::int8_t>(), count);
        const auto parameters = fewbits::calibrate_absmax<std::int8_t>(src);
        measure(state, name, 5 * count, bare<4, 1>(in.floats, in.codes, 4 * count),
                [=] { fewbits::quantize(src, parameters, dst); });
      });
  add("fp32/int8_rows",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const auto src = floats_of(in, count);
        const auto dst = int8_of(in, count);
        const fewbits::array_view<float> scales(in.scales.as<float>(), count / columns);
        const auto parameters = fewbits::calibrate_absmax<std::int8_t, per_row>(src, scales);
        measure(state, name, 5 * count, bare<4, 1>(in.floats, in.codes, 4 * count),
                [=] { fewbits::quantize(src, parameters, dst); });
      });
  add("fp32/uint8_zero_point",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const fewbits::array_view<const float> src(in.floats.as<float>(), count);
        const fewbits::array_view<std::uint8_t> dst(in.codes.as<std::uint8_t>(), count);
        const auto parameters = fewbits::calibrate_minmax<std::uint8_t>(src);
        measure(state, name, 5 * count, bare<4, 1>(in.floats, in.codes, 4 * count),
                [=] { fewbits::quantize(src, parameters, dst); });
      });
  add("int8/fp32",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const fewbits::array_view<const std::int8_t> src(in.codes.as<std::int8_t>(), count);
        const fewbits::array_view<float> dst(in.floats.as<float>(), count);
        bench::fill(in.codes.as<std::int8_t>(), count, 2);
        measure(state, name, 5 * count, bare<1, 4>(in.codes, in.floats, count),
                [=] { fewbits::dequantize(src, fewbits::affine<std::int8_t>{0.01f, 0}, dst); });
      });
  add("int8_rows/fp32",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const fewbits::matrix_view<float> dst(in.floats.as<float>(), count / columns, columns);
        const fewbits::matrix_view<const std::int8_t> src = int8_of(in, count);
        bench::fill(in.codes.as<std::int8_t>(), count, 2);
        bench::fill(in.scales.as<float>(), count / columns, 4);
        const fewbits::affine<std::int8_t, per_row> parameters{
            .scale = {in.scales.as<float>(), count / columns}};
        measure(state, name, 5 * count, bare<1, 4>(in.codes, in.floats, count),
                [=] { fewbits::dequantize(src, parameters, dst); });
      });
}

/// Finding the range and using it are two passes over the floats, so the limit is two passes too. A row is in the cache in
/// the second one.
void add_calibrated() {
  add("fp32/int8_calibrated",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const auto src = floats_of(in, count);
        const auto dst = int8_of(in, count);
        const fewbits::array_view<float> scales(in.scales.as<float>(), count / columns);
        const auto read = bare<4, 0>(in.floats, in.codes, 4 * count);
        const auto write = bare<4, 1>(in.floats, in.codes, 4 * count);
        measure(
            state, name, 9 * count,
            [=] {
              read();
              write();
            },
            [=] { (void)fewbits::quantize_absmax<std::int8_t>(src, scales, dst); });
      });
  add("fp32/int4_group32_mse",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        if (count > std::size_t{1} << 22) return state.SkipWithError("as smaller ones");
        const auto src = floats_of(in, count);
        const fewbits::array_view<float> scales(in.scales.as<float>(), count / 32);
        measure(state, name, 4 * count, bare<4, 0>(in.floats, in.codes, 4 * count),
                [=] { (void)fewbits::calibrate_mse<fewbits::int4, per_group<32>>(src, scales); });
      });
}

/// Groups of floats and their scales; the scale counts as moved with the codes, to keep whole vectors.
template <std::size_t Group>
void add_int4(const char* encode, const char* decode) {
  using parameters_type = fewbits::affine<fewbits::int4, per_group<Group>>;
  constexpr std::size_t in_words = Group, out_words = Group / 8 + 1;
  add(encode, [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
    const auto src = floats_of(in, count);
    const fewbits::packed_matrix_view<fewbits::int4> dst(in.codes.data(), count / columns, columns);
    const fewbits::array_view<float> scales(in.scales.as<float>(), count / Group);
    const auto parameters = fewbits::calibrate_absmax<fewbits::int4, per_group<Group>>(src, scales);
    measure(state, name, 4 * count + count / 2 + 4 * count / Group,
            bare<in_words, out_words>(in.floats, in.codes, 4 * count),
            [=] { fewbits::quantize(src, parameters, dst); });
  });
  add(decode, [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
    const fewbits::packed_matrix_view<const fewbits::int4> src(in.codes.data(), count / columns,
                                                               columns);
    const fewbits::matrix_view<float> dst(in.floats.as<float>(), count / columns, columns);
    bench::fill(in.codes.as<std::uint8_t>(), count / 2, 3);
    bench::fill(in.scales.as<float>(), count / Group, 4);
    const parameters_type parameters{.scale = {in.scales.as<float>(), count / Group}};
    const std::size_t bytes_in = count / 2 + 4 * count / Group;
    measure(state, name, 4 * count + bytes_in,
            bare<out_words, in_words>(in.codes, in.floats, bytes_in),
            [=] { fewbits::dequantize(src, parameters, dst); });
  });
}

/// Blocks of `numbers` floats in `bytes`, scales included. A tensor scale is given.
template <class Format>
struct scaled_blocks {
  static constexpr std::size_t numbers = Format::block_size;
  static constexpr std::size_t bytes = Format::format.element_bits * numbers / 8 + 1;

  static fewbits::block_span<Format> blocks(memory& in, std::size_t count) {
    using scale = typename Format::scale_type;
    fewbits::block_span<Format> all(in.codes.data(), in.scales.as<scale>(), count);
    if constexpr (Format::has_tensor_scale) all.set_tensor_scale(0.001f);
    return all;
  }
  static void encode(memory& in, fewbits::array_view<float> floats) {
    fewbits::quantize_with_tensor_scale(floats, blocks(in, floats.size()));
  }
  static void decode(memory& in, fewbits::array_view<float> floats) {
    fewbits::dequantize(blocks(in, floats.size()), floats);
  }
};

template <fewbits::ggml_format Format>
struct ggml_blocks {
  static constexpr std::size_t numbers = 32;
  static constexpr std::size_t bytes = fewbits::ggml_bytes(Format, numbers);

  static fewbits::array_view<unsigned char> blocks(memory& in, std::size_t count) {
    return {in.codes.data(), fewbits::ggml_bytes(Format, count)};
  }
  static void encode(memory& in, fewbits::array_view<float> floats) {
    fewbits::quantize<Format>(floats, blocks(in, floats.size()));
  }
  static void decode(memory& in, fewbits::array_view<float> floats) {
    fewbits::dequantize<Format>(blocks(in, floats.size()), floats);
  }
};

struct nf4_blocks {
  static constexpr std::size_t numbers = 64;
  static constexpr std::size_t bytes = 36;

  static void encode(memory& in, fewbits::array_view<float> floats) {
    const fewbits::packed_span<fewbits::uint4> codes(in.codes.data(), floats.size());
    fewbits::quantize(floats, fewbits::nf4, codes, {in.scales.as<float>(), floats.size() / 64});
  }
  static void decode(memory& in, fewbits::array_view<float> floats) {
    const fewbits::packed_span<const fewbits::uint4> codes(in.codes.data(), floats.size());
    const fewbits::array_view<const float> scales(in.scales.as<float>(), floats.size() / 64);
    fewbits::dequantize(codes, fewbits::nf4, scales, floats);
  }
};

/// Encoding and decoding, in the cache and out of it.
template <class Blocks>
void add_blocks(const std::string& format) {
  constexpr std::size_t common = std::gcd(4 * Blocks::numbers, Blocks::bytes);
  constexpr std::size_t float_words = 4 * Blocks::numbers / common;
  constexpr std::size_t code_words = Blocks::bytes / common;
  const std::span<const std::size_t> at(&sizes[1], 2);
  add(
      "fp32/" + format,
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const fewbits::array_view<float> floats(in.floats.as<float>(), count);
        measure(state, name, 4 * count + count / Blocks::numbers * Blocks::bytes,
                bare<float_words, code_words>(in.floats, in.codes, 4 * count),
                [=, &in] { Blocks::encode(in, floats); });
      },
      at);
  add(
      format + "/fp32",
      [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
        const fewbits::array_view<float> floats(in.floats.as<float>(), count);
        const std::size_t bytes_in = count / Blocks::numbers * Blocks::bytes;
        Blocks::encode(in, floats);
        measure(state, name, 4 * count + bytes_in,
                bare<code_words, float_words>(in.codes, in.floats, bytes_in),
                [=, &in] { Blocks::decode(in, floats); });
      },
      at);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, {}, [] {
    add_int8();
    add_calibrated();
    add_int4<32>("fp32/int4_group32", "int4_group32/fp32");
    add_int4<64>("fp32/int4_group64", "int4_group64/fp32");
    add_int4<128>("fp32/int4_group128", "int4_group128/fp32");
    add_blocks<scaled_blocks<fewbits::mxfp8_e4m3>>("mxfp8_e4m3");
    add_blocks<scaled_blocks<fewbits::mxfp6_e2m3>>("mxfp6_e2m3");
    add_blocks<scaled_blocks<fewbits::mxfp4>>("mxfp4");
    add_blocks<scaled_blocks<fewbits::mxint8>>("mxint8");
    add_blocks<scaled_blocks<fewbits::nvfp4>>("nvfp4");
    add_blocks<ggml_blocks<fewbits::ggml_format::q4_0>>("ggml_q4_0");
    add_blocks<ggml_blocks<fewbits::ggml_format::q8_0>>("ggml_q8_0");
    add_blocks<ggml_blocks<fewbits::ggml_format::mx_fp4>>("ggml_mx_fp4");
    add_blocks<nf4_blocks>("nf4");
  });
}
