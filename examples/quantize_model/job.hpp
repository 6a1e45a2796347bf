// SPDX-License-Identifier: MIT
// One model quantized: which of its tensors, written to a file, and the file compared with the model.
#pragma once

#include <fewbits/io.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "formats.hpp"
#include "source.hpp"

namespace quantize_model {

/// Throws std::runtime_error if there is an error.
inline void require(const fb::io_error& error, const std::string& path) {
  if (error) throw std::runtime_error(path + ": " + error.message().c_str());
}

inline std::string text(fb::text_view view) { return {view.data(), view.size()}; }

inline std::string shape_text(const fb::stored_tensor& tensor) {
  std::string shape = "[";
  for (const std::uint64_t dim : tensor.shape())
    shape += (shape.size() == 1 ? "" : ", ") + std::to_string(dim);
  return shape + "]";
}

/// Which tensors are quantized, besides the rule that they are matrices of floats.
struct selection {
  std::vector<std::string> include, exclude;  // parts of names; no `include` is every name
  std::size_t smallest = 4096;                // elements

  /// Why a tensor is kept as it is; empty if it is not.
  [[nodiscard]] std::string refusal(const fb::stored_tensor& tensor) const {
    const std::string name = text(tensor.name());
    const auto is_in_name = [&](const std::string& part) {
      return name.find(part) != std::string::npos;
    };
    if (tensor.shape().size() != 2) return "not a matrix";
    if (!is_float(tensor.type())) return "not floats";
    if (tensor.size() == 0 || tensor.size() < smallest) return "small";
    if (!include.empty() && std::none_of(include.begin(), include.end(), is_in_name))
      return "not included";
    if (std::any_of(exclude.begin(), exclude.end(), is_in_name)) return "excluded";
    return "";
  }
};

/// What became of a tensor.
struct outcome {
  const fb::stored_tensor* tensor;
  std::string kept;         // the reason, if it was
  std::vector<part> parts;  // else
  std::size_t first_index;  // of its parts in the written file
  std::uint64_t bytes_after;
  comparison loss;
};

/// Set by a signal: the next step of a job throws, and what it has written goes away.
inline volatile std::sig_atomic_t is_interrupted = 0;

/// On stderr: a line that is rewritten on a terminal, or a line every ten seconds; nothing in the first
/// second.
class progress {
 public:
  explicit progress(std::uint64_t total) : total_(total) {}
  ~progress() {
    if (is_shown_ && is_terminal_) std::fprintf(stderr, "\r%78s\r", "");
  }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  void add(std::uint64_t bytes, const char* what, const std::string& name) {
    if (is_interrupted != 0) throw std::runtime_error("interrupted");
    done_ += bytes;
    const clock::time_point now = clock::now();
    if (now < next_) return;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    std::fprintf(
        stderr,
        is_terminal_ ? "\r%-9s %3.0f %%  %6.0f MB/s  %-50.50s" : "%s %.0f %%  %.0f MB/s  %s\n",
        what, 100 * static_cast<double>(done_) / static_cast<double>(total_),
        static_cast<double>(done_) / seconds * 1e-6, name.c_str());
    is_shown_ = true;
    next_ = now + (is_terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10));
  }

 private:
  using clock = std::chrono::steady_clock;
  std::uint64_t total_, done_ = 0;
  bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  bool is_shown_ = false;
  clock::time_point start_ = clock::now();
  clock::time_point next_ = start_ + std::chrono::seconds(1);
};

class job {
 public:
  job(recipe wanted, selection chosen)
      : recipe_(std::move(wanted)),
        selection_(std::move(chosen)),
        codec_(make_quantizer(recipe_)) {}

