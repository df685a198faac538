# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# `cmake --install`: headers, libraries, CMake package and pkg-config file.
include_guard()
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/graceslab")

install(TARGETS graceslab_shared graceslab_static EXPORT graceslab
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/graceslab"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT graceslab NAMESPACE graceslab::
  DESTINATION "${package_dir}" FILE graceslabTargets.cmake)

configure_package_config_file(
  cmake/graceslabConfig.cmake.in "${PROJECT_BINARY_DIR}/graceslabConfig.cmake"
  INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/graceslabConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/graceslabConfig.cmake" "${PROJECT_BINARY_DIR}/graceslabConfigVersion.cmake"
  DESTINATION "${package_dir}")

# Found from the file's own place, so that an installed tree may be moved.
file(RELATIVE_PATH pc_to_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(cmake/graceslab.pc.in "${PROJECT_BINARY_DIR}/graceslab.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/graceslab.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
