// SPDX-License-Identifier: MIT
// Fake quantization by block formats and codebooks: what quantizing and dequantizing gives, and where scales
// say that a number is clipped.
#include <fewbits/training/fake_quantize_blocks.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using floats = std::vector<float>;

bool same_bits(const floats& a, const floats& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), 4 * a.size()) == 0);
}

/// Numbers of many sizes, of which blocks are large, tiny, zero or have something special.
floats numbers(std::size_t count, std::uint64_t seed) {
  random_words random(seed);
  floats x(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto kind = i / 64 % 7;
    const int exponent = static_cast<int>(random.below(6)) + (kind == 2   ? -140
                                                              : kind == 3 ? 120
                                                                          : -3);
    x[i] = kind == 4 ? 0 : std::ldexp(static_cast<float>(random() >> 40) * 0x1p-23f - 1, exponent);
    if (kind == 5 && random.below(30) == 0) {
      const float special[] = {HUGE_VALF, -HUGE_VALF, std::nanf("")};
      x[i] = special[random.below(3)];
    }
  }
  return x;
}

/// Ends of the elements, in units of the scale; floats up to there, integers less than half a unit beyond.
struct ends {
  double lowest, highest;
  bool inclusive;
};

template <class Format, fb::scale_rule Rule, fb::isa Isa>
void check(std::size_t rows, std::size_t cols, const ends& clip) {
  const floats x = numbers(rows * cols, cols), up = numbers(rows * cols, cols + 1);
  const fb::matrix_view<const float> src(x.data(), rows, cols), gradient(up.data(), rows, cols);
  fb::block_array<Format> blocks(rows, cols);
  floats want(x.size()), found = x, passed(x.size());
  fb::quantize<Rule>(src, blocks);
  fb::dequantize(blocks, fb::matrix_view<float>(want.data(), rows, cols));
  fb::fake_quantize<Format, Rule, Isa>(src, fb::matrix_view<float>(found.data(), rows, cols));
  ASSERT_TRUE(same_bits(found, want)) << rows << " x " << cols;

  std::vector<std::uint8_t> mask(x.size(), 7);
  fb::straight_through_mask<Format, Rule, Isa>(
      src, fb::matrix_view<std::uint8_t>(mask.data(), rows, cols));
  fb::straight_through<Format, Rule, Isa>(src, gradient,
                                          fb::matrix_view<float>(passed.data(), rows, cols));
  const auto span = blocks.span();
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      const double scale = static_cast<double>(static_cast<float>(span.scale(i, j))) *
                           static_cast<double>(span.tensor_scale());
      const double value = static_cast<double>(x[i * cols + j]);
      const double low = clip.lowest * scale, high = clip.highest * scale;
      const bool inside =
          clip.inclusive ? value >= low && value <= high : value > low && value < high;
      ASSERT_EQ(mask[i * cols + j], inside ? 1 : 0) << value << " " << i << " " << j;
      float expected = inside ? up[i * cols + j] : 0;
      ASSERT_EQ(std::memcmp(&passed[i * cols + j], &expected, 4), 0);
    }
}

template <class Format, fb::scale_rule Rule = fb::scale_rule::floor>
void check_shapes(const ends& clip) {
  for (const unsigned cols :
       {0U, 1U, 15U, 16U, 17U, 31U, 32U, 33U, 63U, 64U, 100U, 511U, 512U, 513U, 1024U, 1300U})
    check<Format, Rule, fb::native>(2, cols, clip);
  for (const unsigned cols : {7U, 33U, 600U, 1030U})
    check<Format, Rule, fb::generic>(3, cols, clip);
}

TEST(fake_quantize_blocks, mxfp4) { check_shapes<fb::mxfp4>({-6, 6, true}); }
TEST(fake_quantize_blocks, mxfp8) { check_shapes<fb::mxfp8_e4m3>({-448, 448, true}); }
TEST(fake_quantize_blocks, mxfp6_rceil) {
  check_shapes<fb::mxfp6_e3m2, fb::scale_rule::rceil>({-28, 28, true});
}
TEST(fake_quantize_blocks, mxint8) { check_shapes<fb::mxint8>({-127.5 / 64, 127.5 / 64, false}); }
TEST(fake_quantize_blocks, nvfp4) { check_shapes<fb::nvfp4>({-6, 6, true}); }

