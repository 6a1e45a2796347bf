// SPDX-License-Identifier: MIT
// Products of two plain matrices on one thread, against the peak of the unit they run on and against
// other libraries. Names: gemm/<elements>/<size> for squares, gemm/<elements>/<m>x<n>x<k> else; with B
// packed beforehand gemm/<elements>/packed/<size>.
#include <fewbits/gemm.hpp>

#include <cmath>

#include "products.hpp"
#include "race.hpp"

namespace {

using bench::buffer;
using bench::element_of;

constexpr bench::report form{"GOP/s", "of_peak", 100};

struct shape {
  std::size_t m, n, k;

  [[nodiscard]] std::string name() const {
    if (m == n && n == k) return std::to_string(m);
    return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
  }
  [[nodiscard]] double giga_operations() const {
    return 2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

constexpr shape shapes[] = {{256, 256, 256},    {512, 512, 512},  {1024, 1024, 1024},
                            {2048, 2048, 2048}, {1, 4096, 4096},  {4, 4096, 4096},
                            {16, 4096, 4096},   {128, 4096, 4096}};

/// How a product is summed where its elements leave a choice.
enum class sums { usual, fp16 };

template <sums Sums, class View>
auto operand_of(const View& view) {
  if constexpr (Sums == sums::fp16) {
    return fewbits::fp16_sums(view);
  } else {
    return view;
  }
}

template <class Left, class Right, class Out>
struct operands {
  explicit operands(const shape& of)
      : size(of),
        a_memory(size.m * size.k * sizeof(Left)),
        b_memory(size.k * size.n * sizeof(Right), 256),
        c_memory(size.m * size.n * sizeof(Out), 512),
        a(a_memory.as<const Left>(), size.m, size.k),
        b(b_memory.as<const Right>(), size.k, size.n),
        c(c_memory.as<Out>(), size.m, size.n) {
    bench::fill(a_memory.as<Left>(), size.m * size.k, 1);
    bench::fill(b_memory.as<Right>(), size.k * size.n, 2);
  }

  /// Whether some elements of C are right: exactly for integers, else to a thousandth of the sum of
  /// magnitudes, which finds a wrong product and no rounding. Clears C.
  [[nodiscard]] bool check() {
    bool right = true;
    for (std::size_t sample = 0; sample < 8; ++sample) {
      const std::size_t i = (sample * 7919 + 1) % size.m;
      const std::size_t j = (sample * 104729 + 3) % size.n;
      double sum = 0;
      double magnitude = 0;
      for (std::size_t l = 0; l < size.k; ++l) {
        const double term = static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
        sum += term;
        magnitude += std::fabs(term);
      }
      const double tolerance = std::is_integral_v<Out> ? 0 : 1e-3 * magnitude;
      right &= std::fabs(static_cast<double>(c(i, j)) - sum) <= tolerance;
    }
    std::memset(c_memory.data(), 0, size.m * size.n * sizeof(Out));
    return right;
  }

  shape size;
  buffer a_memory, b_memory, c_memory;
  fewbits::matrix_view<const Left> a;
  fewbits::matrix_view<const Right> b;
  fewbits::matrix_view<Out> c;
};

/// A B with a workspace made beforehand.
template <class Operands, class Right>
bench::timer product(const Operands& data, const Right& b, const buffer& workspace) {
  return bench::timed([&data, b, &workspace] {
    fewbits::gemm(fewbits::inline_executor{}, data.a, b, data.c, fewbits::identity{},
                  fewbits::array_view<unsigned char>(workspace.data(),
                                                     fewbits::gemm_workspace_bytes(data.a, b)));
  });
}

template <class Left, class Right, class Out, sums Sums>
void multiply(benchmark::State& state, const std::string& name, const shape& size, bool packs) {
  operands<Left, Right, Out> data(size);
  const auto b = operand_of<Sums>(data.b);
  const std::size_t packed_bytes = packs ? fewbits::packed_b_bytes<Left>(b) : 0;
  const buffer packed_memory(packed_bytes + 1);
  decltype(fewbits::pack_b<Left>(b, {})) packed;
  if (packs)
    packed = fewbits::pack_b<Left>(
        b, fewbits::array_view<unsigned char>(packed_memory.data(), packed_bytes));
  const buffer workspace(packs ? fewbits::gemm_workspace_bytes(data.a, packed)
                               : fewbits::gemm_workspace_bytes(data.a, b));
  const bench::timer ours = packs ? product(data, packed, workspace) : product(data, b, workspace);
  ours(1);
  if (!data.check()) {
    state.SkipWithError("wrong product");
    return;
  }
  const double work = size.giga_operations();
  bench::race race(
      name, form,
      bench::peak_of(
          bench::unit_of<fewbits::matrix_view<const Left>, std::remove_const_t<decltype(b)>>()),
      {"fewbits", work, ours});
  // Few rows are bound by the memory that B comes from.
  if (size.m <= 16)
    race.against({"reading_b", work, bench::timed([&] {
                    bench::bare_loop<8, 0>(data.b_memory.data(), nullptr,
                                           size.k * size.n * sizeof(Right));
                  }),
                  bench::contender::bound});
  for (const bench::peer* const peer : bench::gemm_peers()) {
    bench::contender other{
        peer->name, work,
        peer->gemm({element_of<Left>, element_of<Right>, element_of<Out>, size.m, size.n, size.k,
                    data.a.data(), data.b.data(), data.c.data()})};
    if (!other.time) continue;
    const bool is_remote = other.name == "onednn_avx512";  // with matrices of its own
    other.time(1);
    if (!is_remote && !data.check()) other.kind = bench::contender::other_result;
    race.against(std::move(other));
  }
  race.run(state, size.giga_operations() < 5 ? 7 : 5);
}

template <class Left, class Right, class Out, sums Sums = sums::usual>
void add(const std::string& types) {
  for (const bool packs : {false, true})
    for (const shape& size : shapes) {
      const std::string name = "gemm/" + types + (packs ? "/packed/" : "/") + size.name();
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        multiply<Left, Right, Out, Sums>(state, name, size, packs);
      })->Unit(benchmark::kMicrosecond);
    }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, bench::gemm_peers(), [] {
    add<double, double, double>("fp64");
    add<float, float, float>("fp32");
    add<fewbits::bf16, fewbits::bf16, float>("bf16");
    add<fewbits::fp16, fewbits::fp16, float>("fp16");
    add<fewbits::fp16, fewbits::fp16, float, sums::fp16>("fp16_sums");
    add<fewbits::fp8_e4m3, fewbits::fp8_e4m3, float>("fp8_e4m3");
    add<std::uint8_t, std::int8_t, std::int32_t>("u8s8");
    add<std::int8_t, std::int8_t, std::int32_t>("s8s8");
  });
}
