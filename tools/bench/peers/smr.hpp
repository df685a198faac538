// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What schemes of safe memory reclamation are asked to do. A scheme is a class with
//   static void begin(const trial&)     once, before anything else
//   struct member                       the calling thread takes part while one lives
//   struct outside                      it blocks, outside sections, while one lives
//   static void enter(), leave()        a read-side section; sections nest
//   static T* load(T* const&)           the scheme's own way to follow a pointer
//   static void pass()                  outside a section, every few dozen of them (for QSBR)
//   static void synchronize()           waits for the readers there are
//   static node* get()                  a node, not initialised
//   static void retire(node*)           reclaims it after a grace period; outside sections only
//   static void settle()                waits until what the calling thread retired is reclaimed
//   static constexpr bool own_limit     it keeps by itself to `bound` nodes in flight
//   watch(out), in_flight(out), at_most(), count_from_here()   see `counted`
// and, where it has callbacks,
//   static void post<function>(node*)   calls the function after a grace period
//   static void barrier()               waits until every function posted has returned
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "timing.hpp"

namespace graceslab::bench {

// 64 bytes. The scheme's own two words come first: every scheme here needs two at most.
struct node {
  node() noexcept {}  // as malloc: nothing is written that the workload does not write
  std::uintptr_t link[2];
  node* next;
  std::uint64_t word;
  std::uint64_t rest[4];
};
static_assert(sizeof(node) == 64);

// For schemes whose reclaim is a function of ours: how many it was called for. One thread at a time
// reclaims in every workload that looks at the count, so it need not be added to atomically.
class counted {
 public:
  static void came_home() {
    __atomic_store_n(&home_.count, __atomic_load_n(&home_.count, __ATOMIC_RELAXED) + 1,
                     __ATOMIC_RELAXED);
  }
  // `out` nodes were retired so far.
  static std::uint64_t in_flight(std::uint64_t out) {
    std::uint64_t home = __atomic_load_n(&home_.count, __ATOMIC_RELAXED);
    return out > home ? out - home : 0;
  }
  static void watch(std::uint64_t out) { most_ = std::max(most_, in_flight(out)); }
  static std::uint64_t at_most() { return most_; }
  static void count_from_here() { __atomic_store_n(&home_.count, 0, __ATOMIC_RELAXED); }

 private:
  struct alignas(128) line {
    std::uint64_t count;
  };
  static inline line home_ = {};
  static inline std::uint64_t most_ = 0;
};

inline node* swap_in(node** place, node* fresh) {
  return __atomic_exchange_n(place, fresh, __ATOMIC_ACQ_REL);
}
// For the only updater there is, as under an update lock.
inline node* assign(node** place, node* fresh) {
  node* old = *place;
  __atomic_store_n(place, fresh, __ATOMIC_RELEASE);
  return old;
}

// Threads that begin together, when all are there, and are asked to stop together.
class crew {
 public:
  template <class Work>
  crew(unsigned threads, Work work) {
    for (unsigned i = 0; i != threads; ++i)
      all_.emplace_back([this, i, work] {
        ready_.fetch_add(1);
        ready_.notify_all();
        open_.wait(false);
        work(i, stop_);
      });
    for (unsigned seen; (seen = ready_.load()) != threads;) ready_.wait(seen);
  }
  ~crew() { finish(); }
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  void start() {
    open_ = true;
    open_.notify_all();
  }
  void ask_to_stop() {
    stop_ = true;
    stop_.notify_all();
  }
  void finish() {
    start();
    ask_to_stop();
    for (std::thread& t : all_)
      if (t.joinable()) t.join();
  }

 private:
  std::atomic<unsigned> ready_{0};
  std::atomic<bool> open_{false};
  alignas(128) std::atomic<bool> stop_{false};
  std::vector<std::thread> all_;
};

inline void do_nothing(node*) {}

template <class S>
concept has_callbacks = requires(node* n) {
  S::template post<do_nothing>(n);
};

// Background threads start here, before any thread is tied to a core: they would inherit that.
template <class S>
void begin(const trial& t) {
  S::begin(t);
  typename S::member me;
  for (int i = 0; i != 1000; ++i) S::retire(S::get());
  S::settle();
  if constexpr (has_callbacks<S>) {
    S::template post<do_nothing>(S::get());
    S::barrier();
  }
  S::count_from_here();
}

inline void sleep_ms(unsigned ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// A reader that goes in, follows one pointer, and out.
template <class S>
void read_once(node* const& place) {
  S::enter();
  if (node* p = S::load(place)) touched(reinterpret_cast<void*>(p->word));
  S::leave();
}

// As many of them as fit until somebody says stop.
template <class S>
void read_until(const std::atomic<bool>& stop, node* const& place) {
  typename S::member me;
  while (!stop.load(std::memory_order_relaxed)) {
    for (int i = 0; i != 32; ++i) read_once<S>(place);
    S::pass();
  }
}

// Allocate, write, publish, retire what was there before.
template <class S, node* (*publish)(node**, node*) = swap_in>
void retire_once(node** place, std::uint64_t word) {
  node* fresh = S::get();
  fresh->word = word;
  if (node* old = publish(place, fresh)) S::retire(old);
}

}  // namespace graceslab::bench
