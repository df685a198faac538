// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is known of any pointer.
#include "observe/observe.hpp"
#include "os/report.hpp"
#include "slab/debug.hpp"
#include "slab/outlying.hpp"

namespace graceslab::observe {
namespace {

const char* state_name(int state) noexcept {
  switch (state) {
    case GS_STATE_FREE:
      return "free";
    case GS_STATE_LIVE:
      return "allocated";
    case GS_STATE_LEAKED:
      return "given up after misuse";
    default:
      return "retired";
  }
}

slab::slab* slab_under(const slab::cache& c, const void* pointer) noexcept {
  const gs_granule* g = slab::granule_of(pointer);
  if (g == nullptr) return slab::is_large(c) ? slab::outlying_at(pointer) : nullptr;
  return gs_load_relaxed(&g->cache) == c.id ? &slab::slab_of(*g) : nullptr;
}

// Calls use(cache, slab, index) for the object that a pointer, perhaps to its inside, belongs to.
// Under the cache's slabs_lock, so that the slab stays even when nobody holds the object. False: it
// belongs to none.
template <class F>
bool with_object(const void* pointer, F use) noexcept {
  slab::cache* c = slab::cache_holding(pointer);
  if (c == nullptr) return false;
  sync::lock_guard hold(c->slabs_lock);
  slab::slab* s = slab_under(*c, pointer);
  if (s == nullptr) return false;  // it went meanwhile
  std::uint32_t index = slab::index_of(*s, pointer);
  if (index >= s->carved) return false;
  use(*c, *s, index);
  return true;
}

void fill(slab::cache& c, slab::slab& s, std::uint32_t index, gs_object_info* out) noexcept {
  out->cache = slab::handle_of(c);
  __builtin_memcpy(out->cache_name, c.name, sizeof out->cache_name);
  out->object = slab::object_at(s, index);
  out->state = slab::state_of(s, index);
  out->size = slab::is_large(c) ? s.bytes : c.size;
}

}  // namespace

bool lookup(const void* pointer, gs_object_info* out) noexcept {
  *out = {};
  out->state = -1;
  return with_object(pointer, [out](slab::cache& c, slab::slab& s, std::uint32_t index) {
    fill(c, s, index, out);
  });
}

void dump(const void* pointer) noexcept {
  gs_object_info i = {};
  char owners[1500] = "";
  auto describe = [&](slab::cache& c, slab::slab& s, std::uint32_t index) {
    fill(c, s, index, &i);
    slab::debug_describe_owners(s, index, owners, sizeof owners);
  };
  if (!with_object(pointer, describe)) {
    os::report(GS_REPORT_OBJECT, "%p belongs to no cache", pointer);
    return;
  }
  os::report(GS_REPORT_OBJECT,
             "%p is %zu bytes into object %p of cache '%s' (%zu bytes), which is %s%s", pointer,
             static_cast<std::size_t>(static_cast<const char*>(pointer) -
                                      static_cast<const char*>(i.object)),
             i.object, i.cache_name, i.size, state_name(i.state), owners);
}

}  // namespace graceslab::observe
