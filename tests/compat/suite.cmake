# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The public headers under strict C11 and C++20, warnings as errors, with every compiler at hand.
#   compat.COMPILER.FILE     a file of this folder compiles      compat.run.FILE   one with a main
# also runs
#   compat.other.SOURCE      the library's own sources under the compiler that did not build it
#   compat.COMPILER.alone.H  an installed header compiles with nothing included before it
find_program(GRACESLAB_CLANG clang)
find_program(GRACESLAB_CLANGXX clang++)
mark_as_advanced(GRACESLAB_CLANG GRACESLAB_CLANGXX)

set(strict -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only
  "-I${PROJECT_SOURCE_DIR}/include")

function(compat_compile name compiler standard source)
  add_test(NAME compat.${name} COMMAND "${compiler}" -std=${standard} ${strict} "${source}")
  set_tests_properties(compat.${name} PROPERTIES LABELS compat TIMEOUT 120)
endfunction()

function(compat_source name source)
  if(source MATCHES "\\.c$")
    compat_compile(${CMAKE_C_COMPILER_ID}.${name} "${CMAKE_C_COMPILER}" c11 "${source}")
    if(GRACESLAB_CLANG)
      compat_compile(other.${name} "${GRACESLAB_CLANG}" c11 "${source}")
    endif()
  else()
    compat_compile(${CMAKE_CXX_COMPILER_ID}.${name} "${CMAKE_CXX_COMPILER}" c++20 "${source}")
    if(GRACESLAB_CLANGXX)
      compat_compile(other.${name} "${GRACESLAB_CLANGXX}" c++20 "${source}")
    endif()
  endif()
endfunction()

file(GLOB sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/compat/*.c" "${CMAKE_CURRENT_SOURCE_DIR}/compat/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME)
  compat_source(${name} "${source}")
  file(STRINGS "${source}" main_lines REGEX "^(int|auto) main\\(")
  if(main_lines)
    string(REPLACE "." "_" program "compat_${name}")
    add_executable(${program} "${source}")
    target_link_libraries(${program} PRIVATE graceslab_shared)
    add_test(NAME compat.run.${name} COMMAND ${program})
    set_tests_properties(compat.run.${name} PROPERTIES LABELS compat TIMEOUT 120)
  endif()
endforeach()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include"
  "${PROJECT_SOURCE_DIR}/include/graceslab/*")
foreach(header IN LISTS headers)
  string(REGEX REPLACE "[/.]" "_" name "${header}")
  set(languages cpp)
  if(header MATCHES "\\.h$")
    list(APPEND languages c)
  endif()
  foreach(language IN LISTS languages)
    set(alone "${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.${language}")
    file(CONFIGURE OUTPUT "${alone}" CONTENT "#include <${header}>\nextern int gs_alone;\n")
    compat_source(alone.${header}.${language} "${alone}")
  endforeach()
endforeach()

# Each compiler takes something that the other refuses.
if(GRACESLAB_CLANGXX)
  get_target_property(core graceslab_objects SOURCES)
  foreach(source IN LISTS core)
    file(RELATIVE_PATH name "${PROJECT_SOURCE_DIR}" "${source}")
    add_test(NAME compat.other.${name} COMMAND "${GRACESLAB_CLANGXX}" -std=c++20 ${strict}
      "-I${PROJECT_SOURCE_DIR}/src" -D_GNU_SOURCE -DGRACESLAB_VERSION="" -fno-exceptions -fno-rtti
      "${source}")
    set_tests_properties(compat.other.${name} PROPERTIES LABELS compat TIMEOUT 120)
  endforeach()
endif()

# Together with liburcu in one process, where it is installed: units of their own, the same names.
include(Urcu)
if(TARGET PkgConfig::URCU)
  set(sides "${CMAKE_CURRENT_SOURCE_DIR}/compat/liburcu")
  add_executable(compat_liburcu "${sides}/graceslab_side.c" "${sides}/liburcu_side.c")
  set_source_files_properties("${sides}/liburcu_side.c" PROPERTIES COMPILE_OPTIONS "-std=gnu11")
  target_link_libraries(compat_liburcu PRIVATE
    graceslab_shared PkgConfig::URCU Threads::Threads)
  add_test(NAME compat.run.liburcu COMMAND compat_liburcu)
  set_tests_properties(compat.run.liburcu PROPERTIES LABELS compat TIMEOUT 120)
endif()
