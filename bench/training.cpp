// SPDX-License-Identifier: MIT
// Optimizer steps on one thread, against a loop that moves the same bytes. Names:
// training/<step>/<bytes of the weights in FP32>.
#include <fewbits/training.hpp>

#include "race.hpp"

namespace {

using bench::buffer;

constexpr bench::report form{"GB/s", "of_bare", 1};

constexpr std::size_t sizes[] = {std::size_t{256} << 10, std::size_t{8} << 20,
                                 std::size_t{64} << 20};

/// Arrays at different places in a page, so that stores to one do not hold up loads from another.
struct memory {
  buffer weights{sizes[2]};
  buffer gradients{sizes[2], 1088};
  buffer first{sizes[2], 2176};
  buffer second{sizes[2], 3264};
  buffer working{sizes[2], 576};
};
memory& shared_memory() {
  static memory all;
  return all;
}

fewbits::array_view<float> floats(buffer& of, std::size_t count) { return {of.as<float>(), count}; }

/// The loads and stores of a step without its arithmetic, on the same arrays: gradients are read, weights
/// and moments are read and written in place, and copies of 16 bits (if HasCopy) are written. A loop that
/// writes elsewhere would read those lines too.
template <bool HasCopy>
FEWBITS_NOINLINE void bare_step(const memory& in, std::size_t count) {
  using ops = bench::byte_ops;
  constexpr std::size_t width = sizeof(typename ops::vector);
  unsigned char* const arrays[] = {in.weights.data(), in.first.data(), in.second.data()};
  unsigned char* copy = in.working.data();
  for (std::size_t i = 0; i < 4 * count; i += 2 * width) {
    typename ops::vector x{};
    FEWBITS_UNROLL
    for (std::size_t j = 0; j < 2 * width; j += width) {
      x = ops::load(in.gradients.data() + i + j);
      bench::keep(x);
      FEWBITS_UNROLL
      for (std::size_t k = 0; k < 3; ++k) {
        x = ops::load(arrays[k] + i + j);
        bench::keep(x);
        ops::store(arrays[k] + i + j, x);
      }
    }
    if constexpr (HasCopy) {
      ops::store(copy, x);
      copy += width;
    }
  }
}

/// The same where moments are a byte each: four vectors of FP32 to one of codes.
FEWBITS_NOINLINE void bare_blockwise_step(const memory& in, std::size_t count) {
  using ops = bench::byte_ops;
  constexpr std::size_t width = sizeof(typename ops::vector);
  for (std::size_t i = 0; i < count; i += width) {
    typename ops::vector x{};
    FEWBITS_UNROLL
    for (std::size_t j = 4 * i; j < 4 * (i + width); j += width) {
      x = ops::load(in.gradients.data() + j);
      bench::keep(x);
      x = ops::load(in.weights.data() + j);
      bench::keep(x);
      ops::store(in.weights.data() + j, x);
    }
    for (unsigned char* const codes : {in.first.data(), in.second.data()}) {
      x = ops::load(codes + i);
      bench::keep(x);
      ops::store(codes + i, x);
    }
  }
}

template <class Limit, class Ours>
void measure(benchmark::State& state, const std::string& name, std::size_t count,
             std::size_t bytes_each, Limit limit, Ours ours) {
  const double work = 1e-9 * static_cast<double>(bytes_each * count);
  bench::race race(name, form, {"bare loop", work, bench::timed(limit)},
                   {"fewbits", work, bench::timed(ours)});
  race.run(state, count > std::size_t{4} << 20 ? 3 : 9);
}

template <class Run>
void add(const char* what, Run run) {
  for (const std::size_t bytes : sizes) {
    const std::string name = std::string("training/") + what + "/" + bench::size_name(bytes);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      memory& in = shared_memory();
      bench::fill(in.weights.as<float>(), bytes / 4, 1);
      bench::fill(in.gradients.as<float>(), bytes / 4, 2);
      bench::fill(in.first.as<float>(), bytes / 4, 3);
      for (std::size_t i = 0; i < bytes / 4; ++i) in.second.as<float>()[i] = 0.01F;
      run(state, name, in, bytes / 4);
    })->Unit(benchmark::kMicrosecond);
  }
}

void add_all() {
  add("adamw", [](benchmark::State& state, const std::string& name, memory& in, std::size_t count) {
    measure(
        state, name, count, 28, [&in, count] { bare_step<false>(in, count); },
        [&in, count] {
          fewbits::adamw_step(floats(in.weights, count), floats(in.gradients, count),
                              floats(in.first, count), floats(in.second, count),
                              fewbits::adam_options{.weight_decay = 0.01}, 10);
        });
  });
  add("adamw_bf16_copy", [](benchmark::State& state, const std::string& name, memory& in,
                            std::size_t count) {
    measure(
        state, name, count, 30, [&in, count] { bare_step<true>(in, count); },
        [&in, count] {
          const fewbits::array_view<fewbits::bf16> copy(in.working.as<fewbits::bf16>(), count);
          const auto master = floats(in.weights, count);
          fewbits::adamw_step(fewbits::master_weights(master, copy), floats(in.gradients, count),
                              floats(in.first, count), floats(in.second, count),
                              fewbits::adam_options{.weight_decay = 0.01}, 10);
        });
  });
  add("adamw_8bit_moments", [](benchmark::State& state, const std::string& name, memory& in,
                               std::size_t count) {
    const std::size_t bytes = fewbits::blockwise_moment_bytes(count);
    for (std::size_t i = 0; i < bytes; ++i)
      in.first.data()[i] = in.second.data()[i] = static_cast<unsigned char>(i < count ? i * 7 : 1);
    measure(
        state, name, count, 16, [&in, count] { bare_blockwise_step(in, count); },
        [&in, count, bytes] {
          const fewbits::array_view<unsigned char> first(in.first.data(), bytes);
          const fewbits::array_view<unsigned char> second(in.second.data(), bytes);
          fewbits::adamw_step(floats(in.weights, count), floats(in.gradients, count),
                              fewbits::blockwise_moments(first, count),
                              fewbits::blockwise_moments(second, count),
                              fewbits::adam_options{.weight_decay = 0.01}, 10);
        });
  });
  add("unscale_bf16", [](benchmark::State& state, const std::string& name, memory& in,
                         std::size_t count) {
    bench::fill(in.working.as<fewbits::bf16>(), count, 5);
    measure(
        state, name, count, 6,
        [&in, count] { bench::bare_loop<2, 4>(in.working.data(), in.gradients.data(), 2 * count); },
        [&in, count] {
          (void)fewbits::unscale(
              fewbits::array_view<const fewbits::bf16>(in.working.as<fewbits::bf16>(), count), 1024,
              floats(in.gradients, count));
        });
  });
}

}  // namespace

int main(int argc, char** argv) { return bench::run_all(argc, argv, form, {}, add_all); }
