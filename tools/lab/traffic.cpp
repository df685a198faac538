// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "traffic.hpp"

#include <pthread.h>

#include <chrono>
#include <ctime>
#include <new>

namespace graceslab::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t check_key = 0x9e3779b97f4a7c15u;
constexpr unsigned host_share = 64;  // one lookup in so many goes to the host's own table
constexpr unsigned withdraw_share =
    8;  // one update in so many withdraws a range, to put it back with the next
constexpr unsigned host_update_share = 256;
constexpr unsigned yield_share = 256;

std::uint64_t next(std::uint64_t& seed) {  // splitmix64
  std::uint64_t z = (seed += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

// A number below `n`, without a division.
std::uint64_t below(std::uint64_t n, std::uint64_t random) {
  __extension__ using wide = unsigned __int128;
  return static_cast<std::uint64_t>(wide{random} * n >> 64);
}

// Some address of the range: one near its first.
address pick(const range& r, std::uint64_t random) {
  if (r.first.high != r.last.high) return (random & 1u) != 0 ? r.first : r.last;
  std::uint64_t span = r.last.low - r.first.low;
  return {r.first.high,
          r.first.low + (span == ~std::uint64_t{0} ? random : below(span + 1, random))};
}

// With more threads than cores, a thread that gives way here is seldom interrupted inside a
// section; one that is would hold up every grace period until it runs again.
void give_way(std::uint64_t random) {
  if (random / host_share % yield_share == 0) std::this_thread::yield();
}

void add(std::uint64_t& counter) { gs_store_relaxed(&counter, gs_load_relaxed(&counter) + 1); }

}  // namespace

host_table::host_table() : cache_(kmem_cache_create("lab-host", sizeof(record), 0, 0, nullptr)) {
  if (cache_ == nullptr) throw std::bad_alloc();
  for (std::size_t i = 0; i < slots; ++i) {
    slot_[i] = make(i);
    if (slot_[i] == nullptr) throw std::bad_alloc();
  }
}

host_table::~host_table() {
  for (record* r : slot_) kfree_rcu(r, head);
  (void)kmem_cache_destroy_wait(cache_);
}

host_table::record* host_table::make(std::uint64_t key) {
  record* r = static_cast<record*>(kmem_cache_alloc(cache_, GFP_KERNEL));
  if (r != nullptr) {
    r->key = key;
    r->check = key ^ check_key;
  }
  return r;
}

bool host_table::lookup(std::size_t i) const {
  const record* r = rcu_dereference(slot_[i % slots]);
  return r->key == i % slots && r->check == (r->key ^ check_key);
}

void host_table::replace(std::size_t i) {
  record* r = make(i % slots);
  if (r == nullptr) return;
  record* old = rcu_replace_pointer(slot_[i % slots], r, true);
  kfree_rcu(old, head);
}

traffic::traffic(const std::vector<range>& ranges, unsigned readers, unsigned updaters)
    : ranges_(ranges), readers_(readers), updaters_(updaters) {
  std::uint64_t seed = 1;
  for (worker& w : readers_) w.thread = std::thread([this, &w, s = seed++] { read(w, s); });
  std::size_t share = 0;
  for (worker& w : updaters_)
    w.thread = std::thread([this, &w, s = seed++, n = share++] { update(w, s, n); });
}

traffic::~traffic() {
  gs_store_release(&stop_, 1u);
  for (worker& w : readers_) w.thread.join();
  for (worker& w : updaters_) w.thread.join();
}

void traffic::publish_module(const module_api* api) { rcu_assign_pointer(module_, api); }

void traffic::withdraw_module() {
  rcu_assign_pointer(module_, static_cast<const module_api*>(nullptr));
  synchronize_rcu();
}

traffic_counts traffic::counts() const {
  traffic_counts sum;
  auto take = [&sum](const worker& w) {
    sum.lookups += gs_load_relaxed(&w.counts.lookups);
    sum.updates += gs_load_relaxed(&w.counts.updates);
    sum.host_lookups += gs_load_relaxed(&w.counts.host_lookups);
    sum.wrong += gs_load_relaxed(&w.counts.wrong);
  };
  for (const worker& w : readers_) take(w);
  for (const worker& w : updaters_) take(w);
  return sum;
}

double traffic::reader_seconds() {
  double sum = 0;
  for (worker& w : readers_) {
    clockid_t clock;
    timespec t = {};
    if (pthread_getcpuclockid(w.thread.native_handle(), &clock) == 0 &&
        clock_gettime(clock, &t) == 0)
      sum += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  }
  return sum;
}

// A range that an updater has withdrawn for a moment is rightly not found; another country never is
// right.
void traffic::look_up_once(const module_api* api, worker& w, std::uint64_t random) {
  const range& r = ranges_[below(ranges_.size(), random)];
  int country = api->lookup(pick(r, random * check_key));
  if (country != r.country && country != not_found) add(w.counts.wrong);
  add(w.counts.lookups);
}

void traffic::read(worker& w, std::uint64_t seed) {
  while (!stopping()) {
    std::uint64_t random = next(seed);
    rcu_read_lock();
    const module_api* api = rcu_dereference(module_);
    if (api != nullptr && random % host_share != 0) {
      look_up_once(api, w, random);
    } else {
      if (!own_.lookup(random)) add(w.counts.wrong);
      add(w.counts.host_lookups);
    }
    rcu_read_unlock();
    give_way(random);
  }
}

// Each updater has its own part of the host's slots, and shares the module's table with the others.
void traffic::update(worker& w, std::uint64_t seed, std::size_t share) {
  std::size_t withdrawn = 0;
  bool put_back = false;
  while (!stopping()) {
    std::uint64_t random = next(seed);
    rcu_read_lock();
    const module_api* api = rcu_dereference(module_);
    if (api == nullptr) {
      rcu_read_unlock();
      put_back = false;
      std::this_thread::sleep_for(1ms);
      continue;
    }
    std::size_t index = put_back ? withdrawn : below(ranges_.size(), random);
    bool done =
        random % withdraw_share == 0 && !put_back ? api->withdraw(index) : api->replace(index);
    rcu_read_unlock();
    put_back = random % withdraw_share == 0 && !put_back && done;
    give_way(random);
    if (put_back) withdrawn = index;
    if (done) add(w.counts.updates);
    if (random % host_update_share == 0) own_.replace(below(1024 / 8, random) * 8 + share % 8);
  }
}

}  // namespace graceslab::lab
