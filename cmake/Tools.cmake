# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The `graceslab` tool, and the shared object that its laboratory loads and unloads.
include_guard()
foreach(need IN ITEMS CLI11 fmt nlohmann_json)
  find_package(${need} QUIET)
  if(NOT ${need}_FOUND)
    message(FATAL_ERROR "graceslab: the tool needs ${need}, or -DGRACESLAB_TOOLS=OFF")
  endif()
endforeach()
find_library(GRACESLAB_LIBDW dw)
find_path(GRACESLAB_LIBDW_HEADERS elfutils/libdwfl.h)
mark_as_advanced(GRACESLAB_LIBDW GRACESLAB_LIBDW_HEADERS)
if(NOT GRACESLAB_LIBDW OR NOT GRACESLAB_LIBDW_HEADERS)
  message(FATAL_ERROR "graceslab: the tool needs libdw (elfutils), or -DGRACESLAB_TOOLS=OFF")
endif()
set(CURSES_NEED_WIDE TRUE)
find_package(Curses QUIET)
if(NOT CURSES_FOUND)
  message(FATAL_ERROR "graceslab: the tool needs ncurses, or -DGRACESLAB_TOOLS=OFF")
endif()
find_package(prometheus-cpp QUIET)
if(NOT TARGET prometheus-cpp::pull)
  message(FATAL_ERROR "graceslab: the tool needs prometheus-cpp, or -DGRACESLAB_TOOLS=OFF")
endif()
include(BenchPeers)

file(GLOB_RECURSE tool_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/*.cpp")
list(FILTER tool_sources EXCLUDE REGEX "/tools/((lab|torture)/module|bench/peers|bench/runner)/")
if(NOT tool_sources)
  message(STATUS "graceslab: no tool sources")
  return()
endif()

# Objects, so that the broken flavour of the library can be linked below the very same tool.
add_library(tool_objects OBJECT ${tool_sources})
target_include_directories(tool_objects SYSTEM PRIVATE
  "${GRACESLAB_LIBDW_HEADERS}" ${CURSES_INCLUDE_DIRS})
target_include_directories(tool_objects
  PUBLIC "${PROJECT_SOURCE_DIR}/include" PRIVATE "${PROJECT_SOURCE_DIR}/tools")
target_compile_options(tool_objects PRIVATE ${graceslab_warnings})
target_link_libraries(tool_objects
  PUBLIC CLI11::CLI11 fmt::fmt nlohmann_json::nlohmann_json prometheus-cpp::pull Threads::Threads)

function(graceslab_tool name library)
  add_executable(${name} $<TARGET_OBJECTS:tool_objects>)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX ENABLE_EXPORTS ON
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE
    ${library} "${GRACESLAB_LIBDW}" -lelf ${CURSES_LIBRARIES}
    fmt::fmt prometheus-cpp::pull Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

graceslab_tool(graceslab_tool graceslab::graceslab)
add_dependencies(graceslab_tool bench_runner)
set_target_properties(graceslab_tool PROPERTIES OUTPUT_NAME graceslab
  INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
if(GRACESLAB_INSTALL)
  install(TARGETS graceslab_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
endif()
if(GRACESLAB_BUSTED)
  graceslab_tool(graceslab-busted graceslab_busted)
endif()

# A module takes the library's symbols from the tool that loads it, so that the broken flavour works
# as well. No symbol may be unique in the process: glibc never unmaps an object that has one.
function(graceslab_tool_module name folder)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tools/${folder}/module/*.cpp")
  add_library(${name} MODULE ${sources})
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/include")
  target_compile_options(${name} PRIVATE ${graceslab_warnings}
    $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,-z,now)
  if(GRACESLAB_INSTALL)
    install(TARGETS ${name} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/graceslab"
      COMPONENT tools)
  endif()
  add_dependencies(graceslab_tool ${name})
endfunction()

graceslab_tool_module(lab_module lab)
graceslab_tool_module(storm_module torture)

if(GRACESLAB_INSTALL)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/tools/metrics/prometheus" COMPONENT tools
    DESTINATION "${CMAKE_INSTALL_DATADIR}/graceslab")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/tools/trace/bpftrace" COMPONENT tools
    DESTINATION "${CMAKE_INSTALL_DATADIR}/graceslab")
endif()

# What the tool says of itself, for man(1) and for shells: written by the tool, where it runs here.
if(GRACESLAB_INSTALL AND (NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR))
  add_custom_command(TARGET graceslab_tool POST_BUILD VERBATIM
    COMMAND "${CMAKE_COMMAND}" "-Dtool=$<TARGET_FILE:graceslab_tool>"
      "-Demulator=${CMAKE_CROSSCOMPILING_EMULATOR}" "-Dfolder=${PROJECT_BINARY_DIR}/self"
      -P "${PROJECT_SOURCE_DIR}/cmake/WriteSelf.cmake")
  install(DIRECTORY "${PROJECT_BINARY_DIR}/self/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1"
    COMPONENT tools)
  install(FILES "${PROJECT_BINARY_DIR}/self/bash" RENAME graceslab
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT tools)
  install(FILES "${PROJECT_BINARY_DIR}/self/zsh" RENAME _graceslab
    DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions" COMPONENT tools)
  install(FILES "${PROJECT_BINARY_DIR}/self/fish" RENAME graceslab.fish
    DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT tools)
endif()
