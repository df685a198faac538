// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How much of an object of kmalloc was asked for: the rest of its class is red zone, or forbidden
// to a sanitizer.
#include "slab/around.hpp"
#include "slab/debug.hpp"
#include "slab/large.hpp"

namespace graceslab::slab {
namespace {

void forbid_beyond(const void* object, std::size_t size) noexcept {
  if (!os::sanitized_by(os::knows_memory)) return;
  const std::size_t whole = usable_bytes(object);
  if (size < whole) os::forbid(static_cast<const char*>(object) + size, whole - size);
}

// Under slabs_lock, so that whoever validates sees both or neither.
void set_asked(cache& c, slab& s, std::uint32_t index, std::size_t size) noexcept {
  if (s.records == nullptr) return;
  gs_store_relaxed(&s.records[index].asked, static_cast<std::uint32_t>(size));
  paint_zone(c, object_at(s, index), look::as_live, static_cast<std::uint32_t>(size));
}

void own_run(cache& c, const void* run, owned what, const void* site) noexcept {
  const owner by = debug_new_owner(c, site);
  if (by.tid == 0) return;
  with_object(run, [&](cache&, slab& s, std::uint32_t) { debug_set_owner(s, 0, what, by); });
}

}  // namespace

void* debug_kmalloc(kmalloc_function* plain, std::size_t size, unsigned gfp,
                    const void* site) noexcept {
  // A byte more than was asked for at least, and a power of two is a multiple of itself.
  constexpr std::size_t largest_doubled = 256u << 10, largest = std::size_t{1} << 40;
  const bool power = size != 0 && (size & (size - 1)) == 0;
  std::size_t bytes = size;
  if (os::sanitized_by(os::knows_memory) && size < largest) {
    if (!power) bytes = size + 1;
    if (power && size <= largest_doubled) bytes = size * 2;
  }
  void* object = plain(bytes, gfp, site);
  if (object != nullptr) forbid_beyond(object, size);
  return object;
}

void note_request(cache& c, const void* object, std::size_t size, const void* site) noexcept {
  if (is_large(c)) {
    own_run(c, object, owned::allocated, site);
  } else {
    slab& s = slab_of(*granule_of(object));
    sync::lock_guard hold(c.slabs_lock);
    set_asked(c, s, index_of(s, object), size);
  }
  debug_trace(c, "alloc", object, size, site);
}

void debug_run_given(cache& c, const void* run, owned what, const void* site) noexcept {
  if (GS_LIKELY((c.flags & flags_debug) == 0)) return;
  const large_run now = large_look(run);
  if (now.state != GS_STATE_LIVE) return;
  if (what == owned::retired) own_run(c, run, what, site);
  debug_trace(c, what == owned::retired ? "retire" : "free", run, now.bytes, site);
}

std::size_t debug_asked(cache& c, const void* object, std::size_t usable) noexcept {
  if (!debug_keeps_sizes(c)) return usable;
  slab& s = slab_of(*granule_of(object));
  return debug_asked_of(c, s, index_of(s, object));
}

namespace {

void clear(const void* object, std::size_t from, std::size_t to) noexcept {
  if (from < to)
    __builtin_memset(static_cast<char*>(const_cast<void*>(object)) + from, 0, to - from);
}

bool resize_sized(cache& c, const void* object, std::size_t size, bool zero) noexcept {
  slab& s = slab_of(*granule_of(object));
  const std::uint32_t index = index_of(s, object);
  sync::lock_guard hold(c.slabs_lock);
  finding unused;
  if (find_damage(c, s, index, look::as_live, &unused)) return false;
  if (zero) clear(object, debug_asked_of(c, s, index), size);
  set_asked(c, s, index, size);
  return true;
}

}  // namespace

bool resize_watched(cache& c, const void* object, std::size_t size, bool zero) noexcept {
  debug_open(object);
  if (debug_keeps_sizes(c) && !resize_sized(c, object, size, zero)) return false;
  if (zero && !debug_keeps_sizes(c)) clear(object, size, usable_bytes(object));
  forbid_beyond(object, size);
  return true;
}

void debug_open_all(const void* object) noexcept {
  if (os::sanitized_by(os::knows_memory)) os::allow(object, usable_bytes(object));
}

}  // namespace graceslab::slab
