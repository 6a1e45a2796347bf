// SPDX-License-Identifier: MIT
// The elementary functions to 62 bits and a sticky one: by MPFR with FEWBITS_HAVE_MPFR, else by the C
// library in long double, whose last bits are not to be trusted.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "support/oracle.hpp"

#if !defined(FEWBITS_HAVE_MPFR)
#define FEWBITS_HAVE_MPFR 0
#endif
#if FEWBITS_HAVE_MPFR
#include <mpfr.h>
#endif

// name, function of MPFR
#define FEWBITS_UNARY_FUNCTIONS(ROW) \
  ROW(exp, mpfr_exp)                 \
  ROW(exp2, mpfr_exp2)               \
  ROW(expm1, mpfr_expm1)             \
  ROW(log, mpfr_log)                 \
  ROW(log2, mpfr_log2)               \
  ROW(log10, mpfr_log10)             \
  ROW(log1p, mpfr_log1p)             \
  ROW(cbrt, mpfr_cbrt)               \
  ROW(sin, mpfr_sin)                 \
  ROW(cos, mpfr_cos)                 \
  ROW(tan, mpfr_tan)                 \
  ROW(asin, mpfr_asin)               \
  ROW(acos, mpfr_acos)               \
  ROW(atan, mpfr_atan)               \
  ROW(sinh, mpfr_sinh)               \
  ROW(cosh, mpfr_cosh)               \
  ROW(tanh, mpfr_tanh)               \
  ROW(asinh, mpfr_asinh)             \
  ROW(acosh, mpfr_acosh)             \
  ROW(atanh, mpfr_atanh)             \
  ROW(erf, mpfr_erf)                 \
  ROW(erfc, mpfr_erfc)               \
  ROW(tgamma, mpfr_gamma)            \
  ROW(lgamma, elementary::log_gamma)

#define FEWBITS_BINARY_FUNCTIONS(ROW) \
  ROW(pow, mpfr_pow)                  \
  ROW(atan2, mpfr_atan2)              \
  ROW(hypot, mpfr_hypot)

namespace elementary {

inline constexpr bool has_mpfr = FEWBITS_HAVE_MPFR != 0;

/// Two numbers between which the exact result lies; equal if it is known well enough to be rounded.
struct enclosure {
  oracle::number low, high;
};

/// significand * 2^exponent, and whether something nonzero was left out; clamped to exponents beyond
/// every format, because the oracle's integers are short.
inline oracle::number sticky_number(bool negative, std::uint64_t significand, long exponent,
                                    bool inexact) {
  const long clamped = exponent > 2000 ? 2000 : exponent < -2000 ? -2000 : exponent;
  return oracle::finite(negative, significand * 2 + (inexact ? 1U : 0U),
                        static_cast<int>(clamped) - 1);
}

#if FEWBITS_HAVE_MPFR

inline int log_gamma(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t round) {
  int sign;
  return mpfr_lgamma(y, &sign, x, round);
}

/// A variable of MPFR.
class variable {
 public:
  explicit variable(mpfr_prec_t precision) { mpfr_init2(value_, precision); }
  ~variable() { mpfr_clear(value_); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  operator mpfr_ptr() { return value_; }

 private:
  mpfr_t value_;
};

inline constexpr int precision = 62;

/// What was computed toward zero with `precision` bits.
inline oracle::number number_of(mpfr_ptr y, bool inexact) {
  const bool negative = mpfr_signbit(y) != 0;
  if (mpfr_nan_p(y) != 0) return oracle::nan();
  if (mpfr_inf_p(y) != 0) return oracle::infinity(negative);
  if (mpfr_zero_p(y) != 0)
    return inexact ? oracle::finite(negative, 1, -2000) : oracle::finite(negative, 0, 0);
  const long exponent = mpfr_get_exp(y) - precision;
  mpfr_mul_2si(y, y, -exponent, MPFR_RNDZ);
  mpfr_abs(y, y, MPFR_RNDZ);
  return sticky_number(negative, mpfr_get_ui(y, MPFR_RNDZ), exponent, inexact);
}

inline enclosure unary(int (*function)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t), double x) {
  static variable argument(53), result(precision);
  mpfr_set_d(argument, x, MPFR_RNDN);
  const int inexact = function(result, argument, MPFR_RNDZ);
  const oracle::number y = number_of(result, inexact != 0);
  return {y, y};
}
inline enclosure binary(int (*function)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t), double x,
                        double y) {
  static variable left(53), right(53), result(precision);
  mpfr_set_d(left, x, MPFR_RNDN);
  mpfr_set_d(right, y, MPFR_RNDN);
  const int inexact = function(result, left, right, MPFR_RNDZ);
  const oracle::number z = number_of(result, inexact != 0);
  return {z, z};
}
#define FEWBITS_UNARY_REFERENCE(name, mpfr) \
  inline enclosure name(double x) { return unary(mpfr, x); }
#define FEWBITS_BINARY_REFERENCE(name, mpfr) \
  inline enclosure name(double x, double y) { return binary(mpfr, x, y); }

#else

inline enclosure enclose(long double y) {
  if (std::isnan(y)) return {oracle::nan(), oracle::nan()};
  const bool negative = std::signbit(y);
  if (std::isinf(y)) return {oracle::infinity(negative), oracle::infinity(negative)};
  if (y == 0) return {oracle::finite(negative, 0, 0), oracle::finite(negative, 0, 0)};
  int exponent = 0;
  const long double fraction = std::frexp(std::fabs(y), &exponent);
  const auto significand = static_cast<std::uint64_t>(std::ldexp(fraction, 62));
  const std::uint64_t error = std::numeric_limits<long double>::digits > 53 ? 16 : 4096;
  return {sticky_number(negative, significand - error, exponent - 62, true),
          sticky_number(negative, significand + error, exponent - 62, true)};
}
#define FEWBITS_UNARY_REFERENCE(name, mpfr) \
  inline enclosure name(double x) { return enclose(std::name(static_cast<long double>(x))); }
#define FEWBITS_BINARY_REFERENCE(name, mpfr)                                             \
  inline enclosure name(double x, double y) {                                            \
    return enclose(std::name(static_cast<long double>(x), static_cast<long double>(y))); \
  }

#endif

FEWBITS_UNARY_FUNCTIONS(FEWBITS_UNARY_REFERENCE)
FEWBITS_BINARY_FUNCTIONS(FEWBITS_BINARY_REFERENCE)
#undef FEWBITS_UNARY_REFERENCE
#undef FEWBITS_BINARY_REFERENCE

/// One function of one type, on codes, and what it should be.
struct unary_row {
  const char* name;
  std::uint64_t (*function)(std::uint64_t);
  enclosure (*reference)(double);
};
struct binary_row {
  const char* name;
  std::uint64_t (*function)(std::uint64_t, std::uint64_t);
  enclosure (*reference)(double, double);
};

/// The double that a number with denominator 1 and at most 53 bits is.
inline double double_of(const oracle::number& x) {
  const oracle::reference& fp64 = oracle::fp64();
  return oracle::double_from(fp64.encode(x));
}

/// Whether `code` is the result of a function whose operands' first NaN, if any, is `nan`.
inline bool is_right(const oracle::reference& format, std::uint64_t code, const enclosure& exact,
                     const oracle::number* nan) {
  if (exact.low.is_nan()) return code == format.encode(nan != nullptr ? *nan : exact.low);
  return code == format.encode(exact.low) || code == format.encode(exact.high);
}

}  // namespace elementary
