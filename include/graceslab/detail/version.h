/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The version of these headers; every public header has it. gs_version() names that of the library
 * that is loaded. CMakeLists.txt reads the three numbers here. */
#ifndef GRACESLAB_DETAIL_VERSION_H
#define GRACESLAB_DETAIL_VERSION_H

#define GRACESLAB_VERSION_MAJOR 0
#define GRACESLAB_VERSION_MINOR 1
#define GRACESLAB_VERSION_PATCH 0
#define GRACESLAB_VERSION_STRING "0.1.0"
/* To compare in #if: GRACESLAB_VERSION >= 10203 from 1.2.3 on. */
#define GRACESLAB_VERSION \
  (GRACESLAB_VERSION_MAJOR * 10000 + GRACESLAB_VERSION_MINOR * 100 + GRACESLAB_VERSION_PATCH)

#endif
