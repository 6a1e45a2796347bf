// SPDX-License-Identifier: MIT
// Products with few rows, which read B once: against a loop that only reads it, and against other
// libraries. Names: gemv/<elements of B>/<layout>/<m>x<n>x<k>; `plain` is B as rows, `transposed` as
// columns, the layout of weights, `packed` what `pack_b` writes, `dynamic` transposed with A quantized to
// INT8. A is of the same elements where B is FP64, FP32 or has 8 bits and no
// scales, else FP32.
#include <fewbits/gemm.hpp>
#include <fewbits/quantize.hpp>

#include <cmath>
#include <memory>

#include "race.hpp"

namespace {

namespace fb = fewbits;
using bench::buffer;
using bench::element_of;

constexpr bench::report form{"GB/s", "of_read", 100};

struct shape {
  std::size_t m, n, k;

  [[nodiscard]] std::string name() const {
    return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
  }
};

constexpr shape shapes[] = {{1, 4096, 4096}, {4, 4096, 4096}, {8, 4096, 4096}, {1, 8192, 8192}};

/// B and its numbers in double precision, for a few of them.
template <class Right>
struct plain_matrix {
  using element = Right;
  static constexpr bool is_quantized = false;

  plain_matrix(std::size_t rows, std::size_t cols)
      : memory(rows * cols * sizeof(Right), 256), bytes(rows * cols * sizeof(Right)) {
    bench::fill(memory.as<Right>(), rows * cols, 2);
    view = fb::matrix_view<const Right>(memory.as<const Right>(), rows, cols);
  }
  void row(std::size_t i, float* dst) const {
    for (std::size_t l = 0; l < view.cols(); ++l) dst[l] = static_cast<float>(view(i, l));
  }

  buffer memory;
  std::size_t bytes;
  fb::matrix_view<const Right> view;
};

/// Codes in `bits` bits with a scale for each group.
template <class Code, std::size_t Group>
struct affine_matrix {
  using element = void;
  static constexpr bool is_quantized = true;
  using parameters = fb::affine<Code, fb::per_group<Group>>;
  using codes_view = fb::packed_matrix_view<const Code>;

  affine_matrix(std::size_t rows, std::size_t cols)
      : codes(fb::packed_bytes<Code>(rows * cols), 256),
        scales(rows * cols / Group * sizeof(float), 512),
        bytes(fb::packed_bytes<Code>(rows * cols) + rows * cols / Group * sizeof(float)),
        view((fill(rows * cols), codes_view(codes.data(), rows, cols)),
             parameters{{scales.as<const float>(), rows * cols / Group}}) {}
  void fill(std::size_t count) {
    bench::fill(codes.as<std::uint8_t>(), fb::packed_bytes<Code>(count), 2);
    bench::fill(scales.as<float>(), count / Group, 3, bench::sign::positive);
  }
  void row(std::size_t i, float* dst) const {
    const std::size_t cols = view.cols();
    const parameters one{{scales.as<const float>() + i * cols / Group, cols / Group}};
    fb::dequantize(codes_view(view.codes().data(), 1, cols, cols, i * cols), one,
                   fb::matrix_view<float>(dst, 1, cols));
  }

  buffer codes, scales;
  std::size_t bytes;
  fb::quantized_matrix<codes_view, parameters> view;
};

template <class Format>
struct block_matrix {
  using element = void;
  static constexpr bool is_quantized = true;
  using span = fb::block_span<const Format>;
  using scale = typename Format::scale_type;

  block_matrix(std::size_t rows, std::size_t cols)
      : codes(rows * span::row_bytes(cols), 256),
        scales(rows * span::row_blocks(cols) * sizeof(scale), 512),
        bytes(rows * (span::row_bytes(cols) + span::row_blocks(cols) * sizeof(scale))),
        view(codes.data(), scales.as<const scale>(), rows, cols) {
    // Any byte is two numbers of 4 bits, but not every one is a number of 8 bits.
    using element_type = typename Format::element_type;
    using code =
        std::conditional_t<fb::packed_bytes<element_type>(8) == 8, element_type, std::uint8_t>;
    bench::fill(codes.as<code>(), rows * span::row_bytes(cols), 2);
    for (std::size_t i = 0; i < rows * span::row_blocks(cols); ++i)
      scales.as<scale>()[i] = fb::convert<scale>(i % 3 == 0 ? 0.5F : 1.0F);
  }
  void row(std::size_t i, float* dst) const {
    fb::dequantize(span(view.row_elements(i).data(), view.row_scales(i), 1, view.cols()),
                   fb::matrix_view<float>(dst, 1, view.cols()));
  }

