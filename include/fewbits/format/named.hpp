// SPDX-License-Identifier: MIT
// The table of named formats: one row each. Aliases, names, type lists, tests and the table in the
// README all come from these rows.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/float_format.hpp>
#include <fewbits/format/int_format.hpp>

// name, descriptor, specification
#define FEWBITS_FLOAT_FORMATS(ROW)                                              \
  ROW(fp64, ieee(11, 52), "IEEE 754-2019 binary64")                             \
  ROW(fp32, ieee(8, 23), "IEEE 754-2019 binary32")                              \
  ROW(tf32, ieee(8, 10), "NVIDIA TF32, as a 19-bit code")                       \
  ROW(fp24, ieee(8, 15), "AMD fp24, as a 24-bit code")                          \
  ROW(fp16, ieee(5, 10), "IEEE 754-2019 binary16")                              \
  ROW(fp16_alt, finite(5, 10), "Arm alternative half precision (FPCR.AHP = 1)") \
  ROW(bf16, ieee(8, 7), "bfloat16")                                             \
  ROW(fp8_e4m3, fn(4, 3), "OCP OFP8 1.0 E4M3 (LLVM, ml_dtypes: float8_e4m3fn)") \
  ROW(fp8_e5m2, ieee(5, 2), "OCP OFP8 1.0 E5M2")                                \
  ROW(fp8_e4m3fnuz, fnuz(4, 3), "LLVM Float8E4M3FNUZ; P3109 Binary8p4sf")       \
  ROW(fp8_e5m2fnuz, fnuz(5, 2), "LLVM Float8E5M2FNUZ; P3109 Binary8p3sf")       \
  ROW(fp8_e4m3b11fnuz, with_bias(fnuz(4, 3), 11), "LLVM Float8E4M3B11FNUZ")     \
  ROW(fp8_e4m3_ieee, ieee(4, 3), "LLVM Float8E4M3")                             \
  ROW(fp8_e3m4, ieee(3, 4), "LLVM Float8E3M4")                                  \
  ROW(fp6_e2m3, finite(2, 3), "OCP MX 1.0 FP6 E2M3")                            \
  ROW(fp6_e3m2, finite(3, 2), "OCP MX 1.0 FP6 E3M2")                            \
  ROW(fp4_e2m1, finite(2, 1), "OCP MX 1.0 FP4 E2M1")                            \
  ROW(fp4_e3m0, finite(3, 0), "oneDNN f4_e3m0")                                 \
  ROW(scale_e8m0, scale(8), "OCP MX 1.0 E8M0 (LLVM Float8E8M0FNU)")             \
  ROW(scale_ue4m3, unsigned_fn(4, 3), "NVFP4 block scale, a 7-bit code")        \
  ROW(scale_ue5m3, unsigned_fn(5, 3), "CuTe Float8E5M3FNU block scale")

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace formats {

/// `format` with another exponent bias.
FEWBITS_INLINE constexpr float_format with_bias(float_format format, int bias) {
  format.bias = bias;
  return format;
}

/// As `fn`, without a sign bit.
FEWBITS_INLINE constexpr float_format unsigned_fn(int exponent_bits, int mantissa_bits) {
  float_format format = fn(exponent_bits, mantissa_bits);
  format.is_signed = false;
  return format;
}

#define FEWBITS_ROW(name, descriptor, specification) \
  inline constexpr float_format name = descriptor;
FEWBITS_FLOAT_FORMATS(FEWBITS_ROW)
#undef FEWBITS_ROW

inline constexpr int_format int8 = signed_int(8);
inline constexpr int_format uint8 = unsigned_int(8);
inline constexpr int_format int4 = signed_int(4);
inline constexpr int_format uint4 = unsigned_int(4);
inline constexpr int_format int2 = signed_int(2);
inline constexpr int_format uint2 = unsigned_int(2);

}  // namespace formats

/// A named format as data, for tables.
struct named_format {
  const char* name;
  float_format format;
  const char* specification;
};

/// The rows of the table.
inline constexpr named_format named_formats[] = {
#define FEWBITS_ROW(name, descriptor, specification) {#name, formats::name, specification},
    FEWBITS_FLOAT_FORMATS(FEWBITS_ROW)
#undef FEWBITS_ROW
};

/// The library's name of `format`, or "unnamed".
FEWBITS_INLINE constexpr const char* name_of(const float_format& format) {
  for (const named_format& row : named_formats)
    if (row.format == format) return row.name;
  return "unnamed";
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
