// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A helper with nothing to do sleeps or leaves, and one of those who find nobody is the next one.
// Whatever was published is taken, by one helper at a time. Explored in both fence modes.
//
// WEAK doorbell.ring doorbell.ring.fenced doorbell.ring.take doorbell.leave doorbell.leave.store
// WEAK doorbell.arrive
#include "sync/doorbell.cpp"

#include "model_os.hpp"
#include "sync/event.cpp"

namespace {

using graceslab::sync::doorbell;

struct helpers : model::suite<helpers, 3> {
  doorbell door{doorbell::attended::by_nobody};
  std::uint32_t work[2] = {};  // of each ringer; 2: taken
  model::data of_the_helper;

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;
    ::new (&door) doorbell{doorbell::attended::by_someone};
    work[0] = work[1] = 0;
    of_the_helper.write(0);
  }
  void run(unsigned thread) { thread == 2 ? help() : ringer(thread); }
  void ringer(unsigned i) {
    gs_store_relaxed(&work[i], 1u);
    if (!door.ring() && door.arrive()) help();
  }
  static bool has_work(void* self) {
    auto& h = *static_cast<helpers*>(self);
    return gs_load_relaxed(&h.work[0]) == 1 || gs_load_relaxed(&h.work[1]) == 1;
  }
  // How many are taken.
  int take() {
    int taken = 0;
    of_the_helper.write(of_the_helper.read() + 1);
    for (std::uint32_t& w : work) {
      if (gs_load_relaxed(&w) == 1) gs_store_relaxed(&w, 2u);
      taken += gs_load_relaxed(&w) == 2;
    }
    return taken;
  }
  void help() {
    for (;;) {
      const bool all = take() == 2;
      if (!all && rl::rand(2) != 0)
        door.sleep(has_work, this, graceslab::os::forever_ms);
      else if (door.leave(has_work, this))
        return;
    }
  }
  void settled() { MODEL_ASSERT(work[0] == 2 && work[1] == 2); }
};

constexpr model::weakening edges[] = {
    {"doorbell.ring", "ring", model::op::light_fence, model::how::drop},
    {"doorbell.ring.fenced", "ring", model::op::full_fence, model::how::drop},
    {"doorbell.ring.take", "ring", model::op::compare_exchange, model::how::split},
    {"doorbell.leave", "heavy_fence", model::op::heavy_fence, model::how::drop},
    {"doorbell.leave.store", "leave", model::op::store, model::how::relax},
    {"doorbell.arrive", "arrive", model::op::compare_exchange, model::how::relax},
};

}  // namespace

int main(int argc, char** argv) { return model::run<helpers>(argc, argv, edges); }
