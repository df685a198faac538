// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The structures that papers on memory reclamation measure with: a hash map whose readers take no
// lock, and Michael and Scott's queue.
#pragma once
#include <array>
#include <mutex>

#include "smr.hpp"

namespace graceslab::bench {

// A lock per bucket for those who change it; the key is the node's word.
template <class S>
class hash_map {
 public:
  bool contains(std::uint64_t key) {
    bucket& b = of(key);
    S::enter();
    node* n = S::load(b.first);
    while (n != nullptr && n->word != key) n = S::load(n->next);
    S::leave();
    return n != nullptr;
  }
  void insert(std::uint64_t key) {
    bucket& b = of(key);
    node* fresh = S::get();
    fresh->word = key;
    std::unique_lock hold(b.lock);
    node** place = find(b, key);
    if (*place == nullptr) {
      fresh->next = b.first;
      __atomic_store_n(&b.first, fresh, __ATOMIC_RELEASE);
      return;
    }
    fresh->next = (*place)->next;  // what is there already is replaced
    node* old = swap_in(place, fresh);
    hold.unlock();
    S::retire(old);
  }
  void remove(std::uint64_t key) {
    bucket& b = of(key);
    std::unique_lock hold(b.lock);
    node** place = find(b, key);
    node* old = *place;
    if (old == nullptr) return;
    __atomic_store_n(place, old->next, __ATOMIC_RELEASE);
    hold.unlock();
    S::retire(old);
  }

 private:
  struct bucket {
    std::mutex lock;
    node* first = nullptr;
  };
  bucket& of(std::uint64_t key) { return buckets_[key % buckets_.size()]; }
  // The pointer to the key's node, or the null one at the end.
  static node** find(bucket& b, std::uint64_t key) {
    node** place = &b.first;
    while (*place != nullptr && (*place)->word != key) place = &(*place)->next;
    return place;
  }
  std::array<bucket, 1024> buckets_;
};

template <class S>
class queue {
 public:
  queue() {
    head_.at = tail_.at = S::get();
    head_.at->next = nullptr;
  }
  void push(std::uint64_t word) {
    node* fresh = S::get();
    fresh->word = word;
    fresh->next = nullptr;
    S::enter();
    for (;;) {
      node* last = S::load(tail_.at);
      node* next = S::load(last->next);
      if (next == nullptr && swing(&last->next, nullptr, fresh)) {
        swing(&tail_.at, last, fresh);
        break;
      }
      if (next != nullptr) swing(&tail_.at, last, next);
    }
    S::leave();
  }
  bool pop(std::uint64_t* word) {
    S::enter();
    node* first = nullptr;
    for (;;) {
      first = S::load(head_.at);
      node* last = S::load(tail_.at);
      node* next = S::load(first->next);
      if (next == nullptr) {
        S::leave();
        return false;
      }
      if (first == last) {
        swing(&tail_.at, last, next);
        continue;
      }
      *word = next->word;
      if (swing(&head_.at, first, next)) break;
    }
    S::leave();
    S::retire(first);
    return true;
  }

 private:
  static bool swing(node** place, node* from, node* to) {
    return __atomic_compare_exchange_n(place, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  }
  struct alignas(128) end {
    node* at = nullptr;
  };
  end head_, tail_;
};

// The caller is a member. Threads play turns, begun together; wall time per turn of a thread, until
// all is reclaimed.
template <class S, class Turn>
void play_together(trial& t, Turn turn) {
  auto threads = static_cast<unsigned>(t.number("threads", 2));
  std::atomic<std::uint64_t> played{0};
  crew all(threads, [&](unsigned i, const std::atomic<bool>& stop) {
    t.pin(i);
    typename S::member me;
    quick_random random;
    for (unsigned skip = i * 1000; skip != 0; --skip) (void)random.below(2);
    std::uint64_t turns = 0;
    for (; !stop.load(std::memory_order_relaxed); turns += 64) {
      for (int j = 0; j != 64; ++j) turn(random);
      S::pass();
    }
    S::settle();
    played.fetch_add(turns);
  });
  typename S::outside waiting;
  double begin = now_ns();
  all.start();
  std::this_thread::sleep_for(std::chrono::duration<double>(t.seconds()));
  all.finish();
  t.figure("ns", (now_ns() - begin) * threads / static_cast<double>(played));
}

// Nine of ten turns look a key up, the others put one in or take one out; half of the keys are
// there.
template <class S, class Map = hash_map<S>>
void play_map(trial& t) {
  constexpr std::uint32_t keys = 4096;
  begin<S>(t);
  typename S::member me;
  auto map = std::make_unique<Map>();
  for (std::uint64_t key = 0; key != keys; key += 2) map->insert(key);
  play_together<S>(t, [&map = *map](quick_random& random) {
    std::uint32_t key = random.below(keys), what = random.below(20);
    if (what == 0)
      map.insert(key);
    else if (what == 1)
      map.remove(key);
    else
      touched(reinterpret_cast<void*>(map.contains(key)));
  });
}

// A push and a pop each turn.
template <class S, class Queue = queue<S>>
void play_queue(trial& t) {
  begin<S>(t);
  typename S::member me;
  auto all = std::make_unique<Queue>();
  play_together<S>(t, [&queue = *all](quick_random&) {
    queue.push(1);
    std::uint64_t word = 0;
    (void)queue.pop(&word);
    touched(&word);
  });
}

}  // namespace graceslab::bench
