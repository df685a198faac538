// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two that wait for grace periods, one of which leads and the other follows, and a reader that is
// waited for. Naps have no end here: a wake-up that is lost shows as a schedule that does not end.
// One loss is allowed, where the reader's own store overwrites the mark of whoever sleeps on its
// word; it is made good by the end of the nap.
//
// In half of the schedules the second wait begins after the first one's grace period, and the
// reader stays until the second one's has begun, too: it may not be put off until the first has
// ended.
//
// WEAK await.sleep await.want await.tell await.rest reader.leave.awaited
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

bool came_by_here;  // the reader, where awaited sections end

void slow_entry() { (void)enter_slot({0, &the_default_domain}, &the_chunk.slot[0]); }
void slow_exit() {
  came_by_here |= is_awaited(gs_load_relaxed(&the_chunk.slot[0].reader.word)) &&
                  gs_load_relaxed(&the_chunk.slot[0].extra) == 0;
  leave_slot(&the_chunk.slot[0]);
}

struct await_model : model::suite<await_model, 3> {
  versions v;
  gs_domain* d = nullptr;
  bool nested = false;
  bool put_off = false;
  std::uint32_t over = 0;  // waits that have ended

  void prepare() {
    v.prepare();
    d = fresh_domain(1);
    nested = rl::rand(2) != 0;
    put_off = rl::rand(2) != 0;
    over = 0;
  }
  void run(unsigned thread) {
    if (thread == 0) return reader();
    if (thread == 1) return updater();
    while (put_off && newest(d) == 0) os::yield();
    MODEL_ASSERT(wait(d, snapshot(d)));
    gs_fetch_add(&over, 1u);
  }

  void reader() {
    in();
    v.look();
    put_off ? stay_until_both_began() : stay_until_awaited();
    if (nested) in();
    v.look();
    if (nested) out();
    out();
  }
  // Or until nobody waits any more.
  void stay_until_awaited() {
    while (!is_awaited(gs_load_relaxed(&the_chunk.slot[0].reader.word)))
      if (gs_load_relaxed(&over) == 2) return;
  }
  void stay_until_both_began() {
    while (newest(d) < 2 && gs_load_relaxed(&over) != 2) os::yield();
  }
  void updater() {
    v.replace();
    MODEL_ASSERT(wait(d, snapshot(d)));
    v.spoil();
    gs_fetch_add(&over, 1u);
  }

  void in() {
    gs_reader_enter(&the_chunk.slot[0].reader, &d->hot->entry, slow_entry);
    naps_end();
  }
  void out() {
    came_by_here = false;
    gs_reader_leave(&the_chunk.slot[0].reader, slow_exit);
    if (!came_by_here) naps_end();
  }
  static void naps_end() { model::futex_wake(&the_chunk.slot[0].reader.word, 3, RL_INFO); }
};

constexpr model::weakening edges[] = {
    {"await.sleep", "futex_wake", model::op::wake, model::how::drop},
    {"await.want", "follow", model::op::full_fence, model::how::drop},
    {"await.tell", "tell_waiters", model::op::full_fence, model::how::drop},
    {"await.rest", "lead", model::op::full_fence, model::how::drop},
    {"reader.leave.awaited", "end_section", model::op::store, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  model::endless_naps = true;
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::await_model>(argc, argv, graceslab::rcu::edges);
}
