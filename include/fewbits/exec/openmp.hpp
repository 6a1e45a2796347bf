// SPDX-License-Identifier: MIT
// `openmp_executor`: tasks on the threads of OpenMP. Opt-in: no other header includes it.
#pragma once

#include <fewbits/config.hpp>

#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// An executor that runs tasks on OpenMP's threads, as many as OMP_NUM_THREADS or omp_set_num_threads say.
/// Requires -fopenmp where it is used. A task that throws ends the program.
struct openmp_executor {
  template <class Task>
  FEWBITS_HOST_INLINE void parallel_for([[maybe_unused]] std::size_t count,
                                        [[maybe_unused]] Task&& task) const {
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic) if (count > 1)
    for (std::size_t i = 0; i < count; ++i) task(i);
#else
    static_assert(sizeof(Task) == 0, "fewbits: openmp_executor needs -fopenmp");
#endif
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
