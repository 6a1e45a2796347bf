# SPDX-License-Identifier: MIT
# Compiles and runs the README's first program and the table of formats, and looks for their output
# in the README.
#   cmake "-DCOMPILE=<compiler;flags>" -DSOURCE_DIR=<repository> -DWORK_DIR=<dir> -P check.cmake
cmake_minimum_required(VERSION 3.23)

file(READ "${SOURCE_DIR}/README.md" readme)

# run(<name> <source> <variable for the output>)
function(run name source output)
  execute_process(COMMAND ${COMPILE} "${source}" -o "${WORK_DIR}/${name}" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${WORK_DIR}/${name}" OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
  set(${output} "${printed}" PARENT_SCOPE)
endfunction()

function(expect_in_readme what text)
  string(FIND "${readme}" "${text}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "README.md does not show ${what}, which is now:\n${text}")
  endif()
endfunction()

# Semicolons would split the text of a program into a list, so it is cut out by position.
string(FIND "${readme}" "```cpp\n" begin)
math(EXPR begin "${begin} + 7")
string(SUBSTRING "${readme}" ${begin} -1 rest)
string(FIND "${rest}" "```" length)
string(SUBSTRING "${rest}" 0 ${length} program)
file(WRITE "${WORK_DIR}/first.cpp" "${program}")
run(first "${WORK_DIR}/first.cpp" printed)
expect_in_readme("the output of its first program" "```\n${printed}```")

run(formats "${SOURCE_DIR}/examples/formats.cpp" printed)
expect_in_readme("the table that examples/formats prints" "${printed}")
