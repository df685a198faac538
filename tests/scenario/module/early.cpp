// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A module that uses the library before its static objects exist: its callbacks look whether they
// are alive.
#include <graceslab/cache.hpp>

#include "module.h"

namespace {

module_counts* counts;
rcu_head first_head;

struct first_user {
  first_user() {
    gs_call_rcu(
        nullptr, &first_head, [](rcu_head*) {}, gs_this_module());
  }
} first;

struct table {
  bool alive = true;
  ~table() { gs_store_relaxed(&alive, false); }
} later;

table& latest() {
  static table made_at_first_use;
  return made_at_first_use;
}

void look(rcu_head* head) {
  gs_fetch_add(&counts->ran, 1ul);
  if (gs_load_relaxed(&later.alive) && gs_load_relaxed(&latest().alive))
    gs_fetch_add(&counts->finished, 1ul);
  gs_kfree(head);
}

struct item {
  ~item() {
    if (gs_load_relaxed(&later.alive) && gs_load_relaxed(&latest().alive))
      gs_fetch_add(&counts->finished, 1ul);
  }
  long room[4];
};
// Raw memory: nobody destroys it.
alignas(graceslab::cache<item>) unsigned char room[sizeof(graceslab::cache<item>)];
graceslab::cache<item>* items;

void start(module_counts* lent) {
  counts = lent;
  items = ::new (room) graceslab::cache<item>("module-early");
  latest();
}

void post(unsigned n) {
  for (; n != 0; --n) {
    ++counts->posted;
    gs_call_rcu(nullptr, static_cast<rcu_head*>(gs_kmalloc(sizeof(rcu_head), 0)), look,
                gs_this_module());
  }
}

void retire(unsigned n) {
  for (; n != 0; --n) items->retire(items->make());
}

const module_api api = {start, post, nullptr, nullptr, retire, nullptr, nullptr};

}  // namespace

extern "C" __attribute__((visibility("default"))) const module_api* module_entry() { return &api; }
