// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Handlers that read, in threads that are inside the library or in a section of their own.
#include <graceslab/kernel/slab.h>
#include <signal.h>

#include <chrono>
#include <graceslab/rcu.hpp>
#include <utility>

#include "phases.hpp"

namespace graceslab::torture {
namespace {

constexpr int read_signal = SIGUSR2;
constexpr unsigned targets = 2;
constexpr std::uint64_t alive = 0x616c697665616c69u;

struct element {
  rcu_head head;
  std::uint64_t word;
};

element* current;        // replaced by whoever updates
std::uint64_t too_late;  // atomic: how often a handler saw memory that was given back
std::uint64_t handled;   // atomic

// Async-signal-safe: a section and loads.
void read_current() {
  rcu_read_lock();
  const element* e = rcu_dereference(current);
  for (int i = 0; e != nullptr && i != 20; ++i) {
    if (gs_load_relaxed(&e->word) != alive) gs_fetch_add(&too_late, std::uint64_t{1});
    gs_cpu_relax();
  }
  rcu_read_unlock();
}
void read_in_handler(int) {
  read_current();
  gs_fetch_add(&handled, std::uint64_t{1});
}

class signals_phase : public phase {
 public:
  explicit signals_phase(session& s)
      : cache_(kmem_cache_create("torture.signal", sizeof(element), 0, 0, nullptr)) {
    if (cache_ == nullptr) throw std::bad_alloc();
    struct sigaction action = {};
    action.sa_handler = read_in_handler;
    action.sa_flags = SA_RESTART;
    sigaction(read_signal, &action, &before_);
    for (unsigned i = 0; i != targets; ++i)
      s.add_worker("interrupted", [this, i](worker& w) { return target(w, i); });
    s.add_worker("shooter", [this](worker& w) { return shoot(w); });
  }
  ~signals_phase() override {
    if (current != nullptr) kmem_cache_free(cache_, std::exchange(current, nullptr));
    (void)kmem_cache_destroy_wait(cache_);
    sigaction(read_signal, &before_, nullptr);
  }

 private:
  void retire(element* old, unsigned how) {
    if (old == nullptr) return;
    if (how == 0) {
      kfree_rcu(old, head);
      return;
    }
    how == 1 ? synchronize_rcu() : synchronize_rcu_expedited();
    gs_store_relaxed(&old->word, std::uint64_t{0});
    kmem_cache_free(cache_, old);
  }

  // What the handler interrupts: every operation, in a section and out of it.
  bool target(worker& w, unsigned place) {
    if (gs_load_relaxed(&ready_[place]) == 0) {
      thread_[place] = pthread_self();
      gs_store_release(&ready_[place], 1u);
    }
    w.doing("working under signals");
    for (int i = 0; i != 50; ++i) {
      const unsigned how = w.plan.below(3);
      auto* fresh = static_cast<element*>(kmem_cache_alloc(cache_, GFP_KERNEL));
      if (fresh == nullptr) continue;
      gs_store_relaxed(&fresh->word, alive);
      retire(gs_exchange(&current, fresh), how);
      rcu_reader section;
      read_current();
    }
    if (const std::uint64_t n = gs_exchange(&too_late, std::uint64_t{0}))
      w.all.fail(trouble::early, "a handler saw memory that was given back {} times", n);
    const bool more = w.all.more(w);
    if (!more) {
      std::lock_guard<std::mutex> not_while_aimed_at(aim_);
      gs_store_release(&ready_[place], 0u);
    }
    return more;
  }

  bool shoot(worker& w) {
    w.doing("sending signals");
    for (int i = 0; i != 20; ++i) {
      const unsigned place = w.plan.below(targets);
      {
        std::lock_guard<std::mutex> aim(aim_);
        if (gs_load_acquire(&ready_[place]) != 0) (void)pthread_kill(thread_[place], read_signal);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(w.noise.below(300)));
    }
    w.count("signals handled", gs_exchange(&handled, std::uint64_t{0}));
    return w.all.more(w);
  }

  kmem_cache* cache_;
  struct sigaction before_ = {};
  std::mutex aim_;
  pthread_t thread_[targets] = {};
  std::uint32_t ready_[targets] = {};  // atomic: the thread may be shot at
};

}  // namespace

std::unique_ptr<phase> make_signals(session& s) { return std::make_unique<signals_phase>(s); }

}  // namespace graceslab::torture
