# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The package as others see it: installed into an empty prefix, then used from outside this tree.
set(prefix "${CMAKE_CURRENT_BINARY_DIR}/prefix")
set(consumers "${CMAKE_CURRENT_SOURCE_DIR}/install")

add_test(NAME install.stage
  COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${prefix}")
add_test(NAME install.find_package COMMAND "${consumers}/with_cmake.sh" "${consumers}" "${prefix}"
  "${CMAKE_CURRENT_BINARY_DIR}/with_cmake" "${CMAKE_COMMAND}")
add_test(NAME install.pkg_config COMMAND "${consumers}/with_pkg_config.sh" "${consumers}"
  "${prefix}" "${CMAKE_INSTALL_LIBDIR}" "${CMAKE_CURRENT_BINARY_DIR}/with_pkg_config")
add_test(NAME install.symbols
  COMMAND "${consumers}/symbols.sh" "${prefix}/${CMAKE_INSTALL_LIBDIR}/libgraceslab.so")
add_test(NAME install.links COMMAND "${consumers}/links.sh" "${consumers}" "${prefix}"
  "${CMAKE_INSTALL_LIBDIR}" "${CMAKE_CURRENT_BINARY_DIR}/links")
set_tests_properties(install.stage PROPERTIES FIXTURES_SETUP prefix)
set(users install.find_package install.pkg_config install.links install.symbols)
set_tests_properties(${users} PROPERTIES FIXTURES_REQUIRED prefix)
set_tests_properties(install.stage ${users} PROPERTIES
  LABELS install TIMEOUT 300 ENVIRONMENT "CC=${CMAKE_C_COMPILER};CXX=${CMAKE_CXX_COMPILER}")
