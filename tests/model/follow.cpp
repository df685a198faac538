// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A chain of destructors that retire into their own cache, while a barrier follows it and a drain
// asks whether all is quiet (docs/ordering/teardown.md, claim 11). Steps are those under one lock;
// all orders of steps are tried.
//
// - Safety: when the barrier is over, the chain is, unless it has no end; when the drain says
//   quiet, nothing of it is left.
// - Liveness: under every weakly fair schedule the barrier is over at some time, though the chain
//   may have no end, and though others go on retiring chains of their own.
//
// WEAK follow.run follow.seize follow.root follow.limit follow.again
#include <cstdio>

#include "fair.hpp"

namespace {

enum class how { as_written, run, seize, root, limit, again } form;

// `drain` stands for a thread that has nothing to do but to look.
enum thread { worker, barrier, seizer, readers, others, drain, threads };
enum place : std::uint8_t { nowhere, marked, in_array, in_hand, heirs, deferred, ripe };
enum step : std::uint8_t { looks, waits, runs, ending, over };

constexpr std::uint8_t endless = 9, nobody = 9, said_quiet = 5;
constexpr std::uint8_t rounds_most = 4;  // more than any chain here has links

struct state {
  std::uint8_t at = ripe;        // the next of the chain, when it has been retired
  std::uint8_t links = 0;        // that are to be retired
  std::uint8_t runner = nobody;  // who runs the destructor of the one before
  std::uint8_t phase = 0;        // of the run: 0 begun, 1 has retired, 2 has handed over
  std::uint8_t late = nobody;    // who has ended a run and hands over now
  std::uint8_t lost = 0;         // its root is not known any more
  std::uint8_t theirs = 0;       // heirs of others are on the list
  std::uint8_t ended = 0;        // runs, while the drain looks
  std::uint8_t pc = looks, rounds = 0, gave_up = 0;
  std::uint8_t happened = 0;  // what the barrier waits for: a grace period, the end of a run
  std::uint8_t quiet_pc = 0;  // of the drain
};
model::fair_search<state, threads> search;
state start;
std::uint8_t marks;  // whether destructors find no array

void go(int from, int thread, const state& s) { search.go(from, thread, s); }

// One step of whoever runs the destructor.
void step_run(int from, int t, state s) {
  if (s.phase == 0) {
    s.phase = s.links != 0 ? 1 : 2;
    if (s.links != 0) s.at = marks ? marked : in_array;
    if (s.links != 0 && s.links != endless) --s.links;
  } else if (s.phase == 1 && form != how::run) {
    if (s.at == in_array) s.at = heirs;
    s.phase = 2;
  } else {
    if (s.phase == 1) s.late = static_cast<std::uint8_t>(t);
    s.runner = nobody;
    s.ended = 1;
    if (s.pc == ending) s.happened = 1;
    if (t == barrier) s.pc = looks;  // it runs what was there, not what comes
  }
  go(from, t, s);
}

bool begin_run(int from, int t, state s) {
  if (s.runner != nobody || s.late != nobody || (s.at != ripe && s.at != marked)) return false;
  s.runner = static_cast<std::uint8_t>(t);
  s.phase = 0;
  s.at = nowhere;
  return go(from, t, s), true;
}

void step_worker(int from, state s) {
  if (s.runner == worker) return step_run(from, worker, s);
  if (s.late == worker) {
    if (s.at == in_array) s.at = heirs;
    s.late = nobody;
    return go(from, worker, s);
  }
  begin_run(from, worker, s);
}

bool sees_chain(const state& s) {
  const bool listed = s.at == heirs || s.at == ripe || s.at == marked || s.runner != nobody;
  return (listed && !s.lost) || (form == how::root && s.theirs);
}

void step_barrier(int from, state s) {
  if (s.runner == barrier) return step_run(from, barrier, s);
  if (s.late == barrier) {
    if (s.at == in_array) s.at = heirs;
    s.late = nobody;
    return go(from, barrier, s);
  }
  if (s.pc == looks) {
    const bool any = sees_chain(s);
    s.gave_up = any && s.rounds == rounds_most && form != how::limit;
    s.pc = any && !s.gave_up ? waits : over;
    if (s.rounds != rounds_most) ++s.rounds;
    return go(from, barrier, s);
  }
  if (s.pc == waits) {  // for the grace period of what it saw
    const bool done = s.happened || s.at != heirs || s.lost;
    if (!done || (form == how::root && s.theirs)) return;
    s.pc = runs;
  } else if (s.pc == runs) {
    if (begin_run(from, barrier, s)) return;
    s.pc = s.runner != nobody ? ending : looks;
  } else if (s.pc == ending) {
    if (!s.happened) return;
    s.pc = looks;
  }
  s.happened = 0;
  go(from, barrier, s);
}

// The background thread takes what arrays hold, for whom it does not know.
void step_seizer(int from, state s) {
  if (s.at == in_array && form == how::seize)
    s.at = in_hand;
  else if (s.at == in_hand)
    s.at = deferred, s.lost = 1;
  else
    return;
  go(from, seizer, s);
}

void step_readers(int from, state s) {  // they leave: a grace period is over
  if (s.at != heirs && s.at != deferred) return;
  s.at = ripe;
  if (s.pc == waits) s.happened = 1;
  go(from, readers, s);
}

void step_others(int from, state s) {  // theirs come, go, and come again
  s.theirs ^= 1;
  go(from, others, s);
}

// The run and the count of ended ones, marks, lists, the run and the count again.
void step_drain(int from, state s) {
  const bool lists = s.at == heirs || s.at == deferred || s.at == ripe || s.runner != nobody;
  bool busy = false;
  if (s.quiet_pc == 0)
    s.ended = 0, busy = lists;
  else if (s.quiet_pc == 1)
    busy = s.at == in_array || s.at == in_hand;
  else if (s.quiet_pc == 2)
    busy = s.at == marked;
  else if (s.quiet_pc == 3)
    busy = s.at == deferred;
  else
    busy = lists || (s.ended && form != how::again);
  s.quiet_pc = busy ? 0 : static_cast<std::uint8_t>(s.quiet_pc + 1);
  go(from, drain, s);
}

bool is_over(const state& s) { return s.pc == over; }

bool anything_left(const state& s) {
  return s.at != nowhere || s.runner != nobody || s.late != nobody;
}

void step_all(int from, const state& s) {
  step_worker(from, s);
  step_barrier(from, s);
  step_seizer(from, s);
  step_readers(from, s);
  step_others(from, s);
}

bool barrier_is_safe() {
  for (const state& s : search.states())
    if (is_over(s) && (s.gave_up ? start.links != endless : anything_left(s))) return false;
  return true;
}

bool drain_is_safe() {
  auto step = [](int from, const state& s) {
    step_all(from, s);
    step_drain(from, s);
  };
  search.explore(start, step, [](const state& s) { return s.quiet_pc == said_quiet; });
  for (const state& s : search.states())
    if (s.quiet_pc == said_quiet && anything_left(s)) return false;
  return true;
}

bool holds_of(std::uint8_t links, bool with_marks) {
  start.links = links;
  marks = with_marks;
  search.explore(start, step_all, is_over);
  const bool safe = barrier_is_safe(), live = search.live(is_over);
  const std::size_t states = search.states().size();
  const bool quiet = drain_is_safe();
  std::printf("%d links%s: %zu + %zu states%s%s%s\n", links, with_marks ? ", marked" : "", states,
              search.states().size(), safe ? "" : ", BARRIER TOO EARLY",
              live ? "" : ", MAY NEVER END", quiet ? "" : ", NOT QUIET");
  return safe && live && quiet;
}

bool holds(int wanted) {
  form = static_cast<how>(wanted);
  for (const std::uint8_t links : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{3}, endless})
    for (const bool with_marks : {false, true})
      if (!holds_of(links, with_marks)) return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* names[] = {"follow.run", "follow.seize", "follow.root", "follow.limit",
                                   "follow.again"};
  return model::run_forms(argc, argv, names, holds);
}
