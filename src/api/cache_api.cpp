// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The C entry points of caches: handles to records, NULL to nothing, and the caller's address for
// reports.
#include <errno.h>

#include "os/busted.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/charge.hpp"
#include "slab/debug.hpp"
#include "slab/fast.hpp"
#include "slab/large.hpp"
#include "slab/misuse.hpp"

using namespace graceslab;

namespace {

[[gnu::cold, gnu::noinline]] slab::cache* unresolved(const kmem_cache* handle, const char* what,
                                                     const void* site) noexcept {
  if (handle != nullptr) slab::report_stale(handle, what, site);
  return nullptr;
}

inline slab::cache* resolve(const kmem_cache* handle, const char* what, const void* site) noexcept {
  reclaim::resume();
  slab::cache* c = slab::cache_from_handle(handle);
  os::open_window();
  return GS_LIKELY(c != nullptr) ? c : unresolved(handle, what, site);
}

// use(cache), of an open one, else 0: for operations that have nothing to do on one that was
// destroyed.
template <class Use>
int with_open(const kmem_cache* handle, const char* what, const void* site, Use use) noexcept {
  slab::cache* c = resolve(handle, what, site);
  if (c == nullptr) return 0;
  slab::loan lent(*c, slab::handle_value(handle));
  if (lent.get() != nullptr && slab::stage_of(*c) == GS_STAGE_OPEN) return use(*c);
  slab::report_stale(handle, what, site);
  return 0;
}

// What the cache of a handle is.
slab::cache_glimpse told_of(const kmem_cache* handle) noexcept {
  slab::cache* c = slab::cache_from_handle(handle);
  slab::cache_glimpse seen;
  os::open_window();
  return c != nullptr && slab::glimpse(*c, &seen) && seen.handle == slab::handle_value(handle)
             ? seen
             : slab::cache_glimpse{};
}

[[gnu::cold, gnu::noinline]] slab::cache* owner_beyond(const void* object, const char* what,
                                                       const void* site) noexcept {
  slab::cache* c = slab::outlying_cache(object);
  if (c == nullptr) slab::report_foreign(object, what, site);
  return c;
}

// Whether it is the start of one of that cache's objects is found out with its state.
slab::cache* owner_of(const void* object, const char* what, const void* site) noexcept {
  reclaim::resume();
  slab::cache* c = slab::cache_of_start(object);
  os::open_window();
  return GS_LIKELY(c != nullptr) ? c : owner_beyond(object, what, site);
}

// What the fast paths leave over. Not inlined, to leave the entry points without a stack frame.
[[gnu::noinline]] void* alloc_rest(const kmem_cache* handle, unsigned gfp,
                                   const void* site) noexcept {
  slab::cache* c = resolve(handle, "allocation", site);
  return c != nullptr ? slab::alloc(*c, slab::handle_value(handle), gfp, site) : nullptr;
}
[[gnu::noinline]] void free_rest(const kmem_cache* handle, void* object,
                                 const void* site) noexcept {
  if (object == nullptr) return;
  slab::cache* c = resolve(handle, "free", site);
  if (c != nullptr) slab::free_object(*c, object, site);
}
[[gnu::noinline]] void retire_rest(const kmem_cache* handle, void* object,
                                   const void* site) noexcept {
  if (object == nullptr) return;
  slab::cache* c = resolve(handle, "retire", site);
  if (c != nullptr) slab::retire_object(*c, object, site);
}
[[gnu::noinline]] void kfree_rest(void* object, const void* site) noexcept {
  if (object == nullptr) return;
  if (slab::cache* c = owner_of(object, "free", site)) slab::free_object(*c, object, site);
}
[[gnu::noinline]] void kretire_rest(void* object, const void* site) noexcept {
  if (object == nullptr) return;
  if (slab::cache* c = owner_of(object, "retire", site)) slab::retire_object(*c, object, site);
}

}  // namespace

#define GS_SITE __builtin_return_address(0)

