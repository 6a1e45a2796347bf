# SPDX-License-Identifier: MIT
# Exit status and message of quantize_model for right and wrong calls; a wrong one leaves its output alone.
#   cmake -DPROGRAM=<quantize_model> [-DEMULATOR=<qemu>] -DDIGITS=<examples/data/digits> -DWORK_DIR=<dir>
#         -P check.cmake
cmake_minimum_required(VERSION 3.23)

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
set(model "${WORK_DIR}/model.safetensors")
set(out "${WORK_DIR}/out.safetensors")

# expect(<exit status> <regular expression of the output> <argument>...)
function(expect status pattern)
  execute_process(COMMAND ${EMULATOR} "${PROGRAM}" ${ARGN} RESULT_VARIABLE found OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT found STREQUAL status OR NOT output MATCHES "${pattern}")
    message(SEND_ERROR "quantize_model ${ARGN}: exit status ${found}, not ${status}, or \"${output}\" "
                       "does not match \"${pattern}\"")
  endif()
  if(status EQUAL 2)
    file(READ "${out}" left)
    file(GLOB files RELATIVE "${WORK_DIR}" "${WORK_DIR}/*" "${WORK_DIR}/.fewbits*")
    list(LENGTH files count)
    if(NOT left STREQUAL "old" OR NOT count EQUAL ${expected_files})
      message(SEND_ERROR "quantize_model ${ARGN}: the output was touched, or there is more than it: ${files}")
    endif()
  endif()
endfunction()

file(WRITE "${out}" "old")
set(expected_files 2)
file(WRITE "${model}" "12345678")
expect(2 "model.safetensors: byte 0: the header is too long" "${model}" "${out}")
file(WRITE "${model}" "")
expect(2 "byte 0: the file ends too early" "${model}" "${out}")
expect(2 "none: cannot be opened: No such file" "${WORK_DIR}/none" "${out}")
expect(2 "digits_8x8_u8.bin: byte 0: the header is too long|the file ends too early"
       "${DIGITS}/digits_8x8_u8.bin" "${out}")
expect(2 "two files are needed, 1 are named" "${model}")
expect(2 "there is no --format int5; there are int8, int4" --format int5 "${model}" "${out}")
expect(2 "--format needs a value" "${model}" "${out}" --format)
expect(2 "there is no option --fast" --fast "${model}" "${out}")
expect(2 "--group is row or a multiple of 8" --group 12 "${model}" "${out}")
expect(2 "--group takes a number, not \"-8\"" --group -8 "${model}" "${out}")
expect(2 "--format mxfp4 has no --group" --format mxfp4 --group 16 "${model}" "${out}")
expect(2 "--method is nearest or mse" --method best "${model}" "${out}")
expect(2 "--zero-point goes with --method nearest" --zero-point --method mse "${model}" "${out}")
expect(2 "--zero-point is for" --format bf16 --zero-point "${model}" "${out}")

# The digits as a model: numbers that nobody trained, in a header of 80 ("P") characters.
set(header [[{"digits":{"dtype":"F32","shape":[1797,16],"data_offsets":[0,115008]}}]])
execute_process(
  COMMAND sh -c "{ printf 'P\\0\\0\\0\\0\\0\\0\\0%-80s' \"$1\" && cat \"$2\"; } > \"$3\"" sh
          "${header}" "${DIGITS}/digits_8x8_u8.bin" "${model}"
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cannot make a model: ${result}")
endif()
expect(2 "cannot be written: No such file" "${model}" "${WORK_DIR}/none/x")
expect(2 "is not a regular file" "${model}" "${WORK_DIR}")
expect(0 "digits +F32 +.1797, 16. +115008 +21564 .*int4, group 32: 115008 .*checked" --check --format
       int4 "${model}" "${out}")
expect(0 "kept: excluded" --check --exclude digi --exclude other "${model}" "${out}")
expect(0 "kept: not included" --check --include other "${model}" "${out}")
expect(0 "kept: small" --check --smallest 28753 "${model}" "${out}")
expect(0 "nf4, group 64: 115008 .*checked" --include dig --smallest 28752 --format nf4 --group 64
       --check "${model}" "${out}")
expect(0 "int8, group row: 115008 .*checked" --group row --zero-point --check "${model}" "${out}")
# A NaN takes its block with it where the scale has no other way to say so, and is found again.
execute_process(
  COMMAND sh -c "{ head -c 88 \"$1\" && printf '\\0\\0\\300\\177' && tail -c +93 \"$1\"; } > \"$2\"" sh
          "${model}" "${WORK_DIR}/nan.safetensors"
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "cannot make a model with a NaN: ${result}")
endif()
expect(0 "digits .* -inf\n.*1 elements are not finite.*checked" --format mxfp4 --check
       "${WORK_DIR}/nan.safetensors" "${out}")
expect(0 "digits .* [0-9.]+\n.*1 elements are not finite.*checked" --format int8 --check
       "${WORK_DIR}/nan.safetensors" "${out}")
# What it wrote can be read by it, and be replaced by what is made of it.
expect(0 "digits +I8 .*kept: not floats" "${out}" "${out}")
expect(0 "mxfp4: 115008 .*checked" --format mxfp4 --method mse --check "${model}" "${model}")
