// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A barrier that finds nothing queued returns at once, and then sees all that the callbacks did.
// The queue and its grace periods are the real ones.
//
// WEAK callbacks.finish callbacks.quiet
#include "model_rcu.hpp"
#include "rcu/grant.cpp"
#include "rcu/mark.cpp"
#include "rcu/queue.cpp"

namespace graceslab {

namespace rcu {

std::uint32_t closing_generation() noexcept { return 0; }
std::uint32_t watches;

namespace {

alignas(64) char batch_memory[batch_bytes];

struct callbacks : model::suite<callbacks, 2> {
  model::data effect;
  rcu_head head = {};
  gs_domain* d = nullptr;

  void prepare() {
    d = fresh_domain(0);
    model::leave_plain(&d->shards[1], &d->shards[shards_max]);
    d->shards[0].spare = ::new (batch_memory) batch;
    d->shards[0].spares = 1;
    effect.write(0);
  }
  void run(unsigned thread) { thread == 0 ? poster() : worker(); }

  void poster() {
    append({0, d}, d->shards[0], {&head, nullptr, nullptr}, 0, true);
    for (int i = 0; i != 12; ++i) {
      if (!callbacks_pending(d)) MODEL_ASSERT(effect.read() == 1);
      gs_cpu_relax();
    }
  }
  bool try_claim(runner& r) {
    sync::lock_guard guard(d->shards[0].lock);
    place where;
    entry claimed;
    return claim(d, d->shards[0], {}, &where, &claimed, r);
  }
  void worker() {
    runner r = {};
    while (!try_claim(r)) {
      try_advance(d, 2);
      gs_cpu_relax();
    }
    effect.write(1);
    sync::lock_guard guard(d->shards[0].lock);
    batch* surplus = nullptr;
    finish(d->shards[0], r, surplus);
  }
};

constexpr model::weakening edges[] = {
    {"callbacks.finish", "count_finished", model::op::store, model::how::relax},
    {"callbacks.quiet", "callbacks_pending", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace rcu
}  // namespace graceslab

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::callbacks>(argc, argv, graceslab::rcu::edges);
}
