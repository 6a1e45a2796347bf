// SPDX-License-Identifier: MIT
// Bulk stochastic rounding: each result by exact integers, at the random words where it changes; then
// every length, offset, alignment, part, executor and control word against the conversion of one number. Most
// pairs take long to compile: with FEWBITS_ALL_ROWS, in stochastic_slow.cpp.
#include <fewbits/convert/stochastic.hpp>

#include <algorithm>
#include <array>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "support/compare.hpp"
#include "support/environment.hpp"
#include "support/guard_page.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;
using fb::cast_policy;
using fb::overflow;
using fb::rounding;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Formats that the named table lacks, as in conversion_test.cpp: infinity as a top code; FP32's exponents
// with few bits; both ends of the exponents that the vector code takes; every value a power of two.
using p3109_8p3 = fb::basic_float<fb::formats::p3109(8, 3)>;
using p3109_8p4f = fb::basic_float<fb::formats::p3109(8, 4, fb::formats::signedness::with_sign,
                                                      fb::formats::domain::finite)>;
using e8m3 = fb::basic_float<fb::formats::ieee(8, 3)>;
using e8m3_finite = fb::basic_float<fb::formats::with_bias(fb::formats::finite(8, 3), 127)>;
using tiny_e4m3 = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(4, 3), 124)>;
using deep_e4m3 = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(4, 3), 112)>;
using huge_e4m3 = fb::basic_float<fb::formats::with_bias(fb::formats::ieee(4, 3), -112)>;
using wide_e2m20 = fb::basic_float<fb::formats::ieee(2, 20)>;

struct conversion {
  using bulk = void (*)(const unsigned char* src, unsigned char* dst, std::size_t count,
                        fb::philox random);
  using step = void (*)(const unsigned char* src, unsigned char* dst, const u32* words);
  struct variant {
    const char* name;
    bulk run;
    step round;
    std::size_t step_size;
  };

  std::string name;
  fb::float_format from, to;  // `to` of an integer is the format of the source
  bool to_integer;
  cast_policy policy;
  std::size_t from_bytes, to_bytes;
  u64 (*scalar)(u64 code, u32 random);
  std::vector<variant> variants;
};

template <class From, class To, cast_policy Policy, fb::isa Isa>
void bulk(const unsigned char* src, unsigned char* dst, std::size_t count, fb::philox random) {
  const fb::array_view<const From> from(reinterpret_cast<const From*>(src), count);
  const fb::array_view<To> to(reinterpret_cast<To*>(dst), count);
  fb::convert<Policy, Isa>(from, to, random);
}

template <class Type>
struct kernel_type {
  using type = Type;
};
template <fb::floating Type>
struct kernel_type<Type> {
  using type = fb::basic_float<fb::format_of<Type>>;
};
template <class Type>
using class_of = typename kernel_type<Type>::type;

template <class From, class To, cast_policy Policy, fb::isa Isa>
void round_step(const unsigned char* src, unsigned char* dst, const u32* words) {
  using kernel = fb::detail::stochastic_kernel<class_of<From>, class_of<To>, Policy, Isa>;
  using ops = fb::vec<Isa>;
  typename ops::u32 vectors[4];
  for (std::size_t i = 0; i < 4; ++i)
    vectors[i] = ops::load32(reinterpret_cast<const unsigned char*>(words + i * kernel::lanes));
  const fb::detail::default_control_word<Isa> control_word;
  kernel::round(src, dst, vectors);
}

template <class Type>
Type element(u64 code) {
  Type result;
  std::memcpy(static_cast<void*>(&result), &code, sizeof(Type));
  return result;
}
template <class Type>
u64 code_of(Type value) {
  u64 code = 0;
  std::memcpy(&code, &value, sizeof(Type));
  return code;
}

template <class From, class To, cast_policy Policy>
u64 scalar(u64 code, u32 random) {
  return code_of(fb::convert<To, Policy>(element<From>(code), random));
}

template <class From, class To, cast_policy Policy, fb::isa Isa>
conversion::variant make_variant(const char* name) {
  return {name, bulk<From, To, Policy, Isa>, round_step<From, To, Policy, Isa>,
          4 * static_cast<std::size_t>(fb::vec<Isa>::lanes)};
}

enum class isas { native_only, both };

