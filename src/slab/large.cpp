// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/large.hpp"

#include "slab/slab.hpp"

namespace graceslab::slab {

void* large_alloc(std::size_t bytes) noexcept {
  cache* c = large_cache();
  if (c == nullptr || bytes > (std::size_t{1} << 46)) return nullptr;
  std::size_t granules = (bytes + granule_bytes - 1) >> GS_GRANULE_SHIFT;
  if (granules >= being_prepared) return nullptr;
  sync::lock_guard hold(c->slabs_lock);
  slab* s = new_slab(*c, static_cast<std::uint32_t>(granules), 1);
  if (s == nullptr) return nullptr;
  s->bytes = bytes;
  s->carved = 1;
  s->populated = 1;
  ++c->carved;
  list_add(c->full_slabs, *s);
  gs_store_relaxed(&states_of(*s)[0], std::uint8_t{GS_STATE_LIVE});
  return start_of(*s);
}

void large_free(void* object) noexcept {
  slab& s = slab_of(*granule_of(object));
  cache& c = *s.owner;
  sync::lock_guard hold(c.slabs_lock);
  gs_store_relaxed(&states_of(s)[0], std::uint8_t{GS_STATE_FREE});
  list_remove(s);
  free_slab(c, s);
}

}  // namespace graceslab::slab
