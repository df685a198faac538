// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for one cache's retired objects and ending caches, one or a hundred thousand. Only
// graceslab can do these.
#include <graceslab/kernel/slab.h>

#include <atomic>
#include <graceslab/stats.hpp>
#include <stdexcept>
#include <thread>

#include "memory.hpp"
#include "timing.hpp"

namespace {

using namespace graceslab::bench;

constexpr std::size_t object_bytes = 64;

kmem_cache* make_cache(unsigned flags = 0) {
  kmem_cache* c = kmem_cache_create("bench", object_bytes, 0, flags, nullptr);
  if (c == nullptr) throw std::runtime_error("no memory for one more cache");
  return c;
}

void retire_some(kmem_cache* c, std::uint64_t n) {
  for (std::uint64_t i = 0; i != n; ++i) {
    void* p = kmem_cache_alloc(c, GFP_KERNEL);
    if (p == nullptr) throw std::runtime_error("no memory for one more object");
    *static_cast<std::uint64_t*>(p) = i;
    gs_cache_retire(c, p);
  }
}

// The library's own threads start before the measuring thread is tied to a core, and may run
// anywhere. The thread is a registered reader, as in a program that uses RCU: without any reader a
// grace period needs no fence and would be too cheap.
void begin(const trial& t) {
  rcu_read_lock();
  rcu_read_unlock();
  kmem_cache* c = make_cache();
  retire_some(c, 100);
  kmem_cache_free_barrier(c);
  (void)kmem_cache_destroy_wait(c);
  t.pin(0);
}

// ---- caches that are busy ----

constexpr unsigned retired_each = 100;

// Every cache has had a hundred objects retired; the measured one has a hundred pending each time,
// and each time some others are retired into as well.
class herd {
 public:
  explicit herd(std::uint64_t others) {
    for (std::uint64_t i = 0; i != others; ++i) {
      all_.push_back(make_cache());
      retire_some(all_.back(), retired_each);
    }
  }
  ~herd() {
    for (kmem_cache* c : all_) (void)kmem_cache_destroy_rcu(c);
    (void)kmem_cache_destroy_barrier();
  }
  herd(const herd&) = delete;
  herd& operator=(const herd&) = delete;

  void disturb(std::uint64_t how_many) {
    for (std::uint64_t i = 0; !all_.empty() && i != how_many; ++i)
      retire_some(all_[random_.below(static_cast<std::uint32_t>(all_.size()))], 1);
  }

 private:
  std::vector<kmem_cache*> all_;
  quick_random random_;
};

// For comparison: as much memory as that many caches have, written to as often, and no cache at
// all. What a wait costs beside it, it costs because its own lines and translations were driven
// out.
class memory_alone {
 public:
  explicit memory_alone(std::uint64_t others) : bytes_(others * bytes_each, 1) {}
  void disturb(std::uint64_t how_many) {
    constexpr unsigned pages_each = 6;  // cache, slab and its head, thread's record, two arrays
    for (std::uint64_t i = 0; !bytes_.empty() && i != how_many * pages_each; ++i)
      ++bytes_[random_.below(static_cast<std::uint32_t>(bytes_.size()))];
  }

