// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whoever finds that a callback is not queued and not shown any more sees what it did: whether its
// runner has begun another one since, of the same function, or has finished.
//
// WEAK callbacks.returned callbacks.returned.last callbacks.look
#include "model_rcu.hpp"
#include "rcu/grant.cpp"
#include "rcu/mark.cpp"
#include "rcu/queue.cpp"
#include "rcu/watch.cpp"

namespace graceslab {

namespace rcu {

std::uint32_t closing_generation() noexcept { return 0; }
constinit sync::mutex runners_lock{sync::rank::runners};
runner* runners;

namespace {

alignas(64) char batch_memory[batch_bytes];
void function(rcu_head*) {}

struct looked_for : model::suite<looked_for, 2> {
  model::data effect;
  rcu_head heads[2] = {};
  runner r = {};
  gs_domain* d = nullptr;

  // The first callback runs.
  void prepare() {
    d = fresh_domain(0);
    model::leave_plain(&d->shards[1], &d->shards[shards_max]);
    batch* b = ::new (batch_memory) batch;
    for (unsigned i = 0; i != 2; ++i) b->entries()[i] = {&heads[i], function, &heads[i]};
    b->count = 2;
    b->taken = b->cursor = 1;
    b->sealed = true;
    d->shards[0].first = d->shards[0].last = b;
    d->shards[0].waiting = 1;
    r = {};
    r.from = b;
    r.func = reinterpret_cast<const void*>(function);
    r.owner = &heads[0];
    r.head = &heads[0];
    effect.write(0);
  }
  void run(unsigned thread) { thread == 0 ? worker() : looker(); }

  void worker() {
    const bool another = rl::rand(2) != 0;
    if (another) {
      sync::lock_guard guard(d->shards[0].lock);
      grant(d->shards[0], r, 1);
    }
    effect.write(1);
    entry e;
    if (another) MODEL_ASSERT(begin_next(r, &e) == beginning::begun);
    sync::lock_guard guard(d->shards[0].lock);
    batch* surplus = nullptr;
    finish(d->shards[0], r, surplus);
  }
  void looker() {
    const those mine = {
        [](const void* of, const void*, const void*, const void* arg) { return of == arg; },
        &heads[0]};
    for (int i = 0; i != 8; ++i) {
      if (!runs_one(r, mine)) {
        MODEL_ASSERT(effect.read() == 1);
        return;
      }
      gs_cpu_relax();
    }
  }
};

constexpr model::weakening edges[] = {
    {"callbacks.returned", "show", model::op::store, model::how::relax},
    {"callbacks.returned.last", "finish", model::op::store, model::how::relax},
    {"callbacks.look", "runs_one", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace rcu
}  // namespace graceslab

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::looked_for>(argc, argv, graceslab::rcu::edges);
}
