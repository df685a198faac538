# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What users do, through the public headers and the shared library alone.
# scenario/module/*.cpp and *.c each become a shared object that the scenarios load and unload;
# they find it by dlopen(GRACESLAB_MODULE_DIR "/NAME.so").
set(folder "${CMAKE_CURRENT_SOURCE_DIR}/scenario/module")
file(GLOB modules CONFIGURE_DEPENDS "${folder}/*.cpp" "${folder}/*.c")
graceslab_gtest(scenario graceslab_shared)
if(TARGET scenario)
  get_target_property(sources scenario SOURCES)
  list(FILTER sources EXCLUDE REGEX "/scenario/module/")
  set_property(TARGET scenario PROPERTY SOURCES ${sources})
  set(output "${CMAKE_CURRENT_BINARY_DIR}/module")
  target_compile_definitions(scenario PRIVATE GRACESLAB_MODULE_DIR="${output}")
  foreach(source IN LISTS modules)
    get_filename_component(name "${source}" NAME_WE)
    add_library(module_${name} MODULE "${source}")
    set_target_properties(module_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
      LIBRARY_OUTPUT_DIRECTORY "${output}")
    target_compile_options(module_${name} PRIVATE ${graceslab_warnings})
    target_link_libraries(module_${name} PRIVATE graceslab_shared)
    add_dependencies(scenario module_${name})
  endforeach()
endif()
