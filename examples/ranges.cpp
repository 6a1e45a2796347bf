// SPDX-License-Identifier: MIT
// Ranges of numbers, on the pixels of 1,797 handwritten digits: packed 4-bit storage, two threads, and
// why sums in 16 bits round stochastically. Exit status 1 if a result is not what the comments say.
#include <fewbits/fewbits.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <thread>
#include <vector>

#include "precision_report/digits.hpp"

namespace fb = fewbits;

namespace {

/// An executor: anything with `parallel_for`. This one runs half of the tasks on another thread.
struct two_threads {
  template <class Task>
  void parallel_for(std::size_t count, Task&& task) const {
    std::thread other([&] {
      for (std::size_t i = 1; i < count; i += 2) task(i);
    });
    for (std::size_t i = 0; i < count; i += 2) task(i);
    other.join();
  }
};

/// The sum over all images of each pixel, kept in BF16: added in FP32, rounded after each image.
template <class Round>
std::vector<float> sum_of_images(const fb::matrix_view<const float>& images, Round&& round) {
  std::vector<fb::bf16> sums(images.cols());
  std::vector<float> wide(images.cols());
  for (std::size_t i = 0; i < images.rows(); ++i) {
    fb::convert(sums, wide);
    for (std::size_t j = 0; j < images.cols(); ++j) wide[j] += images(i, j);
    round(wide, sums, i);
  }
  fb::convert(sums, wide);
  return wide;
}

bool run() {
  const demo::digits_file file(FEWBITS_EXAMPLE_DATA "/digits");
  const fb::matrix_view<const float> images = file.all().images;
  const fb::array_view<const float> pixels(images.data(), images.rows() * images.cols());

  // Ink comes in 17 steps, 0 to 16. Sixteen of them, 0 to 15, fit in four bits: two to a byte.
  std::vector<float> ink(pixels.size());
  for (std::size_t i = 0; i < ink.size(); ++i) ink[i] = 16 * pixels[i];
  fb::packed_vector<fb::uint4> packed(ink.size());
  fb::convert(two_threads{}, ink, packed);
  std::vector<float> back(ink.size());
  fb::convert(packed, back);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < ink.size(); ++i) changed += back[i] != std::fmin(ink[i], 15.0f);
  const std::size_t bytes = fb::packed_bytes<fb::uint4>(packed.size());
  std::printf("%zu pixels: %zu bytes in FP32, %zu in UINT4, %zu differ but by the step lost\n",
              ink.size(), 4 * ink.size(), bytes, changed);

  // A sum in BF16 stands still once an addend is less than half of its last place. Rounded up with
  // the probability of the part that is cut off, it goes on, right on average.
  const std::vector<float> nearest = sum_of_images(
      images, [](const auto& wide, auto& sums, std::size_t) { fb::convert(wide, sums); });
  const std::vector<float> stochastic =
      sum_of_images(images, [&](const auto& wide, auto& sums, std::size_t i) {
        fb::convert<fb::stochastic>(wide, sums, fb::philox{2026, i * wide.size()});
      });
  std::vector<float> exact(images.cols());
  for (std::size_t i = 0; i < images.rows(); ++i)
    for (std::size_t j = 0; j < images.cols(); ++j) exact[j] += images(i, j);
  const auto darkest =
      static_cast<std::size_t>(std::max_element(exact.begin(), exact.end()) - exact.begin());
  const float sum = exact[darkest];
  std::printf("darkest pixel, summed over %zu images: %.0f; in BF16 %.0f, stochastically %.0f\n",
              images.rows(), static_cast<double>(sum), static_cast<double>(nearest[darkest]),
              static_cast<double>(stochastic[darkest]));

  return changed == 0 && bytes * 8 == 4 * ink.size() && nearest[darkest] < 0.3f * sum &&
         std::fabs(stochastic[darkest] - sum) < 0.1f * sum;
}

}  // namespace

int main() {
  try {
    const bool holds = run();
    if (!holds) std::puts("ranges: a result is wrong");
    return holds ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ranges: %s\n", error.what());
    return 1;
  }
}
