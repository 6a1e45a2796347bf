// SPDX-License-Identifier: MIT
// Reading safetensors: files put together by hand, right ones and wrong ones.
#include <fewbits/io.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "gtest/gtest.h"
#include "io/files.hpp"
#include "support/guard_page.hpp"

namespace {

using namespace files;
using fault = fb::io_fault;

/// Opens `file` in memory that ends where the file ends.
fb::io_error open(fb::safetensors_file& into, const guard_page::buffer& memory,
                  const std::string& file) {
  unsigned char* const bytes = memory.ending(file.size());
  std::memcpy(bytes, file.data(), file.size());
  return into.open(fb::array_view<const unsigned char>(bytes, file.size()));
}

fb::io_error open(const std::string& file) {
  const guard_page::buffer memory(file.size());
  fb::safetensors_file ignored;
  return open(ignored, memory, file);
}

/// What an accepted file promises: its tensors are the data, byte for byte, in order.
void expect_cover(const fb::safetensors_file& file, const unsigned char* begin,
                  const unsigned char* end) {
  const unsigned char* at = begin;
  for (const fb::stored_tensor& tensor : file) {
    ASSERT_EQ(tensor.bytes().data(), at);
    ASSERT_EQ(tensor.bytes().size() * 8,
              tensor.size() * static_cast<std::size_t>(fb::bits_of(tensor.type())));
    ASSERT_EQ(file.find(tensor.name()), &tensor);
    ASSERT_EQ(tensor.name().data()[tensor.name().size()], '\0');
    at += tensor.bytes().size();
  }
  ASSERT_EQ(at, end);
}

TEST(SafetensorsTest, ReadsAHandWrittenFile) {
  // 8 bytes of length, the header, and 1.0f, -2.0f and BF16 3.0.
  const std::string header =
      "{\"__metadata__\":{\"format\":\"pt\"},"
      "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[8,10]},"
      "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
  const std::string data("\x00\x00\x80\x3f\x00\x00\x00\xc0\x40\x40", 10);
  fb::safetensors_file file;
  const guard_page::buffer memory(4096);
  // Padded so that the floats are aligned.
  const std::string whole =
      safetensors(header + std::string((8 - header.size() % 8) % 8, ' '), data);
  unsigned char* const bytes = memory.begin();
  std::memcpy(bytes, whole.data(), whole.size());
  ASSERT_EQ(words(file.open(fb::array_view<const unsigned char>(bytes, whole.size()))), "no error");
  ASSERT_EQ(file.size(), 2U);
  EXPECT_EQ(text(file[0].name()), "a");
  EXPECT_EQ(text(file[1].name()), "b");
  EXPECT_EQ(file[1].offset(), whole.size() - 2);
  ASSERT_NE(file.metadata("format"), nullptr);
  EXPECT_EQ(text(*file.metadata("format")), "pt");
  EXPECT_EQ(file.metadata("other"), nullptr);
  EXPECT_EQ(file.find("c"), nullptr);

  fb::array_view<const float> a;
  ASSERT_FALSE(file.find("a")->as_span(a));
  ASSERT_EQ(a.size(), 2U);
  EXPECT_EQ(a[0], 1.0f);
  EXPECT_EQ(a[1], -2.0f);
  fb::matrix_view<const fb::bf16> b;
  ASSERT_FALSE(file.find("b")->as_matrix(b));
  EXPECT_EQ(b(0, 0), 3.0f);
  fb::matrix_view<const float> matrix;
  EXPECT_EQ(words(file.find("a")->as_matrix(matrix)),
            "tensor \"a\" (byte " + std::to_string(whole.size() - 10) + "): it is not a matrix");
  EXPECT_EQ(file.find("b")->as_matrix(matrix).fault(), fault::wrong_dtype);

  fb::safetensors_file moved = std::move(file);
  EXPECT_EQ(file.size(), 0U);  // NOLINT(bugprone-use-after-move): what it says of itself
  EXPECT_EQ(moved.size(), 2U);
  moved.close();
  EXPECT_EQ(moved.size(), 0U);
}

template <class Element>
void read_one_dtype(const std::string& name, std::size_t size) {
  SCOPED_TRACE(name);
  // Two elements with the bytes 1, 2, ...
  std::string data;
  for (std::size_t i = 0; i < 2 * size; ++i) data += static_cast<char>(i + 1);
  std::string header = "{" + entry("x", name, "1,2", 0, data.size()) + "}";
  std::size_t aligned = 0;
  for (std::size_t shift = 0; shift < 8; ++shift, header += ' ') {
    const guard_page::buffer memory(256);
    const std::string whole = safetensors(header, data);
    std::memcpy(memory.begin(), whole.data(), whole.size());
    fb::safetensors_file file;
    ASSERT_EQ(words(file.open({memory.begin(), whole.size()})), "no error");
    const bool is_aligned =
        reinterpret_cast<std::uintptr_t>(file[0].bytes().data()) % alignof(Element) == 0;
    aligned += is_aligned ? 1 : 0;
    fb::matrix_view<const Element> matrix;
    const fb::io_error error = file[0].as_matrix(matrix);
    ASSERT_EQ(error.fault(), is_aligned ? fault::none : fault::misaligned);
    if (is_aligned) {
      ASSERT_EQ(matrix.rows(), 1U);
      ASSERT_EQ(matrix.cols(), 2U);
      ASSERT_EQ(std::memcmp(matrix.data(), data.data(), data.size()), 0);
    }
    Element copy[3];
    ASSERT_FALSE(file[0].copy_to(fb::array_view<Element>(copy, 2)));
    ASSERT_EQ(std::memcmp(copy, data.data(), data.size()), 0);
    ASSERT_EQ(file[0].copy_to(fb::array_view<Element>(copy, 3)).fault(), fault::wrong_shape);
    ASSERT_EQ(file[0].copy_to(fb::array_view<Element>(copy, 1)).fault(), fault::wrong_shape);
  }
  EXPECT_EQ(aligned, 8 / alignof(Element));
}

TEST(SafetensorsTest, ReadsEveryDtypeAtEveryAlignment) {
  read_one_dtype<double>("F64", 8);
  read_one_dtype<fb::fp64>("F64", 8);
  read_one_dtype<float>("F32", 4);
  read_one_dtype<fb::fp32>("F32", 4);
  read_one_dtype<fb::fp16>("F16", 2);
  read_one_dtype<fb::bf16>("BF16", 2);
  read_one_dtype<fb::fp8_e4m3>("F8_E4M3", 1);
  read_one_dtype<fb::fp8_e5m2>("F8_E5M2", 1);
  read_one_dtype<fb::scale_e8m0>("F8_E8M0", 1);
  read_one_dtype<fb::fp8_e4m3fnuz>("F8_E4M3FNUZ", 1);
  read_one_dtype<fb::fp8_e5m2fnuz>("F8_E5M2FNUZ", 1);
  read_one_dtype<std::int64_t>("I64", 8);
  read_one_dtype<std::uint64_t>("U64", 8);
  read_one_dtype<std::int32_t>("I32", 4);
  read_one_dtype<std::uint32_t>("U32", 4);
  read_one_dtype<std::int16_t>("I16", 2);
  read_one_dtype<std::uint16_t>("U16", 2);
  read_one_dtype<std::int8_t>("I8", 1);
  read_one_dtype<std::uint8_t>("U8", 1);
  read_one_dtype<std::uint8_t>("BOOL", 1);
}

TEST(SafetensorsTest, ReadsPackedElementsAndComplexNumbers) {
  const guard_page::buffer memory(512);
  fb::safetensors_file file;
  const std::string header =
      "{" + entry("f4", "F4", "2,2", 0, 2) + "," + entry("e2m3", "F6_E2M3", "4", 2, 5) + "," +
      entry("e3m2", "F6_E3M2", "2,2", 5, 8) + "," + entry("c", "C64", "", 8, 16) + "}";
  // FP4 codes 1 2 3 4; FP6 codes 1 2 3 4 and 5 6 7 8, low bits first.
  const std::string data("\x21\x43\x81\x30\x10\x85\x71\x20", 8);
  ASSERT_EQ(words(open(file, memory, safetensors(header, data + std::string(8, '\7')))),
            "no error");
  fb::packed_matrix_view<const fb::fp4_e2m1> f4;
  ASSERT_FALSE(file.find("f4")->as_matrix(f4));
  fb::packed_span<const fb::fp6_e2m3> e2m3;
  ASSERT_FALSE(file.find("e2m3")->as_span(e2m3));
  fb::packed_matrix_view<const fb::fp6_e3m2> e3m2;
  ASSERT_FALSE(file.find("e3m2")->as_matrix(e3m2));
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_EQ(f4(i / 2, i % 2).bits(), i + 1);
    EXPECT_EQ(e2m3[i].bits(), i + 1);
    EXPECT_EQ(e3m2(i / 2, i % 2).bits(), i + 5);
  }
  EXPECT_EQ(file.find("f4")->as_span(e2m3).fault(), fault::wrong_dtype);
  EXPECT_EQ(file.find("e2m3")->as_matrix(e3m2).fault(), fault::wrong_dtype);
  fb::packed_matrix_view<const fb::fp6_e2m3> vector;
  EXPECT_EQ(file.find("e2m3")->as_matrix(vector).fault(), fault::wrong_rank);
  EXPECT_EQ(file.find("c")->size(), 1U);
  EXPECT_EQ(file.find("c")->shape().size(), 0U);
  fb::array_view<const float> floats;
  EXPECT_EQ(file.find("c")->as_span(floats).fault(), fault::wrong_dtype);
  EXPECT_EQ(file.find("c")->bytes()[7], 7);
}

