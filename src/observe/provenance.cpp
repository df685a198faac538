// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is known of any pointer.
#include "observe/observe.hpp"
#include "os/report.hpp"
#include "slab/debug.hpp"

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

struct found {
  slab::cache* cache;
  slab::slab* slab;
  std::uint32_t index;
};

// The object that a pointer, perhaps to its inside, belongs to.
bool find(const void* pointer, found* f) noexcept {
  gs_granule* g = slab::granule_of(pointer);
  if (g == nullptr) return false;
  f->slab = &slab::slab_of(*g);
  f->cache = f->slab->owner;
  f->index = slab::index_of(*f->slab, pointer);
  return f->index < f->slab->carved;
}

}  // namespace

bool lookup(const void* pointer, gs_object_info* out) noexcept {
  *out = {};
  out->state = -1;
  found f;
  if (!find(pointer, &f)) return false;
  out->cache = slab::handle_of(*f.cache);
  __builtin_memcpy(out->cache_name, f.cache->name, sizeof out->cache_name);
  out->object = slab::object_at(*f.slab, f.index);
  out->state = gs_load_relaxed(&slab::states_of(*f.slab)[f.index]);
  out->size = slab::is_large(*f.cache) ? f.slab->bytes : f.cache->size;
  return true;
}

void dump(const void* pointer) noexcept {
  gs_object_info i;
  if (!lookup(pointer, &i)) {
    os::report(GS_REPORT_OBJECT, "%p belongs to no cache", pointer);
    return;
  }
  found f;
  find(pointer, &f);
  char owners[1500] = "";
  slab::debug_describe_owners(*f.slab, f.index, owners, sizeof owners);
  os::report(GS_REPORT_OBJECT, "%p is %zu bytes into object %p of cache '%s' (%zu bytes), which is %s%s", pointer,
             static_cast<std::size_t>(static_cast<const char*>(pointer) - static_cast<const char*>(i.object)), i.object,
             i.cache_name, i.size, state_name(i.state), owners);
}

}  // namespace graceslab::observe
