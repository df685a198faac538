// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// refscale's look-ups in a type-safe cache: an object may be freed and be another one while a
// reader reaches for it, so the reader makes sure of it by a reference, a lock or a sequence count.
// With plain RCU, for comparison, objects are retired and a reader needs nothing.
#pragma once
#include <graceslab/kernel/slab.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "timing.hpp"

namespace graceslab::bench {

inline constexpr std::uint32_t type_safe_slots = 1024;
inline constexpr std::uint32_t no_key = ~0u;

// Constructed once per object; each reuse finds the counts as the last use left them.
struct found_object {
  std::atomic<std::uint32_t> references{0};
  std::atomic<std::uint32_t> locked{0};
  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::uint32_t> key{no_key};
  std::atomic<std::uint64_t> first{0};
  std::atomic<std::uint64_t> second{0};  // as `first`, or a reader saw half of a change

  void fill(std::uint32_t for_key, std::uint64_t value) {
    key.store(for_key, std::memory_order_relaxed);
    first.store(value, std::memory_order_relaxed);
    second.store(value, std::memory_order_relaxed);
  }
  bool whole() const {
    return first.load(std::memory_order_relaxed) == second.load(std::memory_order_relaxed);
  }
  bool is(std::uint32_t wanted) const { return key.load(std::memory_order_relaxed) == wanted; }
};

struct type_safe_table {
  kmem_cache* cache = nullptr;
  std::array<found_object*, type_safe_slots> slot{};

  explicit type_safe_table(unsigned flags) {
    cache = kmem_cache_create("bench-type-safe", sizeof(found_object), 0, flags,
                              [](void* p) { new (p) found_object; });
  }
  found_object* fresh() const {
    void* p = kmem_cache_alloc(cache, GFP_KERNEL);
    if (p == nullptr) throw std::runtime_error("no memory for one more object");
    return static_cast<found_object*>(p);
  }
};

// A way is `look`, which returns false when the object turned out to be another one, and `replace`.
struct by_reference {
  static constexpr unsigned flags = SLAB_TYPESAFE_BY_RCU;
  static void drop(type_safe_table& t, found_object* o) {
    if (o->references.fetch_sub(1, std::memory_order_acq_rel) == 1) kmem_cache_free(t.cache, o);
  }
  static bool look(type_safe_table& t, found_object* o, std::uint32_t key, bool* whole) {
    std::uint32_t seen = o->references.load(std::memory_order_relaxed);
    do {
      if (seen == 0) return false;
    } while (!o->references.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire));
    bool right = o->is(key);
    *whole = o->whole();
    drop(t, o);
    return right;
  }
  static void replace(type_safe_table& t, std::uint32_t key, std::uint64_t value) {
    found_object* o = t.fresh();
    o->fill(key, value);
    o->references.store(1, std::memory_order_release);
    if (found_object* old = rcu_replace_pointer(t.slot[key], o, true)) drop(t, old);
  }
};

struct by_lock {
  static constexpr unsigned flags = SLAB_TYPESAFE_BY_RCU;
  static void lock(found_object* o) {
    while (o->locked.exchange(1, std::memory_order_acquire) != 0) sched_yield();
  }
  static void unlock(found_object* o) { o->locked.store(0, std::memory_order_release); }
  static bool look(type_safe_table&, found_object* o, std::uint32_t key, bool* whole) {
    lock(o);
    bool right = o->is(key);
    *whole = o->whole();
    unlock(o);
    return right;
  }
  static void replace(type_safe_table& t, std::uint32_t key, std::uint64_t value) {
    found_object* o = t.fresh();
    lock(o);
    o->fill(key, value);
    unlock(o);
    found_object* old = rcu_replace_pointer(t.slot[key], o, true);
    if (old == nullptr) return;
    lock(old);
    old->key.store(no_key, std::memory_order_relaxed);
    unlock(old);
    kmem_cache_free(t.cache, old);
  }
};

