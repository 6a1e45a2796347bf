// SPDX-License-Identifier: MIT
// Conversions against those that the headers of the CUDA toolkit (12.8 or later) do on the host.
//
// Left out, where CUDA differs on purpose:
// - NaN: CUDA drops its sign or chooses another one. Both must be some NaN, or, in FP6 and FP4, which
//   have none, the largest value of either sign.
// - scale_e8m0: CUDA converts |x|; a negative number is NaN here. So |x| is converted.
#include <fewbits/value.hpp>

#include "gtest/gtest.h"

#if defined(FEWBITS_HAVE_CUDA_HEADERS)
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>
#include <limits>
#include <string>
#include <vector>

#include "support/compare.hpp"
#include "support/oracle.hpp"
#include "support/random_words.hpp"
#include "support/typed.hpp"

namespace {

namespace fb = fewbits;
using compare::checker;
using fb::overflow;
using fb::rounding;
using typed::from_code;
using u64 = std::uint64_t;

// A source is float, double, fb::fp16 or fb::bf16. -------------------------------------------------

__half_raw raw(fb::fp16 x) {
  __half_raw result;
  result.x = x.bits();
  return result;
}
__nv_bfloat16_raw raw(fb::bf16 x) {
  __nv_bfloat16_raw result;
  result.x = x.bits();
  return result;
}

template <__nv_fp8_interpretation_t Kind, __nv_saturation_t Saturation>
struct to_fp8 {
  u64 operator()(float x) const { return __nv_cvt_float_to_fp8(x, Saturation, Kind); }
  u64 operator()(double x) const { return __nv_cvt_double_to_fp8(x, Saturation, Kind); }
  u64 operator()(fb::fp16 x) const { return __nv_cvt_halfraw_to_fp8(raw(x), Saturation, Kind); }
  u64 operator()(fb::bf16 x) const { return __nv_cvt_bfloat16raw_to_fp8(raw(x), Saturation, Kind); }
};
template <__nv_fp6_interpretation_t Kind, cudaRoundMode Round>
struct to_fp6 {
  u64 operator()(float x) const { return __nv_cvt_float_to_fp6(x, Kind, Round); }
  u64 operator()(double x) const { return __nv_cvt_double_to_fp6(x, Kind, Round); }
  u64 operator()(fb::fp16 x) const { return __nv_cvt_halfraw_to_fp6(raw(x), Kind, Round); }
  u64 operator()(fb::bf16 x) const { return __nv_cvt_bfloat16raw_to_fp6(raw(x), Kind, Round); }
};
template <cudaRoundMode Round>
struct to_fp4 {
  u64 operator()(float x) const { return __nv_cvt_float_to_fp4(x, __NV_E2M1, Round); }
  u64 operator()(double x) const { return __nv_cvt_double_to_fp4(x, __NV_E2M1, Round); }
  u64 operator()(fb::fp16 x) const { return __nv_cvt_halfraw_to_fp4(raw(x), __NV_E2M1, Round); }
  u64 operator()(fb::bf16 x) const { return __nv_cvt_bfloat16raw_to_fp4(raw(x), __NV_E2M1, Round); }
};
template <__nv_saturation_t Saturation, cudaRoundMode Round>
struct to_e8m0 {
  u64 operator()(float x) const { return __nv_cvt_float_to_e8m0(x, Saturation, Round); }
  u64 operator()(double x) const { return __nv_cvt_double_to_e8m0(x, Saturation, Round); }
  u64 operator()(fb::bf16 x) const {
    return __nv_cvt_bfloat16raw_to_e8m0(raw(x), Saturation, Round);
  }
};

u64 bits_of(__half x) { return static_cast<__half_raw>(x).x; }
u64 bits_of(__nv_bfloat16 x) { return static_cast<__nv_bfloat16_raw>(x).x; }

// Inputs. -----------------------------------------------------------------------------------------

/// Specials; every value of a format and midpoint of two, with what is next to them; a stride.
std::vector<float> floats_for(const oracle::reference& format) {
  std::vector<float> inputs;
  const auto add = [&inputs](float x) {
    inputs.push_back(x);
    inputs.push_back(-x);
  };
  const auto add_near = [&add](float x) {
    add(std::nextafter(x, 0.0f));
    add(x);
    add(std::nextafter(x, std::numeric_limits<float>::infinity()));
  };
  for (const std::uint32_t bits : {0x7f800000U, 0x7f800001U, 0x7fc00000U, 0x7fffffffU, 0x7fa12345U,
                                   0x7f7fffffU, 0U, 1U, 0x007fffffU, 0x00800000U})
    add(oracle::float_from(bits));
  for (const oracle::point& p : format.points()) {
    add_near(static_cast<float>(std::ldexp(static_cast<double>(p.significand), p.exponent)));
    const double above = static_cast<double>(2 * p.significand + 1);
    add_near(static_cast<float>(std::ldexp(above, p.exponent - 1)));
  }
  for (std::uint64_t bits = 0; bits < u64{1} << 32; bits += 32771)
    inputs.push_back(oracle::float_from(static_cast<std::uint32_t>(bits)));
  return inputs;
}

/// The same as doubles, what is next to them, and numbers across the range of FP64.
std::vector<double> doubles_for(const oracle::reference& format) {
  std::vector<double> inputs;
  for (const float x : floats_for(format)) {
    const auto wide = static_cast<double>(x);
    inputs.push_back(wide);
    inputs.push_back(std::nextafter(wide, 0.0));
    inputs.push_back(std::nextafter(wide, wide * 2));
  }
  random_words next(31);
  for (int i = 0; i < 20000; ++i) inputs.push_back(oracle::double_from(next()));
  for (const double x : {std::numeric_limits<double>::infinity(), 0x1p-1074, 0x1p-1022, 0x1p1023,
                         std::numeric_limits<double>::max()}) {
    inputs.push_back(x);
    inputs.push_back(-x);
  }
  return inputs;
}

template <class Type>
std::vector<Type> every(const char* name) {
  std::vector<Type> inputs;
  for (u64 code = 0; code < oracle::of(name).code_count(); ++code)
    inputs.push_back(from_code<Type>(code));
  return inputs;
}

struct inputs {
  explicit inputs(const char* name)
      : format(oracle::of(name)), floats(floats_for(format)), doubles(doubles_for(format)) {}
  const oracle::reference& format;
  std::vector<float> floats;
  std::vector<double> doubles;
};

// Comparison. -------------------------------------------------------------------------------------

/// got(x) and want(x) for every input; NaN as said at the top.
template <class From>
void check_all(const oracle::reference& format, const std::vector<From>& from, u64 (*got)(From),
               u64 (*want)(From), const char* what) {
  checker check;
  const oracle::format& f = format.description();
  for (const From x : from) {
    const u64 ours = got(x), theirs = want(x);
    const auto value = static_cast<double>(x);
    const bool both_nan = std::isnan(value) && f.is_nan(ours) && f.is_nan(theirs);
    const bool both_largest = std::isnan(value) && f.nan == oracle::nans::none &&
                              (ours & f.top()) == f.top() && (theirs & f.top()) == f.top();
    check.expect(ours == theirs || both_nan || both_largest, [&] {
      char text[64];
      std::snprintf(text, sizeof text, "%a", value);
      return std::string(what) + " of " + text + "\n  got  " + format.name_and(ours) + "\n  CUDA " +
             format.describe(theirs);
    });
  }
}

template <class To, fb::cast_policy Policy, class Cuda, class From>
void check_from(const oracle::reference& format, const std::vector<From>& from, const char* what) {
  check_all<From>(
      format, from, [](From x) -> u64 { return fb::convert<To, Policy>(x).bits(); },
      [](From x) -> u64 { return Cuda{}(x); }, what);
}

template <class To, fb::cast_policy Policy, class Cuda>
void check_sources(const inputs& in, const char* what) {
  check_from<To, Policy, Cuda, float>(in.format, in.floats, what);
  check_from<To, Policy, Cuda, double>(in.format, in.doubles, what);
  check_from<To, Policy, Cuda, fb::fp16>(in.format, every<fb::fp16>("fp16"), what);
  check_from<To, Policy, Cuda, fb::bf16>(in.format, every<fb::bf16>("bf16"), what);
}

TEST(CudaHost, ToFp8) {
  const inputs e4m3("fp8_e4m3"), e5m2("fp8_e5m2");
  check_sources<fb::fp8_e4m3, fb::saturating, to_fp8<__NV_E4M3, __NV_SATFINITE>>(e4m3, "satfinite");
  check_sources<fb::fp8_e4m3, fb::cast_policy{}, to_fp8<__NV_E4M3, __NV_NOSAT>>(e4m3, "nosat");
  check_sources<fb::fp8_e5m2, fb::saturating, to_fp8<__NV_E5M2, __NV_SATFINITE>>(e5m2, "satfinite");
  check_sources<fb::fp8_e5m2, fb::cast_policy{}, to_fp8<__NV_E5M2, __NV_NOSAT>>(e5m2, "nosat");
}

constexpr fb::cast_policy cut{rounding::toward_zero, overflow::saturate};

TEST(CudaHost, ToFp6AndFp4) {
  const inputs e2m3("fp6_e2m3"), e3m2("fp6_e3m2"), e2m1("fp4_e2m1");
  check_sources<fb::fp6_e2m3, fb::saturating, to_fp6<__NV_E2M3, cudaRoundNearest>>(e2m3, "nearest");
  check_sources<fb::fp6_e2m3, cut, to_fp6<__NV_E2M3, cudaRoundZero>>(e2m3, "toward zero");
  check_sources<fb::fp6_e3m2, fb::saturating, to_fp6<__NV_E3M2, cudaRoundNearest>>(e3m2, "nearest");
  check_sources<fb::fp6_e3m2, cut, to_fp6<__NV_E3M2, cudaRoundZero>>(e3m2, "toward zero");
  check_sources<fb::fp4_e2m1, fb::saturating, to_fp4<cudaRoundNearest>>(e2m1, "nearest");
  check_sources<fb::fp4_e2m1, cut, to_fp4<cudaRoundZero>>(e2m1, "toward zero");
}

fb::bf16 magnitude(fb::bf16 x) { return fb::abs(x); }
float magnitude(float x) { return std::fabs(x); }
double magnitude(double x) { return std::fabs(x); }

template <fb::cast_policy Policy, class Cuda, class From>
void check_scales_from(const inputs& in, const std::vector<From>& from, const char* what) {
  check_all<From>(
      in.format, from,
      [](From x) -> u64 { return fb::convert<fb::scale_e8m0, Policy>(magnitude(x)).bits(); },
      [](From x) -> u64 { return Cuda{}(x); }, what);
}
template <rounding Round, overflow Over, class Cuda>
void check_scales(const inputs& in, const char* what) {
  constexpr fb::cast_policy policy{Round, Over};
  check_scales_from<policy, Cuda, float>(in, in.floats, what);
  check_scales_from<policy, Cuda, double>(in, in.doubles, what);
  check_scales_from<policy, Cuda, fb::bf16>(in, every<fb::bf16>("bf16"), what);
}

TEST(CudaHost, ToE8m0) {
  const inputs in("scale_e8m0");
  check_scales<rounding::toward_zero, overflow::saturate, to_e8m0<__NV_SATFINITE, cudaRoundZero>>(
      in, "toward zero, satfinite");
  check_scales<rounding::toward_zero, overflow::ieee, to_e8m0<__NV_NOSAT, cudaRoundZero>>(
      in, "toward zero, nosat");
  check_scales<rounding::toward_positive, overflow::saturate,
               to_e8m0<__NV_SATFINITE, cudaRoundPosInf>>(in, "toward positive, satfinite");
  check_scales<rounding::toward_positive, overflow::ieee, to_e8m0<__NV_NOSAT, cudaRoundPosInf>>(
      in, "toward positive, nosat");
}

#define FEWBITS_CHECK(in, From, from, To, mode, function)                           \
  check_all<From>(                                                                  \
      in.format, from,                                                              \
      [](From x) -> u64 {                                                           \
        return fb::convert<To, fb::cast_policy{.round = rounding::mode}>(x).bits(); \
      },                                                                            \
      [](From x) -> u64 { return bits_of(function(x)); }, #function)

TEST(CudaHost, ToFp16) {
  const inputs in("fp16");
  FEWBITS_CHECK(in, float, in.floats, fb::fp16, nearest_even, __float2half_rn);
  FEWBITS_CHECK(in, float, in.floats, fb::fp16, toward_zero, __float2half_rz);
  FEWBITS_CHECK(in, float, in.floats, fb::fp16, toward_negative, __float2half_rd);
  FEWBITS_CHECK(in, float, in.floats, fb::fp16, toward_positive, __float2half_ru);
  FEWBITS_CHECK(in, double, in.doubles, fb::fp16, nearest_even, __double2half);
}

TEST(CudaHost, ToBf16) {
  const inputs in("bf16");
  FEWBITS_CHECK(in, float, in.floats, fb::bf16, nearest_even, __float2bfloat16_rn);
  FEWBITS_CHECK(in, float, in.floats, fb::bf16, toward_zero, __float2bfloat16_rz);
  FEWBITS_CHECK(in, float, in.floats, fb::bf16, toward_negative, __float2bfloat16_rd);
  FEWBITS_CHECK(in, float, in.floats, fb::bf16, toward_positive, __float2bfloat16_ru);
  FEWBITS_CHECK(in, double, in.doubles, fb::bf16, nearest_even, __double2bfloat16);
}
#undef FEWBITS_CHECK

/// The value of every code.
template <class Type>
void check_decoding(const char* name, float (*cuda)(Type)) {
  checker check;
  for (const Type x : every<Type>(name)) {
    const auto ours = static_cast<float>(x);
    const float theirs = cuda(x);
    check.expect(
        std::isnan(ours) ? std::isnan(theirs) : oracle::bits_of(ours) == oracle::bits_of(theirs),
        [&] {
          return oracle::of(name).name_and(x.bits()) + ": " + std::to_string(ours) + ", CUDA has " +
                 std::to_string(theirs);
        });
  }
}

TEST(CudaHost, Decodes) {
  check_decoding<fb::fp8_e4m3>("fp8_e4m3", [](fb::fp8_e4m3 x) {
    return __half2float(__half(__nv_cvt_fp8_to_halfraw(x.bits(), __NV_E4M3)));
  });
  check_decoding<fb::fp8_e5m2>("fp8_e5m2", [](fb::fp8_e5m2 x) {
    return __half2float(__half(__nv_cvt_fp8_to_halfraw(x.bits(), __NV_E5M2)));
  });
  check_decoding<fb::fp6_e2m3>("fp6_e2m3", [](fb::fp6_e2m3 x) {
    return __half2float(__half(__nv_cvt_fp6_to_halfraw(x.bits(), __NV_E2M3)));
  });
  check_decoding<fb::fp6_e3m2>("fp6_e3m2", [](fb::fp6_e3m2 x) {
    return __half2float(__half(__nv_cvt_fp6_to_halfraw(x.bits(), __NV_E3M2)));
  });
  check_decoding<fb::fp4_e2m1>("fp4_e2m1", [](fb::fp4_e2m1 x) {
    return __half2float(__half(__nv_cvt_fp4_to_halfraw(x.bits(), __NV_E2M1)));
  });
  check_decoding<fb::scale_e8m0>("scale_e8m0", [](fb::scale_e8m0 x) {
    return __bfloat162float(__nv_bfloat16(__nv_cvt_e8m0_to_bf16raw(x.bits())));
  });
  check_decoding<fb::fp16>("fp16", [](fb::fp16 x) { return __half2float(__half(raw(x))); });
  check_decoding<fb::bf16>("bf16",
                           [](fb::bf16 x) { return __bfloat162float(__nv_bfloat16(raw(x))); });
}

}  // namespace
#else
TEST(CudaHost, Converts) { GTEST_SKIP() << "compiled without the headers of the CUDA toolkit"; }
#endif