TEST(SafetensorsTest, ReadsEmptyAndScalarTensors) {
  EXPECT_FALSE(open(safetensors("{}      ", "")));
  EXPECT_FALSE(open(safetensors("{\"__metadata__\":{}}", "")));
  const guard_page::buffer memory(512);
  fb::safetensors_file file;
  const std::string header = "{" + entry("z", "F32", "0,5", 4, 4) + "," +
                             entry("s", "F32", "", 0, 4) + "," + entry("", "U8", "0", 0, 0) + "," +
                             entry("y", "F64", "3,0", 4, 4) + "," + entry("t", "U8", "1", 4, 5) +
                             "}";
  ASSERT_EQ(words(open(file, memory, safetensors(header, "abcde"))), "no error");
  ASSERT_EQ(file.size(), 5U);
  EXPECT_EQ(file.find("s")->size(), 1U);
  EXPECT_EQ(file.find("z")->size(), 0U);
  EXPECT_EQ(file.find("")->size(), 0U);
  EXPECT_EQ(file.find("t")->bytes()[0], 'e');
}

TEST(SafetensorsTest, DecodesStrings) {
  const guard_page::buffer memory(512);
  fb::safetensors_file file;
  const std::string header =
      "{\"__metadata__\":{\"\\u0041\\\"\\\\\\/\\b\\f\\n\\r\\t\":\"\\u00e9\\u20AC\\ud83d\\uDE00\","
      "\"\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"}," +
      entry("n\\u0000m", "U8", "0", 0, 0) +
      " , \"k\" : { \"other\" : [1.5e-3,{},[],{\"a\":[-0,"
      "true,null,{\"b\":\"\\\"\"}]}], \"shape\" :\t[ 0 ,\n1 ] , \"dtype\" : \"U8\" ,\r"
      "\"data_offsets\" : [ 0 , 0 ] } }  \n";
  ASSERT_EQ(words(open(file, memory, safetensors(header, ""))), "no error");
  ASSERT_EQ(file.metadata().size(), 2U);
  EXPECT_EQ(text(file.metadata()[0].value), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f");
  EXPECT_EQ(text(file.metadata()[1].key), "A\"\\/\b\f\n\r\t");
  EXPECT_EQ(text(file.metadata()[1].value), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_NE(file.find({"n\0m", 3}), nullptr);
  EXPECT_EQ(file.find("n"), nullptr);
  ASSERT_NE(file.find("k"), nullptr);
  EXPECT_EQ(file.find("k")->shape().size(), 2U);
}

TEST(SafetensorsTest, TakesTheFirstAndLastCharactersOfEveryLength) {
  const guard_page::buffer memory(512);
  fb::safetensors_file file;
  const std::string name =
      "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80"
      "\xf4\x8f\xbf\xbf";
  ASSERT_EQ(words(open(file, memory, safetensors("{" + entry(name, "U8", "0", 0, 0) + "}", ""))),
            "no error");
  EXPECT_EQ(text(file[0].name()), name);
  const std::string escapes =
      "\\u007f\\u0080\\u07FF\\u0800\\ud7ff\\uE000\\uffff\\ud800\\udc00"
      "\\uDBFF\\uDFFF";
  ASSERT_EQ(words(open(file, memory, safetensors("{" + entry(escapes, "U8", "0", 0, 0) + "}", ""))),
            "no error");
  EXPECT_EQ(text(file[0].name()), name);
}

TEST(SafetensorsTest, SaysWhatIsWrongAndWhere) {
  struct wrong {
    std::string header;
    std::size_t data;
    const char* message;
  };
  const std::string x = "\"x\":{\"dtype\":\"U8\",\"shape\":";
  const wrong cases[] = {
      {"", 0, "byte 8: syntax error in the header"},
      {" {}", 0, "byte 8: syntax error in the header"},
      {"[]", 0, "byte 8: syntax error in the header"},
      {"{", 0, "byte 9: syntax error in the header"},
      {"{}}", 0, "byte 10: syntax error in the header"},
      {std::string("{}\0", 3), 0, "byte 10: syntax error in the header"},
      {"{,}", 0, "byte 9: syntax error in the header"},
      {"{\"a\"}", 0, "byte 12: syntax error in the header"},
      {"{'a':1}", 0, "byte 9: syntax error in the header"},
      {"{\"a\n\":1}", 0, "byte 11: syntax error in the header"},
      {"{\"a\x1f\":1}", 0, "byte 11: syntax error in the header"},
      {"{\"a", 0, "byte 11: syntax error in the header"},
      {"{\"\xff\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xc0\x80\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xc1\xbf\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xe0\x9f\xbf\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xf0\x8f\xbf\xbf\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xed\xa0\x80\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xf4\x90\x80\x80\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xf5\x80\x80\x80\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xe2\x82\":1}", 0, "byte 10: invalid UTF-8"},
      {"{\"\xf0\x9f\x98", 0, "byte 10: invalid UTF-8"},
      {"{\"\\x\":1}", 0, "byte 11: invalid escape in a string"},
      {"{\"\\", 0, "byte 11: invalid escape in a string"},
      {"{\"\\u12g4\":1}", 0, "byte 14: invalid escape in a string"},
      {"{\"\\u12", 0, "byte 12: invalid escape in a string"},
      {"{\"\\ud800\":1}", 0, "byte 16: invalid escape in a string"},
      {"{\"\\udc00\\ud800\":1}", 0, "byte 16: invalid escape in a string"},
      {"{\"\\ud800\\u0041\":1}", 0, "byte 22: invalid escape in a string"},
      {"{\"\\ud800\\ue000\":1}", 0, "byte 22: invalid escape in a string"},
      {"{\"__metadata__\":[]}", 0, "byte 24: metadata is not an object of strings"},
      {"{\"__metadata__\":null}", 0, "byte 24: metadata is not an object of strings"},
      {"{\"__metadata__\":{\"a\":1}}", 0, "byte 29: metadata is not an object of strings"},
      {"{\"__metadata__\":{\"a\":\"b\" \"c\":\"d\"}}", 0, "byte 33: syntax error in the header"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "byte 27: a key is there twice"},
      {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "tensor \"a\": a key is there twice"},
      {"{\"x\":1}", 0, "tensor \"x\" (byte 13): not an object with dtype, shape and data_offsets"},
      {"{\"x\":{}}", 0, "tensor \"x\" (byte 15): a key is missing"},
      {"{\"x\":{\"dtype\":\"U8\",\"shape\":[0]}}", 0, "tensor \"x\" (byte 39): a key is missing"},
      {"{\"x\":{\"dtype\":\"U7\"}}", 0, "tensor \"x\" (byte 22): unknown dtype"},
      {"{\"x\":{\"dtype\":\"\"}}", 0, "tensor \"x\" (byte 22): unknown dtype"},
      {"{\"x\":{\"dtype\":8}}", 0, "tensor \"x\" (byte 22): unknown dtype"},
      {"{\"x\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0,
       "tensor \"x\" (byte 27): a key is there twice"},
      {"{" + x + "1}}", 0,
       "tensor \"x\" (byte 35): the shape is not a list of integers, or has too many"},
      {"{" + x + "[-1]}}", 0, "tensor \"x\" (byte 36): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[1.0]}}", 0, "tensor \"x\" (byte 37): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[1e0]}}", 0, "tensor \"x\" (byte 37): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[01]}}", 0, "tensor \"x\" (byte 38): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[\"1\"]}}", 0, "tensor \"x\" (byte 36): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[null]}}", 0, "tensor \"x\" (byte 36): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[1,]}}", 0, "tensor \"x\" (byte 38): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[18446744073709551616]}}", 0,
       "tensor \"x\" (byte 55): not an integer from 0 to 2^64 - 1"},
      {"{" + x + "[1 1]}}", 0, "tensor \"x\" (byte 38): syntax error in the header"},
      {"{" + x + "[1],\"data_offsets\":[0]}}", 1,
       "tensor \"x\" (byte 56): data_offsets are not two integers in order"},
      {"{" + x + "[1],\"data_offsets\":[0,1,2]}}", 1,
       "tensor \"x\" (byte 58): data_offsets are not two integers in order"},
      {"{" + x + "[1],\"data_offsets\":{}}}", 1,
       "tensor \"x\" (byte 54): data_offsets are not two integers in order"},
      {"{" + x + "[0],\"other\":tru}}", 0, "tensor \"x\" (byte 47): syntax error in the header"},
      {"{" + x + "[0],\"other\":01}}", 0, "tensor \"x\" (byte 49): syntax error in the header"},
      {"{" + x + "[0],\"other\":1.}}", 0, "tensor \"x\" (byte 49): syntax error in the header"},
      {"{" + x + "[0],\"other\":1e}}", 0, "tensor \"x\" (byte 49): syntax error in the header"},
      {"{" + x + "[0],\"other\":-}}", 0, "tensor \"x\" (byte 48): syntax error in the header"},
      {"{" + x + "[0],\"other\":[1}}}", 0, "tensor \"x\" (byte 49): syntax error in the header"},
      {"{" + x + "[0],\"other\":[,]}}", 0, "tensor \"x\" (byte 48): syntax error in the header"},
      {"{" + x + "[0],\"other\":{1:2}}}", 0, "tensor \"x\" (byte 48): syntax error in the header"},
      {"{" + entry("x", "U8", "2", 2, 0) + "}", 2,
       "tensor \"x\" (byte 9): data_offsets are not two integers in order"},
      {"{" + entry("x", "F32", "2", 0, 7) + "}", 7,
       "tensor \"x\" (byte 9): data_offsets disagree with dtype and shape"},
      {"{" + entry("x", "F4", "3", 0, 2) + "}", 2,
       "tensor \"x\" (byte 9): its elements do not fill whole bytes"},
      {"{" + entry("x", "F6_E2M3", "2", 0, 2) + "}", 2,
       "tensor \"x\" (byte 9): its elements do not fill whole bytes"},
      {"{" + entry("x", "U8", "4294967296,4294967296", 0, 0) + "}", 0,
       "tensor \"x\" (byte 9): its size does not fit 64 bits"},
      {"{" + entry("x", "U8", "4294967296,0,4294967296", 0, 0) + "}", 0,
       "tensor \"x\" (byte 9): its size does not fit 64 bits"},
      {"{" + entry("x", "F64", "2305843009213693952", 0, 0) + "}", 0,
       "tensor \"x\" (byte 9): its size does not fit 64 bits"},
      {"{" + entry("x", "U8", "2305843009213693951", 0, 2305843009213693951) + "}", 5,
       "tensor \"x\" (byte 9): the file ends too early"},
      {"{" + entry("x", "U8", "2", 1, 3) + "}", 3,
       "tensor \"x\" (byte 9): there are unused bytes before its data"},
      {"{" + entry("x", "U8", "2", 0, 2) + "," + entry("y", "U8", "2", 3, 5) + "}", 5,
       "tensor \"y\" (byte 61): there are unused bytes before its data"},
      {"{" + entry("x", "U8", "2", 0, 2) + "," + entry("y", "U8", "2", 1, 3) + "}", 3,
       "tensor \"y\" (byte 61): its data overlap those of another tensor"},
      {"{" + entry("x", "U8", "2", 0, 2) + "," + entry("y", "U8", "2", 0, 2) + "}", 2,
       "tensor \"y\" (byte 61): its data overlap those of another tensor"},
      {"{" + entry("x", "U8", "2", 0, 2) + "," + entry("x", "U8", "2", 2, 4) + "}", 4,
       "tensor \"x\" (byte 61): two entries have the same name"},
      {"{" + entry("x", "U8", "2", 0, 2) + "," + entry("\\u0078", "U8", "2", 2, 4) + "}", 4,
       "tensor \"x\" (byte 61): two entries have the same name"},
      {"{" + entry("x", "U8", "2", 0, 2) + "}", 1,
       "tensor \"x\" (byte 9): the file ends too early"},
      {"{" + entry("x", "U8", "2", 0, 2) + "}", 3, "byte 63: there are bytes after the data"},
      {"{}", 1, "byte 10: there are bytes after the data"},
  };
  for (const wrong& each : cases) {
    const fb::io_error error = open(safetensors(each.header, std::string(each.data, '\0')));
    EXPECT_EQ(words(error), each.message) << each.header;
  }
}

TEST(SafetensorsTest, RefusesLengthsThatCannotBe) {
  for (std::size_t size = 0; size < 8; ++size)
    EXPECT_EQ(words(open(std::string(size, '\1'))),
              "byte " + std::to_string(size) + ": the file ends too early");
  for (const std::uint64_t length :
       {std::uint64_t{100'000'001}, std::uint64_t{1} << 31, ~std::uint64_t{0} >> 1,
        ~std::uint64_t{0} - 7, ~std::uint64_t{0}})
    EXPECT_EQ(words(open(little_endian(length, 8) + "{}")), "byte 0: the header is too long");
  for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{100'000'000}})
    EXPECT_EQ(words(open(little_endian(length, 8) + "{}")), "byte 0: the file ends too early");
}