struct by_sequence {
  static constexpr unsigned flags = SLAB_TYPESAFE_BY_RCU;
  static bool look(type_safe_table&, found_object* o, std::uint32_t key, bool* whole) {
    std::uint32_t before = o->sequence.load(std::memory_order_acquire);
    if (before % 2 != 0) return false;
    bool right = o->is(key);
    *whole = o->whole();
    std::atomic_thread_fence(std::memory_order_acquire);
    bool same = o->sequence.load(std::memory_order_relaxed) == before;
    if (!same) *whole = true;  // it is looked up again
    return same && right;
  }
  static void replace(type_safe_table& t, std::uint32_t key, std::uint64_t value) {
    found_object* o = t.fresh();
    std::uint32_t count = o->sequence.load(std::memory_order_relaxed);
    o->sequence.store(count + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    o->fill(key, value);
    o->sequence.store(count + 2, std::memory_order_release);
    if (found_object* old = rcu_replace_pointer(t.slot[key], o, true))
      kmem_cache_free(t.cache, old);
  }
};

struct by_grace_period {
  static constexpr unsigned flags = 0;
  static bool look(type_safe_table&, found_object* o, std::uint32_t key, bool* whole) {
    *whole = o->whole();
    return o->is(key);
  }
  static void replace(type_safe_table& t, std::uint32_t key, std::uint64_t value) {
    found_object* o = t.fresh();
    o->fill(key, value);
    if (found_object* old = rcu_replace_pointer(t.slot[key], o, true))
      gs_cache_retire(t.cache, old);
  }
};

// Replaces one object after another, so that the memory of those looked at is in use again.
template <class W>
class recycler {
 public:
  recycler(const trial& t, type_safe_table& table)
      : thread_([this, &t, &table] {
          t.pin(1);
          quick_random random;
          while (!stop_.load(std::memory_order_relaxed)) {
            W::replace(table, random.below(type_safe_slots), ++replaced_);
            for (int i = 0; i != 20; ++i) gs_cpu_relax();
          }
        }) {}
  std::uint64_t end() {
    stop_ = true;
    thread_.join();
    return replaced_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::uint64_t replaced_ = 0;  // the thread's, until it has ended
  std::thread thread_;
};

template <class W>
void look_up(type_safe_table& table, std::uint32_t key, std::uint64_t* again) {
  for (bool whole = true;; ++*again) {
    rcu_read_lock();
    found_object* o = rcu_dereference(table.slot[key]);
    bool right = W::look(table, o, key, &whole);
    rcu_read_unlock();
    if (!whole) throw std::runtime_error("a reader saw half of a change");
    if (right) return;
  }
}

template <class W>
void play_way(trial& t) {
  type_safe_table table(W::flags);
  for (std::uint32_t key = 0; key != type_safe_slots; ++key) W::replace(table, key, 0);
  t.pin(0);
  auto other = std::make_unique<recycler<W>>(t, table);
  std::uint64_t again = 0, looked = 0;
  quick_random random;
  double began = now_ns();
  double ns = per_turn_ns(t, 1000, [&](std::uint64_t n) {
    for (std::uint64_t i = 0; i != n; ++i) look_up<W>(table, random.below(type_safe_slots), &again);
    looked += n;
  });
  double took = now_ns() - began;
  t.figure("ns", ns);
  t.figure("recycled_per_ms", static_cast<double>(other->end()) * 1e6 / took);
  t.figure("looked_again_percent", 100 * static_cast<double>(again) / static_cast<double>(looked));
}

inline void play_type_safe(trial& t) {
  std::string way = t.text("by");
  if (way == "reference") return play_way<by_reference>(t);
  if (way == "lock") return play_way<by_lock>(t);
  if (way == "sequence") return play_way<by_sequence>(t);
  if (way == "rcu") return play_way<by_grace_period>(t);
  throw std::invalid_argument("by: reference, lock, sequence or rcu");
}

}  // namespace graceslab::bench
