// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <graceslab/kernel/slab.h>
#include <unistd.h>

#include <cstdio>
#include <graceslab/stats.hpp>
#include <vector>

#include "measure.hpp"

namespace graceslab::tool::bench {
namespace {

struct record {
  std::uint64_t payload[6];
  rcu_head head;
};
static_assert(sizeof(record) == 64);

template <class F>
double per_turn_ns(std::uint64_t n, F turn) {
  double begin = now_us();
  for (std::uint64_t i = 0; i != n; ++i) turn(i);
  return (now_us() - begin) * 1000 / static_cast<double>(n);
}

double resident_bytes() {
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  if (f == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  int n = std::fscanf(f, "%lu %lu", &total, &resident);
  std::fclose(f);
  return n == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

std::vector<kmem_cache*> busy_caches(unsigned n) {
  std::vector<kmem_cache*> caches;
  for (unsigned i = 0; i != n; ++i) {
    caches.push_back(kmem_cache_create("busy", 64, 0, 0, nullptr));
    for (unsigned j = 0; j != 100; ++j)
      gs_cache_retire(caches.back(), kmem_cache_alloc(caches.back(), GFP_KERNEL));
  }
  return caches;
}

}  // namespace

double reader_pair_ns(std::uint64_t n) {
  return per_turn_ns(n, [](std::uint64_t) {
    rcu_read_lock();
    asm volatile("");
    rcu_read_unlock();
  });
}

double retire_cycle_ns(std::uint64_t n) {
  static auto* records = new cache<record>("bench-typed");
  static rcu_pointer<record> shared;
  double ns = per_turn_ns(n, [](std::uint64_t i) {
    record* fresh = records->try_make();
    fresh->payload[0] = i;
    records->retire(shared.exchange(fresh));
  });
  double begin = now_us();
  records->barrier();
  return ns + (now_us() - begin) * 1000 / static_cast<double>(n);
}

double retire_cycle_c_ns(std::uint64_t n) {
  static kmem_cache* records = kmem_cache_create("bench-c", sizeof(record), 0, 0, nullptr);
  static record* shared;
  double ns = per_turn_ns(n, [](std::uint64_t i) {
    auto* fresh = static_cast<record*>(kmem_cache_alloc(records, GFP_KERNEL));
    fresh->payload[0] = i;
    record* old = rcu_replace_pointer(shared, fresh, true);
    kfree_rcu(old, head);
  });
  double begin = now_us();
  kmem_cache_free_barrier(records);
  return ns + (now_us() - begin) * 1000 / static_cast<double>(n);
}

double alloc_free_pair_ns(std::uint64_t n) {
  static kmem_cache* records = kmem_cache_create("bench-pair", sizeof(record), 0, 0, nullptr);
  return per_turn_ns(n, [](std::uint64_t i) {
    auto* fresh = static_cast<record*>(kmem_cache_alloc(records, GFP_KERNEL));
    fresh->payload[0] = i;
    kmem_cache_free(records, fresh);
  });
}

double rcu_barrier_us(unsigned pending) {
  static rcu_head heads[1000];
  for (unsigned i = 0; i != pending; ++i) call_rcu(&heads[i], [](rcu_head*) {});
  double begin = now_us();
  ::rcu_barrier();
  return now_us() - begin;
}

double free_barrier_us(unsigned pending) {
  static kmem_cache* records = kmem_cache_create("bench-barrier", 64, 0, 0, nullptr);
  for (unsigned i = 0; i != pending; ++i)
    gs_cache_retire(records, kmem_cache_alloc(records, GFP_KERNEL));
  double begin = now_us();
  kmem_cache_free_barrier(records);
  return now_us() - begin;
}

double free_barrier_of_many_us(unsigned n) {
  std::vector<kmem_cache*> caches = busy_caches(n);
  double begin = now_us();
  kmem_cache_free_barrier(caches[n / 2]);
  double us = now_us() - begin;
  for (kmem_cache* s : caches) kmem_cache_destroy_rcu(s);
  (void)kmem_cache_destroy_barrier();
  return us;
}

double grace_periods_for_type_safe(unsigned n) {
  std::vector<kmem_cache*> caches;
  for (unsigned i = 0; i != n; ++i) {
    caches.push_back(kmem_cache_create("type-safe", 64, 0, SLAB_TYPESAFE_BY_RCU, nullptr));
    kmem_cache_free(caches.back(), kmem_cache_alloc(caches.back(), GFP_KERNEL));
  }
  std::uint64_t before = stats().started;
  for (kmem_cache* s : caches) kmem_cache_destroy_rcu(s);
  (void)kmem_cache_destroy_barrier();
  return static_cast<double>(stats().started - before);
}

double resident_per_object(std::uint64_t objects) {
  kmem_cache* s = kmem_cache_create("resident", 64, 0, 0, nullptr);
  std::vector<void*> all(objects);
  std::fill(all.begin(), all.end(), &all);  // resident before the count begins
  double before = resident_bytes();
  for (void*& p : all) {
    p = kmem_cache_alloc(s, GFP_KERNEL);
    if (p == nullptr) break;
    *static_cast<std::uint64_t*>(p) = 1;
  }
  double bytes = (resident_bytes() - before) / static_cast<double>(objects);
  for (void* p : all) kmem_cache_free(s, p);
  (void)kmem_cache_destroy_wait(s);
  return bytes;
}

}  // namespace graceslab::tool::bench