  buffer codes, scales;
  std::size_t bytes;
  span view;
};

template <class Left, class Weights, class Out, bool IsTransposed>
struct operands {
  explicit operands(const shape& of)
      : size(of),
        b(IsTransposed ? of.n : of.k, IsTransposed ? of.k : of.n),
        a_memory(of.m * of.k * sizeof(Left)),
        c_memory(of.m * of.n * sizeof(Out), 512),
        a(a_memory.as<const Left>(), of.m, of.k),
        c(c_memory.as<Out>(), of.m, of.n) {
    bench::fill(a_memory.as<Left>(), of.m * of.k, 1);
  }
  [[nodiscard]] auto right() const {
    if constexpr (IsTransposed) {
      return fb::transposed(b.view);
    } else {
      return b.view;
    }
  }
  /// Whether a column or row of C's sums is right: exactly for integers, else to a thousandth of the sum of
  /// magnitudes. Clears C.
  [[nodiscard]] bool check() {
    const std::size_t j = size.n - 3, i = size.m - 1;
    std::vector<float> values(size.k), row(IsTransposed ? size.k : size.n);
    if (IsTransposed) b.row(j, values.data());
    for (std::size_t l = 0; l < size.k && !IsTransposed; ++l) {
      b.row(l, row.data());
      values[l] = row[j];
    }
    double sum = 0;
    double magnitude = 0;
    for (std::size_t l = 0; l < size.k; ++l) {
      const double term = static_cast<double>(a(i, l)) * static_cast<double>(values[l]);
      sum += term;
      magnitude += std::fabs(term);
    }
    const double tolerance = std::is_integral_v<Out> ? 0 : 1e-3 * magnitude;
    const bool right = std::fabs(static_cast<double>(c(i, j)) - sum) <= tolerance;
    std::memset(c_memory.data(), 0, size.m * size.n * sizeof(Out));
    return right;
  }

  shape size;
  Weights b;
  buffer a_memory, c_memory;
  fb::matrix_view<const Left> a;
  fb::matrix_view<Out> c;
};

/// A race of the product with `right`, which reads `bytes` bytes at `src`.
template <class Operands, class Right>
bench::race race_with(const std::string& name, Operands& data, const Right& right,
                      const buffer& workspace, const unsigned char* src, std::size_t bytes) {
  const double work = 1e-9 * static_cast<double>(bytes);
  return {name,
          form,
          {"reading_b", work, bench::timed([=] { bench::bare_loop<8, 0>(src, nullptr, bytes); })},
          {"fewbits", work, bench::timed([&data, &workspace, right] {
             fb::gemm(fb::inline_executor{}, data.a, right, data.c, fb::identity{},
                      fb::array_view<unsigned char>(workspace.data(),
                                                    fb::gemm_workspace_bytes(data.a, right)));
           })}};
}

template <class Operands, class Right>
bool is_right(Operands& data, const Right& right, const buffer& workspace) {
  fb::gemm(
      fb::inline_executor{}, data.a, right, data.c, fb::identity{},
      fb::array_view<unsigned char>(workspace.data(), fb::gemm_workspace_bytes(data.a, right)));
  return data.check();
}

/// Against libraries that take B row-major, unpacked.
template <class Left, class Right, class Out, class Operands>
void add_peers(bench::race& race, Operands& data) {
  for (const bench::peer* const peer : bench::gemm_peers()) {
    bench::contender other{
        peer->name, 1e-9 * static_cast<double>(data.b.bytes),
        peer->gemm({element_of<Left>, element_of<Right>, element_of<Out>, data.size.m, data.size.n,
                    data.size.k, data.a.data(), data.b.view.data(), data.c.data()})};
    if (!other.time) continue;
    const bool is_remote = other.name == "onednn_avx512";  // with matrices of its own
    other.time(1);
    if (!is_remote && !data.check()) other.kind = bench::contender::other_result;
    race.against(std::move(other));
  }
}

template <class Left, class Weights, class Out, bool IsTransposed>
void multiply(benchmark::State& state, const std::string& name, const shape& size) {
  operands<Left, Weights, Out, IsTransposed> data(size);
  const auto right = data.right();
  const buffer workspace(fb::gemm_workspace_bytes(data.a, right));
  if (!is_right(data, right, workspace)) {
    state.SkipWithError("wrong product");
    return;
  }
  // The codes, and as many bytes of them again as there are scales.
  const buffer longer(Weights::is_quantized ? data.b.bytes : 0);
  const unsigned char* src = longer.data();
  if constexpr (!Weights::is_quantized) src = data.b.memory.data();
  bench::race race = race_with(name, data, right, workspace, src, data.b.bytes);
  if constexpr (!IsTransposed && !Weights::is_quantized)
    add_peers<Left, typename Weights::element, Out>(race, data);
  race.run(state, 7);
}

template <class Left, class Right, class Out>
void multiply_packed(benchmark::State& state, const std::string& name, const shape& size) {
  operands<Left, plain_matrix<Right>, Out, false> data(size);
  const std::size_t bytes = fb::packed_b_bytes<Left>(data.b.view);
  const buffer memory(bytes);
  const auto right =
      fb::pack_b<Left>(data.b.view, fb::array_view<unsigned char>(memory.data(), bytes));
  const buffer workspace(fb::gemm_workspace_bytes(data.a, right));
  if (!is_right(data, right, workspace)) {
    state.SkipWithError("wrong product");
    return;
  }
  bench::race race = race_with(name, data, right, workspace, memory.data(), bytes);
  add_peers<Left, Right, Out>(race, data);
  race.run(state, 7);
}

/// A quantized to INT8 as it is multiplied.
template <class Weights>
void multiply_dynamic(benchmark::State& state, const std::string& name, const shape& size,
                      bool packs) {
  operands<float, Weights, float, true> data(size);
  const auto weights = data.right();
  const auto a = fb::dynamic_rows(data.a);
  const std::size_t packed_bytes = fb::dynamic_weights_bytes(weights);
  const buffer memory(packs ? packed_bytes : data.b.bytes), packed_memory(packed_bytes);
  const auto packed =
      fb::pack_dynamic(weights, fb::array_view<unsigned char>(packed_memory.data(), packed_bytes));
  const buffer workspace(fb::gemm_workspace_bytes(a, weights) +
                         fb::gemm_workspace_bytes(a, packed));
  const fb::array_view<unsigned char> scratch(
      workspace.data(), fb::gemm_workspace_bytes(a, weights) + fb::gemm_workspace_bytes(a, packed));
  const std::size_t bytes = packs ? packed_bytes : data.b.bytes;
  const double work = 1e-9 * static_cast<double>(bytes);
  bench::race race(name, form, {"reading_b", work, bench::timed([&] {
                                  bench::bare_loop<8, 0>(memory.data(), nullptr, bytes);
                                })},
                   {"fewbits", work, bench::timed([&] {
                      if (packs) {
                        fb::gemm(fb::inline_executor{}, a, packed, data.c, fb::identity{}, scratch);
                      } else {
                        fb::gemm(fb::inline_executor{}, a, weights, data.c, fb::identity{},
                                 scratch);
                      }
                    })});
  race.run(state, 7);
}

template <class Left, class Weights, class Out, bool IsTransposed>
void add_layout(const std::string& types) {
  for (const shape& size : shapes) {
    const std::string name =
        "gemv/" + types + (IsTransposed ? "/transposed/" : "/plain/") + size.name();
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      multiply<Left, Weights, Out, IsTransposed>(state, name, size);
    })->Unit(benchmark::kMicrosecond);
  }
}

