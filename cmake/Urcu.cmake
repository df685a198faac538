# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# PkgConfig::URCU, where liburcu is installed: a peer of the bench, a neighbour in a test.
include_guard()
find_package(PkgConfig)
if(PkgConfig_FOUND)
  pkg_check_modules(URCU QUIET IMPORTED_TARGET liburcu-memb)
endif()
