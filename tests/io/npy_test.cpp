// SPDX-License-Identifier: MIT
// npy files, read and written: byte by byte, right ones and wrong ones.
#include <fewbits/io.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "io/files.hpp"
#include "support/guard_page.hpp"

namespace {

using namespace files;
using fault = fb::io_fault;

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  return std::string("\x93NUMPY") + version + '\0' +
         little_endian(header.size(), version == 1 ? 2 : 4) + header + data;
}

std::string dictionary(const std::string& type, const std::string& shape,
                       const std::string& order = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }\n";
}

fb::io_error open(fb::npy_file& into, const guard_page::buffer& memory, const std::string& file) {
  unsigned char* const bytes = memory.ending(file.size());
  std::memcpy(bytes, file.data(), file.size());
  return into.open(fb::array_view<const unsigned char>(bytes, file.size()));
}

std::string open_words(const std::string& file) {
  const guard_page::buffer memory(file.size());
  fb::npy_file ignored;
  return words(open(ignored, memory, file));
}

TEST(NpyTest, ReadsWhatNumpyWrites) {
  // numpy.save("x.npy", numpy.array([[1, 2, 3], [4, 5, 6]], "<f4")), NumPy 1.24.
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  header += std::string(128 - 10 - 1 - header.size(), ' ') + "\n";
  const std::string data("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40",
                         24);
  const folder here;
  here.write("x.npy", npy(header, data));
  fb::npy_file file;
  ASSERT_EQ(words(file.open(here.path("x.npy").c_str())), "no error");
  fb::matrix_view<const float> x;
  ASSERT_FALSE(file.tensor().as_matrix(x));
  ASSERT_EQ(x.rows(), 2U);
  ASSERT_EQ(x.cols(), 3U);
  for (unsigned i = 0; i < 6; ++i) EXPECT_EQ(x(i / 3, i % 3), static_cast<float>(i + 1));
  EXPECT_EQ(file.tensor().offset(), 128U);

  fb::npy_file moved = std::move(file);
  EXPECT_EQ(moved.tensor().size(), 6U);
  EXPECT_EQ(file.tensor().size(), 0U);  // NOLINT(bugprone-use-after-move): what it says of itself

  // And writes the same.
  ASSERT_EQ(words(fb::write_npy(here.path("y.npy").c_str(), x)), "no error");
  EXPECT_EQ(here.read("y.npy"), npy(header, data));
  EXPECT_EQ(words(moved.open(here.path("none").c_str())),
            "cannot be opened: No such file or directory");
  EXPECT_EQ(moved.tensor().size(), 0U);
}

TEST(NpyTest, ReadsAllVersionsAndSpellings) {
  const guard_page::buffer memory(4096);
  fb::npy_file file;
  for (const char version : {'\1', '\2', '\3'})
    for (const std::string& header :
         {dictionary("<i2", "2,"), dictionary("<i2", "2 , "),
          std::string("{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<i2\"}"),
          std::string(" { 'fortran_order' : False , 'descr' : 'i2' , 'shape' : ( 2 , ) } \n"),
          dictionary("=i2", "1, 2"), dictionary("<i2", "2, 1, 1")}) {
      ASSERT_EQ(words(open(file, memory, npy(header, std::string("\1\2\3\4"), version))),
                "no error")
          << header;
      std::int16_t copy[2];
      ASSERT_FALSE(file.tensor().copy_to(fb::array_view<std::int16_t>(copy, 2)));
      EXPECT_EQ(copy[0], 0x0201);
      EXPECT_EQ(copy[1], 0x0403);
    }
  ASSERT_EQ(words(open(file, memory, npy(dictionary("|u1", ""), "x"))), "no error");
  EXPECT_EQ(file.tensor().size(), 1U);
  EXPECT_EQ(file.tensor().shape().size(), 0U);
  ASSERT_EQ(words(open(file, memory, npy(dictionary("<f8", "0, 7"), ""))), "no error");
  EXPECT_EQ(file.tensor().size(), 0U);

  std::string longest = dictionary("|u1", "1,");
  longest += std::string(65536 - longest.size(), ' ');
  EXPECT_EQ(open_words(npy(longest, "x", 2)), "no error");
  EXPECT_EQ(open_words(npy(longest + " ", "x", 2)), "byte 8: the header is too long");
}

