// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A module whose objects end under hazard pointers: the deleter is its code.
#include <graceslab/cache.hpp>
#include <graceslab/hazard_pointer.hpp>

#include "module.h"

namespace {

module_counts* counts;
kmem_cache* items;

struct item;
struct count_and_free {
  void operator()(item* it) const;
};
struct item : graceslab::hazard_pointer_obj_base<item, count_and_free> {};
void count_and_free::operator()(item* it) const {
  gs_fetch_add(&counts->ran, 1ul);
  gs_kfree(it);
}

item* kept;  // retired first

void start(module_counts* lent) {
  counts = lent;
  gs_cache_options options = {};
  options.name = "module-hazard";
  options.size = sizeof(item);
  options.align = alignof(item);
  options.owner = gs_this_module();
  items = gs_cache_create(&options);
}

item* make() { return ::new (gs_cache_alloc(items, 0)) item; }

void post(unsigned n) {
  for (item* it = kept ? kept : make();; it = make()) {
    gs_fetch_add(&counts->posted, 1ul);
    it->retire();
    if (--n == 0) return;
  }
}

void* keep() { return kept = make(); }

const module_api api = {start, post, nullptr, nullptr, nullptr, keep, nullptr};

}  // namespace

extern "C" __attribute__((visibility("default"))) const module_api* module_entry() { return &api; }
