# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Random operations against a model of the contract; each prints its seed and takes one as its
# argument.
graceslab_programs(fuzz 300 graceslab_static)
file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*.cpp")
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  target_include_directories(fuzz_${name} PRIVATE "${PROJECT_SOURCE_DIR}/src")
endforeach()
