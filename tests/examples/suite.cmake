# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every program of examples/ runs and exits with 0.
file(GLOB sources CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/examples/*.cpp" "${PROJECT_SOURCE_DIR}/examples/*.c")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME)
  string(REPLACE "." "_" program "example_${name}")
  add_executable(${program} "${source}")
  target_compile_options(${program} PRIVATE ${graceslab_warnings})
  target_link_libraries(${program} PRIVATE graceslab::graceslab Threads::Threads)
  add_test(NAME examples.${name} COMMAND ${program})
  set_tests_properties(examples.${name} PROPERTIES LABELS examples TIMEOUT 120)
endforeach()
