// SPDX-License-Identifier: MIT
// Conversion of ranges and matrices that overlap, by executors, and past the caches: the same as the
// plain conversion of separate memory.
#include <fewbits/convert.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "convert/bit_string.hpp"
#include "gtest/gtest.h"
#include "support/random_words.hpp"
#include "support/runner.hpp"

namespace {

namespace fb = fewbits;
using bytes = std::vector<unsigned char>;
using uint3 = fb::basic_int<fb::formats::unsigned_int(3)>;

/// Where elements are: element `first` and so on of the memory at `data`.
struct place {
  unsigned char* data;
  std::size_t first;
};

/// A pair of element types, packed or not.
struct variant {
  std::string name;
  std::size_t src_bits, dst_bits;
  void (*plain)(place src, place dst, std::size_t count);
  void (*streamed)(place src, place dst, std::size_t count, std::size_t from_bytes);
  void (*by_tasks)(const runner::executor&, place src, place dst, std::size_t count,
                   std::size_t from_bytes);
  /// Rows and their distances in elements.
  void (*matrix)(const runner::executor*, place src, std::size_t src_stride, place dst,
                 std::size_t dst_stride, std::size_t rows, std::size_t cols);
};

template <class Element>
struct dense {
  static constexpr std::size_t bits = 8 * sizeof(Element);
  static fb::array_view<Element> range(place at, std::size_t count) {
    return {reinterpret_cast<Element*>(at.data) + at.first, count};
  }
  static fb::matrix_view<Element> matrix(place at, std::size_t rows, std::size_t cols,
                                         std::size_t stride) {
    return {reinterpret_cast<Element*>(at.data) + at.first, rows, cols, stride};
  }
};
template <class Element>
struct packed {
  static constexpr std::size_t bits = static_cast<std::size_t>(fb::packed_bits<Element>);
  static fb::packed_span<Element> range(place at, std::size_t count) {
    return {at.data, count, at.first};
  }
  static fb::packed_matrix_view<Element> matrix(place at, std::size_t rows, std::size_t cols,
                                                std::size_t stride) {
    return {at.data, rows, cols, stride, at.first};
  }
};

template <class Src, class Dst, fb::isa Isa = fb::native>
variant make(std::string name) {
  static constexpr fb::cast_policy policy = fb::saturating;
  return {std::move(name),
          Src::bits,
          Dst::bits,
          [](place src, place dst, std::size_t count) {
            fb::convert<policy, Isa>(Src::range(src, count), Dst::range(dst, count));
          },
          [](place src, place dst, std::size_t count, std::size_t from_bytes) {
            fb::convert<policy, Isa>(Src::range(src, count), Dst::range(dst, count),
                                     fb::non_temporal{.from_bytes = from_bytes});
          },
          [](const runner::executor& run, place src, place dst, std::size_t count,
             std::size_t from_bytes) {
            fb::convert<policy, Isa>(run, Src::range(src, count), Dst::range(dst, count),
                                     fb::non_temporal{.from_bytes = from_bytes});
          },
          [](const runner::executor* run, place src, std::size_t src_stride, place dst,
             std::size_t dst_stride, std::size_t rows, std::size_t cols) {
            const auto from = Src::matrix(src, rows, cols, src_stride);
            const auto to = Dst::matrix(dst, rows, cols, dst_stride);
            if (run == nullptr) {
              fb::convert<policy, Isa>(from, to);
            } else {
              fb::convert<policy, Isa>(*run, from, to);
            }
          }};
}

const std::vector<variant>& variants() {
  static const std::vector<variant> made = {
      make<dense<float>, dense<fb::fp16>>("fp32 to fp16"),
      make<dense<float>, dense<fb::fp16>, fb::generic>("fp32 to fp16, generic"),
      make<dense<fb::bf16>, dense<float>>("bf16 to fp32"),
      make<dense<fb::fp8_e4m3>, dense<fb::fp16>>("fp8 to fp16"),
      make<dense<float>, dense<fb::fp8_e4m3>>("fp32 to fp8"),
      make<dense<fb::bf16>, dense<fb::fp16>>("bf16 to fp16"),
      make<dense<fb::bf16>, dense<fb::fp16>, fb::generic>("bf16 to fp16, generic"),
      make<dense<float>, packed<fb::int4>>("fp32 to int4"),
      make<packed<fb::int4>, dense<float>>("int4 to fp32"),
      make<packed<uint3>, dense<std::int8_t>>("uint3 to int8"),
      make<dense<fb::fp16>, packed<fb::fp6_e2m3>>("fp16 to fp6"),
      make<packed<fb::fp4_e2m1>, packed<fb::fp6_e2m3>>("fp4 to fp6"),
      make<packed<fb::fp6_e2m3>, packed<uint3>>("fp6 to uint3"),
      make<packed<uint3>, packed<uint3>>("uint3 to uint3"),
  };
  return made;
}

/// Bits of no pattern; as floats, most of them of the size of what narrow formats hold.
bytes noise(std::size_t count) {
  random_words next(3);
  bytes made(count);
  for (std::size_t i = 0; i < count; ++i)
    made[i] = static_cast<unsigned char>(i % 4 == 3 ? 0x3f + (next() >> 63 << 7) : next() >> 24);
  return made;
}

/// `before` after the plain conversion of a copy of the source, bit by bit where it goes.
bytes expected(const variant& one, const bytes& before, std::size_t src_bit, std::size_t dst_bit,
               std::size_t count) {
  bytes src(count * one.src_bits / 8 + 1), dst(count * one.dst_bits / 8 + 1), want = before;
  copy_bits(before.data(), src_bit, src.data(), 0, count * one.src_bits);
  one.plain({src.data(), 0}, {dst.data(), 0}, count);
  copy_bits(dst.data(), 0, want.data(), dst_bit, count * one.dst_bits);
  return want;
}

TEST(OverlappingConversion, IsThatOfSeparateMemory) {
  const bytes before = noise(20000);
  for (const variant& one : variants())
    for (const std::size_t count : {1U, 2U, 7U, 17U, 64U, 65U, 130U, 1500U})
      for (std::size_t src_first : {40U, 41U, 47U, 2000U})
        for (std::size_t back = 0; back < 40; back += back < 10 ? 1 : 7) {
          // The last place for dst: it ends with src, or begins with it; then earlier ones.
          const std::size_t src_bit = src_first * one.src_bits;
          const std::size_t by_end = (src_first + count) * one.src_bits / one.dst_bits;
          const std::size_t by_begin = src_bit / one.dst_bits;
          const std::size_t last = by_end < count + by_begin ? by_end : count + by_begin;
          if (last < count + back) continue;
          const std::size_t dst_first = last - count - back;
          const bytes want = expected(one, before, src_bit, dst_first * one.dst_bits, count);
          bytes got = before;
          one.plain({got.data(), src_first}, {got.data(), dst_first}, count);
          ASSERT_EQ(got, want) << one.name << ", " << count << " from element " << src_first
                               << " to " << dst_first;
          got = before;
          one.streamed({got.data(), src_first}, {got.data(), dst_first}, count, 0);
          ASSERT_EQ(got, want) << one.name << ", streamed, " << count << " from element "
                               << src_first << " to " << dst_first;
        }
}

/// What `is_overlap_defined` must imply, element by element and bit by bit. In order: no element is
/// written over before it is read, if a whole run is read at once or one element. In any order: no
/// byte that one element goes to holds bits of another's source.
bool is_safe(const fb::detail::row_pairs& p, std::int64_t distance, std::int64_t src_bits,
             std::int64_t dst_bits, bool in_any_order) {
  struct element {
    std::int64_t src, dst;
  };
  std::vector<element> all;
  for (std::size_t i = 0; i < p.rows; ++i)
    for (std::size_t j = 0; j < p.cols; ++j)
      all.push_back({static_cast<std::int64_t>(p.src_offset + i * p.src_stride + j) * src_bits,
                     static_cast<std::int64_t>(p.dst_offset + i * p.dst_stride + j) * dst_bits +
                         8 * distance});
  for (std::size_t written = 0; written < all.size(); ++written)
    for (std::size_t read = in_any_order ? 0 : written + 1; read < all.size(); ++read) {
      if (read == written) continue;
      std::int64_t dst_begin = all[written].dst, dst_end = dst_begin + dst_bits;
      std::int64_t src_begin = all[read].src, src_end = src_begin + src_bits;
      const bool in_place = src_bits == dst_bits && all[written].src == all[written].dst &&
                            all[read].src == all[read].dst;
      if (in_any_order && !in_place) {
        dst_begin &= ~std::int64_t{7};
        src_begin &= ~std::int64_t{7};
        dst_end = (dst_end + 7) & ~std::int64_t{7};
        src_end = (src_end + 7) & ~std::int64_t{7};
      }
      if (dst_begin < src_end && src_begin < dst_end) return false;
    }
  return true;
}

TEST(Overlap, IsAllowedOnlyWhereTheResultIsDefined) {
  int allowed = 0, refused = 0;
  for (const auto& [src_bits, dst_bits] :
       {std::pair{8, 8}, {8, 16}, {16, 8}, {32, 8}, {4, 8}, {8, 4}, {4, 6}, {6, 3}, {4, 4}})
    for (std::size_t rows = 0; rows <= 3; ++rows)
      for (std::size_t cols = 0; cols <= 3; ++cols)
        for (std::size_t src_gap = 0; src_gap <= 4; ++src_gap)
          for (std::size_t dst_gap = 0; dst_gap <= 4; ++dst_gap)
            for (std::size_t dst_offset = 0; dst_offset <= 1; ++dst_offset)
              for (std::int64_t distance = -12; distance <= 12; ++distance)
                for (const bool in_any_order : {false, true}) {
                  const fb::detail::row_pairs pairs{
                      nullptr, 1, cols + src_gap, nullptr, dst_offset, cols + dst_gap, rows, cols};
                  const bool defined = fb::detail::is_overlap_defined(pairs, distance, src_bits,
                                                                      dst_bits, in_any_order);
                  (defined ? allowed : refused) += 1;
                  ASSERT_TRUE(!defined ||
                              is_safe(pairs, distance, src_bits, dst_bits, in_any_order))
                      << src_bits << " to " << dst_bits << " bits, " << rows << " x " << cols
                      << ", gaps " << src_gap << " and " << dst_gap << ", distance " << distance
                      << ", any order " << in_any_order;
                }
  EXPECT_GT(allowed, 10000);
  EXPECT_GT(refused, 10000);
}

// Nothing that is promised is refused.
TEST(Overlap, IsAllowedWhereDstNeitherBeginsNorEndsAfterSrc) {
  for (const auto& [src_bits, dst_bits] : {std::pair{8, 8}, {8, 16}, {16, 8}, {32, 8}, {8, 64}})
    for (std::size_t cols = 1; cols <= 9; ++cols)
      for (std::int64_t dst = -80; dst <= 80; ++dst) {
        const std::int64_t src_end = static_cast<std::int64_t>(cols) * src_bits / 8;
        const std::int64_t dst_end = dst + static_cast<std::int64_t>(cols) * dst_bits / 8;
        const fb::detail::row_pairs pairs{nullptr, 0, cols, nullptr, 0, cols, 1, cols};
        const bool disjoint = dst_end <= 0 || src_end <= dst;
        EXPECT_EQ(fb::detail::is_overlap_defined(pairs, dst, src_bits, dst_bits, false),
                  disjoint || (dst <= 0 && dst_end <= src_end));
        EXPECT_EQ(fb::detail::is_overlap_defined(pairs, dst, src_bits, dst_bits, true),
                  disjoint || (dst == 0 && src_bits == dst_bits));
      }
}

// Neighbours in an arena: the bytes of one end where those of the other begin.
TEST(Overlap, IsAllowedOfNeighboursInWholeBytes) {
  for (const auto& [src_bits, dst_bits] : {std::pair{4, 8}, {8, 4}, {4, 4}, {6, 8}, {2, 32}})
    for (std::size_t cols = 8; cols <= 24; cols += 8)
      for (const bool in_any_order : {false, true}) {
        const fb::detail::row_pairs pairs{nullptr, 0, cols, nullptr, 0, cols, 1, cols};
        const std::int64_t src_bytes = static_cast<std::int64_t>(cols) * src_bits / 8;
        const std::int64_t dst_bytes = static_cast<std::int64_t>(cols) * dst_bits / 8;
        for (const std::int64_t distance : {src_bytes, -dst_bytes})
          EXPECT_TRUE(
              fb::detail::is_overlap_defined(pairs, distance, src_bits, dst_bits, in_any_order))
              << src_bits << " to " << dst_bits << ", " << cols;
      }
}

TEST(OverlapDeathTest, NamesWhatWouldLoseElements) {
  alignas(8) unsigned char memory[256] = {};
  float* const floats = reinterpret_cast<float*>(memory);
  fb::bf16* const halves = reinterpret_cast<fb::bf16*>(memory);
  using float_view = fb::array_view<float>;
  using half_view = fb::array_view<fb::bf16>;
  EXPECT_DEATH(fb::convert(float_view(floats, 8), half_view(halves + 1, 8)), "overlaps");
  EXPECT_DEATH(fb::convert(half_view(halves, 8), float_view(floats, 8)), "overlaps");
  EXPECT_DEATH(fb::convert(float_view(floats, 8), float_view(floats + 1, 8)), "overlaps");
  EXPECT_DEATH(
      fb::convert(fb::packed_span<fb::int4>(memory, 8, 0), fb::packed_span<fb::int4>(memory, 8, 1)),
      "overlaps");
  EXPECT_DEATH(fb::convert(fb::matrix_view<float>(floats, 3, 4, 5),
                           fb::matrix_view<float>(floats + 2, 3, 4, 5)),
               "overlaps");
  const fb::inline_executor one;
  EXPECT_DEATH(fb::convert(one, float_view(floats, 8), half_view(halves, 8)), "overlaps");
  EXPECT_DEATH(fb::convert(one, float_view(floats + 1, 8), float_view(floats, 8)), "overlaps");
  // These are fine.
  fb::convert(half_view(halves + 8, 8), float_view(floats, 8));
  fb::convert(one, float_view(floats, 8), float_view(floats, 8));
  fb::convert(one, fb::matrix_view<float>(floats, 3, 2, 5),
              fb::matrix_view<float>(floats + 2, 3, 3, 5).rows() == 3
                  ? fb::matrix_view<float>(floats + 2, 3, 2, 5)
                  : fb::matrix_view<float>());
}

TEST(StreamedConversion, IsThePlainOneAtAnyAlignment) {
  constexpr std::size_t most = 9000;
  const bytes source = noise(8 * most + 64), before = noise(8 * most + 200);
  for (const variant& one : variants()) {
    const auto check = [&](std::size_t src_first, std::size_t shift, std::size_t dst_first,
                           std::size_t count) {
      bytes src = source, want = before, got = before;
      // `shift` of the destination modulo a line, whatever the allocation is.
      unsigned char* const from = src.data();
      const auto aligned = [&](bytes& memory) {
        const std::size_t over = reinterpret_cast<std::uintptr_t>(memory.data()) % 64;
        return memory.data() + (64 - over) % 64 + shift;
      };
      unsigned char* const to = aligned(got);
      const std::size_t begin = static_cast<std::size_t>(to - got.data());
      one.plain({from, src_first}, {want.data() + begin, dst_first}, count);
      one.streamed({from, src_first}, {to, dst_first}, count, 0);
      ASSERT_EQ(got, want) << one.name << ", " << count << " from element " << src_first
                           << " to byte " << shift << ", element " << dst_first;
    };
    for (std::size_t count = 0; count <= 150; count += count < 20 ? 1 : 13)
      for (std::size_t shift = 0; shift < 64; ++shift) check(0, shift, shift % 11, count);
    for (const std::size_t count : {511U, 512U, 513U, 1023U, 1024U, 1025U, 4096U, 8999U})
      for (std::size_t shift = 0; shift < 64; shift += 7) {
        check(0, shift, 0, count);
        check(3, shift, 5, count - 5);
      }
    // Around the size from which on it happens.
    for (const std::size_t from_bytes : {99U, 100U, 101U, 102U}) {
      bytes src = source, want = before, got = before;
      const std::size_t count = 800 / one.dst_bits;
      one.plain({src.data(), 0}, {want.data(), 0}, count);
      one.streamed({src.data(), 0}, {got.data(), 0}, count, from_bytes);
      ASSERT_EQ(got, want) << one.name << ", from " << from_bytes << " bytes on";
    }
  }
}

const runner::executor& executor_of(std::size_t index) {
  static const runner::executor all[] = {runner::executor(runner::order::forward),
                                         runner::executor(runner::order::reverse),
                                         runner::executor(runner::order::two_threads)};
  return all[index];
}

TEST(ConversionByTasks, DoesNotDependOnTheExecutor) {
  constexpr std::size_t most = 3 * 65536 + 77;
  const bytes source = noise(4 * most + 64), before = noise(4 * most + 64);
  for (const variant& one : variants())
    for (const std::size_t count :
         {0U, 1U, 65535U, 65536U, 65537U, 131072U - 5U, 3U * 65536U + 66U})
      for (const std::size_t dst_first : {0U, 5U}) {
        bytes src = source, want = before;
        one.plain({src.data(), 3}, {want.data(), dst_first}, count);
        for (std::size_t i = 0; i < 3; ++i)
          for (const std::size_t from_bytes : {std::size_t{0}, ~std::size_t{0}}) {
            bytes got = before;
            one.by_tasks(executor_of(i), {src.data(), 3}, {got.data(), dst_first}, count,
                         from_bytes);
            ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size()), 0)
                << one.name << ", " << count << " to element " << dst_first << ", executor " << i;
          }
      }
}