TEST(SafetensorsTest, BoundsNesting) {
  const auto nested = [](const std::string& open_bracket, const std::string& inner,
                         const std::string& close_bracket, std::size_t depth) {
    std::string value = inner;
    for (std::size_t i = 0; i < depth; ++i) value = open_bracket + value + close_bracket;
    return safetensors(
        "{\"x\":{\"other\":" + value + ",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
        "");
  };
  EXPECT_FALSE(open(nested("[", "", "]", 64)));
  EXPECT_FALSE(open(nested("{\"a\":", "{}", "}", 63)));
  EXPECT_EQ(open(nested("[", "", "]", 65)).fault(), fault::too_deep);
  EXPECT_EQ(open(nested("{\"a\":", "{}", "}", 64)).fault(), fault::too_deep);
  const fb::io_error error = open(safetensors("{\"x\":{\"y\":" + std::string(1'000'000, '['), ""));
  EXPECT_EQ(words(error), "tensor \"x\" (byte 82): values are nested too deeply");
}

std::string small_file() {
  return safetensors("{\"__metadata__\":{\"k\\n\":\"\xc3\xa9\"}," + entry("w", "F32", "1,2", 0, 8) +
                         "," + entry("v", "F4", "2", 8, 9) + "," + entry("e", "I8", "0", 9, 9) +
                         "} ",
                     "abcdefghi");
}

