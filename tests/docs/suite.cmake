# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The code in the prose compiles, and where it says so runs. One test per page that holds any.
file(GLOB_RECURSE pages CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
  "${PROJECT_SOURCE_DIR}/docs/*.md" "${PROJECT_SOURCE_DIR}/*.md")
list(FILTER pages EXCLUDE REGEX "^(build|\\.)")
list(REMOVE_DUPLICATES pages)
set(snippets "${CMAKE_CURRENT_SOURCE_DIR}/docs/snippets.py")
add_test(NAME docs.self-test COMMAND Python3::Interpreter "${snippets}" --self-test)
set_tests_properties(docs.self-test PROPERTIES LABELS docs)
foreach(page IN LISTS pages)
  file(STRINGS "${PROJECT_SOURCE_DIR}/${page}" fences REGEX "^```(c|cpp)( |$)")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${page}")
  if(fences)
    add_test(NAME docs.${page} COMMAND Python3::Interpreter "${snippets}"
      "${PROJECT_SOURCE_DIR}/${page}" --cc "${CMAKE_C_COMPILER}" --cxx "${CMAKE_CXX_COMPILER}"
      --include "${PROJECT_SOURCE_DIR}/include" --library "$<TARGET_FILE_DIR:graceslab_shared>")
    set_tests_properties(docs.${page} PROPERTIES LABELS docs TIMEOUT 300)
  endif()
endforeach()
