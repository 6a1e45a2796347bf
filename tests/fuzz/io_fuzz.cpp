// SPDX-License-Identifier: MIT
// A libFuzzer target for the readers: any bytes are an error value, or a file of which every byte of
// every tensor can be read, and which the writer can write again.
//   cmake -B build -DCMAKE_CXX_COMPILER=clang++ && cmake --build build --target io_fuzz
//   build/tests/io_fuzz -max_len=4096 -max_total_time=180
#include <fewbits/io.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

namespace fb = fewbits;

void require(bool holds) {
  if (!holds) std::abort();
}

void read(const fb::stored_tensor& tensor, std::uint64_t& sum) {
  for (const unsigned char byte : tensor.bytes()) sum += byte;
  require(tensor.name().data()[tensor.name().size()] == '\0');
  for (const std::uint64_t dim : tensor.shape()) sum += dim;
  require(tensor.bytes().size() * 8 ==
          tensor.size() * static_cast<std::size_t>(fb::bits_of(tensor.type())));
  fb::matrix_view<const float> matrix;
  if (!tensor.as_matrix(matrix)) {
    require(matrix.rows() * matrix.cols() == tensor.size());
    std::vector<float> copy(tensor.size());
    require(!tensor.copy_to(fb::array_view<float>(copy)));
  }
  std::vector<fb::bf16> copy(tensor.type() == fb::dtype::bfloat16 ? tensor.size() : 0);
  static_cast<void>(tensor.copy_to(fb::array_view<fb::bf16>(copy)));
}

/// A plan of the same tensors: names and shapes that were read can be added.
void plan(const fb::safetensors_file& file) {
  fb::safetensors_writer writer;
  for (const fb::stored_tensor& tensor : file)
    require(!writer.add(tensor.name(), tensor.type(), tensor.shape()));
  for (const fb::metadata_entry& line : file.metadata())
    require(!writer.add_metadata(line.key, line.value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // In memory of its own size, so that a byte more is an error.
  const std::vector<unsigned char> bytes(data, data + size);
  std::uint64_t sum = 0;
  fb::safetensors_file file;
  if (const fb::io_error error = file.open(bytes)) {
    require(file.size() == 0 && error.message().size > 0);
  } else {
    std::size_t total = 0;
    for (const fb::stored_tensor& tensor : file) {
      read(tensor, sum);
      require(file.find(tensor.name()) == &tensor);
      total += tensor.bytes().size();
    }
    require(total <= size);
    plan(file);
  }
  fb::npy_file array;
  if (const fb::io_error error = array.open(bytes)) {
    require(array.tensor().size() == 0 && error.message().size > 0);
  } else {
    read(array.tensor(), sum);
  }
  // Uses the sum, and is never true.
  return sum == ~std::uint64_t{0} ? -1 : 0;
}
