// SPDX-License-Identifier: MIT
// `gemm`: the product of two matrices of any element types.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/exec/executor.hpp>
#include <fewbits/gemm/driver.hpp>
#include <fewbits/gemm/epilogue.hpp>
#include <fewbits/gemm/gemv.hpp>
#include <fewbits/gemm/operand.hpp>
#include <fewbits/gemm/operand_quantized.hpp>
#include <fewbits/gemm/pack.hpp>
#include <fewbits/gemm/pack_nibbles.hpp>
#include <fewbits/gemm/tile_writer.hpp>
#include <fewbits/view/array_view.hpp>
#include <fewbits/view/matrix_view.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// A product into `output`, but for B, to each element of which packing adds `b_surplus`.
template <class Kernel, class Left, class Source, class Out, class Epilogue, isa Isa>
FEWBITS_INLINE gemm_problem<Kernel> problem_without_b(
    const Left& a, const Source& a_source,
    const tile_writer<Out, typename Kernel::acc_type, Kernel::nr, Epilogue, Isa>& output,
    std::uint32_t b_surplus) {
  constexpr bool is_row_major = matrix_traits<Left>::is_row_major;
  gemm_problem<Kernel> problem{a.rows(),
                               output.c.cols(),
                               a.cols(),
                               a_packer<Source, Kernel, is_row_major, Isa>::pack,
                               nullptr,
                               &a_source,
                               nullptr,
                               is_row_major,
                               Source::template surplus<typename Kernel::a_type>(),
                               b_surplus,
                               output.store,
                               &output,
                               nullptr,
                               0,
                               nullptr,
                               0,
                               nullptr,
                               nullptr,
                               nullptr,
                               0,
                               0};
  // Sums of rows of A are made by packing.
  if constexpr (is_row_major &&
                std::is_same_v<typename plain_element<Source>::type, typename Kernel::a_type>)
    if (a.cols() % Kernel::kr == 0 && b_surplus == 0) {
      problem.plain_a = a_source.data;
      problem.plain_a_row = a_source.stride;
    }
  if constexpr (std::is_same_v<Out, typename Kernel::acc_type> &&
                std::is_same_v<Epilogue, identity>) {
    problem.plain_c = output.c.data();
    problem.plain_c_row = output.c.stride();
  }
  return problem;
}

}  // namespace detail

/// Bytes of workspace that `gemm(A, B, C, ...)` with these operand types and shapes needs: on any
/// executor, or on an `Executor`, which for `inline_executor` are fewer.
template <isa Isa = native, class Executor = void, detail::gemm_operand Left,
          detail::gemm_operand Right>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t gemm_workspace_bytes(const Left& a,
                                                                        const Right& b) {
  if (a.rows() <= detail::few_rows)
    return detail::gemv_driver<Left, Right, Isa>::workspace_bytes(a.rows(), b.cols(), a.cols());
  return detail::gemm_driver<detail::gemm_kernel<Left, Right, Isa>>::workspace_bytes(
      a.rows(), b.cols(), a.cols(), false, detail::is_sequence<Executor>);
}

/// C = epilogue(A B).
///
/// Shapes:    A is m x k, B is k x n, C is m x n; any of m, n, k may be 0 (k = 0 gives sums of zero).
///            A and B are, as they are or `transposed`: a `matrix_view` or `packed_matrix_view` of any
///            float format or integers of at most 8 bits, a `quantized_matrix`, `block_span`,
///            `codebook_matrix` or `ggml_matrix`. C is a `matrix_view` that overlaps neither.
/// Arithmetic: the cheapest that holds both element types exactly: 8-bit integers, BF16 where the
///            instruction set has a unit for it, FP32, FP64. Numbers with scales are FP32, with the
///            bits of `dequantize`; for other arithmetic see `rounded_to`, `fp16_sums` and `dynamic_rows`,
///            and for two affine matrices gemm_affine.hpp. Integer sums are exact while they fit
///            32 bits, which k <= 33025 guarantees for uint8 by uint8, k <= 65793 for uint8 by int8 and
///            k <= 131071 for int8 by int8. FP32 and BF16 products are summed in FP32, FP64 in FP64; the
///            order is fixed by the shape and the instruction set, with AMX by whether the system grants
///            tiles too. A BF16 unit takes subnormal operands, products and sums as zero.
///            With at most 8 rows, B is read once, unpacked, and BF16 goes to FP32.
/// Rounding:  the epilogue works in FP32 (FP64 for FP64 products); conversion to C's elements is
///            nearest even with IEEE overflow. C of an integer product is int32 (with no epilogue but
///            `accumulate`) or, converted, any float type; or codes, with `requantize_to`.
/// Executor:  any `executor`; it does not change a bit of the result.
/// Memory:    `workspace` of gemm_workspace_bytes(A, B) bytes, any alignment.
/// Errors:    none at run time. Requires matching shapes. With AMX, tiles of the calling thread lose what
///            they hold.
template <isa Isa = native, executor Executor, detail::gemm_operand Left,
          detail::gemm_operand Right, class Out, gemm_epilogue Epilogue>
