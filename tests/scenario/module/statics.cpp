// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A module whose cache is an object of static lifetime: dlclose() runs its destructor.
#include <graceslab/cache.hpp>

#include "module.h"

namespace {

module_counts* counts;

struct item {
  ~item() { gs_fetch_add(&counts->finished, 1ul); }
  rcu_head head = {};
};
graceslab::cache<item> items("module-statics");

void count_and_free(rcu_head* head) {
  gs_fetch_add(&counts->ran, 1ul);
  gs_kfree(head);  // the cache may be gone by now, but never its memory
}

void start(module_counts* lent) { counts = lent; }

void post(unsigned n) {
  for (; n != 0; --n) {
    ++counts->posted;
    gs_call_rcu(nullptr, &items.make()->head, count_and_free, gs_this_module());
  }
}

void retire(unsigned n) {
  for (; n != 0; --n) items.retire(items.make());
}

const module_api api = {start, post, nullptr, nullptr, retire, nullptr, nullptr};

}  // namespace

extern "C" __attribute__((visibility("default"))) const module_api* module_entry() { return &api; }
