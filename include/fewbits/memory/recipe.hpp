// SPDX-License-Identifier: MIT
// Training recipes: which tensors an optimizer keeps for a parameter, in which formats.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/format/block_format.hpp>
#include <fewbits/format/named.hpp>
#include <fewbits/memory/table.hpp>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The formats of the tensors that hold one number a parameter. What is left out does not exist.
struct training_recipe {
  const char* name = "";
  number_format weights{};
  number_format master_weights{};
  number_format gradients{};
  number_format main_gradients{};  ///< a second copy, to add up or to step with
  number_format first_moment{};
  number_format second_moment{};
  number_format factored_moment{};  ///< Adafactor: rows + cols a matrix instead of a second moment
  number_format compensation{};
};

/// The recipes of the literature; Adam stands for AdamW too.
namespace recipes {

/// 256 8-bit codes and an FP32 scale (bitsandbytes); 128 4-bit codes and an FP32 scale.
inline constexpr number_format blocks_8bit{formats::grouped(formats::uint8, 256, formats::fp32),
                                           "uint8/256"};
inline constexpr number_format blocks_4bit{formats::grouped(formats::uint4, 128, formats::fp32),
                                           "uint4/128"};

/// 16 bytes a parameter.
inline constexpr training_recipe fp32_adam{.name = "fp32_adam",
                                           .weights = formats::fp32,
                                           .gradients = formats::fp32,
                                           .first_moment = formats::fp32,
                                           .second_moment = formats::fp32};
/// 14: sharp weights, 16-bit gradients; without the 16-bit copy of the weights.
inline constexpr training_recipe lesson{.name = "lesson",
                                        .weights = formats::fp32,
                                        .gradients = formats::fp16,
                                        .first_moment = formats::fp32,
                                        .second_moment = formats::fp32};
/// 16: Rajbhandari et al., "ZeRO", 2020, section 3.1: K = 12. The lesson's with the 16-bit copy.
inline constexpr training_recipe mixed_adam{.name = "mixed_adam",
                                            .weights = formats::fp16,
                                            .master_weights = formats::fp32,
                                            .gradients = formats::fp16,
                                            .first_moment = formats::fp32,
                                            .second_moment = formats::fp32};
/// 18: Megatron, and DeepSpeed's estimate of ZeRO 3.
inline constexpr training_recipe mixed_adam_fp32_gradients{.name = "mixed_adam_fp32_gradients",
                                                           .weights = formats::bf16,
                                                           .master_weights = formats::fp32,
                                                           .gradients = formats::fp32,
                                                           .first_moment = formats::fp32,
                                                           .second_moment = formats::fp32};
/// 20: DeepSpeed's estimate of ZeRO 2, gradients in both formats.
inline constexpr training_recipe mixed_adam_two_gradients{.name = "mixed_adam_two_gradients",
                                                          .weights = formats::fp16,
                                                          .master_weights = formats::fp32,
                                                          .gradients = formats::fp16,
                                                          .main_gradients = formats::fp32,
                                                          .first_moment = formats::fp32,
                                                          .second_moment = formats::fp32};
/// 8.
inline constexpr training_recipe fp32_sgd{
    .name = "fp32_sgd", .weights = formats::fp32, .gradients = formats::fp32};
/// 12.
inline constexpr training_recipe fp32_momentum{.name = "fp32_momentum",
                                               .weights = formats::fp32,
                                               .gradients = formats::fp32,
                                               .first_moment = formats::fp32};
/// 12: one moment. Adagrad's sum and Muon's matrices take the same.
inline constexpr training_recipe mixed_lion{.name = "mixed_lion",
                                            .weights = formats::bf16,
                                            .master_weights = formats::fp32,
                                            .gradients = formats::bf16,
                                            .first_moment = formats::fp32};
/// 8, and 4 bytes for each row and column of a matrix.
inline constexpr training_recipe mixed_adafactor{.name = "mixed_adafactor",
                                                 .weights = formats::bf16,
                                                 .master_weights = formats::fp32,
                                                 .gradients = formats::bf16,
                                                 .factored_moment = formats::fp32};
/// 10.03: Dettmers et al., "8-bit Optimizers via Block-wise Quantization", 2022.
inline constexpr training_recipe mixed_adam_8bit{.name = "mixed_adam_8bit",
                                                 .weights = formats::bf16,
                                                 .master_weights = formats::fp32,
                                                 .gradients = formats::bf16,
                                                 .first_moment = blocks_8bit,
                                                 .second_moment = blocks_8bit};
/// 9.06: Li et al., "Memory Efficient Optimizers with 4-bit States", 2023.
inline constexpr training_recipe mixed_adam_4bit{.name = "mixed_adam_4bit",
                                                 .weights = formats::bf16,
                                                 .master_weights = formats::fp32,
                                                 .gradients = formats::bf16,
                                                 .first_moment = blocks_4bit,
                                                 .second_moment = blocks_4bit};
/// 8: stochastic rounding instead of master weights.
inline constexpr training_recipe bf16_adam{.name = "bf16_adam",
                                           .weights = formats::bf16,
                                           .gradients = formats::bf16,
                                           .first_moment = formats::bf16,
                                           .second_moment = formats::bf16};
/// 10: Kahan compensation instead of master weights.
inline constexpr training_recipe bf16_adam_kahan{.name = "bf16_adam_kahan",
                                                 .weights = formats::bf16,
                                                 .gradients = formats::bf16,
                                                 .first_moment = formats::bf16,
                                                 .second_moment = formats::bf16,
                                                 .compensation = formats::bf16};
/// 7: Peng et al., "FP8-LM", 2023.
inline constexpr training_recipe fp8_lm{.name = "fp8_lm",
                                        .weights = formats::fp8_e4m3,
                                        .master_weights = formats::fp16,
                                        .gradients = formats::fp8_e4m3,
                                        .first_moment = formats::fp8_e4m3,
                                        .second_moment = formats::fp16};
/// 13: "DeepSeek-V3 Technical Report", 2024, section 3.3.
inline constexpr training_recipe deepseek_v3{.name = "deepseek_v3",
                                             .weights = formats::fp8_e4m3,
                                             .master_weights = formats::fp32,
                                             .gradients = formats::fp32,
                                             .first_moment = formats::bf16,
                                             .second_moment = formats::bf16};

/// All of them.
inline constexpr training_recipe all[] = {fp32_adam,
                                          lesson,
                                          mixed_adam,
                                          mixed_adam_fp32_gradients,
                                          mixed_adam_two_gradients,
                                          fp32_sgd,
                                          fp32_momentum,
                                          mixed_lion,
                                          mixed_adafactor,
                                          mixed_adam_8bit,
                                          mixed_adam_4bit,
                                          bf16_adam,
                                          bf16_adam_kahan,
                                          fp8_lm,
                                          deepseek_v3};

}  // namespace recipes
}  // namespace FEWBITS_ABI
}  // namespace fewbits