template <class From, class To, cast_policy Policy = fb::stochastic, isas Isas = isas::both>
conversion make(const char* name) {
  conversion row{name,   fb::format_of<From>, fb::format_of<From>, !fb::floating<To>,
                 Policy, sizeof(From),        sizeof(To),          scalar<From, To, Policy>,
                 {}};
  if constexpr (fb::floating<To>) row.to = fb::format_of<To>;
  row.variants.push_back(make_variant<From, To, Policy, fb::native>("native"));
  if constexpr (Isas == isas::both)
    row.variants.push_back(make_variant<From, To, Policy, fb::generic>("generic"));
  return row;
}

template <class To, isas Isas>
void add_policies(std::vector<conversion>& rows, const char* name) {
  constexpr rounding c = rounding::stochastic;
  constexpr rounding a = rounding::stochastic_a;
  constexpr rounding b = rounding::stochastic_b;
  rows.push_back(make<float, To, fb::stochastic, Isas>(name));
  rows.push_back(make<float, To, cast_policy{c, overflow::saturate}, isas::native_only>(name));
  rows.push_back(make<float, To, cast_policy{c, overflow::propagate}, isas::native_only>(name));
  rows.push_back(
      make<float, To, cast_policy{c, overflow::infinity_or_largest}, isas::native_only>(name));
  rows.push_back(make<float, To, cast_policy{a}, Isas>(name));
  rows.push_back(make<float, To, cast_policy{b}, Isas>(name));
}

std::vector<conversion> make_conversions() {
  std::vector<conversion> rows;
  add_policies<fb::bf16, isas::both>(rows, "bf16");
  add_policies<fb::fp8_e4m3, isas::both>(rows, "fp8_e4m3");
  rows.push_back(make<float, fb::fp4_e2m1>("fp4_e2m1"));
  rows.push_back(make<fb::fp16, fb::fp8_e4m3>("fp16 -> fp8_e4m3"));
  rows.push_back(make<double, fb::bf16>("double -> bf16"));
  rows.push_back(make<float, std::int8_t>("int8"));
#if defined(FEWBITS_ALL_ROWS)
  add_policies<fb::fp16, isas::native_only>(rows, "fp16");
  add_policies<fb::fp8_e5m2, isas::native_only>(rows, "fp8_e5m2");
  add_policies<fb::fp8_e5m2fnuz, isas::native_only>(rows, "fp8_e5m2fnuz");
  add_policies<p3109_8p3, isas::native_only>(rows, "p3109_8p3");
  add_policies<deep_e4m3, isas::both>(rows, "deep_e4m3");
  rows.push_back(make<float, p3109_8p4f>("p3109_8p4f"));
  rows.push_back(make<float, fb::fp8_e3m4>("fp8_e3m4"));
  rows.push_back(make<float, fb::fp6_e2m3>("fp6_e2m3"));
  rows.push_back(make<float, fb::fp4_e3m0>("fp4_e3m0"));
  rows.push_back(make<float, fb::tf32>("tf32"));
  rows.push_back(make<float, e8m3>("e8m3"));
  rows.push_back(make<float, e8m3_finite>("e8m3_finite"));
  rows.push_back(make<float, tiny_e4m3>("tiny_e4m3"));
  rows.push_back(make<float, huge_e4m3>("huge_e4m3"));
  rows.push_back(make<float, wide_e2m20>("wide_e2m20"));
  rows.push_back(make<fb::bf16, fb::fp8_e5m2>("bf16 -> fp8_e5m2"));
  rows.push_back(make<fb::bf16, fb::fp16, fb::stochastic, isas::native_only>("bf16 -> fp16"));
  rows.push_back(make<fb::fp8_e4m3, fb::fp4_e2m1>("fp8_e4m3 -> fp4_e2m1"));
  rows.push_back(make<fb::fp8_e5m2, float>("fp8_e5m2 -> float"));
  rows.push_back(
      make<fb::fp8_e5m2, float, cast_policy{rounding::stochastic, overflow::saturate}>("saturate"));
  // Those without vectors.
  rows.push_back(make<double, float, fb::stochastic, isas::native_only>("double -> float"));
  rows.push_back(make<float, fb::scale_e8m0>("scale_e8m0"));
  rows.push_back(make<float, fb::scale_ue4m3, fb::stochastic, isas::native_only>("scale_ue4m3"));
  rows.push_back(make<double, fb::int4, cast_policy{rounding::stochastic_b}>("double -> int4"));
#endif
  return rows;
}

