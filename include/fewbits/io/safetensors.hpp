// SPDX-License-Identifier: MIT
// `safetensors_file`: a safetensors file, checked before anything of it is used.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/array.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/input_file.hpp>
#include <fewbits/io/safetensors_header.hpp>
#include <fewbits/io/stored_tensor.hpp>
#include <fewbits/io/text_view.hpp>
#include <fewbits/view/array_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The tensors of a file, in the order of their data; names, shapes and data live as long as the object.
/// It can be moved, not copied. Not open, it has no tensors.
///
/// Refused: what is no JSON, or no UTF-8, or nested more than 64 deep; a header beyond 100,000,000 bytes
/// or the end of the file; unknown dtypes; numbers that are not integers from 0 to 2^64 - 1; sizes that do
/// not fit 64 bits or whole bytes; data_offsets that disagree with dtype and shape, leave bytes unused or
/// use them twice; two tensors, keys or lines of metadata of one name; metadata that are not strings. Keys
/// that the format does not have are ignored, as by its reference reader.
/// Source: the format as in the README of huggingface/safetensors.
class safetensors_file {
 public:
  FEWBITS_INLINE safetensors_file() = default;
  FEWBITS_INLINE safetensors_file(safetensors_file&& other) noexcept { swap(other); }
  FEWBITS_INLINE safetensors_file& operator=(safetensors_file&& other) noexcept {
    swap(other);
    return *this;
  }
  FEWBITS_INLINE ~safetensors_file() = default;

  /// The header, which is checked, is read into memory in any case; the data are mapped unless `access`
  /// says otherwise.
  FEWBITS_INLINE io_error open(const char* path, file_access access = file_access::map) {
    close();
    io_error error = file_.open(path, access);
    if (!error) error = take({file_.data(), file_.size()});
    if (error) close();
    return error;
  }
  /// A file that is in memory, of someone else, already.
  FEWBITS_INLINE io_error open(array_view<const unsigned char> bytes) {
    close();
    const io_error error = take(bytes);
    if (error) close();
    return error;
  }
  FEWBITS_INLINE void close() {
    tensors_.clear();
    header_.entries.clear();
    header_.by_name.clear();
    header_.dims.clear();
    header_.metadata.clear();
    text_.clear();
    file_.close();
  }

  /// Tensors.
  [[nodiscard]] FEWBITS_INLINE std::size_t size() const { return tensors_.size(); }
  [[nodiscard]] FEWBITS_INLINE const stored_tensor& operator[](std::size_t i) const {
    FEWBITS_ASSERT(i < size(), "safetensors_file: tensor %zu of %zu", i, size());
    return tensors_[i];
  }
  [[nodiscard]] FEWBITS_INLINE const stored_tensor* begin() const { return tensors_.data(); }
  [[nodiscard]] FEWBITS_INLINE const stored_tensor* end() const {
    return tensors_.data() + tensors_.size();
  }
  /// The tensor of that name, or null.
  [[nodiscard]] FEWBITS_INLINE const stored_tensor* find(text_view name) const {
    std::size_t low = 0, high = tensors_.size();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      const stored_tensor& tensor = tensors_[header_.by_name[middle]];
      if (tensor.name() == name) return &tensor;
      if (tensor.name() < name) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return nullptr;
  }

  /// Gives the memory of a mapped tensor's data back, up to parts of pages: for going through files that
  /// are larger than the memory. Data that are touched again are read again.
  FEWBITS_INLINE void release(const stored_tensor& tensor) const {
    file_.release(tensor.offset(), tensor.bytes().size());
  }

  /// By key.
  [[nodiscard]] FEWBITS_INLINE array_view<const metadata_entry> metadata() const {
    return {header_.metadata.data(), header_.metadata.size()};
  }
  /// The value of a key, or null.
  [[nodiscard]] FEWBITS_INLINE const text_view* metadata(text_view key) const {
    for (const metadata_entry& line : metadata())
      if (line.key == key) return &line.value;
    return nullptr;
  }

 private:
  FEWBITS_INLINE void swap(safetensors_file& other) noexcept {
    file_.swap(other.file_);
    text_.swap(other.text_);
    tensors_.swap(other.tensors_);
    header_.entries.swap(other.header_.entries);
    header_.by_name.swap(other.header_.by_name);
    header_.dims.swap(other.header_.dims);
    header_.metadata.swap(other.header_.metadata);
  }

  FEWBITS_INLINE io_error take(array_view<const unsigned char> bytes) {
    constexpr std::size_t prefix = detail::safetensors_prefix;
    if (bytes.size() < prefix) return io_error(io_fault::too_short, bytes.size());
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < prefix; ++i) length |= std::uint64_t{bytes[i]} << (8 * i);
    if (length > detail::longest_safetensors_header) return io_error(io_fault::header_too_long, 0);
    if (length > bytes.size() - prefix) return io_error(io_fault::too_short, 0);

    const std::size_t begin = prefix + length;
    // A copy: strings are decoded in place, and nobody can change it after it was checked.
    if (!text_.resize(length)) return io_error(io_fault::out_of_memory);
    if (length != 0) __builtin_memcpy(text_.data(), bytes.data() + prefix, length);
    io_error error = header_.parse(text_.data(), length);
    if (!error) error = header_.check(begin, bytes.size() - begin);
    if (error) return error;

    if (!tensors_.resize(header_.entries.size())) return io_error(io_fault::out_of_memory);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const detail::safetensors_entry& entry = header_.entries[i];
      tensors_[i] = stored_tensor(
          entry.name, entry.type, {header_.dims.data() + entry.first_dim, entry.rank},
          {bytes.data() + begin + entry.begin, entry.end - entry.begin}, begin + entry.begin, {});
    }
    return error;
  }

  detail::input_file file_;
  detail::io_array<char> text_;
  detail::safetensors_header header_;
  detail::io_array<stored_tensor> tensors_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
