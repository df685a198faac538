// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/misuse.hpp"

#include "os/report.hpp"
#include "slab/around.hpp"
#include "slab/debug.hpp"
#include "slab/guard.hpp"
#include "slab/large.hpp"

namespace graceslab::slab {
namespace {

const char* verb(giving what) noexcept { return what == giving::free ? "free" : "retire"; }

template <class Owners>
void report_state(cache& c, const void* object, int state, giving what, const void* site,
                  Owners owners) {
  bool was_free = state == GS_STATE_FREE;
  gs_report kind = what == giving::free
                       ? (was_free ? GS_REPORT_DOUBLE_FREE : GS_REPORT_FREE_OF_RETIRED)
                       : (was_free ? GS_REPORT_RETIRE_OF_FREED : GS_REPORT_DOUBLE_RETIRE);
  os::draft text(kind);
  text.add("%s of object %p of cache '%s' #%u, which is already %s, at %s; left alone", verb(what),
           object, c.name, c.id,
           was_free                   ? "free"
           : state == GS_STATE_LEAKED ? "given up"
                                      : "retired",
           place(site).text);
  text.add_from(owners);
}

owners owners_now(cache& c, slab& s, const void* object) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return debug_owners_of(s, index_of(s, object));
}

void report_state(cache& c, slab& s, const void* object, int state, giving what,
                  const void* site) noexcept {
  report_state(c, object, state, what, site, [&](char* rest, std::size_t bytes) {
    debug_describe_owners(owners_now(c, s, object), rest, bytes);
  });
}

bool guard_checked(cache& c, slab& s, const void* object, giving what, const void* site) noexcept {
  const std::uint8_t now = gs_load_relaxed(states_of(s));
  if (s.start != object)
    report_foreign(object, verb(what), site);
  else if (now != GS_STATE_LIVE)
    report_state(c, s, object, now, what, site);
  return s.start == object && now == GS_STATE_LIVE;
}

// An address inside an object is a mistake of its own, and the start is what was meant.
owners add_object_around(const void* pointer, os::draft& text) noexcept {
  owners who;
  with_object(pointer, [&](cache& c, slab& s, std::uint32_t index) {
    const char* start = object_at(s, index);
    who = debug_owners_of(s, index);
    if (start != pointer)
      text.add(": it lies %zu bytes inside object %p of cache '%s' #%u",
               static_cast<std::size_t>(static_cast<const char*>(pointer) - start),
               static_cast<const void*>(start), c.name, c.id);
  });
  return who;
}

}  // namespace

void report_foreign(const void* object, const char* operation, const void* site) noexcept {
  if (report_guarded(object, operation, site)) return;
  os::draft text(GS_REPORT_FOREIGN_POINTER);
  text.add("%s of %p, which is not the start of any cache's object", operation, object);
  const owners who = add_object_around(object, text);
  text.add(", at %s; left alone", place(site).text);
  text.add_from([&who](char* rest, std::size_t bytes) { debug_describe_owners(who, rest, bytes); });
}

void report_run(cache& c, const void* object, int state, giving what, const void* site) noexcept {
  if (state == no_run) return report_foreign(object, verb(what), site);
  report_state(c, object, state, what, site, [object](char* rest, std::size_t bytes) {
    owners who;
    with_object(object, [&who](cache&, slab& s, std::uint32_t i) { who = debug_owners_of(s, i); });
    debug_describe_owners(who, rest, bytes);
  });
}

void report_stale(const kmem_cache* handle, const char* operation, const void* site) noexcept {
  os::report(GS_REPORT_STALE_HANDLE,
             "%s through cache handle %p, which was destroyed, at %s; no effect", operation,
             static_cast<const void*>(handle), place(site).text);
}

bool still_held(cache& c, const void* object, const char* operation, const void* site) noexcept {
  if (cache_of_object(object) != &c) return report_foreign(object, operation, site), false;
  if (is_large(c) || !detects(c)) return true;
  if (gs_load_relaxed(state_at(c, object)) != GS_STATE_FREE) return true;
  os::report(GS_REPORT_USE_OF_FREED, "%s of object %p of cache '%s' #%u, which is free, at %s",
             operation, object, c.name, c.id, place(site).text);
  return false;
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
  std::uint8_t now = GS_STATE_FREE;
  if (GS_LIKELY(*state != nullptr)) {
    if (!detects(c)) {
      *state = nullptr;
      return true;
    }
    now = gs_load_relaxed(*state);
    if (GS_LIKELY(now == GS_STATE_LIVE)) return true;
  }
  if (slab* alone = guard_around(c, object); GS_UNLIKELY(alone != nullptr)) {
    *state = nullptr;
    return guard_checked(c, *alone, object, what, site);
  }
  if (*state != nullptr) {
    slab& s = slab_of(*granule_of(object));
    if (index_of(s, object) < s.carved) return report_state(c, s, object, now, what, site), false;
  }
  cache* real = cache_of_object(object);
  if (real != nullptr && real != &c)
    os::report(
        GS_REPORT_WRONG_CACHE,
        "%s of object %p into cache '%s' #%u, but it is of cache '%s' #%u, at %s; left alone",
        verb(what), object, c.name, c.id, real->name, real->id, place(site).text);
  else
    report_foreign(object, verb(what), site);
  return false;
}

}  // namespace graceslab::slab