TEST(NpyTest, SwapsBytesAndTellsFortranOrder) {
  const guard_page::buffer memory(512);
  fb::npy_file file;
  std::string header = dictionary(">f4", "2, 1");
  while ((10 + header.size()) % 8 != 0) header += ' ';
  ASSERT_EQ(words(open(file, memory, npy(header, std::string("\x3f\x80\0\0\xc0\0\0\0", 8)))),
            "no error");
  EXPECT_TRUE(file.tensor().order().is_big_endian);
  fb::matrix_view<const float> matrix;
  EXPECT_EQ(file.tensor().as_matrix(matrix).fault(), fault::wrong_byte_order);
  float copy[2];
  ASSERT_FALSE(file.tensor().copy_to(fb::array_view<float>(copy, 2)));
  EXPECT_EQ(copy[0], 1.0f);
  EXPECT_EQ(copy[1], -2.0f);

  ASSERT_EQ(words(open(file, memory, npy(dictionary(">u1", "2, 3", "True"), "abcdef"))),
            "no error");
  EXPECT_TRUE(file.tensor().order().is_fortran);
  fb::matrix_view<const std::uint8_t> bytes;
  EXPECT_EQ(file.tensor().as_matrix(bytes).fault(), fault::fortran_order);
  fb::array_view<const std::uint8_t> span;
  ASSERT_FALSE(file.tensor().as_span(span));
  EXPECT_EQ(span[1], 'b');  // row 1, column 0
}

TEST(NpyTest, KnowsTheTypesOfMlDtypes) {
  const guard_page::buffer memory(512);
  fb::npy_file file;
  const std::string data("\x80\x3f\0\x40", 4);
  for (const char* const type : {"<V2", "|V2", "V2"}) {
    ASSERT_EQ(words(open(file, memory, npy(dictionary(type, "2,"), data))), "no error") << type;
    fb::bf16 brain[2];
    ASSERT_FALSE(file.tensor().copy_to(fb::array_view<fb::bf16>(brain, 2)));
    EXPECT_EQ(brain[0], 1.0f);
    EXPECT_EQ(brain[1], 2.0f);
    fb::array_view<const fb::fp8_e4m3> bytes;
    EXPECT_EQ(file.tensor().as_span(bytes).fault(), fault::wrong_dtype);
  }
  ASSERT_EQ(words(open(file, memory, npy(dictionary("|V1", "4,"), data))), "no error");
  fb::array_view<const fb::fp8_e4m3_ieee> e4m3;
  ASSERT_FALSE(file.tensor().as_span(e4m3));
  EXPECT_EQ(e4m3[1].bits(), 0x3f);
  fb::packed_span<const fb::fp4_e2m1> packed;
  EXPECT_EQ(file.tensor().as_span(packed).fault(), fault::wrong_dtype);
  ASSERT_EQ(words(open(file, memory, npy(dictionary("<f1", "4,"), data))), "no error");
  fb::array_view<const fb::fp8_e5m2> e5m2;
  ASSERT_FALSE(file.tensor().as_span(e5m2));
  EXPECT_EQ(file.tensor().as_span(e4m3).fault(), fault::wrong_dtype);
}

