# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# graceslab_with_urcu(TARGET): links liburcu where it is installed, to be measured against, and then
# defines GRACESLAB_HAVE_URCU.
include_guard()
find_package(PkgConfig)
if(PkgConfig_FOUND)
  pkg_check_modules(URCU QUIET IMPORTED_TARGET liburcu-memb)
endif()

function(graceslab_with_urcu target)
  if(TARGET PkgConfig::URCU)
    target_link_libraries(${target} PUBLIC PkgConfig::URCU)
    target_compile_definitions(${target} PRIVATE GRACESLAB_HAVE_URCU=1)
  endif()
endfunction()
