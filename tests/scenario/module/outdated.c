/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A module that was compiled against another layout of what is inlined. */
#include <graceslab/detail/owner.h>

#include "module.h"

static void start(struct module_counts* counts) {
  (void)counts;
  gs_owner_attach(&gs_dso_handle, GS_LAYOUT_VERSION + 1);
}

static const struct module_api api = {start, 0, 0, 0, 0, 0, 0};

__attribute__((visibility("default"))) const struct module_api* module_entry(void) { return &api; }
