// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// exit() with a deadline: the end of a static cache, then the drain (docs/ordering/exit.md, claims
// 3 to 6 and 8). Beside it a thread that has the lock and drops it, or never does, or that is the
// exiting thread itself, interrupted; a section; and a worker with a callback. All orders of steps
// are tried.
//
// - Safety: at the end nothing is left that was not reported; nothing is left before the deadline
//   but where exit is cut short; and all waits together ended at one deadline.
// - Liveness: under every weakly fair schedule exit ends; with the policy strict, where everything
//   that it waits for ends.
//
// WEAK exit.midway exit.twice exit.lock exit.wait exit.help exit.report
#include <cstdio>

#include "fair.hpp"

namespace {

enum thread { exiting, holder, reader, worker, clock_hand, threads };
enum class how { as_written, midway, twice, lock, wait, help, report } form;

enum lock_state : std::uint8_t { free_lock, held, held_for_ever, own };
enum section_state : std::uint8_t { outside, inside, inside_for_ever };
enum callback_kind : std::uint8_t { ends, blocks, rearms };
enum callback_state : std::uint8_t { none, queued, running };
enum at : std::uint8_t { start, take, grace, callbacks, round_over, last_look, over, stuck };

constexpr std::uint8_t steps_of_exit = 2;  // the static cache, the drain
constexpr std::uint8_t rounds_most = 2;    // of a drain
constexpr std::uint8_t sleeps_most = 2;    // after the deadline

struct state {
  std::uint8_t lock = free_lock, section = outside, kind = ends, callback = none, strict = 0;
  std::uint8_t pc = start, step = 0, round = 0, sleeps = 0;
  std::uint8_t seen = 0;   // the invocation that is waited for is not over
  std::uint8_t waits = 0;  // the deadline runs
  std::uint8_t late = 0;   // it has passed
  std::uint8_t ticks = 0;  // how many deadlines did
  std::uint8_t cut = 0;    // short
  std::uint8_t reported = 0;
};
model::fair_search<state, threads> search;

bool is_over(const state& s) { return s.pc == over; }
bool in_flight(const state& s) { return s.section != outside || s.callback != none; }
void go(int from, int thread, const state& s) { search.go(from, thread, s); }

void begin_step(state& s) {
  s.pc = take;
  s.sleeps = 0;
  s.waits = !s.strict;
  if (form == how::twice) s.late = 0;
}

void wait_for_lock(int from, state s) {
  if (s.lock == free_lock) {
    s.pc = grace;
  } else if (s.late && form != how::lock) {
    if (++s.sleeps == sleeps_most) {
      s.reported = 1;
      s.pc = over;
    }
  } else {
    return;  // sleeps on
  }
  go(from, exiting, s);
}

void wait_for_section(int from, state s) {
  if (s.section != outside && (!s.late || form == how::wait)) return;
  s.pc = callbacks;
  s.seen = s.callback != none;
  go(from, exiting, s);
}

void wait_for_callbacks(int from, state s) {
  if (form == how::help && s.callback == queued) {
    s.callback = s.kind == blocks ? running : none;
    s.pc = s.kind == blocks ? stuck : round_over;
  } else if (!s.seen || s.late) {
    s.pc = round_over;
  } else {
    return;
  }
  go(from, exiting, s);
}

void end_round(int from, state s) {
  const bool drain = s.step + 1 == steps_of_exit;
  if (drain && in_flight(s) && !s.late && (s.strict || ++s.round < rounds_most)) {
    s.pc = take;
  } else if (++s.step == steps_of_exit) {
    s.pc = last_look;
  } else {
    begin_step(s);
  }
  go(from, exiting, s);
}

void step_exiting(int from, state s) {
  switch (s.pc) {
    case start:
      if (s.lock == own && form != how::midway) {
        s.cut = 1;
        s.pc = last_look;
      } else {
        begin_step(s);
      }
      return go(from, exiting, s);
    case take:
      return wait_for_lock(from, s);
    case grace:
      return wait_for_section(from, s);
    case callbacks:
      return wait_for_callbacks(from, s);
    case round_over:
      return end_round(from, s);
    case last_look:
      if (in_flight(s) && form != how::report) s.reported = 1;
      s.pc = over;
      return go(from, exiting, s);
    default:
      return;
  }
}

void step_others(int from, const state& s) {
  if (state after = s; s.lock == held) {
    after.lock = free_lock;
    go(from, holder, after);
  }
  if (state after = s; s.section == inside) {
    after.section = outside;
    go(from, reader, after);
  }
  if (state after = s; s.callback == queued) {
    after.callback = running;
    go(from, worker, after);
  } else if (s.callback == running && s.kind != blocks && s.pc != stuck) {
    after.callback = s.kind == rearms ? queued : none;
    after.seen = 0;
    go(from, worker, after);
  }
  if (state after = s; s.waits && !s.late) {
    after.late = 1;
    if (after.ticks != 2) ++after.ticks;
    go(from, clock_hand, after);
  }
}

bool safe() {
  for (const state& s : search.states()) {
    if (!is_over(s)) continue;
    if (in_flight(s) && !s.reported) return false;
    // A drain gives up on one that re-arms itself after so many rounds as well.
    if (in_flight(s) && !s.cut && s.ticks == 0 && s.kind != rearms) return false;
    if (s.ticks > 1) return false;
  }
  return true;
}

// What strict waits for without end, as it was told to.
bool waits_for_ever(const state& s) {
  return s.strict && (s.lock == held_for_ever || (s.lock != own && s.section == inside_for_ever) ||
                      (s.lock != own && s.callback != none && s.kind != ends));
}

bool holds_from(const state& first) {
  auto step = [](int from, const state& s) {
    step_exiting(from, s);
    step_others(from, s);
  };
  search.explore(first, step, is_over);
  const bool is_safe = safe(), is_live = search.live(is_over);
  if (!is_safe || !is_live)
    std::printf("lock %d section %d callback %d of kind %d strict %d: %s%s\n", first.lock,
                first.section, first.callback, first.kind, first.strict,
                is_safe ? "" : " LEFT IN SILENCE OR LATE", is_live ? "" : " MAY NEVER END");
  return is_safe && is_live;
}

bool holds(int wanted) {
  form = static_cast<how>(wanted);
  std::size_t explored = 0;
  for (std::uint8_t i = 0; i < 4 * 3 * 3 * 2 * 2; ++i) {
    state s;
    s.lock = i % 4;
    s.section = i / 4 % 3;
    s.kind = i / 12 % 3;
    s.callback = i / 36 % 2;  // none, queued
    s.strict = i / 72;
    if (waits_for_ever(s)) continue;
    if (!holds_from(s)) return false;
    explored += search.states().size();
  }
  std::printf("%zu states\n", explored);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* names[] = {"exit.midway", "exit.twice", "exit.lock",
                                   "exit.wait",   "exit.help",  "exit.report"};
  return model::run_forms(argc, argv, names, holds);
}