TEST(SafetensorsTest, RefusesTruncationAtEveryByte) {
  const std::string whole = small_file();
  EXPECT_FALSE(open(whole));
  const guard_page::buffer memory(whole.size());
  fb::safetensors_file file;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(open(file, memory, whole.substr(0, size))) << size;
  // And where the length says that the header ends earlier.
  const std::size_t length = whole.size() - 8 - 9;
  for (std::size_t size = 0; size < length - 1; ++size)  // the last byte is a space
    EXPECT_TRUE(open(file, memory, safetensors(whole.substr(8, size), "abcdefghi"))) << size;
}

TEST(SafetensorsTest, SurvivesEveryByteInTheHeader) {
  std::string file = small_file();
  const guard_page::buffer memory(file.size());
  fb::safetensors_file opened;
  std::size_t accepted = 0, refused = 0;
  const std::size_t data = file.size() - 9;
  for (std::size_t i = 0; i < data; ++i) {
    const char original = file[i];
    for (int byte = 0; byte < 256; ++byte) {
      file[i] = static_cast<char>(byte);
      const fb::io_error error = open(opened, memory, file);
      if (error) {
        ++refused;
        ASSERT_EQ(opened.size(), 0U);
        ASSERT_TRUE(error.offset() == fb::io_error::nowhere || error.offset() <= file.size());
      } else {
        ++accepted;
        // A byte of the header's length may have become one that ends it elsewhere: never accepted.
        ASSERT_TRUE(i >= 8 || file[i] == original);
        const unsigned char* const end = memory.ending(0);
        expect_cover(opened, end - 9, end);
      }
    }
    file[i] = original;
  }
  // Names, metadata, white space and types of equal width may change; little else.
  EXPECT_GT(accepted, data);
  EXPECT_GT(refused, 50 * accepted / 10);
}

