/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Knowing whose code and caches these are, with no action by the user.
 *
 * Inline entry points pass GS_THIS_MODULE. A translation unit's first use registers its shared
 * object; glibc then calls the library before it unmaps that object (dlclose), and the library
 * settles what is left of it.
 */
#ifndef GRACESLAB_DETAIL_OWNER_H
#define GRACESLAB_DETAIL_OWNER_H

#include "abi.h"

GS_EXTERN_C_BEGIN

/* The compiler declares __dso_handle by itself, with a type of its own choosing: a second name for
 * the same symbol. */
extern void* gs_dso_handle GS_SYMBOL("__dso_handle") __attribute__((visibility("hidden")));

static uint32_t gs_module_attached __attribute__((unused));

static inline void* gs_this_module(void) {
  if (GS_UNLIKELY(!gs_load_acquire(&gs_module_attached))) {
    gs_owner_attach(&gs_dso_handle, GS_LAYOUT_VERSION);
    gs_store_release(&gs_module_attached, 1u);
  }
  return &gs_dso_handle;
}

GS_EXTERN_C_END
#endif
