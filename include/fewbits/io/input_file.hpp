// SPDX-License-Identifier: MIT
// `input_file`: the bytes of a file, mapped or read.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if !__has_include(<sys/mman.h>) || !__has_include(<unistd.h>)
#error "fewbits/io needs a POSIX system"
#endif
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// How a file gets into memory.
enum class file_access : unsigned char {
  /// Pages are read when they are touched; where the file cannot be mapped, as `read`. A file that
  /// another program shortens meanwhile stops the program (SIGBUS), one that it changes changes here.
  map,
  /// All of it, into memory of its own.
  read,
};

namespace detail {

/// The bytes of a regular file. It can be moved, not copied.
class input_file {
 public:
  FEWBITS_INLINE input_file() = default;
  FEWBITS_INLINE input_file(input_file&& other) noexcept { swap(other); }
  FEWBITS_INLINE input_file& operator=(input_file&& other) noexcept {
    swap(other);
    return *this;
  }
  FEWBITS_INLINE ~input_file() { close(); }

  [[nodiscard]] FEWBITS_INLINE const unsigned char* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE std::size_t size() const { return size_; }

  FEWBITS_INLINE io_error open(const char* path, file_access access) {
    close();
    // Opening a FIFO would wait for its writer.
    const int file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return system_fault(io_fault::cannot_open, errno);
    const io_error error = take(file, access);
    ::close(file);
    if (error) close();
    return error;
  }

  /// Gives back the pages that lie in `size` bytes from `begin` on; touched again, they are read again.
  FEWBITS_INLINE void release(std::size_t begin, std::size_t size) const {
#if defined(MADV_DONTNEED)
    if (!is_mapped_) return;
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t first = (begin + page - 1) / page * page, end = begin + size;
    // The last page of the file is whole.
    const std::size_t last = end == size_ ? end : end / page * page;
    if (first < last) ::madvise(data_ + first, last - first, MADV_DONTNEED);
#endif
  }

  FEWBITS_INLINE void close() {
    if (is_mapped_) {
      ::munmap(data_, size_);
    } else {
      std::free(data_);
    }
    data_ = nullptr;
    size_ = 0;
    is_mapped_ = false;
  }

  FEWBITS_INLINE void swap(input_file& other) noexcept {
    unsigned char* const data = data_;
    const std::size_t size = size_;
    const bool is_mapped = is_mapped_;
    data_ = other.data_;
    size_ = other.size_;
    is_mapped_ = other.is_mapped_;
    other.data_ = data;
    other.size_ = size;
    other.is_mapped_ = is_mapped;
  }

 private:
  FEWBITS_INLINE static io_error system_fault(io_fault fault, int system_error) {
    return io_error(fault, io_error::nowhere, text_view(), system_error);
  }

  FEWBITS_INLINE io_error take(int file, file_access access) {
    struct stat status{};
    if (::fstat(file, &status) != 0) return system_fault(io_fault::cannot_open, errno);
    if (!S_ISREG(status.st_mode)) return io_error(io_fault::not_a_file);
    const std::size_t size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return {};
    if (access == file_access::map) {
      void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
      if (memory != MAP_FAILED) {
        data_ = static_cast<unsigned char*>(memory);
        size_ = size;
        is_mapped_ = true;
        return {};
      }
    }
    data_ = static_cast<unsigned char*>(std::malloc(size));
    if (data_ == nullptr) return io_error(io_fault::out_of_memory);
    while (size_ < size) {
      const ::ssize_t count = ::read(file, data_ + size_, size - size_);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_fault(io_fault::cannot_read, errno);
      if (count == 0) break;  // shortened meanwhile
      size_ += static_cast<std::size_t>(count);
    }
    return {};
  }

  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
  bool is_mapped_ = false;
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
