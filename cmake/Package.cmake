# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# `cmake --install`, whole or by --component: runtime (the shared library), development (headers,
# archive, CMake package, pkg-config file, commands for gdb), tools (the tool and its modules),
# bench (the plug-ins of `graceslab bench`).
include_guard()
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/graceslab")

list(TRANSFORM graceslab_kinds PREPEND graceslab_ OUTPUT_VARIABLE libraries)
install(TARGETS ${libraries} EXPORT graceslab
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/graceslab"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(EXPORT graceslab NAMESPACE graceslab::
  DESTINATION "${package_dir}" FILE graceslabTargets.cmake COMPONENT development)

configure_package_config_file(
  cmake/graceslabConfig.cmake.in "${PROJECT_BINARY_DIR}/graceslabConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/graceslabConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/graceslabConfig.cmake" "${PROJECT_BINARY_DIR}/graceslabConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT development)

# Found from the file's own place, so that an installed tree may be moved.
file(RELATIVE_PATH pc_to_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
# What the archive needs and the shared library brings along.
set(pc_libs -lgraceslab)
set(pc_libs_private "-pthread -ldl")
if(NOT "shared" IN_LIST graceslab_kinds)
  string(APPEND pc_libs " ${pc_libs_private}")
  set(pc_libs_private)
endif()
configure_file(cmake/graceslab.pc.in "${PROJECT_BINARY_DIR}/graceslab.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/graceslab.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

# gdb loads by itself, from below its own folder of scripts, the one named after the library.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/tools/gdb/" COMPONENT development
  DESTINATION "${CMAKE_INSTALL_DATADIR}/graceslab/gdb" FILES_MATCHING PATTERN "*.py")
if("shared" IN_LIST graceslab_kinds)
  set(library_folder "${CMAKE_INSTALL_LIBDIR}")
  if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    string(PREPEND library_folder "\${CMAKE_INSTALL_PREFIX}/")  # as it is when that is installed
  endif()
  install(FILES "${PROJECT_SOURCE_DIR}/tools/gdb/graceslab-gdb.py" COMPONENT development
    DESTINATION "${CMAKE_INSTALL_DATADIR}/gdb/auto-load${library_folder}"
    RENAME "libgraceslab.so.${PROJECT_VERSION}-gdb.py")
endif()
