# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What users do, through the public headers and the shared library alone.
#   scenario/module/*.cpp, *.c  a shared object each, to load and unload:
#                               dlopen(GRACESLAB_MODULE_DIR "/NAME.so")
#   scenario/child/*.cpp, *.c   a program each, to be run and watched:
#                               run_child(GRACESLAB_CHILD_DIR "/NAME", ...); child/NAME/*.cpp are
#                               further translation units of it
#   scenario/bound/             a host and a plug-in that share inline functions, in every way of
#                               compiling and linking them
set(folder "${CMAKE_CURRENT_SOURCE_DIR}/scenario")
file(GLOB modules CONFIGURE_DEPENDS "${folder}/module/*.cpp" "${folder}/module/*.c")
file(GLOB children CONFIGURE_DEPENDS "${folder}/child/*.cpp" "${folder}/child/*.c")
graceslab_gtest(scenario graceslab_shared)
if(NOT TARGET scenario)
  return()
endif()

get_target_property(sources scenario SOURCES)
list(FILTER sources EXCLUDE REGEX "/scenario/(module|child|bound)/")
set_property(TARGET scenario PROPERTY SOURCES ${sources})
set(module_dir "${CMAKE_CURRENT_BINARY_DIR}/module")
set(child_dir "${CMAKE_CURRENT_BINARY_DIR}/child")
set(bound_dir "${CMAKE_CURRENT_BINARY_DIR}/bound")
# Only where they are used: a compiler cache then serves every other checkout as well.
foreach(source IN LISTS sources)
  file(STRINGS "${source}" uses REGEX "GRACESLAB_(MODULE|CHILD)_DIR|loaded_module.hpp")
  if(uses)
    set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_DEFINITIONS
      GRACESLAB_MODULE_DIR="${module_dir}" GRACESLAB_CHILD_DIR="${child_dir}")
  endif()
endforeach()

foreach(source IN LISTS modules)
  get_filename_component(name "${source}" NAME_WE)
  add_library(module_${name} MODULE "${source}")
  set_target_properties(module_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY "${module_dir}")
  target_compile_options(module_${name} PRIVATE ${graceslab_warnings})
  target_link_libraries(module_${name} PRIVATE graceslab_shared)
  add_dependencies(scenario module_${name})
endforeach()

foreach(source IN LISTS children)
  get_filename_component(name "${source}" NAME_WE)
  file(GLOB further CONFIGURE_DEPENDS "${folder}/child/${name}/*.cpp")
  add_executable(child_${name} "${source}" ${further})
  set_target_properties(child_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY "${child_dir}")
  target_compile_options(child_${name} PRIVATE ${graceslab_warnings})
  target_compile_definitions(child_${name} PRIVATE GRACESLAB_MODULE_DIR="${module_dir}")
  target_link_libraries(child_${name} PRIVATE
    graceslab_shared Threads::Threads ${CMAKE_DL_LIBS})
  add_dependencies(scenario child_${name})
endforeach()

# One program more, linked in the ways that take its names away, or the loader.
function(graceslab_named name library)
  add_executable(child_${name} "${folder}/child/named.c")
  set_target_properties(child_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY "${child_dir}")
  target_link_libraries(child_${name} PRIVATE ${library})
  target_link_options(child_${name} PRIVATE -Wl,--build-id ${ARGN})
  add_dependencies(scenario child_${name})
endfunction()
target_link_options(child_named PRIVATE -Wl,--build-id)
target_link_options(module_named PRIVATE -Wl,--build-id)
target_link_options(module_stranger PRIVATE -Wl,--build-id)
graceslab_named(named_stripped graceslab_shared -s)
find_library(GRACESLAB_STATIC_LIBC libc.a)
mark_as_advanced(GRACESLAB_STATIC_LIBC)
if(GRACESLAB_STATIC_LIBC AND NOT GRACESLAB_SANITIZE)
  graceslab_named(named_static graceslab_static -static)
endif()

foreach(level IN ITEMS O0 Og O2)
  foreach(host IN ITEMS plain exporting)
    set(name host_${host}_${level})
    add_executable(${name} "${folder}/bound/host.cpp")
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${bound_dir}")
    target_compile_options(${name} PRIVATE ${graceslab_warnings} -${level})
    target_link_libraries(${name} PRIVATE graceslab_shared Threads::Threads ${CMAKE_DL_LIBS})
    add_dependencies(scenario ${name})
  endforeach()
  target_link_options(host_exporting_${level} PRIVATE -rdynamic)
  foreach(visibility IN ITEMS default hidden)
    set(name plugin_${visibility}_${level})
    add_library(${name} MODULE "${folder}/bound/plugin.cpp")
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY "${bound_dir}")
    target_compile_options(${name} PRIVATE
      ${graceslab_warnings} -${level} -fvisibility=${visibility})
    target_link_libraries(${name} PRIVATE graceslab_shared)
    add_dependencies(scenario ${name})
  endforeach()
endforeach()

foreach(name IN ITEMS carrier second_carrier)
  add_library(${name} MODULE "${folder}/bound/carrier.cpp")
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY "${bound_dir}")
  target_compile_options(${name} PRIVATE ${graceslab_warnings})
  target_link_libraries(${name} PRIVATE graceslab_static)
  add_dependencies(scenario ${name})
endforeach()
add_executable(bare_host "${folder}/bound/bare_host.cpp")
set_target_properties(bare_host PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${bound_dir}")
target_compile_options(bare_host PRIVATE ${graceslab_warnings})
target_link_libraries(bare_host PRIVATE ${CMAKE_DL_LIBS})
add_dependencies(scenario bare_host)
