// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What allocators are asked to do. An allocator is a template over the object size, with
//   static void begin();            before the first, in each process
//   static void* get();             an object, not initialised
//   static void put(void*);         by any thread
#pragma once
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "memory.hpp"
#include "timing.hpp"

namespace graceslab::bench {

template <class A>
void* get_written(std::uint64_t word) {
  void* p = A::get();
  *static_cast<std::uint64_t*>(p) = word;
  return p;
}

template <class A>
void play_pair(trial& t) {
  A::begin();
  t.pin(0);
  t.figure("ns", per_turn_ns(t, 2000, [](std::uint64_t n) {
             for (std::uint64_t i = 0; i != n; ++i) {
               void* p = get_written<A>(i);
               touched(p);
               A::put(p);
             }
           }));
}

inline std::vector<unsigned> order_of(const std::string& name, unsigned n) {
  std::vector<unsigned> order(n);
  std::iota(order.begin(), order.end(), 0u);
  if (name == "lifo") std::reverse(order.begin(), order.end());
  quick_random random;
  if (name == "random")
    for (unsigned i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

template <class A>
void play_batch(trial& t) {
  constexpr unsigned many = 1000;
  A::begin();
  t.pin(0);
  std::vector<unsigned> order = order_of(t.text("order"), many);
  std::vector<void*> held(many);
  t.figure("ns", per_turn_ns(t, many, [&](std::uint64_t) {
             for (unsigned i = 0; i != many; ++i) held[i] = get_written<A>(i);
             for (unsigned i : order) A::put(held[i]);
           }));
}

template <class A>
void play_replace(trial& t) {
  constexpr unsigned live = 1'000'000;
  A::begin();
  t.pin(0);
  std::vector<void*> held(live);
  for (unsigned i = 0; i != live; ++i) held[i] = get_written<A>(i);
  quick_random random;
  t.figure("ns", per_turn_ns(t, 500, [&](std::uint64_t n) {
             for (std::uint64_t i = 0; i != n; ++i) {
               void*& place = held[random.below(live)];
               A::put(place);
               place = get_written<A>(i);
             }
           }));
}

// One thread allocates and writes, another reads and frees; between them a ring that either side
// looks at only now and then, so that its own cost is small.
class handoff_ring {
 public:
  void push(void* p) {
    while (next_write_ - seen_read_ == size) {
      seen_read_ = __atomic_load_n(&read_, __ATOMIC_ACQUIRE);
      if (next_write_ - seen_read_ == size) sched_yield();
    }
    slot_[next_write_++ % size] = p;
    if (next_write_ % step == 0 || p == nullptr)
      __atomic_store_n(&written_, next_write_, __ATOMIC_RELEASE);
  }
  void* pop() {
    while (next_read_ == seen_written_) {
      seen_written_ = __atomic_load_n(&written_, __ATOMIC_ACQUIRE);
      if (next_read_ == seen_written_) sched_yield();
    }
    void* p = slot_[next_read_++ % size];
    if (next_read_ % step == 0) __atomic_store_n(&read_, next_read_, __ATOMIC_RELEASE);
    return p;
  }

 private:
  static constexpr std::uint64_t size = 4096, step = 64;
  alignas(128) std::uint64_t written_ = 0;
  alignas(128) std::uint64_t read_ = 0;
  alignas(128) std::uint64_t next_write_ = 0;
  std::uint64_t seen_read_ = 0;  // the writer's
  alignas(128) std::uint64_t next_read_ = 0;
  std::uint64_t seen_written_ = 0;  // the reader's
  alignas(128) std::array<void*, size> slot_{};
};

template <class A>
void play_handoff(trial& t) {
  A::begin();
  auto ring = std::make_unique<handoff_ring>();
  std::thread consumer([&] {
    t.pin(1);
    std::uint64_t sum = 0;
    while (void* p = ring->pop()) {
      sum += *static_cast<std::uint64_t*>(p);
      A::put(p);
    }
    touched(&sum);
  });
  t.pin(0);
  t.figure("ns", per_turn_ns(t, 2000, [&](std::uint64_t n) {
             for (std::uint64_t i = 0; i != n; ++i) ring->push(get_written<A>(i));
           }));
  ring->push(nullptr);
  consumer.join();
}

// Resident bytes per live object, and the share of them that stays two seconds after the last is
// freed.
template <class A>
void play_memory(trial& t) {
  auto live = static_cast<std::size_t>(t.number("live", 10'000'000));
  A::begin();
  A::put(A::get());
  std::vector<void*> held(live);
  std::fill(held.begin(), held.end(), &held);  // resident before the count begins
  double before = resident_bytes();
  for (void*& p : held) p = get_written<A>(1);
  double full = resident_bytes() - before;
  t.figure("bytes_per_object", full / static_cast<double>(live));
  for (void* p : held) A::put(p);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  t.figure("left_percent", 100 * (resident_bytes() - before) / full);
}

// Buffers: a few are held, and one after the other is replaced.
template <class A>
void play_middle(trial& t) {
  constexpr unsigned live = 8;
  A::begin();
  t.pin(0);
  std::array<void*, live> held;
  for (void*& p : held) p = get_written<A>(1);
  quick_random random;
  t.figure("ns", per_turn_ns(t, 200, [&](std::uint64_t n) {
             for (std::uint64_t i = 0; i != n; ++i) {
               void*& place = held[random.below(live)];
               A::put(place);
               place = get_written<A>(i);
             }
           }));
}

template <template <std::size_t> class A>
void offer_middle(peer& p) {
  p.workloads["alloc_middle"] = [](trial& t) {
    switch (t.number("size", 65536)) {
      case 16384:
        return play_middle<A<16384>>(t);
      case 65536:
        return play_middle<A<65536>>(t);
      case 262144:
        return play_middle<A<262144>>(t);
      case 1048576:
        return play_middle<A<1048576>>(t);
      default:
        throw std::invalid_argument("size: 16384, 65536, 262144 or 1048576");
    }
  };
}

// A buffer that grows byte by byte.
template <class Grow, class End>
void play_grow(trial& t, Grow grow, End end) {
  constexpr std::size_t from = 9000, to = 19'000;
  t.pin(0);
  t.figure("ns", per_turn_ns(t, 1, [&](std::uint64_t n) {
                   for (std::uint64_t i = 0; i != n; ++i) {
                     void* p = nullptr;
                     for (std::size_t bytes = from; bytes != to; ++bytes) {
                       p = grow(p, bytes);
                       touched(p);
                     }
                     end(p);
                   }
                 }) / static_cast<double>(to - from));
}

// Calls `play` with the allocator for the trial's size.
template <template <std::size_t> class A, class Play>
void by_size(const trial& t, Play play) {
  switch (t.number("size", 64)) {
    case 32:
      return play(A<32>());
    case 64:
      return play(A<64>());
    case 128:
      return play(A<128>());
    case 256:
      return play(A<256>());
    case 1024:
      return play(A<1024>());
    case 4096:
      return play(A<4096>());
    default:
      throw std::invalid_argument("size: 32, 64, 128, 256, 1024 or 4096");
  }
}

template <template <std::size_t> class A>
void offer_allocation(peer& p) {
  p.workloads["alloc_pair"] = [](trial& t) {
    by_size<A>(t, [&](auto a) { play_pair<decltype(a)>(t); });
  };
  p.workloads["alloc_batch"] = [](trial& t) {
    by_size<A>(t, [&](auto a) { play_batch<decltype(a)>(t); });
  };
  p.workloads["alloc_replace"] = [](trial& t) {
    by_size<A>(t, [&](auto a) { play_replace<decltype(a)>(t); });
  };
  p.workloads["alloc_handoff"] = [](trial& t) {
    by_size<A>(t, [&](auto a) { play_handoff<decltype(a)>(t); });
  };
  p.workloads["memory"] = [](trial& t) {
    by_size<A>(t, [&](auto a) { play_memory<decltype(a)>(t); });
  };
}

}  // namespace graceslab::bench