const std::vector<conversion>& conversions() {
  static const std::vector<conversion> rows = make_conversions();
  return rows;
}

oracle::reference reference_of(const fb::float_format& f) {
  const oracle::infinities inf[] = {oracle::infinities::none, oracle::infinities::ieee,
                                    oracle::infinities::below_top};
  const oracle::nans nan[] = {oracle::nans::none, oracle::nans::ieee, oracle::nans::top,
                              oracle::nans::negative_zero};
  char name[32];
  std::snprintf(name, sizeof name, "e%dm%d", f.exponent_bits, f.mantissa_bits);
  return oracle::reference({name, f.exponent_bits, f.mantissa_bits, f.bias,
                            inf[static_cast<int>(f.inf)], nan[static_cast<int>(f.nan)], f.is_signed,
                            f.has_subnormals});
}

oracle::policy policy_of(const cast_policy& policy) {
  return {static_cast<oracle::mode>(policy.round), static_cast<oracle::over>(policy.over)};
}

/// Codes of the source with every exponent: few and many bits, and bits on either side of each place where
/// a significand of `to` may end.
std::vector<u64> inputs_for(const conversion& row) {
  const int mantissa_bits = row.from.mantissa_bits;
  const u64 ones = row.from.mantissa_mask();
  std::vector<u64> mantissas = {0,        1,           ones, ones - 1, ones / 2, ones / 2 + 1,
                                ones / 3, ones / 7 * 5};
  for (const int place : {mantissa_bits - row.to.mantissa_bits, mantissa_bits / 2})
    if (place > 0 && place < 64)
      for (const u64 x :
           {u64{1} << place, (u64{1} << place) - 1, (u64{1} << place) + 1, ones << place})
        mantissas.push_back(x & ones);
  std::sort(mantissas.begin(), mantissas.end());
  mantissas.erase(std::unique(mantissas.begin(), mantissas.end()), mantissas.end());
  const int low = std::max(row.to.quantum_exponent() - 40 + row.from.bias, 0);
  const int top = (1 << row.from.exponent_bits) - 1;
  std::vector<u64> codes;
  for (int field = 0; field <= top; ++field) {
    if (row.from == fb::formats::fp64 && field != 0 && field != top &&
        (field < low || field > row.to.max_exponent() + row.from.bias + 2))
      continue;
    for (const u64 mantissa : mantissas) {
      const u64 code = static_cast<u64>(field) << mantissa_bits | mantissa;
      codes.push_back(code);
      codes.push_back(code | row.from.sign_mask());
    }
  }
  return codes;
}

/// The words at which something can change for a number.
std::vector<u32> words_for(const oracle::reference& to, const oracle::number& exact,
                           oracle::mode round) {
  std::vector<u32> words = {0, 0xffffffff, 0x80000000};
  if (!exact.is_finite() || exact.is_zero()) return words;
  const oracle::neighbours n = to.find(exact);
  if (n.none_below || n.beyond) return words;
  const u64 least = to.least_word_up(exact, n, round);
  for (const u64 word : {least - 1, least, least + 1}) words.push_back(static_cast<u32>(word));
  return words;
}

void write_codes(const std::vector<u64>& codes, std::size_t bytes, unsigned char* dst) {
  for (std::size_t i = 0; i < codes.size(); ++i) std::memcpy(dst + i * bytes, &codes[i], bytes);
}
u64 read_code(const unsigned char* src, std::size_t bytes, std::size_t i) {
  u64 code = 0;
  std::memcpy(&code, src + i * bytes, bytes);
  return code;
}

std::string describe(const conversion& row, const char* variant, u64 code, u32 word) {
  char text[160];
  std::snprintf(text, sizeof text, " (round %d, overflow %d), %s: 0x%llx with word 0x%08x",
                static_cast<int>(row.policy.round), static_cast<int>(row.policy.over), variant,
                static_cast<unsigned long long>(code), word);
  return row.name + text;
}

