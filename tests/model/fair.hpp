// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All orders of the steps of a few threads over a small state, and whether a run without end exists
// in which each thread that can go on does so now and then (weak fairness).
#pragma once
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

namespace model {

// State: plain bytes, so that two of them are compared as such.
template <class State, int threads>
class fair_search {
 public:
  // `step(from, s)` calls go() for each step out of s, which has that number; `over(s)`: none.
  template <class Step, class Over>
  void explore(const State& start, Step step, Over over) {
    states_.clear();
    edges_.clear();
    known_.clear();
    id_of(start);
    for (int i = 0; i < static_cast<int>(states_.size()); ++i) {
      const State s = states_[i];
      if (!over(s)) step(i, s);
    }
  }
  void go(int from, int thread, const State& s) {
    const int to = id_of(s);
    edges_[from].push_back({to, thread});
  }
  const std::vector<State>& states() const { return states_; }

  // False: some part can be gone round for ever, in which each thread takes a step or is at some
  // moment unable to; or nobody can go on before it is over.
  template <class Over>
  bool live(Over over) const {
    const std::vector<int> part = parts();
    const std::size_t n = states_.size();
    std::vector<std::uint8_t> steps(n, 0), stuck(n, 0), turns(n, 0);
    for (std::size_t v = 0; v < n; ++v) {
      std::uint8_t able = 0;
      for (const edge& e : edges_[v]) {
        able |= static_cast<std::uint8_t>(1u << e.thread);
        if (part[e.to] != part[v]) continue;
        turns[part[v]] = 1;
        steps[part[v]] |= static_cast<std::uint8_t>(1u << e.thread);
      }
      if (!over(states_[v]) && able == 0) return false;
      stuck[part[v]] |= static_cast<std::uint8_t>(~able);
    }
    constexpr int all = (1 << threads) - 1;
    for (std::size_t p = 0; p < n; ++p)
      if (turns[p] && ((steps[p] | stuck[p]) & all) == all) return false;
    return true;
  }

 private:
  struct edge {
    int to, thread;
  };
  struct bytewise {
    bool operator()(const State& a, const State& b) const {
      return std::memcmp(&a, &b, sizeof a) < 0;
    }
  };

  int id_of(const State& s) {
    const auto [place, fresh] = known_.try_emplace(s, static_cast<int>(states_.size()));
    if (fresh) {
      states_.push_back(s);
      edges_.emplace_back();
    }
    return place->second;
  }

  // Strongly connected parts, by Tarjan's method without recursion.
  std::vector<int> parts() const {
    const int n = static_cast<int>(states_.size());
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
        if (next[v] < edges_[v].size()) {
          const int w = edges_[v][next[v]++].to;
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

  std::vector<State> states_;
  std::vector<std::vector<edge>> edges_;
  std::map<State, int, bytewise> known_;
};

// The program of such a model: `holds(form)` with form 0 as written, else the edge of that number.
template <int n>
int run_forms(int argc, char** argv, const char* const (&names)[n], bool (*holds)(int form)) {
  if (argc == 1) return holds(0) ? 0 : 1;
  for (int i = 0; i < n; ++i)
    if (std::strcmp(argv[1], names[i]) == 0) return holds(i + 1) ? 1 : 0;
  return 2;
}

}  // namespace model
