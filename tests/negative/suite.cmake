# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Programs that must not compile, and must once their mistake is taken out.
file(GLOB sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/negative/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/negative/*.c")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME)
  set(compiler "${CMAKE_CXX_COMPILER}")
  if(source MATCHES "\\.c$")
    set(compiler "${CMAKE_C_COMPILER}")
  endif()
  add_test(NAME negative.${name}
    COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/negative/must_fail.py"
    "${source}" "${compiler}" "-I${PROJECT_SOURCE_DIR}/include")
  set_tests_properties(negative.${name} PROPERTIES LABELS negative TIMEOUT 120)
endforeach()
