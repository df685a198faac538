// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A reader, an updater that waits for its cookie, and somebody else who drives grace periods
// meanwhile.
//
// WEAK reader.announce reader.announce.again reader.leave reader.sequence gp.scan gp.scan.fence
// WEAK gp.start gp.snapshot gp.complete gp.done
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

struct grace_period : model::suite<grace_period, 3> {
  versions v;
  gs_domain* d = nullptr;

  void prepare() {
    v.prepare();
    d = fresh_domain(1);
  }
  void run(unsigned thread) {
    if (thread == 0) return reader();
    if (thread == 1) return updater();
    try_advance(d, 1);
    try_advance(d, 1);
  }

  void reader() {
    gs_reader& slot = the_chunk.slot[0].reader;
    for (int i = 0; i != 2; ++i) {
      gs_reader_enter(&slot, &d->hot->entry, no_slow_entry);
      v.look();
      gs_reader_leave(&slot, leave_awaited_slot);
    }
  }
  void updater() {
    v.replace();
    wait_or_poll(d, 8);
    v.spoil();
  }
};

constexpr model::weakening edges[] = {
    {"reader.announce", "gs_reader_enter", model::op::light_fence, model::how::drop},
    {"reader.announce.again", "gs_reader_enter", model::op::store, model::how::relax},
    {"reader.leave", "gs_reader_leave", model::op::store, model::how::relax},
    {"reader.sequence", "gs_reader_enter", model::op::load, model::how::relax},
    {"gp.scan", "in_the_way", model::op::load, model::how::relax},
    {"gp.scan.fence", "heavy_fence", model::op::heavy_fence, model::how::drop},
    {"gp.start", "start", model::op::add, model::how::relax},
    {"gp.start", "start", model::op::store, model::how::relax},
    {"gp.start", "start", model::op::full_fence, model::how::drop},
    {"gp.snapshot", "snapshot", model::op::full_fence, model::how::drop},
    {"gp.complete", "complete_up_to", model::op::store, model::how::relax},
    {"gp.done", "done", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::grace_period>(argc, argv, graceslab::rcu::edges);
}
