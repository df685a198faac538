// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The object that any pointer, perhaps to its inside, belongs to.
#pragma once
#include "os/busted.hpp"
#include "slab/outlying.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {

inline slab* slab_under(const cache& c, const void* pointer) noexcept {
  const gs_granule* g = granule_of(pointer);
  if (g == nullptr) return is_large(c) ? outlying_at(pointer) : nullptr;
  return gs_load_relaxed(&g->cache) == c.id ? &slab_of(*g) : nullptr;
}

// Calls use(cache, slab, index) under the cache's slabs_lock, so that the slab stays even when
// nobody holds the object. False: it belongs to none.
template <class F>
bool with_object(const void* pointer, F use) noexcept {
  cache* c = cache_holding(pointer);
  if (c == nullptr) return false;
  os::open_window();
  sync::lock_guard hold(c->slabs_lock);
  slab* s = slab_under(*c, pointer);
  if (s == nullptr) return false;  // it went meanwhile
  std::uint32_t index = index_of(*s, pointer);
  if (index >= s->carved) return false;
  use(*c, *s, index);
  return true;
}

}  // namespace graceslab::slab
