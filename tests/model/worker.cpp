// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A leader that goes into a callback while its watcher goes away: the watcher stays and takes its
// place, or somebody is called.
//
// WEAK worker.busy worker.busy.load worker.watch worker.watch.load
#include "rcu/worker.cpp"

#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

struct watched : model::suite<watched, 2> {
  void prepare() {
    os::settings.callback_workers = 2;
    leader = 1;
    watcher = 2;
    threads = 2;
    standing_by = 1;
    for (activity& a : workers) a = {};
    ::new (&wanted) sync::event;
    ::new (&pool_lock) std::remove_cvref_t<decltype(pool_lock)>(sync::rank::leaf);
  }
  void run(unsigned thread) {
    if (thread == 0) {
      set_busy(1, true);
      call_for_watcher();
    } else {
      watch(2);
    }
  }
  void settled() { MODEL_ASSERT(leader == 2 || wanted.ticket() != 0); }
};

constexpr model::weakening edges[] = {
    {"worker.busy", "set_busy", model::op::store, model::how::relax},
    {"worker.busy.load", "call_for_watcher", model::op::load, model::how::relax},
    {"worker.watch", "watch", model::op::store, model::how::relax},
    {"worker.watch.load", "watch", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::watched>(argc, argv, graceslab::rcu::edges);
}
