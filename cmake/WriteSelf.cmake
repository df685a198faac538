# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -Dtool=TOOL -Demulator=COMMAND -Dfolder=FOLDER -P: the tool's manual pages and completions,
# as it prints them.
function(write file)
  execute_process(COMMAND ${emulator} "${tool}" ${ARGN} OUTPUT_FILE "${folder}/${file}"
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}/man")
write(man/graceslab.1 man)
file(STRINGS "${folder}/man/graceslab.1" see_also REGEX "graceslab\\\\-[a-z]+.*\\(1\\)")
foreach(line IN LISTS see_also)
  string(REGEX REPLACE ".*graceslab\\\\-([a-z]+).*" "\\1" command "${line}")
  write(man/graceslab-${command}.1 man ${command})
endforeach()
foreach(shell IN ITEMS bash zsh fish)
  write(${shell} completion ${shell})
endforeach()
