// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// When something is wrong or there is too much of it: a reader that stays inside, a flood of
// retires, many more threads than cores.
#pragma once
#include <stdexcept>

#include "allocation.hpp"  // resident_bytes()
#include "smr_reclaim.hpp"

namespace graceslab::bench {

// Retires as fast as it can. A scheme without a limit stops at 30 million, so as to leave the
// machine alive.
template <class S>
void flood(const std::atomic<bool>& stop, std::atomic<std::uint64_t>* retired) {
  constexpr std::uint64_t too_many = 30'000'000;
  typename S::member me;
  for (std::uint64_t out = 0; out != too_many && !stop.load(std::memory_order_relaxed); ++out) {
    retire_once<S>(&retirer<S>::place, out);
    retired->store(out + 1, std::memory_order_relaxed);
    if (out % 64 == 0) S::pass();
  }
  typename S::outside idle;
  stop.wait(false);
}

// One reader stays inside for a second, the time that is measured. Meanwhile one thread retires as
// fast as it may and another reads. `bound` is in nodes.
template <class S>
void play_stalled(trial& t) {
  begin<S>(t);
  double seconds = t.seconds();
  std::atomic<std::uint64_t> retired{0};
  double pair_ns[2];
  auto measure_pair = [&](double share) {
    trial part({{"seconds", std::to_string(seconds * share)}});
    return per_turn_ns(part, 1000, [](std::uint64_t n) {
      for (std::uint64_t i = 0; i != n; ++i) read_once<S>(retirer<S>::place);
      S::pass();
    });
  };
  std::atomic<bool> leave{false};
  double resident = 0;
  std::uint64_t in_flight = 0;
  retirer<S>::place = S::get();
  std::thread innocent([&] {
    t.pin(1);
    typename S::member me;
    pair_ns[0] = measure_pair(0.2);
    std::atomic<bool> inside{false};
    std::thread stalled([&] {
      typename S::member me_too;
      S::enter();
      inside = true;
      inside.notify_all();
      leave.wait(false);
      S::leave();
    });
    inside.wait(false);
    double before = resident_bytes();
    crew updater(1, [&](unsigned, const std::atomic<bool>& stop) {
      t.pin(0);
      flood<S>(stop, &retired);
    });
    updater.start();
    pair_ns[1] = measure_pair(0.8);
    in_flight = S::in_flight(retired);
    resident = resident_bytes() - before;
    leave = true;
    leave.notify_all();
    typename S::outside joining;
    stalled.join();
    updater.finish();
  });
  innocent.join();
  auto bytes = static_cast<double>(in_flight * sizeof(node));
  auto bound = static_cast<double>(t.number("bound") * sizeof(node));
  t.figure("resident_mib", resident / (1 << 20));
  t.figure("in_flight", static_cast<double>(in_flight));
  t.figure("above_bound_kib", bound > 0 ? std::max(0.0, bytes - bound) / 1024 : 0);
  t.figure("pair_ns", pair_ns[1]);
  t.figure("slowdown", pair_ns[1] / pair_ns[0]);
}

// What one operation takes while another thread retires as fast as it can. The clock's own time is
// in every sample, and a figure.
template <class Before, class Operation>
std::vector<double> latencies(double budget_ns, Before before, Operation operation) {
  std::vector<double> all;
  all.reserve(1 << 20);
  for (double until = now_ns() + budget_ns; all.size() < all.capacity();) {
    before(all.size());
    double begin = now_ns();
    operation();
    double end = now_ns();
    all.push_back(end - begin);
    if (end > until) break;
  }
  return all;
}

template <class S>
std::vector<double> latencies_of(const std::string& operation, double ns) {
  static node* fresh = nullptr;
  auto get = [] { fresh = S::get(); };
  auto retire = [] { S::retire(fresh); };
  auto pass = [](std::uint64_t i) {
    if (i % 64 == 0) S::pass();
  };
  if (operation == "clock") return latencies(ns, pass, [] {});
  if (operation == "pair") return latencies(ns, pass, [] { read_once<S>(retirer<S>::place); });
  if (operation == "synchronize") return latencies(ns, pass, [] { S::synchronize(); });
  if (operation == "alloc")
    return latencies(
        ns,
        [&](std::uint64_t i) {
          if (i != 0) retire();
          pass(i);
        },
        get);
  if (operation == "retire")
    return latencies(
        ns,
        [&](std::uint64_t i) {
          get();
          pass(i);
        },
        retire);
  throw std::invalid_argument("operation: clock, pair, alloc, retire or synchronize");
}

template <class S>
void play_tail(trial& t) {
  begin<S>(t);
  std::atomic<std::uint64_t> retired{0};
  retirer<S>::place = S::get();
  crew updater(1, [&](unsigned, const std::atomic<bool>& stop) {
    t.pin(0);
    flood<S>(stop, &retired);
  });
  updater.start();
  t.pin(1);
  typename S::member me;
  double ns = t.seconds() * 1e9;
  (void)latencies_of<S>(t.text("operation"), ns / 5);
  std::vector<double> all = latencies_of<S>(t.text("operation"), ns);
  t.figure("p50_ns", quantile_of(all, 0.5));
  t.figure("p99_ns", quantile_of(all, 0.99));
  t.figure("p999_ns", quantile_of(all, 0.999));
  t.figure("max_ns", quantile_of(all, 1));
  t.figure("operations", static_cast<double>(all.size()));
  typename S::outside joining;
  updater.finish();
}

// Threads on the cores there are: each reads one of 64 places, and replaces one every hundredth
// time. Wall time per section, all threads together, until all has been reclaimed.
template <class S>
void play_threads(trial& t) {
  begin<S>(t);
  static node* places[64];
  for (node*& p : places) {
    p = S::get();
    p->word = 0;
  }
  auto threads = static_cast<unsigned>(t.number("threads", 2));
  std::atomic<std::uint64_t> played{0};
  crew all(threads, [&](unsigned i, const std::atomic<bool>& stop) {
    t.pin(i);
    typename S::member me;
    quick_random random;
    for (unsigned skip = i % 64; skip != 0; --skip) (void)random.below(64);
    std::uint64_t turns = 0;
    while (!stop.load(std::memory_order_relaxed)) {
      for (int j = 0; j != 99; ++j) read_once<S>(places[random.below(64)]);
      S::pass();
      retire_once<S>(&places[random.below(64)], turns);
      turns += 100;
    }
    played.fetch_add(turns);
  });
  double begin = now_ns();
  all.start();
  std::this_thread::sleep_for(std::chrono::duration<double>(t.seconds()));
  all.finish();
  {
    typename S::member me;
    S::settle();
  }
  t.figure("ns", (now_ns() - begin) / static_cast<double>(played));
}

}  // namespace graceslab::bench
