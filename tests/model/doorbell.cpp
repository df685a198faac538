// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The doorbell: no ring is lost, however often the sleeper goes to bed. Explored in both fence
// modes.
//
// WEAK doorbell.ring doorbell.ring.fenced doorbell.sleep
#include "sync/doorbell.cpp"

#include "model_os.hpp"
#include "sync/event.cpp"

namespace {

struct bell : model::suite<bell, 3> {
  graceslab::sync::doorbell door;
  std::uint32_t work[2] = {};  // of each ringer; taken by the sleeper

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;
    work[0] = work[1] = 0;
  }
  void run(unsigned thread) { thread == 2 ? sleeper() : ringer(thread); }
  void ringer(unsigned i) {
    gs_store_relaxed(&work[i], 1u);
    door.ring();
  }
  static bool has_work(void* self) {
    auto& b = *static_cast<bell*>(self);
    return gs_load_relaxed(&b.work[0]) == 1 || gs_load_relaxed(&b.work[1]) == 1;
  }
  void sleeper() {
    for (int taken = 0; taken != 2;) {
      for (std::uint32_t& w : work)
        if (gs_load_relaxed(&w) == 1) {
          gs_store_relaxed(&w, 2u);
          ++taken;
        }
      if (taken != 2) door.sleep(has_work, this, graceslab::os::forever_ms);
    }
  }
};

constexpr model::weakening edges[] = {
    {"doorbell.ring", "ring", model::op::light_fence, model::how::drop},
    {"doorbell.ring.fenced", "ring", model::op::full_fence, model::how::drop},
    {"doorbell.sleep", "heavy_fence", model::op::heavy_fence, model::how::drop},
};

}  // namespace

int main(int argc, char** argv) { return model::run<bell>(argc, argv, edges); }
