// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waits for readers where there are more threads than cores, or several that wait. No thread is
// tied to a core.
#pragma once
#include "smr_readers.hpp"

namespace graceslab::bench {

// So many turns of a chain of multiplications take about a microsecond.
inline void work_for(unsigned turns) {
  std::uint64_t word = 1;
  for (unsigned i = 0; i != turns; ++i) {
    word *= 6364136223846793005u;
    asm volatile("" : "+r"(word));
  }
}
inline unsigned turns_of(std::uint64_t ns) {
  constexpr unsigned tried = 10'000;
  double best = 1e9;
  for (int i = 0; i != 20; ++i) {
    double begin = now_ns();
    work_for(tried);
    best = std::min(best, now_ns() - begin);
  }
  return static_cast<unsigned>(static_cast<double>(ns) * tried / best);
}

template <class S>
void read_at_length(const std::atomic<bool>& stop, node* const& place, unsigned turns) {
  typename S::member me;
  while (!stop.load(std::memory_order_relaxed)) {
    S::enter();
    touched(S::load(place));
    work_for(turns);
    S::leave();
    S::pass();
  }
}

// `updaters` wait one time after the other; `readers` go in and out, with sections of `section` ns,
// and `sleepers` have read before. Gives what one wait takes, on the mean.
template <class S>
void play_updates(trial& t) {
  begin<S>(t);
  pairs<S>::make_chain();
  const unsigned turns = turns_of(t.number("section"));
  const auto updaters = static_cast<unsigned>(t.number("updaters", 1));
  sleeping<S> asleep(static_cast<unsigned>(t.number("sleepers")));
  crew readers(static_cast<unsigned>(t.number("readers")),
               [&](unsigned, const std::atomic<bool>& stop) {
                 read_at_length<S>(stop, pairs<S>::first, turns);
               });
  std::vector<std::uint64_t> waits(updaters);
  crew waiters(updaters, [&](unsigned i, const std::atomic<bool>& stop) {
    typename S::member me;
    while (!stop.load(std::memory_order_relaxed)) {
      S::synchronize();
      ++waits[i];
    }
  });
  readers.start();
  const double begin = now_ns();
  waiters.start();
  std::this_thread::sleep_for(std::chrono::duration<double>(t.seconds()));
  waiters.finish();
  const double us = (now_ns() - begin) / 1e3;
  std::uint64_t all = 0;
  for (std::uint64_t n : waits) all += n;
  t.figure("us", us * updaters / static_cast<double>(std::max<std::uint64_t>(all, 1)));
}

}  // namespace graceslab::bench
