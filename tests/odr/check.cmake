# SPDX-License-Identifier: MIT
# Objects compiled with different -m flags may not both define a weak function of the library: the
# linker keeps one body, and a program would run instructions that its CPU does not have.
#   cmake -DNM=<nm> [-DCXXFILT=<c++filt>] "-DOBJECTS=<isa>=<object>;..." -P check.cmake
cmake_minimum_required(VERSION 3.23)

if(NOT NM)
  message(STATUS "skipped: nm was not found")
  return()
endif()

set(symbols "")
foreach(object IN LISTS OBJECTS)
  string(REGEX MATCH "^([^=]*)=(.*)$" _ "${object}")
  set(isa "${CMAKE_MATCH_1}")
  set(file "${CMAKE_MATCH_2}")
  # -P: one line "name type value size" per symbol.
  execute_process(COMMAND "${NM}" -P "${file}" OUTPUT_VARIABLE listing RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "nm cannot read ${file}")
  endif()
  # W: weak functions. Weak variables (V, u) are left out: they are constants, such as
  # basic_float<F>::format, whose name determines their value. A name counts if fewbits occurs
  # anywhere in it, so a std:: template instantiated with our types does too.
  string(REGEX MATCHALL "[^\n ]*7fewbits[^\n ]* W " weak "${listing}")
  list(LENGTH weak count)
  message(STATUS "${isa}: ${count} weak functions in ${file}")
  foreach(line IN LISTS weak)
    string(REGEX REPLACE " .*" "" symbol "${line}")
    list(APPEND symbols "${symbol}")
    list(APPEND isas_of_${symbol} "${isa}")
  endforeach()
endforeach()

set(errors "")
list(REMOVE_DUPLICATES symbols)
foreach(symbol IN LISTS symbols)
  list(REMOVE_DUPLICATES isas_of_${symbol})
  list(LENGTH isas_of_${symbol} count)
  if(count GREATER 1)
    set(name "${symbol}")
    if(CXXFILT)
      execute_process(COMMAND "${CXXFILT}" "${symbol}" OUTPUT_VARIABLE name
                      OUTPUT_STRIP_TRAILING_WHITESPACE)
    endif()
    list(JOIN isas_of_${symbol} ", " isas)
    string(APPEND errors "  shared by ${isas}: ${name}\n")
  endif()
endforeach()
if(errors)
  message(FATAL_ERROR "Make these FEWBITS_INLINE, or templates on `isa`:\n${errors}")
endif()
