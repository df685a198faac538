// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A module in C++: a typed cache at file scope, objects whose destructor is the module's code.
#include <graceslab/cache.hpp>
#include <new>

#include "module.h"

namespace {

module_counts* counts;

struct item {
  explicit item(unsigned how_often) : links(how_often) {}
  ~item() { gs_fetch_add(&counts->finished, 1ul); }
  rcu_head head = {};
  unsigned links;
};

// In raw memory: whether it is destroyed before the unload is what tests choose.
alignas(graceslab::cache<item>) unsigned char room[sizeof(graceslab::cache<item>)];
graceslab::cache<item>* items;

void count_and_free(rcu_head* head) {
  gs_fetch_add(&counts->ran, 1ul);
  items->release(reinterpret_cast<item*>(head));
}

void block(rcu_head* head) {
  sem_post(&counts->entered);
  while (sem_wait(&counts->go_on) != 0) continue;
  count_and_free(head);
  if (counts->destroys) items->destroy(graceslab::destroy_policy::linger);
}

void next_link(rcu_head* head) {
  auto* it = reinterpret_cast<item*>(head);
  if (it->links == 1) return count_and_free(head);
  if (it->links != 0) --it->links;
  gs_fetch_add(&counts->ran, 1ul);
  gs_fetch_add(&counts->posted, 1ul);
  gs_call_rcu(nullptr, head, next_link, gs_this_module());
}

void start(module_counts* lent) {
  counts = lent;
  items = ::new (room) graceslab::cache<item>("module-typed");
}

void post_one(rcu_callback_t func, unsigned links) {
  item* it = items->make(links);
  gs_fetch_add(&counts->posted, 1ul);
  gs_call_rcu(nullptr, &it->head, func, gs_this_module());
}

void post(unsigned n) {
  graceslab::rcu_reader section;  // posting inside a section is legal
  while (n-- != 0) post_one(count_and_free, 0);
}
void post_blocking() { post_one(block, 0); }
void post_chain(unsigned links) { post_one(next_link, links); }

void retire(unsigned n) {
  for (; n != 0; --n) {
    items->retire(items->make(0u));
    ++counts->retired;
  }
}

void* keep() { return items->make(0u); }

void stop() {
  graceslab::rcu_barrier();
  items->~cache();
  items = nullptr;
}

const module_api api = {start, post, post_blocking, post_chain, retire, keep, stop};

}  // namespace

extern "C" __attribute__((visibility("default"))) const module_api* module_entry() { return &api; }