// What one number becomes with the word one below, at and one above the least that takes it up.
TEST(StochasticRanges, ChangeTheirMindAtTheExactWord) {
  for (const conversion& row : conversions()) {
    if (row.to_integer) continue;
    const oracle::reference from = reference_of(row.from), to = reference_of(row.to);
    const oracle::policy how = policy_of(row.policy);
    std::vector<u64> codes, want;
    std::vector<u32> words;
    for (const u64 code : inputs_for(row)) {
      const oracle::number exact = from.decode(code);
      for (const u32 word : words_for(to, exact, how.round)) {
        codes.push_back(code);
        words.push_back(word);
        want.push_back(to.encode(exact, how, word));
      }
    }
    while (codes.size() % 64 != 0) {
      codes.push_back(codes.front());
      words.push_back(words.front());
      want.push_back(want.front());
    }
    std::vector<unsigned char> src(codes.size() * row.from_bytes), dst(codes.size() * row.to_bytes);
    write_codes(codes, row.from_bytes, src.data());
    compare::checker check;
    for (const conversion::variant& one : row.variants) {
      ASSERT_EQ(codes.size() % one.step_size, 0U);
      for (std::size_t i = 0; i < codes.size(); i += one.step_size)
        one.round(src.data() + i * row.from_bytes, dst.data() + i * row.to_bytes, &words[i]);
      for (std::size_t i = 0; i < codes.size(); ++i)
        check.expect(to, read_code(dst.data(), row.to_bytes, i), want[i], from.decode(codes[i]),
                     [&] { return describe(row, one.name, codes[i], words[i]); });
    }
  }
}

// Over all values of the bits of a word that decide, the share that goes up is the fraction.
TEST(StochasticRanges, AreExactOnAverage) {
  // 1 + fraction * 2^-7, of 16 bits, to BF16; below the smallest normal number of E4M3, with 17 bits below
  // the quantum 2^-9: (3 + fraction) * 2^-9.
  struct sample {
    fb::float_format to;
    u32 code;
    u32 up, of;
  };
  const sample samples[] = {{fb::formats::bf16, 0x3f800001, 1, 65536},
                            {fb::formats::bf16, 0x3f80ffff, 65535, 65536},
                            {fb::formats::bf16, 0xc2285a3c, 0x5a3c, 65536},
                            {fb::formats::bf16, 0x00001234, 0x1234, 65536},
                            {fb::formats::fp8_e4m3, 0x3bc00040, 1, 65536},
                            {fb::formats::fp8_e4m3, 0xbbffffc0, 65535, 65536}};
  for (const conversion& row : conversions()) {
    if (row.policy != fb::stochastic || !(row.from == fb::formats::fp32)) continue;
    for (const sample& x : samples) {
      if (!(x.to == row.to)) continue;
      for (const conversion::variant& one : row.variants) {
        const std::vector<u64> codes(one.step_size, x.code);
        std::vector<unsigned char> src(codes.size() * 4), dst(codes.size() * row.to_bytes);
        write_codes(codes, 4, src.data());
        std::vector<u32> words(codes.size(), 0);
        one.round(src.data(), dst.data(), words.data());
        const u64 down = read_code(dst.data(), row.to_bytes, 0);
        u32 ups = 0;
        for (u32 i = 0; i < x.of; i += static_cast<u32>(codes.size())) {
          for (u32 j = 0; j < codes.size(); ++j) words[j] = (i + j) << 16;
          one.round(src.data(), dst.data(), words.data());
          for (u32 j = 0; j < codes.size(); ++j) {
            const u64 got = read_code(dst.data(), row.to_bytes, j);
            ASSERT_TRUE(got == down || got == down + 1);
            ups += got == down ? 0 : 1;
          }
        }
        EXPECT_EQ(ups, x.up) << describe(row, one.name, x.code, 0);
      }
    }
  }
}

// The most elements that a kernel takes at once.
constexpr std::size_t widest_step = 128;
constexpr std::size_t longest = 3 * widest_step + 1;
constexpr unsigned char untouched = 0xa5;

struct sample {
  std::vector<unsigned char> src;
  /// The results with the words from `first` on, one by one.
  std::vector<unsigned char> want(const conversion& row, fb::philox random) const {
    const std::size_t count = src.size() / row.from_bytes;
    std::vector<unsigned char> result(count * row.to_bytes);
    for (std::size_t i = 0; i < count; ++i) {
      const u64 code = row.scalar(read_code(src.data(), row.from_bytes, i), random.word(i));
      std::memcpy(result.data() + i * row.to_bytes, &code, row.to_bytes);
    }
    return result;
  }
};

