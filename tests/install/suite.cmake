# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The package as others see it: installed into an empty prefix, then used from outside this tree.
set(prefix "${CMAKE_CURRENT_BINARY_DIR}/prefix")
set(consumers "${CMAKE_CURRENT_SOURCE_DIR}/install")
set(scratch "${CMAKE_CURRENT_BINARY_DIR}/install")

function(install_test name)
  add_test(NAME install.${name} COMMAND ${ARGN})
  set_tests_properties(install.${name} PROPERTIES FIXTURES_REQUIRED prefix LABELS install
    TIMEOUT 600)
  set_property(TEST install.${name} PROPERTY ENVIRONMENT
    "CC=${CMAKE_C_COMPILER};CXX=${CMAKE_CXX_COMPILER};CXXFLAGS=${CMAKE_CXX_FLAGS}"
    "LDFLAGS=${CMAKE_EXE_LINKER_FLAGS}")
endfunction()

install_test(stage "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${prefix}")
set_tests_properties(install.stage PROPERTIES FIXTURES_REQUIRED "" FIXTURES_SETUP prefix)
install_test(find_package "${consumers}/with_cmake.sh" "${consumers}" "${prefix}"
  "${scratch}/with_cmake" "${CMAKE_COMMAND}")
install_test(pkg_config "${consumers}/with_pkg_config.sh" "${consumers}" "${prefix}"
  "${CMAKE_INSTALL_LIBDIR}" "${scratch}/with_pkg_config")
install_test(symbols "${consumers}/symbols.sh"
  "${prefix}/${CMAKE_INSTALL_LIBDIR}/libgraceslab.so" "${consumers}/abi.txt")
install_test(links "${consumers}/links.sh" "${consumers}" "${prefix}"
  "${CMAKE_INSTALL_LIBDIR}" "${scratch}/links")
install_test(gdb "${consumers}/gdb.sh" "${consumers}" "${prefix}" "${CMAKE_INSTALL_LIBDIR}"
  "${scratch}/gdb")
install_test(components "${consumers}/components.sh" "${PROJECT_BINARY_DIR}" "${prefix}"
  "${scratch}/components" "${CMAKE_COMMAND}")
install_test(parent "${consumers}/with_parent.sh" "${consumers}" "${PROJECT_SOURCE_DIR}"
  "${scratch}/parent" "${CMAKE_COMMAND}")

# install_refused(NAME LINE OPTION...): a configuration that ends with one line.
function(install_refused name line)
  install_test(refused.${name} "${CMAKE_CURRENT_SOURCE_DIR}/one_line.sh" "${line}"
    "${CMAKE_COMMAND}" --fresh -S "${PROJECT_SOURCE_DIR}" -B "${scratch}/refused/${name}" ${ARGN})
  set_tests_properties(install.refused.${name} PROPERTIES FIXTURES_REQUIRED "")
endfunction()

foreach(package IN ITEMS CLI11 fmt nlohmann_json)
  install_refused(without_${package}
    "graceslab: the tool needs ${package}, or -DGRACESLAB_TOOLS=OFF"
    -DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
install_refused(without_ncurses "graceslab: the tool needs ncurses, or -DGRACESLAB_TOOLS=OFF"
  -DCMAKE_DISABLE_FIND_PACKAGE_Curses=ON)
install_refused(without_prometheus
  "graceslab: the tool needs prometheus-cpp, or -DGRACESLAB_TOOLS=OFF"
  -DCMAKE_DISABLE_FIND_PACKAGE_prometheus-cpp=ON)
install_refused(without_libdw "graceslab: the tool needs libdw (elfutils), or -DGRACESLAB_TOOLS=OFF"
  -DGRACESLAB_LIBDW=OFF)
set(unlinked -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY)  # what a link needs may be missing
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  install_refused(32_bit "graceslab: needs a 64-bit target"
    -DCMAKE_C_FLAGS=-m32 -DCMAKE_CXX_FLAGS=-m32 ${unlinked})
endif()
find_program(GRACESLAB_MUSL_GCC musl-gcc)
mark_as_advanced(GRACESLAB_MUSL_GCC)
if(GRACESLAB_MUSL_GCC)
  install_refused(musl "graceslab: needs the GNU C library"
    "-DCMAKE_C_COMPILER=${GRACESLAB_MUSL_GCC}" "-DCMAKE_CXX_COMPILER=${GRACESLAB_MUSL_GCC}"
    ${unlinked})
endif()
