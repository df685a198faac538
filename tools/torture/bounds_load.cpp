// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a need for memory comes and goes. After each, nothing is needed but what light use takes.
#include <fmt/core.h>

#include <chrono>
#include <iterator>

#include "bounds_ground.hpp"

namespace graceslab::torture {
namespace {

constexpr unsigned idle_threads = 12;
constexpr unsigned steps = 24;

void nap(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

void spike(ground& g) {
  g.take(0, g.size());
  g.peak = std::max(g.peak, g.held());
  if (std::string why = g.untrue_statistics(g.from.bytes_of_first(g.size())); !why.empty())
    bounds_broken(why);
  g.shuffle();
  g.give(0, g.size());
}

void bursts(ground& g) {
  for (int i = 0; i != 6; ++i) {
    spike(g);
    nap(20);
  }
}

// Here the bound holds at every moment: nothing that was needed is needed no more.
void grow(ground& g) {
  std::size_t had = 0;
  for (unsigned i = 1; i <= steps; ++i) {
    const std::size_t end = g.size() * i / steps;
    g.take(had, end);
    had = end;
    const std::uint64_t held = g.held(), most = g.bound(g.from.bytes_of_first(end));
    if (held > most)
      bounds_broken(fmt::format("{} KiB are held after growth to {} KiB: {} are allowed",
                                held / kib, g.from.bytes_of_first(end) / kib, most / kib));
    g.peak = held;
    nap(5);
  }
  g.shuffle();
  for (unsigned i = 0; i != steps; ++i, nap(5)) g.give(had * i / steps, had * (i + 1) / steps);
}

void be_used_and_idle(ground& g, unsigned number) {
  const std::size_t n = g.size();
  g.take(n * number / idle_threads, n * (number + 1) / idle_threads);
  g.give(n * number / idle_threads, n * (number + 1) / idle_threads);
}

void pass(ground& g, unsigned number) {
  const std::size_t all = 4 * g.size(), room = g.size() / 8 + 1;
  for (std::size_t i = 0; i != all; ++i)
    if (number == 0) {
      while (i - g.consumed.load() >= room) std::this_thread::yield();
      g.on_the_way(i) = g.from.take(i);
      g.produced.store(i + 1);
    } else {
      while (g.produced.load() == i) std::this_thread::yield();
      g.from.give(g.on_the_way(i), i);
      g.consumed.store(i + 1);
    }
}

constexpr load loads[] = {
    {0, bursts, nullptr, false},
    {0, spike, nullptr, true},
    {idle_threads, nullptr, be_used_and_idle, true},
    {0, grow, nullptr, false},
    {2, nullptr, pass, true},
    {0, [](ground& g) { g.from.use_many_once(); }, nullptr, false},
};
static_assert(std::size(loads) == bounds_loads);

}  // namespace

const load& load_of(unsigned number) { return loads[number]; }

}  // namespace graceslab::torture
