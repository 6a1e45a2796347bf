// SPDX-License-Identifier: MIT
// The header of a safetensors file: what is in it, and whether that can be true.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/io/array.hpp>
#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/json.hpp>
#include <fewbits/io/text_view.hpp>

#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// A line of `__metadata__`; both texts are ended by a zero.
struct metadata_entry {
  text_view key, value;
};

namespace detail {

inline constexpr std::uint64_t longest_safetensors_header = 100'000'000;
inline constexpr std::uint64_t safetensors_prefix = 8;  // the length of the header
inline constexpr const char* metadata_key = "__metadata__";

struct safetensors_entry {
  text_view name;
  std::uint64_t begin, end;     // of the data, from the end of the header
  std::size_t first_dim, rank;  // among all dimensions
  std::uint64_t offset;         // of the name in the file
  dtype type;
};

struct entry_order {
  FEWBITS_INLINE bool operator()(const safetensors_entry& a, const safetensors_entry& b) const {
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.end != b.end) return a.end < b.end;
    return a.name < b.name;
  }
};
struct entry_name_order {
  const safetensors_entry* entries;
  FEWBITS_INLINE bool operator()(std::uint32_t a, std::uint32_t b) const {
    return entries[a].name < entries[b].name;
  }
};
struct metadata_order {
  FEWBITS_INLINE bool operator()(const metadata_entry& a, const metadata_entry& b) const {
    return a.key < b.key;
  }
};

/// What a header says. `parse` reads it, which changes the text; `check` compares it with the file.
class safetensors_header {
 public:
  FEWBITS_INLINE safetensors_header() = default;
  safetensors_header(const safetensors_header&) = delete;
  safetensors_header& operator=(const safetensors_header&) = delete;
  FEWBITS_INLINE ~safetensors_header() = default;

  io_array<safetensors_entry> entries;  // by their place in the file
  io_array<std::uint32_t> by_name;
  io_array<std::uint64_t> dims;
  io_array<metadata_entry> metadata;  // by key

  FEWBITS_INLINE io_error parse(char* text, std::size_t size) {
    json_scanner in{{text, size, 0, io_fault::none}};
    current_ = text_view();
    // RFC 8259 allows white space here; the format does not.
    if (size == 0 || text[0] != '{') return io_error(io_fault::bad_syntax, safetensors_prefix);
    if (!members(in)) return io_error(in.fault, safetensors_prefix + in.at, current_);
    return sort();
  }

