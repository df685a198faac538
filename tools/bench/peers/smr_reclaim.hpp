// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Retiring, callbacks, and the barriers that wait for them. Every figure holds the time of the last
// barrier, so that nobody puts work off until the clock has stopped.
#pragma once
#include <time.h>

#include <barrier>

#include "smr.hpp"

namespace graceslab::bench {

template <class S, node* (*publish)(node**, node*) = swap_in>
class retirer {
 public:
  explicit retirer(std::uint64_t bound) : bound_(S::own_limit ? 0 : bound) {}

  void cycles(std::uint64_t n) {
    for (std::uint64_t i = 0; i != n; ++i) {
      retire_once<S, publish>(&place, i);
      if (++out_ % 256 == 0) S::watch(out_);
      if (bound_ != 0 && out_ == settled_ + bound_) settle();
    }
    S::pass();
  }
  // Plays for so long, settles, and gives the number of cycles.
  std::uint64_t play(double ns) {
    std::uint64_t before = out_;
    for (double until = now_ns() + ns; now_ns() < until;) cycles(512);
    settle();
    return out_ - before;
  }
  std::uint64_t out() const { return out_; }

  static inline node* place = nullptr;

 private:
  void settle() {
    S::settle();
    settled_ = out_;
  }
  std::uint64_t bound_, out_ = 0, settled_ = 0;
};

// Of this thread, or of all, those in the background too.
inline double cpu_ns(clockid_t whose) {
  timespec t = {};
  (void)clock_gettime(whose, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

template <class S, node* (*publish)(node**, node*)>
void play_retire_cycle_by(trial& t) {
  using updater = retirer<S, publish>;
  begin<S>(t);
  auto reading = static_cast<unsigned>(t.number("reader"));
  crew readers(reading, [&](unsigned i, auto& stop) {
    t.pin(i + 1);
    read_until<S>(stop, updater::place);
  });
  readers.start();
  t.pin(0);
  typename S::member me;
  updater r(t.number("bound"));
  double budget = t.seconds() * 1e9;
  r.play(budget / 5);
  double begin = now_ns(), mine = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  double all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
  auto played = static_cast<double>(r.play(budget));
  t.figure("ns", (now_ns() - begin) / played);
  t.figure("updater_cpu_ns", (cpu_ns(CLOCK_THREAD_CPUTIME_ID) - mine) / played);
  if (reading == 0) t.figure("cpu_ns", (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - all) / played);
  t.figure("in_flight", static_cast<double>(S::at_most()));
}

// `publish`: by an atomic exchange, or by a store as one that excludes other updaters may.
template <class S>
void play_retire_cycle(trial& t) {
  if (t.text("publish") == "assign") return play_retire_cycle_by<S, assign>(t);
  play_retire_cycle_by<S, swap_in>(t);
}

template <class S>
std::vector<node*> some_nodes(std::size_t n) {
  std::vector<node*> all(n);
  for (node*& p : all) {
    p = S::get();
    p->word = 0;
  }
  return all;
}

// A hundred thousand are posted, then waited for, again and again.
template <class S>
void play_callbacks(trial& t) {
  begin<S>(t);
  t.pin(0);
  typename S::member me;
  std::vector<node*> all = some_nodes<S>(100'000);
  std::vector<double> queue, whole;
  auto many = static_cast<double>(all.size());
  for (double until = now_ns() + t.seconds() * 1e9; whole.size() < 4 || now_ns() < until;) {
    double begin = now_ns();
    for (node* n : all) S::template post<do_nothing>(n);
    double posted = now_ns();
    S::barrier();
    queue.push_back((posted - begin) / many);
    whole.push_back((now_ns() - begin) / many);
  }
  t.figure("ns", median_of(whole));
  t.figure("queue_ns", median_of(queue));
}

// From the last post until the last of the callers is back.
template <class S>
void play_barrier(trial& t) {
  begin<S>(t);
  auto callers = static_cast<std::ptrdiff_t>(t.number("callers", 1));
  std::barrier<> together(callers);
  crew others(static_cast<unsigned>(callers - 1), [&](unsigned, const std::atomic<bool>& stop) {
    typename S::member me;
    auto meet = [&] {
      typename S::outside asleep;
      together.arrive_and_wait();
    };
    for (;;) {
      meet();
      if (stop) return;
      S::barrier();
      meet();
    }
  });
  others.start();
  typename S::member me;
  auto meet = [&] {
    typename S::outside asleep;
    together.arrive_and_wait();
  };
  std::vector<node*> all = some_nodes<S>(t.number("pending"));
  std::vector<double> each;
  for (double until = now_ns() + t.seconds() * 1e9; each.size() < 3 || now_ns() < until;) {
    S::barrier();
    {
      typename S::outside asleep;
      sleep_ms(1);  // whoever works in the background goes to sleep
    }
    for (node* n : all) S::template post<do_nothing>(n);
    double begin = now_ns();
    meet();
    S::barrier();
    meet();
    each.push_back((now_ns() - begin) / 1e3);
  }
  others.ask_to_stop();
  meet();
  t.figure("us", median_of(each));
}

}  // namespace graceslab::bench
