# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Mirrors src/: sees the internal headers and links the whole archive.
graceslab_gtest(unit graceslab_static)
if(TARGET unit)
  target_include_directories(unit PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_compile_definitions(unit PRIVATE _GNU_SOURCE)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_sources(unit PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/fastpath/steps.c")
  else()  # no trap flag to step with
    get_target_property(sources unit SOURCES)
    list(FILTER sources EXCLUDE REGEX "/bounded_holds_test\\.cpp$")
    set_property(TARGET unit PROPERTY SOURCES ${sources})
  endif()
  # Only where it is used: a compiler cache then serves every other checkout as well.
  set_property(SOURCE "${CMAKE_CURRENT_SOURCE_DIR}/unit/teardown/moves_test.cpp" APPEND PROPERTY
    COMPILE_DEFINITIONS "GRACESLAB_SOURCE=\"${PROJECT_SOURCE_DIR}\"")
endif()
