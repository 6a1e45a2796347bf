// SPDX-License-Identifier: MIT
// oneDNN, as it comes and without AMX. Its limit on instructions holds for a whole process and cannot
// be changed once it has run, so the limited one lives in a child process that times itself when asked
// through a pipe; the two never run at the same time.
#include <fewbits/isa/cpu.hpp>

#include <memory>
#include <unistd.h>
#include <unordered_map>

#include "peers/peers.hpp"
#include <oneapi/dnnl/dnnl.hpp>

namespace bench {
namespace {

std::string version_and_isa() {
  static const std::unordered_map<int, const char*> names{
      {dnnl_cpu_isa_sse41, "sse41"},
      {dnnl_cpu_isa_avx, "avx"},
      {dnnl_cpu_isa_avx2, "avx2"},
      {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
      {dnnl_cpu_isa_avx512_core, "avx512_core"},
      {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
      {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
      {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"}};
  const dnnl_version_t* const version = dnnl_version();
  const auto found = names.find(static_cast<int>(dnnl::get_effective_cpu_isa()));
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch) + ", instructions up to " +
         (found == names.end() ? "an unknown set" : found->second);
}

dnnl::memory::data_type data_type_of(element type) {
  switch (type) {
    case element::fp32:
      return dnnl::memory::data_type::f32;
    case element::bf16:
      return dnnl::memory::data_type::bf16;
    case element::fp16:
      return dnnl::memory::data_type::f16;
    case element::s8:
      return dnnl::memory::data_type::s8;
    case element::u8:
      return dnnl::memory::data_type::u8;
    case element::s32:
      return dnnl::memory::data_type::s32;
    default:
      return dnnl::memory::data_type::undef;
  }
}

/// oneDNN chooses its instructions at run time. Here it has those that the program is compiled for.
std::string describe() {
#if defined(__AVX2__) && !defined(__AVX512F__)
  dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
#endif
  return version_and_isa();
}

timer convert(const conversion& c) {
  const auto type_from = data_type_of(c.from);
  const auto type_to = data_type_of(c.to);
  if (type_from == dnnl::memory::data_type::undef || type_to == dnnl::memory::data_type::undef)
    return {};
  struct prepared {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    dnnl::memory src, dst;
    dnnl::reorder primitive;
  };
  const auto call = std::make_shared<prepared>();
  const auto range = [&](dnnl::memory::data_type type, void* data) {
    const dnnl::memory::desc row({static_cast<dnnl::memory::dim>(c.count)}, type,
                                 dnnl::memory::format_tag::a);
    return dnnl::memory(row, call->engine, data);
  };
  try {
    call->src = range(type_from, const_cast<void*>(c.src));
    call->dst = range(type_to, c.dst);
    call->primitive = dnnl::reorder(call->src, call->dst);
  } catch (const dnnl::error&) {
    return {};  // it has none for these types
  }
  return timed([call] {
    call->primitive.execute(call->stream, call->src, call->dst);
    call->stream.wait();
  });
}

timer gemm(const product& p) {
  const auto type_a = data_type_of(p.a_element);
  const auto type_b = data_type_of(p.b_element);
  if (type_a == dnnl::memory::data_type::undef || type_b == dnnl::memory::data_type::undef)
    return {};
  struct prepared {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    dnnl::matmul primitive;
    std::unordered_map<int, dnnl::memory> arguments;
  };
  const auto call = std::make_shared<prepared>();
  const auto matrix = [](std::size_t rows, std::size_t cols, dnnl::memory::data_type type) {
    return dnnl::memory::desc(
        {static_cast<dnnl::memory::dim>(rows), static_cast<dnnl::memory::dim>(cols)}, type,
        dnnl::memory::format_tag::ab);
  };
  const auto a = matrix(p.m, p.k, type_a);
  const auto b = matrix(p.k, p.n, type_b);
  const auto c = matrix(p.m, p.n, data_type_of(p.c_element));
  try {
#if DNNL_VERSION_MAJOR >= 3
    call->primitive = dnnl::matmul(dnnl::matmul::primitive_desc(call->engine, a, b, c));
#else
    call->primitive =
        dnnl::matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), call->engine));
#endif
  } catch (const dnnl::error&) {
    return {};  // it has none for these types
  }
  call->arguments = {{DNNL_ARG_SRC, dnnl::memory(a, call->engine, const_cast<void*>(p.a))},
                     {DNNL_ARG_WEIGHTS, dnnl::memory(b, call->engine, const_cast<void*>(p.b))},
                     {DNNL_ARG_DST, dnnl::memory(c, call->engine, p.c)}};
  return timed([call] {
    call->primitive.execute(call->stream, call->arguments);
    call->stream.wait();
  });
}

struct request {
  bool prepare;
  product what;
  std::size_t calls;
};

/// Reads or writes the whole of `value`; false when the other side is gone.
template <class Value>
bool get(int from, Value& value) {
  return read(from, &value, sizeof(value)) == static_cast<ssize_t>(sizeof(value));
}
template <class Value>
bool put(int to, const Value& value) {
  return write(to, &value, sizeof(value)) == static_cast<ssize_t>(sizeof(value));
}

template <class Type>
void refill(std::unique_ptr<buffer>& memory, std::size_t count) {
  memory = std::make_unique<buffer>(count * sizeof(Type));
  fill(memory->as<Type>(), count, count);
}

void refill(std::unique_ptr<buffer>& memory, element type, std::size_t count) {
  switch (type) {
    case element::fp32:
      return refill<float>(memory, count);
    case element::bf16:
      return refill<fewbits::bf16>(memory, count);
    case element::s8:
      return refill<std::int8_t>(memory, count);
    case element::u8:
      return refill<std::uint8_t>(memory, count);
    default:
      memory = std::make_unique<buffer>(count * 8);
  }
}

[[noreturn]] void serve(int from, int to) {
  dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_bf16);
  char text[256] = {};
  version_and_isa().copy(text, sizeof(text) - 1);
  put(to, text);
  std::unique_ptr<buffer> a;
  std::unique_ptr<buffer> b;
  std::unique_ptr<buffer> c;
  timer current;
  for (request next; get(from, next);) {
    if (next.prepare) {
      product& what = next.what;
      current = {};
      refill(a, what.a_element, what.m * what.k);
      refill(b, what.b_element, what.k * what.n);
      refill(c, what.c_element, what.m * what.n);
      what.a = a->data();
      what.b = b->data();
      what.c = c->data();
      current = gemm(what);
      put(to, current ? 1.0 : 0.0);
    } else {
      put(to, current(next.calls));
    }
  }
  _exit(0);
}

int to_child = -1;
int from_child = -1;

std::string describe_limited() {
  if (!fewbits::cpu_features().has(fewbits::feature::amx_tile))
    return "not run: this machine has no AMX, so it would be the same";
  int down[2];
  int up[2];
  if (pipe(down) != 0 || pipe(up) != 0) return "not run: no pipes";
  const pid_t child = fork();
  if (child < 0) return "not run: cannot fork";
  if (child == 0) {
    close(down[1]);
    close(up[0]);
    serve(down[0], up[1]);
  }
  close(down[0]);
  close(up[1]);
  char text[256] = {};
  if (!get(up[0], text)) return "not run: it ended";
  to_child = down[1];
  from_child = up[0];
  return text;
}

timer gemm_limited(const product& p) {
  // FP32 does not touch AMX.
  if (to_child < 0 || p.a_element == element::fp32) return {};
  double supported = 0;
  if (!put(to_child, request{true, p, 0}) || !get(from_child, supported) || supported == 0)
    return {};
  return [p](std::size_t calls) {
    double elapsed = 0;
    if (!put(to_child, request{false, p, calls}) || !get(from_child, elapsed)) std::abort();
    return elapsed;
  };
}

}  // namespace

const peer peer_dnnl{"onednn", describe, convert, gemm};
const peer peer_dnnl_avx512{"onednn_avx512", describe_limited, nullptr, gemm_limited};

}  // namespace bench
