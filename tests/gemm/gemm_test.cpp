// SPDX-License-Identifier: MIT
// Products of all element types against sums in double precision: exactly where the sums are exact,
// else within the bound of the arithmetic.
#include <fewbits/gemm.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "gemm/products.hpp"
#include "gtest/gtest.h"

namespace {

namespace fb = fewbits;

constexpr std::size_t gap = 3;  // elements between the rows
constexpr unsigned char untouched = 0xff;

template <class Type>
double value_of(const unsigned char* src) {
  Type x;
  std::memcpy(&x, src, sizeof x);
  return static_cast<double>(x);
}

template <class Type>
void store_value(double value, bool is_double, unsigned char* dst) {
  Type x{};
  if constexpr (std::is_integral_v<Type>) {
    x = static_cast<Type>(value);
  } else {
    x = is_double ? fb::convert<Type>(value) : fb::convert<Type>(static_cast<float>(value));
  }
  std::memcpy(dst, &x, sizeof x);
}

template <class Type>
element element_of(const char* name) {
  return {name, sizeof(Type), !std::is_integral_v<Type>, value_of<Type>, store_value<Type>};
}

template <class View, bool Transposed>
auto view_of(const View& stored) {
  if constexpr (Transposed) {
    return fb::transposed(stored);
  } else {
    return stored;
  }
}

template <class Left, class Right, class Out, fb::isa Isa, bool TransA, bool TransB>
void run_product(const call& x) {
  const fb::matrix_view<const Left> a(reinterpret_cast<const Left*>(x.a), TransA ? x.k : x.m,
                                      TransA ? x.m : x.k, x.a_stride);
  const fb::matrix_view<const Right> b(reinterpret_cast<const Right*>(x.b), TransB ? x.n : x.k,
                                       TransB ? x.k : x.n, x.b_stride);
  const fb::matrix_view<Out> c(reinterpret_cast<Out*>(x.c), x.m, x.n, x.c_stride);
  fb::gemm<Isa>(x.executor, view_of<fb::matrix_view<const Left>, TransA>(a),
                view_of<fb::matrix_view<const Right>, TransB>(b), c, fb::identity{},
                fb::array_view<unsigned char>(x.workspace, x.workspace_bytes));
}

template <class Left, class Right, fb::isa Isa>
std::size_t workspace_of(std::size_t m, std::size_t n, std::size_t k) {
  return fb::gemm_workspace_bytes<Isa>(fb::matrix_view<const Left>(nullptr, m, k),
                                       fb::matrix_view<const Right>(nullptr, k, n));
}

struct names {
  const char *a, *b, *c;
};

template <class Left, class Right, class Out, fb::isa Isa, bool TransA, bool TransB>
product make(const char* isa, const names& types) {
  using kernel =
      fb::detail::gemm_kernel<fb::matrix_view<const Left>, fb::matrix_view<const Right>, Isa>;
  using blocking = fb::gemm_blocking<kernel>;
  return {isa,
          element_of<Left>(types.a),
          element_of<Right>(types.b),
          element_of<Out>(types.c),
          TransA,
          TransB,
          std::is_integral_v<typename kernel::acc_type>,
          std::is_same_v<typename kernel::acc_type, double>,
          {kernel::mr, kernel::nr, kernel::kr, blocking::mc, blocking::nc, blocking::kc},
          run_product<Left, Right, Out, Isa, TransA, TransB>,
          workspace_of<Left, Right, Isa>};
}

class table {
 public:
  /// C = A B and C = A B^T.
  template <class Left, class Right, class Out, fb::isa Isa = fb::native>
  void both(const names& types) {
    rows.push_back(make<Left, Right, Out, Isa, false, false>(name<Isa>(), types));
    weights<Left, Right, Out, Isa>(types);
  }
  /// C = A B^T, the layout of a network's layer.
  template <class Left, class Right, class Out, fb::isa Isa = fb::native>
  void weights(const names& types) {
    rows.push_back(make<Left, Right, Out, Isa, false, true>(name<Isa>(), types));
  }
  template <class Left, class Right, class Out, fb::isa Isa = fb::native>
  void all(const names& types) {
    both<Left, Right, Out, Isa>(types);
    rows.push_back(make<Left, Right, Out, Isa, true, false>(name<Isa>(), types));
    rows.push_back(make<Left, Right, Out, Isa, true, true>(name<Isa>(), types));
  }

