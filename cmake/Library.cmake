# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The core: compiled once, linked as a shared library and as an archive. It needs libc alone.
include_guard()

# Bottom to top of the include ladder: start-up registrations run in link order, so lower layers
# are ready first.
set(graceslab_layers base os sync rcu hazard slab reclaim teardown observe api)
set(graceslab_sources)
foreach(layer IN LISTS graceslab_layers)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${layer}/*.cpp")
  list(APPEND graceslab_sources ${found})
endforeach()

function(graceslab_objects name)
  add_library(${name} OBJECT ${graceslab_sources})
  set_target_properties(${name} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_include_directories(${name}
    PUBLIC "${PROJECT_SOURCE_DIR}/include" PRIVATE "${PROJECT_SOURCE_DIR}/src")
  # Static locals would call into the C++ run time; a second TLS model would cost a call per access.
  target_compile_options(${name} PRIVATE ${graceslab_warnings}
    -fno-exceptions -fno-rtti -fno-threadsafe-statics -ftls-model=initial-exec)
  target_compile_definitions(${name} PRIVATE
    _GNU_SOURCE ${ARGN})
  if(GRACESLAB_SANITIZE)
    target_compile_definitions(${name} PRIVATE GRACESLAB_SANITIZERS_AUTO=0)
  endif()
endfunction()

# Joins the objects of a target into one, FILE. An archive of it leaves out no layer's start-up
# registration; and as it counts as no C++, nothing of the C++ run time gets linked in unnoticed.
function(graceslab_join objects file)
  add_custom_command(OUTPUT "${file}" VERBATIM COMMAND_EXPAND_LISTS
    COMMAND "${CMAKE_LINKER}" -r -o "${file}" "$<TARGET_OBJECTS:${objects}>"
    DEPENDS ${objects} "$<TARGET_OBJECTS:${objects}>"
    COMMENT "Joining ${objects}")
  add_custom_target(${objects}_joined DEPENDS "${file}")
endfunction()

# graceslab_library(NAME KIND OBJECTS): a library of the joined objects, linked by the C driver.
function(graceslab_library name kind objects)
  set(joined "${PROJECT_BINARY_DIR}/${objects}.o")
  if(NOT TARGET ${objects}_joined)
    graceslab_join(${objects} "${joined}")
  endif()
  add_library(${name} ${kind} "${joined}")
  add_dependencies(${name} ${objects}_joined)
  set_source_files_properties("${joined}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(${name} INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(${name} PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
  target_compile_features(${name} INTERFACE cxx_std_20)
endfunction()

graceslab_objects(graceslab_objects)

# It owns keys, threads and fork handlers: never unmapped. The tool is called graceslab too, hence
# the name of the target. While the major number is 0, each minor release is another library to the
# loader, and its symbols are of another version.
graceslab_library(graceslab_shared SHARED graceslab_objects)
set(symbol_versions "${PROJECT_SOURCE_DIR}/cmake/graceslab.map")
set_target_properties(graceslab_shared PROPERTIES OUTPUT_NAME graceslab EXPORT_NAME shared
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LINK_DEPENDS "${symbol_versions}")
target_link_options(graceslab_shared PRIVATE -Wl,-z,nodelete -Wl,-z,relro,-z,now
  "-Wl,--version-script=${symbol_versions}")
if(NOT GRACESLAB_SANITIZE OR CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # clang leaves its sanitizers to the program
  target_link_options(graceslab_shared PRIVATE -Wl,--no-undefined)
endif()

graceslab_library(graceslab_static STATIC graceslab_objects)
set_target_properties(graceslab_static PROPERTIES OUTPUT_NAME graceslab EXPORT_NAME static)

# graceslab::shared, graceslab::static, and graceslab::graceslab for the one to take:
# BUILD_SHARED_LIBS leaves the other one out; without it both are built, and the shared one is the
# one to take.
set(graceslab_kinds shared static)
if(DEFINED BUILD_SHARED_LIBS)
  set(graceslab_kinds static)
  if(BUILD_SHARED_LIBS)
    set(graceslab_kinds shared)
  endif()
endif()
list(GET graceslab_kinds 0 default)
add_library(graceslab::graceslab ALIAS graceslab_${default})
foreach(kind IN ITEMS shared static)
  add_library(graceslab::${kind} ALIAS graceslab_${kind})
  if(NOT kind IN_LIST graceslab_kinds OR NOT (PROJECT_IS_TOP_LEVEL OR GRACESLAB_INSTALL))
    set_target_properties(graceslab_${kind} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endforeach()
if(NOT (PROJECT_IS_TOP_LEVEL OR GRACESLAB_INSTALL))
  set_target_properties(graceslab_objects PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

# The same sources with their known mistakes switched in: a test that passes on these tests nothing.
if(GRACESLAB_BUSTED)
  graceslab_objects(graceslab_busted_objects GRACESLAB_BUSTED=1)
  graceslab_library(graceslab_busted STATIC graceslab_busted_objects)
endif()
