// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The read side, and waiting for it.
#pragma once
#include <stdexcept>

#include "smr.hpp"

namespace graceslab::bench {

template <class S>
struct pairs {
  static inline node* first = nullptr;  // of a chain of eight

  static void make_chain() {
    for (int i = 0; i != 8; ++i) {
      node* n = S::get();
      n->word = static_cast<std::uint64_t>(i);
      n->next = first;
      first = n;
    }
  }
  static void empty(std::uint64_t n) {
    for (std::uint64_t i = 0; i != n; ++i) {
      S::enter();
      touched(nullptr);
      S::leave();
    }
  }
  static void load(std::uint64_t n) {
    for (std::uint64_t i = 0; i != n; ++i) read_once<S>(first);
  }
  static void nested(std::uint64_t n) {
    for (std::uint64_t i = 0; i != n; ++i) {
      S::enter();
      read_once<S>(first);
      S::leave();
    }
  }
  static void walk8(std::uint64_t n) {
    for (std::uint64_t i = 0; i != n; ++i) {
      std::uint64_t sum = 0;
      S::enter();
      for (node* p = S::load(first); p != nullptr; p = S::load(p->next)) sum += p->word;
      S::leave();
      touched(&sum);
    }
  }
  static auto by_name(const std::string& kind) {
    if (kind == "empty") return empty;
    if (kind == "load") return load;
    if (kind == "nested") return nested;
    if (kind == "walk8") return walk8;
    throw std::invalid_argument("kind: empty, load, nested or walk8");
  }
};

// The mean over the threads of each one's median.
template <class S>
void play_reader_pair(trial& t) {
  begin<S>(t);
  auto turns = pairs<S>::by_name(t.text("kind", "load"));
  auto threads = static_cast<unsigned>(t.number("threads", 1));
  pairs<S>::make_chain();
  std::vector<double> each(threads);
  crew readers(threads, [&](unsigned i, auto&) {
    t.pin(i);
    typename S::member me;
    each[i] = per_turn_ns(t, 1000, [&](std::uint64_t n) {
      turns(n);
      S::pass();
    });
  });
  readers.finish();
  double sum = 0;
  for (double ns : each) sum += ns;
  t.figure("ns", sum / threads);
}

// Threads that have read before and sleep outside of sections.
template <class S>
class sleeping {
 public:
  explicit sleeping(unsigned threads)
      : crew_(threads, [this](unsigned, const std::atomic<bool>& stop) {
          typename S::member me;
          read_once<S>(pairs<S>::first);
          typename S::outside asleep;
          there_.fetch_add(1);
          there_.notify_all();
          stop.wait(false);
        }) {
    crew_.start();
    for (unsigned seen; (seen = there_.load()) != threads;) there_.wait(seen);
  }

 private:
  std::atomic<unsigned> there_{0};
  crew crew_;
};

// One waiter after the other, while `sleepers` threads that have read before sleep outside, and
// `running` ones go in and out.
template <class S>
void play_synchronize(trial& t) {
  begin<S>(t);
  pairs<S>::make_chain();
  auto run = [&](unsigned i, const std::atomic<bool>& stop) {
    t.pin(i + 1);
    read_until<S>(stop, pairs<S>::first);
  };
  sleeping<S> asleep(static_cast<unsigned>(t.number("sleepers")));
  crew running(static_cast<unsigned>(t.number("running")), run);
  running.start();
  t.pin(0);
  {
    typename S::member me;
    double ns = per_turn_ns(t, 1, [](std::uint64_t) { S::synchronize(); });
    t.figure("us", ns / 1e3);
  }
}

}  // namespace graceslab::bench
