# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every program of examples/ runs and exits with 0. plugin_unload gets the shared object of
# examples/plugin as its argument.
add_library(example_plugin MODULE "${PROJECT_SOURCE_DIR}/examples/plugin/plugin.c")
target_compile_options(example_plugin PRIVATE ${graceslab_warnings})
target_link_libraries(example_plugin PRIVATE graceslab::graceslab)
file(GLOB sources CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/examples/*.cpp" "${PROJECT_SOURCE_DIR}/examples/*.c")
if(NOT GRACESLAB_HAVE_MEMORY_RESOURCE)
  list(FILTER sources EXCLUDE REGEX "/containers\\.cpp$")
endif()
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME)
  string(REPLACE "." "_" program "example_${name}")
  add_executable(${program} "${source}")
  target_compile_options(${program} PRIVATE ${graceslab_warnings})
  target_link_libraries(${program} PRIVATE
    graceslab::graceslab Threads::Threads ${CMAKE_DL_LIBS})
  set(arguments)
  if(name MATCHES "^plugin_")
    set(arguments "$<TARGET_FILE:example_plugin>")
    add_dependencies(${program} example_plugin)
  endif()
  add_test(NAME examples.${name} COMMAND ${program} ${arguments})
  set_tests_properties(examples.${name} PROPERTIES LABELS examples TIMEOUT 120)
endforeach()
