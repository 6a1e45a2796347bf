// SPDX-License-Identifier: MIT
// Layer 3, memory: what fits where, before any hardware is bought.
//
//   fb::weight_bytes(40'000'000'000, fb::formats::fp32)                   160 GB
//   fb::weight_bytes(n, fb::formats::grouped(fb::formats::int4, 32, fb::formats::fp16))
//   fb::training_memory(40'000'000'000, fb::recipes::lesson, 3, 8).card_bytes()    70 GB
//   for (const fb::memory_line& line : fb::training_memory(setup)) puts(fb::explain(line).c_str());
//   fb::fits(fb::inference_memory(setup), 80 * fb::gigabyte).fits
//   fb::largest_batch(setup, 80 * fb::gigabyte)
#pragma once

#include <fewbits/format.hpp>
#include <fewbits/memory/bytes.hpp>
#include <fewbits/memory/explain.hpp>
#include <fewbits/memory/fit.hpp>
#include <fewbits/memory/inference.hpp>
#include <fewbits/memory/model.hpp>
#include <fewbits/memory/recipe.hpp>
#include <fewbits/memory/table.hpp>
#include <fewbits/memory/training.hpp>