FEWBITS_INLINE void gemm(Executor&& runner, const Left& a, const Right& b,
                         const matrix_view<Out>& c, const Epilogue& epilogue,
                         array_view<unsigned char> workspace) {
  detail::check_product(a, b, c, workspace.size(), gemm_workspace_bytes<Isa, Executor>(a, b));
  if (a.rows() <= detail::few_rows) {
    using few = detail::gemv_driver<Left, Right, Isa>;
    using writer = detail::tile_writer<Out, typename few::acc_type, few::nr, Epilogue, Isa>;
    const writer output{c, epilogue};
    few::run(runner, a, b, writer::store, &output, workspace.data());
    return;
  }
  using kernel = detail::gemm_kernel<Left, Right, Isa>;
  using right = detail::matrix_traits<Right>;
  using writer = detail::tile_writer<Out, typename kernel::acc_type, kernel::nr, Epilogue, Isa>;
  const auto a_source = detail::matrix_traits<Left>::source(a);
  const auto b_source = right::source(b);
  const writer output{c, epilogue};
  detail::gemm_problem<kernel> problem = detail::problem_without_b<kernel, Left>(
      a, a_source, output, right::source_type::template surplus<typename kernel::b_type>());
  problem.pack_b =
      detail::b_packer<typename right::source_type, kernel, right::is_row_major, Isa>::pack;
  problem.b = &b_source;
  if constexpr (right::is_row_major &&
                !std::is_void_v<
                    typename detail::plain_element<typename right::source_type>::type>) {
    problem.plain_b = reinterpret_cast<const unsigned char*>(b_source.data);
    problem.plain_b_element = sizeof(*b_source.data);
    problem.plain_b_row = b_source.stride * problem.plain_b_element;
  }
  detail::gemm_driver<kernel>::run(runner, problem, workspace.data());
}

/// The same with a workspace of its own: one allocation. Without memory it stops the program, or
/// throws std::bad_alloc where exceptions are on.
template <isa Isa = native, executor Executor, detail::gemm_operand Left,
          detail::gemm_operand Right, class Out, gemm_epilogue Epilogue = identity>
FEWBITS_INLINE void gemm(Executor&& runner, const Left& a, const Right& b,
                         const matrix_view<Out>& c, const Epilogue& epilogue = {}) {
  struct allocation {
    unsigned char* data;
    FEWBITS_INLINE ~allocation() { ::operator delete(data); }
  };
  const std::size_t bytes = gemm_workspace_bytes<Isa, Executor>(a, b);
  const allocation workspace{static_cast<unsigned char*>(::operator new(bytes))};
  gemm<Isa>(runner, a, b, c, epilogue, array_view<unsigned char>(workspace.data, bytes));
}

/// The same on the calling thread.
template <isa Isa = native, detail::gemm_operand Left, detail::gemm_operand Right, class Out,
          gemm_epilogue Epilogue = identity>
FEWBITS_INLINE void gemm(const Left& a, const Right& b, const matrix_view<Out>& c,
                         const Epilogue& epilogue = {}) {
  gemm<Isa>(inline_executor{}, a, b, c, epilogue);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
