// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The first retire into an empty array against a background thread that is about to lose sight of
// the cache: either the retirer finds the cache inactive and says so, or the background finds the
// retire.
//
// WEAK retire.pending background.inactive
#include "model_slab.hpp"
#include "reclaim/active.cpp"
#include "slab/give.cpp"

void graceslab::os::watch_for_exit() noexcept {}

namespace graceslab::reclaim {

void ensure_background() noexcept {}
void wake_background() noexcept {}
void hurry_background() noexcept {}
bool anything_pending(slab::cache& c) noexcept { return slab::retired_in_arrays(c); }

}  // namespace graceslab::reclaim

namespace graceslab::slab {
constinit const grace_hooks hooks = {.activate = reclaim::activate};
}

namespace graceslab::reclaim {
namespace {

struct background : model::suite<background, 3> {
  slab::cache c;
  slab::thread_arrays mine[2];
  std::uint8_t state[2] = {};

  void prepare() {
    slab::set_up(c);
    for (slab::thread_arrays& a : mine) a.tie_to(c);
    first = last = nullptr;
    ::new (&active_lock) sync::mutex(sync::rank::active);
    joins = 0;
    link(c);
    c.active = 1;
  }
  void run(unsigned thread) {
    if (thread == 2)
      deactivate_if_idle(c);
    else
      retire(thread);
  }
  void retire(unsigned thread) {
    gs_tls.local[slab::model_id] = &mine[thread].local;
    MODEL_ASSERT(slab::give_round(c, &mine[thread], &state[thread], slab::giving::retire) ==
                 slab::round::done);
  }
  void settled() { MODEL_ASSERT(c.active == 1 && first == &c && c.joined != 0); }
};

constexpr model::weakening edges[] = {
    {"retire.pending", "give_round", model::op::light_fence, model::how::drop},
    {"background.inactive", "heavy_fence", model::op::heavy_fence, model::how::drop},
};

}  // namespace
}  // namespace graceslab::reclaim

int main(int argc, char** argv) {
  model::is_thread_local(gs_tls);
  return model::run<graceslab::reclaim::background>(argc, argv, graceslab::reclaim::edges);
}
