// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two runners at one queue: the second recalls what the first may begin without the lock. Each
// callback runs once, and whoever recalls finds the record of the last one that was begun, and
// what those before it did.
//
// WEAK callbacks.begin callbacks.recall
#include "rcu/grant.cpp"

#include "model_rcu.hpp"
#include "rcu/mark.cpp"
#include "rcu/queue.cpp"

namespace graceslab {

namespace rcu {

std::uint32_t closing_generation() noexcept { return 0; }
std::uint32_t watches;

namespace {

constexpr unsigned callbacks = 3;
alignas(64) char batch_memory[batch_bytes];

struct recalled : model::suite<recalled, 2> {
  model::data effect[callbacks];
  rcu_head heads[callbacks] = {};
  runner first = {};
  gs_domain* d = nullptr;

  void prepare() {
    d = fresh_domain(0);
    model::leave_plain(&d->shards[1], &d->shards[shards_max]);
    d->completed = ~std::uint64_t{0};
    batch* b = ::new (batch_memory) batch;
    for (unsigned i = 0; i != callbacks; ++i) {
      b->entries()[i] = {&heads[i], nullptr, &heads[i]};
      effect[i].write(0);
    }
    b->count = callbacks;
    b->sealed = true;
    shard& s = d->shards[0];
    s.first = s.last = b;
    s.posted = s.waiting = callbacks;
    first = {};
  }

  void run(unsigned thread) {
    if (thread == 0)
      run_all(first);
    else
      second();
  }

  void call(const entry& e) {
    model::data& mine = effect[e.head - heads];
    MODEL_ASSERT(mine.read() == 0);
    mine.write(1);
  }
  bool claim_one(runner& r, entry* out) {
    place where;
    if (!claim(d, d->shards[0], {}, &where, out, r)) return false;
    grant(d->shards[0], r, callbacks);
    return true;
  }
  void run_all(runner& r) {
    entry e = {};
    for (;;) {
      {
        sync::lock_guard guard(d->shards[0].lock);
        if (!claim_one(r, &e)) return;
      }
      do call(e);
      while (begin_next(r, &e) == beginning::begun);
      batch* surplus = nullptr;
      sync::lock_guard guard(d->shards[0].lock);
      finish(d->shards[0], r, surplus);
    }
  }
  // What is begun and not queued has returned, or is shown.
  void second() {
    shard& s = d->shards[0];
    unsigned begun = 0;
    {
      sync::lock_guard guard(s.lock);
      recall(s);
      if (s.first) begun = s.first->taken;
    }
    for (unsigned i = 0; i + 1 < begun; ++i) MODEL_ASSERT(effect[i].read() == 1);
    if (begun != 0) MODEL_ASSERT(gs_load_relaxed(&first.owner) >= &heads[begun - 1]);
    runner mine = {};
    run_all(mine);
  }
  void settled() {
    MODEL_ASSERT(d->shards[0].finished == callbacks && d->shards[0].waiting == 0);
    for (model::data& e : effect) MODEL_ASSERT(e.read() == 1);
  }
};

constexpr model::weakening edges[] = {
    {"callbacks.begin", "begin_next", model::op::compare_exchange, model::how::relax},
    {"callbacks.recall", "recall", model::op::exchange, model::how::relax},
};

}  // namespace
}  // namespace rcu
}  // namespace graceslab

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::recalled>(argc, argv, graceslab::rcu::edges);
}
