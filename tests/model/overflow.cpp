// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers that got no slot are counted, in one of two counters at a time, and waited for all the
// same.
//
// WEAK overflow.enter overflow.leave overflow.scan
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

struct overflow : model::suite<overflow, 3> {
  versions v;
  gs_domain* d = nullptr;

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;  // the two fence modes
    v.prepare();
    d = fresh_domain(0);
    d->overflow.phase = rl::rand(2);
  }
  void run(unsigned thread) { thread == 0 ? updater() : reader(); }

  void reader() {
    for (int i = 0; i != 2; ++i) {
      overflow_enter(d);
      overflow_enter(d);
      v.look();
      overflow_leave(d);
      v.look();
      overflow_leave(d);
    }
  }
  void updater() {
    v.replace();
    wait_or_poll(d);
    v.spoil();
  }
};

constexpr model::weakening edges[] = {
    {"overflow.enter", "count_in", model::op::full_fence, model::how::drop},
    {"overflow.leave", "count_out", model::op::add, model::how::relax},
    {"overflow.scan", "is_empty", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::overflow>(argc, argv, graceslab::rcu::edges);
}
