// SPDX-License-Identifier: MIT
// Feature sets as values: what the compiler targets, what the CPU has, and their names.
#include <fewbits/isa/cpu.hpp>
#include <fewbits/isa/features.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using fb::feature;
using fb::generic;
using fb::isa;
using fb::native;

// Spelled out with #if, as a check of the table's way of asking for a macro.
#if defined(__AVX2__)
static_assert(native.has(feature::avx2));
#else
static_assert(!native.has(feature::avx2));
#endif
#if defined(__FMA__)
static_assert(native.has(feature::fma));
#else
static_assert(!native.has(feature::fma));
#endif
#if defined(__F16C__)
static_assert(native.has(feature::f16c));
#else
static_assert(!native.has(feature::f16c));
#endif
#if defined(__AVX512F__)
static_assert(native.has(feature::avx512f));
#else
static_assert(!native.has(feature::avx512f));
#endif
#if defined(__AVX512VNNI__)
static_assert(native.has(feature::avx512vnni));
#else
static_assert(!native.has(feature::avx512vnni));
#endif
#if defined(__AVX512BF16__)
static_assert(native.has(feature::avx512bf16));
#else
static_assert(!native.has(feature::avx512bf16));
#endif
#if defined(__ARM_NEON)
static_assert(native.has(feature::neon));
#else
static_assert(!native.has(feature::neon));
#endif
#if defined(__ARM_FEATURE_ATOMICS)
static_assert(native.has(feature::atomics));
#else
static_assert(!native.has(feature::atomics));
#endif
#if defined(__ARM_FEATURE_COMPLEX)
static_assert(native.has(feature::neon_complex));
#else
static_assert(!native.has(feature::neon_complex));
#endif
#if defined(__ARM_FEATURE_DOTPROD)
static_assert(native.has(feature::neon_dotprod));
#else
static_assert(!native.has(feature::neon_dotprod));
#endif

static_assert(generic == isa{} && generic.features == 0);
static_assert(generic.with(feature::avx2).has(feature::avx2));
static_assert(!generic.with(feature::avx2).has(feature::fma));
static_assert(generic.with(feature::avx2).with(feature::avx2) == generic.with(feature::avx2));
static_assert(generic.with(feature::avx2).with(feature::fma) ==
              generic.with(feature::fma).with(feature::avx2));
// A set contains itself, its subsets and the empty set.
static_assert(native.contains(native) && native.contains(generic));
static_assert(native.with(feature::sve2).contains(native));
static_assert(!generic.contains(generic.with(feature::sse3)));
static_assert(generic.with(feature::avx2).with(feature::fma).contains(generic.with(feature::fma)));
static_assert(!generic.with(feature::fma).contains(generic.with(feature::avx2).with(feature::fma)));

// Sets as template arguments are the same type exactly when they are equal.
template <isa Isa>
struct named_by {};
static_assert(std::is_same_v<named_by<generic>, named_by<isa{}>>);
static_assert(!std::is_same_v<named_by<generic>, named_by<generic.with(feature::avx)>>);

std::vector<std::string> names_of(isa features) {
  std::vector<std::string> names;
  fb::for_each_feature(features, [&](const char* name) { names.emplace_back(name); });
  return names;
}

TEST(Features, HaveNames) {
  EXPECT_TRUE(names_of(generic).empty());
  const isa some = generic.with(feature::avx512bf16).with(feature::sse3).with(feature::neon_i8mm);
  EXPECT_EQ(names_of(some), (std::vector<std::string>{"sse3", "avx512bf16", "neon_i8mm"}));
  EXPECT_EQ(names_of(generic.with(feature::amx_int8)), std::vector<std::string>{"amx_int8"});
}

TEST(Features, AreEachOneBitWithANameOfItsOwn) {
  const std::vector<std::string> all = names_of(isa{~std::uint64_t{0}});
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(names_of(isa{std::uint64_t{1} << i}), std::vector<std::string>{all[i]});
  ASSERT_LT(all.size(), 64U);
  EXPECT_TRUE(names_of(isa{std::uint64_t{1} << all.size()}).empty());
}

TEST(CpuFeatures, ContainWhatTheCompilerTargets) {
  // Else this test would have been skipped, or crashed.
  EXPECT_TRUE(fb::cpu_features().contains(native));
}

#if defined(__x86_64__) && defined(__linux__)
// The kernel asks CPUID too, with bit numbers of its own. It may know less than the library.
TEST(CpuFeatures, HoldAllThatTheKernelLists) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line;
  while (std::getline(cpuinfo, line) && line.compare(0, 5, "flags") != 0) {
  }
  std::istringstream words(line);
  std::set<std::string> flags;
  for (std::string word; words >> word;) flags.insert(word);
  if (flags.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  const std::pair<const char*, feature> rows[] = {
      {"pni", feature::sse3},
      {"pclmulqdq", feature::pclmul},
      {"ssse3", feature::ssse3},
      {"sse4_1", feature::sse4_1},
      {"sse4_2", feature::sse4_2},
      {"movbe", feature::movbe},
      {"popcnt", feature::popcnt},
      {"avx", feature::avx},
      {"f16c", feature::f16c},
      {"fma", feature::fma},
      {"abm", feature::lzcnt},
      {"sse4a", feature::sse4a},
      {"xop", feature::xop},
      {"fma4", feature::fma4},
      {"tbm", feature::tbm},
      {"bmi1", feature::bmi},
      {"avx2", feature::avx2},
      {"bmi2", feature::bmi2},
      {"adx", feature::adx},
      {"avx512f", feature::avx512f},
      {"avx512dq", feature::avx512dq},
      {"avx512ifma", feature::avx512ifma},
      {"avx512cd", feature::avx512cd},
      {"avx512bw", feature::avx512bw},
      {"avx512vl", feature::avx512vl},
      {"avx512vbmi", feature::avx512vbmi},
      {"avx512_vbmi2", feature::avx512vbmi2},
      {"gfni", feature::gfni},
      {"vaes", feature::vaes},
      {"vpclmulqdq", feature::vpclmulqdq},
      {"avx512_vnni", feature::avx512vnni},
      {"avx512_bitalg", feature::avx512bitalg},
      {"avx512_vpopcntdq", feature::avx512vpopcntdq},
      {"avx512_vp2intersect", feature::avx512vp2intersect},
      {"amx_bf16", feature::amx_bf16},
      {"avx512_fp16", feature::avx512fp16},
      {"amx_tile", feature::amx_tile},
      {"amx_int8", feature::amx_int8},
      {"avx_vnni", feature::avxvnni},
      {"avx512_bf16", feature::avx512bf16},
      {"amx_fp16", feature::amx_fp16},
      {"avx_ifma", feature::avxifma},
  };
  const isa found = fb::cpu_features();
  for (const auto& [flag, which] : rows) {
    if (flags.count(flag) != 0) {
      EXPECT_TRUE(found.has(which)) << flag;
    }
  }
  // These the kernel has listed for ten years; a hypervisor hides them from both.
  for (const auto& [flag, which] :
       {std::pair{"avx", feature::avx}, std::pair{"fma", feature::fma},
        std::pair{"avx2", feature::avx2}, std::pair{"avx512f", feature::avx512f}}) {
    if (flags.count(flag) == 0) {
      EXPECT_FALSE(found.has(which)) << flag;
    }
  }
}
#endif

}  // namespace