  std::vector<product> rows;

 private:
  template <fb::isa Isa>
  static const char* name() {
    return Isa == fb::generic ? "generic" : "native";
  }
};

std::vector<product> make_products() {
  using int8 = std::int8_t;
  using uint8 = std::uint8_t;
  using int32 = std::int32_t;
  table t;
  t.all<int8, int8, int32>({"int8", "int8", "int32"});
  t.both<uint8, int8, int32>({"uint8", "int8", "int32"});
  t.both<int8, uint8, int32>({"int8", "uint8", "int32"});
  t.both<uint8, uint8, int32>({"uint8", "uint8", "int32"});
  t.weights<int8, int8, float>({"int8", "int8", "float"});
  t.weights<uint8, int8, fb::bf16>({"uint8", "int8", "bf16"});

  t.all<float, float, float>({"float", "float", "float"});
  t.weights<float, float, fb::bf16>({"float", "float", "bf16"});
  t.weights<float, float, fb::fp8_e4m3>({"float", "float", "fp8_e4m3"});
  t.weights<float, float, double>({"float", "float", "double"});
  t.both<double, double, double>({"double", "double", "double"});
  t.weights<double, double, float>({"double", "double", "float"});

  t.all<fb::bf16, fb::bf16, float>({"bf16", "bf16", "float"});
  t.weights<fb::bf16, fb::bf16, fb::bf16>({"bf16", "bf16", "bf16"});
  t.both<fb::fp16, fb::fp16, float>({"fp16", "fp16", "float"});
  t.both<fb::fp8_e4m3, fb::fp8_e5m2, float>({"fp8_e4m3", "fp8_e5m2", "float"});
  t.weights<fb::fp4_e2m1, fb::fp4_e2m1, float>({"fp4_e2m1", "fp4_e2m1", "float"});

  t.weights<float, fb::bf16, float>({"float", "bf16", "float"});
  t.weights<fb::bf16, int8, float>({"bf16", "int8", "float"});
  t.weights<uint8, fb::fp16, float>({"uint8", "fp16", "float"});
  t.weights<fb::fp8_e4m3, fb::fp16, fb::bf16>({"fp8_e4m3", "fp16", "bf16"});
  t.weights<double, float, double>({"double", "float", "double"});
  t.weights<int8, double, double>({"int8", "double", "double"});
  t.weights<fb::fp32, float, fb::fp32>({"fp32", "float", "fp32"});

  if constexpr (!(fb::native == fb::generic)) {
    t.both<int8, int8, int32, fb::generic>({"int8", "int8", "int32"});
    t.weights<uint8, uint8, int32, fb::generic>({"uint8", "uint8", "int32"});
    t.both<float, float, float, fb::generic>({"float", "float", "float"});
    t.weights<double, double, double, fb::generic>({"double", "double", "double"});
    t.weights<fb::bf16, fb::bf16, float, fb::generic>({"bf16", "bf16", "float"});
  }
  return t.rows;
}

/// Memory that every problem shares: mapping pages costs more than a small product.
struct arena {
  guard_page::buffer a{std::size_t{1} << 23};
  guard_page::buffer b{std::size_t{1} << 23};
  guard_page::buffer c{std::size_t{1} << 23};
  guard_page::buffer workspace{std::size_t{1} << 25};
};
const arena& memory() {
  static const arena shared;
  return shared;
}

/// Bytes of a matrix with gaps between its rows, none after the last.
std::size_t matrix_bytes(std::size_t rows, std::size_t cols, std::size_t bytes) {
  return rows == 0 ? 0 : ((rows - 1) * (cols + gap) + cols) * bytes;
}

TEST(Gemm, IsExactAtTheEdgesOfTheTile) {
  for (const product& row : products()) {
    const kernel_sizes& size = row.kernel;
    // Products of few rows run in another kernel.
    const std::size_t beyond = fb::detail::few_rows / size.mr * size.mr + size.mr;
    for (const std::size_t m : {std::size_t{1}, size.mr - 1, size.mr, size.mr + 1, 2 * size.mr,
                                beyond - 1, beyond, beyond + 1})
      for (const std::size_t n : {std::size_t{1}, size.nr - 1, size.nr, size.nr + 1})
        for (const std::size_t k : {std::size_t{0}, std::size_t{1}, size.kr - 1, size.kr,
                                    size.kr + 1, std::size_t{5}, std::size_t{67}}) {
          problem p(row, m, n, k);
          p.fill(filling::small_integers);
          p.run();
          p.expect_exact();
          if (testing::Test::HasFailure()) return;
        }
  }
}

TEST(Gemm, IsExactBeyondTheBlocks) {
  for (const product& row : products()) {
    const kernel_sizes& size = row.kernel;
    for (const std::size_t k : {size.kc - 1, size.kc, size.kc + 1, 2 * size.kc + 3}) {
      problem p(row, size.mr + 1, 3, k);
      p.fill(filling::small_integers);
      p.run();
      p.expect_exact();
    }
    problem p(row, size.mc + 1, size.nc + 1, 3);
    p.fill(filling::small_integers);
    p.run();
    p.expect_exact();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Gemm, WritesNothingWhereCIsEmpty) {
  for (const product& row : products()) {
    for (const std::size_t k : {0U, 3U}) {
      problem(row, 0, 5, k).run();
      problem(row, 5, 0, k).run();
    }
  }
}

TEST(Gemm, SumsTheEndsOfTheIntegersWithoutSaturation) {
  for (const product& row : products()) {
    if (!row.is_integer) continue;
    for (const std::size_t k : {1U, 2U, 3U, 4U, 5U, 64U, 1000U}) {
      problem p(row, row.kernel.mr + 1, row.kernel.nr + 1, k);
      p.fill(filling::extremes);
      p.run();
      p.expect_exact();
    }
  }
}

TEST(Gemm, SumsIntegersUntilTheyLeave32Bits) {
  for (const product& row : products()) {
    if (std::strcmp(row.c.name, "int32") != 0) continue;
    const auto ends = [](const element& type) {
      const bool is_signed = std::strcmp(type.name, "int8") == 0;
      return std::vector<double>{is_signed ? -128.0 : 0.0, is_signed ? 127.0 : 255.0};
    };
    for (const double x : ends(row.a))
      for (const double y : ends(row.b)) {
        if (x * y == 0) continue;
        const double limit = x * y > 0 ? 2147483647.0 : 2147483648.0;
        problem p(row, 1, 1, static_cast<std::size_t>(limit / std::fabs(x * y)));
        for (std::size_t l = 0; l < p.a_values().size(); ++l) {
          p.set_a(0, l, x);
          p.set_b(l, 0, y);
        }
        p.run();
        p.expect_exact();
      }
  }
}

TEST(Gemm, StaysWithinTheBoundOfItsArithmetic) {
  for (const product& row : products()) {
    if (row.is_integer || row.c.bytes < 4) continue;
    if (row.is_double && row.c.bytes < 8) continue;
    const double unit = row.is_double ? 0x1p-53 : 0x1p-24;
    for (const std::size_t k :
         {std::size_t{1}, std::size_t{7}, std::size_t{100}, row.kernel.kc + 5}) {
      problem p(row, row.kernel.mr + 1, row.kernel.nr + 1, k);
      p.fill(filling::random);
      p.run();
      const double depth = static_cast<double>(k);
      const double gamma = depth * unit / (1 - depth * unit);
      for (std::size_t i = 0; i < row.kernel.mr + 1; ++i)
        for (std::size_t j = 0; j < row.kernel.nr + 1; ++j) {
          long double sum = 0, magnitude = 0;
          for (std::size_t l = 0; l < k; ++l) {
            const long double term = static_cast<long double>(p.a_values()[i * k + l]) *
                                     static_cast<long double>(p.b_values()[j * k + l]);
            sum += term;
            magnitude += std::fabs(term);
          }
          const long double got = static_cast<long double>(p.c_value(i, j));
          ASSERT_LE(std::fabs(got - sum), static_cast<long double>(gamma) * magnitude)
              << p.text() << " at " << i << ", " << j << ": got " << p.c_value(i, j) << ", want "
              << static_cast<double>(sum);
        }
    }
  }
}

TEST(Gemm, PropagatesNanAndInfinity) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto holds = [](const element& type, double value) {
    unsigned char bytes[8];
    type.store(value, false, bytes);
    return std::isnan(value) ? std::isnan(type.value(bytes)) : type.value(bytes) == value;
  };
  for (const product& row : products()) {
    const std::size_t m = row.kernel.mr + 1, n = row.kernel.nr + 1, k = 2 * row.kernel.kr + 1;
    for (const double special : {nan, infinity, -infinity}) {
      if (row.a.is_float && holds(row.a, special)) {
        problem p(row, m, n, k);
        p.fill(filling::small_integers);
        p.set_a(1, k - 1, special);
        p.set_a(m - 1, 0, special);
        p.run();
        p.expect_exact();
      }
      if (row.b.is_float && holds(row.b, special)) {
        problem p(row, m, n, k);
        p.fill(filling::small_integers);
        p.set_b(k - 1, n - 1, special);
        p.set_b(0, 0, special);
        p.set_b(1, 0, -special);
        p.run();
        p.expect_exact();
      }
    }
  }
}

// Small enough for any unit that flushes subnormals; none of them has to.
TEST(Gemm, TakesSubnormalsExactlyOrInTheBf16UnitAsZero) {
  for (const product& row : products()) {
    if (!row.a.is_float || !row.b.is_float || row.c.bytes < 4) continue;
    const double tiny = row.is_double ? 0x1p-1060 : 0x1p-130;
    problem p(row, 1, 1, 3);
    p.set_a(0, 0, tiny);
    p.set_a(0, 1, 3 * tiny);
    p.set_a(0, 2, 0);
    for (std::size_t l = 0; l < 3; ++l) p.set_b(l, 0, 1);
    p.run();
    const bool may_flush = row.kernel.kr == 2;
    if (may_flush && p.c_value(0, 0) == 0) continue;
    p.expect_exact();
  }
}

TEST(Gemm, GivesTheSameBitsOnEveryExecutor) {
  for (const product& row : products()) {
    if (row.a_is_transposed || !row.b_is_transposed) continue;
    problem p(row, row.kernel.mc + 1, row.kernel.nc + 1, 7);
    p.fill(row.is_integer ? filling::extremes : filling::random);
    p.run();
    const std::vector<unsigned char> want = p.c_bytes();
    p.run(runner::order::reverse);
    EXPECT_TRUE(p.c_bytes() == want) << p.text() << ", in reverse";
    p.run(runner::order::two_threads);
    EXPECT_TRUE(p.c_bytes() == want) << p.text() << ", on two threads";
  }
}

TEST(Gemm, TakesAWorkspaceOfAnyAlignment) {
  for (const product& row : products()) {
    const std::size_t m = row.kernel.mr + 1, n = row.kernel.nr + 1, k = row.kernel.kr + 1;
    std::vector<unsigned char> a((m + k) * (m + k) * 8), b((n + k) * (n + k) * 8), want(m * n * 8);
    for (unsigned char& x : a) x = static_cast<unsigned char>(next_random() & 0x3f);
    for (unsigned char& x : b) x = static_cast<unsigned char>(next_random() & 0x3f);
    const std::size_t bytes = row.workspace_bytes(m, n, k);
    std::vector<unsigned char> got(want.size());
    // Memory that ends at the guard page, and that much before it.
    for (std::size_t shift = 0; shift < 64; ++shift) {
      unsigned char* const before = memory().workspace.ending(64 + bytes + shift);
      unsigned char* const workspace = before + 64;
      std::memset(before, untouched, 64 + bytes + shift);
      row.run({m, n, k, a.data(), b.data(), got.data(), row.a_is_transposed ? m : k,
               row.b_is_transposed ? k : n, n, workspace, bytes, runner::executor()});
      if (shift == 0) want = got;
      ASSERT_TRUE(got == want) << name_of(row) << ", workspace " << shift << " before the end";
      for (std::size_t i = 0; i < 64; ++i)
        ASSERT_EQ(before[i], untouched) << name_of(row) << ", before the workspace";
      for (std::size_t i = 0; i < shift; ++i)
        ASSERT_EQ(workspace[bytes + i], untouched) << name_of(row) << ", after the workspace";
    }
  }
}

TEST(Gemm, AllocatesItsWorkspaceWhereNoneIsPassed) {
  const float x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 0, 2, -1, 1, 0};
  float y[4];
  const fb::matrix_view<const float> a(x, 2, 3), b(w, 2, 3);
  const fb::matrix_view<float> c(y, 2, 2);
  fb::gemm(a, fb::transposed(b), c);
  EXPECT_EQ(std::vector<float>(y, y + 4), (std::vector<float>{7, 1, 16, 1}));
  fb::gemm(runner::executor(runner::order::two_threads), a, fb::transposed(b), c, fb::relu{});
  EXPECT_EQ(std::vector<float>(y, y + 4), (std::vector<float>{7, 1, 16, 1}));
  fb::gemm(a, fb::transposed(fb::transposed(fb::transposed(b))), c, fb::scale_bias{.scale = 2});
  EXPECT_EQ(std::vector<float>(y, y + 4), (std::vector<float>{14, 2, 32, 2}));
}