/// A few codes from all over the inputs of a row.
sample sample_of(const conversion& row, std::size_t count) {
  const std::vector<u64> all = inputs_for(row);
  std::vector<u64> codes;
  random_words random(count);
  for (std::size_t i = 0; i < count; ++i) codes.push_back(all[random.below(all.size())]);
  sample made{std::vector<unsigned char>(count * row.from_bytes)};
  write_codes(codes, row.from_bytes, made.src.data());
  return made;
}

// Around the last block that shares the upper half of its counter with the one before it, and the last.
constexpr u64 offsets[] = {
    0, 1, 2, 3, 4, 63, (u64{1} << 34) - 200, (u64{1} << 34) - 1, ~u64{0} - 150};

TEST(StochasticRanges, HaveTheBitsOfSingleNumbersAtAnyLengthAndOffset) {
  const guard_page::buffer src_memory(8 * longest), dst_memory(8 * longest);
  for (const conversion& row : conversions()) {
    const sample from = sample_of(row, longest);
    for (const u64 offset : offsets) {
      const fb::philox random{0x0123456789abcdef ^ offset, offset};
      const std::vector<unsigned char> want = from.want(row, random);
      for (const conversion::variant& one : row.variants)
        for (std::size_t count = 0; count <= longest; ++count) {
          const std::size_t dst_bytes = count * row.to_bytes;
          unsigned char* const src = src_memory.ending(count * row.from_bytes);
          unsigned char* const dst = dst_memory.ending(dst_bytes);
          std::memcpy(src, from.src.data(), count * row.from_bytes);
          std::memset(dst - 1, untouched, dst_bytes + 1);
          one.run(src, dst, count, random);
          ASSERT_EQ(std::memcmp(dst, want.data(), dst_bytes), 0)
              << row.name << ", " << one.name << ", length " << count << ", offset " << offset;
          ASSERT_EQ(dst[-1], untouched) << row.name << ", " << one.name << ", length " << count;
        }
    }
  }
}

TEST(StochasticRanges, TakeAnyAlignmentAndTouchNothingElse) {
  constexpr std::size_t count = widest_step + 5;
  const guard_page::buffer src_memory(8 * count + 64), dst_memory(8 * count + 64);
  for (const conversion& row : conversions()) {
    const sample from = sample_of(row, count);
    const fb::philox random{7, 2};
    const std::vector<unsigned char> want = from.want(row, random);
    for (const conversion::variant& one : row.variants)
      for (std::size_t shift = 0; shift < 64; ++shift) {
        unsigned char* const src = src_memory.begin() + shift;
        unsigned char* const dst = dst_memory.begin() + (shift * 5) % 64;
        std::memcpy(src, from.src.data(), from.src.size());
        std::memset(dst_memory.begin(), untouched, dst_memory.capacity());
        one.run(src, dst, count, random);
        ASSERT_EQ(std::memcmp(dst, want.data(), want.size()), 0) << row.name << ", " << one.name;
        std::memset(dst, untouched, want.size());
        const unsigned char* const begin = dst_memory.begin();
        EXPECT_EQ(std::count(begin, begin + dst_memory.capacity(), untouched),
                  static_cast<std::ptrdiff_t>(dst_memory.capacity()))
            << row.name << ", " << one.name;
      }
  }
}

TEST(StochasticRanges, MayBeConvertedInParts) {
  for (const conversion& row : conversions()) {
    const sample from = sample_of(row, longest);
    const fb::philox random{99, 5};
    const std::vector<unsigned char> want = from.want(row, random);
    for (const conversion::variant& one : row.variants)
      for (std::size_t split = 0; split <= longest; split += 1 + split / 8) {
        std::vector<unsigned char> dst(want.size());
        one.run(from.src.data() + split * row.from_bytes, dst.data() + split * row.to_bytes,
                longest - split, {random.seed, random.offset + split});
        one.run(from.src.data(), dst.data(), split, random);
        ASSERT_EQ(dst, want) << row.name << ", " << one.name << ", split at " << split;
      }
  }
}

TEST(StochasticRanges, MayReplaceTheirSource) {
  for (const conversion& row : conversions()) {
    if (row.to_bytes > row.from_bytes) continue;
    const sample from = sample_of(row, longest);
    for (const u64 offset : {u64{0}, u64{3}}) {
      const fb::philox random{5, offset};
      const std::vector<unsigned char> want = from.want(row, random);
      for (const conversion::variant& one : row.variants) {
        std::vector<unsigned char> memory = from.src;
        one.run(memory.data(), memory.data(), longest, random);
        ASSERT_EQ(std::memcmp(memory.data(), want.data(), want.size()), 0)
            << row.name << ", " << one.name;
      }
    }
  }
}

