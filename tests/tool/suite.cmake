# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# tool/*.sh and tool/*.py run with the path of the tool as their only argument; exit status 0 is a
# pass.
if(NOT TARGET graceslab_tool)
  return()
endif()
file(GLOB scripts CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/tool/*.sh" "${CMAKE_CURRENT_SOURCE_DIR}/tool/*.py")
foreach(script IN LISTS scripts)
  get_filename_component(name "${script}" NAME_WE)
  set(interpreter bash)
  if(script MATCHES "\\.py$")
    set(interpreter "${Python3_EXECUTABLE}")
  endif()
  add_test(NAME tool.${name} COMMAND "${interpreter}" "${script}" "$<TARGET_FILE:graceslab_tool>")
  set_tests_properties(tool.${name} PROPERTIES LABELS tool TIMEOUT 300
    ENVIRONMENT "CHILD_PROGRAMS=${CMAKE_CURRENT_BINARY_DIR}/child")
endforeach()