TEST(ConversionOfMatrices, KeepsWhatLiesBetweenRows) {
  const bytes source = noise(400000), before = noise(400000);
  for (const variant& one : variants()) {
    struct shape {
      std::size_t rows, cols, src_gap, dst_gap;
    };
    for (const shape& s : {shape{0, 3, 1, 1},
                           {3, 0, 0, 0},
                           {3, 5, 0, 0},
                           {3, 5, 2, 0},
                           {7, 5, 0, 3},
                           {40, 13, 1, 1},
                           {17, 64, 64, 1},
                           {50, 1500, 3, 1}})
      for (const std::size_t first : {0U, 3U}) {
        const std::size_t src_stride = s.cols + s.src_gap, dst_stride = s.cols + s.dst_gap;
        bytes src = source, want = before;
        for (std::size_t i = 0; i < s.rows; ++i)
          one.plain({src.data(), first + i * src_stride}, {want.data(), first + i * dst_stride},
                    s.cols);
        for (std::size_t i = 0; i < 4; ++i) {
          bytes got = before;
          one.matrix(i == 3 ? nullptr : &executor_of(i), {src.data(), first}, src_stride,
                     {got.data(), first}, dst_stride, s.rows, s.cols);
          ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size()), 0)
              << one.name << ", " << s.rows << " x " << s.cols << ", executor " << i;
        }
      }
  }
}