// The floor rule lets the top of a block be clipped: 7.5 is 6 under a scale of 1.
TEST(fake_quantize_blocks, clips_the_top_of_a_block) {
  const floats x = {7.5f, -6.5f, 6, 1};
  floats y(4);
  std::vector<std::uint8_t> mask(4);
  fb::fake_quantize<fb::mxfp4>(x, y);
  fb::straight_through_mask<fb::mxfp4>(x, mask);
  EXPECT_EQ(y, (floats{6, -6, 6, 1}));
  EXPECT_EQ(mask, (std::vector<std::uint8_t>{0, 0, 1, 1}));
}

// 127.5 / 64 is rounded to the even 128 / 64, which is no code; 0.75 * scale is no float here, but a tie of
// two, rounded up.
TEST(fake_quantize_blocks, clips_what_is_at_the_end) {
  const float last = 127.5f / 64, scale = 1 + 0x1p-23f;
  std::vector<std::uint8_t> mask(4);
  fb::straight_through_mask<fb::mxint8>(
      floats{last, std::nextafter(last, 0.0f), -last, std::nextafter(-last, 0.0f)}, mask);
  EXPECT_EQ(mask, (std::vector<std::uint8_t>{0, 1, 0, 1}));
  fb::straight_through_mask(floats{-scale, 0.75f + 0x1p-24f, 0.75f + 0x1p-23f, -0.5f * scale},
                            fb::codebook<4>{{-0.5f, 0, 0.25f, 0.75f}}, mask);
  EXPECT_EQ(mask, (std::vector<std::uint8_t>{0, 1, 0, 1}));
}

template <std::size_t BlockSize, std::size_t Size>
void check_codebook(const fb::codebook<Size>& book) {
  for (const unsigned count : {0U, 1U, 63U, 64U, 65U, 200U, 1024U, 1025U, 1300U}) {
    const floats x = numbers(count, count + 3), up = numbers(count, count + 4);
    std::vector<unsigned char> codes((count + 1) / 2);
    floats scales((count + BlockSize - 1) / BlockSize), want(count), found(count), passed(count);
    const fb::packed_span<fb::uint4> packed(codes.data(), count);
    fb::quantize<BlockSize>(x, book, packed, scales);
    fb::dequantize<BlockSize>(packed, book, scales, want);
    fb::fake_quantize<BlockSize>(x, book, found);
    ASSERT_TRUE(same_bits(found, want)) << count;
    std::vector<std::uint8_t> mask(count, 7);
    fb::straight_through_mask<BlockSize>(x, book, mask);
    fb::straight_through<BlockSize>(x, book, up, passed);
    for (std::size_t i = 0; i < count; ++i) {
      const double scale = static_cast<double>(scales[i / BlockSize]);
      const double value = static_cast<double>(x[i]);
      const bool inside = value >= static_cast<double>(book[0]) * scale &&
                          value <= static_cast<double>(book[Size - 1]) * scale;
      ASSERT_EQ(mask[i], inside ? 1 : 0) << value << " " << i;
      const float expected = inside ? up[i] : 0;
      ASSERT_EQ(std::memcmp(&passed[i], &expected, 4), 0);
    }
  }
}

TEST(fake_quantize_blocks, nf4) { check_codebook<64>(fb::nf4); }
TEST(fake_quantize_blocks, a_book_that_clips) {
  check_codebook<32>(fb::codebook<4>{{-0.5f, 0, 0.25f, 0.75f}});
}

TEST(fake_quantize_blocks, no_access_out_of_bounds) {
  guard_page::buffer in(400), gradients(400), out(400), masks(100);
  for (std::size_t count = 0; count <= 100; ++count) {
    const fb::matrix_view<float> x(reinterpret_cast<float*>(in.ending(4 * count)), 1, count);
    const fb::matrix_view<float> g(reinterpret_cast<float*>(gradients.ending(4 * count)), 1, count);
    const fb::matrix_view<float> y(reinterpret_cast<float*>(out.ending(4 * count)), 1, count);
    const fb::matrix_view<std::uint8_t> mask(masks.ending(count), 1, count);
    fb::fake_quantize<fb::nvfp4>(x, y);
    fb::straight_through<fb::nvfp4>(x, g, y);
    fb::straight_through_mask<fb::nvfp4>(x, mask);
  }
}

}  // namespace
