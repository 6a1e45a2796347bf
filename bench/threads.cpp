// SPDX-License-Identifier: MIT
// Products on a pool of two threads, against one thread in the same rounds: `of_one` is how many times as
// fast. Names: threads/<elements>/<size>; threads/gemv/<size> has one row of A and B transposed.
#include <fewbits/exec/thread_pool.hpp>
#include <fewbits/gemm.hpp>

#include "race.hpp"

namespace {

namespace fb = fewbits;
using bench::buffer;

constexpr bench::report form{"GOP/s", "of_one", 1};

template <class Element, class Out>
void multiply(benchmark::State& state, const std::string& name, std::size_t m, std::size_t n) {
  const buffer a_memory(m * n * sizeof(Element)), b_memory(n * n * sizeof(Element), 256),
      c_memory(m * n * sizeof(Out), 512);
  bench::fill(a_memory.as<Element>(), m * n, 1);
  bench::fill(b_memory.as<Element>(), n * n, 2);
  const fb::matrix_view<const Element> a(a_memory.as<const Element>(), m, n);
  const auto b = fb::transposed(fb::matrix_view<const Element>(b_memory.as<const Element>(), n, n));
  const fb::matrix_view<Out> c(c_memory.as<Out>(), m, n);
  const std::size_t bytes = fb::gemm_workspace_bytes(a, b);
  const buffer workspace(bytes);
  const auto on = [&](auto& runner) {
    return bench::timed([&, bytes] {
      fb::gemm(runner, a, b, c, fb::identity{},
               fb::array_view<unsigned char>(workspace.data(), bytes));
    });
  };
  fb::inline_executor one;
  fb::thread_pool two(2);
  const double work =
      2e-9 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(n);
  bench::race race(name, form, {"one thread", work, on(one)}, {"fewbits", work, on(two)});
  race.run(state, 9);
}

template <class Element, class Out>
void add(const std::string& name, std::size_t m, std::size_t n) {
  const std::string full = "threads/" + name + "/" + std::to_string(n);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    multiply<Element, Out>(state, full, m, n);
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_all(argc, argv, form, {}, [] {
    for (const std::size_t size : {512U, 1024U, 2048U}) {
      add<float, float>("fp32", size, size);
      add<std::int8_t, std::int32_t>("s8s8", size, size);
    }
    add<float, float>("gemv", 1, 8192);
  });
}