constexpr std::size_t constant_query = fb::gemm_workspace_bytes(
    fb::matrix_view<const float>(nullptr, 64, 256), fb::matrix_view<const float>(nullptr, 256, 10));
static_assert(constant_query >= (64 + 10) * 256 * sizeof(float));

}  // namespace

const std::vector<product>& products() {
  static const std::vector<product> rows = make_products();
  return rows;
}

std::string name_of(const product& row) {
  std::string text = row.a.name;
  text += row.a_is_transposed ? "^T * " : " * ";
  text += row.b.name;
  text += row.b_is_transposed ? "^T -> " : " -> ";
  text += row.c.name;
  text += " / ";
  text += row.isa;
  return text;
}

std::uint64_t next_random() {
  static std::uint64_t state = 1;
  std::uint64_t x = state += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

problem::problem(const product& row, std::size_t m, std::size_t n, std::size_t k)
    : row_(row),
      m_(m),
      n_(n),
      k_(k),
      a_rows_(row.a_is_transposed ? k : m),
      a_cols_(row.a_is_transposed ? m : k),
      b_rows_(row.b_is_transposed ? n : k),
      b_cols_(row.b_is_transposed ? k : n),
      a_(memory().a.ending(matrix_bytes(a_rows_, a_cols_, row.a.bytes))),
      b_(memory().b.ending(matrix_bytes(b_rows_, b_cols_, row.b.bytes))),
      c_(memory().c.ending(matrix_bytes(m, n, row.c.bytes))),
      a_values_(m * k),
      b_values_(n * k) {}

void problem::fill(filling how) {
  const auto draw = [how](const element& type) -> double {
    const std::uint64_t bits = next_random();
    const bool is_signed = std::strcmp(type.name, "uint8") != 0;
    if (how == filling::small_integers)
      return static_cast<double>(bits % 5) - (is_signed ? 2.0 : 0.0);
    if (how == filling::extremes) {
      const double low = is_signed ? -128 : 0;
      return bits % 3 == 0   ? low
             : bits % 3 == 1 ? low + 255
                             : low + static_cast<double>(bits / 3 % 256);
    }
    const double fraction = 1 + static_cast<double>(bits >> 12) * 0x1p-52;
    const double magnitude = std::ldexp(fraction, static_cast<int>(bits % 7) - 5);
    if (!type.is_float) return static_cast<double>(bits % 100);
    return (bits & 64) != 0 ? -magnitude : magnitude;
  };
  for (std::size_t i = 0; i < m_; ++i)
    for (std::size_t l = 0; l < k_; ++l) set_a(i, l, draw(row_.a));
  for (std::size_t j = 0; j < n_; ++j)
    for (std::size_t l = 0; l < k_; ++l) set_b(l, j, draw(row_.b));
}

void problem::set_a(std::size_t i, std::size_t l, double value) {
  const std::size_t index =
      row_.a_is_transposed ? l * (a_cols_ + gap) + i : i * (a_cols_ + gap) + l;
  unsigned char* const place = a_ + index * row_.a.bytes;
  row_.a.store(value, true, place);
  a_values_[i * k_ + l] = row_.a.value(place);
}

void problem::set_b(std::size_t l, std::size_t j, double value) {
  const std::size_t index =
      row_.b_is_transposed ? j * (b_cols_ + gap) + l : l * (b_cols_ + gap) + j;
  unsigned char* const place = b_ + index * row_.b.bytes;
  row_.b.store(value, true, place);
  b_values_[j * k_ + l] = row_.b.value(place);
}

void problem::run(runner::order how) {
  const std::size_t bytes = row_.workspace_bytes(m_, n_, k_);
  unsigned char* const workspace = memory().workspace.ending(bytes);
  std::memset(workspace, untouched, bytes);
  std::memset(c_, untouched, matrix_bytes(m_, n_, row_.c.bytes));
  row_.run({m_, n_, k_, a_, b_, c_, a_cols_ + gap, b_cols_ + gap, n_ + gap, workspace, bytes,
            runner::executor(how)});
}

double problem::c_value(std::size_t i, std::size_t j) const {
  return row_.c.value(c_ + (i * (n_ + gap) + j) * row_.c.bytes);
}

std::vector<unsigned char> problem::c_bytes() const {
  return {c_, c_ + matrix_bytes(m_, n_, row_.c.bytes)};
}

void problem::expect_exact() const {
  std::vector<unsigned char> want(matrix_bytes(m_, n_, row_.c.bytes), untouched);
  for (std::size_t i = 0; i < m_; ++i)
    for (std::size_t j = 0; j < n_; ++j) {
      double sum = 0;
      for (std::size_t l = 0; l < k_; ++l) sum += a_values_[i * k_ + l] * b_values_[j * k_ + l];
      unsigned char* const place = want.data() + (i * (n_ + gap) + j) * row_.c.bytes;
      row_.c.store(sum, row_.is_double, place);
      // Which NaN it is depends on the instruction.
      const unsigned char* const got = c_ + (i * (n_ + gap) + j) * row_.c.bytes;
      if (std::isnan(sum) && std::isnan(row_.c.value(got))) std::memcpy(place, got, row_.c.bytes);
      if (std::memcmp(place, got, row_.c.bytes) != 0) {
        ADD_FAILURE() << text() << " at " << i << ", " << j << ": got " << c_value(i, j)
                      << ", want " << row_.c.value(place);
        return;
      }
    }
  EXPECT_TRUE(c_bytes() == want) << text() << ": the gaps between the rows of C changed";
}

std::string problem::text() const {
  return name_of(row_) + ", m " + std::to_string(m_) + ", n " + std::to_string(n_) + ", k " +
         std::to_string(k_);
}
