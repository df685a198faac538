// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "churned.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <thread>

namespace graceslab::torture {
namespace {

constexpr std::size_t sizes[] = {16, 24, 64, 104, 192, 520, 1024, 4096, 10'000, 70'000};
constexpr unsigned size_kinds = sizeof sizes / sizeof *sizes;

std::uint64_t word(const char* p, std::uint64_t key, std::size_t i) {
  return mix((reinterpret_cast<std::uintptr_t>(p) + i) ^ key);
}

void fill(char* p, std::size_t size, std::uint64_t key) {
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    std::uint64_t value = word(p, key, i);
    std::memcpy(p + i, &value, sizeof value);
  }
}

bool intact(const char* p, std::size_t size, std::uint64_t key) {
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    std::uint64_t value = word(p, key, i);
    if (std::memcmp(p + i, &value, sizeof value) != 0) return false;
  }
  return true;
}

bool all_zero(const char* p, std::size_t size) {
  for (std::size_t i = 0; i != size; ++i)
    if (p[i] != 0) return false;
  return true;
}

void free_it(rcu_head* head) { kfree(head); }

}  // namespace

churned::churned(worker& w, unsigned flags, gs_domain* domain) : worker_(w), domain_(domain) {
  size_ = sizes[w.plan.below(size_kinds)];
  key_ = w.plan.next();
  static constexpr unsigned more[] = {0, SLAB_HWCACHE_ALIGN, SLAB_CONSISTENCY_CHECKS,
                                      SLAB_POISON | SLAB_RED_ZONE, SLAB_STORE_USER};
  unsigned which = w.plan.below(16);
  if ((flags & SLAB_TYPESAFE_BY_RCU) != 0)
    which = 16;  // readers may look at freed objects: no poison
  gs_cache_options o = {};
  o.name = "torture.churn";
  o.size = size_;
  o.align = w.plan.one_in(4) ? std::size_t{1} << w.plan.below(9) : 0;
  o.flags = flags | (which < 5 ? more[which] : 0);
  o.domain = domain;
  o.owner = gs_this_module();
  w.doing("creating a cache");
  cache_ = gs_cache_create(&o);
  if (cache_ == nullptr) throw std::bad_alloc();
}

char* churned::keep(void* p) {
  auto* object = static_cast<char*>(p);
  fill(object, size_, key_);
  live_.push_back(object);
  return object;
}

char* churned::take() {
  char* p = live_.back();
  live_.pop_back();
  if (!intact(p, size_, key_))
    worker_.all.fail(trouble::damaged, "object {} of {} bytes is not as we left it",
                     static_cast<void*>(p), size_);
  return p;
}

void churned::allocate(unsigned n) {
  worker_.doing("allocating");
  if (size_ > 8192) n %= 16;
  for (; n != 0; --n) {
    bool zeroed = n % 8 == 0;
    void* p = zeroed ? kmem_cache_zalloc(cache_, GFP_KERNEL) : kmem_cache_alloc(cache_, GFP_KERNEL);
    if (p == nullptr) return worker_.all.fail(trouble::result, "no memory in an open cache");
    if (zeroed && !all_zero(static_cast<char*>(p), size_))
      worker_.all.fail(trouble::damaged, "a zeroed object of {} bytes is not zero", size_);
    keep(p);
  }
}

void churned::allocate_at_once(unsigned n) {
  if (size_ > 8192) n %= 16;
  std::vector<void*> many(n);
  int got = kmem_cache_alloc_bulk(cache_, GFP_KERNEL, n, many.data());
  if (got != static_cast<int>(n))
    return worker_.all.fail(trouble::result, "asked for {} objects at once, got {}", n, got);
  for (void* p : many) keep(p);
}

void churned::retire(std::size_t keep) {
  worker_.doing("retiring");
  while (live_.size() > keep) {
    char* p = take();
    bool watched = live_.size() % 16 == 0;
    if (watched) gs_domain_read_lock(domain_);
    {
      keeps_errno errnum(worker_.all, "kfree_rcu");
      gs_cache_retire(cache_, p);
    }
    ++retired_;
    if (!watched) continue;
    worker_.pause();
    if (!intact(p, size_, key_))
      worker_.all.fail(trouble::reused, "a retired object of {} bytes changed inside a section",
                       size_);
    gs_domain_read_unlock(domain_);
  }
}

void churned::free(std::size_t keep) {
  worker_.doing("freeing");
  while (live_.size() > keep) {
    char* p = take();
    keeps_errno errnum(worker_.all, "kfree");
    if (live_.size() % 2 != 0)
      kmem_cache_free(cache_, p);
    else
      kfree(p);
  }
}

void churned::post(std::size_t keep) {
  worker_.doing("posting");
  while (live_.size() > keep) {
    auto* head = ::new (static_cast<void*>(take())) rcu_head;
    keeps_errno errnum(worker_.all, "call_rcu");
    call_rcu(head, free_it);
  }
}

void churned::visit() {
  worker_.doing("a visiting thread");
  std::thread([this] {
    allocate(100);
    free(live_.size() / 4 * 3);
    retire(live_.size() / 2);
  }).join();
}

void churned::check_counts() {
  worker_.doing("comparing counts");
  gs_cache_stats s = {};
  if (gs_cache_read_stats(cache_, &s) != 0)
    return worker_.all.fail(trouble::result, "an open cache has no statistics");
  if (s.live != live_.size() || s.retired != retired_ || s.reclaimed > s.retired || s.leaked != 0)
    worker_.all.fail(trouble::count,
                     "live {} (ours {}), retired {} (ours {}), reclaimed {}, leaked {}", s.live,
                     live_.size(), s.retired, retired_, s.reclaimed, s.leaked);
  std::uint64_t places = s.parked + s.free_in_slabs + s.live + (s.retired - s.reclaimed) + s.leaked;
  if (s.carved != places)
    worker_.all.fail(trouble::count, "{} objects exist, {} have a place", s.carved, places);
}

void churned::expect_gone(const char* approach) {
  gs_cache_stats s = {};
  int result = gs_cache_read_stats(cache_, &s);
  if (result != -ENOENT)
    worker_.all.fail(trouble::result,
                     "{}: the cache should be gone: stage {}, live {}, {} in flight", approach,
                     s.stage, s.live, s.retired - s.reclaimed);
}

void churned::expect_gone(const char* approach, kmem_cache_cookie_t cookie) {
  worker_.doing("kmem_cache_destroy_barrier_one");
  int result = gs_cache_destroy_barrier_one(cookie);
  if (result != 0)
    worker_.all.fail(trouble::result, "{}: waiting for the cookie gave {}", approach, result);
  expect_gone(approach);
}

}  // namespace graceslab::torture
