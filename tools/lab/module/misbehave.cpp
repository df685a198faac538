// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Exit functions of modules that do not know better. Run in child processes only.
//
// Each posts callbacks that free objects of its cache, trusts the wrong thing, destroys its cache
// and returns, so that the host unloads it. The counts live in the host.
#include <ctime>

#include "table.hpp"

namespace graceslab::lab::module {
namespace {

constexpr std::uint64_t objects = 1000;
constexpr std::uint64_t leaked_objects = 10;
constexpr int idle_wait_ms = 2000;

kmem_cache* cache;
unsafe_counts* seen;

void free_one(rcu_head* head) {
  kmem_cache_free(cache, reinterpret_cast<char*>(head) - offsetof(record, head));
  gs_fetch_add(&seen->ran, 1u);
}

void destroy_from_callback(rcu_head*) {
  kmem_cache_destroy(cache);
  gs_fetch_add(&seen->ran, 1u);
}

void post_again(rcu_head* head) {
  gs_fetch_add(&seen->ran, 1u);
  call_rcu(head, post_again);
}

void post(rcu_head* head, rcu_callback_t func) {
  gs_fetch_add(&seen->posted, 1u);
  call_rcu(head, func);
}

void post_objects() {
  for (std::uint64_t i = 0; i < objects; ++i)
    if (record* r = static_cast<record*>(kmem_cache_alloc(cache, GFP_KERNEL)))
      post(&r->head, free_one);
}

// On an idle system something else takes long enough for the callbacks to run, and the mistake is
// never noticed.
void be_lucky() {
  seen->queued_at_return = seen->posted - gs_load_acquire(&seen->ran);
  timespec ms = {0, 1000000};
  for (int i = 0; i < idle_wait_ms && gs_load_acquire(&seen->ran) != seen->posted; ++i)
    nanosleep(&ms, nullptr);
}

void leak_objects() {
  for (std::uint64_t i = 0; i < leaked_objects; ++i) (void)kmem_cache_alloc(cache, GFP_KERNEL);
  rcu_barrier();
}

void trust_the_wrong_thing(unsafe variant) {
  static rcu_head extra;
  switch (variant) {
    case unsafe::no_wait:
      post_objects();
      break;
    case unsafe::synchronize_rcu:
      post_objects();
      synchronize_rcu();
      break;
    case unsafe::synchronize_rcu_three_times:
      post_objects();
      for (int i = 0; i < 3; ++i) synchronize_rcu();
      break;
    case unsafe::synchronize_rcu_idle:
      post_objects();
      synchronize_rcu();
      be_lucky();
      break;
    case unsafe::fifo_call_rcu:
      post_objects();
      post(&extra, destroy_from_callback);
      break;
    case unsafe::leak:
      leak_objects();
      break;
    case unsafe::rearm:
      post(&extra, post_again);
      rcu_barrier();  // waits for the first round only: the next one is queued already
      break;
  }
}

}  // namespace

void misbehave(unsafe variant, unsafe_counts* counts) {
  seen = counts;
  cache = kmem_cache_create("lab-unsafe", sizeof(record), 0, 0, nullptr);
  if (cache == nullptr) return;
  trust_the_wrong_thing(variant);
  if (variant != unsafe::fifo_call_rcu) kmem_cache_destroy(cache);
}

}  // namespace graceslab::lab::module
