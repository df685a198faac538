# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The tests of handles, and of what is taken back, once more, over the flavour of the library in
# which others come in wherever what was looked up may be old when it is used, and records are used
# again at once.
if(NOT TARGET graceslab_busted OR NOT TARGET scenario)
  return()
endif()
set(windows_sources
  lazy.cpp
  scenario/approach_cookies.cpp
  scenario/approach_last_home.cpp
  scenario/approach_linger.cpp
  scenario/cache_faces.cpp
  scenario/cache_handles.cpp
  scenario/churn_caches.cpp
  scenario/constructors_aside.cpp
  scenario/domain_handles.cpp
  scenario/domains_reused.cpp
  scenario/handles_reused.cpp
  unit/rcu/domain_handle_test.cpp
  unit/rcu/grant_test.cpp
  unit/rcu/runs_test.cpp
  unit/slab/cache_table_test.cpp
  unit/slab/stale_test.cpp)
add_executable(windows ${windows_sources})
# The tests know their program by that name.
set_target_properties(windows PROPERTIES OUTPUT_NAME scenario
  RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/windows")
target_include_directories(windows PRIVATE "${PROJECT_SOURCE_DIR}/src")
target_compile_definitions(windows PRIVATE _GNU_SOURCE GRACESLAB_BUSTED=1)
target_compile_options(windows PRIVATE ${graceslab_warnings})
target_link_libraries(windows PRIVATE
  graceslab_busted GTest::gtest GTest::gtest_main Threads::Threads ${CMAKE_DL_LIBS})
# One asks how long records rest, and one uses a module, which has another copy of the library.
gtest_discover_tests(windows TEST_PREFIX windows. DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
  TEST_FILTER -CacheTable.C6_records_rest_*:Splat.A4_names_cache_*
  PROPERTIES TIMEOUT 120 LABELS windows ENVIRONMENT GRACESLAB_BUSTED=wide-windows)
