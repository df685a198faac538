// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// SLAB_TYPESAFE_BY_RCU: objects may be reused at once, but a reader's pointer stays a pointer to an
// object of that type. So look, take a reference, then check that it is still the one.
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <thread>

struct socket_entry {
  int references;  // 0: free, or about to be
  int port;
};
static socket_entry* table[64];
static kmem_cache* sockets;

static bool get_unless_zero(socket_entry* s) {
  int n = gs_load_relaxed(&s->references);
  while (n != 0)
    if (gs_compare_exchange(&s->references, &n, n + 1)) return true;
  return false;
}
static void put(socket_entry* s) {
  if (gs_fetch_sub(&s->references, 1) == 1)
    kmem_cache_free(sockets, s);  // at once: no grace period
}

static socket_entry* find(int port) {
  rcu_read_lock();
  socket_entry* s = rcu_dereference(table[port % 64]);
  if (s != nullptr && get_unless_zero(s)) {
    if (gs_load_relaxed(&s->port) == port) return rcu_read_unlock(), s;
    rcu_read_unlock();
    put(s);  // it was reused for another port meanwhile
    return nullptr;
  }
  rcu_read_unlock();
  return nullptr;
}

int main() {
  // The count is set once, by the constructor, and never reset by reuse: readers may look at any
  // time.
  sockets = kmem_cache_create("sockets", sizeof(socket_entry), 0, SLAB_TYPESAFE_BY_RCU,
                              [](void* p) { static_cast<socket_entry*>(p)->references = 0; });
  std::thread reader([] {
    for (int i = 0; i < 100000; ++i)
      if (socket_entry* s = find(i % 64)) put(s);
  });
  for (int i = 0; i < 20000; ++i) {
    auto* s = static_cast<socket_entry*>(kmem_cache_alloc(sockets, GFP_KERNEL));
    if (s == nullptr) return 1;
    gs_store_relaxed(&s->port, i);
    gs_store_release(&s->references, 1);
    if (socket_entry* old = gs_exchange(&table[i % 64], s)) put(old);
  }
  for (socket_entry*& s : table) put(gs_exchange(&s, static_cast<socket_entry*>(nullptr)));
  reader.join();
  std::printf("closing\n");
  return kmem_cache_destroy_wait(sockets);  // waits for the grace period of its slabs
}
