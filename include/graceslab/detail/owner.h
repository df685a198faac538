/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Knowing whose code and caches these are, with no action by the user.
 *
 * Inline entry points pass gs_this_module(). They have internal or hidden linkage, all of them: a
 * copy that the linker took from another object would pass that one's handle. A translation unit's
 * first use registers its shared object; the C library then calls the library before it unmaps that
 * object (dlclose), and the library settles what is left of it.
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

/* Runs at dlclose() before any C++ object of static lifetime in this shared object ends: callbacks
 * meet them alive. Also where nothing was registered: functions of this object may have been bound
 * to copies in another one, with callbacks that are this one's. */
static __attribute__((destructor)) void gs_module_leaves(void) { gs_owner_leave(&gs_dso_handle); }

/* Waits until no callback and no due destructor of the calling shared object is queued or running.
 * Call it in the function that a plug-in's host calls before dlclose(), when nothing is posted any
 * more: there no lock of the loader is held, which callbacks may need. As gs_owner_settle()
 * otherwise. */
static inline unsigned long gs_settle_module(void) {
  return gs_owner_settle((struct gs_owner*)gs_this_module());
}

GS_EXTERN_C_END
#endif
