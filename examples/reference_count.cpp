// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects that live by a reference count: destroy the cache now, it ends with its last object.
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <graceslab/stats.hpp>
#include <thread>
#include <vector>

struct buffer {
  int references;
  char bytes[60];
};

static void put(buffer* b) {
  if (gs_fetch_sub(&b->references, 1) == 1) kfree(b);  // the pointer alone is enough
}

int main() {
  kmem_cache* buffers =
      kmem_cache_create("buffers", sizeof(buffer), 0, SLAB_DESTROY_ONCE_FULLY_FREED, nullptr);
  std::vector<std::thread> users;
  for (int i = 0; i < 4; ++i) {
    auto* b = static_cast<buffer*>(kmem_cache_alloc(buffers, GFP_KERNEL));
    if (b == nullptr) return 1;
    gs_store_release(&b->references, 2);  // ours and the thread's
    users.emplace_back([b] { put(b); });
    put(b);
  }
  auto* last = static_cast<buffer*>(kmem_cache_alloc(buffers, GFP_KERNEL));
  last->references = 1;
  for (std::thread& t : users) t.join();

  const kmem_cache_cookie_t cookie =
      kmem_cache_destroy_rcu(buffers);  // says nothing of what is out
  std::printf("%s\n", graceslab::why(cookie).c_str());
  put(last);  // the last one home ends the cache
  std::printf("%s\n", graceslab::why(cookie).c_str());
  return kmem_cache_destroy_barrier_one(cookie);
}