 private:
  static constexpr std::uint64_t bytes_each = 7600;  // `bytes_per_cache` of mass_destroy
  std::vector<unsigned char> bytes_;
  quick_random random_;
};

// On the other core: computes only, or retires into a few caches of its own without a pause. What a
// wait costs beside it is told apart from what the number of caches costs.
class neighbour {
 public:
  neighbour(const trial& t, const std::string& what) {
    if (what == "none") return;
    thread_ = std::thread([this, &t, retires = what == "retires"] {
      t.pin(1);
      std::vector<kmem_cache*> own;
      for (int i = 0; retires && i != 16; ++i) own.push_back(make_cache());
      for (std::uint64_t turn = 0; !stop_.load(std::memory_order_relaxed); ++turn)
        if (retires) retire_some(own[turn % own.size()], 1);
      for (kmem_cache* c : own) (void)kmem_cache_destroy_rcu(c);
    });
  }
  ~neighbour() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  neighbour(const neighbour&) = delete;
  neighbour& operator=(const neighbour&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

double barrier_us(kmem_cache* c, std::uint64_t pending) {
  retire_some(c, pending);
  double begin = now_ns();
  kmem_cache_free_barrier(c);
  return (now_ns() - begin) / 1000;
}

double destroy_us(std::uint64_t pending) {
  kmem_cache* c = make_cache();
  retire_some(c, pending);
  double begin = now_ns();
  if (kmem_cache_destroy_wait(c) != 0) throw std::runtime_error("a cache is not gone");
  return (now_ns() - begin) / 1000;
}

// Gives the times of calls of `once`, for half of the trial's time.
template <class Once>
std::vector<double> times_of(const trial& t, Once once) {
  constexpr std::size_t most = 20'000, least = 20;
  std::vector<double> all;
  for (int warm = 0; warm != 5; ++warm) (void)once();
  for (double until = now_ns() + t.seconds() * 0.5e9;
       all.size() < most && (all.size() < least || now_ns() < until);)
    all.push_back(once());
  return all;
}

void play_barrier(trial& t) {
  begin(t);
  kmem_cache* c = make_cache();
  std::uint64_t pending = t.number("pending");
  std::vector<double> us = times_of(t, [&] { return barrier_us(c, pending); });
  t.figure("us", median_of(us));
  t.figure("p99_us", quantile_of(us, 0.99));
}

template <class Others, class Once>
std::vector<double> times_among(trial& t, Once once) {
  Others others(t.number("caches") - 1);
  std::uint64_t disturbed = t.number("disturbed", 16);
  return times_of(t, [&] {
    others.disturb(disturbed);
    return once();
  });
}

// The same cache first with no other in the process, then as one of many: a pair of figures that
// share their minute.
template <class Once>
void play_of_many(trial& t, Once once) {
  begin(t);
  neighbour beside(t, t.text("neighbour", "none"));
  std::vector<double> alone = times_of(t, once);
  std::vector<double> of_many = t.text("others", "caches") == "memory"
                                    ? times_among<memory_alone>(t, once)
                                    : times_among<herd>(t, once);
  t.figure("us", median_of(of_many));
  t.figure("alone_us", median_of(alone));
  t.figure("p99_us", quantile_of(of_many, 0.99));
  t.figure("alone_p99_us", quantile_of(alone, 0.99));
}

void play_barrier_of_many(trial& t) {
  kmem_cache* c = make_cache();
  play_of_many(t, [c] { return barrier_us(c, retired_each); });
}
void play_destroy_of_many(trial& t) {
  play_of_many(t, [] { return destroy_us(retired_each); });
}

// ---- all at once ----

void end_all(const std::vector<kmem_cache*>& all, const std::string& way) {
  if (way == "wait") {  // for each in turn
    for (kmem_cache* c : all)
      if (kmem_cache_destroy_wait(c) != 0) throw std::runtime_error("a cache is not gone");
    return;
  }
  if (way == "global") kvfree_rcu_barrier();  // one wait for all, then nothing is pending
  for (kmem_cache* c : all) (void)kmem_cache_destroy_rcu(c);
  if (kmem_cache_destroy_barrier() != 0) throw std::runtime_error("a cache is not gone");
}

void play_mass_destroy(trial& t) {
  begin(t);
  std::uint64_t n = t.number("caches"), pending = t.number("pending", 4);
  bool type_safe = t.text("kind", "plain") == "type-safe";
  double before = resident_bytes();
  double started = now_ns();
  rcu_read_lock();  // so that what is retired stays pending until the end begins
  std::vector<kmem_cache*> all;
  for (std::uint64_t i = 0; i != n; ++i) {
    all.push_back(make_cache(type_safe ? SLAB_TYPESAFE_BY_RCU : 0));
    retire_some(all.back(), pending);
  }
  double made = now_ns(), full = resident_bytes();
  std::uint64_t grace_periods = graceslab::stats().started;
  rcu_read_unlock();
  end_all(all, t.text("way", "linger"));
  double done = now_ns(), count = static_cast<double>(n);
  t.figure("us_per_cache", (done - made) / 1000 / count);
  t.figure("total_ms", (done - made) / 1e6);
  t.figure("grace_periods", static_cast<double>(graceslab::stats().started - grace_periods));
  t.figure("create_us_per_cache", (made - started) / 1000 / count);
  t.figure("bytes_per_cache", (full - before) / count);
}

}  // namespace

void graceslab_bench_peer(peer* into) {
  into->workloads["cache_barrier"] = play_barrier;
  into->workloads["barrier_of_many"] = play_barrier_of_many;
  into->workloads["destroy_of_many"] = play_destroy_of_many;
  into->workloads["mass_destroy"] = play_mass_destroy;
}
