// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A fork finds every hand empty, and nobody takes anything up until it is over.
//
// WEAK transit.enter transit.enter.leave transit.halt transit.halt.wait hands.leave
#include "slab/transit.cpp"

#include "model_os.hpp"
#include "slab/depots.cpp"
#include "sync/mutex.cpp"

void graceslab::os::on_fork(const fork_hooks&) noexcept {}  // asked for by a static initialiser

namespace graceslab::slab {

constinit cache_table table;

namespace {

alignas(cache_record_bytes) char range[2 * cache_record_bytes];

struct halting : model::suite<halting, 3> {
  model::data in_hand[2];  // of each worker
  cache* c = nullptr;

  void prepare() {
    table = {};
    table.start = reinterpret_cast<std::uintptr_t>(range);
    table.bytes = sizeof range;
    c = ::new (range + cache_record_bytes) cache;
    c->depots = &c->first_depot;
    halted = 0;
    in_hand[0].write(0);
    in_hand[1].write(0);
  }
  void run(unsigned thread) { thread == 2 ? forker() : worker(thread); }
  void worker(unsigned i) {
    transit passing(*c);
    in_hand[i].write(1);
    transit nested(*c);
    in_hand[i].write(0);
  }
  void forker() {
    transit_halt();
    for (model::data& d : in_hand) {
      MODEL_ASSERT(d.read() == 0);
      d.write(0);
    }
    transit_resume();
  }
};

constexpr model::weakening edges[] = {
    {"transit.enter", "enter", model::op::load, model::how::relax},
    {"transit.enter.leave", "step_out", model::op::add, model::how::relax},
    {"transit.halt", "transit_halt", model::op::add, model::how::relax},
    {"transit.halt.wait", "wait_until_empty", model::op::load, model::how::relax},
    {"hands.leave", "wake", model::op::compare_exchange, model::how::split},
};

}  // namespace
}  // namespace graceslab::slab

int main(int argc, char** argv) {
  model::is_thread_local(graceslab::slab::innermost);
  return model::run<graceslab::slab::halting>(argc, argv, graceslab::slab::edges);
}
