// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "fault_scenario.hpp"

#include <cstring>

namespace fault {

// C6: a failure leaves everything as it was, so trying again is all that is ever needed. One
// failure is injected: the second try must succeed, if the first did not.
void create(books& b) {
  b.cache = kmem_cache_create("fault", sizeof(object), 0, 0, nullptr);
  if (b.cache == nullptr) {
    ++b.refused;
    b.cache = kmem_cache_create("fault", sizeof(object), 0, 0, nullptr);
  }
  if (b.cache == nullptr) wrong("no cache, though only one allocation failed");
}

void allocate(books& b, unsigned n) {
  for (; n != 0; --n) {
    auto* o = static_cast<object*>(kmem_cache_alloc(b.cache, GFP_KERNEL));
    if (o == nullptr) {
      ++b.refused;
      continue;
    }
    std::memset(o, 0x5a, sizeof *o);
    b.live.push_back(o);
  }
  void* many[100];
  int got = kmem_cache_alloc_bulk(b.cache, GFP_KERNEL, 100, many);
  if (got != 0 && got != 100) wrong("%d objects of 100", got);
  if (got == 0) ++b.refused;
  if (got == 100) kmem_cache_free_bulk(b.cache, 100, many);
}

// K1, R6: none of these can fail, or needs memory.
void give_back(books& b) {
  for (unsigned i = 0; b.live.size() > 8; ++i) {
    object* o = b.live.back();
    b.live.pop_back();
    rcu_read_lock();
    if (i % 4 == 0) {
      kmem_cache_free(b.cache, o);
    } else if (i % 4 == 1) {
      call_rcu(&o->head, free_in_callback);
      ++b.posted;
    } else {
      kfree_rcu(o, head);
      ++b.retired;
    }
    rcu_read_unlock();
  }
}

// K2
void retire_without_head(books& b) {
  for (int i = 0; i != 3 && !b.live.empty(); ++i) {
    kfree_rcu_mightsleep(b.live.back());
    b.live.pop_back();
  }
}

// K4: size classes and page runs too.
void use_any_size() {
  for (std::size_t size : {std::size_t{8}, std::size_t{500}, std::size_t{100'000}}) {
    auto* p = static_cast<char*>(kmalloc(size, GFP_KERNEL));
    if (p == nullptr) continue;
    std::memset(p, 0x33, size);
    if (char* q = static_cast<char*>(krealloc(p, size * 2, GFP_KERNEL))) p = q;
    if (p[0] != 0x33 || p[size - 1] != 0x33) wrong("krealloc lost the content");
    kfree_rcu_mightsleep(p);
  }
}

void check_counts(const books& b) {
  synchronize_rcu();
  rcu_barrier();
  if (gs_load_acquire(&freed_by_callback) != b.posted) wrong("a callback was lost");
  kfree_rcu_barrier();
  kmem_cache_free_barrier(b.cache);
  gs_cache_stats s = {};
  if (gs_cache_read_stats(b.cache, &s) != 0) wrong("no statistics");
  // A mightsleep that had no array freed at once: at most those, and they are not retired.
  if (s.live != b.live.size() || s.retired < b.retired || s.retired != s.reclaimed || s.leaked != 0)
    wrong("live %llu (ours %zu), retired %llu (ours %llu), reclaimed %llu, leaked %llu",
          static_cast<unsigned long long>(s.live), b.live.size(),
          static_cast<unsigned long long>(s.retired), static_cast<unsigned long long>(b.retired),
          static_cast<unsigned long long>(s.reclaimed), static_cast<unsigned long long>(s.leaked));
  if (s.carved != s.parked + s.free_in_slabs + s.live) wrong("an object is lost");
}

void end(books& b) {
  for (object* o : b.live) kmem_cache_free(b.cache, o);
  b.live.clear();
  if (kmem_cache_destroy_wait(b.cache) != 0) wrong("the cache did not go");
  if (reports != 0) wrong("reported: %s", gs_report_name(last_report));
}

std::uint64_t whole_life() {
  books b;
  create(b);
  allocate(b, 200);
  give_back(b);
  std::thread([&b] {
    allocate(b, 100);
    give_back(b);
    retire_without_head(b);
  }).join();
  use_any_size();
  (void)kmem_cache_shrink(b.cache);
  allocate(b, 50);
  give_back(b);
  retire_without_head(b);
  check_counts(b);
  end(b);
  return b.refused;
}

}  // namespace fault
