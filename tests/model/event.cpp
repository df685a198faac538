// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The event: a change of the condition followed by notify_all() ends every wait whose ticket was
// read before.
//
// WEAK event.ticket event.sleep event.move event.move.count
#include "sync/event.cpp"

#include "model_os.hpp"

namespace {

struct wake_up : model::suite<wake_up, 3> {
  graceslab::sync::event moved;
  model::data what;
  std::uint32_t wanted = 0;  // the condition: a word without any order of its own

  void prepare() {
    wanted = 0;
    what.write(0);
  }
  void run(unsigned thread) { thread == 0 ? notifier() : waiter(); }
  void notifier() {
    what.write(1);
    gs_store_relaxed(&wanted, 1u);
    moved.notify_all();
  }
  void waiter() {
    std::uint32_t before = moved.ticket();
    while (gs_load_relaxed(&wanted) == 0) {
      moved.wait(before, graceslab::os::forever_ms);
      std::uint32_t now = moved.ticket();
      if (now != before) MODEL_ASSERT(what.read() == 1);  // claim 3
      before = now;
    }
  }
};

constexpr model::weakening edges[] = {
    {"event.ticket", "ticket", model::op::load, model::how::relax},
    {"event.sleep", "wait", model::op::add, model::how::split},
    {"event.move", "notify", model::op::add, model::how::relax},
    {"event.move.count", "notify", model::op::load, model::how::relax},
};

}  // namespace

int main(int argc, char** argv) { return model::run<wake_up>(argc, argv, edges); }
