# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The public headers under strict standards, warnings as errors, with every compiler at hand: those
# of the kernel face from C11 and C++11, the others from C++20.
#   compat.COMPILER.FILE     a file of this folder compiles      compat.run.FILE   one with a main
# also runs; .STANDARD behind it: under a later standard, where std26_* and into_std are run too;
#   .bare: without exceptions and RTTI
#   compat.COMPILER.alone.H  an installed header compiles with nothing included before it
#   compat.refused.H         an older standard, and 32 bits, get one line
find_program(GRACESLAB_CLANG clang)
find_program(GRACESLAB_CLANGXX clang++)
mark_as_advanced(GRACESLAB_CLANG GRACESLAB_CLANGXX)

set(strict -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only
  "-I${PROJECT_SOURCE_DIR}/include")
set(header_strict -Wconversion -Wsign-conversion)  # clang's includes -Wshorten-64-to-32

function(compat_test name)
  add_test(NAME compat.${name} COMMAND ${ARGN})
  set_tests_properties(compat.${name} PROPERTIES LABELS compat TIMEOUT 120)
endfunction()

# compat_source(NAME STANDARD SOURCE OPTION...): under each compiler that knows the standard
function(compat_source name standard source)
  set(other "${GRACESLAB_CLANGXX}")
  set(own ${CMAKE_CXX_COMPILER} ${compat_own_flags})
  if(standard MATCHES "^c[0-9]")
    set(other "${GRACESLAB_CLANG}")
    set(own "${CMAKE_C_COMPILER}")
  endif()
  foreach(which IN ITEMS own other)
    set(compiler "${${which}}")
    if(compiler)
      string(REPLACE own ${CMAKE_CXX_COMPILER_ID} label ${which})
      if(standard IN_LIST compat_new_standards)
        execute_process(COMMAND ${compiler} -std=${standard} -E -x c++ /dev/null
          RESULT_VARIABLE unknown OUTPUT_QUIET ERROR_QUIET)
        if(unknown)
          continue()
        endif()
      endif()
      compat_test(${label}.${name}
        ${compiler} -std=${standard} ${strict} ${header_strict} ${ARGN} "${source}")
    endif()
  endforeach()
endfunction()

# The same program under each later standard that our compiler knows.
function(compat_later_standards name program source)
  foreach(standard IN ITEMS 23 26)
    if("cxx_std_${standard}" IN_LIST CMAKE_CXX_COMPILE_FEATURES)
      add_executable(${program}_${standard} "${source}")
      set_target_properties(${program}_${standard} PROPERTIES CXX_STANDARD ${standard})
      target_link_libraries(${program}_${standard} PRIVATE graceslab_shared)
      compat_test(run.${name}.c++${standard} ${program}_${standard})
    endif()
  endforeach()
endfunction()

separate_arguments(compat_own_flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
set(compat_c_standards c11 c17 c2x)
set(compat_cpp_standards c++20 c++2b c++2c)
set(compat_new_standards c++2c)

file(GLOB sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/compat/*.c" "${CMAKE_CURRENT_SOURCE_DIR}/compat/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME)
  get_filename_component(language "${source}" LAST_EXT)
  string(REPLACE . "" language "${language}")
  list(GET compat_${language}_standards 0 first)
  foreach(standard IN LISTS compat_${language}_standards)
    set(behind .${standard})
    if(standard STREQUAL first)
      set(behind)
    endif()
    compat_source(${name}${behind} ${standard} "${source}")
  endforeach()
  if(language STREQUAL "cpp")
    compat_source(${name}.bare ${first} "${source}" -fno-exceptions -fno-rtti)
  endif()
  file(STRINGS "${source}" main_lines REGEX "^(int|auto) main\\(")
  if(main_lines)
    string(REPLACE "." "_" program "compat_${name}")
    add_executable(${program} "${source}")
    target_link_libraries(${program} PRIVATE graceslab_shared)
    compat_test(run.${name} ${program})
    if(name MATCHES "^(std26_|into_std)")
      compat_later_standards(${name} ${program} "${source}")
    endif()
  endif()
endforeach()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include"
  "${PROJECT_SOURCE_DIR}/include/graceslab/*")
if(NOT GRACESLAB_HAVE_MEMORY_RESOURCE)
  list(REMOVE_ITEM headers graceslab/memory_resource.hpp)
endif()
foreach(header IN LISTS headers)
  string(REGEX REPLACE "[/.]" "_" name "${header}")
  set(languages cpp)
  set(standard_cpp c++20)
  if(header MATCHES "\\.h$")
    list(APPEND languages c)
    set(standard_cpp c++11)
    set(standard_c c11)
  endif()
  set(version "GRACESLAB_VERSION >= 100")
  if(header MATCHES "/detail/")
    set(version 1)
  endif()
  foreach(language IN LISTS languages)
    set(alone "${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.${language}")
    file(CONFIGURE OUTPUT "${alone}" CONTENT
      "#include <${header}>\nextern int gs_alone;\n#if !(${version})\n#error version\n#endif\n")
    compat_source(alone.${header}.${language} ${standard_${language}} "${alone}")
  endforeach()
  if(header MATCHES "\\.hpp$")
    set(need "need C++20 (-std=c++20)")
    foreach(standard IN ITEMS c++11 c++17)
      compat_test(refused.${header}.${standard} "${CMAKE_CURRENT_SOURCE_DIR}/one_line.sh" "${need}"
        "${CMAKE_CXX_COMPILER}" -std=${standard} ${strict} "${alone}")
    endforeach()
  elseif(header MATCHES "/kernel/")
    compat_test(refused.${header}.c99 "${CMAKE_CURRENT_SOURCE_DIR}/one_line.sh"
      "need C11 (-std=c11)" "${CMAKE_C_COMPILER}" -std=c99 ${strict} "${alone}")
    compat_test(refused.${header}.c++98 "${CMAKE_CURRENT_SOURCE_DIR}/one_line.sh"
      "need C++11 (-std=c++11)" "${CMAKE_CXX_COMPILER}" -std=c++98 ${strict} -x c++ "${alone}")
  endif()
endforeach()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")  # the header that needs no other: nor 32-bit libraries
  compat_test(refused.32_bit "${CMAKE_CURRENT_SOURCE_DIR}/one_line.sh" "needs a 64-bit target"
    "${CMAKE_C_COMPILER}" -m32 ${strict}
    "${CMAKE_CURRENT_BINARY_DIR}/alone/graceslab_detail_config_h.c")
endif()

# Together with liburcu in one process, where it is installed: units of their own, the same names.
include(Urcu)
if(TARGET PkgConfig::URCU)
  set(sides "${CMAKE_CURRENT_SOURCE_DIR}/compat/liburcu")
  add_executable(compat_liburcu "${sides}/graceslab_side.c" "${sides}/liburcu_side.c")
  set_source_files_properties("${sides}/liburcu_side.c" PROPERTIES COMPILE_OPTIONS "-std=gnu11")
  target_link_libraries(compat_liburcu PRIVATE
    graceslab_shared PkgConfig::URCU Threads::Threads)
  compat_test(run.liburcu compat_liburcu)
endif()
