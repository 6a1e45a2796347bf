# SPDX-License-Identifier: MIT
# Compiles all headers after macros that system headers and users are known to define. The standard
# headers are not ours to harden, so those that the library includes come first.
#   cmake -DCOMPILE=<compiler;flags> -DINCLUDE_DIR=<dir> -DFOREIGN=<regex> -DWORK_DIR=<dir>
#         -P hostile.cmake
cmake_minimum_required(VERSION 3.23)

file(GLOB_RECURSE headers RELATIVE "${INCLUDE_DIR}" "${INCLUDE_DIR}/fewbits/*.hpp")
list(FILTER headers EXCLUDE REGEX "${FOREIGN}")
set(system "")
set(own "")
foreach(header IN LISTS headers)
  string(APPEND own "#include <${header}>\n")
  file(STRINGS "${INCLUDE_DIR}/${header}" includes REGEX "^[ \t]*#[ \t]*include[ \t]*<[^/>]*>")
  foreach(line IN LISTS includes)
    string(REGEX MATCH "<[^>]*>" name "${line}")
    list(APPEND system "${name}")
  endforeach()
endforeach()
list(REMOVE_DUPLICATES system)
list(TRANSFORM system REPLACE "(.+)" "#if __has_include(\\1)\n#include \\1\n#endif\n")
list(JOIN system "" system)

set(macros "")
# windows.h
string(APPEND macros "#define min(a, b) ((a) < (b) ? (a) : (b))\n#define max(a, b) ((a) > (b) ? (a) : (b))\n")
string(APPEND macros "#define near\n#define far\n#define small char\n")
# complex.h, termios.h, and the one-letter constants of numeric and Arduino code
string(APPEND macros "#define I _Complex_I\n#define B0 0000000\n")
foreach(letter IN ITEMS A B C D E F G H J K L M N O P Q R S T U V W X Y Z)
  string(APPEND macros "#define ${letter} (-1)\n")
endforeach()

file(WRITE "${WORK_DIR}/hostile.cpp" "${system}${macros}${own}")
execute_process(COMMAND ${COMPILE} "${WORK_DIR}/hostile.cpp" RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "a header uses a name that others define as a macro; see ${WORK_DIR}/hostile.cpp")
endif()
