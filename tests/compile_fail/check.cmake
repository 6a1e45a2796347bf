# SPDX-License-Identifier: MIT
# SOURCE must compile; with BROKEN defined it must not, and the compiler must say what the line
# "// error: <regular expression>" of SOURCE announces.
#   cmake -DCOMPILE=<compiler;flags> -DSOURCE=<file> -P check.cmake
cmake_minimum_required(VERSION 3.23)

file(STRINGS "${SOURCE}" expected REGEX "^// error: ")
string(REGEX REPLACE "^// error: " "" expected "${expected}")
if(expected STREQUAL "")
  message(FATAL_ERROR "${SOURCE} has no line \"// error: ...\"")
endif()

execute_process(COMMAND ${COMPILE} "${SOURCE}" RESULT_VARIABLE failed ERROR_VARIABLE output)
if(failed)
  message(FATAL_ERROR "the control must compile:\n${output}")
endif()

execute_process(COMMAND ${COMPILE} -DBROKEN "${SOURCE}" RESULT_VARIABLE failed ERROR_VARIABLE output)
if(NOT failed)
  message(FATAL_ERROR "compiles with BROKEN defined")
elseif(NOT output MATCHES "error:[^\n]*(${expected})")
  message(FATAL_ERROR "no error mentions \"${expected}\":\n${output}")
endif()
