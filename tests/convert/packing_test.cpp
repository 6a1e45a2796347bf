// SPDX-License-Identifier: MIT
// Packed codes to bytes and back, against a string of bits: every width, offset and count, every
// byte before and after.
#include <fewbits/convert/packing.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "convert/bit_string.hpp"
#include "gtest/gtest.h"
#include "support/guard_page.hpp"
#include "support/random_words.hpp"

namespace {

namespace fb = fewbits;
using bytes = std::vector<unsigned char>;

struct variant {
  const char* isa;
  std::size_t width;
  void (*unpack)(const unsigned char* src, std::size_t first, unsigned char* dst,
                 std::size_t count);
  void (*pack)(const unsigned char* src, unsigned char* dst, std::size_t first, std::size_t count);
};

template <int Width>
void add(std::vector<variant>& to) {
  using native = fb::detail::packing<Width, fb::native>;
  using generic = fb::detail::packing<Width, fb::generic>;
  to.push_back({"native", Width, native::unpack, native::pack});
  to.push_back({"generic", Width, generic::unpack, generic::pack});
}
const std::vector<variant>& variants() {
  static const std::vector<variant> made = [] {
    std::vector<variant> all;
    add<1>(all);
    add<2>(all);
    add<3>(all);
    add<4>(all);
    add<5>(all);
    add<6>(all);
    add<7>(all);
    return all;
  }();
  return made;
}

constexpr std::size_t longest = 200, last_offset = 15;

bytes noise(std::size_t count) {
  random_words next(7);
  bytes made(count);
  for (unsigned char& x : made) x = static_cast<unsigned char>(next() >> 24);
  return made;
}

std::string at(const variant& one, std::size_t first, std::size_t count) {
  return std::string(one.isa) + ", width " + std::to_string(one.width) + ", " +
         std::to_string(count) + " codes from element " + std::to_string(first) + " on";
}

/// Calls body(variant, first, count, the packed bytes in which the run lies).
template <class Body>
void for_each_run(Body&& body) {
  for (const variant& one : variants())
    for (std::size_t first = 0; first <= last_offset; ++first)
      for (std::size_t count = 0; count <= longest; ++count)
        body(one, first, count, ((first + count) * one.width + 7) / 8);
}

TEST(Unpacking, GivesTheCodesAndStaysBetweenGuardPages) {
  const bytes source = noise(last_offset + longest + 1);
  const guard_page::buffer packed_memory(source.size()), code_memory(longest);
  for_each_run([&](const variant& one, std::size_t first, std::size_t count, std::size_t used) {
    // The bytes before the first element of the run are not its own either.
    const std::size_t unused = first * one.width / 8;
    bytes want(count + 1);
    for (std::size_t i = 0; i < count; ++i)
      copy_bits(source.data(), (first + i) * one.width, &want[i], 0, one.width);

    unsigned char* packed = packed_memory.ending(used);
    std::memcpy(packed, source.data(), used);
    unsigned char* codes = code_memory.ending(count);
    if (codes != code_memory.begin()) codes[-1] = 0xa5;
    one.unpack(packed, first, codes, count);
    ASSERT_EQ(std::memcmp(codes, want.data(), count), 0) << at(one, first, count);
    ASSERT_EQ(codes[-1], 0xa5) << at(one, first, count);

    packed = packed_memory.begin() - unused;
    if (count > 0) std::memcpy(packed_memory.begin(), source.data() + unused, used - unused);
    codes = code_memory.begin();
    codes[count] = 0xa5;
    one.unpack(packed, first, codes, count);
    ASSERT_EQ(std::memcmp(codes, want.data(), count), 0) << at(one, first, count);
    ASSERT_EQ(codes[count], 0xa5) << at(one, first, count);
  });
}

TEST(Packing, SetsTheCodesAndLeavesTheirNeighbours) {
  const bytes before = noise(last_offset + longest + 3);
  const bytes codes = noise(before.size() + longest);  // bits above the width are to be ignored
  const guard_page::buffer packed_memory(before.size());
  for_each_run([&](const variant& one, std::size_t first, std::size_t count, std::size_t used) {
    const unsigned char* const src = codes.data() + before.size();
    bytes want = before;
    for (std::size_t i = 0; i < count; ++i)
      copy_bits(src + i, 0, want.data(), (first + i) * one.width, one.width);

    unsigned char* packed = packed_memory.ending(used);
    std::memcpy(packed, before.data(), used);
    one.pack(src, packed, first, count);
    ASSERT_EQ(std::memcmp(packed, want.data(), used), 0) << at(one, first, count);

    const std::size_t unused = first * one.width / 8;
    std::memcpy(packed_memory.begin(), before.data() + unused, before.size() - unused);
    one.pack(src, packed_memory.begin() - unused, first, count);
    ASSERT_EQ(std::memcmp(packed_memory.begin(), want.data() + unused, want.size() - unused), 0)
        << at(one, first, count);
  });
}

}  // namespace
