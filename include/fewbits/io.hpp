// SPDX-License-Identifier: MIT
// Layer 8, files (opt-in; POSIX): safetensors and npy, read as if an enemy had written them, and written
// whole or not at all.
//
//   fb::safetensors_file model;
//   if (const fb::io_error error = model.open("model.safetensors"))   mapped
//     std::puts(error.message().c_str());                             tensor "w" (byte 35): unknown dtype
//   fb::matrix_view<const fb::bf16> w;
//   if (model.find("w") != nullptr && !model.find("w")->as_matrix(w)) ...
//
//   fb::safetensors_writer out;                                       every call returns an io_error
//   out.add("w", fb::dtype::f32, {shape, 2});  out.open(path);  out.write(0, rows);  out.commit();
//
//   fb::npy_file array;  array.open("x.npy");  array.tensor().as_matrix(x);
//   fb::write_npy("x.npy", x);
#pragma once

#include <fewbits/io/dtype.hpp>
#include <fewbits/io/error.hpp>
#include <fewbits/io/npy.hpp>
#include <fewbits/io/npy_writer.hpp>
#include <fewbits/io/safetensors.hpp>
#include <fewbits/io/safetensors_writer.hpp>
#include <fewbits/io/stored_tensor.hpp>
#include <fewbits/io/text_view.hpp>