TEST(StochasticRanges, DoNotDependOnTheFloatingPointEnvironment) {
  for (const conversion& row : conversions()) {
    const sample from = sample_of(row, 4 * widest_step);
    const fb::philox random{3, 1};
    const std::vector<unsigned char> want = from.want(row, random);
    for (const conversion::variant& one : row.variants) {
      std::vector<unsigned char> dst(want.size());
      const auto run = [&](const char* where) {
        std::fill(dst.begin(), dst.end(), untouched);
        one.run(from.src.data(), dst.data(), 4 * widest_step, random);
        EXPECT_EQ(dst, want) << row.name << ", " << one.name << ", " << where;
      };
      {
        const environment::flush_to_zero hostile;
        run("flush to zero");
      }
      for (const int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
        const environment::rounding_direction hostile(direction);
        run("another rounding direction");
      }
    }
  }
}

// More than one task, whole ones and not.
TEST(StochasticRanges, DoNotDependOnTheExecutor) {
  constexpr std::size_t part = 65536;
  std::vector<float> src(2 * part + 77);
  random_words random(1);
  for (float& x : src) x = element<float>(random() & 0xbfffffff);
  std::vector<fb::fp8_e4m3> want(src.size()), got(src.size());
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, part, 2 * part, src.size()}) {
    const fb::array_view<const float> from(src.data(), count);
    const fb::array_view<fb::fp8_e4m3> to(got.data(), count);
    fb::convert<fb::stochastic>(from, fb::array_view<fb::fp8_e4m3>(want.data(), count),
                                fb::philox{8, 3});
    for (const auto how :
         {runner::order::forward, runner::order::reverse, runner::order::two_threads}) {
      std::fill(got.begin(), got.end(), fb::fp8_e4m3{});
      fb::convert<fb::stochastic>(runner::executor(how), from, to, fb::philox{8, 3});
      ASSERT_EQ(std::memcmp(got.data(), want.data(), count), 0) << count;
    }
  }
  fb::convert<fb::stochastic, fb::generic>(fb::inline_executor{}, src, got, fb::philox{8, 3});
  EXPECT_EQ(std::memcmp(got.data(), want.data(), src.size()), 0);
}

// Packed results are those in bytes of their own, packed; what lies beside them stays.
template <class To, fb::isa Isa>
void check_packed() {
  constexpr std::size_t count = 65536 + 4999;
  std::vector<float> src(count);
  random_words random(2);
  for (float& x : src) x = element<float>(0x3c000000 + (random() & 0x86ffffff));
  std::vector<To> want(count);
  fb::convert<fb::stochastic>(src, want, fb::philox{4, 5});
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}, std::size_t{6}, std::size_t{13}})
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{64}, count}) {
      std::vector<unsigned char> memory(fb::packed_bytes<To>(first + size + 9), untouched);
      const std::vector<unsigned char> before = memory;
      const fb::packed_span<const To> old(before.data(), first + size + 9);
      const fb::packed_span<To> all(memory.data(), first + size + 9);
      const fb::packed_span<To> dst(memory.data(), size, first);
      const fb::array_view<const float> from(src.data(), size);
      for (const bool by_tasks : {false, true}) {
        memory = before;
        if (by_tasks) {
          fb::convert<fb::stochastic, Isa>(runner::executor(runner::order::two_threads), from, dst,
                                           fb::philox{4, 5});
        } else {
          fb::convert<fb::stochastic, Isa>(from, dst, fb::philox{4, 5});
        }
        for (std::size_t i = 0; i < first + size + 9; ++i) {
          const bool inside = i >= first && i < first + size;
          ASSERT_EQ(code_of(To{all[i]}), code_of(inside ? want[i - first] : To{old[i]}))
              << size << " elements from " << first << ", at " << i;
        }
      }
    }
}

TEST(StochasticRanges, MayBePacked) {
  check_packed<fb::fp4_e2m1, fb::native>();
  check_packed<fb::fp6_e2m3, fb::native>();
  check_packed<fb::int4, fb::native>();
  check_packed<fb::fp4_e2m1, fb::generic>();
}

