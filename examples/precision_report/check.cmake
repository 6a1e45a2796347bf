# SPDX-License-Identifier: MIT
# What precision_report answers for a file of weights, and for wrong calls.
#   cmake -DPROGRAM=<precision_report> [-DEMULATOR=<qemu>] -DDIGITS=<examples/data/digits>
#         -DWORK_DIR=<dir> -P check.cmake
cmake_minimum_required(VERSION 3.23)

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
set(model "${WORK_DIR}/model.safetensors")
set(page "${WORK_DIR}/page.html")

# expect(<exit status> <regular expression of the output> <argument>...)
function(expect status pattern)
  execute_process(COMMAND ${EMULATOR} "${PROGRAM}" --quick --html "${page}" ${ARGN}
                  RESULT_VARIABLE found OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT found STREQUAL status OR NOT output MATCHES "${pattern}")
    message(SEND_ERROR "precision_report ${ARGN}: exit status ${found}, not ${status}, or \"${output}\" "
                       "does not match \"${pattern}\"")
  endif()
endfunction()

expect(2 "usage: " --fast)
expect(2 "none.safetensors: cannot be opened" "${WORK_DIR}/none.safetensors")
expect(2 "cannot open .*none/digits" "${WORK_DIR}/none")
file(WRITE "${model}" "12345678")
expect(2 "model.safetensors: byte 0: the header is too long" "${model}")
if(EXISTS "${page}")
  message(SEND_ERROR "a page was written for a wrong call")
endif()

# The digits as a model: numbers that nobody trained, in a header of 80 ("P") characters.
set(header [[{"digits":{"dtype":"F32","shape":[1797,16],"data_offsets":[0,115008]}}]])
execute_process(
  COMMAND sh -c "{ printf 'P\\0\\0\\0\\0\\0\\0\\0%-80s' \"$1\" && cat \"$2\"; } > \"$3\"" sh
          "${header}" "${DIGITS}/digits_8x8_u8.bin" "${model}"
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cannot make a model: ${result}")
endif()
expect(0 "1[ \n]+matrices.*Its 28752 weights.*INT4 +FP32 for 32 +6.000 +21564 " "${model}")
file(READ "${page}" html)
if(NOT html MATCHES "^<!DOCTYPE html>.*28752 weights.*</html>\n$")
  message(SEND_ERROR "the page of a model is not whole")
endif()
if(html MATCHES "(src|href)=|url\\(|@import|nan|inf[^o]")
  message(SEND_ERROR "the page needs another file, or shows no number: ${CMAKE_MATCH_0}")
endif()
expect(2 "cannot write " --html "${WORK_DIR}/none/page.html")
