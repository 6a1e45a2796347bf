// SPDX-License-Identifier: MIT
// `safetensors_writer`: a safetensors file written in pieces, which replaces another one when complete.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/array.hpp>
#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/output_file.hpp>
#include <fewbits/io/safetensors_header.hpp>
#include <fewbits/io/text_view.hpp>
#include <fewbits/io/utf8.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

struct planned_tensor {
  std::size_t name, name_size;  // among all characters
  std::size_t first_dim, rank;  // among all dimensions
  std::uint64_t bytes, begin, written;
  dtype type;
};
struct planned_line {
  std::size_t key, key_size, value, value_size;
};

struct planned_order {
  const planned_tensor* tensors;
  const char* names;
  FEWBITS_INLINE bool operator()(std::uint32_t a, std::uint32_t b) const {
    const planned_tensor &first = tensors[a], &second = tensors[b];
    if (first.type != second.type) return first.type > second.type;
    return text_view(names + first.name, first.name_size) <
           text_view(names + second.name, second.name_size);
  }
};
struct planned_name_order {
  const planned_tensor* tensors;
  const char* names;
  FEWBITS_INLINE bool operator()(std::uint32_t a, std::uint32_t b) const {
    return text_view(names + tensors[a].name, tensors[a].name_size) <
           text_view(names + tensors[b].name, tensors[b].name_size);
  }
};

