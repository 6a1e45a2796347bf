// SPDX-License-Identifier: MIT
// The shape of a transformer, and how many parameters it has.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/memory/bytes.hpp>

#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

enum class block_style : unsigned char {
  llama,  ///< RMSNorm, gate, up and down matrices, no biases, no dropout
  gpt,    ///< LayerNorm, two MLP matrices, biases, dropout, learned positions
};

/// A decoder. Requires heads and kv_heads of at least 1; the heads divide `hidden`.
struct model_shape {
  std::uint64_t vocabulary = 0;
  std::uint64_t hidden = 0;
  std::uint64_t layers = 0;
  std::uint64_t heads = 1;
  std::uint64_t kv_heads = 1;  ///< below `heads`: grouped-query attention
  std::uint64_t ffn = 0;       ///< width of the MLP
  block_style style = block_style::llama;
  bool tied = false;            ///< one matrix for embedding and output
  std::uint64_t positions = 0;  ///< learned ones (gpt)
  std::uint64_t window = 0;     ///< sliding-window attention keeps so many tokens; 0, all
  std::uint64_t latent = 0;     ///< MLA: numbers cached a token and layer, instead of K and V
};

/// Published shapes.
namespace models {

inline constexpr model_shape llama2_7b{
    .vocabulary = 32000, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 32, .ffn = 11008};
inline constexpr model_shape llama2_13b{
    .vocabulary = 32000, .hidden = 5120, .layers = 40, .heads = 40, .kv_heads = 40, .ffn = 13824};
inline constexpr model_shape llama2_70b{
    .vocabulary = 32000, .hidden = 8192, .layers = 80, .heads = 64, .kv_heads = 8, .ffn = 28672};
inline constexpr model_shape llama3_8b{
    .vocabulary = 128256, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 8, .ffn = 14336};
inline constexpr model_shape llama3_70b{
    .vocabulary = 128256, .hidden = 8192, .layers = 80, .heads = 64, .kv_heads = 8, .ffn = 28672};

}  // namespace models

namespace detail {

/// Width of the keys, or of the values, of a token.
FEWBITS_INLINE constexpr count kv_width(const model_shape& model) {
  FEWBITS_ASSERT(model.heads > 0 && model.kv_heads > 0 && model.hidden % model.heads == 0,
                 "model_shape: %llu heads, %llu of keys and values, must divide a width of %llu",
                 static_cast<unsigned long long>(model.heads),
                 static_cast<unsigned long long>(model.kv_heads),
                 static_cast<unsigned long long>(model.hidden));
  return count{model.kv_heads} * count{model.hidden / model.heads};
}

/// Of the norm after the layers.
FEWBITS_INLINE constexpr std::uint64_t last_norm_parameters(const model_shape& model) {
  const count vectors{model.style == block_style::llama ? std::uint64_t{1} : std::uint64_t{2}};
  return (vectors * count{model.hidden}).value;
}

/// Vectors of a model: norms and biases.
FEWBITS_INLINE constexpr count vector_parameters(const model_shape& model) {
  const count h{model.hidden};
  const count last{last_norm_parameters(model)};
  if (model.style == block_style::llama) return count{model.layers} * count{2} * h + last;
  const count biases = h + count{2} * kv_width(model) + h + count{model.ffn} + h;
  return count{model.layers} * (biases + count{4} * h) + last;
}

FEWBITS_INLINE constexpr count embeddings(const model_shape& model) {
  return {model.tied ? std::uint64_t{1} : std::uint64_t{2}};
}

FEWBITS_INLINE constexpr count mlp_matrices(const model_shape& model) {
  return {model.style == block_style::llama ? std::uint64_t{3} : std::uint64_t{2}};
}

}  // namespace detail

/// Number of parameters, all of them, or `unbounded`. Exact for LLaMA 1 to 3 and GPT-2.
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t parameter_count(const model_shape& model) {
  using detail::count;
  const count h{model.hidden};
  const count attention = count{2} * h * h + count{2} * h * detail::kv_width(model);
  const count mlp = detail::mlp_matrices(model) * h * count{model.ffn};
  const count outside =
      detail::embeddings(model) * count{model.vocabulary} * h + count{model.positions} * h;
  return (outside + count{model.layers} * (attention + mlp) + detail::vector_parameters(model))
      .value;
}

/// Parameters of the largest single matrix: what ZeRO 3 must gather at once.
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t largest_matrix(const model_shape& model) {
  const std::uint64_t widest = model.vocabulary > model.ffn ? model.vocabulary : model.ffn;
  return (detail::count{widest > model.hidden ? widest : model.hidden} *
          detail::count{model.hidden})
      .value;
}

/// Numbers in a factored second moment: rows + cols of every matrix, and every vector whole
/// (Shazeer & Stern, "Adafactor", 2018).
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t factored_count(const model_shape& model) {
  using detail::count;
  const count h{model.hidden};
  const count attention = count{4} * h + count{2} * (h + detail::kv_width(model));
  const count mlp = detail::mlp_matrices(model) * (h + count{model.ffn});
  const count positions = model.positions == 0 ? count{0} : count{model.positions} + h;
  return (detail::embeddings(model) * (count{model.vocabulary} + h) + positions +
          count{model.layers} * (attention + mlp) + detail::vector_parameters(model))
      .value;
}

/// Parameters that low-rank adaptation adds to a rows x cols matrix (Hu et al., "LoRA", 2021).
[[nodiscard]] FEWBITS_INLINE constexpr std::uint64_t adapter_count(std::uint64_t rank,
                                                                   std::uint64_t rows,
                                                                   std::uint64_t cols) {
  using detail::count;
  return (count{rank} * (count{rows} + count{cols})).value;
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
