// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A wait inside a section: beside a reader that it must wait for (or a second one that waits just
// so), and beside somebody who starts a grace period and then stays in a section until the wait has
// ended. The explorer reports a schedule that does not end as a violation, too.
//
// WEAK gp.inside gp.inside.fence inside.later
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

bool without(const char* name) {
  return model::weakened[0] && std::strcmp(model::weakened[0]->name, name) == 0;
}

struct wait_inside_model : model::suite<wait_inside_model, 3> {
  versions v;
  gs_domain* d = nullptr;
  std::uint32_t ended = 0;
  bool counted = false;      // readers without a slot
  bool second_wait = false;  // two threads wait for each other

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;  // the two fence modes
    v.prepare();
    ended = 0;
    counted = rl::rand(2) != 0;
    second_wait = rl::rand(2) != 0;
    d = fresh_domain(3);
    d->overflow.phase = rl::rand(2);
  }
  void run(unsigned thread) {
    if (thread == 0) return waiter();
    if (thread == 1) return second_wait ? other_waiter() : reader();
    later();
  }

  void in() { counted ? overflow_enter(d) : enter({0, d}); }
  void out() { counted ? (void)overflow_leave(d) : leave({0, d}); }

  void waiter() {
    in();
    v.replace();
    without("inside.later") ? wait_for_later_ones_too() : wait_for_others(d);
    if (!second_wait) v.spoil();
    gs_store_release(&ended, 1u);
    out();
  }
  void other_waiter() {
    in();
    wait_for_others(d);
    out();
  }
  void reader() {
    for (int i = 0; i != 2; ++i) {
      in();
      v.look();
      out();
    }
  }
  // Carries a later number than the wait of thread 0: that one must not wait for it.
  void later() {
    while (newest(d) == 0) os::yield();
    {
      sync::lock_guard guard(d->gp_lock);
      advance_locked(d, newest(d) + 1);
    }
    if (second_wait) return;  // whose waits are not told apart by their numbers
    in();
    if (!counted)
      while (gs_load_acquire(&ended) == 0) os::yield();
    out();
  }

  // As it was once: all numbers but its own are older.
  void wait_for_later_ones_too() {
    const std::uint64_t s = fenced_start(d);
    for (const reader_slot& slot : the_chunk.slot) {
      if (&slot == own_slot(d)) continue;
      std::uint64_t ignored = s;
      while (in_the_way(slot, s, &ignored)) os::yield();
    }
  }
};

constexpr model::weakening edges[] = {
    {"gp.inside", "held_by", model::op::load, model::how::relax},
    {"gp.inside.fence", "heavy_fence", model::op::heavy_fence, model::how::drop},
    {"inside.later", "nowhere", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::wait_inside_model>(argc, argv, graceslab::rcu::edges);
}
