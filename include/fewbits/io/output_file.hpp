// SPDX-License-Identifier: MIT
// `output_file`: a file that takes the place of another one when it is complete, or never.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/array.hpp>
#include <fewbits/io/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if !__has_include(<unistd.h>)
#error "fewbits/io needs a POSIX system"
#endif
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Writes beside the target, and renames at the end: until `commit` has succeeded, the target is as it
/// was, and after any error the file beside it is gone. (A program that is killed leaves it there: its
/// name is .fewbits-<process>-<number>.tmp.)
class output_file {
 public:
  FEWBITS_INLINE output_file() = default;
  FEWBITS_INLINE output_file(output_file&& other) noexcept { swap(other); }
  FEWBITS_INLINE output_file& operator=(output_file&& other) noexcept {
    swap(other);
    return *this;
  }
  FEWBITS_INLINE ~output_file() { discard(); }

  [[nodiscard]] FEWBITS_INLINE bool is_open() const { return file_ >= 0; }

  /// Symbolic links are followed. The new file has the permissions of the one that it replaces.
  FEWBITS_INLINE io_error open(const char* path) {
    discard();
    const std::size_t size = __builtin_strlen(path);
    if (size == 0 || path[size - 1] == '/') return io_error(io_fault::not_a_file);
    struct stat status{};
    const bool exists = ::lstat(path, &status) == 0;
    if (exists && S_ISLNK(status.st_mode)) {
      char* const resolved = ::realpath(path, nullptr);
      if (resolved == nullptr) return system_fault(io_fault::cannot_write, errno);
      const bool is_kept = keep_target(resolved);
      std::free(resolved);
      if (!is_kept) return io_error(io_fault::out_of_memory);
      if (::stat(target_.data(), &status) != 0) return system_fault(io_fault::cannot_write, errno);
    } else if (!keep_target(path)) {
      return io_error(io_fault::out_of_memory);
    }
    if (exists && !S_ISREG(status.st_mode)) return io_error(io_fault::not_a_file);
    if (exists && ::access(target_.data(), W_OK) != 0)
      return system_fault(io_fault::cannot_write, errno);
    const io_error error = create();
    if (error) return error;
    if (exists && ::fchmod(file_, status.st_mode & 0777) != 0)
      return failed(io_fault::cannot_write, errno);
    return {};
  }

  /// Bytes may come in any order; what lies between them is zero.
  FEWBITS_INLINE io_error write(std::uint64_t offset, const void* bytes, std::size_t size) {
    if (!is_open()) return io_error(io_fault::not_open);
    const unsigned char* const data = static_cast<const unsigned char*>(bytes);
    std::size_t done = 0;
    while (done < size) {
      constexpr std::size_t most = std::size_t{1} << 30;
      const std::size_t step = size - done < most ? size - done : most;
      const ::ssize_t count =
          ::pwrite(file_, data + done, step, static_cast<::off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return failed(io_fault::cannot_write, count < 0 ? errno : ENOSPC);
      done += static_cast<std::size_t>(count);
    }
    return {};
  }

  /// The target is the new file, which is on the disk.
  FEWBITS_INLINE io_error commit() {
    if (!is_open()) return io_error(io_fault::not_open);
    if (::fsync(file_) != 0 && errno != EINVAL && errno != ENOTSUP)
      return failed(io_fault::cannot_write, errno);
    const int file = file_;
    file_ = -1;
    if (::close(file) != 0) return failed(io_fault::cannot_write, errno);
    if (::rename(temporary_.data(), target_.data()) != 0)
      return failed(io_fault::cannot_replace, errno);
    temporary_.clear();
    // What a power failure now undoes is the renaming: the target is one file or the other.
    const int folder = ::open(folder_.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      static_cast<void>(::fsync(folder));
      ::close(folder);
    }
    return {};
  }

  /// Removes what was written.
  FEWBITS_INLINE void discard() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
    if (temporary_.size() != 0) ::unlink(temporary_.data());
    temporary_.clear();
  }

  FEWBITS_INLINE void swap(output_file& other) noexcept {
    const int file = file_;
    file_ = other.file_;
    other.file_ = file;
    target_.swap(other.target_);
    folder_.swap(other.folder_);
    temporary_.swap(other.temporary_);
  }

 private:
  FEWBITS_INLINE static io_error system_fault(io_fault fault, int system_error) {
    return io_error(fault, io_error::nowhere, text_view(), system_error);
  }
  FEWBITS_INLINE io_error failed(io_fault fault, int system_error) {
    discard();
    return system_fault(fault, system_error);
  }

  /// The target, and the folder that it is in, each ended by a zero.
  FEWBITS_INLINE bool keep_target(const char* path) {
    const std::size_t size = __builtin_strlen(path);
    std::size_t folder = size;
    while (folder > 0 && path[folder - 1] != '/') --folder;
    target_.clear();
    folder_.clear();
    return target_.append(path, size + 1) &&
           (folder == 0 ? folder_.append("./", 2) : folder_.append(path, folder)) &&
           folder_.push('\0');
  }

  FEWBITS_INLINE io_error create() {
    constexpr int attempts = 10000;
    for (int i = 0; i < attempts; ++i) {
      char name[64];
      const int size =
          std::snprintf(name, sizeof name, ".fewbits-%ld-%d.tmp", static_cast<long>(::getpid()), i);
      temporary_.clear();
      if (!temporary_.append(folder_.data(), folder_.size() - 1) ||
          !temporary_.append(name, static_cast<std::size_t>(size) + 1)) {
        temporary_.clear();
        return io_error(io_fault::out_of_memory);
      }
      file_ = ::open(temporary_.data(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file_ >= 0) return {};
      if (errno != EEXIST) break;
    }
    const int system_error = errno;
    temporary_.clear();  // not ours
    return system_fault(io_fault::cannot_write, system_error);
  }

  io_array<char> target_, folder_, temporary_;
  int file_ = -1;
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
