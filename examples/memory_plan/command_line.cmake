# SPDX-License-Identifier: MIT
# cmake -DPROGRAM=memory_plan [-DEMULATOR=...] -P command_line.cmake: what memory_plan answers to its command
# line. Bad input gets exit status 2, a message that says what is wrong on the error stream, and nothing on
# the other.

function(run status out err)
  execute_process(COMMAND ${EMULATOR} "${PROGRAM}" ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE printed ERROR_VARIABLE message)
  if(NOT result STREQUAL status)
    message(SEND_ERROR "memory_plan ${ARGN}: exit status ${result} instead of ${status}: ${message}")
  endif()
  set(${out} "${printed}" PARENT_SCOPE)
  set(${err} "${message}" PARENT_SCOPE)
endfunction()

# bad(<message> <argument>...)
function(bad wanted)
  run(2 printed message ${ARGN})
  if(NOT message STREQUAL "memory_plan: ${wanted}\nTry: memory_plan --help\n" OR printed)
    message(SEND_ERROR "memory_plan ${ARGN}: ${message}instead of: ${wanted}\n${printed}")
  endif()
endfunction()

bad("there is no option '--color'" --color red)
bad("'--parameters' is no option, or its value is missing" --parameters)
bad("--parameters needs a whole number, not 'lots'" --parameters lots)
bad("--parameters needs a whole number, not '-40'" --parameters -40B)
bad("--parameters needs a whole number, not '4e9'" --parameters 4e9)
bad("--parameters needs a whole number, not '18446744074'" --parameters 18446744074B)
bad("--parameters must be at least 1" --parameters 0)
bad("give one of --parameters, --model and --shape" --cards 8)
bad("give one of --parameters, --model and --shape" --parameters 7B --model llama2_7b)
bad("one model at a time" --model llama2_7b --model llama2_7b)
bad("there is no model 'gpt5'; give its --shape" --model gpt5)
bad("--shape needs six numbers: V,h,L,a,kv,f" --shape 32000,4096)
bad("--shape must be at least 1" --shape 32000,4096,32,0,32,11008)
bad("--shape: the heads must divide the width" --shape 32000,4096,32,33,32,11008)
bad("there is no recipe 'magic'" --model llama2_7b --recipe magic)
bad("there is no format 'fp5'" --model llama2_7b --inference --weights fp5)
bad("--zero is 0, 1, 2 or 3" --model llama2_7b --zero 4)
bad("--recompute is none, selective or full" --model llama2_7b --recompute some)
bad("--offload is none, optimizer or all" --model llama2_7b --offload some)
bad("--offload all needs --zero 3" --model llama2_7b --offload all)
bad("--inference needs a --model or a --shape" --parameters 7B --inference)
bad("Adafactor needs a --model or a --shape" --parameters 7B --recipe mixed_adafactor)
bad("--tensor-parallel and --pipeline-parallel need a --model or a --shape"
    --parameters 7B --pipeline-parallel 2)
bad("--tensor-parallel times --pipeline-parallel must divide --cards"
    --model llama2_7b --cards 8 --tensor-parallel 3)
bad("--tensor-parallel times --pipeline-parallel must divide --cards"
    --model llama2_7b --tensor-parallel 8589934592 --pipeline-parallel 8589934592)
bad("--margin-gb must be less than --card-gb, and that less than 18446744073"
    --model llama2_7b --margin-gb 80)

# expect(<text> <argument>...)
function(expect wanted)
  run(0 printed message ${ARGN})
  string(FIND "${printed}" "${wanted}" found)
  if(found EQUAL -1)
    message(SEND_ERROR "memory_plan ${ARGN}: no '${wanted}' in\n${printed}")
  endif()
endfunction()

expect("usage: memory_plan" --help)
expect("560.00 GB = 521.54 GiB" --parameters 40B --recipe lesson --zero 3)
expect("fits 8 x (80.00 GB = 74.51 GiB): 10.00 GB = 9.31 GiB a card left"
       --parameters 40B --recipe lesson --zero 3)
expect("does not fit" --parameters 40B --zero 3 --margin-gb 1)
expect("in the memory of the hosts" --parameters 40B --zero 3 --offload all)
expect("largest batch " --model llama3_8b --sequence 8192 --flash --recompute full --zero 3 --explain)
expect("largest batch " --model llama2_70b --inference --weights int4 --cards 2 --share-activations)
expect("ZeRO 1 divides by 4" --model llama2_70b --zero 1 --cards 64 --pipeline-parallel 4
       --tensor-parallel 4 --explain)

# json(<want> <arguments, joined by spaces> <path in the answer>...)
function(json wanted arguments)
  separate_arguments(arguments UNIX_COMMAND "${arguments}")
  run(0 printed message ${arguments} --json)
  string(JSON found ERROR_VARIABLE problem GET "${printed}" ${ARGN})
  if(problem OR NOT found STREQUAL wanted)
    message(SEND_ERROR "memory_plan ${arguments} --json: ${ARGN} is '${found}' instead of '${wanted}'"
                       " (${problem}) in\n${printed}")
  endif()
endfunction()

json(560000000000 "--parameters 40B --recipe lesson --zero 3" bytes)
json(70000000000 "--parameters 40B --recipe lesson --zero 3" card_bytes)
json(ON "--parameters 40B --recipe lesson --zero 3" fits)
json(80000000000 "--parameters 40B --recipe lesson --zero 3" spare_bytes)
json(weights "--parameters 40B --recipe lesson --zero 3" tensors 0 name)
json(8030261248 "--model llama3_8b --inference --weights int8" tensors 0 bytes)
