// SPDX-License-Identifier: MIT
// Layer 3, views: shapes over memory, of someone else's mostly.
//
//   fb::matrix_view w{data, rows, cols};             row-major; a fourth argument is the stride
//   fb::transposed(w)                                the transpose of it
//   fb::packed_span<fb::int4> q{bytes, count};       two to a byte, low nibble first
//   q[3] = fb::int4{-5};                             neighbours keep their bits
//   fb::packed_vector<fb::int4> v(count);            owns its bytes; packed_array<int4, 7> in place
#pragma once

#include <fewbits/view/array_view.hpp>
#include <fewbits/view/block_span.hpp>
#include <fewbits/view/fixed_point.hpp>
#include <fewbits/view/matrix_view.hpp>
#include <fewbits/view/packed_array.hpp>
#include <fewbits/view/packed_matrix_view.hpp>
#include <fewbits/view/packed_span.hpp>
