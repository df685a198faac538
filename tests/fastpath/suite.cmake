# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The instructions that fast paths execute, as frozen in bench/fastpath/: one file per compiler,
# since another one counts differently. Where nothing is comparable the test is skipped, and says
# why.
string(REGEX MATCH "^[0-9]+" compiler_major "${CMAKE_CXX_COMPILER_VERSION}")
string(TOLOWER "${CMAKE_CXX_COMPILER_ID}-${compiler_major}-${CMAKE_SYSTEM_PROCESSOR}" compiler)
set(fastpath "${CMAKE_CURRENT_SOURCE_DIR}/fastpath")
set(why "")
if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(why "only x86-64 has the trap flag that the probe steps with")
elseif(GRACESLAB_SANITIZE)
  set(why "a sanitizer is in the way")
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  set(why "counts are frozen for release builds")
endif()

if(why)
  add_test(NAME fastpath.counts COMMAND "${CMAKE_COMMAND}" -E echo "skipped: ${why}")
  set_tests_properties(fastpath.counts PROPERTIES LABELS fastpath SKIP_REGULAR_EXPRESSION skipped)
  return()
endif()

file(GLOB sources CONFIGURE_DEPENDS "${fastpath}/*.c" "${fastpath}/*.cpp")
add_executable(fastpath ${sources})
target_compile_options(fastpath PRIVATE ${graceslab_warnings})
target_link_libraries(fastpath PRIVATE graceslab_shared ${CMAKE_DL_LIBS})
set(golden "${PROJECT_SOURCE_DIR}/bench/fastpath/${compiler}.golden")
add_test(NAME fastpath.counts COMMAND Python3::Interpreter
  "${fastpath}/fastpath.py" check "$<TARGET_FILE:fastpath>" "${golden}")
set_tests_properties(fastpath.counts PROPERTIES LABELS fastpath TIMEOUT 60 SKIP_RETURN_CODE 77)
add_custom_target(fastpath-freeze DEPENDS fastpath VERBATIM
  COMMAND Python3::Interpreter
    "${fastpath}/fastpath.py" freeze "$<TARGET_FILE:fastpath>" "${golden}"
  COMMENT "Freezing the instruction counts of the fast paths")
