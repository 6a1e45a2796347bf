// SPDX-License-Identifier: MIT
// The report on a model that comes from a file.
#include <fewbits/convert.hpp>
#include <fewbits/io/safetensors.hpp>

#include <cstdio>
#include <stdexcept>
#include <unistd.h>

#include "report.hpp"

namespace demo {
namespace {

/// The numbers of a tensor in FP32; false where they are no floats, or quantized ones already.
template <class Element>
bool read_as(const fb::stored_tensor& tensor, std::vector<float>& values) {
  std::vector<Element> elements(tensor.size());
  if (tensor.copy_to(fb::array_view<Element>(elements))) return false;
  values.resize(elements.size());
  fb::convert(elements, values);
  return true;
}
bool read(const fb::stored_tensor& tensor, std::vector<float>& values) {
  switch (tensor.type()) {
    case fb::dtype::f64:
      return read_as<double>(tensor, values);
    case fb::dtype::f32:
      return read_as<float>(tensor, values);
    case fb::dtype::f16:
      return read_as<fb::fp16>(tensor, values);
    case fb::dtype::bfloat16:
      return read_as<fb::bf16>(tensor, values);
    default:
      return false;
  }
}

}  // namespace

report report_on_file(const std::string& path) {
  fb::safetensors_file file;
  if (const fb::io_error error = file.open(path.c_str()))
    throw std::runtime_error(path + ": " + error.message().c_str());
  examiner all;
  report result{};
  std::size_t matrices = 0;
  std::vector<float> values;
  const bool is_watched = isatty(STDERR_FILENO) != 0;
  for (const fb::stored_tensor& tensor : file) {
    // A convolution's weights are a matrix too: a row an output.
    if (tensor.shape().size() >= 2 && tensor.size() != 0 && read(tensor, values)) {
      const auto rows = static_cast<std::size_t>(tensor.shape()[0]);
      all.add({values.data(), rows, values.size() / rows});
      result.weights += values.size();
      ++matrices;
      if (is_watched) std::fprintf(stderr, "\r%zu matrices", matrices);
    }
    file.release(tensor);
  }
  if (is_watched) std::fprintf(stderr, "\n");
  if (matrices == 0)
    throw std::runtime_error(path + " has no matrix of F64, F32, F16 or BF16 numbers");
  result.source =
      path + ": " + std::to_string(matrices) +
      " matrices of weights, read as FP32. Left out: " + std::to_string(file.size() - matrices) +
      " other tensors (vectors, integers, what is quantized already).";
  result.formats = all.rows();
  result.weight_shares = all.weights();
  return result;
}

}  // namespace demo