FEWBITS_INLINE bool is_utf8(text_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.data() + i, text.size() - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace detail

/// Writes a file in three steps: `add` (and `add_metadata`) says what will be in it, `open` lays it out,
/// `write` brings the bytes of the tensors, in any order and in pieces of any size. `commit` makes it the
/// file at `path`: until then, and after any error, that is as it was.
///
/// Layout: by alignment, the widest elements first, then by name, after a header padded to 8 bytes: every
///         tensor is aligned in a mapped file.
/// Memory: that of the names and shapes; nothing of the data is kept.
class safetensors_writer {
 public:
  FEWBITS_INLINE safetensors_writer() = default;
  FEWBITS_INLINE safetensors_writer(safetensors_writer&& other) noexcept = default;
  FEWBITS_INLINE safetensors_writer& operator=(safetensors_writer&& other) noexcept = default;
  FEWBITS_INLINE ~safetensors_writer() = default;

  /// Tensors are numbered from 0 on, as they are added, before `open`. `shape` is in elements.
  ///
  /// Errors: bad_utf8, reserved_name, too_large, partial_byte, unsupported_dtype (raw8, raw16).
  FEWBITS_INLINE io_error add(text_view name, dtype type, array_view<const std::uint64_t> shape) {
    if (!detail::is_utf8(name)) return io_error(io_fault::bad_utf8, io_error::nowhere, "name");
    if (name == text_view(detail::metadata_key)) return fault(io_fault::reserved_name, name);
    if (name_of(type)[0] == '\0') return fault(io_fault::unsupported_dtype, name);
    const detail::tensor_size size = detail::size_of_tensor(type, shape.data(), shape.size());
    if (size.fault != io_fault::none) return fault(size.fault, name);
    const detail::planned_tensor tensor{
        texts_.size(), name.size(), dims_.size(), shape.size(), size.bytes, 0, 0, type};
    if (!texts_.append(name.data(), name.size()) || !dims_.append(shape.data(), shape.size()) ||
        !tensors_.push(tensor))
      return io_error(io_fault::out_of_memory);
    return {};
  }

  /// A line of `__metadata__`, before `open`.
  FEWBITS_INLINE io_error add_metadata(text_view key, text_view value) {
    if (!detail::is_utf8(key) || !detail::is_utf8(value))
      return io_error(io_fault::bad_utf8, io_error::nowhere, "__metadata__");
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (text_view(texts_.data() + lines_[i].key, lines_[i].key_size) == key)
        return fault(io_fault::duplicate_key, key);
    const std::size_t begin = texts_.size();
    if (!texts_.append(key.data(), key.size()) || !texts_.append(value.data(), value.size()) ||
        !lines_.push({begin, key.size(), begin + key.size(), value.size()}))
      return io_error(io_fault::out_of_memory);
    return {};
  }

  /// Begins the file beside `path`, which need not exist.
  ///
  /// Errors: duplicate_name, header_too_long, too_large; not_a_file, cannot_write.
  FEWBITS_INLINE io_error open(const char* path) {
    io_error error = lay_out();
    if (!error) error = file_.open(path);
    if (!error) error = file_.write(0, header_.data(), header_.size());
    return error;
  }

  /// The next bytes of tensor `index`, in the order and byte order of the file.
  ///
  /// Errors: too_many_bytes, cannot_write, not_open. After one of them, nothing is written any more.
  FEWBITS_INLINE io_error write(std::size_t index, const void* bytes, std::size_t size) {
    FEWBITS_ASSERT(index < tensors_.size(), "safetensors_writer: tensor %zu of %zu", index,
                   tensors_.size());
    if (!file_.is_open()) return io_error(io_fault::not_open);
    detail::planned_tensor& tensor = tensors_[index];
    if (size > tensor.bytes - tensor.written) return abandon(io_fault::too_many_bytes, tensor);
    const io_error error = file_.write(header_.size() + tensor.begin + tensor.written, bytes, size);
    if (!error) tensor.written += size;
    return error;
  }

  /// The next elements of it. Errors: wrong_dtype, and as above.
  template <class Element>
  FEWBITS_INLINE io_error write(std::size_t index, array_view<Element> elements) {
    FEWBITS_ASSERT(index < tensors_.size(), "safetensors_writer: tensor %zu of %zu", index,
                   tensors_.size());
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || sizeof(Element) == 1,
                  "fewbits: files are little-endian; write bytes");
    static_assert(bits_of(dtype_of<Element>) % 8 == 0,
                  "fewbits: packed elements are written as bytes");
    detail::planned_tensor& tensor = tensors_[index];
    if (tensor.type != dtype_of<Element>) return abandon(io_fault::wrong_dtype, tensor);
    return write(index, elements.data(), elements.size() * sizeof(Element));
  }
  /// The next rows of it.
  template <class Element>
  FEWBITS_INLINE io_error write(std::size_t index, const matrix_view<Element>& rows) {
    if (rows.stride() == rows.cols())
      return write(index, array_view<Element>(rows.data(), rows.rows() * rows.cols()));
    for (std::size_t i = 0; i < rows.rows(); ++i)
      if (const io_error error = write(index, array_view<Element>(rows.row(i), rows.cols())))
        return error;
    return {};
  }

  /// Errors: incomplete, where a tensor lacks bytes; cannot_write, cannot_replace, not_open.
  FEWBITS_INLINE io_error commit() {
    if (!file_.is_open()) return io_error(io_fault::not_open);
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      if (tensors_[i].written != tensors_[i].bytes)
        return abandon(io_fault::incomplete, tensors_[i]);
    return file_.commit();
  }

  /// What was written is removed, and what was added is forgotten.
  FEWBITS_INLINE void discard() {
    file_.discard();
    texts_.clear();
    dims_.clear();
    tensors_.clear();
    lines_.clear();
    header_.clear();
  }

 private:
  FEWBITS_INLINE static io_error fault(io_fault what, text_view name) {
    return io_error(what, io_error::nowhere, name);
  }
  [[nodiscard]] FEWBITS_INLINE text_view name(const detail::planned_tensor& tensor) const {
    return {texts_.data() + tensor.name, tensor.name_size};
  }
  FEWBITS_INLINE io_error abandon(io_fault what, const detail::planned_tensor& tensor) {
    file_.discard();
    return fault(what, name(tensor));
  }

  FEWBITS_INLINE io_error lay_out() {
    detail::io_array<std::uint32_t> order;
    if (tensors_.size() > 0xffffffff) return io_error(io_fault::header_too_long);
    if (!order.resize(tensors_.size())) return io_error(io_fault::out_of_memory);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
    detail::heap_sort(order.data(), order.size(),
                      detail::planned_name_order{tensors_.data(), texts_.data()});
    for (std::size_t i = 1; i < order.size(); ++i)
      if (name(tensors_[order[i - 1]]) == name(tensors_[order[i]]))
        return fault(io_fault::duplicate_name, name(tensors_[order[i]]));
    detail::heap_sort(order.data(), order.size(),
                      detail::planned_order{tensors_.data(), texts_.data()});
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      detail::planned_tensor& tensor = tensors_[order[i]];
      tensor.begin = end;
      tensor.written = 0;
      // Files end below 2^63.
      if (__builtin_add_overflow(end, tensor.bytes, &end) || end >> 62 != 0)
        return fault(io_fault::too_large, name(tensor));
    }
    if (!put_header(order)) return io_error(io_fault::out_of_memory);
    if (header_.size() - detail::safetensors_prefix > detail::longest_safetensors_header)
      return io_error(io_fault::header_too_long);
    return {};
  }

  FEWBITS_INLINE bool put_header(const detail::io_array<std::uint32_t>& order) {
    constexpr std::size_t prefix = detail::safetensors_prefix;
    header_.clear();
    bool has_room = header_.append("\0\0\0\0\0\0\0\0{", prefix + 1);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      const detail::planned_line& line = lines_[i];
      has_room = has_room && put(i == 0 ? R"("__metadata__":{)" : ",") &&
                 put_string({texts_.data() + line.key, line.key_size}) && put(":") &&
                 put_string({texts_.data() + line.value, line.value_size});
    }
    if (lines_.size() != 0) has_room = has_room && put("}");
    for (std::size_t i = 0; i < order.size(); ++i) {
      const detail::planned_tensor& tensor = tensors_[order[i]];
      if (i + lines_.size() != 0) has_room = has_room && put(",");
      has_room = has_room && put_string(name(tensor)) && put(R"(:{"dtype":")") &&
                 put(name_of(tensor.type)) && put(R"(","shape":[)");
      for (std::size_t j = 0; j < tensor.rank; ++j)
        has_room = has_room && (j == 0 || put(",")) && put(dims_[tensor.first_dim + j]);
      has_room = has_room && put(R"(],"data_offsets":[)") && put(tensor.begin) && put(",") &&
                 put(tensor.begin + tensor.bytes) && put("]}");
    }
    has_room = has_room && put("}");
    while (has_room && header_.size() % prefix != 0) has_room = put(" ");
    if (!has_room) return false;
    const std::uint64_t length = header_.size() - prefix;
    for (std::size_t i = 0; i < prefix; ++i)
      header_[i] = static_cast<char>(static_cast<unsigned char>(length >> (8 * i)));
    return true;
  }

  FEWBITS_INLINE bool put(const char* text) { return header_.append(text, __builtin_strlen(text)); }
  FEWBITS_INLINE bool put(std::uint64_t number) {
    io_message text{};
    detail::append(text, number);
    return header_.append(text.data, text.size);
  }
  FEWBITS_INLINE bool put_string(text_view text) {
    bool has_room = header_.push('"');
    for (std::size_t i = 0; i < text.size() && has_room; ++i) {
      const char c = text[i];
      if (static_cast<unsigned char>(c) < 0x20) {
        const char* const digits = "0123456789abcdef";
        const char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        has_room = header_.append(escape, sizeof escape);
      } else {
        if (c == '"' || c == '\\') has_room = header_.push('\\');
        has_room = has_room && header_.push(c);
      }
    }
    return has_room && header_.push('"');
  }

  detail::io_array<char> texts_;
  detail::io_array<std::uint64_t> dims_;
  detail::io_array<detail::planned_tensor> tensors_;
  detail::io_array<detail::planned_line> lines_;
  detail::io_array<char> header_;
  detail::output_file file_;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