// Each row begins where its source does, and ends before it.
TEST(ConversionOfMatrices, WorksInPlace) {
  constexpr std::size_t rows = 9, cols = 70, stride = 77;
  const bytes before = noise(4 * rows * stride);
  for (const variant& one : variants()) {
    if (one.src_bits % one.dst_bits != 0) continue;
    const std::size_t dst_stride = stride * (one.src_bits / one.dst_bits);
    bytes want = before, got = before;
    for (std::size_t i = 0; i < rows; ++i)
      want = expected(one, want, i * stride * one.src_bits, i * dst_stride * one.dst_bits, cols);
    one.matrix(nullptr, {got.data(), 0}, stride, {got.data(), 0}, dst_stride, rows, cols);
    EXPECT_EQ(got, want) << one.name;
  }
}

TEST(ConversionOfMatrices, TakesARangeRowByRow) {
  const float src[8] = {1, 2, 3, 99, 4, 5, 6, 99};
  const fb::matrix_view matrix{src, 2, 3, 4};
  fb::packed_vector<fb::int4> row_by_row(6);
  fb::convert(matrix, row_by_row);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(row_by_row[i], static_cast<int>(i) + 1);
  float back[8] = {};
  fb::convert(row_by_row, fb::matrix_view{back, 2, 3, 4});
  const float want[8] = {1, 2, 3, 0, 4, 5, 6, 0};
  EXPECT_EQ(std::memcmp(back, want, sizeof back), 0);
}

