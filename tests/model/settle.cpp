// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Settling an owner whose callbacks post themselves anew, while two workers run them
// (docs/ordering/callbacks.md, claims 5, 6, 11 and 12). Steps are those under one lock; all orders
// of steps are tried.
//
// Safety      when the settling is over, nothing of the owner is queued or runs.
// Liveness    under every weakly fair schedule it is over at some time: a run for ever in which
// each
//             thread that can go on does so now and then does not exist.
//
// WEAK settle.order settle.again settle.seen settle.limit settle.close settle.refuse
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

namespace {

constexpr int shards = 2, chains = 2, workers = 2;
constexpr int settler = workers;  // runs callbacks as well
constexpr int threads = workers + 1;
constexpr int patient_rounds = 2;
constexpr std::uint8_t endless = 3;

enum class how { as_written, order, again, seen, limit, close, refuse } form;

enum running : std::uint8_t { idle, begun, allowed, posted };
enum at : std::uint8_t { first_number, runners, queue_0, queue_1, last_number, run, wait, over };

struct state {
  std::uint8_t queued[shards] = {};  // bit per chain
  std::uint8_t links[chains] = {};   // posts to come
  std::uint8_t phase[threads] = {};
  std::uint8_t chain[threads] = {};
  std::uint8_t awaited[threads] = {};  // the invocation that runs there was seen
  std::uint8_t pc = first_number, rounds = 0, closing = 0;
  std::uint8_t changed = 0;        // an invocation began since the first look at the number
  std::uint8_t left[shards] = {};  // how many of a shard this round still runs
  bool operator<(const state& o) const { return std::memcmp(this, &o, sizeof o) < 0; }
};

struct edge {
  int to, thread;
};
std::vector<state> states;
std::vector<std::vector<edge>> edges;
std::map<state, int> known;

int id_of(const state& s) {
  const auto [place, fresh] = known.try_emplace(s, static_cast<int>(states.size()));
  if (fresh) {
    states.push_back(s);
    edges.emplace_back();
  }
  return place->second;
}

bool anything_runs(const state& s, bool awaited_only) {
  for (int t = 0; t < workers; ++t)
    if (s.phase[t] != idle && (s.awaited[t] || !awaited_only)) return true;
  return false;
}

void go(int from, int thread, const state& s) {
  const int to = id_of(s);
  edges[from].push_back({to, thread});
}

// Claims from one shard: the entry goes and the record is filled in one step.
void claim(int from, int t, state s, int shard, int chain) {
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
  if (s.phase[t] != idle) return step_callback(from, t, s);
  for (int shard = 0; shard < shards; ++shard)
    for (int c = 0; c < chains; ++c)
      if (s.queued[shard] >> c & 1) claim(from, t, s, shard, c);
}

// Not quiet: another round, or the last one.
void begin_round(state& s) {
  s.pc = run;
  if (s.rounds < patient_rounds)
    ++s.rounds;
  else if (form != how::close)
    s.closing = 1;
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
      busy = s.queued[0] != 0;
      break;
    default:
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

void explore(std::uint8_t links_0, std::uint8_t links_1) {
  states.clear();
  edges.clear();
  known.clear();
  state start;
  start.links[0] = links_0;
  start.links[1] = links_1;
  start.queued[0] = 1;
  start.queued[1] = 2;
  id_of(start);
  for (int i = 0; i < static_cast<int>(states.size()); ++i) {
    const state s = states[i];
    if (s.pc == over) continue;
    for (int t = 0; t < workers; ++t) step_worker(i, t, s);
    step_settler(i, s);
  }
}

bool safe() {
  for (const state& s : states) {
    if (s.pc != over) continue;
    if (s.queued[0] | s.queued[1] || anything_runs(s, false)) return false;
  }
  return true;
}

// Strongly connected parts, by Tarjan's method without recursion.
std::vector<int> parts() {
  const int n = static_cast<int>(states.size());
  std::vector<int> part(n, -1), index(n, -1), low(n, 0), stack, path;
  std::vector<std::size_t> next(n, 0);
  int count = 0, clock = 0;
  for (int root = 0; root < n; ++root) {
    if (index[root] < 0) path.push_back(root);
    while (!path.empty()) {
      const int v = path.back();
      if (index[v] < 0) {
        index[v] = low[v] = clock++;
        stack.push_back(v);
      }
      if (next[v] < edges[v].size()) {
        const int w = edges[v][next[v]++].to;
        if (index[w] < 0)
          path.push_back(w);
        else if (part[w] < 0 && index[w] < low[v])
          low[v] = index[w];
        continue;
      }
      path.pop_back();
      if (!path.empty() && low[v] < low[path.back()]) low[path.back()] = low[v];
      if (low[v] != index[v]) continue;
      for (int w = -1; w != v; stack.pop_back()) part[w = stack.back()] = count;
      ++count;
    }
  }
  return part;
}

// A part that can be gone round for ever, in which each thread takes a step or is at some moment
// unable to: the settling never ends, and nobody was treated unfairly.
bool live() {
  const std::vector<int> part = parts();
  const std::size_t n = states.size();
  std::vector<std::uint8_t> steps(n, 0), stuck(n, 0), turns(n, 0);
  for (std::size_t v = 0; v < n; ++v) {
    std::uint8_t able = 0;
    for (const edge& e : edges[v]) {
      able |= static_cast<std::uint8_t>(1u << e.thread);
      if (part[e.to] != part[v]) continue;
      turns[part[v]] = 1;
      steps[part[v]] |= static_cast<std::uint8_t>(1u << e.thread);
    }
    if (states[v].pc != over && able == 0) return false;
    stuck[part[v]] |= static_cast<std::uint8_t>(~able);
  }
  for (std::size_t p = 0; p < n; ++p)
    if (turns[p] && ((steps[p] | stuck[p]) & ((1 << threads) - 1)) == (1 << threads) - 1)
      return false;
  return true;
}

bool holds() {
  constexpr std::uint8_t starts[][2] = {{0, 0}, {1, 0}, {2, 1}, {endless, 0}, {endless, endless}};
  for (const auto& links : starts) {
    explore(links[0], links[1]);
    const bool is_safe = safe(), is_live = live();
    std::printf("links %d %d: %zu states%s%s\n", links[0], links[1], states.size(),
                is_safe ? "" : ", NOT SETTLED at the end", is_live ? "" : ", MAY NEVER END");
    if (!is_safe || !is_live) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* names[] = {"",
                                   "settle.order",
                                   "settle.again",
                                   "settle.seen",
                                   "settle.limit",
                                   "settle.close",
                                   "settle.refuse"};
  if (argc == 1) return holds() ? 0 : 1;
  for (int i = 1; i < 7; ++i)
    if (std::strcmp(argv[1], names[i]) == 0) {
      form = static_cast<how>(i);
      return holds() ? 1 : 0;
    }
  return 2;
}
