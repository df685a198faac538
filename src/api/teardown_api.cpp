// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The C entry points of waiting and destroying, and of looking inside.
#include <errno.h>

#include "observe/observe.hpp"
#include "os/busted.hpp"
#include "os/keep_errno.hpp"
#include "os/stack.hpp"
#include "os/trace_text.hpp"
#include "slab/debug.hpp"
#include "slab/misuse.hpp"

using namespace graceslab;

namespace {

[[gnu::always_inline]] inline teardown::caller who_calls(const kmem_cache* cache,
                                                         const void* site) noexcept {
  return {site, os::stack_id(os::capture_stack(0)), slab::handle_value(cache)};
}

slab::cache* resolve(const kmem_cache* handle, const char* what, const void* site) noexcept {
  reclaim::resume();
  if (handle == nullptr) return nullptr;
  slab::cache* c = slab::cache_from_handle(handle);
  os::open_window();
  if (c == nullptr) slab::report_stale(handle, what, site);
  return c;
}

// use(cache) while its record is lent, else 0. Whatever takes its time was done before.
template <class Use>
int lend(slab::cache& c, const kmem_cache* handle, const char* what, const void* site,
         Use use) noexcept {
  slab::loan lent(c, slab::handle_value(handle));
  if (lent.get() != nullptr) return use(c);
  slab::report_stale(handle, what, site);
  return 0;
}

template <class Use>
int with(const kmem_cache* handle, const char* what, const void* site, Use use) noexcept {
  slab::cache* c = resolve(handle, what, site);
  return c != nullptr ? lend(*c, handle, what, site, use) : 0;
}

// A cache that is gone has run its destructors.
int ended(int result) noexcept {
  if (result == 0) slab::debug_wait_ended();
  return result;
}

}  // namespace

extern "C" {

void gs_retire_barrier(gs_domain* domain) {
  os::keep_errno keep;
  rcu::with_domain(domain, "retire barrier", teardown::retire_barrier);
}

int gs_cache_barrier(kmem_cache* cache) {
  os::keep_errno keep;
  return with(cache, "barrier", __builtin_return_address(0), teardown::free_barrier);
}

void gs_cache_call(kmem_cache* cache, rcu_head* head, rcu_callback_t func, void* owner) {
  rcu::domain_ref domain = rcu::ref_of(nullptr);
  auto note = [&domain](slab::cache& c) {
    gs_store_relaxed(&c.posts, true);
    domain = rcu::ref_of(c.domain);
    return 1;
  };
  if (cache == nullptr || with(cache, "callback", __builtin_return_address(0), note) != 0)
    rcu::call(domain, head, func, owner);
}

int gs_cache_destroy_by(kmem_cache* cache, int policy, kmem_cache_cookie_t* cookie) {
  os::keep_errno keep;
  kmem_cache_cookie_t ignored = 0;
  if (cookie == nullptr) cookie = &ignored;
  *cookie = 0;
  if (GS_UNLIKELY(teardown::refuse_midway())) return -EBUSY;
  const void* site = __builtin_return_address(0);
  slab::cache* c = resolve(cache, "destroy", site);
  if (c == nullptr) return 0;
  const teardown::caller who = who_calls(cache, site);
  return ended(lend(*c, cache, "destroy", site, [&](slab::cache& lent) {
    return teardown::destroy_by(lent, policy, who, cookie);
  }));
}

void gs_cache_destroy(kmem_cache* cache) {
  (void)gs_cache_destroy_by(cache, GS_POLICY_DEFAULT, nullptr);
}

kmem_cache_cookie_t gs_cache_destroy_rcu(kmem_cache* cache) {
  kmem_cache_cookie_t cookie;
  (void)gs_cache_destroy_by(cache, GS_POLICY_LINGER, &cookie);
  return cookie;
}

int gs_cache_destroy_wait(kmem_cache* cache) {
  return gs_cache_destroy_by(cache, GS_POLICY_WAIT, nullptr);
}

int gs_cache_destroy_barrier(void) {
  os::keep_errno keep;
  return ended(teardown::destroy_barrier());
}

int gs_cache_destroy_barrier_one(kmem_cache_cookie_t cookie) {
  os::keep_errno keep;
  return ended(teardown::destroy_barrier_one(cookie));
}

int gs_cache_read_stats(kmem_cache* cache, gs_cache_stats* stats) {
  slab::cache* c = slab::cache_from_handle(cache);
  os::open_window();
  *stats = {};
  stats->stage = GS_STAGE_GONE;
  if (c != nullptr) observe::cache_stats(*c, stats, slab::handle_value(cache));
  if (stats->stage != GS_STAGE_GONE) return 0;
  return *stats = {}, -ENOENT;
}

void gs_caches_visit(void (*visit)(const gs_cache_stats*, void*), void* arg) {
  observe::visit_caches(visit, arg);
}

size_t gs_cache_why(kmem_cache_cookie_t cookie, char* text, size_t bytes) {
  return observe::why(cookie, text, bytes);
}

size_t gs_cache_why_of(kmem_cache* cache, char* text, size_t bytes) {
  slab::cache* c = slab::cache_from_handle(cache);
  os::open_window();
  return observe::why_handle(c, slab::handle_value(cache), text, bytes);
}

int gs_dump_caches(int file) {
  os::keep_errno keep;
  return observe::dump_caches(file);
}

int gs_trace_dump(int file) {
  os::keep_errno keep;
  return os::dump_trace(file);
}

int gs_observe_start(void) {
  os::keep_errno keep;
  return observe::start_serving();
}

void gs_observe_stop(void) {
  os::keep_errno keep;
  observe::stop_serving();
}

int gs_object_lookup(const void* pointer, gs_object_info* info) {
  return observe::lookup(pointer, info) ? 0 : -ENOENT;
}

void gs_dump_object(const void* pointer) { observe::dump(pointer); }

}  // extern "C"
