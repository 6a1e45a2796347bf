// SPDX-License-Identifier: MIT
// Calls every function of the layer of files once. What comes out is not looked at, only where the symbols
// go.
#pragma once

#include <fewbits/io.hpp>

#include <cstdint>

namespace {

namespace fb = fewbits;

// Only files in memory are opened, and paths that do not exist.
inline std::uint64_t use_io(std::uint64_t count) {
  struct {
    std::uint64_t value = 0;
    void add(std::uint64_t x) { value += x; }
  } out;
  const std::uint64_t shape[] = {2, 1};
  const unsigned char bytes[] = {8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' '};
  const char* const nowhere = "/nowhere/at/all";
  fb::safetensors_file file;
  out.add(file.open(bytes) ? count : file.size());
  for (const fb::stored_tensor& tensor : file) file.release(tensor);
  for (const fb::metadata_entry& line : file.metadata()) out.add(line.value.size());
  out.add(std::uint64_t{file.find("w") == nullptr && file.metadata("k") == nullptr});
  out.add(file.open(nowhere).message().size);
  const fb::stored_tensor tensor("w", fb::dtype::bfloat16, shape, {bytes, 4}, 0, {});
  fb::bf16 copy[2];
  fb::array_view<const fb::bf16> span;
  fb::matrix_view<const fb::bf16> matrix;
  fb::packed_span<const fb::fp4_e2m1> packed;
  fb::packed_matrix_view<const fb::fp4_e2m1> packed_matrix;
  out.add(
      std::uint64_t{tensor.copy_to(fb::array_view<fb::bf16>(copy)).fault() == fb::io_fault::none});
  out.add(std::uint64_t{copy[0].bits()});
  out.add(std::uint64_t{tensor.as_span(packed).fault() == fb::io_fault::wrong_dtype &&
                        tensor.as_matrix(packed_matrix).fault() == fb::io_fault::wrong_dtype});
  static_cast<void>(tensor.as_span(span));
  static_cast<void>(tensor.as_matrix(matrix));
  fb::safetensors_writer writer;
  static_cast<void>(writer.add("w", fb::dtype::bfloat16, shape));
  static_cast<void>(writer.add_metadata("k", "v"));
  out.add(writer.open(nowhere).message().size);
  static_cast<void>(writer.write(0, fb::matrix_view<const fb::bf16>(copy, 2, 1)));
  out.add(std::uint64_t{writer.commit().fault() == fb::io_fault::not_open});
  writer.discard();
  fb::npy_file array;
  out.add(array.open(bytes).message().size + array.open(nowhere).message().size);
  out.add(array.tensor().size());
  out.add(fb::write_npy(nowhere, copy).message().size +
          fb::write_npy(nowhere, fb::matrix_view<const fb::bf16>(copy, 2, 1)).message().size);
  return out.value;
}

}  // namespace