  /// Every byte of `data_size` belongs to one tensor.
  FEWBITS_INLINE io_error check(std::uint64_t data_begin, std::uint64_t data_size) const {
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const safetensors_entry& entry = entries[i];
      const tensor_size size =
          size_of_tensor(entry.type, dims.data() + entry.first_dim, entry.rank);
      io_fault fault = size.fault;
      if (fault == io_fault::none) {
        fault = entry.end < entry.begin                 ? io_fault::bad_offsets
                : entry.end - entry.begin != size.bytes ? io_fault::wrong_size
                : entry.begin > expected                ? io_fault::gap
                : entry.begin < expected                ? io_fault::overlap
                : entry.end > data_size                 ? io_fault::too_short
                                                        : io_fault::none;
      }
      if (fault != io_fault::none) return io_error(fault, entry.offset, entry.name);
      expected = entry.end;
    }
    if (expected < data_size) return io_error(io_fault::trailing_bytes, data_begin + expected);
    return {};
  }

 private:
  FEWBITS_INLINE bool members(json_scanner& in) {
    bool has_metadata = false;
    ++in.at;
    bool more = in.opens('}');
    while (more) {
      text_view name;
      in.peek();
      const std::size_t name_at = in.at;
      if (!in.string(name) || !in.expect(':')) return false;
      if (name == text_view(metadata_key)) {
        if (has_metadata) return in.fail(io_fault::duplicate_key, name_at);
        has_metadata = true;
        if (!strings(in)) return false;
      } else {
        current_ = name;
        if (!entry(in, name, name_at)) return false;
        current_ = text_view();
      }
      if (!in.separator('}', more)) return false;
    }
    return in.end();
  }

  FEWBITS_INLINE bool strings(json_scanner& in) {
    if (!in.expect('{', io_fault::bad_metadata)) return false;
    bool more = in.opens('}');
    while (more) {
      metadata_entry line{text_view(), text_view()};
      if (!in.string(line.key) || !in.expect(':')) return false;
      if (in.peek() != '"') return in.fail(io_fault::bad_metadata);
      if (!in.string(line.value)) return false;
      if (!metadata.push(line)) return in.fail(io_fault::out_of_memory);
      if (!in.separator('}', more)) return false;
    }
    return true;
  }

  FEWBITS_INLINE bool entry(json_scanner& in, text_view name, std::size_t name_at) {
    safetensors_entry found{name, 0, 0, dims.size(), 0, safetensors_prefix + name_at, dtype::u8};
    const text_view keys[] = {"dtype", "shape", "data_offsets"};
    unsigned seen = 0;
    if (!in.expect('{', io_fault::bad_entry)) return false;
    bool more = in.opens('}');
    while (more) {
      text_view key;
      in.peek();
      const std::size_t key_at = in.at;
      if (!in.string(key) || !in.expect(':')) return false;
      unsigned which = 0;
      while (which < 3 && !(key == keys[which])) ++which;
      if (which < 3) {
        if ((seen >> which & 1) != 0) return in.fail(io_fault::duplicate_key, key_at);
        seen |= 1U << which;
      }
      // Other keys may be there: the reference reader ignores them.
      const bool is_read = which == 0   ? type(in, found)
                           : which == 1 ? shape(in, found)
                           : which == 2 ? offsets(in, found)
                                        : in.skip_value();
      if (!is_read || !in.separator('}', more)) return false;
    }
    if (seen != 7) return in.fail(io_fault::missing_key);
    return entries.push(found) || in.fail(io_fault::out_of_memory);
  }

  FEWBITS_INLINE static bool type(json_scanner& in, safetensors_entry& found) {
    text_view name;
    if (in.peek() != '"') return in.fail(io_fault::unknown_dtype);
    const std::size_t at = in.at;
    if (!in.string(name)) return false;
    for (const dtype_row& row : dtype_rows)
      if (!name.empty() && name == text_view(row.name)) {
        found.type = row.type;
        return true;
      }
    return in.fail(io_fault::unknown_dtype, at);
  }

  FEWBITS_INLINE bool shape(json_scanner& in, safetensors_entry& found) {
    if (!in.expect('[', io_fault::bad_shape)) return false;
    bool more = in.opens(']');
    for (; more; ++found.rank) {
      std::uint64_t dim = 0;
      if (!in.integer(dim)) return false;
      if (!dims.push(dim)) return in.fail(io_fault::out_of_memory);
      if (!in.separator(']', more)) return false;
    }
    return true;
  }

  FEWBITS_INLINE static bool offsets(json_scanner& in, safetensors_entry& found) {
    return in.expect('[', io_fault::bad_offsets) && in.integer(found.begin) &&
           in.expect(',', io_fault::bad_offsets) && in.integer(found.end) &&
           in.expect(']', io_fault::bad_offsets);
  }

  FEWBITS_INLINE io_error sort() {
    heap_sort(metadata.data(), metadata.size(), metadata_order{});
    for (std::size_t i = 1; i < metadata.size(); ++i)
      if (metadata[i - 1].key == metadata[i].key)
        return io_error(io_fault::duplicate_key, io_error::nowhere, metadata[i].key);
    heap_sort(entries.data(), entries.size(), entry_order{});
    if (!by_name.resize(entries.size())) return io_error(io_fault::out_of_memory);
    for (std::size_t i = 0; i < by_name.size(); ++i) by_name[i] = static_cast<std::uint32_t>(i);
    heap_sort(by_name.data(), by_name.size(), entry_name_order{entries.data()});
    for (std::size_t i = 1; i < by_name.size(); ++i) {
      const safetensors_entry &a = entries[by_name[i - 1]], &b = entries[by_name[i]];
      if (a.name == b.name)
        return io_error(io_fault::duplicate_name, a.offset < b.offset ? b.offset : a.offset,
                        a.name);
    }
    return {};
  }

  text_view current_;
};

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits
