// SPDX-License-Identifier: MIT
// `nibbles`: numbers looked up by codes of 4 bits, in registers, where an instruction set can.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/isa/features.hpp>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Specialised where `is_available`, with vectors `words` and `numbers` (FP32) of `lanes` lanes:
///
/// | operation            | result                                                          |
/// | -------------------- | --------------------------------------------------------------- |
/// | load_table(src)      | a `table` of 16 numbers                                         |
/// | lookup(table, words) | for each lane, the entry that its low 4 bits name               |
/// | spread(src, index)   | src[index] for each lane; index < lanes. Reads `lanes` numbers. |
template <isa Isa>
struct nibbles {
  static constexpr bool is_available = false;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
