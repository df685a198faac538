// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is known of any pointer.
#include "observe/observe.hpp"
#include "os/report.hpp"
#include "slab/around.hpp"
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

void fill(slab::cache& c, slab::slab& s, std::uint32_t index, gs_object_info* out) noexcept {
  out->cache = slab::handle_of(c);
  __builtin_memcpy(out->cache_name, c.name, sizeof out->cache_name);
  out->object = slab::object_at(s, index);
  out->state = slab::state_of(s, index);
  out->size = slab::is_large(c) ? slab::whole_bytes(s) : c.size;
}

}  // namespace

bool lookup(const void* pointer, gs_object_info* out) noexcept {
  *out = {};
  out->state = -1;
  return slab::with_object(pointer, [out](slab::cache& c, slab::slab& s, std::uint32_t index) {
    fill(c, s, index, out);
  });
}

void dump(const void* pointer) noexcept {
  gs_object_info i = {};
  std::uint32_t id = 0;
  slab::owners who;
  auto describe = [&](slab::cache& c, slab::slab& s, std::uint32_t index) {
    fill(c, s, index, &i);
    id = c.id;
    who = slab::debug_owners_of(s, index);
  };
  if (!slab::with_object(pointer, describe)) {
    os::report(GS_REPORT_OBJECT, "%p belongs to no cache", pointer);
    return;
  }
  os::draft text(GS_REPORT_OBJECT);
  text.add("%p is %zu bytes into object %p of cache '%s' #%u (%zu bytes), which is %s", pointer,
           static_cast<std::size_t>(static_cast<const char*>(pointer) -
                                    static_cast<const char*>(i.object)),
           i.object, i.cache_name, id, i.size, state_name(i.state));
  text.add_from(
      [&who](char* rest, std::size_t bytes) { slab::debug_describe_owners(who, rest, bytes); });
}

}  // namespace graceslab::observe
