// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The workers of the two pipes, and the threads that come and go.
#include <optional>
#include <thread>

#include "exchange.hpp"
#include "phases.hpp"
#include "pipe.hpp"

namespace graceslab::torture {
namespace {

// Retires and posts once more when its thread ends, after most of the thread is gone.
struct parting_gift {
  exchange* table = nullptr;
  std::optional<worker> from;
  ~parting_gift() {
    if (table == nullptr) return;
    for (int i = 0; i != 3; ++i) table->swap(*from, from->noise);
  }
};
thread_local parting_gift gift;

class pipes_phase : public phase {
 public:
  explicit pipes_phase(session& s)
      : own_({.name = "torture"}),
        first_("torture.default", rcu_default_domain()),
        second_("torture.own", own_),
        passing_("torture.passing") {
    for (unsigned i = 0; i != s.asked().readers; ++i)
      s.add_worker("reader", [this](worker& w) {
        bool swapped = w.plan.one_in(2);
        read(w, swapped ? second_ : first_, swapped ? first_ : second_);
        return w.all.more(w);
      });
    for (unsigned i = 0; i != s.asked().updaters; ++i)
      s.add_worker("updater", [a = aging{first_}, b = aging{second_}](worker& w) mutable {
        replace(w, w.plan.one_in(2) ? b : a);
        if (w.all.more(w)) return true;
        age_to_end(a);
        age_to_end(b);
        return false;
      });
    s.add_worker("spawner", [this](worker& w) { return spawn(w); });
  }

 private:
  // Each of these threads has a seed of its own and no worker of its own: what it counts is lost,
  // what it finds is not.
  void visit(session& s, std::uint64_t seed) {
    worker w(s, "visitor", 0, seed);
    unsigned what = w.plan.below(8);
    for (unsigned i = w.plan.below(20); i != 0 && what != 0; --i) {
      if (what & 1) read(w, first_, second_);
      if (what & 2) passing_.swap(w, w.noise);
    }
    if (what & 4) {
      gift.table = &passing_;
      gift.from.emplace(s, "parting visitor", 0, mix(seed));
    }
  }

  bool spawn(worker& w) {
    unsigned n = 1 + w.plan.below(6);
    std::vector<std::thread> visitors;
    w.doing("spawning");
    for (unsigned i = 0; i != n; ++i)
      visitors.emplace_back([this, &w, seed = w.plan.next()] { visit(w.all, seed); });
    w.doing("joining");
    for (std::thread& t : visitors) t.join();
    w.count("threads", n);
    if (w.plan.one_in(8) && !w.all.failed()) {
      w.doing("comparing counts");
      passing_.compare_counts(w, "after threads ended");
    }
    w.doing("between rounds");
    w.pause();
    return w.all.more(w);
  }

  rcu_domain own_;
  pipe first_;
  pipe second_;
  exchange passing_;
};

}  // namespace

std::unique_ptr<phase> make_pipes(session& s) { return std::make_unique<pipes_phase>(s); }

}  // namespace graceslab::torture
