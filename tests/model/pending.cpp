// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A retired object is found by whoever asks whether anything is pending, wherever others carry it
// meanwhile: from its owner's array through the hands of a seizer onto the deferred list. No grace
// period ends here, so the answer is always yes.
//
// No edge of its own: the locks carry the order. What it shows is that the questions come in the
// order in which an object moves, with the hands in between.
#include "model_slab.hpp"
#include "reclaim/arrays.cpp"
#include "reclaim/barrier.cpp"
#include "slab/transit.cpp"

void graceslab::os::on_fork(const fork_hooks&) noexcept {}  // asked for by a static initialiser

namespace graceslab::slab {
constinit const grace_hooks hooks = {
    .snapshot = [](gs_domain*) noexcept { return std::uint64_t{1}; },
    .deferred = [](cache&, std::uint32_t, std::uint64_t) noexcept {},
};
}  // namespace graceslab::slab

// The fence of this model is never refused, so nothing is asked of the domain.
gs_domain* graceslab::rcu::default_domain() noexcept { return nullptr; }

namespace graceslab::reclaim {
namespace {

struct carried : model::suite<carried, 3> {
  slab::cache c;
  slab::thread_arrays owner;
  char object[16];

  void prepare() {
    slab::set_up(c);
    slab::halted = 0;
    owner.tie_to(c);
    owner.sheaf()->object[0] = object;
    owner.sheaf()->count = 1;
    owner.local.pending = 1;
  }
  void run(unsigned thread) {
    if (thread == 2)
      MODEL_ASSERT(anything_pending(c));
    else
      (void)flush_arrays(c);
  }
  void settled() { MODEL_ASSERT(c.depots->deferred.head != nullptr && c.depots->retired == 1); }
};

}  // namespace
}  // namespace graceslab::reclaim

int main() {
  model::is_thread_local(gs_tls);
  model::is_thread_local(graceslab::slab::innermost);
  return model::run<graceslab::reclaim::carried>();
}