template <class Left, class Right, class Out>
void add(const std::string& types) {
  add_layout<Left, plain_matrix<Right>, Out, false>(types);
  add_layout<Left, plain_matrix<Right>, Out, true>(types);
  for (const shape& size : shapes) {
    const std::string name = "gemv/" + types + "/packed/" + size.name();
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      multiply_packed<Left, Right, Out>(state, name, size);
    })->Unit(benchmark::kMicrosecond);
  }
}
template <class Weights>
void add_weights(const std::string& types) {
  add_layout<float, Weights, float, true>(types);
  if constexpr (requires(const Weights& weights) {
                  fb::dynamic_weights_bytes(fb::transposed(weights.view));
                })
    for (const bool packs : {false, true})
      for (const shape& size : shapes) {
        const std::string name =
            "gemv/" + types + (packs ? "/dynamic_packed/" : "/dynamic/") + size.name();
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
          multiply_dynamic<Weights>(state, name, size, packs);
        })->Unit(benchmark::kMicrosecond);
      }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, bench::gemm_peers(), [] {
    add<double, double, double>("fp64");
    add<float, float, float>("fp32");
    add<fb::bf16, fb::bf16, float>("bf16");
    add<fb::fp16, fb::fp16, float>("fp16");
    add<fb::fp8_e4m3, fb::fp8_e4m3, float>("fp8_e4m3");
    add<fb::fp8_e5m2, fb::fp8_e5m2, float>("fp8_e5m2");
    add<std::uint8_t, std::int8_t, std::int32_t>("u8s8");
    add<std::int8_t, std::int8_t, std::int32_t>("s8s8");
    add<float, std::int8_t, float>("fp32_int8");
    add_weights<affine_matrix<fb::int4, 32>>("fp32_int4_group32");
    add_weights<affine_matrix<fb::int4, 128>>("fp32_int4_group128");
    add_weights<block_matrix<fb::mxfp4>>("fp32_mxfp4");
    add_weights<block_matrix<fb::mxfp8_e4m3>>("fp32_mxfp8_e4m3");
  });
}