TEST(SafetensorsTest, FindsEachOfManyTensors) {
  constexpr std::size_t count = 20'000;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  std::string header;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = i * 7919 % count;  // out of order
    header += i == 0 ? '{' : ',';
    header += entry(names[place], "U8", "1", place, place + 1);
  }
  std::string data(count, '\0');
  for (std::size_t i = 0; i < count; ++i) data[i] = static_cast<char>(i * 31);
  const std::string whole = safetensors(header + "}", data);
  fb::safetensors_file file;
  ASSERT_EQ(words(file.open(bytes_of(whole))), "no error");
  for (std::size_t i = 0; i < count; ++i) {
    const fb::stored_tensor* const tensor = file.find(names[i]);
    ASSERT_NE(tensor, nullptr);
    ASSERT_EQ(tensor->bytes()[0], static_cast<unsigned char>(i * 31));
  }
  EXPECT_EQ(file.find("20000"), nullptr);
}

/// "Size:" of the memory that a file in a folder of this program is mapped to, or "Rss:", what of it is
/// there.
long mapped_kilobytes(const std::string& path, const std::string& what) {
  const std::string end = path.substr(path.find("fewbits_io_"));  // before it, slashes may differ
  std::ifstream maps("/proc/self/smaps");
  bool is_it = false;
  for (std::string line; std::getline(maps, line);) {
    if (is_it && line.rfind(what, 0) == 0) return std::stol(line.substr(what.size()));
    is_it = is_it || line.find(end) != std::string::npos;
  }
  return 0;
}
/// The next file that is opened will have this number.
int next_descriptor() {
  const int next = dup(STDERR_FILENO);
  close(next);
  return next;
}

