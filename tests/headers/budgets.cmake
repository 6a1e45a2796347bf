# SPDX-License-Identifier: MIT
# Compares the number of preprocessed lines of each facade with its budget. Lines, not seconds: they
# do not depend on the load of the machine.
#   cmake -DCOMPILE=<compiler;flags> -DINCLUDE_DIR=<dir> -DWORK_DIR=<dir> -P budgets.cmake
cmake_minimum_required(VERSION 3.23)

# facade: lines; + adds what the compiler's own intrinsics header costs, which is not ours to save.
set(budgets
  "format 4000"
  "value 8000"
  "math 8000"
  "text 9000"
  "view 14000"
  "memory 14000"
  "convert 16000 +"
  "random 4000"
  "quantize 18000 +"
  "gemm 22000 +"
  "training 20000 +"
  "io 16000")

function(count_lines source result)
  file(WRITE "${WORK_DIR}/budget.cpp" "${source}\n")
  execute_process(COMMAND ${COMPILE} -E -P "${WORK_DIR}/budget.cpp"
                  OUTPUT_VARIABLE text RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "cannot preprocess: ${source}")
  endif()
  string(REGEX MATCHALL "\n" lines "${text}")
  list(LENGTH lines count)
  set(${result} ${count} PARENT_SCOPE)
endfunction()

count_lines("#if defined(__x86_64__)\n#include <immintrin.h>\n#elif defined(__aarch64__)\n#include <arm_neon.h>\n#endif"
            intrinsics)
message(STATUS "intrinsics: ${intrinsics} lines")
foreach(row IN LISTS budgets)
  string(REGEX MATCH "^([a-z]+) ([0-9]+)( \\+)?$" _ "${row}")
  set(facade "${CMAKE_MATCH_1}")
  set(budget "${CMAKE_MATCH_2}")
  if(CMAKE_MATCH_3)
    math(EXPR budget "${budget} + ${intrinsics}")
  endif()
  if(NOT EXISTS "${INCLUDE_DIR}/fewbits/${facade}.hpp")
    message(STATUS "fewbits/${facade}.hpp: does not exist yet")
    continue()
  endif()
  count_lines("#include <fewbits/${facade}.hpp>" lines)
  if(lines GREATER budget)
    message(SEND_ERROR "fewbits/${facade}.hpp: ${lines} preprocessed lines, budget ${budget}")
  else()
    message(STATUS "fewbits/${facade}.hpp: ${lines} of ${budget} lines")
  endif()
endforeach()
