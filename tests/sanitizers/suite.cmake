# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Programs from outside under the checkers of their users, against the installed library, which was
# built without any.
if(GRACESLAB_SANITIZE)
  return()
endif()
set(sanitizers_prefix "${CMAKE_CURRENT_BINARY_DIR}/sanitizers/prefix")
add_test(NAME sanitizers.stage
  COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${sanitizers_prefix}")
set_tests_properties(sanitizers.stage PROPERTIES
  LABELS sanitizers TIMEOUT 300 FIXTURES_SETUP sanitizers_prefix)

function(graceslab_seeded name compiler checkers)
  foreach(checker IN LISTS checkers)
    add_test(NAME sanitizers.${name}.${checker}
      COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/sanitizers/seeded.py" ${checker}
      "${compiler}" "${sanitizers_prefix}" "${CMAKE_INSTALL_LIBDIR}"
      "${CMAKE_CURRENT_BINARY_DIR}/sanitizers/${name}")
    set_tests_properties(sanitizers.${name}.${checker} PROPERTIES LABELS sanitizers TIMEOUT 600
      SKIP_RETURN_CODE 77 FIXTURES_REQUIRED sanitizers_prefix)
  endforeach()
endfunction()

graceslab_seeded(own "${CMAKE_CXX_COMPILER}" "address;leak;thread;memcheck")
find_program(GRACESLAB_CLANGXX clang++)
mark_as_advanced(GRACESLAB_CLANGXX)
if(GRACESLAB_CLANGXX AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  graceslab_seeded(clang "${GRACESLAB_CLANGXX}" "address;thread")
endif()
