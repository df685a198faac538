# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every example, as a project outside builds it.
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(graceslab 0.1 REQUIRED)
add_library(plugin MODULE examples/plugin/plugin.c)
target_link_libraries(plugin PRIVATE graceslab::graceslab)
file(GLOB sources examples/*.c examples/*.cpp)
foreach(source IN LISTS sources)
  get_filename_component(name "${source}" NAME_WE)
  add_executable(${name} "${source}")
  target_link_libraries(${name} PRIVATE graceslab::graceslab)
endforeach()
