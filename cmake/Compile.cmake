# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Languages, build types, warnings and sanitizers, for every target of this tree.
include_guard()

set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
include(GNUInstallDirs)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
  # Reports name functions and places, so release builds keep their symbols.
  set(release_flags "-O2 -g")
  if(NOT GRACESLAB_CHECKS)
    string(APPEND release_flags " -DNDEBUG")
  endif()
  set(CMAKE_C_FLAGS_RELEASE "${release_flags}")
  set(CMAKE_CXX_FLAGS_RELEASE "${release_flags}")

  find_program(GRACESLAB_CCACHE ccache)
  mark_as_advanced(GRACESLAB_CCACHE)
  if(GRACESLAB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${GRACESLAB_CCACHE}")
    set(CMAKE_CXX_COMPILER_LAUNCHER "${GRACESLAB_CCACHE}")
  endif()
endif()

if(GRACESLAB_SANITIZE)
  string(REPLACE ";" "," sanitizers "${GRACESLAB_SANITIZE}")
  add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${sanitizers})
  if(sanitizers MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

set(graceslab_warnings -Wall -Wextra -Wpedantic -Wshadow -Wcast-align -Wformat=2 -Wundef
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>)
if(GRACESLAB_WERROR)
  list(APPEND graceslab_warnings -Werror)
endif()
