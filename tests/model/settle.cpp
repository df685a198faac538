// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Settling an owner whose callbacks post themselves anew, while two workers run them
// (docs/ordering/callbacks.md, claims 5, 6, 11, 12 and 15). Steps are those under one lock, and
// those of a grant: a callback is shown and numbered, then begun; all orders of steps are tried.
//
// - Safety: when the settling is over, nothing of the owner is queued or runs.
// - Liveness: under every weakly fair schedule it is over at some time: a run for ever in which
//   each thread that can go on does so now and then does not exist.
//
// WEAK settle.order settle.again settle.seen settle.limit settle.close settle.refuse settle.number
#include <cstdio>

#include "fair.hpp"

namespace {

constexpr int shards = 2, chains = 2, workers = 2;
constexpr int settler = workers;  // runs callbacks as well
constexpr int threads = workers + 1;
constexpr int patient_rounds = 2;
constexpr std::uint8_t endless = 3;

enum class how { as_written, order, again, seen, limit, close, refuse, number } form;

enum running : std::uint8_t { idle, shown, unnumbered, begun, allowed, posted };
enum at : std::uint8_t { first_number, runners, queue_0, queue_1, last_number, run, wait, over };

struct state {
  std::uint8_t queued[shards] = {};  // bit per chain
  std::uint8_t links[chains] = {};   // posts to come
  std::uint8_t phase[threads] = {};
  std::uint8_t chain[threads] = {};
  std::uint8_t granted[threads] = {};  // the shard of the one that is shown
  std::uint8_t awaited[threads] = {};  // the invocation that runs there was seen
  std::uint8_t pc = first_number, rounds = 0, closing = 0;
  std::uint8_t changed = 0;        // an invocation began since the first look at the number
  std::uint8_t left[shards] = {};  // how many of a shard this round still runs
};
model::fair_search<state, threads> search;

bool anything_runs(const state& s, bool awaited_only) {
  for (int t = 0; t < workers; ++t)
    if (s.phase[t] != idle && (s.awaited[t] || !awaited_only)) return true;
  return false;
}

void go(int from, int thread, const state& s) { search.go(from, thread, s); }

// What is shown of that shard and not begun stays queued, and its runner gives up.
void recall(state& s, int shard) {
  for (int t = 0; t < workers; ++t)
    if (s.phase[t] == shown && s.granted[t] == shard) s.phase[t] = idle;
}

// A runner with a grant shows what it is about to begin.
void show(int from, int t, state s, int shard, int chain) {
  recall(s, shard);
  s.phase[t] = shown;
  s.granted[t] = static_cast<std::uint8_t>(shard);
  s.chain[t] = static_cast<std::uint8_t>(chain);
  s.awaited[t] = 0;
  if (form != how::number) s.changed = 1;
  go(from, t, s);
}
void begin(int from, int t, state s) {
  s.queued[s.granted[t]] &= static_cast<std::uint8_t>(~(1u << s.chain[t]));
  s.phase[t] = form == how::number ? unnumbered : begun;
  go(from, t, s);
}
void number(int from, int t, state s) {
  s.phase[t] = begun;
  s.changed = 1;
  go(from, t, s);
}

// Claims from one shard: the entry goes and the record is filled in one step.
void claim(int from, int t, state s, int shard, int chain) {
  recall(s, shard);
  s.queued[shard] &= static_cast<std::uint8_t>(~(1u << chain));
  s.phase[t] = begun;
  s.chain[t] = static_cast<std::uint8_t>(chain);
  s.awaited[t] = 0;
  s.changed = 1;
  if (t == settler && form != how::limit) --s.left[shard];
  go(from, t, s);
}

// One step of a callback: posts its successor to any shard, or is refused; then it returns.
void step_callback(int from, int t, state s) {
  std::uint8_t& links = s.links[s.chain[t]];
  if (s.phase[t] == begun && links != 0 && !s.closing && form == how::refuse) {
    s.phase[t] = allowed;  // the look at the flag, and the lock only afterwards
    return go(from, t, s);
  }
  if (s.phase[t] == posted) {
    s.phase[t] = idle;
    return go(from, t, s);
  }
  const bool goes_in = links != 0 && (!s.closing || s.phase[t] == allowed);
  s.phase[t] = posted;
  if (!goes_in) return go(from, t, s);
  if (links != endless) --links;
  for (int shard = 0; shard < shards; ++shard) {
    state after = s;
    after.queued[shard] |= static_cast<std::uint8_t>(1u << s.chain[t]);
    go(from, t, after);
  }
}

void step_worker(int from, int t, const state& s) {
  if (s.phase[t] == shown) return begin(from, t, s);
  if (s.phase[t] == unnumbered) return number(from, t, s);
  if (s.phase[t] != idle) return step_callback(from, t, s);
  for (int shard = 0; shard < shards; ++shard)
    for (int c = 0; c < chains; ++c)
      if (s.queued[shard] >> c & 1) {
        claim(from, t, s, shard, c);
        show(from, t, s, shard, c);
      }
}

// Not quiet: another round, or the last one.
void begin_round(state& s) {
  s.pc = run;
  if (s.rounds < patient_rounds)
    ++s.rounds;
  else if (form != how::close)
    s.closing = 1;
  for (int i = 0; i < shards; ++i) recall(s, i);
  for (int i = 0; i < shards; ++i)
    s.left[i] = static_cast<std::uint8_t>(__builtin_popcount(s.queued[i]));
}

void look(int from, state s) {
  const bool queue_first = form == how::order;
  const int look_at[] = {first_number, queue_first ? queue_0 : runners,
                         queue_first ? queue_1 : queue_0, queue_first ? runners : queue_1};
  bool busy = false;
  switch (look_at[s.pc]) {
    case first_number:
      s.changed = 0;
      break;
    case runners:
      busy = anything_runs(s, false);
      break;
    case queue_0:
      recall(s, 0);
      busy = s.queued[0] != 0;
      break;
    default:
      recall(s, 1);
      busy = s.queued[1] != 0;
  }
  if (busy)
    begin_round(s);
  else
    ++s.pc;
  go(from, settler, s);
}

// A round runs what was queued when it began, then waits for the invocations that it sees.
void run_and_wait(int from, state s) {
  if (s.pc == run) {
    bool ran = false;
    for (int shard = 0; shard < shards; ++shard)
      for (int c = 0; c < chains && s.left[shard] != 0; ++c)
        if (s.queued[shard] >> c & 1) claim(from, settler, s, shard, c), ran = true;
    if (ran) return;
    s.pc = wait;
    for (int t = 0; t < workers; ++t) s.awaited[t] = s.phase[t] != idle;
  } else {
    if (anything_runs(s, form != how::seen)) return;  // looks again
    s.pc = s.closing ? over : first_number;
    s.changed = 0;
  }
  go(from, settler, s);
}

void step_settler(int from, state s) {
  if (s.phase[settler] != idle) return step_callback(from, settler, s);
  if (s.pc < last_number) return look(from, s);
  if (s.pc != last_number) return run_and_wait(from, s);
  if (s.changed && form != how::order && form != how::again)
    begin_round(s);
  else
    s.pc = over;
  go(from, settler, s);
}

bool is_over(const state& s) { return s.pc == over; }

void explore(std::uint8_t links_0, std::uint8_t links_1) {
  state start;
  start.links[0] = links_0;
  start.links[1] = links_1;
  start.queued[0] = 1;
  start.queued[1] = 2;
  auto step = [](int from, const state& s) {
    for (int t = 0; t < workers; ++t) step_worker(from, t, s);
    step_settler(from, s);
  };
  search.explore(start, step, is_over);
}

bool safe() {
  for (const state& s : search.states()) {
    if (s.pc != over) continue;
    if (s.queued[0] | s.queued[1] || anything_runs(s, false)) return false;
  }
  return true;
}

bool holds(int wanted) {
  form = static_cast<how>(wanted);
  constexpr std::uint8_t starts[][2] = {{0, 0}, {1, 0}, {2, 1}, {endless, 0}, {endless, endless}};
  for (const auto& links : starts) {
    explore(links[0], links[1]);
    const bool is_safe = safe(), is_live = search.live(is_over);
    std::printf("links %d %d: %zu states%s%s\n", links[0], links[1], search.states().size(),
                is_safe ? "" : ", NOT SETTLED at the end", is_live ? "" : ", MAY NEVER END");
    if (!is_safe || !is_live) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* names[] = {"settle.order", "settle.again",  "settle.seen",  "settle.limit",
                                   "settle.close", "settle.refuse", "settle.number"};
  return model::run_forms(argc, argv, names, holds);
}