TEST(SafetensorsTest, OpensFilesMappedAndRead) {
  const int descriptor = next_descriptor();
  const folder here;
  here.write("x", small_file());
  here.write("empty", "");
  for (const fb::file_access access : {fb::file_access::map, fb::file_access::read}) {
    fb::safetensors_file file;
    ASSERT_EQ(words(file.open(here.path("x").c_str(), access)), "no error");
    EXPECT_EQ(file.size(), 3U);
    EXPECT_EQ(mapped_kilobytes(here.path("x"), "Size:") != 0, access == fb::file_access::map);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(std::memcmp(file.find("w")->bytes().data(), "abcdefgh", 8), 0);
      for (const fb::stored_tensor& tensor : file) file.release(tensor);
    }
    EXPECT_EQ(words(file.open(here.path("none").c_str(), access)),
              "cannot be opened: No such file or directory");
    EXPECT_EQ(file.size(), 0U);
    EXPECT_EQ(words(file.open(here.path("").c_str(), access)), "is not a regular file");
    EXPECT_EQ(words(file.open("/dev/zero", access)), "is not a regular file");
    EXPECT_EQ(words(file.open(here.path("empty").c_str(), access)),
              "byte 0: the file ends too early");
  }
  ASSERT_EQ(mkfifo(here.path("fifo").c_str(), 0600), 0);
  fb::safetensors_file file;
  EXPECT_EQ(words(file.open(here.path("fifo").c_str())), "is not a regular file");
  EXPECT_EQ(mapped_kilobytes(here.path("x"), "Size:"), 0);
  EXPECT_EQ(next_descriptor(), descriptor);
}

