# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# bench/*.cpp: one program each.
include_guard()
include(Urcu)

file(GLOB bench_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/bench/*.cpp")
foreach(source IN LISTS bench_sources)
  get_filename_component(name "${source}" NAME_WE)
  add_executable(bench_${name} "${source}")
  target_compile_options(bench_${name} PRIVATE ${graceslab_warnings})
  target_link_libraries(bench_${name} PRIVATE graceslab_shared)
  graceslab_with_urcu(bench_${name})
endforeach()
