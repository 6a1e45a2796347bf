# SPDX-License-Identifier: MIT
# Plants one violation per rule of check.cmake and requires that each is reported, and nothing else.
#   cmake -DWORK_DIR=<scratch dir> -P self_test.cmake
cmake_minimum_required(VERSION 3.23)

file(REMOVE_RECURSE "${WORK_DIR}")
set(planted "")

# plant(<header> <include> [<message>]): without a message, the include is a permitted one.
function(plant header include)
  file(APPEND "${WORK_DIR}/fewbits/${header}" "#pragma once\n  # include ${include}  // x; y\n")
  if(ARGN)
    set(planted "${planted}${header}: ${ARGN}\n" PARENT_SCOPE)
  endif()
endfunction()

plant(config.hpp "<cstdint>")
plant(fwd.hpp "<fewbits/format.hpp>")
plant(format.hpp "<fewbits/config.hpp>")
plant(value/math_functions.hpp "<cmath>")
plant(gemm/gemm.hpp "<fewbits/value/math_functions.hpp>")  # transitive: gemm, quantize, ..., value
plant(isa/x86.hpp "<immintrin.h>")
plant(fewbits.hpp "<fewbits/gemm/gemm.hpp>")

plant(value/upward.hpp "<fewbits/gemm/gemm.hpp>" "layer value may not include <fewbits/gemm/gemm.hpp>")
plant(memory/sideways.hpp "<fewbits/isa/x86.hpp>" "layer memory may not include <fewbits/isa/x86.hpp>")
plant(isa/kernel.hpp "<fewbits/convert.hpp>" "layer isa may not include <fewbits/convert.hpp>")
plant(fewbits.hpp "<fewbits/io.hpp>" "layer fewbits may not include <fewbits/io.hpp>")
plant(view/typo.hpp "<fewbits/fromat.hpp>" "layer view may not include <fewbits/fromat.hpp>")
plant(view/gone.hpp "<fewbits/value/gone.hpp>" "<fewbits/value/gone.hpp> does not exist")
plant(view/quoted.hpp "\"view.hpp\"" "write <fewbits/...>, not \"view.hpp\"")
plant(view/macro.hpp "SOME_HEADER" "cannot read: # include SOME_HEADER // x; y")
plant(view/test.hpp "<gtest/gtest.h>" "<gtest/gtest.h> is for tests and benchmarks")
plant(view/ranges.hpp "<ranges>" "<ranges> is not used in this library")
plant(convert/simd.hpp "<immintrin.h>" "intrinsics live in isa/, not here: <immintrin.h>")
plant(value/heavy.hpp "<string>" "too heavy for layer value: <string>")
plant(unknown/new.hpp "<cstdint>" "there is no layer \"unknown\"")

execute_process(COMMAND "${CMAKE_COMMAND}" "-DINCLUDE_DIR=${WORK_DIR}"
                        -P "${CMAKE_CURRENT_LIST_DIR}/check.cmake"
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "the check passed in spite of the planted violations")
endif()

# message() wraps lines, so compare without white space.
string(REGEX REPLACE "[ \n]+" "" output "${output}")
string(REGEX REPLACE "\n$" "" planted "${planted}")
string(REPLACE ";" "\\;" planted "${planted}")
string(REPLACE "\n" ";" planted "${planted}")
foreach(line IN LISTS planted)
  string(REGEX REPLACE "[ \n]+" "" line "${line}")
  string(FIND "${output}" "${line}" at)
  if(at EQUAL -1)
    message(SEND_ERROR "not reported: ${line}")
  endif()
  string(REPLACE "${line}" "" output "${output}")
endforeach()
if(output MATCHES "\\.hpp:")
  message(SEND_ERROR "reported, but not planted: ${output}")
endif()
