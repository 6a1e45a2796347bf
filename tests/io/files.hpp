// SPDX-License-Identifier: MIT
// Files for the tests of layer io: bytes put together by hand, and a folder of their own.
#pragma once

#include <fewbits/io.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <set>
#include <string>
#include <unistd.h>

#include "gtest/gtest.h"
#include <sys/stat.h>

namespace files {

namespace fb = fewbits;

/// `count` bytes, the number in little-endian order.
inline std::string little_endian(std::uint64_t number, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  return bytes;
}

/// A safetensors file.
inline std::string safetensors(const std::string& header, const std::string& data) {
  return little_endian(header.size(), 8) + header + data;
}

inline std::string entry(const std::string& name, const std::string& type, const std::string& shape,
                         std::size_t begin, std::size_t end) {
  std::string text = "\"";
  text += name + "\":{\"dtype\":\"" + type + "\",\"shape\":[" + shape + "],\"data_offsets\":[";
  return text + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

inline fb::array_view<const unsigned char> bytes_of(const std::string& text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

inline std::string text(fb::text_view view) { return {view.data(), view.size()}; }

/// "none" where there is no error; else all that it says.
inline std::string words(const fb::io_error& error) { return error.message().c_str(); }

/// A new folder, removed with all files in it.
class folder {
 public:
  folder() : path_(testing::TempDir() + "/fewbits_io_" + std::string(6, 'X')) {
    if (mkdtemp(path_.data()) == nullptr) {
      std::perror(path_.c_str());
      std::abort();
    }
  }
  ~folder() {
    for (const std::string& name : names()) unlink((path_ + "/" + name).c_str());
    rmdir(path_.c_str());
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> found;
    DIR* const open = opendir(path_.c_str());
    if (open == nullptr) return found;
    while (const dirent* const next = readdir(open)) found.insert(next->d_name);
    closedir(open);
    found.erase(".");
    found.erase("..");
    return found;
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::FILE* const file = std::fopen(path(name).c_str(), "wb");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
    ASSERT_EQ(std::fclose(file), 0);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::string bytes;
    std::FILE* const file = std::fopen(path(name).c_str(), "rb");
    if (file == nullptr) return "there is no such file";
    char block[4096];
    while (const std::size_t count = std::fread(block, 1, sizeof block, file))
      bytes.append(block, count);
    std::fclose(file);
    return bytes;
  }

 private:
  std::string path_;
};

}  // namespace files
