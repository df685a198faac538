# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# One program per file, over an explorer of the C++ memory model (relacy) in place of the compiler's
# atomics. A file names the edges that it needs in lines `// WEAK a.x b.y`: run with such a name the
# program goes without that edge and succeeds if and only if the explorer then finds a violation, or
# the model proves nothing.
find_path(GRACESLAB_RELACY relacy/relacy.hpp)
mark_as_advanced(GRACESLAB_RELACY)

# The explorer switches stacks by itself, which no sanitizer follows.
if(GRACESLAB_SANITIZE OR NOT GRACESLAB_RELACY)
  message(STATUS "No model tests: they need relacy (relacy-dev) and a build without sanitizers")
  return()
endif()

function(graceslab_model name source)
  add_executable(model_${name} "${source}")
  target_compile_definitions(model_${name} PRIVATE GRACESLAB_MODEL=1 NDEBUG=1 _GNU_SOURCE)
  target_include_directories(model_${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/model"
    "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  target_include_directories(model_${name} SYSTEM PRIVATE "${GRACESLAB_RELACY}")
  target_compile_options(model_${name} PRIVATE
    -O1 -Wall -Wno-sign-compare -fno-pie -ftls-model=initial-exec)
  # A model includes whole files of the library; what they mention and no model calls need not
  # exist.
  target_link_options(model_${name} PRIVATE -no-pie -Wl,--unresolved-symbols=ignore-all)

  add_test(NAME model.${name} COMMAND model_${name})
  set_tests_properties(model.${name} PROPERTIES LABELS model TIMEOUT 120)
  file(STRINGS "${source}" lines REGEX "^// WEAK ")
  string(REGEX MATCHALL "[a-z_]+[.][a-z_.]+" edges "${lines}")
  foreach(edge IN LISTS edges)
    add_test(NAME model.${name}.weak.${edge} COMMAND model_${name} ${edge})
    set_tests_properties(model.${name}.weak.${edge} PROPERTIES LABELS model TIMEOUT 120)
  endforeach()
  file(STRINGS "${source}" rows REGEX "^ +{\"[a-z_.]+\", ")
  foreach(row IN LISTS rows)
    string(REGEX MATCH "[a-z_]+[.][a-z_.]+" edge "${row}")
    if(NOT edge IN_LIST edges)
      message(FATAL_ERROR "${source}: the edge ${edge} is in no line `// WEAK`")
    endif()
  endforeach()
endfunction()

file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/model/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  graceslab_model(${name} "${source}")
endforeach()

# The legal moves of a cache's stage: the page's table and the code's.
add_test(NAME model.teardown_table COMMAND "${Python3_EXECUTABLE}"
  "${CMAKE_CURRENT_SOURCE_DIR}/model/teardown_table.py" "${PROJECT_SOURCE_DIR}")
set_tests_properties(model.teardown_table PROPERTIES LABELS model TIMEOUT 60)
