# SPDX-License-Identifier: MIT
# Installs into STAGE, then moves the result to MOVED: nothing may depend on where it was installed. Makes
# the archive STAGE.tar.gz, as a release is.
cmake_minimum_required(VERSION 3.23)
file(REMOVE_RECURSE "${STAGE}" "${MOVED}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${STAGE}"
                RESULT_VARIABLE failed OUTPUT_QUIET)
if(failed)
  message(FATAL_ERROR "cmake --install failed")
endif()
file(RENAME "${STAGE}" "${MOVED}")

# What is installed is headers and two package descriptions; and none of it names a build path.
file(GLOB_RECURSE files RELATIVE "${MOVED}" "${MOVED}/*")
foreach(file IN LISTS files)
  if(NOT file MATCHES "^include/fewbits/.*\\.hpp$|^share/(cmake/fewbits|pkgconfig)/")
    message(SEND_ERROR "unexpected file in the package: ${file}")
  endif()
  file(READ "${MOVED}/${file}" text)
  foreach(path IN ITEMS "${STAGE}" "${BUILD_DIR}")
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(SEND_ERROR "${file} contains the build path ${path}")
    endif()
  endforeach()
endforeach()

# FILE_SET alone exports include paths that a CMake older than 3.23 ignores without a word.
file(READ "${MOVED}/share/cmake/fewbits/fewbitsConfig.cmake" config)
if(NOT config MATCHES "INTERFACE_INCLUDE_DIRECTORIES")
  message(SEND_ERROR "fewbitsConfig.cmake does not set INTERFACE_INCLUDE_DIRECTORIES")
endif()

execute_process(COMMAND "${CMAKE_COMMAND}" -E tar czf "${STAGE}.tar.gz" CMakeLists.txt include LICENSE
                WORKING_DIRECTORY "${SOURCE_DIR}" COMMAND_ERROR_IS_FATAL ANY)
