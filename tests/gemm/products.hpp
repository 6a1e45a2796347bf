// SPDX-License-Identifier: MIT
// The products under test as a table: one row for each choice of element types and instruction set.
// The test bodies loop over it, so that each product is instantiated once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "support/guard_page.hpp"
#include "support/runner.hpp"

/// An element type, without the type.
struct element {
  const char* name;
  std::size_t bytes;
  bool is_float;
  double (*value)(const unsigned char* src);
  /// Rounds to nearest even, from `value` as a float first unless `is_double`.
  void (*store)(double value, bool is_double, unsigned char* dst);
};

struct call {
  std::size_t m, n, k;
  const unsigned char* a;
  const unsigned char* b;
  unsigned char* c;
  std::size_t a_stride, b_stride, c_stride;
  unsigned char* workspace;
  std::size_t workspace_bytes;
  runner::executor executor;
};

/// The block sizes of the kernel that a product runs on.
struct kernel_sizes {
  std::size_t mr, nr, kr, mc, nc, kc;
};

struct product {
  const char* isa;
  element a, b, c;
  bool a_is_transposed, b_is_transposed;
  bool is_integer;  // exact in int32
  bool is_double;   // summed in FP64
  kernel_sizes kernel;
  void (*run)(const call&);
  std::size_t (*workspace_bytes)(std::size_t m, std::size_t n, std::size_t k);
};

const std::vector<product>& products();
std::string name_of(const product& row);

/// What an operand holds.
enum class filling {
  small_integers,  // any sum of their products is exact
  extremes,        // integers: the ends of the range
  random,          // floats of many magnitudes
};

/// A pseudo-random number; the same sequence in every run.
std::uint64_t next_random();

/// Operands and result of a product of a row, in memory that ends at guard pages, with gaps between
/// the rows. `c` and the workspace hold NaN, or -1.
class problem {
 public:
  problem(const product& row, std::size_t m, std::size_t n, std::size_t k);

  void fill(filling how);
  void run(runner::order how = runner::order::forward);

  void set_a(std::size_t i, std::size_t l, double value);
  void set_b(std::size_t l, std::size_t j, double value);
  /// Values of the operands: A row-major, B column-major, so both along the depth.
  [[nodiscard]] const std::vector<double>& a_values() const { return a_values_; }
  [[nodiscard]] const std::vector<double>& b_values() const { return b_values_; }
  [[nodiscard]] double c_value(std::size_t i, std::size_t j) const;
  /// All bytes of C and of its gaps.
  [[nodiscard]] std::vector<unsigned char> c_bytes() const;

  /// Fails unless every element of C is the sum in double precision, rounded to C's type, and the
  /// gaps are untouched. For operands whose sums are exact, or not finite.
  void expect_exact() const;
  [[nodiscard]] std::string text() const;

 private:
  void read_values();

  const product& row_;
  std::size_t m_, n_, k_;
  std::size_t a_rows_, a_cols_, b_rows_, b_cols_;
  unsigned char* a_;
  unsigned char* b_;
  unsigned char* c_;
  std::vector<double> a_values_, b_values_;
};