TEST(SafetensorsTest, ReadsReleasedPagesAgain) {
  const folder here;
  constexpr std::size_t size = 100'000;
  std::string data(2 * size + 1, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * i / 7);
  here.write("x",
             safetensors("{" + entry("a", "U8", std::to_string(size), 0, size) + "," +
                             entry("b", "U8", std::to_string(size + 1), size, 2 * size + 1) + "}",
                         data));
  fb::safetensors_file file;
  ASSERT_EQ(words(file.open(here.path("x").c_str())), "no error");
  for (int i = 0; i < 2; ++i)
    for (const fb::stored_tensor& tensor : file) {
      file.release(tensor);
      EXPECT_EQ(std::memcmp(file[0].bytes().data(), data.data(), data.size()), 0);
    }
}

TEST(SafetensorsTest, GivesReleasedPagesBack) {
  const folder here;
  constexpr std::size_t size = std::size_t{1} << 20;
  here.write("x", safetensors("{" + entry("a", "U8", std::to_string(size), 0, size) + "}",
                              std::string(size, '\1')));
  fb::safetensors_file file;
  ASSERT_EQ(words(file.open(here.path("x").c_str())), "no error");
  EXPECT_EQ(std::count(file[0].bytes().begin(), file[0].bytes().end(), 1), size);
  EXPECT_GE(mapped_kilobytes(here.path("x"), "Rss:"), 1024);
  file.release(file[0]);
  EXPECT_LE(mapped_kilobytes(here.path("x"), "Rss:"), 64);  // a page, which the header is in
}

TEST(IoErrorTest, ShortensNamesAndHidesControlCharacters) {
  std::string name = "a\nb";
  for (int i = 0; i < 100; ++i) name += "\xc3\xa9";
  const fb::io_error error(fault::gap, 5, name);
  const std::string kept = error.name();
  EXPECT_EQ(kept.substr(0, 3), "a?b");
  EXPECT_EQ(kept.size(), 91U + 3U);  // no half of a character
  EXPECT_EQ(kept.substr(91), "...");
  EXPECT_FALSE(fb::io_error());
  EXPECT_EQ(fb::io_error().system_error(), 0);
}

}  // namespace
