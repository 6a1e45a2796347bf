// SPDX-License-Identifier: MIT
// The handwritten digits in examples/data/digits.
#pragma once

#include <fewbits/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace demo {

namespace fb = fewbits;

inline constexpr std::size_t pixels = 64;
inline constexpr std::size_t classes = 10;

/// Images, one a row, ink from 0 to 1, and what they show.
struct digits {
  fb::matrix_view<const float> images;
  fb::array_view<const std::uint8_t> labels;
};

/// Digits `first` to `first + count - 1`. Nothing is copied.
inline digits slice(const digits& all, std::size_t first, std::size_t count) {
  return {{all.images.row(first), count, pixels}, {all.labels.data() + first, count}};
}

inline std::vector<std::uint8_t> read_bytes(const std::string& path, std::size_t count,
                                            unsigned largest) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() != count)
    throw std::runtime_error(path + " has " + std::to_string(bytes.size()) + " bytes instead of " +
                             std::to_string(count));
  const auto bad = std::find_if(bytes.begin(), bytes.end(), [&](auto x) { return x > largest; });
  if (bad != bytes.end())
    throw std::runtime_error(path + ": byte " + std::to_string(bad - bytes.begin()) + " is " +
                             std::to_string(*bad) + ", more than " + std::to_string(largest));
  return bytes;
}

/// All digits, and the customary split.
class digits_file {
 public:
  static constexpr std::size_t count = 1797;
  static constexpr std::size_t train_count = 1400;

  /// Throws std::runtime_error, saying what is wrong with which file.
  explicit digits_file(const std::string& folder)
      : labels_(read_bytes(folder + "/digits_labels_u8.bin", count, classes - 1)) {
    constexpr unsigned full_ink = 16;
    for (const std::uint8_t ink :
         read_bytes(folder + "/digits_8x8_u8.bin", count * pixels, full_ink))
      images_.push_back(static_cast<float>(ink) / full_ink);
  }

  [[nodiscard]] digits all() const { return {{images_.data(), count, pixels}, labels_}; }
  [[nodiscard]] digits train() const { return slice(all(), 0, train_count); }
  [[nodiscard]] digits test() const { return slice(all(), train_count, count - train_count); }

 private:
  std::vector<float> images_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace demo
