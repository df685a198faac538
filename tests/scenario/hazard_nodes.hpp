// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects of caches that hazard pointers protect, and that count their end.
#pragma once
#include <graceslab/kernel/slab.h>

#include <atomic>
#include <graceslab/hazard_pointer.hpp>
#include <new>

namespace hazard_nodes {

inline constexpr long alive = 0x600d;

struct node;
struct to_its_cache {
  void operator()(node* n) const;
};
struct node : graceslab::hazard_pointer_obj_base<node, to_its_cache> {
  explicit node(std::atomic<long>* c = nullptr) : count(c) {}
  std::atomic<long> state{alive};
  std::atomic<long>* count;
};
inline void to_its_cache::operator()(node* n) const {
  n->state = 0;
  if (n->count != nullptr) ++*n->count;
  kfree(n);
}

inline kmem_cache* cache_of_nodes(const char* name) {
  return kmem_cache_create(name, sizeof(node), alignof(node), 0, nullptr);
}
inline node* make(kmem_cache* s, std::atomic<long>* count) {
  return new (kmem_cache_alloc(s, GFP_KERNEL)) node(count);
}

}  // namespace hazard_nodes