  void open(const std::string& path) {
    require(model_.open(path.c_str()), path);
    std::size_t index = 0;
    for (const fb::stored_tensor& tensor : model_) {
      outcome each{&tensor, selection_.refusal(tensor), {}, index, tensor.bytes().size(), {}};
      if (each.kept.empty()) each.kept = codec_->refusal(tensor.shape()[1]);
      if (each.kept.empty()) {
        each.parts = codec_->parts(tensor.shape()[0], tensor.shape()[1]);
        each.bytes_after = 0;
        for (const part& its : each.parts)
          each.bytes_after += its.row_bytes() * (its.shape.empty() ? 1 : its.shape[0]);
      }
      index += each.kept.empty() ? each.parts.size() : 1;
      outcomes_.push_back(std::move(each));
    }
  }

  void write(const std::string& path) {
    fb::safetensors_writer out;
    add_metadata(out, path);
    for (const outcome& each : outcomes_)
      if (each.kept.empty()) {
        for (const part& its : each.parts)
          require(out.add(text(each.tensor->name()) + its.suffix, its.type,
                          {its.shape.data(), its.shape.size()}),
                  path);
      } else {
        require(out.add(each.tensor->name(), each.tensor->type(), each.tensor->shape()), path);
      }
    require(out.open(path.c_str()), path);
    progress shown(bytes_before());
    for (outcome& each : outcomes_) {
      if (each.kept.empty()) {
        quantize(each, out, path, shown);
      } else {
        copy(each, out, path, shown);
      }
      model_.release(*each.tensor);
    }
    require(out.commit(), path);
  }

  /// Reads the file, dequantizes it, and compares: the loss must be what it was, and kept tensors the same.
  void check(const std::string& path) const {
    fb::safetensors_file file;
    require(file.open(path.c_str()), path);
    progress shown(bytes_before());
    for (const outcome& each : outcomes_) {
      const std::string name = text(each.tensor->name());
      if (!(each.kept.empty() ? dequantized(each, file, shown) == each.loss
                              : is_same(*each.tensor, file.find(name))))
        throw std::runtime_error(path + ": tensor \"" + name + "\" is not what was written");
      model_.release(*each.tensor);
      shown.add(each.kept.empty() ? 0 : each.tensor->bytes().size(), "checking", name);
    }
  }

  [[nodiscard]] const std::vector<outcome>& outcomes() const { return outcomes_; }
  [[nodiscard]] std::uint64_t bytes_before() const {
    std::uint64_t sum = 0;
    for (const outcome& each : outcomes_) sum += each.tensor->bytes().size();
    return sum;
  }
  [[nodiscard]] std::uint64_t bytes_after() const {
    std::uint64_t sum = 0;
    for (const outcome& each : outcomes_) sum += each.bytes_after;
    return sum;
  }

 private:
  /// Rows that are in the cache while they are read, quantized and compared.
  static std::size_t rows_at_once(std::size_t cols) {
    constexpr std::size_t elements = 65536;
    return std::max<std::size_t>(1, elements / std::max<std::size_t>(1, cols));
  }

  void add_metadata(fb::safetensors_writer& out, const std::string& path) const {
    for (const fb::metadata_entry& line : model_.metadata())
      if (text(line.key).rfind("fewbits.", 0) != 0)
        require(out.add_metadata(line.key, line.value), path);
    require(out.add_metadata("fewbits.format", recipe_.format), path);
    if (recipe_.is_grouped())
      require(out.add_metadata("fewbits.group", recipe_.group_name()), path);
    require(out.add_metadata("fewbits.method", recipe_.how == method::mse ? "mse" : "nearest"),
            path);
    for (const outcome& each : outcomes_)
      if (each.kept.empty())
        require(out.add_metadata(
                    "fewbits.tensor." + text(each.tensor->name()),
                    std::string(fb::name_of(each.tensor->type())) + " " + shape_text(*each.tensor)),
                path);
  }

