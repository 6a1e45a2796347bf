// SPDX-License-Identifier: MIT
// Writing safetensors: the bytes of the file, and that the target is the old file or the new one.
#include <fewbits/io.hpp>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "io/files.hpp"
#include <sys/resource.h>
#include <sys/syscall.h>

namespace {

/// What files hold, at path `synced_target`, when they are brought to the disk.
std::vector<std::string> synced;
const char* synced_target = nullptr;
int sync_error = 0;

}  // namespace

/// Takes the place of the system's: a test cannot pull the plug.
extern "C" int fsync(int file) {
  if (sync_error != 0) {
    errno = sync_error;
    return -1;
  }
  if (synced_target != nullptr) {
    std::FILE* const target = std::fopen(synced_target, "rb");
    char block[64];
    const std::size_t size = target == nullptr ? 0 : std::fread(block, 1, sizeof block, target);
    if (target != nullptr) std::fclose(target);
    synced.emplace_back(block, size);
  }
  return static_cast<int>(syscall(SYS_fsync, file));
}

namespace {

using namespace files;
using fault = fb::io_fault;
using names = std::set<std::string>;

/// Adds a tensor, by its shape.
fb::io_error add(fb::safetensors_writer& writer, fb::text_view name, fb::dtype type,
                 const std::vector<std::uint64_t>& shape) {
  return writer.add(name, type, {shape.data(), shape.size()});
}
fb::io_error open(fb::safetensors_writer& writer, const std::string& path) {
  return writer.open(path.c_str());
}
fb::io_error write(fb::safetensors_writer& writer, std::size_t index, const std::string& bytes) {
  return writer.write(index, bytes.data(), bytes.size());
}
fb::io_error commit(fb::safetensors_writer& writer) { return writer.commit(); }

TEST(SafetensorsWriterTest, WritesTheBytesOfTheReference) {
  const folder here;
  fb::safetensors_writer writer;
  ASSERT_FALSE(writer.add_metadata("format", "\"pt\"\\\n"));
  ASSERT_FALSE(add(writer, "b", fb::dtype::bfloat16, {1}));
  ASSERT_FALSE(add(writer, "z", fb::dtype::f32, {1, 2}));
  ASSERT_FALSE(add(writer, "a", fb::dtype::f32, {}));
  ASSERT_FALSE(add(writer, "\xc3\xa9", fb::dtype::f4_e2m1, {2}));
  ASSERT_EQ(words(open(writer, here.path("x"))), "no error");
  ASSERT_FALSE(write(writer, 1, "wx"));
  ASSERT_FALSE(write(writer, 0, "fg"));
  ASSERT_FALSE(write(writer, 1, "yzabcd"));
  ASSERT_FALSE(write(writer, 2, ""));
  ASSERT_FALSE(write(writer, 2, "1234"));
  ASSERT_FALSE(write(writer, 3, "5"));
  ASSERT_EQ(words(commit(writer)), "no error");
  // By descending alignment, then by name; padded to a multiple of 8 with spaces.
  std::string header = "{\"__metadata__\":{\"format\":\"\\\"pt\\\"\\\\\\u000a\"}," +
                       entry("a", "F32", "", 0, 4) + "," + entry("z", "F32", "1,2", 4, 12) + "," +
                       entry("b", "BF16", "1", 12, 14) + "," +
                       entry("\xc3\xa9", "F4", "2", 14, 15) + "}";
  while (header.size() % 8 != 0) header += ' ';
  EXPECT_EQ(here.read("x"), safetensors(header, "1234wxyzabcdfg5"));
  EXPECT_EQ(here.names(), names{"x"});
}

TEST(SafetensorsWriterTest, WritesAnEmptyFile) {
  const folder here;
  fb::safetensors_writer writer;
  ASSERT_FALSE(open(writer, here.path("x")));
  ASSERT_FALSE(commit(writer));
  EXPECT_EQ(here.read("x"), std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  EXPECT_EQ(commit(writer).fault(), fault::not_open);
  EXPECT_EQ(here.read("x").size(), 16U);
}

TEST(SafetensorsWriterTest, EveryDtypeComesBack) {
  const folder here;
  // All types but those that only npy files have, with eight elements of any bits.
  fb::safetensors_writer writer;
  std::vector<std::string> data;
  std::vector<fb::dtype> types;
  for (std::size_t i = 0; i < fb::detail::dtype_count; ++i) {
    const fb::dtype type = static_cast<fb::dtype>(i);
    if (type == fb::dtype::raw8 || type == fb::dtype::raw16) {
      EXPECT_EQ(words(add(writer, "raw", type, {8})),
                "tensor \"raw\": elements of this dtype are not numbers that the library has");
      continue;
    }
    std::string bytes;
    for (int j = 0; j < fb::bits_of(type);
         ++j)  // eight elements have as many bytes as one has bits
      bytes += static_cast<char>(i * 37 + static_cast<std::size_t>(j) * 11);
    ASSERT_FALSE(add(writer, fb::name_of(type), type, {2, 1, 4}));
    types.push_back(type);
    data.push_back(bytes);
  }
  ASSERT_EQ(types.size(), 22U);
  ASSERT_FALSE(open(writer, here.path("x")));
  for (std::size_t i = data.size(); i-- > 0;) ASSERT_FALSE(write(writer, i, data[i]));
  ASSERT_FALSE(commit(writer));

  fb::safetensors_file file;
  ASSERT_EQ(words(file.open(here.path("x").c_str())), "no error");
  ASSERT_EQ(file.size(), types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const fb::stored_tensor* const tensor = file.find(fb::name_of(types[i]));
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->type(), types[i]);
    EXPECT_EQ(tensor->size(), 8U);
    EXPECT_EQ(tensor->shape().size(), 3U);
    EXPECT_EQ(
        std::string(reinterpret_cast<const char*>(tensor->bytes().data()), tensor->bytes().size()),
        data[i]);
    if (fb::bits_of(types[i]) >= 8) {
      EXPECT_EQ(tensor->offset() % static_cast<std::size_t>(fb::bits_of(types[i]) / 8), 0U);
    }
  }
}

TEST(SafetensorsWriterTest, TakesTypedElements) {
  const folder here;
  fb::safetensors_writer writer;
  ASSERT_FALSE(add(writer, "w", fb::dtype::f32, {2, 2}));
  ASSERT_FALSE(add(writer, "b", fb::dtype::bfloat16, {1}));
  ASSERT_FALSE(open(writer, here.path("x")));
  const float strided[] = {1, 2, -1, 3, 4, -1};
  ASSERT_FALSE(writer.write(0, fb::matrix_view<const float>(strided, 2, 2, 3)));
  const fb::bf16 b[] = {fb::bf16{5}};
  ASSERT_FALSE(writer.write(1, fb::array_view<const fb::bf16>(b, 1)));
  ASSERT_FALSE(commit(writer));
  const std::string written = here.read("x");
  EXPECT_EQ(written.substr(written.size() - 18),
            std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\xa0\x40", 18));

  fb::safetensors_writer other;
  ASSERT_FALSE(add(other, "w", fb::dtype::f16, {1}));
  ASSERT_FALSE(open(other, here.path("x")));
  EXPECT_EQ(words(other.write(0, fb::array_view<const fb::bf16>(b, 1))),
            "tensor \"w\": its dtype is not that of the elements asked for");
  EXPECT_EQ(commit(other).fault(), fault::not_open);
  EXPECT_EQ(here.read("x"), written);
}

TEST(SafetensorsWriterTest, RefusesWhatNoReaderWouldTake) {
  const folder here;
  fb::safetensors_writer writer;
  EXPECT_EQ(words(add(writer, "__metadata__", fb::dtype::u8, {1})),
            "tensor \"__metadata__\": the name is reserved");
  EXPECT_EQ(words(add(writer, "\xff", fb::dtype::u8, {1})), "tensor \"name\": invalid UTF-8");
  EXPECT_EQ(words(add(writer, "x", fb::dtype::f4_e2m1, {3})),
            "tensor \"x\": its elements do not fill whole bytes");
  EXPECT_EQ(words(add(writer, "x", fb::dtype::f64, {1ULL << 61, 0})),
            "tensor \"x\": its size does not fit 64 bits");
  EXPECT_EQ(writer.add_metadata("\xc0\x80", "").fault(), fault::bad_utf8);
  ASSERT_FALSE(writer.add_metadata("k", "1"));
  EXPECT_EQ(writer.add_metadata("k", "2").fault(), fault::duplicate_key);
  const std::uint64_t most = (1ULL << 61) - 1;
  EXPECT_EQ(add(writer, "x", fb::dtype::u8, {most + 1}).fault(), fault::too_large);
  for (const char* const name : {"x", "y", "z"})
    ASSERT_FALSE(add(writer, name, fb::dtype::u8, {most}));
  EXPECT_EQ(write(writer, 0, "x").fault(), fault::not_open);
  EXPECT_EQ(words(open(writer, here.path("x"))), "tensor \"z\": its size does not fit 64 bits");
  ASSERT_FALSE(add(writer, "x", fb::dtype::u8, {1}));
  EXPECT_EQ(words(open(writer, here.path("x"))), "tensor \"x\": two entries have the same name");
  writer.discard();
  const std::string around = "{\"__metadata__\":{\"k\":\"\"}}";
  std::string longest(100'000'000 - around.size(), 'x');
  ASSERT_FALSE(writer.add_metadata("k", longest));
  EXPECT_EQ(words(open(writer, here.path("none/x"))),
            "cannot be written: No such file or directory");
  writer.discard();
  longest += 'x';
  ASSERT_FALSE(writer.add_metadata("k", longest));
  EXPECT_EQ(words(open(writer, here.path("x"))), "the header is too long");
  EXPECT_EQ(here.names(), names{});
}

/// A writer of two tensors of 8 bytes.
fb::safetensors_writer two_tensors() {
  fb::safetensors_writer writer;
  EXPECT_FALSE(add(writer, "a", fb::dtype::u8, {8}));
  EXPECT_FALSE(add(writer, "b", fb::dtype::u8, {8}));
  return writer;
}

TEST(SafetensorsWriterTest, LeavesTheTargetAloneUntilTheCommit) {
  const folder here;
  here.write("x", "old");
  const names only_x{"x"};
  {
    fb::safetensors_writer writer = two_tensors();
    ASSERT_FALSE(open(writer, here.path("x")));
    ASSERT_FALSE(write(writer, 0, "01234567"));
    EXPECT_EQ(here.read("x"), "old");
    EXPECT_EQ(here.names().size(), 2U);
    EXPECT_EQ(words(commit(writer)), "tensor \"b\": less was written than its size");
    EXPECT_EQ(here.names(), only_x);
    EXPECT_EQ(write(writer, 1, "x").fault(), fault::not_open);
    // The plan is still there.
    ASSERT_FALSE(open(writer, here.path("x")));
    EXPECT_EQ(words(write(writer, 0, "012345678")), "tensor \"a\": more was written than its size");
    EXPECT_EQ(here.names(), only_x);
    ASSERT_FALSE(open(writer, here.path("x")));
    ASSERT_FALSE(write(writer, 0, "01234567"));
    // Neither commit nor discard.
  }
  EXPECT_EQ(here.names(), only_x);
  EXPECT_EQ(here.read("x"), "old");
  {
    fb::safetensors_writer writer = two_tensors();
    ASSERT_FALSE(open(writer, here.path("x")));
    fb::safetensors_writer moved = std::move(writer);
    ASSERT_FALSE(write(moved, 1, "abcdefgh"));
    ASSERT_FALSE(write(moved, 0, "01234567"));
    ASSERT_FALSE(commit(moved));
  }
  EXPECT_EQ(here.names(), only_x);
  const std::string written = here.read("x");
  EXPECT_EQ(written.substr(written.size() - 16), "01234567abcdefgh");
}

TEST(SafetensorsWriterTest, TwoWritersOfOneFileDoNotMix) {
  const folder here;
  fb::safetensors_writer first = two_tensors(), second = two_tensors();
  ASSERT_FALSE(open(first, here.path("x")));
  ASSERT_FALSE(open(second, here.path("x")));
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_FALSE(write(first, i, "11111111"));
    ASSERT_FALSE(write(second, i, "22222222"));
  }
  ASSERT_FALSE(commit(second));
  EXPECT_EQ(here.read("x").substr(here.read("x").size() - 16), "2222222222222222");
  ASSERT_FALSE(commit(first));
  EXPECT_EQ(here.read("x").substr(here.read("x").size() - 16), "1111111111111111");
  EXPECT_EQ(here.names(), names{"x"});
}

TEST(SafetensorsWriterTest, RefusesTargetsThatItCannotReplace) {
  const folder here;
  here.write("file", "old");
  fb::safetensors_writer writer = two_tensors();
  EXPECT_EQ(words(open(writer, here.path(""))), "is not a regular file");
  EXPECT_EQ(words(open(writer, "/dev/full")), "is not a regular file");
  EXPECT_EQ(words(open(writer, here.path("none/x"))),
            "cannot be written: No such file or directory");
  EXPECT_EQ(words(open(writer, here.path("file/x"))), "cannot be written: Not a directory");
  EXPECT_EQ(words(open(writer, "")), "is not a regular file");
  EXPECT_EQ(words(open(writer, here.path("none/"))), "is not a regular file");
  ASSERT_EQ(symlink("none", here.path("dangling").c_str()), 0);
  EXPECT_EQ(words(open(writer, here.path("dangling"))),
            "cannot be written: No such file or directory");
  if (geteuid() != 0) {
    ASSERT_EQ(chmod(here.path("file").c_str(), 0444), 0);
    EXPECT_EQ(words(open(writer, here.path("file"))), "cannot be written: Permission denied");
  }
  EXPECT_EQ(here.names(), (names{"dangling", "file"}));
  EXPECT_EQ(here.read("file"), "old");
}

TEST(SafetensorsWriterTest, FailsToReplaceWhatBecameAFolder) {
  const folder here;
  fb::safetensors_writer writer = two_tensors();
  ASSERT_FALSE(open(writer, here.path("x")));
  ASSERT_FALSE(write(writer, 0, "01234567"));
  ASSERT_FALSE(write(writer, 1, "01234567"));
  ASSERT_EQ(mkdir(here.path("x").c_str(), 0700), 0);
  EXPECT_EQ(words(commit(writer)), "cannot be replaced: Is a directory");
  EXPECT_EQ(here.names(), names{"x"});
  rmdir(here.path("x").c_str());
}

TEST(SafetensorsWriterTest, KeepsPermissionsAndFollowsLinks) {
  const folder here;
  here.write("x", "old");
  ASSERT_EQ(chmod(here.path("x").c_str(), 0640), 0);
  ASSERT_EQ(symlink("x", here.path("link").c_str()), 0);
  fb::safetensors_writer writer;
  ASSERT_FALSE(open(writer, here.path("link")));
  ASSERT_FALSE(commit(writer));
  EXPECT_EQ(here.read("x").size(), 16U);
  struct stat status{};
  ASSERT_EQ(lstat(here.path("link").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  ASSERT_EQ(stat(here.path("x").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  EXPECT_EQ(here.names(), (names{"link", "x"}));
}

TEST(SafetensorsWriterTest, IsOnTheDiskBeforeItReplacesAndIsReplacedThere) {
  const folder here;
  here.write("x", "old");
  const std::string path = here.path("x");
  fb::safetensors_writer writer;
  ASSERT_FALSE(open(writer, path));
  synced.clear();
  synced_target = path.c_str();
  const fb::io_error error = commit(writer);
  synced_target = nullptr;
  ASSERT_FALSE(error);
  // The file while the target is the old one, the folder when it is the new one.
  EXPECT_EQ(synced, (std::vector<std::string>{"old", here.read("x")}));

  here.write("x", "old");
  for (const int failure : {EIO, EINVAL}) {  // the second one is that of files that have no disk
    ASSERT_FALSE(open(writer, path));
    sync_error = failure;
    const fault found = commit(writer).fault();
    sync_error = 0;
    EXPECT_EQ(found, failure == EIO ? fault::cannot_write : fault::none);
    EXPECT_EQ(here.read("x") == "old", failure == EIO);
    EXPECT_EQ(here.names(), names{"x"});
  }
}

TEST(SafetensorsWriterTest, WritesBesideATargetWithoutFolder) {
  const folder here;
  char before[4096];
  ASSERT_NE(getcwd(before, sizeof before), nullptr);
  ASSERT_EQ(chdir(here.path("").c_str()), 0);
  fb::safetensors_writer writer;
  const fb::io_error opened = open(writer, "x");
  const std::size_t files = here.names().size();
  const fb::io_error error = commit(writer);
  ASSERT_EQ(chdir(before), 0);
  EXPECT_EQ(words(opened), "no error");
  EXPECT_EQ(files, 1U);
  EXPECT_EQ(words(error), "no error");
  EXPECT_EQ(here.names(), names{"x"});
}

/// Files may have `size` bytes at most, as on a disk that is full.
class size_limit {
 public:
  explicit size_limit(::rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const struct rlimit limit{size, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~size_limit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  size_limit(const size_limit&) = delete;
  size_limit& operator=(const size_limit&) = delete;

 private:
  struct rlimit old_{};
  void (*handler_)(int);
};

TEST(SafetensorsWriterTest, LeavesNothingBehindOnAFullDisk) {
  const folder here;
  here.write("x", "old");
  fb::safetensors_writer whole = two_tensors();
  ASSERT_FALSE(open(whole, here.path("y")));
  ASSERT_FALSE(write(whole, 0, "01234567"));
  ASSERT_FALSE(write(whole, 1, "01234567"));
  ASSERT_FALSE(commit(whole));
  const std::size_t size = here.read("y").size();
  for (::rlim_t room = 0; room < size; ++room) {
    fb::safetensors_writer writer = two_tensors();
    fb::io_error error;
    {
      const size_limit limit(room);
      error = open(writer, here.path("x"));
      if (!error) error = write(writer, 0, "01234567");
      if (!error) error = write(writer, 1, "01234567");
      if (!error) error = commit(writer);
    }
    ASSERT_EQ(words(error), "cannot be written: File too large") << room;
    ASSERT_EQ(here.names(), (names{"x", "y"}));
    ASSERT_EQ(here.read("x"), "old");
    ASSERT_EQ(commit(writer).fault(), fault::not_open);
  }
}

}  // namespace
