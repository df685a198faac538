// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/misuse.hpp"

#include "os/report.hpp"
#include "slab/debug.hpp"
#include "slab/large.hpp"

namespace graceslab::slab {
namespace {

const char* verb(giving what) noexcept { return what == giving::free ? "free" : "retire"; }

void report_state(cache& c, const void* object, int state, giving what, const void* site,
                  const char* owners) {
  bool was_free = state == GS_STATE_FREE;
  gs_report kind = what == giving::free
                       ? (was_free ? GS_REPORT_DOUBLE_FREE : GS_REPORT_FREE_OF_RETIRED)
                       : (was_free ? GS_REPORT_RETIRE_OF_FREED : GS_REPORT_DOUBLE_RETIRE);
  os::report(kind, "%s of object %p of cache '%s', which is already %s, at %s; left alone%s",
             verb(what), object, c.name,
             was_free                   ? "free"
             : state == GS_STATE_LEAKED ? "given up"
                                        : "retired",
             place(site).text, owners);
}

}  // namespace

void report_foreign(const void* object, const char* operation, const void* site) noexcept {
  os::report(GS_REPORT_FOREIGN_POINTER,
             "%s of %p, which is not the start of any cache's object, at %s; left alone", operation,
             object, place(site).text);
}

void report_run(cache& c, const void* object, int state, giving what, const void* site) noexcept {
  if (state == no_run) return report_foreign(object, verb(what), site);
  report_state(c, object, state, what, site, "");
}

void report_stale(const kmem_cache* handle, const char* operation, const void* site) noexcept {
  os::report(GS_REPORT_STALE_HANDLE,
             "%s through cache handle %p, which was destroyed, at %s; no effect", operation,
             static_cast<const void*>(handle), place(site).text);
}

bool checked(cache& c, const void* object, giving what, const void* site,
             std::uint8_t** state) noexcept {
  *state = nullptr;
  if (GS_UNLIKELY(is_large(c))) {
    const int now = large_look(object).state;
    if (now != GS_STATE_LIVE) report_run(c, object, now, what, site);
    return now == GS_STATE_LIVE;
  }
  *state = gs_state_of(object, c.id, 0, c.inverse);
  if (GS_LIKELY(*state != nullptr)) {
    if (!detects(c)) {
      *state = nullptr;
      return true;
    }
    std::uint8_t now = gs_load_relaxed(*state);
    if (GS_LIKELY(now == GS_STATE_LIVE)) return true;
    slab& s = slab_of(*granule_of(object));
    if (index_of(s, object) < s.carved) {
      char owners[1024] = "";
      debug_describe_owners(s, index_of(s, object), owners, sizeof owners);
      report_state(c, object, now, what, site, owners);
      return false;
    }
  }
  cache* real = cache_of_object(object);
  if (real != nullptr && real != &c)
    os::report(GS_REPORT_WRONG_CACHE,
               "%s of object %p into cache '%s', but it is of cache '%s', at %s; left alone",
               verb(what), object, c.name, real->name, place(site).text);
  else
    report_foreign(object, verb(what), site);
  return false;
}

}  // namespace graceslab::slab