TEST(ConversionOfMatricesDeathTest, NamesBothShapes) {
  float src[6] = {};
  fb::bf16 dst[6];
  const fb::matrix_view from{src, 2, 3};
  EXPECT_DEATH(fb::convert(from, fb::matrix_view{dst, 3, 2}), "src is 2 x 3, dst 3 x 2");
  EXPECT_DEATH(fb::convert(from, fb::array_view<fb::bf16>(dst, 5)), "2 x 3, dst has 5 elements");
  EXPECT_DEATH(fb::convert(fb::array_view<float>(src, 5), fb::matrix_view{dst, 2, 3}),
               "src has 5 elements, dst is 2 x 3");
}

constexpr bool converts_in_constant_expressions() {
  const float src[6] = {1, -2, 3, -4, 5, -6};
  fb::bf16 brain[8] = {};
  const fb::matrix_view<fb::bf16> strided{brain, 2, 3, 4};
  fb::convert(fb::matrix_view{src, 2, 3}, strided, fb::non_temporal{.from_bytes = 0});
  std::int8_t integers[6] = {};
  fb::convert(fb::inline_executor{}, strided, integers);
  return integers[0] == 1 && integers[3] == -4 && integers[5] == -6 && brain[3].bits() == 0;
}
static_assert(converts_in_constant_expressions());

}  // namespace
