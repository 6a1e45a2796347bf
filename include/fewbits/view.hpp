// SPDX-License-Identifier: MIT
// Layer 3, views: shapes over memory that someone else owns.
//
//   fb::matrix_view w{data, rows, cols};             row-major; a fourth argument is the stride
//   fb::transposed(w)                                the transpose of it
//   fb::packed_span<fb::int4> q{bytes, count};       two to a byte, low nibble first
#pragma once

#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>
