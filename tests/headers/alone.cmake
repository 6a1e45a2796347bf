# SPDX-License-Identifier: MIT
# Compiles each header of one folder by itself, included twice.
#   cmake -DCOMPILE=<compiler;flags> -DINCLUDE_DIR=<dir> -DFOREIGN=<regex> -DWORK_DIR=<dir>
#         -DFOLDER=<fewbits or fewbits/x> -P alone.cmake
cmake_minimum_required(VERSION 3.23)

file(MAKE_DIRECTORY "${WORK_DIR}")
file(GLOB headers RELATIVE "${INCLUDE_DIR}" "${INCLUDE_DIR}/${FOLDER}/*.hpp")
list(FILTER headers EXCLUDE REGEX "${FOREIGN}")
foreach(header IN LISTS headers)
  string(MAKE_C_IDENTIFIER "${header}" name)
  file(WRITE "${WORK_DIR}/${name}.cpp" "#include <${header}>\n#include <${header}>\n")
  execute_process(COMMAND ${COMPILE} "${WORK_DIR}/${name}.cpp" RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(SEND_ERROR "<${header}> does not compile alone and included twice")
  endif()
endforeach()
list(LENGTH headers count)
message(STATUS "${FOLDER}: ${count} headers")
