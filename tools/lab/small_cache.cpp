// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "small_cache.hpp"

#include <graceslab/kernel/rcupdate.h>

#include <stdexcept>
#include <vector>

#include "module/end_cache.hpp"

namespace graceslab::lab {
namespace {

struct object {
  char payload[48];
  rcu_head head;
};

void free_object(rcu_head* head) { kfree(reinterpret_cast<char*>(head) - offsetof(object, head)); }

void give_up(approach a, kmem_cache* s, object* o, unsigned index) {
  bool callback =
      a == approach::rcu_barrier || (a == approach::barrier_covers_retire && index % 2 != 0);
  if (callback)
    call_rcu(&o->head, free_object);
  else if (a == approach::linger_typesafe)
    kmem_cache_free(s, o);
  else
    kfree_rcu(o, head);
}

unsigned flags_of(approach a) {
  if (a == approach::linger_typesafe) return SLAB_TYPESAFE_BY_RCU;
  return a == approach::fully_freed ? SLAB_DESTROY_ONCE_FULLY_FREED : 0u;
}

}  // namespace

small_cache::small_cache(approach a, unsigned objects)
    : approach_(a),
      cache_(kmem_cache_create("lab-small", sizeof(object), 0, flags_of(a), nullptr)) {
  if (cache_ == nullptr) throw std::runtime_error("no memory for another cache");
  // Two passes, or a type-safe cache would make and free the same object again and again.
  std::vector<object*> all;
  for (unsigned i = 0; i < objects; ++i)
    if (object* o = static_cast<object*>(kmem_cache_alloc(cache_, GFP_KERNEL))) all.push_back(o);
  for (unsigned i = 0; i < all.size(); ++i) give_up(a, cache_, all[i], i);
}

double small_cache::end() {
  using steady = std::chrono::steady_clock;
  bool both = approach_ == approach::barrier_covers_retire;
  int covered = both ? gs_barrier_covers_retire(nullptr, 1) : 0;
  steady::time_point begin = steady::now();
  (void)end_cache(approach_, cache_);
  double us = std::chrono::duration<double, std::micro>(steady::now() - begin).count();
  if (both) gs_barrier_covers_retire(nullptr, covered);
  return us;
}

void settle_caches() {
  rcu_barrier();
  kfree_rcu_barrier();
  (void)kmem_cache_destroy_barrier();
}

parked_reader::parked_reader() : thread_([this] { sit(); }) { in_.acquire(); }

parked_reader::~parked_reader() {
  leave();
  thread_.join();
}

void parked_reader::leave_after(std::chrono::milliseconds time) {
  time_ = time;
  timed_.release();
  leave();
}

void parked_reader::sit() {
  rcu_read_lock();
  in_.release();
  go_.acquire();
  if (timed_.try_acquire()) std::this_thread::sleep_for(time_);
  rcu_read_unlock();
}

}  // namespace graceslab::lab