TEST(NpyTest, SaysWhatIsWrongAndWhere) {
  struct wrong {
    std::string file;
    const char* message;
  };
  std::vector<wrong> cases = {
      {"", "byte 0: the file ends too early"},
      {"\x93NUMPX", "byte 0: the file does not begin as an npy file does"},
      {"PK\3\4", "byte 0: the file does not begin as an npy file does"},
      {std::string("\x93NUMPY\1\0", 8), "byte 8: the file ends too early"},
      {npy("{}", "", '\0'), "byte 6: unknown version of the format"},
      {npy("{}", "", '\4'), "byte 6: unknown version of the format"},
      {std::string("\x93NUMPY\1\1\2\0{}", 12), "byte 6: unknown version of the format"},
      {std::string("\x93NUMPY\1\0\3\0{}", 12), "byte 8: the file ends too early"},
      {std::string("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14), "byte 8: the header is too long"},
      {std::string("\x93NUMPY\3\0\1\0\1\0{}", 14), "byte 8: the header is too long"},
      {npy("{}", ""), "byte 12: a key is missing"},
      {npy("[]", ""), "byte 10: syntax error in the header"},
      {npy("{'descr': '<f4', 'shape': (1,)}", "abcd"), "byte 41: a key is missing"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", ""), "byte 27: a key is there twice"},
      {npy("{'other': 1}", ""), "byte 11: unknown key"},
      {npy("{'descr' '<f4'}", ""), "byte 19: syntax error in the header"},
      {npy("{'descr: '<f4'}", ""), "byte 20: syntax error in the header"},
      {npy("{'descr", ""), "byte 17: syntax error in the header"},
      {npy("{'de\\'scr': 1}", ""), "byte 14: syntax error in the header"},
      {npy("{'descr': [('a', '<f4')]}", ""),
       "byte 20: elements of this dtype are not numbers that the library has"},
      {npy(dictionary("<i4", "1,", "false"), "abcd"), "byte 44: syntax error in the header"},
      {npy(dictionary("<i4", "1,", "1"), "abcd"), "byte 44: syntax error in the header"},
      {npy(dictionary("<i4", "1,") + "x", "abcd"), "byte 68: syntax error in the header"},
      {npy(dictionary("<i4", "1"), "abcd"),
       "byte 63: the shape is not a list of integers, or has too many"},
      {npy("{'shape': [1,]}", ""), "byte 20: the shape is not a list of integers, or has too many"},
      {npy("{'shape': (-1,)}", ""), "byte 21: not an integer from 0 to 2^64 - 1"},
      {npy("{'shape': (1.5,)}", ""), "byte 22: not an integer from 0 to 2^64 - 1"},
      {npy("{'shape': (1L,)}", ""), "byte 22: syntax error in the header"},
      {npy("{'shape': (01,)}", ""), "byte 23: not an integer from 0 to 2^64 - 1"},
      {npy("{'shape': (,)}", ""), "byte 21: not an integer from 0 to 2^64 - 1"},
      {npy("{'shape': (1,,)}", ""), "byte 23: not an integer from 0 to 2^64 - 1"},
      {npy("{'shape': (1", ""), "byte 22: syntax error in the header"},
      {npy("{'shape': ((1,),)}", ""), "byte 21: not an integer from 0 to 2^64 - 1"},
      {npy("{'shape': (18446744073709551616,)}", ""), "byte 40: not an integer from 0 to 2^64 - 1"},
      {npy(dictionary("<i4", "4294967296, 0, 4294967296"), ""),
       "byte 60: its size does not fit 64 bits"},
      {npy(dictionary("<i8", "2305843009213693952,"), ""),
       "byte 60: its size does not fit 64 bits"},
      {npy(dictionary("<i4", "2,"), "abcdefg"), "byte 75: the file ends too early"},
      {npy(dictionary("<i4", "2,"), "abcdefghi"), "byte 76: there are bytes after the data"},
  };
  for (const char* const type : {"|O", "<U4", "|S4", "<M8[s]", "<m8", "<f16", "<c16", "|V3", "<V4",
                                 "<i3", "|i2", "|f4", "", "<", "f", "<<f4", "<f4 ", "float32"}) {
    cases.push_back({npy(dictionary(type, "1,"), "abcd"),
                     "byte 20: elements of this dtype are not numbers that the library has"});
  }
  std::string dims;
  for (int i = 0; i < 65; ++i) dims += "1, ";
  cases.push_back({npy(dictionary("|u1", dims), "x"),
                   "byte 253: the shape is not a list of integers, or has too many"});
  for (const wrong& each : cases) EXPECT_EQ(open_words(each.file), each.message) << each.file;
}

template <class Element>
void write_and_read(const folder& here, const char* type, fb::dtype expected) {
  SCOPED_TRACE(type);
  const std::string path = here.path("x.npy");
  unsigned char bytes[6 * sizeof(Element)];
  for (std::size_t i = 0; i < sizeof bytes; ++i) bytes[i] = static_cast<unsigned char>(i % 2);
  Element values[6];
  std::memcpy(values, bytes, sizeof bytes);
  ASSERT_EQ(words(fb::write_npy(path.c_str(), fb::matrix_view<const Element>(values, 2, 2, 3))),
            "no error");
  const std::string written = here.read("x.npy");
  std::string header = dictionary(type, "2, 2");
  header.insert(header.size() - 1, 118 - header.size(), ' ');
  EXPECT_EQ(written.substr(0, 128), npy(header, ""));
  ASSERT_EQ(written.size(), 128 + 4 * sizeof(Element));
  fb::npy_file file;
  ASSERT_EQ(words(file.open(path.c_str(), fb::file_access::read)), "no error");
  EXPECT_EQ(file.tensor().type(), expected);
  Element copy[4];
  if constexpr (!std::is_same_v<Element, bool>) {
    ASSERT_FALSE(file.tensor().copy_to(fb::array_view<Element>(copy, 4)));
    EXPECT_EQ(std::memcmp(copy, values, 2 * sizeof(Element)), 0);
    EXPECT_EQ(std::memcmp(copy + 2, values + 3, 2 * sizeof(Element)), 0);
  }
}

TEST(NpyWriterTest, EveryTypeComesBack) {
  const folder here;
  write_and_read<float>(here, "<f4", fb::dtype::f32);
  write_and_read<double>(here, "<f8", fb::dtype::f64);
  write_and_read<fb::fp16>(here, "<f2", fb::dtype::f16);
  write_and_read<fb::bf16>(here, "<V2", fb::dtype::raw16);
  write_and_read<fb::fp8_e4m3>(here, "|V1", fb::dtype::raw8);
  write_and_read<fb::fp8_e5m2>(here, "<f1", fb::dtype::f8_e5m2);
  write_and_read<bool>(here, "|b1", fb::dtype::boolean);
  write_and_read<std::int8_t>(here, "|i1", fb::dtype::i8);
  write_and_read<std::uint8_t>(here, "|u1", fb::dtype::u8);
  write_and_read<std::int16_t>(here, "<i2", fb::dtype::i16);
  write_and_read<std::uint16_t>(here, "<u2", fb::dtype::u16);
  write_and_read<std::int32_t>(here, "<i4", fb::dtype::i32);
  write_and_read<std::uint32_t>(here, "<u4", fb::dtype::u32);
  write_and_read<std::int64_t>(here, "<i8", fb::dtype::i64);
  write_and_read<std::uint64_t>(here, "<u8", fb::dtype::u64);
}

TEST(NpyWriterTest, WritesVectorsAndAnyShape) {
  const folder here;
  const std::string path = here.path("x.npy");
  ASSERT_FALSE(fb::write_npy(path.c_str(), std::vector<std::int16_t>{1, 2, 3}));
  const std::string vector = here.read("x.npy");
  EXPECT_NE(vector.find("'shape': (3,), }"), std::string::npos);
  EXPECT_EQ(vector.substr(128), std::string("\1\0\2\0\3\0", 6));

  const auto write = [&](fb::dtype type, const std::vector<std::uint64_t>& shape,
                         const std::string& bytes) {
    return fb::write_npy(path.c_str(), type, {shape.data(), shape.size()}, bytes_of(bytes));
  };
  ASSERT_FALSE(write(fb::dtype::c64, {}, "abcdefgh"));
  EXPECT_NE(here.read("x.npy").find("'<c8', 'fortran_order': False, 'shape': (), }"),
            std::string::npos);
  // The longest header there is.
  std::vector<std::uint64_t> longest(64, 0);
  longest[0] = 2305843009213693951;
  ASSERT_FALSE(write(fb::dtype::u8, longest, ""));
  fb::npy_file file;
  ASSERT_EQ(words(file.open(path.c_str())), "no error");
  EXPECT_EQ(file.tensor().shape().size(), 64U);
  const std::string before = here.read("x.npy");
  EXPECT_EQ(write(fb::dtype::u8, std::vector<std::uint64_t>(65, 1), "x").fault(), fault::bad_shape);
  EXPECT_EQ(write(fb::dtype::f4_e2m1, {2}, "x").fault(), fault::unsupported_dtype);
  EXPECT_EQ(write(fb::dtype::u8, {2}, "x").fault(), fault::wrong_size);
  EXPECT_EQ(write(fb::dtype::f64, {1ULL << 61}, "x").fault(), fault::too_large);
  EXPECT_EQ(here.read("x.npy"), before);
  EXPECT_EQ(words(fb::write_npy(here.path("none/x").c_str(), std::vector<float>(2))),
            "cannot be written: No such file or directory");
  EXPECT_EQ(here.names(), std::set<std::string>{"x.npy"});
}

TEST(NpyTest, RefusesTruncationAtEveryByteAndSurvivesEveryByte) {
  std::string whole = npy(dictionary("<f4", "1, 2"), "abcdefgh");
  const guard_page::buffer memory(whole.size());
  fb::npy_file file;
  ASSERT_EQ(words(open(file, memory, whole)), "no error");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(open(file, memory, whole.substr(0, size))) << size;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < whole.size() - 8; ++i) {
    const char original = whole[i];
    for (int byte = 0; byte < 256; ++byte) {
      whole[i] = static_cast<char>(byte);
      if (open(file, memory, whole)) continue;
      ++accepted;
      const fb::stored_tensor tensor = file.tensor();
      ASSERT_EQ(tensor.bytes().data() + tensor.bytes().size(), memory.ending(0));
      ASSERT_EQ(tensor.bytes().size() * 8,
                tensor.size() * static_cast<std::size_t>(fb::bits_of(tensor.type())));
    }
    whole[i] = original;
  }
  EXPECT_GE(accepted, whole.size() - 8);
  EXPECT_LT(accepted, 3 * whole.size());
}

}  // namespace