// Elements are counted row by row, whatever lies between the rows; packed sources are unpacked.
template <fb::isa Isa>
void check_matrices() {
  constexpr std::size_t rows = 37, cols = 2111, stride = 2131;
  std::vector<fb::fp6_e3m2> codes(rows * cols);
  random_words random(3);
  for (fb::fp6_e3m2& x : codes)
    x = fb::fp6_e3m2::from_bits(static_cast<unsigned char>(random() & 63));
  std::vector<fb::fp4_e2m1> want(rows * cols);
  fb::convert<fb::stochastic>(codes, want, fb::philox{6, 7});

  std::vector<unsigned char> src(fb::packed_bytes<fb::fp6_e3m2>(rows * stride + 3));
  std::vector<unsigned char> dst(fb::packed_bytes<fb::fp4_e2m1>(rows * stride + 1));
  const fb::packed_matrix_view<fb::fp6_e3m2> in(src.data(), rows, cols, stride, 3);
  fb::convert(codes, in);
  const fb::packed_matrix_view<const fb::fp6_e3m2> from(src.data(), rows, cols, stride, 3);
  for (const bool by_tasks : {false, true}) {
    std::fill(dst.begin(), dst.end(), untouched);
    const fb::packed_matrix_view<fb::fp4_e2m1> to(dst.data(), rows, cols, stride, 1);
    if (by_tasks) {
      fb::convert<fb::stochastic, Isa>(runner::executor(runner::order::reverse), from, to,
                                       fb::philox{6, 7});
    } else {
      fb::convert<fb::stochastic, Isa>(from, to, fb::philox{6, 7});
    }
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j)
        ASSERT_EQ(code_of(fb::fp4_e2m1{to(i, j)}), code_of(want[i * cols + j])) << i << ", " << j;
      if (i + 1 != rows) {
        const fb::packed_span<const fb::fp4_e2m1> gap(dst.data(), stride - cols,
                                                      1 + i * stride + cols);
        for (std::size_t j = 0; j < gap.size(); ++j)
          ASSERT_EQ(code_of(fb::fp4_e2m1{gap[j]}), (1 + i * stride + cols + j) % 2 == 0 ? 5U : 10U);
      }
    }
  }
}

TEST(StochasticRanges, MayBeMatricesAndComeFromPackedElements) {
  check_matrices<fb::native>();
  check_matrices<fb::generic>();
}

constexpr bool agrees_in_constant_expressions() {
  const std::array<float, 5> src = {1.0f, 1.001953125f, -3.3f, 1e9f, 1e-9f};
  std::array<fb::bf16, 5> dst{};
  fb::convert<fb::stochastic>(src, dst, fb::philox{1, 6});
  for (std::size_t i = 0; i < src.size(); ++i)
    if (dst[i].bits() !=
        fb::convert<fb::bf16, fb::stochastic>(src[i], fb::philox{1, 6}.word(i)).bits())
      return false;
  return true;
}
static_assert(agrees_in_constant_expressions());

constexpr bool packs_in_constant_expressions() {
  const std::array<float, 3> src = {1.25f, -0.3f, 5.0f};
  std::array<unsigned char, 2> memory{};
  const fb::packed_span<fb::fp4_e2m1> dst(memory.data(), 3, 1);
  fb::convert<fb::stochastic>(src, dst, fb::philox{1});
  for (std::size_t i = 0; i < src.size(); ++i)
    if (fb::fp4_e2m1{dst[i]}.bits() !=
        fb::convert<fb::fp4_e2m1, fb::stochastic>(src[i], fb::philox{1}.word(i)).bits())
      return false;
  return (memory[0] & 0xf) == 0;
}
static_assert(packs_in_constant_expressions());

TEST(StochasticRangesDeathTest, NamesWhatWouldLoseElements) {
  alignas(4) unsigned char memory[256] = {};
  float* const floats = reinterpret_cast<float*>(memory);
  fb::fp16* const halves = reinterpret_cast<fb::fp16*>(memory);
  EXPECT_DEATH(fb::convert<fb::stochastic>(fb::array_view<const float>(floats, 8),
                                           fb::array_view<fb::fp16>(halves + 1, 8), fb::philox{1}),
               "overlaps");
  fb::convert<fb::stochastic>(fb::array_view<const float>(floats, 8),
                              fb::array_view<fb::fp16>(halves, 8), fb::philox{1});
}

}  // namespace