  void quantize(outcome& each, fb::safetensors_writer& out, const std::string& path,
                progress& shown) const {
    matrix_source source(*each.tensor);
    const std::size_t rows = source.rows(), cols = source.cols(), step = rows_at_once(cols);
    const std::size_t row_bytes = each.tensor->bytes().size() / rows;
    if (codec_->needs_amax()) {
      float amax = 0;
      for (std::size_t i = 0; i < rows; i += step)
        amax = amax_of(source.read(i, std::min(step, rows - i)), amax);
      codec_->begin(amax);
    }
    std::vector<piece> pieces(each.parts.size());
    std::vector<const unsigned char*> pointers(pieces.size());
    std::vector<float> back(std::min(step, rows) * cols);
    const std::string name = text(each.tensor->name());
    for (std::size_t i = 0; i < rows; i += step) {
      const std::size_t count = std::min(step, rows - i);
      for (std::size_t j = 0; j < pieces.size(); ++j) {
        const part& its = each.parts[j];
        pieces[j].resize(its.row_bytes() * (its.shape.empty() ? 1 : count));
        pointers[j] = pieces[j].data();
      }
      const fb::matrix_view<const float> x = source.read(i, count);
      codec_->encode(x, pieces);
      const fb::matrix_view<float> decoded(back.data(), count, cols);
      codec_->decode(pointers, decoded);
      each.loss.add(x, decoded);
      for (std::size_t j = 0; j < pieces.size(); ++j)
        if (i == 0 || !each.parts[j].shape.empty())
          require(out.write(each.first_index + j, pieces[j].data(), pieces[j].size()), path);
      shown.add(count * row_bytes, "writing", name);
    }
  }

  static void copy(const outcome& each, fb::safetensors_writer& out, const std::string& path,
                   progress& shown) {
    constexpr std::size_t step = std::size_t{1} << 22;
    const fb::array_view<const unsigned char> bytes = each.tensor->bytes();
    for (std::size_t i = 0; i < bytes.size(); i += step) {
      const std::size_t count = std::min(step, bytes.size() - i);
      require(out.write(each.first_index, bytes.data() + i, count), path);
      shown.add(count, "copying", text(each.tensor->name()));
    }
  }

  comparison dequantized(const outcome& each, const fb::safetensors_file& file,
                         progress& shown) const {
    const std::string name = text(each.tensor->name());
    std::vector<const unsigned char*> pointers;
    for (const part& its : each.parts) {
      const fb::stored_tensor* const found = file.find(name + its.suffix);
      if (found == nullptr || found->type() != its.type ||
          found->bytes().size() != its.row_bytes() * (its.shape.empty() ? 1 : its.shape[0]))
        throw std::runtime_error("tensor \"" + name + its.suffix + "\" is not what was written");
      pointers.push_back(found->bytes().data());
    }
    matrix_source source(*each.tensor);
    const std::size_t rows = source.rows(), cols = source.cols(), step = rows_at_once(cols);
    std::vector<float> back(std::min(step, rows) * cols);
    comparison loss;
    for (std::size_t i = 0; i < rows; i += step) {
      const std::size_t count = std::min(step, rows - i);
      const fb::matrix_view<float> decoded(back.data(), count, cols);
      codec_->decode(pointers, decoded);
      loss.add(source.read(i, count), decoded);
      for (std::size_t j = 0; j < pointers.size(); ++j)
        if (!each.parts[j].shape.empty()) pointers[j] += count * each.parts[j].row_bytes();
      shown.add(count * (each.tensor->bytes().size() / rows), "checking", name);
    }
    for (const part& its : each.parts) file.release(*file.find(name + its.suffix));
    return loss;
  }

  static bool is_same(const fb::stored_tensor& tensor, const fb::stored_tensor* found) {
    return found != nullptr && found->type() == tensor.type() &&
           found->shape().size() == tensor.shape().size() &&
           std::equal(tensor.shape().begin(), tensor.shape().end(), found->shape().begin()) &&
           std::equal(tensor.bytes().begin(), tensor.bytes().end(), found->bytes().begin());
  }

  recipe recipe_;
  selection selection_;
  std::unique_ptr<quantizer> codec_;
  fb::safetensors_file model_;
  std::vector<outcome> outcomes_;
};

}  // namespace quantize_model
