// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// kmalloc: size-class caches made at first use, and page runs beyond them.
//
// - Small classes are looked up in a table; where there is no memory for a slab of the middle ones,
//   which is of many pages, the object is a run of its own.
// - A power of two is a multiple of itself: its class's slabs begin at one.
#include <cstdio>

#include "slab/debug.hpp"
#include "slab/fast.hpp"
#include "slab/guard.hpp"
#include "slab/large.hpp"
#include "slab/misuse.hpp"
#include "slab/patience.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {
namespace {

// Sixteen-byte steps to 128, then four steps per doubling up to 1 MiB.
constexpr std::uint32_t largest_small = 8192, largest_class = 1 << 20;
constexpr unsigned classes = 9 + 13 * 4;

constinit sync::mutex classes_lock{sync::rank::caches_lazy};
cache* class_cache[classes];
cache* the_large_cache;

struct size_class {
  unsigned index;
  std::uint32_t bytes;
};

constexpr size_class class_of(std::size_t size) noexcept {
  if (size <= 8) return {0, 8};
  if (size <= 128) {
    unsigned steps = static_cast<unsigned>((size + 15) / 16);
    return {steps, steps * 16};
  }
  unsigned log = 63u - static_cast<unsigned>(__builtin_clzll(size - 1));  // 7 for 129 .. 256
  std::uint32_t step = (1u << log) / 4;
  std::uint32_t quarter = static_cast<std::uint32_t>((size - (1u << log) + step - 1) / step);
  return {8 + (log - 7) * 4 + quarter, (1u << log) + quarter * step};
}

// The index of class_of() by eights of bytes, for the fast path.
struct class_table {
  std::uint8_t index[largest_small / 8 + 1];
  constexpr class_table() noexcept : index{} {
    for (std::size_t i = 0; i != sizeof index; ++i)
      index[i] = static_cast<std::uint8_t>(class_of(i * 8).index);
  }
};
constexpr class_table table_of_classes;

// nullptr: not made yet.
inline cache* class_cache_found(unsigned index) noexcept {
  // ORDER kmalloc.find <-> kmalloc.publish   (docs/ordering/publish.md, claim 2)
  return gs_load_acquire(&class_cache[index]);
}

// The cache at `place`, made by whoever needs it first; nullptr: no memory. The system is asked
// without the lock.
template <class Make>
cache* made_once(cache*& place, Make make) noexcept {
  if (!heap_ready()) return nullptr;
  record_supply records;
  do {
    sync::lock_guard hold(classes_lock);
    // ORDER kmalloc.publish <-> kmalloc.find   (docs/ordering/publish.md, claim 2)
    if (place == nullptr) gs_store_release(&place, make(records));
    if (place != nullptr) return place;
  } while (records.ask());
  return nullptr;
}

cache* class_cache_for(size_class c) noexcept {
  if (cache* made = class_cache_found(c.index)) return made;
  return made_once(class_cache[c.index], [c](record_supply& records) {
    char name[32];
    std::snprintf(name, sizeof name, "kmalloc-%u", c.bytes);
    return create_internal(records, name, c.bytes, flag_sized);
  });
}

}  // namespace

cache* large_cache_found() noexcept {
  // ORDER kmalloc.find <-> kmalloc.publish   (docs/ordering/publish.md, claim 2)
  return gs_load_acquire(&the_large_cache);
}

cache* large_cache() noexcept {
  if (cache* made = large_cache_found()) return made;
  return made_once(the_large_cache, [](record_supply& records) {
    return create_internal(records, "kmalloc-large", 0, flag_large_runs);
  });
}

namespace {

void* run_out(void* object, std::size_t size, const void* site) noexcept {
  return object != nullptr ? debug_request(*large_cache_found(), object, size, site) : nullptr;
}

[[gnu::noinline]] void* kmalloc_middle(std::size_t size, unsigned gfp, const void* site) noexcept {
  for (patience p{"kmalloc", size, gfp, site};;) {
    cache* c = class_cache_for(class_of(size));
    if (c != nullptr)
      if (void* object = alloc_once(c->handle, gfp, site))
        return debug_request(*c, object, size, site);
    if (void* object = large_try(size)) return run_out(object, size, site);
    if (!p.once_more(large_cache_found())) return nullptr;
  }
}

[[gnu::noinline]] void* kmalloc_rest(std::size_t size, unsigned gfp, const void* site) noexcept {
  if (size > largest_class)  // fresh pages: already zero
    return run_out(large_alloc(size, gfp, site), size, site);
  if (size > largest_small) return kmalloc_middle(size, gfp, site);
  cache* c;
  for (patience p{"kmalloc", size, gfp, site}; (c = class_cache_for(class_of(size))) == nullptr;)
    if (!p.once_more(nullptr)) return nullptr;
  if (void* alone = guard_alloc(*c, c->handle, size, gfp, site)) return alone;
  return debug_request(*c, alloc(*c, c->handle, gfp, site), size, site);  // which never ends
}

}  // namespace

void* kmalloc(std::size_t size, unsigned gfp, const void* site) noexcept {
  if (GS_LIKELY(size <= largest_small && gfp == 0)) {
    cache* c = class_cache_found(table_of_classes.index[(size + 7) / 8]);
    gs_local* l;
    if (GS_LIKELY(c != nullptr && local_numbered(c->id, &l)))
      if (void* object = gs_local_take(l, 0); GS_LIKELY(object != nullptr)) return object;
  }
  if (os::sanitized()) return debug_kmalloc(kmalloc_rest, size, gfp, site);
  return kmalloc_rest(size, gfp, site);
}

cache* cache_holding(const void* pointer) noexcept {
  cache* c = cache_of_start(pointer);
  return c != nullptr ? c : outlying_cache(pointer);
}

cache* cache_of_object(const void* object) noexcept {
  cache* c = cache_holding(object);
  if (c == nullptr) return nullptr;
  if (is_large(*c)) return large_look(object).state != no_run ? c : nullptr;
  gs_granule* g = granule_of(object);
  if (g == nullptr || state_at(*c, object) == nullptr) return nullptr;
  return index_of(slab_of(*g), object) < slab_of(*g).carved ? c : nullptr;
}

std::size_t usable_bytes(const void* object) noexcept {
  const cache* c = cache_of_object(object);
  return c != nullptr ? bytes_of(*c, object) : 0;
}

void classes_lock_for_fork() noexcept { classes_lock.lock(); }
void classes_unlock_after_fork(bool child) noexcept {
  child ? classes_lock.reset_in_child() : classes_lock.unlock();
}

}  // namespace graceslab::slab
