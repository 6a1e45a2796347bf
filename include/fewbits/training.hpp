// SPDX-License-Identifier: MIT
// Layer 7, training in mixed precision: functions over ranges, in FP32 on what is kept in 16 bits.
//
//   fb::loss_scaler scaler;                                        loss *= scaler.scale(); backward
//   const bool found = fb::unscale(g16, scaler.scale(), g32);
//   if (!found) {
//     fb::clip_by_global_norm(1.0, g32);
//     fb::adamw_step(fb::master_weights(w32, w16), g32, m, v, options, ++step);
//   }
//   scaler.update(found);
#pragma once

#include <fewbits/training/blockwise_moments.hpp>
#include <fewbits/training/clip.hpp>
#include <fewbits/training/fake_quantize.hpp>
#include <fewbits/training/fake_quantize_blocks.hpp>
#include <fewbits/training/loss_scaler.hpp>
#include <fewbits/training/master_weights.hpp>
#include <fewbits/training/optimizer.hpp>
#include <fewbits/training/scale_gradient.hpp>
#include <fewbits/training/scaling.hpp>
