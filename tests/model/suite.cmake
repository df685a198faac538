# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# One program per file, over an explorer of the C++ memory model (relacy) in place of the
# compiler's atomics. A file names the edges it can do without in a line `// WEAK a b`: for each, a
# second program is compiled with GRACESLAB_WEAK_a defined, and that one must fail (exit status not
# 0), or the test proves nothing.
function(model_program name source)
  add_executable(model_${name} "${source}")
  target_compile_definitions(model_${name} PRIVATE GRACESLAB_MODEL=1 _GNU_SOURCE ${ARGN})
  target_include_directories(model_${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/model"
    "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  # relacy is not clean under our warnings, and is slow without optimisation
  target_compile_options(model_${name} PRIVATE -O2 -Wall -Wno-sign-compare)
  target_link_libraries(model_${name} PRIVATE Threads::Threads)
  string(REPLACE "__" "." test "model.${name}")
  add_test(NAME ${test} COMMAND model_${name})
  set_tests_properties(${test} PROPERTIES LABELS model TIMEOUT 300)
endfunction()

file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/model/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  model_program(${name} "${source}")
  file(STRINGS "${source}" weak_line REGEX "^// WEAK " LIMIT_COUNT 1)
  string(REGEX MATCHALL "[a-z0-9_]+" weak_edges "${weak_line}")
  foreach(edge IN LISTS weak_edges)
    model_program(${name}__weak_${edge} "${source}" GRACESLAB_WEAK_${edge}=1)
    set_tests_properties(model.${name}.weak_${edge} PROPERTIES WILL_FAIL ON)
  endforeach()
endforeach()
