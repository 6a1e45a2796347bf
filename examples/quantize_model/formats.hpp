// SPDX-License-Identifier: MIT
// The formats by name, and which options they have.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "quantizers.hpp"

namespace quantize_model {

inline constexpr std::size_t default_group = 32;
inline constexpr const char* format_names[] = {"int8",  "int4",  "fp8_e4m3", "fp8_e5m2", "mxfp8",
                                               "mxfp4", "nvfp4", "nf4",      "bf16",     "fp16"};

/// What the user asked for.
struct recipe {
  std::string format = "int8";
  std::size_t group = default_group;  // elements of a row that share a scale; 0: the row
  bool has_group = false;             // said by the user
  method how = method::nearest;
  bool has_zero_point = false;

  [[nodiscard]] bool is_affine() const {
    return format == "int8" || format == "int4" || format == "fp8_e4m3" || format == "fp8_e5m2";
  }
  [[nodiscard]] bool is_grouped() const { return is_affine() || format == "nf4"; }
  /// "32" or "row"; empty where the format has no choice.
  [[nodiscard]] std::string group_name() const {
    return !is_grouped() ? "" : group == 0 ? "row" : std::to_string(group);
  }
};

inline std::unique_ptr<quantizer> nf4_of(std::size_t group) {
  switch (group) {
    case 32:
      return std::make_unique<nf4_quantizer<32>>();
    case 64:
      return std::make_unique<nf4_quantizer<64>>();
    case 128:
      return std::make_unique<nf4_quantizer<128>>();
    default:
      throw std::invalid_argument("--format nf4 has --group 32, 64 or 128");
  }
}

/// Throws std::invalid_argument, in words for the user.
inline std::unique_ptr<quantizer> make_quantizer(const recipe& wanted) {
  const std::string& name = wanted.format;
  if (wanted.has_group && !wanted.is_grouped())
    throw std::invalid_argument("--format " + name + " has no --group to choose");
  if (wanted.has_zero_point && name != "int8" && name != "int4")
    throw std::invalid_argument("--zero-point is for int8 and int4");
  if (wanted.has_zero_point && wanted.how == method::mse)
    throw std::invalid_argument("--zero-point goes with --method nearest");
  if (name == "int8")
    return std::make_unique<grouped<fb::int8>>(wanted.group, wanted.how, wanted.has_zero_point);
  if (name == "int4")
    return std::make_unique<grouped<fb::int4>>(wanted.group, wanted.how, wanted.has_zero_point);
  const auto clipped = [&](std::unique_ptr<quantizer> codec, std::size_t block,
                           int code_bits) -> std::unique_ptr<quantizer> {
    if (wanted.how == method::nearest) return codec;
    return std::make_unique<least_squares>(std::move(codec), block, code_bits);
  };
  if (name == "fp8_e4m3")
    return clipped(std::make_unique<grouped<fb::fp8_e4m3>>(wanted.group), wanted.group, 8);
  if (name == "fp8_e5m2")
    return clipped(std::make_unique<grouped<fb::fp8_e5m2>>(wanted.group), wanted.group, 8);
  if (name == "mxfp8") return std::make_unique<block_quantizer<fb::mxfp8_e4m3>>(wanted.how);
  if (name == "mxfp4") return std::make_unique<block_quantizer<fb::mxfp4>>(wanted.how);
  if (name == "nvfp4")
    return clipped(std::make_unique<block_quantizer<fb::nvfp4>>(method::nearest),
                   fb::nvfp4::block_size, 4);
  if (name == "nf4") return clipped(nf4_of(wanted.group), wanted.group, 4);
  if (name == "bf16") return std::make_unique<converter<fb::bf16>>();
  if (name == "fp16") return std::make_unique<converter<fb::fp16>>();
  std::string all;
  for (const char* const each : format_names) all += std::string(all.empty() ? "" : ", ") + each;
  throw std::invalid_argument("there is no --format " + name + "; there are " + all);
}

}  // namespace quantize_model
