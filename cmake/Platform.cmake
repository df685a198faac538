# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What the library can be built for; the rest is refused here, in one line each.
# docs/guide/platforms.md says why, and how each compiler was tried.
include_guard()
include(CheckCXXSourceCompiles)

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "graceslab: needs Linux, and this is a build for ${CMAKE_SYSTEM_NAME}")
endif()
if(NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
  message(FATAL_ERROR "graceslab: needs a 64-bit target; x86_64 and aarch64 are supported")
endif()
check_cxx_source_compiles("
#include <stdlib.h>
#ifndef __GLIBC__
#error another C library
#endif
int main() { return 0; }
" GRACESLAB_HAVE_GLIBC)
if(NOT GRACESLAB_HAVE_GLIBC)
  message(FATAL_ERROR "graceslab: needs the GNU C library, see docs/guide/platforms.md")
endif()