extern "C" {

kmem_cache* gs_cache_create(const gs_cache_options* options) {
  os::keep_errno keep;
  reclaim::resume();
  slab::cache* c = slab::create(*options, GS_SITE);
  if (c == nullptr && (options->flags & slab::flag_panic) != 0)
    os::panic("a cache with SLAB_PANIC could not be created");
  return c != nullptr ? slab::handle_of(*c) : nullptr;
}

void* gs_cache_alloc(kmem_cache* cache, unsigned gfp) {
  if (GS_LIKELY(gfp == 0))
    if (void* object = slab::take_named(cache); GS_LIKELY(object != nullptr)) return object;
  return alloc_rest(cache, gfp, GS_SITE);
}

void gs_cache_free(kmem_cache* cache, void* object) {
  if (GS_UNLIKELY(!slab::give_named(cache, object, 0))) free_rest(cache, object, GS_SITE);
}

int gs_cache_alloc_bulk(kmem_cache* cache, unsigned gfp, size_t n, void** objects) {
  slab::cache* c = resolve(cache, "bulk allocation", GS_SITE);
  return c != nullptr && slab::alloc_bulk(*c, slab::handle_value(cache), gfp, n, objects, GS_SITE)
             ? static_cast<int>(n)
             : 0;
}

void gs_cache_free_bulk(kmem_cache* cache, size_t n, void** objects) {
  slab::cache* c = resolve(cache, "bulk free", GS_SITE);
  if (c == nullptr) return;
  for (size_t i = 0; i != n; ++i)
    if (objects[i] != nullptr) slab::free_object(*c, objects[i], GS_SITE);
}

void gs_cache_retire(kmem_cache* cache, void* object) {
  if (GS_UNLIKELY(!slab::give_named(cache, object, 1))) retire_rest(cache, object, GS_SITE);
}

int gs_cache_shrink(kmem_cache* cache) {
  return with_open(cache, "shrink", GS_SITE,
                   [](slab::cache& c) { return reclaim::shrink(c) ? 0 : 1; });
}

size_t gs_cache_size(kmem_cache* cache) { return told_of(cache).size; }
uint32_t gs_cache_id(kmem_cache* cache) {
  const slab::cache_glimpse seen = told_of(cache);
  const bool has_arrays = seen.handle != 0 && (seen.flags & slab::flags_debug) == 0;
  return has_arrays ? slab::id_of_handle(seen.handle) : 0;
}
uint32_t gs_cache_stride(kmem_cache* cache) { return told_of(cache).stride; }
int gs_cache_is_open(kmem_cache* cache) {
  slab::cache* c = slab::cache_from_handle(cache);
  return c != nullptr && slab::open_as(*c, slab::handle_value(cache)) ? 1 : 0;
}
int gs_cache_validate(kmem_cache* cache) {
  return with_open(cache, "validation", GS_SITE, slab::debug_validate);
}
int gs_caches_validate(void) {
  reclaim::resume();
  return slab::debug_validate_all();
}

int gs_cache_limit_memory(kmem_cache* cache, uint64_t bytes) {
  if (cache == nullptr) return 0;
  slab::cache* c = resolve(cache, "memory limit", GS_SITE);
  if (c == nullptr) return -ENOENT;
  if (slab::limit_memory(*c, slab::handle_value(cache), bytes)) return 0;
  slab::report_stale(cache, "memory limit", GS_SITE);
  return -ENOENT;
}
int gs_cache_read_memory(kmem_cache* cache, gs_memory_use* use) {
  *use = {};
  slab::cache* c = slab::cache_from_handle(cache);
  return c != nullptr && slab::read_memory(*c, slab::handle_value(cache), use) ? 0 : -ENOENT;
}

void* gs_kmalloc(size_t size, unsigned gfp) { return slab::kmalloc(size, gfp, GS_SITE); }

void* gs_krealloc(const void* object, size_t size, unsigned gfp) {
  if (object == nullptr) return slab::kmalloc(size, gfp, GS_SITE);
  slab::cache* c = owner_of(object, "krealloc", GS_SITE);
  if (c == nullptr) return nullptr;
  std::uint8_t* state;
  if (!slab::checked(*c, object, slab::giving::free, GS_SITE, &state)) return nullptr;
  slab::debug_open(object);
  const size_t whole = GS_LIKELY(state != nullptr) ? c->size : slab::bytes_of(*c, object);
  const bool stays = size != 0 && size <= whole && (size > whole / 2 || whole <= 64);
  const bool zero = (gfp & slab::gfp_zero) != 0;
  if (stays && slab::resize(*c, object, size, zero)) return const_cast<void*>(object);
  void* moved = slab::kmalloc(size, gfp, GS_SITE);
  if (moved == nullptr) return nullptr;
  const size_t asked = slab::debug_asked(*c, object, whole);
  __builtin_memcpy(moved, object, size < asked ? size : asked);
  slab::free_object(*c, const_cast<void*>(object), GS_SITE);
  return moved;
}

void gs_kfree(const void* object) {
  auto* p = const_cast<void*>(object);
  if (GS_UNLIKELY(!slab::give_by_pointer(p, 0))) kfree_rest(p, GS_SITE);
}

size_t gs_ksize(const void* object) {
  if (object == nullptr) return 0;
  slab::cache* c = owner_of(object, "ksize", GS_SITE);
  if (c == nullptr || !slab::still_held(*c, object, "ksize", GS_SITE)) return 0;
  const size_t whole = slab::bytes_of(*c, object);
  (void)slab::resize(*c, object, whole, false);
  return whole;
}

void gs_retire(const void* object) {
  auto* p = const_cast<void*>(object);
  if (GS_UNLIKELY(!slab::give_by_pointer(p, 1))) kretire_rest(p, GS_SITE);
}

void gs_retire_mightsleep(const void* object) {
  if (object == nullptr) return;
  slab::cache* c = owner_of(object, "retire", GS_SITE);
  if (c == nullptr) return;
  os::keep_errno keep;
  reclaim::retire_mightsleep(*c, const_cast<void*>(object), GS_SITE);
}

}  // extern "C"
