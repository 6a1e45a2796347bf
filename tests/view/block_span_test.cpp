// SPDX-License-Identifier: MIT
// Where the elements and scales of blocks are, and who owns them.
#include <fewbits/view/block_span.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;
using span = fb::block_span<fb::mxfp4>;
using const_span = fb::block_span<const fb::mxfp4>;

static_assert(std::is_same_v<fb::mxfp4::element_type, fb::fp4_e2m1>);
static_assert(std::is_same_v<fb::mxfp4::scale_type, fb::scale_e8m0>);
static_assert(fb::mxfp4::block_size == 32 && fb::nvfp4::block_size == 16);
static_assert(fb::nvfp4::has_tensor_scale && !fb::mxfp4::has_tensor_scale);
static_assert(!fb::block_scaled<fb::int4, fb::fp16, 64>::has_tensor_scale);

static_assert(span::row_bytes(0) == 0 && span::row_bytes(1) == 1 && span::row_bytes(33) == 17);
static_assert(span::row_blocks(0) == 0 && span::row_blocks(32) == 1 && span::row_blocks(33) == 2);
static_assert(fb::block_span<fb::mxfp6_e2m3>::row_bytes(32) == 24);
static_assert(fb::block_span<fb::mxint8>::row_bytes(5) == 5);

static_assert(std::is_convertible_v<span, const_span> && !std::is_convertible_v<const_span, span>);
static_assert(!std::is_copy_constructible_v<fb::block_array<fb::mxfp4>>);
static_assert(std::is_nothrow_move_constructible_v<fb::block_array<fb::mxfp4>>);

TEST(BlockSpan, FindsElementsAndScalesOfRows) {
  const std::size_t rows = 3, cols = 35;
  std::vector<unsigned char> elements(rows * 18);
  std::vector<fb::scale_e8m0> scales(rows * 2);
  const span blocks{elements.data(), scales.data(), rows, cols};
  EXPECT_EQ(blocks.size(), rows * cols);
  blocks.row_elements(1).set(34, fb::fp4_e2m1::from_bits(5));
  blocks.row_elements(2).set(1, fb::fp4_e2m1::from_bits(9));
  blocks.row_scales(1)[1] = fb::scale_e8m0::from_bits(130);
  EXPECT_EQ(elements[18 + 17], 5);
  EXPECT_EQ(elements[36], 0x90);
  EXPECT_EQ(scales[3].bits(), 130);
  const const_span same = blocks;
  EXPECT_EQ(same.element(1, 34).bits(), 5);
  EXPECT_EQ(same.element(2, 1).bits(), 9);
  EXPECT_EQ(same.scale(1, 32).bits(), 130);
  EXPECT_EQ(same.scale(1, 31).bits(), 0);
  EXPECT_EQ(same.tensor_scale(), 1);
}

TEST(BlockSpan, CarriesATensorScale) {
  fb::block_span<fb::nvfp4> blocks;
  EXPECT_EQ(blocks.size(), 0U);
  blocks.set_tensor_scale(3);
  const fb::block_span<const fb::nvfp4> same = blocks;
  EXPECT_EQ(same.tensor_scale(), 3);
}

TEST(BlockArray, OwnsZeroedMemory) {
  fb::block_array<fb::nvfp4> a(2, 17);
  EXPECT_EQ(a.rows(), 2U);
  EXPECT_EQ(a.cols(), 17U);
  EXPECT_EQ(a.size(), 34U);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 17; ++j) {
      EXPECT_EQ(a.span().element(i, j).bits(), 0);
      EXPECT_EQ(a.span().scale(i, j).bits(), 0);
    }
  a.span().set_tensor_scale(2);
  a.span().row_scales(1)[1] = fb::scale_ue4m3::from_bits(7);
  const unsigned char* const where = a.span().elements();
  fb::block_array<fb::nvfp4> b(std::move(a));
  EXPECT_EQ(b.span().elements(), where);
  EXPECT_EQ(b.span().tensor_scale(), 2);
  fb::block_array<fb::nvfp4> c(4);
  c = std::move(b);
  EXPECT_EQ(std::as_const(c).span().scale(1, 16).bits(), 7);
  EXPECT_EQ(c.rows(), 2U);
  fb::block_array<fb::nvfp4> empty;
  EXPECT_EQ(empty.size(), 0U);
  empty = std::move(c);
  EXPECT_EQ(empty.size(), 34U);
}

TEST(FixedPoint, IsAnIntegerTimesAPowerOfTwo) {
  using element = fb::mxint8::element_type;
  for (int code = -128; code < 128; ++code) {
    const element x = element::from_bits(static_cast<std::uint8_t>(code));
    EXPECT_EQ(x.code(), code);
    EXPECT_EQ(static_cast<double>(static_cast<float>(x)), code / 64.0);
  }
  using odd = fb::fixed_point<fb::int_format{5, false, 0}>;
  EXPECT_EQ(odd::from_bits(0xff).code(), 31);
  EXPECT_EQ(odd::from_bits(0xff).bits(), 31);
}

}  // namespace
